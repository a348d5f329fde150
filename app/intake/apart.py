"""A child process for what may crash: decoders written in C fall over some damaged images, and must not take us along.

The child is started at the first use and again after it died. Functions and values must be picklable.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

PATIENCE_SECONDS = 30.0
_CLOSE_SECONDS = 1.0


class ChildDied(Exception):
    """The child ended, or said nothing for too long; the next call has a new one."""


class ChildSlow(ChildDied):
    """It said nothing for too long: a busy machine may be why, and another time may do."""


class Apart:
    """One call at a time; a call that comes meanwhile waits."""

    def __init__(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function` returns or raises, in the child. Raises ChildDied, ChildSlow."""
        with self._lock:
            try:
                return self._started().submit(function, *arguments).result(self._patience_seconds)
            except TimeoutError as error:
                self._end(kill=True)
                raise ChildSlow(type(error).__name__) from error
            except BrokenProcessPool as error:
                self._end(kill=True)
                raise ChildDied(type(error).__name__) from error

    def warm(self, function: Callable[[], Any]) -> None:
        """Have a child at hand that has run `function` once; does not wait for it, nor while it is busy."""
        if self._lock.acquire(blocking=False):
            try:
                if self._pool is None:
                    self._started().submit(function)
            finally:
                self._lock.release()

    def close(self) -> None:
        """Within about a second, whatever the child does. Safe to call twice; a later call starts a child again."""
        if not self._lock.acquire(timeout=_CLOSE_SECONDS):
            self._kill()
            self._lock.acquire()
        try:
            self._end(kill=False)
        finally:
            self._lock.release()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = _new_pool()
        return self._pool

    def _end(self, *, kill: bool) -> None:
        if kill:
            self._kill()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _kill(self) -> None:
        pool = self._pool
        for process in list((pool._processes or {}).values()) if pool is not None else ():
            process.kill()


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """In the child: it outlives neither a parent that was killed nor a Ctrl+C that was meant for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(0)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
