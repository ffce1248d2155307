"""Bytes in and out: the object store, signed upload URLs, guarded outgoing calls."""
