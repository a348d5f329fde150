"""Journey: the platform's key is wrong in the settings; the exam says so, the button leads there, it goes by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import NewAgent
from .screen import Program, Screen
from .world import SM4_KEY, Agent, Modality, Practice, a_destination, a_study, complete_fill, study_uid

WRONG_KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    wrong = a_destination(practice) | {"secrets": {"sm4_key": WRONG_KEY}}
    return new_agent(practice, start=False, destination=[wrong])


def test_a_wrong_key_is_named_reached_by_its_button_and_repaired(
    screen: Screen, clinic: Agent, practice: Practice, program: Program, tmp_path: Path, pdf: Path
) -> None:
    uid = study_uid(a_study(tmp_path / "ct", images=2)[0])
    Modality(clinic.port).send_folder(tmp_path / "ct")
    clinic.wait_until_complete(uid)
    clinic.fill_and_submit(uid, complete_fill(), pdf)
    program.wait(lambda: program.tray["look"] == "needs-you", what="the icon to ask for somebody")
    assert practice.ledger()["exams"] == []

    # 今天 says it in plain words; its button opens the exam, whose button opens the keys
    program.wait(lambda: any("解不开我们加密的内容" in text for text in program.texts()), what="the plain sentence")
    screen.shot("1-today")
    program.click("查看", kind="button")
    program.wait_for_text("请找工程师核对 SM4 密钥")
    screen.shot("2-why")
    program.click("去填密钥", kind="button")
    program.wait_for_text("存进去的不再显示")
    program.click(name="SM4 密钥", kind="field")
    screen.type(SM4_KEY)
    program.click("保存", kind="button")
    screen.shot("3-keys")

    # nobody sends it again: it goes by itself
    clinic.wait_for_state(uid, "acknowledged")
    program.wait(lambda: program.tray["look"] == "confirmed", what="the icon to be green")
    screen.key("ctrl+1")
    program.wait(lambda: not program.find("查看", "button"), what="nothing left to do")
    screen.shot("4-green")
    assert len(practice.ledger()["exams"]) == 1
    assert SM4_KEY not in clinic.log_text()
