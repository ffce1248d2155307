"""Bars for uploads, where somebody would see them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from vocafuse._cli.printing import one_line

OnProgress = Callable[[int, int], object]


class Bars:
    """A bar for each file on its way, and one for all of several."""

    is_shown = True

    def __init__(self, progress: Progress, files: Sequence[Path]) -> None:
        self._progress = progress
        self._total = len(files)
        self._done = 0
        self._counting = threading.Lock()
        self._overall = progress.add_task(self._count(), total=self._total) if files else None

    @contextmanager
    def file(self, path: Path) -> Generator[OnProgress | None, None, None]:
        """As `batch.Progress` has it."""
        bar = self._progress.add_task(one_line(path.name), total=None)
        try:
            yield lambda sent, total: self._progress.update(bar, completed=sent, total=total)
        finally:
            if self._overall is not None:
                self._progress.remove_task(bar)
                # Files end in threads of their own.
                with self._counting:
                    self._done += 1
                    self._progress.update(self._overall, completed=self._done, description=self._count())

    def _count(self) -> str:
        return f"{self._done} of {self._total} files"


class NoBars:
    """Nobody watches."""

    is_shown = False

    @contextmanager
    def file(self, path: Path) -> Generator[OnProgress | None, None, None]:
        """As `batch.Progress` has it."""
        yield None


@contextmanager
def upload_progress(files: Sequence[Path] = ()) -> Generator[Bars | NoBars, None, None]:
    """Bars on standard error if it is a terminal; for several files one more for them all."""
    if not sys.stderr.isatty():
        yield NoBars()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *(() if files else (DownloadColumn(), TransferSpeedColumn())),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        yield Bars(progress, files)
