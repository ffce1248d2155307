import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.audio.containers import SNIFF_BYTES, Container, sniff

CLIPS = Path(__file__).parents[2] / "audio"
MP3_FRAME = bytes.fromhex("fffb9000") + bytes(413)  # MPEG-1 layer 3, 128 kbit/s, 44.1 kHz: 417 bytes
ADTS_FRAME = bytes.fromhex("fff15080021ffc") + bytes(9)  # 16 bytes


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("chrome-mediarecorder.webm", Container.WEBM),
        ("firefox.ogg", Container.OGG),
        ("iphone-voice-memo.m4a", Container.MP4),
        ("safari-mediarecorder-fragmented.mp4", Container.MP4),
        ("mp3-44k-stereo.mp3", Container.MP3),
        ("wav-8k-mulaw.wav", Container.WAV),
        ("367-130732-0001.flac", Container.FLAC),
        ("text.webm", None),
        ("html-error.mp3", None),
        ("hls-file.webm", None),
        ("ffconcat.mp3", None),
        ("one-byte.mp3", None),
    ],
)
def test_the_content_decides_and_not_the_name(
    clip: Callable[[str], bytes], name: str, container: Container | None
) -> None:
    assert sniff(clip(name)[:SNIFF_BYTES]) is container


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\0\0\0\x18wide\0\0\0\0mdat", Container.MP4),
        (b"\0\0\x10\0moov", Container.MP4),
        (b"\0\0\0\1mdat", Container.MP4),
        (b"RF64\xff\xff\xff\xffWAVEds64", Container.WAV),
        (b"FORM\0\0\0\0AIFCFVER", Container.AIFF),
        (b"#!AMR\n\x3c", Container.AMR),
        (b"#!AMR-WB\n\x3c", Container.AMR),
        (b"caff\0\1\0\0desc", Container.CAF),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(8), Container.WMA),
        (bytes.fromhex("1a45dfa3") + b"\x42\x82\x88matroska", Container.WEBM),
        (MP3_FRAME * 2, Container.MP3),
        (MP3_FRAME, Container.MP3),
        (bytes(100) + MP3_FRAME * 2, Container.MP3),
        (ADTS_FRAME * 2, Container.AAC),
        (b"ID3\4\0\0\0\0\0\4abcd" + MP3_FRAME * 2, Container.MP3),
        (b"ID3\4\0\0\0\0\0\4abcdfLaC", Container.FLAC),
        (b"ID3\4\0\0\0\0\0\4abcd" * 2 + MP3_FRAME * 2, Container.MP3),
        (b"ID3\4\0\0\0\0\x7f\x7f" + bytes(SNIFF_BYTES), Container.MP3),  # a tag longer than the head
    ],
)
def test_accepted_beginnings(head: bytes, container: Container) -> None:
    assert sniff(head) is container


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"%PDF-1.7",
        b"\x7fELF\2\1\1",
        b"PK\3\4",
        b"\x1f\x8b\x08",
        b"GIF89a",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"ID3\3\0\0\0\0\0\4abcd\xff\xd8\xff\xe0\0\x10JFIF",
        b"ID3\3\0\0\0\0\0\4abcd",
        b"RIFF\0\0\0\0AVI LIST",
        b"FORM\0\0\0\0ILBM",
        b"OggT",
        b"<svg xmlns='http://www.w3.org/2000/svg'>",
        b"# mpv EDL v0\n/etc/passwd",
        b"\0\0\0\x04moov",
        bytes.fromhex("1a45dfa3") + b"\x42\x82\x84none",
        MP3_FRAME + b"no frame follows here",
        b"\xff\xfb\x90\x00" * 200,  # a sync word, but no frames of the size that it tells
        ADTS_FRAME + bytes(16),
    ],
)
def test_refused_beginnings(head: bytes) -> None:
    assert sniff(head) is None


@given(st.text(alphabet=st.characters(max_codepoint=0x7E, min_codepoint=0x0A), max_size=300))
def test_no_text_is_audio(text: str) -> None:
    known = ("#!AMR", "ID3")
    assert text.startswith(known) or sniff(text.encode()) is None


@given(st.binary(max_size=SNIFF_BYTES))
def test_any_bytes_are_answered(head: bytes) -> None:
    assert sniff(head) is None or isinstance(sniff(head), Container)


@given(
    st.binary(max_size=64), st.sampled_from([b"ID3", b"\xff\xfb", b"\xff\xf1", b"\0\0\0\0", b"RIFF", b"FORM"])
)
def test_a_cut_or_odd_header_is_no_crash(rest: bytes, magic: bytes) -> None:
    sniff(magic + rest)


def test_the_manifest_lists_all_clips() -> None:
    manifest = json.loads((CLIPS / "manifest.json").read_text())
    listed = {entry["file"] for entries in manifest.values() for entry in entries}
    assert listed == {path.name for path in CLIPS.iterdir()} - {"manifest.json", "LICENSES.md"}
