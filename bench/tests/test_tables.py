"""How figures are written down."""

from bench.report import Goal, Row
from bench.tables import goal_rows, goals_plain, markdown_table, plain_table

ROWS: list[Row] = [
    {"peer": "ours-8", "wall_s": 1.234, "wer_others": None, "peak_mb": 400},
    {"peer": "fw", "wall_s": 12.0, "wer_others": 5.0, "peak_mb": 1024},
]


def test_plain_columns_stand_in_line() -> None:
    assert plain_table(ROWS).splitlines() == [
        "        wall s  WER others %  peak MB",
        "ours-8    1.23             -      400",
        "fw       12.00          5.00     1024",
    ]


def test_markdown_has_ours_in_bold() -> None:
    assert markdown_table(ROWS).splitlines() == [
        "|  | wall s | WER others % | peak MB |",
        "|---|---:|---:|---:|",
        "| **ours-8** | **1.23** | **-** | **400** |",
        "| fw | 12.00 | 5.00 | 1024 |",
    ]


def test_a_column_that_only_some_rows_have_is_kept() -> None:
    assert plain_table([{"peer": "a"}, {"peer": "b", "words": 3}]).splitlines()[-1].split() == ["b", "3"]


def test_text_from_a_model_breaks_no_table() -> None:
    assert markdown_table([{"peer": "a", "heard": "x | y"}]).splitlines()[-1] == r"| a | x \| y |"


def test_goals_say_whether_they_are_met() -> None:
    goals = [
        Goal("Speed", 12.0, 12, at_least=True, unit="x"),
        Goal("Memory", 900.5, 900, at_least=False, unit="MB"),
        Goal("Share", 9.25, 30, at_least=True, unit="%", stretch=True),
    ]
    assert goal_rows(goals) == [
        ["Speed", "≥ 12x", "12x", "yes"],
        ["Memory", "≤ 900 MB", "900.5 MB", "**no**"],
        ["Share (stretch goal)", "≥ 30 %", "9.25 %", "**no**"],
    ]
    assert goals_plain(goals[1:2]) == "Memory: 900.5 MB (bar ≤ 900 MB; met: no)"
