"""HIS in the settings: tried before it is kept, its password never shown; its row on 今天 leads there."""

from __future__ import annotations

import pytest

from app.errors import NeedsOperator
from app.gui import words
from app.gui.his import HisDialog
from app.gui.settings import SettingsPage
from app.gui.settings_his import HisSection
from app.gui.window import MainWindow
from tests.gui.fake_face import FakeFace
from tests.gui.test_wizard import cut_off, letters, until

URL = "mssql://192.0.2.9:1433/his"
QUERY = "SELECT * FROM fees WHERE paid_at > :since"


@pytest.fixture
def section(window: MainWindow) -> HisSection:
    window.go(words.SETTINGS, "his")
    page = window.pages[words.SETTINGS]
    assert isinstance(page, SettingsPage)
    until(lambda: bool(page.answers.document) and bool(page.section().forms), window)
    found = page.section()
    assert isinstance(found, HisSection)
    return found


def give(section: HisSection, key: str, text: str) -> None:
    row = section.forms[0].row_of(f"his.{key}")
    assert row is not None
    editor = row.editor
    if key == "query":
        editor.text.setPlainText(text)
    else:
        letters(editor.line, text)


def test_the_query_is_tried_as_typed_and_kept_with_its_password(
    section: HisSection, window: MainWindow, face: FakeFace
) -> None:
    assert not section.trial.isEnabled()
    give(section, "url", URL)
    give(section, "user", "reader")
    letters(section.password.line, "secret")
    give(section, "query", QUERY.replace(" WHERE", "\nWHERE"))
    until(section.trial.isEnabled, window)
    section.trial.click()
    until(lambda: "取到" in section._said.text(), window)
    assert face.document["his"]["url"] == ""
    until(section.save.isEnabled, window)
    section.save.click()
    until(lambda: section.why.text() == "已保存", window)
    assert face.called("his_keep")[-1] == ({"url": URL, "user": "reader", "query": QUERY, "password": "secret"},)
    until(lambda: section.password.line.placeholderText() == "已经存好，不改就空着", window)
    assert section.password.value() == "" and cut_off(section) == []
    assert face.called("setup") == []


def test_a_database_that_does_not_answer_says_so_beside_the_button(
    section: HisSection, window: MainWindow, face: FakeFace
) -> None:
    give(section, "url", URL)
    give(section, "query", QUERY)
    until(section.trial.isEnabled, window)
    face.fail["his_preview"] = NeedsOperator("HIS 数据库不让登录", "请核对用户名和密码")
    section.trial.click()
    until(lambda: section._said.text() == "HIS 数据库不让登录。请核对用户名和密码", window)
    assert section.trial.isEnabled()


def test_the_columns_are_mapped_in_their_window(section: HisSection, window: MainWindow) -> None:
    section.map.click()
    until(lambda: window.findChild(HisDialog) is not None, window)
    dialog = window.findChild(HisDialog)
    assert dialog is not None
    dialog.reject()


@pytest.mark.parametrize(("action", "uid", "button"), [("his", "his", "去选"), ("his_settings", "his", "去设置")])
def test_what_his_waits_for_leads_to_its_place(
    window: MainWindow, face: FakeFace, action: str, uid: str, button: str
) -> None:
    state = "his" if action == "his" else "his_broken"
    face.more_needs = (
        {"uid": uid, "exam_key": "", "state": state, "title": "HIS 有 2 行要您选", "why": "", "since": None,
         "who": "HIS 有 2 行要您选", "what": "", "since_is": "", "turn": "technician", "action": action},
    )  # fmt: skip
    window.ask_status()
    home = window.pages[words.TODAY]
    window.go(words.TODAY, "")
    until(lambda: any(one.button.text() == button for one in home._need_rows), window)  # type: ignore[attr-defined]
    next(one for one in home._need_rows if one.button.text() == button).button.click()  # type: ignore[attr-defined]
    if action == "his":
        until(lambda: window.findChild(HisDialog) is not None, window)
        dialog = window.findChild(HisDialog)
        assert dialog is not None and window.page() is window.pages[words.FILL]
        dialog.reject()
    else:
        assert isinstance(window.pages[words.SETTINGS].section(), HisSection)  # type: ignore[attr-defined]
