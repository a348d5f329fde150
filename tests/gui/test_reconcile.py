"""对账: the piles of a day say only what the platform can answer."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui import words
from app.gui.pile_rows import agreed_mark
from app.gui.reconcile import ReconcilePage
from app.gui.reconcile_rows import AGREED, LACKING, MISSING, UNSENT
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace


@pytest.fixture
def page(window: MainWindow, settle: Settle) -> ReconcilePage:
    window.go(words.RECONCILE, "")
    settle()
    found = window.pages[words.RECONCILE]
    assert isinstance(found, ReconcilePage)
    return found


def test_the_day_that_needs_the_engineer_is_opened_first(page: ReconcilePage) -> None:
    assert page.figure.day == "2026-11-19"
    assert page.piles.key() == MISSING
    assert page.header.note.text() == "截至昨天，最近 3 周只有昨天还缺 1 例"


def test_the_three_piles_count_what_the_face_says(page: ReconcilePage) -> None:
    assert {pile["key"]: pile["count"] for pile in page.piles.rows_model.rows} == {AGREED: 36, MISSING: 1, UNSENT: 1}


def test_a_platform_without_reconciliation_has_no_missing_pile_and_no_solid_tick(page: ReconcilePage) -> None:
    page.destination.setCurrentIndex(1)
    assert [pile["key"] for pile in page.piles.rows_model.rows] == [AGREED, UNSENT]
    assert page.piles.rows_model.rows[0]["mark"] == ("state-acknowledged", "ok")
    assert not page.again.isVisible()
    assert "以回执为准" in page.header.note.text()


def test_an_unasked_day_has_no_solid_tick(page: ReconcilePage, settle: Settle) -> None:
    page.figure.choose("2026-11-20")
    settle()
    assert page.piles.rows_model.rows[0]["title"] == "平台已接收"
    assert page.piles.rows_model.rows[0]["mark"] == ("state-acknowledged", "ok")
    assert agreed_mark({"agreed": 0, "received": 0}) == ("state-queued", "idle")
    assert agreed_mark({"agreed": 3, "received": 1}) == ("state-acknowledged", "ok")


def test_a_day_without_an_exam_says_so(page: ReconcilePage, settle: Settle) -> None:
    page.figure.choose("2026-11-15")
    settle()
    assert page._empty.isVisible() and page._empty.title.text() == "这一天没有检查"


def test_what_was_sent_again_stands_under_a_heading_of_its_own(page: ReconcilePage) -> None:
    said = [row.get("heading") or row["patient_name"] for row in page.rows.rows_model.rows]
    assert said == ["高文涛", "已自动补传，已齐", "邓雅琴"]


def test_the_first_answer_that_lacks_something_is_told_only_where_the_questions_stand(
    page: ReconcilePage, face: FakeFace
) -> None:
    day = face.reconciliation("2026-11-19")
    day["destinations"][0].update(state="asked_once", missing=[], unsolved=0)
    day["destinations"][0]["questions"] = day["destinations"][0]["questions"][:1]
    page._take_day(day)
    assert page.piles.rows_model.rows[1]["count"] == 0
    assert page.asked.lines == [("问平台：缺 3 例", "07:30", "retry")]


def test_a_missing_exam_is_copied_for_the_engineer_without_the_name(page: ReconcilePage, qapp: QApplication) -> None:
    assert page.act.text() == "复制给工程师"
    page.act.click()
    copied = qapp.clipboard().text()
    assert "CT2611190022" in copied and "E900" in copied and "高文涛" not in copied


def test_the_agreed_pile_lists_its_rows(page: ReconcilePage, face: FakeFace, settle: Settle) -> None:
    page.piles.choose(AGREED)
    settle()
    assert page.agreed.isVisible() and len(page.agreed.rows_model.rows) == 36
    assert face.called("reconciled")[0][:2] == ("2026-11-19", "shanxi")


def test_index_codes_hide_the_middle_of_the_id_number(page: ReconcilePage, settle: Settle) -> None:
    page.destination.setCurrentIndex(1)
    settle()
    shown = page.agreed.rows_model.index(0, 3).data()
    assert "111-1409****4320-" in shown and "140928198005124320" not in shown


def test_what_was_not_sent_to_the_end_leads_to_its_form(page: ReconcilePage, settle: Settle) -> None:
    page.figure.choose("2026-11-20")
    settle()
    assert page.piles.key() == UNSENT and page.act.text() == "去填报"


def test_up_down_and_enter_go_through_the_piles(page: ReconcilePage, face: FakeFace, qtbot: QtBot) -> None:
    page.setFocus()
    qtbot.keyClick(page, Qt.Key.Key_Down)
    assert page.piles.key() == UNSENT
    qtbot.keyClick(page, Qt.Key.Key_Up)
    qtbot.keyClick(page, Qt.Key.Key_Return)
    assert page.act.text() == "已复制"


def test_earlier_weeks_are_asked_for_and_tomorrow_never(page: ReconcilePage, face: FakeFace, settle: Settle) -> None:
    page.earlier.click()
    settle()
    assert face.called("reconciliation_days")[-1] == (21, "2026-10-30")
    page.later.click()
    settle()
    assert not page.later.isEnabled()
    page.figure.choose("2026-11-20")
    page.figure.step(1)
    assert page.figure.day == "2026-11-20"


def test_a_day_or_a_month_is_written_as_a_sheet(page: ReconcilePage, face: FakeFace, settle: Settle) -> None:
    page.export_to("/tmp/对账", "CSV 表格 (*.csv)", "2026-11-01", "2026-11-30")
    settle()
    assert face.called("export_reconciliation") == [("/tmp/对账.csv", "2026-11-01", "2026-11-30")]


def test_asking_again_asks_for_the_shown_day_and_destination(
    page: ReconcilePage, face: FakeFace, settle: Settle
) -> None:
    page.again.click()
    assert not page.again.isEnabled()
    settle()
    assert face.called("reconcile") == [("2026-11-19", "shanxi")]
    assert page.again.isEnabled()


def test_the_arrow_keys_go_through_the_days(page: ReconcilePage, face: FakeFace, qtbot: QtBot, settle: Settle) -> None:
    qtbot.keyClick(page.figure, Qt.Key.Key_Left)
    settle()
    assert page.figure.day == "2026-11-18"
    assert ("2026-11-18",) in face.called("reconciliation")


# -- a platform that is asked patient by patient, and for the images that it lists -----------------------------------


@pytest.fixture
def listed(face: FakeFace) -> None:
    face.asks_for_lists()


@pytest.mark.usefixtures("listed")
class TestImageLists:
    """Missing images are a pile of their own, and a person decides."""

    def test_the_page_opens_at_the_day_that_lacks_images(self, page: ReconcilePage) -> None:
        assert (page.figure.day, page.piles.key()) == ("2026-11-19", LACKING)
        assert page.header.note.text() == "截至昨天，最近 3 周检查都在，昨天 2 例缺影像"

    def test_it_is_one_pile_more_and_nothing_covers_another(self, page: ReconcilePage) -> None:
        assert [pile["key"] for pile in page.piles.rows_model.rows] == [AGREED, MISSING, LACKING, UNSENT]
        bottom = page.piles.mapTo(page, page.piles.rect().bottomLeft()).y()
        assert page._how.mapTo(page, page._how.rect().topLeft()).y() > bottom
        assert page.asked.lines[-1][0] == "过 13 分钟再问：影像缺 2 例"

    def test_sending_again_is_the_act_and_asks_for_that_exam_at_that_destination(
        self, page: ReconcilePage, face: FakeFace, settle: Settle
    ) -> None:
        assert page.act.text() == "重新上传"
        page.act.click()
        settle()
        assert face.called("act_many")[-1][:2] == ("resend", (("E900", "shanxi"),))
        assert page.act.isEnabled()

    def test_what_went_again_in_vain_is_copied_for_the_engineer(self, page: ReconcilePage, qapp: QApplication) -> None:
        page.rows.choose(f"{LACKING}/1.2.11")
        assert page.act.text() == "复制给工程师"
        page.act.click()
        copied = qapp.clipboard().text()
        assert "1.2.9.3" in copied and "CT2611190011" in copied and "邓雅琴" not in copied

    def test_images_that_cannot_be_checked_are_told_and_hollow(self, page: ReconcilePage, settle: Settle) -> None:
        page.piles.choose(AGREED)
        settle()
        assert page.piles.rows_model.rows[0]["note"] == "12 例影像平台没有缓存 · 无法核对"
        assert "平台没有缓存这例的影像 · 无法核对" in page.agreed.rows_model.index(1, 3).data()
        assert page._cells.receipt(page.agreed.rows_model.rows[1]).mark == "state-acknowledged"
        assert page._cells.receipt(page.agreed.rows_model.rows[0]).mark == "state-reconciled"
