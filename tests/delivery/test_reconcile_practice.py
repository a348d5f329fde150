"""Reconciling patient by patient against a platform that stands for the real one: it loses, forgets, caches, dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.job import JobState, Part
from app.domain.reconciliation import DayState
from app.errors import RetryLater
from app.practice.modality import make_study
from app.store import Store
from app.wire.http_client import HttpClient
from tests.delivery.province import AGAIN, DAY, LI, NIGHT, ZHANG, Bureau
from tests.delivery.stage import Files
from tests.practice.guizhou_clinic import Clinic, a_clinic, a_uid, sop_of

IMAGES = 3


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    with a_clinic(tmp_path / "platform") as made:
        yield made


class Night:
    """Exams that the platform really took, and the store that knows of them."""

    def __init__(self, clinic: Clinic, store: Store, folder: Path) -> None:
        self.clinic, self.folder = clinic, folder
        self.bureau = Bureau(store, Files(folder))
        self.bureau.target = replace(self.bureau.target, base_url=clinic.base, http=HttpClient(name="影像云"))
        self.uids: dict[str, tuple[str, ...]] = {}

    def sent(self, key: str, number: str = ZHANG) -> str:
        study = a_uid()
        paths = make_study(self.folder / key, images=IMAGES, size=32, accession=key, study_uid=study)
        self.uids[key] = tuple(sop_of(path) for path in paths)
        index = self.bureau.sent(key, number, self.uids[key])
        row = self.clinic.exam(
            index, certno=number, examDate=DAY.isoformat(), studyUid=study, accessionNumber=key, psnName="张三"
        )
        assert row["succFlag"] == "1", row
        for path in paths:
            assert self.clinic.image(index, path)["code"] == 0
        return index

    def ask(self, *, after: float = 0.0, everything: bool = False) -> DayState:
        self.bureau.clock.pass_(after)
        return self.bureau.reconciler().ask(DAY, everything=everything)

    def states(self, key: str) -> tuple[JobState, JobState]:
        return self.bureau.state(key), self.bureau.state(key, Part.IMAGES)


@pytest.fixture
def night(clinic: Clinic, store: Store, tmp_path: Path) -> Night:
    return Night(clinic, store, tmp_path)


def test_records_are_there_and_images_cannot_be_checked_until_the_cache_has_them(night: Night) -> None:
    index = night.sent("E1")
    assert night.ask() is DayState.AGREED
    assert night.states("E1") == (JobState.RECONCILED, JobState.ACKNOWLEDGED)
    assert night.bureau.images("E1") == "unknown"
    night.clinic.platform.control("cache", index=index, cached=True)
    night.ask(after=NIGHT)
    assert night.states("E1") == (JobState.RECONCILED, JobState.RECONCILED)


def test_an_exam_that_the_platform_lost_is_found_out_and_images_it_forgot_are_told_not_sent(night: Night) -> None:
    lost, partial = night.sent("E1"), night.sent("E2", LI)
    night.clinic.platform.control("lose", exam=lost)
    night.clinic.platform.control("cache", index=partial, cached=True, without=[night.uids["E2"][1]])
    assert night.ask() is DayState.ASKED_ONCE
    assert night.ask(after=AGAIN) is DayState.RESENDING
    assert night.states("E1") == (JobState.QUEUED, JobState.QUEUED)
    assert night.states("E2") == (JobState.RECONCILED, JobState.ACKNOWLEDGED)
    assert night.bureau.images("E2") == "lacking"
    kept = night.clinic.platform.kept("image", night.uids["E2"][1])
    assert kept["received"] == 1, "it was there all the time, and nobody sent it again"


def test_a_platform_that_dies_in_the_middle_costs_only_the_rest(night: Night) -> None:
    night.sent("E1")
    night.sent("E2", LI)
    night.clinic.platform.fault(where="history", when="before", what="drop", at=2, times=0)
    with pytest.raises(RetryLater, match="一部分"):
        night.ask()
    assert [night.bureau.state(key) for key in ("E1", "E2")] == [JobState.RECONCILED, JobState.ACKNOWLEDGED]
    night.clinic.platform.ask("DELETE", "/practice/fault")
    assert night.ask(after=AGAIN) is DayState.AGREED
