"""A ZIP of one exam's images, read entry by entry: is it whole, is every entry an image, and what is in it.

Reads with the standard library alone, so that a clinic's archive is judged by another hand than the one that wrote it.
Memory does not grow with the archive.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

from app.practice.reading import data_set_digest

_BLOCK = 1 << 18
_NAMES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "AccessionNumber", "Modality")
_BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_UNREADABLE = (InvalidDicomError, OSError, EOFError, ValueError, KeyError, AttributeError, NotImplementedError)


class NotWhole(Exception):
    """The archive, or one of its entries, cannot be taken; the text is a Chinese sentence."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """One entry. `sha256` and `size` are those of the data set, without preamble and group 0002; `file` is its copy."""

    name: str
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str
    accession: str
    modality: str
    transfer_syntax: str
    sha256: str
    size: int
    file: Path


def images_in(path: Path, folder: Path) -> Iterator[Image]:
    """Every image of the archive, copied into `folder` one after the other; who wants a copy moves it away before
    asking for the next. Raises NotWhole at the first entry that is no whole DICOM file, or names a UID again."""
    copy = folder / f"{path.stem}.entry"
    seen: set[str] = set()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            if not entries:
                raise NotWhole("压缩包里没有影像")
            for entry in entries:
                with archive.open(entry) as inside, copy.open("wb") as out:
                    while block := inside.read(_BLOCK):
                        out.write(block)
                image = _image(entry.filename, copy)
                if image.sop_uid in seen:
                    raise NotWhole(f"压缩包里 {entry.filename} 的 SOPInstanceUID 重复：{image.sop_uid}")
                seen.add(image.sop_uid)
                yield image
    except _BROKEN as error:
        raise NotWhole(f"压缩包打不开或不完整（{type(error).__name__}）") from error
    finally:
        copy.unlink(missing_ok=True)


def _image(name: str, path: Path) -> Image:
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=list(_NAMES))
    except _UNREADABLE as error:
        raise NotWhole(f"压缩包里 {name} 不是 DICOM 文件") from error
    study, series, sop, sop_class, accession, modality = (str(header.get(one, "") or "") for one in _NAMES)
    if not (study and series and sop):
        raise NotWhole(f"压缩包里 {name} 没有 StudyInstanceUID、SeriesInstanceUID 或 SOPInstanceUID")
    sha256, size = data_set_digest(path)
    return Image(
        name=name,
        study_uid=study,
        series_uid=series,
        sop_uid=sop,
        sop_class=sop_class,
        accession=accession,
        modality=modality,
        transfer_syntax=_transfer_syntax(header),
        sha256=sha256,
        size=size,
        file=path,
    )


def _transfer_syntax(header: FileDataset) -> str:
    return str(header.file_meta.get("TransferSyntaxUID", "") or "")
