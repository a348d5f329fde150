"""Which images and reports belong to which exam: register, join, part, share. Images and PDFs themselves never move."""

from __future__ import annotations

from app.delivery import submission
from app.domain.form import Noun, Source, Value
from app.domain.study import Study
from app.domain.times import cst_text
from app.engine import pages, registered
from app.engine.face import Json
from app.engine.house import House
from app.errors import NeedsOperator
from app.store import Tx, answers, exams, images, jobs


def register(house: House, values: dict[str, str]) -> str:
    """An exam record before its first image; returns its key."""
    accession = values.get("accession_number", "").strip()
    typed = [(key, *pages.parsed(house, key, text)) for key, text in values.items() if key != "accession_number"]
    if any(noun is not Noun.EXAM for _, noun, _ in typed):
        raise NeedsOperator("登记时只填检查的内容", "报告和结算在登记之后再填")
    now = house.clock.now()

    def change(tx: Tx) -> str:
        if accession and exams.find(tx.conn, accession):
            raise NeedsOperator(
                "这个检查号已经有一例", "请核对检查号；不知道就空着，程序会编一个", fields=("accession_number",)
            )
        key = exams.create_empty(tx, now=now, accession=accession)
        at = Value(text=cst_text(now), source=Source.SYSTEM)
        exams.set_value(tx, key, Noun.EXAM, 0, "registered_at", at, now=now)
        for name, noun, text in typed:
            exams.set_value(tx, key, noun, 0, name, Value(text=text, source=Source.TECHNICIAN), now=now)
        exams.add_report(tx, key, now=now)
        house.refresh_in(tx, key)
        return key

    return house.store.write(change)


def unregister(house: House, exam_key: str) -> None:
    """A registration that came to nothing is gone, as if it had never been; what a platform has of it is withdrawn."""
    house.known(exam_key)

    def change(tx: Tx) -> None:
        if images.studies_on(tx.conn, exam_key):
            raise NeedsOperator("这例已经有影像", "只有还没有影像的登记可以取消")
        if not submission.is_nowhere(tx.conn, exam_key):
            raise NeedsOperator("检查记录已经传给平台", "请在“上传队列”里撤回这例")
        if len(exams.reports_of(tx.conn, exam_key)) > len(exams.untouched_reports(tx, exam_key)):
            raise NeedsOperator("这例已经有报告", "有报告的登记不能取消")
        exams.forget_values(tx, exam_key)
        exams.forget(tx, exam_key)

    house.store.write(change)


def join(house: House, exam_key: str, study_uid: str, *, take: bool = False) -> None:
    """The study's images belong to this exam; an exam of its own that holds nothing else is gone.

    `take`: what was entered of that one comes along.
    """
    _study(house, study_uid)
    house.store.write(lambda tx: _join(house, tx, exam_key, study_uid, take=take))


def _join(house: House, tx: Tx, exam_key: str, study_uid: str, *, take: bool) -> None:
    house.known(exam_key, tx)
    for other in exams.of_study(tx.conn, study_uid):
        if other == exam_key or exams.was_submitted(tx, other):
            continue
        exams.unlink_study(tx, other, study_uid)
        answers.move_images(tx, other, exam_key, study_uid)
        if take and not images.studies_on(tx.conn, other):
            exams.take_over(tx, exam_key, other)
        if exams.is_bare(tx, other):
            exams.forget(tx, other)
        else:
            house.refresh_in(tx, other)
    exams.link_study(tx, exam_key, study_uid)
    exams.note(tx, exam_key, "joined", study_uid, at=house.clock.now())
    house.refresh_in(tx, exam_key)


def join_registered(house: House, exam_key: str) -> str:
    """Images that came in belong to the exam that was registered for them, if there is no doubt; the key of theirs."""
    if not registered.sure(house, exam_key)[0]:
        return exam_key

    def change(tx: Tx) -> str:
        key, study_uid = registered.sure(house, exam_key, tx)  # once more: somebody may have been quicker
        if not key:
            return exam_key
        _join(house, tx, key, study_uid, take=True)
        return key

    return house.store.write(change)


def part(house: House, exam_key: str, study_uid: str) -> str:
    """The study's images leave this exam and get one of their own, whose key is returned."""
    study = _study(house, study_uid)
    now = house.clock.now()

    def change(tx: Tx) -> str:
        if study_uid not in {each.study_instance_uid for each in images.studies_on(tx.conn, exam_key)}:
            raise NeedsOperator("这组影像不在这例里", "请核对影像号")
        exams.unlink_study(tx, exam_key, study_uid)
        patient_key = images.patient_key(study.header, study.patient_name)
        key = exams.create_for_study(tx, study_uid, patient_key, study.accession_number, now=now, apart=True)
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


def shareable(house: House, exam_key: str) -> list[Json]:
    """The reports of other exams under the patient's name, the newest exam first; see `Face.shareable_reports`."""
    conn, own = house.store.read(), {one.report_key for one in exams.reports_of(house.store.read(), exam_key)}
    found = []
    for exam in exams.of_patient(conn, exam_key):
        for number, (report, values) in enumerate(exams.record(conn, exam["exam_key"]).reports):
            if report.report_key in own or not (report.pdf_sha256 or values):
                continue
            conclusion = values.get("conclusion")
            found.append(
                {
                    "uid": exam["exam_key"],
                    "report": number,
                    "accession_number": exam["accession_number"],
                    "description": " ".join(part for part in (exam["description"], exam["modality"]) if part),
                    "exam_day": exam["exam_day"],
                    "conclusion": conclusion.text if conclusion else "",
                    "pdf": bool(report.pdf_sha256),
                }
            )
    return found


def add_report(house: House, exam_key: str) -> None:
    """One more report of the exam, after those that somebody began."""
    now = house.clock.now()

    def change(tx: Tx) -> None:
        exams.set_no_report(tx, exam_key, none=False)
        if exams.untouched_reports(tx, exam_key):
            raise NeedsOperator("前一份报告还是空的", "先填好它，再加一份")
        exams.add_report(tx, exam_key, now=now)
        house.refresh_in(tx, exam_key)

    house.store.write(change)


def drop_report(house: House, exam_key: str, number: int) -> None:
    """A report that nobody began, or that is another exam's too, is this exam's no more."""
    now = house.clock.now()

    def change(tx: Tx) -> None:
        own = exams.reports_of(tx.conn, exam_key)
        if not 0 <= number < len(own):
            raise NeedsOperator("没有这份报告", f"这例有 {len(own)} 份报告，从 1 数起")
        key = own[number].report_key
        owners = exams.exams_of_report(tx.conn, key)
        if key not in exams.untouched_reports(tx, exam_key) and len(owners) < 2:
            raise NeedsOperator("这份报告已经有内容", "报告不要了，请撤回这例，或改好它再提交")
        if any(job.report_key == key for job in jobs.of_exam(tx.conn, exam_key)):
            raise NeedsOperator("这份报告已经传给平台", "不要它了，请撤回这例")
        exams.unlink_report(tx, exam_key, key)
        if not exams.reports_of(tx.conn, exam_key):
            exams.add_report(tx, exam_key, now=now)
        for each in {exam_key, *owners}:
            house.refresh_in(tx, each)

    house.store.write(change)


def without_report(house: House, exam_key: str, *, none: bool) -> None:
    """不出报告, or a report after all."""
    now = house.clock.now()

    def change(tx: Tx) -> None:
        begun = len(exams.reports_of(tx.conn, exam_key)) - len(exams.untouched_reports(tx, exam_key))
        if none and begun:
            raise NeedsOperator("这例已经有报告", "有报告的检查，报告要一起传")
        exams.set_no_report(tx, exam_key, none=none)
        exams.mark_dirty(tx, exam_key)
        exams.note(tx, exam_key, "no_report" if none else "report_wanted", "", at=now)
        house.refresh_in(tx, exam_key)

    house.store.write(change)


def _study(house: House, study_uid: str) -> Study:
    study = images.study(house.store, study_uid)
    if study is None:
        raise NeedsOperator("没有这组影像", f"请核对影像号：{study_uid[:64]}")
    return study
