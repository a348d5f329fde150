"""What the program can fill by itself: from a DICOM header, from other values, from the clinic. Pure; a person wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone

from app.catalogue.agree import is_id_card
from app.catalogue.identity import id_card_birth_date, id_card_fault, id_card_sex
from app.catalogue.person import age_of, dicom_age, dicom_name, pinyin_name
from app.catalogue.region import Region
from app.catalogue.times import day
from app.catalogue.types import TYPES
from app.domain.form import Noun, Source, Value
from app.domain.settings import Clinic
from app.domain.times import CST, cst_text
from app.errors import NeedsOperator

Header = Mapping[str, str]
"""DICOM keyword -> text of one image of the study."""

HOUR_DOUBT = "出生当天的检查，设备没有给出出生时刻，请填实际的小时数"

STANDS_IN = {
    "request_number": ("accession_number",),
    "order_id": ("order_number", "request_number"),
    "his_patient_id": ("patient_id",),
    "fixmedins_name": ("clinic_name",),
    "device_type": ("modality",),
    "diagnostic_dept_name": ("exam_dept_name",),
    "diagnostic_dept_code": ("exam_dept_code",),
    "diagnostic_doctor_code": ("exam_doctor_code",),
    "diagnostic_doctor_industry_code": ("exam_doctor_industry_code",),
    "diagnostic_doctor_id_type": ("exam_doctor_id_type",),
    "diagnostic_doctor_id_number": ("exam_doctor_id_number",),
    "diagnostic_doctor_name": ("exam_doctor_name",),
}
"""A clinic without HIS has one number where the platforms ask for two: the first known of these stands in."""

_REPORT_STANDS_IN = {
    "report_clinic_uscc": ("clinic_uscc",),
    "audit_clinic_uscc": ("clinic_uscc",),
    "report_medins_code": ("fixmedins_code",),
    "audit_medins_code": ("fixmedins_code",),
    "audit_dept_code": ("report_dept_code",),
    "audit_dept_name": ("report_dept_name",),
    "published_at": ("last_audited_at", "audited_at"),
}

_RANK = {source: rank for rank, source in enumerate(Source)}
_SEX = {"M": "1", "F": "2", "O": "9"}
_TIMES = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
    ("SeriesDate", "SeriesTime"),
    ("StudyDate", "StudyTime"),
)


def better(old: Value | None, new: Value) -> Value:
    """Which of two values a field keeps: a known one, then the later member of `Source`, then the new one.

    What a technician set, also to nothing, stays until a technician changes it.
    """
    if old is None or new.source is Source.TECHNICIAN:
        return new
    if old.source is Source.TECHNICIAN or not new.text:
        return old
    return new if not old.text or _RANK[new.source] >= _RANK[old.source] else old


def filled(values: Mapping[str, Value], new: Mapping[str, Value]) -> dict[str, Value]:
    """`values` after `new`, the whole result of `derived`; what followed from an older input goes away.

    Other sources (HIS, the last exam) join by `better`, key by key.
    """
    kept = {key: value for key, value in values.items() if value.source is not Source.DERIVED}
    return kept | {key: better(kept.get(key), value) for key, value in new.items()}


def derived(
    region: Region, header: Header, exam: Mapping[str, Value], constants: Mapping[str, str]
) -> dict[str, Value]:
    """Everything of an exam that follows from its header, its other values and the clinic's `constants` (key -> text).

    The result goes through `filled`. Empty `header`: an exam without images.
    """
    known = _Known(exam)
    known.put_all(_constants(region, Noun.EXAM, constants), Source.DEFAULT)
    known.put_all(_from_header(region, header), Source.DICOM)
    known.put_all(_from_modality(region, known.text("modality")), Source.DERIVED)
    known.put_all(_from_id_card(region, known), Source.DERIVED)
    known.put_all({"patient_name_pinyin": pinyin_name(known.text("patient_name"))}, Source.DERIVED)
    _put_age(known, header)
    known.put_all(_standing_in(known, STANDS_IN), Source.SYSTEM)
    return known.found


def derived_report(
    region: Region, exam: Mapping[str, Value], report: Mapping[str, Value], constants: Mapping[str, str]
) -> dict[str, Value]:
    """The same for one report: the clinic's constants, the region's usual codes, its own institution."""
    known = _Known(report)
    known.put_all(_constants(region, Noun.REPORT, constants), Source.DEFAULT)
    around = {**exam, **known.now}
    pairs = _standing_in(_Known(around), _REPORT_STANDS_IN)
    known.put_all(pairs, Source.SYSTEM)
    return known.found


def uninsured_settlement(region: Region, exam: Mapping[str, Value]) -> dict[str, Value]:
    """One settlement row outside the insurance: the fixed values, and the body part of the exam."""
    part = exam.get("body_part_code")
    row = {key: Value(text=text, source=Source.DEFAULT) for key, text in region.not_insured.items()}
    return row | ({"settled_body_part": Value(text=part.text, source=Source.DERIVED)} if part and part.text else {})


def clinic_constants(clinic: Clinic) -> dict[str, str]:
    """The clinic's settings under the catalogue's keys."""
    return {
        "clinic_name": clinic.name,
        "clinic_uscc": clinic.uscc,
        "fixmedins_code": clinic.fixmedins_code,
        "fixmedins_name": clinic.fixmedins_name,
        "admdvs": clinic.admdvs,
        "hospital_level": clinic.level,
    }


class _Known:
    """The values so far (`now`) and what was found for them (`found`). Stale derived values are not seen."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.now = {key: value for key, value in values.items() if value.source is not Source.DERIVED}
        self.found: dict[str, Value] = {}

    def text(self, key: str) -> str:
        value = self.now.get(key)
        return value.text if value else ""

    def put(self, key: str, value: Value) -> None:
        if value.text or value.doubt:
            self.found[key] = better(self.found.get(key), value)
            self.now[key] = better(self.now.get(key), value)

    def put_all(self, texts: Mapping[str, str], source: Source) -> None:
        for key, text in texts.items():
            self.put(key, Value(text=text, source=source))


def _constants(region: Region, noun: Noun, constants: Mapping[str, str]) -> dict[str, str]:
    """The region's usual codes, then what the clinic says; malformed ones are left to the settings page."""
    given = {**region.defaults, **{key: text for key, text in constants.items() if text}}
    own = {key: text for key, text in given.items() if key in region.fields and region.fields[key].noun is noun}
    return {key: parsed for key, text in own.items() if (parsed := _parsed(region, key, text))}


def _from_header(region: Region, header: Header) -> dict[str, str]:
    """Every field with a DICOM keyword, in its own form. What a device fills with rubbish is left out."""
    texts = {
        field.key: _READERS.get(field.key, str)(header[field.keyword])
        for field in region.fields.values()
        if field.keyword and header.get(field.keyword, "").strip() and field.noun is Noun.EXAM
    }
    texts.pop("age", None)
    texts["examined_at"] = _examined_at(header)
    parsed = {key: _parsed(region, key, text) for key, text in texts.items() if text}
    if part := _body_part(region, header.get("BodyPartExamined", "")):
        parsed["body_part"] = part
    latin = dicom_name(header.get("PatientName", "")).latin
    return {**parsed, "patient_name_pinyin": latin} if latin and not parsed.get("patient_name") else parsed


def _body_part(region: Region, term: str) -> str:
    """The Chinese name of a defined term (PS3.16 annex L) or of a spelling that devices use for it."""
    word = re.sub(r"[\s_-]", "", term).upper()
    codes = region.tables.get("dicom_body_part", ())
    return next((one.label for one in codes if word in (one.code, *one.more.get("also", "").split())), "")


def _from_modality(region: Region, modality: str) -> dict[str, str]:
    names = [name.strip().upper() for name in re.split(r"[,\\]", modality)]
    codes = {key: [table[name] for name in names if name in table] for key, table in region.from_modality.items()}
    several = {key for key in codes if region.fields[key].type == "codes"}
    return {key: ",".join(dict.fromkeys(found if key in several else found[:1])) for key, found in codes.items()}


def _from_id_card(region: Region, known: _Known) -> dict[str, str]:
    number = known.text("id_number")
    if not number or not is_id_card(region, {"id_type": known.text("id_type")}) or id_card_fault(number):
        return {}
    return {"birth_date": str(id_card_birth_date(number)), "sex": id_card_sex(number)}


def _put_age(known: _Known, header: Header) -> None:
    birth, on = day(known.text("birth_date")), day(known.text("examined_at") or known.text("registered_at"))
    if birth and on and birth <= on:
        age, unit = age_of(birth, on)
        known.put("age_unit", Value(text=unit, source=Source.DERIVED))
        known.put("age", Value(text=age, source=Source.DERIVED, doubt="" if age else HOUR_DOUBT))
    elif told := dicom_age(header.get("PatientAge", "")):
        known.put_all({"age": told[0], "age_unit": told[1]}, Source.DICOM)


def _standing_in(known: _Known, table: Mapping[str, Iterable[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, others in table.items():
        found[key] = next((text for other in others if (text := known.text(other) or found.get(other, ""))), "")
    return found


def _examined_at(header: Header) -> str:
    """The time nearest to the end of the exam that the header has; devices rarely say when they finished."""
    if whole := _dicom_time(header.get("AcquisitionDateTime", ""), header):
        return whole
    pairs = (header.get(date, "").strip() + header.get(time, "").strip() for date, time in _TIMES if header.get(date))
    return next((text for pair in pairs if (text := _dicom_time(pair, header))), "")


def _dicom_time(packed: str, header: Header) -> str:
    """`yyyyMMddHHmm[ss][.f][+zzzz]` (PS3.5 6.2) in China Standard Time; without an offset it is taken as such."""
    found = re.fullmatch(
        r"(\d{12})(\d{2})?(?:\.\d{1,6})?([+-]\d{4})?", re.sub(r"[:\s]|(?<=\d)\.(?=\d{2}\.)", "", packed)
    )
    if not found:
        return ""
    try:
        at = datetime.strptime(found[1] + (found[2] or "00"), "%Y%m%d%H%M%S")
    except ValueError:
        return ""
    offset = found[3] or header.get("TimezoneOffsetFromUTC", "").strip()
    if not re.fullmatch(r"[+-]\d{4}", offset):
        return cst_text(at.replace(tzinfo=CST))
    minutes = (int(offset[1:3]) * 60 + int(offset[3:])) * (-1 if offset[0] == "-" else 1)
    if abs(minutes) >= 24 * 60:
        return cst_text(at.replace(tzinfo=CST))
    return cst_text(at.replace(tzinfo=timezone(timedelta(minutes=minutes))))


def _parsed(region: Region, key: str, text: str) -> str:
    """The saved text, "" for what the type refuses."""
    try:
        return TYPES[region.fields[key].type].parse(text, region.table_of(key))
    except NeedsOperator:
        return ""


_READERS: Mapping[str, Callable[[str], str]] = {
    "patient_name": lambda text: dicom_name(text).chinese,
    "sex": lambda text: _SEX.get(text.strip().upper(), ""),
    "exam_doctor_name": lambda text: dicom_name(text).chinese,
    "technician_name": lambda text: dicom_name(text).chinese,
    "apply_doctor_name": lambda text: dicom_name(text).chinese,
}
"""How a keyword's text becomes a typed one where they differ."""
