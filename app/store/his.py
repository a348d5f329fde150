"""What HIS exported: its rows with the exam they belong to, what its words mean, what was imported when."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from app.domain.form import Noun, Source
from app.store.database import Tx
from app.store.times import kept

_OPEN = "state IN ('waiting', 'ambiguous')"


class RowState(Enum):
    """WAITING: no exam yet. AMBIGUOUS: a person chooses. LEFT: a person said it belongs to none."""

    WAITING = "waiting"
    AMBIGUOUS = "ambiguous"
    MATCHED = "matched"
    LEFT = "left"


@dataclass(frozen=True, kw_only=True)
class RowFacts:
    """What says whose a row is; each may be "". `day`: yyyy-MM-dd."""

    accession_number: str = ""
    id_number: str = ""
    patient_name: str = ""
    day: str = ""


@dataclass(frozen=True, kw_only=True)
class HisRow:
    """`given`: our field -> the text of HIS. `applied`: what of it stands in the record; `place`: in which settlement
    row, -1 in none. `visit` is the same for rows that mean the same thing; `fee` parts these when HIS numbers them."""

    id: int = 0
    visit: str
    fee: str
    digest: str
    facts: RowFacts
    given: Mapping[str, str]
    applied: Mapping[str, str] = field(default_factory=dict)
    place: int = -1
    state: RowState = RowState.WAITING
    why: str = ""
    exam_key: str = ""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An exam that a row may belong to. `device_accession`: "" when the device gave none. `sure_name`: not in doubt."""

    exam_key: str
    patient_name: str
    sure_name: bool
    accession_numbers: tuple[str, ...]
    id_numbers: tuple[str, ...]
    birth_date: str
    day: str
    submitted: bool


# -- rows -------------------------------------------------------------------------------------------------------------


def of_visit(conn: sqlite3.Connection, visit: str) -> list[HisRow]:
    return _rows(conn, "visit = ?", (visit,))


def of_exam(conn: sqlite3.Connection, exam_key: str) -> list[HisRow]:
    return _rows(conn, "exam_key = ? AND state = 'matched'", (exam_key,))


def row(conn: sqlite3.Connection, row_id: int) -> HisRow | None:
    found = _rows(conn, "id = ?", (row_id,))
    return found[0] if found else None


def ambiguous(conn: sqlite3.Connection) -> list[HisRow]:
    return _rows(conn, "state = 'ambiguous'", ())


def asked_since(conn: sqlite3.Connection) -> str:
    """When the oldest of them came, "" for none."""
    found = conn.execute("SELECT min(seen_at) AS at FROM his_rows WHERE state = 'ambiguous'").fetchone()
    return str(found["at"] or "")


def alike(conn: sqlite3.Connection, one: HisRow) -> list[HisRow]:
    """The open rows that ask the same question as this one."""
    facts = one.facts
    return _rows(
        conn,
        f"accession_number = ? AND id_number = ? AND patient_name = ? AND day = ? AND {_OPEN}",
        (facts.accession_number, facts.id_number, facts.patient_name, facts.day),
    )


def open_for(conn: sqlite3.Connection, exam_key: str) -> list[HisRow]:
    """Open rows that may belong to this exam: its accession number, the patient's document, or the same name."""
    return _rows(
        conn,
        f"""{_OPEN} AND (
              accession_number IN (SELECT accession_number FROM exams WHERE exam_key = :key AND accession_number <> ''
                UNION SELECT s.accession_number FROM studies s JOIN exam_studies e USING (study_instance_uid)
                WHERE e.exam_key = :key AND s.accession_number <> '')
           OR id_number IN (SELECT text FROM record_values WHERE owner = :key AND key = 'id_number' AND text <> ''
                UNION SELECT s.patient_id FROM studies s JOIN exam_studies e USING (study_instance_uid)
                WHERE e.exam_key = :key AND s.patient_id <> '')
           OR patient_name IN (SELECT patient_name FROM exams WHERE exam_key = :key AND patient_name <> ''))""",
        {"key": exam_key},
    )


def put(tx: Tx, one: HisRow, *, now: datetime) -> int:
    """Keep a row, new or known by its id; returns the id."""
    values = {
        "visit": one.visit,
        "fee": one.fee,
        "digest": one.digest,
        "accession_number": one.facts.accession_number,
        "id_number": one.facts.id_number,
        "patient_name": one.facts.patient_name,
        "day": one.facts.day,
        "given": json.dumps(dict(one.given), ensure_ascii=False),
        "applied": json.dumps(dict(one.applied), ensure_ascii=False),
        "place": one.place,
        "state": one.state.value,
        "why": one.why,
        "exam_key": one.exam_key,
    }
    if one.id:
        tx.execute(
            f"UPDATE his_rows SET {', '.join(f'{name} = :{name}' for name in values)} WHERE id = :id",
            values | {"id": one.id},
        )
        return one.id
    names = [*values, "seen_at"]
    made = tx.execute(
        f"INSERT INTO his_rows ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})",
        values | {"seen_at": kept(now)},
    )
    return int(made.lastrowid or 0)


def seen_again(tx: Tx, ids: Iterable[int], *, now: datetime) -> None:
    tx.conn.executemany("UPDATE his_rows SET seen_at = ? WHERE id = ?", [(kept(now), one) for one in ids])


def drop_before(tx: Tx, before: datetime) -> int:
    """Forget rows that HIS has not given since then; what they filled stays in the records."""
    return tx.execute("DELETE FROM his_rows WHERE seen_at < ?", (kept(before),)).rowcount


def counts(conn: sqlite3.Connection) -> dict[str, int]:
    """Rows by state; `questions`: how often a person has to choose."""
    found = {one["state"]: one["n"] for one in conn.execute("SELECT state, count(*) AS n FROM his_rows GROUP BY state")}
    asked = conn.execute(
        """SELECT count(*) AS n FROM (SELECT DISTINCT accession_number, id_number, patient_name, day FROM his_rows
           WHERE state = 'ambiguous')"""
    ).fetchone()
    return {state.value: int(found.get(state.value, 0)) for state in RowState} | {"questions": int(asked["n"])}


def exams_giving(conn: sqlite3.Connection, key: str) -> list[str]:
    """Exams with a row that gives this field."""
    found = conn.execute(
        "SELECT DISTINCT exam_key FROM his_rows WHERE state = 'matched' AND json_extract(given, '$.' || ?) IS NOT NULL",
        (key,),
    )
    return [one["exam_key"] for one in found]


def _rows(conn: sqlite3.Connection, where: str, values: tuple[Any, ...] | dict[str, Any]) -> list[HisRow]:
    found = conn.execute(f"SELECT * FROM his_rows WHERE {where} ORDER BY id", values).fetchall()
    return [_row(one) for one in found]


def _row(one: sqlite3.Row) -> HisRow:
    return HisRow(
        id=one["id"],
        visit=one["visit"],
        fee=one["fee"],
        digest=one["digest"],
        facts=RowFacts(
            accession_number=one["accession_number"],
            id_number=one["id_number"],
            patient_name=one["patient_name"],
            day=one["day"],
        ),
        given=json.loads(one["given"]),
        applied=json.loads(one["applied"]),
        place=one["place"],
        state=RowState(one["state"]),
        why=one["why"],
        exam_key=one["exam_key"],
    )


# -- whose rows they may be -------------------------------------------------------------------------------------------


def candidates(conn: sqlite3.Connection, facts: RowFacts) -> list[Candidate]:
    """Every exam that shares the accession number, the document number, or name and day with a row."""
    found = conn.execute(
        """SELECT exam_key FROM exams WHERE accession_number = :accession AND :accession <> ''
           UNION SELECT e.exam_key FROM exam_studies e JOIN studies s USING (study_instance_uid)
             WHERE s.accession_number = :accession AND :accession <> ''
           UNION SELECT owner FROM record_values WHERE key = 'id_number' AND text = :id AND :id <> '' AND noun = 'exam'
           UNION SELECT e.exam_key FROM exam_studies e JOIN studies s USING (study_instance_uid)
             WHERE s.patient_id = :id AND :id <> ''
           UNION SELECT exam_key FROM exams WHERE patient_name = :name AND exam_day = :day AND :name <> ''
             AND :day <> ''""",
        {"accession": facts.accession_number, "id": facts.id_number, "name": facts.patient_name, "day": facts.day},
    ).fetchall()
    known = [candidate(conn, one["exam_key"]) for one in found]
    return [one for one in known if one is not None]


def candidate(conn: sqlite3.Connection, exam_key: str) -> Candidate | None:
    exam = conn.execute("SELECT * FROM exams WHERE exam_key = ?", (exam_key,)).fetchone()
    if exam is None:
        return None
    studies = conn.execute(
        """SELECT s.accession_number, s.patient_id, s.birth_date, s.doubt FROM studies s
           JOIN exam_studies e USING (study_instance_uid) WHERE e.exam_key = ?""",
        (exam_key,),
    ).fetchall()
    number = conn.execute(
        "SELECT text FROM record_values WHERE owner = ? AND noun = 'exam' AND key = 'id_number' AND text <> ''",
        (exam_key,),
    ).fetchone()
    numbers = [exam["accession_number"], *(one["accession_number"] for one in studies)]
    minted = exam["minted_accession"] if not any(one["accession_number"] for one in studies) else ""
    return Candidate(
        exam_key=exam_key,
        patient_name=exam["patient_name"],
        sure_name=not any(one["doubt"] for one in studies),
        accession_numbers=tuple(dict.fromkeys(one for one in numbers if one and one != minted)),
        id_numbers=(number["text"],) if number else tuple(one["patient_id"] for one in studies if one["patient_id"]),
        birth_date=next((one["birth_date"] for one in studies if one["birth_date"]), ""),
        day=exam["exam_day"],
        submitted=exam["submitted_at"] is not None,
    )


def held(conn: sqlite3.Connection, exam_key: str, noun: Noun) -> dict[tuple[int, str], tuple[str, Source, str]]:
    """(row, key) -> (text, source, doubt) of everything kept of an exam, also what a technician emptied."""
    found = conn.execute(
        "SELECT row, key, text, source, doubt FROM record_values WHERE owner = ? AND noun = ?", (exam_key, noun.value)
    )
    return {(one["row"], one["key"]): (one["text"], Source(one["source"]), one["doubt"]) for one in found}


# -- words and imports ------------------------------------------------------------------------------------------------


def codes(conn: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """Field -> word of HIS -> our code."""
    found: dict[str, dict[str, str]] = {}
    for one in conn.execute("SELECT key, words, code FROM his_codes"):
        found.setdefault(one["key"], {})[one["words"]] = one["code"]
    return found


def keep_code(tx: Tx, key: str, words: str, code: str) -> None:
    tx.execute("INSERT OR REPLACE INTO his_codes (key, words, code) VALUES (?, ?, ?)", (key, words, code))


def words_given(conn: sqlite3.Connection, key: str, limit: int = 50) -> list[tuple[str, int]]:
    """The different texts that HIS gave for a field, with how many rows each, most often first."""
    found = conn.execute(
        """SELECT json_extract(given, '$.' || ?) AS words, count(*) AS n FROM his_rows
           WHERE state <> 'left' GROUP BY words HAVING words IS NOT NULL AND words <> '' ORDER BY n DESC LIMIT ?""",
        (key, limit),
    )
    return [(one["words"], one["n"]) for one in found]


def imported(tx: Tx, name: str, source: str, found: Mapping[str, Any], *, now: datetime) -> None:
    tx.execute(
        "INSERT INTO his_imports (at, name, source, found) VALUES (?, ?, ?, ?)",
        (kept(now), name, source, json.dumps(dict(found), ensure_ascii=False)),
    )
    tx.execute("DELETE FROM his_imports WHERE id <= (SELECT max(id) FROM his_imports) - 200")
    tx.tell("his_imported", rows=int(found.get("rows", 0)))


def last_import(conn: sqlite3.Connection) -> dict[str, Any] | None:
    one = conn.execute("SELECT at, name, source, found FROM his_imports ORDER BY id DESC LIMIT 1").fetchone()
    return None if one is None else {"at": one["at"], "name": one["name"], "source": one["source"]} | json.loads(
        one["found"]
    )  # fmt: skip
