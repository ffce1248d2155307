"""The commands of `vocafuse`: read arguments, call the library, print."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vocafuse import _terminal as terminal
from vocafuse._client import Client
from vocafuse._errors import NotFoundError, VocaFuseError
from vocafuse._models import Transcription, VoiceNote
from vocafuse._version import __version__

# Ten minutes of audio, the most that is accepted, on a slow machine without a GPU.
WAIT_TIMEOUT_S = 900

app = typer.Typer(
    help="Upload voice notes and read their transcripts.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vocafuse {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    base_url: Annotated[
        str | None, typer.Option(help="Where the API is; by default the server on this machine.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keeps what all commands share."""
    context.obj = base_url


@app.command()
def upload(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The audio file.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the transcript and print it.")] = False,
    language: Annotated[str | None, typer.Option(help="What is spoken, such as en.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="May be repeated.")] = None,
    user_id: Annotated[str | None, typer.Option(help="The end user the note belongs to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Upload an audio file."""
    tags = dict(_split_tag(text) for text in tag or []) or None
    with _client(context) as client:
        with terminal.upload_progress(file.name) as on_progress:
            note = client.voicenotes.upload(
                file, custom_tags=tags, user_id=user_id, language=language, on_progress=on_progress
            )
        if not wait:
            terminal.print_upload(note, as_json=as_json)
            return
        with terminal.spinner(f"Transcribing {note.id}"):
            note = client.voicenotes.wait(note.id, timeout=WAIT_TIMEOUT_S)
        transcription = client.voicenotes(note.id).transcription.get()
    if as_json:
        terminal.print_json(_with_transcription(note, transcription))
    else:
        terminal.print_transcript(transcription)


@app.command("list")
def list_notes(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(help="Notes to show, 1 to 100.")] = None,
    page: Annotated[int | None, typer.Option(help="Number of the page, from 0.")] = None,
    status: Annotated[
        str | None, typer.Option(help="processing, transcribed (or completed) or failed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List voice notes, the newest first."""
    with _client(context) as client:
        notes = client.voicenotes.list(limit=limit, page=page, status=status)
    if as_json:
        terminal.print_json(notes.to_dict())
    else:
        terminal.print_notes(notes)


@app.command()
def get(
    context: typer.Context,
    note_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,
) -> None:
    """Show a voice note and its transcript."""
    with _client(context) as client:
        note = client.voicenotes.get(note_id)
        transcription = _find_transcription(client, note)
    if as_json:
        terminal.print_json(_with_transcription(note, transcription))
    else:
        terminal.print_note(note, transcription)


@contextmanager
def _client(context: typer.Context) -> Generator[Client, None, None]:
    """A client for one command; what goes wrong becomes one sentence and exit status 1."""
    base_url: str | None = context.obj
    try:
        with Client(base_url=base_url) as client:
            yield client
    except VocaFuseError as error:
        terminal.print_error(error.message)
        raise typer.Exit(1) from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        terminal.print_error(f"{name}{error.strerror or error}")
        raise typer.Exit(1) from None


def _split_tag(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="--tag")
    return key, value


def _find_transcription(client: Client, note: VoiceNote) -> Transcription | None:
    if note.status != "transcribed":
        return None
    try:
        return client.voicenotes(note.id).transcription.get()
    except NotFoundError:
        return None


def _with_transcription(note: VoiceNote, transcription: Transcription | None) -> dict[str, Any]:
    text = None if transcription is None else transcription.to_dict()
    return {**note.to_dict(), "transcription": text}
