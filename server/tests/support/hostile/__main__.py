"""`make fuzz`: hundreds of hostile files for a decoder and a whole server, and what came of each kind."""

import argparse
import asyncio
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

from support.hostile.crafted import crafted
from support.hostile.files import SPOKEN, SPOKEN_WORD, HostileFile, honest_files
from support.hostile.mutations import mutations
from support.hostile.running import Decoding, Ending, complaints, decode, send, table, trap
from support.running_server import Server
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits, memory_for
from vocafuse_server.core.settings import MIB

_AT_A_TIME = 2
# Files that somebody else made, where they are at hand.
_MORE = Path(__file__).parents[5] / "shared" / "audio" / "hostile"


def main() -> int:
    """Run it; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument(
        "--files", type=int, default=300, help="how many mutations, besides those made by hand"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same one damages the same files alike")
    arguments = parser.parse_args()
    with trap() as (port, callers):
        files = _files(arguments.files, arguments.seed, port)
        say(f"{len(files)} files, seed {arguments.seed}")
        decodings = asyncio.run(_decode_all(files))
        endings, deaths = _send_all(files)
    say(table(decodings, endings))
    found = [*complaints(decodings, endings), *deaths]
    found += [f"somebody was called by {caller}" for caller in callers]
    say("\n".join(found) or "Nobody died, hung, grew too large or called anybody.")
    return 1 if found else 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _files(number: int, seed: int, port: int) -> list[HostileFile]:
    honest = honest_files()
    more = sorted(path for path in _MORE.glob("*") if path.suffix != ".json") if _MORE.is_dir() else []
    return [
        *crafted(honest, port=port),
        *(HostileFile("given", path.name, path.read_bytes()) for path in more),
        *islice(mutations(honest, seed=seed), number),
    ]


async def _decode_all(files: list[HostileFile]) -> list[Decoding]:
    limits = DecoderLimits(max_duration_s=600, wall_s=15, cpu_s=15, memory_bytes=memory_for(25 * MIB))
    pool = DecoderPool(processes=1, limits=limits)
    try:
        return [await decode(pool, file) for file in files]
    finally:
        await pool.close()


def _send_all(files: list[HostileFile]) -> tuple[list[Ending], list[str]]:
    """What came of the files in a server of their own, and who of it died."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data")
        server.start()
        try:
            before = _processes(server)
            with server.client() as client, ThreadPoolExecutor(_AT_A_TIME) as threads:
                endings = list(threads.map(partial(send, client), files))
                endings.append(
                    send(client, HostileFile("honest", SPOKEN.name, SPOKEN.read_bytes(), SPOKEN_WORD))
                )
            dead = before - _processes(server)
            server.stop()
        finally:
            server.close()
        return endings, [f"the server's process {pid} has died" for pid in sorted(dead)]


def _processes(server: Server) -> set[int]:
    """The server's own processes, with the decoders that wait for files."""
    supervisor = server.worker().parent()
    assert supervisor is not None
    children = [supervisor, *supervisor.children()]
    return {child.pid for child in (*children, *server.worker().children())}


if __name__ == "__main__":
    sys.exit(main())
