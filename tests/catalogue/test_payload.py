"""Values become the body of a message in the document's order, and a clinic's settings change single rows."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from app.catalogue.check import exam_problems
from app.catalogue.payload import of_all_exams, payload, read_payload
from app.domain.form import Level
from app.errors import NeedsOperator
from tests.catalogue.samples import EXAM, NOW, REGION, REPORT, SETTLEMENT, SHA256, values


@dataclass(frozen=True)
class AFile:
    """A reference as a caller hands it in."""

    sha256: str


def exam_body(**changes: str) -> dict[str, object]:
    return payload(REGION, "exam", values(EXAM, **changes), rows={"settlements": [values(SETTLEMENT)]})


def report_body(**changes: str) -> dict[str, object]:
    return payload(REGION, "report", {**EXAM, **REPORT, **changes})


def test_the_body_follows_the_order_of_the_document() -> None:
    for message, body in (("exam", exam_body()), ("report", report_body())):
        order = [row.path for row in REGION.rows[message]]
        assert list(body) == [path for path in order if path in body] and len(body) > 30


def test_numbers_are_json_numbers_and_the_rest_is_text() -> None:
    body = exam_body(patient_source="1")
    assert body["patientFrom"] == 1 and body["disableFlag"] == 0 and body["patAge"] == "46" and body["sex"] == "2"
    assert report_body()["dep"] == 2 and report_body()["checkPositiveMark"] == 2


def test_what_is_not_known_is_left_out() -> None:
    body = exam_body()
    assert "patSpellName" not in body and "inPatientId" not in body and "pdf_path" not in report_body()


def test_settlement_rows_go_as_a_list_of_objects() -> None:
    assert exam_body()["setInfoList"] == [
        {"setId": "0" * 20, "medListCode": "0021", "feeDetailSn": "0" * 18, "examPart": "BB24ZYZZZ"}
    ]


def test_a_file_reference_goes_through_unchanged() -> None:
    file = AFile(SHA256)
    body = payload(REGION, "report", {**EXAM, **REPORT, "report_pdf": file})
    assert body["reportPdfBase64"] is file


def test_several_codes_are_parted_as_the_row_says() -> None:
    body = exam_body(img_exam_type="2,3", exam_way="1,2")
    assert body["imgExamType"] == "2|3" and body["examWay"] == "1,2"


def test_named_converters_fill_what_the_document_prescribes() -> None:
    body = report_body(reserve_time="2026-11-20 08:00:00 / 2026-11-20 09:00:00")
    assert body["appointDate"] == "2026-11-20 08:00:00" and body["itemNumSbh"] == "Z" * 15
    assert report_body()["appointDate"] == EXAM["registered_at"] and report_body(modality="")["instra"] == "OT"
    assert exam_body()["examItemName"] == "胸部正位" and body["recordNum"] == body["ACCESS_NO"] == "R1"


def test_one_report_of_several_exams_names_them_all() -> None:
    second = {**EXAM, "exam_id": "E2", "body_part": "腹部"}
    body = payload(REGION, "report", of_all_exams(REGION, "report", [values(EXAM), second], REPORT))
    assert body["risStudyId"] == "E1,E2" and body["categoryName"] == "胸部,腹部" and body["itemName"] == "胸部CT平扫"


def test_a_body_reads_back_to_the_values_it_was_made_of() -> None:
    sent = json.loads(json.dumps(exam_body()))
    texts, rows = read_payload(REGION, "exam", sent)
    assert {key: text for key, text in EXAM.items() if key != "dep" and key != "exam_doctor_name"} == {
        key: text for key, text in texts.items() if key != "exam_doctor_name"
    }
    assert rows == {"settlements": [SETTLEMENT]}


def test_both_spellings_are_read_and_one_is_sent() -> None:
    for spelling in ("examAdmndvs", "examAdmdvs", "examadmdvs"):
        assert read_payload(REGION, "exam", {spelling: "140105"})[0] == {"admdvs": "140105"}
    assert read_payload(REGION, "report", {"Timestampvalue": "QQ=="})[0] == {"tsa_token": "QQ=="}
    assert read_payload(REGION, "exam", {"sex": "77", "unknown": 1})[0] == {}


def test_a_text_that_its_type_refuses_is_never_sent() -> None:
    with pytest.raises(NeedsOperator):
        exam_body(sex="7")


def test_a_clinic_renames_relaxes_and_nests_a_row() -> None:
    mended = REGION.with_overrides(
        {
            "exam.admdvs": {"path": "examAdmdvs"},
            "exam.diagnosis_code": {"level": "may"},
            "exam.patient_name": {"max_length": 1},
            "exam.img_exam_type": {"convert": "space"},
            "exam.bodyPart": {"path": "body.part"},
            "exam.outpatient_number": {"required_when": ""},
        }
    )
    body = payload(mended, "exam", {**EXAM, "img_exam_type": "2,3"})
    assert body["examAdmdvs"] == "140105" and "examAdmndvs" not in body and body["imgExamType"] == "2 3"
    assert body["body"] == {"part": "胸部"}
    assert read_payload(mended, "exam", {"examAdmndvs": "140105"})[0] == {"admdvs": "140105"}
    found = exam_problems(mended, values(EXAM, diagnosis_code="", patient_source="3"), [values(SETTLEMENT)], now=NOW)
    assert {problem.key for problem in found} == {"patient_name", "inpatient_number"}
    assert REGION.rows["exam"][79].level is Level.MUST


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("exam.nothing", {"path": "x"}, "不是这个地区的字段"),
        ("nothing.sex", {"path": "x"}, "不是这个地区的字段"),
        ("report.report_id", {"path": "x"}, "recordNum、ACCESS_NO"),
        ("exam.sex", {"level": "never"}, "level"),
        ("exam.sex", {"path": ""}, "path"),
        ("exam.sex", {"max_length": "-1"}, "max_length"),
        ("exam.sex", {"label": "x"}, "label"),
        ("exam.sex", {"convert": "x"}, "convert"),
    ],
)
def test_a_wrong_override_is_told_with_its_name(name: str, changes: dict[str, str | int], words: str) -> None:
    with pytest.raises(NeedsOperator) as refused:
        REGION.with_overrides({name: changes})
    assert words in str(refused.value) and refused.value.page == "destination"


def test_a_row_named_by_its_wire_name_is_changed_alone() -> None:
    mended = REGION.with_overrides({"report.ACCESS_NO": {"path": "accessNo"}})
    body = payload(mended, "report", {**EXAM, **REPORT})
    assert body["accessNo"] == body["recordNum"] == "R1"
