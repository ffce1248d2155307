"""Where somebody speaks: decides what is worth transcribing and where a long note may be cut.

The detector is Silero VAD, whose weights faster-whisper carries.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps, get_vad_model
from numpy.typing import NDArray

from vocafuse_server.transcription.engine import SAMPLE_RATE, Samples

WHOLE_NOTE_S = 28.0
"""Notes up to this length are transcribed in one piece: the encoder's window is 30 s and needs a margin.

They are not cropped close to the speech. That saves an eighth of the time, but with 0.2 to 0.6 s left around
the speech the rate of wrong words went from 7.1 % to anything between 6.9 and 10.3 %.
"""

KEPT_S = 1.5
"""So much of what surrounds the speech is kept. In long noise after it the decoder starts again: with 8 s of
clicks around them, one of four notes was written twice."""

WINDOW_S = 16.0
"""Longer notes are cut into windows of at most this. On six recordings of 52 to 106 s, pieces of 28 s lost a
line now and then (10 to 11 % wrong words) and took 18 s in all; pieces of 16 s had 8.5 % and took 15 s."""

_MIN_AUDIO_S = 0.1
_LONG_SILENCE_S = 2.0
_THRESHOLD = 0.5
_MIN_SILENCE_MS = 300
_PAD_S = 0.4
_EDGE_MS = 60
"""By so much the detector hears speech too late and stops too early; words begin and end within that."""
_MIN_PAUSE_FRAMES = 7
_PAUSE_BEGINS_S, _PAUSE_ENDS_S = 0.03, 0.09
"""By so much a pause begins before the detector's last frame of speech is over, and ends before its first
one: what brought the words at the edges of 150 gaps nearest to the sound."""
_FRAME = 512
"""Samples to each of the detector's probabilities."""

_LOUD_RMS = 0.15
_MAX_GAIN = 100.0
"""The detector goes by loudness: at a hundredth of their level it missed 10 % of 55 clips, at 3 thousandths
43 %. Raised to the level of ordinary speech it misses none of them, and hears no more in noise."""

Probabilities = NDArray[np.float32]
"""Of a voice in each frame of 32 ms, shape (frames,)."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a note, in samples.

    Attributes:
        start: From the note's beginning.
        end: The same, exclusive.
        silence_before: How much of the piece's own beginning is known to be silent, and
        silence_after: how much of its end.
        voice: The detector's highest probability in it.
        pauses: Between which times of the piece nobody speaks for a while, but for its beginning and its end.
    """

    start: int
    end: int
    silence_before: int = 0
    silence_after: int = 0
    voice: float = 1.0
    pauses: tuple[tuple[float, float], ...] = ()

    @property
    def start_s(self) -> float:
        return self.start / SAMPLE_RATE

    @property
    def duration_s(self) -> float:
        return (self.end - self.start) / SAMPLE_RATE

    @property
    def speech_s(self) -> tuple[float, float]:
        """Between which times of the piece somebody speaks."""
        length = self.end - self.start
        return self.silence_before / SAMPLE_RATE, (length - self.silence_after) / SAMPLE_RATE


def find_windows(audio: Samples) -> list[Window]:
    """The pieces of a note to transcribe, in order and without overlap.

    Returns:
        Nothing if nobody speaks; one window if the note is at most `WHOLE_NOTE_S` long, without what is far
        from the speech; otherwise windows of at most `WINDOW_S` that begin and end in silences if there are
        any.

    Raises:
        RuntimeError: The detector fails to run.
    """
    if len(audio) < _MIN_AUDIO_S * SAMPLE_RATE:
        return []
    audio = raised(audio)
    voice = _probabilities(audio)
    if voice.max() < _THRESHOLD:
        return []
    if len(audio) <= WHOLE_NOTE_S * SAMPLE_RATE:
        windows = [_around_speech(len(audio), voice)]
    else:
        windows = join_speech(_find_speech(audio, max_s=WINDOW_S), max_s=WINDOW_S)
    return [_with_voice(window, voice) for window in windows]


def raised(audio: Samples) -> Samples:
    """Quiet audio at the level of ordinary speech, by its loudest frame; other audio as it is."""
    frames = audio[: max(1, len(audio) // _FRAME) * _FRAME].reshape(-1, min(len(audio), _FRAME))
    loudest = math.sqrt(np.einsum("ij,ij->i", frames, frames).max() / frames.shape[1])
    gain = min(_MAX_GAIN, _LOUD_RMS / loudest) if loudest else 1.0
    return audio if gain <= 1 else audio * np.float32(gain)


def _probabilities(audio: Samples) -> Probabilities:
    return get_vad_model()(np.pad(audio, (0, -len(audio) % _FRAME))).reshape(-1)


def _around_speech(length: int, voice: Probabilities) -> Window:
    """From before the first frame of speech to after the last, in a note of so many samples."""
    spoken = np.flatnonzero(voice >= _THRESHOLD)
    edge, kept = _EDGE_MS * SAMPLE_RATE // 1000, round(KEPT_S * SAMPLE_RATE)
    first = max(0, int(spoken[0]) * _FRAME - edge)
    last = min(length, (int(spoken[-1]) + 1) * _FRAME + edge)
    start, end = max(0, first - kept), min(length, last + kept)
    return Window(start, end, first - start, end - last)


def _with_voice(window: Window, voice: Probabilities) -> Window:
    """The window with what the detector's probabilities for the whole note say of it."""
    first = window.start // _FRAME
    heard = voice[first : math.ceil(window.end / _FRAME)]
    spoken = np.flatnonzero(heard >= _THRESHOLD)
    frame_s = _FRAME / SAMPLE_RATE
    offset_s = first * frame_s - window.start_s
    pauses = tuple(
        (offset_s + (last + 1) * frame_s - _PAUSE_BEGINS_S, offset_s + following * frame_s - _PAUSE_ENDS_S)
        for last, following in pairwise(spoken.tolist())
        if following - last > _MIN_PAUSE_FRAMES
    )
    return replace(window, voice=float(heard.max()), pauses=pauses)


def _find_speech(audio: Samples, *, max_s: float) -> list[Window]:
    """The stretches of speech with a little of what surrounds them, each at most `max_s` long."""
    options = VadOptions(
        threshold=_THRESHOLD,
        max_speech_duration_s=max_s - 2 * _PAD_S,
        min_silence_duration_ms=_MIN_SILENCE_MS,
        speech_pad_ms=_EDGE_MS,
    )
    found = [Window(found["start"], found["end"]) for found in get_speech_timestamps(audio, options)]
    return pad_speech(found, len(audio)) if found else []


def pad_speech(speech: list[Window], samples: int) -> list[Window]:
    """Give each of one or more stretches its surroundings, but no more than half of a gap."""
    pad = round(_PAD_S * SAMPLE_RATE)
    middles = [(one.end + other.start) // 2 for one, other in pairwise(speech)]
    padded: list[Window] = []
    for one, earliest, latest in zip(speech, [0, *middles], [*middles, samples], strict=True):
        start, end = max(earliest, one.start - pad), min(latest, one.end + pad)
        padded.append(Window(start, end, one.start - start, end - one.end))
    return padded


def join_speech(speech: list[Window], *, max_s: float) -> list[Window]:
    """Join neighbouring stretches of speech into windows as long as allowed.

    A silence of two seconds or more also ends a window when it is at least half full: Whisper tends to stop,
    or to invent something, at a long gap.
    """
    windows: list[Window] = []
    for stretch in speech:
        last = windows[-1] if windows else None
        if last is not None and _belongs_to(last, stretch, max_s):
            windows[-1] = Window(last.start, stretch.end, last.silence_before, stretch.silence_after)
        else:
            windows.append(stretch)
    return windows


def _belongs_to(window: Window, stretch: Window, max_s: float) -> bool:
    joined = Window(window.start, stretch.end)
    gap_s = (stretch.start - window.end) / SAMPLE_RATE
    half_full = window.duration_s >= max_s / 2
    return joined.duration_s <= max_s and not (half_full and gap_s >= _LONG_SILENCE_S)
