"""The sections of the settings: edited in place, saved with the reason beside the button, opened by an error's name."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton

from app.gui import words
from app.gui.settings import ENTRIES, SettingsPage
from app.gui.window import MainWindow
from tests.gui.fake_face import FakeFace
from tests.gui.test_wizard import cut_off, letters, until


@pytest.fixture
def page(window: MainWindow, face: FakeFace) -> SettingsPage:
    region = face.regions()["regions"][0]["name"]
    row = {"name": region, "region": region, "base_url": "http://192.0.2.80:8081", "options": {}, "defaults": {}}
    face.document["destination"] = [row]
    face.document["ui"] = {"closing": True, "closing_at": "17:30", "theme": "system"}
    window.go(words.SETTINGS, "")
    found = window.pages[words.SETTINGS]
    assert isinstance(found, SettingsPage)
    until(lambda: bool(found.answers.document), window)
    return found


@pytest.mark.parametrize("key", [key for entry in ENTRIES for key in entry.keys])
def test_the_name_an_error_gives_opens_its_section_and_no_words_are_cut(
    page: SettingsPage, window: MainWindow, key: str
) -> None:
    window.go(words.SETTINGS, key)
    until(lambda: True, window)
    place = next(place for place, entry in enumerate(ENTRIES) if key in entry.keys)
    assert page.section() is page.sections[place]
    assert cut_off(page.section()) == []


def test_the_file_service_is_asked_about_only_where_a_platform_fetches(page: SettingsPage, window: MainWindow) -> None:
    def asked() -> bool:
        return any(one.key.startswith("files.") for form in page.section().forms for one in form.rows)

    window.go(words.SETTINGS, "dicom")
    until(lambda: page.answers.fresh, window)
    assert not asked()
    page.answers.put("destination[0].options.pdf_mode", "link")
    until(asked, window)
    assert cut_off(page.section()) == []
    page.answers.put("destination[0].options.pdf_mode", "base64")
    until(lambda: not asked(), window)


def test_a_change_is_saved_and_the_button_says_why_it_waits(
    page: SettingsPage, window: MainWindow, face: FakeFace
) -> None:
    window.go(words.SETTINGS, "dicom")
    section = page.section()
    assert not section.save.isEnabled() and section.why.text() == "没有改动"
    line = section.forms[0].row_of("dicom.ae_title").editor.line  # type: ignore[union-attr]
    line.clear()
    letters(line, "HKMZB_IMG")
    until(section.save.isEnabled, window)
    assert "端口会重开" in section.why.text()
    section.save.click()
    until(lambda: face.document["dicom"]["ae_title"] == "HKMZB_IMG", window)
    until(lambda: section.why.text() == "已保存", window)
    assert list(face.called("setup")[-1][0]) == ["dicom"]


def test_a_wrong_value_is_not_saved(page: SettingsPage, window: MainWindow) -> None:
    window.go(words.SETTINGS, "clinic")
    section = page.section()
    letters(section.forms[0].row_of("clinic.uscc").editor.line, "9114")  # type: ignore[union-attr]
    until(lambda: "少 14 位" in section.why.text(), window)
    assert not section.save.isEnabled()
    section.undo.click()
    until(lambda: section.why.text() == "没有改动", window)


def test_doctors_are_rows_and_one_without_a_name_is_left_out(
    page: SettingsPage, window: MainWindow, face: FakeFace
) -> None:
    window.go(words.SETTINGS, "signing")
    section = page.section()
    letters(section._lines[0]["name"], "刘慧")  # type: ignore[attr-defined]
    letters(section._lines[0]["role"], "审核医师")  # type: ignore[attr-defined]
    until(section.save.isEnabled, window)
    section.save.click()
    until(lambda: face.document["signing"] == {"staff": [{"name": "刘慧", "role": "审核医师"}]}, window)


def test_autostart_takes_effect_at_once(page: SettingsPage, window: MainWindow, face: FakeFace) -> None:
    window.go(words.SETTINGS, "ui")
    page.section().autostart.click()  # type: ignore[attr-defined]
    until(lambda: face.starts, window)


def test_the_first_set_up_can_be_walked_again(page: SettingsPage, window: MainWindow) -> None:
    page.again.click()
    until(lambda: window.wizard is not None and bool(window.wizard.answers.document), window)
    assert window.wizard is not None
    window.wizard.close()


def test_no_destination_is_said_in_words(window: MainWindow, face: FakeFace) -> None:
    face.document["destination"] = []
    window.go(words.SETTINGS, "destination")
    page = window.pages[words.SETTINGS]
    assert isinstance(page, SettingsPage)
    until(lambda: bool(page.answers.document), window)
    assert any(one.text().startswith("还没有上传目标") for one in page.section().findChildren(QLabel))
    assert any(one.text().startswith("加上：") for one in page.section().findChildren(QPushButton))


def test_a_list_of_a_few_lines_shows_them_without_a_scroll_bar(page: SettingsPage, window: MainWindow) -> None:
    window.go(words.SETTINGS, "dicom")
    editors = page.section().findChildren(QPlainTextEdit)
    assert editors
    for count, scrolls in ((0, False), (3, False), (9, True)):
        editors[0].setPlainText("\n".join(["DRX_ROOM"] * count))
        until(lambda: True, window)
        assert editors[0].verticalScrollBar().isVisible() == scrolls, count
