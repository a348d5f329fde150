"""Instances and studies: index one arrival, decide what it is, list them. All of it can be rebuilt from the spool."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from app.domain.study import DOUBT_WORDS, Arrival, Doubt, Instance, Study
from app.store import exams, sources
from app.store.database import Store, Tx
from app.store.times import kept, taken, taken_or_none


class Outcome(Enum):
    """What an arrival turned out to be."""

    NEW = "new"
    AGAIN = "again"
    CONFLICT = "conflict"


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """`path` is where the index keeps the image: for AGAIN the earlier file, the new one is not needed."""

    outcome: Outcome
    study_instance_uid: str
    exam_keys: tuple[str, ...]
    path: str


def is_known(conn: sqlite3.Connection, sop_instance_uid: str, data_set_sha256: str) -> bool:
    row = conn.execute(
        "SELECT 1 FROM instances WHERE sop_instance_uid = ? AND data_set_sha256 = ? AND released = 0",
        (sop_instance_uid, data_set_sha256),
    ).fetchone()
    return row is not None


def patient_key(header: dict[str, str], name: str) -> str:
    """What tells two patients apart inside one study: id and name, without case and blanks."""
    return "|".join("".join(text.split()).upper() for text in (header.get("PatientID", ""), name))


def index(tx: Tx, arrival: Arrival, name: str, *, now: datetime, placed: bool = False) -> Indexed:
    """Record one image with its study and exam. The same data set twice is nothing new.

    `placed`: the file lies there since just now, also where an earlier one of the same data set was gone.

    `name` is the patient's name as decoded, best reading first; it tells patients apart whatever a person chose for
    the device since, `arrival.guided_name` is what is shown.
    """
    new = arrival.instance
    earlier = tx.execute(
        "SELECT data_set_sha256, path FROM instances WHERE sop_instance_uid = ?", (new.sop_instance_uid,)
    ).fetchall()
    same = next((row for row in earlier if row["data_set_sha256"] == new.data_set_sha256), None)
    if same is not None:
        tx.execute(
            "UPDATE instances SET released = 0 WHERE sop_instance_uid = ? AND data_set_sha256 = ?",
            (new.sop_instance_uid, new.data_set_sha256),
        )
        if placed:
            tx.execute(
                "UPDATE instances SET md5 = ?, size_bytes = ? WHERE sop_instance_uid = ? AND data_set_sha256 = ?",
                (new.md5, new.size_bytes, new.sop_instance_uid, new.data_set_sha256),
            )
        keys = exams.of_study(tx.conn, new.study_instance_uid)
        return Indexed(
            outcome=Outcome.AGAIN, study_instance_uid=new.study_instance_uid, exam_keys=keys, path=same["path"]
        )
    key = patient_key(arrival.header, name)
    _insert_instance(tx, new, key, current=not earlier)
    sources.touch(tx, new.source, now=now)
    name = arrival.guided_name or name
    is_new_study = _upsert_study(tx, arrival, name, key, now, conflict=bool(earlier))
    if earlier:
        raise_doubt(tx, new.study_instance_uid, Doubt.CONFLICT, new.sop_instance_uid)
    if is_new_study:
        exams.create_for_study(tx, new.study_instance_uid, key, arrival.header.get("AccessionNumber", ""), now=now)
    if not earlier:
        exams.show_images(tx, new.study_instance_uid, name=name, header=arrival.header, at=now)
    keys = exams.of_study(tx.conn, new.study_instance_uid)
    tx.tell("image_received", study=new.study_instance_uid, exams=list(keys))
    return Indexed(
        outcome=Outcome.CONFLICT if earlier else Outcome.NEW,
        study_instance_uid=new.study_instance_uid,
        exam_keys=keys,
        path=new.path,
    )


def _insert_instance(tx: Tx, new: Instance, key: str, *, current: bool) -> None:
    tx.execute(
        """INSERT INTO instances (sop_instance_uid, data_set_sha256, md5, sop_class_uid, study_instance_uid,
           series_instance_uid, transfer_syntax_uid, size_bytes, path, modality, series_number, instance_number,
           source, patient_key, received_at, current, released)
           VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0)""",
        (
            new.sop_instance_uid,
            new.data_set_sha256,
            new.md5,
            new.sop_class_uid,
            new.study_instance_uid,
            new.series_instance_uid,
            new.transfer_syntax_uid,
            new.size_bytes,
            new.path,
            new.modality,
            new.series_number,
            new.instance_number,
            new.source,
            key,
            kept(new.received_at),
            int(current),
        ),
    )


def _upsert_study(tx: Tx, arrival: Arrival, name: str, key: str, now: datetime, *, conflict: bool) -> bool:
    """True for a study not seen before; a second patient or a reused accession number holds it for a person."""
    uid, header = arrival.instance.study_instance_uid, arrival.header
    known = tx.execute("SELECT patient_key FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
    if known is not None:
        tx.execute(
            """UPDATE studies SET image_count = image_count + ?, last_at = ?, complete_at = NULL
               WHERE study_instance_uid = ?""",
            (int(not conflict), kept(now), uid),
        )
        if known["patient_key"] != key:
            tx.execute(
                """INSERT OR IGNORE INTO other_patients (study_instance_uid, patient_key, patient_name, header)
                   VALUES (?, ?, ?, ?)""",
                (uid, key, name, json.dumps(header, ensure_ascii=False)),
            )
            if not exams.has_patient(tx, uid, key):
                raise_doubt(tx, uid, Doubt.TWO_PATIENTS, key)
        return False
    tx.execute(
        """INSERT INTO studies (study_instance_uid, patient_id, patient_key, patient_name, patient_name_raw, charset,
           name_candidates, sex, birth_date, accession_number, modality, description, study_at, source, header,
           image_count, first_at, last_at, complete_at, doubt, doubt_detail)
           VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,1,?,?,NULL,'','')""",
        (
            uid,
            header.get("PatientID", ""),
            key,
            name,
            arrival.patient_name_raw,
            arrival.charset,
            json.dumps(arrival.name_candidates, ensure_ascii=False),
            header.get("PatientSex", ""),
            header.get("PatientBirthDate", ""),
            header.get("AccessionNumber", ""),
            arrival.instance.modality,
            header.get("StudyDescription", "") or header.get("SeriesDescription", ""),
            header.get("StudyDate", "") + header.get("StudyTime", "")[:6],
            arrival.instance.source,
            json.dumps(header, ensure_ascii=False),
            kept(now),
            kept(now),
        ),
    )
    if arrival.name_candidates:
        raise_doubt(tx, uid, Doubt.NAME, "")
    _check_accession(tx, uid, header.get("AccessionNumber", ""), key)
    return True


def _check_accession(tx: Tx, uid: str, accession: str, key: str) -> None:
    """An accession number that stands on another patient's study holds the later one until somebody looked."""
    if not accession:
        return
    others = tx.execute(
        "SELECT study_instance_uid FROM studies WHERE accession_number = ? AND patient_key <> ?", (accession, key)
    ).fetchall()
    if others:
        raise_doubt(tx, uid, Doubt.ACCESSION_REUSED, accession)


def raise_doubt(tx: Tx, uid: str, doubt: Doubt, detail: str) -> None:
    """Hold the study for a person. A graver doubt replaces a lesser one, never the other way round."""
    order = [Doubt.NONE, Doubt.NAME, Doubt.ACCESSION_REUSED, Doubt.CONFLICT, Doubt.TWO_PATIENTS]
    row = tx.execute("SELECT doubt FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
    if row is None or order.index(Doubt(row["doubt"])) >= order.index(doubt):
        return
    tx.execute(
        "UPDATE studies SET doubt = ?, doubt_detail = ? WHERE study_instance_uid = ?", (doubt.value, detail, uid)
    )
    tx.tell("study_held", study=uid, why=DOUBT_WORDS[doubt])


def clear_doubt(tx: Tx, uid: str) -> None:
    tx.execute("UPDATE studies SET doubt = '', doubt_detail = '' WHERE study_instance_uid = ?", (uid,))


def set_name(tx: Tx, uid: str, name: str) -> None:
    """The technician's reading of the name; the stored file stays as it came."""
    tx.execute("UPDATE studies SET patient_name = ?, name_candidates = '[]' WHERE study_instance_uid = ?", (name, uid))


def contents(conn: sqlite3.Connection, study_instance_uid: str) -> list[dict[str, Any]]:
    """Every content of the images that came with several under one SOP instance UID, in the order they came."""
    rows = conn.execute(
        """SELECT sop_instance_uid, data_set_sha256, size_bytes, received_at, current FROM instances
           WHERE study_instance_uid = :uid AND sop_instance_uid IN (
             SELECT sop_instance_uid FROM instances WHERE study_instance_uid = :uid
             GROUP BY sop_instance_uid HAVING count(*) > 1) ORDER BY sop_instance_uid, received_at""",
        {"uid": study_instance_uid},
    ).fetchall()
    return [dict(row) | {"current": bool(row["current"])} for row in rows]


def raw_name(conn: sqlite3.Connection, study_instance_uid: str) -> bytes:
    """The patient's name as the device sent it."""
    row = conn.execute(
        "SELECT patient_name_raw FROM studies WHERE study_instance_uid = ?", (study_instance_uid,)
    ).fetchone()
    return bytes(row["patient_name_raw"]) if row else b""


def other_patient(conn: sqlite3.Connection, study_instance_uid: str) -> tuple[str, dict[str, str]] | None:
    """(name, header) of the second patient whose images came in this study, None when there is none."""
    row = conn.execute(
        "SELECT patient_name, header FROM other_patients WHERE study_instance_uid = ? LIMIT 1", (study_instance_uid,)
    ).fetchone()
    return (str(row["patient_name"]), json.loads(row["header"])) if row else None


def with_the_same_accession(conn: sqlite3.Connection, study: Study) -> Study | None:
    """An earlier study of another patient that has the accession number of this one."""
    row = conn.execute(
        """SELECT * FROM studies WHERE accession_number = ? AND study_instance_uid <> ? AND patient_key <>
           (SELECT patient_key FROM studies WHERE study_instance_uid = ?) ORDER BY first_at LIMIT 1""",
        (study.accession_number, study.study_instance_uid, study.study_instance_uid),
    ).fetchone()
    return _study(row) if row and study.accession_number else None


def declared_charset(conn: sqlite3.Connection, study: Study) -> str:
    """The Specific Character Set its first image declared, "" for none."""
    row = conn.execute(
        "SELECT charset FROM studies WHERE study_instance_uid = ?", (study.study_instance_uid,)
    ).fetchone()
    return str(row["charset"] or "") if row else ""


def choose_content(tx: Tx, sop_instance_uid: str, data_set_sha256: str) -> None:
    """Of several contents under one UID, this one is the image; the others stay beside it."""
    tx.execute(
        "UPDATE instances SET current = (data_set_sha256 = ?) WHERE sop_instance_uid = ?",
        (data_set_sha256, sop_instance_uid),
    )
    row = tx.execute(
        "SELECT study_instance_uid FROM instances WHERE sop_instance_uid = ?", (sop_instance_uid,)
    ).fetchone()
    for exam_key in exams.of_study(tx.conn, row["study_instance_uid"]) if row else ():
        exams.mark_dirty(tx, exam_key)


def md5_of(conn: sqlite3.Connection, sop_instance_uid: str, data_set_sha256: str) -> str:
    """Of the whole file as it lies in the spool, 32 hex digits; "" when it is not known."""
    row = conn.execute(
        "SELECT md5 FROM instances WHERE sop_instance_uid = ? AND data_set_sha256 = ?",
        (sop_instance_uid, data_set_sha256),
    ).fetchone()
    return row["md5"].lower() if row else ""


def mark_complete(tx: Tx, uid: str, *, now: datetime) -> None:
    tx.execute("UPDATE studies SET complete_at = ? WHERE study_instance_uid = ?", (kept(now), uid))
    tx.tell("study_completed", study=uid)


def study(store: Store, uid: str) -> Study | None:
    row = store.row("SELECT * FROM studies WHERE study_instance_uid = ?", (uid,))
    return _study(row) if row else None


def studies_of(store: Store, exam_key: str) -> list[Study]:
    return studies_on(store.read(), exam_key)


def studies_on(conn: sqlite3.Connection, exam_key: str) -> list[Study]:
    """The studies of an exam, in the order they came; of a split study with what the images of its patient say."""
    rows = conn.execute(
        """SELECT s.*, o.patient_name AS other_name, o.header AS other_header
           FROM studies s JOIN exam_studies e USING (study_instance_uid)
           LEFT JOIN other_patients o ON o.study_instance_uid = s.study_instance_uid AND o.patient_key = e.patient_key
           WHERE e.exam_key = ? ORDER BY s.first_at""",
        (exam_key,),
    ).fetchall()
    return [_of_patient(_study(row), row["other_name"], row["other_header"]) for row in rows]


def _of_patient(study: Study, name: str | None, header: str | None) -> Study:
    if name is None or header is None:
        return study
    own: dict[str, str] = json.loads(header)
    return replace(
        study,
        patient_id=own.get("PatientID", ""),
        patient_name=name,
        sex=own.get("PatientSex", ""),
        birth_date=own.get("PatientBirthDate", ""),
        accession_number=own.get("AccessionNumber", ""),
        header=own,
        name_candidates=(),
    )


def incomplete(store: Store) -> list[tuple[str, str, datetime]]:
    """(study UID, source, last arrival) of every study that still waits for quiet."""
    rows = store.rows("SELECT study_instance_uid, source, last_at FROM studies WHERE complete_at IS NULL")
    return [(row["study_instance_uid"], row["source"], taken(row["last_at"])) for row in rows]


def instances_of(conn: sqlite3.Connection, exam_key: str, *, current_only: bool = True) -> list[Instance]:
    """The images of an exam, in series and instance order; only those of its patient where a study was split."""
    rows = conn.execute(
        f"""SELECT i.* FROM instances i JOIN exam_studies e USING (study_instance_uid)
            WHERE e.exam_key = ? AND (e.patient_key = '' OR e.patient_key = i.patient_key)
            {"AND i.current = 1" if current_only else ""}
            ORDER BY i.study_instance_uid, CAST(i.series_number AS INTEGER), i.series_instance_uid,
                     CAST(i.instance_number AS INTEGER), i.sop_instance_uid""",
        (exam_key,),
    ).fetchall()
    return [_instance(row) for row in rows]


def image_of(conn: sqlite3.Connection, exam_key: str, sop_instance_uid: str) -> Instance | None:
    """One of `instances_of`."""
    row = conn.execute(
        """SELECT i.* FROM instances i JOIN exam_studies e USING (study_instance_uid)
           WHERE i.sop_instance_uid = ? AND i.current = 1
           AND e.exam_key = ? AND (e.patient_key = '' OR e.patient_key = i.patient_key)""",
        (sop_instance_uid, exam_key),
    ).fetchone()
    return _instance(row) if row else None


def current(conn: sqlite3.Connection, sop_instance_uid: str) -> tuple[Instance, bool] | None:
    """The content that counts under this UID, and whether its file was released after the retention period."""
    row = conn.execute(
        "SELECT * FROM instances WHERE sop_instance_uid = ? ORDER BY current DESC LIMIT 1", (sop_instance_uid,)
    ).fetchone()
    return (_instance(row), bool(row["released"])) if row else None


def released_of(conn: sqlite3.Connection, exam_key: str) -> set[str]:
    """SOP instance UIDs of the exam's images whose files are no longer kept here."""
    rows = conn.execute(
        """SELECT i.sop_instance_uid FROM instances i JOIN exam_studies e USING (study_instance_uid)
           WHERE e.exam_key = ? AND i.released = 1 AND i.current = 1""",
        (exam_key,),
    ).fetchall()
    return {row["sop_instance_uid"] for row in rows}


def paths(store: Store) -> set[str]:
    """Every spool path the index knows."""
    return {row["path"] for row in store.rows("SELECT path FROM instances")}


def releasable(store: Store, before: datetime, limit: int = 500) -> list[Instance]:
    """Images whose exams were all acknowledged by every destination before that time, and that are still on disk.

    An exam counts only when it has jobs, and none of its newest jobs is unconfirmed. One whose images a platform has
    not fetched yet is kept while their link lives (see `files.expire_links`). At most `limit` at once.
    """
    rows = store.rows(
        """SELECT i.* FROM instances i WHERE i.released = 0
           AND EXISTS (SELECT 1 FROM exam_studies e JOIN jobs j USING (exam_key)
                       WHERE e.study_instance_uid = i.study_instance_uid)
           AND NOT EXISTS (
             SELECT 1 FROM exam_studies e JOIN exams x USING (exam_key)
             WHERE e.study_instance_uid = i.study_instance_uid
             AND (x.state NOT IN ('acknowledged', 'reconciled', 'withdrawn')
                  OR (SELECT max(j.changed_at) FROM jobs j WHERE j.exam_key = x.exam_key) >= ?
                  OR EXISTS (SELECT 1 FROM links l WHERE l.exam_key = x.exam_key AND l.sha256 = ''
                             AND l.withdrawn_at IS NULL AND l.fetched_tag <> l.tag)))
           LIMIT ?""",
        (kept(before), limit),
    )
    return [_instance(row) for row in rows]


def newest(store: Store, count: int) -> list[Instance]:
    """The last images that came and are still to be on the disk, newest first."""
    rows = store.rows("SELECT * FROM instances WHERE released = 0 ORDER BY received_at DESC LIMIT ?", (count,))
    return [_instance(row) for row in rows]


def drop(tx: Tx, instance: Instance) -> None:
    """Forget a row that was never acknowledged; its study and exam stay."""
    tx.execute(
        "DELETE FROM instances WHERE sop_instance_uid = ? AND data_set_sha256 = ?",
        (instance.sop_instance_uid, instance.data_set_sha256),
    )
    tx.execute(
        "UPDATE studies SET image_count = max(0, image_count - ?) WHERE study_instance_uid = ?",
        (int(instance.current), instance.study_instance_uid),
    )


def mark_released(tx: Tx, instances: Sequence[Instance]) -> None:
    for one in instances:
        tx.execute(
            "UPDATE instances SET released = 1 WHERE sop_instance_uid = ? AND data_set_sha256 = ?",
            (one.sop_instance_uid, one.data_set_sha256),
        )


def _study(row: sqlite3.Row) -> Study:
    return Study(
        study_instance_uid=row["study_instance_uid"],
        patient_id=row["patient_id"],
        patient_name=row["patient_name"],
        sex=row["sex"],
        birth_date=row["birth_date"],
        accession_number=row["accession_number"],
        modality=row["modality"],
        description=row["description"],
        study_at=row["study_at"],
        source=row["source"],
        image_count=row["image_count"],
        first_at=taken(row["first_at"]),
        last_at=taken(row["last_at"]),
        complete_at=taken_or_none(row["complete_at"]),
        doubt=Doubt(row["doubt"]),
        doubt_detail=row["doubt_detail"],
        header=json.loads(row["header"]),
        name_candidates=tuple((charset, text) for charset, text in json.loads(row["name_candidates"])),
    )


def _instance(row: sqlite3.Row) -> Instance:
    return Instance(
        sop_instance_uid=row["sop_instance_uid"],
        sop_class_uid=row["sop_class_uid"],
        study_instance_uid=row["study_instance_uid"],
        series_instance_uid=row["series_instance_uid"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        data_set_sha256=row["data_set_sha256"],
        md5=row["md5"],
        size_bytes=row["size_bytes"],
        path=row["path"],
        modality=row["modality"],
        series_number=row["series_number"],
        instance_number=row["instance_number"],
        source=row["source"],
        received_at=taken(row["received_at"]),
        current=bool(row["current"]),
    )
