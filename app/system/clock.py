"""What time it is, and China Standard Time for screens and wires. Never waits."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

CST = timezone(timedelta(hours=8), "CST")


class Clock:
    """The machine's clock, passed in wherever time is read so that tests can stand in for it."""

    def now(self) -> datetime:
        """Aware UTC; may jump when the machine's clock is set."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards, for quiet periods and time limits."""
        return time.monotonic()


def to_cst(at: datetime) -> datetime:
    """The same moment on a clock in China; ValueError for a time that does not know its zone."""
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at.astimezone(CST)


def parse_cst(text: str, pattern: str = "%Y-%m-%d %H:%M:%S") -> datetime:
    """Aware UTC from a Chinese wall clock's text; ValueError when it does not fit `pattern`."""
    return datetime.strptime(text, pattern).replace(tzinfo=CST).astimezone(UTC)
