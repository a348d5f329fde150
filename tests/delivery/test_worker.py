"""The workers: how a job ends, when it is tried again, and that no job holds up another."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.delivery.worker import Workers
from app.domain.job import Event, Job, JobState, Part
from app.domain.settings import UploadSettings
from app.errors import RetryLater
from app.store import Tx, answers, jobs
from tests.delivery.stage import Stage, an_http_reply, refs
from tests.store.samples import EXAM, put

SETTINGS = UploadSettings(retry_first_seconds=5, retry_longest_seconds=300, workers=2)
SHORT = {"code": 0, "message": "缺少手机号"}


def workers(stage: Stage, **changes: Any) -> Workers:
    given: dict[str, Any] = {"paused": lambda: False, "after": lambda tx, exam_key: None, "jitter": lambda: 1.0}
    return Workers(
        stage.store,
        stage.target,
        changes.pop("courier", stage.courier()),
        stage.clock,
        changes.pop("settings", SETTINGS),
        **given | changes,
        stopping=stage.stopping,
    )


def queued(stage: Stage, part: Part = Part.EXAM, *, exam: str = EXAM, **payload: Any) -> int:
    return put(stage.store, part, exam=exam, body=payload or {"exam": {"a": 1}})


def job_of(stage: Stage, job_id: int) -> Job:
    return jobs.job(stage.store.read(), job_id)


def test_an_accepted_job_is_acknowledged_with_receipt_and_holding_at_once(stage: Stage) -> None:
    job_id = queued(stage)
    assert workers(stage).run_once()
    assert job_of(stage, job_id).state is JobState.ACKNOWLEDGED
    assert len(answers.receipts(stage.store.read(), EXAM)) == 1
    assert answers.held(stage.store.read(), "main", EXAM, "exam") == {"": job_of(stage, job_id).digest}
    assert answers.destinations(stage.store.read())["main"]["last_ok_at"]
    assert not workers(stage).run_once()


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (SHORT, JobState.HELD),
        ({"code": 0, "message": "SM4解密失败"}, JobState.REJECTED),
        ({"code": 77}, JobState.REJECTED),
        ({"code": 0, "message": "系统繁忙"}, JobState.WAITING),
        (an_http_reply(b"", status=500), JobState.WAITING),
        (an_http_reply(b"<html>"), JobState.WAITING),
        (RetryLater("断了", "再试"), JobState.WAITING),
    ],
)
def test_a_refusal_is_never_green_and_keeps_its_reason(stage: Stage, said: Any, state: JobState) -> None:
    stage.platform.script = [said]
    job_id = queued(stage)
    workers(stage).run_once()
    job = job_of(stage, job_id)
    assert job.state is state and job.trouble is not None and job.trouble.title
    assert (job.due_at is not None) == (state is JobState.WAITING)
    assert answers.receipts(stage.store.read(), EXAM) == []
    assert [line["verdict"] for line in jobs.attempts(stage.store.read(), EXAM)] != ["accept"]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (b'{"code": 1, "message": "\\ud83d\\ude00 \\ud800"}', JobState.ACKNOWLEDGED),
        (b'{"code": 0, "message": "\\u7f3a\\u5c11\\u624b\\u673a\\u53f7\\uD83D"}', JobState.HELD),
        (b'{"code": "\\uDFFF"}', JobState.REJECTED),
    ],
)
def test_half_a_character_in_an_answer_ends_no_job_in_the_middle(stage: Stage, said: bytes, state: JobState) -> None:
    stage.platform.script = [an_http_reply(said)]
    job_id = queued(stage)
    workers(stage).run_once()
    assert job_of(stage, job_id).state is state


def delays(stage: Stage, count: int, **changes: Any) -> list[float]:
    job_id = queued(stage)
    found: list[float] = []
    for _ in range(count):
        assert workers(stage, **changes).run_once()
        job = job_of(stage, job_id)
        assert job.due_at is not None
        found.append((job.due_at - stage.clock.now()).total_seconds())
        stage.clock.pass_(found[-1])
    return found


def test_each_attempt_waits_twice_as_long_up_to_the_longest(stage: Stage) -> None:
    stage.platform.script = [RetryLater("断了", "再试")] * 9
    assert delays(stage, 9) == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_jitter_spreads_the_attempts(stage: Stage) -> None:
    stage.platform.script = [RetryLater("断了", "再试")] * 2
    assert delays(stage, 2, jitter=lambda: 0.8) == [4, 8]


def test_a_busy_platform_is_left_alone_four_times_as_long(stage: Stage) -> None:
    stage.platform.script = [an_http_reply(b"", status=503)]
    assert delays(stage, 1) == [20]


def test_the_platform_s_own_wish_is_the_least_wait(stage: Stage) -> None:
    stage.platform.script = [an_http_reply(b"", status=429, headers={"Retry-After": "900"})]
    assert delays(stage, 1) == [900]


@pytest.mark.warns
def test_a_bug_in_one_conversation_rejects_that_job_alone(stage: Stage) -> None:
    bad, good = put(stage.store, exam="E1", body={"exam": {"steps": 7}}), queued(stage, exam="E2")
    worker = workers(stage)
    assert worker.run_once() and worker.run_once()
    assert (job_of(stage, bad).state, job_of(stage, good).state) == (JobState.REJECTED, JobState.ACKNOWLEDGED)
    trouble = job_of(stage, bad).trouble
    assert trouble is not None and trouble.code == "BUG" and "诊断包" in trouble.advice


def test_nothing_is_claimed_while_paused_or_stopping(stage: Stage) -> None:
    job_id = queued(stage)
    assert not workers(stage, paused=lambda: True).run_once()
    stage.stopping.set()
    assert not workers(stage).run_once()
    assert job_of(stage, job_id).state is JobState.QUEUED


def test_a_stop_puts_the_job_back_into_the_queue(stage: Stage) -> None:
    stage.platform.before_reply = stage.stopping.set
    job_id = put(stage.store, body={"exam": {"steps": {"first": {}, "second": {}}}})
    workers(stage).run_once()
    assert job_of(stage, job_id).state is JobState.QUEUED


def test_the_exam_follows_each_move_in_the_same_transaction(stage: Stage) -> None:
    seen: list[str] = []

    def after(tx: Tx, exam_key: str) -> None:
        seen.extend(job.state.value for job in jobs.of_exam(tx.conn, exam_key))

    queued(stage)
    workers(stage, after=after).run_once()
    assert seen == ["sending", "acknowledged"]


def test_an_outcome_waits_for_a_disk_that_is_full(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [RetryLater("磁盘写不进去了", "清理")] * 2
    write = stage.store.write

    def full(change: Any) -> Any:
        if stage.platform.received and refusals:
            raise refusals.pop()
        return write(change)

    monkeypatch.setattr(stage.store, "write", full)
    monkeypatch.setattr(stage.stopping, "wait", lambda seconds: False)
    job_id = queued(stage)
    workers(stage).run_once()
    assert (refusals, job_of(stage, job_id).state) == ([], JobState.ACKNOWLEDGED)
    assert len(stage.platform.received) == 1


def test_a_destination_s_trouble_is_the_line_s_not_a_form_s(stage: Stage) -> None:
    stage.platform.script = [SHORT, RetryLater("连不上", "再试")]
    queued(stage, exam="E1")
    workers(stage).run_once()
    assert answers.destinations(stage.store.read()).get("main", {}).get("trouble", "") == ""
    queued(stage, exam="E2")
    workers(stage).run_once()
    assert answers.destinations(stage.store.read())["main"]["trouble"] == "连不上"


# -- deletions --------------------------------------------------------------------------------------------------------


def test_a_deletion_takes_the_images_back_and_cancels_those_on_their_way(stage: Stage) -> None:
    worker = workers(stage)
    exam, images = queued(stage), queued(stage, Part.IMAGES, images=refs("1.1"))
    worker.run_once()
    worker.run_once()
    late = queued(stage, Part.IMAGES, images=refs("1.1", "1.2"))
    stage.ae.statuses = {"1.2": RetryLater("断了", "再试")}
    worker.run_once()
    put(stage.store, Part.EXAM, withdraws=True, body={"exam": {"disableFlag": 1}})
    worker.run_once()
    assert [job_of(stage, one).state for one in (exam, images, late)] == [
        JobState.WITHDRAWN,
        JobState.WITHDRAWN,
        JobState.CANCELLED,
    ]
    assert answers.held(stage.store.read(), "main", EXAM, "images") == {}
    stage.clock.pass_(10_000)
    assert not worker.run_once(), "no image follows a deleted exam"


def test_a_deletion_of_the_report_leaves_the_exam_alone(stage: Stage) -> None:
    worker = workers(stage)
    exam, report = queued(stage), put(stage.store, Part.REPORT, report="R1", body={"exam": {}})
    worker.run_once()
    worker.run_once()
    put(stage.store, Part.REPORT, report="R1", withdraws=True, body={"exam": {}})
    worker.run_once()
    assert (job_of(stage, exam).state, job_of(stage, report).state) == (JobState.ACKNOWLEDGED, JobState.WITHDRAWN)


# -- threads ----------------------------------------------------------------------------------------------------------


def test_several_threads_send_each_job_once_and_one_of_an_exam_at_a_time(stage: Stage) -> None:
    busy: dict[str, int] = {}
    overlaps: list[str] = []
    lock = threading.Lock()

    class Watched:
        offset_seconds = 0.0

        def deliver(self, job: Job) -> dict[str, Any]:
            with lock:
                busy[job.exam_key] = busy.get(job.exam_key, 0) + 1
                if busy[job.exam_key] > 1:
                    overlaps.append(job.exam_key)
            time.sleep(0.005)
            with lock:
                busy[job.exam_key] -= 1
                sent.append(job.id)
            return {}

    sent: list[int] = []
    ids = [queued(stage, part, exam=f"E{number}") for number in range(6) for part in (Part.EXAM, Part.IMAGES)]
    stopping = stage.stopping
    some = workers(stage, courier=Watched(), settings=replace(SETTINGS, workers=4))
    some.start()
    for _ in range(500):
        some.wake()
        if len(sent) == len(ids):
            break
        stopping.wait(0.02)
    stopping.set()
    some.join(5)
    assert sorted(sent) == sorted(ids)
    assert overlaps == []


def test_the_first_attempt_counts_as_one(stage: Stage) -> None:
    stage.platform.script = [RetryLater("断了", "再试")]
    job_id = queued(stage)
    workers(stage).run_once()
    job = job_of(stage, job_id)
    assert (job.attempts, job.due_at) == (1, stage.clock.now() + timedelta(seconds=5))
    assert isinstance(job.due_at, datetime)
    stage.store.write(lambda tx: jobs.move(tx, job_id, Event.DUE, now=stage.clock.now()))
    workers(stage).run_once()
    assert job_of(stage, job_id).attempts == 2
