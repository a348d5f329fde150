"""A Guizhou clinic's requests to the practice platform with plain `requests`: the document's samples, as repaired."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from pydicom import dcmread

from app.practice.modality import make_study

from .clinic import PracticeProcess

KEY = "PRACTICE-KEY-GUIZHOU"
INSTITUTION = "H11010202321"
NUMBER = "110101197804050038"
TIME = "2025-03-03 01:00:00"
BASE = "/mie/api/mie/"
PDF = b"%PDF-1.4 an invented report"
_serials = itertools.count(1)
_seconds = itertools.count(0)


def an_index(number: str = NUMBER, at: str = "") -> str:
    """A new one each time, of the same person on the same day."""
    second = next(_seconds)
    when = at or f"20241122{14 + second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"
    return f"111-{number}-{when}-{'0' * 13}-{'0' * 9}"


def a_uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def a_record(index: str, **changes: Any) -> dict[str, Any]:
    """The sample of 2.1(7), without what only the sample has, in the table's spelling."""
    return {
        "hiImgIndx": index,
        "psnName": "李丽",
        "psnCertType": "111",
        "certno": NUMBER,
        "gend": "1",
        "fixmedinsCode": INSTITUTION,
        "fixmedinsName": "演练诊所",
        "examAdmdvs": "370000",
        "imgExamType": "1",
        "examItemCode": "CT",
        "imgExamItem": "头颅核磁平扫+功能成像",
        "examDate": "2024-11-22",
        "examPart": "000000000",
        "examWay": "1",
        "examDeptName": "儿童神经科（影像科）",
        "examDrCode": "D370796363",
        "examDrName": "李医生",
        "clncDiag": "Hypertension",
        "appyNo": "A123456",
        "appyDeptName": "Cardiology",
        "appyDate": "2023-04-01 00:00:00",
        "bilgDrCode": "D370693652",
        "bilgDrName": "王医师",
        "disecode": "I101",
        "diagTime": "2023-04-01",
        "brdy": "1990-01-01",
        "age": 35,
        "tel": "",
        "fmAddr": "",
        "mrgStas": "1",
        "elecHlCardNo": "E123456789012345678",
        "prfs": "17",
        "poscode": "10001",
        "optNo": "0110",
        "iptNo": "I123456789",
        "wardareaCode": "A12345",
        "wardareaName": "Cardiology",
        "patnId": "P1234567890123456789",
        "illhis": "No significant medical history.",
        "chfcomp": "Chest pain",
        "algs": "No known allergies.",
        "sympBegndate": "2023-03-01 00:00:00",
        "sympEnddate": "2023-03-31 00:00:00",
        "sympDscr": "Chest pain 持续一周",
        "studyUid": "1.3.6.1.4.1.44316.6.102.1.20250704114423696.61158672119535771932",
        "chargeType": "01",
        "examCharge": "240.00",
        "examInseqi": "0" * 13,
        "devRoom": "Radiology",
        "devName": "CT Scanner",
        "examDevType": "Radiological",
        "examTecnName": "Jane Smith",
        "medTecnCode": "T123456789012345678",
        "accessionNumber": "114649960",
        "imgDscr": "脑实质内未见异常信号。",
        "diagRslt": "副鼻窦积液。",
        "rpotNo": "R123456",
        "rpotMedinsCode": "M12345",
        "rpotDrCode": "D123456789012345678",
        "rpotDrName": "Dr. John Doe",
        "chkMedinsCode": "M12345",
        "chkDrCode": "D123456789012345678",
        "chkDrName": "Dr. John Doe",
        "sdryChkMedinsCode": "M12345",
        "sdryChkDrCode": "D123456789012345678",
        "sdryChkDrName": "Dr. John Doe",
        "rptDate": "2023-04-01 00:00:00",
        "chkDate": "2023-04-01 00:00:00",
        "sdryChkDate": "2023-04-01 00:00:00",
        "examRsltCode": "1",
        "rpotAdv": "Follow-up as needed",
        "rpotPubDate": "2023-04-01 00:00:00",
        "rpotCritVal": "Normal",
        "hospLv": "01",
        "setlDate": "2023-04-01 12:00:00",
        "setlInfoList": [
            {"setlId": "1234567", "medListCodg": "1234567", "feedetlSn": "1234567", "examPart": "000000000"},
            {"setlId": "1234567", "medListCodg": "7654321", "feedetlSn": "7654321", "examPart": "BW23ZYZZ"},
        ],
        **changes,
    }


def a_msgid() -> str:
    return f"{INSTITUTION}20250301{next(_serials):010d}"


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest().upper()


class Clinic:
    """One clinic over one running platform; `platform` has the control interface."""

    def __init__(self, platform: PracticeProcess) -> None:
        self.platform = platform
        self.base = platform.line["base_url"]
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def envelope(self, infno: str, /, **changes: Any) -> dict[str, Any]:
        said = {"infno": infno, "infTime": TIME, "infCode": INSTITUTION, "msgid": a_msgid(), "key": KEY, **changes}
        return {name: value for name, value in said.items() if value is not None}

    def post(self, infno: str, input_: Any, /, **changes: Any) -> Any:
        """An upload as JSON; `changes` of the envelope, None leaves one out."""
        body = {**self.envelope(infno, **changes), "input": input_}
        answer = self._session.post(self.base + BASE + infno, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def query(self, infno: str, input_: Any, /, **changes: Any) -> Any:
        """A query: no key, the institution under another name."""
        return self.post(infno, input_, key=None, infCode=None, fixmedinsCode=INSTITUTION, **changes)

    def form(self, infno: str, parts: Mapping[str, Any], /, **changes: Any) -> requests.Response:
        headers = self.envelope(infno, **changes)
        files = {name: part if isinstance(part, tuple) else (None, part) for name, part in parts.items()}
        return self._session.post(self.base + BASE + infno, files=files, headers=headers, timeout=30)

    def exam(self, index: str, **changes: Any) -> Any:
        """Save one exam; its row of the answer."""
        said = self.post("saveExamRptImgInfo", [a_record(index, **changes)])
        assert (said["code"], said["type"]) == (0, "success"), said
        (row,) = said["data"]
        return row

    def image(self, index: str, path: Path, **changes: Any) -> Any:
        """Upload one image file; `changes` of its parts."""
        return self.form("saveImgFile", image_parts(index, path, **changes)).json()

    def report(self, index: str, study: str, **changes: Any) -> Any:
        parts = {
            "hiImgIndx": index,
            "studyUid": study,
            "rpotNo": "R123456",
            "fileMd5": md5(PDF),
            "examRpotPdf1": ("R123456.pdf", PDF, "application/pdf"),
            **changes,
        }
        return self.form("saveRptFile", parts).json()

    def an_exam_with_images(self, folder: Path, images: int = 2, **changes: Any) -> tuple[str, list[Path]]:
        """A kept exam and the files of its study, which are not uploaded yet."""
        index, study = an_index(), a_uid()
        accession = f"A{next(_serials)}"
        paths = make_study(folder, images=images, size=32, accession=accession, study_uid=study)
        row = self.exam(index, studyUid=study, accessionNumber=accession, **changes)
        assert row["succFlag"] == "1", row
        return index, paths


def image_parts(index: str, path: Path, **changes: Any) -> dict[str, Any]:
    header, content = dcmread(path, stop_before_pixels=True), path.read_bytes()
    return {
        "hiImgIndx": index,
        "studyUid": str(header.StudyInstanceUID),
        "accessionNumber": str(header.AccessionNumber),
        "fileMd5": md5(content),
        "dicom": (f"{header.SOPInstanceUID}.dcm", content, "application/dicom"),
        "imageTotalNum": "2",
        **changes,
    }


def sop_of(path: Path) -> str:
    return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)


@contextmanager
def a_clinic(folder: Path) -> Iterator[Clinic]:
    process = PracticeProcess(folder, region="guizhou")
    clinic = Clinic(process)
    yield clinic
    clinic.close()
    assert process.stop() == 0
