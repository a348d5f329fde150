"""Public keys and the signature algorithms that go with them: SM2 by gmssl, RSA and P-256 by cryptography.

An algorithm is named by its OID, as it stands in certificates, revocation lists and signed messages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from asn1crypto import keys
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.crypto import digests, sm2
from app.crypto.der import load, reading
from app.crypto.keys import WrongKey
from app.crypto.refusals import Refusal, SignatureRefused


class KeyKind(Enum):
    """What a public key is for."""

    SM2 = "SM2"
    RSA = "RSA"
    P256 = "P-256"


class Digest(Enum):
    """A digest that we accept under a signature; SHA-1 and MD5 are none."""

    SM3 = "SM3"
    SHA256 = "SHA-256"
    SHA384 = "SHA-384"
    SHA512 = "SHA-512"

    def of(self, data: bytes) -> bytes:
        """The digest of `data`."""
        return _DIGESTERS[self](data)


_DIGESTERS: dict[Digest, Callable[[bytes], bytes]] = {
    Digest.SM3: digests.sm3,
    Digest.SHA256: digests.sha256,
    Digest.SHA384: lambda data: hashlib.sha384(data).digest(),
    Digest.SHA512: lambda data: hashlib.sha512(data).digest(),
}
_DIGESTS = {
    "1.2.156.10197.1.401": Digest.SM3,
    "1.2.156.10197.1.401.1": Digest.SM3,
    "2.16.840.1.101.3.4.2.1": Digest.SHA256,
    "2.16.840.1.101.3.4.2.2": Digest.SHA384,
    "2.16.840.1.101.3.4.2.3": Digest.SHA512,
}
_ANY_RSA = "1.2.840.113549.1.1.1"  # rsaEncryption: the digest is named beside it
_SCHEMES = {
    # the last three name keys and encryption; national signing products write them for SM3 with SM2 all the same
    **dict.fromkeys(
        ("1.2.156.10197.1.501", "1.2.156.10197.1.301", "1.2.156.10197.1.301.1", "1.2.156.10197.1.301.3"),
        (KeyKind.SM2, Digest.SM3),
    ),
    "1.2.840.113549.1.1.11": (KeyKind.RSA, Digest.SHA256),
    "1.2.840.113549.1.1.12": (KeyKind.RSA, Digest.SHA384),
    "1.2.840.113549.1.1.13": (KeyKind.RSA, Digest.SHA512),
    "1.2.840.10045.4.3.2": (KeyKind.P256, Digest.SHA256),
}
_HASHES: dict[Digest, hashes.HashAlgorithm] = {
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA384: hashes.SHA384(),
    Digest.SHA512: hashes.SHA512(),
}
_EC_KEY = "1.2.840.10045.2.1"
_CURVES = {"1.2.156.10197.1.301": KeyKind.SM2, "1.2.840.10045.3.1.7": KeyKind.P256}
_REMEMBERED = 128
_RSA_BITS = range(1024, 8193)  # 1024: the timestamp authority of the worked examples


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A signature algorithm: the kind of key and the digest under the signature."""

    kind: KeyKind
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """`data`: 64 bytes X‖Y for SM2, the uncompressed point for P-256, the DER SubjectPublicKeyInfo for RSA."""

    kind: KeyKind
    data: bytes

    def verifies(self, scheme: Scheme, message: bytes, signature: bytes, *, user_id: bytes = sm2.USER_ID) -> bool:
        """Whether `signature` over `message` was made with this key; another kind of key is simply False."""
        if scheme.kind is not self.kind:
            return False
        if self.kind is KeyKind.SM2:
            return sm2.verify(self.data, message, signature, user_id=user_id)
        return _verifies(self, _HASHES[scheme.digest], message, signature)


def digest_by_oid(oid: str) -> Digest:
    """Raises UNSUPPORTED for any digest that is not in the table, SHA-1 among them."""
    if oid not in _DIGESTS:
        raise SignatureRefused(Refusal.UNSUPPORTED, f"digest algorithm {oid}")
    return _DIGESTS[oid]


def scheme_by_oid(oid: str, *, digest: Digest | None = None) -> Scheme:
    """`digest` is what stands beside the algorithm in a signed message, and must be what the algorithm says.

    Raises UNSUPPORTED.
    """
    if oid == _ANY_RSA and digest in _HASHES:
        return Scheme(kind=KeyKind.RSA, digest=digest)
    if oid not in _SCHEMES:
        raise SignatureRefused(Refusal.UNSUPPORTED, f"signature algorithm {oid}")
    kind, own = _SCHEMES[oid]
    if digest not in (None, own):
        raise SignatureRefused(Refusal.UNSUPPORTED, f"signature algorithm {oid} beside another digest")
    return Scheme(kind=kind, digest=own)


@lru_cache(maxsize=_REMEMBERED)
def was_signed(key: PublicKey, algorithm: str, signed: bytes, signature: bytes) -> bool:
    """Whether an authority's key signed a certificate or a list; `algorithm` is the OID. Raises UNSUPPORTED.

    Remembered: one SM2 check takes gmssl 12 ms, and the same few authorities stand behind every report.
    """
    return key.verifies(scheme_by_oid(algorithm), signed, signature)


def sm2_key(point: bytes) -> PublicKey:
    """An SM2 key from 64 bytes X‖Y or 65 bytes 04‖X‖Y. Raises UNREADABLE when it is no point of the curve."""
    try:
        return PublicKey(kind=KeyKind.SM2, data=sm2.public_point(point))
    except WrongKey as error:
        raise SignatureRefused(Refusal.UNREADABLE, "SM2 public key: no point of the curve") from error


def parse_public_key(der: bytes) -> PublicKey:
    """A DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). Raises UNREADABLE, UNSUPPORTED for another kind or size."""
    with reading("public key"):
        info = load(keys.PublicKeyInfo, der)
        algorithm = info["algorithm"]["algorithm"].dotted
        if algorithm == _ANY_RSA:
            return _rsa_key(der)
        curve = info["algorithm"]["parameters"].chosen.dotted if algorithm == _EC_KEY else algorithm
        point: bytes = info["public_key"].native
        if _CURVES.get(curve) is KeyKind.SM2:
            return sm2_key(point)
        if _CURVES.get(curve) is KeyKind.P256:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            return PublicKey(kind=KeyKind.P256, data=point)
    raise SignatureRefused(Refusal.UNSUPPORTED, f"public key of kind {curve}")


def _rsa_key(der: bytes) -> PublicKey:
    try:
        key = load_der_public_key(der)
    except UnsupportedAlgorithm as error:
        raise SignatureRefused(Refusal.UNSUPPORTED, "RSA public key") from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size not in _RSA_BITS:
        raise SignatureRefused(Refusal.UNSUPPORTED, "RSA public key of this size")
    return PublicKey(kind=KeyKind.RSA, data=der)


def _verifies(key: PublicKey, digest: hashes.HashAlgorithm, message: bytes, signature: bytes) -> bool:
    try:
        if key.kind is KeyKind.P256:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.data)
            point.verify(signature, message, ec.ECDSA(digest))
        else:
            public = load_der_public_key(key.data)
            assert isinstance(public, rsa.RSAPublicKey)
            public.verify(signature, message, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True
