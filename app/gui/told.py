"""Our own signals: a widget tells its listeners. Used instead of Qt's, and only inside the main thread.

`SignalInstance.emit` of PySide6 6.12.0 gives its `True` away without counting the reference: on a Python whose `True`
can die (before 3.12) every emit brings the process nearer to a fatal error. Signals that Qt emits itself are sound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject
from shiboken6 import isValid


class Listeners:
    """What one widget tells: `connect` a function, `emit` calls each in turn. May itself be connected to a signal."""

    def __init__(self) -> None:
        self._listeners: list[Callable[..., object]] = []

    def connect(self, listener: Callable[..., object]) -> None:
        self._listeners.append(listener)

    def emit(self, *said: Any) -> None:
        for listener in list(self._listeners):
            if not is_gone(listener):
                listener(*said)

    __call__ = emit


def is_gone(listener: Callable[..., object]) -> bool:
    """A closed window's method: an answer that comes late finds nobody."""
    owner = getattr(listener, "__self__", None)
    return isinstance(owner, QObject) and not isValid(owner)


class Told:
    """Declares it in a class body, as Qt's `Signal` does: `chosen = Told()`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_told_{name}"

    def __get__(self, widget: Any, owner: type | None = None) -> Listeners:
        found = widget.__dict__.get(self._name)
        if not isinstance(found, Listeners):
            found = widget.__dict__[self._name] = Listeners()
        return found
