"""Plain signature values over an original."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto import sm2
from app.crypto.certificates import parse_certificate
from app.crypto.public_keys import parse_public_key, sm2_key
from app.crypto.refusals import Refusal, SignatureRefused
from app.crypto.signatures import check_signature
from tests.crypto import ca
from tests.crypto.refusing import refused

ORIGINAL = "检查所见：双肺纹理清晰".encode()
PAIR = ca.sm2_pair("周医生")
KEY = parse_certificate(ca.doctor(ca.root()).der).public_key
SIGNATURE = PAIR.sign(ORIGINAL)


def test_a_signature_holds_with_the_certificates_key_and_with_the_bare_key() -> None:
    point = sm2.public_from_private(PAIR.private)
    for key in (KEY, sm2_key(point), sm2_key(b"\x04" + point), parse_public_key(PAIR.info().dump())):
        check_signature(key, ORIGINAL, SIGNATURE)
        check_signature(key, ORIGINAL, sm2.sign(PAIR.private, ORIGINAL))


def test_a_signature_holds_under_its_own_user_id_only() -> None:
    signature = sm2.sign(PAIR.private, ORIGINAL, user_id=b"clinic")
    check_signature(KEY, ORIGINAL, signature, user_id=b"clinic")
    with refused(Refusal.WRONG_SIGNATURE):
        check_signature(KEY, ORIGINAL, signature)


@pytest.mark.parametrize("pair", [ca.rsa_pair("plain"), ca.p256_pair("plain")])
def test_other_kinds_of_keys_sign_with_sha_256(pair: ca.Pair) -> None:
    key = parse_public_key(pair.info().dump())
    check_signature(key, ORIGINAL, pair.sign(ORIGINAL))
    with refused(Refusal.WRONG_SIGNATURE):
        check_signature(key, ORIGINAL + b".", pair.sign(ORIGINAL))


def test_another_doctors_key_is_refused() -> None:
    with refused(Refusal.WRONG_SIGNATURE):
        check_signature(parse_certificate(ca.doctor(ca.root(), "吴医生").der).public_key, ORIGINAL, SIGNATURE)


def test_a_value_left_in_base64_is_refused() -> None:
    with refused(Refusal.WRONG_SIGNATURE):
        check_signature(KEY, ORIGINAL, base64.b64encode(SIGNATURE))


def test_keys_of_other_kinds_and_sizes_are_not_ours_to_judge() -> None:
    for hexed in (
        "302a300506032b6570032100" + "11" * 32,  # Ed25519
        "3076301006072a8648ce3d020106052b81040022036200" + "04" + "11" * 96,  # P-384
    ):
        with refused(Refusal.UNSUPPORTED):
            parse_public_key(bytes.fromhex(hexed))


@given(nonsense=st.binary(max_size=120))
def test_nonsense_is_refused_and_never_an_error(nonsense: bytes) -> None:
    with refused(Refusal.WRONG_SIGNATURE):
        check_signature(KEY, ORIGINAL, nonsense)
    with pytest.raises(SignatureRefused):
        parse_public_key(nonsense)


@settings(max_examples=40, deadline=None)
@given(
    in_text=st.booleans(),
    place=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
)
def test_one_changed_byte_of_the_text_or_the_signature_is_refused(in_text: bool, place: float, flip: int) -> None:
    text, signature = bytearray(ORIGINAL), bytearray(SIGNATURE)
    target = text if in_text else signature
    target[int(place * len(target))] ^= flip
    with refused(Refusal.WRONG_SIGNATURE):
        check_signature(KEY, bytes(text), bytes(signature))
