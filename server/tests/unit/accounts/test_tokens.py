"""Tokens: what is signed is read back; anything else is refused."""

import base64
import json
from datetime import timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.accounts.errors import InvalidToken, TokenExpired
from vocafuse_server.accounts.scopes import TokenScope
from vocafuse_server.accounts.tokens import TokenClaims, TokenSigner
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.ids import TenantId, new_uuid

SIGNER = TokenSigner(b"k" * 48)
CLAIMS = TokenClaims(TenantId(new_uuid()), "user_1", (TokenScope.READ,))
HOUR = timedelta(hours=1)


@given(identity=st.text(min_size=1, max_size=255), scopes=st.sets(st.sampled_from(TokenScope)))
def test_what_is_signed_is_read_back(identity: str, scopes: set[TokenScope]) -> None:
    if not identity.isprintable():
        return
    claims = TokenClaims(CLAIMS.tenant_id, identity, tuple(sorted(scopes)))
    assert SIGNER.verify(SIGNER.sign(claims, now=utc_now(), lifetime=HOUR)) == claims


def test_an_expired_one_is_told_from_a_bad_one() -> None:
    token = SIGNER.sign(CLAIMS, now=utc_now() - HOUR, lifetime=timedelta(minutes=1))
    with pytest.raises(TokenExpired):
        SIGNER.verify(token)
    with pytest.raises(InvalidToken):
        TokenSigner(b"x" * 48).verify(token)


def test_the_algorithm_is_not_the_tokens_to_choose() -> None:
    token = SIGNER.sign(CLAIMS, now=utc_now(), lifetime=HOUR)
    _, payload, _ = token.split(".")
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    )
    for forged in (f"{header}.{payload}.", jwt.encode({"sub": "x"}, "k" * 64, algorithm="HS512")):
        with pytest.raises(InvalidToken):
            SIGNER.verify(forged)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_garbage_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        SIGNER.verify(token)


@pytest.mark.parametrize("change", [{"tenant_id": "x"}, {"scopes": ["all"]}, {"scopes": 7}, {"iss": "other"}])
def test_claims_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    token = SIGNER.sign(CLAIMS, now=utc_now(), lifetime=HOUR)
    payload = {**jwt.decode(token, options={"verify_signature": False}), **change}
    with pytest.raises(InvalidToken):
        SIGNER.verify(jwt.encode(payload, b"k" * 48, algorithm="HS256"))
