"""One test for each promise of the API's documents; `promises.py` says how to add one."""
