"""Submitting: what is queued, replaced or left in peace in every state; resending and withdrawing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.delivery import submission
from app.delivery.freeze import Frozen
from app.delivery.submission import differs, stamps, submit, withdraw
from app.domain.form import Problem, Source, Value
from app.domain.job import CONFIRMED, TRANSITIONS, UNFINISHED, Event, ImpossibleMove, Job, JobState, Part
from app.errors import NeedsOperator
from app.store import Store, answers, exams, jobs
from tests.delivery.stage import Stage, refs
from tests.delivery.test_freeze import a_view, frozen_parts
from tests.store.samples import EXAM, NOW, claimed, jobs_in, moved, put

REPLACED = (
    JobState.QUEUED,
    JobState.WAITING,
    JobState.HELD,
    JobState.REJECTED,
    JobState.PAUSED,
    JobState.TO_SIGN,
    JobState.CANCELLED,
)


def a_part(part: Part = Part.EXAM, content: str = "a", **more: Any) -> Frozen:
    payload: dict[str, Any] = {"exam": {"a": content}, "marks": {"exam": {"disableFlag": 1}}, "exam_day": "2026-11-20"}
    if part is Part.IMAGES:
        payload = {"images": refs("1.1", "1.2", content=content), "exam_day": "2026-11-20"}
    given_ = {"report_key": "", "payload": payload, "digest": f"{part.value}-{content}", "exam_day": "2026-11-20"}
    return Frozen(part=part, **given_ | more)


def submitted(store: Store, *frozen: Frozen) -> int:
    store.write(lambda tx: exams._insert(tx, EXAM, "", NOW))
    return store.write(lambda tx: submit(tx, EXAM, frozen, "main", now=NOW))


def all_jobs(store: Store) -> list[Job]:
    return jobs.of_exam(store.read(), EXAM)


def only_job(store: Store) -> Job:
    (job,) = all_jobs(store)
    return job


def brought_to(store: Store, job_id: int, state: JobState) -> None:
    """Force a state, as any life could have led to it; an acknowledged one has its receipt."""
    store.write(lambda tx: tx.execute("UPDATE jobs SET state = ? WHERE id = ?", (state.value, job_id)))
    if state in CONFIRMED:
        job = jobs.job(store.read(), job_id)
        store.write(lambda tx: answers.write_receipt(tx, job, {}, now=NOW))


def test_the_first_submission_queues_every_part_and_is_remembered(store: Store) -> None:
    assert submitted(store, a_part(), a_part(Part.IMAGES)) == 2
    assert [(job.part, job.state, job.late) for job in all_jobs(store)] == [
        (Part.EXAM, JobState.QUEUED, False),
        (Part.IMAGES, JobState.QUEUED, False),
    ]
    exam = exams.exam(store.read(), EXAM)
    assert exam is not None and exam.submitted_at == NOW


@pytest.mark.parametrize("state", list(JobState), ids=lambda state: state.value)
def test_the_same_content_again_is_left_in_peace_or_tried_again(store: Store, state: JobState) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, state)
    count = submitted(store, a_part())
    states = [job.state for job in all_jobs(store)]
    if state in (JobState.CANCELLED, JobState.WITHDRAWN):
        assert (count, states) == (1, [state, JobState.QUEUED]), "a new version"
    elif state in (JobState.HELD, JobState.REJECTED):
        assert (count, states) == (1, [JobState.QUEUED])
    else:
        assert (count, states) == (0, [state])


@pytest.mark.parametrize("state", list(JobState), ids=lambda state: state.value)
def test_a_changed_content_is_never_lost_whatever_the_job_does(store: Store, state: JobState) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, state)
    assert submitted(store, a_part(content="b")) == 1
    newest = jobs.newest(all_jobs(store))[0]
    assert newest.payload["exam"] == {"a": "b"} and newest.digest == "exam-b"
    assert newest.version == (1 if state in REPLACED[:-1] else 2)
    if state is JobState.PAUSED:
        assert newest.state is state, "what a person holds stays held"
    else:
        assert newest.state is JobState.QUEUED


def test_a_change_while_it_is_sent_goes_after_it(store: Store) -> None:
    submitted(store, a_part())
    first = claimed(store)
    submitted(store, a_part(content="b"))
    assert claimed(store) is None, "not beside it"
    assert first is not None
    moved(store, first.id, Event.ACKNOWLEDGED)
    second = claimed(store)
    assert second is not None and second.payload["exam"] == {"a": "b"}


def test_images_that_come_after_the_receipt_or_during_the_push_are_late(store: Store) -> None:
    submitted(store, a_part(Part.IMAGES))
    brought_to(store, only_job(store).id, JobState.SENDING)
    submitted(store, a_part(Part.IMAGES, "b"))
    assert [job.late for job in all_jobs(store)] == [False, True]
    assert [line["what"] for line in exams.timeline(store, EXAM)] == ["submitted", "late_images"]


def test_only_images_that_are_not_held_are_counted(store: Store) -> None:
    submitted(store, a_part(Part.IMAGES))
    job = claimed(store)
    assert job is not None and job.total_count == 2
    store.write(lambda tx: answers.hold(tx, job, "1.1", "1.1a", now=NOW))
    moved(store, job.id, Event.HELD)
    more = a_part(Part.IMAGES, payload={"images": refs("1.1", "1.2", "1.3", content="a")}, digest="more")
    submitted(store, more)
    assert only_job(store).total_count == 2


def test_a_submission_differs_only_where_the_newest_jobs_carry_something_else(store: Store) -> None:
    assert differs([], [a_part()], "main")
    submitted(store, a_part(), a_part(Part.IMAGES))
    assert not differs(all_jobs(store), [a_part(), a_part(Part.IMAGES)], "main")
    assert differs(all_jobs(store), [a_part(content="b")], "main")
    assert differs(all_jobs(store), [a_part()], "second")


# -- what forbids it -------------------------------------------------------------------------------------------------


def test_a_blocked_form_names_what_is_missing(stage: Stage) -> None:

    view = replace(
        a_view(stage), exam_problems=(Problem(key="phone", label="手机号", title="还没有填", advice="请填手机号"),)
    )
    with pytest.raises(NeedsOperator, match="还差 1 项：手机号") as refusal:
        submission.refuse_blocked(view)
    assert refusal.value.fields == ("phone",)


def test_a_destination_that_takes_both_in_one_waits_for_the_report(stage: Stage) -> None:
    stage.adapter.parts = ("merged", "images")
    view = a_view(stage)
    submission.refuse_blocked(view)
    with pytest.raises(NeedsOperator, match="还没有报告"):
        submission.refuse_blocked(replace(view, reports=view.reports[1:], report_problems=((),)))


# -- resending --------------------------------------------------------------------------------------------------------


def resent(store: Store, event: Event = Event.RESENT, *, only_failed: bool = False) -> int:
    return store.write(lambda tx: submission.resend(tx, EXAM, "main", event=event, now=NOW, only_failed=only_failed))


@pytest.mark.parametrize("state", list(JobState), ids=lambda state: state.value)
def test_what_may_be_resent_in_each_state(store: Store, state: JobState) -> None:
    submitted(store, a_part(Part.IMAGES))
    job = only_job(store)
    store.write(lambda tx: answers.hold(tx, job, "1.1", "1.1a", now=NOW))
    brought_to(store, job.id, state)
    count = resent(store)
    after = only_job(store)
    if state in CONFIRMED:
        assert (count, after.state, after.round) == (1, JobState.QUEUED, 2)
        assert answers.held(store.read(), "main", EXAM, "images") == {}, "all of it really goes again"
    elif state in (JobState.HELD, JobState.REJECTED, JobState.WAITING, JobState.CANCELLED):
        assert (count, after.state, after.round) == (1, JobState.QUEUED, 1)
        assert answers.held(store.read(), "main", EXAM, "images") == {"1.1": "1.1a"}, "only what was not answered"
    else:
        assert (count, after.state) == (0, state)


def test_what_was_acknowledged_and_then_given_up_is_really_sent_again(store: Store) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, JobState.ACKNOWLEDGED)
    moved(store, only_job(store).id, Event.REJECTED)
    resent(store)
    assert (only_job(store).state, only_job(store).round) == (JobState.QUEUED, 2)


def test_submitting_what_was_given_up_really_sends_it_again(store: Store) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, JobState.ACKNOWLEDGED)
    moved(store, only_job(store).id, Event.REJECTED)
    submitted(store, a_part())
    assert (only_job(store).state, only_job(store).round) == (JobState.QUEUED, 2)


def test_only_failed_leaves_the_confirmed_alone(store: Store) -> None:
    submitted(store, a_part(), a_part(Part.IMAGES))
    exam, images = all_jobs(store)
    brought_to(store, exam.id, JobState.ACKNOWLEDGED)
    brought_to(store, images.id, JobState.HELD)
    assert resent(store, only_failed=True) == 1
    assert [job.state for job in all_jobs(store)] == [JobState.ACKNOWLEDGED, JobState.QUEUED]


# -- withdrawing ------------------------------------------------------------------------------------------------------


def withdrawn(store: Store, **stamp: Any) -> int:
    given_ = {"main": {"exam": stamp}} if stamp else {}
    return store.write(lambda tx: withdraw(tx, EXAM, given_, now=NOW))


def test_a_deletion_carries_the_record_with_its_mark_and_its_own_time(store: Store) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, JobState.RECONCILED)
    assert withdrawn(store, lastChangeTime="2026-11-21 12:00:00") == 1
    newest = jobs.newest(all_jobs(store))[0]
    assert newest.withdraws and newest.version == 2
    assert newest.payload["exam"] == {"a": "a", "disableFlag": 1, "lastChangeTime": "2026-11-21 12:00:00"}
    assert withdrawn(store) == 0, "asking twice deletes once"


@pytest.mark.parametrize("state", [each for each in JobState if each in UNFINISHED - {JobState.SENDING}])
def test_what_the_platform_never_took_is_cancelled(store: Store, state: JobState) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, state)
    assert withdrawn(store) == 0
    assert only_job(store).state is JobState.CANCELLED


def test_what_the_platform_took_once_is_deleted_even_while_it_goes_again(store: Store) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, JobState.ACKNOWLEDGED)
    resent(store)
    assert withdrawn(store) == 1
    assert [(job.state, job.withdraws) for job in all_jobs(store)] == [
        (JobState.CANCELLED, False),
        (JobState.QUEUED, True),
    ]


def test_a_correction_on_its_way_is_cancelled_and_the_earlier_one_deleted(store: Store) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, JobState.ACKNOWLEDGED)
    submitted(store, a_part(content="b"))
    assert withdrawn(store) == 1
    newest = jobs.newest(all_jobs(store))[0]
    assert newest.withdraws and newest.payload["exam"] == {"a": "a", "disableFlag": 1}


def test_while_a_record_is_on_the_wire_a_person_is_asked_to_wait(store: Store) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, JobState.SENDING)
    with pytest.raises(NeedsOperator, match="正在上传"):
        withdrawn(store)


def test_during_a_deletion_nothing_new_is_submitted(store: Store) -> None:
    submitted(store, a_part(), a_part(Part.IMAGES))
    for job in all_jobs(store):
        brought_to(store, job.id, JobState.ACKNOWLEDGED)
    withdrawn(store)
    with pytest.raises(NeedsOperator, match="正在撤回"):
        submitted(store, a_part(content="b"))


def test_a_deletion_that_a_person_cancelled_is_not_resent_but_may_be_asked_again(store: Store) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, JobState.ACKNOWLEDGED)
    withdrawn(store)
    store.write(lambda tx: submission.act(tx, EXAM, Event.CANCELLED, now=NOW))
    assert resent(store) == 0
    assert withdrawn(store) == 1


def test_after_a_deletion_the_exam_can_be_submitted_anew(store: Store) -> None:
    submitted(store, a_part())
    brought_to(store, only_job(store).id, JobState.ACKNOWLEDGED)
    withdrawn(store)
    deletion = all_jobs(store)[-1]
    brought_to(store, deletion.id, JobState.ACKNOWLEDGED)
    brought_to(store, all_jobs(store)[0].id, JobState.WITHDRAWN)
    assert submitted(store, a_part()) == 1
    newest = jobs.newest(all_jobs(store))[0]
    assert (newest.version, newest.withdraws, newest.state) == (3, False, JobState.QUEUED)
    assert withdrawn(store) == 0, "the platform has none of it"


def test_the_stamp_is_the_wire_name_of_the_last_change(stage: Stage) -> None:
    made = stamps(stage.target, now=NOW)
    assert made == {message: {"lastChangeTime": "2026-11-21 12:00:00"} for message in ("exam", "report")}


def test_the_mark_is_worked_out_when_the_record_is_frozen(stage: Stage) -> None:
    parts = frozen_parts(a_view(stage))
    assert parts[Part.EXAM, ""].payload["marks"] == {"exam": {"disableFlag": 1}}
    assert parts[Part.REPORT, "R1"].payload["marks"] == {"report": {"checkStatus": 5, "disableFlag": 1}}


# -- holding, releasing, cancelling -----------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [Event.PAUSED, Event.RELEASED, Event.CANCELLED])
@pytest.mark.parametrize("state", list(JobState), ids=lambda state: state.value)
def test_an_act_moves_what_knows_it_and_nothing_else(store: Store, event: Event, state: JobState) -> None:

    submitted(store, a_part())
    brought_to(store, only_job(store).id, state)
    moved_count = store.write(lambda tx: submission.act(tx, EXAM, event, now=NOW))
    assert moved_count == int((state, event) in TRANSITIONS)
    assert only_job(store).state is TRANSITIONS.get((state, event), state)


# -- any order --------------------------------------------------------------------------------------------------------

ACTS = st.lists(
    st.sampled_from(["submit a", "submit b", "claim", "ack", "hold", "retry", "kill", "resend", "withdraw", "pause",
                     "release", "cancel"]),
    max_size=14,
)  # fmt: skip


def _act(store: Store, what: str, clock: list[Any]) -> None:
    now = clock[0] = clock[0] + timedelta(hours=1)
    word, _, content = what.partition(" ")
    sending = jobs_in(store, JobState.SENDING)
    outcomes = {"ack": Event.ACKNOWLEDGED, "hold": Event.HELD, "retry": Event.POSTPONED, "kill": Event.INTERRUPTED}
    if word == "submit":
        submitted(store, a_part(content=content))
    elif word == "claim":
        store.write(lambda tx: jobs.claim(tx, "main", {}, now=now))
    elif word in outcomes and sending:
        job = sending[0]
        if word == "ack":
            store.write(lambda tx: answers.write_receipt(tx, job, {}, now=now))
        store.write(lambda tx: jobs.move(tx, job.id, outcomes[word], now=now, due_at=now))
    elif word == "resend":
        resent(store)
    elif word == "withdraw":
        withdrawn(store)
    elif word in ("pause", "release", "cancel"):
        event = {"pause": Event.PAUSED, "release": Event.RELEASED, "cancel": Event.CANCELLED}[word]
        store.write(lambda tx: submission.act(tx, EXAM, event, now=now))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_no_order_of_acts_confirms_what_was_not_answered_or_breaks_the_table(store: Store, acts: list[str]) -> None:
    store.write(
        lambda tx: [tx.execute(f"DELETE FROM {table}") for table in ("jobs", "receipts", "holdings", "journal")]
    )
    clock = [NOW]
    for act in acts:
        try:
            _act(store, act, clock)
        except NeedsOperator:
            continue
        except ImpossibleMove as error:  # pragma: no cover - the message shows the way there
            pytest.fail(f"{acts}: {error}")
        own = all_jobs(store)
        assert len([job for job in own if job.state is JobState.SENDING]) <= 1
        for job in own:
            assert job.state not in CONFIRMED or answers.acknowledged(store.read(), job)


def test_values_of_a_person_are_frozen_as_they_are(stage: Stage) -> None:
    view = a_view(stage)
    view = replace(view, exam={**view.exam, "patient_name": Value(text="张三", source=Source.TECHNICIAN)})
    assert frozen_parts(view)[Part.EXAM, ""].payload["exam"]["patName"] == "张三"


def test_put_and_submit_agree_on_versions(store: Store) -> None:
    put(store, Part.EXAM)
    submitted(store, a_part())
    assert [job.version for job in all_jobs(store)] == [1]
