"""A signature and the frozen report that it is for: it lets the job go; a change of what was signed holds it back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from app.delivery.freeze import to_sign, wire_values
from app.delivery.record import ReportView, View
from app.delivery.target import Target
from app.domain.job import Job, JobState, Part, Trouble
from app.domain.signing import SIGNATURE_KEYS, Signature
from app.store import Tx, exams, jobs, signings

_UNSENT = frozenset(
    {JobState.TO_SIGN, JobState.QUEUED, JobState.WAITING, JobState.HELD, JobState.REJECTED, JobState.PAUSED}
)


def attach(
    tx: Tx, target: Target, exam_key: str, report_key: str, text: str, signature: Signature, *, now: datetime
) -> int:
    """Into every job that waits for a signature over just this text; returns how many that are."""
    waiting = [
        job for job in jobs.unsigned(tx.conn, target.name, exam_key, report_key) if job.payload.get("sign_text") == text
    ]
    for job in waiting:
        jobs.sign(tx, job, _signed(target, job, signature), now=now)
    if waiting:
        exams.note(tx, exam_key, "signed", target.name, at=now)
    return len(waiting)


def detach(tx: Tx, target: Target, job: Job, *, now: datetime, trouble: Trouble | None = None) -> None:
    """Its signature counts no more: out of the frozen report, which waits for the next one."""
    payload: dict[str, Any] = dict(job.payload)
    paths = {row.path for row in target.region.rows_of("report") if row.key in SIGNATURE_KEYS}
    payload["report"] = {name: value for name, value in payload["report"].items() if name not in paths}
    jobs.unsign(tx, job, payload, now=now, trouble=trouble)


def follow_changes(tx: Tx, view: View, exam_key: str, own: Iterable[Job], *, now: datetime) -> bool:
    """What was signed, or waits to be, and says something else now is void at once, not first when it is submitted
    again; as it was, it waits for its doctor anew. `own`: the jobs of the exam. Returns whether a job changed.
    """
    if not view.target.signs_here:
        return False
    unsent = {
        job.report_key: job
        for job in jobs.newest([job for job in own if job.destination == view.target.name])
        if job.part in (Part.REPORT, Part.MERGED) and job.state in _UNSENT and not job.withdraws
    }
    return any(
        [_follow(tx, view.target, exam_key, unsent.get(one.report.report_key), one, now) for one in view.reports]
    )


def _follow(tx: Tx, target: Target, exam_key: str, job: Job | None, report: ReportView, now: datetime) -> bool:
    if job is None or not report.carried or "sign_text" not in job.payload:
        return False
    if report.text != job.payload["sign_text"]:
        if signings.void_others(tx, target.name, job.report_key, report.text, now=now):
            exams.note(tx, exam_key, "signature_voided", target.name, at=now)
        if not job.unsigned:
            detach(tx, target, job, now=now, trouble=job.trouble)
        return not job.unsigned
    wanted = to_sign(target, report)
    if job.unsigned and wanted and not signings.is_open(tx.conn, target.name, job.report_key, report.text):
        signings.want(tx, target.name, exam_key, job.report_key, wanted, now=now)
    return False


def _signed(target: Target, job: Job, signature: Signature) -> dict[str, Any]:
    payload: dict[str, Any] = dict(job.payload)
    payload["report"] = payload["report"] | wire_values(target, "report", signature.fields)
    return payload
