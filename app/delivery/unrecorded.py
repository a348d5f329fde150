"""Accepted answers on their way to the disk while their senders go on: the disk's wait is not the line's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from types import TracebackType

from app.errors import RetryLater
from app.store import Store, Tx

Change = Callable[[Tx], None]


class Unrecorded:
    """At most `most` answers wait for the disk while requests go out; on leaving, all are on it.

    So a kill or a power cut lets go once more what was in flight and what was answered right before, at most `most`
    answers. Those that wait together share one commit. Safe to use from several threads.
    """

    def __init__(self, store: Store, stopping: threading.Event, most: int) -> None:
        self._store = store
        self._stopping = stopping
        self._most = most
        self._waiting: deque[tuple[Change, Future[None]]] = deque()
        self._lock = threading.Lock()

    def record(self, change: Change) -> None:
        """Write it soon; who finds too many waiting, waits for the oldest."""
        with self._lock:
            self._waiting.append((change, self._store.submit(change)))
        while len(self._waiting) > self._most:
            self._settle_oldest()

    def __enter__(self) -> Unrecorded:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with ExitStack() as every_one:
            for _one in tuple(self._waiting):
                every_one.callback(self._settle_oldest)

    def _settle_oldest(self) -> None:
        with self._lock:
            if not self._waiting:
                return
            change, written = self._waiting.popleft()
        try:
            written.result()
        except RetryLater:
            self._store.write_surely(change, self._stopping)
