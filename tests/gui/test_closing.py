"""收尾: shown once when it is due, with what is open; every answer does what it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.gui import words
from app.gui.closing import ClosingDialog, time_left
from app.gui.look import Look
from app.gui.run import Desktop
from tests.gui.fake_face import NOW, FakeFace


@pytest.fixture
def desktop(qapp: QApplication, qtbot: QtBot, light: Look, face: FakeFace) -> Iterator[Desktop]:
    made = Desktop(qapp, face, light, practice_note="", on_quit=lambda: None, end=lambda code: None, now=lambda: NOW)
    qtbot.addWidget(made.window)
    made.start(show_window=True)
    yield made
    made.stop()


def shown(desktop: Desktop, face: FakeFace, qtbot: QtBot, *, left: int = 1) -> ClosingDialog:
    face.closing_due, face.closing_left = "2026-11-20", left
    desktop.window.ask_status()
    qtbot.waitUntil(lambda: desktop.closings.dialog is not None, timeout=5000)
    assert desktop.closings.dialog is not None
    return desktop.closings.dialog


def texts(dialog: ClosingDialog) -> list[str]:
    return [one.text() for one in dialog.findChildren(QLabel)]


def test_the_sentence_and_the_three_numbers_agree(desktop: Desktop, face: FakeFace, qtbot: QtBot) -> None:
    dialog = shown(desktop, face, qtbot)
    said = texts(dialog)
    assert "今天 37 例：36 例已确认，1 例缺证件号码" in said
    assert [said[said.index(name) + 1] for name in ("今天收到", "已确认", "待填报")] == ["37", "36", "1"]


def test_filling_now_opens_the_form_and_the_engine_is_told(desktop: Desktop, face: FakeFace, qtbot: QtBot) -> None:
    dialog = shown(desktop, face, qtbot)
    assert dialog.buttons[0].text() == "现在补"
    dialog.buttons[0].click()
    assert desktop.window.page().name == words.FILL
    qtbot.waitUntil(lambda: face.called("closing_shown") == [("2026-11-20", False)], timeout=5000)


def test_tomorrow_asks_the_engine_to_remind(desktop: Desktop, face: FakeFace, qtbot: QtBot) -> None:
    shown(desktop, face, qtbot).later.click()
    qtbot.waitUntil(lambda: face.called("closing_shown") == [("2026-11-20", True)], timeout=5000)


def test_the_daily_closing_is_switched_off_in_the_dialog(desktop: Desktop, face: FakeFace, qtbot: QtBot) -> None:
    shown(desktop, face, qtbot).daily.click()
    qtbot.waitUntil(lambda: face.called("set_closing") == [(False, "")], timeout=5000)


def test_it_is_shown_once(desktop: Desktop, face: FakeFace, qtbot: QtBot) -> None:
    shown(desktop, face, qtbot).reject()
    face.closing_due = "2026-11-20"
    desktop.window.ask_status()
    qtbot.waitUntil(desktop.window.asker.idle, timeout=5000)
    assert desktop.closings.dialog is None


def test_a_day_with_nothing_open_is_a_message_and_no_dialog(desktop: Desktop, face: FakeFace, qtbot: QtBot) -> None:
    face.closing_due, face.closing_left = "2026-11-20", 0
    desktop.window.ask_status()
    qtbot.waitUntil(lambda: bool(face.called("closing_shown")), timeout=5000)
    assert desktop.closings.dialog is None
    assert [(notice.title, notice.look) for notice in desktop.tray.told] == [("今天 37 例，平台全部确认", "confirmed")]


def test_many_open_exams_scroll_inside_the_dialog(desktop: Desktop, face: FakeFace, qtbot: QtBot) -> None:
    dialog = shown(desktop, face, qtbot, left=6)
    assert dialog.height() < 600 and len(dialog.buttons) == 6
    assert sum(button.property("kind") == "primary" for button in dialog.buttons) == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (5.0, "大约还要 1 分钟。"), (55.0, "大约还要 1 分钟。"), (400.0, "大约还要 7 分钟。")],
)
def test_the_time_left_is_said_only_when_the_pace_is_known(seconds: float | None, said: str) -> None:
    assert time_left(seconds) == said
