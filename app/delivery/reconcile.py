"""Reconciliation (对账): ask the platform about a day, believe a miss only the second time, send it again.

A miss counts after a second answer ten minutes later; it is sent again by itself, at most twice, then it is the
engineer's. A platform that can't be asked leaves the day as it is: unanswerable is never missing.

Some platforms answer for a whole day in one request. Others (`reconcile_apart`) are asked bit by bit, patient by
patient: slowly, by the program itself only about what is not reconciled yet, and each answer is written down before
the next is asked for, so that a platform that dies in the middle costs only the rest.

Where a platform lists the images that it has at hand (`reconcile_images`), images have an answer of their own:

- It lists all of ours: they are reconciled, and not asked about again. That green is never taken back, for a list that
  is shorter tomorrow says that a cache was cleared, not that an image was lost.
- It lists none: nobody can tell (无法核对). They stay 已上传 by their receipts. It is asked again on a few nights, then
  left in peace; a person may ask any time.
- It lists some, and the same ones are not there ten minutes later: 缺影像. Each of them has a receipt and a cache may
  have a part only, so the green of the receipt stays and nothing is sent again by itself; a person decides.

What the answer about its index settles is the record with its reports (their words and numbers are in it, and what is
deleted with it hangs on it); only images can be asked for one by one.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, cast

from app.delivery.converse import Courier, Interrupted, NotAccepted
from app.delivery.findings import MOST_RESENDS, Findings, own_newest
from app.delivery.gently import Gently
from app.delivery.question import question_job
from app.delivery.retrieve import UNREADABLE
from app.delivery.target import Target
from app.delivery.verdict import judged_error
from app.domain.job import CONFIRMED, RECORDS, Job, JobState, Part
from app.domain.reconciliation import DayState, Sent, asks_for_images
from app.domain.settings import UploadSettings
from app.domain.times import Clock
from app.domain.verdict import Judged, Verdict
from app.errors import RetryLater
from app.regions.conversation import FoundImage, Ours, Reconciles, ReconcilesApart, Reply, Request, Retrieves
from app.store import Reader, Store, Tx, answers, days, image_lists, images, jobs

__all__ = ["MOST_RESENDS", "Reconciler", "gently_of", "open_days"]
log = logging.getLogger("app.delivery")
R = TypeVar("R")
_MOST_FAILURES = 3
_ENDS_ALL = (Verdict.SLOW_DOWN, Verdict.FIX_SETTINGS, Verdict.LOGIN)
_PASSES = (Verdict.RETRY, Verdict.SLOW_DOWN, Verdict.LOGIN)


def gently_of(target: Target, clock: Clock) -> Gently:
    """How the region wants to be asked."""
    return Gently(clock, float(_manners(target).get("seconds_between", 0.0)))


def open_days(conn: Reader, target: Target, until: date) -> list[date]:
    """Days up to and including `until` that the program asks about by itself."""
    return days.open_days(conn, target.name, until, image_asks=_image_asks(target))


def _manners(target: Target) -> dict[str, Any]:
    return dict(target.region.options.get("reconcile", {}))


def _image_asks(target: Target) -> int:
    return int(_manners(target).get("image_asks", 0))


@dataclass(kw_only=True)
class _Question:
    """One question about a day, as far as it has come."""

    day: date
    at: datetime
    number: int | None = None
    asked: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    images: Counter[str] = field(default_factory=Counter)
    trouble: Judged | None = None
    heard: int = 0
    failures: int = 0
    """In a row."""

    def fails(self, judged: Judged) -> None:
        self.trouble, self.failures = judged, self.failures + 1

    @property
    def is_over(self) -> bool:
        """The platform is dead, wants rest or takes nothing from us: the rest is asked another time."""
        return self.failures >= _MOST_FAILURES or (self.trouble is not None and self.trouble.verdict in _ENDS_ALL)


class Reconciler:
    """Reconciles one destination. `resend` and `after`: see `Findings`."""

    def __init__(
        self,
        store: Store,
        target: Target,
        courier: Courier,
        clock: Clock,
        settings: UploadSettings,
        resend: Callable[[Tx, str], None],
        after: Callable[[Tx, str], None],
        gently: Gently | None = None,
    ) -> None:
        self._store = store
        self._target = target
        self._courier = courier
        self._clock = clock
        self._again = timedelta(seconds=settings.reconcile_again_seconds)
        self._findings = Findings(target, self._again, resend, after)
        self._gently = gently or gently_of(target, clock)
        self._apart = target.can("reconcile_apart")

    def ask(self, day: date, *, everything: bool = False) -> DayState:
        """One question about a day, its answers written down. Raises RetryLater when the platform gave none to some.

        `everything`: a person asks, so also about what is reconciled already.
        """
        with self._gently.alone(self._courier.stopping, waits=not (self._apart and everything)):
            question = _Question(day=day, at=self._clock.now())
            for ours in self._parts(day, everything):
                if not question.is_over:
                    self._ask_records(question, ours)
            for job, held in self._images(day, everything):
                if not question.is_over:
                    self._ask_images(question, job, held)
            return self._over(question)

    def _parts(self, day: date, everything: bool) -> tuple[Ours, ...]:
        """What is asked about in one go each."""
        conn = self._store.read()
        keys = days.acknowledged_on(conn, self._target.name, day)
        if self._apart and not everything:
            suspected = {
                each.exam_key for each in days.discrepancies(conn, self._target.name, day) if each.solved_at is None
            }
            keys = [key for key in keys if key in suspected or self._is_open(key)]
        if not keys:
            return ()
        ours = Ours(day=day, exams=tuple(self._sent(key) for key in keys))
        return cast(ReconcilesApart, self._target.adapter).apart(ours) if self._apart else (ours,)

    def _is_open(self, exam_key: str) -> bool:
        """Something that the answer about its record settles is acknowledged only."""
        own_answer = (Part.IMAGES,) if self._target.can("reconcile_images") else ()
        return any(
            job.state is JobState.ACKNOWLEDGED and not job.withdraws and job.part not in own_answer
            for job in own_newest(self._store.read(), self._target.name, exam_key)
        )

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
        last = records[-1].payload if records else {}
        record = last.get("exam")
        return Sent(
            exam_key=exam_key,
            study_instance_uids=tuple(study.study_instance_uid for study in images.studies_of(self._store, exam_key)),
            img_exam_type=str(last.get("img_exam_type", "")),
            image_count=len(held),
            report_count=len(reports),
            index_code=records[-1].index_code if records else "",
            record=record if isinstance(record, dict) else {},
        )

    def _images(self, day: date, everything: bool) -> list[tuple[Job, frozenset[str]]]:
        """Of which exams the image list is asked for: the platform knows the record, the images are acknowledged."""
        if not self._target.can("reconcile_images"):
            return []
        conn, name = self._store.read(), self._target.name
        found = []
        for key in days.acknowledged_on(conn, name, day):
            own = own_newest(conn, name, key)
            job = next((each for each in own if each.part is Part.IMAGES and not each.withdraws), None)
            held = frozenset(answers.held(conn, name, key, Part.IMAGES.value))
            known = all(each.state is JobState.RECONCILED for each in own if each.part in RECORDS)
            if job is None or job.state is not JobState.ACKNOWLEDGED or not known or not held:
                continue
            before, asks = image_lists.answer(conn, name, key), _image_asks(self._target)
            now, this = self._clock.now(), (job.id, job.round)
            if everything or asks_for_images(before, this, now=now, again=self._again, most=asks):
                found.append((job, held))
        return found

    # -- asking -------------------------------------------------------------------------------------------------------

    def _ask_records(self, question: _Question, ours: Ours) -> None:
        keys = [sent.exam_key for sent in ours.exams]
        question.asked += keys
        missing = self._heard(question, cast(Reconciles, self._target.adapter).reconcile(ours))
        if missing is None:
            return
        question.missing += [key for key in missing.exam_keys if key in keys]

        def change(tx: Tx) -> int:
            now = self._clock.now()
            self._findings.records(tx, question.day, keys, missing.exam_keys, now)
            self._findings.write_so_far(tx, question.day, now)
            return self._keep(tx, question)

        question.number = self._written(change)

    def _ask_images(self, question: _Question, job: Job, held: frozenset[str]) -> None:
        uids = self._heard(question, _uids(cast(Retrieves, self._target.adapter).image_list(job.index_code)))
        if uids is None:
            return

        def change(tx: Tx) -> tuple[str, int]:
            now = self._clock.now()
            found = self._findings.images(tx, job, held, uids, now)
            self._findings.write_so_far(tx, question.day, now)
            return found, self._keep(tx, question, more=found)

        found, question.number = self._written(change)
        question.images[found] += 1

    def _heard(self, question: _Question, conversation: Generator[Request, Reply, R]) -> R | None:
        """The answer, None when there was none. Raises RetryLater when the program stops."""
        job = question_job(self._target.name, self._clock.now())
        try:
            answer = self._courier.drive(self._gently.paced(conversation, self._courier.stopping), job)
        except Interrupted as stop:
            raise RetryLater("程序正在退出", "下次启动会接着对账，您不用管") from stop
        except NotAccepted as refusal:
            question.fails(refusal.judged)
            return None
        except UNREADABLE as error:
            log.warning("an answer of %s made no sense: %s", self._target.name, type(error).__name__)
            question.fails(judged_error(_senseless(type(error).__name__), "reconcile"))
            return None
        question.failures, question.heard = 0, question.heard + 1
        return answer

    # -- writing down -------------------------------------------------------------------------------------------------

    def _keep(self, tx: Tx, question: _Question, more: str = "") -> int:
        """The question as far as it has come, with what was `more` found of images just now; its number."""
        return days.note_question(
            tx,
            self._target.name,
            question.day,
            question.asked,
            sorted(question.missing),
            now=question.at,
            failed=question.trouble.trouble.title if question.trouble else "",
            images=question.images + Counter([more] if more else []),
            of=question.number,
        )

    def _over(self, question: _Question) -> DayState:
        """How the day stands after it. Nothing asked leaves no question behind; a miss once found stays in sight."""
        judged = question.trouble

        def change(tx: Tx) -> DayState:
            if question.asked or question.images or judged:
                self._keep(tx, question)
            return self._findings.write_day(
                tx,
                question.day,
                self._clock.now(),
                trouble=judged.trouble.title if judged else "",
                again=judged is not None and (judged.transport or judged.verdict in _PASSES or not self._apart),
            )

        state = self._written(change)
        if judged is not None:
            trouble, day = judged.trouble, question.day.isoformat()
            raise RetryLater(
                f"平台没有回答 {day} 的{'一部分' if question.heard else ''}对账",
                "程序会接着问剩下的，您不用管" if question.heard else trouble.advice or "程序会再问，您不用管",
                details=f"{trouble.title} {trouble.code} {trouble.words}".strip(),
            )
        return state

    def _written(self, change: Callable[[Tx], R]) -> R:
        return self._store.write_surely(change, self._courier.stopping)


def _uids(conversation: Generator[Request, Reply, tuple[FoundImage, ...]]) -> Generator[Request, Reply, frozenset[str]]:
    """The images that are listed. An entry without a UID is no answer: nobody may take its image for a missing one."""
    found = frozenset(image.sop_instance_uid for image in (yield from conversation))
    if "" in found:
        raise _senseless("an image without a UID")
    return found


def _senseless(details: str) -> RetryLater:
    return RetryLater("平台的回答看不懂", "程序会再问；一直这样时请工程师看看", details=details)
