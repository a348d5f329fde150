"""The index code (医保影像云索引) of an exam at a destination: minted when it is submitted, followed while it is sent.

A corrected number or exam time is another code: everything goes again under it, and the old one is deleted right
before, where the platform can. What the platform has under which code is written down with each answer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from app.catalogue.check import saved_texts
from app.delivery.record import View
from app.delivery.target import Target
from app.domain.job import RECORDS, Job, Part
from app.errors import NeedsOperator
from app.regions.conversation import Indexes
from app.store import Reader, Tx, answers, exams, indexes

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
    """A claimed job with what only this moment knows: what the platform has of the exam, under which codes."""
    if not job.index_code:
        return job
    previous: list[str] = []
    if job.part in RECORDS:
        there = indexes.at_platform(tx.conn, target.name, job.exam_key)
        update = job.index_code in there
        previous = [code for code in there if code != job.index_code and target.can("withdraw")]
        if not job.withdraws:
            indexes.sent(tx, target.name, job.index_code)
    else:
        update = answers.is_update(tx.conn, job)
    return replace(job, payload={**job.payload, "previous_index_code": ",".join(previous), "update": update})


def refused(tx: Tx, target: Target, job: Job) -> None:
    """The platform said no. After an attempt without an answer nobody knows what it has."""
    if job.index_code and job.part in RECORDS and not job.withdraws and not job.payload.get("update"):
        indexes.refused(tx, target.name, job.index_code)


def acknowledged(tx: Tx, target: Target, job: Job, *, now: datetime) -> None:
    """The platform took the record, or its withdrawal; what it deleted before goes on the timeline."""
    if not job.index_code or job.part not in RECORDS:
        return
    previous = [code for code in str(job.payload.get("previous_index_code", "")).split(",") if code]
    indexes.deleted(tx, target.name, previous)
    if job.withdraws:
        indexes.deleted(tx, target.name, [job.index_code])
        return
    if previous:
        exams.note(tx, job.exam_key, "index_withdrawn", target.name, at=now)
    indexes.acknowledged(tx, target.name, job.index_code)
    others = [code for code in indexes.at_platform(tx.conn, target.name, job.exam_key) if code != job.index_code]
    if others and not target.can("withdraw") and not indexes.is_replaced(tx.conn, target.name, job.index_code):
        indexes.left(tx, target.name, others)
        exams.note(tx, job.exam_key, "index_left", target.name, at=now)
