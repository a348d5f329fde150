"""The writer thread: groups, fails alone, tells after the commit; readers only read."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from app.errors import AgentError, NeedsOperator, RetryLater
from app.store import Store, Tx, files
from app.store.database import disk_trouble


def name_it(name: str, value: str = "1") -> Any:
    return lambda tx: files.set_fact(tx, name, value)


def held_up(store: Store) -> tuple[threading.Event, Future[None]]:
    """The writer stands still inside a change until the event is set: what is queued meanwhile is one group."""
    go_on = threading.Event()
    started = threading.Event()

    def wait(tx: Tx) -> None:
        started.set()
        assert go_on.wait(10)

    future = store.submit(wait)
    assert started.wait(10)
    return go_on, future


def facts(store: Store) -> dict[str, str]:
    return {row["name"]: row["value"] for row in store.rows("SELECT name, value FROM facts")}


def test_a_write_returns_its_result_and_is_there_for_another_program(store: Store) -> None:
    def change(tx: Tx) -> int:
        files.set_fact(tx, "a", "1")
        return 7

    assert store.write(change) == 7
    other = sqlite3.connect(store.path)
    assert other.execute("SELECT value FROM facts").fetchone() == ("1",)
    other.close()


def test_the_disk_is_asked_to_keep_every_commit(store: Store) -> None:
    modes = store.write(
        lambda tx: [tx.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert modes == ["wal", 2]


def test_waiting_changes_share_one_commit(store: Store) -> None:
    commits: list[str] = []
    store.write(lambda tx: tx.conn.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None))
    go_on, first = held_up(store)
    futures = [store.submit(name_it(f"n{number}")) for number in range(50)]
    commits.clear()
    go_on.set()
    for future in [first, *futures]:
        future.result(10)
    store.write(lambda tx: tx.conn.set_trace_callback(None))
    assert len(facts(store)) == 50
    assert len(commits) == 2, "the one held up, then the fifty"


def test_of_a_group_the_failing_change_fails_alone(store: Store) -> None:
    def half(tx: Tx) -> None:
        files.set_fact(tx, "half", "1")
        tx.tell("half_done")
        raise NeedsOperator("不行", "再试")

    heard: list[str] = []
    store.subscribe(lambda event: heard.append(event["event"]))
    go_on, _ = held_up(store)
    before, failing, after = store.submit(name_it("a")), store.submit(half), store.submit(name_it("b"))
    go_on.set()
    before.result(10)
    after.result(10)
    with pytest.raises(NeedsOperator):
        failing.result(10)
    assert set(facts(store)) == {"a", "b"}
    assert heard == [], "nothing is told of what was not kept"


def test_events_go_out_after_the_commit_in_their_order(store: Store) -> None:
    heard: list[tuple[str, str]] = []

    def listen(event: dict[str, Any]) -> None:
        seen = sqlite3.connect(store.path)
        heard.append((event["event"], str(seen.execute("SELECT count(*) FROM facts").fetchone()[0])))
        seen.close()

    def change(tx: Tx) -> None:
        tx.tell("first")
        files.set_fact(tx, "a", "1")
        tx.tell("second")

    store.subscribe(listen)
    store.write(change)
    store.write(lambda tx: None)
    assert heard == [("first", "1"), ("second", "1")]


def test_who_no_longer_listens_hears_nothing(store: Store) -> None:
    heard: list[Any] = []
    stop = store.subscribe(heard.append)
    stop()
    store.write(lambda tx: tx.tell("something"))
    store.write(lambda tx: None)
    assert heard == []


@pytest.mark.warns
def test_a_listener_that_fails_does_not_end_the_writer(store: Store) -> None:
    def fails(event: dict[str, Any]) -> None:
        raise RuntimeError("a page was closed")

    heard: list[str] = []
    store.subscribe(fails)
    store.subscribe(lambda event: heard.append(event["event"]))
    store.write(lambda tx: tx.tell("first"))
    assert store.submit(name_it("a")).result(5) is None
    assert heard == ["first"]


def test_a_reader_can_not_write(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.read().execute("INSERT INTO facts VALUES ('a', '1')")


def test_readers_of_threads_that_ended_are_closed(store: Store) -> None:
    def look() -> None:
        store.rows("SELECT 1")

    for _ in range(20):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert len(store._readers) <= 2


def test_a_change_apart_fails_alone_within_its_transaction(store: Store) -> None:
    def bad(tx: Tx) -> None:
        files.set_fact(tx, "inner", "1")
        raise KeyError("no such field")

    def change(tx: Tx) -> str:
        files.set_fact(tx, "outer", "1")
        return type(tx.apart(bad)).__name__

    assert store.write(change) == "KeyError"
    assert set(facts(store)) == {"outer"}


class Full(Store):
    """A disk that is full for the first `refusals` transactions."""

    def __init__(self, path: Path, refusals: int) -> None:
        super().__init__(path)
        self.refusals = refusals

    def write(self, change: Any) -> Any:
        def on_a_full_disk(tx: Tx) -> Any:
            if self.refusals > 0:
                self.refusals -= 1
                raise sqlite3.OperationalError("database or disk is full")
            return change(tx)

        return super().write(on_a_full_disk)


class NoWait(threading.Event):
    """An event that nobody sets, and whose waits are counted instead of waited."""

    def __init__(self, ends_after: int = 1000) -> None:
        super().__init__()
        self.waits = 0
        self._ends_after = ends_after

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return self.waits >= self._ends_after


def test_a_full_disk_is_told_in_chinese_and_loses_only_that_change(tmp_path: Path) -> None:
    store = Full(tmp_path / "agent.db", refusals=1)
    with pytest.raises(RetryLater, match="磁盘写不进去了"):
        store.write(name_it("a"))
    store.write(name_it("b"))
    assert set(facts(store)) == {"b"}
    store.close()


def test_what_a_platform_answered_is_written_as_soon_as_the_disk_takes_it(tmp_path: Path) -> None:
    store, stopping = Full(tmp_path / "agent.db", refusals=3), NoWait()
    store.write_surely(name_it("answer"), stopping)
    assert (stopping.waits, set(facts(store))) == (3, {"answer"})
    store.close()


def test_a_stop_ends_the_wait_for_a_full_disk(tmp_path: Path) -> None:
    store, stopping = Full(tmp_path / "agent.db", refusals=100), NoWait(ends_after=2)
    with pytest.raises(RetryLater):
        store.write_surely(name_it("answer"), stopping)
    assert facts(store) == {}
    store.close()


def test_a_wrong_statement_is_not_taken_for_a_full_disk(store: Store) -> None:
    stopping = NoWait()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        store.write_surely(lambda tx: tx.execute("UPDATE nowhere SET a = 1"), stopping)
    assert stopping.waits == 0


@pytest.mark.warns
def test_a_commit_that_the_disk_refuses_keeps_nothing_and_tells_everybody(store: Store) -> None:
    heard: list[Any] = []
    store.subscribe(heard.append)
    limit = store.write(lambda tx: tx.execute("PRAGMA page_count").fetchone()[0])
    store.write(lambda tx: tx.execute(f"PRAGMA max_page_count = {limit}").fetchone())

    def too_big(tx: Tx) -> None:
        tx.tell("written")
        for number in range(200):
            files.set_fact(tx, f"n{number}", "x" * 4000)

    with pytest.raises(RetryLater, match="磁盘"):
        store.write(too_big)
    store.write(lambda tx: tx.execute(f"PRAGMA max_page_count = {limit + 10000}").fetchone())
    store.write(name_it("after"))
    assert set(facts(store)) == {"after"}
    assert heard == []


def test_after_close_a_write_says_that_the_program_ends(tmp_path: Path) -> None:
    store = Store(tmp_path / "agent.db")
    store.write(name_it("a"))
    store.close()
    store.close()
    with pytest.raises(RetryLater, match="正在退出"):
        store.write(name_it("b"))


def test_close_finishes_what_is_queued(tmp_path: Path) -> None:
    store = Store(tmp_path / "agent.db")
    go_on, _ = held_up(store)
    futures = [store.submit(name_it(f"n{number}")) for number in range(300)]
    threading.Timer(0.05, go_on.set).start()
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)


def test_a_statement_that_another_thread_is_at_when_it_closes_comes_to_its_end(tmp_path: Path) -> None:
    store = Store(tmp_path / "agent.db")
    counting, answers = threading.Event(), Future[int]()

    def count() -> None:
        rows = store.read().execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
        counting.set()
        answers.set_result(sum(1 for _ in zip(range(200_000), rows, strict=False)))

    reader = threading.Thread(target=count)
    reader.start()
    assert counting.wait(10)
    store.close()
    reader.join()
    assert answers.result(10) == 200_000


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    path.write_bytes(b"not a database at all, but something of the clinic" * 100)
    before = path.read_bytes()
    with pytest.raises(NeedsOperator, match="打不开"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("database or disk is full", "磁盘写不进去了"),
        ("disk I/O error", "磁盘写不进去了"),
        ("database is locked", "本机"),
    ],
)
def test_every_refusal_of_the_disk_is_one_that_heals_by_itself(words: str, title: str) -> None:
    trouble = disk_trouble(sqlite3.OperationalError(words))
    assert isinstance(trouble, RetryLater | AgentError) and title in trouble.title and trouble.advice
