"""Small readings that several platforms share: JSON objects, digests of records, report files, DICOM headers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

_TAGS = ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "AccessionNumber", "Modality", "SOPClassUID"]


class Unreadable(Exception):
    """Something in a request cannot be understood; the text is the platform's sentence about it."""


def json_object(body: bytes, what: str) -> dict[str, Any]:
    """Raises Unreadable."""
    try:
        found = json.loads(body.decode("utf-8"))
    except ValueError:
        raise Unreadable(f"{what}不是 UTF-8 编码的 JSON") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{what}应为 JSON 对象")
    return found


def digest_of(record: Mapping[str, Any]) -> str:
    """SHA-256 of a record, whatever the order of its names."""
    return hashlib.sha256(json.dumps(record, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def word(value: Any) -> str:
    """Text, or nothing for anything else."""
    return value if isinstance(value, str) else ""


def listed(value: Any, separators: str = ",") -> list[str]:
    """The values of a field that takes several."""
    text = word(value)
    for one in separators[1:]:
        text = text.replace(one, separators[0])
    return [one.strip() for one in text.split(separators[0]) if one.strip()]


def filed_pdf(part: Path, folder: Path) -> Path:
    """Move a finished PDF to its name by content in `folder`. Raises Unreadable."""
    with part.open("rb") as opened:
        if opened.read(5) != b"%PDF-":
            raise Unreadable("不是 PDF 文件（开头应为 %PDF-）")
        opened.seek(0)
        target = folder / (hashlib.file_digest(opened, "sha256").hexdigest() + ".pdf")
    part.replace(target)
    return target


def header_of(path: Path) -> dict[str, str]:
    """The identifying elements of a DICOM file, empty where absent; all empty where the file cannot be read."""
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        return {name: str(header.get(name, "") or "").strip() for name in _TAGS}
    except (InvalidDicomError, OSError, EOFError, ValueError, KeyError, AttributeError, NotImplementedError):
        return dict.fromkeys(_TAGS, "")


def data_set_digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes of what follows group 0002 (its length stands at 140, PS3.10 7.1)."""
    with path.open("rb") as opened:
        opened.seek(140)
        start = 144 + int.from_bytes(opened.read(4), "little")
        opened.seek(start)
        return hashlib.file_digest(opened, "sha256").hexdigest(), max(0, path.stat().st_size - start)


def filed_image(part: Path, folder: Path, key: str, digest: str) -> str:
    """Move a finished DICOM file to its name by instance and content; returns it, below `folder`."""
    name = hashlib.sha256(key.encode()).hexdigest()
    file = folder / "images" / name[:2] / f"{name}-{digest[:16]}.dcm"
    file.parent.mkdir(parents=True, exist_ok=True)
    part.replace(file)
    return file.relative_to(folder).as_posix()
