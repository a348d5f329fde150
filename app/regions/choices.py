"""Options of a destination that are one of a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import NeedsOperator


def choice(options: Mapping[str, Any], name: str, *allowed: str) -> str:
    """Raises `NeedsOperator` for any other word."""
    chosen = str(options[name])
    if chosen not in allowed:
        raise NeedsOperator(f"设置里的“{name}”写错了", f"只能是 {' 或 '.join(allowed)}，请改设置", page="destination")
    return chosen
