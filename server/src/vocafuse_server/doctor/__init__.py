"""`vocafuse-server doctor`: is this installation sound, and what to do where it isn't."""
