"""Digests and message authentication codes over bytes.

MD5 and SHA-1 are the platforms' rules for checksums and request signatures; nothing of ours relies on them.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes


def md5(data: bytes) -> bytes:
    """16 bytes."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def sha1_hex_upper(data: bytes) -> str:
    """40 upper-case hex digits."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()


def sha256(data: bytes) -> bytes:
    """32 bytes."""
    return hashlib.sha256(data).digest()


def sm3(data: bytes) -> bytes:
    """32 bytes (GB/T 32905)."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """32 bytes (RFC 2104)."""
    return hmac.digest(key, data, "sha256")


def same(ours: bytes, theirs: bytes) -> bool:
    """Whether two digests are equal, compared in constant time."""
    return hmac.compare_digest(ours, theirs)
