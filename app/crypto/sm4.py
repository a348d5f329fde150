"""SM4 in ECB mode with PKCS5 padding, as the platforms prescribe it (GB/T 32907).

ECB is the platforms' rule, not our choice. The work is done by cryptography: gmssl needs 36 s for a 10 MB body.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from app.crypto.keys import WrongKey, checked_sm4_key

BLOCK_BYTES = 16


def encrypt_ecb(key: bytes, plain: bytes) -> bytes:
    """`plain` (any length, also empty) padded and encrypted: always 1 to 16 bytes longer. WrongKey for a bad key."""
    padder = PKCS7(BLOCK_BYTES * 8).padder()
    encryptor = _cipher(key).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def decrypt_ecb(key: bytes, secret: bytes) -> bytes:
    """The plaintext of `encrypt_ecb`. Raises WrongKey when the length or the padding shows that the key is another.

    A wrong key passes the padding check about once in 256 times: what comes out must still be read as JSON.
    """
    if not secret or len(secret) % BLOCK_BYTES:
        raise _does_not_open(f"{len(secret)} 字节，不是 16 的倍数")
    decryptor = _cipher(key).decryptor()
    padded = decryptor.update(secret) + decryptor.finalize()
    unpadder = PKCS7(BLOCK_BYTES * 8).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise _does_not_open("填充不符") from error


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.SM4(checked_sm4_key(key)), modes.ECB())


def _does_not_open(details: str) -> WrongKey:
    return WrongKey("我们解不开平台加密的内容", "请找工程师核对 SM4 密钥", details=details, page="settings")
