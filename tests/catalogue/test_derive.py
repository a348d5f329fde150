"""What the program fills by itself, and who wins."""

from __future__ import annotations

from itertools import product

import pytest

from app.catalogue.derive import better, clinic_constants, derived, derived_report, filled, uninsured_settlement
from app.catalogue.person import dicom_age, dicom_name, pinyin_name
from app.domain.form import Source, Value
from app.domain.settings import Clinic
from tests.catalogue.samples import EXAM, REGION, USCC, id_card, values

HEADER = {
    "PatientName": "Zhang^Wei=张^伟",
    "PatientID": "P1",
    "PatientSex": "M",
    "PatientBirthDate": "19800102",
    "PatientAge": "040Y",
    "StudyDate": "20261120",
    "StudyTime": "101112.5",
    "Modality": "DX",
    "BodyPartExamined": "CSpine",
    "StudyInstanceUID": "1.2.3",
    "AccessionNumber": "A1",
    "ManufacturerModelName": "DR-1",
}
CLINIC = clinic_constants(Clinic(name="演练诊所", uscc=USCC, level="11"))


def texts(header: dict[str, str], exam: dict[str, Value] | None = None) -> dict[str, str]:
    return {key: value.text for key, value in filled(exam or {}, derived(REGION, header, exam or {}, CLINIC)).items()}


def test_a_header_fills_the_patient_the_exam_and_the_codes() -> None:
    found = texts(HEADER)
    expected = {
        "patient_name": "张伟",
        "patient_name_pinyin": "ZHANG WEI",
        "sex": "1",
        "birth_date": "1980-01-02",
        "age": "46",
        "age_unit": "Y",
        "patient_id": "P1",
        "his_patient_id": "P1",
        "accession_number": "A1",
        "request_number": "A1",
        "study_instance_uid": "1.2.3",
        "examined_at": "2026-11-20 10:11:12",
        "modality": "DX",
        "img_exam_type": "1",
        "dep": "1",
        "body_part": "颈椎",
        "device_name": "DR-1",
        "clinic_name": "演练诊所",
        "clinic_uscc": USCC,
        "hospital_level": "11",
        "id_type": "01",
    }
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("modality", "kind", "dep"),
    [
        ("CT", "2", "2"),
        ("MR", "3", "3"),
        ("US", "4", "4"),
        ("NM", "5", "9"),
        ("PT", "5", "7"),
        ("XA", "1", "6"),
        ("MG", "1", "1"),
    ],
)
def test_a_modality_gives_two_different_codes(modality: str, kind: str, dep: str) -> None:
    found = texts({"Modality": modality})
    assert (found["img_exam_type"], found["dep"]) == (kind, dep)


def test_an_unknown_modality_gives_none() -> None:
    assert "img_exam_type" not in texts({"Modality": "SEG"})


@pytest.mark.parametrize(
    ("header", "at"),
    [
        ({"StudyDate": "20261120", "StudyTime": "1011"}, "2026-11-20 10:11:00"),
        ({**HEADER, "AcquisitionDate": "20261120", "AcquisitionTime": "102030"}, "2026-11-20 10:20:30"),
        ({**HEADER, "AcquisitionDateTime": "20261120103000.123456"}, "2026-11-20 10:30:00"),
        ({**HEADER, "AcquisitionDateTime": "20261120023000+0000"}, "2026-11-20 10:30:00"),
        ({"StudyDate": "20261120", "StudyTime": "021112", "TimezoneOffsetFromUTC": "+0000"}, "2026-11-20 10:11:12"),
        ({"StudyDate": "20261120"}, None),
        ({"StudyDate": "20261345", "StudyTime": "101112"}, None),
    ],
)
def test_the_exam_time_is_the_latest_kind_of_time_in_the_header(header: dict[str, str], at: str | None) -> None:
    assert texts(header).get("examined_at") == at


def test_an_id_card_gives_birth_date_and_sex_over_what_the_device_says() -> None:
    exam = values({"id_type": "01", "id_number": id_card("19900505", "002")})
    found = texts(HEADER, exam)
    assert (found["birth_date"], found["sex"], found["age"]) == ("1990-05-05", "2", "36")


def test_a_derived_value_follows_its_source_and_leaves_with_it() -> None:
    first = filled({}, derived(REGION, HEADER, {}, CLINIC))
    card = first | values({"id_number": id_card("19900505", "002")})
    with_card = filled(card, derived(REGION, HEADER, card, CLINIC))
    assert with_card["birth_date"].text == "1990-05-05"
    without = {key: value for key, value in with_card.items() if key != "id_number"}
    again = filled(without, derived(REGION, HEADER, without, CLINIC))
    assert again["sex"].text == "1" and again["birth_date"].text == "1980-01-02" and again["age"].text == "46"
    bare = filled(without, derived(REGION, {}, without, CLINIC))
    assert "birth_date" not in bare and "age" not in bare


def test_deriving_twice_changes_nothing() -> None:
    once = filled({}, derived(REGION, HEADER, {}, CLINIC))
    assert filled(once, derived(REGION, HEADER, once, CLINIC)) == once


def test_a_technician_s_value_is_never_overwritten_not_even_an_empty_one() -> None:
    typed = {
        "patient_name": Value(text="张薇", source=Source.TECHNICIAN),
        "sex": Value(text="", source=Source.TECHNICIAN),
    }
    found = filled(typed, derived(REGION, HEADER, typed, CLINIC))
    assert found["patient_name"].text == "张薇" and found["patient_name_pinyin"].text == "ZHANG WEI"
    assert found["sex"] == typed["sex"]


@pytest.mark.parametrize(("old", "new"), list(product(Source, Source)))
def test_the_later_source_wins_and_a_person_is_last(old: Source, new: Source) -> None:
    order = list(Source)
    kept = better(Value(text="a", source=old), Value(text="b", source=new))
    assert kept.text == ("b" if order.index(new) >= order.index(old) else "a")


def test_an_unknown_value_gives_way_to_a_known_one() -> None:
    assert better(Value(text="", source=Source.HIS), Value(text="b", source=Source.DEFAULT)).text == "b"
    assert better(Value(text="a", source=Source.DEFAULT), Value(text="", source=Source.HIS)).text == "a"


@pytest.mark.parametrize(
    ("born", "age", "unit"),
    [
        ("20261119", "1", "D"),
        ("20261022", "29", "D"),
        ("20261020", "1", "M"),
        ("20251121", "11", "M"),
        ("20251120", "1", "Y"),
    ],
)
def test_the_unit_of_an_age_follows_the_convention(born: str, age: str, unit: str) -> None:
    found = texts({**HEADER, "PatientBirthDate": born})
    assert (found["age"], found["age_unit"]) == (age, unit)


def test_on_the_day_of_birth_the_hours_are_asked_for() -> None:
    found = derived(REGION, {**HEADER, "PatientBirthDate": "20261120"}, {}, CLINIC)
    assert found["age_unit"].text == "H" and found["age"].text == "" and "小时" in found["age"].doubt


def test_without_a_birth_date_the_age_of_the_device_is_taken() -> None:
    found = texts({"PatientAge": "003W"})
    assert (found["age"], found["age_unit"]) == ("21", "D")
    assert dicom_age("45") is None


def test_rubbish_from_a_device_is_left_out() -> None:
    found = texts({"PatientName": "????", "PatientBirthDate": "00000000", "PatientSex": "X", "StudyInstanceUID": "a b"})
    assert not {"patient_name", "birth_date", "sex", "study_instance_uid"} & set(found)


@pytest.mark.parametrize(
    ("name", "chinese", "latin"),
    [
        ("Zhang^San=张^三", "张三", "ZHANG SAN"),
        ("张三", "张三", ""),
        ("ZHANG SAN", "", "ZHANG SAN"),
        ("Wang^XiaoDong=王^小东=", "王小东", "WANG XIAODONG"),
    ],
)
def test_a_dicom_name_parts_into_chinese_and_latin(name: str, chinese: str, latin: str) -> None:
    found = dicom_name(name)
    assert (found.chinese, found.latin) == (chinese, latin)


@pytest.mark.parametrize(
    ("name", "pinyin"), [("单雄信", "SHAN XIONGXIN"), ("欧阳", "OU YANG"), ("尉迟恭", "YUCHI GONG"), ("John", "")]
)
def test_surnames_are_read_as_surnames(name: str, pinyin: str) -> None:
    assert pinyin_name(name) == pinyin


def test_a_name_in_latin_letters_is_no_chinese_name() -> None:
    found = texts({"PatientName": "ZHANG^SAN"})
    assert found["patient_name_pinyin"] == "ZHANG SAN" and "patient_name" not in found


def test_a_report_starts_with_the_usual_codes_and_its_own_institution() -> None:
    exam = values(EXAM)
    report = values({"audited_at": "2026-11-20 11:00:00"})
    found = {key: value.text for key, value in derived_report(REGION, exam, report, CLINIC).items()}
    assert found == {
        "is_last_audit": "0",
        "report_clinic_uscc": USCC,
        "audit_clinic_uscc": USCC,
        "report_medins_code": EXAM["fixmedins_code"],
        "audit_medins_code": EXAM["fixmedins_code"],
        "published_at": "2026-11-20 11:00:00",
    }


def test_a_settlement_outside_the_insurance_has_its_fixed_numbers() -> None:
    found = {key: value.text for key, value in uninsured_settlement(REGION, values(EXAM)).items()}
    assert found == {"settlement_id": "0" * 20, "fee_detail_number": "0" * 18, "settled_body_part": "BB24ZYZZZ"}
