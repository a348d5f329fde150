"""SM2 signatures against the national standard's example, a repaired printed one, tampering and nonsense."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto import sm2
from app.crypto.keys import WrongKey
from app.errors import Bug

# GB/T 32918.5, A.2. X begins with 09: gmssl given 04‖X‖Y would strip that 0 as well.
PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
NONCE = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
MESSAGE = b"message digest"
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123

# The PKCS1 check of the interface document V2.1 (the sample over 12345678). The print reads YHI+ and CK5k: with these
# the key is no point of the curve; with YHl+ and Ck5k the signature verifies.
PRINTED_KEY = "BGgWZ3WCFwa9CivPXkOhmg63L0mGh+xRHWJiu6MYHI+UfK+AGFTeMjxGQAegT1lA3Qbb5wgxO1OMLUdoP+cWlp4="
PRINTED_SIGNATURE = "MEUCIQCK5k/prtWmfqTTmOW46pNZO4WBk2GgR/RUehmR6DTTwAIgaosAUqZ9gTm8cv3hDshpSypV1Q8ud/C5mGXJSBkn8/8="
REPAIRED_KEY = base64.b64decode(PRINTED_KEY.replace("YHI+", "YHl+"))
REPAIRED_SIGNATURE = base64.b64decode(PRINTED_SIGNATURE.replace("CK5k", "Ck5k"))

SHORT_RUN = settings(max_examples=5, deadline=None)


def test_the_standards_example_is_signed_to_the_last_byte() -> None:
    assert sm2.sign(PRIVATE, MESSAGE, nonce=lambda: NONCE) == SIGNATURE


def test_the_standards_signature_verifies_with_both_forms_of_the_key_and_of_the_signature() -> None:
    for public in (PUBLIC, b"\x04" + PUBLIC):
        for signature in (SIGNATURE, sm2.der_signature(SIGNATURE)):
            assert sm2.verify(public, MESSAGE, signature)


def test_the_public_key_follows_from_the_private_one() -> None:
    assert sm2.public_from_private(PRIVATE) == PUBLIC


def test_the_documents_printed_example_verifies_once_two_misread_letters_are_mended() -> None:
    assert sm2.verify(REPAIRED_KEY, b"12345678", REPAIRED_SIGNATURE)
    assert not sm2.verify(REPAIRED_KEY, b"12345679", REPAIRED_SIGNATURE)


def test_the_documents_key_as_printed_is_refused_before_any_arithmetic() -> None:
    with pytest.raises(WrongKey, match="SM2 公钥不对"):
        sm2.public_point(base64.b64decode(PRINTED_KEY))


@SHORT_RUN
@given(message=st.binary(max_size=100), user_id=st.binary(max_size=20))
def test_what_was_signed_verifies_only_under_the_same_user_id(message: bytes, user_id: bytes) -> None:
    private = sm2.new_private()
    public = sm2.public_from_private(private)
    signature = sm2.sign(private, message, user_id=user_id)
    assert sm2.verify(public, message, signature, user_id=user_id)
    assert not sm2.verify(public, message, signature, user_id=user_id + b"x")


@SHORT_RUN
@given(position=st.integers(0, 63), bit=st.integers(0, 7))
def test_one_changed_bit_breaks_the_signature(position: int, bit: int) -> None:
    changed = bytearray(SIGNATURE)
    changed[position] ^= 1 << bit
    assert not sm2.verify(PUBLIC, MESSAGE, bytes(changed))


@given(nonsense=st.binary(max_size=80))
def test_nonsense_is_never_a_signature_and_never_an_error(nonsense: bytes) -> None:
    assert not sm2.verify(PUBLIC, MESSAGE, nonsense)


@pytest.mark.parametrize("r, s", [(0, 1), (1, 0), (N, 1), (1, N), (1, N - 1), (N + 1, 1)])
def test_numbers_out_of_range_are_refused(r: int, s: int) -> None:
    assert not sm2.verify(PUBLIC, MESSAGE, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@pytest.mark.parametrize("public", [b"", bytes(64), PUBLIC[:-1], b"\x03" + PUBLIC, b"\xff" * 64])
def test_a_key_off_the_curve_verifies_nothing(public: bytes) -> None:
    assert not sm2.verify(public, MESSAGE, SIGNATURE)


@pytest.mark.parametrize("private", [b"", bytes(32), bytes(31), (N - 1).to_bytes(32, "big"), b"\xff" * 32])
def test_a_private_key_out_of_range_does_not_sign(private: bytes) -> None:
    with pytest.raises(WrongKey, match="SM2 私钥不对"):
        sm2.sign(private, MESSAGE)


def test_two_signatures_of_the_same_text_differ() -> None:
    assert sm2.sign(PRIVATE, MESSAGE) != sm2.sign(PRIVATE, MESSAGE)


def test_a_nonce_that_gives_no_signature_is_followed_by_another() -> None:
    # with e + x1 + k = 0 (mod n) the standard wants a new k: that k cannot be found, so gmssl's answer is replayed here
    answers = itertools.chain([None], itertools.repeat("ab" * 64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sm2.CryptSM2, "sign", lambda *_: next(answers))
        assert sm2.sign(PRIVATE, MESSAGE) == b"\xab" * 64


def test_a_source_of_nonces_that_never_works_is_our_bug_not_an_endless_loop() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sm2.CryptSM2, "sign", lambda *_: None)
        with pytest.raises(Bug):
            sm2.sign(PRIVATE, MESSAGE)


def test_der_is_made_of_sixty_four_bytes_only() -> None:
    with pytest.raises(ValueError, match="64"):
        sm2.der_signature(b"short")
