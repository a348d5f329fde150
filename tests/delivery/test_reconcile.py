"""Reconciling a day: two answers in a row make a miss, two resends are tried, an answer that fails is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.delivery import submission
from app.delivery.reconcile import MOST_RESENDS, Reconciler
from app.domain.job import CONFIRMED, Event, Job, JobState, Part
from app.domain.reconciliation import DayState
from app.domain.settings import UploadSettings
from app.errors import RetryLater
from app.regions.conversation import Ours
from app.store import Store, Tx, answers, days, exams, jobs
from tests.delivery.stage import Stage
from tests.store.samples import DAY, NOW, jobs_in, put

WHEN = date.fromisoformat(DAY)
AGAIN = 600.0
ANSWERED = {"status": "0"}


@dataclass
class Night:
    """A day's exams at the destination, and what the platform says that it lacks."""

    stage: Stage
    lacking: set[str] = field(default_factory=set)
    followed: list[str] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.stage.store

    def reconciler(self) -> Reconciler:
        def again(tx: Tx, exam_key: str) -> None:
            now = self.stage.clock.now()
            submission.resend(tx, exam_key, "main", event=Event.FOUND_MISSING, now=now)

        return Reconciler(
            self.store,
            self.stage.target,
            self.stage.courier(),
            self.stage.clock,
            UploadSettings(reconcile_again_seconds=AGAIN),
            again,
            lambda tx, exam_key: self.followed.append(exam_key),
        )

    def has(self, *keys: str, part: Part = Part.EXAM, day: str = DAY) -> None:
        for key in keys:
            self.store.write(lambda tx, key=key: exams._insert(tx, key, "", NOW))  # type: ignore[misc]
            put(self.store, part, exam=key, day=day, body={"img_exam_type": "2", "exam_day": day})
        self.deliver()

    def deliver(self) -> None:
        """Whatever is queued reaches the platform and is acknowledged."""
        now = self.stage.clock.now()
        for job in jobs_in(self.store, JobState.QUEUED):
            self.store.write(lambda tx, job=job: _acknowledge(tx, job, now))  # type: ignore[misc]

    def ask(self, *lacking: str, after: float = 0) -> DayState:
        self.stage.clock.pass_(after)
        self.lacking = set(lacking)
        self.stage.adapter.lacking = lambda ours: sorted(self.lacking)
        self.stage.platform.script = [ANSWERED]
        return self.reconciler().ask(WHEN)

    def job(self, key: str, part: Part = Part.EXAM) -> Job:
        return next(job for job in reversed(jobs.of_exam(self.store.read(), key)) if job.part is part)

    def found(self, key: str) -> Any:
        every = days.discrepancies(self.store.read(), "main", WHEN)
        return next((each for each in every if each.exam_key == key), None)

    def row(self) -> dict[str, Any]:
        row = days.day(self.store.read(), "main", WHEN)
        assert row is not None
        return row


def _acknowledge(tx: Tx, job: Job, now: datetime) -> None:
    jobs.move(tx, job.id, Event.CLAIMED, now=now)
    answers.write_receipt(tx, jobs.job(tx.conn, job.id), {}, now=now)
    jobs.move(tx, job.id, Event.ACKNOWLEDGED, now=now)


@pytest.fixture
def night(stage: Stage) -> Night:
    return Night(stage)


def test_what_the_platform_has_is_reconciled_with_all_its_parts(night: Night) -> None:
    night.has("E1")
    night.has("E1", part=Part.IMAGES)
    assert night.ask() is DayState.AGREED
    assert {job.state for job in jobs.of_exam(night.store.read(), "E1")} == {JobState.RECONCILED}
    assert night.followed == ["E1"], "once, in the same transaction"
    assert (night.row()["sent_count"], night.row()["missing_count"], night.row()["ask_again_at"]) == (1, 0, None)


def test_the_question_names_what_was_acknowledged_and_nothing_else(night: Night) -> None:
    night.has("E1")
    night.has("E1", part=Part.IMAGES)
    night.has("E2", day="2026-11-19")
    put(night.store, exam="E3")
    night.store.write(lambda tx: answers.hold(tx, night.job("E1", Part.IMAGES), "1.1", "a", now=NOW))
    night.ask()
    (ours,) = night.stage.adapter.asked
    assert [(sent.exam_key, sent.img_exam_type, sent.image_count) for sent in ours.exams] == [("E1", "2", 1)]


def test_one_answer_that_lacks_an_exam_does_not_count_yet(night: Night) -> None:
    night.has("E1", "E2")
    assert night.ask("E1") is DayState.ASKED_ONCE
    assert (night.job("E1").state, night.job("E2").state) == (JobState.ACKNOWLEDGED, JobState.RECONCILED)
    assert night.found("E1").confirmed_at is None
    assert night.row()["ask_again_at"] is not None


def test_a_second_answer_too_soon_does_not_count_either(night: Night) -> None:
    night.has("E1")
    night.ask("E1")
    assert night.ask("E1", after=AGAIN - 1) is DayState.ASKED_ONCE
    assert night.found("E1").confirmed_at is None


def test_the_second_answer_in_a_row_sends_the_exam_again(night: Night) -> None:
    night.has("E1")
    night.ask("E1")
    assert night.ask("E1", after=AGAIN) is DayState.RESENDING
    assert (night.job("E1").state, night.job("E1").round) == (JobState.QUEUED, 2)
    assert (night.found("E1").resend_count, night.found("E1").suspected_at) == (1, None)
    assert night.row()["missing_count"] == 1


def test_an_answer_that_has_it_in_between_starts_the_row_anew(night: Night) -> None:
    night.has("E1")
    night.ask("E1")
    assert night.ask(after=AGAIN) is DayState.AGREED
    assert night.found("E1") is None, "a false alarm leaves no trace"
    assert night.ask("E1", after=AGAIN) is DayState.ASKED_ONCE
    assert night.job("E1").state is JobState.RECONCILED, "the green is not taken back by one answer"


def test_the_green_is_taken_back_by_two_answers(night: Night) -> None:
    night.has("E1")
    night.ask()
    night.ask("E1")
    night.ask("E1", after=AGAIN)
    assert night.job("E1").state is JobState.QUEUED


def test_after_two_resends_it_is_the_engineers(night: Night) -> None:
    night.has("E1")
    for _ in range(MOST_RESENDS):
        night.ask("E1", after=AGAIN)
        night.ask("E1", after=AGAIN)
        night.deliver()
    night.ask("E1", after=AGAIN)
    assert night.ask("E1", after=AGAIN) is DayState.ENGINEER
    job = night.job("E1")
    assert (job.state, night.found("E1").resend_count) == (JobState.REJECTED, MOST_RESENDS)
    assert job.trouble is not None and "工程师" in job.trouble.advice
    assert [each.exam_key for each in days.for_engineer(night.store.read())] == ["E1"]
    assert night.row()["ask_again_at"] is None


def test_what_came_through_after_a_resend_is_solved(night: Night) -> None:
    night.has("E1")
    night.ask("E1")
    night.ask("E1", after=AGAIN)
    night.deliver()
    assert night.ask(after=AGAIN) is DayState.AGREED
    assert night.found("E1").solved_at == night.stage.clock.now()
    assert night.job("E1").state is JobState.RECONCILED


def test_an_exam_given_up_does_not_hold_up_the_others_of_its_day(night: Night) -> None:
    night.has("E1", "E2")
    for _ in range(MOST_RESENDS):
        night.ask("E1", after=AGAIN)
        night.ask("E1", after=AGAIN)
        night.deliver()
    night.ask("E1", after=AGAIN)
    assert night.ask("E1", "E2", after=AGAIN) is DayState.ENGINEER
    assert night.row()["ask_again_at"] is not None, "E2 is asked about again tonight"
    night.ask("E2", after=AGAIN)
    assert night.job("E2").state is JobState.QUEUED


def test_while_the_missing_exam_is_under_way_the_day_is_asked_again_soon(night: Night) -> None:
    night.has("E1")
    night.ask("E1")
    night.ask("E1", after=AGAIN)
    assert night.ask(after=AGAIN) is DayState.RESENDING, "nothing to ask, but the miss stays in sight"
    assert night.stage.platform.script == [ANSWERED], "and no question was sent"
    assert (night.row()["missing_count"], night.row()["ask_again_at"] is not None) == (1, True)


def test_while_the_missing_exam_waits_for_a_person_the_platform_is_left_alone(night: Night) -> None:
    night.has("E1", "E2")
    night.ask("E1")
    night.ask("E1", after=AGAIN)
    job = night.job("E1")
    night.store.write(lambda tx: jobs.move(tx, job.id, Event.CLAIMED, now=NOW))
    night.store.write(lambda tx: jobs.move(tx, job.id, Event.HELD, now=NOW))
    night.ask(after=AGAIN)
    assert night.row()["ask_again_at"] is None


@pytest.mark.parametrize("gone", ["withdrawn", "moved"])
def test_an_exam_that_is_not_expected_any_more_is_not_missing(night: Night, gone: str) -> None:
    night.has("E1", "E2")
    night.ask("E1")
    if gone == "withdrawn":
        put(night.store, exam="E1", withdraws=True)
    else:
        put(night.store, exam="E1", day="2026-11-21")
    assert night.ask(after=AGAIN) is DayState.AGREED
    assert (night.found("E1"), night.row()["ask_again_at"]) == (None, None)


def test_an_answer_counts_only_for_what_is_still_as_it_was_asked(night: Night) -> None:
    night.has("E1", "E2")
    night.ask("E1")
    night.stage.clock.pass_(AGAIN)

    def resent_meanwhile(ours: Ours) -> list[str]:
        night.store.write(lambda tx: submission.resend(tx, "E1", "main", event=Event.RESENT, now=NOW))
        night.store.write(lambda tx: submission.resend(tx, "E2", "main", event=Event.RESENT, now=NOW))
        return ["E1"]

    night.stage.adapter.lacking = resent_meanwhile
    night.stage.platform.script = [ANSWERED]
    night.reconciler().ask(WHEN)
    assert night.found("E1").confirmed_at is None
    assert {night.job(key).state for key in ("E1", "E2")} == {JobState.QUEUED}


@pytest.mark.parametrize("said", [{"status": "-1", "message": "系统错误"}, {}, RetryLater("断了", "再试")])
def test_an_answer_that_fails_is_none(night: Night, said: Any) -> None:
    night.has("E1")
    night.ask("E1")
    night.stage.clock.pass_(AGAIN)
    night.stage.platform.script = [said]
    with pytest.raises(RetryLater):
        night.reconciler().ask(WHEN)
    assert (night.job("E1").state, night.found("E1").confirmed_at) == (JobState.ACKNOWLEDGED, None)
    assert (night.row()["state"], night.row()["trouble"] != "") == ("asked_once", True)
    assert night.row()["ask_again_at"] is not None
    assert [question["failed"] != "" for question in days.questions(night.store.read(), "main", WHEN)] == [False, True]


def test_a_stop_during_the_question_is_no_bug(night: Night) -> None:
    night.has("E1")
    night.stage.stopping.set()
    with pytest.raises(RetryLater, match="退出"):
        night.reconciler().ask(WHEN)
    assert night.job("E1").state is JobState.ACKNOWLEDGED


def test_a_day_without_receipts_asks_nothing_and_stays_open(night: Night) -> None:
    put(night.store, exam="E1")
    assert night.ask() is DayState.OPEN
    assert night.stage.platform.received == []


# -- any row of answers -----------------------------------------------------------------------------------------------

Answer = tuple[float, str]
ANSWERS = st.lists(
    st.tuples(st.sampled_from([1.0, 300.0, AGAIN, 2000.0]), st.sampled_from(["has", "lacks", "fails"])), max_size=16
)


@dataclass
class Reference:
    """The rule in other words: since when, without a break, each answer lacked the exam; how often it went again."""

    since: float | None = None
    resends: int = 0

    def hears(self, at: float, says: str) -> bool:
        """True when this answer makes the miss count."""
        if says == "has":
            self.since, self.resends = None, 0
        if says != "lacks":
            return False
        if self.since is None:
            self.since = at
            return False
        if at - self.since < AGAIN:
            return False
        self.since = None
        self.resends += 1
        return True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=ANSWERS)
def test_a_miss_counts_by_two_answers_in_a_row_far_enough_apart_and_by_nothing_else(
    night: Night, row: list[Answer]
) -> None:
    for table in ("jobs", "receipts", "discrepancies", "days", "questions"):
        night.store.write(lambda tx, table=table: tx.execute(f"DELETE FROM {table}"))  # type: ignore[misc]
    night.has("E1")
    rule, passed = Reference(), 0.0
    for wait, says in row:
        passed += wait
        night.stage.clock.pass_(wait)
        _hear(night, says)
        counts = rule.hears(passed, says)
        job = night.job("E1")
        if counts and rule.resends > MOST_RESENDS:
            assert job.state is JobState.REJECTED
            return
        assert (job.state is JobState.QUEUED) == counts
        assert night.found("E1") is None or night.found("E1").resend_count <= MOST_RESENDS
        night.deliver()
        assert night.job("E1").state in CONFIRMED


def _hear(night: Night, says: str) -> None:
    ask: dict[str, Callable[[], object]] = {"has": night.ask, "lacks": lambda: night.ask("E1")}
    if says in ask:
        ask[says]()
        return
    night.stage.platform.script = [RetryLater("断了", "再试")]
    with pytest.raises(RetryLater):
        night.reconciler().ask(WHEN)
