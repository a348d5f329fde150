"""A signature on its way to the platform: it goes into the frozen report that waits for it, and the job may go."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.delivery.freeze import wire_values
from app.delivery.target import Target
from app.domain.job import Job
from app.domain.signing import Signature
from app.store import Tx, exams, jobs


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


def _signed(target: Target, job: Job, signature: Signature) -> dict[str, Any]:
    payload: dict[str, Any] = dict(job.payload)
    payload["report"] = payload["report"] | wire_values(target, "report", signature.fields)
    return payload
