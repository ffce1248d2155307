"""The limits of a decoder process, and how it puts them on itself."""

import dataclasses
import json
import math
import resource
from dataclasses import dataclass
from typing import Self

_STANDARD_STREAMS = 3


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What decoding one file may cost.

    Attributes:
        max_duration_s: Audio longer than this is refused while it is being decoded.
        wall_s: Real time for one file; the process is killed after it.
        cpu_s: Processor time for one file; the kernel ends the process after it.
        memory_bytes: Address space of the process. Python and the codecs take about 160 MB of it, a file its
            own size; the decoded samples are handed on as they come and take none.
    """

    max_duration_s: float = 3600.0
    wall_s: float = 30.0
    cpu_s: int = 20
    memory_bytes: int = 1 << 30

    def to_argument(self) -> str:
        """The limits as one command line argument."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_argument(cls, argument: str) -> Self:
        """The inverse of `to_argument`."""
        return cls(**json.loads(argument))


def restrict_this_process(limits: DecoderLimits) -> None:
    """Give up, for good, what decoding does not need: more memory, files, connections, children, core dumps.

    With the three standard streams open and no descriptor beyond them allowed, neither a file nor a socket
    can be opened, whatever a demuxer finds in its input. Everything must be imported and loaded before.
    """
    _lower(resource.RLIMIT_AS, limits.memory_bytes)
    _lower(resource.RLIMIT_NOFILE, _STANDARD_STREAMS)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NPROC, 0)


def allow_cpu_seconds(seconds: int) -> None:
    """Let the process use `seconds` of processor time from now on; past that the kernel ends it (SIGXCPU)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(usage.ru_utime + usage.ru_stime) + seconds
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))
