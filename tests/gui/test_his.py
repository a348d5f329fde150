"""导入 HIS 导出, told to the face as a technician does it: drop a file, say once what the columns are, choose."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton

from app.errors import NeedsOperator
from app.gui import words
from app.gui.fill import FillPage
from app.gui.his import BUTTON, HisDialog
from app.gui.his_map import ColumnRow
from app.gui.parts import Button
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace
from tests.gui.fake_his import GUESS

FILE = "/home/invented/收费明细.csv"


@pytest.fixture
def page(window: MainWindow, settle: Settle) -> FillPage:
    window.go(words.FILL, "1.2.3.0")
    settle()
    found = window.pages[words.FILL]
    assert isinstance(found, FillPage)
    return found


def dialog(window: MainWindow) -> HisDialog:
    found = window.findChild(HisDialog)
    assert isinstance(found, HisDialog)
    return found


def opened(page: FillPage, settle: Settle, path: str = FILE) -> HisDialog:
    page.import_his(path)
    settle()
    return dialog(page.window())  # type: ignore[arg-type]


def column_of(shown: HisDialog, name: str) -> ColumnRow:
    return next(one for one in shown.map.rows if one.name == name)


def press(shown: HisDialog, text: str, settle: Settle) -> None:
    button = next(one for one in shown.findChildren(Button) if one.text() == text and one.isVisible())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    settle()


def drop(target: FillPage | HisDialog, path: str) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path)])
    target.dropEvent(
        QDropEvent(
            QPoint(9, 9).toPointF(),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_the_first_file_shows_its_columns_with_what_they_seem_to_be(page: FillPage, settle: Settle) -> None:
    shown = opened(page, settle)
    assert shown.pages.currentWidget() is shown.map
    assert column_of(shown, "费用明细流水号").box.text() == "费用明细流水号"
    assert column_of(shown, "检查号").box.key == "match.accession"
    assert column_of(shown, "收费员").box.text() == ""
    assert shown.map.mapping() == GUESS
    assert shown.main.text() == "记住并导入 36 行"


def test_a_column_is_found_by_its_pinyin_and_the_first_row_shows_at_once(
    page: FillPage, settle: Settle, face: FakeFace
) -> None:
    shown = opened(page, settle)
    box = column_of(shown, "医保结算流水号").box
    box.setFocus()
    QTest.keyClicks(box, "jsh")
    box.search()
    QTest.keyClick(box, Qt.Key.Key_Return)
    settle()
    assert (box.text(), box.key) == ("结算号", "settlement_id")
    assert face.called("his_preview")[-1][1]["columns"]["settlement_id"] == "医保结算流水号"
    told = [one.text() for one in shown.map.findChildren(QLabel) if one.isVisible()]
    assert "140100D202611200001" in told


def test_letters_that_were_not_chosen_fall_back_and_an_emptied_box_is_not_used(page: FillPage, settle: Settle) -> None:
    shown = opened(page, settle)
    box = column_of(shown, "医嘱号").box
    box.setFocus()
    QTest.keyClicks(box, "xyz")
    column_of(shown, "费别").box.setFocus()
    assert box.text() == "医嘱编号"
    box.setFocus()
    box.clear()
    column_of(shown, "费别").box.setFocus()
    settle()
    assert "order_number" not in shown.map.mapping()["columns"]


def test_nothing_is_kept_before_a_column_says_whose_a_row_is(page: FillPage, settle: Settle, face: FakeFace) -> None:
    shown = opened(page, settle)
    for name in ("检查号", "身份证号"):
        box = column_of(shown, name).box
        box.setFocus()
        box.clear()
        shown.main.setFocus()
        settle()
    assert not shown.main.isEnabled()
    assert "检查号" in shown.note.text()
    assert face.called("his_keep") == []


def test_the_mapping_and_the_words_are_kept_once_and_the_file_is_taken(
    page: FillPage, settle: Settle, face: FakeFace
) -> None:
    shown = opened(page, settle)
    shown.map.words.boxes["charge_type", "职工"].setText("01 城镇职工基本医疗保险")
    press(shown, "记住并导入 36 行", settle)
    kept = face.called("his_keep")[0][0]
    assert kept == GUESS | {"codes": {"charge_type": {"职工": "01 城镇职工基本医疗保险"}}}
    assert face.called("his_import") == [(FILE,)]
    assert shown.found.sentence.text() == "导入 36 行：对上 31 例，2 行要您选，3 行还没有来图，1 处没有用上"


def test_the_second_time_a_dropped_file_is_taken_in_without_a_question(
    page: FillPage, settle: Settle, face: FakeFace, window: MainWindow
) -> None:
    face.his_configured = True
    drop(page, "/tmp/今天.XLSX")
    settle()
    assert face.called("his_import") == [("/tmp/今天.XLSX",)]
    assert face.called("his_keep") == []
    drop(dialog(window), "/tmp/再来.csv")
    settle()
    assert face.called("his_import")[-1] == ("/tmp/再来.csv",)


def test_a_pdf_dropped_on_the_page_is_still_a_report(page: FillPage, settle: Settle, face: FakeFace) -> None:
    drop(page, "/tmp/report.pdf")
    settle()
    assert face.called("attach")
    assert not page.window().findChildren(HisDialog)


def test_an_unclear_row_is_chosen_with_one_click_each(page: FillPage, settle: Settle, face: FakeFace) -> None:
    face.his_configured = True
    shown = opened(page, settle)
    assert len(shown.found.questions) == 2
    shown.found.questions[0].buttons["1.2.3.5"].click()
    settle()
    assert len(shown.found.questions) == 1
    shown.found.questions[0].buttons[""].click()
    settle()
    assert [call[:2] for call in face.called("his_choose")] == [(7, "1.2.3.5"), (7, "")]
    press(shown, "完成", settle)
    assert not shown.isVisible()


def test_a_file_that_cannot_be_read_says_so_in_the_window(page: FillPage, settle: Settle, face: FakeFace) -> None:
    face.fail["his_preview"] = NeedsOperator("这个文件是空的", "请在 HIS 里选好日期，重新导出")
    shown = opened(page, settle)
    assert "这个文件是空的" in shown.note.text()
    assert shown.isVisible()


def test_a_window_closed_too_soon_misses_its_answer_quietly(page: FillPage, settle: Settle, face: FakeFace) -> None:
    face.his_configured = True
    page.import_his(FILE)
    dialog(page.window()).reject()  # type: ignore[arg-type]
    settle()
    assert page.isVisible()


def test_without_a_file_the_button_offers_to_choose_one(
    page: FillPage, settle: Settle, face: FakeFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page.from_his.text() == BUTTON
    page.from_his.click()
    settle()
    shown = dialog(page.window())  # type: ignore[arg-type]
    assert shown.pages.currentWidget() is shown.start
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_more: (FILE, ""))
    press(shown, "选择文件", settle)
    assert face.called("his_preview")[0][0] == FILE


def test_open_questions_of_the_folder_can_be_answered_later(page: FillPage, settle: Settle, face: FakeFace) -> None:
    face.his_configured = True
    shown = opened(page, settle, "")
    press(shown, "现在选", settle)
    assert shown.pages.currentWidget() is shown.found
    assert len(shown.found.questions) == 2


@pytest.mark.parametrize("configured", [False, True])
def test_no_word_is_cut(page: FillPage, settle: Settle, face: FakeFace, configured: bool) -> None:
    face.his_configured = configured
    shown = opened(page, settle)
    for button in shown.findChildren(QPushButton):
        if button.isVisible():
            assert button.sizeHint().width() <= button.width(), button.text()
    for text in shown.findChildren(QLabel):
        if text.isVisible() and text.wordWrap():
            assert text.heightForWidth(text.width()) <= text.height(), text.text()
    assert shown.height() <= 640 - 40
