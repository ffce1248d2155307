"""Key pairs."""

import re

from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.accounts.secrets import new_key_pair, secret_digest, secret_matches


def test_pairs_have_the_published_form_and_hide_their_secret() -> None:
    pair = new_key_pair()
    assert re.fullmatch(r"sk_live_[A-Za-z0-9_-]{22,}", pair.api_key)
    assert len(pair.api_secret) * 6 >= 256
    assert pair.api_secret not in repr(pair)


@given(st.text(), st.text())
def test_a_digest_matches_its_secret_alone(secret: str, other: str) -> None:
    assert secret_matches(secret, secret_digest(secret))
    assert secret_matches(other, secret_digest(secret)) == (secret == other)
