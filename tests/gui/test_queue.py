"""上传队列: what may be done with a submitted exam, and what the panel says about it."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel

from app.domain.job import CONFIRMED
from app.gui import words
from app.gui.dialogs import Facts, QuestionDialog
from app.gui.queue import QueuePage
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import WORDS, FakeFace

SENDING, WAITING, REJECTED, DONE, HELD = "1.2.3.5", "1.2.3.6", "1.2.3.8", "1.2.3.10", "1.2.3.4"


@pytest.fixture
def page(window: MainWindow, settle: Settle) -> QueuePage:
    window.go(words.QUEUE, "")
    settle()
    found = window.pages[words.QUEUE]
    assert isinstance(found, QueuePage)
    return found


def open_at(page: QueuePage, settle: Settle, uid: str) -> None:
    page.open_at(uid)
    settle()


def test_a_rejected_exam_is_sent_again_by_one_button(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    open_at(page, settle, REJECTED)
    page.panel.buttons["resend"].click()
    settle()
    assert face.called("resend") == [(REJECTED, False)]


def test_a_waiting_exam_says_when_and_can_be_retried_now(page: QueuePage, settle: Settle) -> None:
    open_at(page, settle, WAITING)
    said = " ".join(label.text() for label in page.panel.findChildren(QLabel))
    assert "14:10 再试" in said
    assert "上传影像 2 / 4" in said
    assert page.panel.buttons["resend"].text() == "立即重试"


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_withdrawing_asks_with_patient_and_exam(
    page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle, answer: str
) -> None:
    open_at(page, settle, DONE)
    page.panel.buttons["withdraw"].click()
    dialog = window.findChild(QuestionDialog)
    assert isinstance(dialog, QuestionDialog)
    assert any("郑国强" in label.text() and "胸部正侧位 DR" in label.text() for label in dialog.findChildren(QLabel))
    (dialog.yes if answer == "yes" else dialog.no).click()
    settle()
    assert face.called("withdraw") == ([(DONE,)] if answer == "yes" else [])


def test_the_platforms_own_words_are_folded_and_can_be_copied(page: QueuePage, settle: Settle) -> None:
    open_at(page, settle, REJECTED)
    facts = page.panel.findChild(Facts)
    assert isinstance(facts, Facts)
    assert not facts.plate.isVisible()
    facts.head.set_open(True)
    assert facts.plate.isVisible()
    facts.copy.click()
    assert "数据解密失败" in QGuiApplication.clipboard().text()


def test_the_list_keeps_its_selection_when_data_arrives(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    page.table.choose(WAITING)
    settle()
    face.rows.insert(0, {**face.rows[5], "uid": "1.2.3.99", "exam_key": "E0099", "state": "queued"})
    page.refresh()
    settle()
    assert page.table.key() == WAITING
    assert page.panel.uid == WAITING


def test_what_needs_somebody_stands_first(page: QueuePage) -> None:
    states = [row["state"] for row in page.table.rows_model.rows]
    assert states[:2] == ["rejected", "held"]
    assert states.index("waiting") < states.index("acknowledged")


def test_a_filter_asks_for_its_umbrella(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    page._buttons["attention"].click()
    settle()
    assert ("attention", "", "") in face.called("studies")
    assert {row["state"] for row in page.table.rows_model.rows} == {"held", "rejected"}


def test_green_is_never_shown_for_what_is_not_confirmed(window: MainWindow, page: QueuePage) -> None:
    green = {state for state in WORDS if window._look.state(state).tone == "ok"}
    assert green == {state.value for state in CONFIRMED}
    for row in page.table.rows_model.rows:
        for column in page.table.rows_model.columns:
            cell = column.cell(row)
            tones = {cell.mark_tone, *(text.tone for text in (*cell.lines, *cell.right))}
            assert "ok" not in tones or row["state"] in green


def test_an_outage_is_told_over_the_table(page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle) -> None:
    face.trouble = "连接超时"
    face.tell("destination_changed")
    window._news.deliver()
    settle()
    assert window.banner.isVisible()
    assert "正在自动重试" in window.banner.title.text()
    face.trouble = ""
    window.ask_status()
    settle()
    assert not window.banner.isVisible()


def test_progress_news_refreshes_the_open_panel(
    page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    open_at(page, settle, SENDING)
    before = len(face.called("study"))
    face.tell("job_progressed", exam_key="E0005")
    window._news.deliver()
    settle()
    assert len(face.called("study")) > before


def test_the_table_says_which_step_is_current_and_how_far_it_is(page: QueuePage, settle: Settle) -> None:
    settle()
    rows = {row["state"]: row for row in page.table.rows_model.rows}
    sending = page._why_cell(rows["sending"])
    assert sending.lines[0].text == "3/3 上传影像 186 / 312"
    assert sending.progress == pytest.approx(186 / 312)
    assert page._why_cell(rows["waiting"]).lines[0].text == "3/3 停在 上传影像 2 / 4 · 14:10 再试"
