"""Reconciliation (对账): ask the platform about a whole day, believe a miss only the second time, send it again.

A miss counts after a second whole-day question; it is sent again by itself, at most twice, then it is the engineer's.
A platform that can't be asked leaves the day as it is: unanswerable is never missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import cast

from app.delivery.converse import Courier, Interrupted, NotAccepted
from app.delivery.question import question_job
from app.delivery.target import Target
from app.domain.job import CONFIRMED, MOVING, Event, Job, JobState, Part, Trouble, Turn
from app.domain.reconciliation import DayState, Discrepancy, Sent
from app.domain.settings import UploadSettings
from app.domain.times import Clock
from app.errors import RetryLater
from app.regions.conversation import Missing, Ours, Reconciles
from app.store import Store, Tx, answers, days, exams, images, jobs

log = logging.getLogger("app.delivery")
MOST_RESENDS = 2


class Reconciler:
    """Reconciles one destination. `resend(tx, exam_key)` opens a new round for all parts of one exam.

    `after(tx, exam_key)` follows each move of an exam's jobs in its transaction.
    """

    def __init__(
        self,
        store: Store,
        target: Target,
        courier: Courier,
        clock: Clock,
        settings: UploadSettings,
        resend: Callable[[Tx, str], None],
        after: Callable[[Tx, str], None],
    ) -> None:
        self._store = store
        self._target = target
        self._courier = courier
        self._clock = clock
        self._resend = resend
        self._after = after
        self._again = timedelta(seconds=settings.reconcile_again_seconds)

    def ask(self, day: date) -> DayState:
        """One whole-day question, its answer written down. Raises RetryLater when the platform gave none."""
        ours = self._ours(day)
        keys = [sent.exam_key for sent in ours.exams]
        if not keys:
            return self._nothing_sent(day)
        try:
            adapter = cast(Reconciles, self._target.adapter)
            missing = self._courier.drive(adapter.reconcile(ours), question_job(self._target.name, self._clock.now()))
        except Interrupted as stop:
            raise RetryLater("程序正在退出", "下次启动会接着对账，您不用管") from stop
        except NotAccepted as refusal:
            trouble = refusal.judged.trouble
            self._store.write(lambda tx: self._no_answer(tx, day, keys, trouble.title))
            raise RetryLater(
                f"平台没有回答 {day.isoformat()} 的对账",
                trouble.advice or "程序会再问，您不用管",
                details=f"{trouble.title} {trouble.code} {trouble.words}".strip(),
            ) from refusal
        return self._store.write_surely(lambda tx: self._answered(tx, day, keys, missing), self._courier.stopping)

    def open_days(self, until: date) -> list[date]:
        return days.open_days(self._store.read(), self._target.name, until)

    def _ours(self, day: date) -> Ours:
        conn = self._store.read()
        keys = days.acknowledged_on(conn, self._target.name, day)
        return Ours(day=day, exams=tuple(self._sent(key) for key in keys))

    def _sent(self, exam_key: str) -> Sent:
        conn = self._store.read()
        confirmed = [
            job
            for job in jobs.of_exam(conn, exam_key)
            if job.destination == self._target.name and job.state in CONFIRMED and not job.withdraws
        ]
        records = [job for job in confirmed if job.part in (Part.EXAM, Part.MERGED)]
        reports = {job.report_key for job in confirmed if job.part in (Part.REPORT, Part.MERGED)}
        held = answers.held(conn, self._target.name, exam_key, Part.IMAGES.value)
        return Sent(
            exam_key=exam_key,
            study_instance_uids=tuple(study.study_instance_uid for study in images.studies_of(self._store, exam_key)),
            img_exam_type=str(records[-1].payload.get("img_exam_type", "")) if records else "",
            image_count=len(held),
            report_count=len(reports),
        )

    def _nothing_sent(self, day: date) -> DayState:
        """Nothing of that day is acknowledged now: there is nothing to ask; a miss that was found stays in sight."""
        return self._store.write(lambda tx: self._left_alone(tx, day))

    def _left_alone(self, tx: Tx, day: date) -> DayState:
        unsolved = self._unsolved(tx, day)
        return self._write_day(tx, day, self._state_of(tx, unsolved) if unsolved else DayState.OPEN, unsolved, 0)

    def _write_day(self, tx: Tx, day: date, state: DayState, unsolved: list[Discrepancy], sent_count: int) -> DayState:
        now = self._clock.now()
        days.write_day(
            tx,
            self._target.name,
            day,
            state,
            now=now,
            sent_count=sent_count,
            missing_count=sum(1 for each in unsolved if each.confirmed_at),
            ask_again_at=now + self._again if any(self._may_solve_itself(tx, each) for each in unsolved) else None,
        )
        return state

    def _unsolved(self, tx: Tx, day: date) -> list[Discrepancy]:
        """What is still missing; an exam withdrawn or moved to another day meanwhile is not."""
        name = self._target.name
        expected = set(days.expected_on(tx.conn, name, day))
        open_ones = [each for each in days.discrepancies(tx.conn, name, day) if each.solved_at is None]
        for each in open_ones:
            if each.exam_key not in expected:
                days.forget(tx, name, day, each.exam_key)
        return [each for each in open_ones if each.exam_key in expected]

    def _may_solve_itself(self, tx: Tx, missing: Discrepancy) -> bool:
        """False while the exam waits for a person: asking again every few minutes would find the same."""
        records = [job for job in self._own_newest(tx, missing.exam_key) if job.part in (Part.EXAM, Part.MERGED)]
        return all(job.state in CONFIRMED or job.state in MOVING for job in records)

    def _no_answer(self, tx: Tx, day: date, keys: list[str], title: str) -> None:
        now = self._clock.now()
        before = days.day(tx.conn, self._target.name, day)
        days.note_question(tx, self._target.name, day, keys, [], now=now, failed=title)
        days.write_day(
            tx,
            self._target.name,
            day,
            DayState(before["state"]) if before else DayState.OPEN,
            now=now,
            sent_count=len(keys),
            missing_count=before["missing_count"] if before else 0,
            ask_again_at=now + self._again,
            trouble=title,
        )

    def _answered(self, tx: Tx, day: date, keys: list[str], missing: Missing) -> DayState:
        """Write down one answer and draw its consequences, in one transaction."""
        now, name = self._clock.now(), self._target.name
        lacking = set(missing.exam_keys)
        days.note_question(tx, name, day, keys, sorted(lacking), now=now)
        known = {each.exam_key: each for each in self._unsolved(tx, day)}
        still = set(keys) & set(days.acknowledged_on(tx.conn, name, day))  # what went again meanwhile was not asked
        for key in sorted(still - lacking):
            if key in known:
                days.solve(tx, name, day, key, now=now)
            self._reconciled(tx, key, now)
        for key in sorted(still & lacking):
            suspected_at = known[key].suspected_at if key in known else None
            if suspected_at is None or now - suspected_at < self._again:
                days.suspect(tx, name, day, key, now=now)
            else:
                self._missed(tx, day, key, known[key].resend_count, now)
        answers.note_destination(tx, name, now=now, ok=True)
        unsolved = self._unsolved(tx, day)
        return self._write_day(tx, day, self._state_of(tx, unsolved), unsolved, len(keys))

    def _missed(self, tx: Tx, day: date, key: str, resend_count: int, now: datetime) -> None:
        """The second answer in a row that lacks this exam: it counts."""
        name = self._target.name
        days.confirm(tx, name, day, key, now=now)
        exams.note(tx, key, "found_missing", name, at=now)
        if resend_count < MOST_RESENDS:
            days.count_resend(tx, name, day, key)
            self._resend(tx, key)
        else:
            self._give_up(tx, key, now)
        self._after(tx, key)

    def _give_up(self, tx: Tx, key: str, now: datetime) -> None:
        for job in self._own_newest(tx, key):
            if job.state in CONFIRMED and not job.withdraws:
                jobs.move(tx, job.id, Event.REJECTED, now=now, trouble=_STILL_MISSING)

    def _state_of(self, tx: Tx, unsolved: list[Discrepancy]) -> DayState:
        if not unsolved:
            return DayState.AGREED
        if any(self._given_up(tx, each.exam_key) for each in unsolved):
            return DayState.ENGINEER
        return DayState.RESENDING if any(each.resend_count for each in unsolved) else DayState.ASKED_ONCE

    def _given_up(self, tx: Tx, exam_key: str) -> bool:
        return any(
            job.state is JobState.REJECTED and job.trouble == _STILL_MISSING for job in self._own_newest(tx, exam_key)
        )

    def _reconciled(self, tx: Tx, exam_key: str, now: datetime) -> None:
        """The platform has it: everything acknowledged of the exam turns to 已对账.

        The interface answers for exams only; images and reports stand or fall with their exam.
        """
        news = False
        for job in self._own_newest(tx, exam_key):
            if job.state is JobState.ACKNOWLEDGED and not job.withdraws:
                jobs.move(tx, job.id, Event.RECONCILED, now=now)
                news = True
        if news:
            exams.note(tx, exam_key, "reconciled", self._target.name, at=now)
            self._after(tx, exam_key)

    def _own_newest(self, tx: Tx, exam_key: str) -> list[Job]:
        """The newest job of each part here; one that a person cancelled changed nothing at the platform."""
        here = [
            job
            for job in jobs.of_exam(tx.conn, exam_key)
            if job.destination == self._target.name and job.state is not JobState.CANCELLED
        ]
        return list(jobs.newest(here))


_STILL_MISSING = Trouble(
    title="补传两次，平台仍查不到这例",
    advice="请把这例复制给工程师，数据都在本机",
    turn=Turn.ENGINEER,
    step="reconcile",
)
