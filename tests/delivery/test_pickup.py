"""Images that a platform fetches itself: the job waits for the last one, holds nobody up, and is not green before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from app.delivery import submission
from app.domain.job import FETCHED_THERE, Event, JobState, Part, job_words
from app.regions.conversation import HttpRequest, ImageFile, Outgoing, Pickup
from app.store import answers, jobs, pickups
from tests.delivery.stage import Adapter, Conversation, Stage, refs
from tests.delivery.test_worker import job_of, queued, workers
from tests.store.samples import EXAM

UIDS = ("1.1", "1.2", "1.3")


@dataclass
class Fetched(Adapter):
    """Lists the images, then waits until they are fetched."""

    def upload(self, outgoing: Outgoing) -> Conversation:
        if outgoing.part != "images":
            return (yield from super().upload(outgoing))
        addresses = [ImageFile(image=image, encoding="link") for image in outgoing.images]
        yield HttpRequest(step="images_list", path="/list", item="S1", body={"FILEPATH": addresses})
        yield Pickup(step="images", images=outgoing.images)
        return {}


@pytest.fixture(autouse=True)
def fetching(stage: Stage) -> None:
    object.__setattr__(stage.target, "adapter", Fetched())


def waiting(stage: Stage, *uids: str) -> int:
    job_id = queued(stage, Part.IMAGES, images=refs(*uids or UIDS))
    assert workers(stage).run_once()
    return job_id


def fetch(stage: Stage, *uids: str, content: str = "") -> bool:
    now = stage.clock.now()
    images = {uid: f"{uid}{content}" for uid in uids}
    return stage.store.write(lambda tx: pickups.fetched(tx, "main", EXAM, images, now=now))


def counts(stage: Stage, job_id: int) -> tuple[JobState, int, int]:
    job = job_of(stage, job_id)
    return job.state, job.done_count, job.total_count


def test_the_addresses_of_the_images_are_filled_in_at_sending(stage: Stage) -> None:
    waiting(stage)
    assert [one["body"] for one in stage.platform.received] == [
        {"FILEPATH": [f"https://clinic.example/i/main-{EXAM}/{uid}.dcm" for uid in UIDS]}
    ]


def test_an_accepted_list_makes_nothing_green(stage: Stage) -> None:
    job = job_of(stage, waiting(stage))
    assert (job.state, job.due_at, job.trouble) == (JobState.WAITING, None, FETCHED_THERE)
    assert job_words(job.state, job.trouble) == "等平台来取"
    assert answers.receipts(stage.store.read(), EXAM) == []
    assert jobs.attempts(stage.store.read(), EXAM) == [], "waiting is no attempt that failed"


def test_each_fetched_image_counts_and_the_last_one_ends_the_wait(stage: Stage) -> None:
    job_id = waiting(stage)
    assert not fetch(stage, "1.2") and not fetch(stage, "1.1") and not fetch(stage, "1.1")
    assert counts(stage, job_id) == (JobState.WAITING, 2, 3)
    assert pickups.counted(stage.store.read(), "main", EXAM) == (2, 3)
    assert not workers(stage).run_once(), "no clock wakes it"
    assert fetch(stage, "1.3")
    assert workers(stage).run_once()
    assert counts(stage, job_id) == (JobState.ACKNOWLEDGED, 3, 3)
    assert len(stage.platform.received) == 1, "the list went once"


def test_it_holds_nobody_up(stage: Stage) -> None:
    waiting(stage)
    later = queued(stage, Part.EXAM)
    assert workers(stage).run_once()
    assert job_of(stage, later).state is JobState.ACKNOWLEDGED


def test_images_that_came_meanwhile_do_not_wait_for_those_before_to_be_fetched(stage: Stage) -> None:
    older = waiting(stage)
    newer = queued(stage, Part.IMAGES, images=refs(*UIDS, "1.4"))
    assert workers(stage).run_once()
    assert (job_of(stage, older).state, counts(stage, newer)) == (JobState.CANCELLED, (JobState.WAITING, 0, 4))
    assert fetch(stage, *UIDS, "1.4") and workers(stage).run_once()
    assert job_of(stage, newer).state is JobState.ACKNOWLEDGED


def test_it_still_waits_after_a_restart_and_a_long_time(stage: Stage) -> None:
    job_id = waiting(stage)
    stage.clock.pass_(9 * 86400)
    stage.store.write(lambda tx: jobs.interrupted(tx, now=stage.clock.now()))
    assert not workers(stage, courier=stage.courier()).run_once()
    assert fetch(stage, *UIDS) and workers(stage, courier=stage.courier()).run_once()
    assert job_of(stage, job_id).state is JobState.ACKNOWLEDGED


def test_what_was_fetched_while_the_list_was_sent_is_not_waited_for(stage: Stage) -> None:
    stage.platform.before_reply = lambda: bool(fetch(stage, *UIDS)) and None
    job_id = waiting(stage)
    assert counts(stage, job_id)[0] is JobState.ACKNOWLEDGED


def test_the_last_image_may_go_between_the_question_and_the_wait(stage: Stage) -> None:
    job_id = queued(stage, Part.IMAGES, images=refs(*UIDS))
    stage.store.write(lambda tx: jobs.claim(tx, "main", {}, now=stage.clock.now()))
    fetch(stage, *UIDS)
    images, now = {uid: uid for uid in UIDS}, stage.clock.now()
    stage.store.write(lambda tx: pickups.wait(tx, job_of(stage, job_id), "images", images, now=now))
    assert job_of(stage, job_id).due_at is not None
    assert workers(stage).run_once() and job_of(stage, job_id).state is JobState.ACKNOWLEDGED


def test_another_content_or_an_image_of_before_does_not_count(stage: Stage) -> None:
    fetch(stage, "9.8", "9.9")
    job_id = waiting(stage)
    assert not fetch(stage, "1.1", content="old") and not fetch(stage, "1.2", "1.3")
    assert counts(stage, job_id) == (JobState.WAITING, 2, 3)
    assert fetch(stage, "1.1")


def test_what_another_destination_fetched_does_not_count(stage: Stage) -> None:
    job_id, now = waiting(stage), stage.clock.now()
    images = {uid: uid for uid in UIDS}
    stage.store.write(lambda tx: pickups.fetched(tx, "other", EXAM, images, now=now))
    assert counts(stage, job_id) == (JobState.WAITING, 0, 3)


def test_a_person_may_have_the_list_sent_once_more_and_what_was_fetched_stays(stage: Stage) -> None:
    job_id = waiting(stage)
    fetch(stage, "1.1")
    stage.store.write(lambda tx: submission.resend(tx, EXAM, "main", event=Event.RESENT, now=stage.clock.now()))
    assert workers(stage).run_once()
    assert len(stage.platform.received) == 2
    assert counts(stage, job_id) == (JobState.WAITING, 1, 3)


def test_sending_again_what_failed_leaves_the_wait_alone(stage: Stage) -> None:
    job_id = waiting(stage)
    now = stage.clock.now()
    resend = stage.store.write(
        lambda tx: submission.resend(tx, EXAM, "main", event=Event.RESENT, now=now, only_failed=True)
    )
    assert (resend, job_of(stage, job_id).state) == (0, JobState.WAITING)
    assert stage.store.write(lambda tx: submission.announce_again(tx, EXAM, "main", now=now)) == 1
    assert workers(stage).run_once()
    assert len(stage.platform.received) == 2 and job_of(stage, job_id).state is JobState.WAITING
    assert stage.store.write(lambda tx: submission.announce_again(tx, EXAM, "another", now=now)) == 0


def test_what_was_withdrawn_before_anything_was_fetched_is_announced_anew(stage: Stage) -> None:
    job_id, now = waiting(stage), stage.clock.now()
    stage.store.write(lambda tx: submission.withdraw(tx, EXAM, {}, now=now))
    assert job_of(stage, job_id).state is JobState.CANCELLED
    stage.store.write(lambda tx: submission.resend(tx, EXAM, "main", event=Event.RESENT, now=now))
    assert workers(stage).run_once()
    assert len(stage.platform.received) == 2, "its addresses open nothing any more"


def test_a_resend_after_all_of_it_has_all_of_it_fetched_again(stage: Stage) -> None:
    job_id = waiting(stage)
    fetch(stage, *UIDS)
    assert workers(stage).run_once()
    stage.store.write(lambda tx: submission.resend(tx, EXAM, "main", event=Event.RESENT, now=stage.clock.now()))
    assert workers(stage).run_once()
    assert counts(stage, job_id) == (JobState.WAITING, 0, 3)


def test_a_wait_can_be_paused_and_goes_on(stage: Stage) -> None:
    job_id = waiting(stage)
    for event in (Event.PAUSED, Event.RELEASED):
        stage.store.write(lambda tx, event=event: submission.act(tx, EXAM, event, now=stage.clock.now()))  # type: ignore[misc]
        fetch(stage, *UIDS)
    assert workers(stage).run_once()
    assert job_of(stage, job_id).state is JobState.ACKNOWLEDGED


def test_what_waits_too_long_can_be_told(stage: Stage) -> None:
    waiting(stage)
    now = stage.clock.now()
    assert pickups.unfetched(stage.store.read(), "main", now - timedelta(hours=1)) == []
    assert pickups.unfetched(stage.store.read(), "main", now + timedelta(hours=1)) == [(EXAM, now)]
    assert pickups.unfetched(stage.store.read(), "other", now + timedelta(hours=1)) == []
