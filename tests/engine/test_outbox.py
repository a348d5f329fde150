"""The outbox through the face: rows, search, acts on many with what will not happen, the timeline, the slip."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.job import Event, Job, Trouble, Turn
from app.errors import NeedsOperator
from app.intake.sheets import read_sheet
from app.store import Tx, jobs, pickups
from tests.engine.desk import Desk, Json, a_desk, images_of

DAY = "2026-01-05"


def rows(desk: Desk, **wanted: str) -> list[Json]:
    found: list[Json] = desk.engine.jobs(**wanted)["rows"]  # type: ignore[arg-type]
    return found


def keys(desk: Desk, *uids: str) -> list[list[str]]:
    return [[desk.key(uid), "main"] for uid in uids]


def submitted(desk: Desk) -> str:
    uid = desk.ready()
    desk.engine.submit(uid)
    return uid


def held(desk: Desk) -> str:
    uid = submitted(desk)
    now = desk.clock.now()
    trouble = Trouble(title="证件号码与姓名不一致", advice="请改好", turn=Turn.TECHNICIAN, code="0", words="不匹配")

    def change(tx: object) -> None:
        for job in desk.jobs(uid):
            jobs.move(tx, job.id, Event.CLAIMED, now=now)  # type: ignore[arg-type]
            jobs.move(tx, job.id, Event.HELD, now=now, trouble=trouble)  # type: ignore[arg-type]
            desk.engine.house.follow(tx, job.exam_key)  # type: ignore[arg-type]

    desk.engine.house.store.write(change)
    return uid


def test_a_submission_is_one_row_with_its_steps(desk: Desk) -> None:
    uid = submitted(desk)
    answer = desk.engine.jobs()
    (row,) = answer["rows"]
    assert (row["uid"], row["state_words"], row["steps_done"], row["steps"]) == (uid, "待上传", 0, 3)
    assert (row["image_count"], row["place"], row["can_reconcile"]) == (2, 1, True)
    assert answer["counts"] == {"all": 1, "uploading": 1, "attention": 0, "confirmed": 0, "ended": 0}
    assert (answer["total"], answer["studies_total"], answer["bytes_per_second"]) == (1, 1, 0.0)


def test_a_row_says_when_the_platform_acknowledged_and_never_before(desk: Desk) -> None:
    uid = submitted(desk)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "report")
    (row,) = rows(desk)
    assert (row["state"], row["steps_done"], row["step_words"]) == ("queued", 2, "上传影像")
    desk.platform_says(uid, Event.ACKNOWLEDGED, "images")
    (row,) = rows(desk, state="confirmed")
    assert row["acknowledged_at"] and row["step_words"] == ""


def test_two_destinations_are_two_rows(home: object, tmp_path: Path) -> None:
    with a_desk(home, tmp_path, "main", "second") as desk:  # type: ignore[arg-type]
        submitted(desk)
        answer = desk.engine.jobs()
        assert {row["destination"] for row in answer["rows"]} == {"main", "second"}
        assert (answer["total"], answer["studies_total"]) == (2, 1)
        desk.engine.act_many("cancel", [[answer["rows"][0]["exam_key"], "second"]])
        assert {row["destination"]: row["state"] for row in rows(desk)} == {"main": "queued", "second": "cancelled"}


def test_a_dry_act_says_what_will_not_happen_and_changes_nothing(desk: Desk) -> None:
    stopped, waiting = held(desk), submitted(desk)
    before = rows(desk)
    answer = desk.engine.act_many("resend", keys(desk, stopped, waiting), dry=True)
    assert (answer["done"], answer["jobs"]) == ([], 0)
    assert "要先改好" in answer["says"] and "本来就在排队，不用重传" in answer["says"] and answer["says"].endswith("。")
    assert {one["exam_key"] for one in answer["skipped"]} == {desk.key(stopped), desk.key(waiting)}
    assert rows(desk) == before


def test_a_selection_is_sent_again_and_the_others_are_named(desk: Desk) -> None:
    done, waiting = desk.sent(), submitted(desk)
    answer = desk.engine.act_many("resend", keys(desk, done, waiting))
    assert answer["done"] == keys(desk, done) and answer["jobs"] == 3
    assert [one["exam_key"] for one in answer["skipped"]] == keys(desk, waiting)[0][:1]
    assert {row["state"] for row in rows(desk)} == {"queued"}


@pytest.mark.parametrize(("act", "state"), [("hold", "paused"), ("cancel", "cancelled"), ("first", "queued")])
def test_acts_on_what_waits(desk: Desk, act: str, state: str) -> None:
    uid = submitted(desk)
    assert desk.engine.act_many(act, keys(desk, uid))["jobs"] == 3
    assert [row["state"] for row in rows(desk)] == [state]


def test_a_held_back_one_is_released(desk: Desk) -> None:
    uid = submitted(desk)
    desk.engine.act_many("hold", keys(desk, uid))
    assert desk.engine.act_many("hold", keys(desk, uid))["says"].endswith("已经暂缓。")
    assert desk.engine.act_many("release", keys(desk, uid))["jobs"] == 3
    assert [row["state"] for row in rows(desk)] == ["queued"]


def test_sent_first_goes_before_what_was_submitted_earlier(desk: Desk) -> None:
    early = submitted(desk)
    desk.clock.pass_(60)
    late = submitted(desk)
    desk.engine.act_many("first", keys(desk, late))
    assert [row["uid"] for row in rows(desk)] == [late, early]
    assert [row["place"] for row in rows(desk)] == [1, 2]


def test_only_what_the_platform_took_can_be_withdrawn(desk: Desk) -> None:
    done, waiting = desk.sent(), submitted(desk)
    answer = desk.engine.act_many("withdraw", keys(desk, done, waiting))
    assert answer["done"] == keys(desk, done)
    assert "平台还没有接收，不用撤回" in answer["says"]


def test_all_that_failed_goes_again(desk: Desk) -> None:
    uid, done = submitted(desk), desk.sent()
    desk.platform_says(uid, Event.POSTPONED, "exam")
    answer = desk.engine.act_many("resend", [], failed=True)
    assert answer["done"] == keys(desk, uid)
    day = rows(desk)[0]["submitted_at"][:10]
    whole_day = desk.engine.act_many("resend", [], dry=True, day=day)
    assert keys(desk, done)[0] in whole_day["done"]


def test_what_the_platform_took_of_a_failed_one_is_not_sent_again(desk: Desk) -> None:
    uid = submitted(desk)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam")
    desk.platform_says(uid, Event.POSTPONED, "report")
    assert desk.engine.act_many("resend", keys(desk, uid))["jobs"] == 1
    desk.platform_says(uid, Event.POSTPONED, "report")
    assert desk.engine.act_many("resend", [], failed=True)["jobs"] == 1
    assert {job.part.value: job.state.value for job in desk.jobs(uid)}["exam"] == "acknowledged"


def test_a_slip_does_not_count_a_late_image_as_taken(desk: Desk) -> None:
    uid = desk.sent()
    assert desk.engine.slip(uid)["destinations"][0]["acknowledged"]
    desk.more(uid)
    (slip,) = desk.engine.slip(uid)["destinations"]
    assert not slip["acknowledged"] and slip["verdict"] != "平台已接收"
    assert [(one["image_count"], one["acknowledged_at"]) for one in slip["parts"]][-1] == (1, None)
    desk.engine.send_now(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert desk.engine.slip(uid)["destinations"][0]["acknowledged"]


def test_nothing_is_resent_without_being_told_what(desk: Desk) -> None:
    desk.sent()
    assert desk.engine.act_many("resend", [])["jobs"] == 0
    with pytest.raises(NeedsOperator):
        desk.engine.act_many("burn", [])
    with pytest.raises(NeedsOperator):
        desk.engine.jobs(state="burning")


def test_the_timeline_leaves_the_future_open_and_then_fills_it(desk: Desk) -> None:
    uid = submitted(desk)
    job = desk.engine.job(uid)
    kinds = {moment["title"]: moment["kind"] for moment in job["moments"]}
    assert (kinds["接收"], kinds["收齐"], kinds["填报"]) == ("done", "done", "done")
    assert (kinds["平台接收"], kinds["对账"], kinds["登记检查"]) == ("todo", "todo", "step_now")
    assert "平台已接收" not in kinds and job["slip"] is False
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    job = desk.engine.job(uid)
    kinds = {moment["title"]: moment["kind"] for moment in job["moments"]}
    assert kinds["平台已接收"] == "done" and kinds["对账"] == "todo"
    assert job["acts"][-1] == "resend" and job["slip"] is True


def test_a_withdrawn_exam_was_taken_and_is_no_more(desk: Desk) -> None:
    uid = desk.sent()
    desk.engine.act_many("withdraw", keys(desk, uid))
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    moments = desk.engine.job(uid)["moments"]
    assert [(one["kind"], one["title"]) for one in moments[-2:]] == [("done", "平台已接收"), ("done", "已撤回")]
    assert moments[-2]["detail"] == "检查、报告、影像" and not [one for one in moments if one["kind"] != "done"]


def test_late_images_are_further_moments(desk: Desk) -> None:
    uid = desk.sent()
    desk.more(uid, 1)
    desk.engine.send_now(uid)
    titles = [moment["title"] for moment in desk.engine.job(uid)["moments"]]
    assert "晚到 1 幅，自动补传" in titles and "补传的平台已接收" not in titles
    assert rows(desk)[0]["late_count"] == 1
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert "补传的平台已接收" in [moment["title"] for moment in desk.engine.job(uid)["moments"]]


def test_an_exam_never_submitted_has_no_timeline_here(desk: Desk) -> None:
    with pytest.raises(NeedsOperator):
        desk.engine.job(desk.ready())


def test_a_slip_names_images_and_masks_the_patient(desk: Desk) -> None:
    uid = desk.sent()
    slip = desk.engine.slip(uid)
    (one,) = slip["destinations"]
    assert (one["verdict"], one["acknowledged"]) == ("平台已接收", True)
    assert len(slip["digest"]) == 64 and slip["image_count"] == 2
    assert "*" in slip["patient"]["id_number"]
    assert {part["name"] for part in one["parts"]} == {"检查", "报告", "影像"}
    assert all(part["acknowledged_at"] for part in one["parts"])


def test_a_slip_never_reads_better_than_the_truth(desk: Desk) -> None:
    assert desk.engine.slip(desk.ready())["not_submitted"] is True
    uid = submitted(desk)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "report")
    (one,) = desk.engine.slip(uid)["destinations"]
    assert (one["verdict"], one["acknowledged"], one["acknowledged_at"]) == ("尚未被平台接收", False, None)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "images")
    assert desk.engine.slip(uid)["destinations"][0]["acknowledged"] is True
    desk.engine.act_many("resend", keys(desk, uid))
    (one,) = desk.engine.slip(uid)["destinations"]
    assert (one["verdict"], one["acknowledged_at"]) == ("尚未被平台接收", None)


@pytest.mark.parametrize("name", ["队列.csv", "队列.xlsx"])
def test_the_list_is_kept_as_a_sheet(desk: Desk, tmp_path: Path, name: str) -> None:
    desk.sent()
    submitted(desk)
    answer = desk.engine.export_jobs(str(tmp_path / name), state="confirmed")
    assert answer["rows"] == 1
    sheet = read_sheet(tmp_path / name)
    assert len(sheet.rows) == 1


def to_be_fetched(desk: Desk) -> tuple[str, int, dict[str, str]]:
    """An exam of which only the fetching of its images is open: its UID, that job, image to SHA-256."""
    uid = submitted(desk)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "report")
    (images,) = (job for job in desk.jobs(uid) if job.state.value == "queued")
    there = {ref["sop_instance_uid"]: ref["sha256"] for ref in images_of(images)}

    def wait(tx: Tx) -> None:
        jobs.move(tx, images.id, Event.CLAIMED, now=desk.clock.now())
        pickups.wait(tx, images, "images", there, now=desk.clock.now())
        desk.engine.house.follow(tx, images.exam_key)

    desk.engine.house.store.write(wait)
    return uid, images.id, there


def job_of(desk: Desk, job_id: int) -> Job:
    return jobs.job(desk.engine.house.store.read(), job_id)


def test_what_the_platform_fetches_itself_is_announced_again_by_name_alone(desk: Desk) -> None:
    uid, job_id, _ = to_be_fetched(desk)
    cut = submitted(desk)
    desk.platform_says(cut, Event.POSTPONED)
    assert {row["uid"]: row["state_words"] for row in rows(desk)} == {uid: "等平台来取", cut: "等待重试"}
    for wanted in ({}, {"day": DAY}, {"destination": "main"}):
        assert desk.engine.jobs(**wanted)["retryable"] == 1
    assert desk.engine.act_many("resend", [], failed=True, day=DAY)["done"] == keys(desk, cut)
    desk.platform_says(cut, Event.POSTPONED)
    assert desk.engine.resend(failed=True)["resent"] == [desk.key(cut)]
    before = job_of(desk, job_id)
    assert before.state.value == "waiting"
    assert desk.engine.act_many("resend", keys(desk, uid))["jobs"] == 1
    assert (job_of(desk, job_id).state.value, job_of(desk, job_id).round) == ("queued", before.round + 1)


def test_what_was_fetched_whole_is_never_announced_again(desk: Desk) -> None:
    uid, job_id, there = to_be_fetched(desk)
    before = job_of(desk, job_id)
    desk.engine.house.store.write(lambda tx: pickups.fetched(tx, "main", desk.key(uid), there, now=desk.clock.now()))
    assert desk.engine.act_many("resend", [], failed=True, day=DAY)["jobs"] == 1
    after = job_of(desk, job_id)
    assert (after.state.value, after.round) == ("queued", before.round), "it only wakes"
