"""Backfills (历史影像补采): which studies were found, taken or failed, so that a stopped one goes on where it was."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from app.store.database import Tx
from app.store.times import kept

_ITSELF = ""  # the row of the backfill as a whole stands among those of its studies


class StudyState(Enum):
    """How far one study of a backfill is."""

    FOUND = "found"
    TAKEN = "taken"
    FAILED = "failed"


class RunState(Enum):
    """How far the backfill as a whole is."""

    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One backfill: `source` is a folder or the name of a PACS."""

    id: str
    source: str
    day_from: date
    state: RunState


def id_of(source: str, day_from: date) -> str:
    """The same question is the same backfill, also after a restart."""
    return f"B{hashlib.sha256(f'{source}|{day_from}'.encode()).hexdigest()[:12].upper()}"


def begin(tx: Tx, source: str, day_from: date, *, now: datetime) -> str:
    """Start or go on; one that was done begins anew, except that its failures are remembered until tried again."""
    run_id = id_of(source, day_from)
    old = tx.execute("SELECT state FROM backfills WHERE id = ? AND study = ?", (run_id, _ITSELF)).fetchone()
    if old is not None and old["state"] == RunState.DONE.value:
        tx.execute("DELETE FROM backfills WHERE id = ? AND state = ?", (run_id, StudyState.TAKEN.value))
    tx.execute(
        "INSERT OR REPLACE INTO backfills (id, source, day_from, study, state, at) VALUES (?, ?, ?, ?, ?, ?)",
        (run_id, source, day_from.isoformat(), _ITSELF, RunState.RUNNING.value, kept(now)),
    )
    return run_id


def end(tx: Tx, run_id: str, state: RunState, *, now: datetime) -> None:
    tx.execute(
        "UPDATE backfills SET state = ?, at = ? WHERE id = ? AND study = ?", (state.value, kept(now), run_id, _ITSELF)
    )


def mark(tx: Tx, run: Run, study: str, state: StudyState, *, now: datetime) -> None:
    """Where one study stands."""
    tx.execute(
        "INSERT OR REPLACE INTO backfills (id, source, day_from, study, state, at) VALUES (?, ?, ?, ?, ?, ?)",
        (run.id, run.source, run.day_from.isoformat(), study, state.value, kept(now)),
    )


def forget(tx: Tx, run: Run, study: str) -> None:
    tx.execute("DELETE FROM backfills WHERE id = ? AND study = ?", (run.id, study))


def run(conn: sqlite3.Connection, run_id: str) -> Run | None:
    row = conn.execute("SELECT * FROM backfills WHERE id = ? AND study = ?", (run_id, _ITSELF)).fetchone()
    return _run(row) if row else None


def newest(conn: sqlite3.Connection) -> Run | None:
    """The backfill that was touched last."""
    row = conn.execute("SELECT * FROM backfills WHERE study = ? ORDER BY at DESC LIMIT 1", (_ITSELF,)).fetchone()
    return _run(row) if row else None


def states(conn: sqlite3.Connection, run_id: str) -> dict[str, StudyState]:
    """study -> state of everything the backfill found."""
    rows = conn.execute("SELECT study, state FROM backfills WHERE id = ? AND study <> ?", (run_id, _ITSELF))
    return {row["study"]: StudyState(row["state"]) for row in rows}


def counts(conn: sqlite3.Connection, run_id: str) -> dict[StudyState, int]:
    """How many studies are in each state."""
    rows = conn.execute(
        "SELECT state, count(*) AS n FROM backfills WHERE id = ? AND study <> ? GROUP BY state", (run_id, _ITSELF)
    )
    return {StudyState(row["state"]): row["n"] for row in rows}


def image_count(conn: sqlite3.Connection, study_instance_uid: str) -> int:
    """Images of the study that the index knows under different UIDs, released ones too."""
    row = conn.execute(
        "SELECT count(DISTINCT sop_instance_uid) AS n FROM instances WHERE study_instance_uid = ?",
        (study_instance_uid,),
    ).fetchone()
    return int(row["n"])


def _run(row: sqlite3.Row) -> Run:
    return Run(
        id=row["id"],
        source=row["source"],
        day_from=date.fromisoformat(row["day_from"]),
        state=RunState(row["state"]),
    )
