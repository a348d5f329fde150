"""The driver and an adapter together, against a platform that stands for the real one: by HTTP, DICOM, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from typing import Any, cast

import pytest
from pydicom import dcmread

from app.catalogue.codes import load_codes
from app.delivery.converse import Courier, NotAccepted
from app.delivery.target import Target
from app.delivery.verdict import Judge
from app.domain.job import Event, Job, Part
from app.domain.verdict import Verdict
from app.practice.modality import make_study
from app.regions import guizhou
from app.regions.conversation import FoundImage, ImageRef, Retrieves
from app.store import Store, answers, jobs
from app.store.database import opened
from app.wire.http_client import HttpClient
from tests.delivery.stage import Files
from tests.intake.clinic import HandClock
from tests.practice.guizhou_clinic import INSTITUTION, KEY, PDF, Clinic, a_clinic, a_record, a_uid, an_index, sop_of
from tests.regions.national_samples import a_region
from tests.store.samples import claimed, moved, put

IMAGES = 24


@dataclass
class Disk(Files):
    """Images at their own paths, one stored report."""

    def path(self, sha256: str) -> Path:
        return self.folder / "report.pdf"

    @contextmanager
    def image(self, ref: ImageRef) -> Iterator[Path]:
        yield Path(ref.path)

    def is_here(self, path: str) -> bool:
        return Path(path).exists()


@dataclass
class Line:
    """One exam, its files on the disk, and the destination that is the practice platform."""

    store: Store
    platform: Clinic
    folder: Path
    index_code: str = field(default_factory=an_index)
    study: str = field(default_factory=a_uid)

    def __post_init__(self) -> None:
        self.paths = make_study(self.folder / "ct", images=IMAGES, size=32, accession="A1", study_uid=self.study)
        (self.folder / "report.pdf").write_bytes(PDF)
        self.clock, self.stopping = HandClock(), Flag()

    def courier(self, **options: Any) -> Courier:
        region = a_region("guizhou")
        port = self.platform.platform.dicom_port
        push = {"dicom_host": "127.0.0.1", "dicom_port": port, "dicom_ae_title": "GZCLOUD"}
        given = {"institution_code": INSTITUTION, "calling_ae_title": "CLINIC", "image_workers": 4, **push, **options}
        chosen = {**region.options["options"], **given}
        target = Target(
            name="main",
            title="影像云",
            base_url=self.platform.base,
            region=region,
            adapter=guizhou.adapter(region, chosen, {"key": KEY}),
            judge=Judge(load_codes("guizhou"), region.options["replies"]),
            http=HttpClient(name="影像云"),
            options=chosen,
        )
        return Courier(self.store, target, self.clock, Disk(self.folder), self.stopping)

    def job(self, part: Part, **columns: Any) -> Job:
        values = {"accession_number": "A1", "study_instance_uid": self.study, "report_id": "R123456"}
        record = a_record(self.index_code, studyUid=self.study, accessionNumber="A1")
        given: dict[str, Any] = {"index_code": self.index_code, "values": values}
        given |= {
            Part.EXAM: {"exam": record},
            Part.IMAGES: {"images": [self._ref(path) for path in self.paths]},
            Part.REPORT: {"report": self._report()},
        }[part]
        put(self.store, part, exam=self.study, body=given, **columns)
        job = claimed(self.store)
        assert job is not None
        return job

    def sent(self, part: Part, **options: Any) -> Job:
        job = self.job(part)
        assert self.courier(**options).deliver(job) == {"index_code": self.index_code}
        return moved(self.store, job.id, Event.ACKNOWLEDGED)

    def kept(self, kind: str, key: str) -> Any:
        return self.platform.platform.kept(kind, key)

    def received(self) -> dict[str, int]:
        """How often each image came there whole."""
        return {sop_of(path): self.kept("image", sop_of(path))["received"] for path in self.paths}

    def held(self) -> dict[str, str]:
        return answers.held(self.store.read(), "main", self.study, "images")

    def _ref(self, path: Path) -> dict[str, Any]:
        head = dcmread(path, stop_before_pixels=True)
        return {
            "sop_instance_uid": str(head.SOPInstanceUID),
            "sop_class_uid": str(head.SOPClassUID),
            "transfer_syntax_uid": str(head.file_meta.TransferSyntaxUID),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "path": str(path),
            "size_bytes": path.stat().st_size,
            "study_instance_uid": self.study,
        }

    def _report(self) -> dict[str, Any]:
        return {
            "hiImgIndx": self.index_code,
            "studyUid": self.study,
            "rpotNo": "R123456",
            "fileMd5": {"$file": "ab", "encoding": "md5"},
            "examRpotPdf1": {"$file": "ab", "encoding": "bytes"},
        }


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with a_clinic(tmp_path_factory.mktemp("platform")) as clinic:
        yield clinic


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for all: the platform lasts too, and takes no message number twice."""
    with opened(tmp_path_factory.mktemp("store") / "agent.db") as store:
        yield store


@pytest.fixture
def line(platform: Clinic, lasting: Store, tmp_path: Path) -> Iterator[Line]:
    yield Line(lasting, platform, tmp_path)
    platform.platform.ask("DELETE", "/practice/fault")


def test_an_exam_goes_there_whole_comes_back_and_is_taken_back(line: Line) -> None:
    for part in (Part.EXAM, Part.IMAGES, Part.REPORT):
        line.sent(part)
    exam = line.kept("exam", line.index_code)
    assert (exam["images"], exam["declared"]) == (IMAGES, IMAGES)
    assert line.kept("report", "R123456")["size"] == len(PDF)
    assert len(line.held()) == IMAGES

    line.platform.platform.control("options", cache=True)
    courier, asking = line.courier(), line.job(Part.EXAM, seconds=1)
    adapter = cast(Retrieves, courier._target.adapter)
    found = courier.drive(adapter.image_list(line.index_code), asking)
    assert {image.sop_instance_uid for image in found} == {sop_of(path) for path in line.paths}
    wanted = next(image for image in found if image.sop_instance_uid == sop_of(line.paths[3]))
    assert courier.drive(adapter.image(line.index_code, wanted), asking) == line.paths[3].read_bytes()
    moved(line.store, asking.id, Event.ACKNOWLEDGED)

    assert line.courier().deliver(line.job(Part.EXAM, withdraws=True)) == {"index_code": line.index_code}
    assert line.kept("exam", line.index_code)["state"] == "deleted"


def test_what_is_no_longer_in_the_cache_is_asked_again_later(line: Line) -> None:
    line.sent(Part.EXAM)
    gone = FoundImage(study_instance_uid="1", series_instance_uid="2", sop_instance_uid="3")
    courier, asking = line.courier(), line.job(Part.REPORT)
    with pytest.raises(NotAccepted):
        courier.drive(cast(Retrieves, courier._target.adapter).image(line.index_code, gone), asking)


def test_in_dicom_mode_the_announcement_opens_the_door_for_the_push(line: Line) -> None:
    line.sent(Part.EXAM)
    line.sent(Part.IMAGES, image_mode="dicom")
    kept = line.kept("image", sop_of(line.paths[0]))
    assert (kept["by"], kept["total"], kept["index"]) == ("dicom", IMAGES, line.index_code)


def test_one_image_that_the_platform_refuses_is_named_and_goes_alone_after_mending(line: Line) -> None:
    line.sent(Part.EXAM)
    bad, job = sop_of(line.paths[7]), line.job(Part.IMAGES)
    line.platform.platform.fault(where="image", what="code0", match=bad, times=0, message="影像无法识别")
    with pytest.raises(NotAccepted) as refusal:
        line.courier().deliver(job)
    trouble = refusal.value.judged.trouble
    assert (trouble.items, trouble.words, len(line.held())) == ((bad,), "影像无法识别", IMAGES - 1)
    line.platform.platform.ask("DELETE", "/practice/fault")
    line.courier().deliver(job)
    received = line.received()
    assert (received.pop(bad), set(received.values())) == (2, {1})


@pytest.mark.parametrize("fault", [{"what": "cut_body"}, {"what": "truncate", "when": "after"}])
def test_a_line_that_is_cut_costs_one_image_one_more_sending(line: Line, fault: dict[str, str]) -> None:
    line.sent(Part.EXAM)
    victim, job = sop_of(line.paths[5]), line.job(Part.IMAGES)
    line.platform.platform.fault(where="image", match=victim, **fault)
    with pytest.raises(NotAccepted) as refusal:
        line.courier().deliver(job)
    assert (refusal.value.judged.verdict, refusal.value.judged.trouble.items) == (Verdict.RETRY, (victim,))
    line.courier().deliver(job)
    received = line.received()
    assert received.pop(victim) == (1 if fault["what"] == "cut_body" else 2)
    assert set(received.values()) == {1}, "nobody else"


def test_every_request_had_a_number_of_its_own(line: Line) -> None:
    """The platform refuses a msgid that it saw before; a clock that is set back gives none again."""
    line.sent(Part.EXAM)
    line.clock.pass_(-86_400)
    line.sent(Part.IMAGES)
    said = [
        row for row in line.platform.platform.received() if row["verdict"] == "refused" and "msgid" in row["reason"]
    ]
    assert said == []


def test_what_stands_in_the_journal_is_not_asked_again(line: Line) -> None:
    job = line.job(Part.EXAM)
    line.courier().deliver(job)
    line.courier().deliver(jobs.job(line.store.read(), job.id))
    assert line.kept("exam", line.index_code)["received"] == 1
