"""What people type becomes one saved form; what can't is refused with a sentence."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.catalogue.identity import id_card_fault
from app.catalogue.tables import Table
from app.catalogue.types import TYPES, ValueType
from app.errors import NeedsOperator
from tests.catalogue.samples import REGION, USCC, id_card

TABLES = {"code": "radiology_code", "codes": "radiology_code", "division": "division"}
LIKELY = st.one_of(
    st.text(max_size=40),
    st.text("0123456789-/:. ：年月日至~ＴT　０１２３,，;；、X", max_size=40),
    st.datetimes().map(str),
    st.sampled_from(
        ["男", "1 男性", "胸部CT普通扫描", "张 三", "¥1,200.5元", "+86 138-0000-0000", "http://a/b", id_card()]
    ),
)


def table_of(kind: ValueType) -> Table | None:
    return REGION.table(TABLES.get(kind.name, ""))


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
@settings(max_examples=60, deadline=None)
@given(text=LIKELY)
@example(text="e\u200d\u0301")
@example(text="\u3000\u00a8")
@example(text="2026-11-05 09:00 至 10:00")
def test_a_saved_value_survives_being_shown_and_typed_again(kind: ValueType, text: str) -> None:
    table = table_of(kind)
    try:
        saved = kind.parse(text, table)
    except NeedsOperator as refused:
        assert refused.title and refused.advice
        return
    assert kind.parse(kind.show(saved, table), table) == saved
    assert kind.encode(saved, table) == saved


@given(
    st.dates(date(1850, 1, 1), date(2199, 12, 31)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日"])
)
def test_every_way_to_write_a_date_is_the_same_date(day: date, form: str) -> None:
    assert TYPES["date"].parse(day.strftime(form)) == day.isoformat()
    assert TYPES["date"].parse(f"{day.year}/{day.month}/{day.day}") == day.isoformat()


@given(st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)))
def test_every_way_to_write_a_time_is_the_same_time(at: datetime) -> None:
    saved = at.strftime("%Y-%m-%d %H:%M:%S")
    forms = (saved, at.strftime("%Y/%m/%d %H:%M:%S"), at.strftime("%Y%m%d%H%M%S"), at.strftime("%Y-%m-%dT%H:%M:%S.%f"))
    assert {TYPES["datetime"].parse(form) for form in forms} == {saved}


@pytest.mark.parametrize(
    "table", sorted({row.table for group in REGION.rows.values() for row in group} & set(REGION.tables))
)
def test_every_code_of_every_table_is_found_by_code_and_as_it_is_shown(table: str) -> None:
    codes = REGION.tables[table]
    for one in codes:
        for kind in (TYPES["code"], TYPES["codes"]):
            assert kind.parse(one.code, codes) == one.code == kind.parse(kind.show(one.code, codes), codes)
    several = ",".join(one.code for one in codes.codes[-3:])
    assert TYPES["codes"].parse(TYPES["codes"].show(several, codes), codes) == several


@pytest.mark.parametrize(
    ("kind", "typed", "saved"),
    [
        ("code", "男", "1"),
        ("code", "１", "1"),
        ("date", "２０２６／１１／５", "2026-11-05"),
        ("datetime", "2026年11月5日 14点5分", "2026-11-05 14:05:00"),
        ("datetime", "20261105 1405", "2026-11-05 14:05:00"),
        ("datetime_range", "2026/11/5 8:00 至 9:30", "2026-11-05 08:00:00 / 2026-11-05 09:30:00"),
        ("name", " 张　三 ", "张三"),
        ("name", "阿依古丽•买买提", "阿依古丽·买买提"),
        ("name", "John  Smith", "John Smith"),
        ("phone", "+86 138 0000 0000", "13800000000"),
        ("phone", "0351-1234567", "03511234567"),
        ("id_number", "11010519491231002x", "11010519491231002X"),
        ("uscc", USCC.lower(), USCC),
        ("number", "０45", "45"),
        ("amount", "￥1,200.5 元", "1200.50"),
        ("identifier", "Ａ１，Ａ２", "A1,A2"),
    ],
)
def test_typed_text_is_understood(kind: str, typed: str, saved: str) -> None:
    assert TYPES[kind].parse(typed, REGION.table("sex" if kind == "code" else "")) == saved


@pytest.mark.parametrize(
    ("kind", "typed", "title", "advice"),
    [
        ("phone", "1380000000", "少 1 位", "手机号应为 11 位，现在 10 位"),
        ("uscc", USCC + "0", "多 1 位", "统一社会信用代码应为 18 位，现在 19 位"),
        ("uscc", USCC[:-1] + "0", "校验位不符", "逐位核对"),
        ("date", "2026-02-30", "没有 2026 年 2 月 30 日", "核对"),
        ("datetime", "2026-11-05", "少了时间", "时和分"),
        ("datetime", "2026-11-05 25:00", "没有这个时刻", "0 至 23"),
        ("datetime_range", "2026-11-05 09:00 至 08:00", "结束早于开始", "改到它之后"),
        ("code", "三", "不在字典里", "从列表里选"),
        ("name", "张?", "姓名里有认不出的字符", "按证件"),
        ("number", "四十五", "不是整数", "只填数字"),
        ("division", "999999", "没有以 99 开头的行政区划", "前两位"),
        ("pdf", "report.pdf", "不是已存的 PDF 文件", "选择文件"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_enter(kind: str, typed: str, title: str, advice: str) -> None:
    table = REGION.table({"code": "sex", "division": "division"}.get(kind, ""))
    with pytest.raises(NeedsOperator) as refused:
        TYPES[kind].parse(typed, table)
    assert refused.value.title == title and advice in refused.value.advice


CARDS = st.builds(
    lambda day, order: id_card(day.strftime("%Y%m%d"), f"{order:03}"),
    st.dates(date(1920, 1, 1), date(2026, 1, 1)),
    st.integers(1, 999),
)


@given(CARDS)
def test_a_valid_id_card_is_accepted(number: str) -> None:
    assert id_card_fault(number) is None


@given(CARDS, st.integers(0, 17), st.integers(1, 9))
def test_one_changed_digit_of_an_id_card_is_always_noticed(number: str, place: int, shift: int) -> None:
    old = 10 if number[place] == "X" else int(number[place])
    changed = number[:place] + str((old + shift) % 10) + number[place + 1 :]
    if changed != number:
        assert id_card_fault(changed) is not None


@given(CARDS, st.integers(0, 17))
def test_a_lost_digit_of_an_id_card_is_counted(number: str, place: int) -> None:
    fault = id_card_fault(number[:place] + number[place + 1 :])
    assert fault and fault.title == "少 1 位" and fault.advice == "身份证号应为 18 位，现在 17 位"
