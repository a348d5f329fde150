"""Which images and reports belong to which exam: register, join, part, share. Images and PDFs themselves never move."""

from __future__ import annotations

from app.domain.form import Noun, Source, Value
from app.domain.study import Study
from app.domain.times import cst_text
from app.engine import pages
from app.engine.house import House
from app.errors import NeedsOperator
from app.store import Tx, exams, images


def register(house: House, values: dict[str, str]) -> str:
    """An exam record before its first image; returns its key."""
    typed = [(key, *pages.parsed(house, key, text)) for key, text in values.items()]
    if any(noun is not Noun.EXAM for _, noun, _ in typed):
        raise NeedsOperator("登记时只填检查的内容", "报告和结算在登记之后再填")
    now = house.clock.now()

    def change(tx: Tx) -> str:
        key = exams.create_empty(tx, now=now)
        at = Value(text=cst_text(now), source=Source.SYSTEM)
        exams.set_value(tx, key, Noun.EXAM, 0, "registered_at", at, now=now)
        for name, noun, text in typed:
            exams.set_value(tx, key, noun, 0, name, Value(text=text, source=Source.TECHNICIAN), now=now)
        exams.add_report(tx, key, now=now)
        house.refresh_in(tx, key)
        return key

    return house.store.write(change)


def join(house: House, exam_key: str, study_uid: str) -> None:
    """The study's images belong to this exam; an exam of its own that holds nothing else is gone."""
    _study(house, study_uid)
    now = house.clock.now()

    def change(tx: Tx) -> None:
        for other in exams.of_study(tx.conn, study_uid):
            if other == exam_key or exams.was_submitted(tx, other):
                continue
            exams.unlink_study(tx, other, study_uid)
            if exams.is_bare(tx, other):
                exams.forget(tx, other)
            else:
                house.refresh_in(tx, other)
        exams.link_study(tx, exam_key, study_uid)
        exams.note(tx, exam_key, "joined", study_uid, at=now)
        house.refresh_in(tx, exam_key)

    house.store.write(change)


def part(house: House, exam_key: str, study_uid: str) -> str:
    """The study's images leave this exam and get one of their own, whose key is returned."""
    study = _study(house, study_uid)
    now = house.clock.now()

    def change(tx: Tx) -> str:
        if study_uid not in {each.study_instance_uid for each in images.studies_on(tx.conn, exam_key)}:
            raise NeedsOperator("这组影像不在这例里", "请核对影像号")
        exams.unlink_study(tx, exam_key, study_uid)
        key = exams.create_for_study(
            tx, study_uid, images.patient_key(study.header, study.patient_name), study.accession_number, now=now
        )
        if not exams.reports_of(tx.conn, key):
            exams.add_report(tx, key, now=now)
        exams.note(tx, exam_key, "parted", study_uid, at=now)
        house.refresh_in(tx, exam_key)
        house.refresh_in(tx, key)
        return key

    return house.store.write(change)


def share_report(house: House, exam_key: str, other_key: str, number: int) -> None:
    """One report for several exams: it goes out once, under the first of them."""
    now = house.clock.now()

    def change(tx: Tx) -> None:
        own = exams.reports_of(tx.conn, exam_key)
        if not 0 <= number < len(own):
            raise NeedsOperator("没有这份报告", f"这例有 {len(own)} 份报告，从 1 数起")
        for empty in exams.untouched_reports(tx, other_key):
            exams.unlink_report(tx, other_key, empty)
        exams.link_report(tx, other_key, own[number].report_key)
        exams.note(tx, other_key, "report_shared", own[number].report_key, at=now)
        house.refresh_in(tx, exam_key)
        house.refresh_in(tx, other_key)

    house.store.write(change)


def _study(house: House, study_uid: str) -> Study:
    study = images.study(house.store, study_uid)
    if study is None:
        raise NeedsOperator("没有这组影像", f"请核对影像号：{study_uid[:64]}")
    return study
