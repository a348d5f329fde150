"""The first set-up with the keyboard only, from the first page to the last; left and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from app.engine.setup import fetches_from_here
from app.gui.window import MainWindow
from app.gui.wizard import SIZE, Wizard
from tests.gui.conftest import rest
from tests.gui.fake_face import FakeFace
from tests.gui.fake_setup import CONNECTED, STUDY, a_stored

CLINIC = ("惠康综合门诊部", "91140100MA0GT12X3Y", "H14010500123", "惠康综合门诊部", "140105")
SECRET = "2a77be8ebc9c90cd25ccd1d31dce7a77"
Key = Qt.Key


@pytest.fixture
def wizard(window: MainWindow) -> Iterator[Wizard]:
    window.open_setup()
    assert window.wizard is not None
    until(lambda: window.wizard is not None and bool(window.wizard.answers.document), window)
    yield window.wizard
    if window.wizard is not None:
        window.wizard.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def until(claim: Callable[[], object], window: MainWindow, seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "it never came"
        QApplication.processEvents()
        time.sleep(0.005)
    rest(window)


def press(wizard: Wizard, key: Qt.Key) -> None:
    QTest.keyClick(wizard.focusWidget() or wizard, key)


def type_text(wizard: Wizard, text: str) -> None:
    focused = wizard.focusWidget()
    assert focused is not None
    letters(focused, text)


def letters(widget: QWidget, text: str) -> None:
    """Typed as an input method commits it: QTest knows ASCII only."""
    for letter in text:
        press = QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier.NoModifier, letter)
        QApplication.sendEvent(widget, press)


def at(wizard: Wizard, window: MainWindow, name: str) -> None:
    until(lambda: wizard.step().name == name, window)


def ready(wizard: Wizard, window: MainWindow) -> None:
    until(lambda: wizard.next.isEnabled(), window)


def test_the_keyboard_alone_leads_from_the_first_page_to_the_last(
    wizard: Wizard, window: MainWindow, face: FakeFace
) -> None:
    assert wizard.step().name == "选择地区"
    press(wizard, Key.Key_Space)  # the first region
    ready(wizard, window)
    press(wizard, Key.Key_Return)
    at(wizard, window, "机构信息")
    for text in CLINIC:
        type_text(wizard, text)
        press(wizard, Key.Key_Tab)
    press(wizard, Key.Key_Down)  # 医院等级
    ready(wizard, window)
    press(wizard, Key.Key_Return)
    at(wizard, window, "密钥")
    for text in ("http://192.0.2.80:8081", "", "192.0.2.80", "", "SXCLOUD"):
        type_text(wizard, text)
        press(wizard, Key.Key_Tab)
    type_text(wizard, SECRET)
    ready(wizard, window)
    press(wizard, Key.Key_Return)
    at(wizard, window, "设备与文件夹")
    assert face.document["destination"][0]["base_url"] == "http://192.0.2.80:8081"
    assert face.kept_secrets[face.document["destination"][0]["name"]] == ["sm4_key"]
    ready(wizard, window)
    press(wizard, Key.Key_Return)
    at(wizard, window, "连接测试")
    until(lambda: wizard.next.hasFocus(), window)  # what ended well lets Enter go on
    press(wizard, Key.Key_Return)
    at(wizard, window, "演练一例")
    press(wizard, Key.Key_Return)  # the focus is on 开始演练
    until(lambda: face.called("rehearse"), window)
    until(lambda: wizard.next.hasFocus(), window)  # what ended well lets Enter go on
    press(wizard, Key.Key_Return)
    at(wizard, window, "完成")
    press(wizard, Key.Key_Return)
    until(lambda: window.wizard is None, window)
    assert face.starts
    assert face.draft == {}
    assert face.document["clinic"]["uscc"] == CLINIC[1]


def test_a_wrong_code_is_told_where_it_stands_and_holds_the_next_page(wizard: Wizard, window: MainWindow) -> None:
    wizard.go_to("机构信息")
    type_text(wizard, "惠康")
    press(wizard, Key.Key_Tab)
    type_text(wizard, "9114")
    press(wizard, Key.Key_Tab)
    row = wizard.step().form.row_of("clinic.uscc")  # type: ignore[attr-defined]
    until(lambda: "少 14 位" in row.note.text(), window)
    assert row.editor.line.property("wrong") is True
    assert not wizard.next.isEnabled()
    assert "少 14 位" in wizard.open_line.text()


def test_left_in_the_middle_it_comes_back_at_its_step_without_the_key(
    wizard: Wizard, window: MainWindow, face: FakeFace
) -> None:
    press(wizard, Key.Key_Space)
    wizard.go_to("密钥")
    wizard.answers.put("destination[0].secrets.sm4_key", SECRET)
    press(wizard, Key.Key_Escape)
    until(lambda: window.wizard is None and bool(face.draft), window)
    assert face.draft["step"] == "密钥"
    window.offer_setup()
    until(lambda: window.wizard is not None and bool(window.wizard.answers.document), window)
    assert window.wizard is not None and window.wizard.step().name == "密钥"


def test_where_a_platform_fetches_its_way_in_is_asked_for_and_put_into_force(
    wizard: Wizard, window: MainWindow, face: FakeFace
) -> None:
    asked = wizard.answers
    regions = [one["name"] for one in asked.regions]
    fetching = next(one for one in regions if fetches_from_here({"destination": [{"region": one}]}))
    asked.choose(next(one for one in regions if one != fetching), True)
    wizard.go_to("密钥")
    until(lambda: asked.fresh, window)
    assert not [one for form in wizard.step().forms for one in form.rows if one.key.startswith("files.")]  # type: ignore[attr-defined]
    wizard.go_to("选择地区")
    asked.choose(fetching, True)
    wizard.go_to("密钥")
    until(lambda: "files" in asked.wanted and asked.problem("files.public_base_url") is None, window)
    form = wizard.step().forms[-1]  # type: ignore[attr-defined]
    assert [one.key for one in form.rows] == ["files.public_base_url", "files.port"]
    assert cut_off(wizard.step()) == []
    line = form.row_of("files.public_base_url").editor.line
    assert line.text() == "http://192.0.2.10:8180", "this PC's own, to be mended"
    line.clear()
    line.textEdited.emit("")
    until(lambda: asked.problem("files.public_base_url"), window)
    assert not line.text(), "what was emptied stays empty"
    letters(line, "http://10.20.0.15:8180")
    until(lambda: asked.problem("files.public_base_url") is None, window)
    wizard.step().take(lambda: None, window.fail)  # type: ignore[attr-defined]
    until(lambda: face.document["files"]["public_base_url"] == "http://10.20.0.15:8180", window)


def test_a_test_image_is_marked_and_its_name_read_with_a_click(
    wizard: Wizard, window: MainWindow, face: FakeFace
) -> None:
    wizard.go_to("设备与文件夹")
    panel = wizard.step().panel  # type: ignore[attr-defined]
    until(lambda: panel._timer.isActive(), window)
    face.arrived += [CONNECTED, a_stored()]
    until(lambda: face.called("mark_test") == [(STUDY, True)], window)
    assert panel._name.text() == "李小雨"
    panel.other.click()
    assert panel._name.text() == "ÀîÐ¡Óê"
    panel.other.click()
    panel.right.click()
    until(lambda: bool(face.called("repair_name")), window)
    panel.real.click()
    until(lambda: face.called("mark_test")[-1] == (STUDY, False), window)


def test_a_device_that_calls_another_name_is_let_in_with_one_click(
    wizard: Wizard, window: MainWindow, face: FakeFace
) -> None:
    wizard.go_to("设备与文件夹")
    panel = wizard.step().panel  # type: ignore[attr-defined]
    until(lambda: panel._timer.isActive(), window)
    told = {"kind": "refused", "id": "r", "act": "rename", "called_ae": "STORESCP", "advice": "请改名"}
    face.arrived.append({**CONNECTED, **told})
    until(lambda: any("STORESCP" in one.text() for one in panel.findChildren(QPushButton)), window)
    next(one for one in panel.findChildren(QPushButton) if "STORESCP" in one.text()).click()
    until(lambda: face.document["dicom"]["ae_title"] == "STORESCP", window)


def test_a_port_opens_also_when_the_engine_judges_the_answers_last(
    wizard: Wizard, window: MainWindow, face: FakeFace
) -> None:
    wizard.go_to("设备与文件夹")
    ready(wizard, window)
    wizard.answers.put("dicom.port", 10400)
    wizard.answers._timer.stop()
    wizard.step()._settled()  # type: ignore[attr-defined]
    until(lambda: ("free_port", (10400,)) in face.calls and window.asker.idle(), window)
    assert face.document["dicom"]["port"] == 11112, "not before it is known to be right"
    wizard.answers.check()
    until(lambda: face.document["dicom"]["port"] == 10400, window)


def test_without_a_key_ring_the_person_chooses_the_file(window: MainWindow, face: FakeFace) -> None:
    face.keyring = False
    region = face.regions()["regions"][0]["name"]
    face.document["destination"] = [{"name": region, "region": region, "base_url": "http://x", "options": {}}]
    window.open_setup()
    wizard = window.wizard
    assert wizard is not None
    until(lambda: bool(wizard.answers.document), window)
    wizard.go_to("密钥")
    step = wizard.step()
    until(lambda: step._has_ring is False, window)  # type: ignore[attr-defined]
    assert step.stops()
    wizard.answers.check()
    step.file_box.click()  # type: ignore[attr-defined]
    assert wizard.answers.value("secrets.store") == "file"
    until(lambda: wizard.answers.fresh, window)  # also when it was ticked before the engine had answered
    wizard.close()


@pytest.mark.parametrize("name", ["选择地区", "机构信息", "密钥", "设备与文件夹", "连接测试", "演练一例", "完成"])
def test_no_words_are_cut(wizard: Wizard, window: MainWindow, name: str) -> None:
    wizard.go_to(name)
    rest(window)
    assert cut_off(wizard) == []


def cut_off(widget: QWidget) -> list[str]:
    """Labels and buttons that have less room than their words."""
    found = []
    for one in [*widget.findChildren(QLabel), *widget.findChildren(QPushButton)]:
        if not one.isVisible() or not one.text():
            continue
        narrow = one.sizeHint().width() > one.width() and not (isinstance(one, QLabel) and one.wordWrap())
        low = isinstance(one, QLabel) and one.wordWrap() and one.heightForWidth(one.width()) > one.height()
        if narrow or low:
            found.append(one.text())
    return found


@pytest.mark.parametrize("name", ["密钥", "设备与文件夹"])
def test_the_longest_pages_are_whole_at_the_size_of_the_window(wizard: Wizard, window: MainWindow, name: str) -> None:
    wizard.answers.choose(wizard.answers.regions[0]["name"], True)
    for step in wizard.steps:
        step.show_answers()
    wizard.resize(SIZE)
    wizard.go_to(name)
    until(lambda: wizard.answers.fresh, window)
    bar = wizard._scrolls[wizard.steps.index(wizard.step())].verticalScrollBar()
    assert bar.maximum() == 0
