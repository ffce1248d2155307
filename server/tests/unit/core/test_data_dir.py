"""The data directory and the secrets in it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from vocafuse_server.core.data_dir import load_signing_key, prepare_data_dir, write_secret
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings


def test_it_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    prepare_data_dir(folder)
    assert list(folder.iterdir()) == []
    assert not stat.S_IMODE(folder.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH)


def test_one_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match="VOCAFUSE_DATA_DIR"):
        prepare_data_dir(tmp_path / "file" / "data")


def test_the_signing_key_is_made_once_by_whoever_is_first(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(load_signing_key, [settings] * 8))
    assert len(keys) == 1
    assert len(keys.pop()) >= 32
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["signing.key"]


def test_a_given_signing_key_is_used_and_no_file_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, signing_key=SecretStr("k" * 32))
    assert load_signing_key(settings) == b"k" * 32
    assert list(tmp_path.iterdir()) == []


def test_an_empty_signing_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "signing.key").touch()
    with pytest.raises(StartupError, match="is empty"):
        load_signing_key(Settings(data_dir=tmp_path))


def test_a_secret_never_replaces_another(tmp_path: Path) -> None:
    write_secret(tmp_path / "secret", "first")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "secret", "second")
    assert (tmp_path / "secret").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1
