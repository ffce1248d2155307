"""Event names."""

import pytest

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.webhooks.events import EVENT_NAMES, EventKind, parse_events


def test_both_nouns_have_every_event_and_completed_is_transcribed() -> None:
    assert set(EVENT_NAMES) == {
        f"{noun}.{verb}"
        for noun in ("voicenote", "recording")
        for verb in ("created", "transcribed", "completed", "failed", "deleted")
    }
    assert EVENT_NAMES["recording.completed"].kind is EventKind.TRANSCRIBED


def test_names_are_kept_as_spelled_each_once() -> None:
    names = ["recording.completed", "voicenote.created", "recording.completed"]
    assert parse_events(names) == ["recording.completed", "voicenote.created"]


@pytest.mark.parametrize("names", [[], ["voicenote"], ["voicenote.created", "x"], ["VOICENOTE.CREATED"]])
def test_others_are_refused(names: list[str]) -> None:
    with pytest.raises(InvalidField):
        parse_events(names)
