"""What a model runs on: the device, how its numbers are kept, how many calls at a time."""

from dataclasses import dataclass

import ctranslate2
from threadpoolctl import threadpool_limits

from vocafuse_server.core.cpus import usable_cpus
from vocafuse_server.core.settings import Settings
from vocafuse_server.transcription.engine import TranscriptionError

_MOST_WORKERS = 4
# What is taken on each device, if it can be had; some GPUs are slow or unable in float16.
_PREFERRED = {"cpu": ("int8", "float32"), "cuda": ("float16", "float32")}


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a model runs on.

    Attributes:
        device: "cpu" or "cuda".
        compute_type: One of CTranslate2's.
        workers: Calls that run at the same time.
        threads: Threads of each.
    """

    device: str
    compute_type: str
    workers: int
    threads: int


def hardware_for(settings: Settings) -> Hardware:
    """What the settings ask for.

    Raises:
        TranscriptionError: This machine can't do it.
    """
    return choose_hardware(
        device=settings.model_device,
        compute_type=settings.model_compute_type,
        workers=settings.model_workers,
        threads=settings.model_threads,
    )


def choose_hardware(
    *,
    device: str = "auto",
    compute_type: str = "auto",
    workers: int | None = None,
    threads: int | None = None,
) -> Hardware:
    """Fill in what is left open, and see that this machine can do the rest.

    Two workers with one thread each do 1.5 times as much as one with two, which wait for each other at every
    operator; a note that is alone takes 0.30 s instead of 0.26 s. So cores become workers first, up to four,
    and threads after that. A GPU has as many workers: it stands idle while one of them reads tokens off it.
    65 short notes took an H200 1.28 s with one worker, 0.69 with two, 0.52 with four.

    Raises:
        TranscriptionError: This machine can't do it; the sentence says what it can do.
    """
    device = _choose_device(device)
    compute_type = _choose_compute_type(compute_type, device)
    cores = usable_cpus()
    workers = workers or min(_MOST_WORKERS, max(1, cores // (threads or 1)))
    threads = threads or (1 if device == "cuda" else max(1, cores // workers))
    return Hardware(device, compute_type, workers, threads)


def keep_numpy_to_one_thread() -> None:
    """Let NumPy multiply without helper threads, in this whole process.

    They would gain nothing on matrices as small as a note's, and after each product they spin for 70 ms, on
    the cores that the workers need.
    """
    threadpool_limits(1, user_api="blas")


def _choose_device(asked: str) -> str:
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    if asked == "cuda" and not has_gpu:
        raise TranscriptionError(
            "VOCAFUSE_MODEL_DEVICE is cuda, but there is no NVIDIA GPU here with a driver that works:"
            " set it to cpu or auto."
        )
    return ("cuda" if has_gpu else "cpu") if asked == "auto" else asked


def _choose_compute_type(asked: str, device: str) -> str:
    possible = ctranslate2.get_supported_compute_types(device)
    if asked == "auto":
        return next(name for name in (*_PREFERRED[device], *sorted(possible)) if name in possible)
    if asked not in possible:
        raise TranscriptionError(
            f"VOCAFUSE_MODEL_COMPUTE_TYPE is {asked}, which {device} can't do here:"
            f" set it to {', '.join(sorted(possible))} or auto."
        )
    return asked
