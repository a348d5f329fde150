"""Columns on a terminal where a Chinese character takes two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.cli.table import clean, pairs, shortened, table, width


def test_columns_line_up_under_double_width_characters() -> None:
    lines = table(("姓名", "设备", "号"), [("张三", "CT", 1), ("Ann", "超声", 22)])
    assert lines == ["姓名  设备  号", "张三  CT    1", "Ann   超声  22"]


def test_labels_line_up_and_empty_values_are_left_out() -> None:
    assert pairs([("机构", "甲"), ("暂停", ""), ("DICOM", None), ("A", 0)]) == ["机构  甲", "A     0"]


def test_a_value_cannot_move_the_cursor() -> None:
    assert clean("张\x1b[2J三\r\n四") == "张 [2J三  四"


def test_a_mark_over_a_letter_takes_no_column() -> None:
    assert width("e\u0301\u200b王") == 3


@given(st.text(), st.integers(1, 20))
def test_a_shortened_text_fits(text: str, columns: int) -> None:
    assert width(shortened(text, columns)) <= max(columns, 1)
    if width(text) <= columns:
        assert shortened(text, columns) == text
