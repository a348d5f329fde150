"""申请材料 in the settings: the case is chosen, the papers are read, copied and written, what came back is gone to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from app.engine.face import Json
from app.errors import NeedsOperator
from app.gui import words
from app.gui.look import Look
from app.gui.settings import SettingsPage
from app.gui.settings_forms import TargetsSection
from app.gui.settings_papers import HAND_IN, PHONE, RETURNS, PapersSection
from app.gui.sign import SignPage
from app.gui.window import MainWindow
from tests.gui.conftest import bury, rest
from tests.gui.fake_face import NOW, FakeFace
from tests.gui.sign_place import Place, bury_page
from tests.gui.test_look import cut
from tests.gui.test_whole import SMALL, WHOLE

LACKING = ["签名应用 ID", "每位审核医师的编号 MSSPID"]


def the_region(face: FakeFace, *, wanting: bool) -> str:
    return next(str(one["name"]) for one in face.regions()["regions"] if one["papers"] == wanting)


@pytest.fixture(scope="module")
def papers(look: Look, qapp: QApplication) -> Iterator[tuple[MainWindow, FakeFace]]:
    """One window for all tests here; each opens the section anew."""
    look.set_dark(False)
    face = FakeFace()
    face.wants_papers(the_region(face, wanting=True))
    made = MainWindow(face, look, now=lambda: NOW, stays=lambda: False, leave=lambda: None)
    made.show()
    rest(made)
    yield made, face
    bury(made)


@pytest.fixture
def section(papers: tuple[MainWindow, FakeFace]) -> PapersSection:
    window, face = papers
    window.resize(1366, 688)
    found = opened(window)
    found.case.clear()
    face.calls.clear()
    opened(window)
    found.open(HAND_IN)
    return found


def page_of(window: MainWindow) -> SettingsPage:
    page = window.pages[words.SETTINGS]
    assert isinstance(page, SettingsPage)
    return page


def opened(window: MainWindow) -> PapersSection:
    window.go(words.SETTINGS, "papers")
    rest(window)
    section = page_of(window).section()
    assert isinstance(section, PapersSection)
    return section


def said(section: PapersSection) -> str:
    return "\n".join(one.text() for one in section.findChildren(QLabel) if one.isVisible())


def press(section: PapersSection, text: str) -> None:
    """The first button of that name."""
    window = section.window()
    assert isinstance(window, MainWindow)
    rest(window)
    found = [one for one in section.findChildren(QPushButton) if one.text() == text and one.isVisible()]
    found[0].click()
    rest(window)


def test_the_papers_of_the_clinics_case_are_listed_with_what_is_still_to_write(section: PapersSection) -> None:
    text = said(section)
    assert "您的情况要交 5 样" in text and "表格里已写好 1 位：刘慧" in text
    assert "还要您填：身份证号、手机号码、科室" in text
    assert all(f"附件 {number}" in text for number in (2, 3, 4, 5, 6))


def test_another_answer_shows_another_case_and_goes_with_what_is_written(
    section: PapersSection, papers: tuple[MainWindow, FakeFace], tmp_path: Path
) -> None:
    window, face = papers
    press(section, "机构已有")
    text = said(section)
    assert "设置里现在是“用平台的，手机扫码”" in text and "CA 证书链" in text and "附件 3" not in text
    assert not section.tabs[PHONE].isVisible(), "nobody signs by phone then"
    section.write_to(str(tmp_path / "a.xlsx"))
    rest(window)
    assert face.called("write_papers") == [(str(tmp_path / "a.xlsx"), "", {"signature": "own"})]
    assert any("已存成表格" in one.text() for one in window.findChildren(QLabel))


def test_each_part_can_be_copied(section: PapersSection) -> None:
    press(section, "复制")
    assert "附件 5" in QGuiApplication.clipboard().text() and section.copy.text() == "已复制"
    section.open(PHONE)
    assert section.copy.text() == "复制"
    press(section, "复制")
    assert QGuiApplication.clipboard().text().startswith("审核医师用手机签名\n1. ")


def test_what_came_back_is_typed_where_the_button_leads(
    section: PapersSection, papers: tuple[MainWindow, FakeFace]
) -> None:
    window, _ = papers
    section.open(RETURNS)
    window.activateWindow()
    press(section, "去填")
    targets = page_of(window).section()
    assert isinstance(targets, TargetsSection)
    focused = [one for form in targets.forms for one in form.rows if one.has_focus()]
    assert [one.key for one in focused] == ["destination[0].options.ca_app_id"], "unfolded, the keyboard in it"
    targets.papers.click()
    rest(window)
    assert page_of(window).section() is section


def test_an_empty_staff_list_is_gone_to(section: PapersSection, papers: tuple[MainWindow, FakeFace]) -> None:
    window, face = papers
    staff = face.document["signing"]
    face.document["signing"] = {}
    try:
        opened(window)
        press(section, "去填")
        assert page_of(window).section().title == "医生名单"
    finally:
        face.document["signing"] = staff


@pytest.mark.parametrize("size", [*WHOLE, *SMALL])
def test_no_part_is_cut_at_any_size(
    section: PapersSection, papers: tuple[MainWindow, FakeFace], size: tuple[int, int]
) -> None:
    window, _ = papers
    window.resize(*size)
    for tab in (HAND_IN, RETURNS, PHONE):
        section.open(tab)
        rest(window)
        assert cut(section) == [], tab
        if size in WHOLE and tab != HAND_IN:
            assert section.area.verticalScrollBar().maximum() == 0, f"{tab} is whole"


def test_a_clinic_whose_platform_wants_none_is_not_offered_them(
    papers: tuple[MainWindow, FakeFace], section: PapersSection
) -> None:
    window, face = papers
    page, before = page_of(window), face.document["destination"]
    tab = page._tabs[page.sections.index(section)]
    assert tab.isVisible()
    region = the_region(face, wanting=False)
    face.document["destination"] = [{"name": region, "region": region, "base_url": "http://x", "options": {}}]
    try:
        page.answers.load()
        rest(window)
        page.answers.check()
        rest(window)
        assert not tab.isVisible()
        window.go(words.SETTINGS, "destination")
        assert not page.sections[1].papers.isVisible()  # type: ignore[attr-defined]
        opened(window)
        assert "没有要交的申请材料" in said(section) and not section.write.isVisible()
    finally:
        face.document["destination"] = before


# -- 电子签名 leads here ----------------------------------------------------------------------------------------------


@pytest.fixture
def place(face: FakeFace, light: Look) -> Iterator[Place]:
    made = Place(face, light)
    yield made
    bury_page(made)


def buttons(page: SignPage) -> list[str]:
    return [one.text() for one in page.findChildren(QPushButton) if one.isVisible()]


def test_a_page_where_nobody_can_sign_yet_names_what_lacks_and_leads_to_the_papers(
    face: FakeFace, place: Place
) -> None:
    face.offer_signing(waiting=False)
    face.lacking = LACKING
    page = place.open()
    assert page._empty.title.text() == "签名还没有备齐" and all(one in page._empty.advice.text() for one in LACKING)
    page._papers.click()
    assert place.went == [(words.SETTINGS, "papers")]
    face.lacking = []
    page.refresh()
    place.settle()
    assert page._empty.title.text() == "没有报告在等签名" and not page._papers.isVisible()


def test_a_doctor_without_a_number_has_the_way_to_apply_where_the_platform_gives_it(
    face: FakeFace, place: Place
) -> None:
    face.offer_signing()
    unknown: Json = {"name": "刘慧", "signer_id": "", "known": False}
    for one in face.sign_rows:
        one["doctor"] = unknown
    face.lacking = LACKING[1:]
    page = place.open()
    assert {"去填签名平台编号", "申请材料"} <= set(buttons(page))
    page.act("papers")
    assert place.went == [(words.SETTINGS, "papers")]


def test_a_report_that_waits_for_the_platforms_permission_leads_to_the_papers(face: FakeFace, place: Place) -> None:
    face.offer_signing()
    face.fail["sign_code"] = NeedsOperator("签名还没有备齐", "设置里还缺签名应用 ID 或安全码", page="papers")
    page = place.open()
    assert "申请材料" in buttons(page) and "再试" not in buttons(page)
