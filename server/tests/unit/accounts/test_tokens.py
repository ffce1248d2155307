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
from vocafuse_server.core.keys import GivenKeys, Key

SIGNER = TokenSigner(GivenKeys([b"k" * 48]))
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
        TokenSigner(GivenKeys([b"x" * 48])).verify(token)


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


def test_a_token_outlives_the_replacement_of_its_key() -> None:
    old, new = b"k" * 48, b"n" * 48
    token = SIGNER.sign(CLAIMS, now=utc_now(), lifetime=HOUR)
    assert jwt.get_unverified_header(token)["kid"] == Key(old).id
    assert TokenSigner(GivenKeys([new, old])).verify(token) == CLAIMS
    with pytest.raises(InvalidToken):
        TokenSigner(GivenKeys([new])).verify(token)


def test_a_token_cannot_borrow_another_keys_name() -> None:
    old, new = b"k" * 48, b"n" * 48
    payload = jwt.decode(
        SIGNER.sign(CLAIMS, now=utc_now(), lifetime=HOUR), options={"verify_signature": False}
    )
    forged = jwt.encode(payload, old, algorithm="HS256", headers={"kid": Key(new).id})
    with pytest.raises(InvalidToken):
        TokenSigner(GivenKeys([new, old])).verify(forged)


def test_a_token_from_before_keys_had_names_is_of_the_oldest() -> None:
    payload = jwt.decode(
        SIGNER.sign(CLAIMS, now=utc_now(), lifetime=HOUR), options={"verify_signature": False}
    )
    token = jwt.encode(payload, b"k" * 48, algorithm="HS256")
    assert TokenSigner(GivenKeys([b"n" * 48, b"k" * 48])).verify(token) == CLAIMS
    with pytest.raises(InvalidToken):
        TokenSigner(GivenKeys([b"k" * 48, b"n" * 48])).verify(token)
