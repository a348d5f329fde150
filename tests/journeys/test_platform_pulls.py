"""Journey: a platform that fetches images by Query/Retrieve itself - half of them, after a kill, twice, by C-GET."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.engine.face import Json
from app.practice.modality import Patient
from tests.journeys.conftest import NewAgent, NewPractice
from tests.journeys.world import (
    AE_TITLE,
    Agent,
    Modality,
    Practice,
    a_destination,
    a_pdf,
    a_study,
    complete_fill,
    data_set_sha256,
    sop_uid,
    study_uid,
)
from tests.wire.dicom_files import run_tool

IMAGES = 6


def a_clinic(practice: Practice, new_agent: NewAgent) -> Agent:
    """An agent whose platform fetches what it was told of, under its own AE title."""
    destination = a_destination(practice)
    destination["options"] |= {"image_mode": "retrieve", "retrieve_ae_title": practice.ae_title}
    node = f"{practice.ae_title}@127.0.0.1:{practice.dicom_port}"
    query = {"on": True, "callers": [practice.ae_title], "destinations": [node]}
    agent = new_agent(practice, destination=[destination], query=query, intake={"quiet_seconds": 0.3})
    practice.options(pull="exam", pull_ae=AE_TITLE, pull_port=agent.port, fetch_tries=1, fetch_pause_seconds=0)
    return agent


def submitted(agent: Agent, paths: list[Path], **values: str) -> str:
    """Received from the modality, filled and submitted; the study's UID."""
    Modality(agent.port).send(paths)
    uid = study_uid(paths[0])
    agent.wait_for(lambda: [row for row in agent.studies() if row["uid"] == uid], what="the study")
    agent.wait_until_complete(uid)
    agent.fill_and_submit(uid, complete_fill(**values), a_pdf(paths[0].parent / "report.pdf"))
    return uid


def images_job(agent: Agent, uid: str) -> Json:
    found: Json = next(job for job in agent.study(uid)["jobs"] if job["part"] == "images")
    return found


def until_fetched(agent: Agent, uid: str, done: int) -> Json:
    def there() -> Json | None:
        job = images_job(agent, uid)
        return job if (job["done"], job["total"]) == (done, IMAGES) else None

    found = agent.wait_for(there, what=f"{done} of {IMAGES} to be fetched")
    assert found is not None
    return found


def pulls(practice: Practice, accession: str) -> list[Json]:
    rows = json.loads(practice.ask("GET", "pulls"))["pulls"]
    return [one for one in rows if one["accession"] == accession and one["state"] != "waiting"]


def test_a_platform_that_pulls_is_waited_for_until_it_has_every_image(
    new_practice: NewPractice, new_agent: NewAgent, tmp_path: Path
) -> None:
    practice = new_practice()
    agent = a_clinic(practice, new_agent)
    paths = a_study(tmp_path / "ct", images=IMAGES, accession="CT2601050001")
    practice.fault(where="dicom", what="abort", at=3, times=0)
    uid = submitted(agent, paths)
    assert until_fetched(agent, uid, 2)["state"] == "waiting"
    (pull,) = agent.wait_for(lambda: pulls(practice, "CT2601050001"))
    assert (pull["state"], pull["reason"]) == ("failed", "C-MOVE 应答 B000")
    agent.wait_for(lambda: agent.study(uid)["jobs"][0]["state"] == "acknowledged")
    assert agent.study(uid)["state"] != "acknowledged", "nothing is green before all of it was fetched"

    agent.restart()  # kill -9
    job = images_job(agent, uid)
    assert (job["state"], job["done"], job["total"]) == ("waiting", 2, IMAGES)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    got = getscu(agent, practice, inbox, "AccessionNumber=CT2601050001")  # DCMTK in the platform's place
    assert len(list(inbox.iterdir())) == IMAGES, got
    agent.wait_for_state(uid, "acknowledged", "reconciled")
    assert sorted(data_set_sha256(one.read_bytes()) for one in inbox.iterdir()) == sorted(sent(paths).values())

    practice.no_faults()
    practice.ask("POST", "pull", {"accession": "CT2601050001"})  # once more: nothing else becomes of it
    agent.wait_for(lambda: [one for one in pulls(practice, "CT2601050001") if one["state"] == "done"])
    assert {one["key"]: one["sha256"] for one in practice.ledger()["images"]} == sent(paths)
    assert [job["version"] for job in agent.study(uid)["jobs"]] == [1, 1, 1]
    for secret in ("CT2601050001", uid, Patient().name):
        assert secret not in agent.log_text()


def getscu(agent: Agent, practice: Practice, inbox: Path, key: str) -> str:
    keys: list[Any] = ["-k", "QueryRetrieveLevel=STUDY", "-k", key]
    names = ["-aet", practice.ae_title, "-aec", AE_TITLE]
    done = run_tool("getscu", "-v", "-S", "+B", "-od", inbox, *names, *keys, "127.0.0.1", agent.port)
    return done.stdout + done.stderr


def sent(paths: list[Path]) -> dict[str, str]:
    return {sop_uid(path): data_set_sha256(path.read_bytes()) for path in paths}
