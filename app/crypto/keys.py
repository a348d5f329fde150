"""What a key must look like, and what a person is told when it does not fit. Never repeats the key itself."""

from __future__ import annotations

from app.errors import NeedsOperator

SM4_KEY_BYTES = 16


class WrongKey(NeedsOperator):
    """A key of the wrong shape, or one that does not open what the platform sent."""


def parse_sm4_key(text: str) -> bytes:
    """The 16 key bytes from the 32 hex digits the platform hands out; blanks around and inside are forgiven."""
    digits = "".join(text.split())
    try:
        key = bytes.fromhex(digits)
    except ValueError as error:
        raise WrongKey(
            "SM4 密钥里有认不出的字符",
            "密钥只含数字 0-9 和字母 a-f，请到设置里重新粘贴平台给的密钥",
            page="settings",
        ) from error
    return checked_sm4_key(key)


def checked_sm4_key(key: bytes) -> bytes:
    """`key` itself when it has 16 bytes, else WrongKey."""
    if len(key) != SM4_KEY_BYTES:
        raise WrongKey(
            f"SM4 密钥长度不对：应为 32 位十六进制，现在 {len(key) * 2} 位",
            "请到设置里重新粘贴平台给的密钥",
            page="settings",
        )
    return key
