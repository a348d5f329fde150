"""Journey: a device sends names without declaring how they are written; one key teaches the program to read them."""

from __future__ import annotations

from pathlib import Path

from app.practice.modality import Patient

from .screen import Program, Screen
from .world import Agent, Modality, a_study, study_uid

WANG = Patient(name="王小丽", id="P0007", sex="F", birth="19850607", age="041Y", latin="WANG^XIAOLI")
SUN = Patient(name="孙玉梅", id="P0008", sex="F", birth="19700203", age="056Y", latin="SUN^YUMEI")


def test_a_name_is_chosen_once_and_the_next_one_is_read_without_asking(
    screen: Screen, clinic: Agent, program: Program, tmp_path: Path
) -> None:
    first = a_study(tmp_path / "first", images=1, kind="dr", patient=WANG, charset="gbk-undeclared", accession="DR1")
    Modality(clinic.port).send_folder(tmp_path / "first")
    uid = study_uid(first[0])
    clinic.wait_for_state(uid, "check")
    screen.key("ctrl+2")
    program.click("选姓名", kind="button")
    dialog = program.wait_for_text("哪一个读法是对的")
    readings = clinic.face.name_repair(uid)["readings"]
    right = next(number for number, one in enumerate(readings, 1) if one["text"] == WANG.name)
    screen.key(str(right % len(readings) + 1))  # another one first: what is chosen is what the button says
    screen.key(str(right))
    use = program.wait_for_text(f"用“{WANG.name}”", kind="button")
    remember = program.wait_for_text("以后都按", kind="button")
    assert remember["checked"] and use["enabled"] and dialog
    screen.shot("1-dialog")
    screen.key("Return")
    clinic.wait_for_state(uid, "to_fill")
    assert clinic.study(uid)["studies"][0]["doubt"] == ""
    program.wait(lambda: any(WANG.name in row for row in program.texts("row")), what="her name in the list")
    program.wait(lambda: program.focused() == "证件号", what="the keyboard in the form")

    second = a_study(tmp_path / "second", images=1, kind="dr", patient=SUN, charset="gbk-undeclared", accession="DR2")
    Modality(clinic.port).send_folder(tmp_path / "second")
    clinic.wait_until_complete(study_uid(second[0]))
    assert clinic.study(study_uid(second[0]))["state"] == "to_fill"
    program.wait(lambda: any(SUN.name in row for row in program.texts("row")), what="the next name in the list")
    assert not program.find("选姓名", "button")
    screen.shot("2-read-by-itself")
