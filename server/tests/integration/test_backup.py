"""Backups of the embedded set-up: what is in them, what they refuse, what a cut leaves behind."""

import hashlib
import stat
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from support.app import Api, SettableClock
from support.running_server import COMMAND, refusal, server_environment

from vocafuse_server.backup.queries import snapshot_of
from vocafuse_server.core.database import sqlalchemy_url
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.core.settings import Settings
from vocafuse_server.jobs.tasks import delete_unless_held
from vocafuse_server.schema import alembic_config
from vocafuse_server.storage.objects import open_objects

pytestmark = pytest.mark.xdist_group("backup")  # They share one backup.

OLDER_SCHEMA = "0005"
AUDIO_KEY = "tenant/note.webm"
AUDIO = bytes(range(256)) * 500


@dataclass(frozen=True)
class Kept:
    """A data directory of an older release, and a backup of it."""

    data_dir: Path
    backup: Path


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("backup")
    data_dir = folder / "data"
    (data_dir / "audio" / "tenant").mkdir(parents=True)
    (data_dir / "audio" / AUDIO_KEY).write_bytes(AUDIO)
    (data_dir / "audio" / "tenant" / "nobodys.webm").write_bytes(b"of no note")
    (data_dir / "models").mkdir()
    (data_dir / "models" / "weights").write_bytes(b"made anew")
    for name in ("signing.key", "credentials.json", "some-later-secret"):
        (data_dir / name).write_text(name)
    postgres = EmbeddedPostgres(data_dir / "postgres", options=["fsync=off"])
    postgres.start()
    postgres.ensure_database()
    fill(postgres.url())
    postgres.stop()
    backup = folder / "backup.tar"
    run(data_dir, "backup", str(backup))
    return Kept(data_dir, backup)


def fill(database_url: str) -> None:
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), OLDER_SCHEMA)
        connection.execute(
            text(_NOTES), {"tenant": new_uuid(), "first": new_uuid(), "second": new_uuid(), "key": AUDIO_KEY}
        )
    engine.dispose()


_NOTES = """
WITH tenant AS (
  INSERT INTO tenants (id, name, plan, created_at, updated_at) VALUES (:tenant, 'T', 'pro', now(), now())
)
INSERT INTO notes (id, tenant_id, status, original_filename, audio_key, file_size_bytes, upload_source,
  created_at, updated_at)
VALUES (:first, :tenant, 'transcribed', 'a.webm', :key, 128000, 'api', now(), now()),
  (:second, :tenant, 'transcribed', 'b.webm', 'tenant/gone.webm', 7, 'api', now(), now())
"""


def run(data_dir: Path, *arguments: str, input: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a command that must succeed on a data directory."""
    result = subprocess.run(
        [*COMMAND, *arguments],
        env=server_environment(data_dir),
        input=input,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    return result


def refused(data_dir: Path, *arguments: str, **settings: str) -> str:
    """The one sentence in which a command that must fail says why."""
    return refusal(server_environment(data_dir, **settings), *arguments)


def test_a_backup_of_an_older_release_is_restored_and_brought_up_to_date(kept: Kept, tmp_path: Path) -> None:
    assert stat.S_IMODE(kept.backup.stat().st_mode) == 0o600
    assert [path.name for path in kept.backup.parent.iterdir() if "backup" in path.name] == ["backup.tar"]
    data_dir = tmp_path / "restored"
    told = run(data_dir, "restore", str(kept.backup)).stderr.decode()
    assert "Audio: 0.1 MB, done" in told
    assert str(data_dir) in told
    files = {
        str(path.relative_to(data_dir)): path.read_bytes()
        for path in data_dir.rglob("*")
        if path.is_file() and "postgres" not in path.parts
    }
    assert files.pop("supervisor.lock") == b""
    assert files.pop(f"audio/{AUDIO_KEY}") == AUDIO
    secrets = ("signing.key", "credentials.json", "some-later-secret")
    assert files == {name: name.encode() for name in secrets}
    assert {stat.S_IMODE((data_dir / name).stat().st_mode) for name in secrets} == {0o600}
    postgres = EmbeddedPostgres(data_dir / "postgres", options=["fsync=off"])
    postgres.start()
    try:
        with psycopg.connect(postgres.url()) as connection:
            notes = connection.execute("SELECT audio_key, title <> '' FROM notes ORDER BY 1").fetchall()
            counted = connection.execute("SELECT sum(n) FROM note_count_changes WHERE facet = ''").fetchone()
    finally:
        postgres.stop()
    assert notes == [("tenant/gone.webm", True), (AUDIO_KEY, True)]
    assert counted == (2,)


def test_a_backup_goes_through_a_pipe_and_tells_what_was_not_there(kept: Kept, tmp_path: Path) -> None:
    made = run(kept.data_dir, "backup", "-")
    assert "The audio of 1 notes was not there" in made.stderr.decode()
    assert "tenant/gone.webm" in made.stderr.decode()
    data_dir = tmp_path / "restored"
    run(data_dir, "restore", "-", input=made.stdout)
    assert (data_dir / "audio" / AUDIO_KEY).read_bytes() == AUDIO
    torn = subprocess.run(
        [*COMMAND, "restore", "-"],
        env=server_environment(tmp_path / "torn"),
        input=made.stdout[:-1000],
        capture_output=True,
        check=False,
    )
    assert torn.returncode == 1
    assert b"damaged" in torn.stderr
    assert [path.name for path in (tmp_path / "torn").iterdir()] == ["supervisor.lock"]


def test_what_cannot_be_restored_is_told_and_touches_nothing(kept: Kept, tmp_path: Path) -> None:
    torn = tmp_path / "torn.tar"
    torn.write_bytes(kept.backup.read_bytes()[:-1000])
    assert "damaged" in refused(tmp_path / "data", "restore", str(torn))
    newer = tmp_path / "newer.tar"
    newer.write_bytes(sealed_anew(kept.backup.read_bytes(), OLDER_SCHEMA, "9999"))
    assert "a later one" in refused(tmp_path / "data", "restore", str(newer))
    assert not (tmp_path / "data").exists()
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").touch()
    told = refused(full, "restore", str(kept.backup))
    assert "is not empty" in told
    assert "VOCAFUSE_DATA_DIR" in told
    assert [path.name for path in full.iterdir()] == ["something"]


def sealed_anew(backup: bytes, schema: str, other: str) -> bytes:
    """A backup that says of itself that its schema is another one."""
    told, said = f'"schema": "{schema}"'.encode(), f'"schema": "{other}"'.encode()
    assert backup.count(told) == 1
    content = backup[:-72].replace(told, said)
    return content + f"sha256 {hashlib.sha256(content).hexdigest()}\n".encode()


def test_what_cannot_be_backed_up_is_told(tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    assert "nothing to back up" in refused(tmp_path / "data", "backup", str(target))
    told = refused(tmp_path / "data", "backup", str(target), VOCAFUSE_DATABASE_URL="postgresql://db/x")
    assert "pg_dump" in told
    assert list(tmp_path.iterdir()) == []


def test_a_restore_that_was_cut_off_is_no_data_directory(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    (data_dir / ".restoring").mkdir(parents=True)
    assert "empty the folder, and restore again" in refused(data_dir, "up")
    assert [path.name for path in data_dir.iterdir()] == [".restoring"]


async def test_audio_stays_while_a_backup_is_made_and_goes_afterwards(
    api: Api, database_url: str, tmp_path: Path, clock: SettableClock
) -> None:
    objects = open_objects(Settings(data_dir=tmp_path))
    audio = tmp_path / "audio" / "note.webm"
    audio.write_bytes(AUDIO)

    async def delete() -> None:
        context = api.context
        await delete_unless_held(context.database, context.queue, objects, "note.webm", now=clock())

    with snapshot_of(database_url) as snapshot:
        assert snapshot is not None
        assert (snapshot.audio_files, list(snapshot.audio_keys())) == (0, [])
        await delete()
        assert audio.read_bytes() == AUDIO
    async with api.context.database.transaction() as session:
        jobs = await session.execute(text("SELECT task_name, args, scheduled_at FROM procrastinate_jobs"))
        assert jobs.one() == ("delete_audio", {"key": "note.webm"}, clock() + timedelta(minutes=1))
    await delete()
    assert not audio.exists()
