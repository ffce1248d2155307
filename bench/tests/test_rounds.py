"""Going on where an interrupted benchmark was."""

from pathlib import Path

import pytest

from bench.rounds import RoundLog, Run, forget


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "note.wav"
    path.write_bytes(b"audio")
    return path


def make_run(peer: str, number: int) -> Run:
    return Run(peer, number, 1.5, 2.5, 0.25, 300.0, [1.5], ["words"])


def test_complete_rounds_are_kept_and_a_half_one_is_done_again(tmp_path: Path, file: Path) -> None:
    log = RoundLog("engine", ["a", "b"], [file], tmp_path)
    for run in (make_run("a", 0), make_run("b", 0), make_run("a", 1)):
        log.add(run)
    again = RoundLog("engine", ["a", "b"], [file], tmp_path)
    assert again.runs == [make_run("a", 0), make_run("b", 0)]
    assert again.has(0)
    assert not again.has(1)
    again.add(make_run("a", 1))
    again.add(make_run("b", 1))
    assert len(RoundLog("engine", ["a", "b"], [file], tmp_path).runs) == 4


def test_other_peers_or_files_are_another_benchmark(tmp_path: Path, file: Path) -> None:
    RoundLog("engine", ["a"], [file], tmp_path).add(make_run("a", 0))
    assert RoundLog("engine", ["a"], [file], tmp_path).has(0)
    assert not RoundLog("engine", ["a", "b"], [file], tmp_path).has(0)
    file.write_bytes(b"other audio")
    assert not RoundLog("engine", ["a"], [file], tmp_path).has(0)


def test_a_finished_benchmark_is_forgotten(tmp_path: Path, file: Path) -> None:
    for name in ("engine", "service"):
        RoundLog(name, ["a"], [file], tmp_path).add(make_run("a", 0))
    forget(["engine"], tmp_path)
    assert not RoundLog("engine", ["a"], [file], tmp_path).has(0)
    assert RoundLog("service", ["a"], [file], tmp_path).has(0)
