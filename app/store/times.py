"""How times are kept: aware UTC as ISO text with microseconds, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime


def kept(at: datetime) -> str:
    """The saved text of an aware time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def taken(text: str) -> datetime:
    """The aware UTC time of a saved text."""
    return datetime.fromisoformat(text)


def taken_or_none(text: str | None) -> datetime | None:
    return taken(text) if text else None
