"""Keys, lines and clocks that fail: each has its words and is tried again; nothing is lost, nothing is doubled."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from app.errors import AgentError
from app.system.paths import Home
from tests.journeys import inside
from tests.journeys.inside import EXAM_DAY, Agent, Json, an_agent
from tests.practice.clinic import PracticeProcess
from tests.wire.peers import free_port

platform_process = inside.platform_process
platform = inside.platform
agent = inside.agent
OTHER_KEY = "00112233445566778899aabbccddeeff"
PLATFORM = "山西省医疗数字影像云平台"


def waits_with(agent: Agent, uid: str, part: str = "exam") -> Json:
    """The trouble of the job while it waits for its next attempt."""
    return agent.until(lambda: _waiting_trouble(agent, uid, part))


def _waiting_trouble(agent: Agent, uid: str, part: str) -> Json | None:
    job = agent.job(uid, part)
    return job["trouble"] if job["state"] == "waiting" else None


def pauses(agent: Agent, uid: str, part: str = "exam") -> list[float]:
    """Seconds between the answers about one part."""
    lines = [line for line in agent.engine.study(uid)["journal"] if line["part"] == part]
    at = [datetime.fromisoformat(line["at"]) for line in lines]
    return [(after - before).total_seconds() for before, after in pairwise(at)]


# -- the key ---------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_the_engineers_and_the_right_key_sends_everything_by_itself(
    agent: Agent, platform: PracticeProcess
) -> None:
    platform.control("rekey", sm4_key=OTHER_KEY)
    uids = [agent.ready() for _ in range(3)]
    for uid in uids:
        agent.engine.submit(uid)
    for uid in uids:
        agent.until_state(uid, "rejected")
    trouble = agent.job(uids[0], "exam")["trouble"]
    assert (trouble["title"], trouble["turn"]) == ("平台解不开我们加密的内容", "engineer")
    assert "SM4 密钥" in trouble["advice"] and "解密失败" in trouble["words"]
    assert len(agent.received("exam", "")) == 3, "each was asked once, not again and again"

    agent.engine.setup(agent.answers(key=OTHER_KEY))
    for uid in uids:
        agent.until_done(uid)
        assert agent.kept(uid)["received"] == 1
    assert agent.engine.status()["needs_you"] == []


def test_a_wrong_key_during_reconciliation_makes_nothing_missing(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.sent()
    platform.control("rekey", sm4_key=OTHER_KEY)
    with pytest.raises(AgentError, match="没有回答") as refused:
        agent.engine.reconcile(EXAM_DAY)
    assert "密钥" in refused.value.advice
    assert agent.engine.reconciliation(EXAM_DAY)["destinations"][0]["state"] == "open"
    assert agent.state(uid) == "acknowledged"


# -- the line --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "fault", "title"),
    [
        ("before", {"what": "refuse"}, f"和{PLATFORM}的连接中途断了"),
        ("before", {"what": "drop"}, f"和{PLATFORM}的连接中途断了"),
        ("after", {"what": "drop"}, f"和{PLATFORM}的连接中途断了"),
        ("before", {"what": "hang", "seconds": 3}, f"{PLATFORM}太久没有回应"),
        ("after", {"what": "hang", "seconds": 3}, f"{PLATFORM}太久没有回应"),
        ("before", {"what": "status500"}, "平台出错了"),
        ("after", {"what": "status500"}, "平台出错了"),
        ("before", {"what": "html"}, "平台回的内容看不懂"),
        ("after", {"what": "html"}, "平台回的内容看不懂"),
        ("after", {"what": "garbage"}, "平台回的内容看不懂"),
        ("after", {"what": "truncate"}, f"和{PLATFORM}的连接中途断了"),
        ("before", {"what": "code0", "message": "系统异常，请稍后重试"}, "平台正忙"),
        ("before", {"what": "code0", "message": "数据库连接超时"}, "平台内部出错了"),
    ],
    ids=lambda value: value["what"] if isinstance(value, dict) else value if value.isascii() else "",
)
def test_a_fault_has_its_words_and_is_tried_again_until_it_is_over(
    platform: PracticeProcess, home: Home, tmp_path: Path, when: str, fault: Json, title: str
) -> None:
    with an_agent(platform, home, tmp_path, http_seconds=0.6, upload={"retry_first_seconds": 0.3}) as agent:
        uid = agent.ready()
        platform.fault(where="exam", when=when, times=2, match=agent.key(uid), **fault)
        agent.engine.submit(uid)
        trouble = waits_with(agent, uid)
        assert trouble["title"] == title
        assert trouble["advice"] and trouble["turn"] == "automatic"
        assert agent.engine.status()["needs_you"] == [], "nothing for a person to do"
        agent.until_done(uid)
        assert agent.kept(uid)["version"] == 1 and agent.kept(uid)["received"] == 3
        assert (agent.kept_report(uid)["received"], agent.received_images(uid)) == (1, 2)
        first, second = pauses(agent, uid)
        assert first >= 0.3 and second >= 0.6, "the delay grows"


def test_a_platform_that_names_a_time_is_left_in_peace_until_then(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready()
    platform.fault(where="exam", when="before", what="busy", seconds=2, match=agent.key(uid))
    agent.engine.submit(uid)
    assert waits_with(agent, uid)["title"] == "平台正忙"
    agent.until_done(uid)
    assert pauses(agent, uid)[0] >= 2.0
    assert agent.kept(uid)["received"] == 2


def test_an_answer_of_another_type_is_understood_all_the_same(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready()
    platform.fault(where="any", when="after", what="wrong_type", times=2, match=agent.key(uid))
    agent.engine.submit(uid)
    agent.until_done(uid)
    assert (agent.kept(uid)["received"], agent.kept_report(uid)["received"]) == (1, 1)


def test_a_platform_that_is_down_is_waited_for_and_shown(agent: Agent) -> None:
    uids = [agent.ready(), agent.ready()]
    agent.platform_goes_down(2.0)
    for uid in uids:
        agent.engine.submit(uid)
    shown = agent.until(lambda: agent.engine.status()["destinations"][0]["trouble"])
    assert shown == f"{PLATFORM}连不上，对方没有开门"
    status = agent.engine.status()
    assert status["destinations"][0]["trouble_since"] and (status["look"], status["sentence"]) == (
        "trouble",
        "正在自动重试",
    )
    for uid in uids:
        agent.until_done(uid)
        assert agent.kept(uid)["version"] == 1 and len(agent.kept_images(uid)) == 2
    status = agent.engine.status()
    assert (status["look"], status["destinations"][0]["trouble"]) == ("confirmed", "")


def test_a_platform_that_stays_down_costs_ever_longer_pauses_and_survives_a_restart(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    with an_agent(platform, home, tmp_path, base_url=f"http://127.0.0.1:{free_port()}") as agent:
        uid = agent.ready()
        agent.engine.submit(uid)
        agent.until(lambda: len(pauses(agent, uid)) >= 4)
        assert all(pause >= 0.1 * 2**number for number, pause in enumerate(pauses(agent, uid)[:4]))
        agent.restart()
        agent.until(lambda: len(pauses(agent, uid)) >= 5)
        agent.changes["base_url"] = platform.line["base_url"]
        agent.engine.setup(agent.answers())
        agent.until_done(uid)
        assert agent.kept(uid)["received"] == 1


def test_a_wrong_path_is_the_engineers_and_a_corrected_one_sends_by_itself(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    with an_agent(platform, home, tmp_path, base_url=platform.line["base_url"] + "/wrong") as agent:
        uid = agent.ready()
        agent.engine.submit(uid)
        agent.until_state(uid, "rejected")
        trouble = agent.job(uid, "exam")["trouble"]
        assert (trouble["title"], trouble["turn"]) == ("平台上没有这个接口地址", "engineer")
        agent.changes["base_url"] = platform.line["base_url"]
        agent.engine.setup(agent.answers())
        agent.until_done(uid)


# -- the clock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [600.0, -600.0])
def test_a_clock_ten_minutes_off_is_corrected_by_the_first_answer(
    agent: Agent, platform: PracticeProcess, offset: float
) -> None:
    platform.control("clock", offset_seconds=offset)
    uid = agent.ready()
    agent.engine.submit(uid)
    agent.until_done(uid)
    journal = [line for line in agent.engine.study(uid)["journal"] if line["verdict"] != "accept"]
    assert len(journal) == 1 and "相差" in journal[0]["words"]
    shown = agent.engine.status()["destinations"][0]["clock_offset_seconds"]
    assert abs(shown - offset) < 5
    check = next(one for one in agent.engine.check_self()["checks"] if one["name"] == "clock-main")
    assert not check["ok"] and re.search("(599|600|601) 秒", check["title"]) and "校准电脑时间" in check["advice"]
    agent.restart()
    again = agent.sent()
    assert [line["verdict"] for line in agent.engine.study(again)["journal"]] == ["accept"] * 3


def test_a_clock_that_is_right_draws_no_warning(agent: Agent) -> None:
    agent.sent()
    check = next(one for one in agent.engine.check_self()["checks"] if one["name"] == "clock-main")
    assert check["ok"]


# -- the images ------------------------------------------------------------------------------------------------------


def test_a_platform_without_room_is_given_time_and_gets_the_rest(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready(images=6)
    platform.fault(where="dicom", when="before", what="out_of_resources", at=3)
    agent.engine.submit(uid)
    assert waits_with(agent, uid, "images")["title"] == "平台的存储满了或正忙"
    agent.until_done(uid)
    assert (agent.received_images(uid), len(agent.kept_images(uid))) == (7, 6)
    assert pauses(agent, uid, "images")[0] >= 0.4, "four times the usual first delay"


def test_one_image_that_the_platform_cannot_read_is_named_and_the_others_are_kept(
    agent: Agent, platform: PracticeProcess
) -> None:
    uid = agent.ready(images=6)
    bad = agent.engine.study(uid)["instances"][2]["sop_instance_uid"]
    platform.fault(where="dicom", when="before", what="cannot_understand", match=bad)
    agent.engine.submit(uid)
    agent.until_state(uid, "rejected")
    trouble = agent.job(uid, "images")["trouble"]
    assert (trouble["title"], trouble["code"], trouble["items"]) == ("平台读不懂这张影像", "C000", [bad])
    assert trouble["turn"] == "engineer" and "原文件在本机" in trouble["advice"]
    assert (len(agent.kept_images(uid)), agent.job(uid, "images")["done"]) == (5, 5)
    assert agent.job(uid, "report")["state"] == "acknowledged"
    agent.engine.resend(uid, failed=True)
    agent.until_done(uid)
    assert (len(agent.kept_images(uid)), agent.received_images(uid)) == (6, 7)
    assert len(agent.received("image", bad)) == 2


def test_a_warning_is_an_acceptance(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready(images=3)
    platform.fault(where="dicom", when="after", what="warning", times=3)
    agent.engine.submit(uid)
    agent.until_done(uid)
    assert (agent.received_images(uid), len(agent.kept_images(uid))) == (3, 3)


def test_an_association_refused_for_the_moment_is_asked_for_again(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready()
    platform.fault(where="dicom", when="before", what="reject_transient", times=2)
    agent.engine.submit(uid)
    assert waits_with(agent, uid, "images")["title"] == f"{PLATFORM}正忙，暂时不收影像"
    agent.until_done(uid)
    assert agent.received_images(uid) == 2


def test_an_association_refused_for_good_is_the_engineers(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready()
    platform.fault(where="dicom", when="before", what="reject_permanent")
    agent.engine.submit(uid)
    agent.until_state(uid, "rejected")
    trouble = agent.job(uid, "images")["trouble"]
    assert (trouble["title"], trouble["turn"]) == (f"连上了，但{PLATFORM}不让我们传影像", "engineer")
    assert "CLINIC_AGENT" in trouble["advice"]
    agent.engine.resend(uid)
    agent.until_done(uid)


def test_an_ae_title_that_the_platform_does_not_have_is_mended_in_the_settings(
    agent: Agent, platform: PracticeProcess
) -> None:
    platform.control("options", strict_ae=True)
    agent.engine.setup(agent.answers(options={"dicom_ae_title": "WRONG"}))
    uid = agent.ready()
    agent.engine.submit(uid)
    agent.until_state(uid, "rejected")
    trouble = agent.job(uid, "images")["trouble"]
    assert trouble["title"] == f"连上了，但{PLATFORM}说它的 AE 标题不是 WRONG"
    assert "设置" in trouble["advice"] and trouble["turn"] == "engineer"
    agent.engine.setup(agent.answers())
    agent.until_done(uid)
    assert (agent.kept(uid)["received"], agent.received_images(uid)) == (1, 2)


@pytest.mark.parametrize(
    ("when", "what", "received"),
    [("before", "abort", 13), ("after", "abort", 13), ("before", "drop", 13), ("after", "drop", 13)],
)
def test_a_line_cut_in_the_middle_of_the_images_goes_on_where_it_was(
    agent: Agent, platform: PracticeProcess, when: str, what: str, received: int
) -> None:
    uid = agent.ready(images=12)
    platform.fault(where="dicom", when=when, what=what, at=7)
    agent.engine.submit(uid)
    trouble = waits_with(agent, uid, "images")
    assert PLATFORM in trouble["title"] and trouble["turn"] == "automatic"
    agent.until_done(uid)
    assert (agent.received_images(uid), len(agent.kept_images(uid))) == (received, 12)


def test_a_platform_whose_image_port_is_shut_gets_the_images_later(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    with an_agent(platform, home, tmp_path, dicom_port=free_port()) as agent:
        uid = agent.ready()
        agent.engine.submit(uid)
        assert waits_with(agent, uid, "images")["title"] == f"{PLATFORM}连不上，对方没有开门"
        agent.until(lambda: agent.job(uid, "report")["state"] == "acknowledged")
        agent.changes["dicom_port"] = platform.dicom_port
        agent.engine.setup(agent.answers())
        agent.until_done(uid)
        assert agent.received_images(uid) == 2
