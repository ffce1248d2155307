"""Subtitles of a transcription, as SRT or WebVTT. Pure: spans of text in, a file's text out.

Times are rounded to milliseconds once, where they come in; from there on they are integers.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

# What people can read: two lines of 42 columns, for 7 s at most.
# https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977
LINE_COLUMNS = 42
CUE_COLUMNS = 2 * LINE_COLUMNS
CUE_MS = 7_000

_ENDS_CLAUSE = re.compile(r"[.,;:!?…。、，；：！？]['\"”’)\]」』]*$")  # noqa: RUF001 - Chinese and Japanese punctuation
_ARROW = re.compile(r"-{2,}>")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a transcription and when it is said: a segment, or a word."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at a time, in one line or two."""

    lines: tuple[str, ...]
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class SubtitleStyle:
    """What the two formats differ in."""

    header: str
    decimal_point: str
    numbered: bool
    escape: Callable[[str], str]


def _escape_vtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape_srt(text: str) -> str:
    # SRT has no escapes, and an arrow would be read as a line of times.
    return _ARROW.sub("->", text)


SRT = SubtitleStyle("", ",", numbered=True, escape=_escape_srt)
VTT = SubtitleStyle("WEBVTT\n\n", ".", numbered=False, escape=_escape_vtt)


def render_subtitles(segments: Sequence[Span], words: Sequence[Span], style: SubtitleStyle) -> str:
    """The subtitle file of a transcription; without segments a valid one that shows nothing.

    Args:
        segments: What is shown, in the order of time.
        words: When each word of it is said, for cutting long segments; may be empty, or fit some only.
        style: `SRT` or `VTT`.
    """
    cues = make_cues(segments, words)
    return style.header + "\n".join(_render_cue(number, cue, style) for number, cue in enumerate(cues, 1))


def make_cues(segments: Sequence[Span], words: Sequence[Span]) -> list[Cue]:
    """Cues that can be read in their time, in order; none is shown together with another."""
    upcoming = list(words)
    cues: list[Cue] = []
    shown_until_ms = 0
    for segment in segments:
        pieces, upcoming = _pieces(segment, upcoming)
        for part in _parts(pieces):
            start_ms = max(part[0].start_ms, shown_until_ms)
            shown_until_ms = max(part[-1].end_ms, start_ms + 1)
            cues.append(Cue(_lines(part), start_ms, shown_until_ms))
    return cues


@dataclass(frozen=True, slots=True)
class _Piece:
    """The least that is kept together: a word with the space before it, if there is one."""

    text: str
    start_ms: int
    end_ms: int

    @property
    def columns(self) -> int:
        return sum(_columns(character) for character in self.text)


def _columns(character: str) -> int:
    """How wide a character is shown; Chinese, Japanese and Korean ones are twice as wide as Latin ones."""
    if unicodedata.category(character)[0] == "M":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _pieces(segment: Span, words: list[Span]) -> tuple[list[_Piece], list[Span]]:
    """The pieces of a segment, and the words that are left for the next ones."""
    text = _one_line(segment.text)
    start_ms, end_ms = _milliseconds(segment.start_s), _milliseconds(segment.end_s)
    end_ms = max(start_ms, end_ms)
    pieces = _cut_at_words(text, words)
    if pieces is None:
        later = [word for word in words if word.start_s >= segment.end_s]
        return _evenly_timed(text, start_ms, end_ms), later
    if pieces:
        pieces[0] = replace(pieces[0], start_ms=start_ms)
        pieces[-1] = replace(pieces[-1], end_ms=end_ms)
    return pieces, words[len(pieces) :]


def _cut_at_words(text: str, words: Iterable[Span]) -> list[_Piece] | None:
    """The text cut before each of its words; None if the next words aren't those of the text."""
    pieces: list[_Piece] = []
    position = 0
    for word in words:
        if position == len(text):
            break
        spelt = _one_line(word.text)
        begin = position + (text[position] == " ")
        if not spelt or not text.startswith(spelt, begin):
            return None
        end = begin + len(spelt)
        pieces.append(_Piece(text[position:end], _milliseconds(word.start_s), _milliseconds(word.end_s)))
        position = end
    return pieces if position == len(text) else None


def _evenly_timed(text: str, start_ms: int, end_ms: int) -> list[_Piece]:
    """The text cut wherever it may be, as if all of it were said equally fast."""
    cuts = [0, *(cut for cut in range(1, len(text)) if _may_cut(text, cut)), len(text)]
    times = [start_ms + (end_ms - start_ms) * cut // max(1, len(text)) for cut in cuts]
    return [
        _Piece(text[begin:end], times[index], times[index + 1])
        for index, (begin, end) in enumerate(pairwise(cuts))
        if begin < end
    ]


def _may_cut(text: str, cut: int) -> bool:
    """Before a space, between wide characters, and in what is longer than a line; but never between a
    letter and what is written on it or after it."""
    before, after = text[cut - 1], text[cut]
    if after == " ":
        return True
    if before in " \u200d" or unicodedata.category(after)[0] in "MCP":
        return False
    return _columns(after) == 2 or cut - text.rfind(" ", 0, cut) > LINE_COLUMNS


def _parts(pieces: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
    """The pieces in stretches that each make one cue."""
    if not pieces:
        return
    lasts_ms = pieces[-1].end_ms - pieces[0].start_ms
    if len(pieces) == 1 or (_width(pieces) <= CUE_COLUMNS and lasts_ms <= CUE_MS):
        yield pieces
        return
    middle = _middle(pieces, clauses=True)
    yield from _parts(pieces[:middle])
    yield from _parts(pieces[middle:])


def _lines(pieces: Sequence[_Piece]) -> tuple[str, ...]:
    """The text of a cue, in two lines if it is wider than one."""
    is_short = len(pieces) == 1 or _width(pieces) <= LINE_COLUMNS
    cut = len(pieces) if is_short else _middle(pieces)
    texts = ("".join(piece.text for piece in part).strip() for part in (pieces[:cut], pieces[cut:]))
    return tuple(text for text in texts if text)


def _middle(pieces: Sequence[_Piece], *, clauses: bool = False) -> int:
    """Where to cut in two: nearest to the middle; with `clauses`, where one ends if that isn't far off."""
    width = _width(pieces)
    passed = accumulate(piece.columns for piece in pieces[:-1])
    off = {index: abs(columns - width / 2) for index, columns in enumerate(passed, 1)}
    if clauses:
        ends = [index for index in off if _ENDS_CLAUSE.search(pieces[index - 1].text)]
        near = {index: off[index] for index in ends if off[index] <= width / 4}
        off = near or off
    return min(off, key=off.__getitem__)


def _width(pieces: Iterable[_Piece]) -> int:
    return sum(piece.columns for piece in pieces)


def _one_line(text: str) -> str:
    """The text without line breaks, which would end a cue, and without what is no text."""
    return " ".join(_NOT_TEXT.sub("", text).split())


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _render_cue(number: int, cue: Cue, style: SubtitleStyle) -> str:
    times = f"{_time(cue.start_ms, style)} --> {_time(cue.end_ms, style)}"
    lines = [times, *(style.escape(line) for line in cue.lines)]
    return "".join(f"{line}\n" for line in ([str(number), *lines] if style.numbered else lines))


def _time(milliseconds: int, style: SubtitleStyle) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{style.decimal_point}{milliseconds:03}"
