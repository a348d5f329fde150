"""Chains to a trusted root: who may stand in them, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.crypto.certificates import Certificate, parse_certificate
from app.crypto.chains import Purpose, check_chain
from app.crypto.refusals import Refusal
from tests.crypto import ca
from tests.crypto.refusing import refused

ROOT = ca.root()
MIDDLE = ca.authority("测试签发机构", ROOT)
DAY = timedelta(days=1)


def read(*holders: ca.Holder) -> list[Certificate]:
    return [parse_certificate(holder.der) for holder in holders]


def chain(leaf: ca.Holder, *pool: ca.Holder, roots: tuple[ca.Holder, ...] = (ROOT,), **options: Any) -> list[str]:
    options = {"at": ca.NOON} | options
    return [found.common_name for found in check_chain(*read(leaf), read(*pool), read(*roots), **options)]


def test_a_chain_leads_over_an_authority_to_the_root() -> None:
    assert chain(ca.doctor(MIDDLE), MIDDLE) == ["周医生", "测试签发机构", "测试根证书"]


def test_a_root_that_is_the_certificate_itself_is_enough() -> None:
    doctor = ca.doctor(MIDDLE)
    assert chain(doctor, roots=(doctor,)) == ["周医生"]


def test_a_chain_that_ends_elsewhere_is_not_trusted() -> None:
    doctor = ca.doctor(MIDDLE)
    with refused(Refusal.UNTRUSTED):
        chain(doctor)  # the authority between is missing
    with refused(Refusal.UNTRUSTED):
        chain(doctor, MIDDLE, roots=(ca.root("别的根证书"),))
    with refused(Refusal.UNTRUSTED):
        chain(doctor, MIDDLE, ROOT, roots=())
    with refused(Refusal.UNTRUSTED):
        chain(doctor, MIDDLE, roots=(ca.root("测试根证书", ca.sm2_pair("same name, other key")),))


def test_a_doctor_cannot_issue_certificates() -> None:
    doctor = ca.doctor(MIDDLE)
    with refused(Refusal.UNTRUSTED):
        chain(ca.doctor(doctor, "冒名者"), doctor, MIDDLE)


def test_an_authority_without_the_right_to_sign_certificates_is_not_one() -> None:
    wrong = ca.issue("只签列表", ROOT, ca.sm2_pair("crl only"), ca=True, usage={"crl_sign"})
    with refused(Refusal.UNTRUSTED):
        chain(ca.doctor(wrong), wrong)


def test_no_more_authorities_stand_in_a_chain_than_the_root_allows() -> None:
    root = ca.root("短根", path_length=0)
    middle = ca.authority("中间", root)
    assert chain(ca.doctor(root), roots=(root,)) == ["周医生", "短根"]
    with refused(Refusal.UNTRUSTED):
        chain(ca.doctor(middle), middle, roots=(root,))


@pytest.mark.parametrize("place", ["leaf", "middle", "root"])
def test_every_link_must_be_valid_at_the_time(place: str) -> None:
    for refusal, limits in (
        (Refusal.EXPIRED, {"end": ca.NOON - DAY}),
        (Refusal.NOT_YET_VALID, {"start": ca.NOON + DAY}),
    ):
        root = ca.root("根", **(limits if place == "root" else {}))
        middle = ca.authority("中", root, **(limits if place == "middle" else {}))
        doctor = ca.doctor(middle, **(limits if place == "leaf" else {}))
        with refused(refusal):
            chain(doctor, middle, roots=(root,))


def test_the_last_second_of_a_certificate_still_counts() -> None:
    doctor = ca.doctor(ROOT, end=ca.NOON)
    assert chain(doctor)
    with refused(Refusal.EXPIRED):
        chain(doctor, at=ca.NOON + timedelta(seconds=1))


def test_an_expired_authority_does_not_hide_its_renewed_certificate() -> None:
    old = ca.authority("测试签发机构", ROOT, end=ca.NOON - DAY)
    assert chain(ca.doctor(MIDDLE), old, MIDDLE) == ["周医生", "测试签发机构", "测试根证书"]


def test_two_authorities_that_vouch_for_each_other_come_to_an_end() -> None:
    one = ca.authority("一", ca.Holder("二", ca.sm2_pair("二"), b""))
    two = ca.authority("二", ca.Holder("一", ca.sm2_pair("一"), b""))
    with refused(Refusal.UNTRUSTED):
        chain(ca.doctor(one), one, two)


def test_a_certificate_serves_only_what_it_was_issued_for() -> None:
    encrypting = ca.issue("加密", ROOT, ca.sm2_pair("加密"), usage={"key_encipherment"})
    with refused(Refusal.WRONG_PURPOSE):
        chain(encrypting)
    mail = ca.issue("邮件", ROOT, ca.sm2_pair("邮件"), extended={"email_protection"})
    assert chain(mail)
    with refused(Refusal.WRONG_PURPOSE):
        chain(mail, purpose=Purpose.TIMESTAMPING)
    assert chain(ca.timestamper(ROOT), purpose=Purpose.TIMESTAMPING)


def test_a_critical_extension_that_nobody_knows_is_not_passed_over() -> None:
    strange = {"extn_id": "1.2.3.4.5", "critical": True, "extn_value": b"\x05\x00"}
    with refused(Refusal.UNSUPPORTED):
        chain(ca.doctor(ROOT, extra=[strange]))
    assert chain(ca.doctor(ROOT, extra=[strange | {"critical": False}]))
