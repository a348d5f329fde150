"""What platforms answered: the journal (应答日志), the holdings (平台已存) and the receipts (回执)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.job import Job, JobState, Part
from app.store import indexes
from app.store.database import Tx
from app.store.times import kept

_LARGEST_KEPT = 64 * 1024
_NUMBER_LENGTHS = range(6, 129)


def journalled(conn: sqlite3.Connection, job: Job, step: str, item: str, digest: str) -> dict[str, Any] | None:
    """The accepted reply of this very request in this round, or None: then it must be sent."""
    row = conn.execute(
        "SELECT digest, reply FROM journal WHERE job_id = ? AND round = ? AND step = ? AND item = ?",
        (job.id, job.round, step, item),
    ).fetchone()
    if row is None or row["digest"] != digest:
        return None
    reply: dict[str, Any] = json.loads(row["reply"])
    return reply


def record(tx: Tx, job: Job, step: str, item: str, digest: str, reply: Mapping[str, Any], *, now: datetime) -> None:
    """Keep an accepted reply; from here on that request is never sent again in this round."""
    text = json.dumps(reply, ensure_ascii=False)
    tx.execute(
        """INSERT OR REPLACE INTO journal (job_id, round, step, item, digest, reply, reply_bytes, answered_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (job.id, job.round, step, item, digest, text if len(text) <= _LARGEST_KEPT else "{}", len(text), kept(now)),
    )


def journals_another(conn: sqlite3.Connection, job: Job, step: str, item: str, digest: str) -> bool:
    """An accepted reply to another body of this request is recorded: it stops being true once this one is sent."""
    row = conn.execute(
        "SELECT 1 FROM journal WHERE job_id = ? AND round = ? AND step = ? AND item = ? AND digest <> ?",
        (job.id, job.round, step, item, digest),
    ).fetchone()
    return row is not None


def forget_answer(tx: Tx, job: Job, step: str, item: str) -> None:
    """Another body goes now: whether the platform then has the old or the new one is open until it answers."""
    tx.execute(
        "DELETE FROM journal WHERE job_id = ? AND round = ? AND step = ? AND item = ?",
        (job.id, job.round, step, item),
    )


def hold(tx: Tx, job: Job, item: str, sha256: str, *, now: datetime) -> None:
    """The destination has this item now, with this content; what went under a code that was replaced does not count."""
    if indexes.is_replaced(tx.conn, job.destination, job.index_code):
        return
    tx.execute(
        "INSERT OR REPLACE INTO holdings (destination, exam_key, part, item, sha256, at) VALUES (?, ?, ?, ?, ?, ?)",
        (job.destination, job.exam_key, job.part.value, item, sha256, kept(now)),
    )


def hold_image(tx: Tx, destination: str, exam_key: str, sop_instance_uid: str, sha256: str, *, now: datetime) -> None:
    """The destination fetched this image itself, whether a job waits for that or not."""
    tx.execute(
        "INSERT OR REPLACE INTO holdings (destination, exam_key, part, item, sha256, at) VALUES (?, ?, ?, ?, ?, ?)",
        (destination, exam_key, Part.IMAGES.value, sop_instance_uid, sha256, kept(now)),
    )


def move_images(tx: Tx, exam_key: str, other: str, study_instance_uid: str) -> None:
    """What platforms fetched of this study belongs to another exam now."""
    tx.execute(
        """UPDATE OR REPLACE holdings SET exam_key = ? WHERE exam_key = ? AND part = 'images'
           AND item IN (SELECT sop_instance_uid FROM instances WHERE study_instance_uid = ?)""",
        (other, exam_key, study_instance_uid),
    )


def held(conn: sqlite3.Connection, destination: str, exam_key: str, part: str) -> dict[str, str]:
    """item -> SHA-256 of what the destination holds of one part."""
    rows = conn.execute(
        "SELECT item, sha256 FROM holdings WHERE destination = ? AND exam_key = ? AND part = ?",
        (destination, exam_key, part),
    ).fetchall()
    return {row["item"]: row["sha256"] for row in rows}


def forget_holding(tx: Tx, job: Job, item: str) -> None:
    """Another content of this item goes now: which of the two the destination has is open until it answers."""
    tx.execute(
        "DELETE FROM holdings WHERE destination = ? AND exam_key = ? AND part = ? AND item = ?",
        (job.destination, job.exam_key, job.part.value, item),
    )


def forget_holdings(tx: Tx, destination: str, exam_key: str, part: str) -> None:
    """A resend or a confirmed miss: do not rely any more on what the destination once took."""
    tx.execute(
        "DELETE FROM holdings WHERE destination = ? AND exam_key = ? AND part = ?", (destination, exam_key, part)
    )


def write_receipt(tx: Tx, job: Job, facts: Mapping[str, Any], *, now: datetime) -> None:
    """The platform took the job; how long that was since it was claimed is kept with it."""
    seconds = (now - job.changed_at).total_seconds() if job.state is JobState.SENDING else None
    tx.execute(
        """INSERT OR REPLACE INTO receipts (job_id, round, version, acknowledged_at, facts, seconds)
           VALUES (?, ?, ?, ?, ?, ?)""",
        (job.id, job.round, job.version, kept(now), json.dumps(facts, ensure_ascii=False), seconds),
    )
    found = [fact for fact in facts.values() if isinstance(fact, str) and len(fact) in _NUMBER_LENGTHS]
    for number in found:
        tx.execute(
            "INSERT OR IGNORE INTO receipt_numbers (number, exam_key, destination) VALUES (?, ?, ?)",
            (number, job.exam_key, job.destination),
        )


def acknowledged_jobs(conn: sqlite3.Connection, exam_key: str) -> set[int]:
    """Ids of the jobs that the platform acknowledged at least once, wherever they stand now."""
    rows = conn.execute(
        "SELECT DISTINCT r.job_id FROM receipts r JOIN jobs j ON j.id = r.job_id WHERE j.exam_key = ?", (exam_key,)
    ).fetchall()
    return {row["job_id"] for row in rows}


def acknowledged(conn: sqlite3.Connection, job: Job) -> bool:
    """True when the platform has acknowledged this job in its present round."""
    row = conn.execute("SELECT 1 FROM receipts WHERE job_id = ? AND round = ?", (job.id, job.round)).fetchone()
    return row is not None


def holds_of_others(conn: sqlite3.Connection, destination: str, exam_key: str) -> bool:
    """Under this exam the destination holds images that are known to belong to another exam by now."""
    row = conn.execute(
        """SELECT 1 FROM holdings h JOIN instances i ON i.sop_instance_uid = h.item
           WHERE h.destination = ? AND h.exam_key = ? AND h.part = 'images' AND NOT EXISTS (
             SELECT 1 FROM exam_studies e WHERE e.exam_key = h.exam_key
             AND e.study_instance_uid = i.study_instance_uid
             AND (e.patient_key = '' OR e.patient_key = i.patient_key)) LIMIT 1""",
        (destination, exam_key),
    ).fetchone()
    return row is not None


def receipts(conn: sqlite3.Connection, exam_key: str) -> list[dict[str, Any]]:
    rows = conn.execute(
        """SELECT j.destination, j.part, j.report_key, r.version, r.round, r.acknowledged_at, r.facts, j.withdraws
           FROM receipts r JOIN jobs j ON j.id = r.job_id WHERE j.exam_key = ? ORDER BY r.acknowledged_at""",
        (exam_key,),
    ).fetchall()
    return [dict(row) | {"facts": json.loads(row["facts"]), "withdraws": bool(row["withdraws"])} for row in rows]


def last_acknowledged(conn: sqlite3.Connection) -> str | None:
    row = conn.execute("SELECT max(acknowledged_at) AS at FROM receipts").fetchone()
    at: str | None = row["at"]
    return at


def fold(tx: Tx, before: datetime) -> int:
    """Drop journal rows of jobs that reached their final state before that time; the receipt remains."""
    cursor = tx.execute(
        """DELETE FROM journal WHERE job_id IN (SELECT id FROM jobs WHERE changed_at < ?
           AND state IN ('acknowledged', 'reconciled', 'cancelled', 'withdrawn'))""",
        (kept(before),),
    )
    return cursor.rowcount


def note_destination(
    tx: Tx, name: str, *, now: datetime, ok: bool, trouble: str = "", offset_seconds: float | None = None
) -> None:
    """A destination answered (`ok`) or did not; keeps since when, and how far its clock is from ours."""
    tx.execute(
        """INSERT OR IGNORE INTO destinations (name, last_ok_at, trouble, trouble_since, clock_offset_seconds)
           VALUES (?, '', '', '', 0)""",
        (name,),
    )
    if ok:
        tx.execute(
            "UPDATE destinations SET last_ok_at = ?, trouble = '', trouble_since = '' WHERE name = ?", (kept(now), name)
        )
    else:
        tx.execute(
            """UPDATE destinations SET trouble_since = CASE WHEN trouble = '' THEN ? ELSE trouble_since END,
               trouble = ? WHERE name = ?""",
            (kept(now), trouble, name),
        )
    if offset_seconds is not None:
        tx.execute("UPDATE destinations SET clock_offset_seconds = ? WHERE name = ?", (offset_seconds, name))


def destinations(conn: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    return {row["name"]: dict(row) for row in conn.execute("SELECT * FROM destinations")}
