from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse import RequestValidator, ValidationError

SECRET = "whsec_c2VjcmV0"
ANYTHING = st.one_of(
    st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.booleans(), st.lists(st.text())
)


def sign(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


@given(payload=ANYTHING, signature=ANYTHING, timestamp=ANYTHING, delivery_id=ANYTHING)
def test_garbage_is_refused_without_an_exception(
    payload: Any, signature: Any, timestamp: Any, delivery_id: Any
) -> None:
    assert RequestValidator(SECRET).validate(payload, signature, timestamp, delivery_id) is False


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_genuine_payloads_pass_in_every_form(text: str) -> None:
    body = text.encode()
    validator = RequestValidator(SECRET)
    for payload in (text, body, bytearray(body)):
        for signature in (sign(body), f"sha256={sign(body)}", sign(body).encode()):
            assert validator.validate(payload, signature)


@given(body=st.binary(min_size=1), position=st.integers(0), flip=st.integers(1, 255))
def test_a_changed_body_is_refused(body: bytes, position: int, flip: int) -> None:
    changed = bytearray(body)
    changed[position % len(body)] ^= flip
    assert not RequestValidator(SECRET).validate(bytes(changed), sign(body))


@given(body=st.binary(), position=st.integers(0, 63), digit=st.sampled_from("0123456789abcdef"))
def test_a_changed_signature_is_refused(body: bytes, position: int, digit: str) -> None:
    genuine = sign(body)
    changed = genuine[:position] + digit + genuine[position + 1 :]
    assert RequestValidator(SECRET).validate(body, changed) is (changed == genuine)


@pytest.mark.parametrize("timestamp", [1000, "1000", 1000.0, 700, 1300])
def test_recent_timestamps_pass(timestamp: float | str) -> None:
    assert RequestValidator(SECRET, _now=lambda: 1000.0).validate(b"x", sign(b"x"), timestamp, "delivery")


@pytest.mark.parametrize("timestamp", [699, 1301, "", "nan", "inf", "soon", 10**400, [], b"1000"])
def test_other_timestamps_are_refused(timestamp: object) -> None:
    assert not RequestValidator(SECRET, _now=lambda: 1000.0).validate(b"x", sign(b"x"), timestamp)


def test_lone_surrogates_are_refused() -> None:
    assert not RequestValidator(SECRET).validate("\ud800", sign(b""))


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValidationError):
        RequestValidator("")


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(RequestValidator(SECRET))
