"""对账: the piles of a day say only what the platform can answer."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.gui import words
from app.gui.reconcile import AGREED, MISSING, UNSENT, ReconcilePage
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
    assert page.header.note.text() == "最近 3 周只有昨天还缺 1 例"


def test_the_three_piles_count_what_the_face_says(page: ReconcilePage) -> None:
    assert {pile["key"]: pile["count"] for pile in page.piles.rows_model.rows} == {AGREED: 36, MISSING: 1, UNSENT: 1}


def test_a_platform_without_reconciliation_has_no_missing_pile_and_no_solid_tick(page: ReconcilePage) -> None:
    page.destination.setCurrentIndex(1)
    assert [pile["key"] for pile in page.piles.rows_model.rows] == [AGREED, UNSENT]
    assert page._agreed_mark() == ("state-acknowledged", "ok")
    assert not page.again.isVisible()


def test_an_unasked_day_is_not_green(page: ReconcilePage, face: FakeFace) -> None:
    day = face.reconciliation("2026-11-19")
    day["destinations"][0].update(state="open", missing=[])
    page._take_day(day)
    assert page._agreed_mark()[1] == "idle"


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
