"""Markdown: the heading, paragraphs with times, and nothing that a reader takes for markup."""

from datetime import datetime, timedelta, timezone

import pytest

from vocafuse_server.notes.markdown import Heading, paragraphs, render_markdown
from vocafuse_server.notes.subtitles import Span

EAST = timezone(timedelta(hours=2))
HEADING = Heading(
    title="Sprint *retro* #2",
    created_at=datetime(2026, 3, 14, 1, 30, tzinfo=EAST),
    duration_s=3725.6,
    language="haitian creole",
    tags=("retro", "job_id: a|b"),
)


def test_the_file_holds_what_is_known_and_when_each_paragraph_begins() -> None:
    segments = [Span("First. ", 0.4, 2.0), Span("Second.", 2.2, 4.0), Span("After a\npause.", 61.6, 63.0)]
    assert render_markdown(HEADING, segments) == (
        "# Sprint \\*retro\\* \\#2\n"
        "\n"
        "- Date: 2026-03-13 23:30 UTC\n"
        "- Length: 1:02:06\n"
        "- Language: Haitian creole\n"
        "- Tags: retro, job\\_id: a\\|b\n"
        "\n"
        "**0:00** First. Second.\n"
        "\n"
        "**1:02** After a pause.\n"
    )


def test_what_is_not_known_is_left_out() -> None:
    empty = Heading("Silence", datetime(2026, 3, 14, tzinfo=timezone.utc), None, None, ())
    assert render_markdown(empty, []) == "# Silence\n\n- Date: 2026-03-14 00:00 UTC\n"


def test_a_long_paragraph_ends_with_a_sentence() -> None:
    texts = ["One.", "two", "three", "four.", "Five."]
    segments = [Span(text, 10.0 * number, 10.0 * number + 9.9) for number, text in enumerate(texts)]
    assert [len(part) for part in paragraphs(segments)] == [4, 1]


def test_languages_without_spaces_get_none() -> None:
    text = render_markdown(HEADING, [Span("你好。", 0, 1), Span("再见。", 1, 2)], space="")
    assert text.endswith("**0:00** 你好。再见。\n")


@pytest.mark.parametrize(
    "said", ["<script>", "[a](javascript:b)", "`code`", "a *b* _c_ ~~d~~", "&lt; $x$", "\\"]
)
def test_nothing_that_is_said_is_markup(said: str) -> None:
    text = render_markdown(HEADING, [Span(said, 0, 1)]).split("**0:00** ")[1]
    assert text.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\") == f"{said}\n"
    assert all(text[at - 1] == "\\" for at, mark in enumerate(text) if mark in "`*_[]<>&~$")
