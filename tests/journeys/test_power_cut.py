"""Journey: the process is killed in the middle, twenty times while it receives and twenty times while it sends.

A kill leaves what the operating system has been given; that it reaches the disk before the answer is shown in
`test_before_success`.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from app.practice.modality import Patient, SendResult

from .conftest import NewAgent
from .world import (
    Agent,
    Modality,
    Practice,
    a_study,
    complete_fill,
    data_set_sha256,
    seeded,
    sop_uid,
    study_uid,
    wait_for,
)

KILLS = 20
BATCH = 58  # times KILLS is less than there are images
SHA = dict[str, str]
"""SOP Instance UID to SHA-256 of the data set."""


def made(paths: Iterable[Path]) -> SHA:
    return {sop_uid(path): data_set_sha256(path.read_bytes()) for path in paths}


# -- while receiving --------------------------------------------------------------------------------------------------


@pytest.mark.timeout(240)
def test_twenty_kills_while_receiving_lose_no_acknowledged_image(new_agent: NewAgent, tmp_path: Path) -> None:
    agent = new_agent(None, start=False, intake={"quiet_seconds": 60.0})
    modality = Modality(agent.port)
    moments = seeded(20261121)
    paths = [path for number in range(3) for path in a_study(tmp_path / str(number), images=400, size=32)]
    by_uid = {sop_uid(path): path for path in paths}
    expected = made(paths)
    acknowledged: set[str] = set()
    in_the_middle = 0

    for number in range(KILLS):
        agent.start()
        assert agent.parts() == [], "part files of an earlier run are swept"
        _are_listed(agent, acknowledged)
        waiting = [by_uid[uid] for uid in sorted(expected) if uid not in acknowledged][:BATCH]
        count = len(agent.spool_files())
        sending = _Sending(modality, waiting)
        _wait_for_growth(agent, count)
        time.sleep(moments.uniform(0.0, 0.15))
        agent.kill()
        result = sending.result()
        in_the_middle += len(result.stored) < len(waiting)
        acknowledged |= set(result.stored)
        _are_on_the_disk(agent, acknowledged, expected)
        _are_indexed(agent, acknowledged, tmp_path / f"index-{number}")

    agent.start()
    left = [by_uid[uid] for uid in sorted(expected) if uid not in acknowledged]
    assert len(modality.send(left).stored) == len(left)
    modality.send(paths[:20])  # what was acknowledged long ago comes once more
    assert agent.parts() == []
    _are_listed(agent, set(expected), exactly=True)
    _are_on_the_disk(agent, set(expected), expected)
    assert len(agent.spool_files()) == len(expected), "nothing twice"
    print(
        f"{KILLS} kills, {in_the_middle} in the middle, {len(acknowledged)} images acknowledged before the last start"
    )
    assert in_the_middle >= KILLS // 2
    assert acknowledged


class _Sending:
    """The modality in a thread of its own: images one after the other until there is no answer."""

    def __init__(self, modality: Modality, paths: list[Path]) -> None:
        self._result: SendResult | None = None
        self._thread = threading.Thread(target=self._send, args=(modality, paths), daemon=True)
        self._thread.start()

    def _send(self, modality: Modality, paths: list[Path]) -> None:
        self._result = modality.send(paths)

    def result(self) -> SendResult:
        self._thread.join(30)
        assert self._result is not None, "the modality did not end"
        return self._result


def _wait_for_growth(agent: Agent, count: int) -> None:
    wait_for(lambda: len(agent.spool_files()) > count, what="the first image", every=0.01)


def _are_on_the_disk(agent: Agent, wanted: set[str], expected: SHA) -> None:
    found = {path.name.rsplit("-", 1)[0]: path for path in agent.spool_files()}
    assert wanted <= set(found)
    for uid in wanted:
        assert data_set_sha256(found[uid].read_bytes()) == expected[uid], uid


def _are_indexed(agent: Agent, wanted: set[str], scratch: Path) -> None:
    """In the database as the kill left it, before the next start could mend anything: a copy of it is read."""
    scratch.mkdir()
    for file in agent.home.root.glob("agent.db*"):
        shutil.copy(file, scratch)
    with sqlite3.connect(scratch / "agent.db") as db:
        rows = db.execute("SELECT sop_instance_uid, count(*) FROM instances GROUP BY 1").fetchall()
    db.close()
    assert wanted <= {uid for uid, _ in rows}
    assert all(count == 1 for _, count in rows), "nothing twice"


def _are_listed(agent: Agent, wanted: set[str], *, exactly: bool = False) -> None:
    listed = Counter(
        image["sop_instance_uid"] for row in agent.studies() for image in agent.study(row["exam_key"])["instances"]
    )
    assert wanted <= set(listed) and (not exactly or wanted == set(listed))
    assert all(count == 1 for count in listed.values()), "nothing twice"


# -- while sending ----------------------------------------------------------------------------------------------------

STUDIES = 20
IMAGES_EACH = 10


@pytest.mark.timeout(300)
def test_twenty_kills_while_sending_leave_everything_at_the_platform_once(
    practice: Practice, new_agent: NewAgent, tmp_path: Path, pdf: Path
) -> None:
    agent = new_agent(practice, intake={"quiet_seconds": 0.3})
    uids, expected = _studies(agent, tmp_path, pdf)
    practice.fault(where="any", when="after", what="slow", seconds=0.04, times=0)  # kept already, not yet answered
    moments = seeded(20261122)
    for uid in uids:
        agent.face.submit(uid)

    for number in range(KILLS):
        if number:
            agent.start()
        _wait_for_arrivals(practice, moments.randint(2, 8))
        time.sleep(moments.uniform(0.0, 0.08))
        agent.kill()
    before = sum(1 for _ in practice.received(limit=100_000))
    agent.start()
    for uid in uids:
        agent.wait_for_state(uid, "acknowledged", seconds=60)

    ledger = practice.ledger(fields=False)
    kept = [*ledger["exams"], *ledger["reports"], *ledger["images"]]
    assert len(ledger["exams"]) == len(ledger["reports"]) == STUDIES
    assert {image["key"]: image["sha256"] for image in ledger["images"]} == expected
    assert all(one["state"] == "kept" and one["version"] == 1 for one in kept), "each thing once, and never changed"
    again = [one["received"] - 1 for one in kept]
    print(f"{len(kept)} things, {before} arrivals before the last start; again per kill: {sum(again)} of {KILLS} kills")
    workers = 2
    assert sum(again) <= KILLS * workers, "at most once more per kill and request in flight"
    assert sum(again) > 0, "no kill met a request in flight"
    assert before < len(kept) + sum(again), "the kills came after everything was sent"
    counts = ledger["counts"]
    assert all(counts[kind]["refused"] == counts[kind]["faulted"] == 0 for kind in ("exam", "report", "image"))
    agent.wait_for(lambda: agent.face.status()["counts"]["confirmed"] == STUDIES, what="the day to be confirmed")


def _studies(agent: Agent, folder: Path, pdf: Path) -> tuple[list[str], SHA]:
    """Small studies of different patients in the agent, filled and ready to be submitted."""
    modality = Modality(agent.port)
    uids: list[str] = []
    expected: SHA = {}
    patients = [
        Patient(id=f"P{number:04d}", name=f"张{'一二三四五六七八九十'[number % 10]}") for number in range(STUDIES)
    ]
    for number, patient in enumerate(patients):
        paths = a_study(
            folder / f"study{number}", images=IMAGES_EACH, size=32, patient=patient, accession=f"ACC{number:04d}"
        )
        assert len(modality.send(paths).stored) == IMAGES_EACH
        uids.append(study_uid(paths[0]))
        expected |= made(paths)
    for uid, patient in zip(uids, patients, strict=True):
        agent.wait_until_complete(uid)
        form = agent.face.fill(uid, **complete_fill(patient))
        form = agent.face.attach(uid, str(pdf))
        assert form["ready"], form["ready_why_not"]
    return uids, expected


def _wait_for_arrivals(practice: Practice, count: int, seconds: float = 20.0) -> None:
    """Until so many further requests have reached the platform."""
    last = practice.received(limit=1)
    since = last[-1]["id"] if last else 0
    until = time.monotonic() + seconds
    while len(practice.received(since)) < count and time.monotonic() < until:
        time.sleep(0.005)
