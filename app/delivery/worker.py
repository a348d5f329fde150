"""The workers of one destination: claim a job, let the courier deliver it, write down how it ended.

One bad job never blocks another: a job that fails waits, is held or is rejected by itself, and the next is claimed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from app.delivery import index_codes, submission
from app.delivery.converse import Courier, Interrupted, NotAccepted, NotFetched, contents
from app.delivery.target import Target
from app.delivery.verdict import judged_error
from app.domain.job import CONFIRMED, RECORDS, UNFINISHED, Event, Job, JobState, Part, Trouble, Turn
from app.domain.settings import UploadSettings
from app.domain.times import Clock
from app.domain.verdict import Judged, Verdict
from app.errors import AgentError
from app.store import Store, Tx, answers, days, exams, files, jobs, pickups

log = logging.getLogger("app.delivery")
_OUTCOME = {
    Verdict.LOGIN: Event.POSTPONED,
    Verdict.RETRY: Event.POSTPONED,
    Verdict.SLOW_DOWN: Event.POSTPONED,
    Verdict.FIX_FORM: Event.HELD,
    Verdict.FIX_SETTINGS: Event.REJECTED,
    Verdict.REJECT: Event.REJECTED,
}
_SLOW_DOWN_FACTOR = 4.0


class Workers:
    """`count` threads for one destination. `after(tx, exam_key)` follows each move of a job in its transaction.

    `may_go(job)` looks at a job once more before it is sent; False: it was moved elsewhere. Raises AgentError or
    NotAccepted for one that can't be sent now.
    """

    def __init__(
        self,
        store: Store,
        target: Target,
        courier: Courier,
        clock: Clock,
        settings: UploadSettings,
        *,
        paused: Callable[[], bool],
        after: Callable[[Tx, str], None],
        may_go: Callable[[Job], bool] = lambda job: True,
        jitter: Callable[[], float],
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._may_go = may_go
        self._target = target
        self._courier = courier
        self._clock = clock
        self._settings = settings
        self._paused = paused
        self._after = after
        self._jitter = jitter
        self._stopping = stopping
        self._work = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._loop, name=f"deliver-{target.name}-{number}", daemon=True)
            for number in range(max(1, settings.workers))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There may be something to send."""
        for _ in self._threads:
            self._work.release()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the threads after `stopping` was set; one inside a slow request is left to end with the process."""
        self.wake()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout_seconds)

    def run_once(self) -> bool:
        """Claim and finish one job; False when nothing may be sent now."""
        if self._paused() or self._stopping.is_set():
            return False
        job = self._store.write(self._claimed)
        if job is None:
            return False
        self._finish(job)
        return True

    def _claimed(self, tx: Tx) -> Job | None:
        job = jobs.claim(tx, self._target.name, self._target.adapter.waits_for, now=self._clock.now())
        if job is None:
            return None
        self._after(tx, job.exam_key)
        return index_codes.at_hand(tx, self._target, job)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self.run_once():
                    self._work.acquire(timeout=1.0)
            except AgentError as error:
                log.warning("the outbox of %s has to wait: %s", self._target.name, error.title)
                self._stopping.wait(2.0)
            except Exception:  # the thread's last resort: one bad job must not end the delivery of all others
                log.exception("the outbox of %s met a bug", self._target.name)
                self._stopping.wait(2.0)

    def _finish(self, job: Job) -> None:
        try:
            if not self._looked_at(job):
                return
            facts = self._courier.deliver(job)
        except Interrupted:
            self._keep(job.exam_key, lambda tx: jobs.move(tx, job.id, Event.INTERRUPTED, now=self._clock.now()))
            return
        except NotFetched as wait:
            step, images = wait.request.step, contents(wait.request.images)
            self._keep(job.exam_key, lambda tx: pickups.wait(tx, job, step, images, now=self._clock.now()))
            return
        except NotAccepted as refusal:
            judged = refusal.judged
            self._keep(job.exam_key, lambda tx: self._refused(tx, job, judged))
            return
        except Exception:  # a bug in a conversation is this job's alone: the engineer gets it
            log.exception("job %d ended by a bug", job.id)
            self._keep(job.exam_key, lambda tx: self._refused(tx, job, _BUG))
            return
        self._keep(job.exam_key, lambda tx: self._acknowledged(tx, job, facts))

    def _looked_at(self, job: Job) -> bool:
        try:
            return self._may_go(job)
        except AgentError as error:
            raise NotAccepted(judged_error(error, job.part.value)) from error

    def _keep(self, exam_key: str, change: Callable[[Tx], object]) -> None:
        """An outcome is never dropped: a full disk is waited for."""

        def both(tx: Tx) -> None:
            change(tx)
            self._after(tx, exam_key)

        self._store.write_surely(both, self._stopping)

    def _acknowledged(self, tx: Tx, job: Job, facts: dict[str, object]) -> None:
        now = self._clock.now()
        jobs.note_attempt(tx, job, job.part.value, Verdict.ACCEPT.value, "", "", now=now)
        answers.write_receipt(tx, job, facts, now=now)
        if job.part is not Part.IMAGES and not job.withdraws:
            answers.hold(tx, job, job.report_key, job.digest, now=now)
        jobs.move(tx, job.id, Event.ACKNOWLEDGED, now=now)
        exams.note(tx, job.exam_key, "withdrawn" if job.withdraws else "acknowledged", _what(job), at=now)
        index_codes.acknowledged(tx, self._target, job, now=now)
        if job.withdraws:
            self._take_back(tx, job, now)
        elif job.part in RECORDS and job.index_code in index_codes.deleted_by(job):
            submission.send_rest_again(tx, job, now=now)
        answers.note_destination(tx, self._target.name, now=now, ok=True, offset_seconds=self._courier.offset_seconds)
        tx.tell("destination_changed", destination=self._target.name)

    def _take_back(self, tx: Tx, job: Job, now: datetime) -> None:
        """The platform deleted it: everything acknowledged of that part, with the exam also its images.

        Where one withdrawal takes the whole exam, all its parts. What was still on its way does not follow it.
        """
        whole_exam = job.part in RECORDS
        parts = {job.part, Part.IMAGES} if whole_exam else {job.part}
        if whole_exam and self._target.adapter.withdraws_whole:
            parts = set(Part)
        for other in jobs.of_exam(tx.conn, job.exam_key):
            if other.destination != job.destination or other.withdraws or other.id > job.id:
                continue
            same = (other.part, other.report_key) == (job.part, job.report_key)
            along = other.part in parts and other.part is not job.part
            if (same or along) and other.state in CONFIRMED:
                jobs.move(tx, other.id, Event.WITHDRAWN, now=now)
            elif along and other.state in UNFINISHED:
                jobs.move(tx, other.id, Event.CANCELLED, now=now)
        if whole_exam:
            days.forget_miss(tx, job.destination, job.exam_key)
        for part in parts:
            answers.forget_holdings(tx, job.destination, job.exam_key, part.value)
        files.withdraw_links(tx, job.destination, job.exam_key, now=now)

    def _refused(self, tx: Tx, job: Job, judged: Judged) -> None:
        now = self._clock.now()
        event = _OUTCOME[judged.verdict]
        trouble = judged.trouble
        jobs.note_attempt(
            tx, job, trouble.step or job.part.value, judged.verdict.value, trouble.code, trouble.words, now=now
        )
        due = now + timedelta(seconds=self._delay(job, judged)) if event is Event.POSTPONED else None
        state = jobs.move(tx, job.id, event, now=now, trouble=trouble, due_at=due)
        if event is not Event.POSTPONED:
            index_codes.refused(tx, self._target, job)
            if state is not JobState.CANCELLED:
                exams.note(tx, job.exam_key, event.value, f"{_what(job)}:{trouble.title}", at=now)
        if judged.transport:
            answers.note_destination(tx, self._target.name, now=now, ok=False, trouble=trouble.title)
        tx.tell("destination_changed", destination=self._target.name)

    def _delay(self, job: Job, judged: Judged) -> float:
        """Growing with each attempt, spread by jitter, never less than the platform asked for."""
        first = self._settings.retry_first_seconds
        if judged.verdict is Verdict.SLOW_DOWN:
            first *= _SLOW_DOWN_FACTOR
        grown = first * 2.0 ** min(job.attempts - 1, 20)
        return max(judged.after_seconds, min(grown, self._settings.retry_longest_seconds) * self._jitter())


def _what(job: Job) -> str:
    return f"{job.destination}/{job.part.value}/v{job.version}"


_BUG = Judged(
    verdict=Verdict.REJECT,
    trouble=Trouble(
        title="程序遇到了没有料到的情况", advice="请把诊断包发给工程师，数据没有丢", turn=Turn.ENGINEER, code="BUG"
    ),
)
