"""The images of an exam one by one: each behind the exam's secret, each counted once all of it went out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from app.domain.job import JobState, Part
from app.domain.settings import FileService
from app.errors import NeedsOperator
from app.provide.provider import Provider
from app.store import answers, exams, files, images, jobs, pickups
from tests.builders import a_study, a_uid
from tests.intake.clinic import Room, a_room, wait_until
from tests.provide.test_provider import MAIN, a_report, an_exam, ask, notes, open_provider
from tests.store.samples import claimed, put


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with a_room(tmp_path / "影像 home") as made:
        yield made


@pytest.fixture
def provider(room: Room) -> Iterator[Provider]:
    with open_provider(room) as made:
        yield made


def urls(room: Room, provider: Provider, key: str, destination: str = MAIN) -> list[str]:
    return [provider.image_link(destination, key, one.sop_instance_uid) for one in room.image(key)]


def held(room: Room, key: str) -> dict[str, str]:
    return answers.held(room.store.read(), MAIN, key, "images")


def waiting(room: Room, key: str) -> int:
    """The job that waits until these images are fetched."""
    refs = [{"sop_instance_uid": one.sop_instance_uid, "sha256": one.data_set_sha256} for one in room.image(key)]
    put(room.store, Part.IMAGES, exam=key, body={"images": refs})
    job, now = claimed(room.store), room.clock.now()
    assert job is not None
    contents = {one["sop_instance_uid"]: one["sha256"] for one in refs}
    room.store.write(lambda tx: pickups.wait(tx, job, "images", contents, now=now))
    return job.id


def test_every_image_comes_as_it_lies_in_the_spool(room: Room, provider: Provider, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=4, studies=2)
    found = urls(room, provider, key)
    assert len(set(found)) == 8 and len({url.rsplit("/", 1)[0] for url in found}) == 1, "one secret for the exam"
    for url, one in zip(found, room.image(key), strict=True):
        reply = ask(url)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/dicom")
        assert reply.body == room.spool.path(one.path).read_bytes()
    assert urls(room, provider, key) == found, "the same address each time"
    assert urls(room, provider, key, "other")[0] != found[0]


def test_each_fetched_image_is_held_and_the_last_one_ends_the_wait(
    room: Room, provider: Provider, tmp_path: Path
) -> None:
    key = an_exam(room, tmp_path, images=3)
    job_id, found = waiting(room, key), urls(room, provider, key)
    for number, url in enumerate(found, 1):
        ask(url)
        wait_until(lambda: len(held(room, key)) == number, 5)  # noqa: B023
        job = jobs.job(room.store.read(), job_id)
        assert (job.done_count, job.total_count, job.due_at is not None) == (number, 3, number == 3)
    assert held(room, key) == {one.sop_instance_uid: one.data_set_sha256 for one in room.image(key)}
    assert notes(room, key) == [("fetched", f"{MAIN}/images")]
    assert job.state is JobState.WAITING
    (link,) = files.links_of(room.store.read(), key)
    assert link.is_images and (link.fetched_count, link.first_fetched_at) == (3, room.clock.now())


def test_a_part_of_an_image_is_not_the_image(room: Room, provider: Provider, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=1)
    (url,) = urls(room, provider, key)
    size = int(ask(url, "HEAD").headers["Content-Length"])
    assert ask(url, Range=f"bytes=0-{size - 2}").status == 206
    sent = lambda: files.links_of(room.store.read(), key)[0].sent_bytes  # noqa: E731
    wait_until(lambda: sent() == size - 1, 5)
    assert held(room, key) == {}
    tag = ask(url, "HEAD").headers["ETag"]
    assert ask(url, Range=f"bytes={size - 1}-", If_Range=tag).status == 206
    wait_until(lambda: len(held(room, key)) == 1, 5)


def test_the_copy_that_goes_carries_the_number_of_its_study(room: Room, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=2, accession="")
    exam = exams.exam(room.store.read(), key)
    assert exam is not None and exam.minted_accession
    with open_provider(room, carries=True) as provider:
        url = urls(room, provider, key)[0]
        reply = ask(url)
        assert pydicom.dcmread(io.BytesIO(reply.body)).AccessionNumber == exam.minted_accession
        assert int(ask(url, "HEAD").headers["Content-Length"]) == len(reply.body)
        assert ask(url, Range="bytes=5-9").body == reply.body[5:10]
        wait_until(lambda: len(held(room, key)) == 1, 5)
    assert held(room, key) == {room.image(key)[0].sop_instance_uid: room.image(key)[0].data_set_sha256}
    with open_provider(room) as provider:
        assert not pydicom.dcmread(io.BytesIO(ask(urls(room, provider, key)[0]).body)).get("AccessionNumber")


def test_a_number_of_the_device_s_own_stays(room: Room, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=1, accession="CT1")
    with open_provider(room, carries=True) as provider:
        reply = ask(urls(room, provider, key)[0])
    assert reply.body == room.spool.path(room.image(key)[0].path).read_bytes()


@pytest.mark.parametrize(
    "name",
    ["", "/", "{uid}", "{uid}.zip", "{other}.dcm", "../{uid}.dcm", "%2e%2e/{uid}.dcm", "{uid}.dcm/", "{uid}.dcm?",
     "*.dcm", "' OR 1=1 --.dcm", "..%2f..%2fagent.db"],
)  # fmt: skip
def test_nothing_else_is_behind_the_secret(room: Room, provider: Provider, tmp_path: Path, name: str) -> None:
    mine, theirs = an_exam(room, tmp_path / "a"), an_exam(room, tmp_path / "b")
    base = urls(room, provider, mine)[0].rpartition("/")[0]
    uid, other = room.image(mine)[0].sop_instance_uid, room.image(theirs)[0].sop_instance_uid
    status = ask(f"{base}/{name.format(uid=uid, other=other).replace(' ', '%20')}").status
    assert status == (200 if name == "{uid}.dcm?" else 404)


def test_the_secrets_of_one_kind_open_no_other(room: Room, provider: Provider, tmp_path: Path) -> None:
    key, (sha256, _) = an_exam(room, tmp_path), a_report(room)
    image = urls(room, provider, key)[0]
    base, token, name = image.partition("/i/")[0], image.split("/")[-2], image.split("/")[-1]
    others = [provider.zip_link(MAIN, key), provider.link(MAIN, key, sha256)]
    for url in others:
        secret = url.rpartition("/")[2].partition(".")[0]
        assert ask(f"{base}/i/{secret}/{name}").status == 404
    for path in (f"/f/{token}.pdf", f"/z/{token}.zip", f"/i/{token}.dcm", "/i//x.dcm"):
        assert ask(base + path).status == 404


def test_an_address_ends_with_the_withdrawal(room: Room, provider: Provider, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=1)
    (url,) = urls(room, provider, key)
    room.store.write(lambda tx: files.withdraw_links(tx, MAIN, key, now=room.clock.now()))
    assert ask(url).status == 410
    (new,) = urls(room, provider, key)
    assert new != url and (ask(new).status, ask(url).status) == (200, 404)


@pytest.mark.warns
def test_an_image_that_is_gone_is_the_technician_s(room: Room, provider: Provider, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=1)
    (url,) = urls(room, provider, key)
    room.spool.path(room.image(key)[0].path).unlink()
    assert ask(url).status == 404
    wait_until(lambda: bool(files.broken_links(room.store.read())), 5)
    assert "找不到了" in files.broken_links(room.store.read())[0].broken
    assert held(room, key) == {}


@pytest.mark.warns
def test_what_is_gone_is_gone_until_it_is_back_whatever_else_is_fetched(
    room: Room, provider: Provider, tmp_path: Path
) -> None:
    key = an_exam(room, tmp_path, images=3)
    first, second, third = urls(room, provider, key)
    gone = room.spool.path(room.image(key)[1].path)
    away = gone.rename(tmp_path / "away")
    assert [ask(url).status for url in (first, second, third)] == [200, 404, 200]
    wait_until(lambda: len(held(room, key)) == 2, 5)
    assert files.broken_links(room.store.read())
    away.rename(gone)
    assert ask(second).status == 200
    wait_until(lambda: len(held(room, key)) == 3, 5)
    assert not files.broken_links(room.store.read())


def test_images_of_another_patient_of_the_same_study_are_not_there(room: Room, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=1)
    study = room.image(key)[0].study_instance_uid
    for path in a_study(tmp_path / "two", images=1, study_uid=study, name="李四", patient_id="P2"):
        room.taker.take_file(path, "folder:/in")
    room.store.write(lambda tx: exams.part_patients(tx, study, now=room.clock.now()))
    mine = {one.sop_instance_uid for one in room.image(key)}
    everything = {row["sop_instance_uid"] for row in room.images(study)}
    with open_provider(room) as provider:
        status = {uid: ask(provider.image_link(MAIN, key, uid)).status for uid in everything}
    assert {uid for uid, one in status.items() if one == 200} == mine and len(mine) < len(everything)
    assert images.image_of(room.store.read(), key, next(iter(everything - mine))) is None


def test_without_an_address_nothing_is_promised(room: Room) -> None:
    provider = Provider(
        room.store,
        room.clock,
        FileService(),
        path_of=room.spool.path,
        carried=lambda path, accession: pytest.fail("nothing is carried"),
        carries=lambda destination: False,
    )
    with pytest.raises(NeedsOperator) as caught:
        provider.image_link(MAIN, "E1", a_uid())
    assert caught.value.page == "files"
