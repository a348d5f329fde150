"""电子签名: one report, one code; the doctor scans, the next comes up by itself; whatever hinders says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from PySide6.QtCore import QBuffer, QIODevice, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app.errors import NeedsOperator, RetryLater
from app.gui import sign_words, words
from app.gui.look import Look
from app.gui.pdf_view import PdfPane
from app.gui.rows import CELL_ROLE
from app.gui.sign import SignPage
from app.gui.sign_import import ImportDialog
from app.gui.sign_qr import LEAST_MODULE, QUIET, QrBox
from app.gui.sign_record import SignatureDialog, SignedDialog
from app.gui.sign_text import ReportDialog
from app.gui.window import MainWindow
from tests.gui.conftest import Settle, rest
from tests.gui.fake_face import NOW, FakeFace
from tests.gui.fake_sign import (
    CHANGED,
    DIGEST,
    FINDINGS,
    LIU,
    MINUTES,
    NO_ANSWER,
    NO_ROOTS,
    OTHER_DOCTOR,
    ZHANG,
    a_doctor,
    a_long_text,
    modules,
    utc,
)
from tests.gui.sign_place import Place, bury_page, seen
from tests.gui.test_look import cut
from tests.gui.test_whole import SMALL, WHOLE, faults

Opens = Callable[[], SignPage]


@pytest.fixture
def place(face: FakeFace, light: Look) -> Iterator[Place]:
    made = Place(face, light)
    yield made
    bury_page(made)


@pytest.fixture
def settle(place: Place) -> Settle:
    return place.settle


@pytest.fixture
def opens(place: Place) -> Opens:
    """Opens the page as the face is then."""
    return place.open


@pytest.fixture
def page(face: FakeFace, opens: Opens) -> SignPage:
    face.offer_signing()
    return opens()


@pytest.fixture
def news(page: SignPage, settle: Settle) -> Callable[[], None]:
    """The engine tells that a signing changed."""

    def tell() -> None:
        page.refresh()
        settle()

    return tell


@pytest.fixture
def whole(window: MainWindow, face: FakeFace) -> SignPage:
    """The page in its window."""
    face.offer_signing()
    window._can = []
    window.ask_status()
    rest(window)
    window.activateWindow()
    window.go(words.SIGN, "")
    for _ in range(3):
        rest(window)
    found = window.pages[words.SIGN]
    assert isinstance(found, SignPage)
    return found


def states(page: SignPage) -> list[tuple[str, str, str]]:
    """Name, state and standing of each report that waits."""
    model = page.list.waiting.rows_model
    found = []
    for place, one in enumerate(model.rows):
        if not one.get("heading"):
            cells = [model.index(place, column).data(CELL_ROLE) for column in (0, 2)]
            found.append((one["patient_name"], *("".join(line.text for line in cell.lines) for cell in cells)))
    return found


def headings(page: SignPage) -> list[str]:
    rows = page.list.waiting.rows_model.rows
    return [one["doctor"]["name"] for one in rows if one.get("heading") == "doctor"]


def shown_text(page: SignPage) -> list[str]:
    return [one.text() for one in page.text.lines.findChildren(QLabel) if one.isVisible()]


def shown_buttons(page: SignPage) -> list[str]:
    return [name for name, button in page.area.buttons.items() if button.isVisible()]


def dialog_of(kind: type[QWidget]) -> QWidget:
    found = QApplication.activeModalWidget()
    assert isinstance(found, kind), found
    return found


def is_closed(dialog: QWidget) -> bool:
    return not isValid(dialog) or not dialog.isVisible()


# -- where it is offered ----------------------------------------------------------------------------------------------


def test_a_clinic_whose_platforms_want_no_signature_has_no_such_page(window: MainWindow) -> None:
    assert words.SIGN not in list(window.pages)
    assert not window.rail.buttons[words.SIGN].isVisible()


def test_the_page_stands_between_reconciliation_and_devices_with_its_count(whole: SignPage, window: MainWindow) -> None:
    names = list(window.pages)
    assert names[names.index(words.RECONCILE) + 1 :][:2] == [words.SIGN, words.DEVICES]
    assert window.rail.buttons[words.SIGN].toolTip() == "电子签名 · Ctrl+5"
    assert window.rail.buttons[words.SIGN].badge == "3"
    assert whole.header.note.text() == "3 份报告等审核医师签名，签好后自动上传"


def test_it_goes_when_no_platform_wants_signatures_any_more(
    whole: SignPage, window: MainWindow, face: FakeFace
) -> None:
    face.signs = False
    face.tell("destination_changed")
    window._news.deliver()
    rest(window)
    assert window.page().name == words.TODAY and not window.rail.buttons[words.SIGN].isVisible()


def test_a_row_of_today_leads_to_the_report_and_news_come_round(
    whole: SignPage, window: MainWindow, face: FakeFace
) -> None:
    window.go(words.PLACES["sign"], "1.2.3.102")
    for _ in range(3):
        rest(window)
    assert whole.session == 102 and whole.list.waiting.session() == 102
    face.doctor_signs(102)
    face.tell("signing_changed", session="102", exam_key="")
    window._news.deliver()
    for _ in range(3):
        rest(window)
    assert whole.session == 101 and window.rail.buttons[words.SIGN].badge == "2"


def test_a_phone_reads_the_code_from_the_screen_at_every_size_in_both_themes(
    whole: SignPage, window: MainWindow, light: Look
) -> None:
    assert whole.code is not None
    for size in WHOLE:
        window.resize(*size)
        for dark in (False, True):
            light.set_dark(dark)
            rest(window)
            assert seen(window) == [whole.code["qr_text"]], (size, dark)
    light.set_dark(False)


STATES = ("waiting", "expired", "refused", "timestamping", "postponed", "unknown", "nobody")
LONG = "阿卜杜热合曼·买买提伊明江·玉素甫"


@pytest.mark.parametrize("size", [*WHOLE, *SMALL])
def test_no_state_cuts_a_word_at_any_size(
    whole: SignPage, face: FakeFace, window: MainWindow, size: tuple[int, int]
) -> None:
    window.resize(*size)
    found = {}
    for state in STATES:
        face.offer_signing()
        face.row_of(101).update(patient_name=LONG, what="胸部高分辨率薄层平扫加增强扫描及三维重建 CT")
        known = state not in ("unknown", "nobody")
        doctor = a_doctor(LIU, known=known) | {"name": "" if state == "nobody" else "欧阳慕容司马上官"}
        for one in face.sign_rows[:2]:
            one["doctor"] = doctor
        if known and state != "waiting":
            face.put_state(101, state, expires_at=None, trouble=OTHER_DOCTOR if state == "refused" else None)
        whole.open_at("1.2.3.101")
        for _ in range(3):
            rest(window)
        assert whole.session == 101
        wrong = cut(whole) if size in SMALL else faults(window, whole)
        found[state] = [one for one in wrong if LONG not in one]
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


# -- the list ---------------------------------------------------------------------------------------------------------


def test_reports_stand_under_the_doctor_they_wait_for(page: SignPage) -> None:
    assert headings(page) == [LIU, ZHANG]
    assert states(page) == [
        ("石秀兰", "待签名", "正在等扫码"),
        ("田志强", "待签名", "接着是这份"),
        ("雷春梅", "码已过期", "12:05 过期"),
    ]


def test_the_arrows_go_from_report_to_report_over_the_headings(page: SignPage, settle: Settle) -> None:
    page.list.waiting.setFocus()
    for _ in range(2):
        QTest.keyClick(page.list.waiting, Qt.Key.Key_Down)
        settle()
    assert page.list.waiting.session() == 103 == page.session
    QTest.keyClick(page.list.waiting, Qt.Key.Key_Up)
    settle()
    assert page.session == 102 and page.area.doctor.text() == f"{LIU} 医生"


def test_what_was_signed_today_stands_below_and_is_green_only_when_the_platform_has_it(
    page: SignPage, face: FakeFace, news: Callable[[], None]
) -> None:
    assert page.list.signed_head.note.text() == "18 份"
    face.doctor_signs(101)
    news()
    model = page.list.signed.rows_model
    first, second = ([model.index(row, column).data(CELL_ROLE) for column in range(4)] for row in range(2))
    assert [cell.lines[0].text for cell in first] == ["14:06 刘慧", "石秀兰 · 胸部正侧位 DR", "时间戳有效", "待上传"]
    assert first[0].mark_tone != "ok" != first[3].lines[0].tone
    assert second[0].mark_tone == "ok" == second[3].lines[0].tone


def test_searching_leaves_what_holds_the_text_and_the_code_stays(page: SignPage, face: FakeFace) -> None:
    page.search.setText("雷春")
    page.search.searched.emit("雷春")
    assert [name for name, *_ in states(page)] == ["雷春梅"] and page.code is not None
    assert page.list.nothing.title.text() == "没有找到"
    page.search.setText("ct26112000")
    page.search.searched.emit("ct26112000")
    assert [name for name, *_ in states(page)] == ["田志强"]
    page.search.setText("王")
    page.search.searched.emit("王")
    assert page.list.empty.title.text() == "没有找到“王”" and page.session == 101


def test_a_long_exam_name_gives_way_to_its_number(page: SignPage, face: FakeFace, news: Callable[[], None]) -> None:
    face.row_of(102)["what"] = "胸部高分辨率薄层平扫加增强扫描及三维重建 CT"
    news()
    model = page.list.waiting.rows_model
    second = model.index(model.place("102"), 1).data(CELL_ROLE).lines[1].text
    assert "…" in second and second.endswith(" · CT2611200029")


# -- the code ---------------------------------------------------------------------------------------------------------


def test_every_module_is_painted_where_it_belongs_in_whole_pixels(page: SignPage) -> None:
    assert page.code is not None
    lines, image = page.code["modules"], page.area.qr.grab().toImage()
    count, side = len(lines), image.width()
    module = (side - 2) // (count + 2 * QUIET)
    start = round((side - module * count) / 2)
    assert module >= LEAST_MODULE and module * count >= 180
    for y in range(-QUIET + 1, count + QUIET - 1):
        for x in range(-QUIET + 1, count + QUIET - 1):
            inside = 0 <= y < count and 0 <= x < count
            dark = inside and lines[y][x] == "1"
            for dx, dy in ((0, 0), (module - 1, module - 1)):
                colour = image.pixelColor(start + x * module + dx, start + y * module + dy)
                assert colour.name() == ("#000000" if dark else "#ffffff"), (x, y)


def test_a_code_of_many_modules_makes_its_box_larger_and_not_its_modules_smaller(light: Look, qtbot: QtBot) -> None:
    text = "https://ca.example.cn/" + "签名任务" * 60
    box = QrBox(light)
    qtbot.addWidget(box)
    box.set_low(True)
    box.show_code(modules(text))
    assert box.width() >= (len(modules(text)) + 2 * QUIET) * LEAST_MODULE
    assert seen(box) == [text]


def test_a_code_that_comes_drawn_is_shown_and_fits(light: Look, qtbot: QtBot) -> None:
    drawn = QrBox(light)
    qtbot.addWidget(drawn)
    drawn.show_code(modules("https://ca.example.cn/drawn"))
    kept = QBuffer()
    kept.open(QIODevice.OpenModeFlag.WriteOnly)
    drawn.grab().scaledToWidth(900).save(kept, "PNG")
    box = QrBox(light)
    qtbot.addWidget(box)
    box.show_code([], bytes(kept.data().data()))
    assert box.has_code() and seen(box) == ["https://ca.example.cn/drawn"]
    assert box.width() < 340, "a large one leaves room for what stands beside it"


def test_who_must_sign_is_the_largest_and_how_long_is_said_in_hours(page: SignPage) -> None:
    area = page.area
    assert area.doctor.text() == "刘慧 医生" and area.asks.text() == "请审核医师扫码 · 签 石秀兰 的报告"
    others = [one.font().pointSizeF() for one in area.findChildren(QLabel) if one is not area.doctor]
    assert area.doctor.font().pointSizeF() > max(others)
    assert area.validity.ring.words == "23 时" and 0.97 < area.validity.ring.part < 0.98
    assert area.validity.until.text() == "有效期至 明天 13:30" and area.validity.left.text() == "还有 23 小时 24 分"
    assert shown_buttons(page) == ["renew", "later"]


def test_the_words_go_on_with_the_clock(page: SignPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.area, "_now", lambda: NOW + timedelta(hours=22, minutes=59, seconds=30))
    page._tick()
    assert page.area.validity.ring.words == "24 分" and page.area.validity.left.text() == "还有 24 分"


@pytest.mark.parametrize(
    ("minutes", "ring", "left"),
    [
        (4320, "72 时", "还有 72 小时"),
        (60, "1 时", "还有 1 小时"),
        (59, "59 分", "还有 59 分"),
        (0, "0 分", "还有不到 1 分"),
    ],
)
def test_hours_then_minutes(minutes: int, ring: str, left: str) -> None:
    at = (NOW + timedelta(minutes=minutes, seconds=20)).isoformat()
    assert (sign_words.ring(at, NOW), sign_words.left(at, NOW)) == (ring, left)


def test_until_says_the_day_and_the_time() -> None:
    said = [sign_words.until((NOW + timedelta(hours=hours)).isoformat(), NOW) for hours in (1, 24, 72)]
    assert said == ["有效期至 今天 15:06", "有效期至 明天 14:06", "有效期至 11 月 23 日 14:06"]


def test_a_new_code_is_another_code(page: SignPage, face: FakeFace, settle: Settle) -> None:
    assert page.code is not None
    before = page.code["qr_text"]
    page.area.buttons["renew"].click()
    settle()
    assert face.called("renew_code") == [(101,)] and page.code["qr_text"] != before
    assert seen(page.area.qr) == [page.code["qr_text"]]


def test_a_code_is_asked_for_once_and_not_with_every_look_at_the_list(
    page: SignPage, face: FakeFace, news: Callable[[], None]
) -> None:
    for _ in range(3):
        news()
    assert face.called("sign_code") == [(101,)]


def test_a_code_that_runs_out_on_the_screen_is_renewed_by_itself(
    page: SignPage, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page.code is not None
    page.code["expires_at"] = NOW.isoformat()
    page._tick()
    settle()
    assert len(face.called("sign_code")) == 2 and datetime.fromisoformat(page.code["expires_at"]) > NOW


def test_a_code_that_the_engine_calls_expired_while_it_is_shown_is_renewed_too(
    page: SignPage, face: FakeFace, news: Callable[[], None]
) -> None:
    face.put_state(101, "expired", expires_at=utc("13:00"))
    news()
    assert len(face.called("sign_code")) == 2 and states(page)[0] == ("石秀兰", "待签名", "正在等扫码")


def test_while_the_page_is_not_on_screen_nothing_is_renewed(page: SignPage, face: FakeFace, settle: Settle) -> None:
    assert page.code is not None
    page.code["expires_at"] = NOW.isoformat()
    page.hide()
    page._tick()
    settle()
    assert len(face.called("sign_code")) == 1


# -- signed -----------------------------------------------------------------------------------------------------------


def test_when_it_is_signed_the_same_doctors_next_comes_up_by_itself(
    page: SignPage, face: FakeFace, news: Callable[[], None]
) -> None:
    face.doctor_signs(101)
    news()
    assert page.session == 102 and page.area.done.text() == "石秀兰 14:06 签好了 · 时间戳有效 · 待上传"
    assert page.code is not None and seen(page.area.qr) == [page.code["qr_text"]]
    assert states(page)[0] == ("田志强", "待签名", "正在等扫码")


def test_after_the_doctors_last_the_next_doctors_and_after_all_nothing(
    page: SignPage, face: FakeFace, news: Callable[[], None]
) -> None:
    for session in (101, 102):
        face.doctor_signs(session)
        news()
    assert page.session == 103 and page.area.said.title.text() == "码已过期"
    face.doctor_signs(103)
    news()
    assert page.header.note.text() == "没有报告在等签名" and page.list.empty.isVisible()
    assert page.list.empty.title.text() == "都签好了" and not page.area.isVisible()


def test_while_the_timestamp_is_fetched_the_fourth_step_is_on(
    page: SignPage, face: FakeFace, news: Callable[[], None]
) -> None:
    face.put_state(101, "timestamping", expires_at=None)
    news()
    assert page.area.steps.at == 3 and page.area.said.title.text() == "签名已取回，正在取时间戳"
    assert not page.area.qr.has_code() and shown_buttons(page) == [] and FINDINGS in shown_text(page)


def test_a_timestamp_that_does_not_come_says_why_and_offers_to_sign_again(
    page: SignPage, face: FakeFace, news: Callable[[], None]
) -> None:
    trouble = {"title": "时间戳盖的不是这份报告", "advice": "没有采用。一直这样就重新签", "details": ""}
    face.put_state(101, "timestamping", expires_at=None, trouble=trouble)
    news()
    assert page.area.said.title.text() == "时间戳盖的不是这份报告" and shown_buttons(page) == ["renew"]
    page.act("renew")
    news()
    assert face.called("renew_code") == [(101,)] and page.area.qr.has_code()


def test_a_doctor_who_signed_before_the_code_came_leaves_no_code(
    page: SignPage, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = face.sign_code

    def signed(session: int) -> object:
        answer = made(session)
        face.put_state(session, "timestamping", expires_at=None)
        return answer | {"modules": [], "qr_text": "", "expires_at": None, "row": face.row_of(session)}

    monkeypatch.setattr(face, "sign_code", signed)
    page.list.waiting.choose("102")
    for _ in range(2):
        settle()
    assert page.area.steps.at == 3 and page.code is None


def test_leaving_the_page_ends_no_signing(page: SignPage, face: FakeFace, place: Place) -> None:
    page.hide()
    face.doctor_signs(101)
    place.open()
    assert page.session == 102 and not face.called("postpone_signing")


# -- what hinders -----------------------------------------------------------------------------------------------------


def test_an_expired_code_says_what_to_press(page: SignPage, face: FakeFace, settle: Settle) -> None:
    page.list.waiting.choose("103")
    settle()
    assert page.area.said.title.text() == "码已过期" and shown_buttons(page) == ["renew", "later"]
    assert page.area.buttons["renew"].property("kind") == "primary" and not page.area.qr.has_code()
    assert FINDINGS in shown_text(page), "what is to be signed can be read without a code"
    page.area.buttons["renew"].click()
    settle()
    assert page.code is not None and seen(page.area.qr) == [page.code["qr_text"]]
    assert states(page)[2] == ("雷春梅", "待签名", "正在等扫码")


def test_the_name_of_a_doctor_offers_a_new_code_for_what_expired(
    page: SignPage, face: FakeFace, settle: Settle
) -> None:
    table = page.list.waiting
    place = table.rows_model.place(f"doctor {ZHANG}")
    where = table.cells.link_box(table.visualRect(table.rows_model.index(place, 0)))
    assert table.viewport().rect().contains(where)
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where.center())
    settle()
    assert face.called("renew_code") == [(103,)] and page.session == 103 == table.session()
    assert page.code is not None
    first = table.cells.link_box(table.visualRect(table.rows_model.index(0, 0)))
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=first.center())
    settle()
    assert len(face.called("renew_code")) == 1, "nothing of that doctor expired"


def test_a_doctor_the_platform_does_not_know_leads_to_the_list_of_doctors(
    face: FakeFace, opens: Opens, place: Place, settle: Settle
) -> None:
    face.offer_signing()
    for session in (101, 102):
        face.row_of(session)["doctor"] = a_doctor(LIU, known=False)
    page = opens()
    page.list.waiting.choose("101")
    settle()
    assert page.area.said.title.text() == "还不知道 刘慧 医生的签名平台编号"
    assert not face.called("sign_code") or face.called("sign_code") == [(103,)]
    page.area.buttons["settings"].click()
    assert place.went == [(words.SETTINGS, "signing")]


def test_a_report_that_has_to_be_stamped_first_leads_to_its_form(
    face: FakeFace, opens: Opens, place: Place, settle: Settle
) -> None:
    face.offer_signing()
    face.fail["sign_code"] = NeedsOperator("先盖章，再签名", "盖好章再请医生签", fields=("report_pdf",))
    page = opens()
    assert page.area.said.title.text() == "先盖章，再签名" and shown_buttons(page) == ["stamp"]
    page.area.buttons["stamp"].click()
    assert place.went == [(words.FILL, face.row_of(101)["uid"])]


def test_a_report_without_an_auditing_doctor_leads_to_its_form(
    face: FakeFace, opens: Opens, place: Place, settle: Settle
) -> None:
    face.offer_signing()
    face.row_of(102)["doctor"] = a_doctor("")
    page = opens()
    page.list.waiting.choose("102")
    settle()
    assert page.area.said.title.text() == "这份报告还没有审核医师" and shown_buttons(page) == ["fill"]
    page.area.buttons["fill"].click()
    assert place.went == [(words.FILL, "1.2.3.102")]


def test_a_platform_that_does_not_answer_is_asked_again_by_itself_and_by_the_button(
    face: FakeFace, opens: Opens, place: Place, settle: Settle
) -> None:
    face.offer_signing()
    face.fail["sign_code"] = RetryLater(NO_ANSWER, "正在自动重试", details="connect timed out")
    page = opens()
    assert page.area.said.title.text() == NO_ANSWER and shown_buttons(page) == ["retry", "later"]
    assert page.area.said.facts is not None and not page.area.said.facts.plate.isVisible()
    assert FINDINGS in shown_text(page) and not place.failed
    page.area.buttons["retry"].click()
    settle()
    assert page.area.said.title.text() == NO_ANSWER and len(face.called("sign_code")) == 2
    del face.fail["sign_code"]
    page.refresh()
    for _ in range(2):
        settle()
    assert page.code is not None and not page.area.said.isVisible()


def test_what_needs_a_person_is_not_asked_again_by_itself(face: FakeFace, opens: Opens, settle: Settle) -> None:
    face.offer_signing()
    face.fail["sign_code"] = NeedsOperator("全文太长，签不了", "请把影像所见缩短一些")
    page = opens()
    asked = len(face.called("sign_code"))
    page.refresh()
    for _ in range(2):
        settle()
    assert len(face.called("sign_code")) == asked and page.area.said.title.text() == "全文太长，签不了"


def test_the_signature_of_another_doctor_is_told_with_its_details_folded(
    page: SignPage, face: FakeFace, news: Callable[[], None]
) -> None:
    face.put_state(101, "refused", trouble=OTHER_DOCTOR)
    news()
    assert page.area.said.title.text() == OTHER_DOCTOR["title"] and shown_buttons(page) == ["renew", "later"]
    assert page.area.said.facts is not None and not page.area.said.facts.plate.isVisible()
    page.area.said.facts.copy.click()
    assert "MSSP8801508" in QGuiApplication.clipboard().text()
    assert states(page)[0][1] == "签名没有收下"


def test_a_doctor_who_is_not_there_is_put_off_and_another_comes_up(
    page: SignPage, face: FakeFace, settle: Settle
) -> None:
    face.put_state(103, "next", expires_at=None)
    page.area.buttons["later"].click()
    for _ in range(3):
        settle()
    assert face.called("postpone_signing") == [(101,)] and page.session == 103
    assert [state for _, state, _ in states(page)] == ["稍后再签", "稍后再签", "待签名"]
    page.list.waiting.choose("101")
    settle()
    assert shown_buttons(page) == ["renew"]
    page.area.buttons["renew"].click()
    settle()
    assert page.code is not None and page.session == 101


def test_a_late_answer_about_another_report_is_not_shown(
    page: SignPage, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = face.sign_code(101)
    page.list.waiting.choose("103")
    settle()
    now = page._round
    assert page._shown[0] == 103 and now > 1
    page._ask_code(face.row_of(102))
    page._open(face.row_of(103))
    settle()
    assert page.code is None and page.area.said.title.text() == "码已过期" and late["session"] == 101


# -- the text ---------------------------------------------------------------------------------------------------------


def test_the_whole_text_stands_below_with_its_digest(page: SignPage, face: FakeFace) -> None:
    said = shown_text(page)
    assert page.code is not None
    assert all(one["label"] in said and one["value"] in said for one in page.code["lines"])
    assert page.text.place.text() == "第 1 份，共 2 份" and page.text.digest.text() == "全文摘要 SM3 9f2c 04ab ··· 71e0"
    page.text.copy.click()
    assert QGuiApplication.clipboard().text() == DIGEST
    assert page.text.note.text() == "签名后再改这份报告，签名就作废，要重新签"


def test_a_long_text_is_complete_and_scrolls(face: FakeFace, opens: Opens) -> None:
    face.offer_signing()
    face.sign_text = a_long_text
    page = opens()
    assert page.code is not None and page.code["lines"][2]["value"] in shown_text(page)
    bar = page.text.area.verticalScrollBar()
    assert bar.maximum() > 100 and cut(page.text) == []
    page.text.area.setFocus()
    QTest.keyClick(page.text.area, Qt.Key.Key_PageDown)
    assert bar.value() > 0


def test_the_pdf_can_be_read_here_and_not_exchanged(page: SignPage, settle: Settle) -> None:
    page.text.open_pdf.click()
    settle()
    dialog = dialog_of(ReportDialog)
    pane = dialog.findChild(PdfPane)
    assert pane is not None and pane.document.pageCount() >= 1 and cut(dialog) == []
    assert not [
        one for one in dialog.findChildren(QWidget) if getattr(one, "text", str)() == "换一份" and one.isVisible()
    ]
    dialog.close()


# -- what was signed --------------------------------------------------------------------------------------------------


def test_one_signature_shows_what_was_checked(page: SignPage, settle: Settle) -> None:
    page.list.signed.choose_first()
    page.list.signed.setFocus()
    QTest.keyClick(page.list.signed, Qt.Key.Key_Return)
    settle()
    dialog = dialog_of(SignatureDialog)
    said = [one.text() for one in dialog.findChildren(QLabel)]
    assert {"签名与全文一致", "证书没有吊销", "吊销列表的地址连不上，平台会再查", FINDINGS} <= set(said)
    assert "张伟明 · 山西省医疗卫生电子认证 SM2 CA · 2025-12-01 到 2027-12-01" in said
    assert cut(dialog) == [] and dialog.height() <= 640
    dialog.close()


def test_another_days_signatures_are_a_step_away(page: SignPage, face: FakeFace, settle: Settle) -> None:
    page.list.more.click()
    settle()
    dialog = dialog_of(SignedDialog)
    assert isinstance(dialog, SignedDialog)
    assert len(dialog.table.rows_model.rows) == 18 and not dialog.later.isEnabled()
    dialog.earlier.click()
    settle()
    assert dialog.empty.isVisible() and not dialog.look_at.isEnabled() and dialog.title.text() == "11 月 19 日 星期四"
    assert face.called("signing")[-1] == ("2026-11-19",)
    dialog.later.click()
    settle()
    dialog.look_at.click()
    settle()
    inner = dialog_of(SignatureDialog)
    assert cut(dialog) == []
    inner.close()
    dialog.close()


# -- imported ---------------------------------------------------------------------------------------------------------


def test_the_clinics_own_signature_is_taken_for_the_report_on_screen(
    page: SignPage, face: FakeFace, place: Place, settle: Settle
) -> None:
    page.bring.click()
    dialog = dialog_of(ImportDialog)
    assert isinstance(dialog, ImportDialog)
    assert dialog.of.text() == "石秀兰 · 胸部正侧位 DR · DR2611200012" and not dialog.search.isVisible()
    dialog.take("D:/签名/石秀兰.json")
    settle()
    assert face.called("import_signed") == [("1.2.3.101", 0, "D:/签名/石秀兰.json")] and is_closed(dialog)
    assert place.told == [("work", "石秀兰 的签名已导入", "时间戳有效 · 待上传")] and page.session == 102


def test_data_that_does_not_hold_is_said_where_it_was_chosen(page: SignPage, face: FakeFace, settle: Settle) -> None:
    page.bring.click()
    dialog = dialog_of(ImportDialog)
    assert isinstance(dialog, ImportDialog)
    face.fail["import_signed"] = NeedsOperator("签名数据里没有时间戳", "要有四样", details="1.json")
    dialog.take("1.json")
    assert dialog.file.text() == "正在核对" and not dialog.file.isEnabled()
    settle()
    assert dialog.said.title.text() == "签名数据里没有时间戳" and dialog.file.isEnabled() and cut(dialog) == []
    del face.fail["import_signed"]
    dialog.take("2.json")
    settle()
    assert is_closed(dialog)


def test_where_nothing_waits_for_a_phone_the_exam_is_chosen_first(face: FakeFace, opens: Opens, settle: Settle) -> None:
    face.offer_signing(waiting=False)
    page = opens()
    page.bring.click()
    settle()
    dialog = dialog_of(ImportDialog)
    assert isinstance(dialog, ImportDialog)
    assert not dialog.file.isEnabled() and dialog.exams.isVisible()
    exam = face.rows[3]
    face.rows[3]["report_count"] = 2
    dialog.search.setText(exam["patient_name"])
    dialog.search.searched.emit(exam["patient_name"])
    settle()
    assert [one["uid"] for one in dialog.exams.rows_model.rows] == [exam["uid"]]
    dialog.exams.choose_first()
    dialog.number.setCurrentIndex(1)
    assert dialog.file.isEnabled()
    dialog.take("x.json")
    settle()
    assert face.called("import_signed") == [(exam["uid"], 1, "x.json")]
    assert dialog.said.isVisible(), "the exam has nothing to sign"
    dialog.search.setText("没有的人")
    dialog.search.searched.emit("没有的人")
    settle()
    assert dialog.nothing.isVisible()
    dialog.close()


def test_the_minutes_of_the_ring_are_the_codes_own(page: SignPage) -> None:
    assert page.code is not None and page.code["minutes"] == MINUTES


def test_nothing_but_the_list_can_be_pressed_where_a_heading_is(page: SignPage, settle: Settle) -> None:
    table = page.list.waiting
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(40, 60))
    settle()
    assert page.session == 101


# -- changed, imported, not checked ----------------------------------------------------------------------------------


def test_a_report_that_was_changed_leads_to_its_form_and_asks_for_no_code(
    page: SignPage, face: FakeFace, place: Place, news: Callable[[], None]
) -> None:
    face.put_state(101, "void", trouble=CHANGED)
    asked = len(face.called("sign_code"))
    news()
    assert states(page)[0][1] == "要重新签" and page.code is None
    assert page.area.said.title.text() == CHANGED["title"] and shown_buttons(page) == ["submit"]
    page.act("submit")
    assert place.went[-1] == (words.FILL, "1.2.3.101") and len(face.called("sign_code")) == asked


def test_where_the_clinics_own_system_signs_each_report_has_its_import_and_no_code(
    face: FakeFace, opens: Opens, settle: Settle
) -> None:
    face.offer_signing()
    for one in face.sign_rows:
        one.update(way="import", state="next", expires_at=None, doctor=a_doctor(one["doctor"]["name"], known=False))
    page = opens()
    assert [standing for _, _, standing in states(page)] == ["导入"] * 3 and not face.called("sign_code")
    assert shown_buttons(page) == ["import"] and not page.area.steps.isVisible()
    table = page.list.waiting
    second = next(place for place, one in enumerate(table.rows_model.rows) if one.get("session") == 102)
    box = table.visualRect(table.rows_model.index(second, 2))
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
    settle()
    dialog = dialog_of(ImportDialog)
    assert isinstance(dialog, ImportDialog) and page.session == 102
    dialog.take("signed.json")
    settle()
    assert face.called("import_signed")[-1] == ("1.2.3.102", 0, "signed.json") and is_closed(dialog)


def test_a_folder_of_many_finds_its_reports_and_says_what_was_left(
    page: SignPage, face: FakeFace, place: Place, settle: Settle
) -> None:
    page.bring.click()
    settle()
    dialog = dialog_of(ImportDialog)
    assert isinstance(dialog, ImportDialog) and dialog.many.isEnabled()
    dialog.take_all("/signed")
    settle()
    assert face.called("import_all_signed") == [("/signed",)] and "石秀兰" in place.told[-1][1]
    assert dialog.said.title.text() == "收下 1 份，没有收下 1 份" and "b.json" in dialog.said.advice.text()
    assert dialog.uid == "" and not dialog.file.isEnabled(), "that report needs no further file"
    assert cut(dialog) == []
    dialog.reject()


def test_what_can_not_be_checked_is_said_under_the_list_and_leads_to_the_settings(
    page: SignPage, face: FakeFace, place: Place, news: Callable[[], None]
) -> None:
    assert not page.list.notice.isVisible()
    face.notices = [NO_ROOTS]
    news()
    notice = page.list.notice
    assert notice.isVisible() and notice.title.text() == NO_ROOTS["title"] and cut(page) == []
    notice.lead.click()
    assert place.went[-1] == (words.SETTINGS, "trust")
