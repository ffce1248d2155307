"""What every transcription engine offers, and what comes out. Times are seconds from the note's beginning."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono audio at 16 kHz, shape (n,), within -1 and 1."""

SAMPLE_RATE = 16_000


class TranscriptionError(Exception):
    """The engine could not transcribe; the message is one sentence for the operator."""


class UnknownLanguage(ValueError):
    """A language that Whisper does not have, or that the loaded model does not; `code` is for programs."""

    code: ClassVar[str] = "UNSUPPORTED_LANGUAGE"


@dataclass(frozen=True, slots=True)
class Word:
    """A word with the punctuation that belongs to it; `probability` is the model's, 0 to 1."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the text, about a sentence, as the model cut it.

    The two figures are those of the pass over the audio that the segment comes from: the mean log probability
    of its tokens, and the probability that there is no speech at all. None: the engine does not tell.
    """

    text: str
    start_s: float
    end_s: float
    avg_logprob: float | None = None
    no_speech_prob: float | None = None


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Seconds spent in each stage, summed over the note's windows and passes; without the time in queues."""

    vad_s: float = 0.0
    features_s: float = 0.0
    encode_s: float = 0.0
    generate_s: float = 0.0
    align_s: float = 0.0

    def __add__(self, other: "StageTimes") -> "StageTimes":
        return StageTimes(
            vad_s=self.vad_s + other.vad_s,
            features_s=self.features_s + other.features_s,
            encode_s=self.encode_s + other.encode_s,
            generate_s=self.generate_s + other.generate_s,
            align_s=self.align_s + other.align_s,
        )


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """What the caller asks for.

    Attributes:
        language: Whisper's code of the spoken language, for instance "en"; None detects it.
        words: Whether to find the time of each word, about a tenth of the work.
    """

    language: str | None = None
    words: bool = True


@dataclass(frozen=True, slots=True)
class Transcription:
    """A note's text. Without speech it has no text, no segments, no words and a confidence of 0.

    Attributes:
        language: Whisper's code: the caller's, or the detected one; None without either, when nobody spoke.
        language_probability: Of the detected language; 1 if the caller gave it, 0 if there is none.
        confidence: 0 to 1: the mean probability of the words, or of the tokens if no words were asked for.
        provider: The engine's name.
        model: The model's name, for instance "whisper-base".
        second_passes: How many windows looked wrong at first and were transcribed again.
    """

    text: str
    segments: tuple[Segment, ...]
    words: tuple[Word, ...]
    language: str | None
    language_probability: float
    confidence: float
    duration_s: float
    provider: str
    model: str
    times: StageTimes
    second_passes: int


class Engine(Protocol):
    """Transcribes notes; many calls may be in flight at a time."""

    async def transcribe(self, audio: Samples, options: TranscribeOptions) -> Transcription:
        """Transcribe one note.

        Raises:
            UnknownLanguage: `options.language` is none of the engine's.
            TranscriptionError: The engine failed; another attempt may succeed.
        """
        ...

    async def close(self) -> None:
        """Release the model and the threads; calls in flight end first."""
        ...
