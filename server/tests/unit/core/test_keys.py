"""Keys in files: made once, refused when others can use them, replaced under everybody's hands."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.app import NOON, SettableClock

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.keys import GivenKeys, Key, KeyFile, KeyRing, encryption_keys, signing_keys
from vocafuse_server.core.settings import Settings

DAY = timedelta(days=1)


def ids(ring: KeyRing) -> list[str]:
    return [key.id for key in ring.good_keys()]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signing.key"


def test_a_first_key_is_made_once_by_whoever_is_first(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(8) as threads:
        rings = list(threads.map(signing_keys, [settings] * 8))
    [key] = {ring.good_keys()[0].secret for ring in rings}
    assert len(key) >= 32
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["signing.key"]


def test_given_keys_are_used_and_no_file_made(tmp_path: Path) -> None:
    new, old = SecretStr("n" * 32), SecretStr("o" * 32)
    settings = Settings(
        data_dir=tmp_path,
        signing_key=new,
        old_signing_keys=(old,),
        encryption_key=old,
        old_encryption_keys=(new,),
    )
    assert [key.secret for key in signing_keys(settings).good_keys()] == [b"n" * 32, b"o" * 32]
    assert [key.secret for key in encryption_keys(settings).good_keys()] == [b"o" * 32, b"n" * 32]
    assert list(tmp_path.iterdir()) == []


def test_keys_are_named_after_themselves_and_hidden() -> None:
    key = Key(b"k" * 48)
    assert key.id == GivenKeys([b"k" * 48]).good_keys()[0].id != Key(b"l" * 48).id
    assert "kkk" not in repr(key)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o644])
def test_a_file_that_others_can_use_is_refused(path: Path, mode: int, clock: SettableClock) -> None:
    KeyFile(path, old_kept=DAY, clock=clock)
    path.chmod(mode)
    with pytest.raises(StartupError, match=rf"can be used by others \(mode {mode:04o}\): run `chmod 600"):
        KeyFile(path, old_kept=DAY, clock=clock)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("{", "is damaged"),
        ('{"keys": 7}', "is damaged"),
        ('{"keys": [{"key": "k"}]}', "is damaged"),
        ('{"keys": [{"key": 7, "made_at": null}]}', "is damaged"),
        ('{"keys": []}', "holds no keys"),
    ],
)
def test_a_file_without_usable_keys_is_refused(path: Path, content: str, reason: str) -> None:
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(StartupError, match=reason):
        KeyFile(path, old_kept=DAY)


def test_a_new_key_is_used_at_once_by_everybody_and_the_old_one_stays_good(
    path: Path, clock: SettableClock
) -> None:
    one, other = (KeyFile(path, old_kept=DAY, clock=clock) for _ in range(2))
    [first] = ids(one)
    second = one.rotate().id
    assert ids(one) == ids(other) == [second, first]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    clock.advance(DAY - timedelta(seconds=1))
    assert ids(other) == [second, first]
    clock.advance(timedelta(seconds=1))
    assert ids(other) == [second]
    third = other.rotate().id
    assert ids(one) == [third, second]
    assert len(json.loads(path.read_text())["keys"]) == 2  # The first is gone for good.


def test_old_keys_can_be_forgotten_at_once(path: Path, clock: SettableClock) -> None:
    ring = KeyFile(path, old_kept=DAY, clock=clock)
    assert ids(ring) != (only := [ring.rotate(forget_old=True).id])
    assert ids(ring) == only
    newest = ring.rotate().id
    ring.forget_old()
    assert ids(ring) == [newest]


def test_rotations_at_once_all_count(path: Path, clock: SettableClock) -> None:
    rings = [KeyFile(path, old_kept=DAY, clock=clock) for _ in range(6)]
    first = ids(rings[0])
    with ThreadPoolExecutor(6) as threads:
        made = {key.id for key in threads.map(KeyFile.rotate, rings)}
    assert {*ids(rings[0])} == {*made, *first}
    assert len(made) == 6


def test_a_key_from_before_there_could_be_several_stays(path: Path, clock: SettableClock) -> None:
    path.touch(mode=0o600)
    path.write_bytes(b"\xffolder key of any bytes\n" * 3)
    ring = KeyFile(path, old_kept=DAY, clock=clock)
    [older] = ring.good_keys()
    assert older.secret == path.read_bytes()


def test_a_key_of_text_from_before_outlives_a_rotation(path: Path, clock: SettableClock) -> None:
    path.touch(mode=0o600)
    path.write_text("k" * 64)
    ring = KeyFile(path, old_kept=DAY, clock=clock)
    ring.rotate()
    assert ring.good_keys()[1] == Key(b"k" * 64)


def test_what_happens_to_the_file_of_a_running_server_does_not_stop_it(
    path: Path, clock: SettableClock
) -> None:
    ring = KeyFile(path, old_kept=DAY, clock=clock)
    known = ids(ring)
    content = path.read_bytes()
    for harm in (lambda: path.chmod(0o644), lambda: path.write_text("{"), path.unlink):
        harm()
        assert ids(ring) == known
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(descriptor, content)
    os.close(descriptor)
    assert ids(ring) == known
    assert ring.dated_keys()[0].made_at == NOON
