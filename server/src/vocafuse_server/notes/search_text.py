"""What is searched for and what was found, as text: queries as Postgres reads them, hits as people do."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# As in migration 0011: scripts that put no spaces between words, Korean's, and their punctuation.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3000-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
)
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
_LONE_RUN = re.compile(f"(?P<minus>(?<!\\S)-)?(?P<run>[{_UNSPACED}]+)")
_BEGINNING = re.compile(r"(?P<minus>(?<!\S)-)?(?P<start>[^\W_]+)\*(?!\w)")
_SHORTEST_BEGINNING = 3
# A number is a word in every language, and nobody says this one.
_STAND_IN = 407_218_553_900_617_342_815_000
HIT_START, HIT_END = "\x02", "\x03"
_UNFOLDED = {"\x1c": "<", "\x1d": ">", "\x1e": "&"}
_SEPARATOR = "\x1f"
_SNIPPET_LENGTH = 200
_LEAD_LENGTH = 60

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a text, and whether it is what was searched for."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Match:
    """Where a note has what was searched for.

    Attributes:
        title: The title; None if it has none of it.
        snippet: The transcription around the first hit; None if it has none of it.
        start_s: When that hit was said, in seconds from the beginning; None if nobody knows.
    """

    title: Sequence[Part] | None
    snippet: Sequence[Part] | None
    start_s: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Words as `websearch_to_tsquery` of Postgres takes them.

    Attributes:
        text: The words; letters of scripts without spaces are phrases.
        beginnings: What words in the text begin with, by what stands for each of them there.
    """

    text: str
    beginnings: Mapping[str, str]


def read_query(words: str) -> Asked:
    """What is asked for with these words."""
    beginnings = dict[str, str]()

    def stand_in(found: re.Match[str]) -> str:
        start = found["start"]
        if len(start) < _SHORTEST_BEGINNING or _UNSPACED_RUN.search(start):
            return f"{found['minus'] or ''}{start} "
        name = str(_STAND_IN + len(beginnings))
        beginnings[name] = start
        return f" {found['minus'] or ''}{name} "

    parts = _BEGINNING.sub(stand_in, re.sub("[<>&]", " ", words)).split('"')
    for at, part in enumerate(parts):
        is_quoted = at % 2 == 1
        parts[at] = _spaced(part) if is_quoted else _LONE_RUN.sub(_as_phrase, part)
    return Asked('"'.join(parts), beginnings)


def find_hits(marked: str, words: str) -> tuple[str, list[Span]]:
    """The text that was marked, and the places in it of what was searched for.

    Args:
        marked: The text as `fold_for_search` makes it, with marks around words.
        words: What was searched for.
    """
    text: list[str] = []
    marks: list[Span] = []
    start = 0
    for character in marked:
        if character == HIT_START:
            start = len(text)
        elif character == HIT_END:
            marks.append((start, len(text)))
        elif character != _SEPARATOR:
            text.append(_UNFOLDED.get(character, character))
    whole = "".join(text)
    # Letters that are words of their own were marked wherever they are.
    found = [mark for mark in marks if not _UNSPACED_RUN.fullmatch(whole, *mark)]
    found += [
        hit.span() for run in _UNSPACED_RUN.findall(words) for hit in re.finditer(re.escape(run), whole)
    ]
    return whole, _joined(sorted(found))


def parts_of(text: str, hits: Sequence[Span]) -> list[Part]:
    """The text, cut where hits begin and end."""
    parts: list[Part] = []
    at = 0
    for start, end in hits:
        parts += [Part(text[at:start], hit=False), Part(text[start:end], hit=True)]
        at = end
    parts.append(Part(text[at:], hit=False))
    return [part for part in parts if part.text]


def snippet_of(text: str, hits: Sequence[Span]) -> list[Part]:
    """The part of a text around its first hit, cut between words, with what was left out as dots."""
    start = max(0, hits[0][0] - _LEAD_LENGTH)
    if start > 0:
        start = _next_space(text, start, hits[0][0])
    end = min(len(text), start + _SNIPPET_LENGTH)
    if end < len(text):
        end = max(hits[0][1], text.rfind(" ", start, end), start + _SNIPPET_LENGTH // 2)
    inside = [(max(a, start) - start, min(b, end) - start) for a, b in hits if a < end and b > start]
    parts = parts_of(text[start:end], inside)
    before = [Part("…", hit=False)] if start > 0 else []
    after = [Part("…", hit=False)] if end < len(text) else []
    return [*before, *parts, *after]


def time_of(
    text: str, at: int, *, words: Sequence[Mapping[str, Any]], segments: Sequence[Mapping[str, Any]]
) -> float | None:
    """When what stands at a place of a transcription's text was said."""
    for timed, name, start_s in ((words, "word", "start_time"), (segments, "text", "start")):
        for end, one in _places(text, [(str(one[name]), one) for one in timed]):
            if end > at:
                return float(one[start_s])
    return None


def _places(
    text: str, timed: Sequence[tuple[str, Mapping[str, Any]]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Where in a text each of its parts ends; those that are not found are left out."""
    at = 0
    for said, one in timed:
        found = text.find(said.strip(), at)
        if found >= 0:
            at = found + len(said.strip())
            yield at, one


def _next_space(text: str, start: int, limit: int) -> int:
    found = text.find(" ", start, limit)
    return start if found < 0 else found + 1


def _joined(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _spaced(text: str) -> str:
    return _UNSPACED_RUN.sub(lambda run: f" {' '.join(run[0])} ", text)


def _as_phrase(found: re.Match[str]) -> str:
    return f' {found["minus"] or ""}"{" ".join(found["run"])}" '
