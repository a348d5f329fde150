"""What is suggested, why, and what never is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.catalogue.load import load_catalogue
from app.catalogue.repeats import PATIENT, load_repeats
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.desk import Desk, a_desk, answers_of
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, SETTLEMENT

Json = dict[str, Any]
NOT_TYPED = ("apply_doctor_industry_code", "exam_doctor_industry_code", "exam_doctor_name", "exam_dept_name")


def done(desk: Desk, number: int = 1, **changes: str) -> str:
    """An exam of patient `number` that was filled and submitted."""
    return submitted(desk, opened(desk, number), **changes)


def submitted(desk: Desk, uid: str, **changes: str) -> str:
    desk.engine.fill(uid, EXAM_VALUES | REPORT_VALUES | changes, [SETTLEMENT])
    desk.engine.attach(uid, str(a_pdf(desk.folder / f"{uid}.pdf")))
    desk.engine.submit(uid)
    return uid


def opened(desk: Desk, number: int = 99, **elements: str) -> str:
    named = {"patient_id": f"P{number}", "name": f"病人{number}", "accession": f"A{number}", "StudyDescription": "胸部"}
    return desk.receive(**named | elements)


def suggested(desk: Desk, uid: str, **values: str) -> dict[str, Json]:
    return {one["key"]: one for one in desk.engine.suggestions(uid, values)["suggestions"]}


@contextmanager
def with_staff(home: Home, folder: Path, *staff: Json) -> Iterator[Desk]:
    with a_desk(home, folder, "main") as desk:
        desk.engine.setup(answers_of("main") | {"signing": {"staff": list(staff)}})
        yield desk


# -- habits -----------------------------------------------------------------------------------------------------------


def test_a_first_exam_has_no_suggestions(desk: Desk) -> None:
    assert suggested(desk, opened(desk)) == {}


def test_two_exams_are_no_habit_and_three_are(desk: Desk) -> None:
    for number in (1, 2):
        done(desk, number)
    uid = opened(desk)
    assert "exam_dept_name" not in suggested(desk, uid)
    done(desk, 3)
    one = suggested(desk, uid)["exam_dept_name"]
    assert (one["text"], one["why"]) == ("放射科", "本机构胸部 CT 常填")


def test_no_habit_where_people_enter_now_this_and_now_that(desk: Desk) -> None:
    for number in range(6):
        done(desk, number, exam_dept_name="放射科" if number % 2 else "影像科")
    assert "exam_dept_name" not in suggested(desk, opened(desk))


def test_two_thirds_are_a_clear_majority(desk: Desk) -> None:
    for number in range(6):
        done(desk, number, exam_dept_name="放射科" if number < 4 else "影像科")
    assert suggested(desk, opened(desk))["exam_dept_name"]["text"] == "放射科"


def test_what_belongs_to_a_kind_of_exam_is_suggested_for_that_kind_only(desk: Desk) -> None:
    for number in range(3):
        done(desk, number)
    other = suggested(desk, opened(desk, StudyDescription="HEAD"))
    assert "mutual_item_code" not in other
    assert other["exam_dept_name"]["why"] == "本机构 CT 检查常填"
    assert suggested(desk, opened(desk, 98))["mutual_item_code"]["text"] == EXAM_VALUES["mutual_item_code"]


def test_a_doctor_comes_with_the_code(desk: Desk) -> None:
    for number in range(3):
        done(desk, number)
    one = suggested(desk, opened(desk))["exam_doctor_industry_code"]
    assert one["told"] == "本机构胸部 CT 常填：王强 · D140105000001"
    assert {"key": "exam_doctor_name", "text": "王强", "shown": "王强"} in one["also"]


def test_the_code_is_that_of_the_doctor_who_is_named_already(desk: Desk) -> None:
    for number in range(4):
        done(desk, number)
    done(desk, 8, exam_doctor_name="赵敏", exam_doctor_industry_code="D140105000099")
    found = suggested(desk, opened(desk), exam_doctor_name="赵敏")
    assert found["exam_doctor_industry_code"]["text"] == "D140105000099"
    assert found["exam_doctor_industry_code"]["why"] == "以前和“赵敏”一起填的"
    assert "exam_doctor_industry_code" not in suggested(desk, opened(desk, 97), exam_doctor_name="没来过")


def test_the_doctors_of_the_report_are_suggested_at_the_report(desk: Desk) -> None:
    for number in range(3):
        done(desk, number)
    one = suggested(desk, opened(desk))["audit_doctor_name"]
    assert (one["noun"], one["row"], one["text"]) == ("report", 0, "刘慧")


def test_exams_that_were_refused_or_never_submitted_make_no_habit(desk: Desk) -> None:
    for number in range(3):
        uid = opened(desk, number)
        desk.fill(uid)
    assert "exam_dept_name" not in suggested(desk, opened(desk))


def test_taking_every_suggestion_leaves_no_problem_at_these_fields(desk: Desk) -> None:
    for number in range(3):
        done(desk, number)
    uid = opened(desk)
    found = suggested(desk, uid)
    assert set(NOT_TYPED) <= {key for one in found.values() for key in (one["key"], *(a["key"] for a in one["also"]))}
    desk.engine.fill(uid, {key: one["text"] for key, one in found.items() if one["noun"] != "settlement"})
    left = {problem["key"] for problem in desk.engine.form(uid)["problems"]}
    assert not left & {key for key, one in found.items() if one["noun"] != "settlement"}


# -- the same patient -------------------------------------------------------------------------------------------------


def test_the_last_exam_of_the_patient_gives_number_and_phone(desk: Desk) -> None:
    done(desk, 1)
    again = opened(desk, 1, accession="A100")
    found = suggested(desk, again)
    assert found["id_number"]["text"] == EXAM_VALUES["id_number"]
    assert found["phone"]["why"] == "上次检查 2026-01-05"


@pytest.mark.parametrize(
    "other",
    [
        {"patient_id": "P2"},
        {"name": "别人"},
        {"PatientBirthDate": "19700101"},
    ],
)
def test_somebody_else_gets_nothing_of_a_patient(desk: Desk, other: dict[str, str]) -> None:
    done(desk, 1)
    found = suggested(desk, opened(desk, 1, accession="A100", **other))
    assert not found.keys() & {"id_number", "phone"}


def test_the_number_of_the_document_finds_the_patient_under_another_patient_id(desk: Desk) -> None:
    done(desk, 1)
    again = opened(desk, 1, patient_id="NEW", accession="A100")
    assert suggested(desk, again, id_number=EXAM_VALUES["id_number"])["phone"]["text"] == "13800138000"


def test_of_two_numbers_for_one_patient_none_is_suggested(desk: Desk) -> None:
    done(desk, 1)
    second = opened(desk, 1, accession="A50")
    submitted(desk, second, id_number="140105198002142032")
    again = opened(desk, 1, accession="A100")
    assert "id_number" not in suggested(desk, again)


def test_names_numbers_and_findings_of_other_patients_are_never_suggested(desk: Desk) -> None:
    for number in range(4):
        done(desk, number)
    found = suggested(desk, opened(desk))
    personal = {"patient_name", "id_number", "phone", "outpatient_number", "findings", "conclusion", "diagnosis_code"}
    assert not found.keys() & personal


# -- the staff list ---------------------------------------------------------------------------------------------------


def test_the_only_member_of_staff_with_a_role_is_suggested(home: Home, tmp_path: Path) -> None:
    staff = [
        {"name": "刘慧", "role": "审核医师", "code": "1001"},
        {"name": "甲", "role": "报告医师"},
        {"name": "乙", "role": "报告医师、申请医师"},
    ]
    with with_staff(home, tmp_path, *staff) as desk:
        found = suggested(desk, opened(desk))
        assert (found["audit_doctor_name"]["text"], found["audit_doctor_name"]["why"]) == ("刘慧", "医生名单")
        assert found["audit_doctor_name"]["also"] == [{"key": "audit_doctor_code", "text": "1001", "shown": "1001"}]
        assert "report_doctor_name" not in found


# -- the data ---------------------------------------------------------------------------------------------------------


def test_only_fields_that_exist_repeat_and_none_that_belongs_to_one_exam() -> None:
    fields, repeats = load_catalogue().fields, load_repeats()
    assert repeats.keys() <= fields.keys()
    assert not repeats.keys() & {"patient_name", "accession_number", "diagnosis_code", "findings", "settlement_id"}
    assert {key for key, one in repeats.items() if one.stays_with == {PATIENT}} & {"phone", "id_number"}


def test_the_fields_of_a_unit_describe_one_noun() -> None:
    fields = load_catalogue().fields
    nouns: dict[str, set[str]] = {}
    for key, one in load_repeats().items():
        nouns.setdefault(one.unit, set()).add(fields[key].noun.value)
    assert all(len(found) == 1 for found in nouns.values())
