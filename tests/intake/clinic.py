"""A store, a spool and what takes things in, as the engine puts them together; and a clock that tests set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.study import Instance
from app.intake.incoming import Incoming
from app.intake.reports import Reports
from app.intake.spool import Spool
from app.intake.take import Taker
from app.store import Store, exams, files
from app.system.disk import sync_folder, synced_replace

PLENTY = 1 << 40


class HandClock:
    """Stands still until it is moved; both clocks move together unless told otherwise."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 5, 1, 30, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def pass_(self, seconds: float, *, wall: float | None = None) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds if wall is None else wall)


@dataclass
class Room:
    """The intake of one home. `free` is what the disk says it has left, `events` what the store told."""

    store: Store
    spool: Spool
    clock: HandClock
    taker: Taker
    reports: Reports
    incoming: Incoming
    free: list[int]
    events: list[dict[str, Any]] = field(default_factory=list)

    def images(self, study_uid: str = "") -> list[dict[str, Any]]:
        rows = self.store.rows("SELECT * FROM instances ORDER BY received_at")
        return [dict(row) for row in rows if study_uid in ("", row["study_instance_uid"])]

    def image(self, exam_key: str) -> list[Instance]:
        from app.store import images

        return images.instances_of(self.store.read(), exam_key)

    def aside(self) -> list[dict[str, Any]]:
        return files.aside(self.store.read())

    def exam_of(self, study_uid: str) -> str:
        return exams.of_study(self.store.read(), study_uid)[0]

    def told(self, what: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == what]


def make_room(root: Path) -> Room:
    store, clock, free = Store(root / "agent.db"), HandClock(), [PLENTY]
    spool = Spool(
        root / "spool",
        root / "parts",
        synced_replace=synced_replace,
        sync_folder=sync_folder,
        free_bytes=lambda folder: free[0],
        least_free_bytes=1000,
    )
    taker, reports = Taker(store, spool, clock), Reports(store, spool, clock)
    room = Room(
        store=store,
        spool=spool,
        clock=clock,
        taker=taker,
        reports=reports,
        incoming=Incoming(store, taker, reports, clock),
        free=free,
    )
    store.subscribe(room.events.append)
    return room


@contextmanager
def a_room(root: Path) -> Iterator[Room]:
    room = make_room(root)
    try:
        yield room
    finally:
        room.store.close()


def wait_until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so"
        pause.wait(0.02)
