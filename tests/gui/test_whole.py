"""Every page of the window, also those added later: whole at both sizes, nothing cut when small, readable in grey."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices, QFontMetrics, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QComboBox, QTableView, QWidget

from app.domain.exam import EXAM_WORDS, ExamState
from app.domain.job import JobState
from app.gui import words
from app.gui.look import TRAY_SIZES, Look
from app.gui.parts import Button
from app.gui.rows import RowsView
from app.gui.window import MainWindow
from tests.gui.conftest import FOLDER, bury, rest
from tests.gui.fake_face import NOW, FakeFace
from tests.gui.test_look import TOKENS, contrast, cut, cut_cells

WHOLE = [(1366, 688), (1280, 640)]
SMALL = [(1093, 560), (900, 500)]
_HEAD_SIDES = 20
MARKS = [state.value for state in JobState] + ["to_fill", "device_quiet"]
LOOKS = ("needs-you", "trouble", "paused", "working", "confirmed")
_SEEN = 0.03
"""The share of a mark's area that must differ for an eye to tell two marks apart in grey."""


def cut_heads(page: QWidget) -> list[str]:
    """Titles of columns that are wider than their column."""
    found = []
    for view in page.findChildren(QTableView):
        header, model = view.horizontalHeader(), view.model()
        for number in range(model.columnCount() if view.isVisible() and header.isVisible() else 0):
            title = str(model.headerData(number, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole) or "")
            needed = QFontMetrics(header.font()).horizontalAdvance(title) + (_HEAD_SIDES if title else 0)
            if not view.isColumnHidden(number) and needed > header.sectionSize(number):
                found.append(f"{title} needs {needed}, has {header.sectionSize(number)}")
    return found


def cut_choices(page: QWidget) -> list[str]:
    """Boxes of choices that do not show what is chosen."""
    return [
        box.currentText()
        for box in page.findChildren(QComboBox)
        if box.isVisible() and box.fontMetrics().horizontalAdvance(box.currentText()) > box.width() - 30
    ]


def faults(window: MainWindow, page: QWidget) -> list[str]:
    cells = [one for view in page.findChildren(RowsView) if view.isVisible() for one in cut_cells(view)]
    return [*cut(page), *cells, *cut_heads(page), *cut_choices(page)]


@pytest.mark.parametrize("size", WHOLE)
def test_every_page_is_whole_at_the_sizes_that_must_be(shared: MainWindow, size: tuple[int, int]) -> None:
    shared.resize(*size)
    found: dict[str, list[str]] = {}
    for name, page in shared.pages.items():
        shared.go(name, "")
        rest(shared)
        area = page.parentWidget().parentWidget()
        whole = page.width() <= area.width() and page.height() <= area.height()
        found[name] = [*([] if whole else ["the page scrolls"]), *faults(shared, page)]
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("size", SMALL)
def test_a_small_window_cuts_nothing_on_any_page(shared: MainWindow, size: tuple[int, int]) -> None:
    shared.resize(*size)
    found = {}
    for name, page in shared.pages.items():
        shared.go(name, "")
        rest(shared)
        found[name] = [*cut(page), *cut_heads(page)]
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_every_page_has_a_place_in_the_rail_and_a_key(shared: MainWindow) -> None:
    assert set(shared.rail.buttons) >= set(shared.pages)
    keys = [shared.rail.buttons[name].toolTip() for name in shared.pages]
    assert len(set(keys)) == len(keys)
    assert all("Ctrl+" in key for key in keys)


# -- printed in grey --------------------------------------------------------------------------------------------------


def grey(pixmap: QPixmap, ground: Any) -> QImage:
    """The drawing on its ground, without colour."""
    image = QImage(pixmap.size(), QImage.Format.Format_RGB32)
    image.fill(ground)
    painter = QPainter(image)
    painter.drawPixmap(image.rect(), pixmap)
    painter.end()
    return image.convertToFormat(QImage.Format.Format_Grayscale8)


def difference(one: QImage, other: QImage) -> float:
    """The share of pixels that are plainly lighter or darker."""
    pairs = zip(bytes(one.constBits()), bytes(other.constBits()), strict=True)
    return sum(abs(first - second) > 48 for first, second in pairs) / (one.width() * one.height())


def alike(drawn: dict[str, QImage]) -> list[tuple[str, str]]:
    return [(a, b) for a, b in combinations(drawn, 2) if difference(drawn[a], drawn[b]) < _SEEN]


@pytest.mark.parametrize("dark", [False, True])
def test_every_state_can_be_told_from_every_other_without_colour(qapp: QApplication, dark: bool) -> None:
    look = Look(FOLDER, dark=dark)
    ground = look.colour("surface")
    assert alike({each: grey(look.pixmap(look.state(each).icon, "text", 16, 2.0), ground) for each in MARKS}) == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", TRAY_SIZES)
def test_every_look_of_the_tray_can_be_told_without_colour(qapp: QApplication, size: int, dark: bool) -> None:
    look = Look(FOLDER, dark=dark)
    ground = look.colour("rail")
    assert alike({each: grey(look.tray_pixmap(each, size, 1.0), ground) for each in LOOKS}) == []


@pytest.mark.parametrize("state", [*ExamState, *JobState])
def test_every_state_has_a_mark_and_the_same_words(qapp: QApplication, state: ExamState | JobState) -> None:
    assert Look(FOLDER).state(state.value).icon
    if isinstance(state, ExamState):
        assert TOKENS["state"].get(state.name, {}).get("words", EXAM_WORDS[state]) == EXAM_WORDS[state]


# -- contrast ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_borders_stand_out_from_every_ground(theme: str) -> None:
    colours = {name: row[theme] for name, row in TOKENS["colour"].items()}
    least = TOKENS["contrast_minimum"]
    for ground in ("surface", "bg", "subtle", "select"):
        for text in ("text", "text2", "text3", "accentText", "you", "bad", "ok", "retry"):
            assert contrast(colours[text], colours[ground]) >= least["text"], (text, ground)
    for tone in ("you", "bad", "ok", "work", "retry", "idle"):
        assert contrast(colours[tone], colours[f"{tone}Soft"]) >= least["text"], tone
    assert contrast(colours["onAccent"], colours["accent"]) >= least["text"]
    for edge in ("control", "accent"):
        assert contrast(colours[edge], colours["surface"]) >= least["control_border"], edge


# -- the theme --------------------------------------------------------------------------------------------------------


def test_a_chosen_theme_stays_and_otherwise_the_desktop_is_followed(qapp: QApplication) -> None:
    look = Look(FOLDER)
    look.set_theme("dark")
    look.follow(False)
    assert look.dark, "a chosen theme stays when the desktop changes"
    look.set_theme("system")
    assert not look.dark
    look.follow(True)
    assert look.dark


def test_the_window_wears_the_theme_of_the_settings(shared: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(shared._look, "set_theme", asked.append)
    assert shared.status is not None
    for theme in ("system", "dark"):
        shared._show_status(shared.status | {"theme": theme})
    assert asked == ["dark"]


def test_the_strip_of_a_practice_platform_makes_a_clinics_screen_low(window: MainWindow, face: FakeFace) -> None:
    page = window.pages[words.RECONCILE]
    assert window.height() == 688 and not page.low
    face.practice = True
    window.refresh()
    rest(window)
    assert page.low
    face.practice = False
    window.refresh()
    rest(window)
    assert not page.low


@pytest.mark.parametrize("opens", [True, False])
def test_the_strip_of_a_demo_leads_to_the_doctors_phone(
    light: Look, face: FakeFace, monkeypatch: pytest.MonkeyPatch, opens: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(opened.append(url.toString())) or opens)
    address = "http://127.0.0.1:8081/practice/phone"
    note = "演练 · 签名不用真手机"
    window = MainWindow(
        face, light, practice_note=note, phone=address, now=lambda: NOW, stays=lambda: False, leave=lambda: None
    )
    window.show()
    rest(window)
    (button,) = (one for one in window.findChildren(Button) if one.text() == "医生的手机")
    assert button.isVisible() and button.sizeHint().height() <= window._strip.height() and address in button.toolTip()
    button.click()
    assert opened == [address]
    assert window.banner.isVisible() != opens, "where no browser opens the address is told"
    assert opens or address in window.banner.advice.text()
    bury(window)
