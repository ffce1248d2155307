"""The file that a backup is: written as a stream, and read only if it is whole and unaltered."""

import io
import json
import random
import tarfile
from dataclasses import replace

import pytest

from vocafuse_server.backup.archive import (
    AUDIO,
    DATABASE,
    FORMAT,
    BackupUnusable,
    Manifest,
    reading,
    verify,
    writing,
)

MANIFEST = Manifest(FORMAT, "0.1.0", "2026-03-14T12:00:00+00:00", "0006", audio_files=2, audio_bytes=7)
DUMP = random.Random(0).randbytes(9 * 1024 * 1024)


def written(
    manifest: Manifest = MANIFEST, *, dump: bytes = DUMP, name: str = f"{AUDIO}/tenant/a.webm"
) -> bytes:
    file = io.BytesIO()
    with writing(file, manifest) as archive:
        assert sum(archive.add_pieces(DATABASE, io.BytesIO(dump))) == len(dump)
        archive.add(name, 4, io.BytesIO(b"abcd"))
        archive.add(f"{AUDIO}/tenant/empty.webm", 0, io.BytesIO())
    return file.getvalue()


@pytest.fixture(scope="module")
def backup() -> bytes:
    return written(dump=b"small dump")


def test_what_was_written_is_read() -> None:
    found: dict[str, bytes] = {}
    with reading(io.BytesIO(written())) as reader:
        assert reader.manifest == MANIFEST
        for member in reader.members():
            found[f"{member.part}/{member.path}"] = member.content.read(16 * 1024 * 1024)
    dump = b"".join(found.pop(f"database/{number:06}") for number in range(2))
    assert dump == DUMP
    assert found == {"audio/tenant/a.webm": b"abcd", "audio/tenant/empty.webm": b""}


def test_other_programs_can_read_it(backup: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(backup)) as archive:
        manifest = archive.extractfile("vocafuse-backup.json")
        assert manifest is not None
        assert json.load(manifest)["schema"] == "0006"


def test_wherever_it_is_cut_off_it_is_refused(backup: bytes) -> None:
    for length in (0, 1, 511, 512, 700, 1024, 2048, len(backup) - 73, len(backup) - 72, len(backup) - 1):
        with pytest.raises(BackupUnusable):
            verify(io.BytesIO(backup[:length]))


def test_whatever_byte_is_altered_it_is_refused(backup: bytes) -> None:
    for place in [*random.Random(1).sample(range(len(backup)), 200), *range(len(backup) - 72, len(backup))]:
        altered = bytearray(backup)
        altered[place] ^= 1
        with pytest.raises(BackupUnusable):
            verify(io.BytesIO(bytes(altered)))


def test_what_comes_after_it_is_refused(backup: bytes) -> None:
    with pytest.raises(BackupUnusable):
        verify(io.BytesIO(backup + b"more"))


def test_the_form_of_a_later_release_is_refused() -> None:
    with pytest.raises(BackupUnusable, match=r"made by release 9\.0"):
        verify(io.BytesIO(written(replace(MANIFEST, format=FORMAT + 1, made_by="9.0"))))


@pytest.mark.parametrize("name", ["audio/../../etc/passwd", "/etc/passwd", "passwd"])
def test_no_file_gets_out_of_its_folder(name: str) -> None:
    with pytest.raises(BackupUnusable, match="impossible name"):
        verify(io.BytesIO(written(dump=b"", name=name)))


def test_another_file_is_no_backup() -> None:
    other = io.BytesIO()
    with tarfile.open(fileobj=other, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("something"))
    for content in (other.getvalue(), b"text " * 1000):
        with pytest.raises(BackupUnusable):
            verify(io.BytesIO(content))
