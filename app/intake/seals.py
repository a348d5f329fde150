"""Electronic seals in a PDF (ISO 32000-1 12.8): is there a signature dictionary whose byte range covers the file.

A timestamp of the document (ISO 32000-2 12.8.5) is no seal, but may cover one. Looks at the frame alone; whose seal it
is and whether its value is right say others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from itertools import islice

_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s*\]")
_KIND = re.compile(rb"/Type\s*/(?:Sig|DocTimeStamp)\b|/SubFilter\s*/")
_TIMESTAMP = re.compile(rb"/Type\s*/DocTimeStamp\b|/SubFilter\s*/ETSI\.RFC3161\b")
_VALUE = re.compile(rb"<[0-9A-Fa-f\s]*>")
_LONGEST = 1024 * 1024
_MOST = 100
_PADDING = b"\0 \t\r\n\f"


class Seal(Enum):
    """WHOLE: one covers the file to its end. BROKEN: there are seals, and the file was changed after the last."""

    NONE = "none"
    WHOLE = "whole"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class _Signed:
    """A byte range: two spans of the file, from `first` and from `second` on, and the value between them."""

    first: int
    size: int
    second: int
    rest: int
    is_timestamp: bool


def seal_of(pdf: bytes) -> Seal:
    """What seals a PDF bears. Never raises, whatever the bytes are."""
    found = _signed_ranges(pdf)
    if all(one.is_timestamp for one in found):
        return Seal.NONE
    return Seal.WHOLE if any(_covers(pdf, one) for one in found) else Seal.BROKEN


def seals_count(pdf: bytes) -> int:
    """How many seals a PDF has, whole or not."""
    return sum(not one.is_timestamp for one in _signed_ranges(pdf))


def _signed_ranges(pdf: bytes) -> list[_Signed]:
    found = []
    for one in islice(_RANGE.finditer(pdf), _MOST):
        dictionary = _object_around(pdf, one)
        if _KIND.search(dictionary):
            first, size, second, rest = (int(number) for number in one.groups())
            timestamp = _TIMESTAMP.search(dictionary) is not None
            found.append(_Signed(first=first, size=size, second=second, rest=rest, is_timestamp=timestamp))
    return found


def _object_around(pdf: bytes, inside: re.Match[bytes]) -> bytes:
    """The object that something stands in; a signature dictionary is never compressed (7.5.7)."""
    start = pdf.rfind(b" obj", max(0, inside.start() - _LONGEST), inside.start())
    end = pdf.find(b"endobj", inside.end(), inside.end() + _LONGEST)
    return pdf[start:end] if start >= 0 and end >= 0 else b""


def _covers(pdf: bytes, one: _Signed) -> bool:
    """From the first byte to the last, with nothing left out but the value."""
    end = one.second + one.rest
    if one.first != 0 or not one.size < one.second <= end <= len(pdf) or pdf[end:].strip(_PADDING):
        return False
    value = pdf[one.size : one.second]
    return _VALUE.fullmatch(value) is not None and bool(value.strip(b"<>0" + _PADDING))
