"""Rows for the store's tests: invented images of invented patients, and jobs of invented exams."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.job import Event, Job, JobState, Part
from app.domain.study import Arrival, Instance
from app.store import Store, Tx, images, jobs
from app.store.images import Indexed

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
DAY = "2026-11-20"
EXAM = "E1"


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def an_arrival(
    number: int = 1, *, study: str = "1.2.3", content: str = "", name: str = "ZHANG", accession: str = ""
) -> Arrival:
    """One image; another `content` under the same number is another data set under the same UID."""
    sha256 = f"{study}/{number}/{content}"
    return Arrival(
        instance=Instance(
            sop_instance_uid=f"{study}.{number}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            study_instance_uid=study,
            series_instance_uid=f"{study}.0",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            data_set_sha256=sha256,
            md5="",
            size_bytes=100,
            path=f"{study}/{number}{content}.dcm",
            modality="CT",
            series_number="1",
            instance_number=str(number),
            source="ae:CT1",
            received_at=NOW,
            current=True,
        ),
        header={"PatientID": name, "AccessionNumber": accession, "Modality": "CT", "StudyDate": "20261120"},
        patient_name_raw=name.encode(),
        charset="",
        name_candidates=(),
    )


def arrives(store: Store, arrival: Arrival, *, seconds: float = 0) -> Indexed:
    name = arrival.header["PatientID"]
    return store.write(lambda tx: images.index(tx, arrival, name, now=at(seconds)))


def a_job(
    tx: Tx,
    part: Part = Part.EXAM,
    *,
    exam: str = EXAM,
    state: JobState = JobState.QUEUED,
    destination: str = "main",
    report: str = "",
    withdraws: bool = False,
    seconds: float = 0,
    day: str = DAY,
    body: Mapping[str, Any] | None = None,
    **more: Any,
) -> int:
    """The next version of that part; `body` and `more` are its payload."""
    payload = {**(body or {}), **more}
    return jobs.insert(
        tx,
        destination=destination,
        exam_key=exam,
        report_key=report,
        part=part,
        payload=payload,
        digest=f"{part.value}{payload}",
        exam_day=day,
        total_count=1,
        state=state,
        now=at(seconds),
        withdraws=withdraws,
    )


def put(store: Store, part: Part = Part.EXAM, **columns: Any) -> int:
    return store.write(lambda tx: a_job(tx, part, **columns))


def moved(store: Store, job_id: int, *events: Event, **more: Any) -> Job:
    for event in events:
        store.write(lambda tx, event=event: jobs.move(tx, job_id, event, now=NOW, **more))  # type: ignore[misc]
    return jobs.job(store.read(), job_id)


def claimed(store: Store, waits_for: dict[str, str] | None = None, *, destination: str = "main") -> Job | None:
    return store.write(lambda tx: jobs.claim(tx, destination, waits_for or {}, now=NOW))


def jobs_in(store: Store, state: JobState) -> list[Job]:
    """Every job in that state, oldest first."""
    rows = store.rows("SELECT id FROM jobs WHERE state = ? ORDER BY id", (state.value,))
    return [jobs.job(store.read(), row["id"]) for row in rows]
