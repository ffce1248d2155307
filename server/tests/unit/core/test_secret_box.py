"""Sealed secrets: opened with their key and in their place, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.core.keys import GivenKeys
from vocafuse_server.core.secret_box import SecretBox, SecretUnreadable

OLD, NEW = b"o" * 48, b"n" * 48
BOX = SecretBox(GivenKeys([NEW, OLD]))


@given(text=st.text(), place=st.text())
def test_what_is_sealed_is_opened_in_its_place_alone(text: str, place: str) -> None:
    sealed = BOX.seal(text, place=place)
    assert BOX.open(sealed, place=place) == text
    assert sealed != BOX.seal(text, place=place)
    with pytest.raises(SecretUnreadable):
        BOX.open(sealed, place=f"{place}x")


def test_the_text_is_not_in_it() -> None:
    assert "whsec_" not in BOX.seal("whsec_abc", place="a")


def test_a_replaced_key_opens_and_seals_no_more() -> None:
    sealed = SecretBox(GivenKeys([OLD])).seal("text", place="a")
    assert BOX.open(sealed, place="a") == "text"
    assert not BOX.is_current(sealed)
    assert BOX.is_current(BOX.seal("text", place="a"))
    with pytest.raises(SecretUnreadable, match="isn't here"):
        SecretBox(GivenKeys([NEW])).open(sealed, place="a")


def test_what_was_stored_before_there_was_a_key_is_read() -> None:
    assert BOX.open("plain:whsec_abc", place="a") == "whsec_abc"
    assert not BOX.is_current("plain:whsec_abc")


@given(st.text() | st.text(alphabet="ABCDabcd0123+/=").map(BOX.current_prefix.__add__))
def test_anything_else_is_refused(text: str) -> None:
    if text.startswith("plain:"):
        return
    with pytest.raises(SecretUnreadable):
        BOX.open(text, place="a")


def test_every_changed_bit_is_noticed() -> None:
    sealed = BOX.seal("text", place="a")
    head, start = sealed[: len(BOX.current_prefix)], sealed[len(BOX.current_prefix) :]
    for number, letter in enumerate(start.rstrip("=")[:-1]):
        other = "A" if letter != "A" else "B"
        with pytest.raises(SecretUnreadable):
            BOX.open(f"{head}{start[:number]}{other}{start[number + 1 :]}", place="a")
