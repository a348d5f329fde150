"""A report is signed on the doctor's phone, which reads the code as it is drawn; the platform checks and takes it."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from app.crypto import sm2
from app.errors import NeedsOperator
from app.practice.authority import mssp_id
from app.practice.shanxi_settings import PRACTICE_APP, PRACTICE_CODE
from app.practice.stamper import Stamper
from app.system.paths import Home
from tests.journeys import inside
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, SETTLEMENT, Agent, an_agent
from tests.practice.clinic import PracticeProcess

platform_process = inside.platform_process
platform = inside.platform
Json = dict[str, Any]
DOCTOR = "刘慧"


@pytest.fixture
def agent(platform: PracticeProcess, home: Home, tmp_path: Path) -> Iterator[Agent]:
    with a_signing_agent(platform, home, tmp_path) as clinic:
        yield clinic


@contextmanager
def a_signing_agent(platform: PracticeProcess, home: Home, tmp_path: Path, **more: Any) -> Iterator[Agent]:
    """`more`: further options of the destination."""
    platform.control("options", demand_signature=True, check_signature=True)
    signing = {"demand_signature": True, "ca_app_id": PRACTICE_APP, "verify_at_platform": True, **more}
    with an_agent(platform, home, tmp_path, start=False, options=signing) as clinic:
        answers = clinic.answers()
        answers["destination"][0]["secrets"]["secure_code"] = PRACTICE_CODE
        staff = [{"name": DOCTOR, "role": "审核", "mssp_id": mssp_id(DOCTOR)}]
        clinic.engine.setup(answers | {"signing": {"staff": staff}})
        clinic.start()
        yield clinic


@pytest.fixture
def stamper(platform: PracticeProcess) -> Iterator[Stamper]:
    """The stamping client of the clinic's PC."""
    made = Stamper(0, platform=platform.line["base_url"], upload="multipart", fault="")
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join(5)
    made.server_close()


def submitted(agent: Agent) -> str:
    uid = agent.ready()
    agent.engine.submit(uid)
    return uid


def waiting(agent: Agent, uid: str) -> Json:
    groups = agent.engine.signing()["waiting"]
    return next(row for group in groups for row in group["reports"] if row["uid"] == uid)


def read_by_a_phone(code: Json) -> str:
    """The code as a window draws it, read with a decoder."""
    rows, quiet, size = code["modules"], 4, 6
    side = len(rows) + 2 * quiet
    picture = Image.new("L", (side, side), 255)
    for y, row in enumerate(rows):
        for x, module in enumerate(row):
            picture.putpixel((x + quiet, y + quiet), 0 if module == "1" else 255)
    found = zxingcpp.read_barcodes(picture.resize((side * size, side * size), Image.Resampling.NEAREST))
    (barcode,) = found
    return str(barcode.text)


@pytest.fixture
def checked_on(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The threads on which SM2 signatures were checked."""
    found: set[str] = set()
    verify = sm2.verify

    def noted(*given: Any, **more: Any) -> bool:
        found.add(threading.current_thread().name)
        return verify(*given, **more)

    monkeypatch.setattr(sm2, "verify", noted)
    return found


def test_a_report_signed_on_the_phone_is_checked_and_taken(agent: Agent, checked_on: set[str]) -> None:
    uid = submitted(agent)
    agent.until(lambda: {job["part"]: job["state"] for job in agent.engine.study(uid)["jobs"]} == {
        "exam": "acknowledged", "images": "acknowledged", "report": "to_sign"})  # fmt: skip
    code = agent.engine.sign_code(waiting(agent, uid)["session"])
    told = agent.platform.control("phone", doctor=DOCTOR, qr=read_by_a_phone(code))
    assert told["text"] == code["text"], "the phone shows what the page showed"
    agent.until_done(uid)
    fields = agent.kept_report(uid)["fields"]
    assert (fields["CAData"], fields["SignType"]) == (code["text"], 1)
    shown = agent.engine.signature(uid)
    assert {"title": "平台验签", "ok": True, "words": "平台验过，有效"} in shown["checks"]
    assert agent.engine.signing()["signed"][0]["job_state"] == "acknowledged"
    assert checked_on and {name.partition("-")[0] for name in checked_on} <= {"sign", "deliver"}, (
        "neither the writer nor the clock nor whoever asks waits for SM2"
    )


def test_a_code_that_is_out_survives_the_end_of_the_program(agent: Agent) -> None:
    uid = submitted(agent)
    code = agent.engine.sign_code(waiting(agent, uid)["session"])
    agent.engine.stop()
    agent.platform.control("phone", doctor=DOCTOR, qr=code["qr_text"])
    agent.restart()
    agent.until_done(uid)
    assert agent.kept_report(uid)["fields"]["CAData"] == code["text"]


def test_a_corrected_report_goes_under_a_signature_of_its_own(agent: Agent) -> None:
    uid = submitted(agent)
    agent.platform.control("phone", doctor=DOCTOR, qr=agent.engine.sign_code(waiting(agent, uid)["session"])["qr_text"])
    agent.until_done(uid)
    agent.engine.fill(uid, {"conclusion": "右肺上叶结节，建议复查。"})
    agent.engine.submit(uid)
    assert agent.state(uid) == "to_sign"
    agent.platform.control("phone", doctor=DOCTOR, qr=agent.engine.sign_code(waiting(agent, uid)["session"])["qr_text"])
    agent.until_done(uid)
    fields = agent.kept_report(uid)["fields"]
    assert "右肺上叶结节" in fields["CAData"] and fields["inspectExamResult"] == "右肺上叶结节，建议复查。"


def stamp(agent: Agent, stamper: Stamper, uid: str) -> None:
    """盖章 on the page, and the button in the page that opens."""
    url = agent.engine.stamp(uid)["url"]
    with urllib.request.urlopen(url, timeout=10) as page:
        assert "盖章" in page.read().decode()
    with urllib.request.urlopen(urllib.request.Request(url, b""), timeout=30) as page:
        assert "已盖章" in page.read().decode()
    assert agent.engine.stamping(uid)["state"] == "stamped"


def test_a_report_is_stamped_then_signed_and_a_corrected_pdf_is_stamped_again(
    platform: PracticeProcess, home: Home, tmp_path: Path, stamper: Stamper
) -> None:
    viewer = f"http://localhost:{stamper.server_address[1]}/PDFClient/viewer.html"
    with a_signing_agent(platform, home, tmp_path, demand_stamp=True, stamp_client_url=viewer) as agent:
        platform.control("options", demand_seal=True)
        uid, engine = agent.receive(), agent.engine
        engine.fill(uid, EXAM_VALUES | REPORT_VALUES, [SETTLEMENT])
        form = engine.attach(uid, str(agent.pdf()))
        assert [one["title"] for one in form["problems"]] == ["报告 PDF 还没有盖章"]
        stamp(agent, stamper, uid)
        engine.submit(uid)
        engine.attach(uid, str(agent.pdf("CORRECTED")))
        with pytest.raises(NeedsOperator, match="先盖章，再签名"):
            engine.sign_code(waiting(agent, uid)["session"])
        stamp(agent, stamper, uid)
        engine.submit(uid)
        code = engine.sign_code(waiting(agent, uid)["session"])
        platform.control("phone", doctor=DOCTOR, qr=read_by_a_phone(code))
        agent.until_done(uid)
        first = agent.kept_report(uid)
        said = [one["words"] for one in engine.study(uid)["timeline"]]
        assert said.index("报告 PDF 换过，章已作废") < said.index("审核医师已签名")
        platform.fault(where="verify_seal", what="says_no")
        engine.attach(uid, str(agent.pdf("THIRD")))
        stamp(agent, stamper, uid)
        engine.submit(uid)
        agent.until_state(uid, "held")
        assert agent.job(uid, "report")["trouble"]["title"] == "平台验章没有通过"
        assert agent.kept_report(uid) == first
        stamp(agent, stamper, uid)
        engine.submit(uid)
        agent.until_done(uid)
        second = agent.kept_report(uid)
        assert second["version"] == first["version"] + 1
        assert second["fields"]["SignValue"] == first["fields"]["SignValue"], "the signature covers no PDF"
