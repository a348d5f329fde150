"""The ways of sending that a clinic may choose: merged records, PDFs by link, carried numbers, several reports."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.errors import NeedsOperator
from app.system.paths import Home
from tests.builders import a_pdf
from tests.journeys import inside
from tests.journeys.inside import EXAM_DAY, EXAM_VALUES, REPORT_VALUES, SETTLEMENT, Agent, Json, an_agent
from tests.practice.clinic import PracticeProcess
from tests.wire.peers import free_port

platform_process = inside.platform_process
platform = inside.platform
agent = inside.agent


@pytest.fixture
def merged(platform: PracticeProcess, home: Home, tmp_path: Path) -> Iterator[Agent]:
    """An agent that sends exam and report in one record."""
    with an_agent(platform, home, tmp_path, options={"upload_mode": "merged"}) as running:
        yield running


@pytest.fixture
def linking(platform: PracticeProcess, home: Home, tmp_path: Path) -> Iterator[Agent]:
    """An agent that offers report PDFs at an address instead of sending them."""
    with an_agent(platform, home, tmp_path, options={"pdf_mode": "link"}, files=file_service()) as running:
        yield running


def file_service(*allowed: str) -> Json:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    return {"public_base_url": base, "bind": "127.0.0.1", "port": port, "allowed_addresses": list(allowed)}


def fetched(url: str) -> tuple[int, bytes]:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=5)
    try:
        connection.request("GET", where.path)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def places(agent: Agent, uid: str) -> list[str]:
    """By which interfaces the records of the exam reached the platform."""
    reports = [one["report_key"] for one in agent.engine.study(uid)["reports"]]
    rows = agent.received("exam", agent.key(uid))
    return [row["place"] for row in rows + [row for key in reports for row in agent.received("report", key)]]


# -- merged ----------------------------------------------------------------------------------------------------------


def test_a_merged_record_brings_exam_and_report_at_once(merged: Agent) -> None:
    uid = merged.sent(images=3)
    assert sorted(merged.jobs(uid)) == ["images", "merged"]
    assert set(places(merged, uid)) == {"merged"}
    assert (merged.kept(uid)["received"], merged.kept(uid)["reports"]) == (1, [merged.kept_report(uid)["key"]])
    assert merged.kept_report(uid)["fields"]["inspectExamResult"] == REPORT_VALUES["conclusion"]
    assert merged.received_images(uid) == 3
    day = merged.engine.reconcile(EXAM_DAY)["destinations"][0]
    assert (day["state"], day["agreed"]) == ("agreed", 1)
    merged.until_state(uid, "reconciled")


def test_a_merged_upload_without_a_report_says_what_is_missing(merged: Agent) -> None:
    uid = merged.receive()
    merged.engine.fill(uid, EXAM_VALUES, [SETTLEMENT])
    with pytest.raises(NeedsOperator, match="还没有报告") as refused:
        merged.engine.submit(uid)
    assert "检查和报告一起传" in refused.value.advice
    assert merged.jobs(uid) == {}


def test_a_corrected_merged_record_is_a_new_version_of_both(merged: Agent) -> None:
    uid = merged.sent()
    merged.engine.fill(uid, {"conclusion": "建议复查。", "phone": "13900139000"})
    merged.engine.submit(uid)
    merged.until_done(uid)
    assert (merged.kept(uid)["version"], merged.kept_report(uid)["version"]) == (2, 2)
    assert merged.received_images(uid) == 2


def test_a_lost_merged_record_is_found_missing_and_sent_again(merged: Agent, platform: PracticeProcess) -> None:
    uid = merged.sent()
    platform.control("lose", exam=merged.key(uid))
    merged.engine.reconcile(EXAM_DAY)
    merged.advance(601)
    merged.until(lambda: len(merged.received("exam", merged.key(uid))) == 2)
    merged.until_done(uid)
    assert merged.kept(uid)["state"] == "kept"


# -- the PDF ---------------------------------------------------------------------------------------------------------


def test_a_pdf_in_the_record_arrives_byte_for_byte(agent: Agent, platform: PracticeProcess) -> None:
    uid = agent.sent()
    report = agent.kept_report(uid)
    assert report["pdf_sha256"] == hashlib.sha256(agent.pdf().read_bytes()).hexdigest()
    assert platform.ask("GET", f"/practice/report?record={report['key']}").body == agent.pdf().read_bytes()
    assert not report["fields"].get("pdf_path")


def test_a_pdf_by_link_is_fetched_from_the_agents_file_service(linking: Agent) -> None:
    uid = linking.sent()
    report = linking.kept_report(uid)
    assert report["pdf_sha256"] == hashlib.sha256(linking.pdf().read_bytes()).hexdigest()
    assert not report["fields"].get("reportPdfBase64")
    assert fetched(report["fields"]["pdf_path"]) == (200, linking.pdf().read_bytes())
    assert linking.engine.status()["files"]["listening"]


def test_a_link_cannot_be_guessed_and_nothing_else_is_offered(linking: Agent) -> None:
    first, second = linking.sent(), linking.sent()
    links = [linking.kept_report(uid)["fields"]["pdf_path"] for uid in (first, second)]
    tokens = [link.rpartition("/")[2].removesuffix(".pdf") for link in links]
    assert tokens[0] != tokens[1] and all(len(token) >= 43 for token in tokens)
    for secret in (linking.key(first), "P0001", "张三"):
        assert secret not in links[0]
    base = links[0].rpartition("/")[0]
    wrong = tokens[0][:-1] + ("A" if tokens[0][-1] != "A" else "B")
    for path in (f"{base}/{wrong}.pdf", f"{base}/", f"{base}/..%2f..%2fagent.sqlite", base.rpartition("/")[0] + "/"):
        assert fetched(path)[0] in (403, 404)
    linking.restart()
    assert fetched(links[0])[0] == 200, "the link lives on after a restart"


def test_a_link_ends_with_the_withdrawal(linking: Agent) -> None:
    uid = linking.sent()
    link = linking.kept_report(uid)["fields"]["pdf_path"]
    linking.engine.withdraw(uid)
    linking.until_state(uid, "withdrawn")
    assert fetched(link)[0] in (404, 410)
    linking.engine.submit(uid)
    linking.until_done(uid)
    again = linking.kept_report(uid)["fields"]["pdf_path"]
    assert again != link and fetched(again)[0] == 200 and fetched(link)[0] in (404, 410)


def test_an_address_that_is_not_on_the_list_gets_nothing(platform: PracticeProcess, home: Home, tmp_path: Path) -> None:
    with an_agent(
        platform, home, tmp_path, options={"pdf_mode": "link"}, files=file_service("10.20.30.0/24")
    ) as strict:
        uid = strict.ready()
        strict.engine.submit(uid)
        strict.until_state(uid, "held")
        trouble = strict.job(uid, "report")["trouble"]
        assert trouble["title"] == "平台没有收到可用的报告 PDF" and "pdf_path" in trouble["words"]
        assert strict.job(uid, "exam")["state"] == "acknowledged"
        strict.changes["files"] = file_service("127.0.0.1")
        strict.engine.setup(strict.answers())
        strict.engine.submit(uid)
        strict.until_done(uid)


def test_a_link_without_a_file_service_is_asked_of_the_settings(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    with an_agent(platform, home, tmp_path, options={"pdf_mode": "link"}) as agent:
        uid = agent.ready()
        agent.engine.submit(uid)
        agent.until_state(uid, "rejected")
        assert agent.job(uid, "report")["trouble"]["title"] == "还没有填文件服务的地址"
        agent.changes["files"] = file_service()
        agent.engine.setup(agent.answers())
        agent.until_done(uid)
        assert agent.kept_report(uid)["fields"]["pdf_path"].startswith("http://127.0.0.1:")


# -- images by address -----------------------------------------------------------------------------------------------


@pytest.mark.warns
def test_images_by_address_are_done_when_the_platform_took_each_of_them(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    """It waits; it takes what it can while a file is away; it takes all of them, and once more."""
    platform.control("options", fetch_after_seconds=-1, fetch_tries=1, fetch_pause_seconds=0)
    with an_agent(platform, home, tmp_path, options={"image_mode": "list"}, files=file_service()) as agent:
        uid = agent.ready(images=5, accession="LIST1")
        agent.engine.submit(uid)
        agent.until(lambda: waits_for_images(agent, uid) == (0, 5))
        assert image_words(agent, uid) == "已取 0/5"
        gone = home.spool / agent.engine.study(uid)["instances"][2]["path"]
        away = gone.rename(tmp_path / "away")
        platform.control("options", fetch_after_seconds=0)
        agent.until(lambda: waits_for_images(agent, uid) == (4, 5))
        (row,) = agent.until(lambda: [one for one in agent.engine.status()["needs_you"] if one["uid"] == uid])
        assert "有影像文件找不到了" in row["why"] and image_words(agent, uid) == "已取 4/5"
        assert agent.state(uid) != "acknowledged"

        away.rename(gone)
        agent.engine.resend(uid)
        agent.until_done(uid)
        assert image_words(agent, uid) == "已取 5/5"
        assert agent.engine.status()["needs_you"] == []
        ours = {one["sop_instance_uid"]: one["data_set_sha256"] for one in agent.engine.study(uid)["instances"]}
        assert {one["key"]: one["sha256"] for one in agent.kept_images(uid)} == ours
        told = [(one["words"], one["detail"]) for one in agent.engine.study(uid)["timeline"]]
        assert ("平台来取，文件找不到了", "影像") in told and ("平台来取走了", "影像") in told
        fetched_before = agent.received_images(uid)
        agent.engine.resend(uid)
        agent.until(lambda: agent.received_images(uid) == fetched_before + 5)
        agent.until_done(uid)
        assert image_words(agent, uid) == "已取 5/5"


@pytest.mark.warns
def test_a_platform_that_pulls_is_not_waited_for_when_the_file_is_gone(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    node = f"SXCLOUD@127.0.0.1:{platform.dicom_port}"
    query = {"on": True, "callers": ["SXCLOUD"], "destinations": [node]}
    options = {"image_mode": "retrieve", "retrieve_ae_title": "SXCLOUD"}
    with an_agent(platform, home, tmp_path, options=options, query=query) as agent:
        checks = {one["name"]: one for one in agent.engine.check_self()["checks"]}
        assert checks["query-of-main"]["ok"] and "SXCLOUD" in checks["query-of-main"]["title"]
        port = agent.engine.status()["dicom"]["port"]
        platform.control("options", pull_ae="CLINIC_AGENT", pull_port=port, fetch_tries=1, fetch_pause_seconds=0)
        uid = agent.ready(images=3, accession="PULL1")
        agent.engine.submit(uid)
        agent.until(lambda: waits_for_images(agent, uid) == (0, 3))
        gone = home.spool / agent.engine.study(uid)["instances"][0]["path"]
        away = gone.rename(tmp_path / "away")
        platform.control("pull", accession="PULL1")
        agent.until(lambda: agent.job(uid, "images")["state"] == "rejected")
        (row,) = [one for one in agent.engine.status()["needs_you"] if one["uid"] == uid]
        assert "不在影像暂存区" in row["why"]
        assert len(agent.kept_images(uid)) == 2

        away.rename(gone)
        agent.engine.resend(uid)
        agent.until(lambda: waits_for_images(agent, uid) == (2, 3))
        platform.control("pull", accession="PULL1")
        agent.until_done(uid)


def waits_for_images(agent: Agent, uid: str) -> tuple[int, int] | None:
    """How many of how many the platform has fetched, while it is waited for."""
    job = agent.jobs(uid).get("images", {"state": ""})
    return (job["done"], job["total"]) if job["state"] == "waiting" else None


def image_words(agent: Agent, uid: str) -> str:
    return next(str(one["words"]) for one in agent.engine.study(uid)["fetches"] if one["what"] == "images")


# -- the accession number --------------------------------------------------------------------------------------------


def test_a_minted_number_travels_with_the_images_where_the_clinic_wants_it(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    with an_agent(platform, home, tmp_path, options={"carry_minted_accession": True}) as agent:
        uid = agent.ready(images=3)
        before = {one["path"]: (home.spool / one["path"]).read_bytes() for one in agent.engine.study(uid)["instances"]}
        agent.engine.submit(uid)
        agent.until_done(uid)
        number = agent.kept(uid)["fields"]["accessionNumber"]
        assert number and {one["accession"] for one in agent.kept_images(uid)} == {number}
        assert {path: (home.spool / path).read_bytes() for path in before} == before
        assert list(home.parts.iterdir()) == []


def test_without_the_option_images_stay_as_they_came(agent: Agent) -> None:
    uid = agent.sent(images=2)
    assert agent.kept(uid)["fields"]["accessionNumber"]
    assert {one["accession"] for one in agent.kept_images(uid)} == {""}
    ours = {one["sop_instance_uid"]: one["data_set_sha256"] for one in agent.engine.study(uid)["instances"]}
    assert {one["key"]: one["sha256"] for one in agent.kept_images(uid)} == ours


def test_a_number_of_the_device_is_never_replaced(platform: PracticeProcess, home: Home, tmp_path: Path) -> None:
    with an_agent(platform, home, tmp_path, options={"carry_minted_accession": True}) as agent:
        uid = agent.sent(accession="DEV0001")
        assert {one["accession"] for one in agent.kept_images(uid)} == {"DEV0001"}
        assert agent.kept(uid)["fields"]["accessionNumber"] == "DEV0001"


# -- reports ---------------------------------------------------------------------------------------------------------


def test_an_exam_goes_without_its_report_and_the_report_follows(agent: Agent) -> None:
    uid = agent.receive(images=3)
    agent.engine.fill(uid, EXAM_VALUES, [SETTLEMENT])
    agent.engine.submit(uid)
    agent.until(lambda: {job["state"] for job in agent.jobs(uid).values()} == {"acknowledged"})
    agent.until_state(uid, "to_fill")
    assert sorted(agent.jobs(uid)) == ["exam", "images"]
    assert agent.engine.status()["counts"]["confirmed"] == 0, "not green while its report is missing"

    agent.engine.fill(uid, REPORT_VALUES)
    agent.engine.attach(uid, str(agent.pdf()))
    agent.engine.submit(uid)
    agent.until_done(uid)
    assert (agent.kept(uid)["received"], agent.kept_report(uid)["received"], agent.received_images(uid)) == (1, 1, 3)
    assert agent.kept(uid)["reports"] == [agent.kept_report(uid)["key"]]


def test_two_reports_of_one_exam_go_each_by_itself(agent: Agent, tmp_path: Path) -> None:
    uid = agent.receive()
    second = REPORT_VALUES | {"conclusion": "第二份报告：未见骨折。"}
    agent.engine.fill(uid, EXAM_VALUES, [SETTLEMENT], [REPORT_VALUES, second])
    agent.engine.attach(uid, str(agent.pdf()), 0)
    form = agent.engine.attach(uid, str(a_pdf(tmp_path / "second.pdf", text="SECOND")), 1)
    assert form["ready"], (form["ready_why_not"], form["problems"])
    agent.engine.submit(uid)
    agent.until_done(uid)
    keys = [report["report_key"] for report in agent.engine.study(uid)["reports"]]
    assert len(keys) == 2 and agent.kept(uid)["reports"] == keys
    rows = [agent.platform.kept("report", key) for key in keys]
    assert [row["fields"]["inspectExamResult"] for row in rows] == [REPORT_VALUES["conclusion"], second["conclusion"]]
    assert rows[0]["pdf_sha256"] != rows[1]["pdf_sha256"] and [row["received"] for row in rows] == [1, 1]
    said = agent.engine.reconcile(EXAM_DAY)["destinations"][0]
    assert said["state"] == "agreed"

    agent.engine.fill(uid, {}, None, [{}, {"conclusion": "第二份报告：更正。"}])
    agent.engine.submit(uid)
    agent.until_done(uid)
    assert [agent.platform.kept("report", key)["version"] for key in keys] == [1, 2]


def test_one_report_of_two_exams_goes_once_and_names_both(agent: Agent) -> None:
    first, second = agent.ready(), agent.receive()
    agent.engine.fill(second, EXAM_VALUES, [SETTLEMENT])
    agent.engine.share_report(first, second)
    agent.engine.submit(second)  # the one that carries the report goes last
    agent.engine.submit(first)
    agent.until_done(first)
    agent.until_done(second)
    report = agent.kept_report(first)
    assert sorted(report["exams"]) == sorted([agent.key(first), agent.key(second)])
    assert report["state"] == "kept" and len(agent.engine.study(second)["reports"]) == 1
    day = agent.engine.reconcile(EXAM_DAY)["destinations"][0]
    assert (day["state"], day["agreed"]) == ("agreed", 2)


def test_two_merged_reports_keep_one_exam(merged: Agent, tmp_path: Path) -> None:
    uid = merged.receive()
    second = REPORT_VALUES | {"conclusion": "第二份报告：未见骨折。"}
    merged.engine.fill(uid, EXAM_VALUES, [SETTLEMENT], [REPORT_VALUES, second])
    merged.engine.attach(uid, str(merged.pdf()), 0)
    merged.engine.attach(uid, str(a_pdf(tmp_path / "second.pdf", text="SECOND")), 1)
    merged.engine.submit(uid)
    merged.until_done(uid)
    exam = merged.kept(uid)
    assert (exam["state"], len(exam["reports"]), exam["received"]) == ("kept", 2, 2)
    assert merged.engine.reconcile(EXAM_DAY)["destinations"][0]["agreed"] == 1
    merged.engine.withdraw(uid)
    merged.until_state(uid, "withdrawn")
    assert merged.kept(uid)["state"] == "deleted"


def test_late_images_follow_a_merged_record(merged: Agent, tmp_path: Path) -> None:
    uid = merged.sent(images=2)
    inside.late_images(merged, tmp_path / "late", uid, 3)
    merged.until(lambda: merged.job(uid, "images")["version"] == 2)
    merged.until_done(uid)
    assert (merged.received_images(uid), merged.kept(uid)["received"]) == (5, 1)
