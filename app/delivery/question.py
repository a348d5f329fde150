"""A question to a platform that belongs to no job: the courier gets one that is never stored.

All of its requests are `fresh`, so nothing of it is journalled.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.domain.job import Job, JobState, Part


def question_job(destination: str, now: datetime) -> Job:
    return replace(_NO_JOB, destination=destination, submitted_at=now, changed_at=now)


_NO_JOB = Job(
    id=0,
    destination="",
    exam_key="",
    report_key="",
    part=Part.EXAM,
    version=0,
    withdraws=False,
    state=JobState.SENDING,
    round=0,
    attempts=0,
    payload={},
    digest="",
    due_at=None,
    step="",
    done_count=0,
    total_count=0,
    trouble=None,
    submitted_at=datetime.min,
    changed_at=datetime.min,
    late=False,
)
