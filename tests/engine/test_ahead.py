"""登记后就传: the record of an exam goes by itself as it is registered and again with each step; nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.domain.job import Event, Job, Part
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


def test_nothing_goes_by_itself_where_the_clinic_did_not_ask_for_it(desk: Desk) -> None:
    key = registered(desk)
    assert desk.engine._life.ahead.run() == 0
    assert desk.jobs(key) == []
