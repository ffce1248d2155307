"""From the figures of one machine to those of a fleet."""

from dataclasses import astuple

import pytest

from bench.clips import ROOT
from bench.page import between_marks
from bench.report import Conditions, Report, Row
from bench.scaling import BEGIN, PAGE, Measured, cells, cores, gpus, measured, needs_table, prices_table

FOUND = Measured(cpu_s=0.42, postgres_s=0.02, gpu_s=0.01, beside_gpu_s=0.1)


def test_the_figures_are_those_of_the_largest_table() -> None:
    rows: list[Row] = [{"cpu_s_a_note": seconds, "postgres_ms_a_note": 20.0} for seconds in (0.4, 0.42)]
    on_gpu: Row = {"wall_s": 1.0, "cpu_s": 10.0, "x_real_time": 510.0}
    load, gpu = (Report("", "", Conditions("", "", {}, None, 0.0), of, []) for of in (rows, [on_gpu]))
    found = measured(load, gpu)
    assert astuple(found) == pytest.approx(astuple(FOUND))
    assert found.worker_s == pytest.approx(0.4)


def test_workers_are_busy_three_fifths_of_the_time() -> None:
    assert cores(FOUND, 3) == 2  # 1.2 seconds' work a second
    assert cores(FOUND, 1200) == 800
    assert cores(FOUND, 1200, with_gpu=True) == 200
    assert gpus(FOUND, 60) == 1
    assert gpus(FOUND, 61) == 2
    assert [cells(rate) for rate in (1, 100, 101)] == [1, 1, 2]


def test_every_rate_has_its_column_and_what_is_hosted_its_price() -> None:
    assert needs_table(FOUND).startswith(
        "| notes a second | 1 | 100 | 10,000 |\n| --- | ---: | ---: | ---: |\n"
    )
    assert "| OpenAI gpt-4o-mini-transcribe | 0.255 |" in prices_table(FOUND)


def test_the_page_has_room_for_the_figures() -> None:
    page = between_marks((ROOT / "docs" / PAGE).read_text(), "figures", begin=BEGIN)
    assert "\n\nfigures\n\n" in page
