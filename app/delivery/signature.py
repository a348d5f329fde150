"""A signature and the frozen report that it is for: it lets the job go; a change of what was signed holds it back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from app.delivery.freeze import to_sign, wire_values
from app.delivery.record import ReportView, View
from app.delivery.target import Target
from app.domain.job import CONFIRMED, Job, JobState, Part, Trouble
from app.domain.signing import SIGN_VALUE, SIGNATURE_KEYS, Signature
from app.store import Reader, Tx, exams, jobs, signings

_UNSENT = frozenset(
    {JobState.TO_SIGN, JobState.QUEUED, JobState.WAITING, JobState.HELD, JobState.REJECTED, JobState.PAUSED}
)


def attach(
    tx: Tx, target: Target, exam_key: str, report_key: str, text: str, signature: Signature, *, now: datetime
) -> int:
    """Into every job over just this text that waits for a signature, or has not gone under an earlier one yet.

    Returns how many that are.
    """
    open_ = [
        job
        for job in _over(tx.conn, target, exam_key, report_key, text)
        if job.unsigned or (job.state in _UNSENT and not job.withdraws)
    ]
    for job in open_:
        jobs.sign(tx, job, _signed(target, job, signature), now=now)
    if open_:
        exams.note(tx, exam_key, "signed", target.name, at=now)
    return len(open_)


def gone(conn: Reader, target: Target, exam_key: str, report_key: str, text: str) -> JobState | None:
    """How far the newest version is, if it went under a signature over just this text, or goes this moment."""
    newest = {job.id for job in jobs.newest(jobs.of_exam(conn, exam_key))}
    over = [job for job in _over(conn, target, exam_key, report_key, text) if job.id in newest]
    sent = [job.state for job in over if not (job.withdraws or job.unsigned)]
    return next((state for state in sent if state is JobState.SENDING or state in CONFIRMED), None)


def _over(conn: Reader, target: Target, exam_key: str, report_key: str, text: str) -> list[Job]:
    return [
        job
        for job in jobs.of_exam(conn, exam_key)
        if (job.destination, job.report_key, job.payload.get("sign_text")) == (target.name, report_key, text)
    ]


def detach(tx: Tx, target: Target, job: Job, *, now: datetime, trouble: Trouble | None = None) -> None:
    """Its signature counts no more: out of the frozen report, which waits for the next one."""
    payload: dict[str, Any] = dict(job.payload)
    paths = {row.path for row in target.region.rows_of("report") if row.key in SIGNATURE_KEYS}
    payload["report"] = {name: value for name, value in payload["report"].items() if name not in paths}
    jobs.unsign(tx, job, payload, now=now, trouble=trouble)


def carries(target: Target, job: Job, signature: Signature) -> bool:
    """Whether it is this signature that the job would bring, and not an earlier one over the same text."""
    told = wire_values(target, "report", {SIGN_VALUE: signature.sign_value})
    held = job.payload.get("report")
    return isinstance(held, dict) and told.items() <= held.items()


def replace(tx: Tx, target: Target, job: Job, signature: Signature, *, now: datetime) -> None:
    """It brought another one that does not hold: with this one it goes when its turn comes."""
    detach(tx, target, job, now=now)
    attach(tx, target, job.exam_key, job.report_key, str(job.payload["sign_text"]), signature, now=now)


def detach_others(tx: Tx, target: Target, job: Job, *, now: datetime) -> None:
    """Out of every other version of the report that waits with the same signature."""
    whose = (job.destination, job.report_key, job.payload.get("sign_text"))
    for one in jobs.of_exam(tx.conn, job.exam_key):
        same = (one.destination, one.report_key, one.payload.get("sign_text")) == whose and one.id != job.id
        if same and one.state in _UNSENT and not one.unsigned and not one.withdraws:
            detach(tx, target, one, now=now, trouble=one.trouble)


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
