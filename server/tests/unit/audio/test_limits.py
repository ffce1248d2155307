"""What a process can no longer do after it has restricted itself, tried in a process of its own."""

import signal
import subprocess
import sys

import pytest

from vocafuse_server.audio.limits import DecoderLimits, memory_for

PROGRAM = """
import ctypes, mmap, os, resource, signal, socket, sys
from vocafuse_server.audio.limits import DecoderLimits, limit_resources, restrict_this_process
{restrict}(DecoderLimits(cpu_s=1))
try:
    {attempt}
except (OSError, ValueError, MemoryError) as error:
    print(type(error).__name__)
else:
    print("allowed")
"""


def attempt(code: str, *, restrict: str = "restrict_this_process") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(attempt=code, restrict=restrict)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('/etc/passwd')", "PermissionError"),
        ("socket.socket()", "PermissionError"),
        ("os.pipe()", "PermissionError"),
        ("os.fork()", "PermissionError"),
        ("os.kill(os.getppid(), 0)", "PermissionError"),
        ("os.kill(-1, 0)", "PermissionError"),
        ("os.unlink('/nowhere')", "PermissionError"),
        ("os.execv('/bin/true', ['true'])", "PermissionError"),
        ("resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))", "ValueError"),
        ("signal.signal(signal.SIGXCPU, signal.SIG_IGN)", "PermissionError"),
        ("mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)", "PermissionError"),
        ("bytearray(2 << 30)", "MemoryError"),
    ],
)
def test_nothing_but_decoding_is_left(code: str, error: str) -> None:
    assert attempt(code).stdout.strip() == error


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
def test_where_calls_can_not_be_filtered_nothing_can_be_opened_either(code: str, error: str) -> None:
    assert attempt(code, restrict="limit_resources").stdout.strip() == error


def test_the_limits_can_not_be_raised_again() -> None:
    code = "print([resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)])"
    assert attempt(code, restrict="limit_resources").stdout.startswith("[3, 0]")


@pytest.mark.parametrize("call", ["ptrace(16, os.getppid(), 0, 0)", "process_vm_readv(os.getppid())"])
def test_other_processes_are_out_of_reach(call: str) -> None:
    libc = "ctypes.CDLL(None, use_errno=True)"
    result = attempt(f"print({libc}.{call}, os.strerror(ctypes.get_errno()))")
    assert result.stdout.startswith("-1 Operation not permitted")


def test_processor_time_is_bounded() -> None:
    assert attempt("while True: pass").returncode == -signal.SIGXCPU


def test_memory_for_the_largest_upload_is_below_half_a_gigabyte() -> None:
    assert memory_for(25 * 1024 * 1024) < 512 * 10**6


def test_the_argument_holds_the_limits() -> None:
    limits = DecoderLimits(max_duration_s=12.5, wall_s=3.0, cpu_s=2, memory_bytes=1 << 28)
    assert DecoderLimits.from_argument(limits.to_argument()) == limits
