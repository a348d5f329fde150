"""What a tester can change while a practice platform runs: keys, demands, the clock. Plain values, no region."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any


class Clock:
    """The platform's clock: the machine's, moved by `offset_seconds`."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self.offset_seconds

    def stamp(self) -> str:
        """The moment for the ledger, UTC, ISO 8601."""
        return datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds")


@dataclass(kw_only=True)
class Settings:
    """Demands of the platform. Everything but the secret key is shown and set through /practice/options."""

    hospital_code: str = ""
    """The one institution that may report; empty: any."""
    ae_title: str = ""
    strict_ae: bool = False
    demand_signature: bool = True
    demand_exam: bool = True
    """A report must name an exam that the platform has (separate upload)."""
    file_access: bool = True
    """The platform can reach addresses that the clinic offers (pdf_path)."""
    exact_length: bool = False
    """Refuse certificates, signatures and timestamps over the printed length, which real ones exceed."""
    reconcile_by: str = "risStudyId"
    """risStudyId or studyUid: what the ids of a reconciliation are."""
    reconcile_shape: str = "object"
    """object: {"study_uids": [...]}; array: the bare list."""
    reconcile_empty: str = "encrypted"
    """When nothing is missing: encrypted (an empty list) or blank (an empty text)."""
    window_seconds: int = 300
    sm4_key: str = field(default="", repr=False)
    clock: Clock = field(default_factory=Clock, repr=False)
    stopping: threading.Event = field(default_factory=threading.Event, repr=False)


_HIDDEN = frozenset({"sm4_key", "clock", "stopping"})
_CHOICES = {
    "reconcile_by": ("risStudyId", "studyUid"),
    "reconcile_shape": ("object", "array"),
    "reconcile_empty": ("encrypted", "blank"),
}


def shown(settings: Settings) -> dict[str, Any]:
    """The options and their values."""
    return {one.name: getattr(settings, one.name) for one in fields(settings) if one.name not in _HIDDEN}


def change(settings: Settings, wish: dict[str, Any]) -> None:
    """Set options; all or none. Raises ValueError with a Chinese sentence."""
    present = shown(settings)
    for name, value in wish.items():
        if name not in present:
            raise ValueError(f"没有这个选项：{name}")
        if type(value) is not type(present[name]):
            raise ValueError(f"{name} 的类型不对，现在是 {present[name]!r}")
        if value not in _CHOICES.get(name, (value,)):
            raise ValueError(f"{name} 应为 {' / '.join(_CHOICES[name])}")
    for name, value in wish.items():
        setattr(settings, name, value)
