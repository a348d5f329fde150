"""Days of reconciliation, the questions asked about them, and the discrepancies they found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from app.domain.reconciliation import DayState, Discrepancy
from app.store.database import Tx
from app.store.times import kept, taken, taken_or_none

_SUPERSEDED = """EXISTS (SELECT 1 FROM jobs n WHERE n.destination = j.destination AND n.exam_key = j.exam_key
                 AND n.part = j.part AND n.report_key = j.report_key AND n.version > j.version
                 AND n.state <> 'cancelled')"""


def open_days(conn: sqlite3.Connection, destination: str, until: date, *, image_asks: int = 0) -> list[date]:
    """Days up to and including `until` with something acknowledged that is not yet reconciled, oldest first.

    `image_asks`: images that the platform could not speak of so many times don't keep their day open (0: they do).
    """
    rows = conn.execute(
        f"""SELECT DISTINCT exam_day FROM jobs j WHERE destination = ? AND exam_day <> '' AND exam_day <= ?
           AND state = 'acknowledged' AND withdraws = 0 AND NOT {_SUPERSEDED}
           AND NOT EXISTS (SELECT 1 FROM image_lists l WHERE l.job_id = j.id AND l.round = j.round AND ? > 0
                           AND l.asked_count >= ?) ORDER BY exam_day""",
        (destination, until.isoformat(), image_asks, image_asks),
    ).fetchall()
    return [date.fromisoformat(row["exam_day"]) for row in rows]


def acknowledged_on(conn: sqlite3.Connection, destination: str, day: date) -> list[str]:
    """Exam keys of that day whose newest record the destination acknowledged and which are not withdrawn."""
    return _records_of(conn, destination, day, "state IN ('acknowledged', 'reconciled')")


def unasked_on(conn: sqlite3.Connection, destination: str, day: date) -> list[str]:
    """Exam keys of that day whose newest record is acknowledged and not reconciled."""
    return _records_of(conn, destination, day, "state = 'acknowledged'")


def expected_on(conn: sqlite3.Connection, destination: str, day: date) -> list[str]:
    """Exam keys of that day which are to be at the destination, acknowledged or not: neither withdrawn nor moved."""
    return _records_of(conn, destination, day, "state <> 'withdrawn'")


def _records_of(conn: sqlite3.Connection, destination: str, day: date, condition: str) -> list[str]:
    rows = conn.execute(
        f"""SELECT DISTINCT exam_key FROM jobs j WHERE destination = ? AND exam_day = ?
           AND part IN ('exam', 'merged') AND withdraws = 0 AND state <> 'cancelled' AND {condition}
           AND NOT {_SUPERSEDED} ORDER BY exam_key""",
        (destination, day.isoformat()),
    ).fetchall()
    return [row["exam_key"] for row in rows]


def write_day(
    tx: Tx,
    destination: str,
    day: date,
    state: DayState,
    *,
    now: datetime,
    sent_count: int,
    missing_count: int,
    ask_again_at: datetime | None = None,
    trouble: str = "",
    tell: bool = True,
) -> None:
    """How far the day is now; `tell`: nothing more comes of the present question."""
    tx.execute(
        """INSERT INTO days (destination, day, state, asked_count, asked_at, ask_again_at, sent_count, missing_count,
           trouble) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)
           ON CONFLICT (destination, day) DO UPDATE SET state = excluded.state, asked_count = asked_count + 1,
           asked_at = excluded.asked_at, ask_again_at = excluded.ask_again_at, sent_count = excluded.sent_count,
           missing_count = excluded.missing_count, trouble = excluded.trouble""",
        (
            destination,
            day.isoformat(),
            state.value,
            kept(now),
            kept(ask_again_at) if ask_again_at else None,
            sent_count,
            missing_count,
            trouble,
        ),
    )
    if tell:
        tx.tell("day_reconciled", destination=destination, day=day.isoformat(), state=state.value)


def day(conn: sqlite3.Connection, destination: str, which: date) -> dict[str, Any] | None:
    row = conn.execute(
        "SELECT * FROM days WHERE destination = ? AND day = ?", (destination, which.isoformat())
    ).fetchone()
    return dict(row) if row else None


def due_again(conn: sqlite3.Connection, now: datetime) -> list[tuple[str, date]]:
    """Days whose second question is due."""
    rows = conn.execute(
        "SELECT destination, day FROM days WHERE ask_again_at IS NOT NULL AND ask_again_at <= ?", (kept(now),)
    ).fetchall()
    return [(row["destination"], date.fromisoformat(row["day"])) for row in rows]


def recent(conn: sqlite3.Connection, limit: int = 31) -> list[dict[str, Any]]:
    rows = conn.execute("SELECT * FROM days ORDER BY day DESC, destination LIMIT ?", (limit,)).fetchall()
    return [dict(row) for row in rows]


def note_question(
    tx: Tx,
    destination: str,
    which: date,
    asked: Sequence[str],
    missing: Sequence[str],
    *,
    now: datetime,
    failed: str = "",
    images: Mapping[str, int] | None = None,
    of: int | None = None,
) -> int:
    """One question about a day, all that it has learned so far; `of`: the number that it got the first time.

    `images`: how many exams' images were "whole", "unknown" or "lacking".
    """
    found = (json.dumps(list(asked)), json.dumps(list(missing)), failed, json.dumps(dict(images or {})))
    if of is not None:
        tx.execute("UPDATE questions SET asked = ?, missing = ?, failed = ?, images = ? WHERE id = ?", (*found, of))
        return of
    cursor = tx.execute(
        """INSERT INTO questions (destination, day, asked_at, asked, missing, failed, images)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (destination, which.isoformat(), kept(now), *found),
    )
    return int(cursor.lastrowid or 0)


def questions(conn: sqlite3.Connection, destination: str, which: date) -> list[dict[str, Any]]:
    rows = conn.execute(
        "SELECT asked_at, asked, missing, failed, images FROM questions WHERE destination = ? AND day = ? ORDER BY id",
        (destination, which.isoformat()),
    ).fetchall()
    return [
        {
            "asked_at": row["asked_at"],
            "asked_count": len(json.loads(row["asked"])),
            "missing": json.loads(row["missing"]),
            "failed": row["failed"],
            "images": json.loads(row["images"]),
        }
        for row in rows
    ]


def suspect(tx: Tx, destination: str, which: date, exam_key: str, *, now: datetime) -> None:
    """The first answer in a row that lacks this exam; it does not count yet."""
    tx.execute(
        """INSERT INTO discrepancies (destination, day, exam_key, first_seen_at, suspected_at, confirmed_at,
           resend_count, solved_at) VALUES (?, ?, ?, ?, ?, NULL, 0, NULL)
           ON CONFLICT (destination, day, exam_key) DO UPDATE SET
           suspected_at = coalesce(suspected_at, excluded.suspected_at),
           confirmed_at = CASE WHEN solved_at IS NULL THEN confirmed_at END,
           resend_count = CASE WHEN solved_at IS NULL THEN resend_count ELSE 0 END, solved_at = NULL""",
        (destination, which.isoformat(), exam_key, kept(now), kept(now)),
    )


def confirm(tx: Tx, destination: str, which: date, exam_key: str, *, now: datetime) -> None:
    """The second answer in a row: it counts."""
    tx.execute(
        """UPDATE discrepancies SET confirmed_at = coalesce(confirmed_at, ?)
           WHERE destination = ? AND day = ? AND exam_key = ?""",
        (kept(now), destination, which.isoformat(), exam_key),
    )


def count_resend(tx: Tx, destination: str, which: date, exam_key: str) -> None:
    """It goes once more; from here on two answers in a row are needed again."""
    tx.execute(
        """UPDATE discrepancies SET resend_count = resend_count + 1, suspected_at = NULL
           WHERE destination = ? AND day = ? AND exam_key = ?""",
        (destination, which.isoformat(), exam_key),
    )


def solve(tx: Tx, destination: str, which: date, exam_key: str, *, now: datetime) -> None:
    """The platform has it (again). One that was never confirmed was a false alarm: it leaves no trace."""
    values = (destination, which.isoformat(), exam_key)
    tx.execute(
        "DELETE FROM discrepancies WHERE destination = ? AND day = ? AND exam_key = ? AND confirmed_at IS NULL", values
    )
    tx.execute(
        """UPDATE discrepancies SET solved_at = ?, suspected_at = NULL
           WHERE destination = ? AND day = ? AND exam_key = ? AND solved_at IS NULL""",
        (kept(now), *values),
    )


def forget(tx: Tx, destination: str, which: date, exam_key: str) -> None:
    """The exam is not expected on that day any more (withdrawn, or moved to another day): nothing is missing."""
    tx.execute(
        "DELETE FROM discrepancies WHERE destination = ? AND day = ? AND exam_key = ? AND solved_at IS NULL",
        (destination, which.isoformat(), exam_key),
    )


def forget_miss(tx: Tx, destination: str, exam_key: str) -> None:
    """The exam was withdrawn: nothing of it is missing any more; a day that waited for it alone is open again."""
    rows = tx.execute(
        """DELETE FROM discrepancies WHERE destination = ? AND exam_key = ? AND solved_at IS NULL RETURNING day""",
        (destination, exam_key),
    ).fetchall()
    for row in rows:
        tx.execute(
            """UPDATE days SET state = ?, missing_count = 0, ask_again_at = NULL WHERE destination = ? AND day = ?
               AND NOT EXISTS (SELECT 1 FROM discrepancies d WHERE d.destination = days.destination
                               AND d.day = days.day AND d.solved_at IS NULL)""",
            (DayState.OPEN.value, destination, row["day"]),
        )


def discrepancies(conn: sqlite3.Connection, destination: str, which: date) -> list[Discrepancy]:
    rows = conn.execute(
        "SELECT * FROM discrepancies WHERE destination = ? AND day = ? ORDER BY first_seen_at, exam_key",
        (destination, which.isoformat()),
    ).fetchall()
    return [_discrepancy(row) for row in rows]


def for_engineer(conn: sqlite3.Connection) -> list[Discrepancy]:
    """Confirmed misses that two resends did not cure."""
    rows = conn.execute(
        """SELECT d.* FROM discrepancies d JOIN days y USING (destination, day)
           WHERE d.confirmed_at IS NOT NULL AND d.solved_at IS NULL AND d.resend_count >= 2 AND y.state = 'engineer'"""
    ).fetchall()
    return [_discrepancy(row) for row in rows]


def _discrepancy(row: sqlite3.Row) -> Discrepancy:
    return Discrepancy(
        destination=row["destination"],
        day=date.fromisoformat(row["day"]),
        exam_key=row["exam_key"],
        first_seen_at=taken(row["first_seen_at"]),
        suspected_at=taken_or_none(row["suspected_at"]),
        confirmed_at=taken_or_none(row["confirmed_at"]),
        resend_count=row["resend_count"],
        solved_at=taken_or_none(row["solved_at"]),
    )


def jobs_between(conn: sqlite3.Connection, destination: str, first: date, last: date) -> list[dict[str, Any]]:
    """The newest job of each part of the exams of those days at one destination, without those a person cancelled."""
    rows = conn.execute(
        f"""SELECT exam_key, exam_day, part, report_key, state, withdraws, total_count, changed_at FROM jobs j
            WHERE destination = ? AND exam_day BETWEEN ? AND ? AND state <> 'cancelled' AND NOT {_SUPERSEDED}
            ORDER BY exam_day, exam_key, id""",
        (destination, first.isoformat(), last.isoformat()),
    ).fetchall()
    return [dict(row) for row in rows]


def exams_between(conn: sqlite3.Connection, first: date, last: date) -> list[dict[str, Any]]:
    """What lists show of the exams of those days, oldest first."""
    rows = conn.execute(
        """SELECT e.*, (SELECT s.study_instance_uid FROM exam_studies s WHERE s.exam_key = e.exam_key LIMIT 1) AS uid
           FROM exams e WHERE exam_day BETWEEN ? AND ? ORDER BY exam_day, sort_at""",
        (first.isoformat(), last.isoformat()),
    ).fetchall()
    return [dict(row) | {"problems": json.loads(row["problems"])} for row in rows]


def rows_between(conn: sqlite3.Connection, first: date, last: date) -> dict[tuple[str, str], dict[str, Any]]:
    """(destination, day) -> how far the day was asked."""
    rows = conn.execute(
        "SELECT * FROM days WHERE day BETWEEN ? AND ?", (first.isoformat(), last.isoformat())
    ).fetchall()
    return {(row["destination"], row["day"]): dict(row) for row in rows}


def missing_between(conn: sqlite3.Connection, destination: str, first: date, last: date) -> set[tuple[str, str]]:
    """(day, exam key) of misses that count and are not solved."""
    rows = conn.execute(
        """SELECT day, exam_key FROM discrepancies WHERE destination = ? AND day BETWEEN ? AND ?
           AND confirmed_at IS NOT NULL AND solved_at IS NULL""",
        (destination, first.isoformat(), last.isoformat()),
    ).fetchall()
    return {(row["day"], row["exam_key"]) for row in rows}
