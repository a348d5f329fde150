"""The icon is there before the engine: it says that the program starts, and lives while the rest is opened."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.errors import NeedsOperator
from app.gui import words
from app.gui.first import STARTING, begin
from app.gui.look import Look
from app.gui.window import MainWindow
from tests.gui.conftest import FOLDER
from tests.gui.fake_face import NOW, FakeFace


def test_the_icon_says_that_the_program_starts_before_anything_is_known(look: Look) -> None:
    begun = begin(FOLDER.parent)
    assert STARTING in begun.icon.toolTip()
    assert begun.icon.contextMenu() is None
    begun.icon.hide()


def test_the_event_loop_turns_while_the_engine_opens(look: Look) -> None:
    begun, turned = begin(FOLDER.parent), threading.Event()
    QTimer.singleShot(0, turned.set)
    assert begun.meanwhile(lambda: turned.wait(10) and threading.current_thread() is not threading.main_thread())
    begun.icon.hide()


def test_what_the_engine_cannot_open_is_told_as_ever(look: Look) -> None:
    begun = begin(FOLDER.parent)

    def refused() -> None:
        raise NeedsOperator("本机数据库打不开", "请工程师查看")

    with pytest.raises(NeedsOperator, match="本机数据库打不开"):
        begun.meanwhile(refused)
    begun.icon.hide()


def test_a_hidden_window_makes_no_page_until_it_is_opened(light: Look, qapp: QApplication) -> None:
    window = MainWindow(FakeFace(), light, now=lambda: NOW, stays=lambda: False, leave=lambda: None)
    assert list(window.pages.made) == []
    assert words.QUEUE in window.pages and len(list(window.pages)) == 7
    window.show()
    assert list(window.pages.made) == [words.TODAY]
    window.go(words.LOG, "")
    assert list(window.pages.made) == [words.TODAY, words.LOG]
    window.shut()
    window.ending = True
    window.close()
    window.deleteLater()
