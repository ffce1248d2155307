"""The limits of a process that decodes a file, and how it puts them on itself."""

import ctypes
import dataclasses
import json
import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from vocafuse_server.audio.seccomp import allow_decoding_only, can_filter

STANDARD_STREAMS = 3
_PR_SET_PDEATHSIG = 1
_NOBODY = 65_534
# Python and the codecs take about 160 MB of address space before there is a file.
_BASE_BYTES = 384 << 20


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What decoding one file may cost.

    Attributes:
        max_duration_s: Audio longer than this is refused while it is being decoded.
        wall_s: Real time for one file; the process is killed after it.
        cpu_s: Processor time for one file; the kernel ends the process after it.
        memory_bytes: Address space of the process. The decoded samples are handed on as they come and
            take none.
    """

    max_duration_s: float = 3600.0
    wall_s: float = 30.0
    cpu_s: int = 20
    memory_bytes: int = 480 << 20

    def to_argument(self) -> str:
        """The limits as one command line argument."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_argument(cls, argument: str) -> Self:
        """The inverse of `to_argument`."""
        return cls(**json.loads(argument))


def memory_for(max_file_bytes: int) -> int:
    """Address space for files of a size: twice the file while it is read, and as much for its index."""
    return _BASE_BYTES + 4 * max_file_bytes


def give_up_root() -> None:
    """Become nobody, if this process is root: limits hold for those only who may not raise them."""
    if os.geteuid() != 0:
        return
    # Some containers have no user but root.
    with suppress(OSError):
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL.value, 0, 0, 0)


def restrict_this_process(limits: DecoderLimits) -> None:
    """Give up, for good, what decoding does not need. Everything must be imported and loaded before."""
    limit_resources(limits)
    if can_filter():
        allow_decoding_only()


def limit_resources(limits: DecoderLimits) -> None:
    """Lower what the kernel counts: time, memory, files, children, core dumps.

    With the three standard streams open and no descriptor beyond them allowed, neither a file nor a socket
    can be opened, whatever a demuxer finds in its input.
    """
    _lower(resource.RLIMIT_AS, limits.memory_bytes)
    _lower(resource.RLIMIT_NOFILE, STANDARD_STREAMS)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    _allow_cpu_seconds(limits.cpu_s)


def _allow_cpu_seconds(seconds: int) -> None:
    """Let the process use `seconds` of processor time; past that the kernel ends it (SIGXCPU)."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    bound = seconds if hard == resource.RLIM_INFINITY else min(seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (bound, hard))


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))
