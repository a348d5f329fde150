"""One form for two destinations: it says what only one of them asks for and who finds fault with a value."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel

from app.gui import words
from app.gui.fields import FieldRow
from app.gui.fill import FillPage
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace
from tests.gui.fake_several import INDEX, PROVINCE, two_destinations

OPEN = "1.2.3.0"


@pytest.fixture
def page(window: MainWindow, face: FakeFace, settle: Settle) -> FillPage:
    two_destinations(face)
    window.go(words.FILL, OPEN)
    settle()
    found = window.pages[words.FILL]
    assert isinstance(found, FillPage)
    return found


def row(page: FillPage, key: str) -> FieldRow:
    return page.form.rows["exam", 0, key]


def tips(one: FieldRow) -> str:
    return "\n".join(each.toolTip() for each in one.findChildren(QLabel))


def test_an_empty_field_says_which_destination_alone_asks_for_it(page: FillPage) -> None:
    assert row(page, "settled_at").below.text() == f"只有 {INDEX} 要 · 例：2026-11-05 11:30:00"
    assert row(page, "body_part_code").below.text().startswith(f"只有 {PROVINCE} 要 · ")
    assert f"只有 {PROVINCE} 要" in tips(row(page, "body_part_code"))


def test_a_field_that_both_ask_for_names_nobody(page: FillPage) -> None:
    one = row(page, "id_number")
    assert "只有" not in one.below.text() + tips(one)


def test_a_problem_of_one_destination_names_it(page: FillPage, settle: Settle) -> None:
    charge = row(page, "charge_type")
    assert charge.below.text() == f"费用类型：{PROVINCE}没有这个代码：请换一个"
    page.form.jump()
    settle()
    assert f"（{INDEX}）" in row(page, "settled_at").below.text()


def test_the_head_says_where_the_exam_goes(page: FillPage) -> None:
    texts = [one.text() for one in page.findChildren(QLabel)]
    assert any(f"送往 {PROVINCE}、{INDEX}" in text for text in texts)
