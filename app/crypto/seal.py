"""Small secrets sealed for a file: AES-256-GCM, bound to a label. Not for anything a platform reads."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.crypto.keys import WrongKey

KEY_BYTES = 32
_NONCE_BYTES = 12


def new_key() -> bytes:
    """A random key, 32 bytes."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, plain: bytes, label: bytes) -> bytes:
    """Nonce, ciphertext and tag; opens only with the same key under the same label."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, label)


def unseal(key: bytes, sealed: bytes, label: bytes) -> bytes:
    """What was sealed; WrongKey for another key, another label or damage."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label)
    except (InvalidTag, ValueError) as error:
        raise WrongKey("保存的密钥打不开", "请到设置里重新填写密钥和密码", page="settings") from error
