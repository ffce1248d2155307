"""Keys that are replaced while the server runs: what signs tokens and upload URLs, and what seals secrets.

A key file holds its keys newest first. Each process looks at the file whenever it needs a key and reads
it again if it has changed, so a new key is known to all of them before the first of them uses it.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.data_dir import replace_secret, write_secret
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.settings import Settings

log = get_logger(__name__)

SIGNING_KEY_FILE = "signing.key"
ENCRYPTION_KEY_FILE = "encryption.key"
MAX_TOKEN_SECONDS = 86_400
# As long as the answers to keyed requests are kept; secrets of webhooks are sealed anew at once.
_SEALED_ANSWERS_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its name, which is no secret: it is in every token and beside every sealed text."""

    secret: bytes = field(repr=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", hmac.digest(self.secret, b"key-id", hashlib.sha256)[:6].hex())


class KeyRing(Protocol):
    """The keys for one purpose."""

    def good_keys(self) -> Sequence[Key]:
        """Those that are good now; the first is for new work, the others for what was made with them."""
        ...


class GivenKeys:
    """Keys that an operator has set, which stay as they are until the next start."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = tuple(Key(secret) for secret in secrets)

    def good_keys(self) -> Sequence[Key]:
        return self._keys


@dataclass(frozen=True, slots=True)
class DatedKey:
    """A key of a file.

    Attributes:
        made_at: None for one from before files told.
        replaced_at: When the next one was made; None for the newest.
    """

    key: Key
    made_at: datetime | None
    replaced_at: datetime | None


class KeyFile:
    """Keys in a file that only its owner can read, made with a first key if it isn't there.

    Args:
        old_kept: How long a key is good once it has been replaced.

    Raises:
        StartupError: The file can't be made or read, or others can use it.
    """

    def __init__(self, path: Path, *, old_kept: timedelta, clock: Clock = utc_now) -> None:
        self._path = path
        self._old_kept = old_kept
        self._clock = clock
        _make(path, clock())
        self._seen = _fingerprint(path)
        self._known = read_key_file(path)

    def good_keys(self) -> Sequence[Key]:
        self._look()
        return [one.key for one in self._known if not self._is_over(one)]

    def dated_keys(self) -> Sequence[DatedKey]:
        """All keys of the file, those that are no longer good as well."""
        self._look()
        return self._known

    def good_until(self, one: DatedKey) -> datetime | None:
        """None for the newest key."""
        return None if one.replaced_at is None else one.replaced_at + self._old_kept

    def rotate(self, *, forget_old: bool = False) -> Key:
        """Make a new key that is used from now on; drop those that are no longer good.

        Args:
            forget_old: Whether those drop that are still good as well.

        Raises:
            StartupError: The file can't be read or written.
        """
        with _locked(self._path):
            self._known = read_key_file(self._path)
            new = Key(_new_secret())
            kept = [] if forget_old else [one for one in self._known if not self._is_over(one)]
            _write(self._path, [(new, self._clock()), *((one.key, one.made_at) for one in kept)])
        self._look()
        return new

    def forget_old(self) -> None:
        """Drop all keys but the newest.

        Raises:
            StartupError: The file can't be read or written.
        """
        with _locked(self._path):
            newest = read_key_file(self._path)[0]
            _write(self._path, [(newest.key, newest.made_at)])
        self._look()

    def _is_over(self, one: DatedKey) -> bool:
        until = self.good_until(one)
        return until is not None and until <= self._clock()

    def _look(self) -> None:
        seen = _fingerprint(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._known = read_key_file(self._path)
        except StartupError as error:
            log.error("key file unusable; the keys known before are used", reason=str(error))
        else:
            log.info("keys read again", file=self._path.name, newest=self._known[0].key.id)


def signing_keys(settings: Settings, clock: Clock = utc_now) -> KeyRing:
    """What signs tokens and upload URLs: the settings, else a file made at first use.

    Raises:
        StartupError: The file can't be used.
    """
    if settings.signing_key is not None:
        return _given(settings.signing_key, settings.old_signing_keys)
    return signing_key_file(settings, clock)


def signing_key_file(settings: Settings, clock: Clock = utc_now) -> KeyFile:
    longest = timedelta(seconds=max(MAX_TOKEN_SECONDS, settings.upload_url_seconds))
    return KeyFile(settings.data_dir / SIGNING_KEY_FILE, old_kept=longest, clock=clock)


def encryption_keys(settings: Settings, clock: Clock = utc_now) -> KeyRing:
    """What seals secrets: the settings, else a file made at first use.

    Raises:
        StartupError: The file can't be used.
    """
    if settings.encryption_key is not None:
        return _given(settings.encryption_key, settings.old_encryption_keys)
    return encryption_key_file(settings, clock)


def encryption_key_file(settings: Settings, clock: Clock = utc_now) -> KeyFile:
    path = settings.data_dir / ENCRYPTION_KEY_FILE
    return KeyFile(path, old_kept=_SEALED_ANSWERS_KEPT, clock=clock)


def _given(newest: SecretStr, old: Sequence[SecretStr]) -> KeyRing:
    return GivenKeys([one.get_secret_value().encode() for one in (newest, *old)])


def read_key_file(path: Path) -> Sequence[DatedKey]:
    """The keys of a file, newest first.

    Raises:
        StartupError: It can't be read, others can use it, or it holds no keys.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read()
    except OSError as error:
        raise StartupError(f"The key file {path} can't be read ({error.strerror}).") from error
    if mode & 0o077:
        raise StartupError(
            f"The key file {path} can be used by others (mode {mode:04o}):"
            f" run `chmod 600 {path}`, and replace the key if somebody may have read it."
        )
    if not content:
        raise StartupError(f"The key file {path} is empty: remove the file, and a new one is made.")
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> Sequence[DatedKey]:
    if not content.startswith(b"{"):  # From before there could be several: the content is the key.
        return [DatedKey(Key(content), made_at=None, replaced_at=None)]
    found: list[DatedKey] = []
    replaced_at: datetime | None = None
    try:
        for entry in json.loads(content)["keys"]:
            made_at = None if entry["made_at"] is None else datetime.fromisoformat(entry["made_at"])
            found.append(DatedKey(Key(entry["key"].encode()), made_at, replaced_at))
            replaced_at = made_at
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartupError(f"The key file {path} is damaged: bring it back from a backup.") from error
    if not found:
        raise StartupError(f"The key file {path} holds no keys: remove the file, and a new one is made.")
    return found


def _make(path: Path, now: datetime) -> None:
    try:
        write_secret(path, _text([(Key(_new_secret()), now)]))
    except FileExistsError:
        return
    except OSError as error:
        raise StartupError(f"The key file {path} can't be made ({error.strerror}).") from error


def _write(path: Path, keys: Sequence[tuple[Key, datetime | None]]) -> None:
    """Replace the file, all at once."""
    try:
        replace_secret(path, _text(keys))
    except OSError as error:
        raise StartupError(f"The key file {path} can't be written ({error.strerror}).") from error


def _text(keys: Sequence[tuple[Key, datetime | None]]) -> str:
    entries = [
        {"key": key.secret.decode(), "made_at": None if made_at is None else made_at.isoformat()}
        for key, made_at in keys
    ]
    return json.dumps({"keys": entries}, indent=2) + "\n"


def _new_secret() -> bytes:
    return secrets.token_urlsafe(48).encode()


def _fingerprint(path: Path) -> tuple[int, ...] | None:
    """What is otherwise when the file has been replaced, or its mode changed; None if it isn't there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold the right to change a key file, which others wait for."""
    with path.with_name(f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
