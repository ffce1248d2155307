"""Telling others: webhook endpoints, signed deliveries, retries."""
