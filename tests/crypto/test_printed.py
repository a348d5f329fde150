"""Every example of the interface document that can be checked, after the repairs that `printed` lists."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from app.crypto.pkcs7 import check_pkcs7
from app.crypto.public_keys import KeyKind, sm2_key
from app.crypto.refusals import Refusal, SignatureRefused
from app.crypto.signatures import check_signature
from app.crypto.timestamps import check_timestamp
from tests.crypto import printed
from tests.crypto.test_sm2 import REPAIRED_KEY, REPAIRED_SIGNATURE


def test_the_plain_signature_over_12345678_verifies() -> None:
    check_signature(sm2_key(REPAIRED_KEY), b"12345678", REPAIRED_SIGNATURE)


def test_the_national_pkcs7_verifies_over_what_is_attached() -> None:
    found = check_pkcs7(printed.PKCS7.mended())
    assert found.original == b"123"
    (signer,) = found.signers
    assert (signer.certificate.subject, signer.certificate.issuer) == ("cai", "Trust-Sign SM2 CA-1, BJCA")
    assert signer.certificate.serial == "2B6064390649BBC62A770C565E"
    assert signer.certificate.not_after == datetime(2022, 3, 31, 8, 55, 34, tzinfo=UTC)
    assert signer.certificate.public_key.kind is KeyKind.SM2


def test_the_national_pkcs7_is_refused_over_the_original_that_the_document_prints_beside_it() -> None:
    with pytest.raises(SignatureRefused) as refused:
        check_pkcs7(printed.PKCS7.mended(), b"12345678")
    assert refused.value.refusal is Refusal.OTHER_CONTENT


@pytest.mark.parametrize(
    ("token", "gen_time"),
    [
        (printed.TIMESTAMP_MADE, datetime(2021, 8, 9, 8, 44, 35, tzinfo=UTC)),
        (printed.TIMESTAMP_CHECKED, datetime(2021, 7, 1, 9, 3, 20, tzinfo=UTC)),
    ],
)
def test_both_timestamps_over_test_verify(token: printed.Printed, gen_time: datetime) -> None:
    found = check_timestamp(token.mended(), b"test")
    assert (found.gen_time, found.serial, found.policy) == (gen_time, "05F5E101", "1.2")
    assert found.authority == "rsa1024, BJCA"
    assert found.certificate.crl_addresses == ("http://ldap.bjca.org.cn/crl/ptca/ca4crl4.crl",)
    with pytest.raises(SignatureRefused) as refused:
        check_timestamp(token.mended(), b"Test")
    assert refused.value.refusal is Refusal.WRONG_DIGEST


@pytest.mark.parametrize("example", [printed.PKCS7, printed.TIMESTAMP_MADE, printed.TIMESTAMP_CHECKED])
def test_as_printed_they_are_unreadable(example: printed.Printed) -> None:
    with pytest.raises(SignatureRefused) as refused:
        check_pkcs7(example.text)
    assert refused.value.refusal is Refusal.UNREADABLE


def test_the_signers_key_lies_on_the_curve_once_two_letters_are_mended() -> None:
    as_printed, mended = (
        base64.b64decode(text)[1:66] for text in (printed.SIGNER_POINT.text, printed.SIGNER_POINT.mended())
    )
    assert sm2_key(mended).kind is KeyKind.SM2
    with pytest.raises(SignatureRefused) as refused:
        sm2_key(as_printed)
    assert refused.value.refusal is Refusal.UNREADABLE
