"""Electronic seals in a PDF (ISO 32000-1 12.8): is there a signature dictionary whose byte range covers the file.

Looks at the frame alone; whose seal it is and whether its value is right say others.
"""

from __future__ import annotations

import re
from enum import Enum
from itertools import islice

_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s*\]")
_KIND = re.compile(rb"/Type\s*/(?:Sig|DocTimeStamp)\b|/SubFilter\s*/")
_VALUE = re.compile(rb"<[0-9A-Fa-f\s]*>")
_LONGEST = 1024 * 1024
_MOST = 100
_PADDING = b"\0 \t\r\n\f"


class Seal(Enum):
    """WHOLE: one covers the file to its end. BROKEN: there are seals, and the file was changed after the last."""

    NONE = "none"
    WHOLE = "whole"
    BROKEN = "broken"


def seal_of(pdf: bytes) -> Seal:
    """What seals a PDF bears. Never raises, whatever the bytes are."""
    ranges = _ranges(pdf)
    if not ranges:
        return Seal.NONE
    return Seal.WHOLE if any(_covers(pdf, *one) for one in ranges) else Seal.BROKEN


def seals_count(pdf: bytes) -> int:
    """How many signature dictionaries a PDF has."""
    return len(_ranges(pdf))


def _ranges(pdf: bytes) -> list[tuple[int, int, int, int]]:
    found = islice(_RANGE.finditer(pdf), _MOST)
    return [
        (int(one[1]), int(one[2]), int(one[3]), int(one[4])) for one in found if _KIND.search(_object_around(pdf, one))
    ]


def _object_around(pdf: bytes, inside: re.Match[bytes]) -> bytes:
    """The object that something stands in; a signature dictionary is never compressed (7.5.7)."""
    start = pdf.rfind(b" obj", max(0, inside.start() - _LONGEST), inside.start())
    end = pdf.find(b"endobj", inside.end(), inside.end() + _LONGEST)
    return pdf[start:end] if start >= 0 and end >= 0 else b""


def _covers(pdf: bytes, first: int, size: int, second: int, rest: int) -> bool:
    """From the first byte to the last, with nothing left out but the value."""
    end = second + rest
    if first != 0 or not size < second <= end <= len(pdf) or pdf[end:].strip(_PADDING):
        return False
    value = pdf[size:second]
    return _VALUE.fullmatch(value) is not None and bool(value.strip(b"<>0" + _PADDING))
