"""Hostile audio: files made to hurt whoever decodes them."""
