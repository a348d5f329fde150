"""今天: one sentence, four counts with what they are made of, what needs a person, each destination's day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtWidgets import QLabel

from app.gui import words
from app.gui.home import HomePage
from app.gui.home_parts import NeedRow, Strip
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import NOW, FakeFace


@pytest.fixture
def home(window: MainWindow) -> HomePage:
    found = window.pages[words.TODAY]
    assert isinstance(found, HomePage)
    return found


def test_the_headline_says_when_and_what_was_confirmed_last(home: HomePage) -> None:
    assert home.sentence.text() == "7 件事等您处理，其余正常"
    assert home.confirmed.text() == "平台最近确认 14:03 · 3 分钟前 · 郑国强 胸部正侧位 DR"


def test_each_count_says_what_it_is_made_of(home: HomePage) -> None:
    assert {name: (one.number.text(), one.note.text()) for name, one in home.counts.items()} == {
        "to_fill": ("4", "最早一例 13:41 收到"),
        "uploading": ("3", "1 正在传 · 1 排队 · 1 等重试"),
        "confirmed": ("6", "今天的，每例平台都已接收"),
        "attention": ("2", "1 要改内容 · 1 要找工程师"),
    }


def test_what_a_platform_fetches_by_itself_is_not_tried_again(home: HomePage, face: FakeFace) -> None:
    status = face.status()
    home.show_status(status | {"counts": status["counts"] | {"to_fetch": 1}})
    assert home.counts["uploading"].note.text() == "1 正在传 · 1 排队 · 1 等平台来取"


@pytest.mark.parametrize(
    ("state", "said"), [("fetch_broken", "去设置"), ("files_closed", "去设置"), ("expiring", "查看")]
)
def test_whatever_needs_somebody_has_its_row(home: HomePage, face: FakeFace, state: str, said: str) -> None:
    """What is no state of an exam has no mark of its own."""
    status = face.status()
    need = status["needs_you"][0] | {"state": state, "action": "settings"}
    home.show_status(status | {"needs_you": [need]})
    (row,) = [one for one in home.findChildren(NeedRow) if one.need["state"] == state]
    assert row.button.text() == said


def test_what_waits_for_a_signature_counts_as_needing_somebody(
    home: HomePage, window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    next(row for row in face.rows if row["state"] == "rejected")["state"] = "to_sign"
    window.ask_status()
    settle()
    count = home.counts["attention"]
    assert (count.number.text(), count.note.text()) == ("2", "1 要改内容 · 1 等签名")


def test_a_missing_day_leads_to_reconciliation(window: MainWindow, home: HomePage, settle: Settle) -> None:
    rows = home.findChildren(NeedRow)
    rows[2].button.click()
    settle()
    assert window.page().name == words.RECONCILE
    assert window.pages[words.RECONCILE].figure.day == "2026-11-19"  # type: ignore[attr-defined]


def test_a_number_is_shown_only_where_the_platform_returned_one(home: HomePage) -> None:
    unbroken = "\u2060"  # what keeps the number on one line
    shown = [home.last.rows_model.index(row, 0).data().replace(unbroken, "") for row in range(3)]
    assert "索引" not in shown[0] and "索引 …135812…" in shown[1] and "140928" not in shown[1]


def test_the_strip_has_a_slot_for_each_quarter_of_an_hour(home: HomePage) -> None:
    assert [len(strip.slots) for strip in home.findChildren(Strip)][-1:] == [40]


def test_each_row_names_the_person_apart_from_the_exam_and_says_since_when(home: HomePage) -> None:
    shown = [(one.who.text(), one.what.text(), one.since.text()) for one in home.findChildren(NeedRow)]
    assert shown[1:4] == [
        ("陈建国", "腹部 CT · 13:20", "已等 26 分钟"),
        ("昨天对账缺 1 例", "11 月 19 日", "08:04"),
        ("赵明轩", "胸部 CT · 312 幅", "13:41 收到"),
    ]
    assert all(one.who.font().bold() and not one.what.font().bold() for one in home.findChildren(NeedRow))


def test_the_waiting_time_goes_on_while_the_rows_stay(window: MainWindow, home: HomePage, face: FakeFace) -> None:
    row = home.findChildren(NeedRow)[1]
    home.desk = replace(home.desk, now=lambda: NOW + timedelta(minutes=40))
    home.show_status(face.status())
    assert home.findChildren(NeedRow)[1] is row
    assert row.since.text() == "已等 1 小时 6 分"


@pytest.mark.parametrize(("width", "height"), [(1366, 688), (1280, 640)])
def test_seven_things_need_no_scroll_bar(
    window: MainWindow, home: HomePage, settle: Settle, width: int, height: int
) -> None:
    window.resize(width, height)
    settle()
    assert len(home.findChildren(NeedRow)) == 7 and home.needs_scroll.verticalScrollBar().maximum() == 0


@pytest.mark.parametrize(("width", "height"), [(1366, 688), (1280, 640), (1366, 760), (900, 500)])
def test_no_confirmed_exam_is_cut_in_half(
    window: MainWindow, home: HomePage, settle: Settle, width: int, height: int
) -> None:
    window.resize(width, height)
    settle()
    rows = [row for row in range(home.last.rows_model.rowCount()) if not home.last.isRowHidden(row)]
    places = [home.last.visualRect(home.last.rows_model.index(row, 0)) for row in rows]
    inside = home.last.viewport().rect()
    assert len(rows) >= 2 and all(inside.contains(place) for place in places)
    assert len(rows) == home.last.rows_model.rowCount() or inside.height() - places[-1].bottom() <= 32


@pytest.mark.parametrize(("width", "height"), [(1280, 640), (1280, 560), (900, 500)])
def test_no_words_lie_over_the_hours_of_a_destination(
    window: MainWindow, home: HomePage, settle: Settle, width: int, height: int
) -> None:
    window.resize(width, height)
    settle()
    strips = home.findChildren(Strip)
    assert strips
    for strip in strips:
        parent = strip.parentWidget()
        assert parent is not None
        over = [one for one in parent.findChildren(QLabel) if one.geometry().intersects(strip.geometry())]
        assert over == []


def test_what_a_platform_has_not_fetched_is_a_quiet_line_under_its_day(
    window: MainWindow, home: HomePage, face: FakeFace, settle: Settle
) -> None:
    face.offers_files()
    home.refresh()
    settle()
    lines = [one.text() for one in home.findChildren(QLabel)]
    assert any(one.endswith("3 例的文件平台还没有来取，本机留着") for one in lines)
    assert home.sentence.text() == "7 件事等您处理，其余正常"


def test_searching_goes_to_the_queue(window: MainWindow, home: HomePage, settle: Settle) -> None:
    home._find("郑国强")
    settle()
    assert window.page().name == words.QUEUE


def test_one_by_one_opens_the_first_and_moves_on_when_it_is_done(
    window: MainWindow, home: HomePage, face: FakeFace, settle: Settle
) -> None:
    home.one_by_one.click()
    settle()
    assert window.page().name == words.QUEUE and window.walk.widget.isVisibleTo(window)
    status = face.status()
    status["needs_you"] = status["needs_you"][1:]
    window._show_status(status)
    settle()
    assert window.page().name == words.FILL
    assert window.walk.said.text() == "逐件处理 · 做完 1 件，还有 6 件"


def test_the_walk_ends_when_nothing_is_left_or_the_person_goes_elsewhere(
    window: MainWindow, home: HomePage, face: FakeFace, settle: Settle
) -> None:
    home.one_by_one.click()
    settle()
    window.go(words.SETTINGS, "")
    window._show_status(face.status())
    assert not window.walk.widget.isVisibleTo(window)
    window.go(words.TODAY, "")
    home.one_by_one.click()
    settle()
    window._show_status(face.status() | {"needs_you": []})
    assert window.page().name == words.TODAY and not window.walk.widget.isVisibleTo(window)
