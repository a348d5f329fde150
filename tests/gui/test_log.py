"""The log page: what was done, found again, copied without a name; and the help bundle made from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from app.errors import NeedsOperator
from app.gui import bundle, words
from app.gui.bundle import BundleDialog
from app.gui.log import LogPage
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace


def page_of(window: MainWindow, settle: Settle) -> LogPage:
    window.go(words.LOG, "")
    settle()
    page = window.pages[words.LOG]
    assert isinstance(page, LogPage)
    return page


def dialog_of(window: MainWindow, settle: Settle) -> BundleDialog:
    window.go(words.LOG, "bundle")
    settle()
    found = window.findChild(BundleDialog)
    assert isinstance(found, BundleDialog)
    return found


def test_the_log_is_read_page_by_page(window: MainWindow, settle: Settle, face: FakeFace) -> None:
    page = page_of(window, settle)
    assert page.range.text() == "第 1 – 100 条，共 268 条"
    assert not page.newer.isEnabled()
    for _ in range(2):
        page.older.click()
        settle()
    assert page.range.text() == "第 201 – 268 条，共 268 条"
    assert not page.older.isEnabled()
    page.newer.click()
    settle()
    assert face.called("audit")[-1] == (100, 100, "", "")


def test_a_search_or_a_day_begins_at_the_newest(window: MainWindow, settle: Settle, face: FakeFace) -> None:
    page = page_of(window, settle)
    page.older.click()
    settle()
    page.search.setText("陈建国")
    page.search.searched.emit("陈建国")
    settle()
    assert face.called("audit")[-1] == (100, 0, "陈建国", "")
    assert {one["patient_name"] for one in page.table.rows_model.rows} == {"陈建国"}
    page.search.setText("没有这个人")
    page.search.searched.emit("没有这个人")
    settle()
    assert page.empty.isVisibleTo(page) and page.empty.title.text() == "没有找到"


def test_a_copied_row_has_everything_but_the_name(window: MainWindow, settle: Settle) -> None:
    page = page_of(window, settle)
    row = next(one for one in page.table.rows_model.rows if one["what"] == "fix_form")
    page.table.choose(row["key"])
    page.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "2026-11-20 13:50:12" in copied and "CT2611200031" in copied and "证件号码与姓名不匹配" in copied
    assert "陈建国" not in copied


def test_a_row_of_an_exam_leads_to_it_and_others_lead_nowhere(
    window: MainWindow, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(window, settle)
    page.table.choose(next(one["key"] for one in page.table.rows_model.rows if one["what"] == "settings"))
    assert not page.open.isEnabled() and page.copy.isEnabled()
    page.table.choose(next(one["key"] for one in page.table.rows_model.rows if one["what"] == "submitted"))
    page.open.click()
    assert window.page().name == words.QUEUE


def test_the_bundle_says_what_is_in_it_and_where_it_went(
    window: MainWindow, settle: Settle, face: FakeFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    monkeypatch.setattr(bundle, "usual_place", lambda: str(tmp_path))
    dialog = dialog_of(window, settle)
    assert dialog.place.text() == str(tmp_path)
    dialog.make.click()
    settle()
    assert face.called("bundle") == [(str(tmp_path),)]
    assert "诊断包-20261120-140600.zip · 184 KB" in dialog.said.text()
    assert dialog.make.text() == "打开文件夹"
    dialog.make.click()
    assert [url.toLocalFile() for url in opened] == [str(tmp_path)]
    assert dialog.isHidden()


def test_a_bundle_that_fails_says_why_and_may_go_elsewhere(window: MainWindow, settle: Settle, face: FakeFace) -> None:
    face.fail["bundle"] = NeedsOperator("诊断包写不到那里", "请换一个文件夹")
    dialog = dialog_of(window, settle)
    dialog.make.click()
    settle()
    assert dialog.said.text() == "诊断包写不到那里。请换一个文件夹"
    assert dialog.make.isEnabled() and dialog.elsewhere.isEnabled()


def test_ctrl_9_opens_the_log(window: MainWindow, settle: Settle) -> None:
    assert window._number(words.LOG) == 9
    assert list(window.rail.buttons)[-2:] == [words.SETTINGS, words.LOG]
