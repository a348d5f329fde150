"""What a stranger can cause at will is logged at once, then once a minute with how often: nobody fills the log."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

_AGAIN_SECONDS = 60.0
_MOST_KINDS = 200


class Seldom:
    """Safe to use from several threads."""

    def __init__(self, log: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}
        """Kind -> when it was logged, and how often it was left out since."""

    def info(self, words: str, *, kind: str = "") -> None:
        """`kind`: what happened, without anything that a stranger is free to choose; the words where those have none.

        Of one kind the first words stand for all that follow.
        """
        now, kind = self._clock(), kind or words
        with self._lock:
            at, left_out = self._said.get(kind, (now - _AGAIN_SECONDS, 0))
            if now - at < _AGAIN_SECONDS:
                self._said[kind] = at, left_out + 1
                return
            if len(self._said) >= _MOST_KINDS:
                self._said.clear()
            self._said[kind] = now, 0
        self._log.info("%s%s", words, f", and {left_out} times since the last line" if left_out else "")
