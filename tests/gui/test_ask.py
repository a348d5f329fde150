"""Asking without waiting: answers arrive on the main thread, floods are merged, faults become sentences."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.errors import AgentError, Bug, RetryLater
from app.gui.ask import Asker
from app.gui.news import EVERYTHING, JOBS, STATUS, STUDIES, News
from tests.gui.fake_face import FakeFace


@pytest.fixture
def failed() -> list[AgentError]:
    return []


@pytest.fixture
def asker(qtbot: QtBot, failed: list[AgentError]) -> Iterator[Asker]:
    made = Asker(failed.append, threads=2)
    yield made
    made.stop(wait_seconds=5)


def test_the_call_runs_elsewhere_and_the_answer_arrives_here(asker: Asker, qtbot: QtBot) -> None:
    threads: list[str] = []
    answers: list[str] = []

    def call() -> str:
        threads.append(threading.current_thread().name)
        return "答"

    def then(answer: str) -> None:
        answers.append(f"{answer} {threading.current_thread() is threading.main_thread()}")

    asker.ask(call, then)
    qtbot.waitUntil(asker.idle, timeout=5000)
    assert answers == ["答 True"]
    assert threads[0].startswith("gui-ask")


def test_of_many_questions_with_one_key_only_the_first_and_the_last_are_asked(asker: Asker, qtbot: QtBot) -> None:
    gate, asked = threading.Event(), []

    def call(number: int) -> int:
        assert gate.wait(5)
        asked.append(number)
        return number

    answers: list[int] = []
    for number in range(10):
        asker.ask(lambda number=number: call(number), answers.append, key="list")  # type: ignore[misc]
    gate.set()
    qtbot.waitUntil(lambda: answers == [0, 9], timeout=5000)
    assert asked == [0, 9]


def test_an_error_of_the_engine_reaches_its_own_listener(asker: Asker, qtbot: QtBot, failed: list[AgentError]) -> None:
    def call() -> None:
        raise RetryLater("平台忙", "稍后自动再试")

    mine: list[AgentError] = []
    asker.ask(call, lambda _answer: None, mine.append)
    asker.ask(call, lambda _answer: None)
    qtbot.waitUntil(asker.idle, timeout=5000)
    assert [error.title for error in mine] == ["平台忙"]
    assert [error.title for error in failed] == ["平台忙"]


def test_an_unforeseen_fault_becomes_a_sentence_without_its_payload(
    asker: Asker, qtbot: QtBot, failed: list[AgentError]
) -> None:
    asker.ask(lambda: {}["张三"], lambda _answer: None)  # type: ignore[dict-item]
    qtbot.waitUntil(asker.idle, timeout=5000)
    assert isinstance(failed[0], Bug)
    assert "张三" not in failed[0].details


def test_no_answer_arrives_after_stopping(asker: Asker, qtbot: QtBot) -> None:
    answers: list[object] = []
    asker.ask(lambda: 1, answers.append)
    asker.stop(wait_seconds=5)
    asker.deliver()
    assert answers == []


def test_a_flood_of_events_is_told_once_with_everything_that_changed(qtbot: QtBot) -> None:
    face, heard = FakeFace(), []
    news = News(face, heard.append)
    for _ in range(500):
        face.tell("job_progressed", exam_key="E1")
    face.tell("image_received", uid="1")
    news.deliver()
    assert heard == [frozenset({JOBS, STATUS, STUDIES})]
    news.deliver()
    assert len(heard) == 1
    news.stop()
    assert face.listeners == []


def test_an_event_nobody_knows_refreshes_everything(qtbot: QtBot) -> None:
    face, heard = FakeFace(), []
    news = News(face, heard.append)
    face.tell("something_new")
    news.deliver()
    assert heard == [EVERYTHING]
    news.stop()
