"""A temporary copy whose data set carries the accession number; the stored original stays as it came.

Every other byte of the data set is copied as it is, pixel data included; only (0008,0050) is put in or replaced.
Used only where the clinic allows it.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.errors import NeedsOperator
from app.intake import header

_ACCESSION = 0x00080050
_GROUP_LENGTH = 0x00080000
_LONGEST = 16
_CHUNK_BYTES = 1024 * 1024


@contextmanager
def with_accession(path: Path, accession: str, folder: Path) -> Iterator[Path]:
    """The copy, in `folder`, gone when the block ends.

    Raises NeedsOperator for a number that DICOM can't carry (SH: 1-16 ASCII characters, no backslash; PS3.5 6.2),
    NotDicom, OSError.
    """
    value = _short_string(accession)
    found = header.read_header(path)
    handle, name = tempfile.mkstemp(suffix=".part", prefix="carry-", dir=folder)
    copy = Path(name)
    try:
        with os.fdopen(handle, "wb") as target, path.open("rb") as source:
            _copy_exactly(source, target, found.data_set_offset)
            if found.transfer_syntax_uid == header.DEFLATED_LITTLE:
                _carry_deflated(source, target, value, folder)
            else:
                _carry(source, target, found.transfer_syntax_uid, value)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _short_string(accession: str) -> bytes:
    fits = accession.isascii() and accession.isprintable() and "\\" not in accession
    if not fits or not 0 < len(accession.strip()) <= _LONGEST:
        raise NeedsOperator(
            "这个检查号写不进影像",
            f"请改成 1 到 {_LONGEST} 位的数字或字母",
            fields=("accession_number",),
        )
    value = accession.strip().encode("ascii")
    return value + b" " * (len(value) % 2)


def _carry_deflated(source: BinaryIO, target: BinaryIO, value: bytes, folder: Path) -> None:
    """Inflate to a second temporary file, put the number in, deflate again (PS3.5 A.5)."""
    with tempfile.TemporaryFile(dir=folder) as plain, tempfile.TemporaryFile(dir=folder) as carried:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while not inflater.eof and (piece := inflater.unconsumed_tail or source.read(_CHUNK_BYTES)):
            plain.write(_inflated(inflater, piece))
        plain.seek(0)
        _carry(plain, carried, header.EXPLICIT_LITTLE, value)
        carried.seek(0)
        deflater, size = zlib.compressobj(wbits=-zlib.MAX_WBITS), 0
        while piece := carried.read(_CHUNK_BYTES):
            size += target.write(deflater.compress(piece))
        size += target.write(deflater.flush())
        target.write(b"\0" * (size % 2))


def _inflated(inflater: zlib._Decompress, piece: bytes) -> bytes:
    try:
        return inflater.decompress(piece, _CHUNK_BYTES)
    except zlib.error as error:
        raise header.NotDicom("deflate") from error


def _carry(source: BinaryIO, target: BinaryIO, transfer_syntax_uid: str, value: bytes) -> None:
    """From the start of a data set (where both files stand) to its end."""
    start = source.tell()
    vr = source.read(6)[4:]
    explicit = vr.isalpha() and vr.isupper()  # what stands there counts, not what group 0002 says of it
    order = ">" if transfer_syntax_uid == header.EXPLICIT_BIG else "<"
    source.seek(start)
    place = _place(source, explicit=explicit, order=order)
    element = _element(value, explicit=explicit, order=order)
    source.seek(start)
    _copy_with_group_length(source, target, place, len(element) - place.old_bytes)
    target.write(element)
    source.seek(place.at + place.old_bytes)
    while piece := source.read(_CHUNK_BYTES):
        target.write(piece)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the element goes, how many bytes of an old one end there, and where group 0008 says its length."""

    at: int
    old_bytes: int
    group_length_at: int | None
    order: str


def _place(source: BinaryIO, *, explicit: bool, order: str) -> _Place:
    """pydicom finds it: sequences of any length may stand before."""
    import pydicom

    old_bytes, group_length_at = 0, None

    def reached(tag: int, vr: str | None, length: int) -> bool:
        nonlocal old_bytes, group_length_at
        if tag == _GROUP_LENGTH and length == 4:
            group_length_at = source.tell()
        if tag == _ACCESSION:
            old_bytes = length + (12 if explicit and vr in ("UN", "UC", "UR", "UT") else 8)
        return tag >= _ACCESSION

    with header.judged_by_pydicom():
        pydicom.filereader.read_dataset(source, not explicit, order == "<", stop_when=reached, defer_size=_CHUNK_BYTES)
    return _Place(at=source.tell(), old_bytes=old_bytes, group_length_at=group_length_at, order=order)


def _element(value: bytes, *, explicit: bool, order: str) -> bytes:
    tag = struct.pack(f"{order}HH", _ACCESSION >> 16, _ACCESSION & 0xFFFF)
    if explicit:
        return tag + b"SH" + struct.pack(f"{order}H", len(value)) + value
    return tag + struct.pack(f"{order}I", len(value)) + value


def _copy_with_group_length(source: BinaryIO, target: BinaryIO, place: _Place, more_bytes: int) -> None:
    """Up to the place; a (retired) group length before it is made right again."""
    if place.group_length_at is not None:
        _copy_exactly(source, target, place.group_length_at - source.tell())
        number = struct.Struct(f"{place.order}I")
        target.write(number.pack(number.unpack(source.read(4))[0] + more_bytes))
    _copy_exactly(source, target, place.at - source.tell())


def _copy_exactly(source: BinaryIO, target: BinaryIO, count: int) -> None:
    while count > 0:
        piece = source.read(min(count, _CHUNK_BYTES))
        if not piece:
            raise header.NotDicom("cut off")
        target.write(piece)
        count -= len(piece)
