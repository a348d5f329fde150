"""Images that a destination fetches here itself (来取): each counts as held once it went out whole, and the job that
waits for that goes on with the last of them.

Such a job waits without a due time: an event wakes it, no clock.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from app.domain.job import FETCHED_THERE, Event, Job, JobState, Part
from app.store import answers, jobs
from app.store.database import Tx
from app.store.times import kept, taken


def lacking(conn: sqlite3.Connection, job: Job, images: Mapping[str, str]) -> int:
    """How many of these images (SOP instance UID -> SHA-256) are still to be fetched."""
    held = answers.held(conn, job.destination, job.exam_key, Part.IMAGES.value)
    return sum(1 for uid, sha256 in images.items() if held.get(uid) != sha256)


def wait(tx: Tx, job: Job, step: str, images: Mapping[str, str], *, now: datetime) -> None:
    """The job is not sent any further; it is due at once when the last image went while it was asked."""
    open_count = lacking(tx.conn, job, images)
    jobs.progress(tx, job.id, step, len(images) - open_count, len(images))
    jobs.move(tx, job.id, Event.POSTPONED, now=now, trouble=FETCHED_THERE, due_at=None if open_count else now)


def fetched(tx: Tx, destination: str, exam_key: str, images: Mapping[str, str], *, now: datetime) -> bool:
    """These went out whole (SOP instance UID -> SHA-256). True when the job that waited for them goes on."""
    for uid, sha256 in images.items():
        answers.hold_image(tx, destination, exam_key, uid, sha256, now=now)
    row = tx.execute(
        """SELECT id, step, total_count FROM jobs WHERE destination = ? AND exam_key = ? AND part = 'images'
           AND state = ? AND due_at IS NULL ORDER BY version DESC LIMIT 1""",
        (destination, exam_key, JobState.WAITING.value),
    ).fetchone()
    if row is None:
        return False
    held, total = answers.held(tx.conn, destination, exam_key, Part.IMAGES.value), row["total_count"]
    done = len(held)
    if done >= total:  # what an earlier version had counts no more: now it is worth to look at each
        done = sum(held.get(uid) == sha256 for uid, sha256 in _images(jobs.job(tx.conn, row["id"])).items())
    jobs.progress(tx, row["id"], row["step"], done, total)
    if done == total:
        tx.execute("UPDATE jobs SET due_at = ? WHERE id = ?", (kept(now), row["id"]))
    return bool(done == total)


def pulled(
    tx: Tx, destination: str, study_instance_uid: str, sop_instance_uids: Sequence[str], *, now: datetime
) -> None:
    """The same of images that went out by DICOM, for every exam that has them."""
    rows = tx.execute(
        """SELECT e.exam_key, i.sop_instance_uid, i.data_set_sha256 FROM instances i
           JOIN exam_studies e USING (study_instance_uid)
           WHERE i.study_instance_uid = ? AND i.current = 1
           AND (e.patient_key = '' OR e.patient_key = i.patient_key)
           AND i.sop_instance_uid IN (SELECT value FROM json_each(?))""",
        (study_instance_uid, json.dumps(list(sop_instance_uids))),
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["exam_key"], {})[row["sop_instance_uid"]] = row["data_set_sha256"]
    for exam_key, images in found.items():
        fetched(tx, destination, exam_key, images, now=now)


def look_again(tx: Tx, study_instance_uid: str, *, now: datetime) -> None:
    """An image of this study could not be handed out: whoever waits for its images has a look why."""
    tx.execute(
        """UPDATE jobs SET due_at = ? WHERE part = 'images' AND state = ? AND due_at IS NULL
           AND exam_key IN (SELECT exam_key FROM exam_studies WHERE study_instance_uid = ?)""",
        (kept(now), JobState.WAITING.value, study_instance_uid),
    )


def counted(conn: sqlite3.Connection, destination: str, exam_key: str) -> tuple[int, int]:
    """How many images of the newest version are fetched, and how many it has."""
    row = conn.execute(
        """SELECT id FROM jobs WHERE destination = ? AND exam_key = ? AND part = 'images' AND withdraws = 0
           ORDER BY version DESC LIMIT 1""",
        (destination, exam_key),
    ).fetchone()
    if row is None:
        return 0, 0
    wanted = _images(jobs.job(conn, row["id"]))
    held = answers.held(conn, destination, exam_key, Part.IMAGES.value)
    return sum(held.get(uid) == sha256 for uid, sha256 in wanted.items()), len(wanted)


def waiting_exams(conn: sqlite3.Connection) -> int:
    """How many exams only wait for a platform to fetch their images."""
    row = conn.execute(
        "SELECT count(DISTINCT exam_key) FROM jobs WHERE state = ? AND due_at IS NULL AND part = 'images'",
        (JobState.WAITING.value,),
    ).fetchone()
    return int(row[0])


def unfetched(conn: sqlite3.Connection, destination: str, before: datetime) -> list[tuple[str, datetime]]:
    """(exam key, since when) of exams whose images wait to be fetched since before that time."""
    rows = conn.execute(
        """SELECT exam_key, changed_at FROM jobs WHERE destination = ? AND part = 'images' AND state = ?
           AND due_at IS NULL AND changed_at < ? ORDER BY changed_at""",
        (destination, JobState.WAITING.value, kept(before)),
    )
    return [(row["exam_key"], taken(row["changed_at"])) for row in rows]


def _images(job: Job) -> dict[str, str]:
    images = job.payload.get("images")
    return {ref["sop_instance_uid"]: ref["sha256"] for ref in images} if isinstance(images, list) else {}
