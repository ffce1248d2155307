"""Programs on a terminal: what a person would see."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress


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
