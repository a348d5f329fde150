"""PKCS#7 signatures in all the ways in which they are made, and tampered with."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto.certificates import parse_certificate
from app.crypto.chains import check_chain
from app.crypto.pkcs7 import check_pkcs7
from app.crypto.refusals import Refusal, SignatureRefused
from tests.crypto import ca
from tests.crypto.refusing import refused

ORIGINAL = "诊断意见：未见异常".encode()
ROOT = ca.root()
DOCTOR, CHIEF = ca.doctor(ROOT), ca.doctor(ROOT, "吴主任")
RSA_DOCTOR = ca.doctor(ROOT, "郑医生", ca.rsa_pair("郑医生"))
MESSAGES = [
    ca.pkcs7(ORIGINAL, [DOCTOR], attached=attached, attributes=attributes)
    for attached, attributes in itertools.product((True, False), repeat=2)
]


@pytest.mark.parametrize("gm", [True, False])
@pytest.mark.parametrize("attached", [True, False])
@pytest.mark.parametrize("attributes", [True, False])
@pytest.mark.parametrize("by_key_id", [True, False])
@pytest.mark.parametrize("signer", [DOCTOR, RSA_DOCTOR], ids=["sm2", "rsa"])
def test_every_form_verifies(gm: bool, attached: bool, attributes: bool, by_key_id: bool, signer: ca.Holder) -> None:
    message = ca.pkcs7(ORIGINAL, [signer], gm=gm, attached=attached, attributes=attributes, by_key_id=by_key_id)
    found = check_pkcs7(message, ORIGINAL)
    assert found.original == ORIGINAL
    assert [one.certificate.der for one in found.signers] == [signer.der]
    assert found.signers[0].signing_time == (ca.NOON if attributes else None)


@pytest.mark.parametrize(
    "algorithm", ["1.2.156.10197.1.501", "1.2.156.10197.1.301", "1.2.156.10197.1.301.1", "1.2.156.10197.1.301.3"]
)
def test_every_national_name_of_the_algorithm_is_known(algorithm: str) -> None:
    assert check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR], algorithm=algorithm)).original == ORIGINAL


def test_rsa_may_name_its_digest_beside_it() -> None:
    message = ca.pkcs7(ORIGINAL, [RSA_DOCTOR], gm=False, algorithm="1.2.840.113549.1.1.1")
    assert check_pkcs7(message).original == ORIGINAL


def test_every_one_of_several_signers_is_checked() -> None:
    found = check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR, CHIEF], attributes=True))
    assert {one.certificate.common_name for one in found.signers} == {"周医生", "吴主任"}  # a set has no order
    impostor = ca.Holder(CHIEF.name, ca.sm2_pair("impostor"), CHIEF.der)
    with refused(Refusal.WRONG_SIGNATURE):
        check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR, impostor]))


def test_the_certificates_that_came_along_make_the_chain() -> None:
    found = check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR]))
    chain = check_chain(found.signers[0].certificate, found.certificates, [parse_certificate(ROOT.der)], ca.NOON)
    assert len(chain) == 2


@pytest.mark.parametrize("attributes", [True, False])
def test_what_is_attached_must_be_the_original(attributes: bool) -> None:
    with refused(Refusal.OTHER_CONTENT):
        check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR], attributes=attributes), ORIGINAL + b".")


def test_a_detached_signature_over_something_else_is_refused() -> None:
    with refused(Refusal.OTHER_CONTENT):
        check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR], attached=False, attributes=True), b"else")
    with refused(Refusal.WRONG_SIGNATURE):
        check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR], attached=False), b"else")


def test_a_detached_signature_alone_cannot_be_judged() -> None:
    with refused(Refusal.UNREADABLE):
        check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR], attached=False))


def test_a_certificate_that_the_message_lacks_may_be_at_hand() -> None:
    bare = ca.pkcs7(ORIGINAL, [DOCTOR], with_certificates=False)
    assert check_pkcs7(bare, pool=[parse_certificate(DOCTOR.der)]).signers
    with refused(Refusal.NO_CERTIFICATE):
        check_pkcs7(bare, pool=[parse_certificate(CHIEF.der)])


def test_a_message_without_signers_proves_nothing() -> None:
    with refused(Refusal.UNREADABLE):
        check_pkcs7(ca.pkcs7(ORIGINAL, []))


def test_an_algorithm_that_does_not_fit_its_digest_is_not_judged() -> None:
    with refused(Refusal.UNSUPPORTED):
        check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR], algorithm="1.2.840.113549.1.1.11"))
    with refused(Refusal.UNSUPPORTED):
        check_pkcs7(ca.pkcs7(ORIGINAL, [DOCTOR], algorithm="1.2.840.113549.1.1.5"))


def test_signed_attributes_about_another_type_of_content_are_refused() -> None:
    honest = ca.pkcs7(ORIGINAL, [DOCTOR], attributes=True)
    gm_data = bytes.fromhex("060a2a811ccf550601040201")
    assert honest.count(gm_data) == 2
    first = honest.index(gm_data)
    swapped = honest[:first] + gm_data[:-1] + b"\x02" + honest[first + len(gm_data) :]
    with pytest.raises(SignatureRefused):
        check_pkcs7(swapped)


@given(nonsense=st.binary(max_size=300) | st.text(max_size=60))
def test_nonsense_is_refused_and_never_an_error(nonsense: bytes | str) -> None:
    with pytest.raises(SignatureRefused):
        check_pkcs7(nonsense, ORIGINAL)


@settings(max_examples=150, deadline=None)
@given(which=st.integers(0, 3), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_a_changed_byte_never_changes_what_is_attested(which: int, place: float, flip: int, cut: bool) -> None:
    """Some bytes of the format are covered by no signature: version numbers, the certificate's own signature."""
    changed = bytearray(MESSAGES[which])
    position = int(place * len(changed))
    changed[position] ^= flip
    if cut:
        del changed[position:]
    try:
        found = check_pkcs7(bytes(changed), ORIGINAL)
    except SignatureRefused:
        return
    (signer,) = found.signers
    assert found.original == ORIGINAL
    assert signer.certificate.public_key == parse_certificate(DOCTOR.der).public_key
    assert signer.certificate.der == DOCTOR.der or not signer.certificate.is_issued_by(parse_certificate(ROOT.der))


@settings(max_examples=40, deadline=None)
@given(which=st.integers(0, 3), flip=st.integers(1, 255), data=st.data())
def test_a_changed_byte_of_content_attributes_or_signature_is_always_refused(
    which: int, flip: int, data: st.DataObject
) -> None:
    message = MESSAGES[which]
    signed_parts = [ORIGINAL] if ORIGINAL in message else []
    start = len(message) - 60  # the signature value ends the message
    covered = [position for part in signed_parts for position in range(message.index(part), message.index(part) + 9)]
    position = data.draw(st.sampled_from([*covered, *range(start, len(message))]))
    changed = bytearray(message)
    changed[position] ^= flip
    with pytest.raises(SignatureRefused):
        check_pkcs7(bytes(changed), None if signed_parts else ORIGINAL)
