"""Whether a DICOM file is all there: every element up to the last ends inside the file.

Reads element headers only and seeks past the values. Must never judge the picture itself, or mend a file.
"""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from app.intake import header

_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_ROWS = 0x00280010
_PROVIDER_URL = 0x00287FE0  # the pixels are elsewhere (JPIP)
# Storage classes that always carry pixels: CR DX MG, CT, US, MR, SC, XA RF, tomosynthesis, NM, VL, PET, RT image.
_IMAGES = re.compile(
    r"1\.2\.840\.10008\.5\.1\.4\.1\.1\."
    r"(1|1\.[123](\.1)?|2(\.[12])?|[36]|3\.1|6\.[12]|4(\.[134])?|7(\.[1-4])?|12\.[12](\.1)?|13\.1\.\d|14\.[12]|20|"
    r"77\.1\.[1-6]|128(\.1)?|130|481\.1)"
)
_PRIVATE_IMPLICIT = "1.2.840.113619.5.2"
_CHUNK_BYTES = 1024 * 1024


def is_whole(path: Path) -> bool:
    """False for a file that was cut off, is still being written, or lost its pixels on the way.

    Zeros behind the last element are allowed. Raises NotDicom when not even the header can be read; OSError.
    """
    found = header.read_header(path)
    with path.open("rb") as file:
        if found.transfer_syntax_uid == header.DEFLATED_LITTLE:
            return _inflates(file, found.data_set_offset)
        is_image = bool(_IMAGES.fullmatch(found.sop_class_uid))
        return _Walk(file, found.transfer_syntax_uid).reaches_the_end(found.data_set_offset, is_image=is_image)


def _inflates(file: BinaryIO, offset: int) -> bool:
    """A deflated data set says itself where it ends; inflated piece by piece, for it may be huge."""
    file.seek(offset)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof:
        piece = inflater.unconsumed_tail or file.read(_CHUNK_BYTES)
        if not piece:
            return False
        try:
            inflater.decompress(piece, _CHUNK_BYTES)
        except zlib.error:
            return False
    return True


class _CutOff(Exception):
    """The bytes end inside an element, or what stands there is none."""


class _Walk:
    """Element by element through the file, in any byte order, with or without VRs."""

    def __init__(self, file: BinaryIO, transfer_syntax_uid: str) -> None:
        self.file = file
        self.size = file.seek(0, 2)
        self.explicit = transfer_syntax_uid not in (header.IMPLICIT_LITTLE, _PRIVATE_IMPLICIT)
        order = ">" if transfer_syntax_uid == header.EXPLICIT_BIG else "<"
        self.tag_length = struct.Struct(f"{order}HHI")
        self.tag = struct.Struct(f"{order}HH")
        self.short = struct.Struct(f"{order}H")
        self.long = struct.Struct(f"{order}I")

    def reaches_the_end(self, offset: int, *, is_image: bool) -> bool:
        """Whether the last top-level element ends with the file, and an image has its pixels."""
        seen: set[int] = set()
        try:
            at = offset
            while at < self.size and not self._is_padding(at):
                tag, at = self._after_element(at, header.DEEPEST, explicit=self.explicit)
                seen.add(tag)
        except _CutOff:
            return False
        needs_pixels = (is_image or _ROWS in seen) and _PROVIDER_URL not in seen
        return bool(seen) and (not needs_pixels or any(tag in seen for tag in _PIXELS))

    def _is_padding(self, at: int) -> bool:
        start = self._bytes(at, min(8, self.size - at))
        if start.strip(b"\0"):
            return False
        self.file.seek(at)
        while piece := self.file.read(_CHUNK_BYTES):
            if piece.strip(b"\0"):
                return False
        return True

    def _after_element(self, at: int, depth: int, *, explicit: bool) -> tuple[int, int]:
        """(tag, where the next one begins) of the element at `at`."""
        start = self._bytes(at, 8)
        group, number = self.tag.unpack_from(start)
        tag, vr = group << 16 | number, start[4:6]
        if explicit and vr in header.SHORT_VRS:
            return tag, self._inside(at + 8 + self.short.unpack_from(start, 6)[0])
        if explicit and (vr in header.LONG_VRS or (vr.isalpha() and vr.isupper())):
            length, value = self.long.unpack(self._bytes(at + 8, 4))[0], at + 12
        else:  # some writers change to implicit VR half way
            explicit = False
            length, value = self.long.unpack_from(start, 4)[0], at + 8
        if length != header.UNDEFINED:
            return tag, self._inside(value + length)
        inner = explicit and vr != b"UN"  # PS3.5 6.2.2: inside UN of undefined length all is implicit
        return tag, self._after_items(value, depth, explicit=inner)

    def _after_items(self, at: int, depth: int, *, explicit: bool) -> int:
        """Behind the sequence delimiter: items of a sequence or fragments of compressed pixels (PS3.5 7.5, A.4)."""
        while depth:
            group, number, length = self.tag_length.unpack(self._bytes(at, 8))
            tag, at = group << 16 | number, at + 8
            if tag == header.SEQUENCE_END:
                return at
            if tag != header.ITEM:
                break
            at = self._inside(at + length) if length != header.UNDEFINED else self._after_item(at, depth, explicit)
        raise _CutOff

    def _after_item(self, at: int, depth: int, explicit: bool) -> int:
        while True:
            group, number = self.tag.unpack(self._bytes(at, 4))
            if group << 16 | number == header.ITEM_END:
                return self._inside(at + 8)
            _, at = self._after_element(at, depth - 1, explicit=explicit)

    def _inside(self, at: int) -> int:
        if at > self.size:
            raise _CutOff
        return at

    def _bytes(self, at: int, count: int) -> bytes:
        self.file.seek(at)
        data = self.file.read(count)
        if len(data) < count:
            raise _CutOff
        return data
