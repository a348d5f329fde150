"""Ask the engine without waiting: calls run on a few daemon threads, answers arrive on the main thread."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer

from app.errors import AgentError, Bug
from app.gui.told import is_gone

Then = Callable[[Any], None]
OrElse = Callable[[AgentError], None]
_POLL_MS = 15
_TURN_SECONDS = 0.0005
"""How long another thread may keep the interpreter from the main one, which gives it up at every call into Qt."""


@dataclass(frozen=True, kw_only=True)
class _Question:
    call: Callable[[], Any]
    then: Then
    or_else: OrElse | None
    key: object


class Asker(QObject):
    """`or_else` of a question that has none is the asker's own (the window's banner)."""

    def __init__(self, or_else: OrElse, *, threads: int = 4) -> None:
        super().__init__()
        sys.setswitchinterval(_TURN_SECONDS)
        self.or_else = or_else
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._open = 0
        self._running: set[object] = set()
        self._next: dict[object, _Question] = {}
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"gui-ask-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self.deliver)

    def ask(self, call: Callable[[], Any], then: Then, or_else: OrElse | None = None, *, key: object = None) -> None:
        """Run `call` elsewhere, then `then(answer)` or `or_else(error)` here.

        Of questions with one `key` only one runs at a time and only the newest waits: the ones between are dropped.
        """
        if self._stopped:
            return
        question = _Question(call=call, then=then, or_else=or_else, key=key)
        if key is not None and key in self._running:
            self._next[key] = question
            return
        self._put(question)

    def idle(self) -> bool:
        return self._open == 0

    def stop(self, *, wait_seconds: float = 0.0) -> None:
        """No further answer is delivered. Threads that still wait for the engine end with the process."""
        self._stopped = True
        self._timer.stop()
        for _ in self._threads:
            self._questions.put(None)
        for thread in self._threads:
            thread.join(wait_seconds)

    def deliver(self) -> None:
        """Hand over the answers that have come (the timer's slot)."""
        while not self._stopped:
            try:
                answer = self._answers.get_nowait()
            except queue.Empty:
                break
            self._open -= 1
            answer()
        if self._open == 0:
            self._timer.stop()

    def _put(self, question: _Question) -> None:
        self._open += 1
        if question.key is not None:
            self._running.add(question.key)
        self._questions.put(question)
        self._timer.start()

    def _work(self) -> None:
        while (question := self._questions.get()) is not None:
            self._answers.put(self._answered(question))

    def _answered(self, question: _Question) -> Callable[[], None]:
        try:
            answer = question.call()
        except AgentError as error:
            fault = error
        except Exception as error:  # the one broad catch of these threads: a fault must reach the page
            fault = Bug(f"{type(error).__name__} in a call of the face")
        else:
            return lambda: self._close(question, question.then, answer)
        return lambda: self._close(question, question.or_else or self.or_else, fault)

    def _close(self, question: _Question, reply: Callable[[Any], None], said: Any) -> None:
        self._running.discard(question.key)
        following = self._next.pop(question.key, None) if question.key is not None else None
        if following is not None:
            self._put(following)
        if not is_gone(reply):
            reply(said)
