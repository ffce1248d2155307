"""The rules for the context, and the page that shows what they come to."""

import numpy as np
import pytest

from bench.clips import ROOT, TEST_CLIPS, load_clips
from bench.context import PAGE, page_figures
from bench.context_passes import FULL, Rule, make_notes, with_noise
from bench.page import FIGURES, between_marks
from bench.report import read_report


@pytest.mark.parametrize(
    ("rule", "name", "context_s"),
    [(FULL, "30 s", 30.0), (Rule(0.0, 1.0), "d + 1 s", 4.5), (Rule(5.0, 2.5), "max(5 s, d + 2.5 s)", 6.0)],
)
def test_a_rule_has_a_name_and_gives_a_context(rule: Rule, name: str, context_s: float) -> None:
    assert rule.name == name
    assert rule.context_s(3.5, 0.5) == context_s


def test_noise_is_as_loud_as_said_and_always_the_same() -> None:
    audio = np.sin(np.arange(16_000) / 10).astype(np.float32)
    noise = with_noise(audio, 10, seed=1) - audio
    assert np.mean(audio**2) / np.mean(noise**2) == pytest.approx(10, rel=0.05)
    assert np.array_equal(with_noise(audio, 10, seed=1), with_noise(audio, 10, seed=1))


def test_notes_are_the_same_every_time() -> None:
    clips = load_clips(TEST_CLIPS)[:2]
    first, second = ([(note.kind, note.seconds) for note in make_notes(clips)] for _ in range(2))
    assert first == second
    assert {"clean", "10 dB", "3 dB", "cut"} == {kind for kind, _ in first}


def test_the_committed_page_is_what_the_committed_figures_make() -> None:
    page = (ROOT / "docs" / PAGE).read_text()
    files = sorted((ROOT / "docs" / FIGURES).glob("context-*.json"))
    assert between_marks(page, page_figures([read_report(file) for file in files])) == page
