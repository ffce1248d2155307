"""What a worker is there for, as the command line says."""

import pytest
from typer.testing import CliRunner

from vocafuse_server.cli import app
from vocafuse_server.core.queue import Queue
from vocafuse_server.core.settings import Settings
from vocafuse_server.worker import Role

IN_FLIGHT = {"transcriptions_in_flight": 3, "webhooks_in_flight": 5}


def test_without_a_role_it_is_there_for_every_queue() -> None:
    places = Role().places(Settings.model_validate(IN_FLIGHT))
    assert set(places) == set(Queue)
    assert (places[Queue.TRANSCRIPTION], places[Queue.WEBHOOKS]) == (3, 5)


def test_a_role_has_queues_and_jobs_at_a_time() -> None:
    assert Role(frozenset({Queue.TRANSCRIPTION})).places(Settings.model_validate(IN_FLIGHT)) == {
        Queue.TRANSCRIPTION: 3
    }
    both = Role(frozenset({Queue.WEBHOOKS, Queue.MAINTENANCE}), concurrency=2)
    assert both.places(Settings.model_validate(IN_FLIGHT)) == {Queue.WEBHOOKS: 2, Queue.MAINTENANCE: 2}


@pytest.mark.parametrize("names", ["transcriptions", "webhooks,", ""])
def test_a_queue_that_there_is_not_is_refused(names: str) -> None:
    result = CliRunner().invoke(app, ["worker", "--queues", names])
    assert result.exit_code == 2
    assert "transcription, fetching, webhooks, maintenance" in result.output
