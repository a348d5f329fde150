"""Exam records, their values and their reports: create, set, read, list."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from app.domain.exam import Exam, ExamState, Report, StampState
from app.domain.form import Noun, Source, Value
from app.domain.times import CST
from app.store import serials
from app.store.database import Store, Tx
from app.store.times import kept, taken, taken_or_none

Values = dict[str, Value]
TURN = """CASE WHEN state IN ('rejected','held','check','to_fill','ready','to_sign') THEN 0
    WHEN state IN ('sending','queued','waiting','receiving') THEN 1 ELSE 2 END"""
"""What needs a person, what moves, what is over. An index is made of these very words: a change needs a migration."""
_GIVEN_UP = """EXISTS (SELECT 1 FROM jobs j WHERE j.exam_key = e.exam_key
    AND (j.withdraws = 1 OR (j.part IN ('exam', 'merged') AND j.state = 'cancelled')))"""
"""The record of exam `e` was withdrawn or cancelled: no images are expected any more."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """All values of one exam: its own, those of each settlement row, and those of each report."""

    exam: Values
    settlements: tuple[Values, ...]
    reports: tuple[tuple[Report, Values], ...]


def exam_key_of(study_instance_uid: str, patient_key: str = "") -> str:
    """The exam's unique id from its content, so that an index rebuilt from the spool sends no second exam."""
    digest = hashlib.sha256(f"{study_instance_uid}\n{patient_key}".encode()).hexdigest()
    return f"E{digest[:20].upper()}"


def create_for_study(
    tx: Tx,
    study_instance_uid: str,
    patient_key: str,
    accession: str,
    *,
    now: datetime,
    split: bool = False,
    apart: bool = False,
) -> str:
    """The exam of a new study. A device that gives no accession number gets one minted.

    `split`: of one patient of the study only. `apart`: a person wants an exam of its own, whatever is registered.
    """
    patient_id, _, name = patient_key.partition("|")
    registered = None if split or apart else registered_with(tx, accession, patient_id, name)
    if registered is not None:
        link_study(tx, registered, study_instance_uid)
        note(tx, registered, "received", "", at=now)
        return registered
    key = exam_key_of(study_instance_uid, patient_key if split else "")
    _insert(tx, key, "" if accession else mint_accession(tx, now), now)
    tx.execute(
        "INSERT OR IGNORE INTO exam_studies (exam_key, study_instance_uid, patient_key) VALUES (?, ?, ?)",
        (key, study_instance_uid, patient_key if split else ""),
    )
    note(tx, key, "received", "", at=now)
    return key


def part_patients(tx: Tx, study_instance_uid: str, *, now: datetime) -> list[str]:
    """Leave a study's exam to its first patient; the keys of the exams made for those who had none yet."""
    uid = study_instance_uid
    tx.execute(
        """UPDATE exam_studies SET patient_key = (SELECT patient_key FROM studies WHERE study_instance_uid = ?)
           WHERE study_instance_uid = ? AND patient_key = ''""",
        (uid, uid),
    )
    rows = tx.execute("SELECT DISTINCT patient_key FROM instances WHERE study_instance_uid = ?", (uid,)).fetchall()
    others = [row["patient_key"] for row in rows if not has_patient(tx, uid, row["patient_key"])]
    return [create_for_study(tx, uid, key, "", now=now, split=True) for key in others]


def has_patient(tx: Tx, study_instance_uid: str, patient_key: str) -> bool:
    """After a split: this patient of the study has an exam already."""
    row = tx.execute(
        "SELECT 1 FROM exam_studies WHERE study_instance_uid = ? AND patient_key = ?",
        (study_instance_uid, patient_key),
    ).fetchone()
    return row is not None


def registered_with(tx: Tx, accession: str, patient_id: str, name: str) -> str | None:
    """The one exam that was registered with this accession number for this patient and has no images yet."""
    rows = tx.execute(
        f"""SELECT e.exam_key, e.sought FROM exams e WHERE e.accession_number = ? AND e.accession_number <> ''
           AND NOT EXISTS (SELECT 1 FROM exam_studies s WHERE s.exam_key = e.exam_key)
           AND NOT {_GIVEN_UP}""",
        (accession,),
    ).fetchall()
    if len(rows) != 1:
        return None
    known = _values(tx.conn, rows[0]["exam_key"], Noun.EXAM).get(0, {})
    if "patient_id" in known and known["patient_id"].text != patient_id:
        return None
    if "patient_name" in known and name not in (known["patient_name"].text, *rows[0]["sought"].split()):
        return None
    return str(rows[0]["exam_key"])


def was_parted(conn: sqlite3.Connection, study_instance_uid: str, since: datetime) -> bool:
    """Since then a person took these images out of an exam."""
    row = conn.execute(
        "SELECT 1 FROM timeline WHERE at >= ? AND what = 'parted' AND detail = ?", (kept(since), study_instance_uid)
    ).fetchone()
    return row is not None


def usual_modality(conn: sqlite3.Connection) -> str:
    """What most of the newest exams were made with, "" when there is none."""
    row = conn.execute(
        """SELECT modality FROM (SELECT modality FROM exams ORDER BY sort_at DESC LIMIT 100)
           WHERE modality <> '' GROUP BY modality ORDER BY count(*) DESC, modality LIMIT 1"""
    ).fetchone()
    return str(row["modality"]) if row else ""


def take_over(tx: Tx, exam_key: str, other: str) -> None:
    """What was entered of another exam that is this one too: values that this one lacks, reports that are begun."""
    has_rows = tx.execute(
        "SELECT 1 FROM record_values WHERE owner = ? AND noun = ?", (exam_key, Noun.SETTLEMENT.value)
    ).fetchone()
    nouns = (Noun.EXAM.value,) if has_rows else (Noun.EXAM.value, Noun.SETTLEMENT.value)
    for noun in nouns:
        tx.execute("UPDATE OR IGNORE record_values SET owner = ? WHERE owner = ? AND noun = ?", (exam_key, other, noun))
    tx.execute("DELETE FROM record_values WHERE owner = ?", (other,))
    begun = [one.report_key for one in reports_of(tx.conn, other) if one.report_key not in untouched_reports(tx, other)]
    for empty in untouched_reports(tx, exam_key) if begun else ():
        unlink_report(tx, exam_key, empty)
    for place, report_key in enumerate(begun, len(reports_of(tx.conn, exam_key))):
        unlink_report(tx, other, report_key)
        link_report(tx, exam_key, report_key, position=place)
    mark_dirty(tx, exam_key)


def without_images(conn: sqlite3.Connection, since: datetime, names: Iterable[str]) -> list[str]:
    """Exams registered since that time under one of these names, not submitted and without images, the newest first.

    `names`: as `sought` has them, capitals, one blank between words.
    """
    rows = conn.execute(
        f"""SELECT exam_key FROM exams e WHERE state IN ('to_fill', 'ready', 'held') AND image_count = 0
           AND submitted_at IS NULL AND created_at >= ?
           AND EXISTS (SELECT 1 FROM json_each(?) n WHERE instr(e.sought, n.value))
           AND NOT EXISTS (SELECT 1 FROM exam_studies s WHERE s.exam_key = e.exam_key)
           AND NOT {_GIVEN_UP}
           ORDER BY created_at DESC LIMIT 20""",
        (kept(since), json.dumps([name for name in names if name], ensure_ascii=False)),
    )
    return [row["exam_key"] for row in rows.fetchall()]


def registered_on(conn: sqlite3.Connection, day: date) -> list[dict[str, Any]]:
    """What lists show of the exams registered that day in China whose images are still expected, oldest first."""
    midnight = datetime.combine(day, time(), CST)
    rows = conn.execute(
        f"""SELECT *, '' AS uid FROM exams e WHERE exam_day = '' AND image_count = 0
            AND created_at >= ? AND created_at < ? AND NOT {_GIVEN_UP} ORDER BY created_at""",
        (kept(midnight), kept(midnight + timedelta(days=1))),
    ).fetchall()
    return [dict(row) | {"problems": json.loads(row["problems"])} for row in rows]


def is_bare(tx: Tx, exam_key: str) -> bool:
    """Nothing but the program made it: no images, nothing entered, no PDF, never submitted."""
    found = tx.execute(
        """SELECT (SELECT count(*) FROM exam_studies WHERE exam_key = :key)
                + (SELECT count(*) FROM jobs WHERE exam_key = :key)
                + (SELECT count(*) FROM record_values WHERE owner = :key)
                + (SELECT count(*) FROM exam_reports x JOIN reports r USING (report_key)
                   LEFT JOIN record_values v ON v.owner = r.report_key
                   WHERE x.exam_key = :key AND (r.pdf_sha256 <> '' OR v.key IS NOT NULL)) AS n""",
        {"key": exam_key},
    ).fetchone()
    return int(found["n"]) == 0


def forget(tx: Tx, exam_key: str) -> None:
    """Remove an exam that holds nothing; its timeline stays as the trace of it, and what was ever sent of it."""
    tx.execute("DELETE FROM submissions WHERE exam_key = ?", (exam_key,))
    tx.execute("DELETE FROM exam_reports WHERE exam_key = ?", (exam_key,))
    tx.execute("DELETE FROM exams WHERE exam_key = ?", (exam_key,))
    tx.tell("exam_changed", exam=exam_key, state="gone")


def forget_values(tx: Tx, exam_key: str) -> None:
    """What was entered of an exam; its reports keep theirs."""
    tx.execute("DELETE FROM record_values WHERE owner = ?", (exam_key,))


def create_empty(tx: Tx, *, now: datetime, accession: str = "") -> str:
    """An exam registered before its first image; its accession number is minted where nobody gave one."""
    key = f"E{secrets.token_hex(10).upper()}"
    _insert(tx, key, accession or mint_accession(tx, now), now)
    note(tx, key, "registered", "", at=now)
    return key


def show_images(tx: Tx, study_instance_uid: str, *, name: str, header: Mapping[str, str], at: datetime) -> None:
    """What the list shows of an exam while its images come in; everything else waits for `refresh`."""
    date = header.get("StudyDate", "")
    tx.execute(
        """UPDATE exams SET image_count = image_count + 1, dirty = 1, sort_at = ?,
           patient_name = CASE WHEN patient_name = '' THEN ? ELSE patient_name END,
           accession_number = CASE WHEN accession_number = '' THEN ? ELSE accession_number END,
           modality = CASE WHEN modality = '' THEN ? ELSE modality END,
           description = CASE WHEN description = '' THEN ? ELSE description END,
           exam_day = CASE WHEN exam_day = '' THEN ? ELSE exam_day END
           WHERE exam_key IN (SELECT exam_key FROM exam_studies WHERE study_instance_uid = ?)""",
        (
            kept(at),
            name,
            header.get("AccessionNumber", ""),
            header.get("Modality", ""),
            header.get("StudyDescription", "") or header.get("SeriesDescription", ""),
            f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 else "",
            study_instance_uid,
        ),
    )


def mint_accession(tx: Tx, now: datetime) -> str:
    """An accession number for an exam whose device gave none: `A` + day + 4 digits, at most 16 characters (SH)."""
    day = now.astimezone(CST).strftime("%y%m%d")
    return f"A{day}{serials.next_value(tx, f'accession-{day}'):04d}"


def is_minted(accession: str) -> bool:
    """A number that `mint_accession` may have made."""
    return re.fullmatch(r"A\d{10,}", accession) is not None


def _insert(tx: Tx, key: str, minted: str, now: datetime) -> None:
    tx.execute(
        """INSERT OR IGNORE INTO exams (exam_key, minted_accession, state, problem_count, problems, changed, dirty,
           created_at, submitted_at, patient_name, accession_number, modality, description, exam_day, sort_at,
           image_count, report_count) VALUES (?, ?, 'receiving', 0, '[]', 0, 0, ?, NULL, '', ?, '', '', '', ?, 0, 0)""",
        (key, minted, kept(now), minted, kept(now)),
    )


def mark_dirty(tx: Tx, owner: str, *, dirty: bool = True) -> None:
    """Something of the exam (or of a report of it) was entered or came in since it was last submitted whole.

    A report says what each of its exams says: then the others that share it are dirty too.
    """
    tx.execute(
        """UPDATE exams SET dirty = :dirty WHERE exam_key = :owner
           OR exam_key IN (SELECT exam_key FROM exam_reports WHERE report_key = :owner)
           OR (:dirty AND exam_key IN (SELECT o.exam_key FROM exam_reports m JOIN exam_reports o USING (report_key)
                                       WHERE m.exam_key = :owner))""",
        {"dirty": int(dirty), "owner": owner},
    )


def dirty_sharers(conn: sqlite3.Connection, exam_key: str) -> tuple[str, ...]:
    """The other exams that share a report with it and are dirty."""
    rows = conn.execute(
        """SELECT DISTINCT o.exam_key FROM exam_reports m JOIN exam_reports o USING (report_key)
           JOIN exams e ON e.exam_key = o.exam_key AND e.dirty = 1
           WHERE m.exam_key = :own AND o.exam_key <> :own ORDER BY o.exam_key""",
        {"own": exam_key},
    )
    return tuple(row["exam_key"] for row in rows.fetchall())


def link_study(tx: Tx, exam_key: str, study_instance_uid: str, patient_key: str = "") -> None:
    """Join: the study's images belong to this exam too."""
    tx.execute(
        "INSERT OR REPLACE INTO exam_studies (exam_key, study_instance_uid, patient_key) VALUES (?, ?, ?)",
        (exam_key, study_instance_uid, patient_key),
    )
    mark_dirty(tx, exam_key)


def unlink_study(tx: Tx, exam_key: str, study_instance_uid: str) -> None:
    tx.execute("DELETE FROM exam_studies WHERE exam_key = ? AND study_instance_uid = ?", (exam_key, study_instance_uid))
    mark_dirty(tx, exam_key)


def of_study(conn: sqlite3.Connection, study_instance_uid: str) -> tuple[str, ...]:
    rows = conn.execute(
        "SELECT exam_key FROM exam_studies WHERE study_instance_uid = ? ORDER BY rowid", (study_instance_uid,)
    ).fetchall()
    return tuple(row["exam_key"] for row in rows)


def find(conn: sqlite3.Connection, uid: str) -> tuple[str, ...]:
    """Exam keys that a person may mean by `uid`: exam key, study UID, or accession number."""
    rows = conn.execute(
        """SELECT exam_key FROM exams WHERE exam_key = :uid
           UNION SELECT exam_key FROM exam_studies WHERE study_instance_uid = :uid
           UNION SELECT exam_key FROM exams WHERE accession_number = :uid AND :uid <> ''""",
        {"uid": uid},
    ).fetchall()
    return tuple(row["exam_key"] for row in rows)


def exam(conn: sqlite3.Connection, exam_key: str) -> Exam | None:
    row = conn.execute("SELECT * FROM exams WHERE exam_key = ?", (exam_key,)).fetchone()
    if row is None:
        return None
    return Exam(
        exam_key=row["exam_key"],
        minted_accession=row["minted_accession"],
        state=ExamState(row["state"]),
        problem_count=row["problem_count"],
        changed=bool(row["changed"]),
        dirty=bool(row["dirty"]),
        no_report=bool(row["no_report"]),
        created_at=taken(row["created_at"]),
        submitted_at=taken_or_none(row["submitted_at"]),
    )


def touched_at(conn: sqlite3.Connection, exam_key: str) -> datetime:
    """When an image of the exam came in or something was entered of it last, its registration at the least."""
    row = conn.execute(
        """SELECT max(sort_at, coalesce((SELECT max(set_at) FROM record_values WHERE owner = exam_key), '')) AS at
           FROM exams WHERE exam_key = ?""",
        (exam_key,),
    ).fetchone()
    return taken(row["at"])


def set_value(tx: Tx, owner: str, noun: Noun, row: int, key: str, value: Value, *, now: datetime) -> bool:
    """Keep one value; an empty text removes it. True when that changed something."""
    old = tx.execute(
        "SELECT text, source, doubt FROM record_values WHERE owner = ? AND noun = ? AND row = ? AND key = ?",
        (owner, noun.value, row, key),
    ).fetchone()
    if old is not None and (old["text"], old["source"], old["doubt"]) == (value.text, value.source.value, value.doubt):
        return False
    mark_dirty(tx, owner)
    if value.text == "" and value.source is not Source.TECHNICIAN:
        tx.execute(
            "DELETE FROM record_values WHERE owner = ? AND noun = ? AND row = ? AND key = ?",
            (owner, noun.value, row, key),
        )
        return old is not None
    tx.execute(
        """INSERT OR REPLACE INTO record_values (owner, noun, row, key, text, source, doubt, set_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (owner, noun.value, row, key, value.text, value.source.value, value.doubt, kept(now)),
    )
    return True


def own_value(conn: sqlite3.Connection, owner: str, noun: Noun, key: str) -> Value | None:
    """The value as kept; its text is "" when a technician emptied it, None when nobody ever set it."""
    row = conn.execute(
        "SELECT text, source, doubt FROM record_values WHERE owner = ? AND noun = ? AND row = 0 AND key = ?",
        (owner, noun.value, key),
    ).fetchone()
    return Value(text=row["text"], source=Source(row["source"]), doubt=row["doubt"]) if row else None


def drop_rows_from(tx: Tx, exam_key: str, first_row: int) -> None:
    """Forget settlement rows from that index on."""
    gone = tx.execute(
        "DELETE FROM record_values WHERE owner = ? AND noun = ? AND row >= ?",
        (exam_key, Noun.SETTLEMENT.value, first_row),
    )
    if gone.rowcount:
        mark_dirty(tx, exam_key)


def record(conn: sqlite3.Connection, exam_key: str) -> Record:
    """Everything known of an exam; values a technician emptied are left out."""
    settlements: dict[int, Values] = {}
    own = _values(conn, exam_key, Noun.EXAM).get(0, {})
    settlements = _values(conn, exam_key, Noun.SETTLEMENT)
    found = tuple(
        (report, _values(conn, report.report_key, Noun.REPORT).get(0, {})) for report in reports_of(conn, exam_key)
    )
    return Record(exam=own, settlements=tuple(settlements[row] for row in sorted(settlements)), reports=found)


def emptied(conn: sqlite3.Connection, owner: str) -> set[str]:
    """Keys that a technician emptied on purpose: derivation must not fill them again."""
    rows = conn.execute("SELECT key FROM record_values WHERE owner = ? AND text = ''", (owner,)).fetchall()
    return {row["key"] for row in rows}


def _values(conn: sqlite3.Connection, owner: str, noun: Noun) -> dict[int, Values]:
    found: dict[int, Values] = {}
    for row in conn.execute(
        "SELECT row, key, text, source, doubt FROM record_values WHERE owner = ? AND noun = ? AND text <> ''",
        (owner, noun.value),
    ):
        found.setdefault(row["row"], {})[row["key"]] = Value(
            text=row["text"], source=Source(row["source"]), doubt=row["doubt"]
        )
    return found


def reports_of(conn: sqlite3.Connection, exam_key: str) -> list[Report]:
    rows = conn.execute(
        """SELECT r.*, s.sha256 AS stamped, s.stamped_values, s.made_from
           FROM reports r JOIN exam_reports e USING (report_key) LEFT JOIN stamps s USING (report_key)
           WHERE e.exam_key = ? ORDER BY e.position, r.report_key""",
        (exam_key,),
    ).fetchall()
    return [
        Report(
            report_key=row["report_key"],
            pdf_sha256=row["pdf_sha256"],
            created_at=taken(row["created_at"]),
            stamp=_stamp_state(row["pdf_sha256"], row["stamped"]),
            stamped_values=json.loads(row["stamped_values"] or "{}"),
            stamped_from=row["made_from"] or "" if row["stamped"] == row["pdf_sha256"] else "",
        )
        for row in rows
    ]


def _stamp_state(pdf_sha256: str, stamped: str | None) -> StampState:
    """`stamped`: which PDF bore the seal last, "" for a seal that no longer fits its PDF, None when there was none."""
    if stamped is None:
        return StampState.NONE
    return StampState.STAMPED if stamped and stamped == pdf_sha256 else StampState.VOID


def exams_of_report(conn: sqlite3.Connection, report_key: str) -> tuple[str, ...]:
    rows = conn.execute("SELECT exam_key FROM exam_reports WHERE report_key = ? ORDER BY rowid", (report_key,))
    return tuple(row["exam_key"] for row in rows.fetchall())


def add_report(tx: Tx, exam_key: str, *, now: datetime) -> str:
    """A further report of the exam; its key is the exam's with a running number, so it is the same after a rebuild.

    A number is never given again: the report that had it may be another exam's by now.
    """
    count = tx.execute("SELECT count(*) AS n FROM exam_reports WHERE exam_key = ?", (exam_key,)).fetchone()["n"]
    keys = (f"R{exam_key[1:]}{number:02d}" for number in itertools.count(count + 1))
    key = next(one for one in keys if not tx.execute("SELECT 1 FROM reports WHERE report_key = ?", (one,)).fetchone())
    tx.execute(
        "INSERT INTO reports (report_key, pdf_sha256, pdf_source, created_at) VALUES (?, '', '', ?)",
        (key, kept(now)),
    )
    link_report(tx, exam_key, key, position=count)
    return key


def link_report(tx: Tx, exam_key: str, report_key: str, *, position: int = 0) -> None:
    """One report may belong to several exams."""
    tx.execute(
        "INSERT OR IGNORE INTO exam_reports (exam_key, report_key, position) VALUES (?, ?, ?)",
        (exam_key, report_key, position),
    )
    mark_dirty(tx, report_key)


def unlink_report(tx: Tx, exam_key: str, report_key: str) -> None:
    mark_dirty(tx, report_key)
    tx.execute("DELETE FROM exam_reports WHERE exam_key = ? AND report_key = ?", (exam_key, report_key))


def set_no_report(tx: Tx, exam_key: str, *, none: bool) -> None:
    """不出报告: the exam is whole without a report."""
    tx.execute("UPDATE exams SET no_report = ? WHERE exam_key = ?", (int(none), exam_key))


def of_patient(conn: sqlite3.Connection, exam_key: str, *, limit: int = 20) -> list[dict[str, Any]]:
    """Other exams under the same name that have a report, the newest first."""
    rows = conn.execute(
        """SELECT o.exam_key, o.accession_number, o.description, o.modality, o.exam_day FROM exams e
           JOIN exams o ON o.patient_name = e.patient_name AND o.exam_key <> e.exam_key
           WHERE e.exam_key = ? AND e.patient_name <> '' AND o.report_count > 0
           ORDER BY o.sort_at DESC LIMIT ?""",
        (exam_key, limit),
    )
    return [dict(row) for row in rows.fetchall()]


def untouched_reports(tx: Tx, exam_key: str) -> list[str]:
    """Reports of the exam without PDF and without a value."""
    rows = tx.execute(
        """SELECT r.report_key FROM reports r JOIN exam_reports e USING (report_key) WHERE e.exam_key = ?
           AND r.pdf_sha256 = '' AND NOT EXISTS (SELECT 1 FROM record_values v WHERE v.owner = r.report_key)""",
        (exam_key,),
    ).fetchall()
    return [row["report_key"] for row in rows]


def was_submitted(tx: Tx, exam_key: str) -> bool:
    return tx.execute("SELECT 1 FROM jobs WHERE exam_key = ?", (exam_key,)).fetchone() is not None


def set_pdf(tx: Tx, report_key: str, sha256: str, source: str) -> None:
    tx.execute("UPDATE reports SET pdf_sha256 = ?, pdf_source = ? WHERE report_key = ?", (sha256, source, report_key))
    mark_dirty(tx, report_key)


def set_stamp(tx: Tx, report_key: str, sha256: str, *, now: datetime, made_from: str = "") -> None:
    """The PDF with this SHA-256 bears the seal; "": the seal in the report's PDF does not fit it.

    A new stamp on the same PDF (`made_from`) does not change what that one says.
    """
    tx.execute(
        """INSERT INTO stamps (report_key, sha256, at, made_from) VALUES (?, ?, ?, ?)
           ON CONFLICT (report_key) DO UPDATE SET sha256 = excluded.sha256, at = excluded.at,
           stamped_values = CASE WHEN made_from <> '' AND made_from = excluded.made_from
             THEN stamped_values ELSE '{}' END, made_from = excluded.made_from""",
        (report_key, sha256, kept(now), made_from),
    )


def set_stamped_values(tx: Tx, report_key: str, digests: Mapping[str, str]) -> None:
    """What the report says under its stamp, see `Report.stamped_values`."""
    tx.execute("UPDATE stamps SET stamped_values = ? WHERE report_key = ?", (json.dumps(digests), report_key))


def refresh(tx: Tx, exam_key: str, columns: Mapping[str, Any]) -> None:
    """Write what lists show of an exam (state, problems, names ...); tells `exam_changed` when something differs."""
    old = tx.execute("SELECT * FROM exams WHERE exam_key = ?", (exam_key,)).fetchone()
    if old is None or all(old[name] == value for name, value in columns.items()):
        return
    names = list(columns)
    tx.execute(
        f"UPDATE exams SET {', '.join(f'{name} = ?' for name in names)} WHERE exam_key = ?",
        (*[columns[name] for name in names], exam_key),
    )
    tx.tell("exam_changed", exam=exam_key, state=columns.get("state", old["state"]))


def listed(
    conn: sqlite3.Connection,
    *,
    states: Iterable[str] = (),
    day: str = "",
    text: str = "",
    limit: int = 200,
    offset: int = 0,
) -> tuple[list[dict[str, Any]], int]:
    """One page of exams, those that need a person first, then the newest; and how many there are in all."""
    wanted = list(states)
    where, values = ["1 = 1"], dict[str, Any]()
    if wanted:
        where.append(f"state IN ({', '.join(f':s{n}' for n in range(len(wanted)))})")
        values |= {f"s{n}": state for n, state in enumerate(wanted)}
    if day:
        where.append("exam_day = :day")
        values["day"] = day
    if text:
        where.append(
            """(patient_name LIKE :like OR accession_number LIKE :like OR exam_key = :text OR exam_key IN
               (SELECT exam_key FROM exam_studies WHERE study_instance_uid = :text))"""
        )
        values |= {"like": f"%{text}%", "text": text}
    condition = " AND ".join(where)
    if day or text:
        total = conn.execute(f"SELECT count(*) AS n FROM exams WHERE {condition}", values).fetchone()["n"]
    else:
        total = sum(count for state, count in counts(conn).items() if not wanted or state in wanted)
    rows = conn.execute(
        f"""SELECT e.*, (SELECT s.study_instance_uid FROM exam_studies s WHERE s.exam_key = e.exam_key LIMIT 1) AS uid,
                   EXISTS (SELECT 1 FROM submissions s WHERE s.exam_key = e.exam_key AND s.late_count > 0) AS late
            FROM (SELECT rowid AS r FROM exams WHERE {condition} ORDER BY {TURN}, sort_at DESC LIMIT :limit
                  OFFSET :offset) p
            JOIN exams e ON e.rowid = p.r ORDER BY {TURN}, sort_at DESC""",
        values | {"limit": limit, "offset": offset},
    ).fetchall()
    return [dict(row) | {"problems": json.loads(row["problems"])} for row in rows], int(total)


def shown(conn: sqlite3.Connection, exam_key: str) -> dict[str, Any]:
    """What lists show of one exam; {} for one that does not exist."""
    row = conn.execute("SELECT * FROM exams WHERE exam_key = ?", (exam_key,)).fetchone()
    return dict(row) if row else {}


def undelivered(conn: sqlite3.Connection, day_from: str) -> list[str]:
    """Exam keys from that day on that no platform has confirmed and nobody ended; none for ""."""
    rows = conn.execute(
        """SELECT exam_key FROM exams WHERE exam_day >= :day AND :day <> ''
           AND state NOT IN ('acknowledged', 'reconciled', 'withdrawn', 'cancelled') ORDER BY exam_day""",
        {"day": day_from},
    ).fetchall()
    return [row["exam_key"] for row in rows]


def mark_submitted(tx: Tx, exam_key: str, *, now: datetime) -> None:
    """The time of the first submission; later ones leave it."""
    tx.execute("UPDATE exams SET submitted_at = coalesce(submitted_at, ?) WHERE exam_key = ?", (kept(now), exam_key))


def counts(conn: sqlite3.Connection) -> dict[str, int]:
    """State -> number of exams, as the database keeps it with each change: nothing is counted here."""
    return {row["state"]: row["count"] for row in conn.execute("SELECT * FROM exams_counts WHERE count > 0")}


def note(tx: Tx, exam_key: str, what: str, detail: str, *, at: datetime, who: str = "") -> None:
    """One line of the exam's timeline. `detail` holds facts, never a patient's name or number."""
    tx.execute(
        "INSERT INTO timeline (exam_key, at, what, detail, who) VALUES (?, ?, ?, ?, ?)",
        (exam_key, kept(at), what, detail, who),
    )


def timeline(store: Store, exam_key: str) -> list[dict[str, Any]]:
    rows = store.rows("SELECT at, what, detail, who FROM timeline WHERE exam_key = ? ORDER BY id", (exam_key,))
    return [dict(row) for row in rows]


def as_json(labels: list[str]) -> str:
    return json.dumps(labels, ensure_ascii=False)
