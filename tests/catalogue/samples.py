"""Invented values for the catalogue's tests: a complete exam, report and settlement of the first region."""

from __future__ import annotations

from datetime import datetime

from app.catalogue.load import load_catalogue, load_region
from app.domain.form import Source, Value
from app.domain.times import CST

CATALOGUE = load_catalogue()
REGION = load_region("shanxi", CATALOGUE)
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=CST)
USCC = "52140000MJ00000075"
SHA256 = "ab" * 32


def id_card(birth: str = "19800102", order: str = "002", region: str = "110105") -> str:
    """A citizen number with its check character (GB 11643, weights written out)."""
    digits = region + birth + order
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return digits + "10X98765432"[total % 11]


def values(texts: dict[str, str], **changes: str) -> dict[str, Value]:
    """Values a technician typed; a change to "" takes the value away."""
    kept = {key: text for key, text in {**texts, **changes}.items() if text}
    return {key: Value(text=text, source=Source.TECHNICIAN) for key, text in kept.items()}


EXAM = {
    "patient_name": "张伟",
    "id_type": "01",
    "id_number": id_card(),
    "sex": "2",
    "birth_date": "1980-01-02",
    "age": "46",
    "age_unit": "Y",
    "phone": "13800000000",
    "fixmedins_code": "H14010500001",
    "admdvs": "140105",
    "hospital_level": "11",
    "clinic_name": "演练诊所",
    "clinic_uscc": USCC,
    "request_number": "L1",
    "study_instance_uid": "1.2.3",
    "exam_id": "E1",
    "hospital_item_code": "X1",
    "hospital_item_name": "胸部CT平扫",
    "mutual_item_code": "DR020072506",
    "exam_way": "1,2",
    "img_exam_type": "2",
    "dep": "2",
    "modality": "CT",
    "body_part_code": "BB24ZYZZZ",
    "body_part": "胸部",
    "patient_source": "1",
    "his_patient_id": "P1",
    "patient_id": "P1",
    "outpatient_number": "M1",
    "diagnosis_category_code": "J18",
    "diagnosis_category_name": "肺炎",
    "diagnosis_code": "J18.900",
    "diagnosis_name": "肺炎",
    "registered_at": "2026-11-20 09:00:00",
    "examined_at": "2026-11-20 10:11:12",
    "exam_dept_name": "放射科",
    "exam_doctor_industry_code": "D140105000001",
    "exam_doctor_name": "李芳",
    "accession_number": "A1",
    "last_changed_at": "2026-11-20 10:20:00",
    "disable_flag": "0",
    "charge_type": "07",
    "apply_doctor_industry_code": "D140105000002",
    "order_id": "O1",
    "recognition_mark": "晋HR",
}
REPORT = {
    "report_id": "R1",
    "report_status": "2",
    "report_doctor_name": "王磊",
    "reported_at": "2026-11-20 10:30:00",
    "audit_doctor_name": "赵敏",
    "audited_at": "2026-11-20 11:00:00",
    "findings": "双肺纹理清晰",
    "conclusion": "未见异常",
    "is_last_audit": "0",
    "report_pdf": SHA256,
    "positive_mark": "2",
    "check_status": "4",
}
SETTLEMENT = {
    "settlement_id": "0" * 20,
    "catalogue_code": "0021",
    "fee_detail_number": "0" * 18,
    "settled_body_part": "BB24ZYZZZ",
}
