"""One form for two destinations: it says what only one of them asks for and who finds fault with a value."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QLabel

from app.gui import words
from app.gui.doubts import TroubleNote
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


def test_a_refusal_names_its_platform_and_stands_before_what_mends_itself(
    page: FillPage, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = face.study

    def refused(uid: str) -> dict[str, Any]:
        job = {"part": "exam", "report_key": "", "version": 1, "state": "waiting"}
        trouble = {"title": "平台连不上", "advice": "正在自动重试", "turn": "automatic", "words": ""}
        mend = {"title": "平台没有收下这份记录", "advice": "请改好再提交", "turn": "technician", "words": "姓名不符"}
        waits = job | {"destination": "main", "destination_title": PROVINCE, "trouble": trouble}
        held = job | {"destination": "index", "destination_title": INDEX, "trouble": mend}
        return dict(own(uid)) | {"jobs": [waits, held]}

    monkeypatch.setattr(face, "study", refused)
    page.refresh()
    page.open_at("1.2.3.1")
    page.open_at(OPEN)
    settle()
    (note,) = page.findChildren(TroubleNote)
    assert [one.text() for one in note.findChildren(QLabel) if one.text()] == [
        f"{INDEX} · 平台没有收下这份记录",
        "请改好再提交",
        "平台的原话：姓名不符",
    ]


def test_the_head_says_where_the_exam_goes(page: FillPage) -> None:
    texts = [one.text() for one in page.findChildren(QLabel)]
    assert any(f"送往 {PROVINCE}、{INDEX}" in text for text in texts)
