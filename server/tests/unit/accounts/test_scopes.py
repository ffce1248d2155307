"""Scopes and their aliases."""

import pytest

from vocafuse_server.accounts.callers import Caller, missing_for
from vocafuse_server.accounts.errors import InsufficientScope
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.scopes import (
    KEY_SCOPES,
    Scope,
    TokenScope,
    in_order,
    parse_key_scopes,
    parse_token_scopes,
)
from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.ids import TenantId, new_uuid


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("voice-api.upload_recording", TokenScope.UPLOAD),
        ("voice-api.upload", TokenScope.UPLOAD),
        ("voice-api.upload_voicenote", TokenScope.UPLOAD),
        ("recordings:write", TokenScope.UPLOAD),
        ("voice-api.read_recording", TokenScope.READ),
        ("recordings:read", TokenScope.READ),
        ("voicenotes:read", TokenScope.READ),
    ],
)
def test_aliases_mean_the_same(name: str, scope: TokenScope) -> None:
    assert parse_token_scopes([name, name]) == (scope,)


def test_unknown_scopes_and_scopes_of_keys_are_refused_differently() -> None:
    with pytest.raises(InvalidField):
        parse_token_scopes(["voicenotes:destroy"])
    with pytest.raises(InsufficientScope):
        parse_token_scopes(["webhooks:write"])


def test_a_caller_lacks_what_it_was_not_given() -> None:
    reader = Caller(TenantId(new_uuid()), None, frozenset({Scope.VOICENOTES_READ}), Plan.FREE)
    assert missing_for(reader, (TokenScope.READ, TokenScope.UPLOAD)) == (TokenScope.UPLOAD,)
    for scope in KEY_SCOPES - reader.scopes:
        with pytest.raises(InsufficientScope):
            reader.require(scope)
    reader.require(Scope.VOICENOTES_READ)


def test_the_scopes_of_keys_have_an_older_spelling_and_one_order() -> None:
    asked = ["webhooks:read", "recordings:write", "recordings:read", "voicenotes:read"]
    assert in_order(parse_key_scopes(asked)) == ["voicenotes:read", "voicenotes:write", "webhooks:read"]
    for unknown in (["voice-api.upload"], ["all"], ["Voicenotes:read"], []):
        with pytest.raises(InvalidField):
            parse_key_scopes(unknown)
