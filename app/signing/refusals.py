"""Why a signature, a certificate or a timestamp is not taken, in a person's words."""

from __future__ import annotations

from collections.abc import Mapping

from app.crypto.refusals import Refusal

SIGNATURE, CERTIFICATE, TIMESTAMP = "签名", "医师证书", "时间戳"
_ENGINEER = "请把诊断包发给工程师"
_ASK_CA = "请医师联系 CA 机构"
_WORDS: Mapping[Refusal, tuple[str, str]] = {
    Refusal.UNREADABLE: ("{what}读不出来", _ENGINEER),
    Refusal.UNSUPPORTED: ("{what}用了程序不认识的算法", _ENGINEER),
    Refusal.NO_CERTIFICATE: ("{what}里没有签名人的证书", _ENGINEER),
    Refusal.WRONG_SIGNATURE: ("{what}和签名原文对不上", "可能被改过，没有采用。请重新签"),
    Refusal.OTHER_CONTENT: ("{what}签的不是这份报告", "没有采用。请重新签"),
    Refusal.WRONG_DIGEST: ("{what}盖的不是这份报告", "没有采用。一直这样就重新签"),
    Refusal.UNTRUSTED: ("{what}不是机构信任的 CA 发的", "请工程师核对设置里的 CA 根证书"),
    Refusal.EXPIRED: ("{what}已过有效期", f"{_ASK_CA}换新证书，再重新签"),
    Refusal.NOT_YET_VALID: ("{what}还没有生效", "请先核对这台电脑的时间，再重新签"),
    Refusal.REVOKED: ("{what}已被吊销", f"{_ASK_CA}重新办理证书，再重新签"),
    Refusal.WRONG_PURPOSE: ("{what}不能用来签名", f"{_ASK_CA}核对证书的用途"),
}


def words_of(refusal: Refusal, what: str) -> tuple[str, str]:
    """Title and advice; `what` is one of the three above."""
    title, advice = _WORDS[refusal]
    return title.format(what=what), advice
