"""The index code (医保影像云索引) of an exam at a destination: minted when it is submitted, followed while it is sent.

A corrected number or exam time is another code: everything goes again under it, and the old one is deleted right
before, where the platform can. So it is under the same code where the platform wants that, or where it has images that
left the exam; nothing is deleted that can't be sent again. What the platform has under which code is written down with
each answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from app.catalogue.check import saved_texts
from app.delivery.freeze import Frozen
from app.delivery.record import View
from app.delivery.target import Target
from app.domain.job import RECORDS, Job, Part
from app.errors import NeedsOperator
from app.regions.conversation import Indexes
from app.store import Reader, Tx, answers, exams, indexes, jobs

_MADE_OF = ("id_type", "id_number", "examined_at")


def minted(tx: Tx, view: View, exam_key: str, *, now: datetime) -> str:
    """The code to submit under, "" for a destination without one. A new or moved one stands on the timeline."""
    target = view.target
    if not target.can("index_code"):
        return ""
    texts = saved_texts(view.exam)
    adapter = cast(Indexes, target.adapter)
    if not adapter.index_code(texts):
        raise NeedsOperator("还编不出医保影像云索引", "请填好证件类型、证件号和检查时间", fields=_MADE_OF)
    found = indexes.mint(
        tx, target.name, exam_key, lambda seconds: adapter.index_code(texts, moved_seconds=seconds), now=now
    )
    if found.replaces:
        for part in Part:
            answers.forget_holdings(tx, target.name, exam_key, part.value)
        exams.note(tx, exam_key, "index_changed", target.name, at=now)
    if found.moved_seconds:
        moved_to = datetime.fromisoformat(texts["examined_at"]) + timedelta(seconds=found.moved_seconds)
        exams.note(tx, exam_key, "index_moved", f"{target.name}/{moved_to}", at=now)
    return found.index_code


def standing(conn: Reader, view: View, exam_key: str) -> str:
    """The code that a submission now would keep, "" when it would be another, or the first."""
    if not view.target.can("index_code"):
        return ""
    current = indexes.current(conn, view.target.name, exam_key)
    base_code = cast(Indexes, view.target.adapter).index_code(saved_texts(view.exam))
    return current.index_code if current is not None and current.base_code == base_code else ""


def at_hand(tx: Tx, target: Target, job: Job) -> Job:
    """A claimed record with what only this moment knows: what the platform has, and what of it is deleted before."""
    if not job.index_code or job.part not in RECORDS:
        return job
    there = indexes.at_platform(tx.conn, target.name, job.exam_key)
    stays = job.withdraws or not deletes_first(tx.conn, target, job.exam_key)
    previous = [code for code in there if target.can("withdraw") and not (stays and code == job.index_code)]
    if not job.withdraws:
        indexes.sent(tx, target.name, job.index_code)
    update = job.index_code in there
    return replace(job, payload={**job.payload, "previous_index_code": ",".join(previous), "update": update})


def deletes_first(conn: Reader, target: Target, exam_key: str) -> bool:
    """An update of the exam is its deletion, and all of it once more."""
    if not target.adapter.withdraws_whole:
        return False
    by_wish = target.options.get("same_index") == "delete_first"
    return by_wish or answers.holds_of_others(conn, target.name, exam_key)


def refuse_loss(
    conn: Reader, target: Target, exam_key: str, frozen: Sequence[Frozen], is_here: Callable[[str], bool]
) -> None:
    """Raises `NeedsOperator` when these parts would delete images there that are not here (any more) to go again."""
    there = indexes.at_platform(conn, target.name, exam_key)
    if not there or not target.adapter.withdraws_whole:
        return
    newest = {job.part: job.digest for job in jobs.of_exam(conn, exam_key) if job.destination == target.name}
    records = [one for one in frozen if one.part in RECORDS and one.digest != newest.get(one.part)]
    if not records or (set(there) == {records[0].index_code} and not deletes_first(conn, target, exam_key)):
        return
    _refuse_lost([one.payload for one in frozen if one.part is Part.IMAGES], is_here)


def refuse_loss_again(conn: Reader, target: Target, exam_key: str, is_here: Callable[[str], bool]) -> None:
    """The same before a resend."""
    if deletes_first(conn, target, exam_key) and indexes.at_platform(conn, target.name, exam_key):
        own = [job for job in jobs.of_exam(conn, exam_key) if job.destination == target.name]
        _refuse_lost([job.payload for job in jobs.newest(own) if job.part is Part.IMAGES], is_here)


def _refuse_lost(payloads: Sequence[Mapping[str, Any]], is_here: Callable[[str], bool]) -> None:
    lost = sum(not is_here(ref["path"]) for payload in payloads for ref in payload.get("images", ()))
    if lost:
        raise NeedsOperator(
            f"这例有 {lost} 幅影像已经不在本机",
            "平台要先删掉旧的，再收全部影像。请让设备把这一例重发过来，再提交",
            fields=("images",),
        )


def deleted_by(job: Job) -> tuple[str, ...]:
    """The codes that were deleted right before this record."""
    return tuple(code for code in str(job.payload.get("previous_index_code", "")).split(",") if code)


def refused(tx: Tx, target: Target, job: Job) -> None:
    """The platform said no. After an attempt without an answer nobody knows what it has."""
    if job.index_code and job.part in RECORDS and not job.withdraws and not job.payload.get("update"):
        indexes.refused(tx, target.name, job.index_code)


def acknowledged(tx: Tx, target: Target, job: Job, *, now: datetime) -> None:
    """The platform took the record, or its withdrawal; what it deleted before goes on the timeline."""
    if not job.index_code or job.part not in RECORDS:
        return
    previous = deleted_by(job)
    indexes.deleted(tx, target.name, previous)
    if job.withdraws:
        indexes.deleted(tx, target.name, [job.index_code])
        return
    if set(previous) - {job.index_code}:
        exams.note(tx, job.exam_key, "index_withdrawn", target.name, at=now)
    indexes.acknowledged(tx, target.name, job.index_code)
    others = [code for code in indexes.at_platform(tx.conn, target.name, job.exam_key) if code != job.index_code]
    if others and not target.can("withdraw") and not indexes.is_replaced(tx.conn, target.name, job.index_code):
        indexes.left(tx, target.name, others)
        exams.note(tx, job.exam_key, "index_left", target.name, at=now)
