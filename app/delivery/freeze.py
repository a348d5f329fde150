"""What each part of an exam would carry if it were submitted now (frozen payload and digest). Pure.

What the program itself puts into a record (index code, counts, addresses) follows from the rows of the region.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from app.catalogue.payload import of_all_exams, payload, with_reports
from app.catalogue.region import Region
from app.delivery import body
from app.delivery.record import ReportView, View, carries_reports
from app.delivery.target import Target
from app.domain.exam import StampState
from app.domain.form import Source, Value
from app.domain.job import Job, Part
from app.domain.signing import ToSign
from app.domain.study import Accession, Instance
from app.errors import NeedsOperator
from app.regions.conversation import FileRef, ImageRef, StudyZip

SENT_AT = "last_changed_at"
_DELETED = {"disable_flag": "1", "check_status": "5"}
"""What a withdrawal says of a record: 已删除 (wherever the platform has such a field)."""
_TOLD = ("study_instance_uid", "accession_number", "report_id")
"""What messages need that are made while sending."""


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """One part as it would be sent now. `late`: only images were added to what was submitted already."""

    part: Part
    report_key: str
    payload: dict[str, Any]
    digest: str
    exam_day: str
    image_count: int = 0
    index_code: str = ""
    late: bool = False
    to_sign: ToSign | None = None
    signature: Mapping[str, Any] = field(default_factory=dict)
    """What the report holds of one that was made here, by wire name; it is no part of the digest."""

    @property
    def unsigned(self) -> bool:
        return self.to_sign is not None and not self.to_sign.signed


def freeze(
    view: View, exam_key: str, instances: Sequence[Instance], accessions: Mapping[str, Accession], index_code: str = ""
) -> list[Frozen]:
    """Every part of the exam for this destination, from its present values; a report that nobody began is left out.

    `accessions`: by study UID. Raises `NeedsOperator` for what the settings or the exam lack.
    """
    made = _Exam(
        view=view,
        exam_key=exam_key,
        images=tuple(_image_ref(view.target, one, accessions) for one in instances),
        index_code=index_code,
    )
    found: list[Frozen] = []
    for name in view.target.adapter.parts:
        part = Part(name)
        if part is Part.EXAM:
            found.append(made.record(part, None))
        elif part in (Part.REPORT, Part.MERGED):
            found += [made.record(part, report) for report in made.reports_of(part)]
        elif part is Part.IMAGES and instances:
            found.append(made.of_images())
    return found


def freeze_late(
    view: View, instances: Sequence[Instance], accessions: Mapping[str, Accession], own: Sequence[Job]
) -> list[Frozen]:
    """Only what late images change: their own part, or the record that says where they can be fetched.

    The record stays as it was submitted, whatever was typed since; and so does its index code. `own`: the newest jobs
    of the exam at this destination.
    """
    images = tuple(_image_ref(view.target, one, accessions) for one in instances)
    for job in own:
        if job.part is Part.IMAGES:
            made = _Exam(view=view, exam_key=job.exam_key, images=images, index_code=job.index_code)
            return [made.of_images(job.payload.get("values"))] if images else []
        record = job.payload.get("record_digest")
        if record and not job.withdraws:
            return [
                Frozen(
                    part=job.part,
                    report_key=job.report_key,
                    payload={**job.payload, "images": [asdict(ref) for ref in images]},
                    digest=body.digest([record, _content(images)]),
                    exam_day=str(job.payload.get("exam_day", "")),
                    index_code=job.index_code,
                    late=True,
                )
            ]
    return []


def wire_values(target: Target, message: str, values: Mapping[str, str]) -> dict[str, Any]:
    """These values alone as the message would carry them, by wire name."""
    sent = payload(target.region, message, values)
    paths = (row.path for row in target.region.rows_of(message) if row.key in values)
    return {path: sent[path] for path in paths if path in sent}


@dataclass(frozen=True, kw_only=True)
class _Exam:
    """What all parts of one exam are made from."""

    view: View
    exam_key: str
    images: tuple[ImageRef, ...]
    index_code: str

    @property
    def region(self) -> Region:
        return self.view.target.region

    @property
    def day(self) -> str:
        return self._text("examined_at")[:10]

    def reports_of(self, part: Part) -> list[ReportView]:
        """A report inside the record of each of its exams goes beside it as a file, if it is one."""
        if part is Part.REPORT and carries_reports(self.region):
            return [report for report in self.view.reports if report.touched and report.report.pdf_sha256]
        return [report for report in self.view.reports if report.touched and report.carried]

    def record(self, part: Part, report: ReportView | None) -> Frozen:
        found, digest = self._made(part, report, self._text(SENT_AT)), body.digest(self._made(part, report, ""))
        signing = to_sign(self.view.target, report) if "report" in found else None
        if signing is not None:
            digest = body.digest([digest, signing.text])
            found["sign_text"] = signing.text
        signature: dict[str, Any] = {}
        if report is not None and report.signature is not None and signing is not None:
            signature = wire_values(self.view.target, "report", report.signature.fields)
            found["report"] |= signature
        kept = body.kept(found)
        if "exam" in found:
            kept["stage"] = self.view.stage
        if report is not None and report.report.stamp is StampState.STAMPED:
            kept["stamped_pdf"] = report.report.pdf_sha256
        if self.index_code:
            kept |= {"index_code": self.index_code, "values": self._told(report)}
        if "exam" in found and carries_reports(self.region):
            kept["report_keys"] = [each.report.report_key for each in self.view.reports if each.touched]
        if "exam" in found and self._gives("image_download_url"):
            kept |= {"images": [asdict(ref) for ref in self.images], "record_digest": digest}
            digest = body.digest([digest, _content(self.images)])
        return Frozen(
            part=part,
            report_key=report.report.report_key if report else "",
            payload=kept,
            digest=digest,
            exam_day=self.day,
            index_code=self.index_code,
            to_sign=signing,
            signature=signature,
        )

    def of_images(self, submitted: object = None) -> Frozen:
        """`submitted`: the values that went along before, where the record is to stay as it was."""
        content: object = _content(self.images)
        found: dict[str, Any] = {"images": [asdict(ref) for ref in self.images], "exam_day": self.day}
        values = submitted if isinstance(submitted, dict) else self._told(None)
        if self.index_code:
            content = [self.index_code, content]
            found |= {"index_code": self.index_code, "values": values}
        elif self._lists_images:
            content = [values, content]
            found["values"] = values
        return Frozen(
            part=Part.IMAGES,
            report_key="",
            payload=found,
            digest=body.digest(content),
            exam_day=self.day,
            image_count=len(self.images),
            index_code=self.index_code,
        )

    def _made(self, part: Part, report: ReportView | None, sent_at: str) -> dict[str, Any]:
        found: dict[str, Any] = {"img_exam_type": self._text("img_exam_type"), "exam_day": self.day}
        changed_at = Value(text=sent_at, source=Source.SYSTEM)
        if part in (Part.EXAM, Part.MERGED):
            exam = self._with_reports() if carries_reports(self.region) else dict[str, object](self.view.exam)
            exam |= {SENT_AT: changed_at, **self._own_values("exam")}
            found["exam"] = payload(self.region, "exam", exam, rows={"settlements": self.view.settlements})
        if part in (Part.REPORT, Part.MERGED) and report is not None:
            found["report"] = self._report({**self.view.exam, SENT_AT: changed_at}, report)
        found["marks"] = {
            message: wire_values(self.view.target, message, _DELETED)
            for message in ("exam", "report")
            if message in found
        }
        return found

    def _with_reports(self) -> dict[str, object]:
        """Before there is a report its record has the number that the first one will get, and nothing else of it."""
        touched = [_with_pdf(report) for report in self.view.reports if report.touched]
        if not touched:
            touched = [{"report_id": report.values["report_id"]} for report in self.view.reports[:1]]
        return with_reports(self.region, "exam", self.view.exam, touched)

    def _report(self, exam: Mapping[str, Value], report: ReportView) -> dict[str, Any]:
        own: dict[str, object] = {key: value for key, value in report.values.items() if key != SENT_AT}
        if report.report.pdf_sha256:
            by_link = self.view.target.options.get("pdf_mode") == "link"
            ref = FileRef(sha256=report.report.pdf_sha256, encoding="link" if by_link else "base64")
            own["report_pdf"], own["report_pdf_url"] = ("", ref) if by_link else (ref, own.get("report_pdf_url", ""))
        own |= self._own_values("report")
        others = () if carries_reports(self.region) else report.other_exams
        return payload(self.region, "report", of_all_exams(self.region, "report", [exam, *others], own))

    def _own_values(self, message: str) -> dict[str, object]:
        """What only the program knows of the fields that the message has."""
        makers: dict[str, Callable[[], object]] = {
            "index_code": lambda: self.index_code,
            "image_count": lambda: str(len(self.images)),
            "image_download_url": self._image_address,
            "storage_uscc": lambda: str(self.view.target.options.get("storage_uscc", "")),
            "report_page_url": lambda: self._page("report_page_base", "报告页面的地址"),
            "image_page_url": lambda: self._page("image_page_base", "影像页面的地址"),
        }
        rows = {row.key for row in self.region.rows_of(message)}
        return {key: make() for key, make in makers.items() if key in rows}

    def _gives(self, key: str) -> bool:
        return any(row.key == key for row in self.region.rows_of("exam"))

    def _image_address(self) -> object:
        if not self.images:
            raise NeedsOperator("这例还没有影像", f"{self.view.target.title}登记时就要影像，影像到了再提交")
        base = str(self.view.target.options.get("image_download_base") or "")
        return base + quote(self.index_code, safe="") if base else StudyZip(exam_key=self.exam_key)

    def _page(self, option: str, label: str) -> str:
        base = str(self.view.target.options.get(option) or "")
        if not base:
            raise NeedsOperator(f"还没有填{label}", f"{self.view.target.title}要它，请在设置里填", page="destination")
        return base + quote(self.index_code, safe="")

    def _told(self, report: ReportView | None) -> dict[str, str]:
        values = {**self.view.exam, **(report.values if report else {})}
        keys = [row.key for row in self.region.rows_of("images_list")] if self._lists_images else _TOLD
        return {key: values[key].text for key in keys if key in values and values[key].text}

    @property
    def _lists_images(self) -> bool:
        """A list of images says whose they are."""
        return self.view.target.options.get("image_mode") == "list"

    def _text(self, key: str) -> str:
        value = self.view.exam.get(key)
        return value.text if value else ""


def to_sign(target: Target, report: ReportView | None) -> ToSign | None:
    """What its doctor signs, or has signed; None where that is not asked for, or was typed."""
    if report is None or not report.text or not (target.signs_here or report.signature):
        return None
    texts = {key: value.text for key, value in report.values.items()}
    return ToSign(
        text=report.text,
        doctor_name=texts.get("audit_doctor_name", ""),
        doctor_code=texts.get("audit_doctor_code", ""),
        signed=report.signature is not None,
    )


def _with_pdf(report: ReportView) -> dict[str, object]:
    sha256 = report.report.pdf_sha256
    return {**report.values, **({"report_pdf": FileRef(sha256=sha256)} if sha256 else {})}


def _image_ref(target: Target, one: Instance, accessions: Mapping[str, Accession]) -> ImageRef:
    """A number that is not the device's own is written into what is sent, where the clinic allows that."""
    found = accessions.get(one.study_instance_uid)
    number = found.number if found else ""
    return ImageRef(
        sop_instance_uid=one.sop_instance_uid,
        sop_class_uid=one.sop_class_uid,
        transfer_syntax_uid=one.transfer_syntax_uid,
        sha256=one.data_set_sha256,
        path=one.path,
        size_bytes=one.size_bytes,
        accession_number=number if found and found.lent and target.options.get("carry_minted_accession") else "",
        study_instance_uid=one.study_instance_uid,
        study_accession=number,
        series_instance_uid=one.series_instance_uid,
        series_number=one.series_number,
        modality=one.modality,
    )


def _content(images: Sequence[ImageRef]) -> list[tuple[str, str]]:
    return sorted((ref.sop_instance_uid, ref.sha256) for ref in images)
