"""The file that a backup is: a tar archive, written and read as a stream, and a line with its SHA-256.

The archive holds, in this order, `vocafuse-backup.json` (what this is), `database/…` (the output of
`pg_dump --format=custom`, cut into pieces, since tar wants sizes beforehand), `files/…` (the small
files of the data directory) and `audio/…`. The line after it covers every byte before it, so a file
that was cut off or altered anywhere is told apart from a whole one.
"""

import hashlib
import json
import tarfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO, Protocol, cast

from vocafuse_server.core.errors import StartupError

# Raised when files of the form before can't be read any more.
FORMAT = 1
MANIFEST = "vocafuse-backup.json"
DATABASE, FILES, AUDIO = "database", "files", "audio"
_PIECE_BYTES = 8 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024
_SEAL_BYTES = len("sha256 \n") + hashlib.sha256().digest_size * 2


class BackupUnusable(StartupError):
    """The backup is damaged, or made by a later release."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        format: The version of the file's form.
        made_by: The release that made it.
        made_at: When, ISO 8601.
        schema: The revision of the database's schema.
        audio_files: How many notes have audio.
        audio_bytes: How large that is, as the database says.
    """

    format: int
    made_by: str
    made_at: str
    schema: str
    audio_files: int
    audio_bytes: int


class Sink(Protocol):
    """Where a backup goes."""

    def write(self, data: bytes, /) -> object: ...


class Source(Protocol):
    """Where a backup comes from."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One file in the archive. Its content is to be read before the next one is asked for."""

    part: str
    path: PurePosixPath
    content: Source


class _Tar(tarfile.TarFile):
    """What the stubs leave out: it keeps every entry until the end, unless somebody forgets them."""

    members: list[tarfile.TarInfo]


class ArchiveWriter:
    """Adds one file after the other; what is in memory at any time is a piece of one of them."""

    def __init__(self, tar: _Tar) -> None:
        self._tar = tar

    def add(self, name: str, size: int, content: IO[bytes]) -> None:
        """Add a file of this size."""
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._tar.addfile(entry, content)
        self._tar.members.clear()

    def add_pieces(self, part: str, content: IO[bytes]) -> Iterator[int]:
        """Add a stream of unknown length, in pieces; tells the size of each."""
        number = 0
        while piece := content.read(_PIECE_BYTES):
            self.add(f"{part}/{number:06}", len(piece), BytesIO(piece))
            number += 1
            yield len(piece)


@contextmanager
def writing(sink: Sink, manifest: Manifest) -> Generator[ArchiveWriter]:
    """An archive that is whole, and sealed, when the block has come to its end."""
    sealing = _SealingSink(sink)
    with _Tar.open(fileobj=cast("IO[bytes]", sealing), mode="w|", bufsize=_BUFFER_BYTES) as tar:
        text = json.dumps(asdict(manifest), indent=2).encode()
        writer = ArchiveWriter(tar)
        writer.add(MANIFEST, len(text), BytesIO(text))
        yield writer
    sealing.seal()


class ArchiveReader:
    """Reads one file after the other."""

    def __init__(self, tar: _Tar, source: "_SealedSource") -> None:
        self._tar = tar
        self._source = source
        with _damage_told():
            self.manifest = _read_manifest(tar)

    def members(self) -> Iterator[Member]:
        """All files; the last step sees whether all of it was as it had been written.

        Raises:
            BackupUnusable: It was not.
        """
        while True:
            with _damage_told():
                entry = self._tar.next()
                self._tar.members.clear()
                content = None if entry is None else self._tar.extractfile(entry)
            if entry is None or content is None:
                break
            path = PurePosixPath(entry.name)
            if ".." in path.parts or path.is_absolute() or len(path.parts) < 2:
                raise BackupUnusable(f"The backup holds a file with the impossible name {entry.name!r}.")
            yield Member(path.parts[0], path.relative_to(path.parts[0]), _Content(content))
        self._source.check_seal()


@contextmanager
def reading(source: Source) -> Generator[ArchiveReader]:
    """An archive that is read as it comes.

    Raises:
        BackupUnusable: It is no backup, or one that a later release made.
    """
    sealed = _SealedSource(source)
    with _damage_told():
        # The stubs want a whole file, of which tarfile's streams only read.
        tar = _Tar.open(fileobj=cast("IO[bytes]", sealed), mode="r|", bufsize=_BUFFER_BYTES)
    with tar:
        yield ArchiveReader(tar, sealed)


def verify(source: Source) -> Manifest:
    """Read all of a backup without using it.

    Raises:
        BackupUnusable: It is torn, altered, no backup at all, or made by a later release.
    """
    with reading(source) as reader:
        for member in reader.members():
            while member.content.read(_BUFFER_BYTES):
                pass
        return reader.manifest


def _read_manifest(tar: _Tar) -> Manifest:
    entry = tar.next()
    content = None if entry is None or entry.name != MANIFEST else tar.extractfile(entry)
    if content is None:
        raise BackupUnusable("The file is no backup that `vocafuse-server backup` wrote.")
    known = json.loads(content.read(_BUFFER_BYTES))
    if known["format"] > FORMAT:
        raise BackupUnusable(
            f"The backup was made by release {known['made_by']}, whose backups this one can't read:"
            " restore it with that release or a later one."
        )
    return Manifest(**{name: known[name] for name in Manifest.__dataclass_fields__})


@contextmanager
def _damage_told() -> Generator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
        raise BackupUnusable(
            "The backup is damaged (cut off, altered, or no backup at all); nothing of it was used."
        ) from error


class _Content:
    def __init__(self, content: IO[bytes]) -> None:
        self._content = content

    def read(self, size: int) -> bytes:
        with _damage_told():
            return self._content.read(size)


class _SealingSink:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self._sink.write(data)
        return len(data)

    def seal(self) -> None:
        self._sink.write(f"sha256 {self._digest.hexdigest()}\n".encode())


class _SealedSource:
    """Keeps the seal back from whoever reads the archive."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._kept = b""

    def read(self, size: int) -> bytes:
        given = b""
        while not given and (data := self._source.read(size)):
            data = self._kept + data
            given, self._kept = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
            self._digest.update(given)
        return given

    def check_seal(self) -> None:
        while self.read(_BUFFER_BYTES):
            pass
        if self._kept != f"sha256 {self._digest.hexdigest()}\n".encode():
            raise BackupUnusable("The backup is damaged: it was cut off or altered. Nothing of it was used.")
