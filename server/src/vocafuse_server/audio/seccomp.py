"""Takes from a process, for good, every system call that decoding does not need (Linux's seccomp).

A filter in the kernel's own little language; `seccomp(2)` describes it. A call that isn't listed fails with
EPERM: libraries that try one out go on without it, and whoever has taken the process over gets no further.
"""

import ctypes
import errno
import platform
import struct

_PR_SET_SECCOMP, _PR_GET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 21, 38
_MODE_FILTER = 2

_LOAD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM
_PROT_EXEC = 4
# Where `struct seccomp_data` has the call's number, the architecture, and the low half of the third argument.
_NUMBER, _ARCHITECTURE, _PROTECTION = 0, 4, 32

# To read the file and write the samples, to get and give back memory, to tell the time, and to end.
# fmt: off
_CALLS_X86_64 = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "munmap": 11, "brk": 12, "writev": 20,
    "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28,
    "getpid": 39, "exit": 60, "gettimeofday": 96, "getrusage": 98, "sigaltstack": 131, "gettid": 186,
    "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219, "clock_gettime": 228,
    "exit_group": 231, "getrandom": 318,
}
_CALLS_AARCH64 = {
    "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "munmap": 215, "brk": 214,
    "writev": 66, "rt_sigprocmask": 135, "rt_sigreturn": 139, "sched_yield": 124, "mremap": 216,
    "madvise": 233, "getpid": 172, "exit": 93, "gettimeofday": 169, "getrusage": 165, "sigaltstack": 132,
    "gettid": 178, "futex": 98, "sched_getaffinity": 123, "restart_syscall": 128, "clock_gettime": 113,
    "exit_group": 94, "getrandom": 278,
}
# fmt: on
# The audit number of each architecture, the calls, and the numbers of mmap and mprotect: those two are
# allowed as long as they make nothing executable.
_ARCHITECTURES = {
    "x86_64": (0xC000003E, _CALLS_X86_64, (9, 10)),
    "aarch64": (0xC00000B7, _CALLS_AARCH64, (222, 226)),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def can_filter() -> bool:
    """Whether the machine has such filters, and this module knows its system calls."""
    return platform.machine() in _ARCHITECTURES and _prctl(_PR_GET_SECCOMP) >= 0


def allow_decoding_only() -> None:
    """Leave this process no system call but those of decoding; whoever `can_filter`.

    Raises:
        OSError: The kernel refuses the filter.
    """
    instructions = _instructions(*_ARCHITECTURES[platform.machine()])
    program = _Program(len(instructions) // 8, instructions)
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1) or _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program)):
        raise OSError(ctypes.get_errno(), "the system call filter could not be set")


def _instructions(architecture: int, calls: dict[str, int], without_exec: tuple[int, int]) -> bytes:
    program = [
        _instruction(_LOAD_WORD, _ARCHITECTURE),
        _instruction(_JUMP_IF_EQUAL, architecture, then=1),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD_WORD, _NUMBER),
    ]
    for number in calls.values():
        program += [_instruction(_JUMP_IF_EQUAL, number, otherwise=1), _instruction(_RETURN, _ALLOW)]
    for number in without_exec:
        program += [
            _instruction(_JUMP_IF_EQUAL, number, otherwise=4),
            _instruction(_LOAD_WORD, _PROTECTION),
            _instruction(_JUMP_IF_SET, _PROT_EXEC, then=1),
            _instruction(_RETURN, _ALLOW),
            _instruction(_RETURN, _REFUSE),
        ]
    return b"".join([*program, _instruction(_RETURN, _REFUSE)])


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _prctl(option: int, *arguments: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [*arguments, 0, 0, 0, 0][:4]
    return libc.prctl(option, *(ctypes.c_ulong(argument) for argument in padded))
