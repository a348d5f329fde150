"""The table of keys is true: every key of it is pressed on its page and does what the table says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QWidget

from app.gui import words
from app.gui.code_box import CodeBox
from app.gui.dialogs import QuestionDialog
from app.gui.fill import FillPage
from app.gui.keys import EVERYWHERE, IMAGES, KEYS, NAME, KeysDialog, show_keys, tip
from app.gui.name_repair import NameRepair
from app.gui.queue import QueuePage
from app.gui.reconcile import ReconcilePage
from app.gui.retrieve import RetrievePage
from app.gui.sign import SignPage
from app.gui.sign_record import SignatureDialog
from app.gui.sign_text import ReportDialog
from app.gui.slip import SlipDialog
from app.gui.window import MainWindow
from tests.gui.conftest import Settle, rest
from tests.gui.fake_face import FakeFace
from tests.gui.fake_retrieve import PATIENT
from tests.gui.fake_sign import DIGEST
from tests.gui.test_look import cut

CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
Does = dict[str, Callable[[], None]]


def press(window: QWidget, key: Qt.Key, more: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window.focusWidget() or window, key, more)


def walk(section: str, does: Does) -> None:
    """Press every key of a section, in the order given; none may be left out and none is invented."""
    assert set(does) == {key.act for key in KEYS[section]}
    for act in does.values():
        act()


def active_dialog(kind: type[QWidget]) -> QWidget:
    found = QApplication.activeModalWidget()
    assert isinstance(found, kind), found
    return found


def opened(window: MainWindow, name: str, key: str = "") -> QWidget:
    window.activateWindow()
    window.go(name, key)
    rest(window)
    return window.pages[name]


def test_everywhere(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    window.activateWindow()

    def pages() -> None:
        for number, name in enumerate((words.TODAY, words.FILL, words.QUEUE, words.RECONCILE, words.DEVICES)):
            press(window, Qt.Key(Qt.Key.Key_1 + number), CTRL)
            settle()
            assert window.page().name == name

    def page(key: Qt.Key, name: str) -> None:
        press(window, key, CTRL)
        settle()
        assert window.page().name == name

    def search() -> None:
        for name in window.pages:
            opened(window, name)
            press(window, Qt.Key.Key_F, CTRL)
            settle()
            focused = window.focusWidget()
            assert isinstance(focused, QLineEdit) and focused is window.page().search  # type: ignore[attr-defined]

    def pane() -> None:
        for name in window.pages:
            opened(window, name)
            seen = []
            for _ in range(3):
                press(window, Qt.Key.Key_F6)
                seen.append(window.focusWidget())
            assert len({id(one) for one in seen}) > 1, name

    def refresh() -> None:
        opened(window, words.QUEUE)
        face.calls.clear()
        press(window, Qt.Key.Key_F5)
        settle()
        assert face.called("jobs")

    def close() -> None:
        today = opened(window, words.TODAY)
        field = today.search  # type: ignore[attr-defined]
        field.setFocus()
        field.setText("zh")
        press(window, Qt.Key.Key_Escape)
        assert field.text() == ""
        window.tell("you", "请看一眼", "这里")
        assert window.banner.isVisible()
        press(window, Qt.Key.Key_Escape)
        assert not window.banner.isVisible()

    def helps() -> None:
        press(window, Qt.Key.Key_F1)
        dialog = active_dialog(KeysDialog)
        press(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()

    walk(
        EVERYWHERE,
        {
            "page": pages,
            "settings": lambda: page(Qt.Key.Key_8, words.SETTINGS),
            "log": lambda: page(Qt.Key.Key_9, words.LOG),
            "search": search,
            "pane": pane,
            "refresh": refresh,
            "close": close,
            "help": helps,
        },
    )


def test_to_fill(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    page = opened(window, words.FILL, "1.2.3.0")
    assert isinstance(page, FillPage)
    rows = [page.form.rows[name] for name in page.form.rows]
    loud = [one for one in rows if one.isVisible()][:3]

    def following() -> None:
        loud[0].focus()
        press(window, Qt.Key.Key_Tab)
        assert loud[1].isAncestorOf(window.focusWidget())
        press(window, Qt.Key.Key_Return)
        assert loud[2].isAncestorOf(window.focusWidget())

    def take() -> None:
        loud[1].focus()
        press(window, Qt.Key.Key_F2)
        settle()
        assert loud[1].value() == "张伟明"

    def options() -> None:
        box = loud[2].findChild(CodeBox)
        assert box is not None
        loud[2].focus()
        press(window, Qt.Key.Key_Down, ALT)
        settle()
        assert box.popup is not None and box.popup.isVisible()
        press(window, Qt.Key.Key_Escape)
        assert not box.popup.isVisible()

    def take_all() -> None:
        loud[2].focus()
        press(window, Qt.Key.Key_F2, CTRL)
        settle()
        assert page.form.rows[loud[0].name].value() != ""

    def keep() -> None:
        loud[0].enter("140928198005124320")
        face.calls.clear()
        press(window, Qt.Key.Key_S, CTRL)
        settle()
        assert face.called("fill")

    def other() -> None:
        press(window, Qt.Key.Key_PageDown)
        settle()
        assert page.uid == "1.2.3.1"
        press(window, Qt.Key.Key_PageUp)
        settle()
        assert page.uid == "1.2.3.0"

    def submit() -> None:
        page.open_at("1.2.3.3")
        settle()
        press(window, Qt.Key.Key_Return, CTRL)
        settle()
        assert face.called("submit") and page.uid != "1.2.3.3"

    walk(
        words.FILL,
        {
            "next": following,
            "take": take,
            "list": options,
            "take_all": take_all,
            "keep": keep,
            "other": other,
            "submit": submit,
        },
    )


def test_in_the_images(window: MainWindow, settle: Settle) -> None:
    page = opened(window, words.FILL, "1.2.3.0")
    assert isinstance(page, FillPage)
    viewer = page.facts.viewer
    page.facts.focus()

    def slice_() -> None:
        at = viewer.at
        press(window, Qt.Key.Key_Down)
        assert viewer.at == at + 1
        press(window, Qt.Key.Key_Up)
        assert viewer.at == at

    def chosen() -> None:
        before = viewer.grab().toImage()
        press(window, Qt.Key.Key_3)
        settle()
        assert viewer.grab().toImage() != before

    def zoom() -> None:
        before = viewer.film.zoom
        press(window, Qt.Key.Key_Plus)
        assert viewer.film.zoom > before
        press(window, Qt.Key.Key_Minus)
        assert viewer.film.zoom == pytest.approx(before)

    walk(IMAGES, {"slice": slice_, "window": chosen, "zoom": zoom})


def test_the_outbox(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    page = opened(window, words.QUEUE)
    assert isinstance(page, QueuePage)
    page.table.setFocus()

    def tick() -> None:
        press(window, Qt.Key.Key_Down)
        press(window, Qt.Key.Key_Space)
        settle()
        assert len(page._ticked) == 1
        press(window, Qt.Key.Key_Space)
        settle()

    def tick_all() -> None:
        press(window, Qt.Key.Key_A, CTRL)
        settle()
        assert len(page._ticked) > 1
        press(window, Qt.Key.Key_Escape)
        assert not page._ticked

    def timeline() -> None:
        page.table.setFocus()
        press(window, Qt.Key.Key_Return)
        settle()
        assert page.panel.isVisible()

    def copy() -> None:
        QGuiApplication.clipboard().clear()
        page.table.setFocus()
        press(window, Qt.Key.Key_C, CTRL)
        settle()
        assert "2611200" in QGuiApplication.clipboard().text()

    def slip() -> None:
        press(window, Qt.Key.Key_P, CTRL)
        settle()
        active_dialog(SlipDialog).close()
        window.activateWindow()

    def resend() -> None:
        page.open_at("1.2.3.6")
        settle()
        face.calls.clear()
        press(window, Qt.Key.Key_R, CTRL)
        settle()
        assert any(name == "act_many" or name == "resend" for name, _ in face.calls), face.calls

    def cancel() -> None:
        page.open_at("1.2.3.7")
        settle()
        page.table.setFocus()
        settle()
        press(window, Qt.Key.Key_Delete)
        settle()
        dialog = active_dialog(QuestionDialog)
        press(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()

    walk(
        words.QUEUE,
        {
            "tick": tick,
            "tick_all": tick_all,
            "timeline": timeline,
            "copy": copy,
            "slip": slip,
            "resend": resend,
            "cancel": cancel,
        },
    )


def test_reconciliation(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    page = opened(window, words.RECONCILE)
    assert isinstance(page, ReconcilePage)

    def day() -> None:
        first = page.figure.day
        press(window, Qt.Key.Key_Left)
        settle()
        assert page.figure.day < first
        press(window, Qt.Key.Key_Right)
        settle()
        assert page.figure.day == first

    def pile() -> None:
        first = page.piles.key()
        press(window, Qt.Key.Key_Down)
        settle()
        second = page.piles.key()
        press(window, Qt.Key.Key_Up)
        settle()
        assert second != first == page.piles.key()

    def act() -> None:
        QGuiApplication.clipboard().clear()
        press(window, Qt.Key.Key_Return)
        settle()
        assert QGuiApplication.clipboard().text() != ""

    walk(words.RECONCILE, {"day": day, "pile": pile, "row": act})


def test_signatures(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    face.offer_signing()
    page = opened(window, words.SIGN)
    assert isinstance(page, SignPage)
    settle()

    def report() -> None:
        press(window, Qt.Key.Key_Down)
        settle()
        assert page.session == 102
        press(window, Qt.Key.Key_Up)
        settle()
        assert page.session == 101

    def open_() -> None:
        press(window, Qt.Key.Key_Return)
        settle()
        active_dialog(ReportDialog).close()
        window.activateWindow()
        settle()
        page.list.signed.setFocus(Qt.FocusReason.TabFocusReason)
        press(window, Qt.Key.Key_Return)
        settle()
        active_dialog(SignatureDialog).close()
        window.activateWindow()
        settle()

    def renew() -> None:
        press(window, Qt.Key.Key_R, CTRL)
        settle()
        assert face.called("renew_code") == [(101,)]

    def copy() -> None:
        press(window, Qt.Key.Key_C, CTRL)
        assert QGuiApplication.clipboard().text() == DIGEST

    walk(words.SIGN, {"report": report, "open": open_, "renew": renew, "copy": copy})


def test_other_hospitals_exams(
    window: MainWindow, face: FakeFace, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: browser.append(url.toString()))
    face.offer_retrieval()
    face.had_downloads()
    page = opened(window, words.RETRIEVE)
    assert isinstance(page, RetrievePage)
    QTest.keyClicks(page.search, PATIENT)
    press(window, Qt.Key.Key_Return)
    settle()
    settle()
    table = page.answer.table
    assert table.key() == "1" and table.hasFocus()

    def move() -> None:
        press(window, Qt.Key.Key_Down)
        assert table.key() == "2"
        press(window, Qt.Key.Key_Up)
        assert table.key() == "1"
        press(window, Qt.Key.Key_Left)
        press(window, Qt.Key.Key_Left)
        assert table.at == "report"
        press(window, Qt.Key.Key_Right)
        assert table.at == "images"

    def open_() -> None:
        press(window, Qt.Key.Key_Return)
        assert browser == [face.exams[0]["image_url"]]
        press(window, Qt.Key.Key_Right)
        press(window, Qt.Key.Key_Return)
        settle()
        assert [args[1] for args in face.called("start_download")] == [face.exams[0]["index_code"]]

    def copy() -> None:
        press(window, Qt.Key.Key_C, CTRL)
        assert QGuiApplication.clipboard().text() == face.exams[0]["index_code"]

    def remove() -> None:
        page.fetch.act("list")
        assert page.fetch.list.table.hasFocus()
        press(window, Qt.Key.Key_Delete)
        dialog = active_dialog(QuestionDialog)
        press(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible() and not face.called("remove_download")
        window.activateWindow()

    walk(words.RETRIEVE, {"move": move, "open": open_, "copy": copy, "remove": remove})


def test_choosing_a_name(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    page = opened(window, words.FILL, "1.2.3.2")
    assert isinstance(page, FillPage)
    page.exam.choose_name()
    settle()
    dialog = active_dialog(NameRepair)
    assert isinstance(dialog, NameRepair)

    def reading() -> None:
        for number, card in enumerate(dialog.cards):
            press(dialog, Qt.Key(Qt.Key.Key_1 + number))
            assert card.isChecked() == card.isEnabled()
        press(dialog, Qt.Key.Key_1)

    def use() -> None:
        press(dialog, Qt.Key.Key_Return)
        settle()
        assert face.called("repair_name") and not dialog.isVisible()

    walk(NAME, {"reading": reading, "use": use})


def test_f1_shows_the_whole_table_once_and_nothing_is_cut(window: MainWindow) -> None:
    dialog = show_keys(window._look, window)
    assert show_keys(window._look, window) is dialog
    QApplication.processEvents()
    said = [one.text() for one in dialog.findChildren(QLabel)]
    assert [key.does for section in KEYS.values() for key in section if key.does not in said] == []
    assert cut(dialog) == []
    assert dialog.height() <= 640
    dialog.close()


def test_no_key_belongs_to_an_input_method() -> None:
    keys = [key.keys for section in KEYS.values() for key in section]
    assert not [one for one in keys if one in ("Ctrl+Space", "Shift", "Ctrl+.", "Ctrl+Shift")]
    assert tip(words.QUEUE, "slip") == "上传凭单 · Ctrl+P"


def test_the_keyboard_is_seen_on_everything_it_can_reach(shared: MainWindow) -> None:
    """Whatever takes Tab looks different while it has the keyboard."""
    shared.activateWindow()
    blind = []
    for name, page in shared.pages.items():
        shared.go(name, "")
        rest(shared)
        for one in page.findChildren(QWidget):
            if not (one.isVisible() and one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus):
                continue
            if one.visibleRegion().isEmpty():
                continue
            one.clearFocus()
            shared.rail.setFocus()
            QApplication.processEvents()
            before = drawn(one)
            one.setFocus(Qt.FocusReason.TabFocusReason)
            QApplication.processEvents()
            if drawn(one) == before and one.hasFocus():
                blind.append(f"{name}: {type(one).__name__} {one.accessibleName() or getattr(one, 'text', str)()}")
    assert blind == []


def drawn(widget: QWidget) -> object:
    """What can be seen of a widget and the two pixels around it."""
    where = widget.rect().translated(widget.mapTo(widget.window(), QPoint(0, 0))).adjusted(-2, -2, 2, 2)
    return widget.window().grab(where).toImage()
