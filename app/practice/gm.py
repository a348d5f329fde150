"""SM2 signatures and SM3 digests (GB/T 32918.2, 32905) with arithmetic of its own, for invented keys only.

Deliberately another hand than the product's: what it accepts, two readings of the standard accept. Not constant time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

USER_ID = b"1234567812345678"
_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

Point = tuple[int, int]
_Jacobian = tuple[int, int, int]
_NOWHERE: _Jacobian = (1, 1, 0)


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key pair; `point` is 65 bytes 04‖X‖Y."""

    private: int
    point: bytes


def new_key() -> Key:
    """A new random key pair."""
    return key_of(secrets.randbelow(_N - 2) + 1)


def key_of(private: int) -> Key:
    """The pair of a private number."""
    x, y = _affine(_times(private, _G))
    return Key(private=private, point=b"\x04" + _bytes(x) + _bytes(y))


def sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def sign(key: Key, message: bytes) -> bytes:
    """DER {r, s} over SM3(Z ‖ message), the user id being the usual one."""
    return sign_digest(key, digest_of(key.point, message))


def verifies(point: bytes, message: bytes, signature: bytes) -> bool:
    """`point` has 64 or 65 bytes, `signature` is DER; whatever is malformed does not verify."""
    whole = b"\x04" + point if len(point) == 64 else point
    return _is_point(whole) and verifies_digest(whole, digest_of(whole, message), signature)


def digest_of(point: bytes, message: bytes) -> bytes:
    """e of 32918.2, 6.1: SM3(Z ‖ message), Z as in 5.5."""
    identity = (8 * len(USER_ID)).to_bytes(2, "big") + USER_ID
    curve = b"".join(_bytes(one) for one in (_A, _B, *_G))
    return sm3(sm3(identity + curve + point[1:]) + message)


def sign_digest(key: Key, digest: bytes) -> bytes:
    """32918.2, 6.1, from A3 on."""
    e = int.from_bytes(digest, "big")
    while True:
        k = secrets.randbelow(_N - 1) + 1
        r = (e + _affine(_times(k, _G))[0]) % _N
        s = pow(1 + key.private, -1, _N) * (k - r * key.private) % _N
        if r and s and r + k != _N:
            return encode_dss_signature(r, s)


def verifies_digest(point: bytes, digest: bytes, signature: bytes) -> bool:
    """32918.2, 7.1."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        return False
    t = (r + s) % _N
    if not (0 < r < _N and 0 < s < _N and t and _is_point(point)):
        return False
    public = (int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big"))
    found = _plus(_times(s, _G), _times(t, public))
    return found[2] != 0 and (int.from_bytes(digest, "big") + _affine(found)[0]) % _N == r


def _is_point(point: bytes) -> bool:
    if len(point) != 65 or point[0] != 4:
        return False
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    return x < _P and y < _P and (y * y - x**3 - _A * x - _B) % _P == 0


def _times(number: int, point: Point) -> _Jacobian:
    found, base = _NOWHERE, (*point, 1)
    for bit in bin(number)[2:]:
        found = _twice(found)
        if bit == "1":
            found = _plus(found, base)
    return found


def _twice(one: _Jacobian) -> _Jacobian:
    x, y, z = one
    if not z or not y:
        return _NOWHERE
    square = y * y % _P
    s = 4 * x * square % _P
    m = 3 * (x - z * z) * (x + z * z) % _P
    x3 = (m * m - 2 * s) % _P
    return x3, (m * (s - x3) - 8 * square * square) % _P, 2 * y * z % _P


def _plus(one: _Jacobian, other: _Jacobian) -> _Jacobian:
    (x1, y1, z1), (x2, y2, z2) = one, other
    if not z1 or not z2:
        return other if not z1 else one
    u1, u2 = x1 * z2 * z2 % _P, x2 * z1 * z1 % _P
    s1, s2 = y1 * z2**3 % _P, y2 * z1**3 % _P
    if u1 == u2:
        return _twice(one) if s1 == s2 else _NOWHERE
    h, r = u2 - u1, s2 - s1
    hh = h * h % _P
    x3 = (r * r - hh * h - 2 * u1 * hh) % _P
    return x3, (r * (u1 * hh - x3) - s1 * hh * h) % _P, h * z1 * z2 % _P


def _affine(one: _Jacobian) -> Point:
    x, y, z = one
    inverse = pow(z, -1, _P)
    return x * inverse * inverse % _P, y * inverse**3 % _P


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "big")
