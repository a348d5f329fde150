"""Sealed secrets open with their key and their label only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto import seal
from app.crypto.keys import WrongKey

KEY = bytes(32)


@given(plain=st.binary(max_size=100), label=st.binary(max_size=20))
def test_what_was_sealed_comes_back(plain: bytes, label: bytes) -> None:
    assert seal.unseal(KEY, seal.seal(KEY, plain, label), label) == plain


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(40)])
def test_damage_is_told_as_a_wrong_key(sealed: bytes) -> None:
    with pytest.raises(WrongKey, match="重新填写"):
        seal.unseal(KEY, sealed, b"label")


def test_another_label_or_key_does_not_open() -> None:
    sealed = seal.seal(KEY, b"x", b"label")
    for key, label in ((KEY, b"other"), (seal.new_key(), b"label")):
        with pytest.raises(WrongKey):
            seal.unseal(key, sealed, label)
