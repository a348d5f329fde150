"""One frame of a stored DICOM image, decoded for a screen; only that frame is read, however many the file has.

Says what cannot be shown as `CannotShow`. What a file claims about itself is checked before memory is spent on it.
Must never change a file or decide what is uploaded.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
import pydicom.encaps
import pydicom.filereader
from numpy.typing import NDArray
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.tag import Tag
from pydicom.uid import UID

from app.errors import NeedsOperator
from app.intake import header, picture_header
from app.intake.decoders import Decode, Stream, decoded_stream, goes_apart, is_decodable, stream_size
from app.intake.picture_header import ELEMENTS, Facts
from app.intake.windows import Reals, Voi, scaled_to_bytes

MOST_SAMPLES = 80_000_000
"""Of one frame: four times the largest mammogram."""
MOST_INFLATED = 512 * 1024 * 1024
MOST_FRAMES = 100_000
_PIXELS, _FLOATS, _DOUBLES = 0x7FE00010, 0x7FE00008, 0x7FE00009
_VIDEO = tuple(f"1.2.840.10008.1.2.4.10{number}" for number in range(9))
_KEYWORDS = {_PIXELS: "PixelData", _FLOATS: "FloatPixelData", _DOUBLES: "DoubleFloatPixelData"}
_EXPLICIT_START = bytes(128) + b"DICM" + struct.pack("<HH2sH20s", 2, 0x0010, b"UI", 20, b"1.2.840.10008.1.2.1\0")
"""Preamble and group 0002 of a plain file."""


class CannotShow(NeedsOperator):
    """The image is kept and uploaded as it is; only the screen cannot show it."""


def _broken(details: str) -> CannotShow:
    return CannotShow("这幅影像读不出来", "不影响上传；设备上也看不了的话，请在设备上重新发送", details=details)


def _too_large(details: str) -> CannotShow:
    return CannotShow("这幅影像太大，这里显示不了", "不影响上传", details=details)


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One decoded frame. Grey: `pixels` are places in `real` (the values after the modality's rescale). Colour: RGB."""

    pixels: NDArray[Any]
    real: Reals | None
    inverted: bool
    padding: int | None
    """The place in `real` that means "no image here"."""
    vois: tuple[Voi, ...]
    frames: int
    facts: Facts

    @property
    def size_bytes(self) -> int:
        return int(self.pixels.nbytes)


def frames_said(about: header.Header) -> int:
    """Frames that the header claims, at least 1."""
    return min(max(1, about.number("NumberOfFrames") or 1), MOST_FRAMES)


def slice_place(path: Path) -> float | None:
    """Where the slice lies along its normal (mm); None if the file does not say. Raises CannotShow, OSError."""
    with _opened(path) as image, _judged():
        position, along = image.data_set.get("ImagePositionPatient"), image.data_set.get("ImageOrientationPatient")
        if not position or not along or len(position) != 3 or len(along) != 6:
            return None
        normal = np.cross(np.array(along[:3], float), np.array(along[3:], float))
        return float(np.dot(normal, np.array(position, float)))


def read_facts(path: Path) -> Facts:
    """What the header says beside the picture. Raises CannotShow, OSError."""
    with _opened(path) as image, _judged():
        return picture_header.facts(image.about, image.data_set, 0)


def read_frame(path: Path, frame: int = 0, *, decode: Decode = decoded_stream) -> Frame:
    """`decode` may do it elsewhere. Raises CannotShow for what cannot be shown, OSError for an unreadable file."""
    with _opened(path, whole=True) as image:
        frames = _checked_frames(image)
        if not 0 <= frame < frames:
            raise CannotShow("没有这一帧", f"这幅影像有 {frames} 帧", details=f"frame {frame}")
        decoded = _decoded(image, frame, frames, decode)
        with _judged():
            return _frame(image, decoded, frame, frames)


# -- the file -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Image:
    """An open file: its elements before the pixels, and where the value of the pixel element begins (0: none)."""

    file: BinaryIO
    about: header.Header
    data_set: Any
    syntax: str
    start: int
    keyword: str

    def number(self, keyword: str, otherwise: int = 0) -> int:
        value = self.data_set.get(keyword)
        return int(value) if isinstance(value, int | float) else otherwise

    @property
    def encapsulated(self) -> bool:
        return bool(UID(self.syntax).is_encapsulated)

    @property
    def frame_bytes(self) -> int:
        """Of one frame without compression."""
        samples = self.number("Rows") * self.number("Columns") * self.number("SamplesPerPixel", 1)
        if self.data_set.get("PhotometricInterpretation") == "YBR_FULL_422":
            samples = samples * 2 // 3
        return max(1, math.ceil(samples * self.number("BitsAllocated", 8) / 8))


@contextmanager
def _judged() -> Iterator[None]:
    """pydicom's and the decoders' failures are CannotShow."""
    try:
        with header.judged_by_pydicom():
            yield
    except header.NotDicom as error:
        raise _broken(error.details) from error
    except RuntimeError as error:  # what decoders raise
        raise _broken(type(error).__name__) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # how the RLE decoder, written in Rust, says that it gave up
            raise _broken("panic") from error
        raise


@contextmanager
def _opened(path: Path, *, whole: bool = False) -> Iterator[_Image]:
    """Per-frame groups, which may be long, are read only with `whole`."""
    tags = [Tag(name) for name in ELEMENTS if whole or "FunctionalGroups" not in name]
    with _readable(path) as (file, about, known):
        with _judged():
            data_set = pydicom.filereader.read_partial(file, stop_when=_at_pixels, force=True, specific_tags=tags)
            implicit, little = data_set.original_encoding
        guess = header.IMPLICIT_LITTLE if implicit else header.EXPLICIT_LITTLE if little else header.EXPLICIT_BIG
        start, keyword = _pixel_value(file, implicit=bool(implicit), little=bool(little))
        yield _Image(file=file, about=about, data_set=data_set, syntax=known or guess, start=start, keyword=keyword)


@contextmanager
def _readable(path: Path) -> Iterator[tuple[BinaryIO, header.Header, str]]:
    """The file, its header, the transfer syntax it names; a deflated one inflated in memory (bounded: PS3.5 A.5)."""
    try:
        about = header.read_header(path)
    except header.NotDicom as error:
        raise _broken(error.details) from error
    with path.open("rb") as file:
        if about.transfer_syntax_uid == header.DEFLATED_LITTLE:
            file.seek(about.data_set_offset)
            yield io.BytesIO(_EXPLICIT_START + _inflated(file)), about, header.EXPLICIT_LITTLE
        else:
            yield file, about, "" if "TransferSyntaxUID" in about.odd_uids else about.transfer_syntax_uid


def _inflated(file: BinaryIO) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(file.read(), MOST_INFLATED)
    except zlib.error as error:
        raise _broken("deflate") from error
    if inflater.unconsumed_tail:
        raise _too_large("deflate")
    return data


def _at_pixels(tag: int, vr: str | None, length: int) -> bool:
    return tag >= _FLOATS


def _pixel_value(file: BinaryIO, *, implicit: bool, little: bool) -> tuple[int, str]:
    """Where the value of the pixel element begins, and the element's keyword; (0, "") without one."""
    start = file.read(8)
    if len(start) < 8:
        return 0, ""
    group, element = struct.unpack("<HH" if little else ">HH", start[:4])
    keyword = _KEYWORDS.get(group << 16 | element, "")
    return (file.tell() + (0 if implicit else 4), keyword) if keyword else (0, "")


# -- what it claims -------------------------------------------------------------------------------------------------


def _checked_frames(image: _Image) -> int:
    """How many frames there really can be. Raises CannotShow before any memory is spent on a false claim."""
    if not image.start:
        raise CannotShow("这个对象里没有图像", "不影响上传", details="no pixel data")
    if image.syntax.startswith(_VIDEO):
        raise CannotShow("这是一段视频，这里放不了", "不影响上传", details=image.syntax)
    if not is_decodable(image.syntax):
        raise CannotShow("这种压缩方式这里显示不了", "不影响上传", details=image.syntax)
    samples = image.number("Rows") * image.number("Columns") * image.number("SamplesPerPixel", 1)
    if samples <= 0:
        raise _broken("no rows or columns")
    if samples > MOST_SAMPLES:
        raise _too_large(f"{samples} samples")
    there = image.file.seek(0, io.SEEK_END) - image.start
    most = there // (8 if image.encapsulated else image.frame_bytes)
    if most < 1:
        raise _broken("cut short")
    return min(frames_said(image.about), most)


# -- the pixels -----------------------------------------------------------------------------------------------------


def _decoded(image: _Image, frame: int, frames: int, decode: Decode) -> NDArray[Any]:
    """The frame's stored values, colour as RGB."""
    if not goes_apart(image.syntax):
        with _judged():
            plain: NDArray[Any] = pixel_array(
                image.file, index=frame, transfer_syntax_uid=UID(image.syntax), number_of_frames=frames
            )
            return plain
    with _judged():
        stream = _stream(image, frame, frames)
        if stream_size(stream.data) != (stream.rows, stream.columns):
            raise _broken("the compressed picture has another size than the header says")
    decoded = decode(stream)
    if isinstance(decoded, str):
        raise _broken(decoded)
    return decoded


def _stream(image: _Image, frame: int, frames: int) -> Stream:
    image.file.seek(image.start)
    offsets = image.data_set.get("ExtendedOffsetTable"), image.data_set.get("ExtendedOffsetTableLengths")
    return Stream(
        data=pydicom.encaps.get_frame(
            image.file, frame, number_of_frames=frames, extended_offsets=offsets if all(offsets) else None
        ),
        syntax=image.syntax,
        rows=image.number("Rows"),
        columns=image.number("Columns"),
        samples=image.number("SamplesPerPixel", 1),
        photometric=str(image.data_set.get("PhotometricInterpretation", "MONOCHROME2")),
        planar=image.number("PlanarConfiguration"),
        bits_allocated=image.number("BitsAllocated", 8),
        bits_stored=image.number("BitsStored", 8),
        signed=bool(image.number("PixelRepresentation")),
    )


def _frame(image: _Image, stored: NDArray[Any], frame: int, frames: int) -> Frame:
    data_set = image.data_set
    facts = picture_header.facts(image.about, data_set, frame)
    photometric = str(data_set.get("PhotometricInterpretation", ""))
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, data_set)
    if stored.ndim == 3:
        bits = 8 * stored.dtype.itemsize if photometric == "PALETTE COLOR" else image.number("BitsStored", 8)
        rgb = scaled_to_bytes(stored[..., :3], bits)
        return Frame(pixels=rgb, real=None, inverted=False, padding=None, vois=(), frames=frames, facts=facts)
    places, values = _places(stored)
    return Frame(
        pixels=places,
        real=picture_header.rescaled(data_set, values, frame),
        inverted=photometric == "MONOCHROME1" or data_set.get("PresentationLUTShape") == "INVERSE",
        padding=picture_header.padding(data_set, values),
        vois=picture_header.vois(data_set, frame),
        frames=frames,
        facts=facts,
    )


def _places(stored: NDArray[Any]) -> tuple[NDArray[Any], Reals]:
    """Every stored value as a place in a short table of values; what has more than 16 bits is rounded to 65,536."""
    kind = stored.dtype
    if kind.itemsize <= 2 and kind.kind in "iu":
        unsigned = np.dtype(f"u{kind.itemsize}")
        native = kind.newbyteorder("=")
        values = np.arange(1 << 8 * kind.itemsize, dtype=unsigned).view(native)
        return np.ascontiguousarray(stored, dtype=native).view(unsigned), values.astype(np.float64)
    real = np.nan_to_num(stored.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(real.min()), float(real.max())
    step = (high - low) / 65535 or 1.0
    return np.rint((real - low) / step).astype(np.uint16), low + step * np.arange(65536, dtype=np.float64)
