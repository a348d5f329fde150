"""Records that go ahead of their report (登记后就传), where the clinic wants that, again with each step of the exam.

By itself goes only what nobody has to look at: the exam record when its stage moved (已开单 ... 已检查), or when it was
mended after the platform refused it, and its images. Everything else is a person's submission. An exam that was
cancelled, held or withdrawn stays.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from app.catalogue.stages import EXAM_STAGES, is_further
from app.delivery import submission
from app.delivery.freeze import Frozen, freeze
from app.delivery.record import Known, View, is_told_ahead
from app.delivery.target import Target
from app.domain.exam import ExamState
from app.domain.job import Job, JobState, Part
from app.engine.face import Json
from app.engine.house import House
from app.errors import AgentError, NeedsOperator
from app.store import Tx, exams, images, jobs

log = logging.getLogger("app.engine")
_OPEN = ("to_fill", "ready", "check", "held")
_LEFT = (JobState.CANCELLED, JobState.PAUSED, JobState.WITHDRAWN)
_REFUSED = (JobState.HELD, JobState.REJECTED)
_RESTS = timedelta(days=3)
"""After so long what no platform was told of an exam no longer goes by itself: the clinic may want it only now."""


class Ahead:
    """Hears which exams changed, on the writer's thread, and sends what is due of them when it is asked to."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._due: dict[str, None] = {}

    def begin(self) -> None:
        """All that waits for a person is looked at once: it may have been due when the program ended."""
        if self._targets():
            conn = self._house.store.read()
            self.look_at(
                row["exam_key"] for state in _OPEN for row in exams.listed(conn, states=(state,), limit=1000)[0]
            )

    def heard(self, event: Json) -> None:
        if event["event"] == "exam_refreshed":
            self.look_at([event["exam"]])

    def look_at(self, exam_keys: Iterable[str]) -> None:
        if self._targets():
            with self._lock:
                self._due.update(dict.fromkeys(exam_keys))

    def run(self) -> int:
        """Queue what is due; returns how many jobs that makes."""
        with self._lock:
            due, self._due = list(self._due), {}
        return sum(send_ahead(self._house, key) for key in due)

    def _targets(self) -> list[Target]:
        return [target for target in self._house.targets.values() if is_told_ahead(target)]


def send_ahead(house: House, exam_key: str) -> int:
    """Queue what may go ahead of this exam; returns how many jobs that makes."""
    now = house.clock.now()

    def change(tx: Tx) -> int:
        try:
            stored = house.known(exam_key, tx)
        except NeedsOperator:
            return 0  # joined to another exam meanwhile
        if stored.doubts or not stored.complete or stored.exam.state is ExamState.TEST:
            return 0
        counts: list[int] = []
        for view in house.views(stored, now=now):
            if is_told_ahead(view.target):
                trouble = tx.apart(lambda inner, view=view: counts.append(_queue(inner, stored, view, now)))  # type: ignore[misc]
                if trouble is not None and not isinstance(trouble, AgentError):
                    raise trouble
        if sum(counts):
            house.refresh_in(tx, exam_key)
        return sum(counts)

    try:
        return house.store.write(change)
    except AgentError as error:
        log.info("a record can't go ahead: %s", error.title)
        return 0


def _queue(tx: Tx, stored: Known, view: View, now: datetime) -> int:
    key, name = stored.exam.exam_key, view.target.name
    own = [job for job in jobs.newest(jobs.of_exam(tx.conn, key)) if job.destination == name]
    record = next((job for job in own if job.part is Part.EXAM), None)
    if record is not None and (record.withdraws or record.state in _LEFT):
        return 0
    if record is None and exams.touched_at(tx.conn, key) < now - _RESTS:
        return 0
    if view.exam_problems or any(value.doubt for value in view.exam.values()):
        return 0
    frozen = freeze(view, key, images.instances_of(tx.conn, key), stored.accessions)
    told = stored.reached.get(name, "")
    due = [
        each
        for each in frozen
        if (each.part is Part.IMAGES and _are_due(each, own, view))
        or (each.part is Part.EXAM and (is_further(view.stage, told) or _is_mended(each, record, stored)))
    ]
    return submission.submit(tx, key, due, name, now=now, ahead=True)


def _are_due(images_now: Frozen, own: Sequence[Job], view: View) -> bool:
    """Images that were refused or that somebody stopped are for a person."""
    last = next((job for job in own if job.part is Part.IMAGES), None)
    if last is not None and (last.digest == images_now.digest or last.state in (*_LEFT, *_REFUSED)):
        return False
    return view.stage == EXAM_STAGES[-1]


def _is_mended(record_now: Frozen, record: Job | None, stored: Known) -> bool:
    """Refused, and changed since; what a person submitted a person submits again."""
    if record is None or record.state is not JobState.HELD or stored.exam.submitted_at is not None:
        return False
    return record.digest != record_now.digest
