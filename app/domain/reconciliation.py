"""What reconciliation (对账) asks and finds: the days, the questions, the discrepancies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum


class DayState(Enum):
    """How far a day of one destination is reconciled."""

    OPEN = "open"
    ASKED_ONCE = "asked_once"
    AGREED = "agreed"
    RESENDING = "resending"
    ENGINEER = "engineer"


DAY_WORDS = {
    DayState.OPEN: "还没对账",
    DayState.ASKED_ONCE: "平台少报了，稍后再问一次",
    DayState.AGREED: "已齐",
    DayState.RESENDING: "缺的正在自动补传",
    DayState.ENGINEER: "补传两次仍缺，需要工程师",
}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One exam of a day as we sent it: the ids the platform knows it by, and what of it is acknowledged."""

    exam_key: str
    study_instance_uids: tuple[str, ...]
    img_exam_type: str
    image_count: int
    report_count: int


@dataclass(frozen=True, kw_only=True)
class Discrepancy:
    """One exam the platform says it does not have. It counts (`confirmed_at`) after the second question."""

    destination: str
    day: date
    exam_key: str
    first_seen_at: datetime
    suspected_at: datetime | None
    """The first answer of the present row of answers that lack it."""
    confirmed_at: datetime | None
    resend_count: int
    solved_at: datetime | None
