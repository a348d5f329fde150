"""Timestamps by RSA, SM2 and P-256: what they cover, who gave them, and what is refused."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto.certificates import parse_certificate
from app.crypto.refusals import Refusal, SignatureRefused
from app.crypto.timestamps import check_timestamp
from tests.crypto import ca
from tests.crypto.refusing import refused

DATA = "检查报告原文".encode()
ROOT = ca.root()
ROOTS = [parse_certificate(ROOT.der)]
CLOCK = ca.timestamper(ROOT)
TOKEN = ca.timestamp(CLOCK, DATA)
PAIRS = [ca.sm2_pair("tsa"), ca.rsa_pair("tsa"), ca.p256_pair("tsa")]


@pytest.mark.parametrize("pair", PAIRS, ids=["sm2", "rsa", "p256"])
def test_a_timestamp_says_when_and_by_whom(pair: ca.Pair) -> None:
    found = check_timestamp(ca.timestamp(ca.timestamper(ROOT, pair=pair), DATA), DATA, roots=ROOTS)
    assert (found.gen_time, found.authority) == (ca.NOON, "测试时间戳, 测试机构")
    assert (found.serial, found.policy) == ("05F5E101", "1.2.156.1")
    assert [link.common_name for link in found.chain] == ["测试时间戳", "测试根证书"]


def test_a_whole_answer_of_the_authority_and_base64_are_read_alike() -> None:
    for shape in (TOKEN, ca.answer(TOKEN), base64.encodebytes(TOKEN), base64.b64encode(ca.answer(TOKEN)).decode()):
        assert check_timestamp(shape, DATA).certificate.der == CLOCK.der


def test_without_roots_nothing_is_said_about_the_authority() -> None:
    assert check_timestamp(TOKEN, DATA).chain == ()


def test_the_national_message_type_is_read_alike() -> None:
    assert check_timestamp(ca.timestamp(CLOCK, DATA, gm=True), DATA, roots=ROOTS).gen_time == ca.NOON


def test_an_answer_that_grants_nothing_is_refused() -> None:
    with refused(Refusal.UNREADABLE):
        check_timestamp(ca.answer(b"", "rejection"), DATA)


def test_a_timestamp_over_other_data_is_refused() -> None:
    with refused(Refusal.WRONG_DIGEST):
        check_timestamp(TOKEN, DATA + b".")
    with refused(Refusal.WRONG_DIGEST):
        check_timestamp(ca.timestamp(CLOCK, DATA, imprint=b"short"), DATA)


def test_a_timestamp_whose_time_was_changed_is_refused() -> None:
    assert TOKEN.count(b"20260302040000Z") == 1
    with refused(Refusal.WRONG_SIGNATURE):
        check_timestamp(TOKEN.replace(b"20260302040000Z", b"20250302040000Z"), DATA)


def test_a_timestamp_signed_with_another_key_is_refused() -> None:
    impostor = ca.Holder(CLOCK.name, ca.sm2_pair("impostor"), CLOCK.der)
    with refused(Refusal.WRONG_SIGNATURE):
        check_timestamp(ca.timestamp(impostor, DATA), DATA)


def test_the_authority_must_be_trusted_for_timestamps_at_that_time() -> None:
    with refused(Refusal.UNTRUSTED):
        check_timestamp(TOKEN, DATA, roots=[parse_certificate(ca.root("别的").der)])
    with refused(Refusal.UNTRUSTED):
        check_timestamp(TOKEN, DATA, roots=[])
    with refused(Refusal.EXPIRED):
        check_timestamp(ca.timestamp(CLOCK, DATA, at=ca.NOON + 2 * ca.YEAR), DATA, roots=ROOTS)
    with refused(Refusal.NOT_YET_VALID):
        check_timestamp(ca.timestamp(CLOCK, DATA, at=ca.NOON - 2 * ca.YEAR), DATA, roots=ROOTS)
    mail = ca.issue("邮件", ROOT, ca.sm2_pair("邮件"), extended={"email_protection"})
    with refused(Refusal.WRONG_PURPOSE):
        check_timestamp(ca.timestamp(mail, DATA), DATA, roots=ROOTS)


def test_a_timestamp_outlives_the_certificate_of_its_authority() -> None:
    short = ca.timestamper(ROOT, end=ca.NOON + timedelta(minutes=1))
    assert check_timestamp(ca.timestamp(short, DATA), DATA, roots=ROOTS).chain


def test_a_certificate_that_the_token_lacks_may_be_at_hand() -> None:
    bare = ca.timestamp(CLOCK, DATA, with_certificates=False)
    assert check_timestamp(bare, DATA, [parse_certificate(CLOCK.der)], ROOTS).chain
    with refused(Refusal.NO_CERTIFICATE):
        check_timestamp(bare, DATA)


def test_a_signature_over_a_text_is_no_timestamp() -> None:
    with refused(Refusal.UNREADABLE):
        check_timestamp(ca.pkcs7(DATA, [CLOCK]), DATA)
    with refused(Refusal.UNREADABLE):
        check_timestamp(ca.timestamp(CLOCK, DATA, attributes=False), DATA)
    with refused(Refusal.UNREADABLE):
        check_timestamp(ca.pkcs7(DATA, [CLOCK], attributes=True, content_type=ca.TST_INFO), DATA)


@given(nonsense=st.binary(max_size=300) | st.text(max_size=60))
def test_nonsense_is_refused_and_never_an_error(nonsense: bytes | str) -> None:
    with pytest.raises(SignatureRefused):
        check_timestamp(nonsense, DATA)


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_never_changes_what_is_attested(place: float, flip: int) -> None:
    changed = bytearray(TOKEN)
    changed[int(place * len(changed))] ^= flip
    try:
        found = check_timestamp(bytes(changed), DATA, roots=ROOTS)
    except SignatureRefused:
        return
    assert (found.gen_time, found.serial, found.certificate.der) == (ca.NOON, "05F5E101", CLOCK.der)
