"""How much a second exam costs at a clinic that works here already: counted on the page, over the real engine.

The fixture: HIS exports settlement, order, charge, phone, document and visit numbers and the diagnosis; the report is a
PDF with text; three chest CTs were filled by hand before and submitted. Nothing else helps.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.engine.settings import apply_answers
from app.gui import words
from app.gui.fill import FillPage
from app.gui.form_fields import all_fields
from app.gui.look import Look
from app.gui.window import MainWindow
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.desk import Desk, a_desk, answers_of
from tests.gui.conftest import bury, rest
from tests.intake.paper import Place, a_report, written
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, SETTLEMENT

HIS = {
    "settlement_id": "结算号",
    "fee_detail_number": "明细号",
    "catalogue_code": "目录编码",
    "order_number": "医嘱号",
    "charge_type": "费别",
    "id_number": "身份证",
    "phone": "电话",
    "patient_source": "来源",
    "outpatient_number": "门诊号",
    "diagnosis_category_code": "诊断类目编码",
    "diagnosis_category_name": "诊断类目",
    "diagnosis_code": "诊断编码",
    "diagnosis_name": "诊断",
}
ROW = {
    "检查号": "CT0009",
    "结算号": "S9",
    "明细号": "F9",
    "目录编码": "002101000010000",
    "医嘱号": "Y9",
    "费别": "城镇职工基本医疗保险",
    "身份证": "140105198002142016",
    "电话": "13800138009",
    "来源": "门诊",
    "门诊号": "M0009",
    "诊断类目编码": "J18",
    "诊断类目": "肺炎",
    "诊断编码": "J18.900",
    "诊断": "肺炎",
}
BY_HAND = {key: text for key, text in (EXAM_VALUES | REPORT_VALUES).items() if key != "hospital_item_name"}
"""The name of the item comes from the device each time."""
FOOT: list[list[Place]] = [
    [(60, "报告医师：李明"), (330, "审核医师：刘慧")],
    [(60, "报告时间：2026-01-05 10:00"), (330, "审核时间：2026-01-05 10:20")],
]
UID_OF_THE_SECOND = "CT0009"
MOST_TYPED = 3
MOST_CLICKS = 2
SOURCES = {
    "his": "HIS", "report": "PDF", "dicom": "device", "default": "defaults", "derived": "derived", "system": "program",
    "last_exam": "last exam", "technician": "typed",
}  # fmt: skip
REASONS = {"上次检查": "last exam", "常填": "habits", "一起填的": "habits", "医生名单": "staff list"}
"""What the reason of a suggestion says -> its source."""
SHOWN = ("HIS", "PDF", "device", "defaults", "derived", "program", "habits", "staff list", "last exam", "typed")


@pytest.fixture
def desk(home: Home, tmp_path: Path) -> Iterator[Desk]:
    apply_answers(answers_of("main") | {"his": {"columns": HIS, "match": {"accession": "检查号"}}}, home)
    with a_desk(home, tmp_path) as made:
        for number in (1, 2, 3):
            uid = chest(made, number, f"病人{number}")
            made.engine.fill(uid, BY_HAND, [SETTLEMENT])
            made.engine.attach(uid, str(a_pdf(tmp_path / f"{number}.pdf")))
            made.engine.submit(uid)
        yield made


def chest(desk: Desk, number: int, name: str) -> str:
    named = {"patient_id": f"P{number}", "name": name, "accession": f"CT{number:04}", "StudyDescription": "胸部"}
    return desk.receive(**named)


def export(path: Path) -> Path:
    with path.open("w", encoding="gbk", newline="") as file:
        csv.writer(file).writerows([list(ROW), list(ROW.values())])
    return path


@pytest.fixture
def page(desk: Desk, light: Look, tmp_path: Path) -> Iterator[FillPage]:
    """The second exam of the day, open on the page after its images, its export and its report came."""
    uid = chest(desk, 9, "李桂芳")
    desk.engine.his_import(str(export(tmp_path / "his.csv")))
    head = [[(60, "姓名：李桂芳"), (300, "检查号：CT0009")]]
    desk.engine.attach(uid, str(written(tmp_path / "CT0009.pdf", a_report(head=head, foot=FOOT))))
    window = MainWindow(desk.engine, light, now=desk.clock.now, stays=lambda: False, leave=lambda: None)
    window.show()
    window.go(words.FILL, uid)
    rest(window)
    found = window.pages[words.FILL]
    assert isinstance(found, FillPage)
    yield found
    bury(window)


def waiting(page: FillPage) -> dict[str, str]:
    """Key -> label of every field that still waits for the person."""
    return {one.name[2]: str(one.field["label"]) for one in page.form.rows.values() if one.needs()}


def given(desk: Desk) -> Counter[str]:
    """Source -> how many values of the second exam came from it, nobody having touched the page."""
    form = desk.engine.form(UID_OF_THE_SECOND)
    return Counter(SOURCES.get(field["source"], field["source"]) for field in all_fields(form) if field["text"])


def offered(desk: Desk) -> Counter[str]:
    """Source -> how many values are suggested from it."""
    found = desk.engine.suggestions(UID_OF_THE_SECOND)["suggestions"]
    return Counter(next(source for word, source in REASONS.items() if word in one["why"]) for one in found)


def test_a_second_exam_costs_three_typed_values_and_two_clicks_at_most(
    page: FillPage, desk: Desk, qtbot: QtBot, capsys: pytest.CaptureFixture[str]
) -> None:
    window = page.window()
    assert isinstance(window, MainWindow)
    clicks: list[str] = []

    def click(button: QPushButton) -> None:
        clicks.append(button.text())
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        rest(window)

    by_source, habits, asked = given(desk), offered(desk), waiting(page)
    assert len(asked) > MOST_TYPED, "the fixture leaves something for the habits to do"
    click(page.form.take_all_link)
    page.exam.check()
    rest(window)
    typed = waiting(page)
    assert set(typed) == {"positive_mark"}, "what no other source can know"

    page.form.rows["report", 0, "positive_mark"].enter("2")
    page.exam.check()
    rest(window)
    assert page.submit_button.isEnabled(), page.why.text()
    click(page.submit_button)
    assert desk.state(UID_OF_THE_SECOND) == "queued"
    assert len(typed) <= MOST_TYPED and len(clicks) <= MOST_CLICKS, (typed, clicks)

    counted = by_source + habits + Counter(typed=len(typed))
    told = " · ".join(f"{source} {counted[source]}" for source in SHOWN)
    with capsys.disabled():
        print(f"\nvalues of a second exam: {told} · clicks {len(clicks)} ({'、'.join(clicks)})")
    assert set(counted) <= set(SHOWN), "every source has its name"
    assert counted["last exam"] == 0, "the patient was never here before"
    assert all(counted[source] > 0 for source in ("HIS", "PDF", "device", "defaults", "habits")), told
