"""A window over invented studies, its clock standing still, its answers waited for."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from app.gui.look import Look
from app.gui.run import dress
from app.gui.window import MainWindow
from tests.gui.fake_face import NOW, FakeFace

FOLDER = Path(__file__).parents[2] / "resources" / "gui"
Settle = Callable[[], None]


@pytest.fixture(autouse=True, scope="module")
def widgets_die_here() -> Iterator[None]:
    """As `app.gui.garbage` has it: never in a thread that answers for the face."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> Look:
    return dress(qapp, FOLDER)


@pytest.fixture
def face() -> FakeFace:
    return FakeFace()


@pytest.fixture
def light(look: Look) -> Look:
    look.set_dark(False)
    return look


@pytest.fixture
def window(light: Look, face: FakeFace) -> Iterator[MainWindow]:
    """Shown at the reference size, its first answers in."""
    made = MainWindow(face, light, now=lambda: NOW, stays=lambda: False, leave=lambda: None)
    made.show()
    rest(made)
    yield made
    bury(made)


@pytest.fixture
def settle(window: MainWindow) -> Settle:
    """Wait until every question is answered and laid out."""

    def wait() -> None:
        rest(window)

    return wait


@pytest.fixture(scope="module")
def shared(look: Look, qapp: QApplication) -> Iterator[MainWindow]:
    """One window for all tests of a module that only look at it."""
    look.set_dark(False)
    face = FakeFace()
    face.offer_retrieval()
    face.offer_signing()
    made = MainWindow(face, look, now=lambda: NOW, stays=lambda: False, leave=lambda: None)
    made.show()
    rest(made)
    yield made
    bury(made)


def bury(window: MainWindow) -> None:
    """Take the window away at once: its widgets must not live on under the next test."""
    window.shut()
    window.ending = True
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def rest(window: MainWindow) -> None:
    """Until every question is answered and laid out; at most half a minute (a busy machine)."""
    until = time.monotonic() + 30
    while True:
        QApplication.processEvents()
        if window.asker.idle():
            break
        assert time.monotonic() < until, "the face did not answer"
        time.sleep(0.001)
    for _ in range(3):
        QApplication.processEvents()
