"""Tray, rail and the way out: the same sentence everywhere, and nothing is lost by quitting."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.domain.times import CST
from app.gui import words
from app.gui.closing import QuitDialog
from app.gui.look import Look
from app.gui.run import Desktop
from app.gui.tray import Tray, TrayActs, minutes_until_tomorrow
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
            open=lambda page, key: self.done.append(("open", page, key)),
            pause=lambda minutes: self.done.append(("pause", minutes)),
            resume=lambda: self.done.append("resume"),
            resend_failed=lambda: self.done.append("resend"),
            snooze=lambda minutes: self.done.append(("snooze", minutes)),
            bundle=lambda: self.done.append("bundle"),
            quit=lambda: self.done.append("quit"),
            stay=lambda: self.done.append("stay"),
            now=lambda: NOW,
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
    assert tray.actions_by_name["fill"].text() == "待填报\t4 例"
    assert tray.actions_by_name["confirmed"].text() == "平台最近确认 14:03"


def test_the_menu_does_what_it_says(tray: Tray, acts: Acts, face: FakeFace) -> None:
    tray.show_status(face.status())
    for name in tray.actions_by_name:
        if name not in ("status", "confirmed"):
            tray.actions_by_name[name].trigger()
    assert acts.done == [
        ("open", "", ""), ("open", words.FILL, ""), ("open", words.RECONCILE, ""), ("pause", 30), ("pause", 120),
        ("pause", 9 * 60 + 54), "resume", "resend", ("snooze", 60), ("snooze", 9 * 60 + 54), ("snooze", 0),
        ("open", words.SETTINGS, ""), "bundle", "stay", "quit",
    ]  # fmt: skip


def test_until_tomorrow_ends_at_midnight_in_china_and_never_before() -> None:
    for seconds in (0.0, 0.4, 30.0, 59.9):
        now = NOW + timedelta(seconds=seconds)
        until = (now + timedelta(minutes=minutes_until_tomorrow(now))).astimezone(CST)
        assert (until.day, until.hour, until.minute) == (21, 0, 0)


def test_there_is_no_entry_for_a_bundle_while_no_page_makes_one(qapp: QApplication, light: Look, acts: Acts) -> None:
    made = Tray(light, replace(acts.acts(), bundle=None), dark_taskbar=lambda: False)
    assert "bundle" not in made.actions_by_name
    made.hide()


def test_the_icon_appears_when_the_tray_does(tray: Tray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tray, "available", lambda: False)
    tray.icon.hide()
    tray.poll()
    assert not tray.icon.isVisible()
    monkeypatch.setattr(tray, "available", lambda: True)
    tray.poll()
    assert tray.icon.isVisible()
    tray.hide()


# -- notifications ----------------------------------------------------------------------------------------------------


def refused(number: int) -> dict[str, object]:
    return {
        "uid": f"1.9.{number}", "exam_key": f"E{number}", "state": "held", "title": f"患者{number} CT",
        "turn": "technician", "why": "证件号码不对", "since": NOW.isoformat(), "action": "fill",
    }  # fmt: skip


def test_what_was_there_at_the_start_is_not_told(tray: Tray, face: FakeFace) -> None:
    tray.show_status(face.status())
    assert tray.told == []


def test_a_new_problem_is_told_once_and_leads_to_its_place(tray: Tray, acts: Acts, face: FakeFace) -> None:
    tray.show_status(face.status())
    status = face.status()
    status["needs_you"].append(refused(1))
    tray.show_status(status)
    tray.show_status(status)
    assert [notice.title for notice in tray.told] == ["患者1 CT"]
    tray.follow()
    assert acts.done == [("open", words.FILL, "1.9.1")]


def test_problems_of_one_kind_are_one_message(tray: Tray, face: FakeFace) -> None:
    tray.show_status(face.status())
    status = face.status()
    status["needs_you"] += [refused(1), refused(2), refused(3)]
    tray.show_status(status)
    assert [notice.title for notice in tray.told] == ["3 例平台没有收下"]


def test_success_and_exams_to_fill_are_never_told(tray: Tray, face: FakeFace) -> None:
    tray.show_status(face.status() | {"needs_you": []})
    status = face.status()
    status["needs_you"] = [{**refused(1), "state": "to_fill"}, {**refused(2), "state": "ready"}]
    status["counts"] = {**status["counts"], "confirmed": 99}
    tray.show_status(status | {"look": "confirmed"})
    assert tray.told == []


def test_an_outage_is_told_after_a_minute_and_only_once(tray: Tray, face: FakeFace) -> None:
    tray.show_status(face.status())
    status = face.status()
    status["destinations"][0].update(trouble="连接超时", trouble_since=(NOW - timedelta(seconds=20)).isoformat())
    tray.show_status(status)
    assert tray.told == []
    status["destinations"][0].update(trouble_since=(NOW - timedelta(minutes=2)).isoformat())
    tray.show_status(status)
    tray.show_status(status)
    assert [notice.look for notice in tray.told] == ["trouble"]


def test_snoozed_problems_are_not_told_afterwards_either(tray: Tray, face: FakeFace) -> None:
    tray.show_status(face.status())
    status = face.status()
    status["needs_you"].append(refused(1))
    tray.show_status(status | {"snoozed_until": (NOW + timedelta(hours=1)).isoformat()})
    assert tray.actions_by_name["notify"].isVisible()
    tray.show_status(status)
    assert tray.told == []


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
    waiting = {name: badge for name, badge in badges.items() if badge}
    assert waiting == {words.FILL: "4", words.QUEUE: "2", words.RECONCILE: "1"}


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


@pytest.mark.parametrize("answer", ["now", "no answer", "when done"])
def test_quitting_with_work_under_way_asks_first(
    qapp: QApplication, qtbot: QtBot, light: Look, face: FakeFace, answer: str
) -> None:
    left: list[str] = []
    made = desktop(qapp, light, face, left)
    qtbot.addWidget(made.window)
    made.start(show_window=True)
    qtbot.waitUntil(lambda: made.window.status is not None and made.window.asker.idle(), timeout=5000)
    made.leave()
    dialog = made.window.findChild(QuitDialog)
    assert isinstance(dialog, QuitDialog)
    assert left == []
    {"now": dialog.now.click, "no answer": dialog.reject, "when done": dialog.when_done.click}[answer]()
    assert left == (["quit"] if answer == "now" else [])
    assert made.leaves_when_done == (answer == "when done")
    if answer == "when done":
        face.rows = [row for row in face.rows if row["state"] not in ("queued", "sending", "waiting")]
        made.window.ask_status()
        qtbot.waitUntil(lambda: left == ["quit"], timeout=5000)
    made.stop()


def test_a_second_start_brings_the_window_to_the_front(
    qapp: QApplication, qtbot: QtBot, light: Look, face: FakeFace
) -> None:
    made = desktop(qapp, light, face, [])
    qtbot.addWidget(made.window)
    made.window.hide()
    face.tell("show_window")
    qtbot.waitUntil(made.window.isVisible, timeout=5000)
    made.stop()


def test_the_command_quit_ends_the_program_without_asking(
    qapp: QApplication, qtbot: QtBot, light: Look, face: FakeFace
) -> None:
    left: list[str] = []
    made = desktop(qapp, light, face, left)
    qtbot.addWidget(made.window)
    face.tell("quit_asked")
    qtbot.waitUntil(lambda: left == ["quit"], timeout=5000)
    made.stop()


def test_the_end_of_the_session_stops_the_engine_at_once(
    qapp: QApplication, qtbot: QtBot, light: Look, face: FakeFace
) -> None:
    done: list[str] = []
    made = Desktop(
        qapp, face, light, practice_note="", on_quit=lambda: done.append("quit"),
        end=lambda code: done.append(f"end {code}"), on_session_end=lambda: done.append("stopped"),
    )  # fmt: skip
    qtbot.addWidget(made.window)
    qtbot.waitUntil(lambda: made.window.status is not None, timeout=5000)
    made.end_session()
    assert done == ["quit", "stopped", "end 0"]
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
