"""The command `vocafuse`: reads arguments, calls the library, prints."""
