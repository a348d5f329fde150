"""A platform that is asked patient by patient, behind the wire of a real adapter: what it has and what it lists."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from app.catalogue.codes import load_codes
from app.delivery import submission
from app.delivery.converse import Courier
from app.delivery.gently import Gently
from app.delivery.reconcile import Reconciler
from app.delivery.target import Target
from app.delivery.verdict import Judge
from app.domain.job import Event, Job, JobState, Part
from app.domain.reconciliation import DayState
from app.domain.settings import UploadSettings
from app.errors import RetryLater
from app.store import Store, Tx, answers, days, exams, image_lists, jobs
from app.wire.http_client import HttpClient, HttpReply
from tests.delivery.stage import Files, an_http_reply
from tests.intake.clinic import HandClock
from tests.practice.guizhou_clinic import a_record
from tests.regions.national_samples import a_region, an_adapter
from tests.store.samples import NOW, jobs_in, put

DAY = date(2026, 11, 20)
AGAIN = 600.0
NIGHT = 24 * 3600.0
IMAGES = ("1.2.1", "1.2.2", "1.2.3")
ZHANG, LI = "110101197804050038", "11010119900307125X"
DEAD = RetryLater("连不上平台", "正在自动重试，您不用管")


@dataclass
class Province:
    """`has`: index -> number of its patient; `cache`: index -> UIDs at hand. `before(n)` runs before the nth question
    and may raise; `says` answers instead.
    """

    has: dict[str, str] = field(default_factory=dict)
    cache: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    before: Callable[[int], None] = lambda number: None
    says: Callable[[dict[str, Any]], Any] = lambda asked: None
    shown: Callable[[str], str] = lambda index: index

    def send(self, method: str, url: str, *, body: bytes = b"", **_: Any) -> HttpReply:
        asked = json.loads(body)["input"]
        self.asked.append(asked)
        self.before(len(self.asked))
        said = self.says(asked)
        return an_http_reply(said if said is not None else {"code": 0, "message": "成功", "data": self._data(asked)})

    def close(self) -> None: ...

    def _data(self, asked: Mapping[str, Any]) -> Any:
        if "certno" in asked:
            return [{"hiImgIdx": self.shown(index)} for index, who in self.has.items() if who == asked["certno"]]
        listed = [{"examUuid": "1.2", "snUuid": "1", "instUuid": uid} for uid in self.cache.get(asked["hiImgIndx"], ())]
        return {"hiImgIndx": asked["hiImgIndx"], "imgFileSnList": listed or None}

    def patients(self) -> list[str]:
        return [asked["certno"] for asked in self.asked if "certno" in asked]

    def lists(self) -> list[str]:
        return [asked["hiImgIndx"] for asked in self.asked if "hiImgIndx" in asked]


@dataclass
class Bureau:
    """One clinic and its province; the clock is moved by hand."""

    store: Store
    files: Files
    province: Province = field(default_factory=Province)
    clock: HandClock = field(default_factory=HandClock)
    stopping: threading.Event = field(default_factory=threading.Event)
    seconds_between: float = 0.0

    def __post_init__(self) -> None:
        region = a_region("guizhou")
        self.target = Target(
            name="main",
            title="影像云",
            base_url="http://192.0.2.1/",
            region=region,
            adapter=an_adapter("guizhou"),
            judge=Judge(load_codes("guizhou"), region.options["replies"]),
            http=cast(HttpClient, self.province),
        )
        self.gently = Gently(self.clock, self.seconds_between)

    def reconciler(self) -> Reconciler:
        def again(tx: Tx, exam_key: str) -> None:
            submission.resend(tx, exam_key, "main", event=Event.FOUND_MISSING, now=self.clock.now())

        return Reconciler(
            self.store,
            self.target,
            Courier(self.store, self.target, self.clock, self.files, self.stopping),
            self.clock,
            UploadSettings(reconcile_again_seconds=AGAIN),
            again,
            lambda tx, exam_key: None,
            self.gently,
        )

    def sent(self, key: str, number: str = ZHANG, images: tuple[str, ...] = IMAGES, report: bool = False) -> str:
        """An exam that the province took, with what it has of it now. Its index."""
        index = f"111-{number}-202611200930{len(self.province.has):02d}-{'0' * 13}-{'0' * 9}"
        self.store.write(lambda tx: exams._insert(tx, key, "", NOW))
        record = a_record(index, certno=number)
        parts = [Part.EXAM, *([Part.IMAGES] if images else []), *([Part.REPORT] if report else [])]
        for part in parts:
            id_ = put(self.store, part, exam=key, body={"exam": record} if part is Part.EXAM else {})
            self.store.write(
                lambda tx, id_=id_: tx.execute("UPDATE jobs SET index_code = ? WHERE id = ?", (index, id_))
            )  # type: ignore[misc]
        self.province.has[index] = number
        self.deliver(images)
        return index

    def deliver(self, images: tuple[str, ...] = IMAGES) -> None:
        """Whatever is queued is acknowledged, each image by itself."""
        for job in jobs_in(self.store, JobState.QUEUED):
            self.store.write(lambda tx, job=job: self._acknowledge(tx, job, images))  # type: ignore[misc]

    def _acknowledge(self, tx: Tx, job: Job, images: tuple[str, ...]) -> None:
        now = self.clock.now()
        jobs.move(tx, job.id, Event.CLAIMED, now=now)
        answers.write_receipt(tx, jobs.job(tx.conn, job.id), {}, now=now)
        for uid in images if job.part is Part.IMAGES else ():
            answers.hold(tx, job, uid, f"sha-{uid}", now=now)
        jobs.move(tx, job.id, Event.ACKNOWLEDGED, now=now)

    def ask(self, *, after: float = 0.0, everything: bool = False) -> DayState:
        """The number of questions starts anew."""
        self.clock.pass_(after)
        self.province.asked.clear()
        return self.reconciler().ask(DAY, everything=everything)

    def state(self, key: str, part: Part = Part.EXAM) -> JobState:
        return self.job(key, part).state

    def job(self, key: str, part: Part = Part.EXAM) -> Job:
        return next(job for job in reversed(jobs.of_exam(self.store.read(), key)) if job.part is part)

    def images(self, key: str) -> str:
        found = image_lists.standing(self.store.read(), "main", key)
        return found.state.value if found else ""

    def questions(self) -> list[dict[str, Any]]:
        return days.questions(self.store.read(), "main", DAY)

    def row(self) -> dict[str, Any]:
        row = days.day(self.store.read(), "main", DAY)
        assert row is not None
        return row
