"""X.509 for practising: SM2 certificates and revocation lists are made here, SM2 and RSA ones are read and checked."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import algos, crl, keys, pem, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app.practice import gm

SM2_CURVE = "1.2.156.10197.1.301"
SM3 = "1.2.156.10197.1.401"
SM3_WITH_SM2 = "1.2.156.10197.1.501"
SM2_SIGNATURES = frozenset([SM3_WITH_SM2, SM2_CURVE, f"{SM2_CURVE}.1", f"{SM2_CURVE}.3"])
"""What stands in the field of the signature's algorithm: also the OIDs of the curve and of SM2 (GM/T 0006)."""
DAY = timedelta(days=1)
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What asn1crypto raises on broken input, which it reads late."""


class Unsound(Exception):
    """A certificate that does not hold; `kind` is root · early · expired · revoked · broken, the text a sentence."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Somebody with a certificate (DER) and its SM2 key."""

    key: gm.Key
    certificate: bytes

    @property
    def read(self) -> x509.Certificate:
        return x509.Certificate.load(self.certificate)

    @property
    def base64(self) -> str:
        return base64.b64encode(self.certificate).decode()


def issue(
    subject: Mapping[str, str],
    *,
    by: Holder | None,
    key: gm.Key | None = None,
    start: datetime,
    end: datetime,
    usage: Collection[str],
    is_authority: bool = False,
    purpose: str = "",
    crl_address: str = "",
) -> Holder:
    """A new certificate; `by` None signs itself. `key`: of somebody who has one already."""
    own = key or gm.new_key()
    signer = by.key if by is not None else own
    body = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": secrets.randbits(120) | 1 << 120,
            "signature": _algorithm(),
            "issuer": by.read.subject if by is not None else _name(subject),
            "validity": {"not_before": _time(start), "not_after": _time(end)},
            "subject": _name(subject),
            "subject_public_key_info": _public(own.point),
            "extensions": _extensions(own, signer, usage, is_authority, purpose, crl_address),
        }
    )
    signature = gm.sign(signer, body.dump())
    made = x509.Certificate(
        {"tbs_certificate": body, "signature_algorithm": _algorithm(), "signature_value": signature}
    )
    return Holder(key=own, certificate=made.dump())


def revocation_list(by: Holder, serials: Mapping[int, datetime], at: datetime) -> bytes:
    """DER of a list that is good for a week."""
    body: dict[str, Any] = {
        "version": "v2",
        "signature": _algorithm(),
        "issuer": by.read.subject,
        "this_update": _time(at),
        "next_update": _time(at + 7 * DAY),
        "crl_extensions": [
            {"extn_id": "authority_key_identifier", "extn_value": {"key_identifier": _identifier(by.key.point)}},
            {"extn_id": "crl_number", "extn_value": int(at.timestamp())},
        ],
    }
    if serials:
        body["revoked_certificates"] = [
            {"user_certificate": serial, "revocation_date": _time(when)} for serial, when in sorted(serials.items())
        ]
    listed = crl.TbsCertList(body)
    signature = gm.sign(by.key, listed.dump())
    return bytes(
        crl.CertificateList(
            {"tbs_cert_list": listed, "signature_algorithm": _algorithm(), "signature": signature}
        ).dump()
    )


def loaded(data: bytes) -> x509.Certificate:
    """A certificate from DER or PEM. Raises Unsound."""
    try:
        der = pem.unarmor(data)[2] if pem.detect(data) else data
        found = x509.Certificate.load(der, strict=True)
        found.native  # noqa: B018 - asn1crypto reads late, and here is where it may fail
    except UNREADABLE as error:
        raise Unsound("broken", "证书读不出来") from error
    return found


def from_base64(text: str) -> x509.Certificate:
    """Raises Unsound."""
    try:
        return loaded(base64.b64decode("".join(text.split()), validate=True))
    except ValueError:
        raise Unsound("broken", "证书不是正确的 Base64") from None


def check(
    certificate: x509.Certificate,
    roots: Sequence[x509.Certificate],
    between: Sequence[x509.Certificate],
    at: datetime,
    revoked: Mapping[bytes, Collection[int]],
) -> None:
    """That it leads to a root, every step in force at `at` and none revoked (issuer's DER name to serials).
    Raises Unsound."""
    step = certificate
    for _ in range(6):
        if step.not_valid_before > at:
            raise Unsound("early", "证书未生效")
        if step.not_valid_after < at:
            raise Unsound("expired", "证书已过期")
        if step.serial_number in revoked.get(step.issuer.dump(), ()):
            raise Unsound("revoked", "证书已吊销")
        if any(step.dump() == root.dump() for root in roots):
            return
        if step.subject.dump() == step.issuer.dump():
            break
        step = _issuer_of(step, [*between, *roots])
    raise Unsound("root", "证书不是所信任的根签发的")


def _issuer_of(certificate: x509.Certificate, candidates: Sequence[x509.Certificate]) -> x509.Certificate:
    algorithm = certificate["signature_algorithm"]["algorithm"].dotted
    body = certificate["tbs_certificate"].dump()
    for one in candidates:
        if one.subject.dump() == certificate.issuer.dump() and is_signed_by(
            one, body, certificate["signature_value"].native, algorithm
        ):
            return one
    raise Unsound("root", "证书不是所信任的根签发的")


def is_signed_by(certificate: x509.Certificate, message: bytes, signature: bytes, algorithm: str) -> bool:
    """Whether `signature` over `message` fits the certificate's key: SM3 with SM2, or RSA with the OID's SHA."""
    point = sm2_point(certificate)
    if point is not None:
        return algorithm in SM2_SIGNATURES and gm.verifies(point, message, signature)
    digest = _RSA_DIGESTS.get(algorithm)
    if digest is None:
        return False
    try:
        public = serialization.load_der_public_key(certificate.public_key.dump())
        if not isinstance(public, rsa.RSAPublicKey):
            return False
        public.verify(signature, message, padding.PKCS1v15(), digest)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def sm2_point(certificate: x509.Certificate) -> bytes | None:
    """65 bytes 04‖X‖Y, None for another kind of key."""
    public = certificate.public_key
    if public["algorithm"]["algorithm"].native != "ec":
        return None
    curve = public["algorithm"]["parameters"]
    return public["public_key"].native if curve.name == "named" and curve.chosen.dotted == SM2_CURVE else None


def common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.native.get("common_name", "")
    return found if isinstance(found, str) else str(found[-1])


_RSA_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "1.2.840.113549.1.1.1": hashes.SHA256(),
    "1.2.840.113549.1.1.5": hashes.SHA1(),
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}


def _algorithm() -> Any:
    return algos.SignedDigestAlgorithm({"algorithm": SM3_WITH_SM2})


def _name(parts: Mapping[str, str]) -> Any:
    return x509.Name.build(dict(parts))


def _time(moment: datetime) -> Any:
    return x509.Time({"utc_time": moment.astimezone(UTC).replace(microsecond=0)})


def _public(point: bytes) -> Any:
    curve = keys.ECDomainParameters(name="named", value=SM2_CURVE)
    return keys.PublicKeyInfo(
        {"algorithm": {"algorithm": "ec", "parameters": curve}, "public_key": keys.ECPointBitString(point)}
    )


def _identifier(point: bytes) -> bytes:
    return gm.sm3(point)[:20]


def _extensions(
    own: gm.Key, signer: gm.Key, usage: Collection[str], is_authority: bool, purpose: str, crl_address: str
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": is_authority}},
        {"extn_id": "key_usage", "critical": True, "extn_value": set(usage)},
        {"extn_id": "key_identifier", "extn_value": _identifier(own.point)},
        {"extn_id": "authority_key_identifier", "extn_value": {"key_identifier": _identifier(signer.point)}},
    ]
    if purpose:
        found.append({"extn_id": "extended_key_usage", "critical": True, "extn_value": [purpose]})
    if crl_address:
        address = x509.GeneralName(name="uniform_resource_identifier", value=crl_address)
        point = {"distribution_point": x509.DistributionPointName(name="full_name", value=[address])}
        found.append({"extn_id": "crl_distribution_points", "extn_value": [point]})
    return found
