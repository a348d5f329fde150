"""设备: the missed one first with two buttons; what can be known is told; a caller is let in with one click."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QDialog, QLabel

from app.gui import words
from app.gui.device_cells import clock_words, days_cell, missing_words
from app.gui.device_dialogs import AddDialog, ChangeDialog, TestImageDialog
from app.gui.devices import DevicesPage
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_devices import a_device, a_refused_caller
from tests.gui.fake_face import FakeFace, at

Json = dict[str, Any]
DR = "ae:DRX_ROOM2"


@pytest.fixture
def page(window: MainWindow, settle: Settle) -> DevicesPage:
    window.go(words.DEVICES, "")
    settle()
    page = window.pages[words.DEVICES]
    assert isinstance(page, DevicesPage)
    return page


def said(page: DevicesPage) -> list[str]:
    return [one.text() for one in page.findChildren(QLabel) if one.isVisible()]


def dialog_of(kind: type[QDialog]) -> QDialog:
    found = QApplication.activeModalWidget()
    assert isinstance(found, kind)
    return found


def test_a_missed_device_is_told_once_over_the_table_and_tested_with_one_click(
    page: DevicesPage, face: FakeFace, settle: Settle
) -> None:
    assert page.header.note.text() == "6 台，1 台要看一下"
    assert page.quiet.title.text() == "DR-2 上午 10:40 后没有来图"
    page.quiet.test.click()
    settle()
    assert face.called("test_device") == [(DR,)]
    assert page.test.head.title.text() == "DR-2 检测结果"
    assert "本机 DICOM 端口 11112 正在监听" in said(page)
    assert page.test.button.text() == "再测一次"


def test_not_used_today_takes_the_warning_away(page: DevicesPage, face: FakeFace, settle: Settle) -> None:
    page.quiet.other.click()
    settle()
    assert face.called("mute_device") == [(DR,)]
    assert not page.quiet.isVisible()
    assert page.header.note.text() == "6 台，都正常来图"


def test_home_leads_to_the_device_and_the_rail_marks_it(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    need = {
        "uid": "ae:MR15T",
        "exam_key": "",
        "state": "device_quiet",
        "title": "MR-1 上午 10:40 后没有来图",
        "who": "MR-1",
        "what": "上午 10:40 后没有来图",
        "since_is": "quiet",
        "why": "平时这个时段每小时 4–6 幅，请看设备是否关机",
        "since": at(10, 40),
        "turn": "technician",
        "action": "device",
    }
    assert window.status is not None
    window.go(words.TODAY, "")
    window._show_status(window.status | {"needs_you": [need]})
    assert window.rail.buttons[words.DEVICES].badge == "!"
    window.pages[words.TODAY].one_by_one.click()  # type: ignore[attr-defined]
    settle()
    page = window.pages[words.DEVICES]
    assert isinstance(page, DevicesPage)
    assert page.table.key() == "ae:MR15T"
    assert page.setup.head.title.text() == "MR-1 的设置"


def test_the_test_of_another_device_is_not_shown_for_this_one(
    page: DevicesPage, face: FakeFace, settle: Settle
) -> None:
    page.quiet.test.click()
    settle()
    page.table.choose("ae:CT_SCANNER")
    settle()
    assert page.test.empty.isVisible() and page.test.head.title.text() == "CT-1 检测结果"
    page.table.choose(DR)
    settle()
    assert not page.test.empty.isVisible()


def test_a_caller_that_was_turned_away_is_shown_and_let_in(page: DevicesPage, face: FakeFace, settle: Settle) -> None:
    for one in face.device_rows:
        one.update(quiet=None)
    face.refused_callers = [a_refused_caller()]
    face.tell("caller_refused", source="ae:NEW_DR")
    page.refresh()
    settle()
    assert page.quiet.title.text() == "NEW_DR 想发影像，没有放进来"
    assert page.table.rows_model.place("ae:NEW_DR") == 6
    page.quiet.other.click()
    settle()
    assert face.called("allow_caller") == [("ae:NEW_DR",)]
    assert page.table.rows_model.place("ae:NEW_DR") == -1


def test_name_and_decoding_of_a_device_are_changed(page: DevicesPage, face: FakeFace, settle: Settle) -> None:
    page.setup.change.click()
    dialog = dialog_of(ChangeDialog)
    assert isinstance(dialog, ChangeDialog)
    assert dialog.decoding.currentText() == "都按 GB18030 读"
    dialog.name.setText("胸片机")
    dialog.decoding.setCurrentIndex(0)
    dialog.save.click()
    settle()
    assert face.called("name_device") == [(DR, "胸片机")]
    assert face.called("choose_decoding") == [(DR, "")]
    assert page.setup.head.title.text() == "胸片机 的设置"


def test_a_test_image_is_told_as_it_arrives(page: DevicesPage, face: FakeFace, settle: Settle) -> None:
    page.test_image.click()
    dialog = dialog_of(TestImageDialog)
    texts = [one.text() for one in dialog.findChildren(QLabel)]
    assert {"CLINIC_AGENT", "192.0.2.10", "11112"} <= set(texts)
    face.device_rows.append(a_device("US-1", "US_ROOM 192.0.2.50", at(14, 6), decoding="GB18030"))
    face.refused_callers = [a_refused_caller()]
    page.refresh()
    settle()
    texts = [one.text() for one in dialog.findChildren(QLabel) if one.isVisibleTo(dialog)]
    assert "US-1（192.0.2.50） 来图 14:06 · 姓名按 GB18030 读" in texts
    assert any("NEW_DR 来过，被拒绝了" in text for text in texts)
    dialog.accept()
    assert not page._timer.isActive()


def test_a_folder_joins_those_that_are_watched(
    page: DevicesPage, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Json] = []
    monkeypatch.setattr(face, "settings", lambda: {"intake": {"folders": ["D:\\影像\\乳腺"], "keep_days": 90}})
    monkeypatch.setattr(face, "setup", asked.append, raising=False)
    page.add.click()
    dialog = dialog_of(AddDialog)
    assert isinstance(dialog, AddDialog)
    dialog.chose.emit("D:\\影像\\骨密度")
    dialog.accept()
    settle()
    assert asked == [{"intake": {"folders": ["D:\\影像\\乳腺", "D:\\影像\\骨密度"], "keep_days": 90}}]


def test_without_devices_the_page_says_how_they_come(page: DevicesPage, face: FakeFace, settle: Settle) -> None:
    face.device_rows.clear()
    page.refresh()
    settle()
    assert page.empty.isVisible() and not page.table.isVisible()
    assert not page.test.isVisible()


@pytest.mark.parametrize(
    ("offset", "text", "wrong"),
    [
        (None, words.NOTHING, False),
        (-4.0, "准", False),
        (30.4, "准", False),
        (61.0, "快 1 分 1 秒", False),
        (-432.0, "慢 7 分 12 秒", True),
        (7200.0, "快 2 小时", True),
    ],
)
def test_a_clock_is_told_in_words(offset: float | None, text: str, wrong: bool) -> None:
    assert clock_words(offset) == (text, wrong)


def test_what_a_person_has_to_fill_stands_first() -> None:
    missing = [
        {"label": "检查号", "filled_by": "program"},
        {"label": "性别", "filled_by": "id_card"},
        {"label": "身体部位", "filled_by": "person"},
    ]
    assert missing_words(missing) == "身体部位，填报时要补；性别，填证件号时自动得出；检查号，已自动补"


def test_days_are_drawn_against_the_busiest() -> None:
    row = a_device("X", "X", None, days=(0, 5, 10))
    assert days_cell(row, low=False).bars == (0.0, 0.5, 1.0)
