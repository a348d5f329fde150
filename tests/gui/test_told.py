"""What widgets tell each other, and what becomes of it when one of them is gone."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.gui.ask import Asker
from app.gui.told import Told


class Teller:
    said = Told()


class Hearer(QLabel):
    def hear(self, words: str) -> None:
        self.setText(words)


def bury(widget: QLabel) -> None:
    widget.deleteLater()
    QCoreApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete.value)


def test_who_listens_hears_in_the_order_of_coming(qtbot: QtBot) -> None:
    teller, heard = Teller(), list[str]()
    teller.said.connect(lambda words: heard.append(f"1 {words}"))
    teller.said.connect(lambda words: heard.append(f"2 {words}"))
    teller.said.emit("a")
    assert heard == ["1 a", "2 a"]


def test_a_window_that_was_closed_meanwhile_hears_nothing(qtbot: QtBot) -> None:
    teller, gone, heard = Teller(), Hearer(), list[str]()
    teller.said.connect(gone.hear)
    teller.said.connect(heard.append)
    bury(gone)
    teller.said.emit("a")
    assert heard == ["a"]


def test_an_answer_for_a_closed_window_is_dropped(qtbot: QtBot) -> None:
    faults: list[Exception] = []
    asker, gone = Asker(faults.append), Hearer()
    asker.ask(lambda: "answer", gone.hear, faults.append)
    bury(gone)
    qtbot.waitUntil(asker.idle)
    asker.stop()
    assert faults == []
