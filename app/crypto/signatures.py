"""Plain signature values (PKCS#1 in the platforms' words) over an original: SM3 with SM2, SHA-256 with RSA."""

from __future__ import annotations

from app.crypto import sm2
from app.crypto.public_keys import Digest, KeyKind, PublicKey, Scheme
from app.crypto.refusals import Refusal, SignatureRefused

_DIGEST = {KeyKind.SM2: Digest.SM3, KeyKind.RSA: Digest.SHA256, KeyKind.P256: Digest.SHA256}


def check_signature(key: PublicKey, original: bytes, signature: bytes, *, user_id: bytes = sm2.USER_ID) -> None:
    """`signature` over `original` was made with the private key to `key`, or WRONG_SIGNATURE is raised.

    SM2: DER {r, s} or 64 bytes r‖s. `key` is `Certificate.public_key`, `sm2_key(point)` or `parse_public_key(der)`.
    """
    scheme = Scheme(kind=key.kind, digest=_DIGEST[key.kind])
    if not key.verifies(scheme, original, signature, user_id=user_id):
        raise SignatureRefused(Refusal.WRONG_SIGNATURE, "not made with this key over this original")
