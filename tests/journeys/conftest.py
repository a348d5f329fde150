"""The world of a journey as fixtures. `agent` is set up for `practice` and running; the rest is in `world`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .screen import Program, Screen, why_no_screen
from .world import Agent, Modality, Practice, a_pdf, answers, free_port

NewPractice = Callable[..., Practice]
NewAgent = Callable[..., Agent]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was on the screen when a journey failed is kept beside its files."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        shots = [str(one.shot("failed")) for one in item.funcargs.values() if isinstance(one, Screen)]
        report.sections += [("Screen", shot) for shot in shots]
    return report


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """A real screen with a tray; without the programs for one the test is skipped."""
    if missing := why_no_screen():
        pytest.skip(f"a screen needs more: {missing}")
    with Screen(tmp_path / "screen") as made:
        yield made


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    """A home that is set up; nothing runs on it yet."""
    return new_agent(practice, start=False)


@pytest.fixture
def program(screen: Screen, clinic: Agent) -> Iterator[Program]:
    """The program on the screen, on the home of `clinic`."""
    with Program(screen, clinic.home.root) as running:
        running.wait_for_window("影像云上传助手")
        yield running


@pytest.fixture
def new_practice(tmp_path: Path) -> Iterator[NewPractice]:
    """`new_practice("--strict-ae", name="second")` starts one more practice platform."""
    with ExitStack() as stack:

        def made(*options: str, name: str = "practice", region: str = "shanxi") -> Practice:
            usual = ("--no-signature",) if region == "shanxi" else ()
            practice = Practice(tmp_path / name, region, *usual, *options)
            stack.callback(practice.kill)
            return practice

        yield made


@pytest.fixture
def practice(new_practice: NewPractice) -> Practice:
    return new_practice()


@pytest.fixture
def new_agent(tmp_path: Path) -> Iterator[NewAgent]:
    """`new_agent(practice, start=False, intake={"quiet_seconds": 3})`: set up by answers, running unless told not to.

    Without a practice platform it has no destination.
    """
    with ExitStack() as stack:

        def made(
            practice: Practice | None = None, *, start: bool = True, name: str = "agent", **sections: Any
        ) -> Agent:
            agent = Agent(tmp_path / name)
            stack.callback(agent.kill)
            agent.set_up(answers(practice, port=free_port(), **sections))
            if start:
                agent.start()
            return agent

        yield made


@pytest.fixture
def agent(new_agent: NewAgent, practice: Practice) -> Agent:
    return new_agent(practice)


@pytest.fixture
def modality(agent: Agent) -> Modality:
    return Modality(agent.port)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    """A report PDF."""
    return a_pdf(tmp_path / "report.pdf")
