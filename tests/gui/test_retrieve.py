"""调阅: a number in, other hospitals' exams out, an exam's images on the disk; nothing of the person stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.errors import NeedsOperator, Rejected, RetryLater
from app.gui import words
from app.gui.dialogs import QuestionDialog
from app.gui.retrieve import RetrievePage
from app.gui.retrieve_panel import seconds_words
from app.gui.retrieve_question import months_before
from app.gui.retrieve_record import RecordDialog
from app.gui.retrieve_table import index_lines, link_boxes, long_ago
from app.gui.retrieve_trouble import DownloadTrouble
from app.gui.rows import CELL_ROLE
from app.gui.window import MainWindow
from tests.gui.conftest import Settle, rest
from tests.gui.fake_face import NOW, FakeFace
from tests.gui.fake_retrieve import NOBODY, OWN_EXAM, PATIENT, WHY, a_download, a_place, records
from tests.gui.test_look import cut
from tests.gui.test_whole import SMALL, WHOLE, faults

MASKED = "520102********4321"
Asks = Callable[..., None]


@pytest.fixture
def page(window: MainWindow, face: FakeFace, settle: Settle) -> RetrievePage:
    """The page of a clinic whose platform hands images out, opened."""
    face.offer_retrieval(several=False)
    window._can = []
    window.ask_status()
    settle()
    window.activateWindow()
    window.go(words.RETRIEVE, "")
    settle()
    found = window.pages[words.RETRIEVE]
    assert isinstance(found, RetrievePage)
    return found


@pytest.fixture
def ask(page: RetrievePage, settle: Settle) -> Asks:
    """Type a number as a person does, and Enter."""

    def type_and_enter(number: str = PATIENT, row: int = 1) -> None:
        page.search.setFocus()
        QTest.keyClicks(page.search, number)
        QTest.keyClick(page.search, Qt.Key.Key_Return)
        settle()
        page.answer.table.choose(str(row))
        settle()

    return type_and_enter


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been opened in the browser or the file manager."""
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    return opened


def cells(page: RetrievePage, row: int) -> list[tuple[str, ...]]:
    model = page.answer.table.rows_model
    found = (model.index(row, column).data(CELL_ROLE) for column in range(model.columnCount()))
    return [tuple(line.text for line in cell.lines) for cell in found]


def links(page: RetrievePage, row: int) -> list[str]:
    return [link.name for link in page.answer.table.rows_model.rows[row]["links"]]


def click_link(page: RetrievePage, row: int, name: str) -> None:
    table = page.answer.table
    index = table.rows_model.index(row, table.rows_model.columnCount() - 1)
    boxes = link_boxes(table._look, table.visualRect(index), index.data(CELL_ROLE).links)
    box = next(box for link, box in boxes if link.name == name)
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=box.center())


def dialog_of(kind: type[QWidget]) -> QWidget:
    found = QApplication.activeModalWidget()
    assert isinstance(found, kind), found
    return found


def shown(page: RetrievePage) -> list[str]:
    """The names of the panel's buttons that can be seen."""
    return [name for name, button in page.fetch.panel.buttons.items() if button.isVisible()]


# -- where it is offered ----------------------------------------------------------------------------------------------


def test_a_clinic_whose_platforms_answer_no_look_up_has_no_such_page(window: MainWindow) -> None:
    assert words.RETRIEVE not in list(window.pages)
    assert not window.rail.buttons[words.RETRIEVE].isVisible()
    QTest.keyClick(window, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    assert window.page().name == words.DEVICES


def test_the_page_comes_and_goes_with_the_destinations_and_the_keys_follow(
    page: RetrievePage, window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    assert window.rail.buttons[words.RETRIEVE].toolTip() == "调阅 · Ctrl+5"
    assert window.rail.buttons[words.DEVICES].toolTip() == "设备 · Ctrl+6"
    window.go(words.TODAY, "")
    QTest.keyClick(window, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    assert window.page() is page
    face.places = []
    window._can = []
    window.ask_status()
    settle()
    assert window.page().name == words.TODAY
    assert window.rail.buttons[words.DEVICES].toolTip() == "设备 · Ctrl+5"


def test_one_platform_and_one_kind_of_document_need_no_choice(
    page: RetrievePage, face: FakeFace, settle: Settle
) -> None:
    assert not page.destination.isVisible() and page.question.id_type.isVisible()
    face.places = [a_place(id_types=[{"code": "111", "label": "居民身份证"}]), a_place("city", "贵阳市影像云")]
    page.refresh()
    settle()
    assert page.destination.isVisible() and not page.question.id_type.isVisible()


# -- the number -------------------------------------------------------------------------------------------------------


def test_what_a_number_says_of_itself_is_said_when_it_is_left(
    page: RetrievePage, face: FakeFace, settle: Settle
) -> None:
    QTest.keyClicks(page.search, PATIENT)
    page.question.name.setFocus()
    settle()
    assert page.question.about.text() == "女 · 63 岁 · 证件号码校验正确"
    assert face.called("id_number_said") == [("index", "111", PATIENT)] and not face.called("look_up")


def test_a_wrong_number_is_said_at_its_field_and_asks_no_platform(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    ask(PATIENT[:-1])
    assert page.question._wrong.text() == "少 1 位：身份证号应为 18 位，现在 17 位"
    assert page.search.property("wrong") and page.question._said.isVisible()
    assert not face.called("look_up") and not page.answer.table.isVisible()
    QTest.keyClicks(page.search, PATIENT[-1])
    assert not page.question._said.isVisible() and not page.search.property("wrong")


def test_a_wrong_digit_is_found_by_the_check_digit(page: RetrievePage, ask: Asks) -> None:
    ask(PATIENT[:-2] + "91")
    assert page.question._wrong.text().startswith("校验位不符")


def test_the_engine_names_the_field_that_is_wrong(page: RetrievePage, face: FakeFace, ask: Asks) -> None:
    page.question.reason.setEditText("  ")
    ask()
    assert page.question.reason.property("wrong") and not page.search.property("wrong")
    assert page.question._wrong.text() == "还没有写查询原因，请选一个原因，它会记入日志"


def test_everything_that_was_chosen_is_asked(page: RetrievePage, face: FakeFace, ask: Asks) -> None:
    page.question.period.setCurrentIndex(3)
    page.question.reason.setEditText("术后第 3 天")
    page.question.name.setText("李桂芳")
    ask()
    assert face.called("look_up") == [("index", "111", PATIENT, "李桂芳", "2021-11-20", "2026-11-20", "术后第 3 天")]


def test_the_days_may_be_chosen_freely(page: RetrievePage, face: FakeFace, ask: Asks) -> None:
    page.question.period.setCurrentIndex(4)
    assert page.question.day_from.isVisible()
    page.question.day_from.setDate(page.question.day_from.date().addDays(10))
    ask()
    assert face.called("look_up")[0][4:6] == ("2024-11-30", "2026-11-20")


def test_after_the_answer_the_number_is_masked_and_can_be_asked_again(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    ask()
    assert page.search.text() == MASKED
    page.question.period.setCurrentIndex(0)
    page.question.ask.click()
    settle()
    assert [call[2] for call in face.called("look_up")] == [PATIENT, PATIENT]
    assert page.answer.table.isVisible()


@pytest.mark.parametrize("key", [Qt.Key.Key_5, Qt.Key.Key_Backspace, Qt.Key.Key_Delete])
def test_editing_a_masked_number_starts_anew(page: RetrievePage, ask: Asks, key: Qt.Key) -> None:
    ask()
    page.search.setFocus()
    page.search.end(False)
    QTest.keyClick(page.search, key)
    assert page.search.text() == page.search.number == ("5" if key == Qt.Key.Key_5 else "")
    assert not page.answer.table.isVisible() and page.question.person.text() == ""
    assert not page.fetch.isVisible()


def test_a_number_pasted_into_a_masked_one_is_no_number(page: RetrievePage, ask: Asks) -> None:
    ask()
    data = QMimeData()
    data.setText("12")
    QGuiApplication.clipboard().setMimeData(data)
    page.search.end(False)
    page.search.paste()
    assert page.search.number == ""


def test_the_masked_number_cannot_be_taken_back_by_undoing(page: RetrievePage, ask: Asks) -> None:
    ask()
    assert not page.search.isUndoAvailable()


def test_leaving_the_page_forgets_the_number(page: RetrievePage, window: MainWindow, settle: Settle, ask: Asks) -> None:
    ask()
    window.go(words.TODAY, "")
    window.go(words.RETRIEVE, "")
    settle()
    assert page.search.text() == page.search.number == page.question.name.text() == ""
    assert page.question.person.text() == page.question.about.text() == ""
    assert page.answer.table.isVisible(), "what was found stands a while"


def test_after_some_minutes_nothing_of_the_person_stays(page: RetrievePage, qtbot: QtBot, ask: Asks) -> None:
    ask()
    page._timer.start(1)
    qtbot.waitUntil(lambda: page.search.number == "")
    assert page.answer.answer is None and not page.answer.table.isVisible()
    assert page.question.person.text() == ""


def test_an_answer_to_a_number_that_was_changed_meanwhile_is_not_shown(
    page: RetrievePage, face: FakeFace, qtbot: QtBot, settle: Settle
) -> None:
    face.lets_answer.clear()
    QTest.keyClicks(page.search, PATIENT)
    QTest.keyClick(page.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(face.called("look_up")))
    QTest.keyClick(page.search, Qt.Key.Key_Backspace)
    face.lets_answer.set()
    settle()
    assert not page.answer.table.isVisible() and page.question.ask.isEnabled()
    assert page.search.text() == PATIENT[:-1]


def test_the_window_works_on_while_the_platform_is_asked(
    page: RetrievePage, window: MainWindow, face: FakeFace, qtbot: QtBot, settle: Settle
) -> None:
    face.lets_answer.clear()
    QTest.keyClicks(page.search, PATIENT)
    QTest.keyClick(page.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(face.called("look_up")))
    assert page.answer.empty.title.text() == "正在问贵州省医保影像云索引"
    assert page.question.ask.text() == "正在查" and not page.question.ask.isEnabled()
    window.go(words.QUEUE, "")
    qtbot.waitUntil(lambda: window.pages[words.QUEUE].table.rows_model.total > 0)  # type: ignore[attr-defined]
    face.lets_answer.set()
    window.go(words.RETRIEVE, "")
    settle()
    assert page.answer.table.isVisible() and page.question.ask.isEnabled()


# -- what was found ---------------------------------------------------------------------------------------------------


def test_the_table_shows_exactly_what_the_platform_returns(page: RetrievePage, ask: Asks) -> None:
    ask()
    assert page.answer.head.title.text() == "4 例检查，来自 3 家机构"
    assert page.answer.head.note.text() == "14:05 查询 · 平台用时 1.2 秒"
    assert [column.title for column in page.answer.table.rows_model.columns] == [
        "医保影像云索引",
        "姓名",
        "证件号码",
        "检查日期",
        "检查部位",
        "医院",
        "平台给的链接",
    ]
    assert cells(page, 0) == [
        ("111-5201****4321-20261108094210", "-0000000000000-000000000"),
        ("李桂芳",),
        (MASKED,),
        ("2026-11-08", "12 天前"),
        ("胸部 CT 普通扫描", "BW23ZYZZZ"),
        ("贵阳市河东中医院", "H52010200318"),
        ("报告", "影像", "下载"),
    ]
    assert page.question.person.text() == "李桂芳"


def test_the_whole_number_is_nowhere_on_the_page(page: RetrievePage, ask: Asks) -> None:
    ask()
    model = page.answer.table.rows_model
    told = [str(model.index(r, c).data()) for r in range(model.rowCount()) for c in range(model.columnCount())]
    told += [one.text() for one in page.findChildren(QLabel)] + [page.search.text()]
    assert not [text for text in told if PATIENT in text or PATIENT[6:14] in text]


def test_only_links_that_the_platform_gave_are_there(page: RetrievePage, face: FakeFace, ask: Asks) -> None:
    face.exams[1]["report_url"] = ""
    face.exams[3]["image_url"] = ""
    ask()
    assert [links(page, row) for row in range(4)] == [
        ["report", "images", "download"],
        ["images", "download"],
        ["own"],
        ["report", "download"],
    ]


def test_a_platform_that_hands_no_images_out_offers_no_download(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.places = [a_place(images=False)]
    page.refresh()
    settle()
    ask()
    assert links(page, 0) == ["report", "images"]
    assert page.fetch.panel._images.text() == "这个平台不提供影像下载，请在网页上看"
    assert shown(page) == []


def test_report_and_images_open_in_the_browser(
    page: RetrievePage, face: FakeFace, browser: list[str], ask: Asks
) -> None:
    ask()
    click_link(page, 1, "report")
    click_link(page, 1, "images")
    assert browser == [face.exams[1]["report_url"], face.exams[1]["image_url"]]
    assert page.answer.table.key() == "2"


def test_our_own_exam_is_opened_where_it_is(
    page: RetrievePage, window: MainWindow, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    ask(PATIENT, 3)
    assert shown(page) == ["own"]
    click_link(page, 2, "own")
    settle()
    assert window.page().name == words.QUEUE and face.called("job")[-1][0] == OWN_EXAM


def test_nobody_found_is_said_with_what_was_asked(page: RetrievePage, ask: Asks) -> None:
    ask(NOBODY)
    assert page.answer.empty.isVisible() and not page.answer.head.isVisible()
    assert page.answer.empty.title.text() == "平台没有查到这位患者的检查"
    assert "2024-11-20 到 2026-11-20" in page.answer.empty.advice.text()


def test_a_dead_platform_is_told_over_the_page_and_asked_again_without_typing(
    page: RetrievePage, window: MainWindow, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.fail["look_up"] = RetryLater("平台没有应答", "请过一会儿再试。", details="timed out")
    ask()
    assert window.banner.isVisible() and window.banner.title.text() == "平台没有应答"
    assert page.answer.empty.title.text() == "没有查成" and page.answer.once_more.isVisible()
    assert page.search.text() == PATIENT
    del face.fail["look_up"]
    page.answer.once_more.click()
    settle()
    assert page.answer.table.isVisible() and not window.banner.isVisible()


def test_a_refusing_platform_is_told_with_its_words(
    page: RetrievePage, window: MainWindow, face: FakeFace, ask: Asks
) -> None:
    face.fail["look_up"] = Rejected("平台没有给结果", "请复制给工程师", code="-1", words="无权限")
    ask()
    assert window.banner.title.text() == "平台没有给结果" and page.question.ask.isEnabled()


# -- images -----------------------------------------------------------------------------------------------------------


def test_a_row_asks_for_no_image_list_by_itself(page: RetrievePage, face: FakeFace, ask: Asks) -> None:
    ask()
    assert not face.called("images_offered") and not face.called("start_download")
    assert shown(page) == ["download", "elsewhere"]


def test_a_download_begins_with_the_list_and_tells_when_it_came(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    ask()
    click_link(page, 0, "download")
    settle()
    index = face.exams[0]["index_code"]
    assert face.called("images_offered") == [("L1", index)] and face.called("start_download") == [("L1", index, "")]
    panel = page.fetch.panel
    assert (panel._images.text(), panel._images_at.text()) == ("286 幅 · 3 个序列", "14:05:08 平台给出")
    assert panel._done.text() == "下载图像 0 / 286 幅" and not panel._checked.isVisible()


def test_a_platform_without_the_images_says_so_and_nothing_is_downloaded(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.offers = 0
    ask()
    page.fetch.panel.buttons["download"].click()
    settle()
    assert page.fetch.panel._images.text() == "平台现在没有这例的影像可下载"
    assert not face.called("start_download") and page.fetch.panel.buttons["download"].isVisible()


def test_a_list_that_did_not_come_can_be_asked_for_again(
    page: RetrievePage, window: MainWindow, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.fail["images_offered"] = RetryLater("平台没有应答", "请过一会儿再试。")
    ask()
    page.fetch.panel.buttons["download"].click()
    settle()
    assert window.banner.isVisible()
    del face.fail["images_offered"]
    page.fetch.panel.buttons["download"].click()
    settle()
    assert face.called("start_download")


def test_progress_follows_the_news(
    page: RetrievePage, face: FakeFace, window: MainWindow, settle: Settle, qtbot: QtBot, ask: Asks
) -> None:
    ask()
    page.fetch.act("download")
    settle()
    face.kept_downloads[0].update(done=172, checked=172, seconds_left=15.0)
    face.tell("download_changed", id="20")
    panel = page.fetch.panel
    qtbot.waitUntil(lambda: panel._done.text() == "下载图像 172 / 286 幅")
    assert panel._checked.text() == "172 幅可打开 · UID 一致" and panel._left.text() == "约剩 15 秒"
    assert panel.bar.part == pytest.approx(172 / 286)


def test_a_picture_appears_with_the_first_image_and_stays_until_all_have_come(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    ask()
    page.fetch.act("download")
    settle()
    picture = page.fetch.panel.picture
    assert picture.isVisible() and picture.image() is None
    for done, state, number in ((1, "running", "1"), (172, "running", "1"), (286, "done", "142")):
        face.kept_downloads[0].update(done=done, checked=done, state=state)
        page.refresh()
        settle()
        settle()
        assert picture.image() is not None
        assert picture.corners.top_left == (f"第 {number} 幅 · 已下载",)


def test_another_exam_never_shows_the_picture_of_the_one_before(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.kept_downloads = [
        a_download(20, face.exams[0], "done", 286),
        a_download(21, face.exams[1], "running", 0),
    ]
    ask()
    assert page.fetch.panel.picture.image() is not None
    page.answer.table.choose("2")
    settle()
    assert page.fetch.panel.picture.image() is None


def test_pausing_and_going_on(page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks) -> None:
    face.kept_downloads = [a_download(20, face.exams[0], "running", 172)]
    ask()
    go_on = page.fetch.panel.go_on
    assert go_on.text() == "暂停"
    go_on.click()
    settle()
    assert face.called("pause_download") == [(20,)] and go_on.text() == "继续"
    go_on.click()
    settle()
    assert face.called("resume_download") == [(20,)] and go_on.text() == "暂停"


def test_our_viewer_opens_what_is_there_and_goes_with_the_page(
    page: RetrievePage, window: MainWindow, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.kept_downloads = [a_download(20, face.exams[0], "done", 286)]
    ask()
    page.fetch.panel.buttons["viewer"].click()
    settle()
    viewer = page.fetch._viewer
    assert viewer is not None and viewer.isVisible() and len(viewer.viewer.places) == 286
    assert {args[0] for args in face.called("download_frame")} == {20}
    assert viewer.list.key() == "1", "the longest series"
    window.go(words.TODAY, "")
    settle()
    assert page.fetch._viewer is None


def test_the_folder_opens(page: RetrievePage, face: FakeFace, browser: list[str], ask: Asks) -> None:
    face.kept_downloads = [a_download(20, face.exams[0], "done", 286)]
    ask()
    page.fetch.panel.buttons["folder"].click()
    assert browser == [QUrl.fromLocalFile(face.kept_downloads[0]["folder"]).toString()]


def test_an_exam_that_was_downloaded_before_goes_on_with_what_it_lacks(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.kept_downloads = [a_download(20, face.exams[0], "done", 286)]
    ask()
    click_link(page, 0, "download")
    settle()
    assert not face.called("start_download") and face.called("resume_download") == [(20,)]


def test_refused_images_are_named_and_asked_for_again(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    refused = [{"sop_instance_uid": "1.2.840.113619.2.55.3.604688119.969", "why": WHY}]
    face.kept_downloads = [a_download(20, face.exams[0], "done", 285, refused=refused)]
    ask()
    panel = page.fetch.panel
    assert panel._notice_title.text() == "1 幅没有收下" and panel._notice_advice.text() == WHY
    panel.trouble.click()
    dialog = dialog_of(DownloadTrouble)
    assert refused[0]["sop_instance_uid"] in [one.text() for one in dialog.findChildren(QLabel)]
    assert cut(dialog) == []
    dialog.close()
    assert panel.go_on.text() == "再要一次"
    panel.go_on.click()
    settle()
    assert face.called("resume_download") == [(20,)]


def test_a_trouble_says_what_to_do_and_keeps_details_folded(page: RetrievePage, face: FakeFace, ask: Asks) -> None:
    trouble = {"title": "磁盘快满了", "advice": "请腾出空间后点“继续”。", "details": "ENOSPC"}
    face.kept_downloads = [a_download(20, face.exams[0], "failed", 100, trouble=trouble)]
    ask()
    panel = page.fetch.panel
    assert panel._notice_title.text() == "磁盘快满了" and panel.go_on.text() == "继续"
    panel.trouble.click()
    dialog = dialog_of(DownloadTrouble)
    details = next(one for one in dialog.findChildren(QLabel) if one.text() == "ENOSPC")
    assert not details.isVisible()
    dialog.close()


def test_a_paused_download_is_found_after_a_restart(page: RetrievePage, face: FakeFace, settle: Settle) -> None:
    face.had_downloads()
    page.refresh()
    settle()
    listed = page.fetch.list
    assert listed.isVisible() and [row["patient_name"] for row in listed.table.rows_model.rows] == ["罗永昌", "杨秀兰"]
    listed.table.setFocus()
    listed.table.choose("12")
    QTest.keyClick(listed.table, Qt.Key.Key_Return)
    settle()
    panel = page.fetch.panel
    assert panel.isVisible() and panel._about.text().startswith("罗永昌 · 2026-09-18")
    panel.go_on.click()
    settle()
    assert face.called("resume_download") == [(12,)] and face.kept_downloads[0]["state"] == "running"


def test_removing_asks_first_and_says_what_goes(page: RetrievePage, face: FakeFace, settle: Settle) -> None:
    face.had_downloads()
    page.refresh()
    settle()
    page.fetch.list.opened.emit("12")
    page.fetch.panel.buttons["remove"].click()
    dialog = dialog_of(QuestionDialog)
    assert isinstance(dialog, QuestionDialog)
    told = " ".join(one.text() for one in dialog.findChildren(QLabel))
    assert "罗永昌 胸部 CT 普通扫描" in told and "96 幅" in told and "平台上的不受影响" in told
    assert not face.called("remove_download")
    dialog.yes.click()
    settle()
    assert face.called("remove_download") == [(12,)]
    assert [one["id"] for one in page.fetch.downloads] == [11] and page.fetch.list.isVisible()


def test_escape_leads_back_from_the_earlier_downloads_to_the_exam(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.had_downloads()
    ask()
    page.fetch.panel.list.click()
    assert page.fetch.list.isVisible()
    page.fetch.list.opened.emit("12")
    assert page.fetch.panel._about.text().startswith("罗永昌")
    for expected in (page.fetch.list, page.fetch.panel):
        QTest.keyClick(page.window().focusWidget() or page, Qt.Key.Key_Escape)
        assert page.fetch.currentWidget() is expected
    assert page.fetch.panel._about.text().startswith("2026-11-08")


def test_the_copied_index_is_the_exact_one(page: RetrievePage, face: FakeFace, ask: Asks) -> None:
    ask()
    page.fetch.panel.copy.click()
    assert QGuiApplication.clipboard().text() == face.exams[0]["index_code"]


def test_an_exam_without_an_index_is_named_by_its_place(
    page: RetrievePage, face: FakeFace, settle: Settle, ask: Asks
) -> None:
    face.exams[0] |= {"index_code": "", "index_shown": ""}
    face.fail["images_offered"] = NeedsOperator("平台没有给这例的索引", "没有索引就取不到影像，请到平台的网页上看")
    ask()
    assert cells(page, 0)[0] == (words.NOTHING,) and not page.fetch.panel.copy.isVisible()
    page.fetch.act("download")
    settle()
    assert face.called("images_offered") == [("L1", "1")]


# -- the record -------------------------------------------------------------------------------------------------------


def test_todays_record_is_counted_and_listed_masked(page: RetrievePage, face: FakeFace, settle: Settle) -> None:
    face.lookup_rows = records(3)
    page.refresh()
    settle()
    assert page.records.text() == "今天的调阅记录 3"
    page.records.click()
    settle()
    dialog = dialog_of(RecordDialog)
    assert isinstance(dialog, RecordDialog)
    model = dialog.table.rows_model
    told = ["".join(str(model.index(row, column).data()) for column in range(6)) for row in range(model.rowCount())]
    assert told[0] == "14:00宋佳520102********43174 例本次就诊参考贵州省医保影像云索引"
    assert "没有查到" in told[1] and "平台没有应答" in told[2]
    dialog.close()


# -- whole and pure ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*WHOLE, *SMALL])
def test_every_state_is_whole(
    page: RetrievePage, window: MainWindow, face: FakeFace, settle: Settle, ask: Asks, size: tuple[int, int]
) -> None:
    window.resize(*size)
    trouble = {"title": "平台连不上，正在自动重试", "advice": "不用您做什么，连上后从下一幅接着下。", "details": "x"}
    face.kept_downloads = [
        a_download(20, face.exams[0], "running", 172),
        a_download(21, face.exams[1], "waiting", 172, trouble=trouble),
        a_download(22, face.exams[3], "done", 286),
    ]
    page.refresh()
    settle()
    found = {"list": faults(window, page)}
    ask(PATIENT[:-1])
    found["wrong"] = faults(window, page)
    page.question.period.setCurrentIndex(4)
    page.search.clear()
    ask()
    wrong = faults if size in WHOLE else lambda _window, page: cut(page)
    for row in range(1, 5):
        page.answer.table.choose(str(row))
        settle()
        found[f"row {row}"] = wrong(window, page)
    page.fetch.list.opened.emit("21")
    found["opened"] = wrong(window, page)
    rest(window)
    area = page.parentWidget().parentWidget()
    if size in WHOLE:
        assert page.width() <= area.width() and page.height() <= area.height()
    assert {state: what for state, what in found.items() if what} == {}


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-11-20", "今天"),
        ("2026-11-19", "昨天"),
        ("2026-11-08", "12 天前"),
        ("2026-10-21", "30 天前"),
        ("2026-07-21", "4 个月前"),
        ("2025-12-15", "11 个月前"),
        ("2023-11-01", "3 年前"),
        ("2026-12-01", ""),
        ("", ""),
        ("不详", ""),
    ],
)
def test_how_long_ago_an_exam_was(day: str, said: str) -> None:
    assert long_ago(day, NOW) == said


def test_an_index_without_parts_stands_on_one_line() -> None:
    assert index_lines("111-5201****4321-20261108094210-00-0") == ("111-5201****4321-20261108094210", "-00-0")
    assert index_lines("ABC") == ("ABC",) and index_lines("") == (words.NOTHING,)


def test_months_are_counted_back_to_days_that_exist() -> None:
    assert months_before(date(2026, 5, 31), 3) == date(2026, 2, 28)
    assert months_before(date(2024, 2, 29), 12) == date(2023, 2, 28)
    assert months_before(date(2026, 1, 15), 24) == date(2024, 1, 15)


def test_the_time_left_is_told_in_what_one_waits_in() -> None:
    told = [seconds_words(seconds) for seconds in (None, 0.2, 15, 240, 7300)]
    assert told == ["", "约剩 1 秒", "约剩 15 秒", "约剩 4 分钟", "约剩 2 小时"]
