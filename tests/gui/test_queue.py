"""上传队列: paging, ticking, acting, and what the panel says - with the keyboard and the mouse of a technician."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app.domain.index_code import short_number
from app.domain.job import CONFIRMED
from app.gui import words
from app.gui.bulk import question_before
from app.gui.dialogs import Facts, QuestionDialog
from app.gui.queue import QueuePage
from app.gui.queue_cells import DESTINATION
from app.gui.queue_table import PAGE, Key
from app.gui.settings import SettingsPage
from app.gui.slip import SlipDialog
from app.gui.steps import next_lines, said_line, step_line
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import NOW, WORDS, FakeFace

SENDING, WAITING, QUEUED, REJECTED, DONE, HELD = "1.2.3.5", "1.2.3.6", "1.2.3.7", "1.2.3.8", "1.2.3.10", "1.2.3.4"
LATE = "1.2.3.13"


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


def key(page: QueuePage, name: str) -> Key:
    row = next(row for row in page.table.rows_model.rows if row["patient_name"] == name)
    return str(row["exam_key"]), str(row["destination"])


def acted(face: FakeFace) -> list[tuple[str, int]]:
    """(act, how many) of what was really done."""
    return [(call[0], len(call[1])) for call in face.called("act_many") if not call[2]]


def said(page: QueuePage) -> str:
    return " ".join(label.text() for label in page.panel.findChildren(QLabel))


def test_it_opens_at_today_and_says_how_much_there_is(page: QueuePage, face: FakeFace) -> None:
    assert face.called("jobs")[0][:2] == ("", "2026-11-20")
    assert page.header.note.text() == "今天 15 个任务 · 速度 7.8 MB/s"
    assert page._foot.text().startswith("显示 1–") and page._foot.text().endswith("共 15 个任务")
    assert page._studies.text() == "15 个任务对应 14 例检查；一例可送多个目标"
    assert page._buttons["attention"].text() == "需要处理 2"


def test_what_needs_somebody_stands_first(page: QueuePage) -> None:
    states = [row["state"] for row in page.table.rows_model.rows]
    assert states[:2] == ["rejected", "held"]
    assert states.index("waiting") < states.index("acknowledged")


def test_a_filter_a_day_and_a_destination_are_asked_for(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    page._buttons["attention"].click()
    settle()
    assert {row["state"] for row in page.table.rows_model.rows} == {"held", "rejected"}
    page._buttons[""].click()
    page._days.setCurrentIndex(1)
    page._destinations.setCurrentIndex(2)
    settle()
    assert face.called("jobs")[-1] == ("", "", "", "index", 0)
    assert [row["destination_title"] for row in page.table.rows_model.rows] == ["医保影像索引"]


def test_what_is_not_found_says_how_to_go_on(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    page.search.setText("赵明宣")
    page.search.searched.emit("赵明宣")
    settle()
    assert page._empty.title.text() == "没有找到“赵明宣”"
    page._wider.click()
    settle()
    assert face.called("jobs")[-1][:3] == ("", "", "赵明宣")


def test_only_the_pages_in_sight_are_asked_for(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    face.more = 10_000
    page.open_at("confirmed")
    settle()
    assert page.table.rows_model.total > 10_000
    before = len(face.called("jobs"))
    page.table.verticalScrollBar().setValue(page.table.verticalScrollBar().maximum() // 2)
    settle()
    asked = face.called("jobs")[before:]
    assert 1 <= len(asked) <= 2 and 4000 < asked[0][4] < 6000
    assert page.table.rows_model.row(page.table.rowAt(5)) is not None
    page.refresh()
    settle()
    assert len(page.table.rows_model.rows) <= 3 * PAGE


def test_the_list_keeps_selection_and_place_when_data_arrives(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    face.more = 300
    open_at(page, settle, "")
    page._close_panel()
    page.table.verticalScrollBar().setValue(44 * 20 + 7)
    settle()
    chosen = page.table.rows_model.row(25)
    assert chosen is not None
    page.table.choose((chosen["exam_key"], chosen["destination"]))
    settle()
    at = page.table.verticalScrollBar().value()
    face.rows.insert(0, {**face.rows[7], "uid": "1.2.3.99", "exam_key": "E0099", "accession_number": "MR99"})
    page.refresh()
    settle()
    assert page.table.row() is not None and page.table.current == (chosen["exam_key"], chosen["destination"])
    assert page.table.currentIndex().row() == 26
    assert page.table.verticalScrollBar().value() == at + 44


def test_ticking_shows_what_is_chosen_and_what_will_not_happen(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    for name in ("陈建国", "周海涛", "吴秀英"):
        page._tick(key(page, name))
    settle()
    assert page.bulk.isVisible()
    assert page.bulk.count.text() == "已选 3 个任务"
    assert page.bulk.states.text() == "待处理 1 · 等待重试 1 · 待上传 1"
    assert page.bulk.says.text() == "陈建国要先改好证件号码才能重传；吴秀英本来就在排队，不用重传。"
    assert page.bulk.buttons["resend"].text() == "重新上传 1 个"
    page.bulk.buttons["resend"].click()
    settle()
    assert acted(face) == [("resend", 3)]
    assert not page.bulk.isVisible()


def test_a_whole_day_is_chosen_and_sent_again_by_the_keyboard(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    settle()
    assert page.bulk.count.text() == "已选 15 个任务"
    assert face.called("job_keys") == [("", "2026-11-20", "", "")]
    QTest.keyClick(page.table, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    settle()
    assert acted(face) == [("resend", 15)]


def test_space_ticks_enter_opens_and_escape_goes_back(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    page.table.setFocus()
    page.table.choose(key(page, "周海涛"))
    QTest.keyClick(page.table, Qt.Key.Key_Space)
    settle()
    assert page.bulk.count.text() == "已选 1 个任务"
    QTest.keyClick(page.table, Qt.Key.Key_Escape)
    settle()
    assert not page.bulk.isVisible()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    settle()
    assert page.panel.isVisible() and page.panel.who == "周海涛"
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    settle()
    assert page.panel.who == "吴秀英"
    QTest.keyClick(page.table, Qt.Key.Key_Escape)
    settle()
    assert not page.panel.isVisible()


def test_all_that_failed_is_retried_by_one_button(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    assert page.retry.text() == "立即重试 2 个"
    page.retry.click()
    settle()
    assert face.called("act_many")[-1][3:] == (True, "2026-11-20", "")


def test_a_waiting_exam_says_when_and_can_be_retried_now(page: QueuePage, face: FakeFace, settle: Settle) -> None:
    open_at(page, settle, WAITING)
    assert "14:10 再试" in said(page)
    assert "上传影像 2 / 4" in said(page)
    assert page.panel.buttons["resend"].text() == "立即重试"
    page.panel.buttons["resend"].click()
    settle()
    assert acted(face) == [("resend", 1)]


def test_the_panel_tells_the_way_and_what_is_still_to_come(page: QueuePage, settle: Settle) -> None:
    open_at(page, settle, LATE)
    for words_ in (
        "接收",
        "收齐",
        "填报",
        "平台已接收",
        "晚到 2 幅，自动补传",
        "补传的平台已接收",
        "问平台缺不缺这例检查",
    ):
        assert words_ in said(page)


def test_the_panel_says_what_the_platform_fetched_and_what_it_did_not(
    page: QueuePage, face: FakeFace, settle: Settle
) -> None:
    face.offers_files()
    open_at(page, settle, DONE)
    shown = said(page)
    assert "已取 1 次 · 14:03" in shown and "还没有来取" in shown
    assert "平台取走了报告 PDF" in shown and "平台还没有来取影像压缩包" in shown


def test_a_latin_exam_name_stands_apart_in_the_question(face: FakeFace) -> None:
    row = face.jobs()["rows"][0] | {"patient_name": "李娜", "description": "CHEST CT"}
    asked = question_before("withdraw", 1, [row])
    assert asked is not None and asked.title == "撤回 李娜 的 CHEST CT？"


def test_an_index_is_short_in_the_list_and_masked_in_the_panel(
    page: QueuePage, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = "111-140105198001020033-20261121165646-0000000000000-000000000"
    assert short_number(index) == "…\u2060165646\u2060…"
    own = face.job

    def with_index(uid: str, destination: str = "") -> dict[str, Any]:
        shown: dict[str, Any] = own(uid, destination)
        return shown | {"row": shown["row"] | {"numbers": [index]}}

    monkeypatch.setattr(face, "job", with_index)
    open_at(page, settle, DONE)
    assert "140105198001020033" not in said(page)
    assert "111-1401****0033-20261121165646" in said(page).replace("\u200b", "")


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_withdrawing_asks_with_patient_and_exam(
    page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle, answer: str
) -> None:
    open_at(page, settle, DONE)
    page.panel.buttons["withdraw"].click()
    dialog = window.findChild(QuestionDialog)
    assert isinstance(dialog, QuestionDialog)
    asked = [label.text() for label in dialog.findChildren(QLabel)]
    assert any("郑国强 的胸部正侧位 DR" in text for text in asked)
    assert any("山西省影像云将删除这例" in text for text in asked)
    (dialog.yes if answer == "yes" else dialog.no).click()
    settle()
    assert acted(face) == ([("withdraw", 1)] if answer == "yes" else [])


def test_beside_the_panel_the_table_still_tells_the_destinations_apart(
    page: QueuePage, face: FakeFace, settle: Settle
) -> None:
    def below_steps() -> list[str]:
        cells = [page._cells._step_cell(row) for row in page.table.rows_model.rows]
        return [cell.lines[1].text for cell in cells if len(cell.lines) > 1]

    open_at(page, settle, "")
    page._close_panel()
    assert below_steps() == [] and not page.table.isColumnHidden(DESTINATION)
    open_at(page, settle, DONE)
    assert page.table.isColumnHidden(DESTINATION) and len(set(below_steps())) > 1


def test_delete_asks_before_it_cancels(page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle) -> None:
    page.table.setFocus()
    page.table.choose(key(page, "吴秀英"))
    QTest.keyClick(page.table, Qt.Key.Key_Delete)
    dialog = window.findChild(QuestionDialog)
    assert isinstance(dialog, QuestionDialog) and acted(face) == []
    dialog.yes.click()
    settle()
    assert acted(face) == [("cancel", 1)]


def test_the_platforms_own_words_are_folded_and_can_be_copied(page: QueuePage, settle: Settle) -> None:
    open_at(page, settle, REJECTED)
    facts = page.panel.findChild(Facts)
    assert isinstance(facts, Facts)
    assert not facts.plate.isVisible()
    facts.head.set_open(True)
    assert facts.plate.isVisible()
    facts.copy.click()
    assert "数据解密失败" in QGuiApplication.clipboard().text()


def test_copying_takes_number_and_words(page: QueuePage) -> None:
    page.table.setFocus()
    page.table.choose(key(page, "周海涛"))
    QTest.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "DR2611200017 A700 · Refused: Out of Resources"


def test_the_slip_opens_by_the_keyboard(page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle) -> None:
    page.table.setFocus()
    page.table.choose(key(page, "郑国强"))
    QTest.keyClick(page.table, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    settle()
    dialog = window.findChild(SlipDialog)
    assert isinstance(dialog, SlipDialog)
    assert any("平台已接收 2026-11-20 14:02" in label.text() for label in dialog.findChildren(QLabel))
    dialog.reject()


def test_the_list_is_exported_as_it_is_filtered(
    page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    page._buttons["confirmed"].click()
    page.export_to("/x/queue.xlsx")
    settle()
    assert face.called("export_jobs") == [("/x/queue.xlsx", "confirmed", "2026-11-20", "", "")]
    assert "已存 7 个任务" in window.banner.title.text()


def test_green_is_never_shown_for_what_is_not_confirmed(window: MainWindow, page: QueuePage) -> None:
    green = {state for state in WORDS if window._look.state(state).tone == "ok"}
    assert green == {state.value for state in CONFIRMED}
    for row in page.table.rows_model.rows:
        for column in page.table.rows_model.columns:
            cell = column.cell(row)
            tones = {cell.mark_tone, *(text.tone for text in (*cell.lines, *cell.right))}
            assert "ok" not in tones or row["state"] in green


@pytest.mark.parametrize(("named", "title"), [("", "上传目标"), ("query", "收影像"), ("trust", "电子签名")])
def test_the_button_of_a_trouble_leads_where_the_settings_mend_it(
    page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle, named: str, title: str
) -> None:
    open_at(page, settle, REJECTED)
    assert page.panel.row is not None
    page.panel.row["trouble"] = page.panel.row["trouble"] | {"page": named}
    page.act("settings")
    settle()
    settings = window.page()
    assert isinstance(settings, SettingsPage)
    assert settings.section().title == title


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


def test_progress_refreshes_rows_and_panel_without_a_new_list(
    page: QueuePage, window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    open_at(page, settle, SENDING)
    resets: list[bool] = []
    page.table.rows_model.modelReset.connect(lambda: resets.append(True))
    jobs, panels = len(face.called("jobs")), len(face.called("job"))
    face.tell("job_progressed", exam_key="E0005")
    window._news.deliver()
    settle()
    assert (len(face.called("jobs")) - jobs, len(face.called("job")) - panels) == (1, 1)
    assert resets == []


def test_the_table_says_which_step_is_current_and_how_far_it_is(page: QueuePage) -> None:
    rows = {row["uid"]: row for row in page.table.rows_model.rows}
    assert step_line(rows[SENDING]) == "3/3 上传影像 186 / 312"
    assert step_line(rows[WAITING]) == "停在 3/3 上传影像 2 / 4"
    assert step_line(rows[HELD]) == "停在 1/3 登记检查"
    assert step_line(rows[QUEUED]) == "共 3 步 · 186 幅"
    assert step_line(rows[LATE]) == "3/3 完成 · 4 幅 · 补传 2"
    assert next_lines(rows[WAITING], NOW) == ("14:10", "第 3 次")
    assert next_lines(rows[QUEUED], NOW) == ("排第 1",)
    assert next_lines(rows[DONE], NOW) == ("明早对账",)
    assert said_line(rows[DONE], NOW) == "平台已接收 14:02"
