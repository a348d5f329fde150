"""A resend sends all of it again, a correction only what differs, and late images follow by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import NeedsOperator
from tests.builders import a_uid
from tests.journeys import inside
from tests.journeys.inside import EXAM_DAY, Agent, late_images
from tests.practice.clinic import PracticeProcess

platform_process = inside.platform_process
platform = inside.platform
agent = inside.agent


def test_a_resend_of_an_acknowledged_exam_really_sends_all_of_it_again(agent: Agent) -> None:
    uid = agent.sent(images=5)
    first = (agent.kept(uid)["received"], agent.kept_report(uid)["received"], agent.received_images(uid))
    done = agent.engine.resend(uid)
    assert (done["jobs"], len(done["resent"]), done["skipped"]) == (3, 1, [])
    agent.until_done(uid)
    again = (agent.kept(uid)["received"], agent.kept_report(uid)["received"], agent.received_images(uid))
    assert (first, again) == ((1, 1, 5), (2, 2, 10))
    assert len(agent.kept_images(uid)) == 5
    assert {job["round"] for job in agent.jobs(uid).values()} == {2}
    assert (agent.job(uid, "images")["done"], agent.job(uid, "images")["total"]) == (5, 5)


def test_a_resend_after_a_restart_sends_all_of_it_again(agent: Agent) -> None:
    uid = agent.sent()
    agent.restart()
    agent.engine.resend(uid)
    agent.until_done(uid)
    assert (agent.kept(uid)["received"], agent.received_images(uid)) == (2, 4)


def test_resend_of_a_day_takes_that_day_only(agent: Agent) -> None:
    same = [agent.sent(), agent.sent()]
    other = agent.sent(study_date="20260106")
    agent.engine.resend(day=EXAM_DAY)
    for uid in same:
        agent.until(lambda uid=uid: agent.kept(uid)["received"] == 2)  # type: ignore[misc]
        agent.until_done(uid)
    assert agent.kept(other)["received"] == 1


def test_an_exam_that_was_never_submitted_is_not_resent_but_named(agent: Agent) -> None:
    uid = agent.ready()
    done = agent.engine.resend(uid)
    assert (done["jobs"], done["resent"]) == (0, [])
    assert done["skipped"][0]["why"] == "还没有提交过，请先提交上传"
    with pytest.raises(NeedsOperator):
        agent.engine.resend("1.2.3.4")


def test_a_form_mended_after_half_the_images_sends_only_what_differs(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready(images=300)
    platform.fault(where="dicom", when="before", what="slow", seconds=1.5, at=150)
    agent.engine.submit(uid)
    agent.until_sent(149)
    agent.engine.fill(uid, {"phone": "13900139000"})
    agent.engine.submit(uid)
    assert agent.job(uid, "images")["state"] == "sending" and agent.job(uid, "images")["version"] == 1
    agent.until_done(uid, seconds=60)
    assert agent.job(uid, "exam")["version"] == 2
    kept = agent.kept(uid)
    assert (kept["version"], kept["received"], kept["fields"]["patTelephone"]) == (2, 2, "13900139000")
    assert agent.kept_report(uid)["received"] == 1
    assert (agent.received_images(uid), len(agent.kept_images(uid))) == (300, 300)


def test_a_stop_in_the_middle_of_the_images_goes_on_where_it_was(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.ready(images=60)
    platform.fault(where="dicom", when="before", what="slow", seconds=0.7, at=30)
    agent.engine.submit(uid)
    agent.until_sent(29)
    agent.restart()
    agent.until_done(uid)
    assert (agent.received_images(uid), len(agent.kept_images(uid))) == (60, 60)
    assert (agent.job(uid, "images")["done"], agent.job(uid, "images")["total"]) == (60, 60)


def test_a_report_corrected_after_its_receipt_goes_as_a_new_version_alone(agent: Agent) -> None:
    uid = agent.sent(images=3)
    corrected = "右肺下叶少许炎症，建议复查。"
    form = agent.engine.fill(uid, {"conclusion": corrected})
    assert form["state"] == "ready", "a change is not green"
    assert agent.engine.studies()["studies"][0]["changed"]
    agent.engine.submit(uid)
    agent.until_done(uid)
    report = agent.kept_report(uid)
    assert (report["version"], report["received"], report["fields"]["inspectExamResult"]) == (2, 2, corrected)
    assert (agent.kept(uid)["version"], agent.kept(uid)["received"], agent.received_images(uid)) == (1, 1, 3)
    assert [job["version"] for job in agent.engine.study(uid)["jobs"] if job["part"] == "report"] == [1, 2]
    assert len([one for one in agent.engine.study(uid)["receipts"] if one["part"] == "report"]) == 2


def test_a_report_pdf_exchanged_after_its_receipt_goes_as_a_new_version(agent: Agent) -> None:
    uid = agent.sent()
    before = agent.kept_report(uid)["pdf_sha256"]
    agent.engine.attach(uid, str(agent.pdf("CORRECTED")))
    agent.engine.submit(uid)
    agent.until_done(uid)
    report = agent.kept_report(uid)
    assert report["version"] == 2 and report["pdf_sha256"] != before
    assert (agent.kept(uid)["received"], agent.received_images(uid)) == (1, 2)


def test_submitting_twice_sends_once(agent: Agent) -> None:
    uid = agent.sent()
    assert agent.engine.submit(uid)["jobs"] == 0
    agent.engine.fill(uid, {"phone": inside.EXAM_VALUES["phone"]})
    assert agent.engine.submit(uid)["jobs"] == 0
    assert (agent.kept(uid)["received"], agent.state(uid)) == (1, "acknowledged")


def test_ten_late_images_follow_by_themselves(agent: Agent, tmp_path: Path) -> None:
    uid = agent.sent(images=3)
    late_images(agent, tmp_path / "late", uid, 10)
    agent.until(lambda: agent.job(uid, "images")["version"] == 2)
    agent.until_done(uid)
    job = agent.job(uid, "images")
    assert (job["late"], job["part_words"], job["done"], job["total"]) == (True, "补传影像", 10, 10)
    assert "late_images" in [line["what"] for line in agent.engine.study(uid)["timeline"]]
    assert (agent.received_images(uid), len(agent.kept_images(uid))) == (13, 13)
    assert (agent.kept(uid)["received"], agent.kept_report(uid)["received"]) == (1, 1)


def test_images_that_come_while_the_first_are_being_sent_follow_too(
    agent: Agent, platform: PracticeProcess, tmp_path: Path
) -> None:
    uid = agent.ready(images=6)
    platform.fault(where="dicom", when="before", what="slow", seconds=1.5, at=3)
    agent.engine.submit(uid)
    agent.until_sent(2)
    late_images(agent, tmp_path / "late", uid, 4)
    agent.until(lambda: agent.job(uid, "images")["version"] == 2)
    agent.until_done(uid)
    assert (agent.received_images(uid), len(agent.kept_images(uid))) == (10, 10)
    assert agent.job(uid, "images")["total"] == 4


def test_images_that_come_twice_are_sent_once(agent: Agent, tmp_path: Path) -> None:
    uid = a_uid()
    agent.sent(images=3, study_uid=uid)
    agent.engine.import_paths([str(tmp_path / f"in-{uid}")])
    agent.engine.send_now(uid)
    agent.until_done(uid)
    assert (agent.received_images(uid), agent.job(uid, "images")["version"]) == (3, 1)
