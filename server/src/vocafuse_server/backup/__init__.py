"""Everything of the embedded set-up in one file, and back."""
