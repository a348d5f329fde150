"""Where widgets die."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.gui.garbage import Collector
from app.gui.look import Look


@pytest.fixture
def collector(light: Look) -> Iterator[Collector]:
    was = gc.isenabled()
    gc.collect()
    made = Collector()
    made.start()
    yield made
    made.stop()
    if not was:
        gc.disable()


class Circle(QWidget):
    """Only the collector can find it."""

    def __init__(self, died_in: list[str]) -> None:
        super().__init__()
        self.me = self
        weakref.finalize(self, lambda: died_in.append(threading.current_thread().name))


def work_elsewhere() -> list[list[int]]:
    """What a thread of the engine does to the collector: objects upon objects."""
    kept: list[list[int]] = []
    thread = threading.Thread(target=lambda: kept.extend([number] for number in range(200_000)), name="engine")
    thread.start()
    thread.join()
    return kept


def test_a_widget_dies_in_the_main_thread_whoever_makes_garbage(collector: Collector) -> None:
    died_in: list[str] = []
    Circle(died_in)
    kept = work_elsewhere()
    assert died_in == []
    collector.look()
    assert died_in == [threading.main_thread().name] and kept


def test_by_itself_python_lets_things_die_in_any_thread() -> None:
    """The reason for all this: if it ever ends, the collector can go."""
    gc.collect()
    found: list[str] = []

    class Innocent:
        def __init__(self) -> None:
            self.me = self
            weakref.finalize(self, lambda: found.append(threading.current_thread().name))

    was = gc.isenabled()
    gc.enable()
    Innocent()
    kept = work_elsewhere()
    if not was:
        gc.disable()
    assert found == ["engine"] and kept


def test_it_looks_by_itself_and_python_does_again_afterwards(collector: Collector, qtbot: QtBot) -> None:
    died_in: list[str] = []
    Circle(died_in)
    kept = work_elsewhere()
    qtbot.waitUntil(lambda: bool(died_in), timeout=10_000)
    assert kept
    assert died_in == [threading.main_thread().name]
    collector.stop()
    assert gc.isenabled()
