"""Several exams filled at once: ticked in the list, judged before anything is written."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.errors import NeedsOperator
from app.gui import words
from app.gui.fill import FillPage
from app.gui.rows import RowsView
from app.gui.window import MainWindow
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace

FIRST, SECOND, READY, UPLOADING = "1.2.3.0", "1.2.3.1", "1.2.3.3", "1.2.3.5"


@pytest.fixture
def page(window: MainWindow, settle: Settle) -> FillPage:
    """Two exams are ticked."""
    window.go(words.FILL, FIRST)
    settle()
    found = window.pages[words.FILL]
    assert isinstance(found, FillPage)
    found.several.click()
    found.list.tick(READY)
    settle()
    return found


def enter(page: FillPage, settle: Settle, key: str, text: str) -> None:
    page.together.rows[key].editor.show_value(text)
    page.together.plan()
    settle()


def table(page: FillPage) -> list[list[str]]:
    """What 将写入 shows, row by row."""
    view = page.together.findChild(RowsView)
    assert isinstance(view, RowsView)
    model = view.rows_model
    texts = [[model.index(r, c).data() for c in range(model.columnCount() - 1)] for r in range(model.rowCount())]
    return [[str(model.columns[c].title) for c in range(model.columnCount() - 1)], *texts]


def test_the_open_exam_is_ticked_first_and_the_card_names_all(page: FillPage) -> None:
    assert page.together.isVisible()
    assert not page.card.isVisible()
    assert page.list.ticks == [FIRST, READY]
    assert page.header.note.text() == "已选 2 例"
    assert page.together.write_button.text() == "写入 2 例"
    assert not page.together.write_button.isEnabled()


def test_space_ticks_the_row_and_an_exam_on_its_way_cannot_be_ticked(
    page: FillPage, qtbot: QtBot, settle: Settle
) -> None:
    page.list.view.choose(SECOND)
    qtbot.keyClick(page.list.view, Qt.Key.Key_Space)
    assert page.list.ticks == [FIRST, READY, SECOND]
    page.list.view.choose(UPLOADING)
    qtbot.keyClick(page.list.view, Qt.Key.Key_Space)
    settle()
    assert page.list.ticks == [FIRST, READY, SECOND]


def test_overwriting_is_named_and_the_table_shows_what_will_be_written(page: FillPage, settle: Settle) -> None:
    enter(page, settle, "patient_source", "3 住院")
    enter(page, settle, "apply_doctor_name", "张伟明")
    source = page.together.rows["patient_source"].below
    assert source.text() == "将覆盖 2 例：赵明轩 原为 1 门诊、韩德胜 原为 1 门诊"
    assert source.property("tone") == "you"
    assert table(page) == [
        ["患者", "申请医师姓名", "患者来源"],
        ["赵明轩", "张伟明", "3 住院"],
        ["韩德胜", "不变", "3 住院"],
    ]


def test_nothing_is_written_before_the_button(page: FillPage, face: FakeFace, settle: Settle) -> None:
    enter(page, settle, "apply_doctor_name", "张伟明")
    assert face.called("fill_many") == [((FIRST, READY), {"apply_doctor_name": "张伟明"}, True)]
    page.together.write_button.click()
    settle()
    assert face.called("fill_many")[-1] == ((FIRST, READY), {"apply_doctor_name": "张伟明"}, False)
    assert face.called("keep_defaults") == []
    assert page.card.isVisible()
    assert page.list.ticks is None
    assert ("exam", 0, "apply_doctor_name") not in page.form.rows


def test_the_values_become_the_clinics_default_only_when_that_is_ticked(
    page: FillPage, face: FakeFace, settle: Settle
) -> None:
    page.together.as_defaults.setChecked(True)
    enter(page, settle, "apply_doctor_name", "张伟明")
    page.together.write_button.click()
    settle()
    assert face.called("keep_defaults") == [({"apply_doctor_name": "张伟明"}, False)]


def test_a_value_that_cannot_be_read_is_said_at_its_field(page: FillPage, face: FakeFace, settle: Settle) -> None:
    face.fail["fill_many"] = NeedsOperator("患者来源：字典里没有", "请从列表里选", fields=("patient_source",))
    enter(page, settle, "patient_source", "火星")
    assert page.together.rows["patient_source"].below.text() == "字典里没有：请从列表里选"
    assert not page.together.write_button.isEnabled()


def test_leaving_writes_nothing(page: FillPage, face: FakeFace, settle: Settle) -> None:
    enter(page, settle, "apply_doctor_name", "张伟明")
    page.together.closed.emit()
    settle()
    assert page.card.isVisible()
    assert all(dry for _, _, dry in face.called("fill_many"))


def test_what_was_typed_stays_when_one_more_is_ticked(page: FillPage, settle: Settle) -> None:
    enter(page, settle, "apply_doctor_name", "张伟明")
    page.list.tick(SECOND)
    settle()
    assert page.together.values() == {"apply_doctor_name": "张伟明"}
    assert len(table(page)) == 3
