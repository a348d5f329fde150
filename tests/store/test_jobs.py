"""The outbox: who may be claimed when, and that every move goes through the table."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.job import Event, ImpossibleMove, JobState, Part, Trouble, Turn
from app.store import Store, exams, jobs
from app.store.times import kept
from tests.store.samples import EXAM, NOW, a_job, at, claimed, jobs_in, moved, put

REPORT_WAITS = {"report": "exam"}


def confirm(store: Store, job_id: int) -> None:
    moved(store, job_id, Event.CLAIMED, Event.ACKNOWLEDGED)


def test_a_claimed_job_is_being_sent_and_nobody_else_gets_it(store: Store) -> None:
    job_id = put(store)
    job = claimed(store)
    assert job is not None
    assert (job.id, job.state, job.attempts) == (job_id, JobState.SENDING, 1)
    assert claimed(store) is None


def test_of_one_exam_one_job_is_sent_at_a_time(store: Store) -> None:
    put(store, Part.EXAM)
    put(store, Part.IMAGES)
    other = put(store, Part.IMAGES, exam="E2", seconds=9)
    first, second = claimed(store), claimed(store)
    assert first is not None and second is not None
    assert (first.part, second.id) == (Part.EXAM, other), "another exam is not held up"
    assert claimed(store) is None


def test_each_destination_has_its_own_order(store: Store) -> None:
    put(store, Part.EXAM)
    put(store, Part.EXAM, destination="second")
    assert claimed(store) is not None
    assert claimed(store, destination="second") is not None
    assert claimed(store, destination="third") is None


def test_the_record_goes_first_then_the_report_then_the_images(store: Store) -> None:
    for part in (Part.IMAGES, Part.REPORT, Part.EXAM):
        put(store, part)
    order = []
    while (job := claimed(store)) is not None:
        order.append(job.part)
        moved(store, job.id, Event.ACKNOWLEDGED)
    assert order == [Part.EXAM, Part.REPORT, Part.IMAGES]


def test_an_older_exam_goes_first_unless_a_person_wants_another(store: Store) -> None:
    old, new = put(store, exam="E1"), put(store, exam="E2", seconds=60)
    store.write(lambda tx: jobs.send_first(tx, new))
    assert [job.id for job in (claimed(store), claimed(store)) if job] == [new, old]


def test_the_report_waits_until_the_record_was_acknowledged_once(store: Store) -> None:
    exam, report = put(store, Part.EXAM), put(store, Part.REPORT, report="R1")
    first = claimed(store, REPORT_WAITS)
    assert first is not None and first.id == exam
    moved(store, exam, Event.HELD)
    assert claimed(store, REPORT_WAITS) is None, "a record that waits for a person"
    moved(store, exam, Event.MENDED)
    assert claimed(store, REPORT_WAITS) is not None
    moved(store, exam, Event.ACKNOWLEDGED)
    second = claimed(store, REPORT_WAITS)
    assert second is not None and second.id == report


def test_a_report_goes_while_a_newer_record_waits_for_its_retry(store: Store) -> None:
    confirm(store, put(store, Part.EXAM))
    newer = put(store, Part.EXAM)
    put(store, Part.REPORT, report="R1", seconds=-60)
    job = claimed(store, REPORT_WAITS)
    assert job is not None and job.id == newer, "a queued newer record goes before the report"
    moved(store, newer, Event.POSTPONED, due_at=at(60))
    job = claimed(store, REPORT_WAITS)
    assert job is not None and job.part is Part.REPORT


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.PAUSED, JobState.HELD, JobState.REJECTED])
def test_a_report_of_two_exams_waits_until_the_platform_knows_both(store: Store, state: JobState) -> None:
    for exam in (EXAM, "E2"):
        store.write(lambda tx, exam=exam: exams.link_report(tx, exam, "R1"))  # type: ignore[misc]
    confirm(store, put(store, Part.EXAM))
    other = put(store, Part.EXAM, exam="E2", state=state)
    store.write(lambda tx: tx.execute("UPDATE jobs SET due_at = ? WHERE id = ?", (kept(at(60)), other)))
    report = put(store, Part.REPORT, report="R1")
    assert claimed(store, REPORT_WAITS) is None
    store.write(lambda tx: tx.execute("UPDATE jobs SET state = 'acknowledged', due_at = NULL WHERE id = ?", (other,)))
    put(store, Part.EXAM, exam="E2", state=state)
    job = claimed(store, REPORT_WAITS)
    assert job is not None and job.id == report, "a correction that rests holds up nothing"


def test_images_do_not_wait_for_a_record_that_is_held(store: Store) -> None:
    put(store, Part.EXAM, state=JobState.HELD)
    put(store, Part.IMAGES)
    job = claimed(store, REPORT_WAITS)
    assert job is not None and job.part is Part.IMAGES


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.SENDING, JobState.WAITING])
def test_a_newer_version_never_overtakes_an_older_one_on_its_way(store: Store, state: JobState) -> None:
    older = put(store, Part.EXAM, state=state)
    if state is JobState.WAITING:
        store.write(lambda tx: tx.execute("UPDATE jobs SET due_at = ?", (kept(at(60)),)))
    newer = put(store, Part.EXAM, seconds=-60)
    job = claimed(store)
    assert job is None or job.id == older
    assert jobs.job(store.read(), newer).version == 2


@pytest.mark.parametrize("state", [JobState.HELD, JobState.REJECTED, JobState.ACKNOWLEDGED, JobState.CANCELLED])
def test_a_newer_version_goes_once_the_older_one_rests(store: Store, state: JobState) -> None:
    put(store, Part.EXAM, state=state)
    newer = put(store, Part.EXAM)
    job = claimed(store)
    assert job is not None and job.id == newer


def test_two_reports_of_an_exam_are_two_lines_of_versions(store: Store) -> None:
    ids = [put(store, Part.REPORT, report=key) for key in ("R1", "R2", "R1")]
    assert [jobs.job(store.read(), job_id).version for job_id in ids] == [1, 1, 2]
    assert {job.id for job in jobs.newest(jobs.of_exam(store.read(), EXAM))} == set(ids[1:])


def test_a_waiting_job_goes_when_it_is_due_and_not_before(store: Store) -> None:
    job_id = put(store)
    claimed(store)
    moved(store, job_id, Event.POSTPONED, due_at=at(60))
    assert jobs.next_due(store.read()) == at(60)
    assert claimed(store) is None
    job = store.write(lambda tx: jobs.claim(tx, "main", {}, now=at(60)))
    assert job is not None and (job.id, job.attempts, job.due_at) == (job_id, 2, None)


def test_a_deletion_goes_report_first_and_its_record_last(store: Store) -> None:
    confirm(store, put(store, Part.EXAM))
    confirm(store, put(store, Part.REPORT, report="R1"))
    put(store, Part.EXAM, withdraws=True)
    put(store, Part.REPORT, report="R1", withdraws=True, seconds=9)
    first = claimed(store, REPORT_WAITS)
    assert first is not None and first.part is Part.REPORT
    moved(store, first.id, Event.POSTPONED, due_at=NOW + timedelta(hours=1))
    assert claimed(store, REPORT_WAITS) is None, "the report's deletion will be tried again"
    store.write(lambda tx: jobs.move(tx, first.id, Event.PAUSED, now=NOW))
    second = claimed(store, REPORT_WAITS)
    assert second is not None and second.part is Part.EXAM, "a paused one holds up nothing"


def test_what_was_being_sent_at_the_end_goes_again(store: Store) -> None:
    put(store, Part.EXAM)
    put(store, Part.IMAGES)
    put(store, Part.EXAM, exam="E2")
    claimed(store)
    claimed(store)
    assert store.write(lambda tx: jobs.interrupted(tx, now=NOW)) == ("E1", "E2")
    assert len(jobs_in(store, JobState.QUEUED)) == 3
    assert store.write(lambda tx: jobs.interrupted(tx, now=NOW)) == ()


def test_an_impossible_move_changes_nothing(store: Store) -> None:
    job_id = put(store)
    with pytest.raises(ImpossibleMove):
        moved(store, job_id, Event.ACKNOWLEDGED)
    assert jobs.job(store.read(), job_id).state is JobState.QUEUED


def test_a_person_s_act_starts_the_counting_of_attempts_anew(store: Store) -> None:
    job_id = put(store)
    for _ in range(3):
        moved(store, job_id, Event.CLAIMED, Event.INTERRUPTED)
    assert jobs.job(store.read(), job_id).attempts == 3
    moved(store, job_id, Event.CLAIMED, Event.HELD)
    assert moved(store, job_id, Event.MENDED).attempts == 0


def test_trouble_comes_back_as_it_was_kept_and_goes_with_the_next_move(store: Store) -> None:
    trouble = Trouble(
        title="退回", advice="改好", turn=Turn.TECHNICIAN, code="0", words="缺少", items=("a", "b"), page="dicom"
    )
    job_id = put(store)
    claimed(store)
    assert moved(store, job_id, Event.HELD, trouble=trouble).trouble == trouble
    assert moved(store, job_id, Event.MENDED).trouble is None


def test_moves_are_told_with_ids_only(store: Store) -> None:
    heard: list[dict[str, object]] = []
    store.subscribe(heard.append)
    job_id = put(store, patient="张三")
    claimed(store)
    store.write(lambda tx: None)
    assert heard == [
        {"event": "job_changed", "job": job_id, "exam": EXAM, "state": "queued"},
        {"event": "job_changed", "job": job_id, "exam": EXAM, "state": "sending"},
    ]


def test_no_two_jobs_have_the_same_version(store: Store) -> None:
    def twice(tx: object) -> list[int]:
        return [a_job(tx, Part.EXAM), a_job(tx, Part.EXAM)]  # type: ignore[arg-type]

    ids = store.write(twice)
    assert [jobs.job(store.read(), job_id).version for job_id in ids] == [1, 2]


def test_what_waits_for_a_person_is_told_of_the_newest_jobs_only(store: Store) -> None:
    trouble = Trouble(title="退回", advice="改好", turn=Turn.TECHNICIAN)
    old = put(store)
    claimed(store)
    moved(store, old, Event.HELD, trouble=trouble)
    assert jobs.troubles(store.read()) == {EXAM: (trouble, NOW)}
    put(store)
    assert jobs.troubles(store.read()) == {}


def test_exams_on_their_way_are_counted_once(store: Store) -> None:
    put(store, Part.EXAM)
    put(store, Part.IMAGES, state=JobState.WAITING)
    put(store, exam="E2", state=JobState.SENDING)
    put(store, exam="E3", state=JobState.HELD)
    assert jobs.moving_exams(store.read()) == 2
