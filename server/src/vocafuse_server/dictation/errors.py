"""What goes wrong with dictations."""

from vocafuse_server.core.errors import ApiError, ServiceUnavailable


class UnusableAudio(ApiError):
    """There is nothing in the file that can be transcribed, or more than may be."""

    status = 400
    code = 2005
    name = "UNSUPPORTED_AUDIO"
    type = "ValidationError"


class DictationFailed(ApiError):
    default_message = "The audio could not be transcribed because of an error on our side."


class NobodyTranscribes(ServiceUnavailable):
    default_message = "No worker is there to transcribe. Try again in a moment."


class TextTooLate(ServiceUnavailable):
    retry_after_s = 30

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"The audio was not transcribed within {waited_s:g} seconds. Try again later.")


class TooManyDictations(ServiceUnavailable):
    retry_after_s = 5
    default_message = "Too many transcriptions are being waited for. Try again in a moment."


class Unheard(Exception):
    """Whoever waited has gone away."""
