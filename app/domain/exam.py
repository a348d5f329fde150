"""The exam record (检查记录) and its state on the pages; the report of an exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from app.domain.job import CONFIRMED, FETCHED_THERE, UNFINISHED, Job, JobState
from app.domain.submission import live_state, settled_state, unfinished_state


class ExamState(Enum):
    """The one word a list shows for an exam, worst first where several apply."""

    RECEIVING = "receiving"
    CHECK = "check"
    TO_FILL = "to_fill"
    READY = "ready"
    REJECTED = "rejected"
    HELD = "held"
    TO_SIGN = "to_sign"
    WAITING = "waiting"
    SENDING = "sending"
    QUEUED = "queued"
    PAUSED = "paused"
    ACKNOWLEDGED = "acknowledged"
    RECONCILED = "reconciled"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    TEST = "test"


EXAM_WORDS = {
    ExamState.RECEIVING: "接收中",
    ExamState.CHECK: "待核对",
    ExamState.TO_FILL: "待填报",
    ExamState.READY: "可提交",
    ExamState.REJECTED: "已退回",
    ExamState.HELD: "待处理",
    ExamState.TO_SIGN: "待签名",
    ExamState.WAITING: "等待重试",
    ExamState.SENDING: "上传中",
    ExamState.QUEUED: "待上传",
    ExamState.PAUSED: "已暂停",
    ExamState.ACKNOWLEDGED: "已上传",
    ExamState.RECONCILED: "已对账",
    ExamState.CANCELLED: "已取消",
    ExamState.WITHDRAWN: "已撤回",
    ExamState.TEST: "测试影像",
}


def exam_state(
    *, complete: bool, doubtful: bool, problem_count: int, changed: bool, jobs: tuple[Job, ...], test: bool = False
) -> ExamState:
    """The state of an exam from its facts. Green only when the newest job of every part is confirmed.

    `test`: its images only tested a device. `jobs`: the newest job of each (destination, part, report). `changed`:
    values differ from what was submitted.
    A doubt that came up after the acknowledgement takes the green back: a person has to look. It stands before the wait
    for a platform that fetches, too: until it is answered nothing is offered. Taken back by one
    destination and confirmed by another it is 已取消, neither green nor gone.
    """
    live = [live_state(job.state, withdraws=job.withdraws) for job in jobs]
    unfinished = unfinished_state(live)
    if doubtful and unfinished is JobState.WAITING and _only_to_be_fetched(jobs):
        return ExamState.CHECK
    if unfinished is not None:
        return ExamState(unfinished.value)
    if live and not changed:
        settled = settled_state(live)
        if settled is JobState.WITHDRAWN and _stays_somewhere(jobs):
            return ExamState.CANCELLED
        return ExamState.CHECK if doubtful and settled in CONFIRMED else ExamState(settled.value)
    if test and not live:
        return ExamState.TEST
    if not complete and not live:
        return ExamState.RECEIVING
    if doubtful:
        return ExamState.CHECK
    return ExamState.TO_FILL if problem_count else ExamState.READY


def _only_to_be_fetched(jobs: Sequence[Job]) -> bool:
    return all(job.trouble == FETCHED_THERE for job in jobs if job.state in UNFINISHED)


def _stays_somewhere(jobs: Sequence[Job]) -> bool:
    """One platform took it back and another has it still: nobody may read that it is gone."""
    places: dict[str, list[Job]] = {}
    for job in jobs:
        places.setdefault(job.destination, []).append(job)
    return any(all(job.state in CONFIRMED and not job.withdraws for job in own) for own in places.values())


@dataclass(frozen=True, kw_only=True)
class Exam:
    """One exam record. `exam_key` is its unique id at every platform (检查唯一标识), minted once, never reused."""

    exam_key: str
    minted_accession: str
    """The accession number minted for a device that gives none, else ""."""
    state: ExamState
    problem_count: int
    changed: bool
    dirty: bool
    """Something was entered or came in since it was last submitted whole."""
    created_at: datetime
    submitted_at: datetime | None
    no_report: bool = False
    """不出报告: it is whole without one."""


class StampState(Enum):
    """Whether the report's PDF bears the clinic's seal (电子签章). Void: it did, and the PDF was changed since."""

    NONE = "none"
    STAMPED = "stamped"
    VOID = "void"


STAMP_WORDS = {
    StampState.NONE: "还没有盖章",
    StampState.STAMPED: "已盖章",
    StampState.VOID: "换过 PDF，章已作废",
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report (检查报告). `pdf_sha256` names the stored PDF, "" while there is none."""

    report_key: str
    pdf_sha256: str
    created_at: datetime
    stamp: StampState = StampState.NONE
    stamped_values: Mapping[str, str] = field(default_factory=dict)
    """Field -> digest of what the report said of it when the PDF with the seal came; empty while nobody looked."""
    stamped_from: str = ""
    """SHA-256 of the PDF on which the seal was put, "" for one that came stamped."""
