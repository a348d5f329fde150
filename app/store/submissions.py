"""Submissions (上传单) as lists show them: one row per exam and destination, kept in step with its jobs.

Everything in the table follows from `jobs`: each change of a job calls `follow`, an empty table is filled by `rebuild`.
It exists so that a page of 100,000 exams is an index read and never opens a payload.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.job import CONFIRMED, JobState
from app.domain.submission import DONE_RANK, PILES, live_state, rank, submission_state
from app.domain.times import cst_day
from app.store.times import taken

_SENT_FIRST = 10**15
"""More than any time in milliseconds: what a person sends first stands before everything else that waits."""
_ORDER = {"exam": 0, "merged": 0, "report": 1, "images": 2}
_LONGEST_WORD = 64


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which submissions a list shows. `pile`: the name of a `Pile`; `with_open`: a day holds what is open, too."""

    pile: str = ""
    day: str = ""
    with_open: bool = False
    destination: str = ""
    text: str = ""


def follow(conn: sqlite3.Connection, exam_key: str, destination: str, *, recount: bool = False) -> None:
    """Work the row out again after a change of a job. `recount`: its images changed, too."""
    found = conn.execute(
        """SELECT id, part, report_key, withdraws, state, submitted_at, changed_at, late, first FROM jobs
           WHERE exam_key = ? AND destination = ? ORDER BY version""",
        (exam_key, destination),
    ).fetchall()
    if not found:
        return
    newest = sorted(
        {(row["part"], row["report_key"]): row for row in found}.values(),
        key=lambda row: (_ORDER.get(row["part"], 3), row["report_key"]),
    )
    live = [live_state(JobState(row["state"]), withdraws=bool(row["withdraws"])) for row in newest]
    state = submission_state(live)
    place = rank(state)
    by_person = [row["submitted_at"] for row in found if not row["late"] and not row["withdraws"]]
    submitted_at = max(by_person or [row["submitted_at"] for row in found])
    since = int(taken(submitted_at).timestamp() * 1000)
    first = any(row["first"] for row in newest)
    columns: dict[str, Any] = {
        "state": state.value,
        "pile": PILES[state].value,
        "rank": place,
        "sort": -since if place == DONE_RANK else since - (_SENT_FIRST if first else 0),
        "day": cst_day(taken(submitted_at)),
        "job_id": next((row["id"] for row, each in zip(newest, live, strict=True) if each is state), 0),
        "parts_done": sum(JobState(row["state"]) in CONFIRMED for row in newest),
        "parts": len(newest),
        "submitted_at": submitted_at,
        "changed_at": max(row["changed_at"] for row in found),
    }
    if recount:
        columns |= _images(conn, exam_key, destination)
    names = list(columns)
    conn.execute(
        f"""INSERT INTO submissions (exam_key, destination, {", ".join(names)})
            VALUES (?, ?, {", ".join("?" for _ in names)})
            ON CONFLICT (exam_key, destination) DO UPDATE SET {", ".join(f"{n} = excluded.{n}" for n in names)}""",
        (exam_key, destination, *columns.values()),
    )


def _images(conn: sqlite3.Connection, exam_key: str, destination: str) -> dict[str, int]:
    """How many images the newest version brings, how many of them came late, and their bytes.

    A record that tells where its images can be fetched brings them too, and none of their bytes.
    """
    rows = conn.execute(
        """SELECT coalesce(json_array_length(payload, '$.images'), 0) AS n, (SELECT coalesce(sum(
             json_extract(value, '$.size_bytes')), 0) FROM json_each(payload, '$.images') WHERE part = 'images') AS size
           FROM jobs WHERE exam_key = ? AND destination = ? AND withdraws = 0
           AND (part = 'images' OR json_type(payload, '$.images') = 'array') ORDER BY version""",
        (exam_key, destination),
    ).fetchall()
    if not rows:
        return {"image_count": 0, "late_count": 0, "bytes_total": 0}
    late = max(0, rows[-1]["n"] - rows[0]["n"])
    return {"image_count": rows[-1]["n"], "late_count": late, "bytes_total": int(rows[-1]["size"])}


def rebuild(conn: sqlite3.Connection) -> None:
    """Fill an empty table from the jobs: a home of an earlier version of the program."""
    if conn.execute("SELECT 1 FROM submissions LIMIT 1").fetchone() is None:
        conn.execute("BEGIN IMMEDIATE")
        for row in conn.execute("SELECT DISTINCT exam_key, destination FROM jobs").fetchall():
            follow(conn, row["exam_key"], row["destination"], recount=True)
        conn.execute("COMMIT")


def page(conn: sqlite3.Connection, wanted: Wanted, *, limit: int, offset: int) -> list[dict[str, Any]]:
    """What needs a person, then what moves, then what is over (newest first), with what a row says of its exam."""
    where, values = _condition(wanted)
    rows = conn.execute(
        f"""{_ROW} FROM (SELECT rowid AS r FROM submissions WHERE {where} ORDER BY rank, sort, exam_key LIMIT :limit
              OFFSET :offset) p
            JOIN submissions s ON s.rowid = p.r {_AROUND} ORDER BY s.rank, s.sort, s.exam_key""",
        values | {"limit": limit, "offset": offset},
    ).fetchall()
    return [dict(row) for row in rows]


def page_row(conn: sqlite3.Connection, exam_key: str, destination: str) -> dict[str, Any] | None:
    """One row as `page` has it."""
    row = conn.execute(
        f"{_ROW} FROM submissions s {_AROUND} WHERE s.exam_key = ? AND s.destination = ?", (exam_key, destination)
    ).fetchone()
    return dict(row) if row else None


_ROW = """SELECT s.*, e.patient_name, e.accession_number, e.modality, e.description, e.exam_day, e.changed, e.problems,
    e.submitted_at IS NULL AS ahead,
    j.part, j.step, j.done_count, j.total_count, j.due_at, j.attempts, j.round, j.trouble, j.withdraws,
    (SELECT study_instance_uid FROM exam_studies x WHERE x.exam_key = s.exam_key LIMIT 1) AS uid"""
_IS_FETCHED = "(state = 'waiting' AND (SELECT due_at FROM jobs WHERE id = job_id) IS NULL)"
"""Such a job waits without a due time: see `pickups`."""
_AROUND = f"""JOIN exams e ON e.exam_key = s.exam_key
    LEFT JOIN jobs j ON j.id = s.job_id AND s.rank < {DONE_RANK}"""


def keys(conn: sqlite3.Connection, wanted: Wanted, *, limit: int) -> list[dict[str, Any]]:
    """(exam_key, destination, state, is_fetched) of everything wanted, in the order of `page`."""
    where, values = _condition(wanted)
    rows = conn.execute(
        f"""SELECT exam_key, destination, state, {_IS_FETCHED} AS is_fetched FROM submissions WHERE {where}
            ORDER BY rank, sort, exam_key LIMIT :limit""",
        values | {"limit": limit},
    ).fetchall()
    return [dict(row) for row in rows]


def one(conn: sqlite3.Connection, exam_key: str, destination: str) -> dict[str, Any] | None:
    row = conn.execute(
        """SELECT s.*, e.patient_name, e.problems FROM submissions s JOIN exams e USING (exam_key)
           WHERE exam_key = ? AND destination = ?""",
        (exam_key, destination),
    ).fetchone()
    return dict(row) if row else None


def destinations_of(conn: sqlite3.Connection, exam_key: str) -> list[str]:
    """Where an exam was submitted to, what needs a person first."""
    rows = conn.execute(
        "SELECT destination FROM submissions WHERE exam_key = ? ORDER BY rank, destination", (exam_key,)
    ).fetchall()
    return [row["destination"] for row in rows]


def counts(conn: sqlite3.Connection, wanted: Wanted) -> dict[str, int]:
    """state -> how many, whatever `wanted.pile` says: the words of the filter buttons."""
    where, values = _condition(replace(wanted, pile="", day="" if wanted.with_open else wanted.day))
    if not wanted.day and not wanted.text.strip():
        rows = conn.execute(
            """SELECT state, sum(count) AS n FROM submissions_counts WHERE (:name = '' OR destination = :name)
               AND count > 0 GROUP BY state""",
            {"name": wanted.destination},
        )
    elif not (wanted.with_open and wanted.day):
        rows = conn.execute(f"SELECT state, count(*) AS n FROM submissions WHERE {where} GROUP BY state", values)
    else:  # what is open and what is over have no state in common: each has an index of its own
        rows = conn.execute(
            f"""SELECT state, count(*) AS n FROM submissions WHERE rank < {DONE_RANK} AND {where} GROUP BY +state
                UNION ALL SELECT state, count(*) AS n FROM submissions
                WHERE day = :day AND rank = {DONE_RANK} AND {where} GROUP BY +state""",
            values | {"day": wanted.day},
        )
    return {row["state"]: row["n"] for row in rows.fetchall()}


def fetched_count(conn: sqlite3.Connection, wanted: Wanted) -> int:
    """How many of these only wait to be fetched."""
    where, values = _condition(replace(wanted, pile=""))
    row = conn.execute(f"SELECT count(*) AS n FROM submissions WHERE {where} AND {_IS_FETCHED}", values).fetchone()
    return int(row["n"])


def is_one_place(conn: sqlite3.Connection, wanted: Wanted) -> bool:
    """Whether every exam has one submission among them at most: then there are as many exams."""
    rows = conn.execute("SELECT DISTINCT destination FROM submissions_counts WHERE count > 0").fetchall()
    return bool(wanted.destination) or len(rows) <= 1


def exam_count(conn: sqlite3.Connection, wanted: Wanted) -> int:
    """How many exams these submissions are of."""
    where, values = _condition(wanted)
    row = conn.execute(f"SELECT count(DISTINCT exam_key) AS n FROM submissions WHERE {where}", values).fetchone()
    return int(row["n"])


def days(conn: sqlite3.Connection, limit: int = 14) -> list[str]:
    """The newest days on which something was submitted: each a step down the index, not a scan."""
    found: list[str] = []
    before = "9999"
    while len(found) < limit:
        row = conn.execute("SELECT max(day) AS day FROM submissions WHERE day < ?", (before,)).fetchone()
        if row["day"] is None:
            break
        before = row["day"]
        found.append(before)
    return found


def waiting_before(conn: sqlite3.Connection, destination: str) -> list[str]:
    """Exam keys that are queued at a destination, in the order in which they will go; the first thousand."""
    rows = conn.execute(
        """SELECT exam_key FROM submissions WHERE pile = 'uploading' AND rank = ? AND destination = ?
           ORDER BY sort, exam_key LIMIT 1000""",
        (rank(JobState.QUEUED), destination),
    ).fetchall()
    return [row["exam_key"] for row in rows]


def bytes_held(conn: sqlite3.Connection, exam_key: str, destination: str, since: str = "") -> int:
    """Bytes of the images that the destination took of an exam, since a time."""
    row = conn.execute(
        """SELECT coalesce(sum(i.size_bytes), 0) AS n FROM holdings h
           JOIN instances i ON i.sop_instance_uid = h.item AND i.data_set_sha256 = h.sha256
           WHERE h.destination = ? AND h.exam_key = ? AND h.part = 'images' AND h.at >= ?""",
        (destination, exam_key, since),
    ).fetchone()
    return int(row["n"])


def moved_since(conn: sqlite3.Connection, since: str) -> list[tuple[str, str]]:
    """(exam key, destination) of what is being sent, or was until a moment ago."""
    rows = conn.execute(
        """SELECT exam_key, destination FROM submissions WHERE pile = 'uploading' AND rank = ?
           UNION SELECT exam_key, destination FROM submissions WHERE changed_at >= ? LIMIT 200""",
        (rank(JobState.SENDING), since),
    ).fetchall()
    return [(row["exam_key"], row["destination"]) for row in rows]


def acknowledgements(conn: sqlite3.Connection, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(exam key, destination) -> when the platform last acknowledged something of it."""
    return {pair: at for pair in pairs if (at := acknowledged_at(conn, *pair))}


def acknowledged_at(conn: sqlite3.Connection, exam_key: str, destination: str) -> str:
    """The last acknowledgement as UTC ISO text, "" for none."""
    row = conn.execute(
        """SELECT max(r.acknowledged_at) AS at FROM jobs j JOIN receipts r ON r.job_id = j.id
           WHERE j.exam_key = ? AND j.destination = ?""",
        (exam_key, destination),
    ).fetchone()
    return row["at"] or ""


def numbers(conn: sqlite3.Connection, exam_key: str, destination: str) -> list[str]:
    """What the platform returned to find the exam by: index codes and the like, as returned; none that is replaced."""
    rows = conn.execute(
        """SELECT DISTINCT number FROM receipt_numbers n WHERE exam_key = ? AND destination = ? AND NOT EXISTS (
             SELECT 1 FROM index_codes i WHERE i.destination = n.destination AND i.index_code = n.number
             AND i.replaced_at IS NOT NULL) ORDER BY number""",
        (exam_key, destination),
    ).fetchall()
    return [row["number"] for row in rows]


def image_facts(conn: sqlite3.Connection, exam_key: str) -> dict[str, Any]:
    """n, size, source and first_at of the images of an exam."""
    row = conn.execute(
        """SELECT count(*) AS n, coalesce(sum(i.size_bytes), 0) AS size, max(i.source) AS source,
                  min(i.received_at) AS first_at
           FROM exam_studies x JOIN instances i USING (study_instance_uid)
           WHERE x.exam_key = ? AND i.current = 1 AND x.patient_key IN ('', i.patient_key)""",
        (exam_key,),
    ).fetchone()
    return dict(row)


def typed_count(conn: sqlite3.Connection, exam_key: str, source: str) -> int:
    """How many values of an exam and its reports came from that source."""
    row = conn.execute(
        """SELECT count(*) AS n FROM record_values WHERE source = ? AND text <> '' AND (owner = ?
           OR owner IN (SELECT report_key FROM exam_reports WHERE exam_key = ?))""",
        (source, exam_key, exam_key),
    ).fetchone()
    return int(row["n"])


def _condition(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    where, values = ["1 = 1"], dict[str, Any]()
    if wanted.pile:
        where.append("pile = :pile")
        values["pile"] = wanted.pile
    if wanted.destination:
        where.append("+destination = :destination")
        values["destination"] = wanted.destination
    if wanted.day:
        where.append(f"(day = :day OR rank < {DONE_RANK})" if wanted.with_open else "day = :day")
        values["day"] = wanted.day
    if wanted.text.strip():
        where.append(f"exam_key IN ({_SOUGHT})")
        text = wanted.text.strip()[:_LONGEST_WORD]
        values |= {"text": text, "like": sought(text), "after": f"{text}\U0010ffff"}
    return " AND ".join(where), values


def sought(*words: str) -> str:
    """The text under which an exam is found: capitals, one blank between words."""
    return " ".join(" ".join(words).upper().split())


_SOUGHT = """SELECT exam_key FROM exams WHERE instr(sought, :like) > 0
    UNION ALL SELECT exam_key FROM exams WHERE exam_key = :text
    UNION ALL SELECT exam_key FROM receipt_numbers WHERE number >= :text AND number < :after
    UNION ALL SELECT exam_key FROM exam_studies WHERE length(:text) >= 5 AND study_instance_uid >= :text
      AND study_instance_uid < :after
    UNION ALL SELECT x.exam_key FROM instances i JOIN exam_studies x USING (study_instance_uid)
      WHERE i.sop_instance_uid = :text"""
"""By any part of name, spelling or accession number; by the start of index code or study UID; by exam key, SOP UID."""
