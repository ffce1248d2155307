"""Requests that may come twice and take effect once."""
