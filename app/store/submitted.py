"""What a destination should have: of all that was submitted to it, the newest version of each part that was sent off.

Not what waits for a signature, a person or a pause, nor what the platform refused: there the version before it counts.
Nothing of what was withdrawn, from the moment that somebody withdrew it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.store.database import Tx
from app.store.times import kept

_SENT_OFF = "('queued', 'sending', 'waiting', 'acknowledged', 'reconciled')"
_LIVE = f"""{{0}}.withdraws = 0 AND {{0}}.state IN {_SENT_OFF} AND NOT EXISTS (
      SELECT 1 FROM jobs n WHERE n.exam_key = {{0}}.exam_key AND n.destination = {{0}}.destination
      AND n.part = {{0}}.part AND n.report_key = {{0}}.report_key AND n.version > {{0}}.version
      AND CASE n.withdraws WHEN 0 THEN n.state IN {_SENT_OFF} ELSE n.state <> 'cancelled' END)"""
_PARTS = {"exam": "'exam', 'merged'", "report": "'report', 'merged'"}
_WHOSE = {"exam": "", "report": "AND m.report_key = r.report_key"}
_CHUNK = 100
_FEW_DAYS = 8


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
    return _records(conn, where, values, limit, offset)


def series(
    conn: sqlite3.Connection, sought: Sought, wanted: OfSeries, *, limit: int, offset: int = 0
) -> list[SubmittedSeries]:
    """A page of the series whose images were submitted, by the time of the exam; `sought` is about exams.

    Exams are gone through in portions, so that a page near the beginning opens no more image lists than it needs.
    """
    where, values = _of_records(sought)
    of_exams, of_images, more = _of_series(wanted)
    jobs = _records(conn, " AND ".join((where, *of_exams)), {**values, **more}, -1, 0)
    found: list[SubmittedSeries] = []
    for first in range(0, len(jobs), _CHUNK):
        found += _series_of(conn, sought.destination, jobs[first : first + _CHUNK], of_images, more)
        if len(found) >= offset + limit:
            break
    return found[offset : offset + limit]


def _records(conn: sqlite3.Connection, where: str, values: Mapping[str, Any], limit: int, offset: int) -> list[int]:
    rows = conn.execute(
        f"""SELECT r.id FROM jobs r WHERE {where}
            ORDER BY json_extract(r.payload, :time), r.exam_key, r.report_key LIMIT :limit OFFSET :offset""",
        {**values, "limit": limit, "offset": offset},
    )
    return [row["id"] for row in rows]


def _series_of(
    conn: sqlite3.Connection, destination: str, jobs: Sequence[int], conditions: Sequence[str], more: Mapping[str, Any]
) -> list[SubmittedSeries]:
    """Of the exams whose records these jobs hold, in their order."""
    rows = conn.execute(
        f"""SELECT r.id AS record_job, r.exam_key, i.study_instance_uid, i.series_instance_uid,
              min(i.series_number) AS series_number, min(i.modality) AS modality,
              max({_ACCESSION}) AS accession_number,
              json_group_array(json_array(CAST(i.instance_number AS INTEGER), i.sop_instance_uid)) AS images
            FROM json_each(:jobs) here JOIN jobs r ON r.id = here.value
            JOIN jobs p ON p.exam_key = r.exam_key AND p.destination = :destination AND p.part = 'images'
            JOIN json_each(p.payload, '$.images') x
            JOIN instances i ON i.sop_instance_uid = json_extract(x.value, '$.sop_instance_uid')
              AND i.data_set_sha256 = json_extract(x.value, '$.sha256')
            JOIN studies s ON s.study_instance_uid = i.study_instance_uid
            WHERE {_LIVE.format("p")} AND i.released = 0 {"".join(f" AND {one}" for one in conditions)}
            GROUP BY here.key, i.study_instance_uid, i.series_instance_uid
            ORDER BY here.key, i.study_instance_uid, CAST(min(i.series_number) AS INTEGER), i.series_instance_uid""",
        {**more, "destination": destination, "jobs": json.dumps(jobs)},
    )
    return [_series(row) for row in rows]


_ACCESSION = "coalesce(nullif(json_extract(x.value, '$.study_accession'), ''), s.accession_number)"
_EXAMS_WITH = """r.exam_key IN (
    SELECT e.exam_key FROM exam_studies e JOIN {0} o USING (study_instance_uid) WHERE o.{1} IN ({{0}}))"""
_NUMBERED = """r.exam_key IN (SELECT exam_key FROM exams WHERE accession_number IN ({0}) OR minted_accession IN ({0})
    UNION SELECT e.exam_key FROM exam_studies e JOIN studies o USING (study_instance_uid)
    WHERE o.accession_number IN ({0}))"""


_HAS = """EXISTS (SELECT 1 FROM json_each(:texts{0}) t WHERE instr(r.payload, json_extract(t.value, '$[1]'))
    AND instr(',' || json_extract(r.payload, :path{0}) || ',', ',' || json_extract(t.value, '$[0]') || ','))"""
"""The text as JSON writes it is looked for first: few records need to be read as JSON, which takes most of the time."""


def _of_records(sought: Sought) -> tuple[str, dict[str, Any]]:
    parts = _PARTS[sought.message]
    conditions = [
        f"""r.destination = :destination AND r.part IN ({parts}) AND {_LIVE.format("r")} AND NOT EXISTS (
            SELECT 1 FROM jobs m WHERE m.exam_key = r.exam_key AND m.destination = r.destination AND m.part IN ({parts})
            {_WHOSE[sought.message]} AND m.id > r.id AND {_LIVE.format("m")})""",
    ]
    values: dict[str, Any] = {"destination": sought.destination, "time": _at(sought.message, sought.time_path)}
    for name, sign, text in (("since", ">=", sought.since), ("until", "<", sought.until)):
        if text:
            if sought.has_day:
                conditions.append(f"r.exam_day {'>=' if sign == '>=' else '<='} substr(:{name}, 1, 10)")
            conditions.append(f"json_extract(r.payload, :time) {sign} :{name}")
            values[name] = text
    if not sought.has_day and (days := _days(sought.since, sought.until)):
        conditions.append("EXISTS (SELECT 1 FROM json_each(:days) d WHERE instr(r.payload, d.value))")
        values["days"] = json.dumps(days)
    if sought.since or sought.until:
        conditions.append("json_extract(r.payload, :time) <> ''")
    for number, (path, texts) in enumerate(sought.matching.items()):
        conditions.append(_HAS.format(number))
        values[f"texts{number}"] = json.dumps([[text, json.dumps(text, ensure_ascii=False)[1:-1]] for text in texts])
        values[f"path{number}"] = _at(sought.message, path)
    return " AND ".join(conditions), values


def _days(since: str, until: str) -> list[str]:
    """The days of a short range: a record that has none of them in it need not be read as JSON."""
    if not since or not until:
        return []
    first, last = date.fromisoformat(since[:10]), date.fromisoformat(until[:10])
    count = (last - first).days + 1
    return [(first + timedelta(days=n)).isoformat() for n in range(count)] if count <= _FEW_DAYS else []


def _of_series(wanted: OfSeries) -> tuple[list[str], list[str], dict[str, Any]]:
    """(conditions of the exams that may have it, by the index; of the images as they were submitted; values)."""
    of_exams, of_images, values = list[str](), list[str](), dict[str, Any]()
    for name, texts, may_have, has in (
        ("numbers", wanted.accession_numbers, _NUMBERED, _ACCESSION),
        ("studies", wanted.studies, _EXAMS_WITH.format("studies", "study_instance_uid"), "i.study_instance_uid"),
        ("series", wanted.series, _EXAMS_WITH.format("instances", "series_instance_uid"), "i.series_instance_uid"),
    ):
        if texts is not None:
            those = f"SELECT value FROM json_each(:{name})"
            of_exams.append(may_have.format(those))
            of_images.append(f"{has} IN ({those})")
            values[name] = json.dumps(list(texts))
    return of_exams, of_images, values


def _at(message: str, path: str) -> str:
    """A wire name, nested ones with dots, as a path of SQLite's JSON."""
    return "$." + ".".join(f'"{name}"' for name in (message, *path.split(".")))


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
