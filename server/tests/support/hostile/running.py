"""Hostile files given to a decoder, and to a whole server; and the table of what came of them."""

import socket
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from support.hostile.files import HostileFile
from vocafuse import Client, TranscriptionFailedError, ValidationError, WaitTimeoutError
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.errors import AudioError, DecoderUnavailable

MAX_SECONDS = 20.0
MAX_PEAK_BYTES = 512 * 10**6
_KINDS = ("refused", "failed", "transcribed")


@dataclass(frozen=True, slots=True)
class Decoding:
    """What came of a file in the decoder: the reason why it can't be decoded, if so."""

    file: HostileFile
    error: AudioError | None
    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of a file in a whole server: `refused`, `failed` or `transcribed`, and why or what."""

    file: HostileFile
    status: str
    text: str
    seconds: float


async def decode(pool: DecoderPool, file: HostileFile) -> Decoding:
    """Give a file to the decoder."""
    pool.peak_bytes = 0
    error: AudioError | None = None
    started = time.monotonic()
    try:
        await pool.decode(file.data)
    except AudioError as raised:
        error = raised
    return Decoding(file, error, time.monotonic() - started, pool.peak_bytes)


def send(client: Client, file: HostileFile) -> Ending:
    """Upload a file, and wait for the end of its note."""
    started = time.monotonic()
    try:
        upload = client.voicenotes.upload(BytesIO(file.data))
    except ValidationError as error:
        return Ending(file, "refused", error.message, time.monotonic() - started)
    try:
        client.voicenotes.wait(upload.id, timeout=2 * MAX_SECONDS)
    except TranscriptionFailedError as error:
        return Ending(file, "failed", error.message, time.monotonic() - started)
    except WaitTimeoutError as error:
        return Ending(file, "unfinished", error.message, time.monotonic() - started)
    seconds = time.monotonic() - started
    return Ending(file, "transcribed", client.voicenotes(upload.id).transcription.get().text, seconds)


def complaints(decodings: Iterable[Decoding], endings: Iterable[Ending]) -> list[str]:
    """Everything that did not end as it should: in time, small, with a reason or with the right text."""
    found = [
        f"{one.file}: {one.seconds:.1f} s, {one.peak_bytes / 1e6:.0f} MB, {one.error!r}"
        for one in decodings
        if one.seconds > MAX_SECONDS
        or one.peak_bytes > MAX_PEAK_BYTES
        or isinstance(one.error, DecoderUnavailable)
    ]
    for one in endings:
        has_reason = one.status == "transcribed" or (one.text.endswith(".") and "our side" not in one.text)
        is_heard = one.file.spoken is None or one.file.spoken in one.text.lower()
        if one.seconds > MAX_SECONDS or not has_reason or not is_heard:
            found.append(f"{one.file}: {one.status} after {one.seconds:.1f} s: {one.text!r}")
    return found


@contextmanager
def trap() -> Generator[tuple[int, list[str]]]:
    """A port of the loopback address on which nobody should call, and who did; filled when it closes."""
    callers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1], callers
        listener.setblocking(False)
        try:
            while True:
                connection, address = listener.accept()
                connection.close()
                callers.append(str(address))
        except BlockingIOError:
            return


def table(decodings: Iterable[Decoding], endings: Iterable[Ending]) -> str:
    """For each kind of file: how many there were, what came of them, the slowest, the largest decoder."""
    decoded, ended = list(decodings), list(endings)
    lines = [
        f"{'kind':18} {'files':>6} {'refused':>8} {'failed':>7} {'transcribed':>12}"
        f" {'slowest':>9} {'peak':>8}"
    ]
    for kind in [*sorted({ending.file.kind for ending in ended}), "all"]:
        of_kind = [ending for ending in ended if kind in {ending.file.kind, "all"}]
        counts = [sum(ending.status == status for ending in of_kind) for status in _KINDS]
        slowest = max(ending.seconds for ending in of_kind)
        peak = max((one.peak_bytes for one in decoded if kind in {one.file.kind, "all"}), default=0)
        lines.append(
            f"{kind:18} {len(of_kind):6} {counts[0]:8} {counts[1]:7} {counts[2]:12}"
            f" {slowest:7.1f} s {peak / 1e6:5.0f} MB"
        )
    return "\n".join(lines)
