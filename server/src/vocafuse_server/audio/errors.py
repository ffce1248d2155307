"""What can go wrong between an uploaded file and its samples. The messages are written for end users."""

from typing import ClassVar


class AudioError(Exception):
    """Base of the errors of this package; `code` is the machine-readable reason."""

    code: ClassVar[str] = "AUDIO_ERROR"


class UnsupportedAudio(AudioError):
    """The file holds no audio that can be decoded. Trying again gives the same answer."""

    code = "UNSUPPORTED_AUDIO"


class AudioTooLong(AudioError):
    """The audio lasts longer than the limit that the caller set."""

    code = "AUDIO_TOO_LONG"


class DecoderUnavailable(AudioError):
    """The decoder could not run. It says nothing about the file: trying again later may succeed."""

    code = "DECODER_UNAVAILABLE"
