"""`vocafuse transcript`: texts and subtitles, to standard output or into files."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vocafuse._cli import printing
from vocafuse._cli.arguments import NoteIds, examples
from vocafuse._cli.session import open_client

if TYPE_CHECKING:
    from vocafuse._client import Client


class Format(str, Enum):
    """What a transcript is written as."""

    TEXT = "text"
    MARKDOWN = "markdown"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"


_SUFFIXES = {Format.TEXT: ".txt", Format.MARKDOWN: ".md"}
FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="Text, a page, subtitles, or all there is.")
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FOLDER", help="Write a file for each note there; else stdout."),
]


def add_commands(app: typer.Typer) -> None:
    """Puts the command into the program."""
    app.command(
        "transcript",
        epilog=examples(
            "vocafuse transcript ID",
            "vocafuse transcript ID --format srt > note.srt",
            "vocafuse list --all | cut -f1 | xargs vocafuse transcript --format vtt --output subtitles",
        ),
    )(transcript_command)


def transcript_command(
    context: typer.Context, note_ids: NoteIds, form: FormatOption = Format.TEXT, folder: FolderOption = None
) -> None:
    """Get the transcripts of notes: text, Markdown, SRT or VTT subtitles, or JSON."""
    with open_client(context) as client:
        for note_id in note_ids:
            text = transcript(client, note_id, form)
            if folder is None:
                printing.print_document(text)
            else:
                printing.print_line(write_transcript(text, folder, note_id, form))


def transcript(client: Client, note_id: str, form: Format) -> str:
    """A note's transcript, whole."""
    found = client.voicenotes(note_id).transcription
    if form is Format.TEXT:
        return found.get().text
    if form is Format.JSON:
        return json.dumps(found.get().to_dict(), indent=2, ensure_ascii=False)
    return found.export(form.value)


def write_transcript(text: str, folder: Path, name: str, form: Format) -> Path:
    """Write a transcript into a folder, which is made if need be; returns where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{_SUFFIXES.get(form, f'.{form.value}')}"
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return path
