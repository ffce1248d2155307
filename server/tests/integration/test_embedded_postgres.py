"""The embedded Postgres: made, stopped, found again, kept to itself."""

import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.errors import StartupError

NOT_DURABLE = ["fsync=off"]


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name leaves room for a socket's path beside the cluster."""
    return tmp_path_factory.mktemp("pg")


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "postgres", options=NOT_DURABLE)
    postgres.start()
    postgres.ensure_database()
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    assert postgres.is_running()
    postgres.stop()
    assert postgres.has_ended
    assert not postgres.is_running()

    postgres.start()
    postgres.ensure_database()
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    postgres.stop()


def test_one_left_over_from_a_killed_owner_is_taken_over(tmp_path: Path) -> None:
    left = EmbeddedPostgres(tmp_path / "postgres", options=NOT_DURABLE)
    left.start()
    postgres = EmbeddedPostgres(tmp_path / "postgres", options=NOT_DURABLE)
    assert postgres.is_running()
    postgres.start()
    assert left.has_ended
    psycopg.connect(postgres.url("postgres")).close()
    postgres.stop()


def test_one_left_over_that_does_not_stop_in_order_is_stopped_at_once(tmp_path: Path) -> None:
    left = EmbeddedPostgres(tmp_path / "postgres", options=NOT_DURABLE)
    left.start()
    connection = psycopg.connect(left.url("postgres"))
    os.kill(connection.info.backend_pid, signal.SIGSTOP)
    postgres = EmbeddedPostgres(tmp_path / "postgres", options=NOT_DURABLE, stop_timeout_s=0.2)
    postgres.start()
    assert left.has_ended
    psycopg.connect(postgres.url("postgres")).close()
    postgres.stop()
    connection.close()


def test_its_files_are_closed_to_others(short_path: Path) -> None:
    postgres = EmbeddedPostgres(short_path / "postgres", options=NOT_DURABLE)
    postgres.start()
    postgres.stop()
    for name, mode in (("postgres", 0o700), ("postgres-socket", 0o700), ("postgres.log", 0o600)):
        assert stat.S_IMODE((short_path / name).stat().st_mode) == mode, name


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 20) / "postgres"
    postgres = EmbeddedPostgres(folder, options=NOT_DURABLE)
    postgres.start()
    psycopg.connect(postgres.url("postgres")).close()
    postgres.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can give a folder to somebody else")
def test_a_socket_folder_of_somebody_else_is_not_trusted(short_path: Path) -> None:
    foreign = short_path / "postgres-socket"
    foreign.mkdir(mode=0o777)
    os.chown(foreign, 65534, 65534)
    with pytest.raises(StartupError, match="belongs to somebody else"):
        EmbeddedPostgres(short_path / "postgres", options=NOT_DURABLE).start()


def test_a_text_in_any_language_is_kept_and_compared(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "postgres", options=NOT_DURABLE)
    postgres.start()
    with psycopg.connect(postgres.url("postgres")) as connection:
        row = connection.execute("SELECT lower('ÄÖÜ ПРИВЕТ'), current_setting('server_encoding')").fetchone()
    postgres.stop()
    assert row == ("äöü привет", "UTF8")


def test_a_cluster_of_another_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    postgres = EmbeddedPostgres(folder, options=NOT_DURABLE)
    postgres.start()
    postgres.ensure_database()
    postgres.stop()
    (folder / "PG_VERSION").write_text("17\n")
    before = contents(folder)
    with pytest.raises(StartupError, match=r"Postgres 17.*backup FILE.*restore FILE"):
        EmbeddedPostgres(folder).start()
    assert contents(folder) == before
    (folder / "PG_VERSION").write_text("18\n")
    postgres.start()
    psycopg.connect(postgres.url()).close()
    postgres.stop()


def contents(folder: Path) -> dict[Path, tuple[float, bytes]]:
    """Every file with its time and its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime, path.read_bytes()) for path in files}
