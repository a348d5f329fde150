"""A clinic with two destinations that speak the national naming, each a small platform of our own behind the wire.

The city's index takes records, images and PDFs one by one and deletes; the other fetches everything by address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from pydicom import dcmread

from app.delivery.converse import Courier
from app.delivery.worker import Workers
from app.domain.job import Job, JobState
from app.domain.settings import UploadSettings
from app.engine.settings import apply_answers
from app.errors import RetryLater
from app.store import jobs
from app.system.paths import Home
from app.wire.http_client import HttpClient, HttpReply
from tests.builders import a_pdf
from tests.engine.desk import Desk, a_desk
from tests.journeys.inside import CLINIC, EXAM_VALUES, REPORT_VALUES, SETTLEMENT

Json = dict[str, Any]
CITY, INDEX = "city", "index"
REGIONS = {CITY: "guizhou", INDEX: "guangyuan"}
OTHER_PERSON = "140105197003074014"
OWN = {
    "insurance_item_code": "012302010010000",
    "insurance_item_name": "胸部CT平扫",
    "exam_charge": "120.50",
    "settled_at": "2026-01-05 09:00:00",
    "last_audited_at": "2026-01-05 10:30:00",
    "positive_mark": "阴性",
}
_SETTINGS = UploadSettings(retry_first_seconds=5, retry_longest_seconds=300, workers=1)


class Killed(BaseException):
    """Nothing of the program runs after it."""


@dataclass
class Held:
    """What a platform has under one index code."""

    record: Json
    images: dict[str, str] = field(default_factory=dict)
    """SOP instance UID -> the total that came with it."""
    pdfs: list[str] = field(default_factory=list)
    ties: set[tuple[str, str, str]] = field(default_factory=set)
    """(studyUid and accessionNumber of the form, AccessionNumber in the file) of each image."""


@dataclass
class Platform:
    """Answers as the documents print it. `before` may raise, or change the world, before a request is looked at;
    `after` once it is done and before its answer is on the way; `refuses` says no to every record with these words.
    """

    held: dict[str, Held] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """The last part of each address, in order."""
    under: list[str] = field(default_factory=list)
    """The index code that each of them names."""
    down: bool = False
    refuses: str = ""
    script: dict[int, Any] = field(default_factory=dict)
    """Number of the request (from 0) -> what happens before it; `after` the same for the answer."""
    after: dict[int, Any] = field(default_factory=dict)

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: Any = b"", **_: Any) -> HttpReply:
        content = body if isinstance(body, bytes) else _whole(body)
        service, number = url.rpartition("/")[2], len(self.said)
        if self.down:
            raise RetryLater("连不上平台", "正在自动重试，您不用管")
        self.said.append(service)
        _happen(self.script.pop(number, None))
        answer = self._answer(service, headers, content)
        _happen(self.after.pop(number, None))
        return HttpReply(status=200, headers={}, body=json.dumps(answer).encode(), date=None, elapsed_seconds=0.0)

    def close(self) -> None: ...

    def _answer(self, service: str, headers: Mapping[str, str], content: bytes) -> Json:
        if "multipart" in headers.get("Content-Type", ""):
            return self._file(service, content)
        said = json.loads(content)
        (one,) = said["input"] if "input" in said else said["data"]
        self.under.append(one if isinstance(one, str) else one["hiImgIndx"])
        if service == "deleteExamRptImgIdxInfo":
            gone = self.held.pop(one, None)
            return _record_answer("1" if gone else "0", "成功" if gone else "索引不存在")
        if self.refuses:
            return _record_answer("0", self.refuses)
        code = one["hiImgIndx"]
        self.held[code] = Held(record=one) if code not in self.held else self.held[code]
        self.held[code].record = one
        return _record_answer("1", "保存数据成功")

    def _file(self, service: str, content: bytes) -> Json:
        fields = dict(re.findall(rb'name="(\w+)"\r\n\r\n([^\r]*)\r\n', content))
        code = fields[b"hiImgIndx"].decode()
        self.under.append(code)
        if code not in self.held:
            return {"code": 1, "message": "索引不存在"}
        name = re.search(rb'filename="([^"]+)"', content)
        assert name is not None
        if service == "saveImgFile":
            self.held[code].images[name[1].decode().removesuffix(".dcm")] = fields[b"imageTotalNum"].decode()
            _, _, file = content.partition(b"application/dicom\r\n\r\n")
            inside = dcmread(BytesIO(file), specific_tags=["AccessionNumber"]).AccessionNumber
            self.held[code].ties.add((fields[b"studyUid"].decode(), fields[b"accessionNumber"].decode(), inside))
        else:
            self.held[code].pdfs.append(name[1].decode())
        return {"code": 0, "message": "成功"}


def _record_answer(flag: str, words: str) -> Json:
    return {"code": 0, "message": "成功", "data": [{"hiImgIndx": None, "succFlag": flag, "message": words}]}


def _whole(body: Any) -> bytes:
    pieces = []
    while piece := body.read():
        pieces.append(piece)
    return b"".join(pieces)


def _happen(what: Any) -> None:
    if isinstance(what, BaseException):
        raise what
    if what is not None:
        what()


@dataclass
class Clinic:
    desk: Desk
    platforms: dict[str, Platform]

    @property
    def city(self) -> Platform:
        return self.platforms[CITY]

    @property
    def index(self) -> Platform:
        return self.platforms[INDEX]

    def ready(self, **changes: str) -> str:
        uid = self.desk.receive()
        self.fill(uid, **changes)
        self.desk.engine.attach(uid, str(a_pdf(self.desk.folder / f"{uid}.pdf")))
        return uid

    def fill(self, uid: str, **changes: str) -> Json:
        return self.desk.engine.fill(uid, EXAM_VALUES | REPORT_VALUES | OWN | changes, [SETTLEMENT])

    def submit(self, uid: str, destination: str = "") -> Json:
        return self.desk.engine.submit(uid, destination)

    def deliver(self, *names: str, pass_seconds: float = 0) -> None:
        """What the workers of these destinations (all) have to do now."""
        self.desk.clock.pass_(pass_seconds)
        for name in names or self.platforms:
            while self.workers(name).run_once():
                pass

    def workers(self, name: str) -> Workers:
        house = self.desk.engine.house
        target = house.targets[name]
        return Workers(
            house.store,
            target,
            Courier(house.store, target, self.desk.clock, house, house.stopping),
            self.desk.clock,
            _SETTINGS,
            paused=lambda: False,
            after=house.follow,
            jitter=lambda: 1.0,
            stopping=house.stopping,
        )

    def sent(self, **changes: str) -> str:
        uid = self.ready(**changes)
        self.submit(uid)
        self.deliver()
        assert self.state(uid) == "acknowledged"
        return uid

    def killed(self, name: str) -> None:
        """The power goes while a request is out; what the program does at its next start follows."""
        number = len(self.platforms[name].said)
        self.platforms[name].after.setdefault(number, Killed())
        with suppress(Killed):
            self.deliver(name)
        self.platforms[name].after.clear()
        house, now = self.desk.engine.house, self.desk.clock.now()
        house.store.write(lambda tx: [house.follow(tx, key) for key in jobs.interrupted(tx, now=now)])

    def state(self, uid: str) -> str:
        return self.desk.state(uid)

    def jobs(self, uid: str, destination: str) -> list[Job]:
        return [job for job in self.desk.jobs(uid) if job.destination == destination]

    def states(self, uid: str, destination: str) -> dict[str, JobState]:
        return {job.part.value: job.state for job in jobs.newest(self.jobs(uid, destination))}

    def timeline(self, uid: str) -> list[str]:
        lines = self.desk.engine.study(uid)["timeline"]
        return [" · ".join(part for part in (line["words"], line["detail"]) if part) for line in lines]


def connect(desk: Desk, platforms: Mapping[str, Platform]) -> Clinic:
    """The house of this moment with the platforms behind its wires."""
    for name, platform in platforms.items():
        if name in desk.engine.house.targets:
            target = desk.engine.house.targets[name]
            object.__setattr__(target, "http", cast(HttpClient, platform))
    return Clinic(desk, dict(platforms))


def answers_of(*names: str, options: Mapping[str, Json] | None = None) -> Json:
    return {
        "clinic": CLINIC,
        "secrets": {"store": "file"},
        "files": {"public_base_url": "http://127.0.0.1:8180"},
        "destination": [
            {
                "name": name,
                "region": REGIONS[name],
                "base_url": "http://127.0.0.1:9/",
                "options": (options or {}).get(name, {}),
                "secrets": {"key": "PRACTICE"},
            }
            for name in names
        ],
    }


@contextmanager
def a_clinic(home: Home, folder: Path, *names: str, **options: Json) -> Iterator[Clinic]:
    """`options` by destination."""
    apply_answers(answers_of(*(names or (CITY, INDEX)), options=options), home)
    with a_desk(home, folder) as desk:
        yield connect(desk, {name: Platform() for name in names or (CITY, INDEX)})
