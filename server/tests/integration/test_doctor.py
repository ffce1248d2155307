"""The doctor, on installations that are really broken: it finds what is wrong and says what to do."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr
from support.listener import Listener
from support.ports import free_port

from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.core.settings import Settings
from vocafuse_server.doctor.examination import examine
from vocafuse_server.doctor.findings import Finding, Status
from vocafuse_server.schema import head_revision
from vocafuse_server.transcription.catalogue import KNOWN

Examine = Callable[..., list[Finding]]


@pytest.fixture
def look(tmp_path: Path) -> Examine:
    """One check, on a data directory of its own."""

    def found(check: str, **settings: object) -> list[Finding]:
        chosen = Settings.model_validate({"data_dir": tmp_path / "data", **settings})
        return [finding for _, finding in examine(chosen, [check])]

    return found


@pytest.fixture
def empty_database(cluster: EmbeddedPostgres) -> Iterator[str]:
    """A database in which no migration has been."""
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE unmigrated")
        yield cluster.url("unmigrated")
        admin.execute("DROP DATABASE unmigrated WITH (FORCE)")


def only_failure(found: list[Finding]) -> Finding:
    [failure] = [one for one in found if one.status is Status.FAILED]
    assert failure.remedy
    return failure


def test_a_fresh_machine_is_sound(look: Examine) -> None:
    for check in ("python", "clock", "data", "database", "store", "model"):
        found = look(check)
        assert found
        assert {one.status for one in found} == {Status.OK}, found


def test_a_data_directory_that_cannot_be_written(look: Examine, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder would be")
    assert "VOCAFUSE_DATA_DIR" in str(only_failure(look("data")).remedy)
    assert only_failure(look("store")).remedy


def test_a_disk_that_is_full(look: Examine) -> None:
    failure = only_failure(look("data", disk_reserve_bytes=1 << 60))
    assert "VOCAFUSE_DISK_RESERVE_BYTES" in str(failure.remedy)


def test_a_key_that_others_can_read(look: Examine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "signing.key").touch(mode=0o644)
    assert "chmod 600" in only_failure(look("data")).message


def test_a_folder_for_audio_that_is_none(look: Examine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "audio").touch()
    assert "audio" in str(only_failure(look("store")).remedy)


def test_a_database_that_does_not_answer(look: Examine) -> None:
    url = f"postgresql://notes:hidden@127.0.0.1:{free_port()}/notes"
    failure = only_failure(look("database", database_url=url))
    assert "VOCAFUSE_DATABASE_URL" in str(failure.remedy)
    assert "hidden" not in failure.message


def test_a_database_that_is_not_there(look: Examine, cluster: EmbeddedPostgres) -> None:
    failure = only_failure(look("database", database_url=cluster.url("nowhere")))
    assert '"nowhere" does not exist' in failure.message
    assert "createdb" in str(failure.remedy)


def test_a_database_without_a_schema(look: Examine, empty_database: str) -> None:
    failure = only_failure(look("database", database_url=empty_database))
    assert "has no schema" in failure.message
    assert failure.remedy == "Run `vocafuse-server migrate`."


@pytest.mark.parametrize(
    ("revision", "remedy"),
    [("0001", "Run `vocafuse-server migrate`."), ("9999", "Install that release")],
)
def test_a_schema_of_another_release(look: Examine, database_url: str, revision: str, remedy: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", [revision])
    assert str(only_failure(look("database", database_url=database_url)).remedy).startswith(remedy)


def test_a_webhook_that_leads_where_nothing_is_sent(look: Examine, database_url: str) -> None:
    known = {"id": new_uuid(), "url": "http://127.0.0.1:9/hook"}
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tenants (id, name, plan, created_at, updated_at)"
            " VALUES (%(id)s, 'T', 'pro', now(), now())",
            known,
        )
        connection.execute(
            "INSERT INTO webhooks (id, tenant_id, url, events, secret, status, created_at, updated_at)"
            " VALUES (%(id)s, %(id)s, %(url)s, '{voicenote.created}', 's', 'active', now(), now())",
            known,
        )
    answers, schema, webhook = look("database", database_url=database_url)
    assert (answers.status, schema.status, webhook.status) == (Status.OK, Status.OK, Status.WARNING)
    assert head_revision() in schema.message
    assert str(known["id"]) in webhook.message
    networks = ["127.0.0.0/8"]
    assert len(look("database", database_url=database_url, allow_private_networks=networks)) == 2


@pytest.mark.parametrize(
    ("model", "remedy"),
    [("/nowhere/at-all", "VOCAFUSE_MODEL"), ("someone/whisper-mini", "vocafuse-server model fetch someone/")],
)
def test_a_model_that_is_not_there(look: Examine, model: str, remedy: str) -> None:
    assert remedy in str(only_failure(look("model", model=model)).remedy)
    assert only_failure(look("transcription", model=model)).message


def test_weights_that_are_not_the_published_ones(look: Examine, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "models" / "tiny.en"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"damaged")
    (folder / "verified.json").write_text(json.dumps({"sha256": KNOWN["tiny.en"].sha256, "size": 7}))
    failure = only_failure(look("model", model="tiny.en"))
    assert "sha256" in failure.message
    assert f"rm -r {folder}" in str(failure.remedy)


def test_a_port_that_somebody_else_has(look: Examine, listener: Listener) -> None:
    port = urlsplit(listener.url).port
    taken, free = look("ports", port=port, worker_metrics_port=free_port())
    assert taken.status is Status.FAILED
    assert f"process {os.getpid()}" in taken.message
    assert "VOCAFUSE_PORT" in str(taken.remedy)
    assert free.status is Status.OK


def test_a_store_of_rate_limits_that_does_not_answer(look: Examine) -> None:
    url = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
    assert "each process counts by itself" in str(
        only_failure(look("limits", rate_limit_store_url=url)).remedy
    )
