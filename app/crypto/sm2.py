"""SM2 signatures (GB/T 32918.2): gmssl's curve arithmetic behind checks that gmssl itself does not make.

gmssl is handed only values in range and points on the curve, never chooses the nonce, and never parses anything.
Its arithmetic is not constant time: fit for a desktop signer, not for a server that strangers can time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from gmssl.sm2 import CryptSM2, default_ecc_table

from app.crypto.digests import sm3
from app.crypto.keys import WrongKey
from app.errors import Bug

USER_ID = b"1234567812345678"

_P, _A, _B, _N = (int(default_ecc_table[name], 16) for name in ("p", "a", "b", "n"))
_GENERATOR_HEX: str = default_ecc_table["g"]
_NUMBER_BYTES = 32
_SIGN_ATTEMPTS = 16


def sign(private: bytes, message: bytes, *, user_id: bytes = USER_ID, nonce: Callable[[], int] | None = None) -> bytes:
    """The signature of `message` as 64 bytes r‖s; `der_signature` turns it into DER.

    `private` is the 32-byte key (WrongKey when out of range). `nonce` replaces the random number of the standard's
    step A3: for the standard's own examples only, a repeated one gives the key away.
    """
    fresh = nonce or _random_nonce
    engine = CryptSM2(private_key=_checked_private(private).hex(), public_key="")
    digest = _digest(public_from_private(private), message, user_id)
    for _ in range(_SIGN_ATTEMPTS):
        signature = engine.sign(digest, f"{fresh():064x}")
        if signature is not None:
            return bytes.fromhex(signature)
    raise Bug("SM2: no usable nonce")


def verify(public: bytes, message: bytes, signature: bytes, *, user_id: bytes = USER_ID) -> bool:
    """Whether `signature` (64 bytes r‖s, or DER) over `message` was made with the private key to `public`.

    `public` is 64 bytes X‖Y or 65 bytes 04‖X‖Y. Anything malformed, out of range or off the curve is False.
    """
    numbers = _numbers(signature)
    try:
        point = public_point(public)
    except WrongKey:
        return False
    if numbers is None:
        return False
    return _verify_digest(point, _digest(point, message, user_id), *numbers)


def public_point(public: bytes) -> bytes:
    """64 bytes X‖Y from 64 or 65 bytes (with the leading 04); WrongKey when it is no point of the curve."""
    point = public[1:] if len(public) == 2 * _NUMBER_BYTES + 1 and public[0] == 4 else public
    if len(point) != 2 * _NUMBER_BYTES or not _on_curve(point):
        raise WrongKey("SM2 公钥不对", "请找工程师核对公钥，是否少了字符或认错了字符")
    return point


def public_from_private(private: bytes) -> bytes:
    """64 bytes X‖Y of the public key that belongs to `private` (32 bytes)."""
    engine = CryptSM2(private_key="", public_key="")
    return bytes.fromhex(engine._kg(int.from_bytes(_checked_private(private), "big"), _GENERATOR_HEX))


def new_private() -> bytes:
    """A new random private key, 32 bytes."""
    return (secrets.randbelow(_N - 2) + 1).to_bytes(_NUMBER_BYTES, "big")


def der_signature(signature: bytes) -> bytes:
    """DER SEQUENCE {r, s} (GB/T 35276) of a 64-byte r‖s; ValueError when it is not 64 bytes."""
    if len(signature) != 2 * _NUMBER_BYTES:
        raise ValueError(f"r‖s has 64 bytes, not {len(signature)}")
    return encode_dss_signature(*_halves(signature))


def _random_nonce() -> int:
    return secrets.randbelow(_N - 1) + 1


def _checked_private(private: bytes) -> bytes:
    if len(private) != _NUMBER_BYTES or not 1 <= int.from_bytes(private, "big") <= _N - 2:
        raise WrongKey("SM2 私钥不对", "请找工程师核对私钥，应为 64 位十六进制")
    return private


def _digest(point: bytes, message: bytes, user_id: bytes) -> bytes:
    """e = SM3(Z ‖ message), Z as in GB/T 32918.2, 5.5."""
    parameters = b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in (_A, _B))
    identity = (len(user_id) * 8).to_bytes(2, "big") + user_id
    return sm3(sm3(identity + parameters + bytes.fromhex(_GENERATOR_HEX) + point) + message)


def _verify_digest(point: bytes, digest: bytes, r: int, s: int) -> bool:
    if not (1 <= r < _N and 1 <= s < _N) or (r + s) % _N == 0:
        return False
    engine = CryptSM2(private_key="", public_key="")
    engine.public_key = point.hex()  # the constructor strips every leading 0 and 4 of a key given as 04…
    try:
        return bool(engine.verify(f"{r:064x}{s:064x}", digest))
    except TypeError:  # the two points cancel out: gmssl has no point at infinity and indexes None
        return False


def _numbers(signature: bytes) -> tuple[int, int] | None:
    if len(signature) == 2 * _NUMBER_BYTES:
        return _halves(signature)
    try:
        return decode_dss_signature(signature)
    except ValueError:
        return None


def _halves(both: bytes) -> tuple[int, int]:
    return int.from_bytes(both[:_NUMBER_BYTES], "big"), int.from_bytes(both[_NUMBER_BYTES:], "big")


def _on_curve(point: bytes) -> bool:
    x, y = _halves(point)
    return x < _P and y < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0
