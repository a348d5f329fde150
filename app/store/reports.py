"""To whom a report belongs: exams and reports that a file name may mean, and files that are no longer set aside."""

from __future__ import annotations

import sqlite3

from app.store.database import Tx


def exams_named(conn: sqlite3.Connection, name: str) -> tuple[str, ...]:
    """Keys of every exam that `name` may mean: exam key, study UID, report key, or either accession number."""
    if not name:
        return ()
    rows = conn.execute(
        """SELECT exam_key FROM exams WHERE exam_key = :name OR accession_number = :name
           UNION SELECT exam_key FROM exam_studies WHERE study_instance_uid = :name
           UNION SELECT e.exam_key FROM exam_studies e JOIN studies s USING (study_instance_uid)
                 WHERE s.accession_number = :name
           UNION SELECT exam_key FROM exam_reports WHERE report_key = :name""",
        {"name": name},
    ).fetchall()
    return tuple(row["exam_key"] for row in rows)


def exams_of_instance(conn: sqlite3.Connection, sop_instance_uid: str) -> tuple[str, ...]:
    """Exams to which an object belongs; of a study split between two patients only the patient's own."""
    rows = conn.execute(
        """SELECT DISTINCT e.exam_key FROM exam_studies e JOIN instances i USING (study_instance_uid)
           WHERE i.sop_instance_uid = ? AND (e.patient_key = '' OR e.patient_key = i.patient_key)""",
        (sop_instance_uid,),
    ).fetchall()
    return tuple(row["exam_key"] for row in rows)


def pdf_sources(conn: sqlite3.Connection, exam_key: str) -> dict[str, str]:
    """report key -> where its PDF came from, of the exam's reports."""
    rows = conn.execute(
        "SELECT report_key, pdf_source FROM reports JOIN exam_reports USING (report_key) WHERE exam_key = ?",
        (exam_key,),
    ).fetchall()
    return {row["report_key"]: row["pdf_source"] for row in rows}


def no_longer_aside(tx: Tx, path: str = "", *, source: str = "") -> None:
    """The file was mended or found its place: by path, or every one named by this source."""
    if path:
        tx.execute("DELETE FROM aside WHERE path = ?", (path,))
    if source:
        tx.execute("DELETE FROM aside WHERE source = ?", (source,))
