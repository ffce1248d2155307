"""The worker's side of the queue: which task runs what, and what is done every now and then."""
