"""One exam as a destination sees it: what was entered, and what follows from images, clinic and region around it.

Only what people, HIS and reports said is stored; the rest is worked out afresh, so nothing of it can grow stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.catalogue import check, derive
from app.catalogue.payload import of_all_exams
from app.catalogue.region import Region
from app.catalogue.signed_text import has_signed_text, signed_text
from app.catalogue.stages import EXAM_STAGES, codes_of, exam_stage, report_stage
from app.delivery.stamps import outdated, stamp_problems
from app.delivery.target import Target
from app.domain.exam import Exam, Report
from app.domain.form import Noun, Problem, Source, Value
from app.domain.job import Part
from app.domain.settings import Clinic
from app.domain.signing import CA_DATA, SIGN_VALUE, KeptSignature, Signature
from app.domain.study import DOUBT_WORDS, Accession, Doubt, Study, accessions
from app.domain.times import cst_text
from app.store import Reader, exams, images, jobs, signings

Values = dict[str, Value]
_SEX = {"M": "1", "F": "2"}
_COMPARED = {"birth_date": "出生日期", "sex": "性别"}
_ENTERED = frozenset({Source.TECHNICIAN, Source.HIS, Source.REPORT})


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is stored of one exam, read at one moment."""

    exam: Exam
    record: exams.Record
    studies: tuple[Study, ...]
    emptied: frozenset[str]
    shared: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)
    """Report key -> the other exams of a report that several exams share."""
    carried_elsewhere: frozenset[str] = frozenset()
    """Keys of shared reports that go out under another exam."""
    signatures: Mapping[str, tuple[KeptSignature, ...]] = field(default_factory=dict)
    """Report key -> the signatures that are kept of it, over its text as it was when they were given."""
    reached: Mapping[str, str] = field(default_factory=dict)
    """Destination -> the stage of the exam that it was told last."""

    @property
    def given_accession(self) -> str:
        """Every number that a device gave, parted by commas."""
        return ",".join(dict.fromkeys(study.accession_number for study in self.studies if study.accession_number))

    @property
    def accession_number(self) -> str:
        return self.given_accession or self.exam.minted_accession

    @property
    def accessions(self) -> dict[str, Accession]:
        """By study UID."""
        return accessions(self.studies, self.exam.minted_accession)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        return tuple(study.doubt for study in self.studies if study.doubt is not Doubt.NONE)

    @property
    def needs_no_report(self) -> bool:
        """Somebody said that there will be none, and nobody began one since."""
        return self.exam.no_report and not self.record.reports

    @property
    def complete(self) -> bool:
        return all(study.complete_at for study in self.studies)


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """One report as the destination gets it. `touched`: somebody or something gave it text or a PDF."""

    report: Report
    values: Values
    touched: bool
    carried: bool = True
    """False: a report shared with another exam, under which it goes out."""
    other_exams: tuple[Values, ...] = ()
    """The values of the other exams that share it."""
    text: str = ""
    """What the auditing doctor signs, "" where nobody asks for a signature or the five fields were given."""
    signature: Signature | None = None
    """The kept one over exactly this text."""

    @property
    def values_signed(self) -> Values:
        """With the fields of the kept signature."""
        kept = self.signature.fields if self.signature else {}
        return self.values | {key: Value(text=text, source=Source.SYSTEM) for key, text in kept.items()}


@dataclass(frozen=True, kw_only=True)
class View:
    """The exam as one destination gets it, with what keeps it from going there."""

    target: Target
    exam: Values
    settlements: tuple[Values, ...]
    reports: tuple[ReportView, ...]
    exam_problems: tuple[Problem, ...]
    report_problems: tuple[tuple[Problem, ...], ...]
    stage: str = ""
    """How far the exam has come; never less than this destination was told before."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything still to be done, the untouched report's fields among it; each field once."""
        every = (*self.exam_problems, *(problem for each in self.report_problems for problem in each))
        first: dict[tuple[Noun, int, str], Problem] = {}
        for problem in every:
            first.setdefault((problem.noun, problem.row, problem.key), problem)
        return tuple(first.values())

    @property
    def blocking(self) -> tuple[Problem, ...]:
        """What forbids 提交上传: a report that nobody began does not hold the exam."""
        touched = [
            problem
            for report, found in zip(self.reports, self.report_problems, strict=True)
            if report.touched
            for problem in found
        ]
        return (*self.exam_problems, *touched)

    @property
    def lacks_report(self) -> bool:
        """The destination takes an exam only together with a report, and nobody began one."""
        if any(report.touched for report in self.reports):
            return False
        parts = self.target.adapter.parts
        merged_only = Part.EXAM.value not in parts and Part.MERGED.value in parts
        waits = carries_reports(self.target.region) and bool(self.target.options.get("exam_waits_for_report", True))
        return merged_only or waits

    @property
    def value_doubts(self) -> tuple[str, ...]:
        every = [self.exam, *self.settlements, *(report.values for report in self.reports)]
        return tuple(value.doubt for values in every for value in values.values() if value.doubt)


def known(conn: Reader, exam_key: str, *, with_shared: bool = True) -> Known | None:
    """None for an exam that does not exist."""
    exam = exams.exam(conn, exam_key)
    if exam is None:
        return None
    stored = exams.record(conn, exam_key)
    if exam.no_report:
        stored = replace(stored, reports=tuple(one for one in stored.reports if one[0].pdf_sha256 or one[1]))
    owners = {report.report_key: exams.exams_of_report(conn, report.report_key) for report, _ in stored.reports}
    others = {
        key: tuple(other for one in keys if one != exam_key and (other := known(conn, one, with_shared=False)))
        for key, keys in owners.items()
        if with_shared and len(keys) > 1
    }
    return Known(
        exam=exam,
        record=stored,
        shared=others,
        carried_elsewhere=frozenset(key for key, keys in owners.items() if keys and keys[0] != exam_key),
        studies=tuple(images.studies_on(conn, exam_key)),
        emptied=frozenset(exams.emptied(conn, exam_key)),
        signatures={
            report.report_key: signings.kept_signatures(conn, report.report_key) for report, _ in stored.reports
        },
        reached=jobs.stages_told(conn, exam_key),
    )


def view(target: Target, clinic: Clinic, stored: Known, *, now: datetime) -> View:
    """Work out every value for one destination and check it. Pure."""
    region = target.region
    constants = derive.clinic_constants(clinic) | dict(target.defaults)
    own = _in_own_codes(region, stored.record.exam) | _system(stored, now)
    derived = derive.derived(region, _header(stored), own, constants)
    around = check.saved_texts(derive.filled(own, derived))
    stage = exam_stage(around, has_images=bool(stored.studies), reached=stored.reached.get(target.name, ""))
    derived |= _of_stage(target, stage, Noun.EXAM)
    for key in stored.emptied:
        derived.pop(key, None)
    exam = _compared(derive.filled(own, _doubted(derived, stored)), _header(stored))
    entered = [_in_own_codes(region, row) for row in stored.record.settlements]
    settlements = _settlements(region, entered, exam, constants)
    reports = tuple(
        replace(
            _report_view(target, exam, report, _in_own_codes(region, values), constants, now, stage),
            carried=report.report_key not in stored.carried_elsewhere,
            other_exams=tuple(
                view(target, clinic, other, now=now).exam for other in stored.shared.get(report.report_key, ())
            ),
        )
        for report, values in stored.record.reports
    )
    if has_signed_text(region):
        reports = tuple(_under_its_stamp(target, exam, report) for report in reports)
    if target.demands_signature and has_signed_text(region):
        reports = tuple(_to_sign(target, exam, report, stored) for report in reports)
    return View(
        target=target,
        exam=exam,
        settlements=settlements,
        reports=reports,
        exam_problems=check.exam_problems(region, exam, settlements, now=now),
        report_problems=tuple(
            (
                *check.report_problems(region, exam, report.values_signed, now=now, row=row),
                *_too_long_to_sign(target, report, row),
                *stamp_problems(target.options, report.report, row),
            )
            for row, report in enumerate(reports)
        ),
        stage=stage,
    )


def _of_stage(target: Target, stage: str, noun: Noun) -> Values:
    """The codes of a stage; what the clinic itself holds for right stays."""
    codes = codes_of(target.region, stage, noun)
    return {key: Value(text=code, source=Source.DERIVED) for key, code in codes.items() if not target.defaults.get(key)}


def said(region: Region, exam: Values, report: ReportView) -> Mapping[str, object]:
    """What a report says, with what all its exams say of themselves."""
    own: dict[str, object] = {key: value for key, value in report.values.items()}
    return of_all_exams(region, "report", [exam, *report.other_exams], own)


def _under_its_stamp(target: Target, exam: Values, report: ReportView) -> ReportView:
    """A PDF that was stamped before a value was corrected is for a person to look at."""
    doubt = outdated(target.region, report.report, said(target.region, exam, report))
    if not doubt:
        return report
    return replace(report, values=report.values | {"report_pdf": replace(report.values["report_pdf"], doubt=doubt)})


def _to_sign(target: Target, exam: Values, report: ReportView, stored: Known) -> ReportView:
    typed = report.values.get(SIGN_VALUE)
    if not report.carried or not report.touched or (typed and typed.text):
        return report
    text = signed_text(target.region, said(target.region, exam, report))
    kept = stored.signatures.get(report.report.report_key, ())
    asked = (target.name, text, *(_text(report, f"audit_doctor_{one}") for one in ("name", "code")))
    told = ((one, (one.destination, one.text, one.doctor_name, one.doctor_code)) for one in kept)
    fitting = (one.signature for one, its in told if its == asked)
    return replace(report, text=text, signature=next(fitting, None))


def _text(report: ReportView, key: str) -> str:
    return report.values[key].text if key in report.values else ""


def _too_long_to_sign(target: Target, report: ReportView, row: int) -> tuple[Problem, ...]:
    """What is signed is never cut: what it is made of must be shorter."""
    most = max((one.max_length for one in target.region.rows_of("report") if one.key == CA_DATA), default=0)
    if not target.signs_by_phone or report.signature or not most or len(report.text) <= most:
        return ()
    return (
        Problem(
            key="findings",
            label=target.region.fields["findings"].label,
            title="报告太长，签不了名",
            advice=f"送去签名的全文最多 {most} 个字，现在 {len(report.text)} 个，请缩短影像所见或诊断结论",
            noun=Noun.REPORT,
            row=row,
        ),
    )


def carries_reports(region: Region) -> bool:
    """The record of an exam says what its reports say, and is sent again with each of them."""
    return any(row.field.noun is Noun.REPORT for row in region.rows_of("exam"))


def is_told_ahead(target: Target) -> bool:
    """It gets the record of an exam before there is a report, by itself."""
    alone = Part.EXAM.value in target.adapter.parts and not carries_reports(target.region)
    return alone and bool(target.options.get("early_record"))


def lacks_images(stored: Known, views: Sequence[View]) -> bool:
    """A record may go ahead of its images; whole it is only with them."""
    return not stored.studies and any(Part.IMAGES.value in each.target.adapter.parts for each in views)


def why_not_ready(stored: Known, views: Sequence[View]) -> tuple[str, ...]:
    """What keeps an exam from being submitted by itself; empty means ready."""
    reasons = [DOUBT_WORDS[doubt] for doubt in stored.doubts]
    if not stored.complete:
        reasons.append("影像还在接收")
    count = len(to_fill(views))
    if count:
        reasons.append(f"还差 {count} 项")
    if not stored.needs_no_report and not any(report.touched for each in views for report in each.reports):
        reasons.append("还没有报告")
    if not stored.needs_no_report and not any(report.report.pdf_sha256 for each in views for report in each.reports):
        reasons.append("还没有报告 PDF")
    if lacks_images(stored, views):
        reasons.append("还没有影像")
    reasons += [doubt for each in views for doubt in each.value_doubts]
    if not views:
        reasons.append("还没有设置上传目标")
    return tuple(dict.fromkeys(reasons))


def to_fill(views: Sequence[View]) -> tuple[Problem, ...]:
    """What is still to be done for one destination or the other, each field once: one form serves all."""
    first: dict[tuple[Noun, int, str], Problem] = {}
    for problem in (problem for each in views for problem in each.problems):
        first.setdefault((problem.noun, problem.row, problem.key), problem)
    return tuple(first.values())


def _in_own_codes(region: Region, values: Values) -> Values:
    """What is kept in shared codes, in those of this region."""
    return {key: replace(value, text=region.own(key, value.text)) for key, value in values.items()}


def _system(stored: Known, now: datetime) -> Values:
    found = {"exam_id": stored.exam.exam_key, "last_changed_at": cst_text(now)}
    uids = ",".join(study.study_instance_uid for study in stored.studies)
    if uids:
        found["study_instance_uid"] = uids
    device_gave_it = any(study.accession_number for study in stored.studies)
    values = {key: Value(text=text, source=Source.SYSTEM) for key, text in found.items()}
    values["accession_number"] = Value(
        text=stored.accession_number, source=Source.DICOM if device_gave_it else Source.SYSTEM
    )
    return values


def _header(stored: Known) -> dict[str, str]:
    """The first study's header, its name as decoded or repaired; what the exam has of all of them."""
    if not stored.studies:
        return {}
    first = stored.studies[0]
    modalities = "\\".join(dict.fromkeys(study.modality for study in stored.studies if study.modality))
    told = {"PatientName": first.patient_name, "Modality": modalities, "AccessionNumber": stored.given_accession}
    return dict(first.header) | told


def _doubted(derived: Values, stored: Known) -> Values:
    """A name that could not be read with certainty stays marked until a person has looked."""
    if Doubt.NAME not in stored.doubts or "patient_name" not in derived:
        return derived
    name = derived["patient_name"]
    return derived | {
        "patient_name": Value(text=name.text, source=name.source, doubt=DOUBT_WORDS[Doubt.NAME]),
    }


def _compared(exam: Values, header: Mapping[str, str]) -> Values:
    """The ID card against what the device says of birth date and sex: a difference is for a person to look at."""
    card = exam.get("id_number")
    birth, sex = header.get("PatientBirthDate", "").strip(), header.get("PatientSex", "").strip().upper()
    told = {"birth_date": f"{birth[:4]}-{birth[4:6]}-{birth[6:8]}" if len(birth) == 8 else "", "sex": _SEX.get(sex, "")}
    differing = [
        _COMPARED[key]
        for key, text in told.items()
        if text and key in exam and exam[key].source is Source.DERIVED and exam[key].text != text
    ]
    if card is None or not card.text or not differing:
        return exam
    doubt = f"身份证号的{'和'.join(differing)}与设备登记的不一致，请核对是不是本人"
    return exam | {"id_number": Value(text=card.text, source=card.source, doubt=doubt)}


def _settlements(
    region: Region, entered: Sequence[Values], exam: Values, constants: Mapping[str, str]
) -> tuple[Values, ...]:
    """The rows as entered; without any, the fixed row of a payment outside the insurance."""
    charge = exam.get("charge_type")
    rows: Sequence[Values] = entered
    if not rows and charge and charge.text in region.not_insured_charge_types:
        rows = [derive.uninsured_settlement(region, exam)]
    usual = {
        key: Value(text=text, source=Source.DEFAULT)
        for key, text in constants.items()
        if text and key in region.fields and region.fields[key].noun is Noun.SETTLEMENT
    }
    part = exam.get("body_part_code")
    if part and part.text:
        usual["settled_body_part"] = Value(text=part.text, source=Source.DERIVED)
    return tuple(derive.filled(row, {key: value for key, value in usual.items() if key not in row}) for row in rows)


def _report_view(
    target: Target,
    exam: Values,
    report: Report,
    entered: Values,
    constants: Mapping[str, str],
    now: datetime,
    stage: str,
) -> ReportView:
    own = dict(entered)
    own["report_id"] = Value(text=report.report_key, source=Source.SYSTEM)
    own["last_changed_at"] = Value(text=cst_text(now), source=Source.SYSTEM)
    if report.pdf_sha256:
        own["report_pdf"] = Value(text=report.pdf_sha256, source=Source.REPORT)
    touched = bool(report.pdf_sha256) or any(value.source in _ENTERED for value in entered.values())
    values = derive.filled(own, derive.derived_report(target.region, exam, own, constants))
    is_examined = stage == EXAM_STAGES[-1]
    reached = report_stage(check.saved_texts(values), is_begun=touched, is_examined=is_examined)
    codes = _of_stage(target, reached, Noun.REPORT)
    values |= {key: derive.better(values.get(key), code) for key, code in codes.items()}
    return ReportView(report=report, values=values, touched=touched)
