"""Which regions can be practised: name to module. A new region is one module and one line here."""

from __future__ import annotations

from app.practice import shanxi
from app.practice.region import RegionModule

REGIONS: dict[str, RegionModule] = {"shanxi": shanxi}
