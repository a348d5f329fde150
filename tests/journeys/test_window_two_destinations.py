"""Two destinations in the window: one form, a refusal mended for both, a refused image sent alone, a withdrawal."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import NewAgent, NewPractice
from .national import GUANGYUAN, GUIZHOU, ID_NUMBER, OTHER_ID_NUMBER, UPLOADED, a_place, kept, national_fill
from .screen import Program, Screen
from .world import Agent, Modality, Practice, a_study, free_port, sop_uid, study_uid, wait_for

PROVINCE, CITY = "贵州省医保影像云", "广元市医保影像云"
SAID = "证件号码与姓名不一致，请核对"
IMAGES = 6


@pytest.fixture
def province(new_practice: NewPractice) -> Practice:
    return new_practice(name="province", region=GUIZHOU)


@pytest.fixture
def city(new_practice: NewPractice) -> Practice:
    return new_practice(name="city", region=GUANGYUAN)


@pytest.fixture
def clinic(new_agent: NewAgent, province: Practice, city: Practice) -> Agent:
    port = free_port()
    files = {"public_base_url": f"http://127.0.0.1:{port}", "bind": "127.0.0.1", "port": port}
    return new_agent(start=False, files=files, destination=[a_place(province), a_place(city, "city")])


def from_the_device(clinic: Agent, folder: Path, **more: object) -> tuple[str, list[Path]]:
    paths = a_study(folder, images=IMAGES, **more)
    Modality(clinic.port).send_folder(folder)
    clinic.wait_until_complete(study_uid(paths[0]))
    return study_uid(paths[0]), paths


def filled(clinic: Agent, uid: str, pdf: Path, *without: str) -> None:
    """All but `without` is there already, as HIS and the report's PDF would have filled it."""
    fill = national_fill()
    clinic.face.fill(
        uid, {key: text for key, text in fill["values"].items() if key not in without}, fill["settlements"]
    )
    clinic.face.attach(uid, str(pdf))


def type_over(program: Program, label: str, text: str) -> None:
    program.click(name=label, kind="field")
    program.screen.key("ctrl+a")
    program.screen.type(text)
    program.wait_for_text(text, "field")


def row_of(program: Program, *texts: str) -> str | None:
    """The table's row that says all of `texts`."""
    return next((row for row in program.texts("row") if all(text in row for text in texts)), None)


def beside(program: Program, text: str) -> tuple[int, int]:
    """A place in the row that is not its tick."""
    found = program.at_rest(text, kind="row")
    return found["x"] + found["w"] + 40, found["y"] + found["h"] // 2


def test_one_form_goes_to_both_and_what_one_refuses_is_mended_for_both(
    screen: Screen, program: Program, clinic: Agent, province: Practice, city: Practice, tmp_path: Path, pdf: Path
) -> None:
    city.fault(where="exam", when="before", what="partial", times=1, message=SAID)
    uid, _ = from_the_device(clinic, tmp_path / "ct")
    filled(clinic, uid, pdf, "id_number")

    # one form for both; the last field is typed
    program.click("待填报", kind="button")
    program.wait_for_text(f"送往 {PROVINCE}、{CITY}")
    program.enter("证件号", ID_NUMBER)
    screen.key("ctrl+Return")
    clinic.wait_for_state(uid, "held")

    # the one has it, the other says what is wrong; the form says who said it
    screen.key("ctrl+3")
    program.wait(lambda: row_of(program, PROVINCE, "已上传"), what="the province's green row")
    program.wait(lambda: row_of(program, CITY, "待处理", SAID), what="what the city says")
    screen.click(*beside(program, CITY))
    program.click("去修改", kind="button")
    program.wait_for_text(f"{CITY} · 平台没有收下这份记录")
    program.wait_for_text(f"平台的原话：{SAID}")
    program.click("患者信息", kind="label")
    type_over(program, "证件号", OTHER_ID_NUMBER)
    screen.key("ctrl+Return")
    clinic.wait_for_state(uid, *UPLOADED)

    # both have it under the corrected number, and the province nothing under the old one
    wait_for(lambda: [OTHER_ID_NUMBER in str(one) for one in kept(city, "exams")] == [True], what="the city's record")
    assert [OTHER_ID_NUMBER in str(one) for one in kept(province, "exams")] == [True]
    screen.key("ctrl+3")
    program.wait(lambda: row_of(program, CITY, "已上传"), what="the city's green row")
    screen.click(*beside(program, PROVINCE))
    for said in ("换了医保影像云索引", "旧索引已撤回", "平台已接收"):
        program.wait_for_text(said, kind="label")
    screen.click(*beside(program, CITY))
    program.wait_for_text("已取 1 次", kind="label")
    assert "撤回" not in program.texts("button"), "the city offers no withdrawal"
    assert not any(OTHER_ID_NUMBER in text for text in program.texts()), "the index is shown masked"


def test_a_refused_image_goes_alone_and_the_exam_is_withdrawn_by_name(
    screen: Screen, program: Program, clinic: Agent, province: Practice, tmp_path: Path, pdf: Path
) -> None:
    uid, paths = from_the_device(clinic, tmp_path / "ct", accession="CT2611210007")
    bad = sop_uid(paths[3])
    province.fault(where="image", when="before", what="code0", match=bad, times=0, message="影像无法打开")
    filled(clinic, uid, pdf)
    clinic.face.submit(uid)
    clinic.wait_for_state(uid, "rejected")
    screen.key("ctrl+3")
    program.wait(lambda: row_of(program, PROVINCE, f"{IMAGES - 1} / {IMAGES}", "影像无法打开"), what="how many it has")
    screen.click(*beside(program, PROVINCE))
    program.wait_for_text("平台没有收下其中的影像", kind="label")
    program.click("平台的原话", kind="label")
    program.wait_for_text(bad, kind="label")

    province.no_faults()
    before = len(province.received())
    program.click("重新上传", kind="button")
    clinic.wait_for_state(uid, *UPLOADED)
    assert [one["key"] for one in province.received(before)] == [bad]

    program.wait(lambda: row_of(program, PROVINCE, "已上传"), what="the green row")
    program.click("撤回", kind="button")
    program.wait_for_text("撤回 张伟 的 CHEST CT？")
    program.wait_for_text(f"{PROVINCE}将删除这例")
    screen.key("Tab")
    program.wait(lambda: program.focused() == "撤回", what="the keyboard on the act")
    screen.key("Return")
    wait_for(lambda: not kept(province, "exams"), what="the province to forget it")
    program.wait(lambda: row_of(program, PROVINCE, "已撤回"), what="the row")
    program.wait_for_text("平台已删除，本机的影像和记录都在", kind="label")
    assert row_of(program, CITY, "已上传"), "the other keeps it"
