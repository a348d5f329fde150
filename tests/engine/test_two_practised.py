"""Two destinations against both practice platforms over real lines: one gone for a while, a corrected number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from app.engine.engine import Engine
from app.engine.settings import apply_answers
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.desk import Desk
from tests.engine.two import CITY, INDEX, OTHER_PERSON, REGIONS, Clinic, answers_of
from tests.intake.clinic import HandClock
from tests.journeys.inside import MovableClock
from tests.practice.clinic import PracticeProcess
from tests.wire.peers import free_port

Json = dict[str, Any]


@pytest.fixture
def world(home: Home, tmp_path: Path) -> Iterator[tuple[Clinic, dict[str, PracticeProcess]]]:
    with ExitStack() as stack:
        platforms = {}
        for name, region in REGIONS.items():
            platforms[name] = PracticeProcess(tmp_path / name, region=region)
            stack.callback(platforms[name].stop)
        files = free_port()
        answers = answers_of(CITY, INDEX)
        for one in answers["destination"]:
            one["base_url"] = platforms[one["name"]].line["base_url"]
            one["secrets"] = {"key": f"PRACTICE-KEY-{one['region'].upper()}"}
        answers |= {
            "dicom": {"port": free_port(), "bind": "127.0.0.1"},
            "files": {"public_base_url": f"http://127.0.0.1:{files}", "port": files, "bind": "127.0.0.1"},
            "upload": {"retry_first_seconds": 0.1, "retry_longest_seconds": 0.5},
        }
        apply_answers(answers, home)
        engine = Engine(home, clock=MovableClock(), jitter=lambda: 1.0)
        stack.callback(engine.stop)
        engine.start()
        yield Clinic(Desk(engine, HandClock(), tmp_path), {}), platforms


def until(claim: Callable[[], object], what: Callable[[], object], seconds: float = 30.0) -> None:
    end = monotonic() + seconds
    while not claim():
        if monotonic() > end:
            pytest.fail(f"waited in vain: {what()}")
        sleep(0.02)


def kept(platform: PracticeProcess, kind: str) -> list[Json]:
    return [one for one in platform.ledger()[kind] if one["state"] == "kept"]


def test_both_end_with_it_whatever_happened_to_one(
    world: tuple[Clinic, dict[str, PracticeProcess]], tmp_path: Path
) -> None:
    clinic, platforms = world
    engine, city, index = clinic.desk.engine, platforms[CITY], platforms[INDEX]
    uid = clinic.desk.receive(3)
    clinic.fill(uid)
    engine.attach(uid, str(a_pdf(tmp_path / "report.pdf")))
    index.control("down", seconds=2)
    assert engine.submit(uid)["skipped"] == []

    def states(name: str) -> set[str]:
        return {job["state"] for job in engine.study(uid)["jobs"] if job["destination"] == name}

    until(lambda: states(CITY) == {"acknowledged"}, lambda: engine.study(uid)["jobs"])
    until(lambda: clinic.state(uid) == "acknowledged", lambda: engine.study(uid)["jobs"])
    assert len(kept(city, "exams")) == len(kept(index, "exams")) == 1 and len(kept(city, "images")) == 3
    until(lambda: len(kept(index, "images")) == 3, index.ledger)

    engine.fill(uid, {"id_number": OTHER_PERSON})
    engine.submit(uid)
    until(lambda: clinic.state(uid) == "acknowledged", lambda: engine.study(uid)["jobs"])
    (corrected,) = kept(city, "exams")
    assert OTHER_PERSON in corrected["key"] and len(kept(city, "images")) == 3
    assert len(kept(index, "exams")) == 2, "it has no way to delete"
    told = clinic.timeline(uid)
    assert "旧索引已撤回 · 贵州省医保影像云" in told
    assert "旧索引还在平台上 · 广元市医保影像云 · 平台没有删除接口，请告知平台" in told
