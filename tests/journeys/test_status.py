"""An exam from its registration to its withdrawal where signatures are demanded: each step is a version of its own.

Two reports of one exam, signed one by one; one of them is a second exam's too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.practice.authority import mssp_id
from app.practice.shanxi_settings import PRACTICE_APP, PRACTICE_CODE
from app.system.paths import Home
from tests.journeys import inside
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, SETTLEMENT, Agent, an_agent
from tests.practice.clinic import PracticeProcess

platform_process = inside.platform_process
platform = inside.platform
Json = dict[str, Any]
DOCTOR, NAME = "刘慧", "王小满"
AFTERWARDS = "exam_doctor_industry_code"
"""Of the exam's values the one that is known only when it was made."""


@pytest.fixture
def agent(platform: PracticeProcess, home: Home, tmp_path: Path) -> Iterator[Agent]:
    platform.control("options", demand_signature=True, check_signature=True, early_exams=True)
    options = {"demand_signature": True, "ca_app_id": PRACTICE_APP, "early_record": True}
    with an_agent(platform, home, tmp_path, start=False, options=options) as clinic:
        answers = clinic.answers()
        answers["destination"][0]["secrets"]["secure_code"] = PRACTICE_CODE
        staff = [{"name": DOCTOR, "role": "审核", "mssp_id": mssp_id(DOCTOR)}]
        clinic.engine.setup(answers | {"signing": {"staff": staff}})
        clinic.start()
        yield clinic


def versions(agent: Agent, kind: str, key: str) -> list[Json]:
    found: list[Json] = agent.platform.ask("GET", f"/practice/versions?kind={kind}&key={key}").json["versions"]
    return found


def statuses(agent: Agent, key: str) -> list[Any]:
    return [one["fields"].get("examStatus") for one in versions(agent, "exam", key)]


def sign_all(agent: Agent, uid: str) -> None:
    """The doctor takes one code after the other."""

    def waiting() -> list[Json]:
        groups = agent.engine.signing()["waiting"]
        return [row for group in groups for row in group["reports"] if row["uid"] == uid]

    agent.until(waiting)
    for row in waiting():
        code = agent.engine.sign_code(row["session"])
        agent.platform.control("phone", doctor=DOCTOR, qr=code["qr_text"])
    agent.until(lambda: not waiting())


def test_each_step_of_an_exam_is_a_version_until_it_is_withdrawn(agent: Agent) -> None:
    known = {key: text for key, text in EXAM_VALUES.items() if key != AFTERWARDS}
    person = {"patient_name": NAME, "patient_id": "P7001", "modality": "CT"}
    form = agent.engine.register(known | person)
    key, number = form["exam_key"], form["accession_number"]
    agent.engine.fill(key, {}, [SETTLEMENT])
    agent.until(lambda: statuses(agent, key) == [1], what=lambda: agent.engine.study(key)["jobs"])
    assert agent.state(key) == "to_fill"

    uid = agent.receive(name=NAME, patient_id="P7001", accession=number)
    assert agent.key(uid) == key, "the images belong to what was registered"
    agent.engine.fill(uid, {AFTERWARDS: EXAM_VALUES[AFTERWARDS]})
    agent.until(lambda: statuses(agent, key) == [1, 4] and len(agent.kept_images(uid)) == 2)

    agent.engine.fill(uid, REPORT_VALUES)
    agent.engine.attach(uid, str(agent.pdf()))
    agent.engine.add_report(uid)
    agent.engine.fill(uid, {}, None, [{}, REPORT_VALUES | {"conclusion": "双肾未见结石。"}])
    agent.engine.attach(uid, str(agent.pdf("SECOND")), 1)
    other = agent.receive(name=NAME, patient_id="P7001")
    agent.engine.fill(other, EXAM_VALUES, [SETTLEMENT])
    agent.engine.share_report(uid, other, 1)
    agent.engine.submit(other)
    agent.engine.submit(uid)
    sign_all(agent, uid)
    agent.until_done(uid)
    agent.until_done(other)

    first, second = (report["report_key"] for report in agent.engine.form(uid)["reports"])
    kept = {one: versions(agent, "report", one) for one in (first, second)}
    assert [len(found) for found in kept.values()] == [1, 1]
    of_both = kept[second][0]["fields"]
    assert of_both["risStudyId"] == f"{key},{agent.key(other)}"
    assert (of_both["reportStatus"], of_both["checkStatus"], bool(of_both["SignValue"])) == (2, 4, True)
    assert kept[first][0]["fields"]["SignValue"] != of_both["SignValue"], "each report is signed by itself"
    assert statuses(agent, key) == [1, 4], "the reports changed nothing of the exam's own record"

    agent.engine.fill(uid, {"phone": "13900139000"})
    agent.engine.submit(uid)
    agent.until_done(uid)
    agent.engine.withdraw(other)
    agent.engine.withdraw(uid)
    agent.until_state(uid, "withdrawn")
    told = [(one["fields"]["examStatus"], one["fields"]["disableFlag"], one["fields"]["patTelephone"], one["state"])
            for one in versions(agent, "exam", key)]  # fmt: skip
    assert told == [
        (1, 0, EXAM_VALUES["phone"], "kept"),
        (4, 0, EXAM_VALUES["phone"], "kept"),
        (4, 0, "13900139000", "kept"),
        (4, 1, "13900139000", "deleted"),
    ]
    assert [one["fields"]["checkStatus"] for one in versions(agent, "report", first)] == [4, 5]
    shown = [one for one in agent.engine.job(uid)["versions"] if one["part"] == "exam"]
    assert [(one["version"], one["withdraws"]) for one in shown] == [(1, False), (2, False), (3, False), (4, True)]
    assert [one["changes"][0] for one in shown[1:]] == [
        {"label": "检查状态", "old": "已开单", "new": "已检查"},
        {"label": "手机号", "old": EXAM_VALUES["phone"], "new": "13900139000"},
        {"label": "删除标识", "old": "未删除", "new": "已删除"},
    ]


def test_a_platform_that_goes_by_the_print_refuses_a_registered_exam_and_takes_it_later(agent: Agent) -> None:
    agent.platform.control("options", early_exams=False)
    known = {key: text for key, text in EXAM_VALUES.items() if key != AFTERWARDS}
    form = agent.engine.register(known | {"patient_name": NAME, "patient_id": "P7002", "modality": "CT"})
    key = form["exam_key"]
    agent.engine.fill(key, {}, [SETTLEMENT])
    agent.until_state(key, "held")
    assert "studyUid" in agent.engine.study(key)["jobs"][0]["trouble"]["words"]
    uid = agent.receive(name=NAME, patient_id="P7002", accession=form["accession_number"])
    agent.engine.fill(uid, {AFTERWARDS: EXAM_VALUES[AFTERWARDS]})
    agent.until(lambda: statuses(agent, key) == [4])
