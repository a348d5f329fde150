"""A clinic with its own signature system gives the five signature fields with the form; without them nothing goes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import NeedsOperator
from app.system.paths import Home
from tests.crypto import ca
from tests.journeys import inside
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, SETTLEMENT, Agent, an_agent
from tests.practice.clinic import PracticeProcess

platform_process = inside.platform_process
platform = inside.platform
ORIGINAL = "报告原文 RPT-1"


def signed(doctor: str = REPORT_VALUES["audit_doctor_name"]) -> dict[str, str]:
    """The five fields as a system of the clinic's own hands them over, from a CA that nobody was told of."""
    root = ca.root()
    holder, text = ca.doctor(root, doctor), ORIGINAL.encode()
    return {
        "ca_data": ORIGINAL,
        "client_cert": base64.b64encode(holder.der).decode(),
        "sign_type": "1",
        "sign_value": base64.b64encode(holder.pair.sign(text)).decode(),
        "tsa_token": base64.b64encode(ca.timestamp(ca.timestamper(root), text)).decode(),
    }


@pytest.fixture
def agent(platform: PracticeProcess, home: Home, tmp_path: Path) -> Iterator[Agent]:
    platform.control("options", demand_signature=True, check_signature=False)
    with an_agent(platform, home, tmp_path, options={"demand_signature": True}) as clinic:
        yield clinic


def filled(agent: Agent) -> str:
    """A study with everything but the signature."""
    uid = agent.receive()
    times = {"reported_at": "2026-01-05 10:00:00", "audited_at": "2026-01-05 10:30:00"}
    agent.engine.fill(uid, {**EXAM_VALUES, **REPORT_VALUES, **times}, settlements=[SETTLEMENT])
    agent.engine.attach(uid, str(agent.pdf()))
    return uid


def test_an_unsigned_report_waits_here_and_says_what_the_platform_must_send_first(agent: Agent) -> None:
    uid = filled(agent)
    agent.engine.submit(uid)
    answer = agent.engine.signing()
    ((row,),) = (group["reports"] for group in answer["waiting"])
    assert "签名应用 ID" in answer["lacking"]
    with pytest.raises(NeedsOperator, match="签名还没有备齐"):
        agent.engine.sign_code(row["session"])
    parts = {one["part"]: one["state"] for one in agent.engine.study(uid)["jobs"]}
    assert parts["report"] == "to_sign" and "to_sign" not in (parts["exam"], parts["images"])


def test_a_report_signed_elsewhere_is_checked_here_and_goes_with_its_five_fields_uncut(agent: Agent) -> None:
    uid, given = filled(agent), signed()
    agent.engine.fill(uid, given | {"ca_data": "另一份报告"})
    agent.engine.submit(uid)
    agent.until(lambda: agent.state(uid) == "held")
    (job,) = (one for one in agent.engine.study(uid)["jobs"] if one["part"] == "report")
    assert job["trouble"]["title"] == "时间戳盖的不是这份报告"
    agent.engine.fill(uid, given)
    agent.engine.submit(uid)
    agent.until_done(uid)
    fields = agent.kept_report(uid)["fields"]
    assert fields["CAData"] == given["ca_data"]
    assert fields["SignType"] == 1
    assert (fields["ClientCert"], fields["SignValue"]) == (given["client_cert"], given["sign_value"])
    assert fields["Timestampvalue"] == given["tsa_token"]
