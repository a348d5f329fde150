"""What a technician does on 待填报, told to the face in the technician's own words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.errors import NeedsOperator
from app.gui import words
from app.gui.dialogs import QuestionDialog
from app.gui.doubts import TroubleNote
from app.gui.fields import FieldRow
from app.gui.fill import FillPage
from app.gui.parts import Button
from app.gui.sections import ActRow
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace

OPEN, DOUBTFUL, READY = "1.2.3.0", "1.2.3.2", "1.2.3.3"


@pytest.fixture
def page(window: MainWindow, settle: Settle) -> FillPage:
    window.go(words.FILL, OPEN)
    settle()
    found = window.pages[words.FILL]
    assert isinstance(found, FillPage)
    return found


def row(page: FillPage, key: str, noun: str = "exam", number: int = 0) -> FieldRow:
    return page.form.rows[noun, number, key]


def enter(page: FillPage, key: str, text: str) -> None:
    """Type into a field as a person does."""
    one = row(page, key)
    one.editor.show_value(text)
    one.typed.emit(one)


def test_only_what_is_missing_is_open_and_the_rest_is_folded(page: FillPage) -> None:
    assert {key for _, _, key in page.form.rows} == {"id_number", "apply_doctor_name", "body_part_code"}


def test_what_was_typed_is_kept_with_ctrl_s(page: FillPage, face: FakeFace, qtbot: QtBot, settle: Settle) -> None:
    enter(page, "apply_doctor_name", "张伟明")
    qtbot.keyClick(page.form, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    page.exam.keep()
    settle()
    uid, values, settlements, reports = face.called("fill")[0]
    assert (uid, values, settlements, reports) == (OPEN, {"apply_doctor_name": "张伟明"}, None, None)


def test_submit_works_only_when_nothing_is_missing(page: FillPage, face: FakeFace, settle: Settle) -> None:
    assert not page.submit_button.isEnabled()
    assert page.why.text() == "还差 3 项"
    enter(page, "id_number", "140928198005124320")
    enter(page, "apply_doctor_name", "张伟明")
    page.exam.check()
    settle()
    assert page.why.text() == "还差 1 项"
    assert not page.submit_button.isEnabled()
    enter(page, "body_part_code", "B710ZYZZZ 胸部CT普通扫描(平扫)")
    page.exam.check()
    settle()
    assert page.submit_button.isEnabled()
    assert face.called("fill") == []


def test_submitting_keeps_then_submits_and_goes_on_to_the_next(page: FillPage, face: FakeFace, settle: Settle) -> None:
    for key, text in (
        ("id_number", "140928198005124320"),
        ("apply_doctor_name", "张伟明"),
        ("body_part_code", "B710ZYZZZ"),
    ):
        enter(page, key, text)
    page.exam.check()
    settle()
    page.submit_button.click()
    settle()
    order = [name for name, _ in face.calls if name in ("fill", "submit")]
    assert order == ["fill", "submit"]
    assert face.called("submit") == [(OPEN,)]
    assert face.called("fill")[0][1]["id_number"] == "140928198005124320"
    assert page.uid == "1.2.3.1"


def test_an_exam_that_one_platform_lacks_stays_open_and_says_why(
    window: MainWindow, page: FillPage, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, text in (
        ("id_number", "140928198005124320"),
        ("apply_doctor_name", "张伟明"),
        ("body_part_code", "B710ZYZZZ"),
    ):
        enter(page, key, text)
    page.exam.check()
    settle()
    why = "市影像云：还差 1 项：检查执行科室。请填写检查执行科室"
    skipped = [{"uid": OPEN, "destination": "city", "why": why}]
    monkeypatch.setattr(face, "submit", lambda uid: {"submitted": [uid], "skipped": skipped, "jobs": 1})
    page.submit_button.click()
    settle()
    assert (page.uid, window.banner.title.text()) == (OPEN, "有一个平台还没有提交")


def test_a_wrong_value_says_what_is_wrong_after_leaving_the_field(page: FillPage, settle: Settle) -> None:
    one = row(page, "id_number")
    enter(page, "id_number", "1409281980051243X")
    one._was_left()
    page.exam.check()
    settle()
    assert "少 1 位" in one.below.text()
    enter(page, "id_number", "140928198005124320")
    page.exam.check()
    settle()
    assert "少 1 位" not in one.below.text()


def test_an_empty_field_is_not_red(page: FillPage) -> None:
    page.form.suggest([])
    page.form.jump()
    one = row(page, "id_number")
    assert one.below.property("tone") == "you"
    assert not one.editor.property("wrong")


def test_typing_is_not_lost_when_news_arrives(page: FillPage, face: FakeFace, settle: Settle) -> None:
    enter(page, "apply_doctor_name", "张伟明")
    face.tell("image_received", exam_key="E0001")
    page.refresh()
    settle()
    assert row(page, "apply_doctor_name").value() == "张伟明"
    assert page.list.view.key() == OPEN


def test_what_was_typed_is_kept_when_another_exam_is_chosen(page: FillPage, face: FakeFace, settle: Settle) -> None:
    enter(page, "apply_doctor_name", "张伟明")
    page.list.view.choose("1.2.3.1")
    settle()
    assert face.called("fill")[0][:2] == (OPEN, {"apply_doctor_name": "张伟明"})
    assert page.uid == "1.2.3.1"


def test_a_doubtful_value_is_taken_as_it_is_with_one_press(page: FillPage, face: FakeFace, settle: Settle) -> None:
    field = next(one for one in face.forms[READY]["fields"] if one["key"] == "sex")
    field["value_doubt"] = "设备写的性别与身份证不一致，请看一眼"
    page.open_at(READY)
    settle()
    one = row(page, "sex")
    assert one.offer.text() == "设备写的性别与身份证不一致，请看一眼"
    one.take_it.click()
    page.exam.keep()
    settle()
    assert face.called("fill")[0][1] == {"sex": "1 男性"}


def test_what_nobody_has_looked_at_is_asked_before_it_goes(
    page: FillPage, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = next(one for one in face.forms[READY]["fields"] if one["key"] == "sex")
    field["value_doubt"] = "报告上写的是另一位患者，请看一眼"
    page.open_at(READY)
    settle()
    asked: list[tuple[Any, Callable[[], None]]] = []
    monkeypatch.setattr(page, "desk", replace(page.desk, confirm=lambda *words: asked.append(words)))
    page.submit()
    settle()
    assert face.called("submit") == []
    question, go_on = asked.pop()
    assert "报告上写的是另一位患者" in question.text
    go_on()
    settle()
    assert [call[0] for call in face.called("submit")] == [READY]


def test_the_open_form_follows_the_engine_while_nothing_is_typed(
    page: FillPage, face: FakeFace, settle: Settle
) -> None:
    asked = len(face.called("form"))
    face.rows[0]["image_count"] += 8
    page.refresh()
    settle()
    assert len(face.called("form")) == asked + 1
    enter(page, "apply_doctor_name", "张伟明")
    face.rows[0]["image_count"] += 8
    page.refresh()
    settle()
    assert len(face.called("form")) == asked + 1


def test_what_a_platform_did_not_take_is_said_over_the_form(page: FillPage, settle: Settle) -> None:
    page.open_at("1.2.3.4")
    settle()
    note = page.findChild(TroubleNote)
    assert isinstance(note, TroubleNote)
    assert note.isVisible()
    said = [label.text() for label in note.findChildren(QLabel)]
    assert any(text.startswith("平台的原话：") for text in said), said


def test_a_code_is_found_by_its_initials_and_taken_with_enter(
    page: FillPage, qtbot: QtBot, face: FakeFace, settle: Settle
) -> None:
    editor = row(page, "body_part_code").editor
    line = editor.line  # type: ignore[attr-defined]
    line.setFocus()
    line.hasFocus = lambda: True
    qtbot.keyClicks(line, "xbct")
    qtbot.waitUntil(lambda: line.popup is not None and line.popup.isVisible(), timeout=3000)
    assert line.text() == "xbct"
    assert ("radiology_code", "xbct") in face.called("search_codes")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert editor.value() == "B710ZYZZZ 胸部CT普通扫描(平扫)"
    assert not line.popup.isVisible()


@pytest.mark.parametrize(
    ("doubt", "answers"),
    [("two_patients", {"same", "split"}), ("conflict", {"first", "second"}), ("accession_reused", {"same"})],
)
def test_other_doubts_are_settled_with_one_of_two_buttons(
    page: FillPage, face: FakeFace, settle: Settle, doubt: str, answers: set[str]
) -> None:
    study = face.forms[READY]["studies"][0]
    study.update(doubt=doubt, doubt_words="请核对")
    page.open_at(READY)
    settle()
    assert page.exam.doubt is not None
    given = []
    page.exam.doubt.settled.connect(lambda decision, detail: given.append(decision))
    for button in page.exam.doubt.findChildren(Button):
        button.click()
    assert set(given) == answers


def test_a_settlement_row_is_added_without_losing_the_others(page: FillPage, face: FakeFace, settle: Settle) -> None:
    page.open_at(READY)
    settle()
    page.exam.add_settlement()
    settle()
    added = row(page, "catalogue_code", "settlement", 1)
    added.editor.show_value("002104030010001")
    page.exam.check()
    settle()
    _, _, settlements, _ = face.called("fill")[0]
    assert settlements == [
        {"settlement_id": "0" * 20, "catalogue_code": "002104030010000", "fee_detail_number": "0" * 18},
        {"settlement_id": "", "catalogue_code": "002104030010001", "fee_detail_number": ""},
    ]


def test_a_first_settlement_row_can_be_added(page: FillPage, face: FakeFace, settle: Settle) -> None:
    face.forms[READY]["settlements"] = []
    page.open_at(READY)
    settle()
    page.exam.add_settlement()
    settle()
    assert row(page, "catalogue_code", "settlement", 0).value() == ""


def test_a_missing_list_or_file_is_asked_for_with_a_button(page: FillPage, face: FakeFace, settle: Settle) -> None:
    form = face.form(READY)
    next(one for one in form["fields"] if one["type"] == "rows")["problem"] = {"title": "还没有结算信息", "advice": ""}
    page.form.show_form(form)
    found = page.form.findChild(ActRow)
    assert isinstance(found, ActRow)
    found.findChildren(Button)[0].click()
    settle()
    assert ("settlement", 1, "catalogue_code") in page.form.rows


def test_the_last_settlement_row_is_taken_away(page: FillPage, face: FakeFace, settle: Settle) -> None:
    page.open_at(READY)
    settle()
    page.form._drop_settlement()
    settle()
    assert face.called("fill")[0][2] == []


def test_a_value_that_cannot_be_read_does_not_hide_what_else_is_missing(page: FillPage, settle: Settle) -> None:
    enter(page, "id_number", "123")
    enter(page, "apply_doctor_name", "张伟明")
    page.exam.check()
    settle()
    assert page.why.text() == "还差 2 项"
    assert not page.submit_button.isEnabled()


def test_keeping_a_value_that_cannot_be_read_says_so_at_its_field(
    page: FillPage, face: FakeFace, window: MainWindow, settle: Settle
) -> None:
    enter(page, "id_number", "123")
    page.exam.keep()
    settle()
    assert "少 15 位" in row(page, "id_number").below.text()
    assert row(page, "id_number").value() == "123"
    assert window.banner.isVisible()


def test_a_dropped_pdf_is_attached(page: FillPage, face: FakeFace, settle: Settle, tmp_path: Path) -> None:
    pdf = tmp_path / "报告.pdf"
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(pdf))])
    none = Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(QPoint(5, 5)), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    page.dropEvent(event)
    settle()
    assert face.called("attach") == [(OPEN, pdf.as_posix(), 0)]


def test_a_refusal_is_shown_as_a_banner_and_nothing_is_lost(
    page: FillPage, face: FakeFace, window: MainWindow, settle: Settle
) -> None:
    face.fail["fill"] = NeedsOperator("磁盘满了", "请清出一些空间再保存")
    enter(page, "apply_doctor_name", "张伟明")
    page.exam.keep()
    settle()
    assert window.banner.isVisible()
    assert window.banner.title.text() == "磁盘满了"
    assert row(page, "apply_doctor_name").value() == "张伟明"


def test_a_problem_that_comes_up_later_opens_its_fold(page: FillPage, face: FakeFace, settle: Settle) -> None:
    page.open_at(READY)
    settle()
    form = face.form(READY)
    field = next(one for one in form["fields"] if one["key"] == "clinical_diagnosis")
    field["problem"] = {"title": "还没有填临床诊断", "advice": "请填写"}
    page.form.judge(form)
    assert ("exam", 0, "clinical_diagnosis") in page.form.rows


# -- suggestions, the keyboard ----------------------------------------------------------------------------------------


def focused(page: FillPage) -> str:
    """The key of the field that has the keyboard, "" for none."""
    widget = page.window().focusWidget()
    found = (one for one in page.form.rows.values() if widget is not None and one.isAncestorOf(widget))
    return next((one.name[2] for one in found), "")


def test_a_suggestion_is_shown_and_writes_nothing_by_itself(page: FillPage, face: FakeFace) -> None:
    one = row(page, "apply_doctor_name")
    assert one.offer.text() == "本机构胸部 CT 常填：张伟明"
    assert one.value() == ""
    assert not page.form.changed()
    assert face.called("fill") == []


def test_f2_takes_it_with_what_belongs_to_it_and_goes_on(page: FillPage, qtbot: QtBot, settle: Settle) -> None:
    one = row(page, "apply_doctor_name")
    one.focus()
    qtbot.keyClick(one.editor, Qt.Key.Key_F2)
    settle()
    assert page.form.values() == {"apply_doctor_name": "张伟明", "apply_doctor_code": "1024"}
    assert not one.offer.isVisible()
    assert focused(page) == "body_part_code"


def test_all_suggestions_are_taken_with_one_press(page: FillPage, settle: Settle) -> None:
    assert page.form.take_all_link.text() == "采用全部 2 条建议"
    page.form.take_all_link.click()
    settle()
    assert {"id_number", "apply_doctor_name"} <= page.form.values().keys()
    assert not page.form.take_all_link.isVisible()


def test_a_suggestion_leaves_while_the_person_types_something_else(page: FillPage, settle: Settle) -> None:
    enter(page, "apply_doctor_name", "王强")
    row(page, "apply_doctor_name").editor.typed.emit()
    settle()
    assert not row(page, "apply_doctor_name").offer.isVisible()


def test_tab_and_enter_go_to_the_next_field_that_needs_the_person(page: FillPage, qtbot: QtBot, settle: Settle) -> None:
    page.form.start()
    settle()
    assert focused(page) == "id_number"
    qtbot.keyClick(row(page, "id_number").editor, Qt.Key.Key_Tab)
    assert focused(page) == "apply_doctor_name"
    qtbot.keyClick(row(page, "apply_doctor_name").editor, Qt.Key.Key_Return)
    assert focused(page) == "body_part_code"
    qtbot.keyClick(page.window().focusWidget(), Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert focused(page) == "apply_doctor_name"


def test_an_exam_is_filled_and_submitted_with_the_keyboard_alone(
    page: FillPage, face: FakeFace, qtbot: QtBot, settle: Settle
) -> None:
    page.form.start()
    qtbot.keyClicks(row(page, "id_number").editor, "140928198005124320")
    qtbot.keyClick(row(page, "id_number").editor, Qt.Key.Key_Return)
    settle()
    row(page, "apply_doctor_name").take_suggestion()
    line = row(page, "body_part_code").editor.line  # type: ignore[union-attr]
    line.hasFocus = lambda: True
    qtbot.keyClick(line, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: line.popup is not None and line.popup.isVisible(), timeout=3000)
    qtbot.keyClick(line, Qt.Key.Key_Down)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    page.exam.check()
    settle()
    assert page.submit_button.isEnabled()
    page.submit()
    settle()
    assert face.called("submit") == [(OPEN,)]
    assert page.uid == "1.2.3.1"


def test_what_the_card_says_is_shown_while_its_number_is_right(page: FillPage, face: FakeFace, settle: Settle) -> None:
    for field in face.forms[OPEN]["fields"]:
        if field["key"] in ("birth_date", "sex"):
            field["source"] = "derived"
    enter(page, "id_number", "140928198005124320")
    page.exam.check()
    settle()
    assert row(page, "id_number").below.text() == "证件上是 1980-05-12 · 男性"


def test_numbers_are_typed_without_the_input_method(page: FillPage) -> None:
    editor = row(page, "id_number").editor
    assert not editor.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)
    assert editor.inputMethodHints() & Qt.InputMethodHint.ImhLatinOnly
    assert row(page, "apply_doctor_name").editor.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)


def test_skipping_keeps_what_was_typed_and_opens_the_next(page: FillPage, face: FakeFace, settle: Settle) -> None:
    enter(page, "apply_doctor_name", "张伟明")
    page.card.skip_button.click()
    settle()
    assert face.called("fill")[0][:2] == (OPEN, {"apply_doctor_name": "张伟明"})
    assert page.uid == "1.2.3.1"


def test_a_default_is_kept_after_a_question_and_only_what_may_be_one(
    page: FillPage, face: FakeFace, settle: Settle
) -> None:
    enter(page, "apply_doctor_name", "张伟明")
    enter(page, "id_number", "140928198005124320")
    page.card.keep_defaults.emit()
    settle()
    dialog = page.window().findChild(QuestionDialog)
    assert isinstance(dialog, QuestionDialog)
    assert face.called("keep_defaults")[-1][1] is True
    dialog.accept()
    settle()
    assert face.called("keep_defaults")[-1] == ({"apply_doctor_name": "张伟明"}, False)


def test_the_list_shows_what_is_on_its_way_below(page: FillPage) -> None:
    headings = [(one["title"], one["count"]) for one in page.list.rows if one.get("heading")]
    assert headings == [("平台没有收下", 2), ("已填好，正在上传", 3)]


def test_a_folded_section_says_how_much_and_from_where(page: FillPage) -> None:
    section = page.form._sections["检查信息"]
    assert section.head.note.text().endswith("项")
    assert "设备" in section.head.right.text()


# -- the keyboard from top to bottom ----------------------------------------------------------------------------------


def at(page: FillPage) -> str:
    """The key of the field that has the keyboard, else the words of the button."""
    here = page.window().focusWidget()
    found = next((name[2] for name, one in page.form.rows.items() if here is not None and one.isAncestorOf(here)), "")
    return found or (here.text() if isinstance(here, Button) else type(here).__name__)


def test_an_opened_exam_has_the_keyboard_in_its_first_missing_field(page: FillPage, settle: Settle) -> None:
    settle()
    assert at(page) == "id_number"


def test_tab_goes_round_what_is_missing_and_shift_tab_back_to_the_list(
    page: FillPage, qtbot: QtBot, settle: Settle
) -> None:
    settle()
    missing = [name[2] for name in page.form.rows]
    for key in [*missing[1:], missing[0]]:
        qtbot.keyClick(page.window().focusWidget(), Qt.Key.Key_Tab)
        assert at(page) == key
    qtbot.keyClick(page.window().focusWidget(), Qt.Key.Key_Tab, Qt.KeyboardModifier.ShiftModifier)
    assert page.list.isAncestorOf(page.window().focusWidget())
    qtbot.keyClick(page.window().focusWidget(), Qt.Key.Key_Tab)
    settle()
    assert at(page) == missing[0]


def test_enter_in_the_list_leads_into_the_form_and_f6_through_the_panes(
    page: FillPage, qtbot: QtBot, settle: Settle
) -> None:
    page.list.view.setFocus()
    qtbot.keyClick(page.list.view, Qt.Key.Key_Return)
    settle()
    assert at(page) == "id_number"
    page.next_pane()
    assert page.facts.isAncestorOf(page.window().focusWidget())
    page.next_pane()
    assert page.window().focusWidget() is page.list.view


def test_after_submitting_the_keyboard_is_in_the_next_exam(page: FillPage, settle: Settle) -> None:
    for key, text in (
        ("id_number", "140928198005124320"),
        ("apply_doctor_name", "张伟明"),
        ("body_part_code", "B710ZYZZZ"),
    ):
        enter(page, key, text)
    page.exam.check()
    settle()
    page.submit()
    settle()
    assert page.uid == "1.2.3.1"
    assert page.form.isAncestorOf(page.window().focusWidget()) or at(page) == "提交上传"


def test_saving_leaves_the_keyboard_where_it_was(page: FillPage, settle: Settle) -> None:
    settle()
    page.form.rows["exam", 0, "apply_doctor_name"].focus()
    enter(page, "id_number", "140928198005124320")
    page.exam.keep()
    settle()
    assert at(page) == "apply_doctor_name"


def test_a_missing_list_or_file_is_reached_by_tab_and_asked_for_by_enter(
    page: FillPage, face: FakeFace, qtbot: QtBot, settle: Settle
) -> None:
    form = face.form(READY)
    next(one for one in form["fields"] if one["type"] == "rows")["problem"] = {"title": "还没有结算信息", "advice": ""}
    page.form.show_form(form)
    page.form.start()
    settle()
    asked = []
    page.form.wants_row.connect(lambda: asked.append("row"))
    while at(page) != "加一行":
        before = page.window().focusWidget()
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        assert page.window().focusWidget() is not before
    qtbot.keyClick(page.window().focusWidget(), Qt.Key.Key_Return)
    assert asked == ["row"]


def test_the_last_exam_that_was_submitted_opens_none_that_is_on_its_way(page: FillPage) -> None:
    first, *_, last = (one for one in page.list.rows if not one.get("heading"))
    page.list.put([first], [], [last], 0, searched="")
    assert page.list.after(first["uid"]) == ""


def test_the_open_list_stays_under_its_field_when_a_line_above_comes_or_goes(page: FillPage, settle: Settle) -> None:
    line = row(page, "body_part_code").editor.line  # type: ignore[union-attr]
    line.hasFocus = lambda: True
    line.search()
    settle()
    before = line.popup.y() - line.mapTo(page.window(), QPoint(0, 0)).y()
    enter(page, "id_number", "123")
    row(page, "id_number")._was_left()
    settle()
    assert line.popup.y() - line.mapTo(page.window(), QPoint(0, 0)).y() == before
