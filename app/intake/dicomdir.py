"""The files that a DICOMDIR (PS3.10 8, PS3.3 F) lists, as paths inside its own folder.

Must never lead outside that folder, whatever the DICOMDIR says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.intake import header
from app.intake.header import Header, NotDicom

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
_RECORDS, _FILE_ID = 0x00041220, 0x00041500
_DEEPEST = 16
# Colons name drives and streams, stars are patterns; Windows drops a last dot or blank, so two names could be one.
_TRICK = re.compile(r"[\x00-\x1f\x7f:*?\"<>|]|[. ]$|^ |^~")
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """`files` exist; `missing` and `refused` are as listed, components joined by `/`."""

    files: tuple[Path, ...]
    missing: tuple[str, ...]
    refused: tuple[str, ...]


def is_dicomdir(found: Header) -> bool:
    """Whether a file is a directory of others and no image."""
    return found.sop_class_uid == MEDIA_STORAGE_DIRECTORY


def listed_files(path: Path) -> Listed:
    """What the DICOMDIR at `path` refers to, each file once, in its order. Raises NotDicom, OSError.

    Upper and lower case, and the `;1` that some discs show, do not matter. Links out of the folder are refused.
    """
    folder, root = path.parent, path.parent.resolve()
    names: dict[Path, Mapping[str, Path]] = {}
    files: dict[Path, None] = {}
    missing, refused = [], []
    for components in dict.fromkeys(_file_ids(path)):
        listed = "/".join(components)
        if not _is_harmless(components):
            refused.append(listed)
            continue
        file = _find(folder, components, names)
        if file is None:
            missing.append(listed)
        elif not file.resolve().is_relative_to(root):
            refused.append(listed)
        else:
            files[file] = None
    return Listed(files=tuple(files), missing=tuple(missing), refused=tuple(refused))


def _file_ids(path: Path) -> list[tuple[str, ...]]:
    import pydicom

    with header.judged_by_pydicom(), path.open("rb") as file:
        data_set = pydicom.dcmread(file, force=True, stop_before_pixels=True)
        if _RECORDS not in data_set:
            raise NotDicom("no directory records")
        found = [_file_id(record) for record in data_set[_RECORDS].value]
    return [components for components in found if components]


def _file_id(record: Any) -> tuple[str, ...]:
    """() for a record without a file. Some writers part the components by a slash."""
    value = getattr(record.get_item(_FILE_ID), "value", None)
    if not isinstance(value, bytes):
        return ()
    text = value.decode("gb18030", "replace").rstrip(" \0")
    return tuple(part.rstrip(" ") for part in re.split(r"[\\/]", text)) if text else ()


def _is_harmless(components: tuple[str, ...]) -> bool:
    return len(components) <= _DEEPEST and all(
        component and not _TRICK.search(component) and not _DEVICES.fullmatch(component) for component in components
    )


def _find(folder: Path, components: tuple[str, ...], names: dict[Path, Mapping[str, Path]]) -> Path | None:
    """The file under `folder`, whatever its case; `names` remembers the folders already listed."""
    place = folder
    for component in components:
        if place not in names:
            names[place] = _entries(place)
        entry = names[place].get(component) or names[place].get(_folded(component))
        if entry is None:
            return None
        place = entry
    return place if place.is_file() else None


def _entries(place: Path) -> dict[str, Path]:
    """By name as it stands and by folded name; an exact name wins."""
    entries = sorted(place.iterdir()) if place.is_dir() else []
    return {_folded(entry.name): entry for entry in entries} | {entry.name: entry for entry in entries}


def _folded(name: str) -> str:
    return re.sub(r"(\.?;1|\.)$", "", name).casefold()
