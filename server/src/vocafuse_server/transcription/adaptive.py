"""The default engine: Whisper with a context that adapts to the note.

A note goes through these stages: the voice detector (`vad`) finds what is worth transcribing; the encoder
runs on that and a margin instead of 30 s (`context`); the language is detected from that same encoding; the
decoder writes the text; what looks wrong (`gates`) is done once more on the full context; the words are timed
on the encoding that the text came from (`window` for one piece of audio, this module for the whole note).
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from vocafuse_server.transcription.context import MIN_CONTEXT_S
from vocafuse_server.transcription.engine import (
    SAMPLE_RATE,
    Samples,
    Segment,
    StageTimes,
    TranscribeOptions,
    Transcription,
    TranscriptionError,
    Word,
)
from vocafuse_server.transcription.languages import has_spaces, language_code
from vocafuse_server.transcription.vad import Window, find_windows
from vocafuse_server.transcription.weights import ModelFiles
from vocafuse_server.transcription.whisper import Hardware, WhisperModel
from vocafuse_server.transcription.window import WindowResult, timed, transcribe_window

PROVIDER = "local"

T = TypeVar("T")
_Placed = tuple[Window, WindowResult]


class AdaptiveWhisper:
    """An `Engine` on a local model.

    Args:
        files: The model's weights.
        hardware: What to run on, from `choose_hardware`.
        min_context_s: The shortest context for the encoder; 8 is safer and a fifth slower than 5.

    Raises:
        TranscriptionError: The model can't be loaded.
    """

    def __init__(
        self, files: ModelFiles, hardware: Hardware, *, min_context_s: float = MIN_CONTEXT_S
    ) -> None:
        self._model = WhisperModel(files, hardware)
        self._model_name = files.name
        self._min_context_s = min_context_s
        # As many threads as the model runs calls at a time: what waits here can still be cancelled.
        self._threads = ThreadPoolExecutor(hardware.workers, thread_name_prefix="whisper")

    async def warm(self) -> None:
        """Transcribe a second of silence, so that the first note does not pay for what first use sets up.

        Raises:
            TranscriptionError: The model does not run on this hardware.
        """
        silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
        await self._run(lambda: find_windows(silence))
        await self._run(lambda: self._window(silence, Window(0, SAMPLE_RATE), TranscribeOptions(), None))

    async def transcribe(self, audio: Samples, options: TranscribeOptions) -> Transcription:
        """See `Engine.transcribe`."""
        given = None if options.language is None else language_code(options.language)
        if given is not None:
            self._model.vocabulary.prompt(
                given
            )  # refuses what the model does not have before any work is done
        windows, vad_s = await self._run(lambda: timed(lambda: find_windows(audio)))
        placed: list[_Placed] = []
        if windows:
            first = await self._place(audio, windows[0], options, given)
            # The first words of a note decide on the language of all: pieces of one note don't differ.
            language = first[1].language if first[1].segments else given
            rest = (self._place(audio, window, options, language) for window in windows[1:])
            placed = [first, *await asyncio.gather(*rest)]
        return self._join(placed, given, len(audio) / SAMPLE_RATE, StageTimes(vad_s=vad_s))

    async def close(self) -> None:
        """See `Engine.close`."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _place(
        self, audio: Samples, window: Window, options: TranscribeOptions, language: str | None
    ) -> _Placed:
        return window, await self._run(partial(self._window, audio, window, options, language))

    def _window(
        self, audio: Samples, window: Window, options: TranscribeOptions, language: str | None
    ) -> WindowResult:
        return transcribe_window(
            self._model,
            audio[window.start : window.end],
            speech_s=window.speech_s,
            language=language,
            words=options.words,
            min_context_s=self._min_context_s,
        )

    async def _run(self, call: Callable[[], T]) -> T:
        """Run a blocking call in a thread. CTranslate2 and ONNX report their failures as RuntimeError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except RuntimeError as error:
            raise TranscriptionError("The model failed to run.") from error

    def _join(
        self, placed: Sequence[_Placed], given: str | None, duration_s: float, vad: StageTimes
    ) -> Transcription:
        spoken = [(window, result) for window, result in placed if result.segments]
        results = [result for _, result in spoken]
        language, probability = _language(results or [result for _, result in placed], given)
        segments = tuple(
            _shift_segment(segment, w.start_s) for w, result in spoken for segment in result.segments
        )
        words = tuple(_shift_word(word, w.start_s) for w, result in spoken for word in result.words)
        separator = " " if language is None or has_spaces(language) else ""
        return Transcription(
            text=separator.join(segment.text for segment in segments),
            segments=segments,
            words=words,
            language=language,
            language_probability=probability,
            confidence=_confidence(words, results),
            duration_s=duration_s,
            provider=PROVIDER,
            model=f"whisper-{self._model_name.removeprefix('whisper-')}",
            times=sum((result.times for _, result in placed), start=vad),
            second_passes=sum(result.second_passes for _, result in placed),
        )


def _language(results: Sequence[WindowResult], given: str | None) -> tuple[str | None, float]:
    """The language of the most audio, and the probability with which it was detected first."""
    if given is not None or not results:
        return given, 1.0 if given else 0.0
    seconds: Counter[str] = Counter()
    for result in results:
        seconds[result.language] += math.ceil(result.duration_s)
    language = seconds.most_common(1)[0][0]
    return language, next(result.language_probability for result in results if result.language == language)


def _confidence(words: Sequence[Word], results: Sequence[WindowResult]) -> float:
    if words:
        return sum(word.probability for word in words) / len(words)
    total_s = sum(result.duration_s for result in results)
    if not total_s:
        return 0.0
    return math.exp(min(0.0, sum(result.avg_logprob * result.duration_s for result in results) / total_s))


def _shift_segment(segment: Segment, offset_s: float) -> Segment:
    return replace(
        segment, start_s=round(segment.start_s + offset_s, 3), end_s=round(segment.end_s + offset_s, 3)
    )


def _shift_word(word: Word, offset_s: float) -> Word:
    return replace(word, start_s=round(word.start_s + offset_s, 3), end_s=round(word.end_s + offset_s, 3))
