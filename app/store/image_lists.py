"""What platforms answered about the images of an exam (对账), while they did not list them all."""

from __future__ import annotations

import json
import sqlite3
from datetime import date

from app.domain.reconciliation import ImageAnswer, ImageState
from app.store.database import Tx
from app.store.times import kept, taken, taken_or_none


def answer(conn: sqlite3.Connection, destination: str, exam_key: str) -> ImageAnswer | None:
    row = conn.execute(
        "SELECT * FROM image_lists WHERE destination = ? AND exam_key = ?", (destination, exam_key)
    ).fetchone()
    return _answer(row) if row else None


def keep(tx: Tx, destination: str, exam_key: str, found: ImageAnswer | None) -> None:
    """The last answer; None when it listed every image."""
    tx.execute("DELETE FROM image_lists WHERE destination = ? AND exam_key = ?", (destination, exam_key))
    if found is None:
        return
    tx.execute(
        """INSERT INTO image_lists (destination, exam_key, job_id, round, state, listed_count, lacking, suspected_at,
           confirmed_at, asked_at, asked_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            destination,
            exam_key,
            found.job_id,
            found.round,
            found.state.value,
            found.listed_count,
            json.dumps(found.lacking),
            kept(found.suspected_at) if found.suspected_at else None,
            kept(found.confirmed_at) if found.confirmed_at else None,
            kept(found.asked_at),
            found.asked_count,
        ),
    )


_STANDING = """SELECT l.*, j.exam_day FROM image_lists l JOIN jobs j ON j.id = l.job_id AND j.round = l.round
               WHERE j.state = 'acknowledged' AND j.withdraws = 0
               AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.destination = j.destination AND n.exam_key = j.exam_key
                               AND n.part = j.part AND n.version > j.version AND n.state <> 'cancelled')"""
"""Of exams whose images stand as they stood when the answer came."""


def between(conn: sqlite3.Connection, destination: str, first: date, last: date) -> dict[str, ImageAnswer]:
    """Exam key -> the last answer that still holds, of the exams of those days."""
    rows = conn.execute(
        f"{_STANDING} AND l.destination = ? AND j.exam_day BETWEEN ? AND ?",
        (destination, first.isoformat(), last.isoformat()),
    ).fetchall()
    return {row["exam_key"]: _answer(row) for row in rows}


def standing(conn: sqlite3.Connection, destination: str, exam_key: str) -> ImageAnswer | None:
    """The last answer about one exam, if it still holds."""
    row = conn.execute(f"{_STANDING} AND l.destination = ? AND l.exam_key = ?", (destination, exam_key)).fetchone()
    return _answer(row) if row else None


def lacking(conn: sqlite3.Connection) -> list[tuple[date, str, ImageAnswer]]:
    """(day, exam key, answer) of every exam whose list lacked the same images twice, and that never went again."""
    rows = conn.execute(
        f"{_STANDING} AND l.state = 'lacking' AND l.round = 1 ORDER BY j.exam_day, l.exam_key"
    ).fetchall()
    return [(date.fromisoformat(row["exam_day"]), row["exam_key"], _answer(row)) for row in rows]


def _answer(row: sqlite3.Row) -> ImageAnswer:
    return ImageAnswer(
        job_id=row["job_id"],
        round=row["round"],
        state=ImageState(row["state"]),
        listed_count=row["listed_count"],
        lacking=tuple(json.loads(row["lacking"])),
        suspected_at=taken_or_none(row["suspected_at"]),
        confirmed_at=taken_or_none(row["confirmed_at"]),
        asked_at=taken(row["asked_at"]),
        asked_count=row["asked_count"],
    )
