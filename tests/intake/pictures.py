"""DICOM files with pictures that can be recognised again, in every transfer syntax that can be made here."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels import compress

from tests.builders import DEFLATED_LITTLE, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, a_data_set
from tests.wire.dicom_files import run_tool

JPEG, EXTENDED, LOSSLESS, LOSSLESS_SV1 = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
JPEG_LS, JPEG_LS_NEAR, J2K_LOSSLESS, J2K = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 81, 90, 91))
SPECTRAL, PROGRESSIVE = "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"
RLE = "1.2.840.10008.1.2.5"
NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED_LITTLE)
BY_PYDICOM: dict[str, dict[str, Any]] = {RLE: {}, J2K_LOSSLESS: {}, J2K: {"j2k_cr": [2]}}
BY_DCMTK = {
    EXTENDED: ("dcmcjpeg", "+ee"),
    SPECTRAL: ("dcmcjpeg", "+es"),
    PROGRESSIVE: ("dcmcjpeg", "+ep"),
    LOSSLESS: ("dcmcjpeg", "+el"),
    LOSSLESS_SV1: ("dcmcjpeg", "+e1"),
    JPEG_LS: ("dcmcjpls", "+el"),
    JPEG_LS_NEAR: ("dcmcjpls", "+en"),
}


def a_scene(rows: int = 48, columns: int = 64, *, most: int = 4095, shift: int = 0) -> NDArray[Any]:
    """A smooth picture of whole values 0 to `most`; another one for each shift."""
    down, right = np.mgrid[0:rows, 0:columns]
    wave = (np.sin(right / 9 + shift) + np.cos(down / 7) + 2) / 4
    return np.rint(wave * most).astype(np.uint16)


def a_picture(path: Path, values: NDArray[Any], *, syntax: str = EXPLICIT_LITTLE, **elements: Any) -> Path:
    """A file with these stored values: (rows, columns), (frames, rows, columns) or (rows, columns, 3) for colour."""
    if syntax in BY_DCMTK:
        plain = a_picture(path.with_suffix(".plain"), values, **elements)
        program, option = BY_DCMTK[syntax]
        assert run_tool(program, option, plain, path).returncode == 0
        return path
    data_set = a_picture_set(values, **elements)
    if syntax == EXPLICIT_BIG:
        data_set.PixelData = values.astype(values.dtype.newbyteorder(">")).tobytes()
    if syntax in BY_PYDICOM:
        _say(data_set, EXPLICIT_LITTLE)
        compress(data_set, syntax, generate_instance_uid=False, **BY_PYDICOM[syntax])
    return write(path, data_set, syntax)


def a_picture_set(values: NDArray[Any], **elements: Any) -> Dataset:
    colour = values.ndim > 2 and values.shape[-1] == 3
    shape = values.shape[:-1] if colour else values.shape
    bits = 8 * values.dtype.itemsize
    stored = 12 if values.dtype == np.uint16 else bits
    plain: dict[str, Any] = {
        "rows": shape[-2],
        "columns": shape[-1],
        "frames": shape[0] if len(shape) == 3 else None,
        "BitsAllocated": bits,
        "BitsStored": stored,
        "HighBit": stored - 1,
        "PixelRepresentation": int(values.dtype.kind == "i"),
        "PixelData": values.tobytes(),
    }
    if colour:
        plain |= {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    data_set = a_data_set(**plain | elements)
    data_set["PixelData"].VR = "OB" if bits == 8 else "OW"
    return data_set


def a_jpeg(values: NDArray[Any]) -> bytes:
    """8-bit baseline JPEG, grey or colour."""
    out = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(out, "JPEG", quality=95)
    return out.getvalue()


def with_streams(path: Path, data_set: Dataset, streams: list[bytes], syntax: str) -> Path:
    """The data set with these compressed frames as they are."""
    data_set.PixelData = encapsulate(streams, has_bot=False)
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    return write(path, data_set, syntax)


def write(path: Path, data_set: Dataset, syntax: str) -> Path:
    _say(data_set, syntax)
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, data_set, enforce_file_format=True)
    return path


def _say(data_set: Dataset, syntax: str) -> None:
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = syntax
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
