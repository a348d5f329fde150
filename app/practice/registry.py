"""Which regions can be practised: name to front-end machine. A new region is one module and one line here."""

from __future__ import annotations

from typing import Any

from app.practice import guangyuan, guizhou, shanxi
from app.practice.region import FrontEnd

REGIONS: dict[str, FrontEnd[Any]] = {
    "shanxi": shanxi.FRONT_END,
    "guizhou": guizhou.FRONT_END,
    "guangyuan": guangyuan.FRONT_END,
}
