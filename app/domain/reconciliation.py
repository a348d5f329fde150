"""What reconciliation (对账) asks and finds: the days, the questions, the discrepancies."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any


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
    index_code: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    """The exam's record as it went: what a platform knows the patient by."""


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


class ImageState(Enum):
    """What a platform's image list said last of the images of an exam, while it did not list them all."""

    UNKNOWN = "unknown"
    """It listed none: it has them not at hand, which says nothing about what it was sent."""
    SUSPECTED = "suspected"
    LACKING = "lacking"
    """Two answers in a row, far enough apart, lacked the same images."""


@dataclass(frozen=True, kw_only=True)
class ImageAnswer:
    """The last answer about the images of an exam, as the job `job_id` brought them there in its `round`."""

    job_id: int
    round: int
    state: ImageState
    listed_count: int
    lacking: tuple[str, ...]
    """SOP instance UIDs."""
    suspected_at: datetime | None
    confirmed_at: datetime | None
    asked_at: datetime
    asked_count: int


def judged_images(
    before: ImageAnswer | None,
    job: tuple[int, int],
    ours: Set[str],
    listed: Set[str],
    *,
    now: datetime,
    again: timedelta,
) -> ImageAnswer | None:
    """The next answer after `before` (of the same `job`, its id and round); None when every image of ours is listed.

    Pure. `again`: how far apart two answers must be; only images that both of them lack count.
    """
    lacking = ours - listed
    if not lacking:
        return None
    known = before if before is not None and (before.job_id, before.round) == job else None
    state, since, confirmed = ImageState.UNKNOWN, None, None
    if listed:
        both = lacking & set(known.lacking) if known else set()
        if known is None or known.suspected_at is None or not both:
            state, since = ImageState.SUSPECTED, now
        else:
            lacking, since, confirmed = both, known.suspected_at, known.confirmed_at
            counts = confirmed is not None or now - since >= again
            state, confirmed = (ImageState.LACKING, confirmed or now) if counts else (ImageState.SUSPECTED, None)
    return ImageAnswer(
        job_id=job[0],
        round=job[1],
        state=state,
        listed_count=len(ours & listed),
        lacking=tuple(sorted(lacking)) if listed else (),
        suspected_at=since,
        confirmed_at=confirmed,
        asked_at=now,
        asked_count=(known.asked_count if known else 0) + 1,
    )


_ONE_NIGHT = timedelta(hours=12)


def asks_for_images(
    before: ImageAnswer | None, job: tuple[int, int], *, now: datetime, again: timedelta, most: int
) -> bool:
    """Whether the program asks by itself now: never before, a second time, or once a night up to `most` times. Pure."""
    if before is None or (before.job_id, before.round) != job:
        return True
    waited = now - before.asked_at
    if before.state is ImageState.SUSPECTED:
        return waited >= again
    return before.asked_count < most and waited >= _ONE_NIGHT
