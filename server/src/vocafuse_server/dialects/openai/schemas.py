"""What OpenAI's dialect takes and answers."""

import math
import zlib
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from vocafuse_server.dialects.fields import Language, RequestBody, ShortText
from vocafuse_server.transcription.engine import Segment, Transcription
from vocafuse_server.transcription.languages import has_spaces, language_name

_FRAMES_PER_S = 100  # Of Whisper, in which it counts where a segment begins.


class ResponseFormat(StrEnum):
    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VERBOSE_JSON = "verbose_json"
    VTT = "vtt"


class Granularity(StrEnum):
    WORD = "word"
    SEGMENT = "segment"


class TranscriptionFields(RequestBody):
    """The text fields of the form. What is named `prompt` is taken and not used, as what isn't named here."""

    model: ShortText
    language: Language = None
    response_format: Annotated[ResponseFormat, Field(strict=False)] = ResponseFormat.JSON
    temperature: Annotated[float, Field(strict=False, ge=0, le=1)] = 0.0
    stream: Annotated[bool, Field(strict=False)] = False
    granularities: Annotated[list[Annotated[Granularity, Field(strict=False)]], Field(min_length=1)] = Field(
        default=[Granularity.SEGMENT], validation_alias="timestamp_granularities[]"
    )


class DurationUsage(BaseModel):
    type: Literal["duration"] = "duration"
    seconds: int = Field(description="The audio's length, rounded up.")


class OpenAiTranscription(BaseModel):
    """The answer in the format `json`."""

    text: str
    usage: DurationUsage


class OpenAiWord(BaseModel):
    word: str
    start: float
    end: float


class OpenAiSegment(BaseModel):
    """A segment, with the names of Whisper's own figures."""

    id: int
    seek: int = Field(description="Where it begins, in hundredths of a second.")
    start: float
    end: float
    text: str = Field(description="With the space before it, where the language has spaces.")
    tokens: list[int] = Field(description="Always empty.")
    temperature: float = Field(description="As it was asked for.")
    avg_logprob: float | None = Field(description="null where the engine doesn't tell.")
    compression_ratio: float
    no_speech_prob: float | None = Field(description="null where the engine doesn't tell.")


class OpenAiVerboseTranscription(BaseModel):
    """The answer in the format `verbose_json`; with the times that were asked for."""

    task: Literal["transcribe"] = "transcribe"
    language: str = Field(description="Its English name, in lower case; empty if nobody spoke.")
    duration: float
    text: str
    segments: list[OpenAiSegment] = Field(default=[])
    words: list[OpenAiWord] = Field(default=[])
    usage: DurationUsage


class OpenAiModel(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="When Whisper was published, as an epoch second.")
    owned_by: Literal["vocafuse"] = "vocafuse"


class OpenAiModels(BaseModel):
    object: Literal["list"] = "list"
    data: list[OpenAiModel]


def transcription(found: Transcription) -> OpenAiTranscription:
    return OpenAiTranscription(text=found.text, usage=_usage(found))


def verbose_transcription(found: Transcription, *, temperature: float) -> OpenAiVerboseTranscription:
    space = " " if found.language is None or has_spaces(found.language) else ""
    return OpenAiVerboseTranscription(
        language=language_name(found.language) if found.language else "",
        duration=round(found.duration_s, 3),
        text=found.text,
        segments=[
            _segment(number, segment, space=space, temperature=temperature)
            for number, segment in enumerate(found.segments)
        ],
        words=[
            OpenAiWord(word=word.text, start=round(word.start_s, 3), end=round(word.end_s, 3))
            for word in found.words
        ],
        usage=_usage(found),
    )


def _segment(number: int, segment: Segment, *, space: str, temperature: float) -> OpenAiSegment:
    return OpenAiSegment(
        id=number,
        seek=round(segment.start_s * _FRAMES_PER_S),
        start=round(segment.start_s, 3),
        end=round(segment.end_s, 3),
        text=f"{space}{segment.text}",
        tokens=[],
        temperature=temperature,
        avg_logprob=segment.avg_logprob,
        compression_ratio=round(_compression_ratio(segment.text), 4),
        no_speech_prob=segment.no_speech_prob,
    )


def _compression_ratio(text: str) -> float:
    """How much zlib makes of it, as Whisper counts: a text that repeats itself has a high one."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _usage(found: Transcription) -> DurationUsage:
    return DurationUsage(seconds=math.ceil(found.duration_s))
