"""Downloads: image by image to the disk, over cut lines, broken images, full disks and restarts."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from app.delivery.downloads import Downloads
from app.delivery.retrieve import NoSense, Retriever, Unanswered
from app.domain.retrieval import Download, DownloadState, ImageState, Offered, Subject
from app.domain.settings import UploadSettings
from app.errors import NeedsOperator, Rejected
from app.intake.retrieved import Shelf, file_of
from app.regions.conversation import FoundImage
from app.store import Store, retrievals
from app.system.disk import durable_folder, durable_replace
from tests.builders import a_data_set, a_uid, dicom_bytes
from tests.intake.clinic import HandClock

PLENTY = 1 << 40


@dataclass
class Cloud:
    """Hands out images by SOP UID. `said`: what it says first for one (an error, other bytes), then the image."""

    images: dict[str, bytes] = field(default_factory=dict)
    said: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    dead: Exception | None = None
    before: Callable[[str], None] = lambda uid: None

    def image(self, index_code: str, image: FoundImage) -> bytes:
        uid = image.sop_instance_uid
        self.asked.append(uid)
        self.before(uid)
        if self.dead is not None:
            raise self.dead
        said = self.said.get(uid, [])
        answer = said.pop(0) if said else self.images[uid]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, bytes)
        return answer


@dataclass
class Desk:
    store: Store
    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    cloud: Cloud = field(default_factory=Cloud)
    offered: list[Offered] = field(default_factory=list)
    free: list[int] = field(default_factory=lambda: [PLENTY])
    replace: Callable[[Path, Path], None] = durable_replace

    def start(self, count: int = 3) -> int:
        """A download of so many images in two series."""
        study, series = a_uid(), [a_uid(), a_uid()]
        for number in range(count):
            one = Offered(study_instance_uid=study, series_instance_uid=series[number % 2], sop_instance_uid=a_uid())
            self.offered.append(one)
            self.cloud.images[one.sop_instance_uid] = an_image(one, number=number + 1)
        return self.begin()

    def begin(self, *had: str) -> int:
        subject = Subject(index_code="111-1-2", patient_name="李*芳", body_part="胸部", exam_date="", clinic_name="")
        now = self.clock.now()
        return self.store.write(
            lambda tx: retrievals.begin(tx, "main", subject, str(self.folder), self.offered, had, now=now)
        )

    def downloads(self) -> Downloads:
        """As after a start of the program."""
        shelf = Shelf(
            durable_replace=lambda part, final: self.replace(part, final),
            durable_folder=durable_folder,
            free_bytes=lambda folder: self.free[0],
            least_free_bytes=lambda folder: 1000,
        )
        made = Downloads(
            self.store,
            "main",
            cast(Retriever, self.cloud),
            shelf,
            self.clock,
            UploadSettings(),
            jitter=lambda: 1.0,
            stopping=threading.Event(),
        )
        made._mine = None  # as `start` does, without its thread
        return made

    def run(self) -> None:
        downloads = self.downloads()
        while downloads.run_once():
            pass

    def see(self, id: int) -> Download:
        found = retrievals.download(self.store.read(), id)
        assert found is not None
        return found

    def content(self, one: Offered) -> bytes:
        return file_of(self.folder, one).read_bytes()


def an_image(one: Offered, **elements: Any) -> bytes:
    return dicom_bytes(
        a_data_set(
            study_uid=one.study_instance_uid,
            series_uid=one.series_instance_uid,
            instance_uid=one.sop_instance_uid,
            **elements,
        )
    )


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return Desk(store, tmp_path / "调阅" / "20261108-ab")


def test_every_image_lies_there_exactly_as_it_came(desk: Desk) -> None:
    id = desk.start(5)
    desk.run()
    done = desk.see(id)
    assert (done.state, done.kept, done.total, done.refused) == (DownloadState.DONE, 5, 5, 0)
    for one in desk.offered:
        assert desk.content(one) == desk.cloud.images[one.sop_instance_uid]
    assert sorted(desk.cloud.asked) == sorted(desk.cloud.images)
    assert not list(desk.folder.rglob("*.part"))


def test_a_cut_line_is_waited_for_ever_longer_and_nothing_is_fetched_twice(desk: Desk) -> None:
    id = desk.start(3)
    downloads = desk.downloads()
    assert downloads.run_once()
    desk.cloud.dead = Unanswered("影像云连不上，对方没有开门", "")
    waits = []
    for _ in range(4):
        assert downloads.run_once()
        waiting = desk.see(id)
        assert waiting.state is DownloadState.WAITING
        assert waiting.due_at is not None
        waits.append((waiting.due_at - desk.clock.now()).total_seconds())
        assert not downloads.run_once()
        desk.clock.pass_(waits[-1])
    assert waits == [5, 10, 20, 40]
    assert waiting.hitch is not None
    assert (waiting.hitch.title, waiting.hitch.advice) == (
        "影像云连不上，对方没有开门",
        "程序会自动接着下载，下好的都在",
    )
    desk.cloud.dead = None
    while downloads.run_once():
        pass
    assert desk.see(id).state is DownloadState.DONE
    assert desk.see(id).hitch is None
    first = desk.offered[0].sop_instance_uid
    assert desk.cloud.asked.count(first) == 1


def test_a_platform_that_asks_for_patience_gets_it(desk: Desk) -> None:
    id = desk.start(1)
    desk.cloud.dead = Unanswered("平台正忙", "", after_seconds=600)
    assert desk.downloads().run_once()
    due = desk.see(id).due_at
    assert due is not None
    assert (due - desk.clock.now()).total_seconds() == 600


def test_after_a_kill_it_goes_on_at_the_next_image(desk: Desk) -> None:
    id = desk.start(4)
    downloads = desk.downloads()
    assert downloads.run_once()
    assert downloads.run_once()
    # killed between the file's name and the index: it lies there, and nobody knows
    third = desk.offered[2]
    file_of(desk.folder, third).parent.mkdir(exist_ok=True)
    file_of(desk.folder, third).write_bytes(desk.cloud.images[third.sop_instance_uid])
    # and in the middle of the fourth
    fourth = file_of(desk.folder, desk.offered[3])
    fourth.parent.mkdir(exist_ok=True)
    fourth.with_suffix(".part").write_bytes(b"half")
    desk.run()
    assert desk.see(id).state is DownloadState.DONE
    assert desk.cloud.asked == [desk.offered[place].sop_instance_uid for place in (0, 1, 3)]
    assert not list(desk.folder.rglob("*.part"))
    kept = retrievals.images(desk.store.read(), id, ImageState.KEPT)
    assert [row["had"] for row in kept] == [0, 0, 0, 0]  # all of it is ours


def test_what_a_person_already_has_is_counted_and_not_fetched(desk: Desk) -> None:
    id = desk.start(2)
    desk.run()
    desk.store.write(lambda tx: retrievals.remove(tx, id))
    desk.cloud.asked.clear()
    id = desk.begin(*(one.sop_instance_uid for one in desk.offered))
    desk.run()
    assert (desk.see(id).kept, desk.cloud.asked) == (2, [])
    assert [row["had"] for row in retrievals.images(desk.store.read(), id)] == [1, 1]


def test_a_broken_file_under_the_right_name_is_fetched_anew(desk: Desk) -> None:
    id = desk.start(1)
    path = file_of(desk.folder, desk.offered[0])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not an image")
    desk.run()
    assert desk.see(id).kept == 1
    assert desk.content(desk.offered[0]) == desk.cloud.images[desk.offered[0].sop_instance_uid]


def broken(desk: Desk, how: str) -> bytes | Exception:
    one = desk.offered[1]
    other = Offered(study_instance_uid=a_uid(), series_instance_uid=a_uid(), sop_instance_uid=a_uid())
    same_but = {
        "study": Offered(**{**vars(one), "study_instance_uid": other.study_instance_uid}),
        "series": Offered(**{**vars(one), "series_instance_uid": other.series_instance_uid}),
        "image": Offered(**{**vars(one), "sop_instance_uid": other.sop_instance_uid}),
    }
    if how in same_but:
        return an_image(same_but[how])
    whole = desk.cloud.images[one.sop_instance_uid]
    if how == "refused":
        return Rejected("平台不接受这次查询", "", code="1", words="图像不存在")
    if how == "empty":
        return NoSense("平台这次没有给出这张影像", "")
    return {"cut": whole[:-20], "strange": b"<html>", "nothing": b""}[how]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("study", "检查 UID 与平台的清单不一致"),
        ("series", "序列 UID 与平台的清单不一致"),
        ("image", "影像 UID 与平台的清单不一致"),
        ("cut", "内容不完整"),
        ("strange", "打不开，不是完整的 DICOM 影像"),
        ("nothing", "打不开，不是完整的 DICOM 影像"),
        ("refused", "平台不接受这次查询（图像不存在）"),
        ("empty", "平台这次没有给出这张影像"),
    ],
)
def test_an_image_that_is_none_is_asked_for_once_more_then_named_and_the_rest_goes_on(
    desk: Desk, how: str, why: str
) -> None:
    id = desk.start(4)
    uid = desk.offered[1].sop_instance_uid
    desk.cloud.said[uid] = [broken(desk, how), broken(desk, how)]
    desk.run()
    done = desk.see(id)
    assert (done.state, done.kept, done.refused) == (DownloadState.DONE, 3, 1)
    refused = retrievals.images(desk.store.read(), id, ImageState.REFUSED)
    assert [(row["sop_instance_uid"], row["why"]) for row in refused] == [(uid, why)]
    assert desk.cloud.asked.count(uid) == 2
    assert len(list(desk.folder.rglob("*.dcm"))) == 3
    assert not list(desk.folder.rglob("*.part"))
    desk.store.write(lambda tx: retrievals.resume(tx, id, now=desk.clock.now()))
    desk.run()
    assert (desk.see(id).kept, desk.see(id).refused) == (4, 0)
    assert desk.content(desk.offered[1]) == desk.cloud.images[uid]


def test_broken_once_and_whole_the_second_time_is_whole(desk: Desk) -> None:
    id = desk.start(2)
    desk.cloud.said[desk.offered[0].sop_instance_uid] = [broken(desk, "cut")]
    desk.run()
    assert (desk.see(id).kept, desk.see(id).refused) == (2, 0)


def test_a_platform_that_dropped_the_whole_exam_is_not_asked_a_thousand_times(desk: Desk) -> None:
    id = desk.start(60)
    for one in desk.offered[:50]:
        desk.cloud.said[one.sop_instance_uid] = [NoSense("平台这次没有给出这张影像", "")] * 9
    desk.run()
    stopped = desk.see(id)
    assert stopped.state is DownloadState.FAILED
    assert stopped.hitch is not None
    assert stopped.hitch.title == "平台接连 20 次没有给出能用的影像"
    assert len(desk.cloud.asked) == 20
    for _ in range(2):  # resumed, what was not asked for yet comes first
        desk.store.write(lambda tx: retrievals.resume(tx, id, now=desk.clock.now()))
        desk.run()
    assert desk.see(id).kept == 10


def test_a_wrong_key_stops_it_until_a_person_mends_the_settings(desk: Desk) -> None:
    id = desk.start(2)
    desk.cloud.dead = NeedsOperator("平台不认我们的机构", "请找工程师核对医保机构编码和密钥", page="destination")
    desk.run()
    failed = desk.see(id)
    assert failed.state is DownloadState.FAILED
    assert failed.hitch is not None
    assert failed.hitch.advice == "请找工程师核对医保机构编码和密钥"
    assert len(desk.cloud.asked) == 1


def test_a_full_disk_is_named_and_room_lets_it_go_on(desk: Desk) -> None:
    id = desk.start(2)
    downloads = desk.downloads()
    desk.free[0] = 10
    assert downloads.run_once()
    nearly = desk.see(id)
    assert nearly.hitch is not None
    assert (nearly.state, nearly.hitch.title) == (DownloadState.WAITING, "磁盘快满了，先不下载")
    assert desk.cloud.asked == []
    desk.free[0] = PLENTY

    def full(part: Path, final: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    desk.replace = full
    desk.clock.pass_(60)
    assert downloads.run_once()
    hitch = desk.see(id).hitch
    assert hitch is not None
    assert hitch.title == "磁盘满了"
    assert not list(desk.folder.rglob("*.part"))
    desk.replace = durable_replace
    desk.clock.pass_(60)
    while downloads.run_once():
        pass
    assert desk.see(id).state is DownloadState.DONE


def test_a_folder_that_went_away_is_waited_for(desk: Desk) -> None:
    desk.folder.parent.mkdir()
    desk.folder.write_text("a file in its place")
    id = desk.start(1)
    downloads = desk.downloads()
    assert downloads.run_once()
    hitch = desk.see(id).hitch
    assert hitch is not None
    assert hitch.title == "下载文件夹写不进去"
    desk.folder.unlink()
    desk.clock.pass_(60)
    assert downloads.run_once()
    assert desk.see(id).state is DownloadState.DONE


def test_what_is_paused_while_an_image_is_on_its_way_keeps_it_and_stays_paused(desk: Desk) -> None:
    id = desk.start(3)
    desk.cloud.before = lambda uid: desk.store.write(lambda tx: retrievals.pause(tx, id, now=desk.clock.now()))
    desk.run()
    assert (desk.see(id).state, desk.see(id).kept) == (DownloadState.PAUSED, 1)
    desk.run()  # another start of the program
    assert (desk.see(id).state, len(desk.cloud.asked)) == (DownloadState.PAUSED, 1)
    desk.cloud.before = lambda uid: None
    desk.store.write(lambda tx: retrievals.resume(tx, id, now=desk.clock.now()))
    desk.run()
    assert (desk.see(id).state, len(desk.cloud.asked)) == (DownloadState.DONE, 3)


def test_a_pause_outlives_a_dead_line(desk: Desk) -> None:
    id = desk.start(1)
    desk.cloud.dead = Unanswered("影像云连不上", "")
    desk.cloud.before = lambda uid: desk.store.write(lambda tx: retrievals.pause(tx, id, now=desk.clock.now()))
    desk.run()
    assert desk.see(id).state is DownloadState.PAUSED


def test_what_is_removed_while_an_image_is_on_its_way_leaves_nothing(desk: Desk) -> None:
    desk.start(2)
    desk.cloud.before = lambda uid: desk.store.write(lambda tx: retrievals.remove(tx, 1))
    desk.run()
    assert retrievals.downloads(desk.store.read(), 9) == []
    assert not list(desk.folder.rglob("*.dcm"))


def test_one_that_waits_does_not_keep_another_from_going_on(desk: Desk) -> None:
    first = desk.start(1)
    desk.cloud.said[desk.offered[0].sop_instance_uid] = [Unanswered("影像云连不上", "")]
    downloads = desk.downloads()
    assert downloads.run_once()
    desk.folder, desk.offered = desk.folder.with_name("other"), []
    second = desk.start(2)
    while downloads.run_once():
        pass
    assert (desk.see(first).state, desk.see(second).state) == (DownloadState.WAITING, DownloadState.DONE)


def test_seconds_left_are_those_of_the_last_images(desk: Desk) -> None:
    id = desk.start(4)
    desk.cloud.before = lambda uid: desk.clock.pass_(2)
    downloads = desk.downloads()
    assert downloads.seconds_left(desk.see(id)) is None
    downloads.run_once()
    assert downloads.seconds_left(desk.see(id)) == 6.0


def test_the_thread_takes_up_what_an_earlier_run_left_and_ends_when_told(desk: Desk) -> None:
    id = desk.start(3)
    downloads = desk.downloads()
    done = threading.Event()
    desk.store.subscribe(lambda event: done.set() if desk.see(id).state is DownloadState.DONE else None)
    downloads.start()
    assert done.wait(10)
    downloads._stopping.set()
    downloads.join(5)
    assert not any(thread.name == "download-main" for thread in threading.enumerate())
