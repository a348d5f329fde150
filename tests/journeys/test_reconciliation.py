"""Reconciliation: a miss is believed the second time, is sent again by itself twice at most, and is never green."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import NeedsOperator, RetryLater
from tests.journeys import inside
from tests.journeys.conftest import NewAgent
from tests.journeys.inside import EXAM_DAY, Agent, Json
from tests.journeys.world import Modality, Practice, a_study, complete_fill, study_uid
from tests.practice.clinic import PracticeProcess

platform_process = inside.platform_process
platform = inside.platform
agent = inside.agent
AGAIN = 601.0
"""Seconds after which the second question is due."""


def day_of(agent: Agent, day: str = EXAM_DAY) -> Json:
    return dict(agent.engine.reconciliation(day)["destinations"][0])


def asked(agent: Agent, day: str = EXAM_DAY) -> int:
    return len(day_of(agent, day)["questions"])


def ask(agent: Agent, day: str = EXAM_DAY) -> Json:
    return dict(agent.engine.reconcile(day)["destinations"][0])


def ask_again_by_itself(agent: Agent) -> Json:
    """Time goes by until the next question is due; the program asks it without being told."""
    before = asked(agent)
    agent.advance(AGAIN)
    agent.until(lambda: asked(agent) > before)
    return day_of(agent)


def test_a_day_that_agrees_turns_everything_to_reconciled(agent: Agent, platform: PracticeProcess) -> None:
    uids = [agent.sent(), agent.sent(images=3)]
    day = ask(agent)
    assert (day["state"], day["state_words"], day["sent"], day["agreed"]) == ("agreed", "已齐", 2, 2)
    assert day["missing"] == [] and day["ask_again_at"] is None
    assert [agent.state(uid) for uid in uids] == ["reconciled", "reconciled"]
    said = next(one for one in platform.ledger()["totals"] if one["day"] == EXAM_DAY and one["type"] == "CT")
    assert (said["counts"]["pushExamNum"], said["counts"]["pushImageNum"], said["counts"]["pushReportNum"]) == (2, 5, 2)
    assert agent.engine.status()["look"] == "confirmed"


def test_a_lost_exam_counts_after_the_second_question_and_is_sent_again_and_found(
    agent: Agent, platform: PracticeProcess
) -> None:
    lost, other = agent.sent(images=3), agent.sent()
    platform.control("lose", exam=agent.key(lost))
    day = ask(agent)
    assert (day["state"], day["missing"], day["agreed"]) == ("asked_once", [], 1)
    assert agent.state(lost) == "acknowledged" and agent.engine.status()["needs_you"] == []

    day = ask_again_by_itself(agent)
    assert [row["exam_key"] for row in day["missing"]] == [agent.key(lost)]
    assert (day["state"], day["missing"][0]["words"]) == ("resending", "正在自动补传 · 第 1 次")
    agent.until_done(lost)
    assert (agent.kept(lost)["state"], agent.kept(lost)["received"]) == ("kept", 2)
    assert (agent.kept_report(lost)["received"], agent.received_images(lost)) == (2, 6)
    assert agent.state(lost) == "acknowledged", "not yet found: the green comes with the answer"

    day = ask_again_by_itself(agent)
    assert (day["state"], day["agreed"], day["unsolved"]) == ("agreed", 2, 0)
    assert day["missing"][0]["words"] == "已自动补传"
    agent.until_state(lost, "reconciled")
    assert (agent.kept(other)["received"], agent.received_images(other)) == (1, 2)
    told = [line["what"] for line in agent.engine.study(lost)["timeline"]]
    assert "found_missing" in told and told[-1] == "reconciled"


def test_a_false_miss_is_never_shown(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.sent()
    platform.control("false-miss", exam=agent.key(uid), times=1)
    day = ask(agent)
    assert (day["state"], day["missing"]) == ("asked_once", [])
    day = ask_again_by_itself(agent)
    assert (day["state"], day["missing"], day["agreed"]) == ("agreed", [], 1)
    agent.until_state(uid, "reconciled")
    assert agent.kept(uid)["received"] == 1
    assert "found_missing" not in [line["what"] for line in agent.engine.study(uid)["timeline"]]


def test_two_impatient_questions_do_not_make_a_miss(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.sent()
    platform.control("false-miss", exam=agent.key(uid), times=3)
    for _ in range(3):
        day = ask(agent)
        assert (day["state"], day["missing"]) == ("asked_once", [])
    assert agent.kept(uid)["received"] == 1


def lost_again_and_again(agent: Agent, platform: PracticeProcess, uid: str) -> Json:
    """Two resends that the platform loses again; returns the day as it then is."""
    platform.control("lose", exam=agent.key(uid))
    ask(agent)
    for round_number in (2, 3):
        ask_again_by_itself(agent)
        agent.until_done(uid)
        assert agent.kept(uid)["received"] == round_number
        platform.control("lose", exam=agent.key(uid))
        assert ask_again_by_itself(agent)["state"] == "resending"
        assert agent.state(uid) == "acknowledged"
    return ask_again_by_itself(agent)


def test_what_the_platform_loses_again_and_again_is_the_engineers_and_never_green(
    agent: Agent, platform: PracticeProcess
) -> None:
    uid = agent.sent()
    day = lost_again_and_again(agent, platform, uid)
    assert (day["state"], day["state_words"]) == ("engineer", "补传两次仍缺，需要工程师")
    agent.until_state(uid, "rejected")
    day = day_of(agent)
    assert day["missing"][0]["words"] == "已自动补传 2 次，平台仍查不到，需要工程师"
    trouble = agent.job(uid, "exam")["trouble"]
    assert (trouble["title"], trouble["turn"]) == ("补传两次，平台仍查不到这例", "engineer")
    status = agent.engine.status()
    assert (status["missing_for_engineer"], status["counts"]["confirmed"]) == (1, 0)
    assert status["look"] == "needs-you"
    assert [(row["action"], row["uid"]) for row in status["needs_you"]] == [("reconcile", EXAM_DAY)]
    agent.advance(AGAIN)
    received = agent.kept(uid)["received"]
    day = ask(agent)
    assert (day["state"], agent.state(uid), day["agreed"]) == ("engineer", "rejected", 0)
    assert agent.engine.status()["missing_for_engineer"] == 1
    assert agent.kept(uid)["received"] == received == 3


@pytest.mark.parametrize("act", ["resend", "resend --failed", "submit"])
def test_the_engineers_resend_really_sends_it_again(agent: Agent, platform: PracticeProcess, act: str) -> None:
    uid = agent.sent()
    lost_again_and_again(agent, platform, uid)
    agent.until_state(uid, "rejected")
    images = agent.received_images(uid)
    {
        "resend": lambda: agent.engine.resend(uid),
        "resend --failed": lambda: agent.engine.resend(failed=True),
        "submit": lambda: agent.engine.submit(uid),
    }[act]()
    agent.until_done(uid)
    assert (agent.kept(uid)["received"], agent.kept(uid)["state"]) == (4, "kept")
    assert (agent.kept_report(uid)["received"], agent.received_images(uid)) == (4, images + 2)
    assert ask(agent)["state"] == "agreed"
    assert agent.state(uid) == "reconciled"
    assert agent.engine.status()["missing_for_engineer"] == 0


def test_a_day_with_nothing_has_nothing_to_ask(agent: Agent, platform: PracticeProcess) -> None:
    agent.ready()
    before = len(platform.received())
    day = ask(agent)
    assert (day["state"], day["sent"], day["agreed"], day["missing"]) == ("open", 0, 0, [])
    assert [row["state"] for row in day["unsent"]] == ["ready"]
    assert ask(agent, "2026-01-07")["state_words"] == "还没对账"
    assert len(platform.received()) == before
    with pytest.raises(NeedsOperator, match="日期"):
        agent.engine.reconcile("昨天")


@pytest.mark.parametrize("what", ["refuse", "status500", "html", "garbage", "truncate", "code0"])
def test_a_platform_that_gives_no_answer_makes_nothing_missing(
    agent: Agent, platform: PracticeProcess, what: str
) -> None:
    uid = agent.sent()
    platform.fault(where="reconcile", when="before", what=what)
    with pytest.raises(RetryLater) as refused:
        ask(agent)
    assert "没有回答" in refused.value.title and refused.value.advice
    day = day_of(agent)
    assert (day["state"], day["state_words"], day["missing"]) == ("open", "还没对账", [])
    assert day["trouble"] and day["questions"][-1]["failed"]
    assert agent.state(uid) == "acknowledged"
    assert ask_again_by_itself(agent)["state"] == "agreed"


def test_a_platform_that_is_down_is_asked_again_by_itself(agent: Agent) -> None:
    uid = agent.sent()
    agent.platform_goes_down(1.0)
    with pytest.raises(RetryLater):
        ask(agent)
    assert (day_of(agent)["state"], agent.state(uid)) == ("open", "acknowledged")
    agent.until(agent.platform_answers)
    assert ask_again_by_itself(agent)["state"] == "agreed"


def test_a_silence_between_two_answers_leaves_the_suspicion_as_it_was(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.sent()
    platform.control("lose", exam=agent.key(uid))
    assert ask(agent)["state"] == "asked_once"
    platform.fault(where="reconcile", when="before", what="status500")
    day = ask_again_by_itself(agent)
    assert (day["state"], day["missing"]) == ("asked_once", [])
    assert len(ask_again_by_itself(agent)["missing"]) == 1


def test_a_miss_whose_resend_has_to_wait_stays_in_sight(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.sent()
    platform.control("lose", exam=agent.key(uid))
    ask(agent)
    platform.fault(where="exam", when="before", what="status500", times=0, match=agent.key(uid))
    assert ask_again_by_itself(agent)["state"] == "resending"
    day = ask(agent)
    assert (day["state"], len(day["missing"])) == ("resending", 1)
    assert day["ask_again_at"] is not None
    platform.ask("DELETE", "/practice/fault")
    agent.until_done(uid)
    assert ask_again_by_itself(agent)["state"] == "agreed"


def test_every_open_day_is_asked_about_at_the_next_start(agent: Agent, platform: PracticeProcess) -> None:
    first, second = agent.sent(), agent.sent(study_date="20260106")
    assert asked(agent) == asked(agent, "2026-01-06") == 0
    agent.engine.stop()
    agent.advance(86_400.0)
    agent.restart()
    agent.until(lambda: (agent.state(first), agent.state(second)) == ("reconciled", "reconciled"))
    assert (day_of(agent)["state"], day_of(agent, "2026-01-06")["state"]) == ("agreed", "agreed")
    rows = agent.engine.reconciliation_days(until="2026-01-07")["days"]
    assert [(row["day"], row["agreed"]) for row in rows] == [("2026-01-06", 1), (EXAM_DAY, 1)]
    agent.restart()
    agent.receive()  # some time goes by
    assert asked(agent) == 1, "a second start in the same night asks nothing again"


def test_a_program_that_runs_through_the_night_asks_by_itself(agent: Agent) -> None:
    uid = agent.sent()
    agent.advance(86_400.0)
    agent.until_state(uid, "reconciled")


def test_what_was_reconciled_and_is_found_missing_later_loses_its_green(
    agent: Agent, platform: PracticeProcess
) -> None:
    uid = agent.sent()
    ask(agent)
    assert agent.state(uid) == "reconciled"
    platform.control("lose", exam=agent.key(uid))
    assert ask(agent)["missing"] == []
    platform.fault(where="exam", when="before", what="status500", times=0, match=agent.key(uid))
    day = ask_again_by_itself(agent)
    assert (day["agreed"], len(day["missing"])) == (0, 1)
    agent.until(lambda: agent.state(uid) not in inside.DONE)
    assert agent.engine.status()["counts"]["confirmed"] == 0
    platform.ask("DELETE", "/practice/fault")
    agent.until_done(uid)
    assert agent.state(uid) == "acknowledged"
    assert ask_again_by_itself(agent)["agreed"] == 1


@pytest.mark.parametrize(("shape", "empty"), [("array", "encrypted"), ("object", "blank")])
def test_both_shapes_of_the_answer_are_understood(
    agent: Agent, platform: PracticeProcess, shape: str, empty: str
) -> None:
    platform.control("options", reconcile_shape=shape, reconcile_empty=empty)
    lost, there = agent.sent(), agent.sent()
    platform.control("lose", exam=agent.key(lost))
    assert ask(agent)["state"] == "asked_once"
    assert [row["exam_key"] for row in ask_again_by_itself(agent)["missing"]] == [agent.key(lost)]
    agent.until_done(lost)
    assert ask_again_by_itself(agent)["state"] == "agreed"
    agent.until_state(there, "reconciled")


def test_a_lost_exam_is_found_missing_and_sent_again_by_a_real_program(
    new_agent: NewAgent, practice: Practice, tmp_path: Path, pdf: Path
) -> None:
    program = new_agent(practice)
    paths = a_study(tmp_path / "made", images=3)
    uid = study_uid(paths[0])
    Modality(program.port).send_folder(tmp_path / "made")
    program.wait_until_complete(uid)
    program.fill_and_submit(uid, complete_fill(), pdf)
    shown = program.wait_for_state(uid, "acknowledged")
    practice.lose(exam=shown["exam_key"])
    day = program.studies()[0]["exam_day"]
    first = program.cli("reconcile", "--day", day, check=False).json["destinations"][0]
    assert (first["state"], first["missing"]) == ("asked_once", [])
    program.kill()
    program.start()
    program.wait_for_state(uid, "reconciled")
    (exam,) = practice.ledger()["exams"]
    assert (exam["state"], exam["received"]) == ("kept", 2)
    day_now = program.cli("reconcile", "--day", day).json["destinations"][0]
    assert (day_now["state"], day_now["missing"][0]["words"]) == ("agreed", "已自动补传")
