"""Tray, rail and the way out: the same sentence everywhere, and nothing is lost by quitting."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui import words
from app.gui.dialogs import QuestionDialog
from app.gui.look import Look
from app.gui.run import Desktop
from app.gui.tray import Tray, TrayActs
from app.gui.window import MainWindow
from tests.gui.conftest import FOLDER, Settle
from tests.gui.fake_face import NOW, FakeFace

LOOKS = ("needs-you", "trouble", "paused", "working", "confirmed")


class Acts:
    """Remembers what the menu asked for."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def acts(self) -> TrayActs:
        return TrayActs(
            open=lambda page: self.done.append(("open", page)),
            pause=lambda minutes: self.done.append(("pause", minutes)),
            resume=lambda: self.done.append("resume"),
            resend_failed=lambda: self.done.append("resend"),
            quit=lambda: self.done.append("quit"),
        )


@pytest.fixture
def acts() -> Acts:
    return Acts()


@pytest.fixture
def tray(qapp: QApplication, light: Look, acts: Acts) -> Tray:
    return Tray(light, acts.acts(), dark_taskbar=lambda: False)


def test_each_look_has_its_own_drawing_on_both_taskbars(light: Look) -> None:
    for dark in (False, True):
        drawings = {
            hashlib.sha256(
                bytes(light.tray_icon(name, dark_taskbar=dark).pixmap(16, 16).toImage().constBits())
            ).hexdigest()
            for name in LOOKS
        }
        assert len(drawings) == 5


def test_the_tray_says_the_engines_sentence(tray: Tray, face: FakeFace) -> None:
    tray.show_status(face.status())
    assert tray.look_name == "needs-you"
    assert tray.icon.toolTip() == face.status()["tooltip"]
    assert tray.actions_by_name["status"].text() == "7 件事等您处理"
    assert not tray.actions_by_name["status"].isEnabled()
    assert tray.actions_by_name["fill"].text() == "待填报 4 例"


def test_the_menu_does_what_it_says(tray: Tray, acts: Acts, face: FakeFace) -> None:
    tray.show_status(face.status())
    for name in ("open", "fill", "pause-30", "pause-120", "pause-0", "resend", "reconcile", "quit"):
        tray.actions_by_name[name].trigger()
    assert acts.done == [
        ("open", ""), ("open", words.FILL), ("pause", 30), ("pause", 120), ("pause", 0), "resend",
        ("open", words.RECONCILE), "quit",
    ]  # fmt: skip


def test_resume_stands_where_pause_stood(tray: Tray, face: FakeFace) -> None:
    face.pause()
    tray.show_status(face.status())
    assert tray.actions_by_name["resume"].isVisible()
    assert not tray._pause.menuAction().isVisible()


def test_the_same_sentence_stands_in_rail_and_home(window: MainWindow, face: FakeFace) -> None:
    sentence = face.status()["sentence"]
    assert window.rail.sentence.text() == sentence
    home = window.pages[words.TODAY]
    assert home.sentence.text().startswith(sentence)  # type: ignore[attr-defined]


def test_badges_count_what_waits_for_a_person(window: MainWindow) -> None:
    badges = {name: button.badge for name, button in window.rail.buttons.items()}
    assert badges == {words.TODAY: "", words.FILL: "4", words.QUEUE: "2", words.RECONCILE: "1", words.SETTINGS: ""}


def desktop(qapp: QApplication, look: Look, face: FakeFace, left: list[str]) -> Desktop:
    return Desktop(qapp, face, look, practice_note="", on_quit=lambda: left.append("quit"), end=lambda code: None)


def test_without_a_tray_the_window_opens_although_it_should_start_hidden(
    qapp: QApplication, qtbot: QtBot, light: Look, face: FakeFace
) -> None:
    made = desktop(qapp, light, face, [])
    qtbot.addWidget(made.window)
    made.start(show_window=False)
    assert made.window.isVisible() is not made.tray.available()
    made.stop()


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_quitting_with_work_under_way_asks_first(
    qapp: QApplication, qtbot: QtBot, light: Look, face: FakeFace, answer: str
) -> None:
    left: list[str] = []
    made = desktop(qapp, light, face, left)
    qtbot.addWidget(made.window)
    made.start(show_window=True)
    qtbot.waitUntil(lambda: made.window.status is not None and made.window.asker.idle(), timeout=5000)
    made.leave()
    dialog = made.window.findChild(QuestionDialog)
    assert isinstance(dialog, QuestionDialog)
    assert left == []
    (dialog.yes if answer == "yes" else dialog.no).click()
    assert left == (["quit"] if answer == "yes" else [])
    made.stop()


def test_quitting_with_nothing_under_way_just_quits(
    qapp: QApplication, qtbot: QtBot, light: Look, face: FakeFace
) -> None:
    left: list[str] = []
    face.empty()
    made = desktop(qapp, light, face, left)
    qtbot.addWidget(made.window)
    qtbot.waitUntil(lambda: made.window.status is not None, timeout=5000)
    made.leave()
    assert left == ["quit"]
    made.stop()


def test_closing_hides_the_window_while_a_tray_is_there(qtbot: QtBot, light: Look, face: FakeFace) -> None:
    left: list[str] = []
    made = MainWindow(face, light, now=lambda: NOW, stays=lambda: True, leave=lambda: left.append("quit"))
    qtbot.addWidget(made)
    made.show()
    made.close()
    assert not made.isVisible()
    assert left == []
    made.shut()


_ENDS = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app.gui.run import run_gui
from app.gui.window import MainWindow
from tests.gui.fake_face import FakeFace

app, face = QApplication([]), FakeFace()
face.empty()
def leave():
    next(one for one in app.topLevelWidgets() if isinstance(one, MainWindow))._leave()
QTimer.singleShot(1500, leave)
said = []
code = run_gui(face, resources=Path("resources"), show_window=True, on_quit=lambda: said.append("quit"))
print(code, said)
"""


def test_the_event_loop_ends_although_the_window_would_rather_hide() -> None:
    root = FOLDER.parents[1]
    done = subprocess.run(
        [sys.executable, "-c", _ENDS], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "0 ['quit']", done.stderr


def test_a_practice_platform_is_named_on_every_page(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    assert not window._strip.isVisible()
    face.practice = True
    window.ask_status()
    settle()
    assert window._strip.isVisible()


def test_every_drawing_that_the_code_names_is_there() -> None:
    named: set[str] = set()
    for file in (Path(__file__).parents[2] / "app" / "gui").glob("*.py"):
        named |= set(re.findall(r'"((?:page|state)-[a-z]+)"', file.read_text(encoding="utf-8")))
    assert named
    assert {name for name in named if not (FOLDER / "icons" / f"{name}.svg").is_file()} == set()
