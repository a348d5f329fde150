"""Journey: the report's PDF is dropped upon the window; findings, conclusion, doctors and times come from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.domain.times import CST
from tests.intake.paper import FINDINGS, Place, a_report, written

from .conftest import NewAgent
from .screen import Program, Screen
from .world import Agent, Modality, Patient, Practice, a_destination, a_study, complete_fill, study_uid

REPORT_KEYS = (
    "findings",
    "conclusion",
    "report_doctor_name",
    "audit_doctor_name",
    "reported_at",
    "audited_at",
)
EXAM = {key: text for key, text in complete_fill()["values"].items() if key not in REPORT_KEYS}


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    return new_agent(practice, start=False, destination=[a_destination(practice)])


def a_report_pdf(path: Path) -> Path:
    now = datetime.now(CST).replace(microsecond=0)
    foot: list[list[Place]] = [
        [(60, "报告医师：李明"), (330, "审核医师：刘慧")],
        [
            (60, f"报告时间：{now - timedelta(minutes=2):%Y-%m-%d %H:%M:%S}"),
            (330, f"审核时间：{now - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"),
        ],
    ]
    return written(path, a_report(head=[[(60, f"姓名：{Patient().name}")]], foot=foot))


def test_a_dropped_report_fills_its_own_fields(
    screen: Screen, clinic: Agent, practice: Practice, program: Program, tmp_path: Path
) -> None:
    uid = study_uid(a_study(tmp_path / "ct", images=2, size=256)[0])
    Modality(clinic.port).send_folder(tmp_path / "ct")
    clinic.wait_until_complete(uid)
    clinic.face.fill(uid, EXAM, complete_fill()["settlements"])
    screen.key("ctrl+2")
    program.wait_for_text("附上 PDF", kind="button")
    program.wait_for_text("影像 2", kind="button")

    # the file is dragged from the report system's folder upon the images
    target = program.at_rest("影像 2", kind="button")
    screen.drag_file(a_report_pdf(tmp_path / "report.pdf"), target["x"] + 100, target["y"] + 200)
    program.wait_for_text("检查报告.pdf · 1 页", kind="label")
    screen.shot("1-dropped")
    program.wait(lambda: not program.find("附上 PDF", "button"), what="the form to know it")
    report = clinic.face.form(uid)["reports"][0]
    read = {one["key"]: one["text"] for one in report["fields"] if one["source"] == "report"}
    assert set(REPORT_KEYS) <= set(read), read
    assert (read["report_doctor_name"], read["audit_doctor_name"]) == ("李明", "刘慧")
    assert FINDINGS[0][:10] in read["findings"]

    # nothing of it was typed; it goes as it stands on the paper
    program.wait(lambda: (program.find("提交上传", "button") or {}).get("enabled"), what="a form without gaps")
    program.click("提交上传", kind="button")
    clinic.wait_for_state(uid, "acknowledged")
    kept = practice.ledger()["reports"][0]["fields"]
    assert (kept["reportDoctorName"], kept["confirmDoctorName"]) == ("李明", "刘慧")
    assert kept["findings"] == read["findings"]
    screen.shot("2-submitted")
