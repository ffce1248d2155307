"""Rows of figures as a table for people: plain, or in Markdown."""

from collections.abc import Sequence

from bench.report import Figure, Goal, Report, Row

# Heading and digits after the point of each figure.
_HEADINGS = {
    "peer": ("", 0),
    "part": ("", 0),
    "process": ("", 0),
    "wall_s": ("wall s", 2),
    "cpu_s": ("CPU s", 1),
    "x_real_time": ("x real time", 1),
    "x_fw_default": ("x fw-default", 2),
    "x_fw_int8": ("x fw-int8", 2),
    "x_ours": ("ours-8 faster x", 2),
    "x_best_batched": ("x best fw-batched", 2),
    "latency_p50_s": ("latency p50 s", 3),
    "latency_p95_s": ("p95 s", 3),
    "wer_english": ("WER English %", 2),
    "wer_others": ("WER others %", 2),
    "peak_mb": ("peak MB", 0),
    "of_int8_peak": ("of int8 peak %", 1),
    "files": ("files", 0),
    "measured": ("measured", 0),
    "words": ("words", 0),
    "heard": ("heard", 0),
    "ms": ("ms", 1),
    "rule": ("context", 0),
    "wer_english_10_db": ("10 dB", 2),
    "wer_english_3_db": ("3 dB", 2),
    "wer_others_10_db": ("10 dB", 2),
    "wer_others_3_db": ("3 dB", 2),
    "cuts_unlike": ("cuts: unlike full %", 2),
    "second_passes": ("second passes", 0),
    "loops": ("loops", 0),
    "much_worse_first": ("much worse at first", 0),
    "much_worse": ("in the end", 0),
    "whole": ("whole", 0),
    "noisy": ("noisy", 0),
    "cut_3_s": ("3 s", 0),
    "cut_2_s": ("2 s", 0),
    "cut_1_s": ("1 s", 0),
    "mended": ("full wrong, this right", 0),
    "spoilt": ("full right, this wrong", 0),
    "otherwise": ("another wrong one", 0),
    "notes": ("notes", 0),
    "tenants": ("tenants", 0),
    "workers": ("workers", 0),
    "per_second": ("requests/s", 0),
    "cpu_ms_a_request": ("CPU ms a request", 2),
    "notes_an_hour": ("notes/h", 0),
    "delay_p50_s": ("delay p50 s", 2),
    "delay_p99_s": ("p99 s", 2),
    "cpu_s_a_note": ("CPU s a note", 3),
    "postgres_ms_a_note": ("Postgres's ms", 1),
    "alone_s": ("alone s", 3),
    "measured_mean_s": ("mean s", 3),
    "simulated_mean_s": ("simulated s", 3),
    "mean_off_percent": ("off by %", 1),
    "measured_p95_s": ("p95 s", 3),
    "simulated_p95_s": ("simulated s", 3),
} | {
    f"{kind}_{share}_ms": (f"{kind + ' ' if share == 'p50' else ''}{share} ms", 1)
    for kind in ("list", "get", "token", "webhooks", "upload")
    for share in ("p50", "p99")
}
MISSING = "-"


def shown(name: str, value: Figure) -> str:
    """A figure as it stands in a table."""
    if value is None:
        return MISSING
    return value if isinstance(value, str) else f"{value:.{_HEADINGS[name][1]}f}"


def readable(report: Report) -> str:
    """A report for a terminal."""
    parts = [f"{report.part}: {report.what}", plain_table(report.rows), *report.remarks]
    doubts = [f"Doubtful: {' and '.join(report.conditions.doubts)}."] if report.conditions.doubts else []
    return "\n\n".join([*parts, *doubts, goals_plain(report.goals)]) + "\n"


def plain_table(rows: Sequence[Row]) -> str:
    """Columns in line, for a terminal."""
    table = _cells(rows)
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    )


def markdown_table(rows: Sequence[Row]) -> str:
    """The first column to the left, all others to the right; our own peers in bold."""
    heading, *body = _cells(rows)
    lines = [_line(heading), "|---|" + "---:|" * (len(heading) - 1)]
    for cells in body:
        bold = cells[0].startswith("ours")
        lines.append(_line([f"**{cell}**" if bold else cell.replace("|", r"\|") for cell in cells]))
    return "\n".join(lines)


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    body = [[shown(name, row.get(name)) for name in names] for row in rows]
    return [[_HEADINGS[name][0] for name in names], *body]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def goal_rows(goals: Sequence[Goal], *, trial: bool = False) -> list[list[str]]:
    """Of each goal: the figure, what was asked for, what was measured, and whether it is met."""
    mark = " (trial)" if trial else ""
    return [
        [
            goal.figure + (" (stretch goal)" if goal.stretch else ""),
            f"{'≥' if goal.at_least else '≤'} {_amount(goal.bound, goal.unit)}",
            _amount(goal.measured, goal.unit) + mark,
            "yes" if goal.met else "**no**",
        ]
        for goal in goals
    ]


def goals_markdown(reports: Sequence[Report]) -> str:
    """All goals; what was measured under doubtful conditions is marked."""
    rows = [
        row for report in reports for row in goal_rows(report.goals, trial=bool(report.conditions.doubts))
    ]
    lines = [_line(["figure", "bar", "measured", "met"]), "|---|---:|---:|---|"]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def goals_plain(goals: Sequence[Goal]) -> str:
    return "\n".join(
        f"{figure}: {measured} (bar {bar}; met: {met.strip('*')})"
        for figure, bar, measured, met in goal_rows(goals)
    )


def _amount(value: float, unit: str) -> str:
    number = f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{number}{'' if unit in {'x', ''} else ' '}{unit}"
