"""What of signing somebody should know before it hurts: certificates near their end, checks that can't be made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from app.crypto.certificates import parse_certificate
from app.crypto.refusals import SignatureRefused
from app.domain.job import Turn
from app.domain.times import CST
from app.engine import revocation_lists, signing_trust
from app.engine.face import Json
from app.engine.house import House
from app.signing.checks import SOON
from app.store import signings

_BY_NAME = "name:"
"""Before the name of a doctor who has no number at the platform: signed for in the clinic's own system."""
_WHY = "请医师联系 CA 机构换新证书，用新证书签一份，这条就没有了"


def signer_key(signer_id: str, doctor: str) -> str:
    """Under which a doctor's certificate is remembered."""
    return signer_id or _BY_NAME + doctor.replace(" ", "")


def certificates(house: House) -> list[Json]:
    """Those of the clinic's doctors that end within a month, the nearest first.

    {"doctor", "on": "2026-12-22", "days": n (0: today, negative: it has ended), "words"}.
    """
    now, found = house.clock.now(), dict[str, Json]()
    for target in house.targets.values():
        if not target.demands_signature:
            continue
        for known in signings.known_signers(house.store.read(), target.name).values():
            name, end = _name_of(house, known.signer_id), _end(known.certificate)
            if name and end is not None and (days := _days(now, end)) <= SOON.days:
                found[name] = {"doctor": name, "on": f"{end.astimezone(CST):%Y-%m-%d}", "days": days} | {
                    "words": _words(end, days)
                }
    return sorted(found.values(), key=lambda one: int(one["days"]))


def certificate_rows(house: House) -> list[Json]:
    """For 今天: one for each."""
    return [
        need(
            "trust",
            "expiring",
            f"{one['doctor']} 医生的{one['words']}",
            f"{one['doctor']} 医生",
            one["words"],
            _WHY,
            None,
            "settings",
        )
        for one in certificates(house)
    ]


def notices(house: House) -> list[Json]:
    """For the page of signatures, the gravest first: {"kind", "tone": "you"|"retry", "title", "advice", "page"}."""
    if not any(target.demands_signature for target in house.targets.values()):
        return []
    return [*_of_trust(house), *_of_certificates(house)]


def trust(house: House) -> Json:
    """See `Face.trust`."""
    return signing_trust.told(house) | {"doctors": certificates(house)}


def _of_trust(house: House) -> list[Json]:
    try:
        roots = signing_trust.trust_of(house).roots
    except signing_trust.RootsUnreadable as error:
        return [_notice("roots", "you", error.title, error.advice, "trust")]
    if not roots:
        title = "还没有 CA 的根证书，签名的证书是谁发的没有核对"
        return [_notice("roots", "you", title, "签名照常收下、照常上传；请向 CA 机构要根证书，在设置里放上", "trust")]
    ended = [one.common_name or one.subject for one in roots if one.not_after < house.clock.now()]
    if ended:
        advice = "由它核对的签名都不会收；请向 CA 机构要新的，在设置里放上"
        return [_notice("roots", "you", f"CA 的根证书已过期：{ended[0]}", advice, "trust")]
    silent = [one for one in revocation_lists.all_told(house) if one["trouble"]]
    if not silent:
        return []
    read = f"，用的是 {silent[0]['read_words']} 读到的" if silent[0]["read_at"] else "，证书有没有被吊销没有核对"
    return [_notice("lists", "retry", f"吊销列表读不到{read}", "不影响签名和上传，程序会自己再读", "trust")]


def _of_certificates(house: House) -> list[Json]:
    return [
        _notice("expiring", "you", f"{one['doctor']} 医生的{one['words']}", _WHY, "") for one in certificates(house)
    ]


def _notice(kind: str, tone: str, title: str, advice: str, page: str) -> Json:
    return {"kind": kind, "tone": tone, "title": title, "advice": advice, "page": page}


def _name_of(house: House, key: str) -> str:
    """ "" for one who is on the staff list no more."""
    staff = house.settings.signing.get("staff", ())
    listed = [one for one in staff if isinstance(one, Mapping)] if isinstance(staff, list | tuple) else []
    for one in listed:
        name = str(one.get("name", ""))
        if key in (one.get("mssp_id", "") or None, signer_key("", name)):
            return name
    return ""


def _days(now: datetime, end: datetime) -> int:
    """Calendar days until the certificate's last one; negative as soon as it has ended."""
    left = (end.astimezone(CST).date() - now.astimezone(CST).date()) // timedelta(days=1)
    return left if now <= end else min(left, -1)


def _words(end: datetime, days: int) -> str:
    on = f"{end.astimezone(CST):%Y-%m-%d}"
    if days < 0:
        return f"证书 {on} 已到期"
    left = {0: "就是今天", 1: "还有 1 天"}.get(days, f"还有 {days} 天")
    return f"证书 {on} 到期，{left}"


@lru_cache(maxsize=64)
def _end(certificate: str) -> datetime | None:
    try:
        return parse_certificate(certificate).not_after
    except SignatureRefused:
        return None


def need(uid: str, state: str, title: str, who: str, what: str, why: str, since: str | None, action: str) -> Json:
    """A row of 现在需要您."""
    return {
        "uid": uid,
        "exam_key": "",
        "state": state,
        "title": title,
        "who": who,
        "what": what,
        "why": why,
        "since": since,
        "since_is": "",
        "turn": Turn.TECHNICIAN.value,
        "action": action,
    }
