"""What a person asks a platform about a patient (调阅), checked before anything goes out."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from app.catalogue.agree import age_in, is_id_card
from app.catalogue.identity import FEMALE, MALE, Fault, id_card_birth_date, id_card_fault, id_card_sex
from app.catalogue.region import Region
from app.catalogue.types import TYPES
from app.engine.face import Json
from app.errors import NeedsOperator
from app.regions.conversation import PatientQuery

REASONS = ("本次就诊参考", "术前评估", "治疗后复查对比", "会诊", "患者要求")
USUAL_YEARS = 2
_LONGEST_REASON = 100
_ID_LIKE = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|\d{15})(?!\d)")


def query(
    region: Region, id_type: str, id_number: str, name: str, day_from: str, day_to: str, *, today: date
) -> PatientQuery:
    """Raises NeedsOperator that names the field."""
    kind = _id_type(region, id_type)
    last = _day(day_to, "day_to") or today
    first = _day(day_from, "day_from") or years_before(last, USUAL_YEARS)
    if first > last:
        raise NeedsOperator("开始日期晚于结束日期", "请改正检查时间", fields=("day_from",))
    return PatientQuery(
        id_type=kind,
        id_number=_id_number(region, kind, id_number, today),
        name=_parsed("name", "name", name),
        day_from=first,
        day_to=last,
    )


def number_fault(region: Region, kind: str, text: str, today: date) -> Fault | None:
    """What a number says against itself, before anybody else sees it."""
    if not text.strip():
        return Fault(title="还没有填", advice="请对照证件填写证件号码")
    if not is_id_card(region, {"id_type": kind}):
        try:
            TYPES["id_number"].parse(text)
        except NeedsOperator as error:
            return Fault(title=error.title, advice=error.advice)
        return None
    if fault := id_card_fault(_plain(text)):
        return fault
    born = id_card_birth_date(_plain(text))
    return Fault(title="出生日期还没有到", advice="请核对身份证号第 7 至 14 位") if born and born > today else None


def said(region: Region, kind: str, text: str, today: date) -> Json:
    """See `Face.id_number_said`."""
    fault = number_fault(region, kind, text, today)
    number = _plain(text)
    words = ""
    if fault is None and is_id_card(region, {"id_type": kind}):
        born = id_card_birth_date(number) or today
        sex = {MALE: "男", FEMALE: "女"}[id_card_sex(number)]
        words = f"{sex} · {age_in('Y', born, today)} 岁 · 证件号码校验正确"
    return {
        "wrong": {"title": fault.title, "advice": fault.advice} if fault else None,
        "masked": masked_number(number),
        "said": words,
    }


def reason(text: str) -> str:
    """Why somebody looks; it stands in the record, so no number of a person may."""
    given = " ".join(text.split())
    if not given:
        raise NeedsOperator("还没有写查询原因", "请选一个原因，它会记入日志", fields=("reason",))
    if len(given) > _LONGEST_REASON:
        raise NeedsOperator("查询原因太长", f"请写在 {_LONGEST_REASON} 个字以内", fields=("reason",))
    return _ID_LIKE.sub(lambda found: masked_number(found[0]), given)


def masked_number(number: str) -> str:
    """A document number as screens and records show it; what a platform has masked already stays as it is."""
    if "*" in number:
        return number
    if len(number) >= 15:
        return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}"
    return f"{number[:2]}{'*' * (len(number) - 4)}{number[-2:]}" if len(number) > 6 else "*" * len(number)


def years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year - years, day=28)


def _id_type(region: Region, text: str) -> str:
    table = region.table_of("id_type")
    if table is None:
        return text.strip()
    if text.strip() not in table:
        raise NeedsOperator("没有这种证件类型", "请从列表里选一种", fields=("id_type",))
    return text.strip()


def _id_number(region: Region, kind: str, text: str, today: date) -> str:
    if fault := number_fault(region, kind, text, today):
        raise NeedsOperator(f"{fault.title}：{fault.advice}", "请对照证件改好再查", fields=("id_number",))
    return _plain(text) if is_id_card(region, {"id_type": kind}) else _parsed("id_number", "id_number", text)


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()


def _parsed(type_name: str, field: str, text: str) -> str:
    try:
        return TYPES[type_name].parse(text)
    except NeedsOperator as error:
        raise NeedsOperator(error.title, error.advice, fields=(field,)) from error


def _day(text: str, field: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError as error:
        raise NeedsOperator("日期写错了", "请写成 2026-11-21 这样", fields=(field,)) from error
