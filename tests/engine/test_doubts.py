"""The two sides of a doubt stand side by side, and what differs is marked."""

from __future__ import annotations

from typing import Any

from tests.engine.desk import Desk

Json = dict[str, Any]


def compared(desk: Desk, uid: str) -> dict[str, tuple[list[str], bool]]:
    found = desk.engine.form(uid)["studies"][0]["compared"]
    return {row["label"]: (row["values"], row["differs"]) for row in found["rows"]} if found else {}


def test_two_patients_of_one_study_are_laid_side_by_side(desk: Desk) -> None:
    uid = desk.receive(1, name="赵明轩", patient_id="P1")
    desk.more(uid, 1, name="李桂芳", patient_id="P2", PatientSex="F")
    rows = compared(desk, uid)
    assert rows["姓名"] == (["赵明轩", "李桂芳"], True)
    assert rows["患者编号"] == (["P1", "P2"], True)
    assert rows["性别"] == (["男", "女"], True)
    assert rows["出生日期"] == (["1980-02-14", "1980-02-14"], False)


def test_an_accession_number_used_twice_shows_whose_it_was(desk: Desk) -> None:
    desk.receive(1, name="赵明轩", patient_id="P1", accession="CT1")
    later = desk.receive(1, name="李桂芳", patient_id="P2", accession="CT1")
    rows = compared(desk, later)
    assert rows["姓名"] == (["李桂芳", "赵明轩"], True)
    assert rows["检查号"] == (["CT1", "CT1"], False)


def test_two_contents_of_one_image_show_when_they_came_and_how_large_they_are(desk: Desk) -> None:
    uid = desk.receive(1, instance_uid="1.2.3.4.5")
    desk.clock.pass_(90)
    desk.more(uid, 1, instance_uid="1.2.3.4.5", rows=16)
    rows = compared(desk, uid)
    assert rows["收到"][1] and rows["大小"][1]


def test_an_exam_without_doubt_compares_nothing(desk: Desk) -> None:
    assert desk.engine.form(desk.receive(1))["studies"][0]["compared"] is None
