"""Teaching a layout of report: what the report says, which field it is, what that reads now."""

from __future__ import annotations

from contextlib import suppress

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.gui import words
from app.gui.report_map import NOT_THERE, ReportMapDialog
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace


def opened(window: MainWindow, settle: Settle) -> ReportMapDialog:
    window.go(words.FILL, "1.2.3.1")
    with suppress(AssertionError):  # the first pictures of a run wait for libraries that load slowly
        settle()
    settle()
    window.pages[words.FILL].exam.map_report(0)  # type: ignore[attr-defined]
    settle()
    found = window.findChild(ReportMapDialog)
    assert isinstance(found, ReportMapDialog)
    return found


def choose(dialog: ReportMapDialog, key: str, label: str) -> None:
    """As a person does with the keyboard: down or up until it stands there."""
    box = dialog.rows[key].box
    wanted = box.findText(label)
    while (step := wanted - box.currentIndex()) != 0:
        QTest.keyClick(box, Qt.Key.Key_Down if step > 0 else Qt.Key.Key_Up)


def test_a_field_shows_what_its_line_of_the_report_reads(window: MainWindow, settle: Settle, face: FakeFace) -> None:
    dialog = opened(window, settle)
    assert dialog.rows["findings"].text.text().startswith("胸廓对称")
    assert dialog.rows["reported_at"].box.currentText() == NOT_THERE
    assert not dialog.keep.isEnabled()
    choose(dialog, "reported_at", "出具时间")
    settle()
    assert dialog.rows["reported_at"].text.text() == "2026-11-20 13:58"
    assert dialog.keep.isEnabled()
    assert not face.called("keep_report_template")


def test_only_what_was_changed_is_kept_and_the_form_comes_anew(
    window: MainWindow, settle: Settle, face: FakeFace
) -> None:
    dialog = opened(window, settle)
    choose(dialog, "reported_at", "出具时间")
    choose(dialog, "body_part", NOT_THERE)
    settle()
    before = len(face.called("fill"))
    dialog.keep.click()
    settle()
    assert face.called("keep_report_template") == [("1.2.3.1", 0, {"reported_at": "出具时间", "body_part": ""})]
    assert window.findChild(ReportMapDialog) is None
    assert len(face.called("fill")) == before + 1


def test_a_report_of_somebody_else_says_so_over_everything(window: MainWindow, settle: Settle, face: FakeFace) -> None:
    face.report_doubts = ("报告上的姓名和这例的不一样，请核对这份报告是不是这个人的",)
    dialog = opened(window, settle)
    assert dialog._doubt.isVisibleTo(dialog)
    assert "姓名" in dialog._doubt_text.text()


def test_a_scanned_report_says_that_it_has_no_text(window: MainWindow, settle: Settle, face: FakeFace) -> None:
    face.report_trouble = {"title": "这份报告是扫描的图片，里面没有文字", "advice": "请照着报告填写"}
    dialog = opened(window, settle)
    assert "扫描" in dialog.note.text()
