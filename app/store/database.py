"""The database of one home: one writer thread that groups transactions, and read-only connections for everyone else.

Durability: WAL with synchronous=FULL; a returned `write` is on the disk. Events go out only after the commit.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from app.errors import AgentError, NeedsOperator, RetryLater
from app.store import submissions
from app.store.schema import MIGRATIONS

log = logging.getLogger("app.store")
T = TypeVar("T")
Reader = sqlite3.Connection
Listener = Callable[[dict[str, Any]], None]
_MOST_PER_TRANSACTION = 200
_STOP = object()


class Tx:
    """One change inside the writer's transaction: SQL, and the events to tell once it is committed."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.conn = conn
        self.events: list[dict[str, Any]] = []

    def execute(self, sql: str, values: tuple[Any, ...] | dict[str, Any] = ()) -> sqlite3.Cursor:
        return self.conn.execute(sql, values)

    def tell(self, what: str, **ids: Any) -> None:
        """Announce a fact, in the past tense and with ids only, after the commit."""
        self.events.append({"event": what, **ids})

    def apart(self, change: Callable[[Tx], object]) -> Exception | None:
        """Run a change that may fail alone, and return why it did; the rest of the transaction stands."""
        return _in_savepoint(self, change)[1]


class Store:
    """Opens (and migrates) the database file. `close()` finishes what is queued."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listeners: list[Listener] = []
        self._local = threading.local()
        self._readers: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._readers_lock = threading.Lock()
        self._queue: queue.Queue[Any] = queue.Queue()
        self._closed = False
        writer = _open_writer(path)
        self._thread = threading.Thread(target=self._write_loop, args=(writer,), name="store-writer", daemon=True)
        self._thread.start()

    def write(self, change: Callable[[Tx], T]) -> T:
        """Run `change` in a transaction of the writer thread and return its result once it is on the disk.

        Raises what `change` raised (nothing of it is kept then), or RetryLater when the disk refuses.
        """
        return self.submit(change).result()

    def write_surely(self, change: Callable[[Tx], T], stopping: threading.Event) -> T:
        """As `write`, but a disk that refuses is asked again every second until it takes the change.

        For what a platform has already answered: forgetting it would send it twice. Raises RetryLater only when
        `stopping` is set meanwhile.
        """
        while True:
            try:
                return self.write(change)
            except RetryLater:
                if stopping.wait(1.0):
                    raise

    def submit(self, change: Callable[[Tx], T]) -> Future[T]:
        """As `write`, without waiting: the future is done after the commit."""
        if self._closed:
            raise RetryLater("程序正在退出", "下次启动接着做，数据没有丢")
        future: Future[T] = Future()
        self._queue.put((change, future))
        return future

    def read(self) -> sqlite3.Connection:
        """This thread's own read-only connection; rows are `sqlite3.Row`."""
        conn: sqlite3.Connection | None = getattr(self._local, "conn", None)
        if conn is None:
            conn = _connect(self.path)
            conn.execute("PRAGMA query_only = 1")
            self._local.conn = conn
            self._keep_reader(conn)
        return conn

    def _keep_reader(self, conn: sqlite3.Connection) -> None:
        """Threads come and go (one per association, one per caller): a dead one's connection is closed here."""
        with self._readers_lock:
            for thread, left in self._readers:
                if not thread.is_alive():
                    left.close()
            alive = [(thread, kept) for thread, kept in self._readers if thread.is_alive()]
            self._readers = [*alive, (threading.current_thread(), conn)]

    def rows(self, sql: str, values: tuple[Any, ...] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        return self.read().execute(sql, values).fetchall()

    def row(self, sql: str, values: tuple[Any, ...] | dict[str, Any] = ()) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.read().execute(sql, values).fetchone()
        return found

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """`listener` is called on the writer thread after each commit, once per event; it must not wait."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(_STOP)
        self._thread.join()
        with self._readers_lock:
            for thread, conn in self._readers:
                if thread is threading.current_thread() or not thread.is_alive():
                    conn.close()
            self._readers.clear()  # closing another thread's under its statement is a crash: it goes with the thread

    def _write_loop(self, conn: sqlite3.Connection) -> None:
        while True:
            first = self._queue.get()
            batch = [] if first is _STOP else [first]
            stopping = first is _STOP
            while not stopping and len(batch) < _MOST_PER_TRANSACTION:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                stopping = more is _STOP
                if not stopping:
                    batch.append(more)
            if batch:
                self._commit(conn, batch)
            if stopping:
                conn.close()
                return

    def _commit(self, conn: sqlite3.Connection, batch: list[tuple[Callable[[Tx], Any], Future[Any]]]) -> None:
        """All changes of `batch` in one transaction, each in its own savepoint: one that fails fails alone."""
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        tx = Tx(conn)
        try:
            conn.execute("BEGIN IMMEDIATE")
            for change, future in batch:
                answers.append((future, *_in_savepoint(tx, change)))
            conn.execute("COMMIT")
        except sqlite3.Error as error:
            _roll_back(conn)
            log.error("the disk refused a transaction: %s", error)
            refusal = disk_trouble(error)
            for _, future in batch:
                future.set_exception(refusal)
            return
        for future, result, trouble in answers:
            if trouble is None:
                future.set_result(result)
            else:
                future.set_exception(trouble)
        for event in tx.events:
            for listener in tuple(self._listeners):
                _tell(listener, event)


def _tell(listener: Listener, event: dict[str, Any]) -> None:
    try:
        listener(event)
    except Exception:  # a listener's bug must not end the only writer
        log.exception("a listener failed at %s", event["event"])


def _roll_back(conn: sqlite3.Connection) -> None:
    """SQLite itself may have rolled back already; where that fails too, the next BEGIN says so again."""
    with suppress(sqlite3.Error):
        if conn.in_transaction:
            conn.execute("ROLLBACK")


def disk_trouble(error: Exception) -> AgentError:
    """What a refused write means for a person."""
    if "full" in str(error) or "disk I/O" in str(error):
        return RetryLater("磁盘写不进去了", "请清理磁盘空间，程序会自动接着做，已收到的影像没有丢", details=str(error))
    return RetryLater("本机数据库暂时写不进去", "程序会自动再试，数据没有丢", details=str(error))


def _in_savepoint(tx: Tx, change: Callable[[Tx], Any]) -> tuple[Any, Exception | None]:
    told = len(tx.events)
    tx.execute("SAVEPOINT change")
    try:
        result = change(tx)
    except Exception as error:
        if not tx.conn.in_transaction:  # on a full disk SQLite gives up the whole transaction by itself
            raise sqlite3.OperationalError(str(error)) from error
        tx.execute("ROLLBACK TO change")
        tx.execute("RELEASE change")
        del tx.events[told:]
        if isinstance(error, sqlite3.OperationalError) and not _is_wrong_sql(error):
            return None, disk_trouble(error)
        return None, error
    tx.execute("RELEASE change")
    return result, None


def _is_wrong_sql(error: sqlite3.Error) -> bool:
    """A statement that can never succeed: waiting for the disk would wait for ever."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_ERROR


def _connect(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
    conn.row_factory = sqlite3.Row
    return conn


def _open_writer(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    conn = _connect(path)
    try:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
        MIGRATIONS.apply(conn)
        submissions.rebuild(conn)
    except sqlite3.DatabaseError as error:
        conn.close()
        raise NeedsOperator(
            "本机数据库打不开",
            f"请工程师查看 {path.name}，影像文件还在影像暂存区里，没有丢",
            details=str(error),
        ) from error
    return conn


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    """A store for one command while no engine runs."""
    store = Store(path)
    try:
        yield store
    finally:
        store.close()
