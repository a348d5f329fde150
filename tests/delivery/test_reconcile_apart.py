"""Reconciling patient by patient: each answer is kept by itself, slowly, and only what is open is asked about."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from app.delivery.findings import MOST_RESENDS
from app.delivery.gently import Gently
from app.delivery.reconcile import open_days
from app.domain.job import JobState, Part
from app.domain.reconciliation import DayState
from app.errors import RetryLater
from app.store import Store, days
from tests.delivery.province import AGAIN, DAY, DEAD, LI, NIGHT, ZHANG, Bureau
from tests.delivery.stage import Files

NOTHING = {"code": 0, "message": "成功", "data": None}


@pytest.fixture
def bureau(store: Store, tmp_path: Path) -> Bureau:
    return Bureau(store, Files(tmp_path))


def test_an_index_in_the_list_is_green_with_its_report_and_without_its_images(bureau: Bureau) -> None:
    bureau.sent("E1", report=True)
    assert bureau.ask() is DayState.AGREED
    states = {part: bureau.state("E1", part) for part in (Part.EXAM, Part.REPORT, Part.IMAGES)}
    assert states == {
        Part.EXAM: JobState.RECONCILED,
        Part.REPORT: JobState.RECONCILED,
        Part.IMAGES: JobState.ACKNOWLEDGED,
    }


def test_a_patient_is_asked_about_once_by_the_number_that_went_for_that_day_and_without_a_name(bureau: Bureau) -> None:
    bureau.sent("E1")
    bureau.sent("E2", images=())
    bureau.sent("E3", number=LI, images=())
    bureau.ask()
    assert bureau.province.patients() == [ZHANG, LI]
    first = bureau.province.asked[0]
    assert (first["psnCertType"], first["begntime"], first["endtime"]) == ("111", "2026-11-20", "2026-11-20")
    assert not first.get("psnName")


def test_what_is_reconciled_is_not_asked_about_again_by_the_program_itself(bureau: Bureau) -> None:
    bureau.sent("E1", images=())
    bureau.ask()
    assert bureau.ask(after=NIGHT) is DayState.AGREED
    assert bureau.province.asked == []
    bureau.ask(everything=True)
    assert bureau.province.patients() == [ZHANG], "a person who asks is answered about all"


def test_a_missing_index_counts_the_second_time_and_goes_again_twice_then_it_is_the_engineers(bureau: Bureau) -> None:
    del bureau.province.has[bureau.sent("E1")]
    assert bureau.ask(after=AGAIN) is DayState.ASKED_ONCE
    for resends in range(MOST_RESENDS):
        if resends:
            bureau.ask(after=AGAIN)
        assert bureau.ask(after=AGAIN) is DayState.RESENDING
        assert bureau.state("E1") is JobState.QUEUED
        bureau.deliver()
    bureau.ask(after=AGAIN)
    assert bureau.ask(after=AGAIN) is DayState.ENGINEER
    assert bureau.state("E1") is JobState.REJECTED
    assert bureau.ask(after=AGAIN) is DayState.ENGINEER
    assert bureau.province.asked == [], "nobody asks while a person has it"


def test_of_two_exams_of_one_patient_only_the_missing_one_goes_again(bureau: Bureau) -> None:
    bureau.sent("E1", images=())
    del bureau.province.has[bureau.sent("E2", images=())]
    bureau.ask()
    bureau.ask(after=AGAIN)
    assert (bureau.state("E1"), bureau.state("E2")) == (JobState.RECONCILED, JobState.QUEUED)


def test_a_platform_that_dies_in_the_middle_costs_only_the_rest(bureau: Bureau) -> None:
    for number, key in enumerate(("E1", "E2", "E3", "E4")):
        bureau.sent(key, number=f"11010119900307{number}25X"[:18], images=())

    def dies(number: int) -> None:
        if number > 2:
            raise DEAD

    bureau.province.before = dies
    with pytest.raises(RetryLater, match="一部分"):
        bureau.ask()
    states = [bureau.state(key) for key in ("E1", "E2", "E3", "E4")]
    assert states == [JobState.RECONCILED] * 2 + [JobState.ACKNOWLEDGED] * 2
    assert (bureau.row()["state"], bureau.row()["ask_again_at"] is not None) == ("open", True)
    assert open_days(bureau.store.read(), bureau.target, DAY) == [DAY]
    bureau.province.before = lambda number: None
    assert bureau.ask(after=AGAIN) is DayState.AGREED
    assert len(bureau.province.patients()) == 2, "what was answered is not asked again"
    assert [(len(one["missing"]), one["failed"] != "") for one in bureau.questions()] == [(0, True), (0, False)]


def test_a_dead_platform_is_left_alone_after_three_questions(bureau: Bureau) -> None:
    for number in range(6):
        bureau.sent(f"E{number}", number=f"1101011990030712{number}X", images=())

    def dead(number: int) -> None:
        raise DEAD

    bureau.province.before = dead
    with pytest.raises(RetryLater):
        bureau.ask()
    assert len(bureau.province.asked) == 3


def test_a_refusal_about_one_patient_leaves_the_others_answered_and_waits_for_the_next_night(bureau: Bureau) -> None:
    bureau.sent("E1", images=())
    bureau.sent("E2", number=LI, images=())
    bureau.province.says = lambda asked: (
        {"code": -1, "message": "certno(证件号码)不是有效的居民身份证号"} if asked.get("certno") == ZHANG else None
    )
    with pytest.raises(RetryLater):
        bureau.ask()
    assert (bureau.state("E1"), bureau.state("E2")) == (JobState.ACKNOWLEDGED, JobState.RECONCILED)
    assert bureau.row()["ask_again_at"] is None


@pytest.mark.parametrize(
    "said",
    [
        {"code": 0, "data": [{"psnName": "张*"}]},
        {"code": 0, "data": "无"},
        {"code": 0, "data": [1]},
        {"code": 500, "message": "系统异常"},
        b"<html>502</html>",
    ],
)
def test_an_answer_that_makes_no_sense_is_neither_green_nor_a_miss(bureau: Bureau, said: Any) -> None:
    bureau.sent("E1")
    bureau.province.says = lambda asked: said
    for _ in range(3):
        with pytest.raises(RetryLater):
            bureau.ask(after=AGAIN)
    assert bureau.state("E1") is JobState.ACKNOWLEDGED
    assert days.discrepancies(bureau.store.read(), "main", DAY) == []


def test_an_empty_answer_twice_is_a_miss(bureau: Bureau) -> None:
    bureau.sent("E1", images=())
    bureau.province.says = lambda asked: NOTHING
    bureau.ask()
    assert bureau.ask(after=AGAIN) is DayState.RESENDING


def test_an_index_whose_number_comes_back_masked_is_ours_all_the_same(bureau: Bureau) -> None:
    bureau.sent("E1", images=())
    bureau.sent("E2", images=())
    bureau.province.shown = lambda index: index.replace(ZHANG, "110101********0038").lower()
    assert bureau.ask() is DayState.AGREED
    del bureau.province.has[next(iter(bureau.province.has))]
    bureau.ask(everything=True)
    bureau.ask(after=AGAIN)
    assert bureau.state("E1") is JobState.QUEUED, "the mask hides the number, not which exam it is"


def test_a_stop_ends_it_at_once_and_the_next_start_asks_only_the_rest(bureau: Bureau) -> None:
    bureau.sent("E1", images=())
    bureau.sent("E2", number=LI, images=())
    bureau.province.before = lambda number: bureau.stopping.set()
    with pytest.raises(RetryLater, match="退出"):
        bureau.ask()
    assert bureau.province.patients() == [ZHANG]
    bureau.stopping.clear()
    assert bureau.ask() is DayState.AGREED
    assert bureau.province.patients() == [LI]


def test_a_stop_does_not_wait_for_the_pause_between_two_questions(store: Store, tmp_path: Path) -> None:
    bureau = Bureau(store, Files(tmp_path), seconds_between=3600.0)
    bureau.sent("E1", images=())
    bureau.sent("E2", number=LI, images=())
    timer = threading.Timer(0.2, bureau.stopping.set)
    timer.start()
    with pytest.raises(RetryLater, match="退出"):
        bureau.ask()
    timer.join()
    assert bureau.province.patients() == [ZHANG]


def test_questions_keep_their_distance(bureau: Bureau) -> None:
    waits: list[float] = []

    class Told(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            bureau.clock.pass_(timeout or 0.0)
            return False

    bureau.gently = Gently(bureau.clock, 1.0)
    bureau.stopping = Told()
    for number in range(3):
        bureau.sent(f"E{number}", number=f"1101011990030712{number}X", images=())
    bureau.ask()
    assert [wait for wait in waits if wait] == [1.0, 1.0]


def test_the_region_asks_once_a_second_at_most(bureau: Bureau) -> None:
    assert float(bureau.target.region.options["reconcile"]["seconds_between"]) >= 1.0


def test_a_person_is_told_that_the_question_is_being_asked_already(bureau: Bureau) -> None:
    bureau.sent("E1")
    with bureau.gently.alone(bureau.stopping, waits=True), pytest.raises(RetryLater, match="正在向平台对账"):
        bureau.ask(everything=True)


def test_numbers_never_reach_a_log(bureau: Bureau, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bureau.sent("E1")
    bureau.province.says = lambda asked: (
        {"code": -1, "message": f"证件号 {ZHANG} 不存在"} if "certno" in asked else None
    )
    with pytest.raises(RetryLater):
        bureau.ask()
    bureau.province.says = lambda asked: None
    bureau.ask(after=AGAIN)
    assert ZHANG not in caplog.text
    assert ZHANG not in str(bureau.questions()) and ZHANG not in str(bureau.row())


def test_a_record_without_a_number_is_not_asked_about_and_holds_up_no_other(bureau: Bureau) -> None:
    bureau.sent("E1", number="", images=())
    bureau.sent("E2", number=LI, images=())
    with pytest.raises(RetryLater, match="一部分"):
        bureau.ask()
    assert (bureau.state("E1"), bureau.state("E2")) == (JobState.ACKNOWLEDGED, JobState.RECONCILED)
    assert bureau.province.patients() == [LI]
