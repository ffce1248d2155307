"""Scopes: what a caller may do, and the spellings that mean the same."""

from collections.abc import Iterable
from enum import StrEnum

from vocafuse_server.accounts.errors import InsufficientScope
from vocafuse_server.core.errors import InvalidField


class Scope(StrEnum):
    VOICENOTES_READ = "voicenotes:read"
    VOICENOTES_WRITE = "voicenotes:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"


class TokenScope(StrEnum):
    """What a front-end token may do, for its own user only."""

    UPLOAD = "voice-api.upload_recording"
    READ = "voice-api.read_recording"


KEY_SCOPES = frozenset(Scope)
TOKEN_SCOPES = (TokenScope.UPLOAD, TokenScope.READ)

# The key scope that handing out a token scope takes, and that the token scope stands for.
GRANTED_BY: dict[TokenScope, Scope] = {
    TokenScope.UPLOAD: Scope.VOICENOTES_WRITE,
    TokenScope.READ: Scope.VOICENOTES_READ,
}

_KEY_ALIASES: dict[str, Scope] = {
    "recordings:read": Scope.VOICENOTES_READ,
    "recordings:write": Scope.VOICENOTES_WRITE,
}
_ALIASES: dict[str, TokenScope] = {
    "voice-api.upload": TokenScope.UPLOAD,
    "voice-api.upload_voicenote": TokenScope.UPLOAD,
    "voice-api.read": TokenScope.READ,
    "voice-api.read_voicenote": TokenScope.READ,
    "voicenotes:write": TokenScope.UPLOAD,
    "voicenotes:read": TokenScope.READ,
    "recordings:write": TokenScope.UPLOAD,
    "recordings:read": TokenScope.READ,
}

KEY_SCOPE_NAMES = (*Scope, *_KEY_ALIASES)
TOKEN_SCOPE_NAMES = (*TokenScope, *_ALIASES)


def parse_key_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of an API key, aliases resolved.

    Raises:
        InvalidField: There is none, or one is no scope of keys.
    """
    found: set[Scope] = set()
    for name in names:
        try:
            found.add(_KEY_ALIASES.get(name) or Scope(name))
        except ValueError as error:
            raise InvalidField("scopes", "holds an unknown scope", value=name) from error
    if not found:
        raise InvalidField("scopes", "must name at least one scope")
    return frozenset(found)


def in_order(scopes: Iterable[Scope]) -> list[str]:
    """The names of scopes, in the order in which they are published."""
    held = set(scopes)
    return [scope.value for scope in Scope if scope in held]


def parse_token_scopes(names: Iterable[str]) -> tuple[TokenScope, ...]:
    """The token scopes named, aliases resolved, each once.

    Raises:
        InvalidField: A name is no scope at all.
        InsufficientScope: A scope that a token can't hold.
    """
    found: dict[TokenScope, None] = {}
    for name in names:
        scope = _ALIASES.get(name) or _member(name)
        found[scope] = None
    return tuple(found)


def _member(name: str) -> TokenScope:
    try:
        return TokenScope(name)
    except ValueError:
        pass
    if name in KEY_SCOPES:
        raise InsufficientScope(f"A token can't hold the scope {name}.")
    raise InvalidField("scopes", "holds an unknown scope", value=name)
