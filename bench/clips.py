"""Recordings with their exact words, and the longer notes that are joined from them.

A folder of recordings holds a `manifest.json`: a list of `{file, text, language, seconds}`.
"""

import json
import random
import re
import wave
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import TypedDict

import numpy as np
from faster_whisper.audio import decode_audio
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
SHARED_CLIPS = ROOT.parent / "shared" / "audio" / "speech"
TEST_CLIPS = ROOT / "server" / "tests" / "audio"
SAMPLE_RATE = 16_000

GAP_S = 0.4
MINUTE_S = (50.0, 75.0)
"""Recordings of this length are notes of a minute as they are."""
LONGEST_JOINED_S = 65.0
SHORTEST_JOINED_S = 45.0
LONGEST_SHORT_S = 20.0
# LJ Speech and LibriSpeech name their files by reader: LJ001-0002.wav, 533-1066-0001.flac.
_READER = re.compile(r"LJ(?=\d)|\d+(?=-\d+-\d+)")


class _Entry(TypedDict):
    file: str
    text: str
    language: str
    seconds: float


class _SilentEntry(TypedDict):
    file: str
    expect: str


@dataclass(frozen=True)
class Clip:
    """A recording and what is said in it."""

    path: Path
    text: str
    language: str
    seconds: float

    @property
    def reader(self) -> str | None:
        """Who reads, where the file's name tells."""
        found = _READER.match(self.path.name)
        return None if found is None else found.group()


def default_folder() -> Path:
    """The recordings beside the repository where there are some, else the few of the tests."""
    return SHARED_CLIPS if SHARED_CLIPS.is_dir() else TEST_CLIPS


def load_clips(folder: Path) -> list[Clip]:
    """All recordings of a folder, in the manifest's order."""
    found: list[_Entry] | dict[str, list[_Entry]] = json.loads((folder / "manifest.json").read_text())
    entries = found["speech"] if isinstance(found, dict) else found
    return [
        Clip(folder / entry["file"], entry["text"], entry["language"], entry["seconds"]) for entry in entries
    ]


def short_clips(folder: Path, *, longest_s: float = LONGEST_SHORT_S, most: int | None = None) -> list[Clip]:
    """The recordings that are as short as voice notes are, or so many of them, from all over the list."""
    short = [clip for clip in load_clips(folder) if clip.seconds <= longest_s]
    count = min(len(short), most or len(short))
    return [short[number * len(short) // count] for number in range(count)]


def silent_files(folder: Path) -> list[Path]:
    """The files in which nobody speaks: in the folder `hostile` beside, else those of the tests."""
    beside = folder.parent / "hostile"
    home = beside if beside.is_dir() else TEST_CLIPS
    found: list[_SilentEntry] | dict[str, list[_SilentEntry]] = json.loads(
        (home / "manifest.json").read_text()
    )
    entries = found["hostile"] if isinstance(found, dict) else found
    return [home / entry["file"] for entry in entries if entry["expect"] == "empty-transcript"]


def minute_plans(clips: Sequence[Clip], count: int) -> Iterator[list[Clip]]:
    """What notes of about a minute are made of: the same for the same recordings.

    First come recordings of that length as they are, then clips of one reader in a random order, as many as
    fit, none twice in a note.
    """
    whole = [[clip] for clip in clips if MINUTE_S[0] <= clip.seconds <= MINUTE_S[1]]
    by_reader: defaultdict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.reader is not None and clip.seconds <= LONGEST_SHORT_S:
            by_reader[clip.reader].append(clip)
    enough = [own for _, own in sorted(by_reader.items()) if _joined_s(own) >= SHORTEST_JOINED_S]
    joined = (_some_of(own, random.Random(seed)) for seed, own in enumerate(cycle(enough)))
    yield from islice((*whole, *islice(joined, max(0, count - len(whole)))), count)


def _some_of(clips: Sequence[Clip], order: random.Random) -> list[Clip]:
    chosen: list[Clip] = []
    for clip in order.sample(clips, len(clips)):
        if _joined_s([*chosen, clip]) <= LONGEST_JOINED_S:
            chosen.append(clip)
    return chosen


def _joined_s(clips: Sequence[Clip]) -> float:
    return sum(clip.seconds for clip in clips) + GAP_S * (len(clips) - 1)


def minute_notes(clips: Sequence[Clip], folder: Path, *, count: int = 10) -> list[Clip]:
    """Make the notes of a minute; the joined ones are written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        plan[0] if len(plan) == 1 else _join(plan, folder / f"minute-{number}.wav")
        for number, plan in enumerate(minute_plans(clips, count))
    ]


def _join(clips: Sequence[Clip], target: Path) -> Clip:
    samples = joined_samples(clips)
    write_wav(target, samples)
    text = " ".join(clip.text for clip in clips)
    return Clip(target, text, clips[0].language, round(len(samples) / SAMPLE_RATE, 2))


def full_windows(clips: Sequence[Clip], folder: Path, *, count: int, seconds: float) -> list[Path]:
    """Make notes of just so many seconds, each of other clips or of the same in another order."""
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for number in range(count):
        order = random.Random(number)
        chosen: list[Clip] = []
        while _joined_s(chosen) < seconds:
            chosen += order.sample(clips, len(clips))
        made.append(folder / f"window-{number}.wav")
        write_wav(made[-1], joined_samples(chosen)[: round(seconds * SAMPLE_RATE)])
    return made


def joined_samples(clips: Sequence[Clip]) -> NDArray[np.float32]:
    """The clips one after another with gaps of silence between them."""
    gap = np.zeros(round(GAP_S * SAMPLE_RATE), np.float32)
    parts = [part for clip in clips for part in (_samples(clip.path), gap)]
    return np.concatenate(parts[:-1])


@cache
def _samples(path: Path) -> NDArray[np.float32]:
    return decode_audio(str(path))


def write_wav(target: Path, samples: NDArray[np.float32]) -> None:
    """Write samples as 16-bit PCM."""
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
