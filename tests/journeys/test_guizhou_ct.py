"""A CT of 500 slices to Guizhou, one request each: memory, kill -9, one refused slice, four at once."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .national import (
    GUIZHOU,
    UPLOADED,
    World,
    a_running_clinic,
    as_kept,
    as_made,
    everything,
    from_the_device,
    index_of,
    kept,
    national_fill,
    numbers_came_once,
    row_of,
    until,
)
from .world import sop_uid

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
SLICES, FEW, WORKERS, KILLS = 500, 100, 4, 2
SIDE = 256
"""Rows and columns of a slice whose weight counts: 128 KiB, all 500 are 64 MB."""
MORE_MB = 16


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    options = {"image_workers": WORKERS}
    with a_running_clinic(tmp_path_factory.mktemp("ct"), GUIZHOU, options=lambda _: options) as made:
        yield made


def peak_mb(pid: int, *, afresh: bool = False) -> float:
    """The greatest resident memory of the process; `afresh`: from now on."""
    if afresh:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def test_five_hundred_slices_need_no_more_memory_than_a_hundred(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    grown = {}
    for number in (FEW // 4, FEW, SLICES):  # the first of all warms up
        uid, paths = from_the_device(agent, tmp_path / str(number), number, size=SIDE, accession=f"CT{number}")
        before = peak_mb(agent.pid, afresh=True)
        agent.fill_and_submit(uid, national_fill(), pdf)
        agent.wait_for(lambda uid=uid: row_of(agent, uid)["state"] in UPLOADED, seconds=120, every=0.5)  # type: ignore[misc]
        grown[number] = peak_mb(agent.pid) - before
        assert as_kept(practice, index_of(agent, uid)) == as_made(paths)
    print(f"grown while sending, MB by slices: {grown}")
    assert grown[SLICES] - grown[FEW] < MORE_MB, "64 MB of images passed through it"
    assert numbers_came_once(practice)


def test_a_kill_in_the_middle_repeats_no_answered_slice(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, paths = from_the_device(agent, tmp_path / "ct", SLICES, size=16, accession="KILLED")
    start = len(practice.received(limit=100_000))
    practice.fault(where="image", when="after", what="slow", seconds=0.05, times=0)  # kept already, not yet answered
    agent.fill_and_submit(uid, national_fill(), pdf)

    def come() -> int:
        return sum(1 for one in practice.received(start, limit=100_000) if one["place"] == "image")

    for number in range(1, KILLS + 1):
        agent.wait_for(lambda wanted=number * 150: come() >= wanted, what="more slices", seconds=60)  # type: ignore[misc]
        agent.kill()
        assert come() < SLICES, "killed too late"
        agent.start()
    done = until(agent, uid, *UPLOADED, seconds=120)
    practice.no_faults()
    index = index_of(agent, uid)
    images = everything(practice, "images", index)
    assert as_kept(practice, index) == as_made(paths)
    assert {one["version"] for one in images} == {1} and {one["total"] for one in images} == {SLICES}
    again = sum(one["received"] - 1 for one in images)
    print(f"{again} of {SLICES} slices came twice over {KILLS} kills")
    assert 0 < again <= KILLS * 2 * WORKERS, "at most what was on its way, to the platform or to the disk"
    assert next(job for job in done["jobs"] if job["part"] == "images")["done"] == SLICES
    assert numbers_came_once(practice)


def test_one_refused_slice_is_named_and_goes_alone_once_mended(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, paths = from_the_device(agent, tmp_path / "ct", SLICES, size=16, accession="REFUSED")
    bad, words = sop_uid(paths[321]), "影像文件解析失败，请核对后重新上传"
    practice.fault(where="image", when="before", what="code0", match=bad, times=0, message=words)
    agent.fill_and_submit(uid, national_fill(), pdf)
    refused = until(agent, uid, "rejected", seconds=90)
    index = index_of(agent, uid)
    assert set(as_kept(practice, index)) == {sop_uid(path) for path in paths} - {bad}
    job = next(job for job in refused["jobs"] if job["part"] == "images")
    assert (job["done"], job["total"]) == (SLICES - 1, SLICES)
    told = json.dumps(job["trouble"], ensure_ascii=False)
    assert words in told and bad in told and "321" not in refused["state_words"]
    assert sum(path_uid in told for path_uid in map(sop_uid, paths)) == 1, "no other is blamed"
    practice.no_faults()
    asked = len(practice.received(limit=100_000))
    agent.cli("resend", "--failed")
    until(agent, uid, *UPLOADED)
    assert [one["key"] for one in practice.received(asked)] == [bad]
    assert as_kept(practice, index) == as_made(paths)


def test_four_are_on_their_way_at_once_and_never_five(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, paths = from_the_device(agent, tmp_path / "ct", 24, size=16, accession="FOUR")
    start = len(practice.received(limit=100_000))
    practice.fault(where="image", when="after", what="slow", seconds=5, times=0)  # all are in, none is answered
    agent.fill_and_submit(uid, national_fill(), pdf)

    def on_their_way() -> int:
        return sum(one["kind"] == "image" for one in practice.received(start))

    agent.wait_for(lambda: on_their_way() >= WORKERS, seconds=30)
    watched = time.monotonic() + 1
    while time.monotonic() < watched:
        assert on_their_way() == WORKERS
    practice.no_faults()
    until(agent, uid, *UPLOADED)
    assert len(kept(practice, "images", index_of(agent, uid))) == len(paths)
