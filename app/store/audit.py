"""The acts of people and of the program, newest first (日志): of exams, of the platforms' refusals, of the program."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.store.database import Tx
from app.store.times import kept

_ALIASES = {"timeline": "t", "answer": "a", "aside": "s", "act": "c", "retrieval": "v"}
_SOUGHT_IN = {"timeline": "detail", "answer": "words", "aside": "path", "act": "detail", "retrieval": "reason"}
_SOURCES = """
    SELECT 'timeline' AS kind, t.at AS at, t.who AS who, t.what AS what, t.detail AS detail, t.exam_key AS exam_key
    FROM timeline t WHERE {timeline}
    UNION ALL
    SELECT 'answer', a.at, '', a.verdict, a.step || char(9) || a.code || char(9) || a.words, j.exam_key
    FROM attempts a JOIN jobs j ON j.id = a.job_id WHERE a.verdict <> 'accept' AND {answer}
    UNION ALL
    SELECT 'aside', s.at, '', s.title, s.path, '' FROM aside s WHERE {aside}
    UNION ALL
    SELECT 'act', c.at, c.who, c.what, c.detail, '' FROM acts c WHERE {act}
    UNION ALL
    SELECT 'retrieval', v.at, v.who, v.what, v.title || char(9) || v.reason || char(9) || v.id_masked || char(9)
    || coalesce(v.count, ''), '' FROM retrievals v WHERE {retrieval}
"""


def note_act(tx: Tx, what: str, detail: str, *, at: datetime, who: str = "") -> None:
    """Something that was done to the program and not to one exam. `detail` holds no name, number or secret."""
    tx.execute("INSERT INTO acts (at, what, detail, who) VALUES (?, ?, ?, ?)", (kept(at), what, detail, who))


def count_act(tx: Tx, what: str, subject: str, counts: Sequence[int], *, at: datetime) -> None:
    """An act that comes again and again: one line for each hour, its counts added up.

    `detail` is the subject, which holds no tab, and the counts, each behind a tab.
    """
    last = tx.execute(
        "SELECT id, detail FROM acts WHERE what = ? AND at >= ? AND substr(detail, 1, ?) = ? ORDER BY id DESC LIMIT 1",
        (what, kept(at.replace(minute=0, second=0, microsecond=0)), len(subject) + 1, f"{subject}\t"),
    ).fetchone()
    before = [int(one) for one in last["detail"].split("\t")[1:]] if last else [0] * len(counts)
    detail = "\t".join([subject, *(str(old + new) for old, new in zip(before, counts, strict=True))])
    if last:
        tx.execute("UPDATE acts SET at = ?, detail = ? WHERE id = ?", (kept(at), detail, last["id"]))
    else:
        note_act(tx, what, detail, at=at)


def page(
    conn: sqlite3.Connection,
    *,
    limit: int,
    offset: int,
    text: str = "",
    kinds: Mapping[str, Iterable[str]] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[list[dict[str, Any]], int]:
    """(one page, how many in all). `kinds`: kind -> the `what` whose words hold `text`."""
    values: dict[str, Any] = {}
    conditions = {
        kind: " AND ".join([*_days(alias, since, until, values), *_sought(kind, alias, text, kinds or {}, values)])
        or "1"
        for kind, alias in _ALIASES.items()
    }
    sql = _SOURCES.format(**conditions)
    total = conn.execute(f"SELECT count(*) AS n FROM ({sql})", values).fetchone()["n"]
    rows = conn.execute(
        f"{sql} ORDER BY at DESC LIMIT :limit OFFSET :offset", {**values, "limit": limit, "offset": offset}
    )
    return [dict(row) for row in rows.fetchall()], int(total)


def _days(alias: str, since: datetime | None, until: datetime | None, values: dict[str, Any]) -> list[str]:
    found = []
    for name, at, sign in (("since", since, ">="), ("until", until, "<")):
        if at is not None:
            values[name] = kept(at)
            found.append(f"{alias}.at {sign} :{name}")
    return found


def _sought(kind: str, alias: str, text: str, kinds: Mapping[str, Iterable[str]], values: dict[str, Any]) -> list[str]:
    if not text:
        return []
    values["like"] = f"%{text}%"
    what = list(kinds.get(kind, ()))
    values |= {f"{kind}{number}": each for number, each in enumerate(what)}
    parts = [f"{alias}.{_SOUGHT_IN[kind]} LIKE :like"]
    if what:
        named = "verdict" if kind == "answer" else "title" if kind == "aside" else "what"
        parts.append(f"{alias}.{named} IN ({', '.join(f':{kind}{number}' for number in range(len(what)))})")
    if kind in ("aside", "retrieval"):
        parts.append(f"{alias}.title LIKE :like")
    if kind in ("timeline", "answer"):
        exam = "t.exam_key" if kind == "timeline" else "j.exam_key"
        parts.append(
            f"""{exam} IN (SELECT exam_key FROM exams WHERE patient_name LIKE :like OR accession_number LIKE :like
                OR exam_key = :exact)"""
        )
        values["exact"] = text
    return [f"({' OR '.join(parts)})"]


def exams_shown(conn: sqlite3.Connection, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """exam key -> name and accession number."""
    wanted = list(dict.fromkeys(keys))
    rows = conn.execute(
        f"""SELECT exam_key, patient_name, accession_number FROM exams
            WHERE exam_key IN ({", ".join("?" for _ in wanted)})""",
        wanted,
    ).fetchall()
    return {row["exam_key"]: dict(row) for row in rows}


# -- for the help bundle ----------------------------------------------------------------------------------------------


def personal_texts(conn: sqlite3.Connection, keys: Iterable[str]) -> set[str]:
    """Every value that was ever entered or read under these fields."""
    wanted = list(keys)
    marks = ", ".join("?" for _ in wanted)
    rows = conn.execute(f"SELECT DISTINCT text FROM record_values WHERE key IN ({marks}) AND text <> ''", wanted)
    return {row["text"] for row in rows.fetchall()}


def patients(conn: sqlite3.Connection) -> tuple[set[str], set[str]]:
    """(names, numbers) of every patient the index knows, in every reading of a doubtful name."""
    names: set[str] = set()
    numbers: set[str] = set()
    for row in conn.execute("SELECT DISTINCT patient_name FROM exams"):
        names.add(row["patient_name"] or "")
    for row in conn.execute("SELECT patient_name, name_candidates, patient_id FROM studies"):
        names |= {row["patient_name"] or "", *_readings(row["name_candidates"])}
        numbers.add(row["patient_id"] or "")
    for row in conn.execute("SELECT patient_name, patient_key FROM other_patients"):
        number, _, name = (row["patient_key"] or "").partition("|")
        names |= {row["patient_name"] or "", name}
        numbers.add(number)
    return names - {""}, numbers - {""}


def his_people(conn: sqlite3.Connection) -> tuple[set[str], set[str]]:
    """(names, numbers) of the rows that HIS gave, whether they found their exam or not."""
    names: set[str] = set()
    numbers: set[str] = set()
    for row in conn.execute("SELECT DISTINCT patient_name, id_number, visit FROM his_rows"):
        names.add(row["patient_name"] or "")
        numbers |= {row["id_number"] or "", row["visit"] or ""}
    return names - {""}, numbers - {""}


def _readings(text: str | None) -> set[str]:
    return {str(one[1]) for one in json.loads(text or "[]") if len(one) > 1}


def newest_jobs(conn: sqlite3.Connection, limit: int) -> list[int]:
    """Jobs that changed last."""
    rows = conn.execute("SELECT id FROM jobs ORDER BY changed_at DESC LIMIT ?", (limit,)).fetchall()
    return [row["id"] for row in rows]


def open_jobs(conn: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """What the queue holds that is not at its end, oldest first; without payloads."""
    rows = conn.execute(
        """SELECT id, destination, exam_key, report_key, part, version, withdraws, state, round, attempts, step,
                  done_count, total_count, due_at, trouble, submitted_at, changed_at, late FROM jobs
           WHERE state NOT IN ('acknowledged', 'reconciled', 'cancelled', 'withdrawn') ORDER BY submitted_at LIMIT ?""",
        (limit,),
    ).fetchall()
    return [dict(row) for row in rows]


def journal_of(conn: sqlite3.Connection, job_id: int, limit: int) -> list[dict[str, Any]]:
    rows = conn.execute(
        """SELECT round, step, item, digest, reply, reply_bytes, answered_at FROM journal WHERE job_id = ?
           ORDER BY answered_at DESC LIMIT ?""",
        (job_id, limit),
    ).fetchall()
    return [dict(row) for row in rows]


def sizes(conn: sqlite3.Connection) -> dict[str, int]:
    """table -> rows."""
    tables = [
        row["name"]
        for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    ]
    return {name: conn.execute(f'SELECT count(*) AS n FROM "{name}"').fetchone()["n"] for name in tables}
