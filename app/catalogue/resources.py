"""Where `resources/` is: in a clone, in an installed wheel, in a frozen program. Never writes there."""

from __future__ import annotations

import sys
from pathlib import Path

from app.errors import Bug


def resources_dir() -> Path:
    """The folder that holds `fields.csv`, `tables/` and `regions/`. Raises `Bug` if there is none."""
    for candidate in _candidates():
        if (candidate / "fields.csv").is_file():
            return candidate
    raise Bug("resources/ not found beside the program: the installation is incomplete")


def _candidates() -> tuple[Path, ...]:
    package = Path(__file__).resolve().parent.parent
    frozen = getattr(sys, "_MEIPASS", None)
    unpacked = (Path(frozen) / "resources", Path(frozen) / "app" / "_resources") if frozen else ()
    return (*unpacked, package / "_resources", package.parent / "resources")
