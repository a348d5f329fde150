"""The text that a doctor signs: one for one set of values, another for any other."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.region import CODED
from app.catalogue.signed_text import signed_text
from app.catalogue.types import TYPES
from tests.catalogue.samples import EXAM, REGION, REPORT, values

KEYS: tuple[str, ...] = tuple(REGION.options["signature"]["text"])
TEXTS = EXAM | REPORT


def some_text(key: str) -> st.SearchStrategy[str]:
    """What may be saved for this field: a code of its table, or any text that its type lets pass."""
    field, table = REGION.fields[key], REGION.table_of(key)
    if field.type in CODED and table is not None:
        return st.sampled_from(["", *(one.code for one in table)])
    if field.type in ("text", "long_text", "identifier", "name"):
        letters = st.text(alphabet="肺\n：　 诊断意见影像所见a1", max_size=12)
        return letters.map(TYPES[field.type].parse)
    return st.sampled_from(["", "63", "64"])


some_values = st.fixed_dictionaries({key: some_text(key) for key in KEYS})


def test_it_reads_like_the_report() -> None:
    text = signed_text(REGION, values(TEXTS, findings="双肺纹理清晰\n心影不大"))
    assert text.splitlines() == [
        "报告唯一标识：R1",
        "检查号：A1",
        "机构名称：演练诊所",
        "姓名：张伟",
        "性别：女性",
        "年龄：46",
        "年龄单位：年",
        "设备类型：CT",
        "检查部位：胸部",
        "院内检查项目名称：胸部CT平扫",
        "检查时间：2026-11-20 10:11:12",
        "影像所见：双肺纹理清晰",
        "\u3000心影不大",
        "诊断结论：未见异常",
        "阴阳性：阴性",
        "报告医师姓名：王磊",
        "报告时间：2026-11-20 10:30:00",
        "审核医师姓名：赵敏",
        "审核时间：2026-11-20 11:00:00",
    ]


def test_a_value_of_several_lines_is_not_taken_for_another_value() -> None:
    two = signed_text(REGION, values(TEXTS, findings="清晰", conclusion="未见异常"))
    one = signed_text(REGION, values(TEXTS, findings="清晰\n诊断结论：未见异常", conclusion=""))
    assert one != two


def test_what_is_not_signed_changes_nothing() -> None:
    text = signed_text(REGION, values(TEXTS))
    assert text == signed_text(REGION, values(TEXTS, phone="13900000000", remark="复印一份", report_status="3"))


def test_two_codes_that_are_called_the_same_are_told_apart() -> None:
    table = REGION.tables["sex"]
    twin = replace(table.codes[0], code="77")
    region = replace(REGION, tables=REGION.tables | {"sex": replace(table, codes=(*table.codes, twin))})
    ours = {signed_text(region, values(TEXTS, sex=code)) for code in (twin.code, table.codes[0].code)}
    assert len(ours) == 2


@given(some_values, some_values)
def test_the_same_values_have_the_same_bytes_and_others_have_others(one: dict[str, str], two: dict[str, str]) -> None:
    texts = [signed_text(REGION, each).encode() for each in (one, dict(reversed(one.items())), two)]
    assert texts[0] == texts[1]
    assert (texts[0] == texts[2]) == (one == two)


@given(some_values, st.data())
def test_any_signed_value_that_changes_changes_the_bytes(one: dict[str, str], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(KEYS))
    other = data.draw(some_text(key).filter(lambda text: text != one[key]))
    assert signed_text(REGION, one) != signed_text(REGION, one | {key: other})
