"""China Standard Time, which every screen and every wire shows; the program itself thinks in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Protocol

CST = timezone(timedelta(hours=8), "CST")


def cst_text(at: datetime) -> str:
    """`yyyy-MM-dd HH:mm:ss` in China Standard Time."""
    return at.astimezone(CST).strftime("%Y-%m-%d %H:%M:%S")


def cst_day(at: datetime) -> str:
    """`yyyy-MM-dd` in China Standard Time."""
    return at.astimezone(CST).strftime("%Y-%m-%d")


class Clock(Protocol):
    """Time from outside: the wall clock (aware UTC) and a monotonic one for quiet periods."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...
