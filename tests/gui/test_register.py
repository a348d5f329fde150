"""登记一例 and the reports of an exam, as a technician clicks through them; what a version changed, as it is read."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel

from app.errors import NeedsOperator
from app.gui import words
from app.gui.changes import Changes, change_words
from app.gui.dialogs import QuestionDialog
from app.gui.doubts import RegisteredNote, WaitsNote
from app.gui.fill import FillPage
from app.gui.look import Look
from app.gui.parts import Button
from app.gui.register import RegisterDialog
from app.gui.report_tools import ShareDialog
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace
from tests.gui.fake_queue import the_versions

UID = "1.2.3.1"


@pytest.fixture
def page(window: MainWindow, settle: Settle) -> FillPage:
    window.go(words.FILL, UID)
    settle()
    found = window.pages[words.FILL]
    assert isinstance(found, FillPage)
    return found


@pytest.fixture
def dialog(page: FillPage, settle: Settle) -> RegisterDialog:
    page.register.click()
    settle()
    found = page.window().findChild(RegisterDialog)
    assert isinstance(found, RegisterDialog)
    return found


def link(page: FillPage, text: str) -> Button:
    return next(one for one in page.form.findChildren(Button) if one.text() == text and one.isVisible())


def reopen(page: FillPage, settle: Settle) -> None:
    page._open(UID)
    settle()


def test_a_name_is_enough_to_register(dialog: RegisterDialog, face: FakeFace, settle: Settle) -> None:
    dialog.rows["patient_name"].editor.show_value("王小满")
    dialog.yes.click()
    settle()
    assert face.called("register") == [({"patient_name": "王小满", "modality": "CT"},)]
    assert not dialog.isVisible()


def test_without_a_name_nothing_is_registered_and_the_field_says_so(dialog: RegisterDialog, face: FakeFace) -> None:
    dialog.yes.click()
    assert face.called("register") == [] and dialog.isVisible()
    assert "还没有填姓名" in dialog.rows["patient_name"].below.text()


def test_what_the_engine_refuses_is_said_where_it_was_typed(
    dialog: RegisterDialog, face: FakeFace, settle: Settle
) -> None:
    dialog.rows["patient_name"].editor.show_value("王小满")
    dialog.rows["birth_date"].editor.show_value("2999-01-01")
    dialog.yes.click()
    settle()
    assert dialog.rows["birth_date"].below.text() == "在将来：请核对出生日期"
    face.fail["register"] = NeedsOperator("硬盘满了", "请先腾出空间")
    dialog.yes.click()
    settle()
    assert dialog.said.text() == "硬盘满了。请先腾出空间。" and dialog.yes.isEnabled()


def test_one_click_puts_images_to_the_exam_that_was_registered(page: FillPage, face: FakeFace, settle: Settle) -> None:
    assert page.findChild(RegisteredNote) is None
    face.came_registered()
    reopen(page, settle)
    note = page.findChild(RegisteredNote)
    assert note is not None and any("李桂芳 · 胸部正侧位" in one.text() for one in note.findChildren(QLabel))
    note.findChildren(Button)[0].click()
    settle()
    assert face.called("join") == [("E9", UID, True)]


def test_a_registration_is_taken_back_after_a_question(page: FillPage, face: FakeFace, settle: Settle) -> None:
    face.waits_for_images()
    reopen(page, settle)
    note = page.findChild(WaitsNote)
    assert note is not None and any("A2611200003" in one.text() for one in note.findChildren(QLabel))
    note.findChildren(Button)[0].click()
    question = page.window().findChild(QuestionDialog)
    assert isinstance(question, QuestionDialog) and face.called("unregister") == []
    question.yes.click()
    settle()
    assert face.called("unregister") == [(UID,)]
    assert page.uid != UID, "the next exam is open"


def test_an_exam_gets_no_report_or_one_after_all(page: FillPage, face: FakeFace, settle: Settle) -> None:
    face.began_no_report()
    reopen(page, settle)
    link(page, "这例不出报告").click()
    settle()
    link(page, "还是要报告").click()
    settle()
    assert face.called("without_report") == [(UID, True), (UID, False)]


def test_a_second_report_is_added_and_taken_away(page: FillPage, face: FakeFace, settle: Settle) -> None:
    page.form._sections["报告"].head.set_open(True)
    link(page, "再加一份报告").click()
    settle()
    assert list(page.form._sections)[2:4] == ["报告 1", "报告 2"]
    link(page, "去掉这份").click()
    settle()
    assert (face.called("add_report"), face.called("drop_report")) == ([(UID,)], [(UID, 1)])


def test_the_report_of_another_exam_is_chosen_from_a_list(page: FillPage, face: FakeFace, settle: Settle) -> None:
    face.began_no_report()
    reopen(page, settle)
    link(page, "用另一例的报告").click()
    settle()
    found = page.window().findChild(ShareDialog)
    assert isinstance(found, ShareDialog) and len(found.reports.rows_model.rows) == 2
    found.yes.click()
    settle()
    assert face.called("share_report") == [("1.2.3.10", UID, 0)] and not found.isVisible()


def test_changes_read_as_old_and_new_and_many_are_folded(light: Look) -> None:
    assert change_words({"label": "手机号", "old": "138", "new": "139"}) == "手机号：138 → 139"
    assert change_words({"label": "检查时间", "old": "", "new": "09:30"}) == "检查时间：填上 09:30"
    assert change_words({"label": "备注", "old": "复印", "new": ""}) == "备注：去掉 复印"
    made = Changes(light, the_versions()[1]["changes"])
    made.show()
    lines = [one for one in made.findChildren(QLabel) if one.text()]
    assert sum(one.isVisible() for one in lines) == 3
    assert made.more is not None and made.more.text() == "还有 2 项"
    made.more.click()
    assert sum(one.isVisible() for one in lines) == 5
    made.close()
