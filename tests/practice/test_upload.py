"""Exams, reports and merged records: what the platform takes, keeps, refuses and says."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from .clinic import HOSPITAL, PracticeProcess, a_report, an_exam, envelope, opened, sealed

PDF = b"%PDF-1.4 an invented report"


def test_the_documents_worked_sm4_example_is_reproduced() -> None:
    printed = "laoxZiinrHrTUa1tythils6bY9/PaMJpAdm7xoKwHx0KbPEea+Am911ApbxJwJLy4QI6Vq1xoMTGEWqoUvOzOQ=="
    plain = '{"patientName":"张三","patientId":"Test123456"}'
    assert sealed(plain) == printed
    assert opened(printed) == plain


def test_a_complete_exam_is_kept_with_its_fields(platform: PracticeProcess) -> None:
    assert platform.exam(an_exam("E1")) == {"code": 1, "message": "成功", "content": ""}
    kept = platform.kept("exam", "E1")
    assert (kept["state"], kept["version"], kept["received"]) == ("kept", 1, 1)
    assert kept["fields"]["patName"] == "张伟"
    assert kept["day"] == "2026-11-20"


def test_the_same_exam_again_is_received_twice_and_kept_once(platform: PracticeProcess) -> None:
    for _ in range(2):
        assert platform.exam(an_exam("E2"))["code"] == 1
    kept = platform.kept("exam", "E2")
    assert (kept["received"], kept["version"]) == (2, 1)


def test_a_changed_exam_is_a_new_version(platform: PracticeProcess) -> None:
    platform.exam(an_exam("E3"))
    platform.exam(an_exam("E3", patName="李娜"))
    kept = platform.kept("exam", "E3")
    assert (kept["version"], kept["fields"]["patName"]) == (2, "李娜")
    versions = platform.ask("GET", "/practice/versions?kind=exam&key=E3").json["versions"]
    assert [one["fields"]["patName"] for one in versions] == ["张伟", "李娜"]


def test_disable_flag_withdraws_but_the_ledger_keeps_the_record(platform: PracticeProcess) -> None:
    platform.exam(an_exam("E4"))
    assert platform.exam(an_exam("E4", disableFlag=1))["code"] == 1
    assert platform.kept("exam", "E4")["state"] == "deleted"
    assert platform.missing("CT", ["E4"]) == {"study_uids": ["E4"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"patName": ""}, "patName(姓名)不能为空"),
        ({"sex": "3"}, "sex(性别)不在字典中，实际值：3"),
        ({"sex": 1}, "sex(性别)类型错误，应为字符串"),
        ({"disableFlag": "0"}, "disableFlag(删除标识)类型错误，应为数字"),
        ({"isEmergency": True}, "isEmergency(急诊标识)类型错误，应为数字"),
        ({"patAge": "1" * 11}, "patAge(实足年龄)长度11超过最大长度10"),
        ({"checkFinishTime": "2026/11/20 10:11"}, "checkFinishTime(检查时间)格式错误，应为yyyy-MM-dd HH:mm:ss"),
        ({"outPatientId": ""}, "outPatientId(门诊号)不能为空"),
        ({"patientFrom": 3}, "inPatientId(住院号)不能为空"),
        ({"imgExamType": "2,3"}, "imgExamType(影像检查类型代码)不在字典中"),
        ({"bodyCode": "BB24"}, "bodyCode(检查部位编码)不在字典中"),
        ({"examItemCode": "DR01"}, "examItemCode(互认项目代码)不在字典中"),
        ({"setInfoList": []}, "setInfoList(结算信息)不能为空"),
        ({"setInfoList": [{"setId": "1"}]}, "setInfoList[0].medListCode(医疗目录编码)不能为空"),
        ({"ethnic": "1"}, "ethnic(民族类别)不在字典中"),
    ],
)
def test_a_wrong_field_is_named(platform: PracticeProcess, change: dict[str, Any], said: str) -> None:
    reply = platform.exam(an_exam("WRONG", **change))
    assert reply["code"] == 0
    assert said in reply["message"]
    assert platform.kept("exam", "WRONG") is None
    last = platform.received()[-1]
    assert (last["key"], last["verdict"]) == ("WRONG", "refused")
    assert said in last["reason"]


@pytest.mark.parametrize(
    "change",
    [
        {"imgExamType": "2|3"},
        {"bodyCode": "BF34"},
        {"patientFrom": 2, "outPatientId": ""},
        {"examWay": "1，2"},
        {"patSpellName": ""},
        {"reserveTime": "2026-11-20 08:00:00/2026-11-20 09:00:00"},
        {"isEmergency": 1},
    ],
)
def test_what_the_document_allows_is_taken(platform: PracticeProcess, change: dict[str, Any]) -> None:
    assert platform.exam(an_exam("ALLOWED", **change))["code"] == 1


def test_a_name_that_the_document_does_not_have_is_noted_but_taken(platform: PracticeProcess) -> None:
    assert platform.exam(an_exam("E5", examAdmdvs="140100"))["code"] == 1
    assert platform.kept("exam", "E5")["unknown"] == ["examAdmdvs"]


def _posted(platform: PracticeProcess, body: Any, **headers: str) -> Any:
    usual = {"Content-Type": "application/json", "encryption-type": "SM4"}
    sent = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    return platform.ask("POST", "/exam-sync", body, sent)


def test_each_fault_of_the_envelope_is_named(platform: PracticeProcess) -> None:
    good = envelope(an_exam("ENV"))
    old = envelope(an_exam("ENV"), at=1_700_000_000)
    other_key = envelope(an_exam("ENV"), key="00" * 16)
    cases = [
        (_posted(platform, good, encryption_type="SM2"), "encryption-type"),
        (_posted(platform, {**good, "signature": good["signature"].lower()}), "signature 签名错误"),
        (_posted(platform, {**good, "timestamp": int(good["timestamp"])}), "timestamp 不能为空，且应为字符串"),
        (_posted(platform, {**good, "timestamp": good["timestamp"] + "000"}), "10 位时间戳"),
        (_posted(platform, old), "超过 300 秒"),
        (_posted(platform, other_key), "解密失败"),
        (_posted(platform, {**good, "data": "x"}), "Base64"),
        (_posted(platform, b"\xff"), "JSON"),
        (_posted(platform, {"hospitalCode": HOSPITAL}), "data 不能为空"),
    ]
    for reply, said in cases:
        assert (reply.status, reply.json["code"]) == (200, 0)
        assert said in reply.json["message"]
    assert _posted(platform, good, Content_Type="text/plain").status == 415
    assert platform.kept("exam", "ENV") is None


def test_only_the_registered_institution_may_report(platform: PracticeProcess) -> None:
    platform.control("options", hospital_code="ANOTHER")
    assert "hospitalCode" in platform.exam(an_exam("E6"))["message"]


def test_a_body_in_chunks_is_understood(platform: PracticeProcess) -> None:
    text = json.dumps(envelope(an_exam("CHUNKS"))).encode()
    import http.client

    connection = http.client.HTTPConnection(platform.host, int(platform.port), timeout=10)
    headers = {"Content-Type": "application/json", "encryption-type": "SM4"}
    connection.request("POST", "/exam-sync", iter([text[:700], text[700:]]), headers, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["code"] == 1
    connection.close()


def test_a_report_with_its_file_in_base64_is_kept(platform: PracticeProcess) -> None:
    platform.exam(an_exam("E7"))
    assert platform.report(a_report("R7", "E7", reportPdfBase64=base64.b64encode(PDF).decode()))["code"] == 1
    kept = platform.kept("report", "R7")
    assert kept["pdf_sha256"] == hashlib.sha256(PDF).hexdigest()
    assert kept["size"] == len(PDF)
    assert platform.ask("GET", "/practice/report?record=R7").body == PDF
    assert platform.kept("exam", "E7")["reports"] == ["R7"]
    assert PDF.hex() not in json.dumps(kept)


def test_a_report_must_name_a_known_exam_unless_switched_off(platform: PracticeProcess) -> None:
    assert "检查不存在：NOBODY" in platform.report(a_report("R8", "NOBODY"))["message"]
    platform.exam(an_exam("E8"))
    assert "检查不存在：NOBODY" in platform.report(a_report("R8", "E8,NOBODY"))["message"]
    platform.control("options", demand_exam=False)
    assert platform.report(a_report("R8", "NOBODY"))["code"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reportPdfBase64": ""}, "pdf_path(报告pdf地址)不能为空"),
        ({"reportPdfBase64": base64.b64encode(b"<html>").decode()}, "不是 PDF 文件"),
        ({"reportPdfBase64": "***"}, "Base64"),
        ({"reportPdfBase64": "不是"}, "Base64"),
        ({"ACCESS_NO": "ACC1"}, "ACCESS_NO(图像访问号)应与 recordNum 保持一致"),
        ({"isLastAudit": 1}, "lastAuditDoctor(终审医生姓名)不能为空"),
        ({"SignValue": ""}, "SignValue(CA签名值)不能为空"),
        ({"patType": "1"}, "patType(病人类型)类型错误，应为数字"),
        ({"reportStatus": 7}, "reportStatus(报告状态)不在字典中"),
        ({"radioDoctorName": ""}, "radioDoctorName(检查医生姓名)不能为空"),
        ({"pdf_path": "ftp://127.0.0.1/a.pdf", "reportPdfBase64": ""}, "http 协议"),
    ],
)
def test_what_is_wrong_with_a_report_is_named(platform: PracticeProcess, change: dict[str, Any], said: str) -> None:
    platform.exam(an_exam("E9"))
    reply = platform.report(a_report("R9", "E9", **change))
    assert reply["code"] == 0
    assert said in reply["message"]
    assert platform.kept("report", "R9") is None


def test_signatures_longer_than_printed_are_taken_unless_lengths_are_exact(platform: PracticeProcess) -> None:
    platform.exam(an_exam("E10"))
    long = a_report("R10", "E10", SignValue="M" * 1160, ClientCert="M" * 1050)
    assert platform.report(long)["code"] == 1
    platform.control("options", exact_length=True)
    assert "SignValue(CA签名值)长度1160超过最大长度1000" in platform.report(long)["message"]


def test_without_the_demand_the_signature_fields_may_be_absent(platform: PracticeProcess) -> None:
    platform.exam(an_exam("E11"))
    names = ("CAData", "ClientCert", "SignType", "SignValue", "Timestampvalue")
    bare = {name: value for name, value in a_report("R11", "E11").items() if name not in names}
    assert platform.report(bare)["code"] == 0
    platform.control("options", demand_signature=False)
    assert platform.report(bare)["code"] == 1


def test_a_merged_record_keeps_both_or_neither(platform: PracticeProcess) -> None:
    both = {"patient": an_exam("E12"), "report": a_report("R12", "E12")}
    broken = {"patient": an_exam("E13"), "report": a_report("R13", "E13", findings="")}
    refused = platform.send("/examMergeReport-sync", broken).json
    assert "report.findings(影像所见)不能为空" in refused["message"]
    assert platform.kept("exam", "E13") is None
    assert platform.send("/examMergeReport-sync", both).json["code"] == 1
    assert platform.kept("exam", "E12")["reports"] == ["R12"]
    rows = [(row["kind"], row["key"], row["place"]) for row in platform.received()[-2:]]
    assert rows == [("exam", "E12", "merged"), ("report", "R12", "merged")]


class _FileService(BaseHTTPRequestHandler):
    misses = 0

    def do_GET(self) -> None:
        kind = type(self)
        kind.misses -= 1
        self.send_response(503 if kind.misses >= 0 else 200)
        self.send_header("Content-Length", str(len(PDF)))
        self.end_headers()
        self.wfile.write(PDF)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def file_service() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _FileService)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_report_file_is_fetched_at_once_with_three_tries(
    platform: PracticeProcess, file_service: HTTPServer
) -> None:
    url = f"http://127.0.0.1:{file_service.server_port}/r.pdf"
    platform.exam(an_exam("E14"))
    report = a_report("R14", "E14", pdf_path=url, reportPdfBase64="")
    _FileService.misses = 3
    assert "前置机访问失败（HTTP 503，已试 3 次）" in platform.report(report)["message"]
    _FileService.misses = 2
    assert platform.report(report)["code"] == 1
    assert platform.kept("report", "R14")["pdf_sha256"] == hashlib.sha256(PDF).hexdigest()
    platform.control("options", file_access=False)
    assert "不能访问该地址" in platform.report(report)["message"]


def test_the_rules_have_as_many_rows_as_the_document() -> None:
    from app.practice.shanxi_fields import EXAM_RULES, REPORT_RULES, SETTLEMENT_RULES

    assert (len(EXAM_RULES), len(SETTLEMENT_RULES), len(REPORT_RULES)) == (113, 4, 70)
    for rules in (EXAM_RULES, REPORT_RULES, SETTLEMENT_RULES):
        assert len({rule.name for rule in rules}) == len(rules)


def test_the_page_shows_what_was_refused_and_why(platform: PracticeProcess, tmp_path: Path) -> None:
    platform.exam(an_exam("PAGE", patName="<王芳>"))
    platform.exam(an_exam("PAGE2", sex="7"))
    text = platform.ask("GET", "/").body.decode()
    assert "演练平台 · 山西" in text
    assert "&lt;王芳&gt;" in text
    assert "sex(性别)不在字典中" in text
    assert "<script" not in text
