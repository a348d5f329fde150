"""The one table of regions: name -> how its adapter is made. A new region adds one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.catalogue.region import Region
from app.regions import guangyuan, guizhou, shanxi
from app.regions.conversation import Adapter

MakeAdapter = Callable[[Region, Mapping[str, Any], Mapping[str, str]], Adapter]
"""(the region as the settings change it, the destination's options, its secrets) -> adapter.

Raises `NeedsOperator` for what is missing.
"""

ADAPTERS: dict[str, MakeAdapter] = {
    "shanxi": shanxi.adapter,
    "guizhou": guizhou.adapter,
    "guangyuan": guangyuan.adapter,
}
"""In the order in which they are offered; a rehearsal plays the first."""
