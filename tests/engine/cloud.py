"""A platform with other hospitals' exams behind a destination's own line: invented patients, no network."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.catalogue.load import load_region, region_names
from app.engine.engine import Engine
from app.engine.settings import apply_answers
from app.system.paths import Home
from app.wire.http_client import HttpReply
from tests.builders import a_study, a_uid
from tests.intake.clinic import HandClock
from tests.journeys.inside import CLINIC

Json = dict[str, Any]
REGION = next(name for name in region_names() if "history" in load_region(name).options.get("answers", {}))
PATIENT = "520102196310024321"
INDEX = f"111-{PATIENT}-20251108094210-0000000000000-000000000"


@dataclass
class Cloud:
    """Answers the three questions of retrieval. `dead`: raised instead; `before(step)`: when a question has come."""

    exams: list[Json] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    listed: list[Json] = field(default_factory=list)
    asked: list[Json] = field(default_factory=list)
    dead: Exception | None = None
    says: Json | None = None
    before: Callable[[str], None] = lambda step: None
    gate: threading.Semaphore | None = None
    """When set, each image waits until it is let through."""

    def offer(self, folder: Path, images: int = 4, series: int = 2) -> None:
        """One exam of another hospital with these images."""
        study = a_uid()
        for path in a_study(folder, images=images, series=series, study_uid=study, name="李某芳"):
            content = path.read_bytes()
            self.files.append(content)
            self.listed.append(_uids(content))
        self.exams.append(an_exam())

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"", **more: Any
    ) -> HttpReply:
        asked = json.loads(body)
        given = asked["input"]
        step = given.get("serviceName", "history")
        self.asked.append(asked | {"step": step})
        self.before(step)
        if self.gate is not None and step == "queryImgCahe":
            assert self.gate.acquire(timeout=20)
        if self.dead is not None:
            raise self.dead
        answer = self.says if self.says is not None else {"code": 0, "message": "成功", "data": self._data(step, given)}
        content = json.dumps(answer, ensure_ascii=False).encode()
        return HttpReply(status=200, headers={}, body=content, date=None, elapsed_seconds=0.0)

    def _data(self, step: str, given: Json) -> Any:
        if step == "history":
            return self.exams
        if step == "queryImgCaheFileSn":
            return {"hiImgIndx": given["hiImgIndx"], "imgFileSnList": self.listed or None, "fileContent": None}
        wanted = self.listed.index(given["imgFileSn"])
        return {"hiImgIndx": given["hiImgIndx"], "fileContent": base64.b64encode(self.files[wanted]).decode()}

    def steps(self) -> list[str]:
        return [asked["step"] for asked in self.asked]

    def images_asked(self) -> list[str]:
        return [one["input"]["imgFileSn"]["instUuid"] for one in self.asked if one["step"] == "queryImgCahe"]


def an_exam(index: str = INDEX, **more: Any) -> Json:
    return {
        "hiImgIdx": index,
        "psnName": "李*芳",
        "psnCertType": "111",
        "certno": "520102********4321",
        "examDate": "2025-11-08",
        "examPart": "BW23ZYZZZ",
        "fixmedinsCode": "H52010200318",
        "fixmedinsName": "河东中医院",
        "examRptLinkUrl": "http://192.0.2.9/report/1",
        "imgInfoLinkUrl": "https://192.0.2.9/images/1",
        "imgDldLink": "http://192.0.2.9/mie/api/mie/queryImgCaheFIndex",
    } | more


def _uids(content: bytes) -> Json:
    from app.intake.header import read_header

    about = read_header(content, whole=True)
    return {
        "examUuid": about.study_instance_uid,
        "snUuid": about.series_instance_uid,
        "instUuid": about.sop_instance_uid,
    }


def set_up(home: Home) -> None:
    apply_answers(
        {
            "clinic": CLINIC,
            "secrets": {"store": "file"},
            "destination": [
                {"name": "main", "region": REGION, "base_url": "http://192.0.2.9/", "secrets": {"key": "K1"}}
            ],
        },
        home,
    )


def an_engine(home: Home, cloud: Cloud, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """As a command has it: no ports, no workers but those that a download needs."""
    engine = Engine(home, clock=clock, jitter=lambda: 1.0)
    monkeypatch.setattr(engine.house.targets["main"].http, "send", cloud.send)
    return engine
