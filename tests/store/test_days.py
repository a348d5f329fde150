"""Days of reconciliation: what is open, what is asked about, and how a discrepancy comes and goes."""

from __future__ import annotations

from datetime import date

from app.domain.job import Event, JobState, Part
from app.domain.reconciliation import DayState, Discrepancy
from app.store import Store, days
from tests.store.samples import DAY, EXAM, NOW, at, claimed, moved, put

WHEN = date.fromisoformat(DAY)
LATER = date(2026, 11, 30)


def open_days(store: Store) -> list[date]:
    return days.open_days(store.read(), "main", LATER)


def asked(store: Store, which: date = WHEN) -> list[str]:
    return days.acknowledged_on(store.read(), "main", which)


def acknowledge(store: Store, part: Part = Part.EXAM, **more: object) -> int:
    job_id = put(store, part, **more)
    moved(store, job_id, Event.CLAIMED, Event.ACKNOWLEDGED)
    return job_id


def test_a_day_is_open_from_its_first_receipt_until_all_of_it_is_reconciled(store: Store) -> None:
    put(store, exam="E0")
    assert open_days(store) == []
    exam, images = acknowledge(store), acknowledge(store, Part.IMAGES)
    assert open_days(store) == [WHEN]
    moved(store, exam, Event.RECONCILED)
    assert open_days(store) == [WHEN], "late images open it again"
    moved(store, images, Event.RECONCILED)
    assert open_days(store) == []
    assert days.open_days(store.read(), "main", date(2026, 11, 19)) == []


def test_open_days_come_oldest_first_and_of_one_destination(store: Store) -> None:
    for day in ("2026-11-18", "2026-11-16", "2026-11-17"):
        acknowledge(store, exam=day, day=day)
    acknowledge(store, exam="elsewhere", day="2026-11-15", destination="second")
    assert [day.day for day in open_days(store)] == [16, 17, 18]


def test_an_older_version_neither_opens_a_day_nor_is_asked_about(store: Store) -> None:
    acknowledge(store)
    newer = acknowledge(store, day="2026-11-21")
    assert (asked(store), asked(store, date(2026, 11, 21))) == ([], [EXAM])
    moved(store, newer, Event.RECONCILED)
    assert open_days(store) == []


def test_a_cancelled_correction_leaves_the_earlier_version_in_its_place(store: Store) -> None:
    acknowledge(store)
    correction = put(store, day="2026-11-21")
    assert asked(store) == [], "a correction on its way is asked about when it has arrived"
    moved(store, correction, Event.CANCELLED)
    assert (asked(store), open_days(store)) == ([EXAM], [WHEN])


def test_a_withdrawn_exam_is_not_expected(store: Store) -> None:
    exam = acknowledge(store)
    withdrawal = put(store, withdraws=True)
    assert (asked(store), days.expected_on(store.read(), "main", WHEN)) == ([], [])
    claimed(store)
    moved(store, withdrawal, Event.ACKNOWLEDGED)
    moved(store, exam, Event.WITHDRAWN)
    assert (asked(store), open_days(store)) == ([], [])


def test_an_exam_that_goes_again_is_expected_but_not_asked_about(store: Store) -> None:
    exam = acknowledge(store)
    moved(store, exam, Event.FOUND_MISSING)
    assert (asked(store), days.expected_on(store.read(), "main", WHEN)) == ([], [EXAM])


def test_images_alone_are_no_exam_to_ask_about(store: Store) -> None:
    put(store, Part.EXAM, state=JobState.HELD)
    acknowledge(store, Part.IMAGES)
    assert asked(store) == []


def discrepancy(store: Store) -> Discrepancy | None:
    found = days.discrepancies(store.read(), "main", WHEN)
    return found[0] if found else None


def test_a_suspicion_that_proves_false_leaves_no_trace(store: Store) -> None:
    store.write(lambda tx: days.suspect(tx, "main", WHEN, EXAM, now=NOW))
    found = discrepancy(store)
    assert found is not None and (found.suspected_at, found.confirmed_at) == (NOW, None)
    store.write(lambda tx: days.solve(tx, "main", WHEN, EXAM, now=at(60)))
    assert discrepancy(store) is None


def test_a_confirmed_miss_stays_as_solved(store: Store) -> None:
    store.write(lambda tx: days.suspect(tx, "main", WHEN, EXAM, now=NOW))
    store.write(lambda tx: days.suspect(tx, "main", WHEN, EXAM, now=at(30)))
    store.write(lambda tx: days.confirm(tx, "main", WHEN, EXAM, now=at(600)))
    store.write(lambda tx: days.count_resend(tx, "main", WHEN, EXAM))
    found = discrepancy(store)
    assert found is not None
    assert (found.first_seen_at, found.suspected_at, found.confirmed_at, found.resend_count) == (NOW, None, at(600), 1)
    store.write(lambda tx: days.solve(tx, "main", WHEN, EXAM, now=at(900)))
    store.write(lambda tx: days.forget(tx, "main", WHEN, EXAM))
    found = discrepancy(store)
    assert found is not None and (found.solved_at, found.suspected_at) == (at(900), None)


def test_a_miss_after_a_solved_one_begins_anew(store: Store) -> None:
    test_a_confirmed_miss_stays_as_solved(store)
    store.write(lambda tx: days.suspect(tx, "main", WHEN, EXAM, now=at(2000)))
    found = discrepancy(store)
    assert found is not None
    assert (found.suspected_at, found.confirmed_at, found.resend_count, found.solved_at) == (at(2000), None, 0, None)


def test_a_second_question_is_due_at_its_time(store: Store) -> None:
    def write(seconds: float | None) -> None:
        again = at(seconds) if seconds is not None else None
        store.write(
            lambda tx: days.write_day(
                tx, "main", WHEN, DayState.ASKED_ONCE, now=NOW, sent_count=1, missing_count=0, ask_again_at=again
            )
        )

    write(600)
    assert days.due_again(store.read(), at(599)) == []
    assert days.due_again(store.read(), at(600)) == [("main", WHEN)]
    write(None)
    assert days.due_again(store.read(), at(10**6)) == []
    row = days.day(store.read(), "main", WHEN)
    assert row is not None and row["asked_count"] == 2
