"""What keeps a record back: what must be there, its form, and what must agree with what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.catalogue.check import exam_problems, problems, report_problems
from app.catalogue.form import build_form, shown
from app.domain.form import Level, Noun, Problem
from tests.catalogue.samples import CATALOGUE, EXAM, NOW, REGION, REPORT, SETTLEMENT, id_card, values


def of_exam(**changes: str) -> dict[str, Problem]:
    found = exam_problems(REGION, values(EXAM, **changes), [values(SETTLEMENT)], now=NOW)
    return {problem.key: problem for problem in found}


def of_report(exam: dict[str, str] | None = None, /, **changes: str) -> dict[str, Problem]:
    found = report_problems(REGION, values(EXAM, **(exam or {})), values(REPORT, **changes), now=NOW, row=1)
    return {problem.key: problem for problem in found}


def of_settlement(exam: dict[str, str], **changes: str) -> dict[str, Problem]:
    found = exam_problems(REGION, values(EXAM, **exam), [values(SETTLEMENT), values(SETTLEMENT, **changes)], now=NOW)
    assert all(problem.noun is Noun.SETTLEMENT and problem.row == 1 for problem in found)
    return {problem.key: problem for problem in found}


def test_a_complete_record_has_no_problems() -> None:
    assert problems(REGION, values(EXAM), [values(REPORT)], [values(SETTLEMENT)], now=NOW) == ()


def test_an_exam_can_be_checked_before_there_is_a_report() -> None:
    assert exam_problems(REGION, values(EXAM), [values(SETTLEMENT)], now=NOW) == ()
    assert problems(REGION, values(EXAM), [], [values(SETTLEMENT)], now=NOW) == ()


MUST = [row.key for row in REGION.rows["exam"] if row.level is Level.MUST and not row.required_when]


@pytest.mark.parametrize("key", sorted(set(MUST) - {"settlements"}))
def test_every_required_field_is_asked_for_by_its_chinese_name(key: str) -> None:
    problem = of_exam(**{key: ""})[key]
    label = CATALOGUE.fields[key].label
    assert problem.label == label and problem.title == f"还没有{label}" and label in problem.advice


@pytest.mark.parametrize(
    "key", sorted({row.key for row in REGION.rows["exam"] if row.level is Level.IF_KNOWN} - set(MUST))
)
def test_a_field_that_is_asked_for_only_if_known_never_blocks_when_empty(key: str) -> None:
    assert key not in of_exam(**{key: ""})


def test_an_exam_needs_at_least_one_settlement_row() -> None:
    assert [problem.key for problem in exam_problems(REGION, values(EXAM), [], now=NOW)] == ["settlements"]


@pytest.mark.parametrize(
    ("source", "required"), [("1", "outpatient_number"), ("3", "inpatient_number"), ("2", ""), ("9", "")]
)
def test_the_number_of_the_place_that_a_patient_comes_from_is_required(source: str, required: str) -> None:
    found = of_exam(patient_source=source, outpatient_number="", inpatient_number="")
    assert set(found) == ({required} if required else set())


def test_the_last_audit_is_asked_for_only_when_there_is_one() -> None:
    assert of_report() == {}
    assert set(of_report(is_last_audit="1")) == {"last_audit_doctor_name"}
    assert of_report(is_last_audit="1", last_audit_doctor_name="钱进") == {}


def test_a_report_needs_its_pdf_or_an_address_and_asks_once() -> None:
    found = of_report(report_pdf="")
    assert list(found) == ["report_pdf"] and found["report_pdf"].row == 1
    assert of_report(report_pdf="", report_pdf_url="http://127.0.0.1/1.pdf") == {}


def test_the_doctor_who_examined_is_asked_for_once_the_exam_is_done() -> None:
    assert set(of_report({"exam_doctor_name": ""})) == {"exam_doctor_name"}


def test_signature_fields_are_asked_for_only_after_signing() -> None:
    assert set(of_report(sign_value="QUJD")) == {"ca_data", "client_cert", "sign_type", "tsa_token"}


def test_certificate_signature_timestamp_and_uids_are_never_too_long() -> None:
    long = {"client_cert": "A" * 1100, "sign_value": "A" * 1200, "tsa_token": "A" * 2300}
    assert of_report(ca_data="原文", sign_type="1", **long) == {}
    assert of_exam(study_instance_uid="1." + "2" * 300) == {}


def test_a_text_that_is_too_long_says_how_many_characters_go() -> None:
    problem = of_exam(hospital_item_name="长" * 256)["hospital_item_name"]
    assert problem.title == "院内检查项目名称太长" and "最多收 255 个字，现在 256 个" in problem.advice


def test_a_code_outside_its_table_is_a_problem_also_where_it_may_be_missing() -> None:
    assert "不在字典里" in of_exam(sex="7")["sex"].title
    assert "不在字典里" in of_exam(marital_status="11")["marital_status"].title
    assert "不在字典里" in of_exam(body_part_code="BB24ZYZZZ,XXXXXXXXX")["body_part_code"].title


def test_a_doubtful_code_may_be_sent_and_says_its_doubt_in_the_form() -> None:
    assert of_exam(body_part_code="BB04ZZZ1") == {}
    form = build_form(CATALOGUE, REGION, values(EXAM, body_part_code="BB04ZZZ1"), [], [], now=NOW)
    assert "8 位" in next(field.doubt for field in form.exam if field.key == "body_part_code")


def test_an_id_card_is_checked_and_a_passport_is_not() -> None:
    assert of_exam(id_number=id_card()[:-1])["id_number"].title == "证件号：少 1 位"
    assert of_exam(id_type="03", id_number="E12345678") == {}


def test_birth_date_and_sex_agree_with_the_id_card() -> None:
    assert set(of_exam(birth_date="1980-01-03")) == {"birth_date"}
    assert "女" in of_exam(sex="1")["sex"].advice
    assert of_exam(id_type="03", sex="1") == {}


@pytest.mark.parametrize(
    ("born", "age", "unit", "fits"),
    [
        ("1980-11-20", "46", "Y", True),
        ("1980-11-21", "46", "Y", False),
        ("2026-06-20", "5", "M", True),
        ("2026-06-20", "6", "M", False),
        ("2026-11-01", "19", "D", True),
        ("2025-05-20", "18", "M", True),
        ("2026-11-20", "6", "H", True),
    ],
)
def test_the_age_agrees_with_birth_date_and_exam_date(born: str, age: str, unit: str, fits: bool) -> None:
    found = of_exam(id_type="99", id_number="X1", birth_date=born, age=age, age_unit=unit)
    assert set(found) == (set() if fits else {"age"})


def test_an_exam_in_the_future_points_at_the_clock_of_the_device() -> None:
    soon = (NOW + timedelta(minutes=4)).strftime("%Y-%m-%d %H:%M:%S")
    later = (NOW + timedelta(minutes=6)).strftime("%Y-%m-%d %H:%M:%S")
    assert of_exam(examined_at=soon) == {}
    assert "时钟" in of_exam(examined_at=later)["examined_at"].advice


def test_a_report_is_audited_after_it_was_written() -> None:
    assert set(of_report(audited_at="2026-11-20 10:29:59")) == {"audited_at"}
    assert of_report(audited_at=REPORT["reported_at"]) == {}


def test_outside_the_insurance_the_fixed_numbers_stand_together() -> None:
    insured = {"charge_type": "01"}
    assert of_settlement(insured, settlement_id="1401", fee_detail_number="F1") == {}
    assert set(of_settlement(insured, settlement_id="0" * 19)) == {"settlement_id"}
    assert set(of_settlement(insured, fee_detail_number="F1")) == {"fee_detail_number"}
    assert set(of_settlement({}, settlement_id="1401", fee_detail_number="F1")) == {
        "settlement_id",
        "fee_detail_number",
    }


def test_a_form_has_every_field_once_with_its_level_for_these_values() -> None:
    form = build_form(CATALOGUE, REGION, values(EXAM), [values(REPORT)], [values(SETTLEMENT)], now=NOW)
    keys = [field.key for field in (*form.exam, *form.reports[0], *form.settlements[0])]
    messages = ("exam", "report", "settlement")  # what else is sent is the program's
    assert sorted(keys) == sorted({row.key for message in messages for row in REGION.rows_of(message)})
    levels = {field.key: field.level for field in (*form.exam, *form.reports[0])}
    assert levels["outpatient_number"] is Level.MUST and levels["inpatient_number"] is Level.IF_KNOWN
    assert levels["apply_doctor_industry_code"] is Level.MUST and levels["report_pdf_url"] is Level.IF_KNOWN
    by_key = {field.key: field for field in form.exam}
    assert by_key["sex"].shown == "2 女性" and by_key["apply_doctor_industry_code"].max_length == 20
    assert by_key["exam_way"].shown == "1 平扫；2 增强" == shown(REGION, "exam_way", "1,2")


def test_a_form_shows_a_problem_at_its_field_of_its_report() -> None:
    reports = [values(REPORT), values(REPORT, findings="")]
    form = build_form(CATALOGUE, REGION, values(EXAM, sex="7"), reports, [], now=NOW)
    assert next(field for field in form.exam if field.key == "sex").problem
    assert [field.key for field in form.reports[0] if field.problem] == []
    assert [field.key for field in form.reports[1] if field.problem] == ["findings"]
    assert {problem.key for problem in form.problems} == {"sex", "findings", "settlements"}
