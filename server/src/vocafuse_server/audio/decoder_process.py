"""The program that decodes uploads: `python -m vocafuse_server.audio.decoder_process LIMITS`.

It forks a process for each file (`messages.py`), until its input ends, and never sees one itself: whatever a
file does to the process that decodes it, the next one gets a process that has seen none.

It imports little, so that it starts and forks fast: numpy is not needed, and the codecs do not load it.
"""

import contextlib
import gc
import io
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO, cast

import av
import av.logging
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from vocafuse_server.audio.containers import Container
from vocafuse_server.audio.errors import AudioError, AudioTooLong, UnsupportedAudio
from vocafuse_server.audio.limits import (
    STANDARD_STREAMS,
    DecoderLimits,
    end_with_parent,
    give_up_root,
    restrict_this_process,
)
from vocafuse_server.audio.messages import (
    ENDED,
    HEAD,
    READY,
    RESULT,
    SAMPLE_BYTES,
    SAMPLE_RATE,
    SAMPLES,
    START,
    UNFILTERED,
)
from vocafuse_server.audio.seccomp import can_filter

_SAMPLES_MESSAGE_BYTES = 1 << 16
_READ_BYTES = 1 << 20
_MIN_SAMPLE_RATE, _MAX_SAMPLE_RATE = 4_000, 192_000
_MAX_CHANNELS = 32
# A damaged hour of 20 ms packets has this many bad ones when a fortieth of it is lost; the limit is against
# demuxers that report the same error for ever.
_MAX_BAD_PACKETS = 5_000

_DEMUXERS = {Container.WEBM: "matroska", Container.MP4: "mov", Container.WMA: "asf"}
# fmt: off
_DECODERS = frozenset({
    "opus", "vorbis", "aac", "mp3", "mp3float", "mp2", "mp2float", "flac", "alac", "amrnb", "amrwb",
    "wmav1", "wmav2", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "gsm", "gsm_ms", "pcm_s8", "pcm_u8",
    "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be",
    "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw",
})
# fmt: on


def main() -> None:
    """Start, and fork a process for each file until the input ends."""
    limits = DecoderLimits.from_argument(sys.argv[1])
    av.logging.set_level(None)
    _decode_silence()
    # What is loaded by now is shared with all that are forked: no collection needs to look at it again.
    gc.collect()
    gc.freeze()
    give_up_root()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as pool:
        pool.sendall(ENDED.pack(READY if can_filter() else UNFILTERED, 0))
        while (file := _next_file(pool)) is not None:
            pool.sendall(ENDED.pack(*_serve_forked(file, limits)))


def _next_file(pool: socket.socket) -> int | None:
    """The descriptor of the next file's socket."""
    message, descriptors, _, _ = socket.recv_fds(pool, len(START), 1)
    return descriptors[0] if message and descriptors else None


def _serve_forked(file: int, limits: DecoderLimits) -> tuple[int, int]:
    """Serve a file in a process of its own; returns how that ended and its peak memory in KiB."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(OSError):  # The pool has lost interest.
            _serve_here(file, limits)
        os._exit(0)
    os.close(file)
    _, status, usage = os.wait4(pid, 0)
    return status, usage.ru_maxrss


def _serve_here(file: int, limits: DecoderLimits) -> None:
    """Be the process of one file: with its socket as the only way out."""
    end_with_parent()
    os.dup2(file, sys.stdin.fileno())
    os.closerange(STANDARD_STREAMS, file + 1)
    restrict_this_process(limits)
    stream = sys.stdin.fileno()
    with open(stream, "rb", closefd=False) as source, open(stream, "wb", closefd=False) as output:
        request = _read_request(source)
        if request is not None:
            _serve(*request, output=output, max_duration_s=limits.max_duration_s)


def _serve(container: Container, file: BinaryIO, *, output: BinaryIO, max_duration_s: float) -> None:
    """Decode one file and send its samples and the result."""
    result: dict[str, object]
    try:
        result = _decode(container, file, output=output, max_duration_s=max_duration_s)
    except AudioError as error:
        result = {"error": error.code, "message": str(error)}
    except (FFmpegError, ValueError, MemoryError):
        # ValueError: PyAV on parameters it can't represent. MemoryError: the limit of the address space.
        result = {
            "error": UnsupportedAudio.code,
            "message": "The file is damaged and holds no playable audio.",
        }
    _send(output, RESULT, json.dumps(result).encode())


def _decode(
    container: Container, file: BinaryIO, *, output: BinaryIO, max_duration_s: float
) -> dict[str, object]:
    with _open(container, file) as source:
        stream = _first_audio_stream(source)
        context = stream.codec_context
        pending = bytearray()
        total_bytes = 0
        for piece in _resample(_frames(source, stream)):
            total_bytes += len(piece)
            if total_bytes > max_duration_s * SAMPLE_RATE * SAMPLE_BYTES:
                raise AudioTooLong(f"The audio is longer than the limit of {max_duration_s:g} seconds.")
            pending += piece
            if len(pending) >= _SAMPLES_MESSAGE_BYTES:
                _send(output, SAMPLES, pending)
                pending.clear()
        if total_bytes == 0:
            raise UnsupportedAudio("The file holds no playable audio.")
        _send(output, SAMPLES, pending)
        return {
            "codec": context.codec.canonical_name,
            "sample_rate": context.sample_rate,
            "channels": context.channels,
            "bit_rate": context.bit_rate or source.bit_rate or None,
        }


def _open(container: Container, file: BinaryIO) -> InputContainer:
    """Open with the one demuxer that fits; it can reach nothing but `file`."""
    demuxer = _DEMUXERS.get(container, container.value)
    return av.open(
        file,
        mode="r",
        format=demuxer,
        container_options={
            "format_whitelist": demuxer,
            "protocol_whitelist": "none",
            "codec_whitelist": ",".join(sorted(_DECODERS)),
        },
        metadata_errors="replace",
        io_open=_refuse_to_open,
    )


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> BinaryIO:
    """A file may name others (MP4 data references, for instance); none is ever opened."""
    raise PermissionError


def _first_audio_stream(source: InputContainer) -> AudioStream:
    if not source.streams.audio:
        raise UnsupportedAudio("The file holds no audio track.")
    stream = source.streams.audio[0]
    # PyAV has no codec context for a codec that FFmpeg can't decode, though its types promise one.
    context = cast(AudioCodecContext | None, stream.codec_context)
    if context is None or context.name not in _DECODERS:
        raise UnsupportedAudio("The audio is encoded in a way that is not supported.")
    if not 1 <= context.channels <= _MAX_CHANNELS:
        raise UnsupportedAudio(f"The audio has {context.channels} channels, which is not supported.")
    _check_sample_rate(context.sample_rate)
    # A decoder with threads of its own would meet the limit on processes.
    context.thread_count = 1
    return stream


def _check_sample_rate(rate: int) -> None:
    if not _MIN_SAMPLE_RATE <= rate <= _MAX_SAMPLE_RATE:
        raise UnsupportedAudio(f"The audio has a sample rate of {rate} Hz, which is not supported.")


def _frames(source: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """The stream's decoded frames; damaged packets are left out, up to a limit."""
    bad_packets = 0
    for packet in _packets(source, stream):
        try:
            frames = packet.decode()
        except FFmpegError:
            bad_packets += 1
            if bad_packets > _MAX_BAD_PACKETS:
                return
        else:
            yield from frames


def _packets(source: InputContainer, stream: AudioStream) -> "Iterator[Packet[AudioStream]]":
    """The stream's packets, and the empty one at the end that makes the decoder give its last frames."""
    packets = source.demux(stream)
    for _ in range(_MAX_BAD_PACKETS):
        try:
            yield from packets
        except FFmpegError:
            # The error has ended the iterator; a new one goes on where it stopped.
            packets = source.demux(stream)
        else:
            return


def _resample(frames: Iterator[AudioFrame]) -> Iterator[bytes]:
    """Convert to 16-bit mono at 16 kHz. A stream may change its parameters midway (chained Ogg, AAC)."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    parameters: tuple[str, str, int] | None = None
    for frame in frames:
        current = (frame.format.name, frame.layout.name, frame.sample_rate)
        if current != parameters:
            _check_sample_rate(frame.sample_rate)
            yield from _samples(resampler.resample(None))
            resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            parameters = current
        # The time stamps of a damaged file would only confuse the resampler; order is all that matters.
        frame.pts = None
        yield from _samples(resampler.resample(frame))
    yield from _samples(resampler.resample(None))


def _samples(frames: list[AudioFrame]) -> Iterator[bytes]:
    # A plane is padded for alignment beyond its samples.
    return (bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES] for frame in frames if frame.samples)


def _decode_silence() -> None:
    """Decode a little silence, so that all that is loaded on first use is loaded before the limits apply."""
    data = bytes(2 * 4800)
    fmt = struct.pack("<HHIIHH", 1, 1, 48_000, 96_000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data)) + data
    wav = b"RIFF" + struct.pack("<I", len(body)) + body
    _decode(Container.WAV, io.BytesIO(wav), output=io.BytesIO(), max_duration_s=1.0)


def _read_request(stream: BinaryIO) -> tuple[Container, BinaryIO] | None:
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    _, length = HEAD.unpack(head)
    request = json.loads(stream.read(length))
    file = io.BytesIO()
    missing = int(request["size"])
    while missing and (piece := stream.read(min(missing, _READ_BYTES))):
        missing -= len(piece)
        file.write(piece)
    file.seek(0)
    return None if missing else (Container(request["container"]), file)


def _send(stream: BinaryIO, kind: bytes, payload: bytes | bytearray) -> None:
    stream.write(HEAD.pack(kind, len(payload)))
    stream.write(payload)
    stream.flush()


if __name__ == "__main__":
    main()
