"""The commands about notes that are there: list, show, search, change, delete."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vocafuse._cli import printing
from vocafuse._cli.arguments import (
    WAIT_TIMEOUT_S,
    AsJson,
    Language,
    Limit,
    NoteId,
    NoteIds,
    PageNumber,
    Pairs,
    Status,
    UserId,
    examples,
    files,
    split_commas,
    split_pairs,
)
from vocafuse._cli.session import OneByOne, open_client
from vocafuse._errors import NotFoundError

if TYPE_CHECKING:
    from vocafuse._client import Client
    from vocafuse._models import MatchPart, Transcription, VoiceNote

_LIST_FIELDS = ("id", "status", "duration_seconds", "created_at", "original_filename")
_LIST_TITLES = ("ID", "STATUS", "SECONDS", "CREATED (UTC)", "FILE")
# What a person wants to see of a note; `--json` and a pipe get all of it.
_SHOWN = frozenset(
    {"id", "title", "tags", "status", "duration_seconds", "language", "created_at", "original_filename"}
    | {"user_id", "audio_format", "custom_tags", "failure"}
)
_UNDO_S = 600
_LARGEST_PAGE = 100


def add_commands(app: typer.Typer) -> None:
    """Puts the commands into the program."""
    app.command(
        "list",
        epilog=examples(
            "vocafuse list --limit 20 --status transcribed",
            "vocafuse list --all --from 2026-05-01 --tag job=7",
            "vocafuse list --all | cut -f1",
        ),
    )(list_command)
    app.command("get", epilog=examples("vocafuse get ID", "vocafuse get ID --json"))(get_command)
    app.command(
        "search", epilog=examples('vocafuse search "quarterly report"', "vocafuse search retro --newest")
    )(search_command)
    app.command(
        "edit",
        epilog=examples("vocafuse edit ID --title 'Sprint retro'", "vocafuse edit ID --tags retro,team"),
    )(edit_command)
    app.command("delete", epilog=examples("vocafuse delete ID", "vocafuse delete ID --for-good"))(
        delete_command
    )
    app.command("restore", epilog=examples("vocafuse restore ID"))(restore_command)
    app.command("transcribe", epilog=examples("vocafuse transcribe ID --language de --wait"))(
        transcribe_command
    )
    app.command("audio", epilog=examples("vocafuse audio ID > note.webm", "vocafuse audio ID -o note.webm"))(
        audio_command
    )


def list_command(
    context: typer.Context,
    limit: Limit = None,
    page: PageNumber = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    status: Status = None,
    date_from: Annotated[str | None, typer.Option("--from", help="From this day or moment on (UTC).")] = None,
    date_to: Annotated[str | None, typer.Option("--to", help="Up to this moment or day.")] = None,
    tag: Pairs = None,
    user_id: UserId = None,
    as_json: AsJson = False,
) -> None:
    """List voice notes, the newest first."""
    if every and (page is not None or limit is not None):
        raise typer.BadParameter("are of no use beside --all", param_hint="--page and --limit")
    filters: dict[str, Any] = {
        "status": status,
        "date_from": date_from,
        "date_to": date_to,
        "custom_tags": split_pairs(tag),
        "user_id": user_id,
    }
    with open_client(context) as client:
        if every:
            _print_all(client.voicenotes.list_all(limit=_LARGEST_PAGE, **filters), as_json=as_json)
            return
        found = client.voicenotes.list(limit=limit, page=page, **filters)
    if as_json:
        printing.print_json(found.to_dict())
    else:
        printing.print_rows(_LIST_TITLES, map(_row, found), total=found.total)


def _print_all(notes: Iterable[VoiceNote], *, as_json: bool) -> None:
    if as_json:
        printing.print_json([note.to_dict() for note in notes])
    else:
        printing.print_rows(_LIST_TITLES, map(_row, notes))


def _row(note: VoiceNote) -> list[object]:
    return [note.get(name) for name in _LIST_FIELDS]


def get_command(context: typer.Context, note_id: NoteId, as_json: AsJson = False) -> None:
    """Show a voice note and its transcript."""
    with open_client(context) as client:
        note = client.voicenotes.get(note_id)
        transcription = find_transcription(client, note)
    show_note(note, transcription, as_json=as_json)


def search_command(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="WORDS...", help='As typed; "a phrase", begin*, -without.')
    ],
    limit: Limit = None,
    page: PageNumber = None,
    newest: Annotated[bool, typer.Option("--newest", help="Newest first, not the best first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Search titles and transcripts, and show where the words are."""
    with open_client(context) as client:
        found = client.voicenotes.list(
            q=" ".join(words), sort="newest" if newest else "relevance", limit=limit, page=page
        )
    if as_json:
        printing.print_json(found.to_dict())
    else:
        titles = ("ID", "AT (S)", "TITLE", "TEXT")
        printing.print_rows(titles, [_hit(note) for note in found], total=found.total)


def edit_command(
    context: typer.Context,
    note_id: NoteId,
    title: Annotated[str | None, typer.Option(help="At most 255 characters.")] = None,
    tags: Annotated[
        str | None, typer.Option(help="To file it under, with commas between; they replace the old ones.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Your own; may be repeated; they replace the old ones."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a note's title, its tags, or your own tags on it."""
    if title is None and tags is None and tag is None:
        raise typer.BadParameter("one of them is needed", param_hint="--title, --tags or --tag")
    with open_client(context) as client:
        note = client.voicenotes.update(
            note_id, title=title, tags=split_commas(tags), custom_tags=split_pairs(tag)
        )
    show_note(note, None, as_json=as_json)


def delete_command(
    context: typer.Context,
    note_ids: NoteIds,
    for_good: Annotated[bool, typer.Option("--for-good", help="At once, and never to come back.")] = False,
    undo_seconds: Annotated[
        int, typer.Option(min=1, max=86_400, help="For how long `restore` brings it back.")
    ] = _UNDO_S,
    as_json: AsJson = False,
) -> None:
    """Delete notes with their audio and text; for ten minutes they can be brought back."""
    notes, deleted = OneByOne(context, note_ids), list[str]()
    with open_client(context) as client:
        for note_id in note_ids:
            with notes.one(note_id):
                client.voicenotes.delete(note_id, undo_seconds=None if for_good else undo_seconds)
                deleted.append(note_id)
                if not as_json:
                    printing.print_line(note_id)
    if as_json:
        printing.print_json({"deleted": deleted, "undo_seconds": None if for_good else undo_seconds})
    elif deleted and not for_good:
        printing.hint(f"Deleted. Within {undo_seconds} s: vocafuse restore {' '.join(deleted)}")
    notes.end()


def restore_command(context: typer.Context, note_ids: NoteIds, as_json: AsJson = False) -> None:
    """Bring back notes that were deleted a moment ago."""
    notes, restored = OneByOne(context, note_ids), list["VoiceNote"]()
    with open_client(context) as client:
        for note_id in note_ids:
            with notes.one(note_id):
                restored.append(client.voicenotes.restore(note_id))
                if not as_json:
                    printing.print_line(note_id)
    if as_json:
        printing.print_json([note.to_dict() for note in restored])
    notes.end()


def transcribe_command(
    context: typer.Context,
    note_id: NoteId,
    language: Language = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the text and print it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have a note transcribed again: in another language, or after a failure."""
    with open_client(context) as client:
        note = client.voicenotes.transcribe(note_id, language=language)
        if not wait:
            show_note(note, None, as_json=as_json)
            return
        with printing.spinner(f"Transcribing {note_id}"):
            note = client.voicenotes.wait(note_id, timeout=WAIT_TIMEOUT_S)
        transcription = client.voicenotes(note_id).transcription.get()
    if as_json:
        printing.print_json(with_transcription(note, transcription))
    else:
        printing.print_transcript(transcription.text)


def audio_command(
    context: typer.Context,
    note_id: NoteId,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", autocompletion=files, help="Where to write it; else stdout."
        ),
    ] = None,
) -> None:
    """Get a note's audio, as it was uploaded."""
    if output is None and printing.is_terminal():
        raise typer.BadParameter("audio can't be shown on a terminal: name a file", param_hint="--output")
    with open_client(context) as client:
        printing.write_bytes(client.voicenotes(note_id).audio(), output)


def show_note(note: VoiceNote, transcription: Transcription | None, *, as_json: bool) -> None:
    """All there is to know of a note."""
    if as_json:
        printing.print_json(with_transcription(note, transcription))
        return
    fields = dict(note.items())
    if transcription is not None:
        fields["language"] = transcription.get("language")
        if not printing.is_terminal():
            fields["transcription"] = transcription.text
    printing.print_fields(fields, shown=_SHOWN)
    if transcription is not None and printing.is_terminal():
        printing.print_transcript(transcription.text)


def find_transcription(client: Client, note: VoiceNote) -> Transcription | None:
    """The text of a note that has one."""
    if note.status != "transcribed":
        return None
    try:
        return client.voicenotes(note.id).transcription.get()
    except NotFoundError:
        return None


def with_transcription(note: VoiceNote, transcription: Transcription | None) -> dict[str, Any]:
    """A note as JSON, with its text beside it."""
    text = None if transcription is None else transcription.to_dict()
    return {**note.to_dict(), "transcription": text}


def _hit(note: VoiceNote) -> tuple[object, ...]:
    match = note.match
    if match is None:
        return note.id, None, note.get("title"), ""
    title = note.get("title") if match.title is None else _marked(match.title)
    return note.id, match.start_time, title, _marked(match.snippet or [])


def _marked(parts: list[MatchPart]) -> Text:
    return Text.assemble(
        *((printing.one_line(part.text), "bold underline" if part.hit else "") for part in parts)
    )
