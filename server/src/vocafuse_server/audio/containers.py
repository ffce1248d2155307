"""Tells an audio file's container by its first bytes.

Only what is recognised here is ever handed to a demuxer, and then to that one demuxer: text formats that
make a demuxer open other files (playlists, concat scripts, edit lists) have no entry.
"""

from dataclasses import dataclass
from enum import StrEnum

SNIFF_BYTES = 4096
"""How much of the beginning `sniff` wants to see."""


class Container(StrEnum):
    """The containers that are accepted; the value is the format's usual file extension."""

    WEBM = "webm"
    OGG = "ogg"
    MP4 = "mp4"
    MP3 = "mp3"
    WAV = "wav"
    FLAC = "flac"
    AAC = "aac"
    AIFF = "aiff"
    AMR = "amr"
    CAF = "caf"
    WMA = "wma"

    @property
    def extension(self) -> str:
        """The file name extension, without a dot."""
        return self.value


_ASF_HEADER_GUID = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_EBML_MAGIC = bytes.fromhex("1a45dfa3")
_MP4_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_ID3_HEADER_BYTES = 10

# ISO 11172-3 and 13818-3, by layer: the bit rates in kbit/s of index 1 to 14, for MPEG-1 and for MPEG-2/2.5.
_BIT_RATES_MPEG1 = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_BIT_RATES_MPEG2 = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG1_SAMPLE_RATES = (44_100, 48_000, 32_000)


@dataclass(frozen=True, slots=True)
class _MpegFrame:
    """What consecutive frames of one stream have in common, and this one's size."""

    version: int
    layer: int
    sample_rate: int
    size: int

    def same_stream(self, other: "_MpegFrame") -> bool:
        return (self.version, self.layer, self.sample_rate) == (other.version, other.layer, other.sample_rate)


def sniff(head: bytes) -> Container | None:
    """Tell the container of a file.

    Args:
        head: The file's first bytes; `SNIFF_BYTES` of them, or the whole file if it is shorter.

    Returns:
        The container, or None if it is none of the accepted ones.
    """
    container = _by_magic(head)
    if container is not None:
        return container
    if head.startswith(b"ID3"):
        return _after_id3(head)
    return _by_frames(head)


def _by_magic(head: bytes) -> Container | None:
    if head.startswith(_EBML_MAGIC):
        # The document type stands in the first element; other EBML files are not media.
        return Container.WEBM if b"webm" in head[:128] or b"matroska" in head[:128] else None
    if head[:4] in {b"RIFF", b"RF64", b"BW64"}:
        return Container.WAV if head[8:12] == b"WAVE" else None
    if head.startswith(b"FORM"):
        return Container.AIFF if head[8:12] in {b"AIFF", b"AIFC"} else None
    for magic, container in (
        (b"OggS\0", Container.OGG),
        (b"fLaC", Container.FLAC),
        (b"#!AMR\n", Container.AMR),
        (b"#!AMR-WB\n", Container.AMR),
        (b"caff\0\1", Container.CAF),
        (_ASF_HEADER_GUID, Container.WMA),
    ):
        if head.startswith(magic):
            return container
    return Container.MP4 if _is_mp4(head) else None


def _is_mp4(head: bytes) -> bool:
    size = int.from_bytes(head[:4], "big")
    # 0: the box reaches to the end of the file; 1: a 64-bit size follows.
    return head[4:8] in _MP4_FIRST_BOXES and (size in {0, 1} or size >= 8)


def _after_id3(head: bytes) -> Container | None:
    """What follows ID3v2 tags; MP3 if they (a cover picture, for instance) are longer than the head."""
    rest = head
    while rest.startswith(b"ID3"):
        if len(rest) < _ID3_HEADER_BYTES or any(byte & 0x80 for byte in rest[6:10]):
            return None
        size = 0
        for byte in rest[6:10]:
            size = size << 7 | byte
        rest = rest[_ID3_HEADER_BYTES + size :].lstrip(b"\0")
    if not rest:
        return Container.MP3 if len(head) >= SNIFF_BYTES else None
    return Container.FLAC if rest.startswith(b"fLaC") else _by_frames(rest)


def _by_frames(head: bytes) -> Container | None:
    """MP3 and ADTS have no magic but a sync word in each frame: two frames in a row must make sense."""
    data = head.lstrip(b"\0")
    first = _mpeg_frame(data)
    if first is not None:
        following = data[first.size :]
        second = _mpeg_frame(following)
        if len(following) < 4 or (second is not None and first.same_stream(second)):
            return Container.MP3
        return None
    size = _adts_frame_size(data)
    if size is not None:
        following = data[size:]
        if len(following) < 7 or _adts_frame_size(following) is not None:
            return Container.AAC
    return None


def _mpeg_frame(data: bytes) -> _MpegFrame | None:
    """Read an MPEG audio frame header; not of free-format streams, which don't tell the frame's size."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version = data[1] >> 3 & 3  # 0: MPEG-2.5, 1: reserved, 2: MPEG-2, 3: MPEG-1
    layer = 4 - (data[1] >> 1 & 3)
    rate_index, sample_index = data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or layer == 4 or rate_index in {0, 15} or sample_index == 3:
        return None
    bit_rate = 1000 * (_BIT_RATES_MPEG1 if version == 3 else _BIT_RATES_MPEG2)[layer][rate_index - 1]
    sample_rate = _MPEG1_SAMPLE_RATES[sample_index] // {3: 1, 2: 2, 0: 4}[version]
    padding = data[2] >> 1 & 1
    if layer == 1:
        size = (12 * bit_rate // sample_rate + padding) * 4
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        size = samples // 8 * bit_rate // sample_rate + padding
    return _MpegFrame(version, layer, sample_rate, size)


def _adts_frame_size(data: bytes) -> int | None:
    """Read the frame size from an ADTS header (ISO 13818-7), or None if it is not one."""
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or data[2] >> 2 & 15 > 12:
        return None
    size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    return size if size >= 7 else None
