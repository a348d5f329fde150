"""What changed in the engine, told to the pages: events of a foreign thread, merged and handed over on the main one."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer

from app.engine.face import Face

INTERVAL_MS = 150
STATUS, STUDIES, JOBS, DAYS, DEVICES, DOWNLOADS = "status", "studies", "jobs", "days", "devices", "downloads"
SIGNING, PLACES = "signing", "places"
"""Reports that wait for their doctors; what the destinations make possible."""
EVERYTHING = frozenset({STATUS, STUDIES, JOBS, DAYS, DEVICES, DOWNLOADS, SIGNING, PLACES})
SHOW, END = "show", "end"
"""A second start wants the window; a command wants the program to end."""
_KINDS = {
    "image_received": frozenset({STATUS, STUDIES}),
    "study_completed": frozenset({STATUS, STUDIES}),
    "study_held": frozenset({STATUS, STUDIES}),
    "exam_changed": frozenset({STATUS, STUDIES, JOBS}),
    "exam_refreshed": frozenset({STUDIES}),
    "job_changed": frozenset({STATUS, STUDIES, JOBS}),
    "job_progressed": frozenset({JOBS}),
    "day_reconciled": frozenset({STATUS, STUDIES, DAYS}),
    "file_set_aside": frozenset({STATUS}),
    "report_waits": frozenset({STATUS, STUDIES}),
    "caller_refused": frozenset({STATUS, DEVICES}),
    "device_quiet": frozenset({STATUS, DEVICES}),
    "device_changed": frozenset({STATUS, DEVICES}),
    "destination_changed": frozenset({STATUS, PLACES}),
    "his_imported": frozenset({STATUS, STUDIES}),
    "download_changed": frozenset({DOWNLOADS}),
    "signing_changed": frozenset({STATUS, SIGNING}),
    "theme_changed": frozenset({STATUS}),
    "paused": frozenset({STATUS}),
    "resumed": frozenset({STATUS}),
    "snoozed": frozenset({STATUS}),
    "show_window": frozenset({SHOW}),
    "quit_asked": frozenset({END}),
    "engine_stopped": EVERYTHING,
}


class News(QObject):
    """Calls `listener(kinds)` at most once in 150 ms, and only when something changed."""

    def __init__(self, face: Face, listener: Callable[[frozenset[str]], None]) -> None:
        super().__init__()
        self._listener = listener
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._unsubscribe = face.subscribe(self._events.put)
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self.deliver)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        self._unsubscribe()

    def deliver(self) -> None:
        """Merge what has come since (the timer's slot)."""
        kinds: frozenset[str] = frozenset()
        while not self._events.empty():
            kinds |= _KINDS.get(str(self._events.get().get("event")), EVERYTHING)
        if kinds:
            self._listener(kinds)
