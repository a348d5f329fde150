"""Checks a signature and its timestamp here, before anything of it goes to the platform. Pure but for `Trust.fetch`."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from app.crypto.certificates import Certificate, parse_certificate
from app.crypto.chains import Purpose, check_chain
from app.crypto.pkcs7 import check_pkcs7
from app.crypto.public_keys import PublicKey
from app.crypto.refusals import Refusal, SignatureRefused
from app.crypto.signatures import check_signature
from app.crypto.timestamps import Timestamp, check_timestamp
from app.domain.signing import PKCS7, Check, Hitch, KnownSigner, Signature
from app.domain.times import cst_text
from app.signing.refusals import CERTIFICATE, SIGNATURE, TIMESTAMP, words_of
from app.signing.trust import Trust

SOON = timedelta(days=31)
"""So long before its end a certificate is announced, and may be changed for the next one."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_FAR_OFF = datetime(9000, 1, 1, tzinfo=UTC)
_REMEMBERED = 128
_CLOCKS_APART = timedelta(minutes=15)
_OF_A_NAME = "\u3400-\u9fff\U00020000-\U0003ffff·"
"""What a Chinese name is written with."""
T = TypeVar("T")


class NotGood(Exception):
    """A check failed: `hitch` says which and what to do, `checks` what was found before it.

    `by_settings`: it may be the clinic's list of trusted authorities that is wrong, and not the signature.
    """

    def __init__(self, hitch: Hitch, checks: tuple[Check, ...] = (), *, by_settings: bool = False) -> None:
        super().__init__(hitch.title)
        self.hitch, self.checks, self.by_settings = hitch, checks, by_settings


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signature that holds."""

    certificate: Certificate
    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """A timestamp that holds."""

    at: datetime
    checks: tuple[Check, ...]


def check_signed(
    text: bytes,
    kind: str,
    sign_value: str,
    certificate: str,
    trust: Trust,
    *,
    at: datetime,
    standing_at: datetime | None = None,
) -> Signed:
    """`kind` is PKCS1 or PKCS7; `standing_at`: when it must not have been revoked, `at` without one. Raises NotGood."""
    checks: list[Check] = []
    own = _tried(CERTIFICATE, CERTIFICATE, checks, lambda: parse_certificate(certificate))
    if kind == PKCS7:
        between = _tried(SIGNATURE, SIGNATURE, checks, lambda: _pkcs7(text, sign_value, own))
    else:
        between = ()
        _tried(SIGNATURE, SIGNATURE, checks, lambda: _pkcs1(own.public_key, text, _value(sign_value)))
    checks.append(Check(title=SIGNATURE, ok=True, words="和签名原文对得上"))
    _tried(CERTIFICATE, CERTIFICATE, checks, lambda: check_chain(own, (), (own,), at))
    until = cst_text(own.not_after)[:10]
    checks.append(Check(title=CERTIFICATE, ok=True, words=f"{own.subject}，有效期至 {until}"))
    checks += _tried(CERTIFICATE, CERTIFICATE, checks, lambda: _trusted(trust, own, between, at, standing_at))
    return Signed(certificate=own, checks=tuple(checks))


def check_stamped(token: str, text: bytes, trust: Trust, *, not_before: datetime, not_after: datetime) -> Stamped:
    """The timestamp is over this text, and of a time between these two. Raises NotGood."""
    checks: list[Check] = []

    def check() -> Timestamp:
        found = _timestamp(token, text, trust.pool, trust.roots)
        if not trust.roots:  # the authority's own dates all the same
            check_chain(found.certificate, (), (found.certificate,), found.gen_time, purpose=Purpose.TIMESTAMPING)
        return found

    found = _tried(TIMESTAMP, TIMESTAMP, checks, check)
    at = cst_text(found.gen_time)
    if not not_before - _CLOCKS_APART <= found.gen_time <= not_after + _CLOCKS_APART:
        why = Hitch(title="时间戳的时间不对", advice="没有采用。请先核对这台电脑的时间", details=at)
        raise NotGood(why, (Check(title=TIMESTAMP, ok=False, words=f"{why.title}：{at}"),))
    return Stamped(at=found.gen_time, checks=(Check(title=TIMESTAMP, ok=True, words=f"{at}，{found.authority}"),))


def check_whole(
    signed: Signature, kind: str, trust: Trust, *, now: datetime | None, standing_at: datetime | None = None
) -> tuple[Signed, Stamped]:
    """A signature with its timestamp, as of the time in that timestamp. Raises NotGood.

    `now`: the timestamp may not be later; None where that was looked at before, and the clock may have gone back since.
    """
    text = signed.original.encode("utf-8")
    stamped = check_stamped(signed.tsa_token, text, trust, not_before=_LONG_AGO, not_after=now or _FAR_OFF)
    good = check_signed(
        text, kind, signed.sign_value, signed.certificate, trust, at=stamped.at, standing_at=standing_at
    )
    return good, stamped


def check_doctor(doctor: str, own: Certificate) -> Check:
    """The certificate is the auditing doctor's by its name. Raises NotGood."""
    if _stands_in(doctor, own.common_name):
        return Check(title="签名人", ok=True, words=f"{doctor}医生")
    why = Hitch(
        title=f"签名的不是审核医师{doctor}",
        advice="没有收下。请核对是不是这份报告的签名，审核医师填得对不对",
        details=own.subject,
    )
    raise NotGood(why, (Check(title="签名人", ok=False, words=why.title),))


def _stands_in(doctor: str, common_name: str) -> bool:
    """The doctor's name, and not as a piece of a longer one: some authorities write a number beside it."""
    name, whole = (_plain(one) for one in (doctor, common_name))
    beside = _OF_A_NAME + ("A-Za-z" if name.isascii() else "")
    return bool(name) and re.search(f"(?<![{beside}]){re.escape(name)}(?![{beside}])", whole) is not None


def _plain(name: str) -> str:
    """Without blanks, in half width, with one kind of dot between the parts of a name."""
    return re.sub("[•‧・∙⋅]", "·", "".join(unicodedata.normalize("NFKC", name).split()))


def check_same_signer(known: KnownSigner | None, own: Certificate, doctor: str, *, trusted: bool, at: datetime) -> bool:
    """Whether this certificate is to be known from now on. Raises NotGood for another than the doctor's first.

    The next one of the same name is taken when the earlier one ends within a month, or when a CA that the clinic
    trusts (`trusted`) gave it later.
    """
    if known is None:
        return True
    first = parse_certificate(known.certificate)
    if first.same_as(own):
        return False
    is_due = at > first.not_after - SOON and own.not_after > first.not_after
    is_next = trusted and own.not_before > first.not_before
    if first.common_name == own.common_name and (is_due or is_next):
        return True
    why = Hitch(
        title=f"签名的证书不是{doctor}医生原来的那张",
        advice="没有采用。请核对是不是本人签的；医师确实换了证书，请工程师在设置里放好 CA 根证书，再重新签",
        details=f"{own.subject}, {own.serial}",
    )
    raise NotGood(why, (Check(title=CERTIFICATE, ok=False, words=why.title),))


def _trusted(
    trust: Trust, own: Certificate, between: tuple[Certificate, ...], at: datetime, standing_at: datetime | None
) -> list[Check]:
    """The doctor's own dates are known to be good: other dates are the authority's."""
    try:
        return trust.check(own, between, at, standing_at=standing_at)
    except SignatureRefused as refusal:
        if refusal.refusal not in (Refusal.EXPIRED, Refusal.NOT_YET_VALID):
            raise
        why = Hitch(
            title="CA 的证书不在有效期内",
            advice="没有采用。请核对电脑的时间；时间没错就请工程师在设置里换上 CA 的新证书",
            details=refusal.details,
        )
        raise NotGood(why, (Check(title=CERTIFICATE, ok=False, words=why.title),), by_settings=True) from refusal


# What follows from the arguments alone is worked out once: a report is looked at when signed, and at each sending.


@lru_cache(maxsize=_REMEMBERED)
def _pkcs1(key: PublicKey, text: bytes, value: bytes) -> None:
    check_signature(key, text, value)


@lru_cache(maxsize=_REMEMBERED)
def _timestamp(token: str, text: bytes, pool: tuple[Certificate, ...], roots: tuple[Certificate, ...]) -> Timestamp:
    return check_timestamp(token, text, pool, roots or None)


@lru_cache(maxsize=_REMEMBERED)
def _pkcs7(text: bytes, message: str, own: Certificate) -> tuple[Certificate, ...]:
    """What came along with it. The signer must be the one whose certificate is told."""
    found = check_pkcs7(message, text, (own,))
    if not all(signer.certificate.same_as(own) for signer in found.signers):
        raise SignatureRefused(Refusal.WRONG_SIGNATURE, "signed with another certificate than the one told")
    return found.certificates


def _value(sign_value: str) -> bytes:
    try:
        return base64.b64decode("".join(sign_value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureRefused(Refusal.UNREADABLE, "the signature value is no Base64") from error


def _tried(title: str, what: str, before: list[Check], check: Callable[[], T]) -> T:
    try:
        return check()
    except SignatureRefused as refusal:
        said, advice = words_of(refusal.refusal, what)
        failed = Check(title=title, ok=False, words=said)
        why = Hitch(title=said, advice=advice, details=refusal.details)
        by_settings = refusal.refusal is Refusal.UNTRUSTED
        raise NotGood(why, (*before, failed), by_settings=by_settings) from refusal
