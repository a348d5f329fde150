"""A clinic's requests to the practice platform, built by hand from the document, with another SM4 than its own."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gmssl.sm4 import SM4_DECRYPT, SM4_ENCRYPT, CryptSM4

SAMPLE_KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
HOSPITAL = "12140000MB0TEST018"
ROOT = Path(__file__).parents[2]


def sealed(text: str, key: str = SAMPLE_KEY) -> str:
    cipher = CryptSM4()
    cipher.set_key(bytes.fromhex(key), SM4_ENCRYPT)
    return base64.b64encode(cipher.crypt_ecb(text.encode())).decode()


def opened(text: str, key: str = SAMPLE_KEY) -> str:
    cipher = CryptSM4()
    cipher.set_key(bytes.fromhex(key), SM4_DECRYPT)
    return bytes(cipher.crypt_ecb(base64.b64decode(text))).decode()


def envelope(
    record: Any, *, key: str = SAMPLE_KEY, hospital: str = HOSPITAL, at: float | None = None
) -> dict[str, Any]:
    data = sealed(json.dumps(record, ensure_ascii=False, separators=(",", ":")), key)
    stamp = str(int(time.time() if at is None else at))
    signature = hashlib.sha1((data + hospital + stamp).encode()).hexdigest().upper()
    return {"hospitalCode": hospital, "data": data, "timestamp": stamp, "signature": signature}


def an_exam(key: str = "E1", **changes: Any) -> dict[str, Any]:
    return {
        "patName": "张伟",
        "cardType": "01",
        "idCard": "140000198001020011",
        "sex": "1",
        "ageUnit": "Y",
        "patTelephone": "13000000000",
        "fixmedinsCode": "H14000000001",
        "examAdmndvs": "140100",
        "hosplv": "11",
        "hospitalName": "演练诊所",
        "hospitalCode": HOSPITAL,
        "labNum": "L1",
        "studyUid": f"1.2.3.{int.from_bytes(key.encode(), 'big')}",
        "risStudyId": key,
        "inhospExamItemCode": "X1",
        "inhospExamItemName": "胸部CT",
        "examItemName": "胸部平扫",
        "examItemCode": "CT020012506",
        "imgExamType": "2",
        "modality": "CT",
        "bodyCode": "BB24ZYZZZ",
        "patientFrom": 1,
        "patientId": "P0001",
        "outPatientId": "M1",
        "diagnosisCategoryCode": "J00",
        "diagnosisCategoryName": "呼吸系统疾病",
        "diagnosisCode": "J18.9",
        "diagnosisName": "肺炎",
        "checkFinishTime": "2026-11-20 10:11:12",
        "examDeptName": "放射科",
        "examDoctorIndustryCode": "D140000000001",
        "accessionNumber": "ACC0001",
        "lastChangeTime": "2026-11-20 10:20:00",
        "disableFlag": 0,
        "billgDrCode": "D1",
        "setInfoList": [
            {"setId": "0" * 20, "medListCode": "M1", "feeDetailSn": "0" * 18, "examPart": "BB24ZYZZZ"},
        ],
        "orderName": "O1",
        "mtuRecMark": "HR",
        **changes,
    }


def a_report(key: str = "R1", exam: str = "E1", **changes: Any) -> dict[str, Any]:
    return {
        "hospitalName": "演练诊所",
        "hospitalCode": HOSPITAL,
        "patId": "P0001",
        "patType": 1,
        "xno": "P0001",
        "labNum": "L1",
        "risStudyId": exam,
        "categoryName": "胸部",
        "itemName": "胸部平扫",
        "dep": 2,
        "instra": "CT",
        "checkDate": "2026-11-20 10:11:12",
        "radioDepName": "放射科",
        "radioDoctorName": "王芳",
        "recordNum": key,
        "ACCESS_NO": key,
        "reportStatus": 3,
        "modality": "CT",
        "reportDoctorName": "王芳",
        "reportDate": "2026-11-20 11:00:00",
        "confirmDoctorName": "刘洋",
        "confirmDate": "2026-11-20 11:10:00",
        "findings": "双肺纹理清晰。",
        "inspectExamResult": "未见异常。",
        "isLastAudit": 0,
        "reportPdfBase64": base64.b64encode(b"%PDF-1.4 practice").decode(),
        "checkPositiveMark": 2,
        "checkStatus": 4,
        "lastChangeTime": "2026-11-20 11:11:00",
        "disableFlag": 0,
        "CAData": "原文",
        "ClientCert": "MIIB",
        "SignType": 1,
        "SignValue": "MEUC",
        "Timestampvalue": "MIIC",
        **changes,
    }


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class PracticeProcess:
    """One platform as a child process; `line` is its first line."""

    def __init__(self, state: Path, *options: str, port: int = 0, dicom_port: int = 0, region: str = "shanxi") -> None:
        self.state = state
        arguments = [region, "--port", str(port), "--dicom-port", str(dicom_port), "--state", str(state)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.practice", *arguments, "--until-stdin-closes", *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.line = json.loads(self.process.stdout.readline())
        self.host, self.port = urlsplit(self.line["base_url"]).netloc.split(":")
        self.dicom_port = int(self.line["dicom_port"])

    def stop(self) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        return code

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=10)
        try:
            text = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            connection.request(method, path, text, headers or {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return Reply(status=answer.status, body=answer.read(), headers=dict(answer.getheaders()))
        finally:
            connection.close()

    def send(self, path: str, record: Any, **more: Any) -> Reply:
        headers = {"Content-Type": "application/json;charset=utf-8", "encryption-type": "SM4"}
        return self.ask("POST", path, envelope(record, **more), headers)

    def exam(self, record: dict[str, Any], **more: Any) -> Any:
        return self.send("/exam-sync", record, **more).json

    def report(self, record: dict[str, Any], **more: Any) -> Any:
        return self.send("/report/sync", record, **more).json

    def reconcile(self, type_: str, ids: list[str], day: str = "2026-11-20") -> Any:
        row = {"imgExamType": type_, "pushExamNum": len(ids), "study_uids": ids}
        plain = {"hospitalCode": HOSPITAL, "date": day, "examInfo": [row]}
        return self.ask("POST", "/statisticalData/upload", {"content": sealed(json.dumps(plain))}).json

    def missing(self, type_: str, ids: list[str], **more: Any) -> Any:
        reply = self.reconcile(type_, ids, **more)
        assert reply["status"] == "0"
        return json.loads(opened(reply["data"]))

    def fault(self, **wish: Any) -> None:
        assert self.ask("POST", "/practice/fault", wish).status == 200

    def control(self, path: str, **wish: Any) -> Any:
        reply = self.ask("POST", "/practice/" + path, wish)
        assert reply.status == 200, reply.body
        return reply.json

    def ledger(self) -> Any:
        return self.ask("GET", "/practice/ledger").json

    def received(self) -> Any:
        return self.ask("GET", "/practice/received").json["received"]

    def kept(self, kind: str, key: str) -> Any:
        return next((one for one in self.ledger()[kind + "s"] if one["key"] == key), None)
