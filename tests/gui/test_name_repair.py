"""选姓名: the likeliest reading is chosen already; keys choose another; one answer mends all that wait alike."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.gui import words
from app.gui.fill import FillPage
from app.gui.name_repair import NameRepair
from app.gui.parts import Button
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_devices import others_alike, two_patients
from tests.gui.fake_face import FakeFace

DOUBTFUL = "1.2.3.2"


@pytest.fixture
def page(window: MainWindow, settle: Settle) -> FillPage:
    window.go(words.FILL, DOUBTFUL)
    settle()
    page = window.pages[words.FILL]
    assert isinstance(page, FillPage)
    return page


def opened(page: FillPage, settle: Settle) -> NameRepair:
    assert page.exam.doubt is not None
    page.exam.doubt.choose.click()
    settle()
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, NameRepair)
    return dialog


def answered(face: FakeFace) -> tuple[Any, ...]:
    (call,) = face.called("repair_name")
    return call


def test_enter_takes_the_likeliest_reading_and_remembers_it_for_the_device(
    page: FillPage, face: FakeFace, settle: Settle, qtbot: QtBot
) -> None:
    assert page.submit_button.property("kind") == "plain"
    dialog = opened(page, settle)
    assert dialog.use.text() == "用“王小满”"
    assert dialog.remember.text() == "记住：DR-2 以后都按 GB18030 读"
    qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Return)
    settle()
    assert answered(face) == (DOUBTFUL, "GB18030", "", True, [])
    assert page.exam.doubt is None
    assert page.exam.kept is not None and page.exam.kept["patient_name"] == "王小满"


def test_a_number_chooses_a_reading_but_not_one_that_reads_nothing(
    page: FillPage, face: FakeFace, settle: Settle, qtbot: QtBot
) -> None:
    dialog = opened(page, settle)
    qtbot.keyClick(dialog, Qt.Key.Key_3)
    assert dialog.name() == "卼苤雛"
    qtbot.keyClick(dialog, Qt.Key.Key_2)
    assert dialog.name() == "卼苤雛"
    dialog.remember.setChecked(False)
    qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Return)
    settle()
    assert answered(face) == (DOUBTFUL, "Big5", "", False, [])


def test_an_own_spelling_is_taken_and_nothing_is_remembered(
    page: FillPage, face: FakeFace, settle: Settle, qtbot: QtBot
) -> None:
    dialog = opened(page, settle)
    dialog.typed.setFocus()
    qtbot.keyClicks(dialog.typed, "Li 1")
    assert dialog.use.text() == "用“Li 1”"
    assert not dialog.remember.isEnabled()
    qtbot.keyClick(dialog.typed, Qt.Key.Key_Return)
    settle()
    assert answered(face) == (DOUBTFUL, "", "Li 1", False, [])


@pytest.mark.parametrize(("key", "mended"), [(Qt.Key.Key_1, 3), (Qt.Key.Key_4, 0)])
def test_others_that_wait_alike_are_mended_in_the_same_go(
    page: FillPage, face: FakeFace, settle: Settle, qtbot: QtBot, key: Qt.Key, mended: int
) -> None:
    face.other_names = others_alike()
    dialog = opened(page, settle)
    qtbot.keyClick(dialog, key)
    if mended:
        assert dialog.also.text() == "还有 3 例也这样读"
        assert dialog.others.text() == "李桂芳、周海涛、韩德胜"
    dialog.use.click()
    settle()
    assert len(answered(face)[4]) == mended


def test_later_changes_nothing(page: FillPage, face: FakeFace, settle: Settle, qtbot: QtBot) -> None:
    dialog = opened(page, settle)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    settle()
    assert face.called("repair_name") == []
    assert page.exam.doubt is not None


def test_every_byte_and_reason_is_shown_whole(page: FillPage, settle: Settle) -> None:
    dialog = opened(page, settle)
    texts = [one.text() for one in dialog.findChildren(QLabel)]
    for text in ("CD", "FA", "CDF5  D0A1  C2FA", "第 1 个字节就不符合规则", "设备没有声明字符集", "推荐"):
        assert text in texts
    for one in dialog.findChildren(QLabel):
        if one.isVisible():
            needed = one.heightForWidth(one.width()) if one.wordWrap() else one.sizeHint().height()
            assert needed <= one.height(), one.text()
            assert one.wordWrap() or one.sizeHint().width() <= one.width(), one.text()
    dialog.reject()


def test_two_patients_stand_side_by_side_with_what_differs_marked(
    window: MainWindow, page: FillPage, face: FakeFace, settle: Settle
) -> None:
    face.forms["1.2.3.3"]["studies"][0].update(two_patients())
    window.go(words.FILL, "1.2.3.3")
    settle()
    assert page.exam.doubt is not None
    tones = {one.text(): one.property("tone") for one in page.exam.doubt.findChildren(QLabel)}
    assert tones["赵明轩"] == tones["李桂芳"] == "you"
    assert tones["1980-05-12"] == "text"
    solid = [one.text() for one in page.exam.doubt.findChildren(Button) if one.property("kind") == "primary"]
    assert solid == ["是两位，分开"], "two names are rather two patients"
