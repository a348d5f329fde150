"""`run --headless`: the engine at work without a window, one line per event, until it is told to stop."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from app.cli import say
from app.cli.out import Out
from app.engine.face import Json
from app.engine.reach import QUIT_ASKED, Home, hosted

SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")
_LOOK_SECONDS = 0.2


def run_headless(home: Home, out: Out) -> int:
    """Works until SIGINT, SIGTERM, ctrl-break or `quit`; the first line says it listens, the last that it ended."""
    events: queue.SimpleQueue[Json] = queue.SimpleQueue()
    with stop_signals() as stop:
        with hosted(home) as face:
            face.subscribe(events.put)
            events.put(_started(face.status()))
            while not stop.is_set():
                _tell_next(events, out, stop)
        while not events.empty():
            _tell_next(events, out, stop)
    return 0


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """The event that a signal to stop sets; a second signal does what it does without us."""
    stop = threading.Event()
    kinds = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    before = {kind: signal.getsignal(kind) for kind in kinds}

    def asked(kind: int, frame: FrameType | None) -> None:
        stop.set()
        for each, handler in before.items():
            signal.signal(each, handler)

    for kind in kinds:
        signal.signal(kind, asked)
    try:
        yield stop
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _started(status: Json) -> Json:
    dicom: dict[str, Any] = status["dicom"]
    return {
        "event": "engine_started",
        "home": status["home"],
        "ae_title": dicom["ae_title"],
        "dicom_port": dicom["port"],
        "dicom_listening": dicom["listening"],
        "set_up": status["set_up"],
    }


def _tell_next(events: queue.SimpleQueue[Json], out: Out, stop: threading.Event) -> None:
    try:
        event = events.get(timeout=_LOOK_SECONDS)
    except queue.Empty:
        return
    if event.get("event") == QUIT_ASKED:
        stop.set()
        return
    out.event(event, say.event(event))
