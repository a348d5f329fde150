"""A report is signed on the doctor's phone, which reads the code as it is drawn; the platform checks and takes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from app.practice.authority import mssp_id
from app.practice.shanxi_settings import PRACTICE_APP, PRACTICE_CODE
from app.system.paths import Home
from tests.journeys import inside
from tests.journeys.inside import Agent, an_agent
from tests.practice.clinic import PracticeProcess

platform_process = inside.platform_process
platform = inside.platform
Json = dict[str, Any]
DOCTOR = "刘慧"


@pytest.fixture
def agent(platform: PracticeProcess, home: Home, tmp_path: Path) -> Iterator[Agent]:
    platform.control("options", demand_signature=True, check_signature=True)
    signing = {"demand_signature": True, "ca_app_id": PRACTICE_APP, "verify_at_platform": True}
    with an_agent(platform, home, tmp_path, start=False, options=signing) as clinic:
        answers = clinic.answers()
        answers["destination"][0]["secrets"]["secure_code"] = PRACTICE_CODE
        staff = [{"name": DOCTOR, "role": "审核", "mssp_id": mssp_id(DOCTOR)}]
        clinic.engine.setup(answers | {"signing": {"staff": staff}})
        clinic.start()
        yield clinic


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


def test_a_report_signed_on_the_phone_is_checked_and_taken(agent: Agent) -> None:
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
