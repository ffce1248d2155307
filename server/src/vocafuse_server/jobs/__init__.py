"""The worker's side of the queue: which task runs what, and the sweep that gives back lost jobs."""
