"""What a process can no longer do after it has restricted itself, tried in a process of its own."""

import subprocess
import sys

import pytest

from vocafuse_server.audio.limits import DecoderLimits

PROGRAM = """
import os, resource, socket, sys
from vocafuse_server.audio.limits import DecoderLimits, allow_cpu_seconds, restrict_this_process
restrict_this_process(DecoderLimits())
try:
    {attempt}
except (OSError, MemoryError) as error:
    print(type(error).__name__)
else:
    print("allowed")
"""


def attempt(code: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(attempt=code)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('/etc/passwd')", "OSError"),
        ("socket.socket()", "OSError"),
        ("socket.create_connection(('127.0.0.1', 9))", "OSError"),
        ("os.pipe()", "OSError"),
        ("bytearray(2 << 30)", "MemoryError"),
    ],
)
def test_nothing_can_be_opened_and_memory_is_bounded(code: str, error: str) -> None:
    assert attempt(code).stdout.strip() == error


def test_the_limits_can_not_be_raised_again() -> None:
    code = "print([resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)])"
    assert attempt(code).stdout.startswith("[3, 0]")


def test_processor_time_is_bounded() -> None:
    result = attempt("allow_cpu_seconds(1)\n    while True: pass")
    assert result.returncode < 0


def test_the_argument_holds_the_limits() -> None:
    limits = DecoderLimits(max_duration_s=12.5, wall_s=3.0, cpu_s=2, memory_bytes=1 << 28)
    assert DecoderLimits.from_argument(limits.to_argument()) == limits
