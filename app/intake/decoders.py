"""One compressed picture -> its values. Plain bytes and numbers in, an array out: may run in a process of its own.

pydicom finds the decoder (GDCM, OpenJPEG, Pillow); JPEG with more than 8 bits goes to GDCM directly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import UID

from app.intake import header

RLE = "1.2.840.10008.1.2.5"
_TWELVE_BIT_JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (51, 53, 55))
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Marker codes of the segment that says how large a JPEG or JPEG-LS picture is."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One frame as it stands in the file, and what the header says of it."""

    data: bytes
    syntax: str
    rows: int
    columns: int
    samples: int
    photometric: str
    planar: int
    bits_allocated: int
    bits_stored: int
    signed: bool


Decode = Callable[[Stream], NDArray[Any] | str]
"""The values, colour as RGB; or why not, for the log."""


def is_decodable(syntax: str) -> bool:
    if syntax in _TWELVE_BIT_JPEG:
        return True
    try:
        return bool(get_decoder(UID(syntax)).is_available)
    except NotImplementedError:
        return False


def goes_apart(syntax: str) -> bool:
    """Whether pictures in it are decoded by `decoded_stream`: compressed, and not simply run lengths."""
    uid = UID(syntax)
    return bool(uid.is_transfer_syntax and uid.is_encapsulated) and syntax != RLE


def missing_decoders() -> list[str]:
    """Of the usual compressions those that an incomplete installation cannot decode."""
    usual = (*(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)), RLE)
    return [syntax for syntax in usual if not is_decodable(syntax)]


def stream_size(stream: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS (SOF, ITU-T T.81 B.2.2) or JPEG 2000 (SIZ, T.800 A.5.1) stream says.

    A decoder makes room for what the stream says, so that must be what the header says.
    """
    codestream = stream.find(b"\xff\x4f\xff\x51", 0, 4096)
    if codestream >= 0 and len(stream) >= codestream + 24:
        width, height, left, top = struct.unpack_from(">4I", stream, codestream + 8)
        return height - top, width - left
    if stream[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(stream):
        if stream[at] != 0xFF or stream[at + 1] == 0xFF:
            at += 1
        elif stream[at + 1] in _JPEG_SIZES:
            rows, columns = struct.unpack_from(">HH", stream, at + 5)
            return rows, columns
        else:
            at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
    return None


def decoded_stream(stream: Stream) -> NDArray[Any] | str:
    """As `Decode`; never raises, for an error need not find its way home from another process."""
    try:
        with header.judged_by_pydicom():
            if stream.syntax in _TWELVE_BIT_JPEG and stream.bits_stored > 8:
                return _by_gdcm(stream)
            decoded: NDArray[Any] = pixel_array(_data_set(stream), index=0)
            return decoded
    except (header.NotDicom, RuntimeError) as error:  # decoders raise RuntimeError
        return type(error).__name__


def _data_set(stream: Stream) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(stream.syntax)
    made.Rows, made.Columns, made.SamplesPerPixel = stream.rows, stream.columns, stream.samples
    made.PhotometricInterpretation = stream.photometric
    if stream.samples > 1:
        made.PlanarConfiguration = stream.planar
    made.BitsAllocated, made.BitsStored, made.HighBit = (
        stream.bits_allocated,
        stream.bits_stored,
        stream.bits_stored - 1,
    )
    made.PixelRepresentation = int(stream.signed)
    made.PixelData = encapsulate([stream.data])
    made["PixelData"].VR = "OB"
    return made


def _by_gdcm(stream: Stream) -> NDArray[Any]:
    """JPEG with 12 bits: pydicom has no decoder for it, GDCM does."""
    import gdcm  # type: ignore[import-untyped]

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream.data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    made = gdcm.Image()
    made.SetNumberOfDimensions(2)
    made.SetDimensions((stream.columns, stream.rows, 1))
    made.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    made.SetPhotometricInterpretation(grey)
    made.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(stream.syntax)))
    made.SetPixelFormat(gdcm.PixelFormat(1, 16, stream.bits_stored, stream.bits_stored - 1, int(stream.signed)))
    data = made.GetBuffer().encode("utf-8", "surrogateescape")
    kind = "<i2" if stream.signed else "<u2"
    return np.frombuffer(data, kind, count=stream.rows * stream.columns).reshape(stream.rows, stream.columns)
