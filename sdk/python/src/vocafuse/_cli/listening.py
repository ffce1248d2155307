"""`vocafuse listen`: events as they happen, forwarded to an app as the webhooks that it would get."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from vocafuse._cli import printing
from vocafuse._cli.arguments import AsJson, examples
from vocafuse._cli.deliveries import ALL_EVENTS, EVENT_NAMES, Delivery, new_delivery, session_secret
from vocafuse._cli.session import base_url_of, open_client
from vocafuse._config import is_http_url, resolve_config
from vocafuse._errors import NotFoundError

if TYPE_CHECKING:
    import httpx2

    from vocafuse._client import Client
    from vocafuse._models import Event, Transcription, VoiceNote

# As long as the service gives a receiver.
_ANSWER_S = 10.0
# Of notes that may be deleted later, which is told without what they were.
_REMEMBERED = 10_000


@dataclass(frozen=True)
class _Outcome:
    """What the app made of a delivery: its status and how long it took, or why there was no answer."""

    status_code: int | None = None
    duration_ms: int | None = None
    error: str | None = None


@dataclass
class _Receiver:
    """Where events are forwarded, and how they are signed."""

    url: str
    secret: str
    http: httpx2.Client

    def send(self, delivery: Delivery) -> _Outcome:
        from httpx2 import HTTPError

        began_s = time.monotonic()
        try:
            answer = self.http.post(self.url, content=delivery.body, headers=dict(delivery.headers))
        except HTTPError as error:
            return _Outcome(error=str(error) or type(error).__name__)
        return _Outcome(answer.status_code, round((time.monotonic() - began_s) * 1000))


@dataclass
class _Memory:
    """How notes were when they were last heard of."""

    notes: dict[str, VoiceNote] = field(default_factory=dict[str, "VoiceNote"])

    def note_of(self, event: Event) -> VoiceNote | None:
        """The event's note; of one that is gone, how it was."""
        key = event.voicenote_id or ""
        known = self.notes.pop(key, None)
        if event.voicenote is None:
            return known
        self.notes[key] = event.voicenote
        if len(self.notes) > _REMEMBERED:
            del self.notes[next(iter(self.notes))]
        return event.voicenote


def add_commands(app: typer.Typer) -> None:
    """Puts the command into the program."""
    app.command(
        "listen",
        epilog=examples(
            "vocafuse listen --forward-to http://127.0.0.1:3000/webhooks",
            "vocafuse listen --event voicenote.transcribed --forward-to http://127.0.0.1:3000/webhooks",
            "vocafuse listen --json | jq -r .voicenote_id",
        ),
    )(listen_command)


def listen_command(
    context: typer.Context,
    forward_to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where to POST events, signed; else they are only shown."),
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT", help="May be repeated; else all that webhooks can be told of."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option(help="Signs what is forwarded; else one that stays the same for a key pair.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Follow what happens to notes, and forward it to your app as signed webhooks, until Ctrl-C."""
    names = _checked(event or ALL_EVENTS)
    if forward_to is not None and not is_http_url(forward_to):
        raise typer.BadParameter("must be a URL with http:// or https://", param_hint="--forward-to")
    try:
        with open_client(context) as client:
            _listen(client, context, names, forward_to, secret, as_json=as_json)
    except KeyboardInterrupt:
        # The way this ends; whoever reads what it printed needs no more of it.
        return


def _listen(
    client: Client,
    context: typer.Context,
    names: list[str],
    forward_to: str | None,
    secret: str | None,
    *,
    as_json: bool,
) -> None:
    import httpx2

    known = secret or session_secret(resolve_config(None, None, base_url_of(context), os.environ).api_secret)
    # Proxies are for other machines, and a redirect is no answer of a webhook's receiver.
    with httpx2.Client(timeout=_ANSWER_S, trust_env=False, follow_redirects=False) as http:
        receiver = None if forward_to is None else _Receiver(forward_to, known, http)
        memory = _Memory()
        with client.events.stream() as events:
            for event in events:
                if event.type == "ready":
                    _tell_ready(receiver, resumed=event.resumed)
                    continue
                note = memory.note_of(event)
                _show(client, event, note, names, receiver, as_json=as_json)


def _checked(names: list[str]) -> list[str]:
    for name in names:
        if name not in EVENT_NAMES:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(EVENT_NAMES)}", param_hint="--event")
    return names


def _tell_ready(receiver: _Receiver | None, *, resumed: bool | None) -> None:
    """On standard error, for the events themselves may be on their way to another program."""
    lines = ["Ready."] if receiver is None else [f"Ready. Forwarding to {receiver.url}"]
    if receiver is not None:
        lines.append(f"The webhooks' signing secret is {receiver.secret}")
    if resumed:
        lines = ["Connected again; nothing was missed."]
    for line in lines:
        sys.stderr.write(f"{printing.one_line(line)}\n")
    sys.stderr.flush()


def _show(
    client: Client,
    event: Event,
    note: VoiceNote | None,
    names: list[str],
    receiver: _Receiver | None,
    *,
    as_json: bool,
) -> None:
    for name in names:
        if EVENT_NAMES[name] != event.type:
            continue
        outcome = None
        if receiver is not None:
            transcription = _transcription_of(client, event)
            now_s = int(time.time())
            outcome = receiver.send(
                new_delivery(name, event, note, transcription, secret=receiver.secret, now_s=now_s)
            )
        _print(name, event, receiver, outcome, as_json=as_json)


def _transcription_of(client: Client, event: Event) -> Transcription | None:
    if event.type != "voicenote.transcribed" or event.voicenote_id is None:
        return None
    try:
        return client.voicenotes(event.voicenote_id).transcription.get()
    except NotFoundError:
        return None


def _print(
    name: str, event: Event, receiver: _Receiver | None, outcome: _Outcome | None, *, as_json: bool
) -> None:
    happened = event.get("created_at")
    if as_json:
        fields = {"event": name, "voicenote_id": event.voicenote_id, "created_at": happened}
        if receiver is not None and outcome is not None:
            fields |= {"url": receiver.url, **outcome.__dict__}
        printing.print_json(fields, indent=None)
    elif printing.is_terminal():
        Console(soft_wrap=True, highlight=False).print(*_parts(name, event, outcome))
    else:
        answer = () if outcome is None else (outcome.status_code or outcome.error, outcome.duration_ms)
        printing.print_line(happened, name, event.voicenote_id, *answer)


def _parts(name: str, event: Event, outcome: _Outcome | None) -> Iterator[Text]:
    yield Text(printing.one_line(event.get("created_at")), style="dim")
    yield Text(f"{name:22}")
    yield Text(printing.one_line(event.voicenote_id))
    if outcome is None:
        return
    if outcome.status_code is None:
        yield Text(f"[{printing.one_line(outcome.error)}]", style="red")
    else:
        is_taken = 200 <= outcome.status_code < 300
        yield Text(f"[{outcome.status_code}] {outcome.duration_ms} ms", style="green" if is_taken else "red")
