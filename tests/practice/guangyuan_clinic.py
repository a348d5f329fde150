"""A clinic's requests to the practised Guangyuan, built by hand from the document."""

from __future__ import annotations

import hashlib
import io
import itertools
import time
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import requests

from tests.builders import a_data_set, a_uid, dicom_bytes

from .clinic import PracticeProcess

PDF = b"%PDF-1.4 an invented report"
INSTITUTION = "H51080200123"
KEY = "PRACTICE-KEY-GUANGYUAN"
STORAGE = "52510802MJ0000034K"
PATHS = {
    "exam": ("/mie/api/mie/saveExamRpotImgInfo", "saveExamRpotImgInfo"),
    "centre": ("/mie/api/mie/saveExamRpotImgIndx", "saveExamRpotImgIndx"),
}
USUAL = {
    "institution": "",
    "refuse_by": "flag",
    "exact_length": False,
    "file_access": True,
    "fetch_after_seconds": 0,
    "fetch_tries": 3,
    "fetch_pause_seconds": 0,
    "six_parts": True,
    "echo_index": False,
    "take_base64": True,
    "fetch_first": False,
    "take_centre": True,
    "storage": "",
    "open_pages": False,
}
_numbers = itertools.count(1)
_seconds = itertools.count(0)


def an_index(number: str = "510802196804121056") -> str:
    second = next(_seconds)
    return f"111-{number}-202611050930{second % 60:02d}-{'0' * 13}-{'0' * 9}-{STORAGE}"


def a_record(**changes: Any) -> dict[str, Any]:
    """What must be there (Y), with addresses that nobody answers."""
    return {
        "hiImgIndx": an_index(),
        "psnName": "赵建国",
        "psnCertType": "111",
        "certno": "510802196804121056",
        "gend": "1",
        "fixmedinsCode": INSTITUTION,
        "examAdmdvs": "510802",
        "imgExamType": "2",
        "imgExamItem": "胸部平扫",
        "examDate": "2026-11-05",
        "examPart": "BW23ZYZZZ",
        "hospLv": "14",
        "examRpotPdfI": "http://127.0.0.1:9/report.pdf",
        "imgInfoDcm": "http://127.0.0.1:9/images.zip",
        **changes,
    }


def a_record_of_a_centre(**changes: Any) -> dict[str, Any]:
    record = a_record()
    link = record.pop("imgInfoDcm")
    del record["examRpotPdfI"]
    pages = {"examRpotLinkUrl": "http://127.0.0.1:9/report", "imgInfoLinkUrl": "http://127.0.0.1:9/image"}
    return {**record, **pages, "imgDldLink": link, "stogInsUscc": STORAGE, **changes}


def an_envelope(*records: Any, place: str = "exam", **changes: Any) -> dict[str, Any]:
    now = datetime.now()
    return {
        "infno": PATHS[place][1],
        "msgid": f"{INSTITUTION}{now:%Y%m%d%H%M%S}{next(_numbers):04d}",
        "infTime": f"{now:%Y-%m-%d %H:%M:%S}",
        "infCode": INSTITUTION,
        "key": KEY,
        "data": list(records),
        **changes,
    }


def post(platform: PracticeProcess, body: Any, place: str = "exam") -> requests.Response:
    address = f"http://{platform.host}:{platform.port}{PATHS[place][0]}"
    if isinstance(body, bytes):
        return requests.post(address, data=body, headers={"Content-Type": "application/json"}, timeout=10)
    return requests.post(address, json=body, timeout=10)


def sent(platform: PracticeProcess, *records: Any, place: str = "exam") -> Any:
    answer = post(platform, an_envelope(*records, place=place), place)
    assert answer.status_code == 200
    return answer.json()


def words(answer: Any) -> str:
    assert answer["code"] == 0
    [row] = answer["data"]
    assert row["succFlag"] == "-1"
    return str(row["message"])


def row_of(platform: PracticeProcess, index: str, field: str) -> dict[str, Any] | None:
    rows = platform.ledger()["fetched"]
    return next((one for one in rows if (one["exam"], one["field"]) == (index, field)), None)


def until(look: Callable[[], Any]) -> Any:
    """What `look` finds, as soon as it finds something."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("never came")


def fetched(platform: PracticeProcess, index: str, field: str, state: str = "fetched") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        row = row_of(platform, index, field)
        return row if row and row["state"] == state else None

    found: dict[str, Any] = until(look)
    return found


def a_zip(*files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number, content in enumerate(files):
            archive.writestr(f"{number}.dcm", content)
    return made.getvalue()


def slices(count: int, study: str | None = None) -> list[bytes]:
    study, series = study or a_uid(), a_uid()
    return [dicom_bytes(a_data_set(study_uid=study, series_uid=series, number=one + 1)) for one in range(count)]


def digest_of_data_set(file: bytes) -> str:
    return hashlib.sha256(file[144 + int.from_bytes(file[140:144], "little") :]).hexdigest()
