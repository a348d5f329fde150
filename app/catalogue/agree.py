"""What must agree with what: the ID card with birth date and sex, the age with both dates, times with each other.

Works on the texts of one region; a value that is missing or malformed agrees with everything (`check` names it
elsewhere), and so does one that the region does not ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from app.catalogue.conditions import Texts
from app.catalogue.identity import id_card_birth_date, id_card_fault, id_card_sex
from app.catalogue.region import Region
from app.catalogue.times import day, moment
from app.domain.form import Noun, Problem
from app.domain.times import cst_text

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A modality's clock may run ahead of ours by so much."""

_ID_CARDS = ("居民身份证", "居民户口")
_PERSONS = (("id_type", "id_number"), ("", "technician_id_number"))
_DOCTORS = tuple(
    (f"{role}_id_type", f"{role}_id_number")
    for role in (
        "diagnostic_doctor",
        "apply_doctor",
        "exam_doctor",
        "report_doctor",
        "audit_doctor",
        "last_audit_doctor",
    )
)


def exam_disagreements(region: Region, texts: Texts, now: datetime) -> Iterator[Problem]:
    return (one for one in _of_exam(region, texts, now) if one.key in region.entered)


def report_disagreements(region: Region, texts: Texts, now: datetime, place: int) -> Iterator[Problem]:
    return (one for one in _of_report(region, texts, now, place) if one.key in region.entered)


def settlement_disagreements(region: Region, exam: Texts, row: Texts, place: int) -> Iterator[Problem]:
    """Outside the insurance all fixed values stand together; a charge type that pays itself needs them."""
    fixed = region.not_insured
    if not fixed:
        return
    outside = exam.get("charge_type", "") in region.not_insured_charge_types
    outside = outside or any(_is_zeros(row.get(key, "")) for key in fixed)
    for key, value in fixed.items():
        if outside and row.get(key) and row[key] != value:
            advice = f"自费（非医保）请填 {len(value)} 个 0；医保结算请填医保返回的号码"
            yield _problem(region, key, f"{region.fields[key].label}与非医保结算不符", advice, place)


def is_id_card(region: Region, texts: Texts, type_key: str = "id_type") -> bool:
    """Whether the document's type is one that carries the 18-character citizen number."""
    label = region.label_of(type_key, texts.get(type_key, ""))
    return any(word in label for word in _ID_CARDS)


def age_in(unit: str, birth: date, on: date) -> int:
    """Completed years (Y), months (M), days (D) or hours (H, whole days) from birth to `on`."""
    months = (on.year - birth.year) * 12 + on.month - birth.month - (on.day < birth.day)
    days = (on - birth).days
    return {"Y": months // 12, "M": months, "D": days, "H": days * 24}[unit]


def _of_exam(region: Region, texts: Texts, now: datetime) -> Iterator[Problem]:
    yield from _id_cards(region, texts, (*_PERSONS, *_DOCTORS), Noun.EXAM, 0)
    if is_id_card(region, texts) and not id_card_fault(texts.get("id_number", "")):
        yield from _against_id_card(region, texts)
    yield from _age(region, texts)
    yield from _not_before_birth(region, texts)
    for key in ("examined_at", "registered_at", "applied_at", "arrived_at", "diagnosed_at", "settled_at"):
        yield from _not_in_future(region, texts, key, now, 0)
    yield from _in_order(region, texts, "symptom_began_on", "symptom_ended_on", 0)


def _of_report(region: Region, texts: Texts, now: datetime, place: int) -> Iterator[Problem]:
    yield from _id_cards(region, texts, _DOCTORS, Noun.REPORT, place)
    for key in ("reported_at", "audited_at", "last_audited_at", "published_at"):
        yield from _not_in_future(region, texts, key, now, place)
    yield from _in_order(region, texts, "examined_at", "reported_at", place)
    yield from _in_order(region, texts, "reported_at", "audited_at", place)
    yield from _in_order(region, texts, "audited_at", "last_audited_at", place)


def _id_cards(
    region: Region, texts: Texts, pairs: tuple[tuple[str, str], ...], noun: Noun, place: int
) -> Iterator[Problem]:
    for type_key, number_key in pairs:
        field = region.fields.get(number_key)
        number = texts.get(number_key, "")
        if field and field.noun is noun and number and _is_citizen(region, texts, type_key):
            fault = id_card_fault(number)
            if fault:
                yield _problem(region, number_key, f"{field.label}：{fault.title}", fault.advice, place)


def _is_citizen(region: Region, texts: Texts, type_key: str) -> bool:
    """A document that asks for the number alone means the citizen number; a known type says what it is."""
    if type_key in region.entered or texts.get(type_key):
        return is_id_card(region, texts, type_key)
    return True


def _against_id_card(region: Region, texts: Texts) -> Iterator[Problem]:
    number = texts["id_number"]
    birth = id_card_birth_date(number)
    if birth and texts.get("birth_date") and texts["birth_date"] != birth.isoformat():
        yield _problem(region, "birth_date", "出生日期与身份证号不符", f"身份证号上是 {birth}，请改正其中一个")
    sex = id_card_sex(number)
    if texts.get("sex") in ("1", "2") and texts["sex"] != sex:
        word = "男" if sex == "1" else "女"
        yield _problem(region, "sex", "性别与身份证号不符", f"身份证号上是{word}，请改正其中一个")


def _age(region: Region, texts: Texts) -> Iterator[Problem]:
    birth, on = day(texts.get("birth_date", "")), day(texts.get("examined_at", ""))
    age, unit = texts.get("age", ""), texts.get("age_unit", "")
    if not (birth and on and age.isdecimal() and unit in ("Y", "M", "D", "H") and birth <= on):
        return
    expected = age_in(unit, birth, on)
    slack = {"Y": 0, "M": 0, "D": 1, "H": 24}[unit]
    if abs(int(age) - expected) > slack:
        label = {"Y": "岁", "M": "个月", "D": "天", "H": "小时"}[unit]
        yield _problem(region, "age", "年龄与出生日期不符", f"按出生日期和检查时间应为 {expected} {label}，请改正")


def _not_before_birth(region: Region, texts: Texts) -> Iterator[Problem]:
    birth, on = day(texts.get("birth_date", "")), day(texts.get("examined_at", ""))
    if birth and on and on < birth:
        yield _problem(region, "birth_date", "出生日期晚于检查时间", f"检查在 {on}，请核对出生日期")


def _not_in_future(region: Region, texts: Texts, key: str, now: datetime, place: int) -> Iterator[Problem]:
    at = moment(texts.get(key, ""))
    if at and at > now + CLOCK_TOLERANCE:
        label = region.fields[key].label
        yield _problem(region, key, f"{label}在将来", f"现在是 {cst_text(now)}，请核对{label}和设备的时钟", place)


def _in_order(region: Region, texts: Texts, first: str, second: str, place: int) -> Iterator[Problem]:
    """Both texts are ISO, so they compare as they stand."""
    before, after = texts.get(first, ""), texts.get(second, "")
    if before and after and after < before:
        labels = region.fields[first].label, region.fields[second].label
        advice = f"{labels[0]}是 {before}，{labels[1]}应不早于它，请核对"
        yield _problem(region, second, f"{labels[1]}早于{labels[0]}", advice, place)


def _is_zeros(text: str) -> bool:
    return bool(text) and not text.strip("0")


def _problem(region: Region, key: str, title: str, advice: str, place: int = 0) -> Problem:
    field = region.fields[key]
    row = 0 if field.noun is Noun.EXAM else place
    return Problem(key=key, label=field.label, title=title, advice=advice, noun=field.noun, row=row)
