"""One home without ports and workers, its clock moved by hand: the face as a command sees it while nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.catalogue.load import load_region, region_names
from app.domain.job import Event, Job
from app.engine.engine import Engine
from app.engine.settings import apply_answers
from app.store import answers, jobs
from app.system.paths import Home
from tests.builders import a_pdf, a_study, a_uid
from tests.intake.clinic import HandClock
from tests.journeys.inside import CLINIC, EXAM_VALUES, REPORT_VALUES, SETTLEMENT

REGION = next(name for name in region_names() if "sm4_key" in load_region(name).options.get("secrets", {}))
Json = dict[str, Any]


def answers_of(*names: str) -> Json:
    return {
        "clinic": CLINIC,
        "secrets": {"store": "file"},
        "destination": [
            {
                "name": name,
                "region": REGION,
                "base_url": "http://127.0.0.1:9/",
                "options": {
                    "dicom_host": "127.0.0.1",
                    "dicom_port": 9,
                    "dicom_ae_title": "X",
                    "demand_signature": False,
                },
                "secrets": {"sm4_key": "2a77be8ebc9c90cd25ccd1d31dce7a77"},
            }
            for name in names
        ],
    }


@dataclass
class Desk:
    engine: Engine
    clock: HandClock
    folder: Path
    events: list[Json] = field(default_factory=list)

    def receive(self, images: int = 2, *, complete: bool = True, **elements: Any) -> str:
        uid = str(elements.pop("study_uid", "") or a_uid())
        self.more(uid, images, **elements)
        if complete:
            self.engine.send_now(uid)
        return uid

    def more(self, uid: str, images: int = 1, **elements: Any) -> None:
        folder = self.folder / a_uid()
        a_study(folder, images=images, study_uid=uid, **elements)
        self.engine.import_paths([str(folder)])

    def fill(self, uid: str, **changes: str) -> Json:
        return self.engine.fill(uid, EXAM_VALUES | REPORT_VALUES | changes, [SETTLEMENT])

    def ready(self) -> str:
        uid = self.receive()
        self.fill(uid)
        self.engine.attach(uid, str(a_pdf(self.folder / f"{uid}.pdf")))
        return uid

    def key(self, uid: str) -> str:
        return self.engine.house.exam_key(uid)

    def state(self, uid: str) -> str:
        return str(self.engine.form(uid)["state"])

    def jobs(self, uid: str) -> list[Job]:
        return jobs.of_exam(self.engine.house.store.read(), self.key(uid))

    def platform_says(self, uid: str, event: Event, *parts: str) -> None:
        """What a worker would write down about the exam's queued jobs (of these parts; all without any)."""
        house, now = self.engine.house, self.clock.now()
        for job in self.jobs(uid):
            if job.state.value != "queued" or (parts and job.part.value not in parts):
                continue

            def change(tx: Any, job: Job = job) -> None:
                jobs.move(tx, job.id, Event.CLAIMED, now=now)
                if event is Event.ACKNOWLEDGED:
                    answers.write_receipt(tx, job, {}, now=now)
                    for ref in images_of(job):
                        answers.hold(tx, job, ref["sop_instance_uid"], ref["sha256"], now=now)
                jobs.move(tx, job.id, event, now=now, due_at=now if event is Event.POSTPONED else None)
                house.follow(tx, job.exam_key)

            house.store.write(change)

    def sent(self) -> str:
        uid = self.ready()
        self.engine.submit(uid)
        self.platform_says(uid, Event.ACKNOWLEDGED)
        return uid


def images_of(job: Job) -> list[Json]:
    refs = job.payload.get("images", [])
    assert isinstance(refs, list)
    return refs


@contextmanager
def a_desk(home: Home, folder: Path, *names: str) -> Iterator[Desk]:
    if names:
        apply_answers(answers_of(*names), home)
    clock = HandClock()
    clock.pass_(2 * 3600)  # half past eleven: after the invented report was signed off
    engine = Engine(home, clock=clock)
    desk = Desk(engine, clock, folder)
    engine.subscribe(desk.events.append)
    try:
        yield desk
    finally:
        engine.house.stopping.set()
        engine._life.reports.close(5.0)
        engine.house.close()
