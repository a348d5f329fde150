"""What is looked at before a signature counts; certificates, lists and timestamps of the test CA."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.crypto.certificates import parse_certificate
from app.crypto.refusals import Refusal
from app.crypto.signed_data import certificates_in
from app.domain.signing import PKCS1, KnownSigner
from app.errors import RetryLater
from app.practice import gm, tokens
from app.practice.authority import CRL_PATH, DAY, Authority
from app.practice.settings import Clock
from app.signing import refusals
from app.signing.checks import NotGood, check_doctor, check_same_signer, check_signed, check_stamped
from app.signing.trust import Trust, anchors
from tests.crypto import ca

TEXT = "诊断结论：未见异常".encode()
LIU = "刘慧"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "ca.json", Clock(), lambda: "http://127.0.0.1:9")


@pytest.fixture
def trust(authority: Authority) -> Trust:
    roots, others = anchors(certificates_in(authority.pem_chain().encode()))
    listed = authority.offered(CRL_PATH)
    assert listed is not None
    return Trust(roots=roots, pool=others, fetch=lambda place: listed[0])


def now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def signed(authority: Authority, trust: Trust, name: str = LIU, at: datetime | None = None) -> dict[str, bool | None]:
    holder = authority.doctor(name).holder
    value = base64.b64encode(gm.sign(holder.key, TEXT)).decode()
    found = check_signed(TEXT, PKCS1, value, holder.base64, trust, at=at or now())
    return {one.title: one.ok for one in found.checks}


def why(act: Callable[[], object]) -> str:
    with pytest.raises(NotGood) as raised:
        act()
    assert raised.value.checks[-1].ok is False
    return raised.value.hitch.title


def test_every_refusal_has_its_words() -> None:
    for refusal in Refusal:
        title, advice = refusals.words_of(refusal, refusals.CERTIFICATE)
        assert refusals.CERTIFICATE in title and advice and "。" not in title


def test_a_good_signature_of_a_trusted_doctor_passes_every_check(authority: Authority, trust: Trust) -> None:
    assert signed(authority, trust) == {"签名": True, "医师证书": True, "证书链": True, "证书吊销": True}


def test_without_roots_chain_and_revocation_stay_open(authority: Authority) -> None:
    assert signed(authority, Trust()) == {"签名": True, "医师证书": True, "证书链": None, "证书吊销": None}


def test_expired_and_revoked_doctors_are_refused(authority: Authority, trust: Trust) -> None:
    assert why(lambda: signed(authority, trust, "赵敏")) == "医师证书已过有效期"
    assert why(lambda: signed(authority, trust, "陈静")) == "医师证书已被吊销"
    assert signed(authority, Trust(), "陈静")["证书吊销"] is None


def test_an_authority_whose_own_certificate_ended_is_told_from_a_doctors() -> None:
    root = ca.root(end=ca.NOON + 10 * DAY)
    doctor = ca.doctor(root)
    value, certificate = (base64.b64encode(one).decode() for one in (doctor.pair.sign(TEXT), doctor.der))
    trust = Trust(roots=(parse_certificate(root.der),))

    def check(at: datetime) -> object:
        return check_signed(TEXT, PKCS1, value, certificate, trust, at=at)

    assert check(ca.NOON)
    with pytest.raises(NotGood) as raised:
        check(ca.NOON + 11 * DAY)
    assert raised.value.hitch.title == "CA 的证书不在有效期内" and raised.value.by_settings


def test_a_list_out_of_reach_or_out_of_date_only_warns(authority: Authority, trust: Trust) -> None:
    def silent(place: str) -> bytes:
        raise RetryLater("吊销列表的地址没有应答", "下次再取")

    assert signed(authority, Trust(roots=trust.roots, pool=trust.pool, fetch=silent))["证书吊销"] is None
    assert signed(authority, trust, at=now() + 30 * DAY)["证书吊销"] is None


@pytest.mark.parametrize("kind", ["RSA", "SM2"])
def test_a_timestamp_holds_for_its_text_and_its_time(authority: Authority, kind: str) -> None:
    at = now()
    token = base64.b64encode(tokens.token(authority.timestamper(kind), TEXT, at)).decode()

    def check(text: bytes = TEXT, early: datetime = at, late: datetime = at) -> datetime:
        return check_stamped(token, text, Trust(), not_before=early, not_after=late).at

    assert check() == at.replace(microsecond=0)
    assert why(lambda: check(TEXT + b"!")) == "时间戳盖的不是这份报告"
    assert why(lambda: check(early=at + timedelta(hours=1), late=at + timedelta(hours=2))) == "时间戳的时间不对"
    assert why(lambda: check(early=at - timedelta(hours=2), late=at - timedelta(hours=1))) == "时间戳的时间不对"


def test_a_doctors_first_certificate_is_followed_by_the_next_only_when_it_is_due(authority: Authority) -> None:
    first = authority.doctor("李明").holder
    known = KnownSigner(signer_id="M", certificate=first.base64, since=now())
    other = parse_certificate(authority.doctor("王强").holder.certificate)
    later = parse_certificate(authority.renew("李明", 900).holder.certificate)
    own = parse_certificate(first.certificate)

    def check(certificate: object, *, trusted: bool = False, at: datetime | None = None) -> bool:
        return check_same_signer(known, certificate, "李明", trusted=trusted, at=at or now())  # type: ignore[arg-type]

    assert check_same_signer(None, own, "李明", trusted=False, at=now()), "the first is remembered"
    assert not check(own)
    for trusted in (False, True):
        assert why(lambda trusted=trusted: check(other, trusted=trusted)) == "签名的证书不是李明医生原来的那张"  # type: ignore[misc]
    assert why(lambda: check(later)) == "签名的证书不是李明医生原来的那张"
    assert check(later, at=own.not_after - timedelta(days=10)) or later.not_after <= own.not_after


def test_roots_are_read_from_a_file_of_several(authority: Authority, tmp_path: Path) -> None:
    roots, others = anchors(certificates_in(authority.pem_chain().encode()))
    assert [one.is_self_issued for one in (*roots, *others)] == [True, False]


@pytest.mark.parametrize(
    ("common_name", "doctor", "is_theirs"),
    [
        ("刘慧", "刘慧", True),
        ("刘慧敏", "刘慧", False),
        ("小刘慧", "刘慧", False),
        ("阿·刘慧", "刘慧", False),
        ("刘慧@140105", "刘 慧", True),
        ("CN01 刘慧 8F2C", "刘慧", True),
        ("刘洋", "刘慧", False),
        ("买买提•吐尔逊", "买买提·吐尔逊", True),
        ("买买提·吐尔逊", "买买提", False),
        ("LiMingHua", "LiMing", False),
        ("刘慧", "", False),
    ],
)
def test_a_certificate_is_a_doctors_by_the_whole_name(common_name: str, doctor: str, is_theirs: bool) -> None:
    own = replace(parse_certificate(ca.root().der), common_name=common_name, subject=f"{common_name}, 刘慧医院")
    if is_theirs:
        assert check_doctor(doctor, own).ok
    else:
        assert why(lambda: check_doctor(doctor, own)) == f"签名的不是审核医师{doctor}"
