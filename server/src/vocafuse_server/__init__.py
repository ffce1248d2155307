"""The voice-notes service."""

__version__ = "0.1.0"
