"""`vocafuse transcript`: texts and subtitles, to standard output or into files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vocafuse._cli import printing
from vocafuse._cli.arguments import NoteIds, examples, files
from vocafuse._cli.session import OneByOne, open_client

if TYPE_CHECKING:
    from vocafuse._client import Client
    from vocafuse._models import Transcription


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
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        autocompletion=files,
        help="Write a file for each note there; else stdout.",
    ),
]


@dataclass(frozen=True)
class Output:
    """A folder for transcripts, which is made if need be, and what they are written as."""

    folder: Path
    form: Format

    def write(self, text: str, name: str) -> Path:
        """Writes one, and returns where it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}{_SUFFIXES.get(self.form, f'.{self.form.value}')}"
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        return path


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
    context: typer.Context,
    note_ids: NoteIds,
    form: FormatOption = Format.TEXT,
    folder: FolderOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Get the transcripts of notes: text, Markdown, SRT or VTT subtitles, or JSON."""
    form = Format.JSON if as_json else form
    notes = OneByOne(context, note_ids)
    with open_client(context) as client:
        for note_id in note_ids:
            with notes.one(note_id):
                text = transcript(client, note_id, form)
                if folder is None:
                    printing.print_text(text)
                else:
                    printing.print_line(Output(folder, form).write(text, note_id))
    notes.end()


def transcript(client: Client, note_id: str, form: Format, known: Transcription | None = None) -> str:
    """A note's transcript, whole; `known` is what was fetched of it already."""
    resource = client.voicenotes(note_id).transcription
    if form not in {Format.TEXT, Format.JSON}:
        return resource.export(form.value)
    found = known or resource.get()
    return found.text if form is Format.TEXT else json.dumps(found.to_dict(), indent=2, ensure_ascii=False)
