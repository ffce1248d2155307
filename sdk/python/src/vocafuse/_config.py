"""Where to send calls and as whom: arguments, then the environment, then the local server's file."""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from vocafuse._errors import CredentialsError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BASE_URL = "http://127.0.0.1:8000/v1"
CREDENTIALS_FILE = "credentials.json"


@dataclass(frozen=True)
class Config:
    """Base URL without a trailing slash, and the key pair."""

    base_url: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True)
class _Pair:
    """A key pair that came from one place, and the server it belongs to when that is known."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    source: str
    base_url: str | None = None


def resolve_config(
    api_key: str | None, api_secret: str | None, base_url: str | None, environ: Mapping[str, str]
) -> Config:
    """Settles what a client was not told.

    Raises:
        CredentialsError: There is no complete key pair in one place.
        ValidationError: The base URL is not one.
    """
    pair = (
        _pair_of(api_key, api_secret, ("api_key", "api_secret"))
        or _pair_of(
            environ.get("VOCAFUSE_API_KEY") or None,
            environ.get("VOCAFUSE_API_SECRET") or None,
            ("VOCAFUSE_API_KEY", "VOCAFUSE_API_SECRET"),
        )
        or _read_pair(_credentials_path(environ))
    )
    given_url = base_url or environ.get("VOCAFUSE_BASE_URL") or None
    url = _checked_url(given_url or pair.base_url or _local_url(environ))
    # The local server's key must not be handed to whatever other server somebody named.
    if pair.base_url and not _same_server(url, pair.base_url):
        raise CredentialsError(
            f"{pair.source} holds the key of {pair.base_url}, which is not sent to {url}: "
            "give api_key and api_secret, or set VOCAFUSE_API_KEY and VOCAFUSE_API_SECRET."
        )
    return Config(url, _sendable(pair.api_key, pair.source), _sendable(pair.api_secret, pair.source))


def _pair_of(api_key: str | None, api_secret: str | None, names: tuple[str, str]) -> _Pair | None:
    if api_key is None and api_secret is None:
        return None
    # Half a pair completed from elsewhere would mix two accounts.
    if api_key is None or api_secret is None:
        given, missing = names if api_secret is None else names[::-1]
        raise CredentialsError(f"{given} was given without {missing}: give both.")
    return _Pair(api_key, api_secret, " and ".join(names))


def _credentials_path(environ: Mapping[str, str]) -> Path:
    data_dir = environ.get("VOCAFUSE_DATA_DIR")
    if not data_dir:
        as_root = hasattr(os, "geteuid") and os.geteuid() == 0
        data_dir = "/var/lib/vocafuse" if as_root else "~/.local/share/vocafuse"
    # os.path leaves "~" alone where pathlib raises because there is no home folder.
    return Path(os.path.expanduser(data_dir)) / CREDENTIALS_FILE  # noqa: PTH111


def _read_pair(path: Path) -> _Pair:
    try:
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CredentialsError(
            "No API credentials: give api_key and api_secret, set VOCAFUSE_API_KEY and VOCAFUSE_API_SECRET, "
            f"or start the server on this machine with `make up`, which writes {path} "
            "(in another folder if VOCAFUSE_DATA_DIR named one: set it here too)."
        ) from None
    except OSError as error:
        raise CredentialsError(f"Cannot read the credentials in {path}: {error.strerror}.") from None
    except ValueError:
        content = None
    fields = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    values = [fields.get(name) for name in ("api_key", "api_secret", "base_url")]
    key, secret, base_url = (value if isinstance(value, str) else "" for value in values)
    if not (key and secret):
        raise CredentialsError(f"{path} holds no api_key and api_secret.")
    return _Pair(key, secret, str(path), base_url or None)


def _local_url(environ: Mapping[str, str]) -> str:
    """Where the server on this machine is: its file tells the port, also to those who have other keys."""
    try:
        return _read_pair(_credentials_path(environ)).base_url or DEFAULT_BASE_URL
    except CredentialsError:
        return DEFAULT_BASE_URL


def _sendable(value: str, source: str) -> str:
    # The HTTP layer would quote the offending value, a secret, in its own exception.
    if not value or any(not "!" <= character <= "~" for character in value):
        raise CredentialsError(f"The key pair from {source} is empty or holds spaces or special characters.")
    return value


def _checked_url(url: str) -> str:
    parts = urlsplit(url) if is_http_url(url) else None
    if parts is None or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValidationError(
            "base_url must look like https://example.com/v1: with http:// or https://, "
            "without user, query or fragment."
        )
    return url.rstrip("/")


def is_http_url(url: str) -> bool:
    """Whether it names a host that HTTP may reach."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _same_server(url: str, other: str) -> bool:
    one, two = urlsplit(url), urlsplit(other)
    if (one.scheme, one.netloc.lower()) == (two.scheme, two.netloc.lower()):
        return True
    return _is_loopback(one.hostname) and _is_loopback(two.hostname)


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host == "localhost"
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
