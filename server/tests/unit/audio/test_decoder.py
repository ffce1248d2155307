import asyncio
import contextlib
import ctypes
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from support.decoders import decoder_processes

from vocafuse_server.audio import messages
from vocafuse_server.audio.containers import Container
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.decoder_child import DecoderChild, DecoderLied
from vocafuse_server.audio.errors import AudioTooLong, DecoderUnavailable, UnsupportedAudio
from vocafuse_server.audio.limits import DecoderLimits

CLIPS = Path(__file__).parents[2] / "audio"
MANIFEST = json.loads((CLIPS / "manifest.json").read_text())
Clip = Callable[[str], bytes]
MakeWav = Callable[..., bytes]


@pytest.fixture
def adopting_orphans() -> Iterator[None]:
    """As for a container's first process, whatever has lost its parent becomes a child of this one."""
    prctl, set_child_subreaper = ctypes.CDLL(None).prctl, 36
    prctl(set_child_subreaper, 1, 0, 0, 0)
    yield
    prctl(set_child_subreaper, 0, 0, 0, 0)


@pytest.mark.parametrize("entry", MANIFEST["formats"], ids=lambda entry: entry["file"])
async def test_recorders_formats(pool: DecoderPool, clip: Clip, entry: dict[str, object]) -> None:
    audio = await pool.decode(clip(str(entry["file"])))
    assert audio.duration_s == pytest.approx(entry["seconds"], abs=0.05)
    assert (audio.codec, audio.sample_rate, audio.channels) == (
        entry["codec"],
        entry["sample_rate"],
        entry["channels"],
    )
    assert audio.samples.dtype == np.float32
    assert 0.1 < np.abs(audio.samples).max() <= 1.0


@pytest.mark.parametrize("entry", MANIFEST["hostile"], ids=lambda entry: entry["file"])
async def test_hostile_files(pool: DecoderPool, clip: Clip, entry: dict[str, str]) -> None:
    if entry["expect"] == "empty-transcript":
        assert not (await pool.decode(clip(entry["file"]))).samples.any()
        return
    with pytest.raises(UnsupportedAudio) as failure:
        await pool.decode(clip(entry["file"]))
    message = str(failure.value)
    assert message.endswith(".")
    assert "/" not in message
    assert "av" not in message.split()


async def test_all_formats_hold_the_same_sound(pool: DecoderPool, clip: Clip) -> None:
    reference = (await pool.decode(clip("wav-16k.wav"))).samples
    for entry in MANIFEST["formats"]:
        samples = (await pool.decode(clip(entry["file"]))).samples
        size = min(len(samples), len(reference))
        loudness = float(np.sqrt(np.mean(samples[:size] ** 2)))
        assert loudness == pytest.approx(float(np.sqrt(np.mean(reference[:size] ** 2))), rel=0.4)


async def test_speech_in_one_channel_only_is_kept(pool: DecoderPool, make_wav: MakeWav) -> None:
    audio = await pool.decode(make_wav(channels=(8000, 0), sample_rate=44_100, frames=44_100))
    assert audio.channels == 2
    assert audio.samples[1000:-1000].mean() == pytest.approx(4000 / 32768, rel=0.01)


@pytest.mark.parametrize("rate", [0, 1, 3_999, 192_001, 4_000_000_000])
async def test_odd_sample_rates_are_refused(pool: DecoderPool, make_wav: MakeWav, rate: int) -> None:
    wav = bytearray(make_wav())
    wav[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(UnsupportedAudio):
        await pool.decode(bytes(wav))


@pytest.mark.parametrize("rate", [4_000, 11_025, 96_000, 192_000])
async def test_other_sample_rates_are_converted(pool: DecoderPool, make_wav: MakeWav, rate: int) -> None:
    audio = await pool.decode(make_wav(sample_rate=rate, frames=rate))
    assert audio.duration_s == pytest.approx(1.0, abs=0.01)
    assert audio.container is Container.WAV


async def test_a_damaged_middle_costs_only_itself(pool: DecoderPool, clip: Clip) -> None:
    data = bytearray(clip("mp3-44k-stereo.mp3"))
    data[30_000:40_000] = bytes(range(250)) * 40
    assert 4.0 < (await pool.decode(bytes(data))).duration_s < 6.5


async def test_the_limit_on_duration_ends_the_decoding(make_wav: MakeWav) -> None:
    pool = DecoderPool(processes=1, limits=DecoderLimits(max_duration_s=2.0))
    with pytest.raises(AudioTooLong, match="limit of 2 seconds"):
        await pool.decode(make_wav(frames=16_000 * 60))
    assert (await pool.decode(make_wav(frames=32_000))).duration_s == 2.0
    await pool.close()


async def test_a_file_that_takes_too_long_is_given_up(clip: Clip) -> None:
    before = set(decoder_processes())
    pool = DecoderPool(processes=1, limits=DecoderLimits(wall_s=0.3))
    await pool.start()
    (child,) = decoders_of(before)
    child.suspend()
    with pytest.raises(UnsupportedAudio, match="too long to decode"):
        await pool.decode(clip("firefox.ogg"))
    await pool.close()
    assert not child.is_running()


async def test_nothing_is_left_of_a_file_that_took_too_long(
    make_wav: MakeWav, adopting_orphans: None
) -> None:
    before = psutil.pids()
    pool = DecoderPool(processes=1, limits=DecoderLimits(wall_s=0.05))
    await pool.start()
    with pytest.raises(UnsupportedAudio, match="too long to decode"):
        await pool.decode(make_wav(sample_rate=48_000, frames=10_000_000))
    await pool.close()
    assert [child for child in psutil.Process().children() if child.pid not in before] == []


async def test_a_crash_is_one_files_failure(make_wav: MakeWav, clip: Clip) -> None:
    # The file does not fit into the address space: the process ends while it reads it.
    pool = DecoderPool(processes=1, limits=DecoderLimits(memory_bytes=200 << 20))
    with pytest.raises(UnsupportedAudio):
        await pool.decode(make_wav(frames=40 << 20))
    assert (await pool.decode(clip("firefox.ogg"))).codec == "opus"
    await pool.close()


async def test_a_process_that_somebody_killed_is_no_fault_of_the_file(clip: Clip) -> None:
    before = set(decoder_processes())
    pool = DecoderPool(processes=1, limits=DecoderLimits())
    await pool.start()
    (child,) = decoders_of(before)
    child.suspend()
    decoding = asyncio.create_task(pool.decode(clip("firefox.ogg")))
    await asyncio.wait([decoding], timeout=0.1)
    child.kill()
    with pytest.raises(DecoderUnavailable):
        await decoding
    assert (await pool.decode(clip("firefox.ogg"))).codec == "opus"
    await pool.close()


async def test_a_process_that_died_while_idle_is_replaced(clip: Clip) -> None:
    before = set(decoder_processes())
    pool = DecoderPool(processes=1, limits=DecoderLimits())
    await pool.decode(clip("firefox.ogg"))
    (child,) = decoders_of(before)
    child.kill()
    # Whether the death is known by now or shows in the conversation: the file is not blamed for it.
    with contextlib.suppress(DecoderUnavailable):
        await pool.decode(clip("firefox.ogg"))
    assert (await pool.decode(clip("firefox.ogg"))).codec == "opus"
    await pool.close()


async def test_a_cancelled_file_leaves_a_clean_pool(clip: Clip) -> None:
    before = set(decoder_processes())
    pool = DecoderPool(processes=1, limits=DecoderLimits())
    await pool.start()
    (child,) = decoders_of(before)
    child.suspend()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await pool.decode(clip("firefox.ogg"))
    assert (await pool.decode(clip("wav-16k.wav"))).codec == "pcm_s16le"
    await pool.close()
    assert not child.is_running()


async def test_files_wait_for_their_turn(clip: Clip) -> None:
    before = set(decoder_processes())
    pool = DecoderPool(processes=2, limits=DecoderLimits())
    results = await asyncio.gather(*(pool.decode(clip("firefox.ogg")) for _ in range(6)))
    assert len(decoders_of(before)) == 2
    assert all(np.array_equal(result.samples, results[0].samples) for result in results)
    await pool.close()
    assert decoders_of(before) == []


async def test_closing_ends_what_is_at_work(clip: Clip) -> None:
    before = set(decoder_processes())
    pool = DecoderPool(processes=1, limits=DecoderLimits())
    await pool.start()
    (child,) = decoders_of(before)
    child.suspend()
    decoding = [asyncio.create_task(pool.decode(clip("firefox.ogg"))) for _ in range(2)]
    await asyncio.wait(decoding, timeout=0.1)
    await pool.close()
    assert decoders_of(before) == []
    for given_up in decoding:
        with pytest.raises(DecoderUnavailable):
            await given_up


async def test_samples_that_no_decoder_sends_are_a_lie() -> None:
    ours, decoders_end = socket.socketpair()
    ended = await asyncio.create_subprocess_exec("true")
    child = DecoderChild(ended, ours)
    talking = asyncio.create_task(child.converse(Container.WAV, b"", max_bytes=100))
    with decoders_end:
        _, (descriptor,), _, _ = await asyncio.to_thread(socket.recv_fds, decoders_end, 1, 1)
    with socket.socket(fileno=descriptor) as file:
        file.sendall(messages.HEAD.pack(messages.SAMPLES, 3) + b"odd")
        with pytest.raises(DecoderLied):
            await talking
    await child.wait()


async def test_a_closed_pool_says_so(clip: Clip) -> None:
    pool = DecoderPool(processes=1, limits=DecoderLimits())
    await pool.close()
    with pytest.raises(DecoderUnavailable):
        await pool.decode(clip("firefox.ogg"))


def test_decoders_end_with_the_server() -> None:
    program = (
        "import asyncio, os, psutil\n"
        "from vocafuse_server.audio.decoder import DecoderPool\n"
        "from vocafuse_server.audio.limits import DecoderLimits\n"
        "async def main():\n"
        "    pool = DecoderPool(processes=1, limits=DecoderLimits())\n"
        "    await pool.start()\n"
        "    print(psutil.Process().children()[0].pid, flush=True)\n"
        "    os._exit(1)\n"
        "asyncio.run(main())\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert result.stdout, result.stderr
    try:
        child = psutil.Process(int(result.stdout))
    except psutil.NoSuchProcess:
        return
    assert psutil.wait_procs([child], timeout=10)[1] == []


def decoders_of(pool_before: set[psutil.Process]) -> list[psutil.Process]:
    """The decoder processes that were started after `pool_before` was taken."""
    return [child for child in decoder_processes() if child not in pool_before]
