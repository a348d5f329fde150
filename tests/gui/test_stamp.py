"""盖章 beside a report's PDF: the client opens in the browser, what comes back is shown, what goes wrong said."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from app.gui import stamp, words
from app.gui.fill import FillPage
from app.gui.pdf_view import PdfPane
from app.gui.stamp import StampBar
from app.gui.window import MainWindow
from tests.builders import a_pdf
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace
from tests.gui.fake_stamp import NONE, OUTDATED, STAMPED, URL, VOID, stamps

UID = "1.2.3.1"


class Browser:
    """Stands for the desktop's services."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.is_there = True

    def openUrl(self, url: QUrl) -> bool:
        self.opened.append(bytes(url.toEncoded().data()).decode())
        return self.is_there


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    made = Browser()
    monkeypatch.setattr(stamp, "QDesktopServices", made)
    return made


def page_of(window: MainWindow) -> FillPage:
    page = window.pages[words.FILL]
    assert isinstance(page, FillPage)
    return page


def open_pdf(window: MainWindow, settle: Settle) -> StampBar:
    window.go(words.FILL, UID)
    settle()
    page_of(window).facts.tabs[1].click()
    settle()
    return page_of(window).facts.stamp


def said(bar: StampBar) -> str:
    return bar._text.text()


def test_nobody_is_asked_for_a_stamp_where_no_platform_has_to_do_with_one(
    window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    assert not open_pdf(window, settle).isVisible()


def test_a_report_is_stamped_in_the_browser_and_shown_when_it_is_back(
    window: MainWindow, face: FakeFace, settle: Settle, browser: Browser
) -> None:
    stamps(face, UID, NONE)
    bar = open_pdf(window, settle)
    assert (said(bar), bar.button.text()) == ("还没有盖章", "盖章")
    bar.button.click()
    settle()
    assert browser.opened == [URL]  # its percent signs are as the engine wrote them
    assert "盖好会自己回来" in said(bar)
    bar.look_again()
    settle()
    assert bar._waits
    loaded = len(face.called("report_pdf"))
    face.comes_back = "stamped"
    bar.look_again()
    settle()
    assert (said(bar), bar.button.text()) == ("已盖章", "重新盖章")
    assert not bar._timer.isActive()
    assert len(face.called("report_pdf")) > loaded


def test_a_stamp_that_was_refused_says_why_and_still_waits(
    window: MainWindow, face: FakeFace, settle: Settle, browser: Browser
) -> None:
    stamps(face, UID, NONE)
    bar = open_pdf(window, settle)
    bar.button.click()
    settle()
    face.comes_back = "refused"
    bar.look_again()
    settle()
    assert said(bar) == "送回来的报告没有盖章"
    assert "原来的报告没有变" in bar._advice.text()
    assert bar._timer.isActive()
    assert bar.button.text() == "再打开"


def test_waiting_ends_with_the_hand_off(window: MainWindow, face: FakeFace, settle: Settle, browser: Browser) -> None:
    stamps(face, UID, NONE)
    bar = open_pdf(window, settle)
    bar.button.click()
    settle()
    face.comes_back = "late"
    bar.look_again()
    settle()
    assert said(bar) == "时间过了，没有等到盖好章的报告"
    assert (bar.button.text(), bar._timer.isActive()) == ("盖章", False)


def test_it_says_when_the_stamping_client_is_not_open(
    window: MainWindow, face: FakeFace, settle: Settle, browser: Browser
) -> None:
    stamps(face, UID, NONE)
    face.client_open = False
    bar = open_pdf(window, settle)
    bar.button.click()
    settle()
    assert said(bar) == "签章软件没有打开"
    assert browser.opened == []
    assert bar.button.isEnabled()


def test_a_machine_without_a_browser_gives_the_address(
    window: MainWindow, face: FakeFace, settle: Settle, browser: Browser
) -> None:
    stamps(face, UID, NONE)
    browser.is_there = False
    bar = open_pdf(window, settle)
    bar.button.click()
    settle()
    assert (said(bar), bar.button.text()) == ("浏览器没有打开", "复制地址")
    bar.look_again()
    settle()
    assert (said(bar), bar._timer.isActive()) == ("浏览器没有打开", True)
    bar.button.click()
    assert QGuiApplication.clipboard().text() == URL
    assert face.called("stamp") == [(UID, 0)]
    face.comes_back = "stamped"
    bar.look_again()
    settle()
    assert said(bar) == "已盖章"


def test_values_that_were_corrected_after_the_stamp_are_said_and_asked_about(
    window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    stamps(face, UID, OUTDATED)
    bar = open_pdf(window, settle)
    assert said(bar) == OUTDATED["outdated"]
    assert not bar.button.isVisible(), "the old PDF under a new seal would say the same"
    page = page_of(window)
    (button,) = [one for one in page.form.findChildren(QPushButton) if one.text() == "换一份 PDF"]
    assert button.isVisible()
    assert OUTDATED["outdated"] in page.form.doubts()
    stamps(face, UID, STAMPED)
    page.form.take(face.form(UID))
    assert OUTDATED["outdated"] not in page.form.doubts()
    assert not button.isVisible()


def test_a_void_stamp_asks_for_a_new_one(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    stamps(face, UID, VOID)
    bar = open_pdf(window, settle)
    assert (said(bar), bar.button.text()) == ("换过 PDF，章已作废", "重新盖章")
    stamps(face, UID, STAMPED | {"able": False})
    page_of(window)._open(UID)
    settle()
    assert said(bar) == "已盖章"


def test_a_demanded_stamp_stands_among_what_is_missing(
    window: MainWindow, face: FakeFace, settle: Settle, browser: Browser
) -> None:
    stamps(face, UID, NONE, demanded=True)
    window.go(words.FILL, UID)
    settle()
    page = page_of(window)
    (button,) = [one for one in page.form.findChildren(QPushButton) if one.text() == "盖章"]
    button.click()
    settle()
    assert face.called("stamp") == [(UID, 0)]
    assert browser.opened == [URL]
    assert page.facts.tabs[1].isChecked()
    assert page.facts.stamp.isVisible()


def test_where_the_clinic_stamps_elsewhere_a_stamped_file_is_asked_for(
    window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    stamps(face, UID, NONE | {"able": False}, demanded=True)
    assert not open_pdf(window, settle).button.isVisible()
    texts = [one.text() for one in page_of(window).form.findChildren(QPushButton)]
    assert "换一份 PDF" in texts and "盖章" not in texts


def test_another_exam_has_a_stamp_of_its_own(
    window: MainWindow, face: FakeFace, settle: Settle, browser: Browser
) -> None:
    stamps(face, UID, NONE)
    stamps(face, "1.2.3.0", STAMPED)
    bar = open_pdf(window, settle)
    bar.button.click()
    settle()
    window.go(words.FILL, "1.2.3.0")
    settle()
    assert said(bar) == "已盖章"
    assert not bar._timer.isActive()


def test_a_page_that_just_fits_does_not_hang_the_view(
    window: MainWindow, face: FakeFace, settle: Settle, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Fitted to the width, a scroll bar that comes and goes would change the width for ever."""
    face.pdf = a_pdf(tmp_path_factory.mktemp("pdf") / "r.pdf")
    pane = PdfPane(window._look, window.asker, face.report_pdf)
    pane.put(UID, [{"report_key": "R1", "pdf": True}])
    pane.resize(358, 500)
    pane.show()
    settle()
    assert pane.view.isVisible()
    for height in range(460, 560, 2):
        pane.resize(358, height)
        settle()
    pane.close()
