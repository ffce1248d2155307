"""What can be subscribed to, and its spellings."""

from dataclasses import dataclass
from enum import StrEnum

from vocafuse_server.core.errors import InvalidField


class EventKind(StrEnum):
    CREATED = "created"
    TRANSCRIBED = "transcribed"
    FAILED = "failed"
    DELETED = "deleted"


class Noun(StrEnum):
    """What v1 calls a note, in its newer and its older spelling."""

    VOICENOTE = "voicenote"
    RECORDING = "recording"


# What a test is called; nobody subscribes to it.
TEST_EVENT = "webhook.test"
_VERBS = {**{kind.value: kind for kind in EventKind}, "completed": EventKind.TRANSCRIBED}


@dataclass(frozen=True, slots=True)
class EventName:
    """One spelling of an event; the subscriber's spelling decides what its payload looks like."""

    text: str
    noun: Noun
    kind: EventKind


EVENT_NAMES = {
    f"{noun}.{verb}": EventName(f"{noun}.{verb}", noun, kind)
    for noun in Noun
    for verb, kind in _VERBS.items()
}


def parse_events(names: list[str]) -> list[str]:
    """The event names, checked, each once, in the order given.

    Raises:
        InvalidField: There is none, or one is unknown.
    """
    if not names:
        raise InvalidField("events", "must name at least one event")
    for name in names:
        if name not in EVENT_NAMES:
            raise InvalidField("events", f"must be of {', '.join(EVENT_NAMES)}", value=name)
    return list(dict.fromkeys(names))
