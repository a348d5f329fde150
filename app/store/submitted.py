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
    SELECT max(j.id) AS id, j.exam_key FROM jobs j WHERE j.destination = :destination AND j.withdraws = 0
    AND j.state IN {_SENT_OFF} AND j.part IN ({{parts}}) AND NOT EXISTS (
      SELECT 1 FROM jobs n WHERE n.exam_key = j.exam_key AND n.destination = j.destination AND n.part = j.part
      AND n.report_key = j.report_key AND n.version > j.version
      AND CASE n.withdraws WHEN 0 THEN n.state IN {_SENT_OFF} ELSE n.state <> 'cancelled' END)
    GROUP BY {{whose}}"""
_PARTS = {"exam": "'exam', 'merged'", "report": "'report', 'merged'", "images": "'images'"}
_WHOSE = {"exam": "j.exam_key", "report": "j.exam_key, j.report_key", "images": "j.exam_key"}


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Which records of a destination are asked for. Paths are wire names; texts are as they were submitted.

    Times are texts that sort: `since` is included, `until` is not, "" is open.
    """

    destination: str
    message: str
    """`exam` or `report`."""
    time_path: str
    since: str = ""
    until: str = ""
    has_day: bool = False
    """The time is the exam's own: its day is in the index."""
    matching: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Path -> the texts of which one must stand there; also as one of several that a comma joins."""


@dataclass(frozen=True, kw_only=True)
class OfSeries:
    """Which series of the exams that are sought; None is a condition that is not made."""

    accession_numbers: Sequence[str] | None = None
    studies: Sequence[str] | None = None
    series: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class SubmittedSeries:
    """A series of an exam as far as its files are kept here. `record_job`: the job that holds the exam's record."""

    record_job: int
    exam_key: str
    study_instance_uid: str
    series_instance_uid: str
    series_number: str
    modality: str
    accession_number: str
    """The number under which it went; the device's own where the submission does not say."""
    sop_instance_uids: tuple[str, ...]
    """By their numbers."""


def records(conn: sqlite3.Connection, sought: Sought, *, limit: int, offset: int = 0) -> list[int]:
    """The jobs that hold a page of them, by their time, then by exam and report."""
    where, values = _of_records(sought)
    rows = conn.execute(
        f"""SELECT r.id FROM ({_live(sought.message)}) live JOIN jobs r ON r.id = live.id WHERE {where}
            ORDER BY json_extract(r.payload, :time), r.exam_key, r.report_key LIMIT :limit OFFSET :offset""",
        {**values, "limit": limit, "offset": offset},
    )
    return [row["id"] for row in rows]


def series(
    conn: sqlite3.Connection, sought: Sought, wanted: OfSeries, *, limit: int, offset: int = 0
) -> list[SubmittedSeries]:
    """A page of the series whose images were submitted, by the time of the exam; `sought` is about exams."""
    where, values = _of_records(sought)
    narrower, more = _of_series(wanted)
    rows = conn.execute(
        f"""SELECT r.id AS record_job, r.exam_key, i.study_instance_uid, i.series_instance_uid,
              min(i.series_number) AS series_number, min(i.modality) AS modality,
              max({_ACCESSION}) AS accession_number,
              json_group_array(json_array(CAST(i.instance_number AS INTEGER), i.sop_instance_uid)) AS images
            FROM ({_live("exam")}) live JOIN jobs r ON r.id = live.id
            JOIN ({_live("images")}) pictured ON pictured.exam_key = r.exam_key JOIN jobs p ON p.id = pictured.id
            JOIN json_each(p.payload, '$.images') x
            JOIN instances i ON i.sop_instance_uid = json_extract(x.value, '$.sop_instance_uid')
              AND i.data_set_sha256 = json_extract(x.value, '$.sha256')
            JOIN studies s ON s.study_instance_uid = i.study_instance_uid
            WHERE i.released = 0 AND {where} {narrower}
            GROUP BY r.exam_key, i.study_instance_uid, i.series_instance_uid
            ORDER BY json_extract(r.payload, :time), r.exam_key, i.study_instance_uid,
              CAST(min(i.series_number) AS INTEGER), i.series_instance_uid
            LIMIT :limit OFFSET :offset""",
        {**values, **more, "limit": limit, "offset": offset},
    )
    return [_series(row) for row in rows]


_ACCESSION = "coalesce(nullif(json_extract(x.value, '$.study_accession'), ''), s.accession_number)"
_EXAMS_WITH = "r.exam_key IN (SELECT e.exam_key FROM exam_studies e JOIN studies o USING (study_instance_uid) WHERE {})"
_NUMBERED = """r.exam_key IN (SELECT exam_key FROM exams WHERE accession_number IN ({0}) OR minted_accession IN ({0})
    UNION SELECT e.exam_key FROM exam_studies e JOIN studies o USING (study_instance_uid)
    WHERE o.accession_number IN ({0}))"""


def _of_records(sought: Sought) -> tuple[str, dict[str, Any]]:
    conditions = [f"json_type(r.payload, '$.{sought.message}') = 'object'"]
    values: dict[str, Any] = {"destination": sought.destination, "time": _at(sought.message, sought.time_path)}
    for name, sign, text in (("since", ">=", sought.since), ("until", "<", sought.until)):
        if text:
            if sought.has_day:
                conditions.append(f"r.exam_day {'>=' if sign == '>=' else '<='} substr(:{name}, 1, 10)")
            conditions.append(f"json_extract(r.payload, :time) {sign} :{name}")
            values[name] = text
    if sought.since or sought.until:
        conditions.append("json_extract(r.payload, :time) <> ''")
    for number, (path, texts) in enumerate(sought.matching.items()):
        conditions.append(
            f"""EXISTS (SELECT 1 FROM json_each(:texts{number}) t
                WHERE instr(',' || json_extract(r.payload, :path{number}) || ',', ',' || t.value || ','))"""
        )
        values |= {f"texts{number}": json.dumps(list(texts)), f"path{number}": _at(sought.message, path)}
    return " AND ".join(conditions), values


def _of_series(wanted: OfSeries) -> tuple[str, dict[str, Any]]:
    """Each twice where that helps: the exams that may have it, by an index; then the images as they were submitted."""
    conditions, values = list[str](), dict[str, Any]()
    for name, texts, columns in (
        ("numbers", wanted.accession_numbers, (_NUMBERED, _ACCESSION + " IN ({0})")),
        (
            "studies",
            wanted.studies,
            (_EXAMS_WITH.format("study_instance_uid IN ({0})"), "i.study_instance_uid IN ({0})"),
        ),
        ("series", wanted.series, ("i.series_instance_uid IN ({0})",)),
    ):
        if texts is not None:
            conditions += [column.format(f"SELECT value FROM json_each(:{name})") for column in columns]
            values[name] = json.dumps(list(texts))
    return "".join(f" AND {one}" for one in conditions), values


def _at(message: str, path: str) -> str:
    """A wire name, nested ones with dots, as a path of SQLite's JSON."""
    return "$." + ".".join(f'"{name}"' for name in (message, *path.split(".")))


def _live(message: str) -> str:
    return _LIVE.format(parts=_PARTS[message], whose=_WHOSE[message])


def _series(row: sqlite3.Row) -> SubmittedSeries:
    images = sorted((tuple(one) for one in json.loads(row["images"])), key=lambda one: (one[0] or 0, one[1]))
    return SubmittedSeries(
        record_job=row["record_job"],
        exam_key=row["exam_key"],
        study_instance_uid=row["study_instance_uid"],
        series_instance_uid=row["series_instance_uid"],
        series_number=row["series_number"] or "",
        modality=row["modality"] or "",
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
