"""What lies in the spool comes back into the index, once, and nothing is deleted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.intake.rebuild import drop_unkept, reindex
from app.store import Store, images
from tests import builders
from tests.intake.clinic import Room, make_room

KEPT = ("sop_instance_uid", "data_set_sha256", "md5", "path", "size_bytes", "study_instance_uid")


def facts(room: Room) -> set[tuple[object, ...]]:
    return {tuple(row[name] for name in KEPT) for row in room.images()}


def files_of(room: Room) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in room.spool.files()}


def test_a_lost_database_is_made_again_from_the_spool(tmp_path: Path) -> None:
    room = make_room(tmp_path / "home")
    for path in builders.a_study(tmp_path / "ct", images=3, name="王五") + builders.a_study(tmp_path / "mr", images=2):
        room.taker.take_file(path, "ae:CT1")
    before, lying = facts(room), files_of(room)
    exams_before = {room.exam_of(row["study_instance_uid"]) for row in room.images()}
    room.store.close()
    for path in (tmp_path / "home").glob("agent.db*"):
        path.unlink()
    room = make_room(tmp_path / "home")
    assert reindex(room.store, room.spool, room.clock) == 5
    assert facts(room) == before
    assert {room.exam_of(row["study_instance_uid"]) for row in room.images()} == exams_before
    assert files_of(room) == lying
    assert reindex(room.store, room.spool, room.clock) == 0
    room.store.close()


def test_only_the_row_that_is_missing_is_put_in(room: Room, tmp_path: Path) -> None:
    for path in builders.a_study(tmp_path, images=3):
        room.taker.take_file(path, "ae:CT1")
    before = facts(room)
    lost = room.images()[1]["sop_instance_uid"]
    room.store.write(lambda tx: tx.execute("DELETE FROM instances WHERE sop_instance_uid = ?", (lost,)))
    assert reindex(room.store, room.spool, room.clock) == 1
    assert facts(room) == before
    assert reindex(room.store, room.spool, room.clock) == 0


@pytest.mark.warns
def test_a_damaged_file_is_named_once_and_stays(room: Room) -> None:
    damaged = room.spool.path("images/1.2/3.dcm")
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"nothing that anybody could read")
    assert reindex(room.store, room.spool, room.clock) == 0
    assert [row["path"] for row in room.aside()] == [str(damaged)]
    assert reindex(room.store, room.spool, room.clock) == 0
    assert len(room.told("file_set_aside")) == 1
    assert damaged.exists()


def test_a_second_file_with_the_same_image_is_not_indexed_again(room: Room, tmp_path: Path) -> None:
    taken = room.taker.take_file(builders.a_dicom_file(tmp_path), "ae:CT1")
    copy = room.spool.path("images/copy.dcm")
    copy.write_bytes(taken.path.read_bytes())
    assert reindex(room.store, room.spool, room.clock) == 0
    assert len(room.images()) == 1
    assert copy.exists()


def test_a_spool_that_is_known_is_compared_without_opening_a_file(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in builders.a_study(tmp_path, images=20):
        room.taker.take_file(path, "ae:CT1")

    def opened(*args: object, **kwargs: object) -> None:
        raise AssertionError("a known file was opened")

    monkeypatch.setattr(Path, "open", opened)
    began = time.monotonic()
    assert reindex(room.store, room.spool, room.clock) == 0
    assert time.monotonic() - began < 1


def test_a_stopped_reindex_goes_on_at_the_next_start(room: Room, tmp_path: Path) -> None:
    for path in builders.a_study(tmp_path, images=3):
        room.taker.take_file(path, "ae:CT1")
    room.store.write(lambda tx: tx.execute("DELETE FROM instances"))
    answers = iter([False, True])
    assert reindex(room.store, room.spool, room.clock, lambda: next(answers)) == 1
    assert reindex(room.store, room.spool, room.clock) == 2
    assert isinstance(room.store, Store)
    assert len(images.paths(room.store)) == 3


def test_a_report_inside_a_dicom_object_is_filed_again(room: Room, tmp_path: Path) -> None:
    room.taker.take_file(builders.an_encapsulated_pdf(tmp_path, study_uid="1.2.3"), "ae:CT1")
    room.store.write(lambda tx: tx.execute("DELETE FROM instances"))
    assert reindex(room.store, room.spool, room.clock, on_taken=room.reports.of_object) == 1
    assert [event["exam"] for event in room.told("report_attached")] == [room.exam_of("1.2.3")]


def test_a_row_whose_file_a_power_cut_took_is_dropped_and_comes_again(tmp_path: Path) -> None:
    room = make_room(tmp_path / "home")
    kept, lost = builders.a_study(tmp_path / "in", images=2)
    room.taker.take_file(kept, "import")
    path = room.taker.take_file(lost, "import").path
    path.unlink()
    assert drop_unkept(room.store, room.spool) == 1
    assert drop_unkept(room.store, room.spool) == 0
    room.taker.take_file(lost, "import")
    assert path.is_file()


def test_a_spool_that_is_not_there_at_all_drops_nothing(tmp_path: Path) -> None:
    room = make_room(tmp_path / "home")
    (one,) = builders.a_study(tmp_path / "in", images=1)
    room.taker.take_file(one, "import").path.unlink()
    assert drop_unkept(room.store, room.spool) == 0
