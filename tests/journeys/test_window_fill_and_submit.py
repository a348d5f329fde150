"""Journey: a CT and a DR of one patient come from the devices; a technician fills both by keyboard and submits them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.domain.times import CST
from tests.intake.paper import Place, a_report, written

from .conftest import NewAgent
from .screen import Program, Screen
from .world import (
    Agent,
    Modality,
    Patient,
    Practice,
    a_destination,
    a_study,
    an_id_number,
    complete_fill,
    sop_uid,
    study_uid,
)

APP = "影像云上传助手"
PATIENT = Patient()
DEFAULTS = {
    "exam_dept_name": "放射科",
    "exam_doctor_name": "王强",
    "exam_doctor_industry_code": "D140105000001",
    "recognition_mark": "晋HR",
    "patient_source": "1",
}
"""What the clinic has set once for every exam."""
SETTLED = {
    "结算号": ("0" * 20, ""),
    "医疗目录编码": ("002101000010000", ""),
    "费用明细流水号": ("0" * 18, ""),
}
DIAGNOSED = {
    "诊断类别代码": ("J18", ""),
    "诊断类别名称": ("肺炎", ""),
    "疾病诊断代码": ("J18.900", ""),
    "疾病诊断名称": ("肺炎", ""),
}
CT = {
    "证件号": (an_id_number(PATIENT), ""),
    "手机号": ("13800138000", ""),
    "申请医师贯标码": ("D140105000002", ""),
    "院内检查项目代码": ("CT001", ""),
    "互认项目": ("xbctps", "CT020072506"),
    "检查部位编码": ("xbctpt", "BW23ZYZZZ"),
    "门诊号": ("M0001", ""),
    **DIAGNOSED,
    **SETTLED,
    "阴阳性": ("2", "阴性"),
}
"""Label -> what is typed, and what the open list then says first."""
DR = {
    "申请医师贯标码": ("D140105000002", ""),
    "门诊号": ("M0002", ""),
    "院内检查项目代码": ("DR001", ""),
    "互认项目": ("dr020062506", "DR020062506"),
    "检查部位编码": ("xxxbhqw", "X线胸部后前位"),
    **DIAGNOSED,
    **SETTLED,
    "阴阳性": ("2", "阴性"),
}
"""The same patient once more: the card and the phone are known from the CT."""


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    return new_agent(practice, start=False, destination=[a_destination(practice) | {"defaults": DEFAULTS}])


def a_report_pdf(path: Path) -> Path:
    """As the clinic's report system prints it: findings, conclusion, doctors and times."""
    now = datetime.now(CST).replace(microsecond=0)
    foot: list[list[Place]] = [
        [(60, "报告医师：李明"), (330, "审核医师：刘慧")],
        [
            (60, f"报告时间：{now - timedelta(minutes=2):%Y-%m-%d %H:%M:%S}"),
            (330, f"审核时间：{now - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"),
        ],
    ]
    return written(path, a_report(head=[[(60, f"姓名：{PATIENT.name}")]], foot=foot))


def fill(program: Program, values: dict[str, tuple[str, str]], pdf: Path) -> list[str]:
    """Type what is missing, wherever the form leads the keyboard; the labels in that order."""
    left, done = dict(values), list[str]()
    while program.focused() != "提交上传":
        here = program.wait(
            lambda: program.focused() in {*left, "加一行", "附上 PDF", "提交上传"} and program.focused()
        )
        done.append(str(here))
        if here in left:
            text, pick = left.pop(here)
            program.enter(here, text, pick=pick)
        elif here == "加一行":
            program.screen.key("Return")
            program.wait(lambda: program.focused() in left, what="a row to type into")
        elif here == "附上 PDF":
            program.screen.key("Return")
            program.wait_for_window("选择报告 PDF")
            program.screen.type(str(pdf))
            program.screen.key("Return")
            program.wait(lambda: not program.find("附上 PDF", "button"), what="the report to be attached")
    assert left == {}, "nobody asked for these"
    return done


def test_a_ct_and_a_dr_are_filled_and_submitted_by_keyboard(
    screen: Screen, clinic: Agent, practice: Practice, tmp_path: Path
) -> None:
    with Program(screen, clinic.home.root, "--hidden") as program:
        program.wait(lambda: program.tray.get("w"), what="the icon")
        dr = a_study(tmp_path / "dr", kind="dr", images=2, size=256, accession="DR2611210002", patient=PATIENT)
        ct = a_study(tmp_path / "ct", kind="ct", images=3, size=256, accession="CT2611210001", patient=PATIENT)
        for images in (dr, ct):
            Modality(clinic.port).send_folder(images[0].parent)
            clinic.wait_until_complete(study_uid(images[0]))

        # the icon asks for somebody, a click on it opens the window
        program.wait(lambda: program.tray["look"] == "needs-you", what="the icon to ask for somebody")
        program.click_tray()
        program.wait_for_window(APP)
        program.click("待填报", kind="button")
        program.wait_for_text("CT2611210001", kind="label")
        program.wait_for_text("影像 3", kind="button")

        # the CT: all that nobody else knows is typed, the report is read from its PDF
        fill(program, CT, a_report_pdf(tmp_path / "ct.pdf"))
        screen.shot("1-ct-filled")
        assert {"findings", "conclusion", "report_doctor_name", "audit_doctor_name"} <= from_the_report(clinic, ct)
        assert practice.ledger()["exams"] == [], "nothing goes before it is submitted"
        screen.key("ctrl+Return")

        # the DR comes up by itself; what is known of the patient is taken with one key
        program.wait_for_text("DR2611210002", kind="label")
        program.wait(lambda: program.focused() in ("证件号", "手机号"), what="the keyboard in the DR")
        program.wait(lambda: any("上次检查" in text for text in program.texts("label")), what="what is known of him")
        screen.key("ctrl+F2")
        program.wait(lambda: program.find(CT["证件号"][0], "field"), what="his card")
        program.wait(lambda: program.focused() not in ("证件号", "手机号"), what="the keyboard behind them")
        fill(program, DR, a_report_pdf(tmp_path / "dr.pdf"))
        screen.shot("2-dr-filled")
        screen.key("ctrl+Return")
        program.wait_for_text("都填好了")

        # green comes after the platform has everything
        for images in (ct, dr):
            clinic.wait_for_state(study_uid(images[0]), "acknowledged")
        kept = practice.ledger()
        assert {one["fields"]["accessionNumber"] for one in kept["exams"]} == {"CT2611210001", "DR2611210002"}
        assert [one["fields"]["confirmDoctorName"] for one in kept["reports"]] == ["刘慧", "刘慧"]
        assert {one["key"] for one in kept["images"]} == {sop_uid(path) for path in [*ct, *dr]}
        screen.key("ctrl+3")
        program.wait(lambda: len([row for row in program.texts("row") if "已上传" in row]) == 2, what="both green")
        screen.shot("3-queue")


def test_a_row_is_green_only_after_the_platform_answered(
    screen: Screen, clinic: Agent, practice: Practice, tmp_path: Path, pdf: Path
) -> None:
    images = a_study(tmp_path / "ct", images=2)
    with Program(screen, clinic.home.root) as program:
        Modality(clinic.port).send_folder(tmp_path / "ct")
        uid = study_uid(images[0])
        clinic.wait_until_complete(uid)
        practice.fault(where="exam", when="before", what="busy", times=1, seconds=4)
        clinic.fill_and_submit(uid, complete_fill(), pdf)
        screen.key("ctrl+3")
        program.wait(lambda: any("等待重试" in row for row in program.texts("row")), what="the row to wait")
        assert not any("已上传" in row for row in program.texts("row")) and program.tray["look"] != "confirmed"
        program.wait(lambda: any("已上传" in row for row in program.texts("row")), what="the row to be green")
        assert practice.ledger()["counts"]["image"]["kept"] == len(images)
        program.wait(lambda: program.tray["look"] == "confirmed", what="the icon to be green")
        screen.shot("green")


def from_the_report(clinic: Agent, images: list[Path]) -> set[str]:
    """The keys of what was read from the report's PDF."""
    report = clinic.face.form(study_uid(images[0]))["reports"][0]
    return {str(one["key"]) for one in report["fields"] if one["source"] in ("pdf", "report")}
