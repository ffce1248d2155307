"""How much to measure, and on what."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.clips import LONGEST_SHORT_S
from bench.report import Report


@dataclass(frozen=True)
class Options:
    """What the command line says to all parts.

    Attributes:
        clips: Folder of the recordings.
        longest_s: Longest recording that counts as short.
        most: Take only so many of them, from all over the list.
        rounds: How often each peer has its turn.
        peers: Only these; None means all.
    """

    clips: Path
    longest_s: float = LONGEST_SHORT_S
    most: int | None = None
    rounds: int = 3
    peers: frozenset[str] | None = None

    def takes(self, peer: str) -> bool:
        return self.peers is None or peer in self.peers


class Skipped(Exception):
    """A part can't be measured here; the message says why."""


Measure = Callable[[Options], Report]
