"""A child process for what may crash: decoders written in C fall over some damaged images, and must not take us along.

The child is started at the first use and again after it died. Functions and values must be picklable.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

PATIENCE_SECONDS = 30.0


class ChildDied(Exception):
    """The child ended, or said nothing for too long; the next call has a new one."""


class Apart:
    """One call at a time; a call that comes meanwhile waits."""

    def __init__(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function` returns or raises, in the child. Raises ChildDied."""
        with self._lock:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
            try:
                return self._pool.submit(function, *arguments).result(self._patience_seconds)
            except (BrokenProcessPool, TimeoutError) as error:
                self._end(kill=True)
                raise ChildDied(type(error).__name__) from error

    def close(self) -> None:
        """Safe to call twice; a later call starts a child again."""
        with self._lock:
            self._end(kill=False)

    def _end(self, *, kill: bool) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if kill:
            for process in list((pool._processes or {}).values()):
                process.kill()
        pool.shutdown(wait=True, cancel_futures=True)
