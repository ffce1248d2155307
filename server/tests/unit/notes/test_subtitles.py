"""Subtitles: what is shown when, whatever a transcription holds."""

import html
import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.notes.subtitles import (
    CUE_COLUMNS,
    CUE_MS,
    LINE_COLUMNS,
    SRT,
    VTT,
    Span,
    SubtitleStyle,
    make_cues,
    render_subtitles,
)

_CUE = re.compile(
    r"(?:(?P<number>\d+)\n)?(?P<start>[\d:.,]+) --> (?P<end>[\d:.,]+)\n(?P<text>(?:.+\n)+)", re.MULTILINE
)


@dataclass(frozen=True)
class Shown:
    """A cue as a player reads it."""

    text: str
    start_ms: int
    end_ms: int


def read(file: str, style: SubtitleStyle) -> list[Shown]:
    """A reader as players have one: blocks between empty lines, each with a line of times."""
    assert file.startswith(style.header)
    blocks = [block for block in file.removeprefix(style.header).split("\n\n") if block]
    shown: list[Shown] = []
    for number, block in enumerate(blocks, 1):
        cue = _CUE.fullmatch(block.removesuffix("\n") + "\n")
        assert cue is not None, block
        assert cue["number"] == (str(number) if style is SRT else None)
        text = " ".join(cue["text"].split("\n")).strip()
        if style is VTT:
            assert "<" not in text
            text = html.unescape(text)
        shown.append(Shown(text, read_time(cue["start"], style), read_time(cue["end"], style)))
    return shown


def read_time(time: str, style: SubtitleStyle) -> int:
    hours, minutes, seconds = time.replace(style.decimal_point, ":").rsplit(":", 1)[0].split(":")
    assert len(minutes) == len(seconds) == 2
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(time[-3:])


def test_times_are_rounded_once_and_not_cut_off() -> None:
    segments = [Span("Hello there.", 0.0, 1.9996), Span("Bye.", 3599.9994, 3600.25)]
    assert render_subtitles(segments, [], SRT) == (
        "1\n00:00:00,000 --> 00:00:02,000\nHello there.\n\n2\n00:59:59,999 --> 01:00:00,250\nBye.\n"
    )
    assert render_subtitles(segments, [], VTT) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nHello there.\n\n00:59:59.999 --> 01:00:00.250\nBye.\n"
    )


def test_nobody_spoke() -> None:
    assert render_subtitles([], [], SRT) == ""
    assert render_subtitles([], [], VTT) == "WEBVTT\n\n"
    assert render_subtitles([Span(" \n", 0, 1)], [], SRT) == ""


def test_what_formats_read_as_their_own_is_shown_as_text() -> None:
    segments = [Span("a --> b & <i>c</i>\n\n2\n00:00", 0, 1)]
    assert "a --&gt; b &amp; &lt;i&gt;c&lt;/i&gt; 2 00:00\n" in render_subtitles(segments, [], VTT)
    assert "a -> b & <i>c</i> 2 00:00\n" in render_subtitles(segments, [], SRT)
    assert "-->" not in render_subtitles([Span("a ---> b", 0, 1)], [], SRT).splitlines()[2]


def test_a_long_segment_is_cut_where_a_clause_ends_at_the_times_of_its_words() -> None:
    text = (
        "The birch canoe slid on the smooth planks, and the sheet was glued to the dark blue background;"
        " it is easy to tell the depth of a well."
    )
    spoken = text.split()
    words = [Span(word, 0.3 * index, 0.3 * index + 0.25) for index, word in enumerate(spoken)]
    cues = make_cues([Span(text, 0.0, 8.1)], words)
    assert [cue.lines for cue in cues] == [
        ("The birch canoe slid on the smooth planks,",),
        ("and the sheet was glued to", "the dark blue background;"),
        ("it is easy to tell the depth of a well.",),
    ]
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 2350), (2400, 5350), (5400, 8100)]


def test_words_that_are_not_the_texts_change_nothing_but_the_times() -> None:
    segments = [Span("one two", 0, 1), Span("three " * 20, 1, 11)]
    good = [Span("three", 1 + 0.5 * index, 1.4 + 0.5 * index) for index in range(20)]
    cues = make_cues(segments, [Span("other", 0, 0.5), Span("words", 0.5, 1), *good])
    assert cues[0].lines == ("one two",)
    assert cues[1].start_ms == 1000
    assert cues[-1].start_ms in {round(word.start_s * 1000) for word in good}


@pytest.mark.parametrize(
    ("text", "columns"),
    [("我们今天去公园划船。" * 8, 2), ("a" * 300, 1), ("e\u0301" * 100, 1), ("ภาษาไทย" * 20, 1)],
)
def test_text_without_spaces_is_cut_too(text: str, columns: int) -> None:
    cues = make_cues([Span(text, 0, 20)], [])
    lines = [line for cue in cues for line in cue.lines]
    assert "".join(lines) == text
    assert len(cues) > 1
    assert all(len(line.replace("\u0301", "")) * columns <= CUE_COLUMNS for line in lines)
    assert not any(line.startswith(("\u0301", "。")) for line in lines)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=300) | st.text("ab .,->&<\n我。", max_size=300)
TIMES = st.floats(0, 10_000, allow_nan=False)


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Segments or words as they may be, whether or not they make sense."""
    return [
        Span(text, start_s, start_s + length_s)
        for text, start_s, length_s in draw(st.lists(st.tuples(TEXTS, TIMES, st.floats(-1, 60)), max_size=6))
    ]


def cut_into_words(segment: Span) -> list[Span]:
    words = segment.text.split()
    step_s = (segment.end_s - segment.start_s) / max(1, len(words))
    return [
        Span(word, segment.start_s + step_s * index, segment.start_s + step_s * (index + 1))
        for index, word in enumerate(words)
    ]


def plain(text: str) -> str:
    """The text without spaces, control characters and arrows, which no format promises to keep."""
    return re.sub(r"[\s\x00-\x1f\x7f>-]", "", text)


@pytest.mark.parametrize("style", [SRT, VTT], ids=["srt", "vtt"])
@given(segments=spans(), words=spans() | st.none())
def test_a_player_shows_the_whole_text_in_order(
    style: SubtitleStyle, segments: list[Span], words: list[Span] | None
) -> None:
    if words is None:
        words = [word for segment in segments for word in cut_into_words(segment)]
    shown = read(render_subtitles(segments, words, style), style)
    assert plain("".join(cue.text for cue in shown)) == plain("".join(one.text for one in segments))
    times = [time for cue in shown for time in (cue.start_ms, cue.end_ms)]
    assert times == sorted(times)
    assert all(cue.start_ms < cue.end_ms for cue in shown)


@given(
    text=st.text("abc ,.", min_size=1, max_size=400).filter(
        lambda text: max(map(len, text.split()), default=0) < 20
    ),
    start_s=TIMES,
    length_s=st.floats(0.1, 30),
)
def test_cues_can_be_read(text: str, start_s: float, length_s: float) -> None:
    segment = Span(text, start_s, start_s + length_s)
    for cue in make_cues([segment], cut_into_words(segment)):
        assert len(cue.lines) <= 2
        assert all(len(line) <= LINE_COLUMNS + 10 for line in cue.lines)  # half a word more
        assert len(" ".join(cue.lines)) <= CUE_COLUMNS
        is_one_word = " " not in " ".join(cue.lines)
        assert cue.end_ms - cue.start_ms <= CUE_MS or is_one_word
