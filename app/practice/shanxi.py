"""The Shanxi front-end machine (document V2.1, 三, 四(二)1, 四(二)5, 五): envelope, answers, reconciliation.

Written from the document alone. Signing, verifying and the image modes have modules of their own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from app.practice import shanxi_ca, shanxi_images, shanxi_verify
from app.practice.authority import CRL_PATH, Authority
from app.practice.faults import Fault
from app.practice.fetch import Unreachable, fetch
from app.practice.ledger import DELETED, KEPT, Ledger
from app.practice.pull import Puller
from app.practice.reading import Unreadable, digest_of, filed_pdf, json_object, listed, word
from app.practice.region import Answer, Arrival, Body, FrontEnd, Region
from app.practice.rules import Rule, is_blank, problems, unknown_names
from app.practice.shanxi_ca import SigningService
from app.practice.shanxi_desk import HELP, Desk
from app.practice.shanxi_fields import (
    BEFORE_THE_EXAM,
    EXAM_RULES,
    FORMS,
    KNOWN_AFTER_THE_EXAM,
    LONGER_THAN_PRINTED,
    MODALITIES_OF_TYPE,
    RECONCILE_ROW_RULES,
    RECONCILE_RULES,
    REPORT_RULES,
    SETTLEMENT_RULES,
    TABLES,
)
from app.practice.shanxi_images import ImageLists
from app.practice.shanxi_settings import ShanxiSettings
from app.practice.shanxi_verify import Verification

UPLOADS = {
    "/exam-sync": "exam",
    "/report/sync": "report",
    "/examMergeReport-sync": "merged",
    "/statisticalData/upload": "reconcile",
    **shanxi_images.PATHS,
}
PATHS = {**UPLOADS, **shanxi_ca.PATHS, **shanxi_verify.PATHS}
PLACES = {
    "exam": "检查",
    "report": "报告",
    "merged": "合并上传",
    "reconcile": "对账",
    **shanxi_images.PLACES,
    **shanxi_ca.PLACES,
    **shanxi_verify.PLACES,
}


def build(settings: ShanxiSettings, ledger: Ledger, folder: Path) -> ShanxiPlatform:
    """The platform over its books; the report files go below `folder`."""
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    return ShanxiPlatform(settings, ledger, folder)


class ShanxiPlatform(Region):
    """One conversation from the platform's side. Thread-safe: its state is the ledger, the settings, the test CA."""

    paths: Mapping[str, str] = PATHS

    def __init__(self, settings: ShanxiSettings, ledger: Ledger, folder: Path) -> None:
        self._settings = settings
        self._ledger = ledger
        self._folder = folder / "reports"
        self._address = ""
        self._authority = Authority(folder / "ca.json", settings.clock, lambda: self._address)
        self._signing = SigningService(settings, ledger, self._authority, lambda: self._address)
        self._verification = Verification(settings, self._authority, self._folder)
        self._images = ImageLists(settings, ledger, folder)
        self._puller = Puller(settings, ledger)
        self._desk = Desk(
            ledger=ledger,
            authority=self._authority,
            signing=self._signing,
            images=self._images,
            puller=self._puller,
            address=lambda: self._address,
        )

    def opened(self, base_url: str) -> None:
        self._address = base_url

    def offered(self, path: str) -> tuple[bytes, str] | None:
        if path == CRL_PATH and not self._settings.offer_crl:
            return None
        return self._authority.offered(path)

    def read(self, place: str, headers: Mapping[str, str], body: Body, now: float) -> Arrival:
        empty = Arrival(
            place=place,
            keys=(("exam" if place == "merged" else place, ""),),
            text="",
            digest=hashlib.sha256(body.raw).hexdigest(),
            size=body.size,
        )
        try:
            envelope = json_object(body.raw, "请求体")
            if place in shanxi_ca.PLACES:
                return shanxi_ca.read(empty, envelope, self._settings)
            if place in shanxi_verify.PLACES:
                return shanxi_verify.read(empty, envelope, self._settings)
            secret = _text_of(envelope, "content" if place == "reconcile" else "data")
            opened = replace(empty, text=_decrypted(secret, self._settings.sm4_key))
            data = json_object(opened.text.encode(), "解密后的数据")
        except Unreadable as error:
            return replace(empty, problem=str(error))
        opened = replace(opened, data=data, keys=_keys_of(place, data))
        if place == "reconcile":
            return opened
        problem = self._envelope_problem(envelope, secret, headers, now)
        return replace(opened, problem=problem, institution=str(envelope.get("hospitalCode", "")))

    def keep(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        if arrival.place in shanxi_ca.PLACES:
            return self._signing.keep(arrival, ordered)
        if arrival.place in shanxi_verify.PLACES:
            return self._verification.keep(arrival, ordered)
        if arrival.problem:
            return self._refused(arrival.place, arrival.problem)
        if arrival.place == "images":
            return self._listed(arrival.data)
        if arrival.place == "reconcile":
            return self._reconciled(arrival.data)
        if arrival.place == "exam":
            found = self._exam_problems(arrival.data, "")
        elif arrival.place == "report":
            found = self._report_problems(arrival.data, "", frozenset())
        else:
            found = self._merged_problems(arrival.data)
        if found:
            return self._refused(arrival.place, "参数校验失败：" + "；".join(found))
        return self._stored(arrival)

    def wishes(self) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return self._desk.wishes()

    def pages(self) -> Mapping[str, Callable[[], str]]:
        return self._desk.pages()

    def views(self) -> Mapping[str, Callable[[], dict[str, Any]]]:
        return self._desk.views()

    def refusal(self, place: str, message: str) -> dict[str, Any]:
        if place == "reconcile":
            return {"status": "-1", "message": message, "data": ""}
        if place in shanxi_ca.PLACES:
            return shanxi_ca.refusal(message)
        if place in shanxi_verify.PLACES:
            return shanxi_verify.refusal(place, message)
        return {"code": 0, "message": message, "content": ""}

    def _refused(self, place: str, message: str) -> Answer:
        return Answer(kept=False, reason=message, body=self.refusal(place, message))

    def _envelope_problem(
        self, envelope: Mapping[str, Any], secret: str, headers: Mapping[str, str], now: float
    ) -> str:
        """三(一): header, institution, timestamp, signature. Empty when in order."""
        if headers.get("encryption-type", "").upper() != "SM4":
            return "请求头 encryption-type 缺失或不是 SM4"
        code, stamp, signature = (envelope.get(name) for name in ("hospitalCode", "timestamp", "signature"))
        for name, value in (("hospitalCode", code), ("timestamp", stamp), ("signature", signature)):
            if not isinstance(value, str) or not value:
                return f"{name} 不能为空，且应为字符串"
        if self._settings.hospital_code and code != self._settings.hospital_code:
            return "hospitalCode 医院编号未在平台登记"
        if not re.fullmatch(r"\d{10}", str(stamp)):
            return "timestamp 格式错误，应为精确到秒的 10 位时间戳"
        apart = int(str(stamp)) - int(now)
        if abs(apart) > self._settings.window_seconds:
            return (
                f"timestamp 已失效：与平台时间相差 {abs(apart)} 秒，超过 {self._settings.window_seconds} 秒"
                f"（平台时间戳 {int(now)}）"
            )
        if signature != _signature(secret, str(code), str(stamp)):
            return "signature 签名错误：与 data、hospitalCode、timestamp 拼接后的 SHA1（大写）不一致"
        return ""

    def _checked(self, record: Mapping[str, Any], rules: tuple[Rule, ...], prefix: str) -> list[str]:
        return problems(
            record,
            rules,
            tables=TABLES,
            forms=FORMS,
            signature=self._settings.demand_signature,
            prefix=prefix,
            any_length=frozenset() if self._settings.exact_length else LONGER_THAN_PRINTED,
        )

    def _exam_problems(self, exam: Mapping[str, Any], prefix: str) -> list[str]:
        found = [one for one in self._checked(exam, EXAM_RULES, prefix) if not self._comes_later(exam, one, prefix)]
        rows = exam.get("setInfoList")
        for number, row in enumerate(rows if isinstance(rows, list) else []):
            where = f"{prefix}setInfoList[{number}]"
            if not isinstance(row, dict):
                found.append(f"{where}类型错误，应为对象")
            else:
                found += self._checked(row, SETTLEMENT_RULES, where + ".")
        return found

    def _comes_later(self, exam: Mapping[str, Any], problem: str, prefix: str) -> bool:
        """二(二) wants an exam as soon as it is registered, when some of what 五(一) demands can't be known."""
        if not self._settings.early_exams or exam.get("examStatus") not in BEFORE_THE_EXAM:
            return False
        later = tuple(f"{prefix}{name}(" for name in KNOWN_AFTER_THE_EXAM)
        return problem.startswith(later) and problem.endswith("不能为空")

    def _report_problems(self, report: Mapping[str, Any], prefix: str, at_hand: frozenset[str]) -> list[str]:
        found = self._checked(report, REPORT_RULES, prefix)
        is_signed = not found and self._settings.demand_signature and report["disableFlag"] == 0
        if is_signed and self._settings.check_signature:
            found += self._verification.report_problems(report, prefix)
        if report.get("ACCESS_NO") != report.get("recordNum"):
            found.append(f"{prefix}ACCESS_NO(图像访问号)应与 recordNum 保持一致")
        if self._settings.demand_exam:
            known = [one for one in _ids(report) if one not in at_hand and not self._has_exam(one)]
            found += [f"{prefix}risStudyId(检查唯一标识)对应的检查不存在：{one}" for one in known]
        return found

    def _merged_problems(self, data: Mapping[str, Any]) -> list[str]:
        patient, report = data.get("patient"), data.get("report")
        found = [
            f"{name}({title})不能为空，且应为对象"
            for name, title, value in (("patient", "患者", patient), ("report", "报告", report))
            if not isinstance(value, dict)
        ]
        if isinstance(patient, dict):
            found += self._exam_problems(patient, "patient.")
        if isinstance(report, dict):
            at_hand = frozenset([str(patient.get("risStudyId"))]) if isinstance(patient, dict) else frozenset()
            found += self._report_problems(report, "report.", at_hand)
        return found

    def _has_exam(self, key: str) -> bool:
        row = self._ledger.one("exam", key)
        return row is not None and row["state"] in (KEPT, DELETED)

    def _stored(self, arrival: Arrival) -> Answer:
        exam = arrival.data.get("patient") if arrival.place == "merged" else arrival.data
        report = arrival.data.get("report") if arrival.place == "merged" else arrival.data
        pdf = None
        if arrival.place != "exam":
            try:
                pdf = self._pdf(report)
                if pdf is not None and self._settings.demand_seal:
                    self._demand_seal(pdf)
            except Unreadable as error:
                return self._refused(arrival.place, f"报告文件校验失败：{error}")
        if arrival.place != "report":
            self._keep_exam(exam)
        if arrival.place != "exam":
            self._keep_report(report, pdf)
        self._pull_images(arrival.place, exam, report)
        return Answer(kept=True, reason="", body={"code": 1, "message": "成功", "content": ""})

    def _listed(self, said: dict[str, Any]) -> Answer:
        found = self._images.problems(said)
        if found:
            return self._refused("images", "参数校验失败：" + "；".join(found))
        reason = self._images.keep(said)
        return Answer(kept=True, reason=reason, body={"code": 1, "message": "成功", "content": ""})

    def _demand_seal(self, pdf: Path) -> None:
        """Raises Unreadable."""
        problem = self._verification.seal_problem(pdf.read_bytes())
        if problem:
            raise Unreadable(f"报告 PDF 的电子签章不合格：{problem}")

    def _pull_images(self, place: str, exam: Mapping[str, Any], report: Mapping[str, Any]) -> None:
        """四(二)2(2): once it is acknowledged, the images are fetched by accession number."""
        after = self._settings.pull
        if after == "off" or (place == after == "exam" and exam["disableFlag"] == 1):
            return
        if after == "exam" and place != "report":
            self._puller.want(exam["accessionNumber"])
        elif after == "report" and place != "exam" and report["disableFlag"] == 0:
            rows = [self._ledger.one("exam", one) for one in _ids(report)]
            for accession in {row["link"]["accession"] for row in rows if row}:
                self._puller.want(accession)

    def _keep_exam(self, exam: dict[str, Any]) -> None:
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="exam",
            key=exam["risStudyId"],
            digest=digest_of(exam),
            state=DELETED if exam["disableFlag"] == 1 else KEPT,
            size=len(exam),
            study_uid=exam.get("studyUid", ""),
            day=exam.get("checkFinishTime", "")[:10],
            link={
                "accession": exam["accessionNumber"],
                "modality": exam["modality"],
                "imgExamType": exam["imgExamType"],
                "unknown": unknown_names(exam, EXAM_RULES),
            },
            fields=exam,
        )

    def _keep_report(self, report: dict[str, Any], pdf: Path | None) -> None:
        sha256 = pdf.stem if pdf else ""
        shown = {**report}
        if not is_blank(shown.get("reportPdfBase64")):
            shown["reportPdfBase64"] = f"（Base64，{len(shown['reportPdfBase64'])} 字）"
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="report",
            key=report["recordNum"],
            digest=digest_of({**shown, "": sha256}),
            state=DELETED if report["disableFlag"] == 1 else KEPT,
            size=pdf.stat().st_size if pdf else 0,
            day=report["checkDate"][:10],
            link={
                "exams": _ids(report),
                "pdf_sha256": sha256,
                "unknown": unknown_names(report, REPORT_RULES),
            },
            fields=shown,
            file=pdf.name if pdf else "",
        )

    def _pdf(self, report: Mapping[str, Any]) -> Path | None:
        """The report file, stored under its SHA-256; nothing is asked of a withdrawn report."""
        if report["disableFlag"] == 1:
            return None
        part = self._folder / f"{uuid.uuid4().hex}.part"
        try:
            if is_blank(report.get("pdf_path")):
                part.write_bytes(_from_base64(report["reportPdfBase64"], "reportPdfBase64"))
            else:
                self._download(report["pdf_path"], part)
            return filed_pdf(part, self._folder)
        finally:
            part.unlink(missing_ok=True)

    def _download(self, url: str, part: Path) -> None:
        if not self._settings.file_access:
            raise Unreadable("pdf_path 前置机不能访问该地址")
        try:
            fetch(url, part, stopping=self._settings.stopping)
        except Unreachable as error:
            raise Unreadable(f"pdf_path {error}") from error

    def _reconciled(self, data: Mapping[str, Any]) -> Answer:
        """四(二)5: which of the day's exams the platform does not have."""
        found = self._checked(data, RECONCILE_RULES, "")
        rows = data.get("examInfo")
        for number, row in enumerate(rows if isinstance(rows, list) else []):
            found += self._reconcile_row_problems(row, f"examInfo[{number}]")
        if self._settings.hospital_code and data.get("hospitalCode") != self._settings.hospital_code:
            found.append("hospitalCode(医院编码)未在平台登记")
        if found or not isinstance(rows, list):
            return self._refused("reconcile", "参数校验失败：" + "；".join(found))
        missing: list[str] = []
        for row in rows:
            missing += [one for one in row["study_uids"] if self._misses(one, data["date"], row["imgExamType"])]
            counts = {name: row.get(name) for name in ("pushExamNum", "pushImageNum", "pushReportNum")}
            self._ledger.put_total(
                institution=data["hospitalCode"],
                day=data["date"],
                type_=row["imgExamType"],
                counts={**counts, "study_uids": len(row["study_uids"])},
                at=self._settings.clock.stamp(),
            )
        return Answer(kept=True, reason=f"缺失 {len(missing)} 条", body=self._missing_reply(missing))

    def _reconcile_row_problems(self, row: Any, where: str) -> list[str]:
        if not isinstance(row, dict):
            return [f"{where}类型错误，应为对象"]
        uids = row.get("study_uids")
        found = self._checked(row, RECONCILE_ROW_RULES, where + ".")
        if not isinstance(uids, list) or not all(isinstance(one, str) and one for one in uids):
            found.append(f"{where}.study_uids(检查id集合)不能为空，且应为字符串数组")
        return found

    def _misses(self, one: str, day: str, type_: str) -> bool:
        if self._ledger.takes_false_miss(one):
            return True
        rows = (
            [self._ledger.one("exam", one)]
            if self._settings.reconcile_by == "risStudyId"
            else [row for row in self._ledger.all("exam") if row["study_uid"] == one]
        )
        return not any(row and row["state"] == KEPT and row["day"] == day and _is_of_type(row, type_) for row in rows)

    def _missing_reply(self, missing: list[str]) -> dict[str, Any]:
        if not missing and self._settings.reconcile_empty == "blank":
            return {"status": "0", "message": "SUCCESS", "data": ""}
        answer = missing if self._settings.reconcile_shape == "array" else {"study_uids": missing}
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        return {"status": "0", "message": "SUCCESS", "data": _encrypted(text, self._settings.sm4_key)}


def sealed_envelope(record: Mapping[str, Any], *, key: str, hospital_code: str, now: float) -> dict[str, str]:
    """三(一): what the platform itself sends where the clinic wants it enveloped."""
    data = _encrypted(json.dumps(record, ensure_ascii=False, separators=(",", ":")), key)
    stamp = str(int(now))
    signature = _signature(data, hospital_code, stamp)
    return {"hospitalCode": hospital_code, "data": data, "timestamp": stamp, "signature": signature}


def _text_of(envelope: Mapping[str, Any], name: str) -> str:
    value = envelope.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} 不能为空，且应为字符串")
    return value


def _decrypted(secret: str, key_hex: str) -> str:
    """三(八): Base64, SM4/ECB/PKCS5Padding, UTF-8."""
    sealed = _from_base64(secret, "data")
    decryptor = Cipher(algorithms.SM4(bytes.fromhex(key_hex)), modes.ECB()).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    try:
        padded = decryptor.update(sealed) + decryptor.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode("utf-8")
    except ValueError:
        raise Unreadable("data 解密失败，请检查 SM4 密钥") from None


def _encrypted(text: str, key_hex: str) -> str:
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.SM4(bytes.fromhex(key_hex)), modes.ECB()).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def _from_base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Unreadable(f"{name} 不是正确的 Base64") from None


def _signature(data: str, hospital_code: str, timestamp: str) -> str:
    joined = data + hospital_code + timestamp
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest().upper()


def _keys_of(place: str, data: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if place == "exam":
        return (("exam", word(data.get("risStudyId"))),)
    if place == "report":
        return (("report", word(data.get("recordNum"))),)
    if place == "reconcile":
        return (("reconcile", word(data.get("date"))),)
    if place == "images":
        return (("images", word(data.get("SERIESIUID"))),)
    patient, report = data.get("patient"), data.get("report")
    return (
        ("exam", word(patient.get("risStudyId")) if isinstance(patient, dict) else ""),
        ("report", word(report.get("recordNum")) if isinstance(report, dict) else ""),
    )


def _ids(report: Mapping[str, Any]) -> list[str]:
    """五(二)7: several exams are separated by an ASCII comma."""
    return listed(report.get("risStudyId"))


def _is_of_type(exam: Mapping[str, Any], type_: str) -> bool:
    link = exam["link"]
    modalities = set(re.split(r"[,|\\/]", link["modality"]))
    codes = set(link["imgExamType"].split("|"))
    wanted = type_.upper()
    if wanted in modalities or wanted in codes:
        return True
    return any(wanted in MODALITIES_OF_TYPE[code] for code in codes if code in MODALITIES_OF_TYPE)


FRONT_END = FrontEnd(
    title="山西",
    settings=ShanxiSettings,
    build=build,
    places=PLACES,
    faults={**shanxi_ca.FAULTS, **shanxi_verify.FAULTS},
    exam_columns={"姓名": "patName", "检查时间": "checkFinishTime", "类别": "modality"},
    report_columns={"诊断结论": "inspectExamResult"},
    quiet=(shanxi_ca.UNSIGN,),
    links={"phone": "医生的手机"},
    help=HELP,
)
