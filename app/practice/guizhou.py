"""The Guizhou front-end machine (document V1.4, chapter two): records, images, report files, deletion, retrieval.

Written from the document alone. What it has of an exam hangs on the 医保影像云索引: images, report files, the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.practice import guizhou_retrieval, national
from app.practice.faults import Fault
from app.practice.guizhou_fields import (
    DELETE_RULES,
    EXAM_RULES,
    FORMS,
    HEADER_RULES,
    IMAGE_FILE_RULES,
    IMAGE_INFO_RULES,
    LONGER_THAN_PRINTED,
    QUERY_RULES,
    REPORT_FILE_RULES,
    SAMPLE_SPELLING,
    SETTLEMENT_RULES,
    TABLES,
)
from app.practice.guizhou_retrieval import SERVICES, Retrieval, masked
from app.practice.guizhou_seed import seed
from app.practice.guizhou_settings import PRACTICE_KEY, GuizhouSettings
from app.practice.ledger import DELETED, KEPT, Ledger
from app.practice.national import Result
from app.practice.reading import (
    Unreadable,
    data_set_digest,
    digest_of,
    filed_image,
    filed_pdf,
    header_of,
    json_object,
    listed,
    word,
)
from app.practice.region import Answer, Arrival, Body, FrontEnd, Refused, Region
from app.practice.rules import Rule, problems, unknown_names

_BASE = "/mie/api/mie/"
PATHS = {
    _BASE + "saveExamRptImgInfo": "exam",
    _BASE + "saveImgFile": "image",
    _BASE + "saveImgInfo": "image_info",
    _BASE + "saveRptFile": "report",
    _BASE + "deleteExamRptImgIdxInfo": "delete",
    _BASE + "queryExamRptImgIdxListFHospital": "history",
    _BASE + "queryImgCaheFIndex": "cache",
}
INFNO = {place: path.removeprefix(_BASE) for path, place in PATHS.items()}
QUERIES = frozenset(["history", "cache"])
PLACES = {
    "exam": "检查数据",
    "image": "影像文件",
    "image_info": "影像元数据",
    "report": "报告文件",
    "delete": "删除",
    "history": "索引查询",
    "cache": "缓存",
    "image_list": "图像清单",
    "image_content": "获取图像",
}
FAULTS = {**national.FAULTS, **guizhou_retrieval.FAULTS}
_NO_IMAGE_FILE = "dicom(影像 dicom 文件)不是可读的 DICOM 文件"


def build(settings: GuizhouSettings, ledger: Ledger, folder: Path) -> GuizhouPlatform:
    """The platform over its books; images and report files go below `folder`."""
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    return GuizhouPlatform(settings, ledger, folder)


class GuizhouPlatform(Region):
    """One conversation from the platform's side. Thread-safe: its only state is the ledger and the settings."""

    paths: Mapping[str, str] = PATHS
    forms = frozenset(["image", "report"])

    def __init__(self, settings: GuizhouSettings, ledger: Ledger, folder: Path) -> None:
        self._settings = settings
        self._ledger = ledger
        self._folder = folder
        self._retrieval = Retrieval(settings, ledger, folder)

    # -- what came ----------------------------------------------------------------------------------------------------

    def read(self, place: str, headers: Mapping[str, str], body: Body, now: float) -> Arrival:
        if place in self.forms:
            return self._read_form(place, headers, body)
        arrival = Arrival(
            place=place,
            keys=((place, ""),),
            text=body.raw.decode("utf-8", "replace"),
            digest=hashlib.sha256(body.raw).hexdigest(),
            size=body.size,
        )
        try:
            said = json_object(body.raw, "请求体")
        except Unreadable as error:
            return replace(arrival, problem=str(error))
        rules = QUERY_RULES if place in QUERIES else HEADER_RULES
        arrival = replace(
            arrival,
            place=_service_of(said) if place == "cache" else place,
            problem=national.envelope_problem(said, rules, INFNO[place], self._settings),
            institution=word(said.get(rules[3].name)),
            serial=national.serial_of(said),
        )
        try:
            data = self._input_of(place, said)
        except Unreadable as error:
            return replace(arrival, problem=arrival.problem or str(error))
        if place == "history":
            data = {**data, "": f"http://{headers.get('host', '')}"}
        return replace(arrival, data=data, keys=_keys_of(arrival.place, data))

    def _input_of(self, place: str, said: Mapping[str, Any]) -> Any:
        if place in QUERIES:
            return national.object_of(said, "input")
        if place != "delete":
            return national.records_of(said, "input")
        of: tuple[type, ...] = {"strings": (str,), "objects": (dict,)}.get(self._settings.delete_input, (str, dict))
        return [
            one if isinstance(one, dict) else {"hiImgIndx": one} for one in national.records_of(said, "input", of=of)
        ]

    def _read_form(self, place: str, headers: Mapping[str, str], body: Body) -> Arrival:
        """2.2, 2.4: the envelope's five fields are HTTP headers, the record is the form."""
        said = {rule.name: headers.get(rule.name.lower()) for rule in HEADER_RULES}
        record = {**body.values, **{name: file.name for name, file in body.files.items()}}
        file = body.files.get("dicom" if place == "image" else self._settings.report_part)
        header = header_of(file.path) if place == "image" and file is not None else {}
        key = header.get("SOPInstanceUID", "") if place == "image" else word(record.get("rpotNo"))
        digest = ""
        if file is not None:
            digest = data_set_digest(file.path)[0] if place == "image" and key else file.md5
        return Arrival(
            place=place,
            keys=((place, key),),
            text=" ".join([*map(str, record.values()), *header.values()]),
            digest=digest,
            size=file.size if file is not None else body.size,
            problem=national.envelope_problem(said, HEADER_RULES, INFNO[place], self._settings),
            institution=word(said["infCode"]),
            serial=national.serial_of(said),
            data=_Form(record=record, path=file.path if file else None, md5=file.md5 if file else "", header=header),
        )

    # -- what becomes of it -------------------------------------------------------------------------------------------

    def keep(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        if arrival.problem:
            return Answer(kept=False, reason=arrival.problem, body=self.refusal(arrival.place, arrival.problem))
        by_place: dict[str, Callable[[Arrival, Fault | None], Answer]] = {
            "exam": self._each(self._keep_exam),
            "image": self._keep_image,
            "image_info": self._each(self._keep_image_info),
            "report": self._keep_report,
            "delete": self._each(self._delete),
            "history": self._retrieval.history,
            "cache": self._retrieval.no_such_service,
            "image_list": self._retrieval.image_list,
            "image_content": self._retrieval.image_content,
        }
        answer = by_place[arrival.place](arrival, ordered)
        if ordered is not None and ordered.what == "no_data":
            return replace(answer, body={**answer.body, "data": None})
        return answer

    def refusal(self, place: str, message: str) -> dict[str, Any]:
        if place in self.forms:
            return {"code": -1, "hiImgIndx": None, "message": message}
        return national.refused(message)

    def _each(self, act: Callable[[dict[str, Any]], Result]) -> Callable[[Arrival, Fault | None], Answer]:
        """2.1, 2.3, 2.5: the records one by one, each with its own outcome."""

        def answer(arrival: Arrival, ordered: Fault | None) -> Answer:
            return national.each_answered(arrival, act, ordered, self._settings)

        return answer

    def _checked(self, record: Mapping[str, Any], rules: Sequence[Rule], prefix: str = "") -> list[str]:
        return problems(
            record,
            rules,
            tables=TABLES,
            forms=FORMS,
            signature=False,
            prefix=prefix,
            any_length=frozenset() if self._settings.exact_length else LONGER_THAN_PRINTED,
        )

    # -- 2.1 ----------------------------------------------------------------------------------------------------------

    def _keep_exam(self, record: dict[str, Any]) -> Result:
        if self._settings.report_names == "sample":
            record = _in_table_spelling(record)
        found = self._exam_problems(record)
        if found:
            return Result(index=_index_of(record), problem="参数校验失败：" + "；".join(found))
        index = record["hiImgIndx"]
        studies = listed(record["studyUid"], ",|")
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="exam",
            key=index,
            digest=digest_of(record),
            size=len(record),
            study_uid=studies[0],
            day=record["examDate"],
            link={
                "index": index,
                "studies": studies,
                "accession": record["accessionNumber"],
                "accessions": listed(record["accessionNumber"]),
                "report_numbers": listed(record["rpotNo"]),
                "unknown": unknown_names(record, EXAM_RULES),
            },
            fields=record,
        )
        return Result(index=index)

    def _exam_problems(self, record: Mapping[str, Any]) -> list[str]:
        found = self._checked(record, EXAM_RULES)
        rows = record.get("setlInfoList")
        for number, row in enumerate(rows if isinstance(rows, list) else []):
            where = f"setlInfoList[{number}]"
            if isinstance(row, dict):
                found += self._checked(row, SETTLEMENT_RULES, where + ".")
            else:
                found.append(f"{where}类型错误，应为对象")
        return found or self._index_problems(record)

    def _index_problems(self, record: Mapping[str, Any]) -> list[str]:
        """1.2: its shape, whether it is this record's, and whether another exam has it."""
        index = record["hiImgIndx"]
        problem = national.index_problem(
            index,
            cert_type=record["psnCertType"],
            cert_number=record["certno"],
            day=record["examDate"],
            parts=self._settings.index_parts,
        )
        if problem:
            return [f"hiImgIndx(医保影像云索引编码){problem}"]
        known = self._exam(index)
        if known is None:
            return []
        if self._settings.same_index == "refuse":
            return ["hiImgIndx(医保影像云索引编码)已存在，请先删除"]
        same = ("studyUid", "accessionNumber", "rpotNo")
        if not any(known["fields"].get(name) == record[name] for name in same):
            return ["hiImgIndx(医保影像云索引编码)已被另一例检查使用"]
        return []

    def _exam(self, index: str) -> dict[str, Any] | None:
        row = self._ledger.one("exam", index)
        return row if row is not None and row["state"] == KEPT else None

    # -- 2.2, 2.3, 2.4 ------------------------------------------------------------------------------------------------

    def _keep_image(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        form: _Form = arrival.data
        found = self._checked(form.record, IMAGE_FILE_RULES) or self._image_problems(form)
        if found:
            return self._file_refused(form, found)
        record, header, key = form.record, form.header, form.header["SOPInstanceUID"]
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="image",
            key=key,
            digest=arrival.digest,
            size=arrival.size,
            study_uid=header["StudyInstanceUID"],
            link={
                "index": record["hiImgIndx"],
                "series_uid": header["SeriesInstanceUID"],
                "accession": header["AccessionNumber"],
                "modality": header["Modality"],
                "sop_class": header["SOPClassUID"],
                "total": int(record["imageTotalNum"]),
                "md5": form.md5,
                "by": "http",
            },
            file=filed_image(form.file, self._folder, key, arrival.digest),
        )
        return _file_kept(record)

    def _image_problems(self, form: _Form) -> list[str]:
        record, header = form.record, form.header
        found = self._md5_problems(form) + self._tie_problems(record)
        if not header.get("SOPInstanceUID"):
            return [*found, _NO_IMAGE_FILE]
        if self._settings.check_ties and header["StudyInstanceUID"] not in listed(record["studyUid"], ",|"):
            found.append("dicom 里的 StudyInstanceUID 与 studyUid 不一致")
        if self._settings.check_ties and header["AccessionNumber"] not in listed(record["accessionNumber"]):
            found.append("dicom 里的 AccessionNumber 与 accessionNumber 不一致")
        return found

    def _md5_problems(self, form: _Form) -> list[str]:
        said = form.record["fileMd5"]
        if (said.upper() if self._settings.md5_case == "any" else said) == form.md5:
            return []
        return [f"fileMd5(文件 Md5 值)校验失败，收到的文件是 {form.md5}"]

    def _tie_problems(self, record: Mapping[str, Any]) -> list[str]:
        """The index is known, and study and accession number are those of its record."""
        exam = self._exam(record["hiImgIndx"])
        if exam is None:
            return ["hiImgIndx(医保影像云索引编码)不存在，请先上传检查数据"]
        if not self._settings.check_ties:
            return []
        link = exam["link"]
        said = [
            ("studyUid(检查唯一标识)", listed(record.get("studyUid"), ",|"), link["studies"]),
            ("accessionNumber(影像关联编号)", listed(record.get("accessionNumber")), link["accessions"]),
            ("rpotNo(报告编号)", listed(record.get("rpotNo")), link["report_numbers"]),
        ]
        return [f"{name}与检查数据不一致" for name, values, known in said if set(values) - set(known)]

    def _keep_image_info(self, record: dict[str, Any]) -> Result:
        found = self._checked(record, IMAGE_INFO_RULES) or self._tie_problems(record)
        if found:
            return Result(index=_index_of(record), problem="参数校验失败：" + "；".join(found))
        for study in listed(record["studyUid"], ",|"):
            self._ledger.keep(
                at=self._settings.clock.stamp(),
                kind="image_info",
                key=f"{record['hiImgIndx']} {study}",
                digest=digest_of(record),
                study_uid=study,
                link={
                    "index": record["hiImgIndx"],
                    "accessions": listed(record["accessionNumber"]),
                    "total": int(record["imageTotalNum"]),
                },
                fields=record,
            )
        return Result(index=record["hiImgIndx"])

    def claim(self, header: Mapping[str, str]) -> Mapping[str, Any]:
        """2.3(5): an image by DICOM belongs to the saveImgInfo of its study and accession number."""
        rows = [one for one in self._ledger.of_study("image_info", header["StudyInstanceUID"]) if one["state"] == KEPT]
        if self._settings.check_ties:
            fits = [one for one in rows if header["AccessionNumber"] in one["link"]["accessions"]]
        else:
            fits = rows
        if fits:
            newest = max(fits, key=lambda one: str(one["last_at"]))
            return {"index": newest["link"]["index"], "total": newest["link"]["total"], "by": "dicom"}
        if self._settings.untied == "keep":
            return {"index": "", "by": "dicom"}
        raise Refused("AccessionNumber 与 saveImgInfo 不一致" if rows else "这个检查没有 saveImgInfo")

    def _keep_report(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        form: _Form = arrival.data
        found = self._checked(form.record, REPORT_FILE_RULES) or self._tie_problems(form.record)
        if form.path is not None and not found:
            found = self._md5_problems(form)
        if found:
            return self._file_refused(form, found)
        try:
            pdf = filed_pdf(form.path, self._folder / "reports") if form.path is not None else None
        except Unreadable as error:
            return self._file_refused(form, [f"报告文件{error}"])
        record = form.record
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="report",
            key=record["rpotNo"],
            digest=digest_of({**record, "": form.md5}),
            size=arrival.size if pdf else 0,
            link={
                "index": record["hiImgIndx"],
                "exams": [record["hiImgIndx"]],
                "pdf_sha256": pdf.stem if pdf else "",
                "unknown": unknown_names(record, REPORT_FILE_RULES),
            },
            fields=record,
            file=pdf.name if pdf else "",
        )
        return _file_kept(record)

    @staticmethod
    def _file_refused(form: _Form, found: Sequence[str]) -> Answer:
        reason = "参数校验失败：" + "；".join(found)
        index = _index_of(form.record)
        return Answer(kept=False, reason=reason, body={"code": -1, "hiImgIndx": index, "message": reason})

    # -- 2.5 ----------------------------------------------------------------------------------------------------------

    def _delete(self, record: dict[str, Any]) -> Result:
        """Deletes the record, its images and its report files; the sample's answer names no index."""
        found = self._checked(record, DELETE_RULES)
        if found:
            return Result(index=_index_of(record), problem="参数校验失败：" + "；".join(found))
        index = record["hiImgIndx"]
        exam = self._exam(index)
        if exam is None:
            return Result(index=index, problem="索引不存在")
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="exam",
            key=index,
            state=DELETED,
            **{name: exam[name] for name in ("digest", "size", "study_uid", "day", "link", "fields")},
        )
        self._ledger.withdraw("index", index)
        return Result(index=None, said="删除数据成功")

    # -- what a tester may wish ----------------------------------------------------------------------------------------

    def wishes(self) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {"cache": self._retrieval.put_in_cache, "seed": self._seed}

    def _seed(self, wish: dict[str, Any]) -> dict[str, Any]:
        return seed(wish, self._ledger, self._folder, self._settings.clock, self._retrieval.put_in_cache)


@dataclass(frozen=True, kw_only=True)
class _Form:
    """A file with its record: `path` and `md5` of the file, empty without one; `header` of a DICOM file."""

    record: dict[str, Any]
    path: Path | None
    md5: str
    header: Mapping[str, str]

    @property
    def file(self) -> Path:
        assert self.path is not None
        return self.path


def _service_of(said: Mapping[str, Any]) -> str:
    input_ = said.get("input")
    return SERVICES.get(word(input_.get("serviceName")), "cache") if isinstance(input_, dict) else "cache"


def _keys_of(place: str, data: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(data, list):
        return tuple((place, _index_of(one) or "") for one in data)
    if place == "history":
        return ((place, masked(word(data.get("certno")))),)
    if place == "image_content":
        names = data.get("imgFileSn")
        return ((place, word(names.get("instUuid")) if isinstance(names, dict) else ""),)
    return ((place, _index_of(data) or ""),)


def _index_of(record: Mapping[str, Any]) -> str | None:
    return word(record.get("hiImgIndx")) or None


def _in_table_spelling(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record in the sample's spelling; what it has in the table's is not known to a platform that follows it."""
    table = set(SAMPLE_SPELLING.values())
    return {SAMPLE_SPELLING.get(name, name): value for name, value in record.items() if name not in table}


def _file_kept(record: Mapping[str, Any]) -> Answer:
    return Answer(kept=True, reason="", body={"code": 0, "hiImgIndx": record["hiImgIndx"], "message": "成功"})


FRONT_END = FrontEnd(
    title="贵州",
    settings=GuizhouSettings,
    build=build,
    places=PLACES,
    faults=FAULTS,
    exam_columns={"姓名": "psnName", "检查日期": "examDate", "类型": "imgExamType", "机构": "fixmedinsName"},
    report_columns={"索引": "hiImgIndx"},
    help=f"""密钥默认是 {PRACTICE_KEY}，换一个：POST /practice/rekey {{"key": 值}}
上传的根地址是本机地址本身，路径如 {_BASE}saveImgFile。where 写 cache 时图像清单和获取图像都算。
单张退回：{{"where": "image", "what": "code0", "match": SOPInstanceUID, "times": 0, "message": 话}}
收到一半断线：cut_body；回答一半断线：truncate；繁忙：busy，或 code0 加 message；改错 succFlag：wrong_flag
POST /practice/cache  {{"index": 索引, "cached": true, "without": [SOPInstanceUID]}}：放进或拿出缓存，可以缺几张
POST /practice/seed   {{"id_number": 证件号, "name": 姓名, "exams": 3, "images": 4, "cached": 2}}：编几例别家医院的检查
两者的命令：practice cache 索引 [--forget] · practice seed --id-number 证件号
GET /practice/serials：用过的 msgid 和次数""",
)
