"""Counts of a day's work: exams by state, what was confirmed and retried when, what was confirmed last."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.store.times import kept, taken

_RETRIES = ("retry", "slow_down")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One receipt, or one attempt that has to be made again. `seconds`: how long the receipt took, None unknown."""

    at: datetime
    confirmed: bool
    seconds: float | None


def states_of_day(conn: sqlite3.Connection, day: date) -> dict[str, int]:
    """Exam state -> number of exams of that day."""
    rows = conn.execute(
        "SELECT state, count(*) AS n FROM exams WHERE exam_day = ? GROUP BY state", (day.isoformat(),)
    ).fetchall()
    return {row["state"]: row["n"] for row in rows}


def oldest_to_fill(conn: sqlite3.Connection) -> str | None:
    """When the exam that has waited longest for the technician came."""
    row = conn.execute("SELECT min(sort_at) AS at FROM exams WHERE state IN ('to_fill', 'check', 'ready')").fetchone()
    at: str | None = row["at"]
    return at


def days_with_exams(conn: sqlite3.Connection, first: date, last: date) -> list[date]:
    """Days of the span on which there was an exam, or one was registered that has no day yet, newest first."""
    rows = conn.execute(
        """SELECT exam_day AS day FROM exams WHERE exam_day BETWEEN :first AND :last
           AND state NOT IN ('withdrawn', 'cancelled', 'test')
           UNION SELECT date(created_at, '+8 hours') AS day FROM exams WHERE exam_day = '' AND image_count = 0
           AND day BETWEEN :first AND :last AND state NOT IN ('withdrawn', 'cancelled', 'test') ORDER BY day DESC""",
        {"first": first.isoformat(), "last": last.isoformat()},
    ).fetchall()
    return [date.fromisoformat(row["day"]) for row in rows]


def answers_between(conn: sqlite3.Connection, destination: str, since: datetime, until: datetime) -> list[Answer]:
    """Receipts and retries of one destination in that time, oldest first."""
    span = (destination, kept(since), kept(until))
    receipts = conn.execute(
        """SELECT r.acknowledged_at AS at, r.seconds FROM receipts r JOIN jobs j ON j.id = r.job_id
           WHERE j.destination = ? AND r.acknowledged_at >= ? AND r.acknowledged_at < ?""",
        span,
    ).fetchall()
    retries = conn.execute(
        f"""SELECT a.at FROM attempts a JOIN jobs j ON j.id = a.job_id
            WHERE j.destination = ? AND a.at >= ? AND a.at < ? AND a.verdict IN {_RETRIES}""",
        span,
    ).fetchall()
    found = [Answer(at=taken(row["at"]), confirmed=True, seconds=row["seconds"]) for row in receipts]
    found += [Answer(at=taken(row["at"]), confirmed=False, seconds=None) for row in retries]
    return sorted(found, key=lambda one: one.at)


def exams_confirmed_between(conn: sqlite3.Connection, destination: str, since: datetime, until: datetime) -> int:
    """How many exams got a receipt of that destination in that time; none of their parts was refused or is unsigned."""
    row = conn.execute(
        """SELECT count(DISTINCT j.exam_key) AS n FROM receipts r JOIN jobs j ON j.id = r.job_id
           WHERE j.destination = ? AND j.withdraws = 0 AND r.acknowledged_at >= ? AND r.acknowledged_at < ?
           AND NOT EXISTS (SELECT 1 FROM jobs k WHERE k.exam_key = j.exam_key AND k.destination = j.destination
                           AND k.state IN ('held', 'rejected', 'to_sign'))""",
        (destination, kept(since), kept(until)),
    ).fetchone()
    return int(row["n"])


def confirmed_last(conn: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """The exams that every destination has confirmed, the newest receipt first, with what the platforms returned."""
    rows = conn.execute(
        """SELECT e.*, (SELECT s.study_instance_uid FROM exam_studies s WHERE s.exam_key = e.exam_key LIMIT 1) AS uid,
                  max(r.acknowledged_at) AS acknowledged_at
           FROM (SELECT job_id, acknowledged_at FROM receipts ORDER BY acknowledged_at DESC LIMIT ?) r
           JOIN jobs j ON j.id = r.job_id JOIN exams e ON e.exam_key = j.exam_key
           WHERE e.state IN ('acknowledged', 'reconciled') AND j.withdraws = 0
           GROUP BY e.exam_key ORDER BY acknowledged_at DESC LIMIT ?""",
        (limit * 40, limit),
    ).fetchall()
    return [dict(row) for row in rows]


def on_their_way(conn: sqlite3.Connection) -> tuple[int, int, float | None]:
    """(jobs that wait for another attempt, jobs queued or being sent, seconds that one of the last receipts took)."""
    states = {
        row["state"]: row["n"]
        for row in conn.execute(
            "SELECT state, count(*) AS n FROM jobs WHERE state IN ('queued', 'sending', 'waiting') GROUP BY state"
        )
    }
    pace = conn.execute(
        """SELECT avg(seconds) AS pace FROM (SELECT seconds FROM receipts ORDER BY acknowledged_at DESC LIMIT 50)"""
    ).fetchone()["pace"]
    return states.get("waiting", 0), states.get("queued", 0) + states.get("sending", 0), pace


def last_receipts(conn: sqlite3.Connection, exam_keys: list[str], destination: str = "") -> dict[str, dict[str, Any]]:
    """exam key -> {"acknowledged_at", "facts"} of its newest receipt (of one destination, if named)."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(exam_keys), 500):
        part = exam_keys[start : start + 500]
        rows = conn.execute(
            f"""SELECT j.exam_key, r.acknowledged_at, r.facts FROM receipts r JOIN jobs j ON j.id = r.job_id
                WHERE j.withdraws = 0 AND (? = '' OR j.destination = ?)
                AND j.exam_key IN ({", ".join("?" for _ in part)}) ORDER BY r.acknowledged_at""",
            (destination, destination, *part),
        ).fetchall()
        for row in rows:
            facts = found.get(row["exam_key"], {}).get("facts", {}) | json.loads(row["facts"])
            found[row["exam_key"]] = {"acknowledged_at": row["acknowledged_at"], "facts": facts}
    return found
