"""The kinds of values that settings have: how each is read from a variable, and what is refused."""

import json
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from vocafuse_server.core.token_issuers import TokenIssuer

MIN_KEY_LENGTH = 32
_ORIGIN = re.compile(r"https?://(?:[0-9a-z._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")

Network = IPv4Network | IPv6Network


def _in_any_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


AnyCase = BeforeValidator(_in_any_case)
ComputeType = Literal[
    "auto",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
    "int16",
    "float16",
    "bfloat16",
    "float32",
]


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _split(value: object) -> object:
    return tuple(_parts(value)) if isinstance(value, str) else value


def _split_networks(value: object) -> object:
    if isinstance(value, str):
        return tuple(ip_network(part, strict=False) for part in _parts(value))
    return value


def _split_numbers(value: object) -> object:
    return tuple(float(part) for part in _parts(value)) if isinstance(value, str) else value


def _parse_issuers(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(
            'must be JSON like [{"issuer": "...", "audience": "...", "jwks_url": "..."}]'
        ) from None


def _are_different(value: tuple[TokenIssuer, ...]) -> tuple[TokenIssuer, ...]:
    if len({one.issuer for one in value}) < len(value):
        raise ValueError("must name each issuer once")
    return value


def _are_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(one == "*" or _ORIGIN.fullmatch(one) for one in value):
        raise ValueError("must be origins like https://app.example.com, without a path")
    return value


def _is_long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_KEY_LENGTH:
        raise ValueError(f"must have at least {MIN_KEY_LENGTH} characters")
    return value


def _are_long_enough(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    return tuple(_is_long_enough(one) for one in value)


def _is_postgres_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("postgres://", "postgresql")):
        raise ValueError("must be a URL like postgresql://user:password@host:5432/database")
    return value


def _is_store_url(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in {"redis", "rediss", "valkey", "valkeys"} or not parts.hostname:
        raise ValueError("must be a URL like redis://:password@host:6379/0")
    return value


def _is_base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("must be a URL like https://api.openai.com/v1")
    if parts.username is not None or parts.query or parts.fragment or not _fits_a_header(value):
        raise ValueError("must have no user name, query, fragment, space or character outside ASCII")
    return value.rstrip("/")


def _is_sendable(value: SecretStr) -> SecretStr:
    if not _fits_a_header(value.get_secret_value()):
        raise ValueError("must hold printable ASCII characters only, without spaces")
    return value


def _fits_a_header(value: str) -> bool:
    """Whether HTTP can carry it; its libraries quote what they can't send in their errors."""
    return value.isascii() and value.isprintable() and " " not in value


def _is_absolute(value: Path) -> Path:
    return value.expanduser().absolute()


Folder = Annotated[Path, AfterValidator(_is_absolute)]
Key = Annotated[SecretStr, AfterValidator(_is_long_enough)]
Keys = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split), AfterValidator(_are_long_enough)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_are_origins)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split_networks)]
Numbers = Annotated[tuple[float, ...], NoDecode, BeforeValidator(_split_numbers)]
Issuers = Annotated[
    tuple[TokenIssuer, ...], NoDecode, BeforeValidator(_parse_issuers), AfterValidator(_are_different)
]
PostgresUrl = Annotated[SecretStr, AfterValidator(_is_postgres_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_is_store_url)]
BaseUrl = Annotated[str, AfterValidator(_is_base_url)]
SentKey = Annotated[SecretStr, AfterValidator(_is_sendable)]
