"""What others may find and fetch here (Query/Retrieve), and what of it they took.

Offered is an image whose file is kept, that counts (no other content of its UID was chosen), of a study that is
complete and waits for nobody, in an exam that is neither withdrawn nor a device's test. Everything is read in pages:
no reader holds the database while a slow peer listens.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.store import exams
from app.store.database import Tx
from app.store.times import kept

_IMAGE = """i.current = 1 AND i.released = 0 AND EXISTS (
    SELECT 1 FROM exam_studies e JOIN exams x USING (exam_key)
    WHERE e.study_instance_uid = i.study_instance_uid AND (e.patient_key = '' OR e.patient_key = i.patient_key)
    AND x.state NOT IN ('withdrawn', 'test'))"""
_STUDY = "s.complete_at IS NOT NULL AND s.doubt = ''"
_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """Exact conditions that the index can use; None for one that is not made. UIDs are lists of alternatives."""

    studies: Sequence[str] | None = None
    series: Sequence[str] | None = None
    images: Sequence[str] | None = None
    patient_id: str | None = None
    accession_number: str | None = None
    """The device's own or the one that the exam got here."""
    day_from: str = ""
    day_to: str = ""
    """yyyymmdd, both included."""


@dataclass(frozen=True, kw_only=True)
class FoundStudy:
    """A study with what is offered of it. `accession_numbers`: every one it is known by, the device's own first."""

    place: int
    study_instance_uid: str
    patient_id: str
    patient_name: str
    patient_name_raw: bytes
    charset: str
    sex: str
    birth_date: str
    study_at: str
    header: Mapping[str, str]
    accession_numbers: tuple[str, ...]
    series: tuple[FoundSeries, ...]

    @property
    def image_count(self) -> int:
        return sum(one.image_count for one in self.series)


@dataclass(frozen=True, kw_only=True)
class FoundSeries:
    series_instance_uid: str
    modality: str
    series_number: str
    sop_classes: tuple[str, ...]
    image_count: int


@dataclass(frozen=True, kw_only=True)
class FoundImage:
    """`path` is relative to the spool."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    instance_number: str
    modality: str
    series_number: str
    path: str


# -- finding ----------------------------------------------------------------------------------------------------------


def studies(conn: sqlite3.Connection, wanted: Narrowed, *, after: int = 0, limit: int = 100) -> list[FoundStudy]:
    """The next studies behind the place `after`, in the order they came; one of which nothing is offered has no series.

    At most `limit`; fewer than that: there are no more.
    """
    where, values = _conditions(wanted)
    turn = _turn(wanted)
    rows = conn.execute(
        f"""SELECT s.rowid AS place, s.* FROM studies s WHERE {turn} > :after AND {_STUDY} AND {where}
            ORDER BY {turn} LIMIT :limit""",
        {**values, "after": after, "limit": limit},
    ).fetchall()
    uids = json.dumps([row["study_instance_uid"] for row in rows])
    series, numbers = _series(conn, uids), _accession_numbers(conn, uids)
    return [_study(row, series.get(row["study_instance_uid"], {}), numbers) for row in rows]


def _turn(wanted: Narrowed) -> str:
    """The order they came in; with the plus SQLite looks the few wanted ones up instead of walking through all."""
    keys = (wanted.studies, wanted.images, wanted.patient_id, wanted.accession_number)
    return "s.rowid" if all(one is None for one in keys) else "+s.rowid"


def _conditions(wanted: Narrowed) -> tuple[str, dict[str, Any]]:
    """Of studies `s`: SQL with names for its values."""
    conditions, values = ["1"], dict[str, Any]()
    if wanted.studies is not None:
        conditions.append("s.study_instance_uid IN (SELECT value FROM json_each(:studies))")
        values["studies"] = json.dumps(list(wanted.studies))
    if wanted.series is not None:
        conditions.append(
            """EXISTS (SELECT 1 FROM instances n WHERE n.study_instance_uid = s.study_instance_uid
               AND n.series_instance_uid IN (SELECT value FROM json_each(:series)))"""
        )
        values["series"] = json.dumps(list(wanted.series))
    if wanted.images is not None:
        conditions.append(
            """s.study_instance_uid IN (SELECT study_instance_uid FROM instances
               WHERE sop_instance_uid IN (SELECT value FROM json_each(:images)))"""
        )
        values["images"] = json.dumps(list(wanted.images))
    if wanted.patient_id is not None:
        conditions.append("s.patient_id = :patient_id")
        values["patient_id"] = wanted.patient_id
    if wanted.accession_number is not None:
        conditions.append(
            """s.study_instance_uid IN (
               SELECT study_instance_uid FROM studies WHERE accession_number = :accession
               UNION SELECT e.study_instance_uid FROM exams x JOIN exam_studies e USING (exam_key)
               WHERE x.accession_number = :accession)"""
        )
        values["accession"] = wanted.accession_number
    if wanted.day_from:
        conditions.append("substr(s.study_at, 1, 8) >= :day_from")
        values["day_from"] = wanted.day_from
    if wanted.day_to:
        conditions.append("substr(s.study_at, 1, 8) <= :day_to AND s.study_at <> ''")
        values["day_to"] = wanted.day_to
    return " AND ".join(conditions), values


def _series(conn: sqlite3.Connection, uids: str) -> dict[str, dict[str, list[sqlite3.Row]]]:
    rows = conn.execute(
        f"""SELECT i.study_instance_uid, i.series_instance_uid, i.sop_class_uid, count(*) AS n,
            min(i.modality) AS modality, min(i.series_number) AS series_number
            FROM instances i WHERE i.study_instance_uid IN (SELECT value FROM json_each(?)) AND {_IMAGE}
            GROUP BY 1, 2, 3 ORDER BY 1, CAST(min(i.series_number) AS INTEGER), 2, 3""",
        (uids,),
    )
    found: dict[str, dict[str, list[sqlite3.Row]]] = {}
    for row in rows:
        found.setdefault(row["study_instance_uid"], {}).setdefault(row["series_instance_uid"], []).append(row)
    return found


def _accession_numbers(conn: sqlite3.Connection, uids: str) -> dict[str, list[str]]:
    rows = conn.execute(
        """SELECT e.study_instance_uid, x.accession_number FROM exam_studies e JOIN exams x USING (exam_key)
           WHERE e.study_instance_uid IN (SELECT value FROM json_each(?)) AND x.state NOT IN ('withdrawn', 'test')""",
        (uids,),
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["study_instance_uid"], []).append(row["accession_number"] or "")
    return found


def _study(row: sqlite3.Row, series: dict[str, list[sqlite3.Row]], numbers: dict[str, list[str]]) -> FoundStudy:
    known = [row["accession_number"] or "", *numbers.get(row["study_instance_uid"], ())]
    return FoundStudy(
        place=row["place"],
        study_instance_uid=row["study_instance_uid"],
        patient_id=row["patient_id"],
        patient_name=row["patient_name"],
        patient_name_raw=bytes(row["patient_name_raw"] or b""),
        charset=row["charset"] or "",
        sex=row["sex"],
        birth_date=row["birth_date"],
        study_at=row["study_at"],
        header=json.loads(row["header"]),
        accession_numbers=tuple(dict.fromkeys(one for one in known if one)),
        series=tuple(
            FoundSeries(
                series_instance_uid=uid,
                modality=rows[0]["modality"],
                series_number=rows[0]["series_number"],
                sop_classes=tuple(each["sop_class_uid"] for each in rows),
                image_count=sum(each["n"] for each in rows),
            )
            for uid, rows in series.items()
        ),
    )


def patient_ids(conn: sqlite3.Connection, wanted: Narrowed, *, after: str = "", limit: int = _AT_ONCE) -> list[str]:
    """The next patient IDs in alphabetical order; a patient without one can't be told from others."""
    where, values = _conditions(wanted)
    rows = conn.execute(
        f"""SELECT DISTINCT s.patient_id FROM studies s WHERE s.patient_id > :after AND {_STUDY} AND {where}
            ORDER BY s.patient_id LIMIT :limit""",
        {**values, "after": after, "limit": limit},
    )
    return [row["patient_id"] for row in rows]


# -- fetching ---------------------------------------------------------------------------------------------------------


def study_places(
    conn: sqlite3.Connection, wanted: Narrowed, *, after: int = 0, limit: int = _AT_ONCE
) -> list[tuple[int, str]]:
    """(place, UID) of the next studies behind the place `after`; fewer than `limit`: there are no more."""
    where, values = _conditions(wanted)
    turn = _turn(wanted)
    rows = conn.execute(
        f"""SELECT s.rowid AS place, s.study_instance_uid FROM studies s
            WHERE {turn} > :after AND {_STUDY} AND {where} ORDER BY {turn} LIMIT :limit""",
        {**values, "after": after, "limit": limit},
    )
    return [(row["place"], row["study_instance_uid"]) for row in rows]


def images(conn: sqlite3.Connection, wanted: Narrowed, study_instance_uid: str) -> list[FoundImage]:
    """The wanted images of one study, in series and instance order."""
    where, values = _image_conditions(wanted)
    rows = conn.execute(
        f"""SELECT i.* FROM instances i JOIN studies s USING (study_instance_uid)
            WHERE i.study_instance_uid = :study AND {where}
            ORDER BY CAST(i.series_number AS INTEGER), i.series_instance_uid,
                     CAST(i.instance_number AS INTEGER), i.sop_instance_uid""",
        {**values, "study": study_instance_uid},
    )
    return [FoundImage(**{name: row[name] for name in FoundImage.__dataclass_fields__}) for row in rows]


def kinds(conn: sqlite3.Connection, wanted: Narrowed) -> dict[tuple[str, str], int]:
    """(SOP class, transfer syntax) -> how many of the wanted images are such."""
    where, values = _image_conditions(wanted)
    rows = conn.execute(
        f"""SELECT i.sop_class_uid, i.transfer_syntax_uid, count(*) AS n
            FROM instances i JOIN studies s USING (study_instance_uid) WHERE {where} GROUP BY 1, 2""",
        values,
    )
    return {(row["sop_class_uid"], row["transfer_syntax_uid"]): row["n"] for row in rows}


def _image_conditions(wanted: Narrowed) -> tuple[str, dict[str, Any]]:
    where, values = _conditions(wanted)
    conditions = [_STUDY, where, _IMAGE]
    if wanted.series is not None:
        conditions.append("i.series_instance_uid IN (SELECT value FROM json_each(:series))")
    if wanted.images is not None:
        conditions.append("i.sop_instance_uid IN (SELECT value FROM json_each(:images))")
    return " AND ".join(conditions), values


def transfer_syntaxes(conn: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """SOP class -> transfer syntax -> how many of the newest images are such."""
    rows = conn.execute(
        """SELECT sop_class_uid, transfer_syntax_uid, count(*) AS n FROM
           (SELECT sop_class_uid, transfer_syntax_uid FROM instances WHERE released = 0 ORDER BY rowid DESC LIMIT 20000)
           GROUP BY 1, 2"""
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["sop_class_uid"], {})[row["transfer_syntax_uid"]] = row["n"]
    return found


def kept_images(conn: sqlite3.Connection, sop_instance_uids: Sequence[str]) -> dict[str, list[tuple[str, str, int]]]:
    """SOP instance UID -> (SOP class, path, size) of every content of it whose file is to be here."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    for start in range(0, len(sop_instance_uids), _AT_ONCE):
        rows = conn.execute(
            """SELECT sop_instance_uid, sop_class_uid, path, size_bytes FROM instances
               WHERE released = 0 AND sop_instance_uid IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(sop_instance_uids[start : start + _AT_ONCE])),),
        )
        for row in rows:
            one = (row["sop_class_uid"], row["path"], row["size_bytes"])
            found.setdefault(row["sop_instance_uid"], []).append(one)
    return found


# -- what was taken ---------------------------------------------------------------------------------------------------


def note_taken(tx: Tx, study_instance_uid: str, ae_title: str, count: int, *, now: datetime) -> None:
    """On the timeline of the study's exams; image after image fetched by the same one is one line that counts on."""
    for exam_key in exams.of_study(tx.conn, study_instance_uid):
        last = tx.execute(
            "SELECT id, what, detail FROM timeline WHERE exam_key = ? ORDER BY id DESC LIMIT 1", (exam_key,)
        ).fetchone()
        before, _, number = str(last["detail"]).rpartition("/") if last else ("", "", "")
        if last and last["what"] == "pulled" and before == ae_title:
            tx.execute(
                "UPDATE timeline SET detail = ?, at = ? WHERE id = ?",
                (f"{ae_title}/{int(number) + count}", kept(now), last["id"]),
            )
        else:
            exams.note(tx, exam_key, "pulled", f"{ae_title}/{count}", at=now)
        tx.tell("exam_changed", exam=exam_key)
