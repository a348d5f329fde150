"""Look-ups on record and downloads that are told apart, gone on with and removed."""

from __future__ import annotations

from datetime import timedelta

from app.domain.retrieval import DownloadState, Hitch, ImageState, KeptImage, Offered, Subject
from app.store import Store, retrievals
from tests.store.samples import NOW, at

HITCH = Hitch(title="连不上", advice="会再试")
IMAGE = KeptImage(
    sop_class_uid="1.2", transfer_syntax_uid="1.3", modality="CT", series_number="1", instance_number="1", size_bytes=9
)


def offered(*numbers: int, usable: bool = True) -> list[Offered]:
    return [
        Offered(study_instance_uid="1", series_instance_uid="2", sop_instance_uid=f"3.{number}", usable=usable)
        for number in numbers
    ]


def begin(store: Store, *numbers: int, index: str = "I1", folder: str = "/x", destination: str = "main") -> int:
    about = Subject(index_code=index, patient_name="李*", body_part="胸部", exam_date="2026-01-01", clinic_name="县")
    return store.write(lambda tx: retrievals.begin(tx, destination, about, folder, offered(*numbers), (), now=NOW))


def see(store: Store, id: int) -> tuple[DownloadState, int, int, int]:
    one = retrievals.download(store.read(), id)
    assert one is not None
    return one.state, one.kept, one.open, one.refused


def test_a_look_up_is_on_record_before_its_answer(store: Store) -> None:
    def note(what: str, seconds: float) -> int:
        return store.write(
            lambda tx: retrievals.note(
                tx, what, who="zl", destination="main", title="云", reason="会诊", id_masked="5***1", at=at(seconds)
            )
        )

    first, last = note(retrievals.LOOKED_UP, 0), note(retrievals.LOOKED_UP, 10)
    note(retrievals.OPENED, 11)
    store.write(lambda tx: retrievals.answered(tx, last, 4))
    span = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    assert [row["count"] for row in retrievals.lookups(store.read(), *span)] == [4, None]
    assert retrievals.lookup_count(store.read(), *span) == 2
    assert retrievals.lookup_count(store.read(), NOW, NOW) == 0
    assert first != last


def test_images_come_one_by_one_and_the_last_one_ends_it(store: Store) -> None:
    id = begin(store, 1, 2)
    for _ in range(2):
        wanted = retrievals.next_image(store.read(), id)
        assert wanted is not None
        store.write(lambda tx, place=wanted.place: retrievals.keep_image(tx, id, place, IMAGE, had=False, now=NOW))
    assert see(store, id) == (DownloadState.DONE, 2, 0, 0)
    assert retrievals.next_image(store.read(), id) is None
    row = retrievals.kept_image(store.read(), id, "3.2")
    assert row is not None
    assert (row["modality"], row["size_bytes"]) == ("CT", 9)


def test_a_list_of_nothing_usable_is_over_at_once(store: Store) -> None:
    about = Subject(index_code="I", patient_name="", body_part="", exam_date="", clinic_name="")
    wrong = offered(1, 2, usable=False)
    id = store.write(lambda tx: retrievals.begin(tx, "main", about, "/x", wrong, (), now=NOW))
    assert see(store, id) == (DownloadState.DONE, 0, 0, 2)
    store.write(lambda tx: retrievals.resume(tx, id, now=NOW))
    assert see(store, id) == (DownloadState.DONE, 0, 0, 2)  # no UID, no question


def test_a_refused_image_comes_last_and_is_given_up_at_the_second_time(store: Store) -> None:
    id = begin(store, 1, 2)
    store.write(lambda tx: retrievals.refuse_image(tx, id, 0, "内容不完整", most=2, now=NOW))
    wanted = retrievals.next_image(store.read(), id)
    assert wanted is not None
    assert wanted.offered.sop_instance_uid == "3.2"
    store.write(lambda tx: retrievals.refuse_image(tx, id, 0, "内容不完整", most=2, now=NOW))
    assert see(store, id) == (DownloadState.RUNNING, 0, 1, 1)
    assert retrievals.images(store.read(), id, ImageState.REFUSED)[0]["why"] == "内容不完整"


def test_only_what_runs_or_waits_goes_on_by_itself_the_oldest_first(store: Store) -> None:
    running, waiting, paused, failed = (begin(store, 1, index=f"I{number}") for number in range(4))
    other = begin(store, 1, destination="other")
    store.write(lambda tx: retrievals.postpone(tx, waiting, HITCH, at(60), now=NOW))
    store.write(lambda tx: retrievals.pause(tx, paused, now=NOW))
    store.write(lambda tx: retrievals.fail(tx, failed, HITCH, now=NOW))
    assert [one.id for one in retrievals.active(store.read(), "main")] == [running, waiting]
    listed = retrievals.downloads(store.read(), 9)
    assert [one.id for one in listed] == [other, failed, paused, waiting, running]
    found = retrievals.download(store.read(), waiting)
    assert found is not None
    assert (found.due_at, found.attempts, found.hitch) == (at(60), 1, HITCH)


def test_what_a_person_paused_is_not_moved_by_a_late_answer(store: Store) -> None:
    id = begin(store, 1, 2)
    store.write(lambda tx: retrievals.pause(tx, id, now=NOW))
    store.write(lambda tx: retrievals.postpone(tx, id, HITCH, at(5), now=NOW))
    store.write(lambda tx: retrievals.fail(tx, id, HITCH, now=NOW))
    store.write(lambda tx: retrievals.keep_image(tx, id, 0, IMAGE, had=False, now=NOW))
    found = retrievals.download(store.read(), id)
    assert found is not None
    assert (found.state, found.hitch, found.kept) == (DownloadState.PAUSED, None, 1)


def test_the_same_exam_into_the_same_folder_is_one_download(store: Store) -> None:
    id = begin(store, 1, 2)
    store.write(lambda tx: retrievals.pause(tx, id, now=NOW))
    assert begin(store, 2, 3) == id
    assert see(store, id) == (DownloadState.RUNNING, 0, 3, 0)
    assert begin(store, 1, folder="/y") != id


def test_a_change_is_told_and_a_removed_one_leaves_nothing(store: Store) -> None:
    told: list[object] = []
    store.subscribe(told.append)
    id = begin(store, 1)
    store.write(lambda tx: retrievals.remove(tx, id))
    assert told == [{"event": "download_changed", "id": id}] * 2
    assert retrievals.images(store.read(), id) == []
    assert retrievals.people(store.read()) == (set(), set())
