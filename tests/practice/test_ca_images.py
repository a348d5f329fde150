"""Images by address and by Query/Retrieve, and the platform's own questions to a clinic."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context

from app.practice.modality import make_study

from .clinic import HOSPITAL, ROOT, PracticeProcess, an_exam, opened
from .offers import Offers
from .signer import add, result

FIND, MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"
CT = "1.2.840.10008.5.1.4.1.1.2"


def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.fixture
def quick(platform: PracticeProcess) -> PracticeProcess:
    platform.control("options", fetch_pause_seconds=0, fetch_tries=2, file_access=True)
    return platform


def a_list(paths: list[Path], offers: Offers, **changes: Any) -> dict[str, Any]:
    first = dcmread(paths[0], stop_before_pixels=True)
    files = [offers.put(f"/{one.parent.name}/{one.name}", one.read_bytes()) for one in paths]
    return {
        "PATIENT_ID": "P0001",
        "MODALITY": "CT",
        "PATIENTSEX": "M",
        "ACCESS_NO": "ACC0001",
        "PATIENTNAME": "张伟",
        "PATIENTAGE": "46",
        "STUDYIUID": str(first.StudyInstanceUID),
        "STUDYDATE": "2026-11-20 10:11:12",
        "SERIESIUID": str(first.SeriesInstanceUID),
        "SERIESNO": "1",
        "FILEPATH": files,
        **changes,
    }


def listed(platform: PracticeProcess, said: dict[str, Any]) -> Any:
    return platform.send("/images/list", said).json


def series(platform: PracticeProcess, key: str) -> Any:
    rows = platform.ask("GET", "/practice/series").json["series"]
    return next(one for one in rows if one["series_uid"] == key)


def finished(platform: PracticeProcess, key: str) -> Any:
    def look() -> Any:
        found = series(platform, key)
        return found if found["fetched"] + found["failed"] == found["files"] else None

    return until(look)


def test_every_file_of_a_list_is_fetched_and_counted(quick: PracticeProcess, offers: Offers, tmp_path: Path) -> None:
    paths = make_study(tmp_path / "all", images=12, size=32)
    said = a_list(paths, offers)
    assert listed(quick, said) == {"code": 1, "message": "成功", "content": ""}
    found = finished(quick, said["SERIESIUID"])
    assert (found["words"], found["failed"]) == ("已取 12/12", 0)
    assert [one["place"] for one in quick.received() if one["key"] == said["SERIESIUID"]] == ["images"]
    kept = quick.kept("image", str(dcmread(paths[3]).SOPInstanceUID))
    assert (kept["study_uid"], kept["accession"]) == (said["STUDYIUID"], "ACC0001")
    answer = quick.ask("GET", f"/practice/image?sop={kept['key']}")
    assert answer.body == paths[3].read_bytes()


def test_a_file_of_another_series_a_missing_and_a_repeated_one_are_named(
    quick: PracticeProcess, offers: Offers, tmp_path: Path
) -> None:
    paths = make_study(tmp_path / "some", images=2, size=32)
    stranger = make_study(tmp_path / "stranger", images=1, size=32)[0]
    said = a_list(paths, offers)
    said["FILEPATH"] += [
        offers.put("/stranger.dcm", stranger.read_bytes()),
        offers.address("/gone.dcm"),
        offers.put("/page", b"<html>"),
        offers.put("/again.dcm", paths[0].read_bytes()),
    ]
    assert listed(quick, said)["code"] == 1
    found = finished(quick, said["SERIESIUID"])
    assert (found["fetched"], found["failed"]) == (2, 4)
    words = "；".join(found["reasons"])
    for word in ("StudyInstanceUID 和 STUDYIUID 不一致", "HTTP 404", "不是 DICOM 文件", "是同一张影像"):
        assert word in words
    said["FILEPATH"] = said["FILEPATH"][:2]
    listed(quick, said)
    assert finished(quick, said["SERIESIUID"])["words"] == "已取 2/2"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"PATIENT_ID": ""}, "PATIENT_ID(病人 ID)不能为空"),
        ({"FILEPATH": []}, "FILEPATH(图像存放路径)不能为空"),
        ({"FILEPATH": "http://x/1.dcm"}, "FILEPATH(图像存放路径)类型错误，应为数组"),
        ({"FILEPATH": ["C:/1.dcm"]}, "FILEPATH[0]应为 HTTP、FTP 或 S3 地址"),
        ({"FILEPATH": ["http://x/1", "http://x/1"]}, "重复的地址"),
        ({"SERIESNO": 1}, "SERIESNO(系列号)类型错误"),
        ({"STUDYDATE": "20261120"}, "STUDYDATE(检查时间)格式错误"),
        ({"STUDYIUID": "x"}, "STUDYIUID(studyIuid)格式错误"),
    ],
)
def test_a_wrong_list_is_refused(quick: PracticeProcess, change: dict[str, Any], said: str) -> None:
    usual = {name: "1" for name in ("PATIENT_ID", "ACCESS_NO", "PATIENTNAME", "PATIENTAGE", "SERIESNO")}
    right = {"MODALITY": "CT", "STUDYIUID": "1.2", "STUDYDATE": "2026-11-20", "SERIESIUID": "1.2.3"}
    reply = listed(quick, {**usual, **right, "FILEPATH": ["http://127.0.0.1:1/1.dcm"], **change})
    assert reply["code"] == 0
    assert said in reply["message"]


class Pacs:
    """A clinic's PACS: finds by accession number, sends to the one destination it knows."""

    def __init__(self, paths: list[Path], port: int) -> None:
        self.sets = [dcmread(one) for one in paths]
        entity = AE(ae_title="CLINIC")
        for one in (FIND, MOVE):
            entity.add_supported_context(one)
        handlers = [(evt.EVT_C_FIND, self.find), (evt.EVT_C_MOVE, self.move)]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.destination = port
        self.port = self.server.server_address[1]

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier.AccessionNumber
        for uid in {one.StudyInstanceUID for one in self.sets if one.AccessionNumber == wanted}:
            found = Dataset()
            found.QueryRetrieveLevel = "STUDY"
            found.StudyInstanceUID = uid
            found.NumberOfStudyRelatedInstances = len([one for one in self.sets if one.StudyInstanceUID == uid])
            yield 0xFF00, found
        yield 0x0000, None

    def move(self, event: evt.Event) -> Iterator[Any]:
        wanted = [one for one in self.sets if one.StudyInstanceUID == event.identifier.StudyInstanceUID]
        if not self.destination:
            yield None, None
            return
        yield "127.0.0.1", self.destination, {"contexts": [build_context(CT)]}
        yield len(wanted)
        for one in wanted:
            yield 0xFF00, one


@pytest.fixture
def pacs(quick: PracticeProcess, tmp_path: Path) -> Iterator[Pacs]:
    running = Pacs(make_study(tmp_path, images=3, size=32, accession="PULL1"), quick.dicom_port)
    quick.control("options", pull_ae="CLINIC", pull_port=running.port)
    yield running
    running.server.shutdown()


def pulled(platform: PracticeProcess, accession: str) -> Any:
    def look() -> Any:
        rows = platform.ask("GET", "/practice/pulls").json["pulls"]
        return [one for one in rows if one["accession"] == accession and one["state"] != "waiting"]

    return until(look)[0]


def test_after_an_exam_its_study_is_pulled_by_accession_number(quick: PracticeProcess, pacs: Pacs) -> None:
    quick.control("options", pull="exam")
    quick.exam(an_exam("PULLED", accessionNumber="PULL1", studyUid=str(pacs.sets[0].StudyInstanceUID)))
    found = pulled(quick, "PULL1")
    assert (found["state"], found["tries"]) == ("done", 1)
    (study,) = found["studies"]
    assert (study["instances"], study["completed"], study["here"]) == (3, 3, 3)
    assert quick.kept("exam", "PULLED")["images"] == 3


def test_a_pull_that_fails_says_why(quick: PracticeProcess, pacs: Pacs) -> None:
    quick.control("pull", accession="NOBODY")
    assert pulled(quick, "NOBODY")["reason"] == "PACS 里没有这个检查号"
    quick.control("options", pull_port=1)
    quick.control("pull", accession="AWAY")
    assert (pulled(quick, "AWAY")["reason"], pulled(quick, "AWAY")["tries"]) == ("机构 PACS 连不上", 2)
    quick.control("options", pull_port=pacs.port)
    pacs.destination = 0
    quick.control("pull", accession="PULL1")
    until(lambda: pulled(quick, "PULL1")["reason"] == "C-MOVE 应答 A801")


class Asked:
    """A clinic's query service that notes what it was asked."""

    def __init__(self, answer: bytes) -> None:
        asked = self
        self.got: list[tuple[str, dict[str, str], Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def ask(*words: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "app.practice", "ask", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    return done.returncode, json.loads(done.stdout)


def test_a_question_is_asked_plain_or_in_the_envelope() -> None:
    clinic = Asked(json.dumps({"code": 1, "message": "成功", "content": []}).encode())
    try:
        code, answer = ask("--at", clinic.address, "/exam/get", "startTime=2026-11-20 00:00:00", "pageSize=10")
        assert (code, answer["code"]) == (0, 1)
        words = ("--envelope", "--hospital", HOSPITAL, "/series/get", "accessionNumber=ACC0001")
        assert ask("--at", clinic.address, *words)[0] == 0
    finally:
        clinic.close()
    (first, _, plain), (second, headers, sealed) = clinic.got
    assert (first, plain) == ("/exam/get", {"pageNum": 1, "pageSize": 10, "startTime": "2026-11-20 00:00:00"})
    assert (second, headers["encryption-type"], sealed["hospitalCode"]) == ("/series/get", "SM4", HOSPITAL)
    assert json.loads(opened(sealed["data"]))["accessionNumber"] == "ACC0001"


def test_a_clinic_that_says_no_or_nonsense_is_told() -> None:
    for answer, code in ((b'{"code": 0, "message": "no"}', 1), (b"<html>", 1), (b"[]", 1)):
        clinic = Asked(answer)
        try:
            assert ask("--at", clinic.address, "/report/get")[0] == code
        finally:
            clinic.close()
    assert "没有回答" in ask("--at", "http://127.0.0.1:1", "/exam/get")[1]["error"]


def test_the_phone_is_a_command(platform: PracticeProcess) -> None:
    job = add(platform)["data"]
    at = ("--at", platform.line["base_url"])
    command = [sys.executable, "-m", "app.practice", "phone", *at, "--doctor", "刘慧", "--qr", "-"]
    done = subprocess.run(command, cwd=ROOT, input=job["qrCode"].encode(), capture_output=True, check=False, timeout=30)
    assert (done.returncode, json.loads(done.stdout)["doctor"]) == (0, "刘慧")
    assert result(platform, job["signDataId"])["jobStatus"] == "FINISH"
    again = subprocess.run([*command[:-1], job["qrCode"]], cwd=ROOT, capture_output=True, check=False, timeout=30)
    assert (again.returncode, again.stderr.decode().strip()) == (1, "这一份已经签过")
