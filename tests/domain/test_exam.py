"""The one word for an exam: never greener than the newest job of every part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.exam import EXAM_WORDS, ExamState, exam_state
from app.domain.job import CONFIRMED, FETCHED_THERE, UNFINISHED, Job, JobState, Part
from tests.store.samples import NOW

GREEN = (ExamState.ACKNOWLEDGED, ExamState.RECONCILED)
FACTS = st.fixed_dictionaries(
    {"complete": st.booleans(), "doubtful": st.booleans(), "problem_count": st.integers(0, 3), "changed": st.booleans()}
)


def a_job(
    state: JobState, part: Part = Part.EXAM, *, withdraws: bool = False, destination: str = "main", number: int = 1
) -> Job:
    return Job(
        id=number,
        destination=destination,
        exam_key="E1",
        report_key="",
        part=part,
        version=1,
        withdraws=withdraws,
        state=state,
        round=1,
        attempts=0,
        payload={},
        digest="",
        due_at=None,
        step="",
        done_count=0,
        total_count=1,
        trouble=None,
        submitted_at=NOW,
        changed_at=NOW,
        late=False,
    )


JOBS = st.lists(
    st.builds(
        a_job,
        st.sampled_from(list(JobState)),
        st.sampled_from(list(Part)),
        withdraws=st.booleans(),
        destination=st.sampled_from(["main", "second"]),
    ),
    max_size=6,
).map(tuple)


@settings(max_examples=400)
@given(FACTS, JOBS)
def test_an_exam_is_never_green_while_the_newest_job_of_a_part_is_unconfirmed(
    facts: dict[str, bool], all_jobs: tuple[Job, ...]
) -> None:
    if exam_state(**facts, jobs=all_jobs) in GREEN:
        assert not [job for job in all_jobs if job.state in UNFINISHED or job.state is JobState.CANCELLED]
        assert [job for job in all_jobs if job.state in CONFIRMED and not job.withdraws]
        assert not facts["changed"] and not facts["doubtful"]


@settings(max_examples=200)
@given(FACTS, JOBS)
def test_reconciled_is_said_only_when_everything_is(facts: dict[str, bool], all_jobs: tuple[Job, ...]) -> None:
    if exam_state(**facts, jobs=all_jobs) is ExamState.RECONCILED:
        assert all(job.state in (JobState.RECONCILED, JobState.WITHDRAWN) or job.withdraws for job in all_jobs)


def state_of(*all_jobs: Job, **facts: Any) -> ExamState:
    given_: dict[str, Any] = {"complete": True, "doubtful": False, "problem_count": 0, "changed": False} | facts
    return exam_state(**given_, jobs=all_jobs)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"complete": False}, ExamState.RECEIVING),
        ({"complete": False, "doubtful": True}, ExamState.RECEIVING),
        ({"doubtful": True, "problem_count": 3}, ExamState.CHECK),
        ({"problem_count": 3}, ExamState.TO_FILL),
        ({}, ExamState.READY),
    ],
)
def test_before_a_submission_the_form_decides(facts: dict[str, bool | int], state: ExamState) -> None:
    assert state_of(**facts) is state


def test_the_worst_job_gives_the_word() -> None:
    acknowledged, waiting = a_job(JobState.ACKNOWLEDGED), a_job(JobState.WAITING, Part.IMAGES)
    assert state_of(acknowledged, waiting) is ExamState.WAITING
    assert state_of(acknowledged, waiting, a_job(JobState.REJECTED, Part.REPORT)) is ExamState.REJECTED
    assert state_of(acknowledged, a_job(JobState.RECONCILED, Part.IMAGES)) is ExamState.ACKNOWLEDGED
    assert state_of(acknowledged, a_job(JobState.CANCELLED, Part.IMAGES)) is ExamState.CANCELLED


def test_a_change_takes_the_green_back() -> None:
    assert state_of(a_job(JobState.ACKNOWLEDGED), changed=True) is ExamState.READY
    assert state_of(a_job(JobState.RECONCILED), changed=True, problem_count=1) is ExamState.TO_FILL


def test_a_doubt_that_came_later_takes_the_green_back() -> None:
    assert state_of(a_job(JobState.ACKNOWLEDGED), doubtful=True) is ExamState.CHECK
    assert state_of(a_job(JobState.SENDING), doubtful=True) is ExamState.SENDING


def test_a_doubt_shows_while_a_platform_has_yet_to_fetch_what_is_not_offered_until_it_is_answered() -> None:
    acknowledged, retried = a_job(JobState.ACKNOWLEDGED), a_job(JobState.WAITING, Part.IMAGES)
    fetched = replace(retried, trouble=FETCHED_THERE)
    assert state_of(acknowledged, fetched) is ExamState.WAITING
    assert state_of(acknowledged, fetched, doubtful=True) is ExamState.CHECK
    assert state_of(acknowledged, retried, doubtful=True) is ExamState.WAITING
    assert state_of(a_job(JobState.SENDING), fetched, doubtful=True) is ExamState.WAITING


def test_a_deletion_that_the_platform_took_is_withdrawn_not_acknowledged() -> None:
    gone = a_job(JobState.ACKNOWLEDGED, withdraws=True)
    assert state_of(gone) is ExamState.WITHDRAWN
    assert state_of(gone, a_job(JobState.WITHDRAWN, Part.IMAGES)) is ExamState.WITHDRAWN
    assert state_of(gone, a_job(JobState.QUEUED, Part.REPORT, withdraws=True)) is ExamState.QUEUED


def test_every_state_of_an_exam_has_its_word() -> None:
    assert set(EXAM_WORDS) == set(ExamState) and all(EXAM_WORDS.values())
    assert {state.value for state in JobState} <= {state.value for state in ExamState}
