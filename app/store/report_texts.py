"""What was read out of reports: which content of a report, by which layout, which values; and the kept templates."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.report_text import Template
from app.store.database import Tx
from app.store.times import kept

PDF = "pdf"


@dataclass(frozen=True, kw_only=True)
class ReadReport:
    """`origin`: "pdf", or "sr:" and the UID of a structured report. `keys`: the fields whose values came from it."""

    report_key: str
    origin: str
    content: str = ""
    layout: str = ""
    keys: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    trouble: str = ""


def note_reading(tx: Tx, read: ReadReport, *, now: datetime) -> None:
    tx.execute(
        """INSERT OR REPLACE INTO report_readings
           (report_key, origin, content, layout, keys, doubts, trouble, read_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            read.report_key,
            read.origin,
            read.content,
            read.layout,
            json.dumps(read.keys),
            json.dumps(read.doubts, ensure_ascii=False),
            read.trouble,
            kept(now),
        ),
    )


def readings_of(conn: sqlite3.Connection, report_key: str) -> list[ReadReport]:
    """The PDF's first, then structured reports in the order they were read."""
    rows = conn.execute(
        "SELECT * FROM report_readings WHERE report_key = ? ORDER BY origin <> 'pdf', read_at", (report_key,)
    ).fetchall()
    return [
        ReadReport(
            report_key=row["report_key"],
            origin=row["origin"],
            content=row["content"],
            layout=row["layout"],
            keys=tuple(json.loads(row["keys"])),
            doubts=tuple(json.loads(row["doubts"])),
            trouble=row["trouble"],
        )
        for row in rows
    ]


def unread_pdfs(conn: sqlite3.Connection, *, again: bool = False) -> list[str]:
    """Reports whose present PDF was never read (`again`: every one with a PDF); none that was submitted."""
    rows = conn.execute(
        """SELECT r.report_key FROM reports r
            LEFT JOIN report_readings t ON t.report_key = r.report_key AND t.origin = 'pdf' AND t.content = r.pdf_sha256
            WHERE r.pdf_sha256 <> '' AND (:again OR t.report_key IS NULL) AND NOT EXISTS (SELECT 1 FROM exam_reports x
              JOIN exams e USING (exam_key) WHERE x.report_key = r.report_key AND e.submitted_at IS NOT NULL)
            ORDER BY r.created_at""",
        {"again": int(again)},
    ).fetchall()
    return [row["report_key"] for row in rows]


def unread_objects(conn: sqlite3.Connection, sop_classes: Iterable[str], study: str = "") -> list[tuple[str, str]]:
    """(UID, path) of the objects of these classes that nobody read, of one study or of all not submitted yet."""
    classes = list(sop_classes)
    marks = ", ".join("?" for _ in classes)
    rows = conn.execute(
        f"""SELECT i.sop_instance_uid, i.path FROM instances i
            WHERE i.sop_class_uid IN ({marks}) AND i.current = 1 AND i.released = 0
              AND NOT EXISTS (SELECT 1 FROM report_readings t WHERE t.origin = 'sr:' || i.sop_instance_uid)
              AND (i.study_instance_uid = ? OR (? = '' AND NOT EXISTS (SELECT 1 FROM exam_studies x
                   JOIN exams e USING (exam_key) WHERE x.study_instance_uid = i.study_instance_uid
                   AND e.submitted_at IS NOT NULL)))
            ORDER BY i.received_at""",
        (*classes, study, study),
    ).fetchall()
    return [(row["sop_instance_uid"], row["path"]) for row in rows]


def keep_template(tx: Tx, template: Template, *, now: datetime) -> None:
    tx.execute(
        "INSERT OR REPLACE INTO report_templates (layout, labels, mapping, kept_at) VALUES (?, ?, ?, ?)",
        (
            template.layout,
            json.dumps(sorted(template.labels), ensure_ascii=False),
            json.dumps(dict(template.mapping), ensure_ascii=False),
            kept(now),
        ),
    )


def templates(conn: sqlite3.Connection) -> list[Template]:
    """The newest first."""
    rows = conn.execute("SELECT * FROM report_templates ORDER BY kept_at DESC").fetchall()
    return [
        Template(
            layout=row["layout"],
            labels=frozenset(json.loads(row["labels"])),
            mapping=json.loads(row["mapping"]),
        )
        for row in rows
    ]
