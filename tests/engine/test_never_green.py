"""Whatever happens in whatever order: nothing is green that a destination has not acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.exam import ExamState
from app.domain.job import TRANSITIONS, Event, Job, JobState
from app.errors import AgentError
from app.store import answers, images, jobs
from app.system.paths import Home
from tests.builders import a_uid
from tests.engine.desk import Desk, a_desk, images_of

DESTINATIONS = ("main", "second")
GREEN = {"acknowledged", "reconciled"}
OVER = {"withdrawn", "cancelled"}
PARTS = ("exam", "report", "images")


# -- what can happen --------------------------------------------------------------------------------------------------


class Clinic:
    """One exam going to two destinations; every act goes through the face or is written down as a worker does it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.uids = [desk.ready()]

    def happens(self, what: str, destination: int = 0, part: int = 0) -> None:
        """One event; one that is not possible now (a refusal in plain words) does not happen."""
        act: Callable[..., Any] = getattr(self, what)
        try:
            act(self.uids[-1], DESTINATIONS[destination], PARTS[part])
        except AgentError:
            return

    # the technician

    def fill(self, uid: str, destination: str, part: str) -> None:
        self.desk.fill(uid, findings=f"改过 {a_uid()[-6:]}")

    def submit(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.submit(uid)

    def submit_to_one(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.submit(uid, destination)

    def resend(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.resend(uid)

    def withdraw(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.withdraw(uid)

    def hold(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.hold(uid)

    def release(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.release(uid)

    def cancel(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.cancel(uid)

    def pause(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.pause(30)

    def resume(self, uid: str, destination: str, part: str) -> None:
        self.desk.engine.resume()

    # the modality

    def late_image(self, uid: str, destination: str, part: str) -> None:
        self.desk.more(uid)
        self.desk.engine.send_now(uid)

    def another_patient(self, uid: str, destination: str, part: str) -> None:
        self.desk.more(uid, patient_id="ANOTHER", patient_name="Other^Person")

    # the platform

    def acknowledge(self, uid: str, destination: str, part: str) -> None:
        self._say(uid, destination, part, Event.ACKNOWLEDGED)

    def acknowledge_all(self, uid: str, destination: str, part: str) -> None:
        for one in PARTS:
            self._say(uid, destination, one, Event.ACKNOWLEDGED)

    def refuse(self, uid: str, destination: str, part: str) -> None:
        self._say(uid, destination, part, Event.REJECTED)

    def want_another_form(self, uid: str, destination: str, part: str) -> None:
        self._say(uid, destination, part, Event.HELD)

    def postpone(self, uid: str, destination: str, part: str) -> None:
        self._say(uid, destination, part, Event.POSTPONED)

    def reconcile(self, uid: str, destination: str, part: str) -> None:
        self._answer_about_a_day(uid, destination, Event.RECONCILED)

    def lose(self, uid: str, destination: str, part: str) -> None:
        self._answer_about_a_day(uid, destination, Event.FOUND_MISSING)

    def give_up(self, uid: str, destination: str, part: str) -> None:
        self._answer_about_a_day(uid, destination, Event.REJECTED)

    def _say(self, uid: str, destination: str, part: str, event: Event) -> None:
        for job in self.desk.jobs(uid):
            if (job.destination, job.part.value, job.state) == (destination, part, JobState.QUEUED):
                self._work(job, event)

    def _work(self, job: Job, event: Event) -> None:
        house, now = self.desk.engine.house, self.desk.clock.now()

        def change(tx: Any) -> None:
            jobs.move(tx, job.id, Event.CLAIMED, now=now)
            if event is Event.ACKNOWLEDGED:
                answers.write_receipt(tx, job, {}, now=now)
                for ref in images_of(job):
                    answers.hold(tx, job, ref["sop_instance_uid"], ref["sha256"], now=now)
            jobs.move(tx, job.id, event, now=now, due_at=now if event is Event.POSTPONED else None)
            if event is Event.ACKNOWLEDGED and job.withdraws:
                jobs.move(tx, job.id, Event.WITHDRAWN, now=now)
            house.follow(tx, job.exam_key)

        house.store.write(change)

    def _answer_about_a_day(self, uid: str, destination: str, event: Event) -> None:
        house, now = self.desk.engine.house, self.desk.clock.now()
        for job in jobs.newest([one for one in self.desk.jobs(uid) if one.destination == destination]):
            if (job.state, event) not in TRANSITIONS or job.state.value not in GREEN or job.withdraws:
                continue

            def change(tx: Any, job: Job = job) -> None:
                jobs.move(tx, job.id, event, now=now, new_round=event is Event.FOUND_MISSING)
                if event is Event.FOUND_MISSING:
                    answers.forget_holdings(tx, job.destination, job.exam_key, job.part.value)
                house.follow(tx, job.exam_key)

            house.store.write(change)

    # -- what is true -----------------------------------------------------------------------------------------------

    def lacks(self, uid: str) -> list[str]:
        """What of the exam a destination has not acknowledged, read from jobs, receipts and holdings alone."""
        conn, key = self.desk.engine.house.store.read(), self.desk.key(uid)
        found = []
        for destination in DESTINATIONS:
            own = [job for job in self.desk.jobs(uid) if job.destination == destination]
            current = [job for job in jobs.newest(own) if job.state is not JobState.CANCELLED]
            found += [
                f"{destination} never got {part}" for part in PARTS if part not in {j.part.value for j in current}
            ]
            for job in current:
                if job.state.value not in GREEN or job.withdraws or not answers.acknowledged(conn, job):
                    found.append(f"{destination} has not acknowledged {job.part.value}")
            held = answers.held(conn, destination, key, "images")
            for one in images.instances_of(conn, key):
                if held.get(one.sop_instance_uid) != one.data_set_sha256:
                    found.append(f"{destination} lacks an image")
        return found

    def check(self) -> None:
        states = {uid: self.desk.state(uid) for uid in self.uids}
        for uid, state in states.items():
            if state in GREEN:
                assert self.lacks(uid) == [], f"green is {state}"
        status = self.desk.engine.status()
        if status["look"] == "confirmed":
            for uid, state in states.items():
                assert state in OVER or self.lacks(uid) == [], f"the tray is green over {state}"
        assert status["counts"]["confirmed"] == sum(state in GREEN for state in states.values())


EVENTS = (
    "fill", "submit", "submit_to_one", "resend", "withdraw", "hold", "release", "cancel", "pause", "resume",
    "late_image", "another_patient", "acknowledge", "acknowledge_all", "refuse", "want_another_form", "postpone",
    "reconcile", "lose", "give_up",
)  # fmt: skip
OFTEN = ("submit", "acknowledge_all", "acknowledge_all", "acknowledge", "reconcile", "late_image", "lose")
EVENT = st.tuples(st.sampled_from((*EVENTS, *OFTEN)), st.integers(0, 1), st.integers(0, 2))


@pytest.fixture(scope="module")
def shared() -> Iterator[Desk]:
    """One home for all orders of events; each begins with an exam of its own."""
    with (
        TemporaryDirectory() as folder,
        a_desk(Home(root=Path(folder) / "home").make(), Path(folder), *DESTINATIONS) as desk,
    ):
        yield desk


@pytest.fixture
def clinic(shared: Desk) -> Iterator[Clinic]:
    made = Clinic(shared)
    yield made
    forget(made)


def forget(clinic: Clinic) -> None:
    """The next order of events begins with nothing else in the house."""

    def change(tx: Any) -> None:
        for uid in clinic.uids:
            key = clinic.desk.key(uid)
            for table in ("jobs", "exam_studies", "submissions", "exams"):
                tx.execute(f"DELETE FROM {table} WHERE exam_key = ?", (key,))

    clinic.desk.engine.house.store.write(change)
    clinic.desk.engine.resume()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENT, min_size=6, max_size=14))
def test_green_is_never_shown_before_every_destination_has_acknowledged_every_part(
    shared: Desk, events: list[Any]
) -> None:
    clinic = Clinic(shared)
    for what, destination, part in events:
        clinic.happens(what, destination, part)
        clinic.check()
    forget(clinic)


def everything_acknowledged(clinic: Clinic) -> None:
    clinic.happens("submit")
    for destination in (0, 1):
        clinic.happens("acknowledge_all", destination)


def test_green_is_reached_when_all_is_acknowledged(clinic: Clinic) -> None:
    """Else the property would hold for an icon that is never green."""
    everything_acknowledged(clinic)
    assert clinic.desk.engine.status()["look"] == "confirmed"
    clinic.check()


@pytest.mark.parametrize("what", ["late_image", "lose", "give_up", "resend", "fill"])
def test_the_green_is_taken_back_by_whatever_opens_the_exam_again(clinic: Clinic, what: str) -> None:
    everything_acknowledged(clinic)
    clinic.happens(what)
    assert clinic.desk.engine.status()["look"] != "confirmed"
    clinic.check()


def test_an_exam_sent_to_one_destination_only_is_not_green(clinic: Clinic) -> None:
    clinic.happens("submit_to_one")
    clinic.happens("acknowledge_all")
    clinic.check()
    assert clinic.desk.state(clinic.uids[0]) not in GREEN
    clinic.happens("submit")
    clinic.happens("acknowledge_all", 1)
    assert clinic.desk.engine.status()["look"] == "confirmed"


def test_the_property_notices_a_broken_rule(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a state that forgets what is on its way the check fails: it is able to."""
    everything_acknowledged(clinic)
    monkeypatch.setattr("app.engine.house.exam_state", lambda **facts: ExamState.ACKNOWLEDGED)
    clinic.happens("late_image")
    with pytest.raises(AssertionError, match="green is acknowledged"):
        clinic.check()
