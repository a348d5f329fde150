"""The look holds: contrast of every pair, nothing cut at the smallest whole size, one solid button, Chinese only."""

from __future__ import annotations

import gc
import json
import re
import sys

import pytest
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton, QSizePolicy, QWidget

from app.domain.exam import ExamState
from app.domain.job import JobState
from app.gui import words
from app.gui.look import Look
from app.gui.rows import RowsView
from app.gui.window import MainWindow
from tests.gui.conftest import FOLDER, Settle, rest
from tests.gui.fake_face import FakeFace

TOKENS = json.loads((FOLDER / "tokens.json").read_text(encoding="utf-8"))
PAGES = (words.TODAY, words.FILL, words.QUEUE, words.RECONCILE, words.SETTINGS)
WHOLE = ((1366, 688), (1280, 640))
PLACES = [
    *((page, "") for page in PAGES),
    (words.FILL, "1.2.3.2"),
    (words.FILL, "1.2.3.3"),
    (words.QUEUE, "1.2.3.4"),
    (words.QUEUE, "1.2.3.6"),
    (words.QUEUE, "1.2.3.10"),
]
LATIN_ALLOWED = re.compile(
    r"CT|DR|MR|MG|PDF|DICOM|UID|HIS|SM4|AE|Ctrl|Enter|Esc|Alt|Big5|GB18030|ISO|KB|MB|GB|F2|OK|ENOENT|CLINIC_AGENT|"
    r"https?://\S+|[A-Z]:/\S*|[0-9A-F]{2}\b|[A-Z0-9]{9,}|X"
)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_on_every_ground_it_stands_on(theme: str) -> None:
    colours = {name: row[theme] for name, row in TOKENS["colour"].items()}
    least = TOKENS["contrast_minimum"]
    for pair in TOKENS["contrast_pairs"]:
        text, ground = pair.split(" on ")
        assert contrast(colours[text], colours[ground]) >= least["text"], pair
    for ground in ("surface", "bg"):
        assert contrast(colours["control"], colours[ground]) >= least["control_border"]


def test_every_state_has_a_mark_and_two_states_of_one_tone_differ_in_shape(light: Look) -> None:
    for state in (*ExamState, *JobState):
        assert light.state(state.value).icon
    jobs = [light.state(state.value) for state in JobState]
    assert len({(mark.icon, mark.tone) for mark in jobs}) == len(jobs)


def cut(widget: QWidget) -> list[str]:
    """Labels and buttons that do not show their whole text."""
    found = []
    for one in widget.findChildren(QWidget):
        if not one.isVisible() or not one.text() if isinstance(one, QLabel | QAbstractButton) else True:
            continue
        if one.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Ignored:
            continue
        if isinstance(one, QLabel) and one.wordWrap():
            if one.heightForWidth(one.width()) > one.height():
                found.append(f"{one.text()!r} needs {one.heightForWidth(one.width())} high, has {one.height()}")
        elif one.property("kind") != "rail" and one.sizeHint().width() > one.width():
            found.append(f"{one.text()!r} needs {one.sizeHint().width()} wide, has {one.width()}")
    return found


def cut_cells(view: RowsView) -> list[str]:
    """Marks, names, numbers and states that are wider than their column (the last, wrapping column left out)."""
    model = view.rows_model
    return [
        f"{model.columns[column].title}: {row} {view.cells.width_of(model.columns[column].cell(row), column)}"
        for row in model.rows
        if not row.get("heading")
        for column in range(len(model.columns))
        if not model.columns[column].cell(row).wrap
        and not model.columns[column].most
        and view.cells.width_of(model.columns[column].cell(row), column) > view.columnWidth(column)
    ]


@pytest.mark.parametrize("size", WHOLE)
@pytest.mark.parametrize(("name", "key"), PLACES)
def test_nothing_is_cut_at_the_sizes_that_must_be_whole(
    shared: MainWindow, name: str, key: str, size: tuple[int, int]
) -> None:
    shared.resize(*size)
    shared.go(name, key)
    rest(shared)
    page = shared.pages[name]
    area = page.parentWidget().parentWidget()
    assert page.width() <= area.width() and page.height() <= area.height(), "the page scrolls"
    assert cut(shared) == []
    for view in page.findChildren(RowsView):
        if view.isVisible():
            assert cut_cells(view) == []
    assert QFontMetrics(shared._look.font("body")).horizontalAdvance(words.QUEUE) < 80


@pytest.mark.parametrize("size", [(1093, 560), (900, 440)])
@pytest.mark.parametrize("name", PAGES)
def test_a_small_window_scrolls_and_cuts_nothing(shared: MainWindow, name: str, size: tuple[int, int]) -> None:
    shared.resize(*size)
    shared.go(name, "")
    rest(shared)
    assert shared.rail.narrow
    assert cut(shared.pages[name]) == []


@pytest.mark.parametrize(("name", "key"), PLACES)
def test_a_page_has_at_most_one_solid_button(shared: MainWindow, name: str, key: str) -> None:
    shared.go(name, key)
    rest(shared)
    solid = [
        one.text()
        for one in shared.findChildren(QPushButton)
        if one.isVisible() and one.isEnabled() and one.property("kind") in ("primary", "big")
    ]
    assert len(solid) <= 1, solid


@pytest.mark.parametrize(("name", "key"), PLACES)
def test_every_sentence_is_chinese(shared: MainWindow, name: str, key: str) -> None:
    shared.go(name, key)
    rest(shared)
    for one in (*shared.findChildren(QLabel), *shared.findChildren(QAbstractButton)):
        left_over = LATIN_ALLOWED.sub("", one.text())
        if one.isVisible() and one.objectName() != "choice" and "Í" not in left_over:
            assert not re.search(r"[A-Za-z]{2,}", left_over), one.text()


def test_empty_pages_say_what_it_means(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    face.empty()
    said = []
    for name in PAGES:
        window.go(name, "")
        window.refresh()
        settle()
        said += [one.text() for one in window.pages[name].findChildren(QLabel) if one.isVisible()]
        assert cut(window) == []
    for sentence in ("没有等您处理的事", "都填好了", "还没有上传任务", "这一天没有检查"):
        assert sentence in said
    assert "暂无数据" not in said


def test_looking_at_pages_does_not_use_up_the_word_true(shared: MainWindow) -> None:
    """The binding's `emit` gives a reference to `True` away; enough of them end the process (see `app/gui/told.py`)."""
    for name in PAGES:
        shared.go(name, "")
        rest(shared)
    gc.collect()
    before = sys.getrefcount(True)
    for _ in range(20):
        for name in PAGES:
            shared.go(name, "")
            rest(shared)
    gc.collect()
    assert sys.getrefcount(True) > before - 20


def test_only_the_theme_is_told_by_a_signal_of_the_binding() -> None:
    code = {file.name: file.read_text(encoding="utf-8") for file in (FOLDER.parents[1] / "app" / "gui").glob("*.py")}
    assert [name for name, text in code.items() if "Signal(" in text] == ["look.py"]
