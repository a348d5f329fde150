"""The Guangyuan platform (document of 2025-09-26): records of clinics (二) and of sharing centres (三).

Written from the document alone. A record names its report and its images by address; they are fetched in the
background, and the ledger says what was found there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.practice.archive import Image, NotWhole, images_in
from app.practice.collector import Collector, Errand, FetchSettings, Unfit
from app.practice.faults import Fault
from app.practice.guangyuan_fields import CENTRE_RULES, CLINIC_RULES, EXACT_TABLES, FORMS, TABLES
from app.practice.ledger import DELETED, KEPT, Ledger
from app.practice.national import (
    ENVELOPE_RULES,
    FAULTS,
    NationalSettings,
    Result,
    each_answered,
    envelope_problem,
    index_problem,
    records_of,
    refused,
    serial_of,
)
from app.practice.reading import Unreadable, digest_of, filed_image, filed_pdf, json_object, word
from app.practice.region import Answer, Arrival, Body, FrontEnd, Region
from app.practice.rules import Rule, problems, unknown_names
from app.practice.settings import option

PATHS = {"/mie/api/mie/saveExamRpotImgInfo": "exam", "/mie/api/mie/saveExamRpotImgIndx": "centre"}
INFNOS = {place: path.rsplit("/", 1)[1] for path, place in PATHS.items()}
RULES: dict[str, tuple[Rule, ...]] = {"exam": CLINIC_RULES, "centre": CENTRE_RULES}
REPORT, IMAGES, CENTRE_IMAGES = "examRpotPdfI", "imgInfoDcm", "imgDldLink"
PAGES = ("examRpotLinkUrl", "imgInfoLinkUrl")
PRACTICE_KEY = "PRACTICE-KEY-GUANGYUAN"
SCHEMES = ("http://", "https://")


@dataclass(kw_only=True)
class GuangyuanSettings(FetchSettings, NationalSettings):
    """What this platform demands of records and how it fetches."""

    key: str = option(PRACTICE_KEY, "密钥值；空则不核对", secret=True, pattern=".{0,50}")
    exact_length: bool = option(False, "检查部位代码不是 9 位就退回（有的字典印得短）")
    six_parts: bool = option(True, "索引不要求第六段（存储机构信用代码）")
    echo_index: bool = option(False, "回答里带索引（示例是 null）")
    take_base64: bool = option(True, "examRpotPdfI 不收 Base64，只收地址")
    fetch_first: bool = option(False, "先取到文件再回答，取不到就退回")
    take_centre: bool = option(True, "不收共享中心的上传（saveExamRpotImgIndx）")
    storage: str = option("", "只接收这个存储机构的信用代码（stogInsUscc）；不填则都接收")
    open_pages: bool = option(False, "共享中心的报告、影像访问链接也打开看看")


def build(settings: GuangyuanSettings, ledger: Ledger, folder: Path) -> GuangyuanPlatform:
    """The platform over its books; report files and images go below `folder`."""
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    (folder / "incoming").mkdir(parents=True, exist_ok=True)
    return GuangyuanPlatform(settings, ledger, folder)


class GuangyuanPlatform(Region):
    """One conversation from the platform's side. Thread-safe: its state is the ledger, the settings, the collector."""

    paths: Mapping[str, str] = PATHS

    def __init__(self, settings: GuangyuanSettings, ledger: Ledger, folder: Path) -> None:
        self._settings = settings
        self._ledger = ledger
        self._folder = folder
        self._records = threading.Lock()
        self._collector = Collector(settings, ledger, folder / "incoming", self._take)

    def read(self, place: str, headers: Mapping[str, str], body: Body, now: float) -> Arrival:
        digest = hashlib.sha256(body.raw).hexdigest()
        empty = Arrival(place=place, keys=(("exam", ""),), text="", digest=digest, size=body.size)
        try:
            said = json_object(body.raw, "请求体")
            empty = replace(empty, serial=serial_of(said), institution=word(said.get("infCode")))
            records = self._given(said)
        except Unreadable as error:
            return replace(empty, problem=str(error))
        return replace(
            empty,
            keys=tuple(("exam", word(one.get("hiImgIndx"))) for one in records),
            text=json.dumps(records, ensure_ascii=False),
            problem=envelope_problem(said, ENVELOPE_RULES, INFNOS[place], self._settings),
            data=records,
        )

    def keep(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        if arrival.problem:
            return Answer(kept=False, reason=arrival.problem, body=self.refusal(arrival.place, arrival.problem))
        what = ordered.what if ordered else ""

        def act(record: dict[str, Any]) -> Result:
            problem = self._kept(record, arrival.place, out_of_reach=what == "unreachable")
            return Result(index=word(record.get("hiImgIndx")) or None, problem=problem)

        answer = each_answered(arrival, act, ordered, self._settings)
        rows = answer.body["data"]
        for row in rows or []:
            if not self._settings.echo_index:
                row["hiImgIndx"] = None
            if what == "no_flag":
                del row["succFlag"]
        return replace(answer, body={**answer.body, "data": None if what == "no_data" else rows})

    def refusal(self, place: str, message: str) -> dict[str, Any]:
        return refused(message)

    def _given(self, said: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The records. A report inside a record (Base64) does not count against the length of the whole."""
        given = said.get("data")
        if isinstance(given, list) and self._settings.take_base64:
            small = [{**one, REPORT: ""} if isinstance(one, dict) and REPORT in one else one for one in given]
            records_of({**said, "data": small}, "data")
            return [one for one in given if isinstance(one, dict)]
        return records_of(said, "data")

    def _kept(self, record: dict[str, Any], place: str, *, out_of_reach: bool) -> str:
        """Check one record and keep it; why not, empty when it is kept."""
        found = self._problems(record, place)
        if found:
            return "参数校验失败：" + "；".join(found)
        pdf = None
        try:
            if place == "exam" and not _is_address(record[REPORT]):
                pdf = self._inside(record[REPORT])
                record = {**record, REPORT: f"（Base64，SHA-256 {pdf.stem}）"}
        except Unreadable as error:
            return f"{REPORT}(检查报告pdf文件){error}"
        errands = [
            Errand(index=record["hiImgIndx"], name=name, address=record[name], out_of_reach=out_of_reach)
            for name in self._addresses(place)
            if _is_address(record[name])
        ]
        if self._settings.fetch_first:
            reasons = [self._collector.fetch_now(one) for one in errands]
            if any(reasons):
                return "；".join(one for one in reasons if one)
        self._keep_exam(record, place)
        if pdf is not None:
            self._keep_report(record["hiImgIndx"], pdf, "")
        for one in () if self._settings.fetch_first else errands:
            self._collector.want(one)
        return ""

    def _addresses(self, place: str) -> tuple[str, ...]:
        if place == "exam":
            return (REPORT, IMAGES)
        return (*(PAGES if self._settings.open_pages else ()), CENTRE_IMAGES)

    def _problems(self, record: Mapping[str, Any], place: str) -> list[str]:
        inside = place == "exam" and not _is_address(record.get(REPORT))
        found = problems(
            record,
            RULES[place],
            tables=EXACT_TABLES if self._settings.exact_length else TABLES,
            forms=FORMS,
            signature=False,
            any_length=frozenset({REPORT}) if inside and self._settings.take_base64 else frozenset(),
        )
        if place == "centre":
            found += self._centre_problems(record)
        elif not found and not _is_address(record[IMAGES]):
            found.append(f"{IMAGES}(影像资料)应为 http 地址")
        elif not found and inside and not self._settings.take_base64:
            found.append(f"{REPORT}(检查报告pdf文件)应为 http 地址")
        return found or self._index_problems(record)

    def _centre_problems(self, record: Mapping[str, Any]) -> list[str]:
        if not self._settings.take_centre:
            return ["infCode(交易机构编号)不是登记的共享中心"]
        storage = self._settings.storage
        return (
            ["stogInsUscc(存储机构统一社会信用代码)未在平台登记"]
            if storage not in ("", record.get("stogInsUscc"))
            else []
        )

    def _index_problems(self, record: Mapping[str, Any]) -> list[str]:
        """The index is well made, fits its record, and is no other institution's."""
        index = record["hiImgIndx"]
        problem = index_problem(
            index,
            cert_type=record["psnCertType"],
            cert_number=record["certno"],
            day=record["examDate"],
            parts=6 if self._settings.six_parts else 0,
        )
        other = self._ledger.one("exam", index)
        if not problem and other and other["fields"].get("fixmedinsCode") != record["fixmedinsCode"]:
            problem = "已由其他机构上传"
        return [f"hiImgIndx(医保影像云索引号){problem}"] if problem else []

    def _inside(self, text: str) -> Path:
        """The report that stands in the record itself. Raises Unreadable."""
        part = self._folder / "incoming" / f"{uuid.uuid4().hex}.part"
        try:
            part.write_bytes(base64.b64decode(text, validate=True))
            return filed_pdf(part, self._folder / "reports")
        except ValueError:
            raise Unreadable("不是地址，也不是正确的 Base64") from None
        finally:
            part.unlink(missing_ok=True)

    def _keep_exam(self, record: dict[str, Any], place: str) -> None:
        """The same index again is an update; what was fetched for it before stays until it is fetched anew."""
        link = {
            "sent_as": place,
            "institution": record["fixmedinsCode"],
            "unknown": unknown_names(record, RULES[place]),
        }
        with self._records:
            images = self._ledger.linked("image", "index", record["hiImgIndx"])
            self._ledger.keep(
                at=self._settings.clock.stamp(),
                kind="exam",
                key=record["hiImgIndx"],
                digest=digest_of(record),
                size=len(record),
                day=record["examDate"],
                link={**link, "studies": sorted({one["study_uid"] for one in images if one["state"] == KEPT})},
                fields=record,
            )

    def _take(self, errand: Errand, file: Path) -> Mapping[str, Any]:
        """What was fetched, kept as what its field promises. Raises Unfit."""
        if errand.name in PAGES:
            return {}
        if errand.name == REPORT:
            try:
                pdf = filed_pdf(file, self._folder / "reports")
            except Unreadable as error:
                raise Unfit(str(error)) from error
            self._keep_report(errand.index, pdf, errand.address)
            return {}
        try:
            images = [self._set_aside(one) for one in images_in(file, self._folder / "incoming")]
        except NotWhole as error:
            raise Unfit(str(error)) from error
        return self._keep_images(errand.index, images)

    def _set_aside(self, image: Image) -> tuple[Image, str]:
        """The image and where its copy lies now, below the folder."""
        return image, filed_image(image.file, self._folder, image.sop_uid, image.sha256)

    def _keep_report(self, index: str, pdf: Path, address: str) -> None:
        exam = self._ledger.one("exam", index)
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="report",
            key=index,
            digest=pdf.stem,
            size=pdf.stat().st_size,
            day=exam["day"] if exam else "",
            link={"exams": [index], "pdf_sha256": pdf.stem, "address": address},
            fields={name: (exam or {"fields": {}})["fields"].get(name, "") for name in ("rpotNo", "diagRslt")},
            file=pdf.name,
        )

    def _keep_images(self, index: str, images: list[tuple[Image, str]]) -> Mapping[str, Any]:
        """All images of an archive that is whole; what an earlier one had besides is withdrawn."""
        studies = sorted({image.study_uid for image, _ in images})
        for image, file in images:
            self._keep_image(index, image, file)
        uids = {image.sop_uid for image, _ in images}
        for row in self._ledger.linked("image", "index", index):
            if row["key"] not in uids:
                self._again(row, row["last_at"], state=DELETED)
        with self._records:
            exam = self._ledger.one("exam", index)
            if exam is not None:
                self._again(exam, exam["last_at"], link={**exam["link"], "studies": studies})
        return {"images": len(images), "series": len({image.series_uid for image, _ in images}), "studies": studies}

    def _keep_image(self, index: str, image: Image, file: str) -> None:
        at = self._settings.clock.stamp()
        told: dict[str, Any] = {"kind": "image", "key": image.sop_uid, "digest": image.sha256, "size": image.size}
        self._ledger.receive(at=at, place="fetch", verdict=KEPT, **told)
        self._ledger.keep(
            at=at,
            study_uid=image.study_uid,
            link={
                "index": index,
                "series_uid": image.series_uid,
                "accession": image.accession,
                "modality": image.modality,
                "sop_class": image.sop_class,
                "transfer_syntax": image.transfer_syntax,
                "name": image.name,
            },
            file=file,
            **told,
        )

    def _again(self, row: Mapping[str, Any], at: str, **changes: Any) -> None:
        """Keep a row as it is, but for these changes."""
        names = ("kind", "key", "digest", "state", "size", "study_uid", "day", "link", "fields", "file")
        self._ledger.keep(at=at, **{**{name: row[name] for name in names}, **changes})


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.lower().startswith(SCHEMES)


FRONT_END = FrontEnd(
    title="广元",
    settings=GuangyuanSettings,
    build=build,
    places={"exam": "检查", "centre": "检查（共享中心）"},
    faults={
        **FAULTS,
        "no_flag": "照办，但回答里没有 succFlag",
        "unreachable": "照办，但这几条记录里的地址一个也取不到",
    },
    exam_columns={"姓名": "psnName", "检查日期": "examDate", "类别": "imgExamType", "项目": "imgExamItem"},
    report_columns={"报告编号": "rpotNo", "诊断结果": "diagRslt"},
    help=f"""密钥默认是 {PRACTICE_KEY}，换一个：POST /practice/rekey {{"key": 值}}
取到的文件在 /practice/ledger 的 fetched：bytes、images、series、studies、sha256、tries、times（取到几次）""",
)
