"""Files made by hand, each against one weakness that decoders have had."""

import struct
import zlib
from collections.abc import Iterator, Mapping

from support.hostile.files import SPOKEN_WORD, HostileFile, silence

_MEGABYTE = 1 << 20


def crafted(honest: Mapping[str, bytes], *, port: int, path: str = "/etc/passwd") -> list[HostileFile]:
    """All of them.

    Args:
        port: Where on the loopback address those that name a URL want to make the decoder call.
        path: What those that name a file want it to open.
    """
    return [
        *references(honest, port=port, path=path),
        *_tags(honest),
        *_wav(honest["wav"]),
        *_mp4(honest["mp4-aac"]),
        *_matroska(honest["mkv-pcm"]),
        *_others(honest),
        *_silences(),
    ]


def references(honest: Mapping[str, bytes], *, port: int, path: str) -> Iterator[HostileFile]:
    """Playlists and references that name files and URLs, in all sorts of disguise."""
    url = f"http://127.0.0.1:{port}/x.wav"
    texts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXTINF:9,\nfile://{path}\n",
        "hls-key": f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n',
        "concat": f"ffconcat version 1.0\nfile '{url}'\nfile {path}\n",
        "dash": f'<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>',
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio {port} RTP/AVP 0\n",
        "rtsp": f"[Reference]\nRef1=rtsp://127.0.0.1:{port}/\n",
        "asx": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "edl": f"# mpv EDL v0\n{url},0,9\n",
        "lavfi": f"amovie={url}",
        "image2": f"{path}%d",
    }
    for name, text in texts.items():
        content = text.encode()
        yield HostileFile("reference", name, content)
        yield HostileFile("reference", f"{name}-after-id3", _id3(b"") + content)
        yield HostileFile("reference", f"{name}-in-wav", _riff(_chunk(b"data", content)))
        yield HostileFile("reference", f"{name}-in-ogg", b"OggS\0" + content)
    target = path.encode()
    alias = (
        bytes(150) + struct.pack(">HH", 2, len(target)) + target + bytes(len(target) % 2) + b"\xff\xff\0\0"
    )
    for name, entry in {
        "url": _box(b"url ", bytes(4) + url.encode() + b"\0"),
        "file": _box(b"url ", bytes(4) + f"file://{path}\0".encode()),
        "urn": _box(b"urn ", bytes(4) + b"name\0" + url.encode() + b"\0"),
        "alias": _box(b"alis", bytes(4) + alias),
        "resource": _box(b"rsrc", bytes(4) + alias),
    }.items():
        yield HostileFile("reference", f"dref-{name}", _with_reference(honest["mp4-aac"], entry))


def _tags(honest: Mapping[str, bytes]) -> Iterator[HostileFile]:
    """What is said about the audio takes more than the audio."""
    mp3, flac = honest["mp3"], honest["flac"]
    picture = b"\0image/png\0\3\0" + bytes(100)
    cases = {
        "megabytes": _id3(_frame(b"TXXX", bytes(20 * _MEGABYTE))),
        "thousands-of-pictures": _id3(_frame(b"APIC", picture) * 5000),
        "thousands-of-chapters": _id3(_frame(b"CHAP", b"c\0" + bytes(16)) * 20_000),
        "thousands-of-texts": _id3(_frame(b"TXXX", b"\0a\0b") * 50_000),
        "zlib-bomb": _id3(_frame(b"APIC", _deflated_size(picture + bytes(300 * _MEGABYTE)), flags=9)),
        "claims-to-be-endless": b"ID3\4\0\0\x7f\x7f\x7f\x7f",
        "many-tags": _id3(b"") * 20_000,
    }
    for name, tag in cases.items():
        yield HostileFile("tags", f"id3-{name}", tag + mp3)
    yield HostileFile("tags", "id3-small", _id3(_frame(b"TIT2", b"\0title")) + mp3, SPOKEN_WORD)
    block = b"\4" + (16 * _MEGABYTE - 1).to_bytes(3, "big")
    yield HostileFile("tags", "flac-comment-claims-16-MB", flac[:42] + block + flac[42:])
    lying = b"\6" + (32).to_bytes(3, "big") + b"\xff" * 32
    yield HostileFile("tags", "flac-picture-lies", flac[:4] + flac[4:42] + lying * 1000 + flac[42:])
    comments = b"\3vorbis" + struct.pack("<III", 0xFFFF_FFF0, 0x7FFF_FFFF, 0xFFFF_FFFF)
    yield HostileFile("tags", "vorbis-comments-lie", _with_second_ogg_packet(honest["ogg-vorbis"], comments))


def _wav(honest: bytes) -> Iterator[HostileFile]:
    speech = honest[44:]
    for name, (kind, channels, rate, byte_rate, align, bits) in {
        "65535-channels": (1, 65535, 16_000, 32_000, 2, 16),
        "0-align": (1, 1, 16_000, 32_000, 0, 16),
        "0-bits": (1, 1, 16_000, 32_000, 2, 0),
        "65535-bits": (1, 1, 16_000, 32_000, 2, 65535),
        "byte-rate-of-4-GB": (2, 1, 16_000, 0xFFFF_FFFF, 256, 4),
        "unknown-format": (0xBEEF, 1, 16_000, 32_000, 2, 16),
        "mp3-inside": (0x55, 1, 16_000, 32_000, 1, 0),
        "gsm": (0x31, 1, 8_000, 1625, 65, 0),
        "4-GHz": (1, 1, 4_000_000_000, 0xFFFF_FFFF, 2, 16),
    }.items():
        fmt = struct.pack("<HHIIHH", kind, channels, rate, byte_rate, align, bits)
        yield HostileFile("wav", name, _riff(_chunk(b"fmt ", fmt) + _chunk(b"data", speech)))
    fmt = _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))
    yield HostileFile("wav", "claims-4-GB", _riff(fmt + b"data\xff\xff\xff\xff" + speech), SPOKEN_WORD)
    yield HostileFile(
        "wav", "100000-chunks", _riff(fmt + _chunk(b"junk", b"") * 100_000 + _chunk(b"data", speech))
    )
    yield HostileFile("wav", "1000-formats", _riff(fmt * 1000 + _chunk(b"data", speech)), SPOKEN_WORD)
    ds64 = _chunk(b"ds64", struct.pack("<QQQI", 1 << 62, 1 << 62, 1 << 62, 0xFFFF_FFFF))
    yield HostileFile(
        "wav", "rf64", b"RF64\xff\xff\xff\xffWAVE" + ds64 + fmt + b"data\xff\xff\xff\xff" + speech
    )


def _mp4(honest: bytes) -> Iterator[HostileFile]:
    at = honest.index(b"moov") - 4
    size = int.from_bytes(honest[at : at + 4], "big")
    before, moov, after = honest[:at], honest[at : at + size], honest[at + size :]
    track = moov[moov.index(b"trak") - 4 :]
    track = track[: int.from_bytes(track[:4], "big")]
    movie = moov[8 : moov.index(b"trak") - 4]
    yield HostileFile("mp4", "3000-tracks", before + _box(b"moov", movie + track * 3000) + after)
    deep = b""
    for _ in range(5000):
        deep = _box(b"moov", deep)
    yield HostileFile("mp4", "5000-deep", before + deep)
    yield HostileFile("mp4", "1000-movies", before + moov * 1000 + after)
    bomb = zlib.compress(bytes(300 * _MEGABYTE), 1)
    packed = _box(b"cmov", _box(b"dcom", b"zlib") + _box(b"cmvd", struct.pack(">I", 300 * _MEGABYTE) + bomb))
    yield HostileFile("mp4", "compressed-movie", before + _box(b"moov", packed))
    for table in (b"stsz", b"stts", b"stsc", b"stco"):
        where = moov.index(table) + 4
        count = where + (8 if table == b"stsz" else 4)
        for claim in (0x7FFF_FFFF, 0xFFFF_FFFF, 0x00FF_FFFF):
            lying = moov[:count] + struct.pack(">I", claim) + moov[count + 4 :]
            yield HostileFile("mp4", f"{table.decode()}-claims-{claim:x}", before + lying + after)
    times = moov.index(b"stts") + 4
    yield HostileFile("mp4", "a-sample-of-years", before + _put(moov, times + 12, 0xFFFF_FFFF) + after)
    yield HostileFile("mp4", "free-boxes", before + _box(b"free", b"") * 200_000 + moov + after)
    yield HostileFile("mp4", "a-box-of-2^63", b"\0\0\0\1mdat" + struct.pack(">Q", 1 << 63) + honest)


def _matroska(honest: bytes) -> Iterator[HostileFile]:
    header = honest[: honest.index(b"\x18\x53\x80\x67")]
    segment = b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
    audio = _element(b"\x83", b"\2") + _element(b"\x86", b"A_PCM/INT/LIT") + _element(b"\xe1", b"\x9f\x81\1")
    track = _element(b"\xd7", b"\1") + _element(b"\x73\xc5", b"\1") + audio
    for name, rest in {
        "5000-tracks": _element(b"\x16\x54\xae\x6b", _element(b"\xae", track) * 5000),
        "deep-tags": _nested(b"\x67\xc8", 3000),
        "deep-chapters": _element(b"\x10\x43\xa7\x70", _nested(b"\xb6", 3000)),
        "attachment": _element(
            b"\x19\x41\xa4\x69", _element(b"\x61\xa7", _element(b"\x46\x5c", bytes(20 << 20)))
        ),
        "claims-an-exabyte": b"\x16\x54\xae\x6b\x01\x10\0\0\0\0\0\0",
        "linked": _element(
            b"\x15\x49\xa9\x66",
            _element(b"\x3e\xb9\x23", b"n" * 16) + _element(b"\x3e\x83\xbb", b"/etc/passwd"),
        ),
        "100000-voids": _element(b"\xec", b"") * 100_000,
    }.items():
        yield HostileFile("matroska", name, header + segment + rest)
        yield HostileFile(
            "matroska", f"{name}-and-speech", header + segment + rest + honest[len(header) + 12 :]
        )
    packed = zlib.compress(bytes(100 * _MEGABYTE), 1)
    encoding = _element(b"\x50\x34", _element(b"\x42\x54", b"\0"))
    encodings = _element(b"\x6d\x80", _element(b"\x62\x40", _element(b"\x50\x33", b"\0") + encoding))
    tracks = _element(b"\x16\x54\xae\x6b", _element(b"\xae", track + encodings))
    cluster = _element(
        b"\x1f\x43\xb6\x75", _element(b"\xe7", b"\0") + _element(b"\xa3", b"\x81\0\0\x80" + packed) * 20
    )
    yield HostileFile("matroska", "compressed-packets", header + segment + tracks + cluster)


def _others(honest: Mapping[str, bytes]) -> Iterator[HostileFile]:
    opus, mp3, flac = honest["ogg-opus"], honest["mp3"], honest["flac"]
    head = opus[: opus.index(b"OggS", 4)]
    starts = b"".join(
        head[:14] + struct.pack("<I", serial) + head[18:22] + bytes(4) + head[26:] for serial in range(5000)
    )
    yield HostileFile("ogg", "5000-streams", _checked_pages(starts) + opus)
    yield HostileFile("ogg", "10-chained", opus * 10, SPOKEN_WORD)
    yield HostileFile("ogg", "empty-pages", opus[:28] + (b"OggS\0\0" + bytes(20) + b"\0") * 200_000)
    yield HostileFile("mp3", "all-sync", b"\xff\xfb\x90\0" * 5_000_000)
    yield HostileFile("mp3", "joined-to-25-MB", mp3 * (25 * _MEGABYTE // len(mp3)))
    yield HostileFile("aac", "all-sync", honest["aac"][:64] + b"\xff\xf1\x50\x80\0\x1f\xfc" * 3_000_000)
    yield HostileFile("aac", "25-MB", honest["aac"] * (25 * _MEGABYTE // len(honest["aac"])))
    yield HostileFile("amr", "25-MB-of-nothing", b"#!AMR\n" + b"\x7c" * (25 * _MEGABYTE - 6))
    yield HostileFile("flac", "655350-Hz-8-channels", flac[:18] + b"\x9f\xff\x6e\xf0" + flac[22:])
    yield HostileFile("flac", "25-MB-of-noise", flac[:42] + flac[42:] * (25 * _MEGABYTE // len(flac)))
    yield HostileFile(
        "aiff", "claims-everything", honest["aiff"].replace(b"COMM", b"COMM\xff\xff\xff\xff", 1)
    )
    yield HostileFile(
        "caf", "packets-of-2^63", honest["caf"].replace(b"pakt", b"pakt" + b"\x7f" + b"\xff" * 15, 1)
    )
    yield HostileFile("wma", "objects-without-length", honest["wma"][:30] + bytes(24) * 100_000)


def _silences() -> Iterator[HostileFile]:
    """Zip bombs of silence: next to nothing that becomes hours of samples."""
    yield HostileFile("silence", "9-minutes-flac", silence(540))
    yield HostileFile("silence", "11-minutes-flac", silence(660))
    opus = silence(10, container="ogg", codec="libopus", rate=48_000)
    yield HostileFile("silence", "1-hour-opus", opus * 360)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _with_reference(mp4: bytes, entry: bytes) -> bytes:
    """An MP4 file, its index behind its data, whose audio lies elsewhere."""
    itself = _box(b"url ", b"\0\0\0\1")
    grown = len(entry) - len(itself)
    out = mp4
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = out.index(name) - 4
        out = _put(out, at, int.from_bytes(out[at : at + 4], "big") + grown)
    return out.replace(itself, entry)


def _put(data: bytes, at: int, number: int) -> bytes:
    return data[:at] + struct.pack(">I", number) + data[at + 4 :]


def _element(name: bytes, content: bytes) -> bytes:
    return name + (len(content) | 1 << 56).to_bytes(8, "big") + content


def _nested(name: bytes, depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = _element(name, content)
    return content


def _synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _id3(frames: bytes) -> bytes:
    return b"ID3\4\0\0" + _synchsafe(len(frames)) + frames


def _frame(name: bytes, content: bytes, *, flags: int = 0) -> bytes:
    return name + _synchsafe(len(content)) + struct.pack(">H", flags) + content


def _deflated_size(content: bytes) -> bytes:
    return _synchsafe(len(content) & 0xFFF_FFFF) + zlib.compress(content, 1)


def _with_second_ogg_packet(ogg: bytes, packet: bytes) -> bytes:
    """An Ogg stream whose second page is one packet of ours."""
    at = ogg.index(b"OggS", 4)
    page = ogg[at : at + 26] + b"\1" + bytes([len(packet)]) + packet
    return ogg[:at] + _checked_pages(page[:22] + bytes(4) + page[26:])


def _checked_pages(pages: bytes) -> bytes:
    """Ogg pages with the sums that they need to be believed."""
    out: list[bytes] = []
    for part in pages.split(b"OggS")[1:]:
        page = b"OggS" + part[:18] + bytes(4) + part[22:]
        out.append(page[:22] + struct.pack("<I", _ogg_sum(page)) + page[26:])
    return b"".join(out)


def _ogg_sum(page: bytes) -> int:
    """Ogg's checksum, as RFC 3533 has it."""
    total = 0
    for byte in page:
        total = (total << 8 & 0xFFFF_FFFF) ^ _OGG_SUMS[total >> 24 ^ byte]
    return total


def _ogg_sums() -> Iterator[int]:
    for byte in range(256):
        total = byte << 24
        for _ in range(8):
            total = (total << 1 ^ (0x04C1_1DB7 if total & 1 << 31 else 0)) & 0xFFFF_FFFF
        yield total


_OGG_SUMS = tuple(_ogg_sums())
