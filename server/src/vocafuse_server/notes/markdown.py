"""A note with its text as Markdown (CommonMark). Pure: what is known of it in, a file's text out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from vocafuse_server.notes.subtitles import Span

# A new paragraph after a pause, or after a sentence when there was none for long.
_PAUSE_S = 1.2
_LONG_S = 25.0

_ENDS_SENTENCE = re.compile(r"[.!?。！？]['\"”’)\]」』]*$")  # noqa: RUF001 - Chinese and Japanese punctuation
# Whatever could mean something to a reader of Markdown, wherever it stands in a line.
_MEANS_SOMETHING = re.compile(r"([\\`*_\[\]<>&#|~$])")


@dataclass(frozen=True, slots=True)
class Heading:
    """What is said of a note above its text.

    Attributes:
        duration_s: How long it is; None if that isn't known.
        language: Its English name; None if nobody spoke.
    """

    title: str
    created_at: datetime
    duration_s: float | None
    language: str | None
    tags: Sequence[str]


def render_markdown(heading: Heading, segments: Sequence[Span], *, space: str = " ") -> str:
    """The file: the heading, and the text in paragraphs, each with the time at which it begins.

    Args:
        space: What is between two segments in the note's language.
    """
    said = [f"- Date: {heading.created_at.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"]
    if heading.duration_s is not None:
        said.append(f"- Length: {_time(heading.duration_s)}")
    if heading.language is not None:
        said.append(f"- Language: {heading.language.capitalize()}")
    if heading.tags:
        said.append(f"- Tags: {', '.join(map(_escape, heading.tags))}")
    blocks = [f"# {_escape(heading.title)}", "\n".join(said)]
    blocks += (_paragraph(part, space) for part in paragraphs(segments))
    return "\n\n".join(blocks) + "\n"


def paragraphs(segments: Iterable[Span]) -> list[list[Span]]:
    """The segments of each paragraph."""
    parts: list[list[Span]] = []
    for segment in segments:
        if parts and not _begins_anew(parts[-1], segment):
            parts[-1].append(segment)
        else:
            parts.append([segment])
    return parts


def _begins_anew(part: Sequence[Span], segment: Span) -> bool:
    last = part[-1]
    is_long = last.end_s - part[0].start_s >= _LONG_S
    return segment.start_s - last.end_s > _PAUSE_S or (is_long and bool(_ENDS_SENTENCE.search(last.text)))


def _paragraph(part: Sequence[Span], space: str) -> str:
    text = space.join(segment.text for segment in part)
    return f"**{_time(part[0].start_s)}** {_escape(text)}"


def _escape(text: str) -> str:
    """The text in one line, as what it says and nothing else."""
    return _MEANS_SOMETHING.sub(r"\\\1", " ".join(text.split()))


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
