"""Files made to hurt: each is one file's failure, in time and within the memory that a file may take."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import psutil
import pytest
from support.clips import AUDIO
from support.decoders import decoder_processes
from support.hostile.crafted import crafted, references
from support.hostile.files import HostileFile, honest_files
from support.hostile.mutations import mutations
from support.hostile.running import complaints, decode, trap

from vocafuse_server.audio.containers import sniff
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.errors import AudioTooLong, UnsupportedAudio
from vocafuse_server.audio.limits import DecoderLimits, memory_for
from vocafuse_server.core.settings import MIB

MUTATIONS = 150
SEED = 20261126
# Decodes without the decoder process's limits: what the demuxers' own options are worth.
DEMUX_ALL = """
import io, json, sys
from pathlib import Path
from vocafuse_server.audio.containers import sniff
from vocafuse_server.audio.decoder_process import _serve
for path in sorted(Path(sys.argv[1]).iterdir()):
    data = path.read_bytes()
    out = io.BytesIO()
    _serve(sniff(data), io.BytesIO(data), output=out, max_duration_s=60)
    print(json.dumps([path.name, out.getvalue()[-9:].decode("latin-1")]))
"""


@pytest.fixture(scope="module")
def honest() -> dict[str, bytes]:
    return honest_files()


@pytest.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    limits = DecoderLimits(max_duration_s=600, wall_s=15, cpu_s=15, memory_bytes=memory_for(25 * MIB))
    pool = DecoderPool(processes=1, limits=limits)
    await pool.start()
    yield pool
    await pool.close()


def decoder() -> psutil.Process:
    """The newest one: other pools may be open as well."""
    return max(decoder_processes(), key=psutil.Process.create_time)


async def test_every_container_is_decoded_when_nothing_is_wrong(
    pool: DecoderPool, honest: dict[str, bytes]
) -> None:
    for name, data in honest.items():
        assert (await pool.decode(data)).duration_s == pytest.approx(2.05, abs=0.1), name


async def test_damaged_files_hurt_nobody(pool: DecoderPool, honest: dict[str, bytes]) -> None:
    process = decoder()
    decodings = [await decode(pool, file) for file in islice(mutations(honest, seed=SEED), MUTATIONS)]
    assert complaints(decodings, []) == []
    assert {one.file.kind for one in decodings if one.error is None} != set()
    assert {one.file.kind for one in decodings if one.error is not None} != set()
    assert process.is_running()
    assert process.children() == []


async def test_files_made_by_hand_hurt_nobody(pool: DecoderPool, honest: dict[str, bytes]) -> None:
    process = decoder()
    with trap() as (port, callers):
        decodings = [await decode(pool, file) for file in crafted(honest, port=port)]
    assert callers == []
    assert complaints(decodings, []) == []
    assert all(one.error is None for one in decodings if one.file.spoken is not None)
    refused = {one.file.name: type(one.error) for one in decodings if one.error is not None}
    assert refused["1-hour-opus"] is refused["11-minutes-flac"] is AudioTooLong
    assert refused["5000-deep"] is refused["compressed-movie"] is UnsupportedAudio
    assert process.is_running()


def test_demuxers_open_nothing_even_without_the_limits(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, honest: dict[str, bytes]
) -> None:
    secret = tmp_path_factory.mktemp("secret") / "pipe"
    os.mkfifo(secret)
    with trap() as (port, callers):
        files = [file for file in references(honest, port=port, path=str(secret)) if sniff(file.data[:4096])]
        for file in files:
            (tmp_path / file.name).write_bytes(file.data)
        # Whoever reads the pipe takes away what is in it.
        pipe = os.open(secret, os.O_RDWR | os.O_NONBLOCK)
        os.write(pipe, b"untouched")
        result = subprocess.run(
            [sys.executable, "-c", DEMUX_ALL, str(tmp_path)], capture_output=True, text=True, timeout=60
        )
        left = os.read(pipe, 100)
        os.close(pipe)
    assert result.returncode == 0, result.stderr
    assert [json.loads(line)[0] for line in result.stdout.splitlines()] == sorted(file.name for file in files)
    assert len(files) >= 20
    assert (callers, left) == ([], b"untouched")


async def test_what_is_given_to_the_decoder_is_seen_by_nobody_else(pool: DecoderPool) -> None:
    """A file's process has seen no other, talks to nobody else, and is gone with its file."""
    process = decoder()
    descriptors = process.num_fds()
    for name in ("firefox.ogg", "truncated.mp4", "firefox.ogg"):
        await decode(pool, HostileFile("given", name, (AUDIO / name).read_bytes()))
        assert process.children() == []
    assert process.num_fds() == descriptors
    if os.geteuid() == 0:
        assert process.uids().real != 0
