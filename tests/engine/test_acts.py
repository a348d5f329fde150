"""What a person does: all of it or nothing, and nothing in between check and act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.job import Event, Part
from app.engine import acts
from app.engine.house import House
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.store import Tx, exams
from app.system.paths import Home
from tests.builders import a_uid
from tests.engine.desk import Desk, a_desk, answers_of


def kept(desk: Desk, uid: str) -> dict[str, str]:
    record = exams.record(desk.engine.house.store.read(), desk.key(uid))
    return {key: value.text for key, value in record.exam.items()}


# -- filling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"phone": "13800138000", "birth_date": "三月三日"}, "birth_date"),
        ({"phone": "13800138000", "sex": "不知道"}, "sex"),
        ({"phone": "13800138000", "no_such_field": "1"}, "no_such_field"),
        ({"phone": "13800138000", "reported_at": "昨天"}, "reported_at"),
    ],
)
def test_one_value_that_cant_be_read_keeps_none_and_is_named(desk: Desk, values: dict[str, str], key: str) -> None:
    uid = desk.receive()
    before, events = kept(desk, uid), len(desk.events)
    with pytest.raises(NeedsOperator) as refusal:
        desk.engine.fill(uid, values)
    assert refusal.value.fields == (key,)
    assert (kept(desk, uid), len(desk.events)) == (before, events)


def test_a_bad_settlement_row_keeps_nothing_of_the_form_either(desk: Desk) -> None:
    uid = desk.receive()
    with pytest.raises(NeedsOperator):
        desk.engine.fill(uid, {"phone": "13800138000"}, [{"no_such_field": "1"}])
    assert "phone" not in kept(desk, uid)


def test_what_was_typed_is_on_the_disk_when_fill_returns(desk: Desk, home: Home, tmp_path: Path) -> None:
    uid = desk.receive()
    desk.fill(uid)
    desk.engine.house.close()
    with a_desk(home, tmp_path) as again:
        assert kept(again, uid)["phone"] == "13800138000"


def test_a_value_that_was_emptied_stays_empty(desk: Desk) -> None:
    uid = desk.receive()
    shown = {field["key"]: field["text"] for field in desk.engine.form(uid)["fields"]}
    assert shown["patient_name"]
    desk.engine.fill(uid, {"patient_name": ""})
    shown = {field["key"]: field["text"] for field in desk.engine.form(uid)["fields"]}
    assert shown["patient_name"] == ""


# -- submitting -------------------------------------------------------------------------------------------------------


def test_a_blocked_exam_is_not_submitted_and_says_what_is_missing(desk: Desk) -> None:
    uid = desk.receive()
    with pytest.raises(NeedsOperator, match="还差") as refusal:
        desk.engine.submit(uid)
    assert "phone" in refusal.value.fields and desk.jobs(uid) == []


def test_an_exam_that_is_still_received_is_not_submitted(desk: Desk) -> None:
    uid = desk.ready()
    desk.more(uid)
    with pytest.raises(NeedsOperator, match="还在接收"):
        desk.engine.submit(uid)


def test_a_doubtful_exam_is_not_submitted(desk: Desk) -> None:
    uid = desk.ready()
    desk.more(uid, patient_id="P0002", name="李四")
    desk.engine.send_now(uid)
    with pytest.raises(NeedsOperator, match="核对"):
        desk.engine.submit(uid)
    assert desk.state(uid) == "check"


def test_an_image_of_another_patient_can_not_slip_in_between_check_and_freeze(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = desk.ready()
    queue = acts._queue

    def slowly(house: House, tx: Tx, *rest: Any) -> Any:
        assert tx.conn.in_transaction, "in the writer's own transaction nothing else comes in"
        return queue(house, tx, *rest)

    monkeypatch.setattr(acts, "_queue", slowly)
    assert desk.engine.submit(uid)["jobs"] == 3
    assert {job.part for job in desk.jobs(uid)} == {Part.EXAM, Part.REPORT, Part.IMAGES}


def test_one_exam_that_cant_go_holds_up_no_other(desk: Desk) -> None:
    good, bad = desk.ready(), desk.receive()
    done = desk.engine.submit(ready=True)
    assert done["submitted"] == [desk.key(good)]
    assert [each["uid"] for each in done["skipped"]] == [desk.key(bad)] and done["skipped"][0]["why"]


def test_every_destination_gets_its_own_jobs(home: Home, tmp_path: Path) -> None:
    with a_desk(home, tmp_path, "main", "second") as desk:
        uid = desk.ready()
        assert desk.engine.submit(uid, "second")["jobs"] == 3
        assert {job.destination for job in desk.jobs(uid)} == {"second"}
        assert desk.engine.submit(uid)["jobs"] == 3
        with pytest.raises(NeedsOperator, match="没有这个上传目标"):
            desk.engine.submit(uid, "third")


def test_where_exams_go_by_themselves_one_that_a_person_stopped_stays(home: Home, tmp_path: Path) -> None:
    apply_answers(answers_of("main") | {"upload": {"submit": "auto"}}, home)
    with a_desk(home, tmp_path) as desk:
        withdrawn, cancelled, paused = desk.sent(), desk.ready(), desk.ready()
        desk.engine.withdraw(withdrawn)
        desk.platform_says(withdrawn, Event.ACKNOWLEDGED)
        desk.platform_says(withdrawn, Event.ACKNOWLEDGED)
        for uid, stop in ((cancelled, desk.engine.cancel), (paused, desk.engine.hold)):
            desk.engine.submit(uid)
            stop(uid)
        for uid in (withdrawn, cancelled, paused):
            before = [(job.id, job.state) for job in desk.jobs(uid)]
            desk.more(uid)
            desk.engine.send_now(uid)
            assert [(job.id, job.state) for job in desk.jobs(uid)] == before
        going = desk.ready()
        desk.more(going)
        desk.engine.send_now(going)
        assert desk.state(going) == "queued"


# -- late images ------------------------------------------------------------------------------------------------------


def test_late_images_of_a_sent_exam_are_queued_by_themselves(desk: Desk) -> None:
    uid = desk.sent()
    desk.more(uid, 2)
    desk.engine.send_now(uid)
    late = desk.jobs(uid)[-1]
    assert (late.part, late.late, late.total_count, late.state.value) == (Part.IMAGES, True, 2, "queued")


@pytest.mark.parametrize("act", ["cancel", "withdraw"])
def test_late_images_of_an_exam_that_a_person_ended_stay(desk: Desk, act: str) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    if act == "withdraw":
        desk.platform_says(uid, Event.ACKNOWLEDGED)
    getattr(desk.engine, act)(uid)
    before = [job.id for job in desk.jobs(uid)]
    desk.more(uid)
    desk.engine.send_now(uid)
    assert [job.id for job in desk.jobs(uid)] == before


# -- withdrawing, holding ---------------------------------------------------------------------------------------------


def test_an_exam_is_withdrawn_with_record_and_report(desk: Desk) -> None:
    uid = desk.sent()
    desk.clock.pass_(3600)
    assert desk.engine.withdraw(uid)["jobs"] == 2
    deletions = [job for job in desk.jobs(uid) if job.withdraws]
    bodies = [job.payload[job.part.value] for job in deletions]
    assert all(isinstance(body, dict) and body["disableFlag"] == 1 for body in bodies)
    assert all(body["lastChangeTime"] == "2026-01-05 12:30:00" for body in bodies if isinstance(body, dict))
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert desk.state(uid) != "acknowledged"


def test_what_was_never_submitted_can_not_be_withdrawn(desk: Desk) -> None:
    with pytest.raises(NeedsOperator, match="还没有传给平台"):
        desk.engine.withdraw(desk.ready())


def test_an_exam_can_be_held_released_and_cancelled(desk: Desk) -> None:
    uid = desk.ready()
    with pytest.raises(NeedsOperator):
        desk.engine.hold(uid)
    desk.engine.submit(uid)
    desk.engine.hold(uid)
    assert desk.state(uid) == "paused"
    assert desk.engine.status()["sentence"] == "1 例已暂停"
    desk.engine.release(uid)
    assert desk.state(uid) == "queued"
    desk.engine.cancel(uid)
    assert desk.state(uid) == "cancelled"
    with pytest.raises(NeedsOperator):
        desk.engine.release(uid)


# -- completing -------------------------------------------------------------------------------------------------------


@pytest.mark.warns
def test_a_form_that_can_not_be_worked_out_does_not_keep_its_study_from_completing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = desk.receive(complete=False)

    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("an odd header")

    monkeypatch.setattr("app.delivery.record.view", broken)
    acts.complete(desk.engine.house, uid)
    monkeypatch.undo()
    assert desk.engine.study(uid)["studies"][0]["complete"]


def test_a_study_that_is_complete_has_a_report_to_fill(desk: Desk) -> None:
    uid = desk.receive()
    assert len(desk.engine.form(uid)["reports"]) == 1
    desk.more(uid)
    desk.engine.send_now(uid)
    assert len(desk.engine.form(uid)["reports"]) == 1


def test_an_unknown_uid_is_named(desk: Desk) -> None:
    with pytest.raises(NeedsOperator, match="没有找到"):
        desk.engine.submit(a_uid())
