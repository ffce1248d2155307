"""Telling how far a backup or a restore is: a bar where somebody watches, else a line now and then."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

# Takes bytes that have been dealt with.
Advance = Callable[[int], None]
_LINE_EVERY_S = 10.0


@contextmanager
def step(label: str, total: int | None) -> Generator[Advance]:
    """A part of the work, of `total` bytes if that is known."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with _lines(label, total) as advance:
            yield advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(label, total=total)
        yield lambda size: progress.advance(task, size)
        progress.update(task, total=progress.tasks[task].completed)


@contextmanager
def _lines(label: str, total: int | None) -> Generator[Advance]:
    console, done, told_at = Console(stderr=True, soft_wrap=True, highlight=False), 0, time.monotonic()
    of = "" if total is None else f" of {_megabytes(total)}"

    def advance(size: int) -> None:
        nonlocal done, told_at
        done += size
        if time.monotonic() - told_at >= _LINE_EVERY_S:
            console.print(f"{label}: {_megabytes(done)}{of}")
            told_at = time.monotonic()

    yield advance
    console.print(f"{label}: {_megabytes(done)}, done")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
