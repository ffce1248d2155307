"""What the engine writes for recordings, clean, noisy and cut, under different rules for its context."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from faster_whisper.audio import decode_audio
from numpy.typing import NDArray

from bench.clips import LONGEST_SHORT_S, SAMPLE_RATE, Clip
from vocafuse_server.transcription.context import CAREFUL_MIN_CONTEXT_S, FULL_CONTEXT_S, context_seconds
from vocafuse_server.transcription.gates import Sign
from vocafuse_server.transcription.languages import has_spaces
from vocafuse_server.transcription.model import Model
from vocafuse_server.transcription.vad import Window, find_windows
from vocafuse_server.transcription.window import WindowRequest, WindowResult, transcribe_batch

CLEAN, CUT = "clean", "cut"
NOISES_DB = (10, 3)
CUTS_S = (0.3, 0.5, 1.0, 1.5, 2.0, 3.0)
_ENGLISH_CUTS = 3
"""There are many English recordings: each is cut at some of the lengths only."""
_LOOPS = {Sign.COMPRESSION, Sign.REPETITION, Sign.TOO_FAST, Sign.LIMIT}

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Rule:
    """How much audio the encoder gets: the note and a margin, but not less than a minimum."""

    min_s: float
    margin_s: float

    @property
    def name(self) -> str:
        if self.min_s >= FULL_CONTEXT_S:
            return f"{self.min_s:g} s"
        needed = f"d + {self.margin_s:g} s"
        return f"max({self.min_s:g} s, {needed})" if self.min_s else needed

    def context_s(self, duration_s: float, step_s: float) -> float:
        return context_seconds(duration_s, step_s=step_s, min_context_s=self.min_s, margin_s=self.margin_s)


FULL = Rule(FULL_CONTEXT_S, 0.0)


@dataclass(frozen=True, eq=False)
class Note:
    """A recording as it is, with noise, or its beginning alone.

    Attributes:
        kind: "clean", "10 dB", "3 dB" or "cut".
        seconds: Where it was cut; else the recording's length.
        windows: What the voice detector leaves to transcribe.
    """

    clip: Clip
    kind: str
    seconds: float
    audio: Audio
    windows: Sequence[Window]


@dataclass(frozen=True)
class Heard:
    """What a rule made of a note.

    Attributes:
        first: The text before anything was done again.
        text: The text after the second passes.
        cpu_s: Processor time of all passes.
        signs: Windows whose first output looked wrong.
        loops: Of these, the ones that repeated themselves or came to no end.
    """

    first: str
    text: str
    language: str
    cpu_s: float
    signs: int
    loops: int


def make_notes(clips: Sequence[Clip]) -> Iterator[Note]:
    """The notes in which the voice detector hears somebody, the same for the same recordings."""
    for clip in clips:
        audio = decode_audio(str(clip.path))
        order = random.Random(crc32(clip.path.name.encode()))
        variants = [(CLEAN, audio)]
        variants += [(f"{db} dB", with_noise(audio, db, order.getrandbits(32))) for db in NOISES_DB]
        variants += [(CUT, audio[: round(seconds * SAMPLE_RATE)]) for seconds in _cuts_s(clip, order)]
        for kind, samples in variants:
            if windows := find_windows(samples):
                yield Note(clip, kind, len(samples) / SAMPLE_RATE, samples, windows)


def _cuts_s(clip: Clip, order: random.Random) -> list[float]:
    if clip.seconds > LONGEST_SHORT_S:
        return []
    lengths = order.sample(CUTS_S, _ENGLISH_CUTS if clip.language == "en" else len(CUTS_S))
    return sorted(length for length in lengths if length < clip.seconds)


def with_noise(audio: Audio, db: float, seed: int) -> Audio:
    """White noise that is so many decibels weaker than the recording, on the whole."""
    power = float(np.mean(np.square(audio, dtype=np.float64)))
    noise = np.random.default_rng(seed).standard_normal(len(audio))
    return (audio + noise * np.sqrt(power / 10 ** (db / 10))).astype(np.float32)


@dataclass(frozen=True)
class _Pass:
    """One window's output and the processor time that it took."""

    result: WindowResult
    cpu_s: float

    @property
    def text(self) -> str:
        separator = " " if has_spaces(self.result.language) else ""
        return separator.join(segment.text for segment in self.result.segments)


class Listener:
    """Transcribes notes under different rules; what two rules do alike is done once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._done: dict[tuple[Note, Window, float, str | None, bool], _Pass] = {}

    def hear(self, note: Note, rule: Rule) -> Heard:
        """The text of a note, as the engine comes to it: the first window decides on the language."""
        firsts: list[_Pass] = []
        finals: list[_Pass] = []
        cpu_s, language = 0.0, None
        for window in note.windows:
            first = final = self._read(note, window, self._context_s(rule, window), language)
            cpu_s += first.cpu_s
            if first.result.sign is not None and rule != FULL:
                final = self._read(note, window, FULL_CONTEXT_S, language)
                cpu_s += final.cpu_s
            firsts.append(first)
            finals.append(final)
            language = finals[0].result.language if finals[0].text else None
        separator = " " if has_spaces(finals[0].result.language) else ""
        return Heard(
            separator.join(one.text for one in firsts),
            separator.join(one.text for one in finals),
            finals[0].result.language,
            cpu_s,
            sum(one.result.sign is not None for one in firsts),
            sum(one.result.sign in _LOOPS for one in firsts),
        )

    def _context_s(self, rule: Rule, window: Window) -> float:
        return rule.context_s(window.duration_s, self._model.context_step_s)

    def _read(self, note: Note, window: Window, context_s: float, language: str | None) -> _Pass:
        """As the engine reads it: carefully what isn't in English and left doubts."""
        look = self._once(note, window, context_s, language)
        if look.result.sign is not Sign.UNSURE:
            return look
        careful_s = max(context_s, CAREFUL_MIN_CONTEXT_S)
        careful = self._once(note, window, careful_s, language, careful=True)
        return _Pass(careful.result, look.cpu_s + careful.cpu_s)

    def _once(
        self, note: Note, window: Window, context_s: float, language: str | None, *, careful: bool = False
    ) -> _Pass:
        key = (note, window, context_s, language, careful)
        if key not in self._done:
            audio = note.audio[window.start : window.end]
            request = WindowRequest(
                audio, window.speech_s, window.pauses, window.voice, language, False, context_s, careful
            )
            started_s = time.process_time()
            result = transcribe_batch(self._model, [request])[0]
            self._done[key] = _Pass(result, time.process_time() - started_s)
        return self._done[key]
