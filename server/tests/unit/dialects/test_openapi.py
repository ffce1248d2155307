"""The committed description of the API is the one that the code makes."""

from pathlib import Path

from vocafuse_server.openapi import description


def test_the_committed_file_is_up_to_date() -> None:
    committed = Path(__file__).parents[4] / "openapi.json"
    assert committed.read_text() == description(), "run `make openapi` and review what changed"
