"""Signatures, against ones made another way."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.app import NOON

from vocafuse import RequestValidator
from vocafuse_server.webhooks.signing import body_signature, delivery_headers, new_secret, standard_signature

secrets = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=255)


@given(secret=secrets, body=st.binary(), other=st.binary())
def test_the_client_librarys_validator_agrees(secret: str, body: bytes, other: bytes) -> None:
    validator = RequestValidator(secret)
    assert validator.validate(body, body_signature(secret, body))
    assert validator.validate(other, body_signature(secret, body)) == (body == other)


def test_the_standard_signature_is_that_of_the_specification() -> None:
    # The example of the Standard Webhooks specification.
    signature = standard_signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["plain", "whsec_not base64!", "whsec_"])
def test_a_secret_that_is_no_base64_is_used_as_it_is(secret: str) -> None:
    expected = hmac.digest(secret.encode(), b"id.1.body", hashlib.sha256)
    signature = standard_signature(secret, b"body", message_id="id", timestamp=1)
    assert signature == "v1," + base64.b64encode(expected).decode()


def test_a_new_secret_has_256_random_bits() -> None:
    made = {new_secret() for _ in range(10)}
    assert len(made) == 10
    assert all(len(base64.b64decode(one.removeprefix("whsec_"))) == 32 for one in made)


def test_no_header_makes_old_clients_sign_another_string() -> None:
    headers = delivery_headers(["s"], b"{}", delivery_id="d", event="voicenote.created", now=NOON)
    assert "X-VocaFuse-Timestamp" not in headers
    assert headers["webhook-id"] == headers["X-VocaFuse-Delivery-ID"] == "d"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
