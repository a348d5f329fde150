"""The tray on a real screen: real clicks on the real icon and its menu."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import NewAgent
from .screen import Program, Screen, why_no_screen
from .world import Agent, Practice

pytestmark = pytest.mark.skipif(bool(why_no_screen()), reason=f"a screen needs more: {why_no_screen()}")


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    with Screen(tmp_path / "screen") as made:
        yield made


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    """A home that is set up; nothing runs on it yet."""
    return new_agent(practice, start=False)


def test_a_person_pauses_and_resumes_by_the_tray_menu(screen: Screen, clinic: Agent) -> None:
    with Program(screen, clinic.home.root) as program:
        program.wait_for_window("影像云上传助手")
        screen.shot("1-window")
        program.open_tray_menu()
        screen.shot("2-menu")
        program.click("暂停上传", kind="entry")
        program.click("30 分钟", kind="entry")
        program.wait(lambda: program.tray["look"] == "paused", what="the paused icon")
        screen.shot("3-paused")
        program.pick("恢复上传")
        program.wait(lambda: program.tray["look"] != "paused" or "已暂停到" not in program.tray["tooltip"])
