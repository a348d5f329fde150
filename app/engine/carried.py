"""A report of several exams goes out under the first of them: what the others wait for, and would lose with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from app.delivery.record import Known, carries_reports
from app.delivery.target import Target
from app.domain.job import CONFIRMED, RECORDS, Job, JobState, Part
from app.store import Reader, jobs


def unbrought(
    conn: Reader, targets: Iterable[Target], stored: Known, own_jobs: Sequence[Job]
) -> Iterator[tuple[Known, Job | None]]:
    """Per destination that has this exam and lacks a report of it: the exam that carries that report, and the newest
    job of it, None where it was never submitted."""
    for target in targets:
        if not _goes_apart(target) or not _is_at(target.name, own_jobs):
            continue
        for report_key in sorted(stored.carried_elsewhere):
            for carrier in stored.shared.get(report_key, ())[:1]:
                job = _newest(jobs.of_exam(conn, carrier.exam.exam_key), target.name, report_key)
                if job is None or job.withdraws or job.state not in CONFIRMED:
                    yield carrier, job


def left_without(conn: Reader, target: Target, stored: Known) -> list[Known]:
    """Other exams at this destination whose report went there under this one."""
    own = jobs.of_exam(conn, stored.exam.exam_key)
    if not _goes_apart(target):
        return []
    return [
        other
        for report_key, others in stored.shared.items()
        if report_key not in stored.carried_elsewhere and _newest(own, target.name, report_key) is not None
        for other in others
        if _is_at(target.name, jobs.of_exam(conn, other.exam.exam_key))
    ]


def carried_for(stored: Known) -> list[str]:
    """The keys of the exams whose report goes out under this one."""
    return [
        other.exam.exam_key
        for report_key, others in stored.shared.items()
        if report_key not in stored.carried_elsewhere
        for other in others
    ]


def _goes_apart(target: Target) -> bool:
    """Elsewhere the record of each exam says what its reports say."""
    has_reports = {Part.REPORT.value, Part.MERGED.value} & set(target.adapter.parts)
    return bool(has_reports) and not carries_reports(target.region)


def _is_at(destination: str, own_jobs: Sequence[Job]) -> bool:
    """Something of the exam was submitted there, and its record was neither cancelled nor withdrawn since."""
    mine = [job for job in jobs.newest(list(own_jobs)) if job.destination == destination]
    ended = (JobState.CANCELLED, JobState.WITHDRAWN)
    return any(
        job.state not in ended and not job.withdraws for job in [job for job in mine if job.part in RECORDS] or mine
    )


def _newest(own_jobs: Sequence[Job], destination: str, report_key: str) -> Job | None:
    found = (job for job in jobs.newest(list(own_jobs)) if job.report_key == report_key)
    return next((job for job in found if job.destination == destination), None)
