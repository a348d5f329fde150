"""What a destination should have: of all that was submitted to it, the newest version of each part that was sent off.

Not what waits for a signature, a person or a pause, nor what the platform refused: there the version before it counts.
Nothing of what was withdrawn, from the moment that somebody withdrew it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.store.database import Tx
from app.store.times import kept

_SENT_OFF = "('queued', 'sending', 'waiting', 'acknowledged', 'reconciled')"
_LIVE = f"""
    SELECT max(j.id) AS id FROM jobs j WHERE j.destination = :destination AND j.withdraws = 0
    AND j.state IN {_SENT_OFF} AND j.part IN ({{parts}}) AND NOT EXISTS (
      SELECT 1 FROM jobs n WHERE n.exam_key = j.exam_key AND n.destination = j.destination AND n.part = j.part
      AND n.report_key = j.report_key AND n.version > j.version
      AND CASE n.withdraws WHEN 0 THEN n.state IN {_SENT_OFF} ELSE n.state <> 'cancelled' END)
    GROUP BY {{whose}}"""
_PARTS = {"exam": "'exam', 'merged'", "report": "'report', 'merged'", "images": "'images'"}
_WHOSE = {"exam": "j.exam_key", "report": "j.exam_key, j.report_key", "images": "j.exam_key"}


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Which of them are asked for. Paths are those of SQLite's JSON, below the message; texts as they were submitted.

    Times are texts that sort: `since` is included, `until` is not, "" is open.
    """

    destination: str
    message: str
    """`exam` or `report`."""
    time_path: str = ""
    since: str = ""
    until: str = ""
    has_day: bool = False
    """The time is the exam's own: its day is in the index."""
    matching: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Path -> the texts of which one must stand there; also one of several that are joined by a comma."""


@dataclass(frozen=True, kw_only=True)
class SoughtSeries:
    """None is a condition that is not made; times are those of the study, `yyyymmddHHMMSS`."""

    destination: str
    since: str = ""
    until: str = ""
    exams: Sequence[str] | None = None
    accession_numbers: Sequence[str] | None = None
    studies: Sequence[str] | None = None
    series: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class SubmittedSeries:
    """A series of an exam as far as its files are kept here."""

    exam_key: str
    study_instance_uid: str
    series_instance_uid: str
    series_number: str
    modality: str
    accession_number: str
    """The number under which it went, "" where the submission does not say."""
    sop_instance_uids: tuple[str, ...]


def records(conn: sqlite3.Connection, sought: Sought, *, limit: int, offset: int = 0) -> list[int]:
    """The jobs that hold a page of them, by their time, then by exam and report."""
    conditions, values = _of_records(sought)
    message, path = sought.message, _at(sought.message, sought.time_path) if sought.time_path else "$"
    rows = conn.execute(
        f"""SELECT p.id FROM ({_live(message)}) live JOIN jobs p ON p.id = live.id WHERE {" AND ".join(conditions)}
            ORDER BY json_extract(p.payload, :time), p.exam_key, p.report_key LIMIT :limit OFFSET :offset""",
        {**values, "time": path, "destination": sought.destination, "limit": limit, "offset": offset},
    )
    return [row["id"] for row in rows]


def exams_of(conn: sqlite3.Connection, sought: Sought) -> list[str]:
    """The exams of all of them."""
    conditions, values = _of_records(sought)
    rows = conn.execute(
        f"""SELECT DISTINCT p.exam_key FROM ({_live(sought.message)}) live JOIN jobs p ON p.id = live.id
            WHERE {" AND ".join(conditions)}""",
        {**values, "destination": sought.destination, "time": "$"},
    )
    return [row["exam_key"] for row in rows]


def _of_records(sought: Sought) -> tuple[list[str], dict[str, Any]]:
    conditions, values = [f"json_type(p.payload, '$.{sought.message}') = 'object'"], dict[str, Any]()
    for name, sign, text in (("since", ">=", sought.since), ("until", "<", sought.until)):
        if text:
            if sought.has_day:
                conditions.append(f"p.exam_day {'>=' if name == 'since' else '<='} substr(:{name}, 1, 10)")
            conditions.append(f"json_extract(p.payload, :time) {sign} :{name}")
            values[name] = text
    if sought.since or sought.until:
        conditions.append("json_extract(p.payload, :time) <> ''")
    for number, (path, texts) in enumerate(sought.matching.items()):
        conditions.append(
            f"""EXISTS (SELECT 1 FROM json_each(:texts{number}) t
                WHERE instr(',' || json_extract(p.payload, :path{number}) || ',', ',' || t.value || ','))"""
        )
        values |= {f"texts{number}": json.dumps(list(texts)), f"path{number}": _at(sought.message, path)}
    return conditions, values


def _at(message: str, path: str) -> str:
    """A wire name, nested ones with dots, as a path of SQLite's JSON."""
    return "$." + ".".join(f'"{name}"' for name in (message, *path.split(".")))


def _live(message: str) -> str:
    return _LIVE.format(parts=_PARTS[message], whose=_WHOSE[message])


def series(conn: sqlite3.Connection, sought: SoughtSeries, *, limit: int, offset: int = 0) -> list[SubmittedSeries]:
    """A page of the series whose images were submitted, by the time of the study."""
    conditions, values = _of_series(sought)
    rows = conn.execute(
        f"""SELECT p.exam_key, i.study_instance_uid, i.series_instance_uid, min(i.series_number) AS series_number,
              min(i.modality) AS modality, max({_ACCESSION}) AS accession_number,
              json_group_array(json_array(CAST(i.instance_number AS INTEGER), i.sop_instance_uid)) AS images
            FROM ({_live("images")}) live JOIN jobs p ON p.id = live.id JOIN json_each(p.payload, '$.images') x
            JOIN instances i ON i.sop_instance_uid = json_extract(x.value, '$.sop_instance_uid')
              AND i.data_set_sha256 = json_extract(x.value, '$.sha256')
            JOIN studies s ON s.study_instance_uid = i.study_instance_uid
            WHERE i.released = 0 {"".join(f" AND {one}" for one in conditions)}
            GROUP BY p.exam_key, i.study_instance_uid, i.series_instance_uid
            ORDER BY s.study_at, i.study_instance_uid, p.exam_key, CAST(series_number AS INTEGER), i.series_instance_uid
            LIMIT :limit OFFSET :offset""",
        {**values, "destination": sought.destination, "limit": limit, "offset": offset},
    )
    return [_series(row) for row in rows]


_ACCESSION = "coalesce(nullif(json_extract(x.value, '$.study_accession'), ''), s.accession_number)"
_ITS_EXAMS = "p.exam_key IN (SELECT e.exam_key FROM exam_studies e JOIN studies o USING (study_instance_uid) WHERE {})"
_NUMBERED = """p.exam_key IN (SELECT exam_key FROM exams WHERE accession_number IN ({0}) OR minted_accession IN ({0})
    UNION SELECT e.exam_key FROM exam_studies e JOIN studies o USING (study_instance_uid)
    WHERE o.accession_number IN ({0}))"""


def _of_series(sought: SoughtSeries) -> tuple[list[str], dict[str, Any]]:
    """Each twice where that helps: the exams that may have it from an index, then the images as they were submitted."""
    conditions, values = list[str](), dict[str, Any]()
    for name, sign, text in (("since", ">=", sought.since), ("until", "<", sought.until)):
        if text:
            conditions += [
                f"s.study_at {sign} :{name} AND s.study_at <> ''",
                _ITS_EXAMS.format(f"o.study_at {sign} :{name}"),
            ]
            values[name] = text
    for name, texts, columns in (
        ("exams", sought.exams, ["p.exam_key IN ({})"]),
        ("numbers", sought.accession_numbers, [_ACCESSION + " IN ({})", _NUMBERED]),
        (
            "studies",
            sought.studies,
            ["i.study_instance_uid IN ({})", _ITS_EXAMS.format("o.study_instance_uid IN ({})")],
        ),
        ("series", sought.series, ["i.series_instance_uid IN ({})"]),
    ):
        if texts is not None:
            conditions += [column.format(f"SELECT value FROM json_each(:{name})") for column in columns]
            values[name] = json.dumps(list(texts))
    return conditions, values


def _series(row: sqlite3.Row) -> SubmittedSeries:
    images = sorted((tuple(one) for one in json.loads(row["images"])), key=lambda one: (one[0] or 0, one[1]))
    return SubmittedSeries(
        exam_key=row["exam_key"],
        study_instance_uid=row["study_instance_uid"],
        series_instance_uid=row["series_instance_uid"],
        series_number=row["series_number"],
        modality=row["modality"],
        accession_number=row["accession_number"] or "",
        sop_instance_uids=tuple(str(uid) for _, uid in images),
    )


def is_new(tx: Tx, destination: str, mark: str, *, now: datetime, forget_before: datetime) -> bool:
    """Whether this sealed question comes for the first time; it is remembered."""
    tx.execute("DELETE FROM asked_marks WHERE at < ?", (kept(forget_before),))
    found = tx.execute(
        "INSERT OR IGNORE INTO asked_marks (destination, mark, at) VALUES (?, ?, ?)", (destination, mark, kept(now))
    )
    return found.rowcount == 1
