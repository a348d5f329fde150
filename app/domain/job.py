"""An upload job (上传任务): its states, the events that move it, and the one table that says which leads where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class JobState(Enum):
    """Where a job stands. The Chinese words are the ones of every page."""

    TO_SIGN = "to_sign"
    QUEUED = "queued"
    SENDING = "sending"
    WAITING = "waiting"
    HELD = "held"
    REJECTED = "rejected"
    ACKNOWLEDGED = "acknowledged"
    RECONCILED = "reconciled"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


JOB_WORDS = {
    JobState.TO_SIGN: "待签名",
    JobState.QUEUED: "待上传",
    JobState.SENDING: "上传中",
    JobState.WAITING: "等待重试",
    JobState.HELD: "待处理",
    JobState.REJECTED: "已退回",
    JobState.ACKNOWLEDGED: "已上传",
    JobState.RECONCILED: "已对账",
    JobState.PAUSED: "已暂停",
    JobState.CANCELLED: "已取消",
    JobState.WITHDRAWN: "已撤回",
}


class Event(Enum):
    """What can happen to a job, in the past tense."""

    SIGNED = "signed"
    SIGNATURE_VOIDED = "signature_voided"
    CLAIMED = "claimed"
    INTERRUPTED = "interrupted"
    POSTPONED = "postponed"
    DUE = "due"
    HELD = "held"
    MENDED = "mended"
    REJECTED = "rejected"
    ACKNOWLEDGED = "acknowledged"
    RECONCILED = "reconciled"
    FOUND_MISSING = "found_missing"
    RESENT = "resent"
    PAUSED = "paused"
    RELEASED = "released"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


_S, _E = JobState, Event

TRANSITIONS: dict[tuple[JobState, Event], JobState] = {
    (_S.TO_SIGN, _E.SIGNED): _S.QUEUED,
    (_S.TO_SIGN, _E.MENDED): _S.TO_SIGN,
    (_S.TO_SIGN, _E.PAUSED): _S.PAUSED,
    (_S.TO_SIGN, _E.CANCELLED): _S.CANCELLED,
    (_S.QUEUED, _E.CLAIMED): _S.SENDING,
    (_S.QUEUED, _E.MENDED): _S.QUEUED,
    (_S.QUEUED, _E.RESENT): _S.QUEUED,
    (_S.QUEUED, _E.SIGNATURE_VOIDED): _S.TO_SIGN,
    (_S.QUEUED, _E.PAUSED): _S.PAUSED,
    (_S.QUEUED, _E.CANCELLED): _S.CANCELLED,
    (_S.SENDING, _E.ACKNOWLEDGED): _S.ACKNOWLEDGED,
    (_S.SENDING, _E.POSTPONED): _S.WAITING,
    (_S.SENDING, _E.HELD): _S.HELD,
    (_S.SENDING, _E.REJECTED): _S.REJECTED,
    (_S.SENDING, _E.INTERRUPTED): _S.QUEUED,
    (_S.SENDING, _E.SIGNATURE_VOIDED): _S.TO_SIGN,
    (_S.WAITING, _E.DUE): _S.QUEUED,
    (_S.WAITING, _E.MENDED): _S.QUEUED,
    (_S.WAITING, _E.RESENT): _S.QUEUED,
    (_S.WAITING, _E.SIGNATURE_VOIDED): _S.TO_SIGN,
    (_S.WAITING, _E.PAUSED): _S.PAUSED,
    (_S.WAITING, _E.CANCELLED): _S.CANCELLED,
    (_S.HELD, _E.MENDED): _S.QUEUED,
    (_S.HELD, _E.RESENT): _S.QUEUED,
    (_S.HELD, _E.SIGNATURE_VOIDED): _S.TO_SIGN,
    (_S.HELD, _E.PAUSED): _S.PAUSED,
    (_S.HELD, _E.CANCELLED): _S.CANCELLED,
    (_S.REJECTED, _E.MENDED): _S.QUEUED,
    (_S.REJECTED, _E.RESENT): _S.QUEUED,
    (_S.REJECTED, _E.SIGNATURE_VOIDED): _S.TO_SIGN,
    (_S.REJECTED, _E.CANCELLED): _S.CANCELLED,
    (_S.ACKNOWLEDGED, _E.RECONCILED): _S.RECONCILED,
    (_S.ACKNOWLEDGED, _E.FOUND_MISSING): _S.QUEUED,
    (_S.ACKNOWLEDGED, _E.REJECTED): _S.REJECTED,
    (_S.ACKNOWLEDGED, _E.RESENT): _S.QUEUED,
    (_S.ACKNOWLEDGED, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.RECONCILED, _E.RECONCILED): _S.RECONCILED,
    (_S.RECONCILED, _E.FOUND_MISSING): _S.QUEUED,
    (_S.RECONCILED, _E.REJECTED): _S.REJECTED,
    (_S.RECONCILED, _E.RESENT): _S.QUEUED,
    (_S.RECONCILED, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.PAUSED, _E.RELEASED): _S.QUEUED,
    (_S.PAUSED, _E.MENDED): _S.PAUSED,
    (_S.PAUSED, _E.CANCELLED): _S.CANCELLED,
    (_S.CANCELLED, _E.RESENT): _S.QUEUED,
    (_S.CANCELLED, _E.MENDED): _S.QUEUED,
}
"""The whole life of a job; a pair that is not here cannot happen."""

UNFINISHED = frozenset({_S.TO_SIGN, _S.QUEUED, _S.SENDING, _S.WAITING, _S.HELD, _S.REJECTED, _S.PAUSED})
CONFIRMED = frozenset({_S.ACKNOWLEDGED, _S.RECONCILED})
MOVING = frozenset({_S.QUEUED, _S.SENDING, _S.WAITING})
NEEDS_A_PERSON = frozenset({_S.HELD, _S.REJECTED, _S.TO_SIGN})


class ImpossibleMove(ValueError):
    """The pair (state, event) is not in `TRANSITIONS`."""


def advance(state: JobState, event: Event) -> JobState:
    """The state after `event`; raises `ImpossibleMove` for a pair that the table does not have."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleMove(f"{state.name} does not know {event.name}") from None


class Part(Enum):
    """What of a submission a job carries. MERGED is exam record and report in one message."""

    EXAM = "exam"
    MERGED = "merged"
    IMAGES = "images"
    REPORT = "report"


RECORDS = (Part.EXAM, Part.MERGED)
"""The parts by which a platform knows that there is an exam."""
PART_WORDS = {Part.EXAM: "检查记录", Part.MERGED: "检查与报告", Part.IMAGES: "影像", Part.REPORT: "检查报告"}


class Turn(Enum):
    """Whose turn it is when something went wrong."""

    AUTOMATIC = "automatic"
    TECHNICIAN = "technician"
    ENGINEER = "engineer"
    NOBODY = "nobody"


TURN_WORDS = {Turn.AUTOMATIC: "自动", Turn.TECHNICIAN: "您", Turn.ENGINEER: "工程师", Turn.NOBODY: ""}


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a job is where it is, for a person; `code` and `words` are the platform's own, for the details fold, `page`
    is where the settings mend it ("": nowhere, or not known)."""

    title: str
    advice: str
    turn: Turn
    code: str = ""
    words: str = ""
    step: str = ""
    items: tuple[str, ...] = ()
    page: str = ""


FETCHED_THERE = Trouble(
    title="等平台来取影像", advice="平台取完这里会自动变，您不用管", turn=Turn.AUTOMATIC, code="PICKUP"
)
"""Why a job waits that is no trouble: nothing is left to send, the platform fetches by itself."""


def waits_for_fetch(job: Job) -> bool:
    """Nothing is left to send of it, and something to fetch: with the last of that the job is due."""
    return job.due_at is None and _is_told_by(job.state, job.trouble)


def job_words(state: JobState, trouble: Trouble | None) -> str:
    """How a page calls the state of a job."""
    return "等平台来取" if _is_told_by(state, trouble) else JOB_WORDS[state]


def _is_told_by(state: JobState, trouble: Trouble | None) -> bool:
    return state is JobState.WAITING and trouble is not None and trouble.code == FETCHED_THERE.code


@dataclass(frozen=True, kw_only=True)
class Job:
    """One part of one exam on its way to one destination. `payload` is frozen at the moment of submission."""

    id: int
    destination: str
    exam_key: str
    report_key: str
    """Which report a REPORT or MERGED part carries, "" for the others."""
    part: Part
    version: int
    withdraws: bool
    """True: the record goes once more with its deletion mark (撤回)."""
    state: JobState
    round: int
    """A resend opens a new round: what was answered in an earlier one is asked again."""
    attempts: int
    payload: dict[str, object]
    digest: str
    """SHA-256 of the payload that counts: same digest, nothing new to send."""
    due_at: datetime | None
    step: str
    done_count: int
    total_count: int
    trouble: Trouble | None
    submitted_at: datetime
    changed_at: datetime
    late: bool
    """True: images that came after the submission (补传)."""
    index_code: str = ""
    """医保影像云索引 that the part goes under, "" where there is none."""
    unsigned: bool = False
    """True: its report still lacks the doctor's signature, without which it may not go."""
