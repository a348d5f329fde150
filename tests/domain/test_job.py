"""The life of a job: the table, and what no order of events can bring about."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.domain.job import (
    CONFIRMED,
    JOB_WORDS,
    MOVING,
    NEEDS_A_PERSON,
    TRANSITIONS,
    UNFINISHED,
    Event,
    ImpossibleMove,
    JobState,
    advance,
)

EVERY_PAIR = [(state, event) for state in JobState for event in Event]


@pytest.mark.parametrize(("state", "event"), EVERY_PAIR, ids=lambda each: each.name)
def test_a_pair_is_in_the_table_or_impossible(state: JobState, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert advance(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(ImpossibleMove, match=f"{state.name} does not know {event.name}"):
            advance(state, event)


def test_only_an_answer_makes_a_job_acknowledged_and_only_while_it_is_sent() -> None:
    ways = {(state, event) for (state, event), to in TRANSITIONS.items() if to is JobState.ACKNOWLEDGED}
    assert ways == {(JobState.SENDING, Event.ACKNOWLEDGED)}


def test_only_a_reconciliation_of_what_was_acknowledged_makes_a_job_reconciled() -> None:
    ways = {(state, event) for (state, event), to in TRANSITIONS.items() if to is JobState.RECONCILED}
    assert ways == {(state, Event.RECONCILED) for state in CONFIRMED}


def test_nobody_but_the_worker_touches_a_job_that_is_being_sent() -> None:
    while_sending = {event for state, event in TRANSITIONS if state is JobState.SENDING}
    ends = {Event.ACKNOWLEDGED, Event.POSTPONED, Event.HELD, Event.REJECTED, Event.INTERRUPTED}
    assert while_sending == ends | {Event.SIGNATURE_VOIDED}, "a signature that does not hold any more never goes"


def test_every_state_can_be_reached_and_all_but_the_withdrawn_can_be_left() -> None:
    assert set(TRANSITIONS.values()) == set(JobState)
    assert {state for state, _ in TRANSITIONS} == set(JobState) - {JobState.WITHDRAWN}


def test_every_state_has_its_word_and_its_place() -> None:
    assert set(JOB_WORDS) == set(JobState) and all(JOB_WORDS.values())
    assert set(JobState) - UNFINISHED == {*CONFIRMED, JobState.CANCELLED, JobState.WITHDRAWN}
    assert MOVING | NEEDS_A_PERSON | {JobState.PAUSED} == UNFINISHED
    assert not MOVING & NEEDS_A_PERSON


@given(st.sampled_from(list(JobState)), st.sampled_from(list(Event)))
def test_advance_never_stays_silent(state: JobState, event: Event) -> None:
    try:
        assert isinstance(advance(state, event), JobState)
    except ImpossibleMove:
        assert (state, event) not in TRANSITIONS


class LifeOfAJob(RuleBasedStateMachine):
    """Events in any order. `answered`: the platform acknowledged since the job was last claimed."""

    def __init__(self) -> None:
        super().__init__()
        self.state = JobState.QUEUED
        self.answered = False

    @rule(event=st.sampled_from(list(Event)))
    def happens(self, event: Event) -> None:
        try:
            self.state = advance(self.state, event)
        except ImpossibleMove:
            return
        if event is Event.CLAIMED:
            self.answered = False
        if event is Event.ACKNOWLEDGED:
            self.answered = True

    @precondition(lambda self: self.state is JobState.QUEUED)
    @rule()
    def is_sent_and_answered(self) -> None:
        self.happens(Event.CLAIMED)
        self.happens(Event.ACKNOWLEDGED)

    @invariant()
    def is_confirmed_only_by_an_answer(self) -> None:
        assert self.state not in CONFIRMED or self.answered

    @invariant()
    def is_confirmed_never_while_unfinished(self) -> None:
        assert not (self.state in CONFIRMED and self.state in UNFINISHED)


LifeOfAJob.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLifeOfAJob = LifeOfAJob.TestCase
