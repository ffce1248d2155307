"""`vocafuse upload`: files and whole folders, several at a time, one failure stopping none of the others."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vocafuse._cli import printing
from vocafuse._cli.arguments import (
    WAIT_TIMEOUT_S,
    AsJson,
    Language,
    Pairs,
    UserId,
    examples,
    files,
    split_pairs,
)
from vocafuse._cli.batch import (
    Batch,
    Upload,
    find_audio,
    shared_stems,
    transcribed,
    upload_all,
    upload_one,
)
from vocafuse._cli.notes import with_transcription
from vocafuse._cli.progress import upload_progress
from vocafuse._cli.session import open_client
from vocafuse._cli.transcripts import FolderOption, Format, FormatOption, Output, transcript

if TYPE_CHECKING:
    from vocafuse._client import Client
    from vocafuse._models import VoiceNote

_STDIN = Path("/dev/stdin")


def add_commands(app: typer.Typer) -> None:
    """Puts the command into the program."""
    app.command(
        "upload",
        epilog=examples(
            "vocafuse upload note.m4a --wait > note.txt",
            "vocafuse upload recordings/ --jobs 8 --tag project=retro",
            "vocafuse upload *.wav --wait --format srt --output subtitles",
            "arecord -d 5 -f cd | vocafuse upload - --wait",
        ),
    )(upload_command)


def upload_command(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", autocompletion=files, help="Audio files, and folders of them; - for stdin."
        ),
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the transcripts and print them.")] = False,
    language: Language = None,
    tag: Pairs = None,
    user_id: UserId = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=32, help="Uploads at a time.")] = 4,
    again: Annotated[
        bool, typer.Option("--again", help="Make new notes of files uploaded within a day, too.")
    ] = False,
    form: FormatOption = Format.TEXT,
    folder: FolderOption = None,
    as_json: AsJson = False,
) -> None:
    """Upload audio files. Started again after a break, it goes on where it was."""
    is_one = len(paths) == 1 and not paths[0].is_dir()
    _check_usage(paths, folder, form, wait=wait, is_one=is_one)
    paths = [_STDIN if path == Path("-") else path for path in paths]
    output = None if folder is None else Output(folder, form)
    wait_s = WAIT_TIMEOUT_S if wait else None
    batch = Batch(split_pairs(tag), user_id, language, is_again=again, wait_s=wait_s, output=output)
    with open_client(context) as client:
        if is_one:
            _upload_single(client, paths[0], batch, form, as_json=as_json)
            return
        done = _upload_many(client, paths, batch, jobs=jobs, is_quiet=as_json)
    if as_json:
        printing.print_json([_fields(one) for one in done])
    if any(one.error is not None for one in done):
        raise typer.Exit(1)


def _check_usage(paths: list[Path], folder: Path | None, form: Format, *, wait: bool, is_one: bool) -> None:
    if folder is not None and not wait:
        raise typer.BadParameter("takes --wait", param_hint="--output")
    if form is not Format.TEXT and not (wait and (is_one or folder is not None)):
        what = "takes --output, with several files" if wait else "takes --wait"
        raise typer.BadParameter(what, param_hint="--format")
    if Path("-") in paths and sys.stdin.isatty():
        raise typer.BadParameter("audio can't be typed: lead it here", param_hint="-")


def _upload_single(client: Client, path: Path, batch: Batch, form: Format, *, as_json: bool) -> None:
    with upload_progress() as progress:
        note = upload_one(client, path, batch, progress)
    if batch.wait_s is None:
        _print_uploaded(note, as_json=as_json)
        return
    with printing.spinner(f"Transcribing {note.id}"):
        done = transcribed(client, path, note, batch)
    if as_json:
        printing.print_json(_fields(done))
    elif done.written is None:
        printing.print_transcript(transcript(client, note.id, form, done.transcription))
    else:
        printing.print_line(done.written)


def _print_uploaded(note: VoiceNote, *, as_json: bool) -> None:
    if as_json:
        printing.print_json(note.to_dict())
        return
    printing.print_line(note.id)
    printing.hint(f"Uploaded. Its transcript: vocafuse get {note.id}")


def _upload_many(
    client: Client, paths: list[Path], batch: Batch, *, jobs: int, is_quiet: bool
) -> list[Upload]:
    found = find_audio(paths)
    batch = replace(batch, shared_stems=shared_stems(found))
    done: list[Upload] = []
    with (
        upload_progress(found) as progress,
        closing(upload_all(client, found, batch, jobs=jobs, progress=progress)) as uploads,
    ):
        for one in uploads:
            done.append(one)
            # On a terminal the bars are in the way of what is printed.
            if not progress.is_shown:
                _print(one, is_quiet=is_quiet)
    if progress.is_shown:
        for one in done:
            _print(one, is_quiet=is_quiet)
    failures = sum(one.error is not None for one in done)
    printing.hint(f"{len(done) - failures} of {len(found)} uploaded.")
    return done


def _print(one: Upload, *, is_quiet: bool) -> None:
    if one.error is not None:
        printing.print_error(f"{one.path}: {one.error}")
    elif one.note is not None and not is_quiet:
        text = () if one.transcription is None else (one.transcription.text,)
        printing.print_line(one.note.id, str(one.path), *text)


def _fields(one: Upload) -> dict[str, Any]:
    written = None if one.written is None else str(one.written)
    known = {"file": str(one.path), "error": one.error, "written": written}
    return known if one.note is None else {**known, **with_transcription(one.note, one.transcription)}
