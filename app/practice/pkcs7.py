"""Signed messages (GM/T 0010 and PKCS #7): made with an invented key, and checked whichever OIDs they carry."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asn1crypto import cms, core, x509

from app.practice import gm
from app.practice.certificates import SM3, SM3_WITH_SM2, UNREADABLE, Holder, Unsound, is_signed_by, loaded

GM_DATA, GM_SIGNED = "1.2.156.10197.6.1.4.2.1", "1.2.156.10197.6.1.4.2.2"
_SIGNED = frozenset([GM_SIGNED, "1.2.840.113549.1.7.2"])


class _Content(core.Sequence):  # type: ignore[misc]
    """What was signed. Classes of our own: asn1crypto's know the standard OIDs only."""

    _fields = [  # noqa: RUF012
        ("content_type", core.ObjectIdentifier),
        ("content", core.OctetString, {"explicit": 0, "optional": True}),
    ]


class _Signed(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("digest_algorithms", cms.DigestAlgorithms),
        ("content", _Content),
        ("certificates", cms.CertificateSet, {"implicit": 0, "optional": True}),
        ("crls", cms.RevocationInfoChoices, {"implicit": 1, "optional": True}),
        ("signer_infos", cms.SignerInfos),
    ]


class _Message(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("content_type", core.ObjectIdentifier),
        ("content", _Signed, {"explicit": 0}),
    ]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Whose it is, and the value itself."""

    certificate: x509.Certificate
    value: bytes


def signed(by: Holder, content: bytes, *, attached: bool) -> bytes:
    """DER of `content` signed as GM/T 0010 has it, without signed attributes."""
    certificate = by.read
    inner: dict[str, Any] = {"content_type": GM_DATA}
    if attached:
        inner["content"] = content
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            name="issuer_and_serial_number",
            value={"issuer": certificate.issuer, "serial_number": certificate.serial_number},
        ),
        "digest_algorithm": {"algorithm": SM3},
        "signature_algorithm": {"algorithm": SM3_WITH_SM2},
        "signature": gm.sign(by.key, content),
    }
    body = _Signed(
        {
            "version": 1,
            "digest_algorithms": [{"algorithm": SM3}],
            "content": inner,
            "certificates": [certificate],
            "signer_infos": [signer],
        }
    )
    return bytes(_Message({"content_type": GM_SIGNED, "content": body}).dump())


def checked(data: bytes, content: bytes, *, padded: bool = False) -> Signature:
    """The signature if it is one over `content`. `padded`: zeros may follow. Raises Unsound (broken)."""
    try:
        outer = _Message.load(data, strict=not padded)
        if outer["content_type"].dotted not in _SIGNED:
            raise Unsound("broken", "不是 PKCS7 签名数据")
        return _checked(outer["content"], content)
    except UNREADABLE as error:
        raise Unsound("broken", "PKCS7 读不出来") from error


def _checked(body: _Signed, content: bytes) -> Signature:
    inside = body["content"]["content"]
    if not isinstance(inside, core.Void) and inside.native != content:
        raise Unsound("broken", "PKCS7 里的原文和给的原文不一样")
    (signer,) = body["signer_infos"]
    sid = signer["sid"].chosen
    given = [one.chosen for one in body["certificates"]]
    certificate = next(
        (
            one
            for one in given
            if (one.issuer.dump(), one.serial_number) == (sid["issuer"].dump(), sid["serial_number"].native)
        ),
        None,
    )
    if certificate is None:
        raise Unsound("broken", "PKCS7 里没有签名人的证书")
    certificate = loaded(certificate.dump())
    algorithm, value = signer["signature_algorithm"]["algorithm"].dotted, signer["signature"].native
    if not is_signed_by(certificate, _signed_bytes(signer, content), value, algorithm):
        raise Unsound("broken", "签名值与原文、证书对不上")
    return Signature(certificate=certificate, value=value)


def _signed_bytes(signer: cms.SignerInfo, content: bytes) -> bytes:
    """The content, or the attributes if they name its digest (RFC 5652, 5.4: hashed as a SET)."""
    attributes = signer["signed_attrs"]
    if isinstance(attributes, core.Void) or len(attributes) == 0:
        return content
    digest = _DIGESTS[signer["digest_algorithm"]["algorithm"].dotted](content)
    named = {one["type"].native: one["values"][0].native for one in attributes}
    if named.get("message_digest") != digest:
        raise Unsound("broken", "PKCS7 的摘要与原文对不上")
    return b"\x31" + bytes(attributes.dump()[1:])


_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    SM3: gm.sm3,
    "2.16.840.1.101.3.4.2.1": lambda data: hashlib.sha256(data).digest(),
}
