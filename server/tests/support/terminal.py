"""Programs on a terminal: what a person would see."""

import os
import pty
import select
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PATIENCE_S = 30.0


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """What a terminal shows, up to the piece with the wanted words; fails the test when it shows no more."""
    shown = b""
    while wanted not in shown:
        assert select.select([descriptor], [], [], _PATIENCE_S)[0], shown
        shown += os.read(descriptor, 10_000)
    return shown


def run_on_terminal(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a program whose output is a terminal; its exit code and what was shown.

    It is read all the while: a terminal that nobody reads holds its program up.
    """
    ours, theirs = pty.openpty()
    shown = b""
    size = {"COLUMNS": "160", "TERM": "xterm"}
    with subprocess.Popen(command, env={**environment, **size}, stdout=theirs, stderr=theirs) as program:
        os.close(theirs)
        with suppress(OSError):  # Nobody has the other end any more.
            while piece := os.read(ours, 65_536):
                shown += piece
    os.close(ours)
    return program.returncode, shown.decode()


def type_into(
    shell: Sequence[str], steps: Sequence[tuple[str, str]], environment: Mapping[str, str], home: Path
) -> None:
    """Type into an interactive shell, step by step: keys, and what they must show before the next ones."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": "160", "TERM": "dumb", "HOME": str(home)}
    with subprocess.Popen(
        shell,
        cwd=home,
        env={**environment, **size},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as program:
        os.close(theirs)
        try:
            for keys, expected in steps:
                os.write(ours, keys.encode())
                read_until(ours, expected.encode())
        finally:
            program.kill()
            os.close(ours)
