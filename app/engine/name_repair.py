"""Name repair (选姓名): the readings of a name nobody could be sure of, and the person's answer.

The answer may be remembered for the device; other studies of it that wait for the same are mended with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.domain.form import Noun, Source, Value
from app.domain.study import Doubt, Study
from app.engine import devices
from app.engine.face import Json
from app.engine.house import House
from app.errors import NeedsOperator
from app.intake import readings
from app.intake.names import person_name
from app.store import Tx, exams, images, sources
from app.store.times import kept


def name_repair(house: House, exam_key: str) -> Json:
    """See `face.py`. Raises `NeedsOperator` when no name of this exam waits."""
    study = _doubtful(house, exam_key)
    conn = house.store.read()
    stored = house.known(exam_key)
    raw, declared = images.raw_name(conn, study.study_instance_uid), images.declared_charset(conn, study)
    found = readings.readings(raw, declared)
    good = [reading for reading in found if reading.is_good]
    best = [reading for reading in good if readings.surname_of(reading.text)] or good
    return {
        "uid": study.study_instance_uid,
        "exam_key": exam_key,
        "description": study.description,
        "modality": study.modality,
        "received_at": kept(study.first_at),
        "accession_number": stored.accession_number,
        "source": study.source,
        "device": devices.shown_name(house, study.source),
        "raw": [f"{byte:02X}" for byte in raw.rstrip(b" \0")],
        "declared": declared,
        "readings": [
            {
                "charset": reading.charset,
                "title": reading.title,
                "text": reading.text,
                "groups": list(reading.groups),
                "good": reading.is_good,
                "recommended": len(best) == 1 and reading is best[0],
                "why": reading.why,
            }
            for reading in found
        ],
        "others": _others(house, study),
    }


def _others(house: House, study: Study) -> list[Json]:
    """Studies of the same device whose name waits too, with what each character set would make of them."""
    conn = house.store.read()
    if not _is_device(study.source):
        return []
    found = []
    for uid, raw, declared in sources.doubtful_names(conn, study.source):
        if uid == study.study_instance_uid:
            continue
        about = images.study(house.store, uid)
        texts = {one.charset: one.text for one in readings.readings(raw, declared) if one.is_good}
        if about is not None and texts:
            found.append(
                {
                    "uid": uid,
                    "description": about.description,
                    "modality": about.modality,
                    "received_at": kept(about.first_at),
                    "texts": texts,
                }
            )
    return found


def repair_name(
    house: House, exam_key: str, charset: str, name: str, *, remember: bool, also: Sequence[str]
) -> list[str]:
    """Take a reading (`charset`) or a typed name; one transaction. Returns the exam keys that changed.

    `also` are other studies of the device: each is read in the same character set, one whose name does not come out
    clean is left to be asked.
    """
    study = _doubtful(house, exam_key)
    text = name.strip() or _read(house, study, charset)
    if not text:
        raise NeedsOperator("还没有选姓名", "请选一个读法，或直接输入姓名")
    now = house.clock.now()

    def change(tx: Tx) -> list[str]:
        changed = [exam_key]
        settle(tx, exam_key, study.study_instance_uid, text, now)
        if remember and charset and _is_device(study.source):
            sources.set_decoding(tx, study.source, charset, "person", now=now)
        wanted = set(also) if charset else set()
        for uid, raw, declared in sources.doubtful_names(tx.conn, study.source):
            if uid in wanted and (guided := readings.guided(raw.rstrip(b" \0"), declared, charset)).certain:
                for key in exams.of_study(tx.conn, uid):
                    settle(tx, key, uid, person_name(guided.text)[0], now)
                    changed.append(key)
        for key in changed:
            house.refresh_in(tx, key)
        return changed

    return house.store.write(change)


def settle(tx: Tx, exam_key: str, study_uid: str, name: str, now: datetime) -> None:
    """This is the name: of the study and of the record; the stored file stays as it came."""
    images.set_name(tx, study_uid, name)
    value = Value(text=name, source=Source.TECHNICIAN)
    exams.set_value(tx, exam_key, Noun.EXAM, 0, "patient_name", value, now=now)
    images.clear_doubt(tx, study_uid)
    exams.note(tx, exam_key, "settled", "name", at=now)


def _doubtful(house: House, exam_key: str) -> Study:
    stored = house.known(exam_key)
    found = next((study for study in stored.studies if study.doubt is Doubt.NAME), None)
    if found is None:
        raise NeedsOperator("这例的姓名不用选", "可以直接填报和提交")
    return found


def _read(house: House, study: Study, charset: str) -> str:
    if not readings.title_of(charset):
        return ""
    raw = images.raw_name(house.store.read(), study.study_instance_uid)
    return person_name(readings.read_as(raw, charset))[0]


def _is_device(source: str) -> bool:
    """What came by hand (import, the rebuilt spool) is of no one device."""
    return source.startswith(("ae:", "folder:"))
