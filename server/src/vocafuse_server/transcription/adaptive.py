"""The default engine: Whisper with a context that adapts to the note.

A note goes through these stages: the voice detector (`vad`) finds what is worth transcribing and cuts long
notes into windows; windows of all notes in flight share batches (`batcher`); a batch is encoded on a reduced
context (`context`), its languages are detected from that same encoding, the decoder writes the texts, the
words are timed (`window`). What is not in English and left doubts is read anew, with more care. What looks
wrong (`gates`) is done again: on the full context, then by sampling at rising temperatures, as section 4.5 of
the Whisper paper (https://arxiv.org/abs/2212.04356) has it.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from vocafuse_server.transcription.batcher import MicroBatcher
from vocafuse_server.transcription.context import (
    CAREFUL_MIN_CONTEXT_S,
    ENGLISH_ONLY_MIN_CONTEXT_S,
    FULL_CONTEXT_S,
    MIN_CONTEXT_S,
    context_seconds,
)
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
from vocafuse_server.transcription.gates import Sign
from vocafuse_server.transcription.hardware import Hardware, keep_numpy_to_one_thread
from vocafuse_server.transcription.in_flight import CallsInFlight
from vocafuse_server.transcription.languages import has_spaces, language_code
from vocafuse_server.transcription.model import Model
from vocafuse_server.transcription.vad import Window, find_windows
from vocafuse_server.transcription.weights import ModelFiles
from vocafuse_server.transcription.whisper import load_model
from vocafuse_server.transcription.window import (
    WindowRequest,
    WindowResult,
    repeated,
    reread,
    timed,
    transcribe_batch,
)

PROVIDER = "local"

_WINDOWS_AT_A_TIME = 4
"""Of one note: enough to keep the workers busy, few enough that other notes get their turn in between."""
MAX_WAITING = 256
"""Windows that wait for a worker, at most: about half a gigabyte of samples if all were 30 s long."""
FALLBACK_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)

_Placed = tuple[Window, WindowResult]


class AdaptiveWhisper:
    """An `Engine` on a local model.

    Args:
        model: The model's stages.
        name: What the model is called.
        workers: How many of its calls run at the same time.
        min_context_s: The shortest context for the encoder; 8 is safer and a fifth slower than 5.
        on_batch: Told of each batch's size.
    """

    def __init__(
        self,
        model: Model,
        *,
        name: str,
        workers: int,
        min_context_s: float = MIN_CONTEXT_S,
        on_batch: Callable[[int], None] = lambda windows: None,
    ) -> None:
        self._model = model
        self._model_name = name
        self._min_context_s = min_context_s
        self._batcher = MicroBatcher[WindowRequest, WindowResult](
            partial(transcribe_batch, self._model),
            key=lambda request: (
                request.context_s,
                request.careful,
                request.temperature,
                request.states is None,
            ),
            workers=workers,
            max_batch=lambda request: model.batch_size(request.context_s),
            max_waiting=MAX_WAITING,
            on_batch=on_batch,
        )
        self._detectors = ThreadPoolExecutor(workers, thread_name_prefix="vad")
        self._calls = CallsInFlight()

    @classmethod
    def load(
        cls, files: ModelFiles, hardware: Hardware, *, on_batch: Callable[[int], None] = lambda windows: None
    ) -> "AdaptiveWhisper":
        """Load a model's weights; blocks for a second or so.

        Raises:
            TranscriptionError: The files or the hardware do not fit.
        """
        keep_numpy_to_one_thread()
        model = load_model(files, hardware)
        return cls(
            model,
            name=files.name,
            workers=hardware.workers,
            min_context_s=MIN_CONTEXT_S if model.vocabulary.language_tokens else ENGLISH_ONLY_MIN_CONTEXT_S,
            on_batch=on_batch,
        )

    async def warm(self) -> None:
        """Transcribe a second of silence, so that the first note does not pay for what first use sets up.

        Raises:
            TranscriptionError: The model does not run on this hardware.
        """
        silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
        await self._find_windows(silence)
        await self._submit(
            self._request(silence, Window(0, SAMPLE_RATE), TranscribeOptions(), None, careful=False)
        )

    async def transcribe(self, audio: Samples, options: TranscribeOptions) -> Transcription:
        """See `Engine.transcribe`."""
        given = None if options.language is None else language_code(options.language)
        if given is not None:
            # Refuses what the model does not have before any work is done.
            self._model.vocabulary.prompt(given)
        with self._calls.one():
            windows, vad_s = await self._find_windows(audio)
            placed = await self._place_all(audio, windows, options, given) if windows else []
        return self._join(placed, given, len(audio) / SAMPLE_RATE, StageTimes(vad_s=vad_s))

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._calls.ended()
        await self._batcher.close()
        self._detectors.shutdown()

    async def _find_windows(self, audio: Samples) -> tuple[list[Window], float]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._detectors, partial(timed, partial(find_windows, audio)))
        except RuntimeError as error:
            raise TranscriptionError(f"The voice detector failed to run: {error}") from error

    async def _place_all(
        self, audio: Samples, windows: Sequence[Window], options: TranscribeOptions, given: str | None
    ) -> list[_Placed]:
        """Transcribe one or more windows of a note, a few at a time; if one fails, the rest is left."""
        first = await self._place(audio, windows[0], options, given)
        # The first words of a note decide on the language of all: pieces of one note don't differ.
        language = first[1].language if first[1].segments else given
        turns = asyncio.Semaphore(_WINDOWS_AT_A_TIME)

        async def in_turn(window: Window) -> _Placed:
            async with turns:
                return await self._place(audio, window, options, language)

        others = [asyncio.create_task(in_turn(window)) for window in windows[1:]]
        try:
            return [first, *await asyncio.gather(*others)]
        finally:
            for task in others:
                task.cancel()

    async def _place(
        self, audio: Samples, window: Window, options: TranscribeOptions, language: str | None
    ) -> _Placed:
        """Transcribe a window; again if the output looks wrong, until it doesn't or nothing is left."""
        request, result = await self._read_once(audio, window, options, language)
        context_s = request.context_s
        for another in _other_ways(request):
            if result.sign is None:
                break
            known = result.states if another.context_s == context_s else None
            again = await self._submit(replace(another, before=result.text, states=known))
            result, context_s = repeated(result, again), another.context_s
        return window, replace(result, states=None)

    async def _read_once(
        self, audio: Samples, window: Window, options: TranscribeOptions, language: str | None
    ) -> tuple[WindowRequest, WindowResult]:
        """Transcribe a window: fast, and with care if that leaves too much doubt.

        Returns:
            The request whose result it is, and the result.
        """
        request = self._request(audio, window, options, language, careful=False)
        result = await self._submit(request)
        if result.sign is Sign.UNSURE:
            request = self._request(audio, window, options, language, careful=True)
            result = reread(result, await self._submit(request))
        return request, result

    def _request(
        self,
        audio: Samples,
        window: Window,
        options: TranscribeOptions,
        language: str | None,
        *,
        careful: bool,
    ) -> WindowRequest:
        least_s = max(self._min_context_s, CAREFUL_MIN_CONTEXT_S if careful else 0.0)
        return WindowRequest(
            audio[window.start : window.end],
            window.speech_s,
            window.pauses,
            window.voice,
            language,
            options.words,
            context_seconds(window.duration_s, min_context_s=least_s, step_s=self._model.context_step_s),
            careful,
        )

    async def _submit(self, request: WindowRequest) -> WindowResult:
        """CTranslate2 and ONNX report their failures as RuntimeError."""
        try:
            return await self._batcher.submit(request)
        except RuntimeError as error:
            raise TranscriptionError(f"The model failed to run: {error}") from error

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
            second_passes=sum(result.passes > 1 for _, result in placed),
        )


def _other_ways(request: WindowRequest) -> Iterator[WindowRequest]:
    """What else can be tried with a window, in the order of trying."""
    full = replace(request, context_s=FULL_CONTEXT_S)
    if request.context_s < FULL_CONTEXT_S:
        yield full
    for temperature in FALLBACK_TEMPERATURES:
        yield replace(full, temperature=temperature, final=temperature == FALLBACK_TEMPERATURES[-1])


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
