"""An agent inside the test's own process against a practice platform in a child: quick, and its clock can be moved.

What a test asks of the program it asks of the public face; the house behind it only for what a face does not tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.engine.engine import Engine
from app.system.paths import Home
from app.wire.http_client import HttpClient
from tests.builders import a_dicom_file, a_pdf, a_study, a_uid
from tests.practice.clinic import SAMPLE_KEY, PracticeProcess
from tests.practice.conftest import USUAL
from tests.wire.peers import free_port

T = TypeVar("T")
Json = dict[str, Any]
EXAM_DAY = "2026-01-05"
"""The day of every study that `a_study` makes."""
DONE = ("acknowledged", "reconciled")
CLINIC = {
    "name": "太原市小店区平安诊所",
    "uscc": "52140000MJ00000075",
    "fixmedins_code": "H14010500123",
    "fixmedins_name": "太原市小店区平安诊所",
    "admdvs": "140105",
    "level": "14",
}
EXAM_VALUES = {
    "id_number": "140105198002142016",
    "phone": "13800138000",
    "hospital_item_code": "CT001",
    "hospital_item_name": "胸部CT平扫",
    "mutual_item_code": "CT030012506",
    "body_part": "胸部",
    "body_part_code": "BW23ZYZZZ",
    "diagnosis_category_code": "J18",
    "diagnosis_category_name": "肺炎",
    "diagnosis_code": "J18.900",
    "diagnosis_name": "肺炎",
    "exam_dept_name": "放射科",
    "exam_doctor_name": "王强",
    "exam_doctor_industry_code": "D140105000001",
    "apply_doctor_industry_code": "D140105000002",
    "recognition_mark": "晋HR",
    "charge_type": "07",
    "patient_source": "1",
    "outpatient_number": "M0001",
}
REPORT_VALUES = {
    "findings": "双肺纹理清晰，未见实变。",
    "conclusion": "胸部CT平扫未见明显异常。",
    "positive_mark": "2",
    "report_doctor_name": "李明",
    "audit_doctor_name": "刘慧",
    "reported_at": f"{EXAM_DAY} 10:00:00",
    "audited_at": f"{EXAM_DAY} 10:20:00",
}
_REPORT_TIMES = {"reported_at": "10:00:00", "audited_at": "10:20:00"}
SETTLEMENT = {
    "settlement_id": "0" * 20,
    "fee_detail_number": "0" * 18,
    "catalogue_code": "002101000010000",
}


class MovableClock:
    """The machine's clock, moved by `offset`; the monotonic one runs on undisturbed."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture(scope="module")
def platform_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeProcess]:
    process = PracticeProcess(tmp_path_factory.mktemp("platform"), "--no-signature")
    yield process
    assert process.stop() == 0


@pytest.fixture
def platform(platform_process: PracticeProcess) -> Iterator[PracticeProcess]:
    """The practice platform of this file, its demands the usual ones and no fault ordered."""
    yield platform_process
    platform_process.ask("DELETE", "/practice/fault")
    platform_process.control("options", **USUAL | {"demand_signature": False, "ae_title": "SXCLOUD"})
    platform_process.control("clock", offset_seconds=0)
    platform_process.control("rekey", sm4_key=SAMPLE_KEY)


@pytest.fixture
def agent(platform: PracticeProcess, home: Home, tmp_path: Path) -> Iterator[Agent]:
    """A running agent, set up for the platform."""
    with an_agent(platform, home, tmp_path) as running:
        yield running


@contextmanager
def an_agent(
    platform: PracticeProcess,
    home: Home,
    tmp_path: Path,
    *,
    http_seconds: float = 0.0,
    start: bool = True,
    **changes: Any,
) -> Iterator[Agent]:
    """`http_seconds`: the longest silence it bears. `changes`: further sections of the answers of its setup."""
    agent = Agent(platform, home, tmp_path, changes)
    if http_seconds:
        agent.shorten_patience(http_seconds)
    if start:
        agent.start()
    try:
        yield agent
    finally:
        agent.engine.stop()


class Agent:
    """One clinic's program. Methods are what a technician does, and what a page shows."""

    def __init__(self, platform: PracticeProcess, home: Home, tmp_path: Path, changes: Json) -> None:
        self.platform = platform
        self.home = home
        self.clock = MovableClock()
        self._tmp = tmp_path
        self.changes = changes
        self.events: list[Json] = []
        self.engine = self._new_engine()
        self.engine.setup(self.answers())

    def _new_engine(self) -> Engine:
        engine = Engine(self.home, clock=self.clock, jitter=lambda: 1.0)
        engine.subscribe(self.events.append)
        return engine

    def start(self) -> None:
        """Start, and wait until the nightly questions of the last night are over: they would mix with a test's own."""
        self.engine.start()
        told = "SELECT 1 FROM facts WHERE name = 'reconciled-night-main'"
        self.until(lambda: "main" not in self.engine.house.targets or self.engine.house.store.row(told))

    def restart(self) -> None:
        """The program ends and is started again in the same home."""
        self.engine.stop()
        self.engine = self._new_engine()
        self.engine.start()

    def platform_goes_down(self, seconds: float) -> None:
        """The platform refuses every connection for so long; returns when it does."""
        self.platform.control("down", seconds=seconds)
        self.until(self._platform_refuses)

    def platform_answers(self) -> bool:
        try:
            return self.platform.ask("GET", "/practice/options").status == 200
        except (OSError, HTTPException):  # also cut within an answer
            return False

    def _platform_refuses(self) -> bool:
        try:
            self.platform.ask("GET", "/practice/options")
        except ConnectionRefusedError:
            return True
        except (OSError, HTTPException):  # cut within an answer: on its way down, its door is still open
            return False
        return False

    def advance(self, seconds: float) -> None:
        """Time goes by, for the agent and for the platform alike."""
        self.clock.offset += timedelta(seconds=seconds)
        self.platform.control("clock", offset_seconds=self.clock.offset.total_seconds())

    def answers(self, *, key: str = SAMPLE_KEY, options: Json | None = None) -> Json:
        """What a setup is told: quick retries, everything else as a clinic would have it."""
        more = self.changes.get("options", {}) | (options or {})
        return {
            "clinic": CLINIC,
            "intake": {"quiet_seconds": 0.2},
            "dicom": {"port": free_port(), "bind": "127.0.0.1"},
            "secrets": {"store": "file"},
            "upload": {
                "retry_first_seconds": 0.1,
                "retry_longest_seconds": 1.0,
                "reconcile_again_seconds": 600.0,
                **self.changes.get("upload", {}),
            },
            **{name: self.changes[name] for name in ("files", "query") if name in self.changes},
            "destination": [
                {
                    "name": "main",
                    "region": "shanxi",
                    "base_url": self.changes.get("base_url", self.platform.line["base_url"]),
                    "options": {
                        "dicom_host": "127.0.0.1",
                        "dicom_port": self.changes.get("dicom_port", self.platform.dicom_port),
                        "dicom_ae_title": "SXCLOUD",
                        "demand_signature": False,
                        **more,
                    },
                    "secrets": {"sm4_key": key},
                }
            ],
        }

    def shorten_patience(self, http_seconds: float) -> None:
        targets = self.engine.house.targets
        patient = targets["main"]
        targets["main"] = replace(
            patient, http=HttpClient(name=patient.title, connect_seconds=http_seconds, read_seconds=http_seconds)
        )

    # -- what a technician does ---------------------------------------------------------------------------------------

    def receive(self, images: int = 2, **elements: Any) -> str:
        """Images of one study come in and are complete; returns the study's UID."""
        uid = str(elements.pop("study_uid", "") or a_uid())
        folder = self._tmp / f"in-{uid}"
        a_study(folder, images=images, study_uid=uid, **elements)
        self.engine.import_paths([str(folder)])
        self.engine.send_now(uid)
        return uid

    def ready(self, images: int = 2, **elements: Any) -> str:
        """A received study, its form filled and its report attached."""
        uid = self.receive(images, **elements)
        self.make_ready(uid, elements.get("study_date", "20260105"))
        return uid

    def make_ready(self, uid: str, study_date: str = "20260105") -> None:
        """Fill the form of a study of that day and attach its report."""
        day = f"{study_date[:4]}-{study_date[4:6]}-{study_date[6:]}"
        times = {key: f"{day} {at}" for key, at in _REPORT_TIMES.items()}
        self.engine.fill(uid, EXAM_VALUES | REPORT_VALUES | times, [SETTLEMENT])
        form = self.engine.attach(uid, str(self.pdf()))
        assert form["ready"], (form["ready_why_not"], form["problems"])

    def sent(self, images: int = 2, **elements: Any) -> str:
        """A study that the platform has acknowledged."""
        uid = self.ready(images, **elements)
        self.engine.submit(uid)
        self.until_done(uid)
        return uid

    def pdf(self, text: str = "REPORT") -> Path:
        return a_pdf(self._tmp / f"{text}.pdf", text=text)

    # -- what a page shows --------------------------------------------------------------------------------------------

    def key(self, uid: str) -> str:
        return str(self.listed(uid)["exam_key"])

    def state(self, uid: str) -> str:
        return str(self.listed(uid)["state"])

    def listed(self, uid: str) -> Json:
        """The exam's line in the list."""
        return dict(self.engine.studies(text=uid)["studies"][0])

    def jobs(self, uid: str) -> dict[str, Json]:
        """part -> its newest job."""
        return {job["part"]: job for job in self.engine.study(uid)["jobs"]}

    def job(self, uid: str, part: str) -> Json:
        return self.jobs(uid)[part]

    def until_done(self, uid: str, *, seconds: float = 20.0) -> None:
        """Wait until everything of the exam is confirmed, in the list and job by job."""

        def done() -> bool:
            own = self.jobs(uid).values() if self.state(uid) in DONE else ()
            return bool(own) and all(job["state"] in DONE for job in own)

        self.until(done, seconds=seconds, what=lambda: self._told(uid))

    def until_state(self, uid: str, state: str, *, seconds: float = 20.0) -> None:
        self.until(lambda: self.state(uid) == state, seconds=seconds, what=lambda: self._told(uid))

    def until(self, claim: Callable[[], T | None], *, seconds: float = 20.0, what: Callable[[], object] = str) -> T:
        """Wait until `claim()` is true and return it; fails after `seconds`."""
        end = time.monotonic() + seconds
        while True:
            found = claim()
            if found:
                return found
            if time.monotonic() > end:
                pytest.fail(f"waited {seconds} s in vain: {what()}")
            time.sleep(0.02)

    def _told(self, uid: str) -> object:
        shown = self.engine.study(uid)
        return shown["state"], [(one["part"], one["state"], one["trouble"]) for one in shown["jobs"]]

    def until_sent(self, images: int) -> None:
        """Wait until so many images of the job that is being sent have left."""
        self.until(lambda: any(each["event"] == "job_progressed" and each["done"] == images for each in self.events))

    # -- what the platform has ----------------------------------------------------------------------------------------

    def kept(self, uid: str) -> Json:
        """The platform's row of the exam: state, version, received, images, fields."""
        found = self.platform.kept("exam", self.key(uid))
        assert found is not None
        return dict(found)

    def kept_report(self, uid: str) -> Json:
        report = self.engine.study(uid)["reports"][0]["report_key"]
        found = self.platform.kept("report", report)
        assert found is not None
        return dict(found)

    def kept_images(self, uid: str) -> list[Json]:
        return [one for one in self.platform.ledger()["images"] if one["study_uid"] == uid and one["state"] == "kept"]

    def received_images(self, uid: str) -> int:
        """How often images of the study reached the platform, accepted or not."""
        own = {one["sop_instance_uid"] for one in self.engine.study(uid)["instances"]}
        rows = self.platform.ask("GET", "/practice/received?limit=100000").json["received"]
        return sum(1 for row in rows if row["kind"] == "image" and row["key"] in own)

    def received(self, kind: str, key: str) -> list[Json]:
        rows = self.platform.ask("GET", "/practice/received?limit=100000").json["received"]
        return [row for row in rows if (row["kind"], row["key"]) == (kind, key)]


def late_images(agent: Agent, folder: Path, uid: str, images: int, *, first_number: int = 1001) -> Sequence[Path]:
    """Further files of a study the agent knows, taken in; their patient is the same."""
    files = [a_dicom_file(folder, study_uid=uid, number=first_number + number) for number in range(images)]
    agent.engine.import_paths([str(folder)])
    return files
