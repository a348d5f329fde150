"""Timestamp tokens (RFC 3161, GM/T 0033): bare SignedData over a TSTInfo, made and checked; RSA/SHA-256 or SM2/SM3."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from asn1crypto import cms, core, tsp, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app.practice import gm
from app.practice.certificates import SM3, SM3_WITH_SM2, UNREADABLE, Unsound, check, is_signed_by

SHA256 = "2.16.840.1.101.3.4.2.1"
VALID, WRONG_TOKEN, WRONG_TEXT, NOT_TRUSTED, TOO_EARLY, NO_CERTIFICATE, EXPIRED = 1, -1, -2, -3, -4, -5, -6
"""四(二)4(5)3: what verifyRes says."""
_OF_KIND = {"root": NOT_TRUSTED, "early": TOO_EARLY, "expired": EXPIRED, "revoked": NOT_TRUSTED, "broken": WRONG_TOKEN}
WORDS = {
    VALID: "时间戳有效",
    WRONG_TOKEN: "时间戳验证不通过",
    WRONG_TEXT: "原文验证不通过",
    NOT_TRUSTED: "不是所信任的根",
    TOO_EARLY: "证书未生效",
    NO_CERTIFICATE: "查询不到此证书",
    EXPIRED: "签发时间戳时服务器证书过期",
}


@dataclass(frozen=True, kw_only=True)
class Stamper:
    """Somebody who stamps: a certificate (DER), and its key, SM2 or RSA as PKCS8 PEM."""

    certificate: bytes
    key: gm.Key | None = None
    pem: str = ""

    @property
    def digest_algorithm(self) -> str:
        return SM3 if self.key is not None else SHA256

    def digest(self, data: bytes) -> bytes:
        return gm.sm3(data) if self.key is not None else hashlib.sha256(data).digest()

    def signature(self, data: bytes) -> bytes:
        if self.key is not None:
            return gm.sign(self.key, data)
        return _rsa_key(self.pem).sign(data, padding.PKCS1v15(), hashes.SHA256())


@lru_cache(maxsize=8)  # reading one takes 0.07 s
def _rsa_key(pem: str) -> rsa.RSAPrivateKey:
    private = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private


def token(by: Stamper, text: bytes, at: datetime, *, with_certificate: bool = True) -> bytes:
    """DER of a token over `text`; policy, nonce (milliseconds) and the missing accuracy are those of the sample."""
    certificate = x509.Certificate.load(by.certificate)
    moment = at.astimezone(UTC).replace(microsecond=0)
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2",
            "message_imprint": {"hash_algorithm": _algorithm(by), "hashed_message": by.digest(text)},
            "serial_number": int(at.timestamp() * 1000),
            "gen_time": moment,
            "nonce": int(at.timestamp() * 1000),
            "tsa": x509.GeneralName(name="directory_name", value=certificate.subject),
        }
    ).dump()
    about = tsp.ESSCertIDv2({"hash_algorithm": _algorithm(by), "cert_hash": by.digest(by.certificate)})
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["tst_info"]},
            {"type": "signing_time", "values": [cms.Time({"utc_time": moment})]},
            {"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [about]})]},
            {"type": "message_digest", "values": [by.digest(info)]},
        ]
    )
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            name="issuer_and_serial_number",
            value={"issuer": certificate.issuer, "serial_number": certificate.serial_number},
        ),
        "digest_algorithm": _algorithm(by),
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": SM3_WITH_SM2 if by.key is not None else "sha256_rsa"},
        "signature": by.signature(attributes.dump()),
    }
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [_algorithm(by)],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
            "signer_infos": [signer],
            **({"certificates": [certificate]} if with_certificate else {}),
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def judged(
    data: bytes,
    text: bytes,
    *,
    roots: Sequence[x509.Certificate],
    between: Sequence[x509.Certificate],
    known: Sequence[x509.Certificate],
    now: datetime,
    revoked: Mapping[bytes, frozenset[int]],
) -> int:
    """Which verifyRes this token over `text` deserves. `known`: where a token without certificate finds its own."""
    try:
        signed = cms.ContentInfo.load(data, strict=True)["content"]
        info_der = bytes(signed["encap_content_info"]["content"].parsed.dump())
        return _judged(signed, info_der, text, roots, between, known, now, revoked)
    except UNREADABLE:
        return WRONG_TOKEN


def _judged(
    signed: cms.SignedData,
    info_der: bytes,
    text: bytes,
    roots: Sequence[x509.Certificate],
    between: Sequence[x509.Certificate],
    known: Sequence[x509.Certificate],
    now: datetime,
    revoked: Mapping[bytes, frozenset[int]],
) -> int:
    info, (signer,) = tsp.TSTInfo.load(info_der, strict=True), signed["signer_infos"]
    digest = _DIGESTS[signer["digest_algorithm"]["algorithm"].dotted]
    imprint = info["message_imprint"]
    certificate = _certificate_of(signer, [*_inside(signed), *known])
    if certificate is None:
        return NO_CERTIFICATE
    attributes = signer["signed_attrs"]
    named = {one["type"].native: one["values"][0].native for one in attributes}
    algorithm = signer["signature_algorithm"]["algorithm"].dotted
    if (
        named.get("message_digest") != digest(info_der)
        or named.get("content_type") != "tst_info"
        or not is_signed_by(certificate, b"\x31" + attributes.dump()[1:], signer["signature"].native, algorithm)
    ):
        return WRONG_TOKEN
    if imprint["hashed_message"].native != _DIGESTS[imprint["hash_algorithm"]["algorithm"].dotted](text):
        return WRONG_TEXT
    moment = info["gen_time"].native
    if moment > now.replace(microsecond=0) and (moment - now).total_seconds() > 300:
        return WRONG_TOKEN
    try:
        check(certificate, roots, between, moment, revoked)
    except Unsound as error:
        return _OF_KIND[error.kind]
    return VALID


def _inside(signed: cms.SignedData) -> list[x509.Certificate]:
    given = signed["certificates"]
    return [one.chosen for one in given] if not isinstance(given, core.Void) else []


def _certificate_of(signer: cms.SignerInfo, candidates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    sid = signer["sid"].chosen
    wanted = (sid["issuer"].dump(), sid["serial_number"].native)
    return next((one for one in candidates if (one.issuer.dump(), one.serial_number) == wanted), None)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


_DIGESTS: dict[str, Callable[[bytes], bytes]] = {SHA256: _sha256, SM3: gm.sm3}


def _algorithm(by: Stamper) -> dict[str, str]:
    return {"algorithm": by.digest_algorithm}
