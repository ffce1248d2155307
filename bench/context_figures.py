"""What the rules for the context cost and get wrong, as rows of figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jiwer

from bench.clips import LONGEST_SHORT_S
from bench.context_passes import CLEAN, CUT, FULL, NOISES_DB, Heard, Note, Rule
from bench.figures import rounded
from bench.report import Row
from bench.scoring import error_rate, normalised

MUCH_WORSE = 30.0
"""Points of the word error rate."""
LANGUAGE_CUTS_S = (3.0, 2.0, 1.0)

HeardBy = dict[Rule, Heard]


@dataclass(frozen=True)
class _Heard:
    """A note and what every rule made of it."""

    note: Note
    by: HeardBy

    def error(self, text: str) -> float:
        """The word error rate of a text of this note in per cent."""
        english = self.note.clip.language == "en"
        return error_rate([self.note.clip], [text], english=english) or 0.0

    def much_worse(self, text: str, full: str) -> bool:
        return self.error(text) > self.error(full) + MUCH_WORSE


def error_rows(notes: Sequence[Note], heard: Sequence[HeardBy], ours: Rule) -> list[Row]:
    """For each rule: its cost, its errors after the second passes, and what it got wrong at first."""
    everything = [_Heard(note, by) for note, by in zip(notes, heard, strict=True)]
    return [_error_row(everything, rule, ours) for rule in heard[0]]


def _error_row(everything: Sequence[_Heard], rule: Rule, ours: Rule) -> Row:
    mine = [one.by[rule] for one in everything]
    whole = [one for one in everything if one.note.kind != CUT]
    row: Row = {"rule": _name(rule, ours), "cpu_s": round(sum(one.cpu_s for one in mine), 1)}
    for english, heading in ((True, "wer_english"), (False, "wer_others")):
        for kind, suffix in ((CLEAN, ""), *((f"{db} dB", f"_{db}_db") for db in NOISES_DB)):
            of_kind = [one for one in whole if one.note.kind == kind]
            texts = [one.by[rule].text for one in of_kind]
            rate = error_rate([one.note.clip for one in of_kind], texts, english=english)
            row[heading + suffix] = rounded(rate)
    return row | {
        "cuts_unlike": rounded(_unlike(everything, rule)),
        "second_passes": sum(one.signs for one in mine),
        "loops": sum(one.loops for one in mine),
        "much_worse_first": _count(whole, lambda one: one.much_worse(one.by[rule].first, one.by[FULL].first)),
        "much_worse": _count(whole, lambda one: one.much_worse(one.by[rule].text, one.by[FULL].first)),
    }


def _name(rule: Rule, ours: Rule) -> str:
    return f"ours: {rule.name}" if rule == ours else rule.name


def _unlike(everything: Sequence[_Heard], rule: Rule) -> float | None:
    """Words of the cut beginnings that are not what the full context makes of the same cut, in per cent."""
    pairs = [
        (normalised(one.by[FULL].first, language), normalised(one.by[rule].text, language))
        for one in everything
        if one.note.kind == CUT
        for language in [one.note.clip.language]
    ]
    spoken = [pair for pair in pairs if pair[0]]
    return 100 * jiwer.wer([full for full, _ in spoken], [text for _, text in spoken]) if spoken else None


def _count(heard: Sequence[_Heard], holds: Callable[[_Heard], bool]) -> int:
    return sum(holds(one) for one in heard)


def language_rows(notes: Sequence[Note], heard: Sequence[HeardBy], ours: Rule) -> list[Row]:
    """For each rule: how many notes that are not English it took for the right language."""
    foreign = [
        _Heard(note, by)
        for note, by in zip(notes, heard, strict=True)
        if note.clip.language != "en" and note.clip.seconds <= LONGEST_SHORT_S
    ]
    return [_language_row(foreign, rule, ours) for rule in heard[0]] if foreign else []


def _language_row(foreign: Sequence[_Heard], rule: Rule, ours: Rule) -> Row:
    groups = {
        "whole": [one for one in foreign if one.note.kind == CLEAN],
        "noisy": [one for one in foreign if one.note.kind not in {CLEAN, CUT}],
        **{
            f"cut_{seconds:g}_s": [
                one for one in foreign if one.note.kind == CUT and one.note.seconds == seconds
            ]
            for seconds in LANGUAGE_CUTS_S
        },
    }
    row: Row = {"rule": _name(rule, ours)}
    for name, group in groups.items():
        right = _count(group, lambda one: one.by[rule].language == one.note.clip.language)
        row[name] = f"{right} of {len(group)}"
    counted = [one for group in groups.values() for one in group]
    changed = [one for one in counted if one.by[rule].language != one.by[FULL].language]
    return row | {
        "mended": _count(changed, lambda one: one.by[rule].language == one.note.clip.language),
        "spoilt": _count(changed, lambda one: one.by[FULL].language == one.note.clip.language),
        "otherwise": _count(
            changed,
            lambda one: one.note.clip.language not in {one.by[rule].language, one.by[FULL].language},
        ),
    }
