"""A backfill takes every study in, goes on where it stopped, and tries again what failed."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.domain.settings import Pacs
from app.errors import NeedsOperator, Rejected
from app.intake.backfill import Backfill
from app.intake.port import Port
from app.store import images
from app.wire.dicom_association import Peer
from app.wire.dicom_query import MoveProgress
from app.wire.dicom_receive import PynetdicomReceiver
from app.wire.dicom_send import DicomSender, echo
from app.wire.faults import LineCut
from app.wire.receiving import ReceiverSettings
from tests import builders
from tests.intake.clinic import Room, wait_until

DAY = date(2026, 1, 3)  # the hand clock says 5 January
THE_PACS = Pacs(name="PACS", host="127.0.0.1", port=1, ae_title="PACS")


@dataclass
class FakePacs:
    """A PACS of invented studies, day -> study -> files; `moved` is what it was asked to send."""

    room: Room
    days: dict[date, dict[str, list[Path]]]
    moved: list[str] = field(default_factory=list)
    asked: list[date] = field(default_factory=list)
    on_find: Callable[[date], None] = lambda day: None
    on_move: Callable[[str], None] = lambda study: None
    keeps_back: int = 0

    def find(self, pacs: Peer, day_from: date, day_to: date) -> Iterator[dict[str, str]]:
        self.asked.append(day_from)
        self.on_find(day_from)
        for study, files in self.days.get(day_from, {}).items():
            yield {"StudyInstanceUID": study, "NumberOfStudyRelatedInstances": str(len(files))}

    def move(self, pacs: Peer, study_uid: str, destination_ae: str) -> Iterator[MoveProgress]:
        assert destination_ae == "CLINIC_1"
        self.on_move(study_uid)
        self.moved.append(study_uid)
        (files,) = [day[study_uid] for day in self.days.values() if study_uid in day]
        kept = files[: len(files) - self.keeps_back]
        for path in kept:
            self.room.taker.take_file(path, "ae:PACS")
        yield MoveProgress(remaining=0, completed=len(kept), failed=self.keeps_back, warning=0, done=True)


@pytest.fixture
def pacs(room: Room, tmp_path: Path) -> FakePacs:
    days: dict[date, dict[str, list[Path]]] = {}
    for day, study in ((3, "1.2.1"), (3, "1.2.2"), (5, "1.2.3")):
        when = date(2026, 1, day)
        files = builders.a_study(tmp_path / study, images=2, study_uid=study, study_date=f"{when:%Y%m%d}")
        days.setdefault(when, {})[study] = files
    return FakePacs(room, days)


def a_backfill(room: Room, pacs: FakePacs | None = None) -> Backfill:
    return Backfill(
        room.store,
        room.incoming,
        room.clock,
        pacs=[THE_PACS] if pacs else [],
        our_ae="CLINIC_1",
        retry_seconds=0.01,
        arrival_seconds=0.1,
        **({"find": pacs.find, "move": pacs.move} if pacs else {}),  # type: ignore[arg-type]
    )


def finished(backfill: Backfill, source: str, day: date = DAY) -> dict[str, Any]:
    backfill.start(source, day)
    wait_until(lambda: not backfill.status()["running"])
    return backfill.status()


def counts(status: dict[str, Any]) -> tuple[int, int, int]:
    return status["found"], status["taken"], status["failed"]


# -- from a folder ----------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    builders.a_study(folder / "old", images=2, study_uid="1.1", study_date="20251231")
    builders.a_study(folder / "a", images=2, study_uid="1.2", study_date="20260103")
    builders.a_study(folder / "b", images=1, study_uid="1.3", study_date="20260105")
    builders.a_study(folder / "c", images=1, study_uid="1.4", StudyDate="", SeriesDate="20251231")
    builders.a_pdf(folder / "leaflet.pdf")
    (folder / "VIEWER.EXE").write_bytes(b"MZ a viewer as on every patient's disc")
    return folder


def test_every_study_since_the_day_is_taken_from_a_folder(room: Room, archive: Path) -> None:
    status = finished(a_backfill(room), str(archive))
    assert counts(status) == (2, 2, 0)
    assert {row["study_instance_uid"] for row in room.images()} == {"1.2", "1.3"}
    assert {row["source"] for row in room.images()} == {f"folder:{archive}"}
    assert room.aside() == []
    assert (status["source"], status["day_from"]) == (str(archive), "2026-01-03")


def test_a_damaged_file_fails_its_study_alone_and_is_tried_again(room: Room, archive: Path) -> None:
    damaged = next((archive / "a").iterdir())
    data = damaged.read_bytes()
    damaged.write_bytes(data[:-10])
    backfill = a_backfill(room)
    assert counts(finished(backfill, str(archive))) == (2, 1, 1)
    assert backfill.undelivered() == ["1.2"]
    assert [row["path"] for row in room.aside()] == [str(damaged)]
    damaged.write_bytes(data)
    assert counts(finished(backfill, str(archive))) == (2, 2, 0)
    assert backfill.undelivered() == []


def test_a_full_disk_is_waited_for(room: Room, archive: Path) -> None:
    room.free[0] = 0
    backfill = a_backfill(room)
    backfill.start(str(archive), DAY)
    wait_until(lambda: "磁盘" in backfill.status()["trouble"])
    room.free[0] = 1 << 40
    wait_until(lambda: not backfill.status()["running"])
    assert counts(backfill.status()) == (2, 2, 0)
    assert backfill.status()["trouble"] == ""


# -- from a PACS ------------------------------------------------------------------------------------------------------


def test_every_day_is_asked_for_and_every_study_fetched(room: Room, pacs: FakePacs) -> None:
    status = finished(a_backfill(room, pacs), "PACS")
    assert pacs.asked == [date(2026, 1, 3), date(2026, 1, 4), date(2026, 1, 5)]
    assert pacs.moved == ["1.2.1", "1.2.2", "1.2.3"]
    assert counts(status) == (3, 3, 0)
    assert len(room.images()) == 6


def test_a_study_that_is_here_and_complete_is_not_fetched(room: Room, pacs: FakePacs) -> None:
    for study in ("1.2.1", "1.2.2"):
        for path in pacs.days[DAY][study]:
            room.taker.take_file(path, "ae:CT1")
    room.store.write(lambda tx: images.mark_complete(tx, "1.2.1", now=room.clock.now()))
    assert counts(finished(a_backfill(room, pacs), "PACS")) == (3, 3, 0)
    assert pacs.moved == ["1.2.2", "1.2.3"]


def test_images_that_do_not_arrive_fail_the_study_until_they_do(room: Room, pacs: FakePacs) -> None:
    pacs.keeps_back = 1
    backfill = a_backfill(room, pacs)
    assert counts(finished(backfill, "PACS")) == (3, 0, 3)
    pacs.keeps_back = 0
    assert counts(finished(backfill, "PACS")) == (3, 3, 0)


def test_a_stopped_backfill_goes_on_at_the_next_study(room: Room, pacs: FakePacs) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(study: str) -> None:
        if study == "1.2.2":
            reached.set()
            go_on.wait(10)

    pacs.on_move = wait
    backfill = a_backfill(room, pacs)
    backfill.start("PACS", DAY)
    assert reached.wait(10)
    threading.Timer(0.1, go_on.set).start()
    backfill.stop()
    assert not backfill.status()["running"]
    assert backfill.status()["taken"] == 1
    assert a_backfill(room, pacs).resume() == ""
    pacs.on_move = lambda study: None
    assert counts(finished(a_backfill(room, pacs), "PACS")) == (3, 3, 0)
    assert pacs.moved.count("1.2.1") == 1


def test_one_that_the_end_of_the_program_interrupted_goes_on_by_itself(room: Room, pacs: FakePacs) -> None:
    first, reached = a_backfill(room, pacs), threading.Event()
    pacs.on_move = lambda study: reached.set() if study == "1.2.2" else None
    first.start("PACS", DAY)
    assert reached.wait(10)
    first.close()
    again = a_backfill(room, pacs)
    if first.status()["taken"] < 3:
        assert again.resume() == first.status()["id"]
    wait_until(lambda: not again.status()["running"])
    assert counts(again.status()) == (3, 3, 0)
    assert pacs.moved.count("1.2.1") == 1


def test_a_line_that_fails_is_tried_again_and_a_lost_day_is_remembered(room: Room, pacs: FakePacs) -> None:
    left = {date(2026, 1, 3): 2, date(2026, 1, 4): 99, date(2026, 1, 5): 0}

    def cut(day: date) -> None:
        if left[day]:
            left[day] -= 1
            raise LineCut("PACS连不上", "", maybe_received=False)

    pacs.on_find = cut
    backfill = a_backfill(room, pacs)
    assert counts(finished(backfill, "PACS")) == (4, 3, 1)
    assert backfill.undelivered() == ["day:2026-01-04"]
    pacs.on_find = lambda day: None
    assert counts(finished(backfill, "PACS")) == (3, 3, 0)


def test_a_study_that_the_pacs_refuses_delays_no_other(room: Room, pacs: FakePacs) -> None:
    def refuse(study: str) -> None:
        if study == "1.2.1":
            raise Rejected("PACS 没有答应", "", code="C001")

    pacs.on_move = refuse
    backfill = a_backfill(room, pacs)
    assert counts(finished(backfill, "PACS")) == (3, 2, 1)
    assert backfill.undelivered() == ["1.2.1"]


@pytest.mark.warns
def test_a_pacs_that_does_not_know_us_ends_it_with_advice(room: Room, pacs: FakePacs) -> None:
    def unknown(study: str) -> None:
        raise NeedsOperator("PACS不认识我们的 AE 标题", "请把 CLINIC_1 告诉PACS工程师")

    pacs.on_move = unknown
    status = finished(a_backfill(room, pacs), "PACS")
    assert "CLINIC_1" in status["trouble"]
    assert status["taken"] == 0


def test_only_one_runs_at_a_time(room: Room, pacs: FakePacs, archive: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(study: str) -> None:
        reached.set()
        go_on.wait(10)

    pacs.on_move = wait
    backfill = a_backfill(room, pacs)
    run_id = backfill.start("PACS", DAY)
    assert reached.wait(10)
    assert backfill.start("PACS", DAY) == run_id
    with pytest.raises(NeedsOperator) as caught:
        backfill.start(str(archive), DAY)
    assert "先停止" in caught.value.advice
    go_on.set()
    wait_until(lambda: not backfill.status()["running"])


def test_a_source_that_is_neither_pacs_nor_folder_is_refused(room: Room) -> None:
    backfill = a_backfill(room)
    with pytest.raises(NeedsOperator):
        backfill.start("no such thing", DAY)
    assert backfill.status()["id"] == ""


# -- from a real PACS -------------------------------------------------------------------------------------------------


@pytest.fixture
def receiver(room: Room) -> Iterator[PynetdicomReceiver]:
    port = Port(room.store, room.taker, room.clock, lambda taken: None)
    receiver = PynetdicomReceiver(ReceiverSettings(port=0, address="127.0.0.1"), port.on_store, port.on_association)
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture
def orthanc(tmp_path: Path, receiver: PynetdicomReceiver, free_port: int) -> Iterator[Pacs]:
    program = shutil.which("Orthanc")
    if program is None:
        pytest.skip("Orthanc is not installed")
    settings = {
        "StorageDirectory": str(tmp_path / "db"),
        "IndexDirectory": str(tmp_path / "db"),
        "DicomPort": free_port,
        "DicomAet": "ORTHANC",
        "HttpServerEnabled": False,
        "DicomModalities": {"clinic": ["CLINIC_1", "127.0.0.1", receiver.port]},
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "Plugins": [],
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        [program, str(tmp_path / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        pacs = Pacs(name="PACS", host="127.0.0.1", port=free_port, ae_title="ORTHANC")
        peer = Peer(host=pacs.host, port=pacs.port, called_ae=pacs.ae_title, calling_ae="CLINIC_1")
        wait_until(lambda: answers(peer), 20)
        with DicomSender(peer) as sender:
            sender.associate([(builders.SOP_CLASSES["CT"], builders.EXPLICIT_LITTLE)])
            number = 0
            for study, day in (("1.2.1", "20260103"), ("1.2.2", "20260104"), ("1.2.9", "20251231")):
                for path in builders.a_study(tmp_path / study, images=3, study_uid=study, study_date=day):
                    number += 1
                    assert sender.store(path, message_id=number).accepted
        yield pacs
    finally:
        process.terminate()
        process.wait(20)


def answers(peer: Peer) -> bool:
    try:
        echo(peer)
    except LineCut:
        return False
    return True


def test_a_real_pacs_sends_what_was_made_since_the_day(room: Room, orthanc: Pacs) -> None:
    backfill = Backfill(room.store, room.incoming, room.clock, pacs=[orthanc], our_ae="CLINIC_1")
    assert counts(finished(backfill, "PACS")) == (2, 2, 0)
    assert sorted(row["study_instance_uid"] for row in room.images()) == ["1.2.1"] * 3 + ["1.2.2"] * 3
    assert {row["source"] for row in room.images()} == {"ae:ORTHANC"}
