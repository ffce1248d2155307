"""The data directory and the secrets in it."""

import stat
from pathlib import Path

import pytest

from vocafuse_server.core.data_dir import prepare_data_dir, replace_secret, write_secret
from vocafuse_server.core.errors import StartupError


def test_it_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    prepare_data_dir(folder)
    assert list(folder.iterdir()) == []
    assert not stat.S_IMODE(folder.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH)


def test_one_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match="VOCAFUSE_DATA_DIR"):
        prepare_data_dir(tmp_path / "file" / "data")


def test_a_secret_never_replaces_another(tmp_path: Path) -> None:
    write_secret(tmp_path / "secret", "first")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "secret", "second")
    assert (tmp_path / "secret").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_secret_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_secret(path, "first")
    with pytest.raises(UnicodeEncodeError):
        replace_secret(path, "\ud800")
    assert path.read_text() == "first"
    replace_secret(path, "second")
    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
