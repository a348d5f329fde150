"""The tray on a real screen: real clicks on the real icon and its menu."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import NewAgent
from .screen import Program, Screen, why_no_screen
from .world import Agent, Modality, Practice, a_study, complete_fill

pytestmark = pytest.mark.skipif(bool(why_no_screen()), reason=f"a screen needs more: {why_no_screen()}")


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    with Screen(tmp_path / "screen") as made:
        yield made


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    """A home that is set up; nothing runs on it yet."""
    return new_agent(practice, start=False)


APP = "影像云上传助手"


@pytest.fixture
def program(screen: Screen, clinic: Agent) -> Iterator[Program]:
    with Program(screen, clinic.home.root) as running:
        running.wait_for_window(APP)
        yield running


def test_a_person_pauses_and_resumes_by_the_tray_menu(program: Program, clinic: Agent) -> None:
    program.pick("暂停上传", "30 分钟")
    program.wait(lambda: program.tray["look"] == "paused", what="the paused icon")
    assert clinic.face.status()["paused_until"]
    program.pick("恢复上传")
    program.wait(lambda: "已暂停到" not in program.tray["tooltip"], what="the end of the pause")
    assert clinic.face.status()["paused_until"] is None


def test_closing_the_window_is_not_quitting_and_a_second_start_raises_the_first(
    screen: Screen, program: Program
) -> None:
    screen.key("alt+F4")
    program.wait(lambda: program.window(APP) is None, what="the window to close")
    assert program.runs and program.tray["shown"]
    assert program.start_again() == 0
    program.wait_for_window(APP)
    assert APP in screen.front()


def test_the_icon_appears_when_the_tray_comes_up_late(tmp_path: Path, clinic: Agent) -> None:
    with Screen(tmp_path / "late", tray=False) as late, Program(late, clinic.home.root, "--hidden") as program:
        program.wait_for_window(APP)  # without a tray it does not hide
        assert not program.tray["shown"]
        late.start_tray()
        program.wait(lambda: program.tray["shown"] and program.tray["w"], what="the icon")


def test_started_hidden_it_waits_in_the_tray(screen: Screen, clinic: Agent) -> None:
    with Program(screen, clinic.home.root, "--hidden") as program:
        program.wait(lambda: program.tray.get("w"), what="the icon")
        assert program.window(APP) is None
        program.pick("打开主窗口")
        program.wait_for_window(APP)


def test_quitting_asks_while_something_is_on_its_way(
    screen: Screen, program: Program, clinic: Agent, practice: Practice, tmp_path: Path, pdf: Path
) -> None:
    practice.down(600)
    images = a_study(tmp_path / "study", images=2)
    Modality(clinic.port).send(images)
    uid = clinic.one_study()["uid"]
    clinic.wait_until_complete(uid)
    clinic.fill_and_submit(uid, complete_fill(), pdf)
    clinic.wait_for(lambda: clinic.face.status()["counts"]["uploading"], what="the exam on its way")
    program.wait(lambda: program.tray["look"] != "paused", what="the icon at work")
    program.pick("退出")
    program.wait_for_text("还有 1 例正在上传")
    screen.shot("quit")
    screen.key("Escape")
    program.wait(lambda: program.find("现在退出") is None, what="the question to close")
    assert program.runs
    program.pick("退出")
    program.click("现在退出", kind="button")
    assert program.ended() == 0


def test_with_nothing_on_its_way_quitting_just_quits(program: Program) -> None:
    program.pick("退出")
    assert program.ended() == 0
