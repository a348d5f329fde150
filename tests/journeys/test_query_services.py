"""Journey: the front-end machine asks a running clinic, in the open and sealed, and fetches the images it hears of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.practice.ask import asked
from tests.journeys.conftest import NewAgent, NewPractice
from tests.journeys.world import Agent, Modality, a_destination, a_pdf, a_study, complete_fill, free_port

SM4_KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
Json = dict[str, Any]


@pytest.fixture
def clinic(new_agent: NewAgent, new_practice: NewPractice) -> Iterator[tuple[Agent, str]]:
    """A running agent that a front-end machine on this PC may ask, and the address of its door."""
    practice, port = new_practice(), free_port()
    destination = a_destination(practice)
    destination["options"] |= {"query_service": True, "query_addresses": ["127.0.0.1"]}
    files = {"public_base_url": f"http://127.0.0.1:{port}", "port": port, "bind": "127.0.0.1"}
    yield new_agent(practice, destination=[destination], files=files), f"http://127.0.0.1:{port}"


def sent(agent: Agent, folder: Path) -> tuple[str, list[Path]]:
    paths = a_study(folder, images=3)
    Modality(agent.port).send(paths)
    uid = str(agent.wait_for(lambda: agent.studies(), what="the study")[0]["uid"])
    agent.wait_until_complete(uid)
    agent.fill_and_submit(uid, complete_fill(), a_pdf(folder / "report.pdf"))
    agent.wait_for_state(uid, "acknowledged")
    return uid, paths


def test_the_front_end_machine_asks_and_fetches(clinic: tuple[Agent, str], tmp_path: Path) -> None:
    agent, door = clinic
    uid, paths = sent(agent, tmp_path / "ct")
    page = {"pageNum": 1, "pageSize": 50}
    exam, report, series = (requests.post(f"{door}/{name}/get", json=page, timeout=20) for name in
                            ("exam", "report", "series"))  # fmt: skip
    assert exam.headers["Content-Type"] == "application/json;charset=UTF-8"
    (record,) = exam.json()["content"]
    assert (exam.json()["code"], record["studyUid"]) == (1, uid)
    assert report.json()["content"][0]["risStudyId"] == record["risStudyId"]
    links = [link for row in series.json()["content"] for link in row["FILEPATH"]]
    fetched = {hashlib.sha256(requests.get(link, timeout=20).content).hexdigest() for link in links}
    assert fetched == {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in agent.spool_files() if path.suffix == ".dcm"
    }
    assert len(links) == len(paths)
    answer = requests.get(f"{door}/exam/get", params={"patientId": "' OR '1'='1"}, timeout=20)
    assert answer.json() == {"code": 1, "message": "成功", "content": []}
    assert requests.post(f"{door}/exam/get", data=b"x" * 200_000, timeout=20).status_code == 413
    assert requests.post(f"{door}/exam/get", json={"pageSize": 10**6}, timeout=20).json()["code"] == 0
    lines = [(row["who"], row["words"]) for row in agent.face.audit()["rows"] if row["what"] == "asked"]
    assert ("平台", "平台来查了 1 例检查") in lines
    assert record["patName"] not in agent.log_text() and record["idCard"] not in agent.log_text()
    assert asked(door, "/exam/get", {**page, "patientId": record["patientId"]})["content"] == [record]


def test_sealed_questions_by_agreement(clinic: tuple[Agent, str], tmp_path: Path) -> None:
    agent, door = clinic
    uid, _ = sent(agent, tmp_path / "ct")
    draft = agent.face.setup_draft()["now"]
    draft["destination"][0]["options"]["query_envelope"] = "sm4"
    hospital = draft["clinic"]["uscc"]
    agent.face.setup({"destination": draft["destination"]})
    told = agent.wait_for(
        lambda: (
            (found := asked(door, "/exam/get", {"pageNum": 1}, key=SM4_KEY, hospital=hospital)).get("code") == 1
            and found
        )
    )
    assert isinstance(told["content"], str) and uid not in json.dumps(told)
    assert asked(door, "/exam/get", {"pageNum": 1})["code"] == 0
    assert asked(door, "/exam/get", {"pageNum": 1}, key="0" * 32, hospital=hospital)["message"].startswith(
        "data 解不开"
    )
    assert asked(door, "/exam/get", {"pageNum": 1}, key=SM4_KEY, hospital="X")["message"] == "hospitalCode 不是本机构的"
