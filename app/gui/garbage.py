"""Garbage in circles is collected by the main thread alone, as long as there are widgets.

Python looks for it in whichever thread happens to make one object too many, in the middle of what Qt does elsewhere.
Twice a whole program died in just that walk over its objects, in a thread of the engine. Here the walk has its own
time, between two events.
"""

from __future__ import annotations

import gc
import time

from PySide6.QtCore import QObject, QTimer

_LOOK_MS = 500
_WHOLE_SECONDS = 30.0
"""A look at everything takes a tenth of a second: not more often than that."""


class Collector(QObject):
    """From `start` to `stop`; the thread that made it does the work."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._whole_at = time.monotonic()

    def start(self) -> None:
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        gc.enable()

    def look(self) -> None:
        """Collect as Python would by itself: the young often, everything seldom."""
        young, middle, old = (
            count > limit > 0 for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True)
        )
        if old and time.monotonic() - self._whole_at > _WHOLE_SECONDS:
            gc.collect()
            self._whole_at = time.monotonic()
        elif middle:
            gc.collect(1)
        elif young:
            gc.collect(0)
