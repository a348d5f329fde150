"""From what people hand in (PEM, DER, Base64 with blanks in it) to DER, and what asn1crypto raises to one refusal."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from asn1crypto import core

from app.crypto.refusals import Refusal, SignatureRefused

_PEM = re.compile(rb"-----BEGIN [^-]*-----(.*?)-----END [^-]*-----", re.DOTALL)
_SEQUENCE = b"\x30"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# asn1crypto reads lazily and lets every mistake of the bytes out as whatever Python made of it
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)

Value = TypeVar("Value", bound=core.Asn1Value)


def der_of(data: bytes | str) -> bytes:
    """One DER value from DER, PEM or Base64; blanks and missing padding are forgiven. Raises UNREADABLE."""
    found = ders_of(data)
    if len(found) != 1:
        raise SignatureRefused(Refusal.UNREADABLE, f"{len(found)} PEM blocks, one expected")
    return found[0]


def ders_of(data: bytes | str) -> tuple[bytes, ...]:
    """Every PEM block, or the one value of a DER or Base64 file; never empty. Raises UNREADABLE."""
    raw = data.encode() if isinstance(data, str) else data
    if raw.startswith(_SEQUENCE):
        return (raw,)
    blocks = _PEM.findall(raw) or [raw.removeprefix(_BYTE_ORDER_MARK)]
    return tuple(_from_base64(block) for block in blocks)


def load(kind: type[Value], der: bytes) -> Value:
    """`der` as one value of `kind` with nothing behind it. Call inside `reading`."""
    return kind.load(der, strict=True)  # type: ignore[no-any-return]  # asn1crypto is untyped


def whole_bytes(bits: Any) -> bytes:
    """The bytes of a BIT STRING; ValueError where its last byte is only partly used, as no signature's is."""
    if bits.contents[0]:
        raise ValueError("a bit string of broken bytes")
    value: bytes = bits.native
    return value


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns whatever malformed bytes raise into UNREADABLE, saying that it was in `what`."""
    try:
        yield
    except _MALFORMED as error:
        raise SignatureRefused(Refusal.UNREADABLE, f"{what}: {type(error).__name__}") from error


def optional(value: Any) -> Any:
    """None for an absent optional field, else the field."""
    return None if isinstance(value, core.Void) else value


def _from_base64(text: bytes) -> bytes:
    dense = b"".join(text.split()).rstrip(b"=")
    with reading("Base64"):
        der = base64.b64decode(dense + b"=" * (-len(dense) % 4), validate=True)
    if not der.startswith(_SEQUENCE):
        raise SignatureRefused(Refusal.UNREADABLE, "neither DER, PEM nor the Base64 of DER")
    return der
