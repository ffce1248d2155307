"""A benchmark's chart: horizontal bars that can be read on white and on black."""

from collections.abc import Sequence
from pathlib import Path

from bench.figures import number
from bench.report import Bar, Chart, Row

LABELS = {
    "ours-64": "VocaFuse, 64 in flight",
    "ours-8": "VocaFuse, 8 in flight",
    "ours-1": "VocaFuse, one at a time",
    "service-8": "VocaFuse server, 8 in flight",
    "service-1": "VocaFuse server, uploads, one at a time",
    "dictation-8": "VocaFuse server, 8 requests in flight",
    "dictation-1": "VocaFuse server, one request at a time",
    "fw-default": "faster-whisper, defaults",
    "fw-int8": "faster-whisper, int8",
    "fw-tuned": "faster-whisper, tuned",
    "fw-batched": "faster-whisper, batched",
    "whisper.cpp": "whisper.cpp",
} | {f"fw-batched-{size}": f"faster-whisper, batches of {size}" for size in (1, 2, 4, 8, 16)}
SPEED = "seconds of speech transcribed in a second; longer is better"
OURS = ("ours", "service", "dictation")
# Blue and orange of the Okabe-Ito palette differ for every kind of colour vision, and in brightness too.
_OUR_COLOUR = "#0072B2"
_THEIR_COLOUR = "#E69F00"
# As far from white as from GitHub's black: 4.4 to 1 either way.
_TEXT = "#717986"
_WIDTH_IN = 8.0
_BAR_IN = 0.4
_FRAME_IN = 1.05
_DPI = 200


def bars(rows: Sequence[Row], figure: str) -> list[Bar]:
    """A bar for each peer of a table."""
    return [
        Bar(LABELS.get(name, name), number(row, figure), name.startswith(OURS))
        for row in rows
        if isinstance(name := row["peer"], str)
    ]


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def draw(chart: Chart, file: Path) -> None:
    """Write the chart as a PNG without a background."""
    # Here: the parts import this module in their processes, where it would count as their memory.
    from matplotlib.figure import Figure

    upwards = chart.bars[::-1]  # matplotlib draws from below
    figure = Figure((_WIDTH_IN, _FRAME_IN + _BAR_IN * len(upwards)), _DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.12)
    axes = figure.subplots()
    drawn = axes.barh(
        [bar.label for bar in upwards],
        [bar.value for bar in upwards],
        0.7,
        color=[_OUR_COLOUR if bar.ours else _THEIR_COLOUR for bar in upwards],
    )
    amounts = axes.bar_label(drawn, [_amount(bar.value) for bar in upwards], padding=5)
    for bar, name, amount in zip(upwards, axes.get_yticklabels(), amounts, strict=True):
        for text in (name, amount):
            text.set(color=_TEXT, fontsize=13, fontweight="bold" if bar.ours else "normal")
    axes.set_title(chart.title, loc="left", color=_TEXT, fontsize=14, fontweight="bold", pad=10)
    axes.set_xlabel(chart.unit, color=_TEXT, fontsize=11.5, loc="left")
    axes.tick_params(axis="both", length=0, pad=6)
    axes.set_xticks([])
    axes.margins(x=0.1, y=0.02)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.savefig(file, transparent=True)
