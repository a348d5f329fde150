"""The outbox (待传队列): jobs, their moves, their attempts. Every move goes through the one transition table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from app.domain.job import (
    MOVING,
    NEEDS_A_PERSON,
    RECORDS,
    TRANSITIONS,
    UNFINISHED,
    Event,
    Job,
    JobState,
    Part,
    Trouble,
    Turn,
    advance,
)
from app.store import indexes, submissions
from app.store.database import Tx
from app.store.times import kept, taken, taken_or_none

_PATIENT_ATTEMPTS = 3
_RANK = "CASE part WHEN 'exam' THEN 0 WHEN 'merged' THEN 0 WHEN 'report' THEN 1 ELSE 2 END"


def insert(
    tx: Tx,
    *,
    destination: str,
    exam_key: str,
    report_key: str,
    part: Part,
    payload: Mapping[str, object],
    digest: str,
    exam_day: str,
    total_count: int,
    state: JobState,
    now: datetime,
    late: bool = False,
    withdraws: bool = False,
    index_code: str = "",
    unsigned: bool = False,
) -> int:
    """A new job with the next version of its part; returns its id. Unsigned it waits for the doctor first."""
    if unsigned and state is JobState.QUEUED:
        state = advance(state, Event.SIGNATURE_VOIDED)
    version = tx.execute(
        """SELECT coalesce(max(version), 0) + 1 AS v FROM jobs
           WHERE exam_key = ? AND destination = ? AND part = ? AND report_key = ?""",
        (exam_key, destination, part.value, report_key),
    ).fetchone()["v"]
    cursor = tx.execute(
        """INSERT INTO jobs (destination, exam_key, report_key, part, version, withdraws, state, round, attempts,
           payload, digest, exam_day, due_at, step, done_count, total_count, trouble, submitted_at, changed_at,
           late, first, index_code, unsigned) VALUES (?,?,?,?,?,?,?,1,0,?,?,?,NULL,'',0,?,NULL,?,?,?,0,?,?)""",
        (
            destination,
            exam_key,
            report_key,
            part.value,
            version,
            int(withdraws),
            state.value,
            json.dumps(payload, ensure_ascii=False),
            digest,
            exam_day,
            total_count,
            kept(now),
            kept(now),
            int(late),
            index_code,
            int(unsigned),
        ),
    )
    job_id = int(cursor.lastrowid or 0)
    submissions.follow(tx.conn, exam_key, destination, recount="images" in payload)
    tx.tell("job_changed", job=job_id, exam=exam_key, state=state.value)
    return job_id


def move(
    tx: Tx,
    job_id: int,
    event: Event,
    *,
    now: datetime,
    trouble: Trouble | None = None,
    due_at: datetime | None = None,
    new_round: bool = False,
) -> JobState:
    """Advance one job by the transition table; raises `ImpossibleMove` for a pair that cannot happen.

    What would wait under an index code that was replaced meanwhile is cancelled instead: it may never go again. What
    would be sent without the signature that it needs waits for the doctor.
    """
    row = tx.execute(
        "SELECT state, exam_key, destination, withdraws, index_code, unsigned FROM jobs WHERE id = ?", (job_id,)
    ).fetchone()
    state = advance(JobState(row["state"]), event)
    if row["unsigned"] and state is JobState.QUEUED:
        state = advance(state, Event.SIGNATURE_VOIDED)
    elif not row["unsigned"] and state is JobState.TO_SIGN:
        state = advance(state, Event.SIGNED)
    outdated = not row["withdraws"] and indexes.is_replaced(tx.conn, row["destination"], row["index_code"])
    if outdated and (state, Event.CANCELLED) in TRANSITIONS:
        state = advance(state, Event.CANCELLED)
    tx.execute(
        """UPDATE jobs SET state = ?, trouble = ?, due_at = ?, changed_at = ?, round = round + ?,
           attempts = CASE WHEN ? THEN 0 ELSE attempts + ? END WHERE id = ?""",
        (
            state.value,
            _trouble_text(trouble),
            kept(due_at) if due_at else None,
            kept(now),
            int(new_round),
            event in (Event.MENDED, Event.RESENT, Event.FOUND_MISSING, Event.RELEASED),
            int(event is Event.CLAIMED),
            job_id,
        ),
    )
    submissions.follow(tx.conn, row["exam_key"], row["destination"])
    tx.tell("job_changed", job=job_id, exam=row["exam_key"], state=state.value)
    return state


def replace_payload(
    tx: Tx,
    job_id: int,
    payload: Mapping[str, object],
    digest: str,
    exam_day: str,
    total_count: int,
    late: bool,
    index_code: str = "",
    unsigned: bool = False,
) -> None:
    """Freeze a mended payload into a job that has not been acknowledged yet; a `move` follows."""
    tx.execute(
        """UPDATE jobs SET payload = ?, digest = ?, exam_day = ?, total_count = ?, late = ?, index_code = ?,
           unsigned = ? WHERE id = ?""",
        (
            json.dumps(payload, ensure_ascii=False),
            digest,
            exam_day,
            total_count,
            int(late),
            index_code,
            int(unsigned),
            job_id,
        ),
    )
    _follow(tx, job_id, recount=True)


def sign(tx: Tx, job: Job, payload: Mapping[str, object], *, now: datetime) -> None:
    """The signature is in the payload: the job may go, unless a person holds it."""
    tx.execute(
        "UPDATE jobs SET payload = ?, unsigned = 0 WHERE id = ?", (json.dumps(payload, ensure_ascii=False), job.id)
    )
    if job.state is JobState.TO_SIGN:
        move(tx, job.id, Event.SIGNED, now=now)


def unsign(tx: Tx, job: Job, payload: Mapping[str, object], *, now: datetime, trouble: Trouble | None = None) -> None:
    """Its signature counts no more: what was about to go waits for the next one; what a person has in hand stays."""
    tx.execute(
        "UPDATE jobs SET payload = ?, unsigned = 1 WHERE id = ?", (json.dumps(payload, ensure_ascii=False), job.id)
    )
    if job.state in (JobState.QUEUED, JobState.WAITING, JobState.SENDING):
        move(tx, job.id, Event.SIGNATURE_VOIDED, now=now, trouble=trouble)


def unsigned(conn: sqlite3.Connection, destination: str, exam_key: str, report_key: str) -> list[Job]:
    """What lacks the signature of this report, whatever a person did to it meanwhile."""
    rows = conn.execute(
        "SELECT * FROM jobs WHERE exam_key = ? AND destination = ? AND report_key = ? AND unsigned = 1",
        (exam_key, destination, report_key),
    )
    return [_job(row) for row in rows]


def claim(tx: Tx, destination: str, waits_for: Mapping[str, str], *, now: datetime) -> Job | None:
    """The next job to send, now SENDING; None when nothing may go.

    Order is kept within one exam only: one job of an exam at a time, older versions of a part first, and a part in
    `waits_for` only once the part it needs has been acknowledged. What only waits to be fetched holds up no newer
    version, which takes its place.
    """
    _wake_due(tx, destination, now)
    needs = "".join(_after(part, needed) for part, needed in waits_for.items())
    row = tx.execute(
        f"""SELECT j.id FROM jobs j WHERE j.destination = ? AND j.state = 'queued'
            AND NOT EXISTS (SELECT 1 FROM jobs s WHERE s.destination = j.destination
                            AND s.exam_key = j.exam_key AND s.state = 'sending')
            AND NOT EXISTS (SELECT 1 FROM jobs v WHERE v.destination = j.destination AND v.exam_key = j.exam_key
                            AND v.part = j.part AND v.report_key = j.report_key AND v.version < j.version
                            AND (v.state IN ('queued', 'sending') OR (v.state = 'waiting' AND v.due_at IS NOT NULL)))
            {needs}
            ORDER BY j.first DESC, j.submitted_at, {_RANK}, j.version LIMIT 1""",
        (destination,),
    ).fetchone()
    if row is None:
        return None
    move(tx, row["id"], Event.CLAIMED, now=now)
    _give_up_older(tx, row["id"], now)
    return job(tx.conn, row["id"])


def _give_up_older(tx: Tx, job_id: int, now: datetime) -> None:
    """Older versions that only wait to be fetched: the newer one names all of their images."""
    rows = tx.execute(
        """SELECT v.id FROM jobs v JOIN jobs j ON v.destination = j.destination AND v.exam_key = j.exam_key
           AND v.part = j.part AND v.report_key = j.report_key AND v.version < j.version
           WHERE j.id = ? AND v.state = 'waiting' AND v.due_at IS NULL""",
        (job_id,),
    ).fetchall()
    for row in rows:
        move(tx, row["id"], Event.CANCELLED, now=now)


def _wake_due(tx: Tx, destination: str, now: datetime) -> None:
    due = tx.execute(
        """UPDATE jobs SET state = ?, due_at = NULL WHERE destination = ? AND state = ? AND due_at <= ?
           RETURNING exam_key""",
        (advance(JobState.WAITING, Event.DUE).value, destination, JobState.WAITING.value, kept(now)),
    ).fetchall()
    for exam_key in {row["exam_key"] for row in due}:
        submissions.follow(tx.conn, exam_key, destination)


def _after(part: str, needed: str) -> str:
    """`part` goes after `needed` was acknowledged under the same index code; of a withdrawal `needed` goes last, so
    that nothing hangs on what is deleted. A report of several exams goes after all of them, whatever holds them up.

    A platform that lost `needed` may refuse `part` for ever: after some attempts `needed` goes all the same.
    """
    of_needed = f"""SELECT 1 FROM jobs n WHERE n.destination = j.destination AND n.exam_key = j.exam_key
                    AND n.part = '{needed}'"""
    withdrawal = f"""SELECT 1 FROM jobs n WHERE n.destination = j.destination AND n.exam_key = j.exam_key
                     AND n.part = '{part}' AND n.withdraws = 1"""
    of_others = f"""SELECT 1 FROM exam_reports x JOIN jobs n ON n.exam_key = x.exam_key
                    WHERE x.report_key = j.report_key AND x.exam_key <> j.exam_key AND n.destination = j.destination
                    AND n.part = '{needed}' AND n.withdraws = 0 AND (n.state IN ('queued', 'sending')
                        OR (n.state IN ({_marks(UNFINISHED)}) AND NOT EXISTS (
                            SELECT 1 FROM jobs a WHERE a.exam_key = n.exam_key AND a.destination = n.destination
                            AND a.part = n.part AND a.withdraws = 0 AND a.state IN ('acknowledged', 'reconciled'))))"""
    return f"""
        AND NOT (j.part = '{part}' AND j.withdraws = 0 AND j.report_key <> '' AND EXISTS ({of_others}))
        AND NOT (j.part = '{part}' AND j.withdraws = 0 AND (
            NOT EXISTS ({of_needed} AND n.withdraws = 0 AND n.index_code = j.index_code
                        AND n.state IN ('acknowledged', 'reconciled'))
            OR EXISTS ({of_needed} AND n.state IN ('queued', 'sending'))))
        AND NOT (j.part = '{needed}' AND j.withdraws = 1
            AND EXISTS ({withdrawal} AND (n.state IN ('queued', 'sending')
                        OR (n.state = 'waiting' AND n.attempts < {_PATIENT_ATTEMPTS}))))"""


def interrupted(tx: Tx, *, now: datetime) -> tuple[str, ...]:
    """At start-up: what was being sent when the program ended goes back to the queue. Returns the exams' keys."""
    rows = tx.execute("SELECT id, exam_key FROM jobs WHERE state = 'sending'").fetchall()
    for row in rows:
        move(tx, row["id"], Event.INTERRUPTED, now=now)
    return tuple(dict.fromkeys(row["exam_key"] for row in rows))


def waiting_for_settings(conn: sqlite3.Connection) -> list[tuple[int, str]]:
    """(job id, exam key) of newest versions that were rejected because of the settings."""
    rows = conn.execute(
        """SELECT j.id, j.exam_key FROM jobs j WHERE j.state = 'rejected' AND (
             SELECT a.verdict FROM attempts a WHERE a.job_id = j.id ORDER BY a.id DESC LIMIT 1) = 'fix_settings'
           AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.destination = j.destination AND n.exam_key = j.exam_key
             AND n.part = j.part AND n.report_key = j.report_key AND n.version > j.version)"""
    ).fetchall()
    return [(row["id"], row["exam_key"]) for row in rows]


def begin_again(tx: Tx, job_id: int, total: int) -> None:
    """Its progress counts from nothing: all of it goes once more."""
    tx.execute("UPDATE jobs SET total_count = ?, done_count = 0 WHERE id = ?", (total, job_id))


def new_round(tx: Tx, job_id: int) -> None:
    """What was answered so far is asked again when its turn comes; it stands where it stood."""
    tx.execute("UPDATE jobs SET round = round + 1, done_count = 0 WHERE id = ?", (job_id,))


def progress(tx: Tx, job_id: int, step: str, done: int, total: int) -> None:
    tx.execute("UPDATE jobs SET step = ?, done_count = ?, total_count = ? WHERE id = ?", (step, done, total, job_id))
    tx.tell("job_progressed", job=job_id, done=done, total=total)


def send_first(tx: Tx, job_id: int) -> None:
    tx.execute("UPDATE jobs SET first = 1 WHERE id = ?", (job_id,))
    _follow(tx, job_id)


def _follow(tx: Tx, job_id: int, *, recount: bool = False) -> None:
    row = tx.execute("SELECT exam_key, destination FROM jobs WHERE id = ?", (job_id,)).fetchone()
    submissions.follow(tx.conn, row["exam_key"], row["destination"], recount=recount)


def note_attempt(tx: Tx, running: Job, step: str, verdict: str, code: str, words: str, *, now: datetime) -> None:
    """One line of the answer log: what was asked, how it was judged, the platform's own code and words."""
    tx.execute(
        "INSERT INTO attempts (job_id, round, step, at, verdict, code, words) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (running.id, running.round, step, kept(now), verdict, code, words[:2000]),
    )


def attempts(conn: sqlite3.Connection, exam_key: str) -> list[dict[str, Any]]:
    rows = conn.execute(
        """SELECT a.job_id, j.destination, j.part, j.report_key, j.version, a.round, a.step, a.at, a.verdict, a.code,
                  a.words FROM attempts a JOIN jobs j ON j.id = a.job_id WHERE j.exam_key = ? ORDER BY a.id""",
        (exam_key,),
    ).fetchall()
    return [dict(row) for row in rows]


def job(conn: sqlite3.Connection, job_id: int) -> Job:
    return _job(conn.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())


def of_exam(conn: sqlite3.Connection, exam_key: str) -> list[Job]:
    """All jobs of an exam, oldest first."""
    return [_job(row) for row in conn.execute("SELECT * FROM jobs WHERE exam_key = ? ORDER BY id", (exam_key,))]


def stages_told(conn: sqlite3.Connection, exam_key: str) -> dict[str, str]:
    """Destination -> the stage of the exam in the newest record of it that was not cancelled, none once withdrawn.

    A record of an earlier version of the program names none: it went when the exam was made.
    """
    rows = conn.execute(
        f"""SELECT destination, CASE withdraws
            WHEN 0 THEN coalesce(json_extract(payload, '$.stage'), 'examined') END AS stage FROM jobs
            WHERE exam_key = ? AND part IN ({", ".join(f"'{part.value}'" for part in RECORDS)})
            AND state <> '{JobState.CANCELLED.value}' ORDER BY id""",
        (exam_key,),
    )
    told = {row["destination"]: row["stage"] for row in rows}
    return {name: stage for name, stage in told.items() if stage}


def newest(all_jobs: list[Job]) -> tuple[Job, ...]:
    """Of every (destination, part, report) the newest version."""
    found: dict[tuple[str, Part, str], Job] = {}
    for each in all_jobs:
        key = (each.destination, each.part, each.report_key)
        if key not in found or found[key].version < each.version:
            found[key] = each
    return tuple(found.values())


def troubles(conn: sqlite3.Connection) -> dict[str, tuple[Trouble, datetime]]:
    """exam key -> (why, since when) of the newest jobs that wait for a person, the gravest's. Reads no payload."""
    rows = conn.execute(
        f"""SELECT exam_key, trouble, changed_at FROM jobs j WHERE state IN ({_marks(NEEDS_A_PERSON)})
            AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.destination = j.destination AND n.exam_key = j.exam_key
              AND n.part = j.part AND n.report_key = j.report_key AND n.version > j.version)
            ORDER BY state = '{JobState.REJECTED.value}', id"""
    ).fetchall()
    return {
        row["exam_key"]: (trouble, taken(row["changed_at"])) for row in rows if (trouble := trouble_of(row["trouble"]))
    }


def next_due(conn: sqlite3.Connection) -> datetime | None:
    row = conn.execute("SELECT min(due_at) AS due FROM jobs WHERE state = 'waiting'").fetchone()
    return taken_or_none(row["due"])


def moving_exams(conn: sqlite3.Connection) -> int:
    """How many exams are on their way right now."""
    row = conn.execute(f"SELECT count(DISTINCT exam_key) AS n FROM jobs WHERE state IN ({_marks(MOVING)})").fetchone()
    return int(row["n"])


def _marks(states: Collection[JobState]) -> str:
    return ", ".join(f"'{state.value}'" for state in states)


def _trouble_text(trouble: Trouble | None) -> str | None:
    if trouble is None:
        return None
    return json.dumps(
        {
            "title": trouble.title,
            "advice": trouble.advice,
            "turn": trouble.turn.value,
            "code": trouble.code,
            "words": trouble.words[:2000],
            "step": trouble.step,
            "items": list(trouble.items[:50]),
            "page": trouble.page,
        },
        ensure_ascii=False,
    )


@lru_cache(maxsize=1000)
def trouble_of(text: str | None) -> Trouble | None:
    """Kept by its text: lists and the status read the same few again and again."""
    if not text:
        return None
    data = json.loads(text)
    return Trouble(**data | {"turn": Turn(data["turn"]), "items": tuple(data["items"])})


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        destination=row["destination"],
        exam_key=row["exam_key"],
        report_key=row["report_key"],
        part=Part(row["part"]),
        version=row["version"],
        withdraws=bool(row["withdraws"]),
        state=JobState(row["state"]),
        round=row["round"],
        attempts=row["attempts"],
        payload=json.loads(row["payload"]),
        digest=row["digest"],
        due_at=taken_or_none(row["due_at"]),
        step=row["step"],
        done_count=row["done_count"],
        total_count=row["total_count"],
        trouble=trouble_of(row["trouble"]),
        submitted_at=taken(row["submitted_at"]),
        changed_at=taken(row["changed_at"]),
        late=bool(row["late"]),
        index_code=row["index_code"],
        unsigned=bool(row["unsigned"]),
    )
