"""The media types of what uploads are, by their content."""

_CONTENT_TYPES = {
    "webm": "audio/webm",
    "ogg": "audio/ogg",
    "mp4": "audio/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "caf": "audio/x-caf",
    "wma": "audio/x-ms-wma",
}


def content_type(audio_format: str | None, *, default: str = "application/octet-stream") -> str:
    """The media type of a container; the default if none is known."""
    return _CONTENT_TYPES.get(audio_format or "", default)
