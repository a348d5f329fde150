"""The sections of the settings: edited in place, saved with the reason beside the button, opened by an error's name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QPlainTextEdit, QPushButton

from app.catalogue.questions import as_answer
from app.engine.face import Json
from app.engine.setup import fetches_from_here
from app.gui import words
from app.gui.settings import ENTRIES, SettingsPage
from app.gui.settings_forms import TargetsSection
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


def test_who_may_fetch_images_is_asked_only_once_that_is_on_and_the_box_keeps_the_keyboard(
    page: SettingsPage, window: MainWindow, face: FakeFace
) -> None:
    window.go(words.SETTINGS, "query")
    rows = {one.key: one for form in page.section().forms for one in form.rows}
    assert not rows["query.callers"].isVisible()
    box = rows["query.on"].findChild(QCheckBox)
    assert box is not None
    box.setFocus()
    box.click()
    assert rows["query.callers"].isVisible() and box.hasFocus()
    rows["query.callers"].editor.show_value(["FRONT_END"])  # type: ignore[attr-defined]
    rows["query.callers"].editor.typed.emit()  # type: ignore[attr-defined]
    until(page.section().save.isEnabled, window)
    page.section().save.click()
    until(lambda: face.document["query"]["on"], window)
    assert list(face.called("setup")[-1][0]) == ["query"]


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


@pytest.fixture
def targets(page: SettingsPage, window: MainWindow) -> TargetsSection:
    """上传目标, open."""
    window.go(words.SETTINGS, "destination")
    section = page.section()
    assert isinstance(section, TargetsSection)
    until(lambda: section.answers.fresh, window)
    return section


def others(face: FakeFace, *, fetched_from: bool) -> str:
    """A region beside the first, that fetches from this PC or does not."""
    names = [one["name"] for one in face.regions()["regions"][1:]]
    return next(one for one in names if fetches_from_here({"destination": [{"region": one}]}) == fetched_from)


def line_of(section: TargetsSection, key: str) -> QLineEdit:
    found = [form.row_of(key) for form in section.forms]
    line = next(one for one in found if one is not None).editor.line
    assert isinstance(line, QLineEdit)
    return line


def test_a_second_destination_asks_for_what_it_needs_and_is_saved_in_one_place(
    targets: TargetsSection, window: MainWindow, face: FakeFace
) -> None:
    region = others(face, fetched_from=True)
    next(one for one in targets.findChildren(QPushButton) if one.text().endswith(title_of(face, region))).click()
    until(lambda: "files" in targets.answers.wanted and targets.answers.fresh, window)
    keys = [one.key for form in targets.forms[:2] for one in form.rows]
    assert keys == [
        *("destination[1].base_url", "destination[1].secrets.key"),
        *("files.public_base_url", "files.port"),
    ]
    assert line_of(targets, "destination[1].base_url").hasFocus(), "also after the file service came"
    assert not targets.save.isEnabled() and targets.why.text().startswith("还没有填")
    assert cut_off(targets) == []
    letters(line_of(targets, "destination[1].base_url"), "http://192.0.2.81:8081")
    letters(line_of(targets, "destination[1].secrets.key"), "A-KEY")
    until(targets.save.isEnabled, window)
    targets.save.click()
    until(lambda: len(face.document["destination"]) == 2, window)
    assert face.document["destination"][1]["base_url"] == "http://192.0.2.81:8081"
    assert face.document["files"]["public_base_url"] == "http://192.0.2.10:8180"
    assert face.kept_secrets[region] == ["key"]


def title_of(face: FakeFace, region: str) -> str:
    return next(str(one["title"]) for one in face.regions()["regions"] if one["name"] == region)


def test_a_destination_is_tried_as_typed_before_it_is_saved(
    targets: TargetsSection, window: MainWindow, face: FakeFace
) -> None:
    letters(line_of(targets, "destination[0].base_url"), "/x")
    targets.test.click()
    until(lambda: face.called("try_destination") and not targets.list.running, window)
    answers, name = face.called("try_destination")[-1]
    assert name == answers["destination"][0]["name"]
    assert answers["destination"][0]["base_url"] != face.document["destination"][0]["base_url"]
    assert cut_off(targets.trial) == []


def test_a_destination_is_taken_away_after_a_question_that_tells_what_becomes_of_its_jobs(
    targets: TargetsSection, window: MainWindow, face: FakeFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(targets, "desk", replace(targets.desk, confirm=lambda one, then: asked.append((one, then))))
    next(one for one in targets.findChildren(QPushButton) if one.text() == "不再向这里上传").click()
    (question, then) = asked[0]
    assert title_of(face, face.document["destination"][0]["region"]) in question.title
    assert "排着队的停下" in question.text
    assert not targets.is_changed()
    then()
    until(targets.save.isEnabled, window)
    targets.save.click()
    until(lambda: face.document["destination"] == [], window)


def test_options_seldom_asked_for_are_folded_and_whole_when_opened(
    targets: TargetsSection, window: MainWindow, face: FakeFace
) -> None:
    for region in face.regions()["regions"]:
        row = {"name": region["name"], "region": region["name"], "base_url": "http://x", "options": {}}
        targets.answers.document["destination"] = [row]
        targets.answers.now["destination"] = [row]
        targets.show_answers()
        until(targets.forms[0].isVisible, window)
        more = next(one for one in targets.findChildren(QPushButton) if one.isVisible() and "项，平台另" in one.text())
        assert not targets.forms[1].isVisible()
        more.click()
        until(targets.forms[1].isVisible, window)
        assert cut_off(targets) == []
        for one in targets.forms[1].rows:
            shown = one.editor.value() if one.isVisible() else None
            assert shown in (None, one.question["unanswered"]), f"{one.key}: shows what counts"


def test_a_question_comes_with_the_answer_it_hangs_on(
    targets: TargetsSection, window: MainWindow, face: FakeFace
) -> None:
    region, hanging = next(
        (region, one)
        for region in face.regions()["regions"]
        for one in region["questions"]
        if one["when"] and one["when"]["value"] != usual_answer(region, one["when"]["key"])
    )
    row = {"name": region["name"], "region": region["name"], "base_url": "http://x", "options": {}}
    targets.answers.document["destination"] = targets.answers.now["destination"] = [row]
    targets.show_answers()
    rows = {one.key: one for form in targets.forms for one in form.rows}
    depends, on = rows[f"destination[0].{hanging['key']}"], rows[f"destination[0].{hanging['when']['key']}"]
    assert depends.isHidden()
    on.editor.show_value(hanging["when"]["value"])
    on.editor.activated.emit(0)
    assert not depends.isHidden()


def usual_answer(region: Json, key: str) -> str:
    return as_answer(next(one["unanswered"] for one in region["questions"] if one["key"] == key))


def test_a_list_of_a_few_lines_shows_them_without_a_scroll_bar(page: SettingsPage, window: MainWindow) -> None:
    window.go(words.SETTINGS, "dicom")
    editors = page.section().findChildren(QPlainTextEdit)
    assert editors
    for count, scrolls in ((0, False), (3, False), (9, True)):
        editors[0].setPlainText("\n".join(["DRX_ROOM"] * count))
        until(lambda: True, window)
        assert editors[0].verticalScrollBar().isVisible() == scrolls, count
