"""Signed upload URLs."""

from datetime import timedelta
from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st
from support.app import NOON

from vocafuse_server.core.ids import NoteId, new_uuid
from vocafuse_server.core.keys import GivenKeys
from vocafuse_server.storage.upload_urls import UploadUrlSigner, UrlCheck

SIGNER = UploadUrlSigner(GivenKeys([b"k" * 48]))
NOTE = NoteId(new_uuid())
LIFETIME = timedelta(minutes=15)


def signed() -> dict[str, str]:
    return {
        name: values[0] for name, values in parse_qs(SIGNER.query(NOTE, now=NOON, lifetime=LIFETIME)).items()
    }


def test_good_until_it_expires() -> None:
    almost = NOON + LIFETIME - timedelta(seconds=1)
    assert SIGNER.check(NOTE, **signed(), now=almost) is UrlCheck.VALID
    assert SIGNER.check(NOTE, **signed(), now=NOON + LIFETIME) is UrlCheck.EXPIRED


def test_good_for_its_note_and_its_key_only() -> None:
    assert SIGNER.check(NoteId(new_uuid()), **signed(), now=NOON) is UrlCheck.FORGED
    assert UploadUrlSigner(GivenKeys([b"x" * 48])).check(NOTE, **signed(), now=NOON) is UrlCheck.FORGED


@given(expires=st.text(), signature=st.text())
def test_anything_else_is_forged(expires: str, signature: str) -> None:
    assert SIGNER.check(NOTE, expires=expires, signature=signature, now=NOON) is UrlCheck.FORGED


def test_a_url_outlives_the_replacement_of_its_key() -> None:
    rotated = UploadUrlSigner(GivenKeys([b"n" * 48, b"k" * 48]))
    assert rotated.check(NOTE, **signed(), now=NOON) is UrlCheck.VALID
