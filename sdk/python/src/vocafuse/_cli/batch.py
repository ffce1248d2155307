"""Uploading many files: which they are, which of them are done, several at a time."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol

from vocafuse._cli.session import reason_of
from vocafuse._cli.transcripts import Output, transcript
from vocafuse._errors import AuthorizationError, NotFoundError, ValidationError, VocaFuseError

if TYPE_CHECKING:
    from vocafuse._client import Client
    from vocafuse._models import Transcription, VoiceNote

# What is taken out of a folder; a file that is named is always tried.
SUFFIXES = frozenset(
    {".aac", ".aif", ".aiff", ".amr", ".caf", ".flac", ".m4a", ".mka", ".mp3", ".mp4"}
    | {".oga", ".ogg", ".opus", ".wav", ".weba", ".webm", ".wma"}
)


class Progress(Protocol):
    """Shows how far a file is."""

    def file(self, path: Path) -> AbstractContextManager[Callable[[int, int], object] | None]:
        """While one is uploaded: what to call with the bytes sent and the bytes in all."""
        ...


@dataclass(frozen=True)
class Batch:
    """What holds for every file.

    Attributes:
        is_again: Whether files that were uploaded within a day become new notes.
        wait_s: How long to wait for a transcription; None: not at all.
        output: Where the transcriptions are written; None: nowhere.
        shared_stems: Names that files have in common but for their folders and suffixes.
    """

    custom_tags: Mapping[str, str] | None
    user_id: str | None
    language: str | None
    is_again: bool
    wait_s: float | None
    output: Output | None = None
    shared_stems: Container[str] = ()


@dataclass(frozen=True)
class Upload:
    """What became of a file: a note, or a reason why not, or both if what came after it failed."""

    path: Path
    note: VoiceNote | None = None
    transcription: Transcription | None = None
    written: Path | None = None
    error: str | None = None


def find_audio(paths: Iterable[Path]) -> list[Path]:
    """The files that are meant, each once: those named, and the audio in the folders named.

    Raises:
        ValidationError: There are none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(sorted(_audio_in(path)) if path.is_dir() else [path]))
    if not found:
        raise ValidationError("There is no audio in there.")
    return list(found)


def shared_stems(files: Sequence[Path]) -> set[str]:
    """Names that would stand for several of the files, also where case is nothing, as `stem_of` has them."""
    counts = Counter(map(stem_of, files))
    return {stem for stem, count in counts.items() if count > 1}


def stem_of(path: Path) -> str:
    """The name of a file without its folder, suffix and case."""
    return path.stem.casefold()


def upload_all(
    client: Client, files: Sequence[Path], batch: Batch, *, jobs: int, progress: Progress
) -> Generator[Upload, None, None]:
    """Uploads files, several at a time, and tells of each when it is done.

    Close it before the client: what is on its way then fails, and nobody is told.
    """
    done: SimpleQueue[Upload] = SimpleQueue()
    is_over = Event()

    def upload(path: Path) -> None:
        outcome = Upload(path, error="The program failed on it.")
        try:
            outcome = _upload(client, path, batch, progress)
        except BaseException:
            if not is_over.is_set():
                raise
        finally:
            done.put(outcome)

    try:
        for number, path in enumerate(files):
            if number >= jobs:
                yield done.get()
            # A daemon, for after Ctrl-C nobody waits for answers.
            Thread(target=upload, args=(path,), daemon=True).start()
        for _ in range(min(jobs, len(files))):
            yield done.get()
    finally:
        is_over.set()


def upload_one(client: Client, path: Path, batch: Batch, progress: Progress) -> VoiceNote:
    """Uploads a file, unless it was uploaded before.

    A key that may write and not read is taken at its word: whether the note is still there isn't known then.

    Raises:
        OSError: It can't be read.
        VocaFuseError: The service doesn't take it.
    """
    key = None if batch.is_again or not path.is_file() else _key_of(path, batch)
    with progress.file(path) as on_progress:

        def send(idempotency_key: str | None) -> VoiceNote:
            return client.voicenotes.upload(
                path,
                custom_tags=batch.custom_tags,
                user_id=batch.user_id,
                language=batch.language,
                on_progress=on_progress,
                via="form",
                idempotency_key=idempotency_key,
            )

        note = send(key)
        if key is None:
            return note
        try:
            return client.voicenotes.get(note.id)
        except NotFoundError:
            # It was uploaded before, and has been deleted since.
            return send(None)
        except AuthorizationError:
            return note


def transcribed(client: Client, path: Path, note: VoiceNote, batch: Batch) -> Upload:
    """Waits for the transcription of a file's note, and writes it where it is wanted.

    Raises:
        OSError: It can't be written.
        VocaFuseError: There is none.
    """
    note = client.voicenotes.wait(note.id, timeout=batch.wait_s or 0)
    transcription = client.voicenotes(note.id).transcription.get()
    if batch.output is None:
        return Upload(path, note, transcription)
    is_shared = stem_of(path) in batch.shared_stems
    name = f"{path.stem}.{note.id}" if is_shared else path.stem
    text = transcript(client, note.id, batch.output.form, transcription)
    return Upload(path, note, transcription, batch.output.write(text, name))


def _upload(client: Client, path: Path, batch: Batch, progress: Progress) -> Upload:
    note = None
    try:
        note = upload_one(client, path, batch, progress)
        return Upload(path, note) if batch.wait_s is None else transcribed(client, path, note, batch)
    except VocaFuseError as error:
        return Upload(path, note, error=reason_of(error))
    except OSError as error:
        is_its_own = error.strerror is not None and error.filename == str(path)
        return Upload(path, note, error=error.strerror if is_its_own else reason_of(error))


def _audio_in(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and not is_hidden and path.is_file():
            yield path


def _key_of(path: Path, batch: Batch) -> str:
    """Names this upload of this file: the same for the same bytes with the same tags."""
    asked = [path.name, batch.custom_tags, batch.user_id, batch.language]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"vocafuse-upload-{digest.hexdigest()}"
