"""A window over invented studies, its clock standing still, its answers waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui.look import Look
from app.gui.run import dress, wear
from app.gui.window import MainWindow
from tests.gui.fake_face import NOW, FakeFace

FOLDER = Path(__file__).parents[2] / "resources" / "gui"
Settle = Callable[[], None]


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> Look:
    return dress(qapp, FOLDER)


@pytest.fixture
def face() -> FakeFace:
    return FakeFace()


@pytest.fixture
def light(look: Look, qapp: QApplication) -> Look:
    look.set_dark(False)
    wear(qapp, look, FOLDER)
    return look


@pytest.fixture
def window(qtbot: QtBot, light: Look, face: FakeFace) -> Iterator[MainWindow]:
    """Shown at the reference size, its first answers in."""
    made = MainWindow(face, light, now=lambda: NOW, stays=lambda: False, leave=lambda: None)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(made.asker.idle, timeout=5000)
    yield made
    made.shut()


@pytest.fixture
def settle(qtbot: QtBot, window: MainWindow) -> Settle:
    """Wait until every question is answered and laid out."""

    def wait() -> None:
        qtbot.waitUntil(window.asker.idle, timeout=5000)
        for _ in range(3):
            QApplication.processEvents()

    return wait
