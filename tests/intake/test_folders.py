"""A watched folder: everything laid down there comes in whole and once, and nothing there is touched."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from app.errors import RetryLater
from app.intake import scan
from app.intake.dicomdir import MEDIA_STORAGE_DIRECTORY
from app.intake.folders import FolderWatch, Pace, WatchedFolder
from app.intake.imports import ImportResult, import_paths
from app.intake.incoming import Became, Found
from app.store import files
from tests import builders
from tests.intake.clinic import Room, a_room, wait_until

REAL_PACE = Pace(rest=0.2, patience=0.6, hinted=0.05, idle=0.5, again=0.1)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "设备 export"
    folder.mkdir()
    return folder


@pytest.fixture
def results() -> list[Found]:
    return []


@pytest.fixture
def watched(room: Room, export: Path, results: list[Found]) -> WatchedFolder:
    return a_watched(room, export, results)


def a_watched(room: Room, folder: Path, results: list[Found]) -> WatchedFolder:
    seen = files.seen(room.store.read())
    return WatchedFolder(folder, room.incoming, room.store, room.clock, seen, results.append, pace=Pace())


def rested(room: Room, watched: WatchedFolder, seconds: float = 2.0) -> None:
    watched.look()
    room.clock.pass_(seconds)
    watched.look()


def test_a_file_is_taken_when_it_has_rested_and_not_before(room: Room, watched: WatchedFolder, export: Path) -> None:
    path = builders.a_dicom_file(export / "a" / "b")
    watched.look()
    room.clock.pass_(1.9)
    watched.look()
    assert room.images() == []
    room.clock.pass_(0.1)
    watched.look()
    assert [row["source"] for row in room.images()] == [f"folder:{export}"]
    assert path.exists()


def test_a_file_that_grows_is_waited_for_however_long(room: Room, watched: WatchedFolder, export: Path) -> None:
    data = builders.dicom_bytes(builders.a_data_set(rows=64, columns=64))
    path = export / "growing.dcm"
    for length in range(100, len(data), 300):
        path.write_bytes(data[:length])
        room.clock.pass_(400)
        watched.look()
        assert room.images() == []
        assert room.aside() == []
    path.write_bytes(data)
    rested(room, watched)
    (row,) = room.images()
    assert room.spool.path(row["path"]).read_bytes() == data


def test_a_file_that_stays_cut_off_is_named_after_five_minutes_and_taken_when_mended(
    room: Room, watched: WatchedFolder, export: Path, results: list[Found]
) -> None:
    data = builders.dicom_bytes(builders.a_data_set())
    path = export / "cut.dcm"
    path.write_bytes(data[:-20])
    rested(room, watched, 299)
    assert room.aside() == []
    room.clock.pass_(6)
    watched.look()
    (named,) = room.aside()
    assert named["path"] == str(path)
    assert "不完整" in named["title"]
    assert [found.became for found in results] == [Became.ASIDE]
    path.write_bytes(data)
    rested(room, watched)
    assert len(room.images()) == 1
    wait_until(lambda: room.aside() == [])


def test_an_empty_file_is_waited_for_like_a_half_written_one(room: Room, watched: WatchedFolder, export: Path) -> None:
    (export / "empty.dcm").touch()
    rested(room, watched, 10)
    assert room.aside() == []
    room.clock.pass_(300)
    watched.look()
    assert len(room.aside()) == 1


def test_a_locked_file_waits_is_named_and_still_taken_when_it_is_free(
    room: Room, watched: WatchedFolder, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, other = builders.a_dicom_file(export, file_name="locked"), builders.a_dicom_file(export, file_name="x")
    with unreadable(locked, monkeypatch):
        rested(room, watched)
        assert len(room.images()) == 1
        assert room.aside() == []
        room.clock.pass_(301)
        watched.look()
        assert [row["path"] for row in room.aside()] == [str(locked)]
        room.clock.pass_(301)
        watched.look()
        assert len(room.told("file_set_aside")) == 1
    room.clock.pass_(20)
    watched.look()
    assert len(room.images()) == 2
    wait_until(lambda: room.aside() == [])
    assert other.exists()


@contextmanager
def unreadable(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As Windows answers while another program has the file for itself (root may read everything)."""
    real = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self == path:
            raise PermissionError(13, "used by another process", str(path))
        return real(self, *args, **kwargs)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        yield


def test_a_stranger_is_named_where_it_lies_and_delays_nobody(room: Room, watched: WatchedFolder, export: Path) -> None:
    letter = export / "letter.docx"
    letter.write_bytes(b"PK\3\4 a letter of some length that is no image")
    builders.a_dicom_file(export, file_name="IM00001")
    (export / "Thumbs.db").write_bytes(b"whatever Windows leaves")
    rested(room, watched)
    assert [row["path"] for row in room.aside()] == [str(letter)]
    assert room.aside()[0]["source"] == f"folder:{export}"
    assert len(room.images()) == 1
    assert letter.exists()


def test_a_file_is_looked_at_once_also_after_a_restart_until_it_changes(
    room: Room, watched: WatchedFolder, export: Path, results: list[Found]
) -> None:
    path = builders.a_dicom_file(export, file_name="a")
    rested(room, watched)
    assert [found.became for found in results] == [Became.NEW]
    wait_until(lambda: len(files.seen(room.store.read())) == 1)
    again = a_watched(room, export, results)
    rested(room, again)
    assert len(results) == 1
    os.utime(path, (1, 1))
    rested(room, again)
    assert [found.became for found in results] == [Became.NEW, Became.AGAIN]
    assert len(room.images()) == 1


def test_a_dicomdir_is_noted_and_its_files_are_taken(room: Room, watched: WatchedFolder, export: Path) -> None:
    a_disc(export)
    rested(room, watched)
    assert len(room.images()) == 2
    assert room.aside() == []


def a_disc(folder: Path) -> Path:
    """Two images and their DICOMDIR, as on a patient's disc."""
    directory = builders.a_data_set(sop_class_uid=MEDIA_STORAGE_DIRECTORY, PixelData=None)
    images = [builders.a_dicom_file(folder / "IMAGES", file_name=f"IM{number}") for number in range(2)]
    directory.DirectoryRecordSequence = [a_record(path.relative_to(folder)) for path in images]
    (folder / "DICOMDIR").write_bytes(builders.dicom_bytes(directory))
    return folder / "DICOMDIR"


def a_record(path: Path) -> Dataset:
    record = Dataset()
    record.DirectoryRecordType = "IMAGE"
    record.ReferencedFileID = list(path.parts)
    return record


def test_a_report_in_an_image_folder_finds_its_exam(room: Room, watched: WatchedFolder, export: Path) -> None:
    builders.a_dicom_file(export, accession="ACC77", study_uid="1.2.3")
    rested(room, watched)
    builders.a_pdf(export / "ACC77.pdf")
    rested(room, watched)
    assert [event["exam"] for event in room.told("report_attached")] == [room.exam_of("1.2.3")]


def test_a_broken_report_is_named_with_what_to_do(room: Room, watched: WatchedFolder, export: Path) -> None:
    (export / "ACC77.pdf").write_bytes(builders.pdf_bytes()[:-40])
    rested(room, watched, 10)
    assert room.aside() == []
    room.clock.pass_(300)
    watched.look()
    assert "重新导出" in room.aside()[0]["advice"]


@pytest.mark.warns
def test_a_folder_that_goes_and_comes_back_says_so(room: Room, export: Path, results: list[Found]) -> None:
    share = export / "share"
    watched = a_watched(room, share, results)
    watched.look()
    assert "找不到" in watched.trouble
    builders.a_dicom_file(share)
    rested(room, watched)
    assert watched.trouble == ""
    assert len(room.images()) == 1
    share.rename(export / "away")
    watched.look()
    assert "找不到" in watched.trouble


@pytest.mark.warns
def test_a_file_where_a_folder_should_be_is_said(room: Room, export: Path, results: list[Found]) -> None:
    watched = a_watched(room, builders.a_dicom_file(export), results)
    watched.look()
    assert "不是文件夹" in watched.trouble


@pytest.mark.warns
def test_a_full_disk_is_the_folders_trouble_and_passes(room: Room, watched: WatchedFolder, export: Path) -> None:
    builders.a_dicom_file(export)
    room.free[0] = 0
    rested(room, watched)
    assert "磁盘" in watched.trouble
    assert room.aside() == []
    room.free[0] = 1 << 40
    rested(room, watched, 5)
    assert watched.trouble == ""
    assert len(room.images()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right that users there lack")
def test_a_link_back_to_a_folder_above_ends_there(room: Room, watched: WatchedFolder, export: Path) -> None:
    builders.a_dicom_file(export / "a")
    (export / "a" / "loop").symlink_to(export, target_is_directory=True)
    (export / "a" / "self").symlink_to(export / "a" / "self")
    (export / "a" / "nothing").symlink_to(export / "not there")
    rested(room, watched)
    assert len(room.images()) == 1
    assert room.aside() == []


def test_what_lies_in_a_left_out_folder_is_not_looked_at(room: Room, export: Path, results: list[Found]) -> None:
    builders.a_dicom_file(export / "own home")
    watched = WatchedFolder(
        export,
        room.incoming,
        room.store,
        room.clock,
        {},
        results.append,
        pace=Pace(),
        leave_out=[export / "own home"],
    )
    rested(room, watched)
    assert results == []


STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["write", "half", "look"]), st.integers(0, 3)))


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_no_order_of_writing_and_looking_takes_a_half_file(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    (folder / "export").mkdir()
    contents = [builders.dicom_bytes(builders.a_data_set()) for _ in range(3)]
    with a_room(folder / "home") as room:
        watched = a_watched(room, folder / "export", [])
        for which, step, seconds in steps:
            if step != "look":
                data = contents[which]
                whole = data if step == "write" else data[: len(data) // 2 + seconds]
                (folder / "export" / str(which)).write_bytes(whole)
            room.clock.pass_(seconds)
            watched.look()
        for which, data in enumerate(contents):
            (folder / "export" / str(which)).write_bytes(data)
        rested(room, watched)
        rested(room, watched)
        assert sorted(room.spool.path(row["path"]).read_bytes() for row in room.images()) == sorted(contents)


# -- with threads and real time ---------------------------------------------------------------------------------------


@contextmanager
def a_watch(
    room: Room, *folders: Path, pace: Pace = REAL_PACE, on_result: Callable[[Found], None] = lambda found: None
) -> Iterator[FolderWatch]:
    watch = FolderWatch(folders, room.incoming, room.store, RealClock(room), on_result, pace=pace)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()
    assert not [each for each in threading.enumerate() if each.name.startswith("folder-")]


class RealClock:
    def __init__(self, room: Room) -> None:
        self.now = room.clock.now

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.mark.warns
def test_several_folders_one_inside_the_other_are_watched(room: Room, export: Path) -> None:
    inner, far = export / "CT", export.parent / "MR"
    inner.mkdir()
    with a_watch(room, export, inner, far) as watch:
        builders.a_dicom_file(export, study_uid="1.2.1")
        builders.a_dicom_file(inner / "new folder", study_uid="1.2.2")
        wait_until(lambda: len(room.images()) == 2)
        status = watch.status()
    assert [each.path for each in status] == [str(export), str(inner), str(far)]
    assert {row["study_instance_uid"]: row["source"] for row in room.images()} == {
        "1.2.1": f"folder:{export}",
        "1.2.2": f"folder:{inner}",
    }


@pytest.mark.warns
def test_a_folder_that_appears_later_is_watched(room: Room, export: Path) -> None:
    later = export / "later"
    with a_watch(room, later) as watch:
        wait_until(lambda: watch.status()[0].trouble != "")
        builders.a_dicom_file(later)
        wait_until(lambda: len(room.images()) == 1)
        assert watch.status()[0].trouble == ""


def test_without_file_events_folders_are_looked_through(
    room: Room, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from watchdog.observers import Observer

    def refuses(self: object) -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(Observer, "start", refuses)
    with a_watch(room, export):
        builders.a_dicom_file(export)
        wait_until(lambda: len(room.images()) == 1)


@pytest.mark.warns
def test_an_unforeseen_failure_with_one_file_stops_no_other(
    room: Room, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = room.incoming.take

    def take(path: Path, source: str) -> Found:
        if path.name == "a poisonous one":
            raise ZeroDivisionError
        return real(path, source)

    monkeypatch.setattr(room.incoming, "take", take)
    for name in ("a poisonous one", "b", "c"):
        builders.a_dicom_file(export, file_name=name)
    with a_watch(room, export):
        wait_until(lambda: len(room.images()) == 2 and len(room.aside()) == 1)
    assert room.aside()[0]["path"].endswith("a poisonous one")


def test_a_thousand_files_in_two_hundred_new_folders_all_come_in_whole(room: Room, export: Path) -> None:
    """Several copiers at once, each file in two pieces; all of it comes into the index soon after the last."""
    data = [builders.dicom_bytes(builders.a_data_set(study_uid=f"1.2.{n % 200}")) for n in range(1000)]
    with a_watch(room, export, pace=Pace()):
        copiers = [
            threading.Thread(target=copy_slowly, args=(export, data, range(start, 1000, 4), 6.0)) for start in range(4)
        ]
        for copier in copiers:
            copier.start()
        for copier in copiers:
            copier.join()
        wait_until(lambda: len(room.images()) == 1000, 30)
    assert sorted(room.spool.path(row["path"]).read_bytes() for row in room.images()) == sorted(data)
    assert room.aside() == []


def copy_slowly(folder: Path, data: list[bytes], numbers: range, seconds: float) -> None:
    """Every file in two pieces with a rest between, evenly over the time given."""
    pause, began = threading.Event(), time.monotonic()
    for done, number in enumerate(numbers):
        place = folder / f"day{number % 10}" / f"patient{number % 200}"
        place.mkdir(parents=True, exist_ok=True)
        with (place / f"IM{number:05d}").open("wb") as file:
            file.write(data[number][:300])
            file.flush()
            pause.wait(max(0.0, began + seconds * (done + 1) / len(numbers) - time.monotonic()))
            file.write(data[number][300:])


def test_twenty_thousand_unchanged_files_are_passed_by(room: Room, export: Path, results: list[Found]) -> None:
    seen = {}
    for number in range(20_000):
        path = export / f"{number % 100}" / f"{number}"
        if number < 100:
            path.parent.mkdir()
        path.touch()
    for found in scan.files_below(str(export), []):
        seen[found.path] = (found.size_bytes, found.modified_ns)
    assert len(seen) == 20_000
    watched = WatchedFolder(export, room.incoming, room.store, room.clock, seen, results.append, pace=Pace())
    watched.look()
    assert results == []


# -- what a person names ----------------------------------------------------------------------------------------------


def test_what_a_person_names_is_taken_at_once(room: Room, export: Path) -> None:
    study = builders.a_study(export / "ct", images=3, study_uid="1.2.3", accession="ACC1")
    builders.a_pdf(export / "ACC1.pdf")
    (export / "letter.txt").write_text("not an image, not a report")
    single = builders.a_dicom_file(export.parent / "single", study_uid="1.2.4")
    result = import_paths(room.incoming, [export, single, study[0]], threading.Event(), rest_seconds=0.1)
    assert (result.images, result.again, result.reports, result.aside) == (4, 0, 1, 1)
    assert set(result.studies) == {"1.2.3", "1.2.4"}
    again = import_paths(room.incoming, [export / "ct"], threading.Event())
    assert again == ImportResult(again=3, studies=("1.2.3",))


def test_a_dicomdir_that_a_person_names_brings_its_files(room: Room, export: Path) -> None:
    result = import_paths(room.incoming, [a_disc(export)], threading.Event())
    assert (result.images, result.aside) == (2, 0)


def test_a_file_that_still_grows_is_waited_for_at_an_import(room: Room, export: Path) -> None:
    data = builders.dicom_bytes(builders.a_data_set(rows=64, columns=64))
    (export / "growing").write_bytes(data[:300])
    writer = threading.Thread(target=copy_slowly, args=(export, [data], range(1), 0.5))
    writer.start()
    wait_until((export / "day0" / "patient0" / "IM00000").exists)
    result = import_paths(room.incoming, [export], threading.Event(), rest_seconds=1.0)
    writer.join()
    assert (result.images, result.aside) == (1, 1)
    assert room.aside()[0]["path"] == str(export / "growing")


def test_a_path_that_is_not_there_is_named(room: Room, export: Path) -> None:
    result = import_paths(room.incoming, [export / "nothing"], threading.Event())
    assert (result.images, result.aside) == (0, 1)
    assert "光盘" in room.aside()[0]["advice"]


def test_an_import_onto_a_full_disk_is_refused(room: Room, export: Path) -> None:
    builders.a_dicom_file(export)
    room.free[0] = 0
    with pytest.raises(RetryLater):
        import_paths(room.incoming, [export], threading.Event())


def test_an_import_can_be_stopped(room: Room, export: Path) -> None:
    builders.a_study(export, images=3)
    stopping = threading.Event()
    stopping.set()
    assert import_paths(room.incoming, [export], stopping) == ImportResult()
