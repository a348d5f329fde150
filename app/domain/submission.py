"""A submission (上传单): the parts of one exam on their way to one destination, and the one state of them all."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from app.domain.job import CONFIRMED, JobState, Part

WORST_FIRST = (
    JobState.REJECTED,
    JobState.HELD,
    JobState.TO_SIGN,
    JobState.WAITING,
    JobState.SENDING,
    JobState.QUEUED,
    JobState.PAUSED,
    JobState.CANCELLED,
    JobState.ACKNOWLEDGED,
    JobState.RECONCILED,
    JobState.WITHDRAWN,
)


class Pile(Enum):
    """What a list counts together; what rests by a person's wish is in none but all."""

    UPLOADING = "uploading"
    ATTENTION = "attention"
    CONFIRMED = "confirmed"
    ENDED = "ended"
    RESTING = "resting"


PILES = {
    JobState.QUEUED: Pile.UPLOADING,
    JobState.SENDING: Pile.UPLOADING,
    JobState.WAITING: Pile.UPLOADING,
    JobState.HELD: Pile.ATTENTION,
    JobState.REJECTED: Pile.ATTENTION,
    JobState.TO_SIGN: Pile.ATTENTION,
    JobState.ACKNOWLEDGED: Pile.CONFIRMED,
    JobState.RECONCILED: Pile.CONFIRMED,
    JobState.CANCELLED: Pile.ENDED,
    JobState.WITHDRAWN: Pile.ENDED,
    JobState.PAUSED: Pile.RESTING,
}

_ORDER = ("rejected", "held", "to_sign", "sending", "waiting", "queued", "paused")
DONE_RANK = len(_ORDER)
"""Everything that is over stands last, the newest of it first."""

STEP_WORDS = {
    Part.EXAM: "登记检查",
    Part.MERGED: "上传检查与报告",
    Part.REPORT: "上传报告",
    Part.IMAGES: "上传影像",
}


def rank(state: JobState) -> int:
    """The place of a state in a list: first what needs a person, then what moves, then what is over."""
    return _ORDER.index(state.value) if state.value in _ORDER else DONE_RANK


def live_state(state: JobState, *, withdraws: bool) -> JobState:
    """What a job says of the record it carries: an accepted withdrawal means that it is taken back."""
    return JobState.WITHDRAWN if withdraws and state in CONFIRMED else state


def unfinished_state(live: Collection[JobState]) -> JobState | None:
    """The gravest state of the newest jobs that is neither confirmed nor withdrawn; None when there is none."""
    if set(live) == {JobState.WITHDRAWN, JobState.CANCELLED}:
        return None  # what was not sent yet was cancelled by the withdrawal
    return next((s for s in WORST_FIRST if s in live and s not in CONFIRMED and s is not JobState.WITHDRAWN), None)


def settled_state(live: Collection[JobState]) -> JobState:
    """The state when nothing is unfinished: never green while a part of it was taken back."""
    if JobState.WITHDRAWN in live:
        return JobState.WITHDRAWN
    return next(state for state in WORST_FIRST if state in live)


def submission_state(live: Collection[JobState]) -> JobState:
    """The one state of a submission from the (live) states of the newest job of each of its parts."""
    return unfinished_state(live) or settled_state(live)
