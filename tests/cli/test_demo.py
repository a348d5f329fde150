"""`demo`: the whole story on the practice platform; what it prints is what the index and the platform's ledger have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.face import Face
from app.engine.reach import reached
from app.system.paths import Home

from .test_program import ask

CONFIRMED = ("acknowledged", "reconciled")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(root=tmp_path_factory.mktemp("demo") / "演 练")


@pytest.fixture(scope="module")
def said(home: Home) -> str:
    """What the headless demo prints."""
    done = ask(home, "demo", "--headless")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def face(home: Home, said: str) -> Iterator[Face]:
    """The home as the demo left it."""
    assert said
    with reached(home) as face:
        yield face


def test_what_was_sent_is_what_the_ledger_has(said: str, face: Face) -> None:
    told = re.search(r"账本：检查 收到 (\d+) 存下 (\d+)，报告 收到 \d+ 存下 (\d+)，影像 收到 \d+ 存下 (\d+)", said)
    assert told is not None, said
    received, exams, reports, images = (int(number) for number in told.groups())
    studies = face.studies()["studies"]
    confirmed = [one for one in studies if one["state"] in CONFIRMED]
    (refused,) = (one for one in studies if one["state"] == "held")
    (unsigned,) = (one for one in studies if one["state"] == "to_sign")
    assert (exams, reports) == (len([*confirmed, unsigned]), sum(one["report_count"] for one in confirmed))
    assert images == sum(one["image_count"] for one in [*confirmed, unsigned, refused]), "only its record was refused"
    assert received == exams + 2, "one was refused, one was lost and sent again"


def test_doctors_signed_what_was_sent_and_every_check_of_it_holds(said: str, face: Face) -> None:
    assert "演练。" not in said and "未要求电子签名" not in said
    assert re.findall("签了 (.) 份报告，签名和时间戳都验过", said) == ["4", "1"]
    signed = face.signing()["signed"]
    assert [row["job_state"] for row in signed if row["patient_name"] == "冯志强"] == ["queued"], (
        "its record comes first"
    )
    assert {row["job_state"] for row in signed if row["patient_name"] != "冯志强"} <= set(CONFIRMED)
    checks = face.signature(signed[0]["uid"])["checks"]
    assert {"证书链", "证书吊销", "时间戳"} <= {one["title"] for one in checks}
    assert all(one["ok"] for one in checks), checks
    (waiting,) = face.signing()["waiting"]
    assert waiting["doctor"]["known"] and [row["patient_name"] for row in waiting["reports"]] == ["孙玉梅"]


def test_yesterday_agrees_and_what_the_platform_lost_was_sent_again(said: str, face: Face) -> None:
    reconciled = [one for one in face.studies()["studies"] if one["state"] == "reconciled"]
    (day,) = {one["exam_day"] for one in reconciled}
    (destination,) = face.reconciliation(day)["destinations"]
    assert (destination["state"], destination["agreed"]) == ("agreed", len(reconciled))
    assert [one["words"] for one in destination["missing"]] == ["已自动补传"]
    assert f"对账 {day}：已齐，{len(reconciled)} 例双方一致" in said


def test_every_kind_of_work_is_left_for_the_person(face: Face) -> None:
    left = {one["state"] for one in face.studies()["studies"]} - set(CONFIRMED)
    assert left == {"to_fill", "check", "held", "to_sign"}
    assert face.status()["look"] == "needs-you"
    assert face.his()["ambiguous"] == 1
    assert {one["name"] for one in face.devices()["devices"]} >= {"CT_1", "DR_1", "MR_1"}


def test_his_and_the_report_filled_what_nobody_typed_and_habits_suggest_the_rest(face: Face) -> None:
    study = face.study("CT20260014")
    fields = [*study["fields"], *study["reports"][0]["fields"]]
    sources = {field["key"]: field["source"] for field in fields}
    assert {sources[key] for key in ("id_number", "order_number", "apply_doctor_name")} == {"his"}
    assert {sources[key] for key in ("findings", "conclusion", "report_doctor_name", "reported_at")} == {"report"}
    suggested = {one["key"]: one["text"] for one in face.suggestions("CT20260014")["suggestions"]}
    left = face.check("CT20260014", suggested)["problems"]
    assert [problem["key"] for problem in left] == ["phone"], "the one value that has to be typed"


# -- other regions, and two at once -----------------------------------------------------------------------------------


def told_by(home: Home, region: str) -> str:
    done = ask(home, "demo", "--headless", "--region", region)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_region_with_retrieval_also_finds_what_other_hospitals_did(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "demo")
    said = told_by(home, "guizhou")
    assert "电子签名" not in said, "nothing of what this region has not"
    assert "平台已接收 赵建国：记录 1 份，报告 1 份，影像 24 张" in said
    assert "其中 1 例是自动补传的" in said
    assert re.search(r"调阅 赵建国：4 例检查，来自 4 家机构\n· 取回 .+ 的影像：4 张，都打开核对过", said), said
    with reached(home) as face:
        left = {one["state"] for one in face.studies()["studies"]} - set(CONFIRMED)
        assert left == {"to_fill", "check", "held"}
        assert [one["state"] for one in face.downloads()["downloads"]] == ["done"]


def test_one_exam_goes_to_two_platforms(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "demo")
    said = told_by(home, "shanxi,guangyuan")
    sent = re.findall(r"· (.+)已接收 赵建国：记录 1 份，(.+)", said)
    assert [files for _, files in sent] == ["报告 1 份，影像 24 张", "报告和影像由平台来取"], said
    assert said.count("演练平台的账本") == 2
    with reached(home) as face:
        titles = [title for title, _ in sent]
        assert [one["title"] for one in face.status()["destinations"]] == titles
        study = next(one for one in face.studies()["studies"] if one["patient_name"] == "赵建国")
        by_place = {job["destination_title"]: job["state"] for job in face.study(study["uid"])["jobs"]}
        assert set(by_place) == set(titles) and set(by_place.values()) <= set(CONFIRMED)


def test_a_region_that_has_no_script_is_refused_with_those_that_have(tmp_path: Path) -> None:
    for wrong in ("nowhere", "guizhou,guizhou", "guizhou,"):
        done = ask(Home(root=tmp_path / "demo"), "demo", "--headless", "--region", wrong)
        assert done.returncode == 2 and "可以用的有" in done.stderr
