"""上传队列 and 设备 on a real screen: several at once, one sent again, a slip for the files, a device let in."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest

from .conftest import NewAgent
from .screen import Program, Screen
from .world import Agent, Modality, Practice, a_study, an_id_number, complete_fill
from .world import Patient as Person

LI = Person(name="李娜", id="P0002", sex="F", birth="19900305", latin="LI^NA")


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    """Only one device may send."""
    return new_agent(practice, start=False, dicom={"allowed_callers": ["MODALITY"]})


def submit(clinic: Agent, folder: Path, pdf: Path, person: Person, accession: str) -> str:
    """An exam of this person, filled and submitted; its key."""
    known = {row["uid"] for row in clinic.studies()}
    Modality(clinic.port).send(a_study(folder, images=2, patient=person, accession=accession))
    new = clinic.wait_for(lambda: {row["uid"] for row in clinic.studies()} - known, what="the exam")
    uid = clinic.wait_until_complete(new.pop())["uid"]
    clinic.fill_and_submit(uid, complete_fill(person, id_number=an_id_number(person)), pdf)
    return str(uid)


def choose(program: Program, text: str) -> None:
    """Click a row beside its tick; its panel opens."""
    found = program.at_rest(text, kind="row")
    program.screen.click(found["x"] + found["w"] + 40, found["y"] + found["h"] // 2)
    program.wait_for_text("上传凭单", kind="button")


def received(practice: Practice) -> int:
    """How many exams the platform was sent, the same one each time anew."""
    return sum(int(one["received"]) for one in practice.ledger(fields=False)["exams"])


def written(pdf: Path) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def test_several_are_chosen_one_is_sent_again_and_a_slip_is_kept(
    screen: Screen, program: Program, clinic: Agent, practice: Practice, tmp_path: Path, pdf: Path
) -> None:
    sent = submit(clinic, tmp_path / "sent", pdf, Person(), "CT1001")
    clinic.wait_for_state(sent, "acknowledged")
    program.click("暂停上传", kind="button")
    program.wait_for_text("恢复上传", kind="button")
    waiting = submit(clinic, tmp_path / "waiting", pdf, LI, "CT1002")
    clinic.wait_for_state(waiting, "queued", "paused")

    program.click("上传队列", kind="button")
    choose(program, "张伟")
    screen.key("ctrl+a")
    program.wait_for_text("已选 2 个任务")
    program.wait_for_text("李娜")
    program.wait(lambda: program.find("重新上传 1 个", kind="button"), what="how many will be sent again")
    assert program.find("本来就在排队，不用重传", kind="label") is not None, program.texts("label")
    screen.key("Escape")
    program.wait(lambda: program.find("已选", kind="label") is None, what="the choice to end")
    choose(program, "张伟")
    screen.key("space")
    program.wait_for_text("已选 1 个任务")

    before = received(practice)
    screen.key("ctrl+r")
    program.wait(lambda: program.find("已选", kind="label") is None, what="the resend to be taken")
    program.click("恢复上传", kind="button")
    clinic.wait_for_state(waiting, "acknowledged")
    clinic.wait_for_state(sent, "acknowledged")
    clinic.wait_for(lambda: received(practice) == before + 2, what="both exams at the platform")

    choose(program, "张伟")
    screen.key("ctrl+p")
    program.click("存成 A5", kind="button")
    program.wait_for_window("存上传凭单")
    slip = tmp_path / "slip.pdf"
    screen.key("ctrl+a")
    screen.type(str(slip))
    program.wait_for_text(str(slip), kind="field")
    screen.key("Return")
    clinic.wait_for(lambda: slip.exists() and slip.stat().st_size, what="the slip")
    program.wait_for_text("已存：")
    text = written(slip)
    assert "张伟" in text and "CT1001" in text and "平台已接收" in text
    assert an_id_number(Person()) not in text


def test_a_strange_device_is_let_in_and_its_image_is_taken(program: Program, clinic: Agent, tmp_path: Path) -> None:
    Modality(clinic.port).send(a_study(tmp_path / "known", images=2))
    program.click("设备", kind="button")
    program.wait_for_text("MODALITY", kind="row")
    program.wait(lambda: program.find("刚刚", kind="row"), what="its last image")

    images = a_study(tmp_path / "strange", images=1, patient=LI, accession="DR2001", kind="dr")
    said = Modality(clinic.port).send_here(images, calling="DR_ROOM2")
    assert said.rejected and not said.stored
    program.wait_for_text("DR_ROOM2 想发影像，没有放进来")
    program.click("允许它", kind="button")
    program.wait_for_text("已经允许")
    said = clinic.wait_for(
        lambda: one if (one := Modality(clinic.port).send_here(images, calling="DR_ROOM2")).stored else None,
        what="the device to be let in",
    )
    assert len(said.stored) == 1
    program.wait(lambda: (row := program.find("DR_ROOM2", kind="row")) and "刚刚" in row["text"], what="its image")
    assert {row["patient_name"] for row in clinic.studies()} == {"张伟", "李娜"}
