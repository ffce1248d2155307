"""Hostile files and an honest one at the same time, in the running server."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

import pytest
from support.hostile.crafted import crafted
from support.hostile.files import SPOKEN, SPOKEN_WORD, HostileFile, honest_files
from support.hostile.mutations import mutations
from support.hostile.running import complaints, send, trap
from support.running_server import Server

pytestmark = pytest.mark.xdist_group("e2e")

BY_HAND = {
    *("hls", "hls-in-wav", "dref-url", "id3-zlib-bomb", "compressed-movie", "byte-rate-of-4-GB"),
    *("5000-streams", "11-minutes-flac"),
}


def test_hostile_files_end_with_a_reason_and_the_honest_one_with_its_text(server: Server) -> None:
    honest = honest_files()
    spoken = HostileFile("honest", SPOKEN.name, SPOKEN.read_bytes(), SPOKEN_WORD)
    worker, decoders = server.worker(), server.worker().children()
    with trap() as (port, callers), server.client() as client, ThreadPoolExecutor(4) as threads:
        by_hand = [file for file in crafted(honest, port=port) if file.name in BY_HAND]
        files = [*by_hand, *islice(mutations(honest, seed=3), 8), spoken]
        endings = list(threads.map(partial(send, client), files))
    assert complaints([], endings) == []
    assert {"refused", "failed", "transcribed"} == {ending.status for ending in endings}
    assert callers == []
    assert (server.worker(), server.worker().children()) == (worker, decoders)
