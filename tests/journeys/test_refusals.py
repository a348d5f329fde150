"""A record that the platform refuses waits for a person, with the platform's own words; nothing is asked twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.errors import NeedsOperator
from tests.journeys import inside
from tests.journeys.conftest import NewAgent
from tests.journeys.inside import Agent
from tests.journeys.world import Modality, Practice, a_study, complete_fill, study_uid
from tests.practice.clinic import PracticeProcess

platform_process = inside.platform_process
platform = inside.platform
agent = inside.agent
WORDS = "参数校验失败：patTelephone(手机号)格式错误，实际值：13800138000"


def test_a_refused_record_is_held_with_the_platforms_words_and_goes_after_it_was_mended(
    agent: Agent, platform: PracticeProcess
) -> None:
    uid = agent.ready()
    platform.fault(where="exam", when="before", what="code0", message=WORDS, match=agent.key(uid))
    agent.engine.submit(uid)
    agent.until_state(uid, "held")
    trouble = agent.job(uid, "exam")["trouble"]
    assert trouble["title"] == "平台退回了这份记录"
    assert (trouble["code"], trouble["words"]) == ("0", WORDS)
    assert trouble["turn"] == "technician" and "原话" in trouble["advice"]
    agent.until(lambda: agent.job(uid, "images")["state"] == "acknowledged")  # they need not wait for the record
    assert agent.job(uid, "report")["state"] == "queued", "the report waits for its exam"
    needed = agent.engine.status()["needs_you"]
    assert [row["exam_key"] for row in needed] == [agent.key(uid)] and trouble["title"] in needed[0]["why"]
    assert needed[0]["since_is"] == "trouble" and not needed[0]["what"].endswith("幅"), "when received, not how many"

    agent.engine.fill(uid, {"phone": "13900139000"})
    agent.engine.submit(uid)
    agent.until_done(uid)
    kept = agent.kept(uid)
    assert (kept["version"], kept["received"], kept["fields"]["patTelephone"]) == (1, 2, "13900139000")
    assert (agent.kept_report(uid)["received"], agent.received_images(uid)) == (1, 2)
    assert agent.engine.status()["needs_you"] == []


def test_a_refusal_is_never_asked_again_by_itself(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready()
    platform.fault(where="exam", when="before", what="code0", message=WORDS, match=agent.key(uid), times=0)
    agent.engine.submit(uid)
    agent.until_state(uid, "held")
    time.sleep(1.5)  # ten retry delays
    agent.restart()
    time.sleep(0.7)
    assert agent.state(uid) == "held"
    assert len(agent.received("exam", agent.key(uid))) == 1


def test_one_held_exam_holds_up_no_other(agent: Agent, platform: PracticeProcess) -> None:
    bad = agent.ready()
    platform.fault(where="exam", when="before", what="code0", message=WORDS, match=agent.key(bad), times=0)
    good = [agent.ready() for _ in range(3)]
    for uid in (bad, *good):
        agent.engine.submit(uid)
    for uid in good:
        agent.until_done(uid)
    agent.until_state(bad, "held")
    assert agent.engine.status()["counts"]["confirmed"] == 3
    assert agent.engine.status()["counts"]["attention"] == 1


def test_what_the_platforms_own_rules_refuse_names_the_field(agent: Agent, platform: PracticeProcess) -> None:
    platform.control("options", demand_signature=True)
    uid = agent.ready()
    agent.engine.submit(uid)
    agent.until_state(uid, "held")
    trouble = agent.job(uid, "report")["trouble"]
    assert "CAData(签名原文)不能为空" in trouble["words"]
    assert trouble["title"] == "平台要这份报告的电子签名"
    assert agent.job(uid, "exam")["state"] == "acknowledged"
    agent.until(lambda: agent.job(uid, "images")["state"] == "acknowledged")
    platform.control("options", demand_signature=False)
    agent.engine.submit(uid)
    agent.until_done(uid)
    assert (agent.kept(uid)["received"], agent.kept_report(uid)["received"]) == (1, 2)


def test_an_institution_that_the_platform_does_not_know_is_the_engineers(
    agent: Agent, platform: PracticeProcess
) -> None:
    platform.control("options", hospital_code="52140000MJ0000XXXX")
    uid = agent.ready()
    agent.engine.submit(uid)
    agent.until_state(uid, "rejected")
    trouble = agent.job(uid, "exam")["trouble"]
    assert (trouble["title"], trouble["turn"]) == ("平台不认我们的机构", "engineer")
    assert "hospitalCode" in trouble["words"]


def test_a_form_with_gaps_is_not_submitted_and_the_gaps_are_named(agent: Agent) -> None:
    uid = agent.receive()
    agent.engine.fill(uid, inside.EXAM_VALUES | {"phone": ""}, [inside.SETTLEMENT])
    with pytest.raises(NeedsOperator, match="还差") as refused:
        agent.engine.submit(uid)
    assert "phone" in refused.value.fields
    assert agent.jobs(uid) == {}


def test_resend_failed_takes_the_held_and_the_rejected_and_nothing_else(
    agent: Agent, platform: PracticeProcess
) -> None:
    fine, held, rejected = agent.sent(), agent.ready(), agent.ready()
    platform.fault(where="exam", when="before", what="code0", message=WORDS, match=agent.key(held))
    platform.fault(where="exam", when="before", what="code0", message="hospitalCode 未注册", match=agent.key(rejected))
    agent.engine.submit(held)
    agent.engine.submit(rejected)
    agent.until_state(held, "held")
    agent.until_state(rejected, "rejected")
    done = agent.engine.resend(failed=True)
    assert sorted(done["resent"]) == sorted([agent.key(held), agent.key(rejected)])
    agent.until_done(held)
    agent.until_done(rejected)
    assert [agent.kept(uid)["received"] for uid in (fine, held, rejected)] == [1, 2, 2]
    assert [agent.received_images(uid) for uid in (fine, held, rejected)] == [2, 2, 2]


def test_a_refusal_is_mended_from_a_terminal(
    new_agent: NewAgent, practice: Practice, tmp_path: Path, pdf: Path
) -> None:
    program = new_agent(practice)
    paths = a_study(tmp_path / "made", images=3)
    uid = study_uid(paths[0])
    Modality(program.port).send_folder(tmp_path / "made")
    program.wait_until_complete(uid)
    practice.fault(where="exam", when="before", what="code0", message=WORDS)
    program.fill_and_submit(uid, complete_fill(), pdf)
    program.wait_for_state(uid, "held")
    (job,) = [one for one in program.cli("study", uid).json["jobs"] if one["state"] == "held"]
    assert job["trouble"]["words"] == WORDS
    assert program.cli("status", check=False).json["needs_you"][0]["state"] == "held"
    program.cli("fill", uid, "--set", "phone=13900139000")
    program.cli("submit", uid)
    program.wait_for_state(uid, "acknowledged")
    (exam,) = practice.ledger()["exams"]
    assert (exam["version"], exam["received"], exam["fields"]["patTelephone"]) == (1, 2, "13900139000")
    assert program.cli("resend", uid).json["jobs"] == 3
    program.wait_for(lambda: practice.ledger()["exams"][0]["received"] == 3)
    program.wait_for_state(uid, "acknowledged")
    ledger = practice.ledger()
    assert [image["received"] for image in ledger["images"]] == [2, 2, 2]
    assert ledger["reports"][0]["received"] == 2
