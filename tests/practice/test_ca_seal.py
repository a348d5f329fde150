"""The seal in a PDF, the service that checks it, and the stamping client: its page, its button, both ways to save."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pypdfium2
import pytest
from pypdfium2 import raw

from app.practice.forms import read_form
from app.practice.report_pdf import make_report_pdf

from .clinic import ROOT, PracticeProcess, a_report, an_exam
from .offers import Offers
from .signer import b64, post


@pytest.fixture
def pdf(tmp_path: Path) -> bytes:
    path = make_report_pdf(tmp_path / "r.pdf", patient="张伟", findings="双肺清晰。", conclusion="未见异常。")
    return path.read_bytes()


def _stamped(platform: PracticeProcess, pdf: bytes) -> bytes:
    return base64.b64decode(platform.control("seal", pdf=b64(pdf))["pdf"])


def _asked(platform: PracticeProcess, data: str, kind: int = 0, **more: Any) -> Any:
    wanted = {"transId": uuid.uuid4().hex, "requestTime": int(time.time() * 1000), "fileDataType": kind}
    return post(platform, "/sef/v1/SEF_VerifySeal", {**wanted, "filename": "报告", "fileData": data, **more}).json


def _verdicts(answer: Any) -> list[int]:
    assert answer["resultCode"] == 0
    rows = answer["fileVerifyInfo"]["signInfoList"]
    assert answer["fileVerifyInfo"]["totalCount"] == len(rows)
    return [one["verifyResult"] for one in rows]


def test_a_stamped_file_is_the_old_one_and_a_seal(platform: PracticeProcess, pdf: bytes) -> None:
    made = _stamped(platform, pdf)
    assert made.startswith(pdf)
    document = pypdfium2.PdfDocument(made)
    assert (len(document), raw.FPDF_GetSignatureCount(document.raw)) == (1, 1)
    document.close()
    answer = _asked(platform, b64(made))
    assert _verdicts(answer) == [0]
    (row,) = answer["fileVerifyInfo"]["signInfoList"]
    assert row.keys() == {
        *("signIndex", "pageIndex", "verifyResult", "resultMsg", "signedValue", "sealImage", "signDate"),
        *("signCert", "signAlg", "sealMakeCert"),
    }
    assert base64.b64decode(row["sealImage"]).startswith(b"\x89PNG")


def test_two_seals_hold_both(platform: PracticeProcess, pdf: bytes) -> None:
    assert _verdicts(_asked(platform, b64(_stamped(platform, _stamped(platform, pdf))))) == [0, 0]


def test_intact_changed_and_none_are_told_apart(platform: PracticeProcess, pdf: bytes) -> None:
    made = _stamped(platform, pdf)
    assert _verdicts(_asked(platform, b64(pdf))) == []
    assert _verdicts(_asked(platform, b64(made + b"\n% more\n"))) == [1]
    assert _verdicts(_asked(platform, b64(made.replace(b"STSong", b"STSonh")))) == [2]
    cut = made.index(b"/Contents <") + len(b"/Contents <") + 20
    assert _verdicts(_asked(platform, b64(made[:cut] + b"ff" + made[cut + 2 :]))) == [2]
    platform.fault(where="verify_seal", what="says_no")
    assert _verdicts(_asked(platform, b64(made))) == [2]


def test_a_file_with_object_streams_is_stamped_after_rewriting(platform: PracticeProcess, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (50, 50), "white").save(tmp_path / "p.pdf")
    made = _stamped(platform, (tmp_path / "p.pdf").read_bytes())
    assert _verdicts(_asked(platform, b64(made))) == [0]


def test_the_check_takes_an_address_and_refuses_what_is_no_request(
    platform: PracticeProcess, offers: Offers, pdf: bytes
) -> None:
    url = offers.put("/stamped.pdf", _stamped(platform, pdf))
    assert _verdicts(_asked(platform, url, kind=1)) == [0]
    assert _asked(platform, offers.address("/none"), kind=1)["resultCode"] != 0
    assert "Base64" in _asked(platform, "不是")["resultMessage"]
    assert "transId" in _asked(platform, b64(pdf), transId="x" * 37)["resultMessage"]
    assert _asked(platform, b64(pdf), fileDataType=2)["resultCode"] != 0


def test_a_report_without_a_whole_seal_is_refused_when_demanded(platform: PracticeProcess, pdf: bytes) -> None:
    platform.exam(an_exam("SEAL"))
    platform.control("options", demand_seal=True)
    made = _stamped(platform, pdf)
    sent = {"none": pdf, "changed": made + b"\n%\n", "whole": made}
    replies = {
        key: platform.report(a_report(key, "SEAL", reportPdfBase64=b64(content))) for key, content in sent.items()
    }
    assert {key: one["code"] for key, one in replies.items()} == {"none": 0, "changed": 0, "whole": 1}
    assert "没有电子签章" in replies["none"]["message"]
    assert "盖章之后文件被改动" in replies["changed"]["message"]


class Savings:
    """Where a clinic takes stamped files back: what was posted, with its Content-Type."""

    def __init__(self) -> None:
        savings = self
        self.got: list[tuple[str, str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                savings.got.append((self.path, self.headers["Content-Type"], body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/back/SECRET"


@pytest.fixture
def savings() -> Iterator[Savings]:
    made = Savings()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


class Client:
    """A stamping client as a child process."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "app.practice", "stamper", "--port", "0", "--until-stdin-closes", *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.viewer = json.loads(self.process.stdout.readline())["viewer"]

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.viewer).port, timeout=20)
        try:
            connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def press(self, **said: str) -> tuple[int, str]:
        return self.ask("POST", "/PDFClient/stamp", urlencode(said))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


@pytest.fixture(scope="module")
def client(shared: PracticeProcess) -> Iterator[Client]:
    with Client("--at", shared.line["base_url"]) as running:
        yield running


def test_the_page_has_the_file_and_one_button(client: Client) -> None:
    said = {"fileUrl": "http://127.0.0.1:1/a b.pdf?x='1", "savePath": "http://127.0.0.1:1/up", "token": "<T>"}
    status, page = client.ask("GET", "/PDFClient/viewer.html?" + urlencode(said, quote_via=quote))
    assert status == 200
    assert page.count("<button>盖章</button>") == 1
    assert "value='&lt;T&gt;'" in page
    assert "<T>" not in page
    assert client.ask("GET", "/other")[0] == 404


@pytest.mark.parametrize("upload", ["multipart", "raw"])
def test_pressing_it_fetches_stamps_and_uploads(
    platform: PracticeProcess, client: Client, offers: Offers, savings: Savings, pdf: bytes, upload: str, tmp_path: Path
) -> None:
    said = {"fileUrl": offers.put("/r.pdf", pdf), "savePath": savings.address, "token": "T1", "upload": upload}
    status, page = client.press(**said, saveType="net")
    assert (status, "已盖章" in page) == (200, True)
    ((path, content_type, body),) = savings.got
    assert path == "/back/SECRET"
    if upload == "multipart":
        form = read_form(content_type, [body], tmp_path)
        assert form.values == {"token": "T1"}
        body = form.files["file"].path.read_bytes()
    else:
        assert content_type == "application/pdf"
    assert _verdicts(_asked(platform, b64(body))) == [0]


def test_local_files_are_stamped_too(platform: PracticeProcess, client: Client, pdf: bytes, tmp_path: Path) -> None:
    target = tmp_path / "out.pdf"
    assert client.press(fileUrl=str(tmp_path / "r.pdf"), savePath=str(target), saveType="local")[0] == 200
    assert _verdicts(_asked(platform, b64(target.read_bytes()))) == [0]


def test_it_says_why_a_file_was_not_stamped(client: Client, offers: Offers, savings: Savings) -> None:
    text = offers.put("/text", b"no pdf")
    for said, word in (
        ({"fileUrl": offers.address("/none"), "savePath": savings.address}, "fileUrl 打不开"),
        ({"fileUrl": text, "savePath": savings.address}, "不是 PDF 文件"),
    ):
        status, page = client.press(**said)
        assert (status, word in page) == (502, True)
    assert savings.got == []


@pytest.mark.parametrize(
    ("fault", "found"), [("unstamped", []), ("changed", [1]), ("nonsense", []), ("other", [0]), ("empty", None)]
)
def test_a_client_can_answer_nonsense(
    platform: PracticeProcess, offers: Offers, savings: Savings, pdf: bytes, fault: str, found: list[int] | None
) -> None:
    with Client("--at", platform.line["base_url"], "--fault", fault, "--upload", "raw") as bad:
        assert bad.press(fileUrl=offers.put("/f.pdf", pdf), savePath=savings.address)[0] == 200
    ((_, _, body),) = savings.got
    assert (body == b"") if found is None else _verdicts(_asked(platform, b64(body))) == found
    assert (body == pdf) == (fault == "unstamped")
