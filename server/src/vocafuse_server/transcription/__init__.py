"""Samples in, text out: the engine. It knows nothing of notes, tenants or HTTP."""
