"""Taking back and holding on: withdraw, submit anew, hold, release, cancel, pause, resume."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.errors import NeedsOperator
from tests.journeys import inside
from tests.journeys.conftest import NewAgent
from tests.journeys.inside import EXAM_DAY, EXAM_VALUES, SETTLEMENT, Agent, late_images
from tests.journeys.world import Modality, Practice, a_study, complete_fill, study_uid
from tests.practice.clinic import PracticeProcess

platform_process = inside.platform_process
platform = inside.platform
agent = inside.agent


def withdrawn(agent: Agent, uid: str) -> None:
    agent.engine.withdraw(uid)
    agent.until_state(uid, "withdrawn")


# -- withdrawal ------------------------------------------------------------------------------------------------------


def test_a_withdrawal_marks_exam_and_report_as_deleted_at_the_platform(agent: Agent) -> None:
    uid = agent.sent(images=3)
    withdrawn(agent, uid)
    exam, report = agent.kept(uid), agent.kept_report(uid)
    assert (exam["state"], exam["fields"]["disableFlag"], exam["received"]) == ("deleted", 1, 2)
    assert (report["state"], report["fields"]["disableFlag"], report["received"]) == ("deleted", 1, 2)
    assert exam["fields"]["patName"] == "张三", "the whole record goes again, not a stump of it"
    states = {(job["part"], job["version"]): job["state"] for job in agent.engine.study(uid)["jobs"]}
    assert states["images", 1] == states["exam", 1] == states["report", 1] == "withdrawn"
    assert agent.received_images(uid) == 3
    assert agent.job(uid, "exam")["part_words"] == "撤回检查记录"
    assert [line["what"] for line in agent.engine.study(uid)["timeline"]].count("withdrawn") == 2
    assert agent.engine.status()["needs_you"] == []


def test_a_withdrawn_exam_is_not_reconciled_and_not_missed(agent: Agent) -> None:
    gone, there = agent.sent(), agent.sent()
    withdrawn(agent, gone)
    day = agent.engine.reconcile(EXAM_DAY)["destinations"][0]
    assert (day["state"], day["sent"], day["agreed"], day["unsent"]) == ("agreed", 1, 1, [])
    assert (agent.state(gone), agent.state(there)) == ("withdrawn", "reconciled")


def test_a_withdrawn_exam_can_be_submitted_again(agent: Agent) -> None:
    uid = agent.sent(images=3)
    withdrawn(agent, uid)
    agent.engine.fill(uid, {"phone": "13900139000"})
    assert agent.engine.submit(uid)["jobs"] == 3
    agent.until_done(uid)
    exam = agent.kept(uid)
    assert (exam["state"], exam["fields"]["disableFlag"], exam["fields"]["patTelephone"]) == ("kept", 0, "13900139000")
    assert agent.kept_report(uid)["state"] == "kept"
    assert (agent.received_images(uid), len(agent.kept_images(uid))) == (6, 3)
    assert agent.engine.reconcile(EXAM_DAY)["destinations"][0]["agreed"] == 1


def test_withdrawing_and_submitting_twice_ends_as_it_should(agent: Agent) -> None:
    uid = agent.sent()
    for _ in range(2):
        withdrawn(agent, uid)
        assert agent.kept(uid)["state"] == "deleted"
        agent.engine.submit(uid)
        agent.until_done(uid)
        assert (agent.kept(uid)["state"], agent.kept_report(uid)["state"]) == ("kept", "kept")


def test_a_second_withdrawal_sends_nothing(agent: Agent) -> None:
    uid = agent.sent()
    withdrawn(agent, uid)
    assert agent.engine.withdraw(uid)["jobs"] == 0
    time.sleep(0.3)
    assert (agent.kept(uid)["received"], agent.state(uid)) == (2, "withdrawn")


def test_a_resend_does_not_wake_a_withdrawn_exam(agent: Agent) -> None:
    uid = agent.sent()
    withdrawn(agent, uid)
    done = agent.engine.resend(uid)
    assert (done["jobs"], done["skipped"][0]["why"]) == (0, "已经撤回，要再传请重新提交上传")
    agent.engine.resend(day=EXAM_DAY)
    time.sleep(0.3)
    assert (agent.kept(uid)["state"], agent.state(uid)) == ("deleted", "withdrawn")


def test_late_images_of_a_withdrawn_exam_stay_here(agent: Agent, tmp_path: Path) -> None:
    uid = agent.sent()
    withdrawn(agent, uid)
    late_images(agent, tmp_path / "late", uid, 2)
    agent.engine.send_now(uid)
    time.sleep(0.5)
    assert agent.received_images(uid) == 2


def test_a_withdrawal_waits_for_a_platform_that_is_down(agent: Agent) -> None:
    uid = agent.sent()
    agent.platform_goes_down(1.0)
    agent.engine.withdraw(uid)
    agent.until(lambda: "waiting" in {job["state"] for job in agent.jobs(uid).values()})
    assert agent.state(uid) == "waiting"
    agent.until_state(uid, "withdrawn")
    assert agent.kept(uid)["state"] == agent.kept_report(uid)["state"] == "deleted"


def test_a_withdrawal_in_the_middle_of_the_images_stops_them_and_deletes_the_exam(
    agent: Agent, platform: PracticeProcess
) -> None:
    uid = agent.ready(images=5)
    platform.fault(where="dicom", when="before", what="slow", seconds=0.7, at=2)
    agent.engine.submit(uid)
    agent.until_sent(1)
    agent.engine.withdraw(uid)
    agent.until_state(uid, "withdrawn")
    assert agent.kept(uid)["state"] == agent.kept_report(uid)["state"] == "deleted"


def test_a_withdrawal_while_the_record_is_on_the_wire_is_refused_with_words(
    agent: Agent, platform: PracticeProcess
) -> None:
    uid = agent.ready()
    platform.fault(where="exam", when="before", what="slow", seconds=1.0, match=agent.key(uid))
    agent.engine.submit(uid)
    agent.until(lambda: agent.job(uid, "exam")["state"] == "sending")
    with pytest.raises(NeedsOperator, match="正在上传"):
        agent.engine.withdraw(uid)
    agent.until_done(uid)
    withdrawn(agent, uid)


def test_what_was_never_sent_cannot_be_withdrawn(agent: Agent) -> None:
    uid = agent.ready()
    with pytest.raises(NeedsOperator, match="还没有传给平台"):
        agent.engine.withdraw(uid)


def test_a_withdrawn_exam_without_report_is_withdrawn_whole(agent: Agent) -> None:
    uid = agent.receive()
    agent.engine.fill(uid, EXAM_VALUES, [SETTLEMENT])
    agent.engine.submit(uid)
    agent.until(lambda: {job["state"] for job in agent.jobs(uid).values()} == {"acknowledged"})
    agent.engine.withdraw(uid)
    agent.until(lambda: agent.kept(uid)["state"] == "deleted")
    agent.until_state(uid, "withdrawn")


def test_a_withdrawal_goes_on_after_the_program_was_killed(
    new_agent: NewAgent, practice: Practice, tmp_path: Path, pdf: Path
) -> None:
    program = new_agent(practice)
    paths = a_study(tmp_path / "made", images=3)
    uid = study_uid(paths[0])
    Modality(program.port).send_folder(tmp_path / "made")
    program.wait_until_complete(uid)
    program.fill_and_submit(uid, complete_fill(), pdf)
    program.wait_for_state(uid, "acknowledged")
    practice.fault(where="any", when="after", what="hang", seconds=2)
    program.cli("withdraw", uid)
    program.wait_for(lambda: practice.received()[-1]["fault"] == "after:hang")
    program.kill()
    program.start()
    program.wait_for_state(uid, "withdrawn")
    ledger = practice.ledger()
    assert [one["state"] for one in ledger["exams"] + ledger["reports"]] == ["deleted", "deleted"]
    assert ledger["exams"][0]["received"] + ledger["reports"][0]["received"] == 5, "only the one in flight went again"


# -- hold, release, cancel -------------------------------------------------------------------------------------------


def test_a_held_exam_waits_until_it_is_released_and_holds_up_no_other(agent: Agent) -> None:
    agent.engine.pause()
    kept_back, other = agent.ready(), agent.ready()
    agent.engine.submit(kept_back)
    agent.engine.submit(other)
    assert agent.engine.hold(kept_back)["jobs"] == 3
    agent.until_state(kept_back, "paused")
    agent.engine.resume()
    agent.until_done(other)
    assert agent.state(kept_back) == "paused" and agent.received("exam", agent.key(kept_back)) == []
    agent.restart()
    time.sleep(0.3)
    assert agent.state(kept_back) == "paused"
    agent.engine.release(kept_back)
    agent.until_done(kept_back)
    assert (agent.kept(kept_back)["received"], agent.received_images(kept_back)) == (1, 2)


def test_a_cancelled_exam_is_not_sent_until_somebody_wants_it(agent: Agent) -> None:
    agent.engine.pause()
    uid = agent.ready()
    agent.engine.submit(uid)
    agent.engine.cancel(uid)
    agent.until_state(uid, "cancelled")
    agent.engine.resume()
    time.sleep(0.3)
    assert agent.received("exam", agent.key(uid)) == []
    agent.engine.submit(uid)
    agent.until_done(uid)
    assert (agent.kept(uid)["received"], agent.received_images(uid)) == (1, 2)


def test_a_cancelled_exam_goes_with_a_resend(agent: Agent) -> None:
    agent.engine.pause()
    uid = agent.ready()
    agent.engine.submit(uid)
    agent.engine.cancel(uid)
    agent.engine.resume()
    agent.engine.resend(uid)
    agent.until_done(uid)
    assert agent.kept(uid)["received"] == 1


@pytest.mark.parametrize("act", ["hold", "release", "cancel"])
def test_what_cannot_be_held_released_or_cancelled_is_said(agent: Agent, act: str) -> None:
    uid = agent.sent()
    with pytest.raises(NeedsOperator) as refused:
        getattr(agent.engine, act)(uid)
    assert refused.value.advice
    assert agent.state(uid) == "acknowledged"


# -- pause, resume ---------------------------------------------------------------------------------------------------


def test_a_pause_stops_everything_but_the_receiving_and_survives_a_restart(agent: Agent) -> None:
    agent.engine.pause()
    uid = agent.ready()
    agent.engine.submit(uid)
    status = agent.engine.status()
    assert (status["look"], status["sentence"], status["paused_until"]) == ("paused", "已暂停", "")
    agent.restart()
    time.sleep(0.5)
    assert agent.received("exam", agent.key(uid)) == [] and agent.engine.status()["look"] == "paused"
    agent.engine.resume()
    agent.until_done(uid)
    assert agent.engine.status()["paused_until"] is None


def test_a_pause_for_some_minutes_ends_by_itself(agent: Agent) -> None:
    agent.engine.pause(30)
    uid = agent.ready()
    agent.engine.submit(uid)
    status = agent.engine.status()
    assert status["look"] == "paused" and status["sentence"].startswith("已暂停到 ")
    time.sleep(0.5)
    assert agent.received("exam", agent.key(uid)) == []
    agent.advance(1801)
    agent.until_done(uid)
    assert agent.engine.status()["paused_until"] is None


def test_a_pause_in_the_middle_lets_the_running_job_end_and_starts_no_other(
    agent: Agent, platform: PracticeProcess
) -> None:
    first, second = agent.ready(images=5), agent.ready()
    platform.fault(where="dicom", when="before", what="slow", seconds=1.0, at=2)
    agent.engine.submit(first)
    agent.until_sent(1)
    agent.engine.pause()
    agent.engine.submit(second)
    agent.until_done(first)
    assert agent.received("exam", agent.key(second)) == []
    agent.engine.resume()
    agent.until_done(second)


def test_what_the_platform_lost_for_good_can_still_be_withdrawn(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.sent()
    platform.control("lose", exam=agent.key(uid))
    agent.engine.reconcile(EXAM_DAY)
    for _ in range(2):
        agent.advance(601)
        agent.until(lambda: agent.kept(uid)["state"] == "kept")
        agent.until_done(uid)
        platform.control("lose", exam=agent.key(uid))
        agent.engine.reconcile(EXAM_DAY)
    agent.advance(601)
    agent.until_state(uid, "rejected")
    agent.engine.withdraw(uid)
    agent.until_state(uid, "withdrawn")
    assert agent.kept(uid)["state"] == agent.kept_report(uid)["state"] == "deleted"
    assert agent.engine.status()["missing_for_engineer"] == 0
    day = agent.engine.reconciliation(EXAM_DAY)["destinations"][0]
    assert (day["state"], day["missing"]) == ("open", [])
    assert agent.engine.status()["needs_you"] == []


def test_a_refused_withdrawal_is_shown_and_can_be_tried_again(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.sent()
    platform.fault(where="exam", when="before", what="code0", message="该检查已被引用，不能删除", match=agent.key(uid))
    agent.engine.withdraw(uid)
    agent.until_state(uid, "held")
    assert agent.kept(uid)["state"] == "kept"
    assert agent.job(uid, "exam")["trouble"]["words"] == "该检查已被引用，不能删除"
    agent.engine.resend(uid)
    agent.until_state(uid, "withdrawn")
    assert agent.kept(uid)["state"] == "deleted"
