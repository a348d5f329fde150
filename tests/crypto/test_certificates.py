"""Certificates read from every shape that people hand in, and who issued them."""

from __future__ import annotations

import base64
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto.certificates import Certificate, parse_certificate
from app.crypto.public_keys import KeyKind
from app.crypto.refusals import Refusal, SignatureRefused
from app.crypto.signed_data import certificates_in
from tests.crypto import ca
from tests.crypto.refusing import refused

ROOT = ca.root()
DOCTOR = ca.doctor(ROOT, crl_address="http://crl.example/one.crl")


def pem(*ders: bytes) -> str:
    return "\n".join(
        f"-----BEGIN CERTIFICATE-----\n{textwrap.fill(base64.b64encode(der).decode(), 64)}\n-----END CERTIFICATE-----\n"
        for der in ders
    )


def test_a_certificate_says_whose_it_is_and_for_what() -> None:
    doctor = parse_certificate(DOCTOR.der)
    assert (doctor.subject, doctor.issuer) == ("周医生, 测试机构", "测试根证书, 测试机构")
    assert doctor.common_name == "周医生"
    assert doctor.serial == f"{DOCTOR.certificate.serial_number:X}"
    assert (doctor.not_before, doctor.not_after) == (ca.NOON - ca.YEAR, ca.NOON + ca.YEAR)
    assert doctor.key_usage == {"digital_signature", "non_repudiation"}
    assert doctor.crl_addresses == ("http://crl.example/one.crl",)
    assert (doctor.is_ca, parse_certificate(ROOT.der).is_ca) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        DOCTOR.der,
        base64.b64encode(DOCTOR.der),
        base64.b64encode(DOCTOR.der).decode().rstrip("="),
        "  \r\n ".join(textwrap.wrap(base64.b64encode(DOCTOR.der).decode(), 37)),
        b"\xef\xbb\xbf" + base64.b64encode(DOCTOR.der),
        pem(DOCTOR.der),
        "周医生的证书\n" + pem(DOCTOR.der),
    ],
)
def test_every_shape_gives_the_same_certificate(text: bytes | str) -> None:
    assert parse_certificate(text).same_as(parse_certificate(DOCTOR.der))


@pytest.mark.parametrize(
    ("pair", "kind"),
    [
        (ca.sm2_pair("k"), KeyKind.SM2),
        (ca.rsa_pair("k"), KeyKind.RSA),
        (ca.p256_pair("k"), KeyKind.P256),
    ],
)
def test_each_kind_of_authority_is_known_as_the_issuer(pair: ca.Pair, kind: KeyKind) -> None:
    root = ca.root("甲", pair)
    issuer, child = parse_certificate(root.der), parse_certificate(ca.doctor(root).der)
    namesake = parse_certificate(ca.root("甲", ca.sm2_pair("another")).der)
    assert issuer.public_key.kind is kind
    assert child.is_issued_by(issuer) and issuer.is_issued_by(issuer)
    assert not child.is_issued_by(namesake)
    assert not child.is_issued_by(child)


def test_several_certificates_come_from_one_file() -> None:
    assert [found.common_name for found in certificates_in(pem(ROOT.der, DOCTOR.der))] == ["测试根证书", "周医生"]
    assert [found.common_name for found in certificates_in(DOCTOR.der)] == ["周医生"]
    assert [found.common_name for found in certificates_in(ca.pkcs7(b"", [DOCTOR]))] == ["周医生"]


def test_two_certificates_are_not_taken_for_one() -> None:
    with refused(Refusal.UNREADABLE):
        parse_certificate(pem(ROOT.der, DOCTOR.der))


@pytest.mark.parametrize(
    "text", ["", "周医生", "not base64", "TUlJ", b"\x30", b"\x30\x03\x02\x01\x00", DOCTOR.der[:-1]]
)
def test_what_is_no_certificate_is_unreadable(text: bytes | str) -> None:
    with refused(Refusal.UNREADABLE):
        parse_certificate(text)


def test_control_characters_in_a_name_do_not_reach_the_screen() -> None:
    assert parse_certificate(ca.doctor(ROOT, "周\u202e医\n生", ca.sm2_pair("x")).der).common_name == "周医生"


@given(nonsense=st.binary(max_size=200) | st.text(max_size=60))
def test_nonsense_is_refused_and_never_an_error(nonsense: bytes | str) -> None:
    with pytest.raises(SignatureRefused):
        parse_certificate(nonsense)


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, len(DOCTOR.der) - 1), flip=st.integers(1, 255))
def test_one_changed_byte_anywhere_is_never_issued_by_the_root(position: int, flip: int) -> None:
    changed = bytearray(DOCTOR.der)
    changed[position] ^= flip
    assert not _issued(bytes(changed), parse_certificate(ROOT.der))


def _issued(der: bytes, root: Certificate) -> bool:
    try:
        return parse_certificate(der).is_issued_by(root)
    except SignatureRefused:
        return False
