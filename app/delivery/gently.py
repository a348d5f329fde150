"""Asking a platform gently: one question about days at a time, and a rest between two requests."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from app.domain.times import Clock
from app.errors import RetryLater
from app.regions.conversation import Reply, Request

R = TypeVar("R")
_LOOK_SECONDS = 0.2


class Gently:
    """Of one destination, for all who ask it about days; `seconds` lie between two requests at least."""

    def __init__(self, clock: Clock, seconds: float = 0.0) -> None:
        self._clock, self._seconds = clock, seconds
        self._alone = threading.Lock()
        self._rests_until = float("-inf")

    @contextmanager
    def alone(self, stopping: threading.Event, *, waits: bool) -> Iterator[None]:
        """Nobody else asks meanwhile. Raises `RetryLater` where somebody does: at once, or with `waits` at the end."""
        while not self._alone.acquire(timeout=_LOOK_SECONDS):
            if stopping.is_set() or not waits:
                raise RetryLater("正在向平台对账", "问完会自己显示出来，不用再点")
        try:
            yield
        finally:
            self._alone.release()

    def paced(
        self, conversation: Generator[Request, Reply, R], stopping: threading.Event
    ) -> Generator[Request, Reply, R]:
        """The same conversation, each request of it not too soon after the one before; a stop ends the rest at once."""
        reply: Reply | None = None
        try:
            while True:
                request = next(conversation) if reply is None else conversation.send(reply)
                stopping.wait(max(0.0, self._rests_until - self._clock.monotonic()))
                self._rests_until = self._clock.monotonic() + self._seconds
                reply = yield request
        except StopIteration as end:
            result: R = end.value
            return result
        finally:
            conversation.close()
