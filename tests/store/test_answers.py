"""The journal, the holdings and the receipts: what was answered is known, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.domain.job import Event, Job, JobState, Part
from app.store import Store, answers, jobs
from tests.store.samples import EXAM, NOW, at, claimed, moved, put


def a_claimed_job(store: Store, part: Part = Part.EXAM) -> Job:
    put(store, part)
    job = claimed(store)
    assert job is not None
    return job


def journalled(store: Store, job: Job, digest: str = "d1", step: str = "exam") -> dict[str, Any] | None:
    return answers.journalled(store.read(), job, step, "", digest)


def test_a_reply_is_found_again_for_the_same_body_in_the_same_round_only(store: Store) -> None:
    job = a_claimed_job(store)
    store.write(lambda tx: answers.record(tx, job, "exam", "", "d1", {"code": 1}, now=NOW))
    assert journalled(store, job) == {"code": 1}
    assert journalled(store, job, digest="d2") is None, "the form was mended"
    assert journalled(store, job, step="report") is None
    moved(store, job.id, Event.ACKNOWLEDGED)
    moved(store, job.id, Event.RESENT, new_round=True)
    assert journalled(store, jobs.job(store.read(), job.id)) is None, "a resend asks again"


def test_a_huge_reply_is_journalled_as_accepted_without_its_body(store: Store) -> None:
    job = a_claimed_job(store)
    store.write(lambda tx: answers.record(tx, job, "exam", "", "d1", {"pdf": "x" * 70_000}, now=NOW))
    assert journalled(store, job) == {}


def test_a_holding_is_its_content(store: Store) -> None:
    job = a_claimed_job(store, Part.IMAGES)
    store.write(lambda tx: answers.hold(tx, job, "1.1", "a", now=NOW))
    store.write(lambda tx: answers.hold(tx, job, "1.2", "b", now=NOW))
    store.write(lambda tx: answers.hold(tx, job, "1.1", "c", now=NOW))
    assert answers.held(store.read(), "main", EXAM, "images") == {"1.1": "c", "1.2": "b"}
    assert answers.held(store.read(), "second", EXAM, "images") == {}
    assert answers.held(store.read(), "main", EXAM, "exam") == {}
    store.write(lambda tx: answers.forget_holdings(tx, "main", EXAM, "images"))
    assert answers.held(store.read(), "main", EXAM, "images") == {}


def test_each_round_has_its_own_receipt(store: Store) -> None:
    job = a_claimed_job(store)
    store.write(lambda tx: answers.write_receipt(tx, job, {"number": "7"}, now=NOW))
    moved(store, job.id, Event.ACKNOWLEDGED)
    again = moved(store, job.id, Event.RESENT, Event.CLAIMED)
    assert answers.acknowledged(store.read(), again), "the round is the same"
    again = moved(store, job.id, Event.INTERRUPTED)
    store.write(lambda tx: tx.execute("UPDATE jobs SET round = 2"))
    again = jobs.job(store.read(), job.id)
    assert not answers.acknowledged(store.read(), again)
    store.write(lambda tx: answers.write_receipt(tx, again, {}, now=at(60)))
    assert [(one["round"], one["facts"]) for one in answers.receipts(store.read(), EXAM)] == [
        (1, {"number": "7"}),
        (2, {}),
    ]
    assert answers.last_acknowledged(store.read()) == at(60).isoformat(timespec="microseconds")
    assert answers.acknowledged_jobs(store.read(), EXAM) == {job.id}


def test_old_journal_rows_fold_into_the_receipt_once_the_job_is_done(store: Store) -> None:
    done = a_claimed_job(store)
    store.write(lambda tx: answers.record(tx, done, "exam", "", "d1", {}, now=NOW))
    moved(store, done.id, Event.ACKNOWLEDGED)
    put(store, exam="E2")
    waiting = claimed(store)
    assert waiting is not None
    store.write(lambda tx: answers.record(tx, waiting, "exam", "", "d1", {}, now=NOW))
    assert store.write(lambda tx: answers.fold(tx, NOW)) == 0, "not before its time"
    assert store.write(lambda tx: answers.fold(tx, NOW + timedelta(days=30))) == 1
    assert journalled(store, waiting) == {}, "an unfinished job keeps its answers"
    assert jobs.job(store.read(), waiting.id).state is JobState.SENDING


def test_a_destination_s_trouble_has_its_beginning_and_its_end(store: Store) -> None:
    def note(seconds: float, *, ok: bool) -> dict[str, Any]:
        store.write(lambda tx: answers.note_destination(tx, "main", now=at(seconds), ok=ok, trouble="不通"))
        return answers.destinations(store.read())["main"]

    first, later, back = note(0, ok=False), note(60, ok=False), note(120, ok=True)
    assert first["trouble_since"] == later["trouble_since"] and later["trouble"] == "不通"
    assert (back["trouble"], back["trouble_since"]) == ("", "") and back["last_ok_at"] > later["trouble_since"]
