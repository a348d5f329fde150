"""登记后就传: the record of an exam goes by itself as it is registered and again with each step; nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.domain.job import Event, Job, Part
from app.engine.ahead import Ahead
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.desk import Desk, a_desk, answers_of
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, SETTLEMENT

NAME = "王小满"
REGISTERED = {key: text for key, text in EXAM_VALUES.items() if key != "exam_doctor_industry_code"} | {
    "patient_name": NAME,
    "patient_id": "P7001",
    "modality": "CT",
}


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk for all: each test registers an exam of its own."""
    folder = tmp_path_factory.mktemp("early")
    home = Home(root=folder / "home").make()
    answers = answers_of("main")
    answers["destination"][0]["options"]["early_record"] = True
    apply_answers(answers, home)
    with a_desk(home, folder) as made:
        yield made


def registered(desk: Desk, **changes: str) -> str:
    key = str(desk.engine.register(REGISTERED | changes)["exam_key"])
    desk.engine.fill(key, {}, [SETTLEMENT])
    return key


def goes(desk: Desk, uid: str) -> int:
    """What the engine queues by itself now, and the platform takes it."""
    count = desk.engine._life.ahead.run()
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    return count


def imaged(desk: Desk, key: str) -> None:
    accession = desk.engine.form(key)["accession_number"]
    desk.receive(name=NAME, patient_id="P7001", accession=accession)


def record(desk: Desk, uid: str) -> Job:
    return [job for job in desk.jobs(uid) if job.part is Part.EXAM][-1]


def sent(job: Job) -> dict[str, object]:
    exam = job.payload["exam"]
    assert isinstance(exam, dict)
    return exam


def test_a_registered_exam_goes_by_itself_and_again_when_it_was_made(early: Desk) -> None:
    key = registered(early)
    assert goes(early, key) == 1
    first = sent(record(early, key))
    assert (first["examStatus"], "studyUid" in first, "checkFinishTime" in first) == (1, False, False)
    form = early.engine.form(key)
    assert form["state"] == "to_fill", "it waits for its images and its report as before"
    assert form["ahead_words"] == "检查记录已先传（已开单）"
    assert early.engine.job(key)["row"]["state_words"] == "已先传", "nobody takes it for done"
    imaged(early, key)
    early.fill(key, exam_doctor_industry_code="D140105000001")
    assert goes(early, key) == 2, "the record and the images"
    second = sent(record(early, key))
    assert (second["examStatus"], second["risStudyId"]) == (4, first["risStudyId"])
    assert [(job.part.value, job.version) for job in early.jobs(key)] == [("exam", 1), ("exam", 2), ("images", 1)]
    assert goes(early, key) == 0


def test_an_appointment_and_an_arrival_are_steps_of_their_own(early: Desk) -> None:
    key = registered(early)
    goes(early, key)
    for values, status in (
        ({"reserve_time": "2026-01-05 09:00 至 2026-01-05 09:30"}, 2),
        ({"arrived_at": "2026-01-05 08:50:00"}, 3),
    ):
        early.engine.fill(key, values)
        assert goes(early, key) == 1
        assert sent(record(early, key))["examStatus"] == status


def test_a_value_that_changed_alone_waits_for_the_submission(early: Desk) -> None:
    key = registered(early)
    goes(early, key)
    early.engine.fill(key, {"phone": "13900139000"})
    assert goes(early, key) == 0


def test_what_is_missing_keeps_the_record_here_until_it_is_filled(early: Desk) -> None:
    key = registered(early, diagnosis_code="")
    assert goes(early, key) == 0
    early.engine.fill(key, {"diagnosis_code": "J18.900"})
    assert goes(early, key) == 1


def test_a_step_never_goes_back_by_itself_but_a_person_may_say_so(early: Desk) -> None:
    key = registered(early, arrived_at="2026-01-05 08:50:00")
    goes(early, key)
    early.engine.fill(key, {"arrived_at": ""})
    assert goes(early, key) == 0
    assert form_value(early, key, "exam_status") == "3"
    early.engine.fill(key, {"exam_status": "5"})
    assert form_value(early, key, "exam_status") == "5"


def form_value(desk: Desk, uid: str, key: str) -> str:
    return next(str(one["text"]) for one in desk.engine.form(uid)["fields"] if one["key"] == key)


def test_what_a_platform_has_is_withdrawn_not_forgotten(early: Desk) -> None:
    key = registered(early)
    goes(early, key)
    with pytest.raises(NeedsOperator, match="已经传给平台"):
        early.engine.unregister(key)


def test_after_a_cancel_or_a_withdrawal_nothing_goes_by_itself(early: Desk) -> None:
    cancelled, withdrawn = registered(early), registered(early)
    early.engine._life.ahead.run()
    early.engine.cancel(cancelled)
    early.platform_says(withdrawn, Event.ACKNOWLEDGED)
    early.engine.withdraw(withdrawn)
    early.platform_says(withdrawn, Event.ACKNOWLEDGED)
    for key in (cancelled, withdrawn):
        early.engine.fill(key, {"arrived_at": "2026-01-05 08:50:00"})
    assert early.engine._life.ahead.run() == 0
    last = record(early, withdrawn)
    assert (sent(last)["disableFlag"], sent(last)["examStatus"]) == (1, 1), "withdrawn with its last values"


def test_a_refused_record_goes_again_once_it_is_mended(early: Desk) -> None:
    key = registered(early)
    early.engine._life.ahead.run()
    early.platform_says(key, Event.HELD)
    assert early.state(key) == "held", "a refusal is for a person"
    early.engine.fill(key, {"phone": "13900139000"})
    assert goes(early, key) == 1
    assert [job.version for job in early.jobs(key)] == [1]


def test_the_report_still_goes_by_a_submission_only(early: Desk) -> None:
    key = registered(early)
    goes(early, key)
    imaged(early, key)
    early.engine.fill(key, REPORT_VALUES | {"exam_doctor_industry_code": "D140105000001"})
    early.engine.attach(key, str(a_pdf(early.folder / "r.pdf")))
    goes(early, key)
    assert early.state(key) == "ready"
    assert early.engine.submit(key)["jobs"] == 1, "the report alone: the rest is there"
    early.platform_says(key, Event.ACKNOWLEDGED)
    assert early.state(key) == "acknowledged"


def with_images_queued(desk: Desk) -> str:
    """The platform has the record; its images wait."""
    key = registered(desk)
    goes(desk, key)
    imaged(desk, key)
    desk.engine.fill(key, {"exam_doctor_industry_code": "D140105000001"})
    assert desk.engine._life.ahead.run() == 2
    desk.platform_says(key, Event.ACKNOWLEDGED, "exam")
    return key


def one_more_image(desk: Desk, key: str) -> None:
    (study,) = desk.engine.form(key)["studies"]
    desk.more(study["uid"], name=NAME, patient_id="P7001", accession=desk.engine.form(key)["accession_number"])
    desk.engine.send_now(study["uid"])


@pytest.mark.parametrize("event", [Event.REJECTED, Event.HELD])
def test_refused_images_are_for_a_person(early: Desk, event: Event) -> None:
    key = with_images_queued(early)
    early.platform_says(key, event, "images")
    assert early.engine._life.ahead.run() == 0
    early.engine.resend(key)
    early.platform_says(key, Event.ACKNOWLEDGED)
    one_more_image(early, key)
    assert goes(early, key) == 1, "further images go by themselves again"


def test_cancelled_images_stay_here(early: Desk) -> None:
    key = with_images_queued(early)
    early.engine.cancel(key)
    early.engine.fill(key, {"phone": "13900139000"})
    one_more_image(early, key)
    assert early.engine._life.ahead.run() == 0
    assert [job.state.value for job in early.jobs(key) if job.part is Part.IMAGES] == ["cancelled"]


def test_a_refused_record_that_a_person_submitted_waits_for_that_person(early: Desk) -> None:
    key = with_images_queued(early)
    early.platform_says(key, Event.ACKNOWLEDGED)
    early.engine.fill(key, {"phone": "13900139000"})
    early.engine.submit(key)
    early.platform_says(key, Event.HELD)
    early.engine.fill(key, {"phone": "13700137000"})
    assert early.engine._life.ahead.run() == 0


def test_what_was_mended_before_the_program_ended_goes_at_the_next_start(early: Desk) -> None:
    key = registered(early)
    early.engine._life.ahead.run()
    early.platform_says(key, Event.HELD)
    early.engine.fill(key, {"phone": "13900139000"})
    anew = Ahead(early.engine.house)
    anew.begin()
    assert anew.run() == 1


def test_what_was_sent_before_the_clinic_wanted_it_is_left_to_a_person(early: Desk) -> None:
    key = with_images_queued(early)
    early.platform_says(key, Event.ACKNOWLEDGED)
    early.engine.house.store.write(
        lambda tx: tx.execute("UPDATE jobs SET payload = json_remove(payload, '$.stage') WHERE exam_key = ?", (key,))
    )
    early.engine.fill(key, {"phone": "13900139000"})
    assert early.engine._life.ahead.run() == 0


def test_a_registration_that_was_withdrawn_is_over_and_can_be_removed(early: Desk) -> None:
    key = registered(early, patient_name="石十一", accession_number="RIS-11")
    goes(early, key)
    early.engine.withdraw(key)
    assert early.state(key) == "queued"
    with pytest.raises(NeedsOperator, match="已经传给平台"):
        early.engine.unregister(key)
    early.platform_says(key, Event.ACKNOWLEDGED)
    assert early.state(key) == "withdrawn"
    uid = early.receive(name="石十一", patient_id="P7001", accession="RIS-11")
    assert (early.key(uid) != key, early.engine.form(uid)["registered"]) == (True, []), "it expects no images any more"
    early.engine.unregister(key)
    assert key not in {row["exam_key"] for row in early.engine.studies(text="石十一")["studies"]}
    assert key not in str(early.engine.jobs())


def test_an_exam_that_only_went_ahead_is_withdrawn_with_its_images(early: Desk) -> None:
    key = with_images_queued(early)
    early.platform_says(key, Event.ACKNOWLEDGED)
    early.engine.withdraw(key)
    early.platform_says(key, Event.ACKNOWLEDGED)
    assert early.state(key) == "withdrawn"


def test_a_registration_whose_record_was_cancelled_can_be_removed_unless_the_platform_has_it(early: Desk) -> None:
    never, there = registered(early), registered(early)
    early.engine._life.ahead.run()
    early.platform_says(there, Event.ACKNOWLEDGED)
    early.engine.fill(there, {"arrived_at": "2026-01-05 08:50:00"})
    early.engine._life.ahead.run()
    for key in (never, there):
        early.engine.cancel(key)
    early.engine.unregister(never)
    with pytest.raises(NeedsOperator, match="已经传给平台"):
        early.engine.unregister(there)


def test_an_exam_is_never_done_without_an_image(early: Desk) -> None:
    key = registered(early)
    goes(early, key)
    form = early.engine.without_report(key)
    assert (form["ready"], form["ready_why_not"]) == (False, ["还没有影像"])
    with pytest.raises(NeedsOperator, match="还没有影像"):
        early.engine.submit(key)
    assert early.state(key) != "acknowledged"


def test_what_rested_for_days_goes_when_somebody_goes_on_with_it(early: Desk) -> None:
    key = registered(early)
    early.clock.pass_(4 * 24 * 3600)
    assert goes(early, key) == 0, "the clinic may want it only now"
    early.engine.fill(key, {"arrived_at": "2026-01-05 08:50:00"})
    assert goes(early, key) == 1


def test_nothing_goes_by_itself_where_the_clinic_did_not_ask_for_it(desk: Desk) -> None:
    key = registered(desk)
    assert desk.engine._life.ahead.run() == 0
    assert desk.jobs(key) == []
