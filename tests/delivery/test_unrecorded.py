"""Answers on their way to the disk: the line does not wait for them, but only so many are ever at risk."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

import pytest

from app.delivery.unrecorded import Unrecorded
from app.errors import RetryLater
from app.store import Store, Tx, answers
from tests.store.samples import NOW


def noted(name: str) -> Any:
    return lambda tx: answers.note_destination(tx, name, now=NOW, ok=True)


def names(store: Store) -> set[str]:
    return set(answers.destinations(store.read()))


class SlowDisk:
    """Holds the store's writer until it is let go."""

    def __init__(self, store: Store) -> None:
        self.free, reached = threading.Event(), threading.Event()

        def hold(_: Tx) -> None:
            reached.set()
            assert self.free.wait(20)

        store.submit(hold)
        assert reached.wait(20)


def test_so_many_answers_wait_for_the_disk_and_no_more(store: Store) -> None:
    disk, recorded = SlowDisk(store), list[str]()

    def work() -> None:
        with Unrecorded(store, threading.Event(), most=3) as unrecorded:
            for name in "abcdef":
                unrecorded.record(noted(name))
                recorded.append(name)

    worker = threading.Thread(target=work)
    worker.start()
    while len(recorded) < 3:
        worker.join(0.01)
    worker.join(0.2)
    assert recorded == list("abc") and names(store) == set(), "the fourth waits with its sender"
    disk.free.set()
    worker.join(20)
    assert recorded == list("abcdef") and names(store) == set("abcdef"), "and on leaving all are written"


def test_what_an_error_interrupts_is_written_all_the_same(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), Unrecorded(store, threading.Event(), most=9) as unrecorded:
        unrecorded.record(noted("a"))
        raise ZeroDivisionError
    assert names(store) == {"a"}


def test_a_full_disk_is_waited_for(store: Store) -> None:
    refusals = [sqlite3.OperationalError("database or disk is full")]

    def change(tx: Tx) -> None:
        if refusals:
            raise refusals.pop()
        noted("a")(tx)

    with Unrecorded(store, threading.Event(), most=9) as unrecorded:
        unrecorded.record(change)
    assert names(store) == {"a"}


def test_a_full_disk_does_not_hold_up_the_end_of_the_program(store: Store) -> None:
    def change(tx: Tx) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    stopping = threading.Event()
    stopping.set()
    with pytest.raises(RetryLater), Unrecorded(store, stopping, most=9) as unrecorded:
        unrecorded.record(change)
        unrecorded.record(noted("a"))
    assert names(store) == {"a"}
