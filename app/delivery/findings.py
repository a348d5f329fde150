"""What the answers of a reconciliation lead to: green, a suspicion, another sending, the engineer. In transactions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from datetime import date, datetime, timedelta

from app.delivery.target import Target
from app.domain.job import CONFIRMED, MOVING, RECORDS, Event, Job, JobState, Part, Trouble, Turn
from app.domain.reconciliation import DayState, Discrepancy, ImageState, judged_images
from app.store import Reader, Tx, answers, days, exams, image_lists, jobs

MOST_RESENDS = 2


class Findings:
    """Of one destination. `resend(tx, exam_key)` opens a new round for all parts of one exam.

    `after(tx, exam_key)` follows each move of an exam's jobs in its transaction. `again`: how far apart two answers
    must be to count.
    """

    def __init__(
        self,
        target: Target,
        again: timedelta,
        resend: Callable[[Tx, str], None],
        after: Callable[[Tx, str], None],
    ) -> None:
        self._target = target
        self._name = target.name
        self.again = again
        self._resend = resend
        self._after = after

    def records(self, tx: Tx, day: date, asked: Collection[str], lacking: Collection[str], now: datetime) -> None:
        """The platform said of the exams that were asked which it lacks."""
        known = {each.exam_key: each for each in self.unsolved(tx, day)}
        still = set(asked) & set(days.acknowledged_on(tx.conn, self._name, day))  # not what went again meanwhile
        for key in sorted(still - set(lacking)):
            if key in known:
                days.solve(tx, self._name, day, key, now=now)
            self._reconciled(tx, key, now)
        for key in sorted(still & set(lacking)):
            suspected_at = known[key].suspected_at if key in known else None
            if suspected_at is None or now - suspected_at < self.again:
                days.suspect(tx, self._name, day, key, now=now)
            else:
                self._missed(tx, day, key, known[key].resend_count, now)
        answers.note_destination(tx, self._name, now=now, ok=True)

    def images(self, tx: Tx, asked: Job, ours: Set[str], listed: Set[str], now: datetime) -> str:
        """The platform listed these images of an exam. Returns how it stands: "whole", "unknown" or "lacking".

        Never a reason to send anything again: the list is of a cache, which may be empty or have a part.
        """
        answers.note_destination(tx, self._name, now=now, ok=True)
        job = jobs.job(tx.conn, asked.id)
        before = image_lists.answer(tx.conn, self._name, job.exam_key)
        found = judged_images(before, (asked.id, asked.round), ours, listed, now=now, again=self.again)
        if (job.round, job.state) == (asked.round, JobState.ACKNOWLEDGED):  # else it went again meanwhile
            image_lists.keep(tx, self._name, job.exam_key, found)
            if found is None:
                jobs.move(tx, job.id, Event.RECONCILED, now=now)
                exams.note(tx, job.exam_key, "images_reconciled", self._name, at=now)
                self._after(tx, job.exam_key)
        if found is None:
            return "whole"
        return "unknown" if found.state is ImageState.UNKNOWN else "lacking"

    def write_day(self, tx: Tx, day: date, now: datetime, *, trouble: str = "", again: bool = False) -> DayState:
        """Keep how the day stands; `again`: it is asked once more soon, whatever stands."""
        return self._write(tx, day, now, trouble=trouble, again=again, tell=True)

    def write_so_far(self, tx: Tx, day: date, now: datetime) -> None:
        """As `write_day` in the middle of a question, told to nobody."""
        self._write(tx, day, now, trouble="", again=False, tell=False)

    def _write(self, tx: Tx, day: date, now: datetime, *, trouble: str, again: bool, tell: bool) -> DayState:
        unsolved = self.unsolved(tx, day)
        suspected = self._suspects_images(tx, day)
        state = self._state_of(tx, day, unsolved, suspected=suspected)
        again = again or suspected or any(self._may_solve_itself(tx, each) for each in unsolved)
        days.write_day(
            tx,
            self._name,
            day,
            state,
            now=now,
            sent_count=len(days.acknowledged_on(tx.conn, self._name, day)),
            missing_count=sum(1 for each in unsolved if each.confirmed_at),
            ask_again_at=now + self.again if again else None,
            trouble=trouble,
            tell=tell,
        )
        return state

    def unsolved(self, tx: Tx, day: date) -> list[Discrepancy]:
        """What is still missing; an exam withdrawn or moved to another day meanwhile is not."""
        expected = set(days.expected_on(tx.conn, self._name, day))
        open_ones = [each for each in days.discrepancies(tx.conn, self._name, day) if each.solved_at is None]
        for each in open_ones:
            if each.exam_key not in expected:
                days.forget(tx, self._name, day, each.exam_key)
        return [each for each in open_ones if each.exam_key in expected]

    def _may_solve_itself(self, tx: Tx, missing: Discrepancy) -> bool:
        """False while the exam waits for a person: asking again every few minutes would find the same."""
        records = [job for job in own_newest(tx.conn, self._name, missing.exam_key) if job.part in RECORDS]
        return all(job.state in CONFIRMED or job.state in MOVING for job in records)

    def _suspects_images(self, tx: Tx, day: date) -> bool:
        found = image_lists.between(tx.conn, self._name, day, day)
        return any(each.state is ImageState.SUSPECTED for each in found.values())

    def _state_of(self, tx: Tx, day: date, unsolved: list[Discrepancy], *, suspected: bool) -> DayState:
        """Agreed only when the platform was asked about every record of the day."""
        if any(self._given_up(tx, each.exam_key) for each in unsolved):
            return DayState.ENGINEER
        if any(each.resend_count for each in unsolved):
            return DayState.RESENDING
        if unsolved or suspected:
            return DayState.ASKED_ONCE
        there = days.acknowledged_on(tx.conn, self._name, day)
        return DayState.AGREED if there and not days.unasked_on(tx.conn, self._name, day) else DayState.OPEN

    def _missed(self, tx: Tx, day: date, key: str, resend_count: int, now: datetime) -> None:
        """The second answer in a row that lacks this exam: it counts."""
        days.confirm(tx, self._name, day, key, now=now)
        exams.note(tx, key, "found_missing", self._name, at=now)
        if resend_count < MOST_RESENDS:
            days.count_resend(tx, self._name, day, key)
            self._resend(tx, key)
        else:
            self._give_up(tx, key, now)
        self._after(tx, key)

    def _give_up(self, tx: Tx, key: str, now: datetime) -> None:
        for job in own_newest(tx.conn, self._name, key):
            if job.state in CONFIRMED and not job.withdraws:
                jobs.move(tx, job.id, Event.REJECTED, now=now, trouble=_STILL_MISSING)

    def _given_up(self, tx: Tx, exam_key: str) -> bool:
        return any(
            job.state is JobState.REJECTED and job.trouble == _STILL_MISSING
            for job in own_newest(tx.conn, self._name, exam_key)
        )

    def _reconciled(self, tx: Tx, exam_key: str, now: datetime) -> None:
        """The platform has it: what is acknowledged of the exam turns to 已对账.

        Reports stand or fall with their exam; so do images, unless the platform can be asked about them.
        """
        own_answer = (Part.IMAGES,) if self._target.can("reconcile_images") else ()
        moved = [
            job
            for job in own_newest(tx.conn, self._name, exam_key)
            if job.state is JobState.ACKNOWLEDGED and not job.withdraws and job.part not in own_answer
        ]
        for job in moved:
            jobs.move(tx, job.id, Event.RECONCILED, now=now)
        if moved:
            exams.note(tx, exam_key, "reconciled", self._name, at=now)
            self._after(tx, exam_key)


def own_newest(conn: Reader, destination: str, exam_key: str) -> list[Job]:
    """The newest job of each part at a destination; one that a person cancelled changed nothing at the platform."""
    here = [
        job
        for job in jobs.of_exam(conn, exam_key)
        if job.destination == destination and job.state is not JobState.CANCELLED
    ]
    return list(jobs.newest(here))


_STILL_MISSING = Trouble(
    title="补传两次，平台仍查不到这例",
    advice="请把这例复制给工程师，数据都在本机",
    turn=Turn.ENGINEER,
    step="reconcile",
)
