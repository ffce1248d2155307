"""What a model runs on: chosen for this machine, or refused with what is possible."""

from typing import get_args

import ctranslate2
import pytest

from vocafuse_server.core.cpus import usable_cpus
from vocafuse_server.core.setting_types import ComputeType
from vocafuse_server.core.settings import Settings
from vocafuse_server.transcription.engine import TranscriptionError
from vocafuse_server.transcription.hardware import Hardware, choose_hardware, hardware_for


def test_processors_become_workers_first_and_threads_then() -> None:
    cores = usable_cpus()
    chosen = choose_hardware(device="cpu")
    assert chosen.compute_type == "int8"
    assert chosen.workers == min(cores, 4)
    assert chosen.threads == cores // chosen.workers
    assert choose_hardware(device="cpu", threads=cores).workers == 1
    assert choose_hardware(device="cpu", workers=1).threads == cores


def test_the_settings_decide() -> None:
    settings = Settings(model_device="cpu", model_compute_type="float32", model_workers=3, model_threads=2)
    assert hardware_for(settings) == Hardware("cpu", "float32", workers=3, threads=2)


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused() -> None:
    if ctranslate2.get_cuda_device_count():
        pytest.skip("this machine has a GPU")
    assert choose_hardware().device == "cpu"
    with pytest.raises(TranscriptionError, match=r"no NVIDIA GPU here.*set it to cpu or auto"):
        choose_hardware(device="cuda")


def test_a_compute_type_that_this_machine_lacks_is_refused_with_those_it_has() -> None:
    possible = ctranslate2.get_supported_compute_types("cpu")
    lacking = next(name for name in get_args(ComputeType) if name not in {*possible, "auto"})
    with pytest.raises(TranscriptionError) as refused:
        choose_hardware(device="cpu", compute_type=lacking)
    assert f"is {lacking}" in str(refused.value)
    assert all(name in str(refused.value) for name in possible)
