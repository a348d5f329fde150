"""A certificate authority for tests: roots, doctors, timestamp authorities, revocation lists, signatures and tokens.

Everything is put together with asn1crypto; SM2 is signed by app.crypto.sm2, RSA and P-256 by cryptography.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from asn1crypto import cms, core, crl, keys, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.crypto import digests, sm2

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
YEAR = timedelta(days=365)

SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM3 = "1.2.156.10197.1.401"
SHA256 = "2.16.840.1.101.3.4.2.1"
GM_SIGNED_DATA, GM_DATA = "1.2.156.10197.6.1.4.2.2", "1.2.156.10197.6.1.4.2.1"
SIGNED_DATA, DATA = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"

_serials = count(0x1B40_0000_0000_0000_0001)


@dataclass(frozen=True)
class Sm2Pair:
    """A key pair; `algorithm` and `digest` are the OIDs under its signatures."""

    private: bytes
    algorithm: str = SM2_WITH_SM3
    digest: str = SM3

    def info(self) -> keys.PublicKeyInfo:
        algorithm = {"algorithm": "ec", "parameters": keys.ECDomainParameters("named", "1.2.156.10197.1.301")}
        point = b"\x04" + sm2.public_from_private(self.private)
        return keys.PublicKeyInfo({"algorithm": keys.PublicKeyAlgorithm(algorithm), "public_key": point})

    def sign(self, data: bytes) -> bytes:
        return sm2.der_signature(sm2.sign(self.private, data))

    def hash(self, data: bytes) -> bytes:
        return digests.sm3(data)


@dataclass(frozen=True)
class RsaPair:
    private: rsa.RSAPrivateKey
    algorithm: str = "1.2.840.113549.1.1.11"
    digest: str = SHA256

    def info(self) -> keys.PublicKeyInfo:
        return _info(self.private.public_key())

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def hash(self, data: bytes) -> bytes:
        return hashlib.sha256(data).digest()


@dataclass(frozen=True)
class P256Pair:
    private: ec.EllipticCurvePrivateKey
    algorithm: str = "1.2.840.10045.4.3.2"
    digest: str = SHA256

    def info(self) -> keys.PublicKeyInfo:
        return _info(self.private.public_key())

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))

    def hash(self, data: bytes) -> bytes:
        return hashlib.sha256(data).digest()


Pair = Sm2Pair | RsaPair | P256Pair


@cache
def sm2_pair(name: str) -> Sm2Pair:
    """The same pair for the same name."""
    return Sm2Pair(digests.sm3(name.encode()))


@cache
def rsa_pair(_name: str) -> RsaPair:
    return RsaPair(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@cache
def p256_pair(_name: str) -> P256Pair:
    return P256Pair(ec.generate_private_key(ec.SECP256R1()))


@dataclass(frozen=True)
class Holder:
    """A certificate with the key to it; `parent` issued it (itself for a root)."""

    name: str
    pair: Pair
    der: bytes

    @property
    def certificate(self) -> x509.Certificate:
        return x509.Certificate.load(self.der)


def root(name: str = "测试根证书", pair: Pair | None = None, **changes: Any) -> Holder:
    """A self-signed authority."""
    return issue(name, None, pair or sm2_pair(name), ca=True, usage={"key_cert_sign", "crl_sign"}, **changes)


def authority(name: str, issuer: Holder, pair: Pair | None = None, **changes: Any) -> Holder:
    """An authority below another."""
    return issue(name, issuer, pair or sm2_pair(name), ca=True, usage={"key_cert_sign", "crl_sign"}, **changes)


def doctor(issuer: Holder, name: str = "周医生", pair: Pair | None = None, **changes: Any) -> Holder:
    """Somebody who signs reports."""
    return issue(name, issuer, pair or sm2_pair(name), **changes)


def timestamper(issuer: Holder, name: str = "测试时间戳", pair: Pair | None = None, **changes: Any) -> Holder:
    """A timestamp authority."""
    return issue(name, issuer, pair or sm2_pair(name), extended={"time_stamping"}, **changes)


def issue(
    name: str,
    issuer: Holder | None,
    pair: Pair,
    *,
    ca: bool | None = None,
    path_length: int | None = None,
    usage: set[str] | None = frozenset({"digital_signature", "non_repudiation"}),  # type: ignore[assignment]
    extended: set[str] | None = None,
    start: datetime = NOON - YEAR,
    end: datetime = NOON + YEAR,
    crl_address: str | None = None,
    extra: Sequence[dict[str, Any]] = (),
) -> Holder:
    """A certificate for `pair`, signed by `issuer` or by itself."""
    signing = issuer.pair if issuer else pair
    info = pair.info()
    extensions: list[dict[str, Any]] = [
        {"extn_id": "key_identifier", "critical": False, "extn_value": info.sha1},
        *extra,
    ]
    if ca is not None:
        limits = {"ca": ca, "path_len_constraint": path_length}
        extensions.append({"extn_id": "basic_constraints", "critical": True, "extn_value": limits})
    if usage is not None:
        extensions.append({"extn_id": "key_usage", "critical": True, "extn_value": x509.KeyUsage(set(usage))})
    if extended is not None:
        extensions.append({"extn_id": "extended_key_usage", "critical": True, "extn_value": sorted(extended)})
    if crl_address is not None:
        extensions.append(
            {"extn_id": "crl_distribution_points", "critical": False, "extn_value": [_point(crl_address)]}
        )
    body = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": next(_serials),
            "signature": {"algorithm": signing.algorithm},
            "issuer": _name(issuer.name if issuer else name),
            "validity": {"not_before": _time(start), "not_after": _time(end)},
            "subject": _name(name),
            "subject_public_key_info": info,
            "extensions": extensions,
        }
    )
    whole = x509.Certificate(
        {
            "tbs_certificate": body,
            "signature_algorithm": {"algorithm": signing.algorithm},
            "signature_value": signing.sign(body.dump()),
        }
    )
    return Holder(name, pair, whole.dump())


def revocation_list(
    issuer: Holder,
    revoked: Sequence[tuple[Holder, datetime, str]] = (),
    *,
    this_update: datetime = NOON - timedelta(days=1),
    next_update: datetime | None = NOON + timedelta(days=6),
    extensions: Sequence[dict[str, Any]] = (),
) -> bytes:
    """A list of (whose certificate, when, why), as DER."""
    entries = [
        {
            "user_certificate": holder.certificate.serial_number,
            "revocation_date": _time(when),
            "crl_entry_extensions": [{"extn_id": "crl_reason", "critical": False, "extn_value": why}],
        }
        for holder, when, why in revoked
    ]
    body = crl.TbsCertList(
        {
            "version": "v2",
            "signature": {"algorithm": issuer.pair.algorithm},
            "issuer": _name(issuer.name),
            "this_update": _time(this_update),
            "next_update": None if next_update is None else _time(next_update),
            "revoked_certificates": entries or None,
            "crl_extensions": list(extensions) or None,
        }
    )
    return crl.CertificateList(
        {
            "tbs_cert_list": body,
            "signature_algorithm": {"algorithm": issuer.pair.algorithm},
            "signature": issuer.pair.sign(body.dump()),
        }
    ).dump()


def distribution_point(address: str) -> dict[str, Any]:
    """The extension that makes a revocation list one about a part of the certificates."""
    names = x509.GeneralNames([x509.GeneralName("uniform_resource_identifier", address)])
    value = crl.IssuingDistributionPoint({"distribution_point": x509.DistributionPointName("full_name", names)})
    return {"extn_id": "issuing_distribution_point", "critical": True, "extn_value": value}


def pkcs7(
    original: bytes,
    signers: Sequence[Holder],
    *,
    gm: bool = True,
    attached: bool = True,
    attributes: bool = False,
    by_key_id: bool = False,
    with_certificates: bool = True,
    algorithm: str | None = None,
    content_type: str | None = None,
) -> bytes:
    """A signed message under the national or the international OIDs, as DER."""
    inner = content_type or (GM_DATA if gm else DATA)
    infos = [_signer_info(signer, original, inner, attributes, by_key_id, algorithm) for signer in signers]
    held = original if attached else None
    version = "v3" if inner == TST_INFO or by_key_id else "v1"
    kind = cms.EncapsulatedContentInfo if version == "v3" else cms.ContentInfo
    body = cms.SignedData(
        {
            "version": version,
            "digest_algorithms": [{"algorithm": signer.pair.digest} for signer in signers],
            "encap_content_info": kind.load(_Inner({"content_type": inner, "content": held}).dump()),
            "certificates": [signer.certificate for signer in signers] if with_certificates else None,
            "signer_infos": infos,
        }
    )
    outer = GM_SIGNED_DATA if gm else SIGNED_DATA
    return _Outer({"content_type": outer, "content": body}).dump()


def timestamp(
    authority: Holder,
    data: bytes,
    *,
    at: datetime = NOON,
    imprint: bytes | None = None,
    policy: str = "1.2.156.1",
    **changes: Any,
) -> bytes:
    """A bare token over `data`, as DER; `imprint` puts another digest in."""
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": policy,
            "message_imprint": {
                "hash_algorithm": {"algorithm": authority.pair.digest},
                "hashed_message": authority.pair.hash(data) if imprint is None else imprint,
            },
            "serial_number": 100_000_001,
            "gen_time": at,
            "nonce": 17,
        }
    )
    wanted: dict[str, Any] = {"gm": False, "attributes": True, "content_type": TST_INFO} | changes
    return pkcs7(info.dump(), [authority], **wanted)


def answer(token: bytes, status: str = "granted") -> bytes:
    """What an authority answers with: TimeStampResp."""
    status_info = tsp.PKIStatusInfo({"status": status}).dump()
    body = status_info + (token if status == "granted" else b"")
    return core.Sequence(contents=body).dump(force=True)


class _Inner(core.Sequence):
    _fields = [  # noqa: RUF012
        ("content_type", core.ObjectIdentifier),
        ("content", core.OctetString, {"explicit": 0, "optional": True}),
    ]


class _Outer(core.Sequence):
    _fields = [("content_type", core.ObjectIdentifier), ("content", cms.SignedData, {"explicit": 0})]  # noqa: RUF012


def _signer_info(
    signer: Holder, original: bytes, content_type: str, attributes: bool, by_key_id: bool, algorithm: str | None
) -> cms.SignerInfo:
    certificate = signer.certificate
    signed: bytes = original
    attached: cms.CMSAttributes | None = None
    if attributes:
        attached = cms.CMSAttributes(
            [
                {"type": "content_type", "values": [content_type]},
                {"type": "signing_time", "values": [cms.Time("utc_time", core.UTCTime(NOON))]},
                {"type": "message_digest", "values": [signer.pair.hash(original)]},
            ]
        )
        signed = attached.dump()
    named = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    return cms.SignerInfo(
        {
            "version": "v3" if by_key_id else "v1",
            "sid": cms.SignerIdentifier("subject_key_identifier", certificate.key_identifier)
            if by_key_id
            else cms.SignerIdentifier("issuer_and_serial_number", named),
            "digest_algorithm": {"algorithm": signer.pair.digest},
            "signed_attrs": attached,
            "signature_algorithm": {"algorithm": algorithm or signer.pair.algorithm},
            "signature": signer.pair.sign(signed),
        }
    )


def _name(common: str) -> x509.Name:
    return x509.Name.build({"country_name": "CN", "organization_name": "测试机构", "common_name": common})


def _time(moment: datetime) -> x509.Time:
    return x509.Time({"utc_time": core.UTCTime(moment)}) if moment.year < 2050 else x509.Time({"general_time": moment})


def _point(address: str) -> x509.DistributionPoint:
    names = x509.GeneralNames([x509.GeneralName("uniform_resource_identifier", address)])
    return x509.DistributionPoint({"distribution_point": x509.DistributionPointName("full_name", names)})


def _info(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> keys.PublicKeyInfo:
    return keys.PublicKeyInfo.load(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
