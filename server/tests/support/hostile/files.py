"""What a hostile file is, and the honest ones that they are made of."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import av

from support.clips import AUDIO

SPOKEN = AUDIO / "whats-the-weather-like.wav"
SPOKEN_WORD = "weather"

# Container as PyAV names it, codec, sample rate, options of the container.
_RECIPES: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "webm-opus": ("webm", "libopus", 48_000, {}),
    "webm-live": ("webm", "libopus", 48_000, {"live": "1"}),
    "mkv-pcm": ("matroska", "pcm_s16le", 16_000, {}),
    "ogg-opus": ("ogg", "libopus", 48_000, {}),
    "ogg-vorbis": ("ogg", "vorbis", 16_000, {}),
    "ogg-flac": ("ogg", "flac", 16_000, {}),
    "mp4-aac": ("mp4", "aac", 16_000, {}),
    "mp4-fragmented": ("mp4", "aac", 16_000, {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    "m4a-alac": ("ipod", "alac", 16_000, {}),
    "mp3": ("mp3", "libmp3lame", 16_000, {}),
    "wav": ("wav", "pcm_s16le", 16_000, {}),
    "wav-adpcm": ("wav", "adpcm_ms", 16_000, {}),
    "flac": ("flac", "flac", 16_000, {}),
    "aac": ("adts", "aac", 16_000, {}),
    "aiff": ("aiff", "pcm_s16be", 16_000, {}),
    "amr": ("amr", "libopencore_amrnb", 8_000, {}),
    "caf": ("caf", "alac", 16_000, {}),
    "wma": ("asf", "wmav2", 16_000, {}),
}

_MONO: dict[str, Any] = {"layout": "mono"}
# FFmpeg's own Vorbis encoder does stereo only, and calls itself experimental.
_ENCODER: dict[str, dict[str, Any]] = {
    "vorbis": {"layout": "stereo", "options": {"strict": "experimental"}},
    "wmav2": {"layout": "mono", "options": {"b": "32k"}},
}


@dataclass(frozen=True, slots=True)
class HostileFile:
    """A file that is up to no good.

    Attributes:
        kind: What was done to it, for the table.
        name: Tells it from all others; with it and the seed it can be made again.
        spoken: A word that is still heard in it; None if nothing certain is.
    """

    kind: str
    name: str
    data: bytes
    spoken: str | None = None

    def __repr__(self) -> str:
        return f"{self.kind}/{self.name}"


def honest_files() -> dict[str, bytes]:
    """One spoken sentence in every container that is accepted, with most codecs that they hold."""
    return {name: _encode(*recipe) for name, recipe in _RECIPES.items()}


def silence(seconds: int, *, container: str = "flac", codec: str = "flac", rate: int = 16_000) -> bytes:
    """A long silence, which takes next to no bytes."""

    def frames() -> Iterable[av.AudioFrame]:
        for second in range(seconds):
            frame = av.AudioFrame(format="s16", layout="mono", samples=rate)
            frame.planes[0].update(bytes(2 * rate))
            frame.sample_rate, frame.pts = rate, second * rate
            yield frame

    return _write(frames(), container, codec, rate, {})


def _encode(container: str, codec: str, rate: int, options: dict[str, str]) -> bytes:
    with av.open(str(SPOKEN)) as source:
        return _write(source.decode(audio=0), container, codec, rate, options)


def _write(
    frames: Iterable[av.AudioFrame], container: str, codec: str, rate: int, options: dict[str, str]
) -> bytes:
    out = io.BytesIO()
    # PyAV's types know streams by the names of their codecs.
    with cast("Any", av.open(out, "w", format=container, container_options=options)) as target:
        stream = target.add_stream(codec, rate=rate, **_ENCODER.get(codec, _MONO))
        for frame in frames:
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()
