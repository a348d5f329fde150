"""What a technician sees of an exam's images and report PDFs: the right slice, the right window, plain words else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage, QMouseEvent, QWheelEvent
from PySide6.QtPdf import QPdfDocument
from PySide6.QtPrintSupport import QPrinter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.gui import words
from app.gui.fill import FillPage
from app.gui.images import ImagesCard, person_lines
from app.gui.thumbs import spread
from app.gui.viewer import Viewer, places, window_words
from app.gui.window import MainWindow
from tests.builders import a_pdf
from tests.gui.conftest import Settle
from tests.gui.fake_face import FakeFace
from tests.gui.fake_pictures import CANNOT_SHOW

CT, DR = "1.2.3.0", "1.2.3.1"
ENCRYPTED = Path(__file__).parents[1] / "intake" / "encrypted"


@pytest.fixture
def card(window: MainWindow, settle: Settle) -> ImagesCard:
    window.go(words.FILL, CT)
    settle()
    return card_of(window)


@pytest.fixture
def viewer(card: ImagesCard) -> Viewer:
    return card.viewer


def card_of(window: MainWindow) -> ImagesCard:
    page = window.pages[words.FILL]
    assert isinstance(page, FillPage)
    assert isinstance(page.facts, ImagesCard)
    return page.facts


def shown(viewer: Viewer) -> str:
    place = viewer.place()
    return place.sop_instance_uid if place else ""


def roll(viewer: Viewer, notches: int, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    at = viewer.film.rect().center().toPointF()
    turn, none = QPoint(0, 120 * notches), QPoint()
    phase = Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(at, at, none, turn, Qt.MouseButton.NoButton, keys, phase, False)
    QApplication.sendEvent(viewer.film, event)


def drag(viewer: Viewer, button: Qt.MouseButton, right: int, down: int) -> None:
    middle = viewer.film.rect().center()
    QTest.mousePress(viewer.film, button, pos=middle)
    move = QPoint(right, down)
    to = QPointF(middle + move)
    event = QMouseEvent(QEvent.Type.MouseMove, to, to, Qt.MouseButton.NoButton, button, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(viewer.film, event)
    QTest.mouseRelease(viewer.film, button, pos=middle + move)


# -- slices -----------------------------------------------------------------------------------------------------------


def test_an_exam_opens_in_the_middle_of_its_longest_series(card: ImagesCard) -> None:
    corners = card.viewer.film.corners
    assert corners.top_left == ("赵明轩  男  46 岁", "CT2611200037")
    assert corners.top_right == ("序列 2 · 155 / 310",)
    assert corners.bottom_left == ("窗宽 1500 窗位 −600",)
    assert corners.bottom_right == ("层厚 1.25 mm",)
    assert card.tabs[0].text() == "影像 312"
    assert card.tabs[0].toolTip() == "2 个序列 · 312 幅 · 163 MB · 来自 CT-1"
    assert card.viewer.film.image() is not None


def test_wheel_and_arrows_go_through_the_slices(viewer: Viewer, settle: Settle) -> None:
    roll(viewer, -1)
    assert shown(viewer).endswith(".2.156")
    roll(viewer, 3)
    assert shown(viewer).endswith(".2.153")
    viewer.film.setFocus()
    QTest.keyClick(viewer.film, Qt.Key.Key_Down)
    assert shown(viewer).endswith(".2.154")
    QTest.keyClick(viewer.film, Qt.Key.Key_End)
    QTest.keyClick(viewer.film, Qt.Key.Key_Down)
    assert shown(viewer).endswith(".2.310")
    QTest.keyClick(viewer.film, Qt.Key.Key_Left)
    assert shown(viewer).endswith(".1.1")
    settle()
    assert viewer.film.corners.top_right == ("序列 1 · 1 / 2",)


def test_the_neighbours_are_there_before_one_goes_to_them(viewer: Viewer, face: FakeFace, settle: Settle) -> None:
    asked = {call[0] for call in face.called("frame")}
    assert {f"{CT}.2.{number}" for number in (154, 155, 156)} <= asked
    before = viewer.film.image()
    roll(viewer, -1)
    assert viewer.film.image() is not before  # at once, without a question
    assert viewer.film.corners.top_right == ("序列 2 · 156 / 310",)


def test_thumbnails_spread_over_the_series_lead_there(viewer: Viewer, settle: Settle) -> None:
    settle()
    assert [thumb.number for thumb in viewer.thumbs.thumbs] == ["1", "78", "155", "233", "310"]
    assert viewer.thumbs.current == 2
    assert all(thumb.image is not None for thumb in viewer.thumbs.thumbs)
    QTest.mouseClick(viewer.thumbs, Qt.MouseButton.LeftButton, pos=viewer.thumbs.box(4).center())
    assert shown(viewer).endswith(".2.310")
    assert viewer.thumbs.current == 4


def test_a_few_images_are_counted_over_all_series(window: MainWindow, settle: Settle) -> None:
    window.go(words.FILL, DR)
    settle()
    viewer = card_of(window).viewer
    assert viewer.film.corners.top_right == ("序列 1 · 1 / 2",)
    assert [thumb.number for thumb in viewer.thumbs.thumbs] == ["1", "2"]
    viewer.go(1)
    settle()
    assert viewer.film.corners.top_right == ("序列 2 · 2 / 2",)


def test_more_images_of_the_same_exam_leave_the_slice_where_it_is(
    card: ImagesCard, window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    card.viewer.go(100)
    card.viewer.choose(3)
    settle()
    before = shown(card.viewer)
    face._of(CT)["image_count"] = 330
    window.refresh()
    settle()
    assert card.tabs[0].text() == "影像 330"
    assert shown(card.viewer) == before
    assert card.viewer.film.corners.bottom_left == ("窗宽 1500 窗位 450",)


def test_another_exam_starts_anew(card: ImagesCard, window: MainWindow, settle: Settle) -> None:
    card.viewer.choose(3)
    card.viewer.invert(True)
    roll(card.viewer, 4, Qt.KeyboardModifier.ControlModifier)
    settle()
    window.go(words.FILL, "1.2.3.3")
    settle()
    assert card.viewer.film.corners.top_left == ("韩德胜  男  46 岁", "CT2611200038")
    assert card.viewer.film.corners.bottom_left == ("窗宽 1500 窗位 −600",)
    assert (card.viewer.film.zoom, card.viewer.film.inverted) == (1.0, False)


# -- window and zoom --------------------------------------------------------------------------------------------------


def test_one_two_three_choose_the_window_and_once_more_the_devices(viewer: Viewer, settle: Settle) -> None:
    viewer.film.setFocus()
    buttons = {button.text(): button for button in viewer.findChildren(QPushButton) if button.isCheckable()}
    assert buttons["肺窗"].isChecked()
    QTest.keyClick(viewer.film, Qt.Key.Key_2)
    settle()
    assert viewer.film.corners.bottom_left == ("窗宽 350 窗位 40",)
    assert buttons["纵隔窗"].isChecked()
    assert not buttons["肺窗"].isChecked()
    buttons["纵隔窗"].click()
    settle()
    assert viewer.film.corners.bottom_left == ("窗宽 1500 窗位 −600",)


def test_a_chosen_window_goes_along_with_the_slices(viewer: Viewer, settle: Settle) -> None:
    viewer.choose(2)
    settle()
    roll(viewer, -5)
    settle()
    assert viewer.film.corners.bottom_left == ("窗宽 350 窗位 40",)


def test_the_right_button_drags_the_window(viewer: Viewer, settle: Settle) -> None:
    drag(viewer, Qt.MouseButton.RightButton, 40, 0)
    settle()
    assert viewer.film.corners.bottom_left == ("窗宽 1650 窗位 −600",)
    drag(viewer, Qt.MouseButton.RightButton, 0, -40)
    settle()
    assert viewer.film.corners.bottom_left == ("窗宽 1650 窗位 −765",)
    viewer.reset()
    settle()
    assert viewer.film.corners.bottom_left == ("窗宽 1500 窗位 −600",)


def test_ctrl_and_wheel_zoom_and_the_left_button_moves_the_picture(viewer: Viewer, settle: Settle) -> None:
    before = viewer.film.place()
    roll(viewer, 5, Qt.KeyboardModifier.ControlModifier)
    settle()
    assert viewer.film.zoom > 2
    assert viewer.film.corners.bottom_right[0] == f"放大 {viewer.film.zoom:.1f} 倍"
    middle = viewer.film.place().center()
    drag(viewer, Qt.MouseButton.LeftButton, 30, 0)
    assert viewer.film.place().center().x() == pytest.approx(middle.x() + 30)
    drag(viewer, Qt.MouseButton.LeftButton, 10_000, 0)
    assert viewer.film.place().left() == pytest.approx(0, abs=1)
    QTest.keyClick(viewer.film, Qt.Key.Key_0)
    assert viewer.film.place() == before


def test_a_radiograph_is_asked_for_in_the_size_that_is_seen(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    window.go(words.FILL, DR)
    settle()
    film = card_of(window).viewer.film
    image = film.image()
    assert image is not None
    first = max(image.width(), image.height())
    assert first <= 900
    card_of(window).viewer.film.zoom_by(4)
    settle()
    image = film.image()
    assert image is not None
    assert max(image.width(), image.height()) == 900


def test_inverting_turns_black_and_white(viewer: Viewer) -> None:
    def corner() -> int:
        return viewer.film.grab().toImage().pixelColor(viewer.film.rect().center()).lightness()

    before = corner()
    viewer.invert(True)
    assert abs(corner() - (255 - before)) <= 2


# -- what cannot be shown ---------------------------------------------------------------------------------------------


def test_an_image_that_cannot_be_shown_says_so_and_the_next_one_is_shown(
    window: MainWindow, face: FakeFace, settle: Settle
) -> None:
    face.broken = {f"{DR}.1.1": CANNOT_SHOW}
    window.go(words.FILL, DR)
    settle()
    viewer = card_of(window).viewer
    assert viewer.film.message() == "这种压缩方式这里显示不了"
    assert viewer.film.image() is None
    assert not window.banner.isVisible()
    roll(viewer, -1)
    settle()
    assert viewer.film.message() == ""
    assert viewer.film.image() is not None


def test_without_images_the_card_says_what_is_missing(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    face._of(DR)["image_count"] = 0
    window.go(words.FILL, DR)
    settle()
    card = card_of(window)
    assert card.tabs[0].text() == "影像"
    assert card._none.title.text() == "还没有影像"
    assert card._none.isVisible()


def test_released_images_say_so(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    face.released = True
    window.go(words.FILL, DR)
    settle()
    assert card_of(window)._none.title.text() == "影像已过保留期"


# -- the large viewer -------------------------------------------------------------------------------------------------


def test_a_double_click_opens_the_large_viewer_at_the_same_image(card: ImagesCard, settle: Settle) -> None:
    roll(card.viewer, -7)
    QTest.mouseDClick(card.viewer.film, Qt.MouseButton.LeftButton)
    settle()
    large = card._window
    assert large is not None
    assert large.isVisible()
    assert shown(large.viewer) == shown(card.viewer)
    assert large.viewer.film.corners.top_right == ("序列 2 · 162 / 310", "胸部 1.25 mm")
    assert large.list.key() == "1"
    large.list.choose("0")
    settle()
    assert shown(large.viewer).endswith(".1.1")
    QTest.keyClick(large.viewer.film, Qt.Key.Key_Escape)
    assert not large.isVisible()


def test_the_large_viewer_goes_with_the_page(card: ImagesCard, window: MainWindow, settle: Settle) -> None:
    card.viewer.opened.emit()
    settle()
    assert card._window is not None
    assert card._window.isVisible()
    window.go(words.TODAY, "")
    settle()
    assert not card._window.isVisible()


# -- report PDFs ------------------------------------------------------------------------------------------------------


def open_pdf(card: ImagesCard, settle: Settle) -> None:
    card.tabs[1].click()
    settle()


def test_the_report_is_shown_with_its_name_and_pages(
    card: ImagesCard, face: FakeFace, tmp_path: Path, settle: Settle
) -> None:
    face.pdf = a_pdf(tmp_path / "r.pdf", pages=3)
    assert face.called("report_pdf") == []  # only what is on screen is loaded
    open_pdf(card, settle)
    assert card.pdf.document.pageCount() == 3
    assert card.pdf.view.isVisible()
    name = card.pdf.name
    assert (name.toolTip() or name.text()) == "李桂芳_DR2611200018.pdf · 3 页"
    assert name.text().endswith("3 页")


def test_a_new_pdf_under_the_same_report_is_loaded(
    card: ImagesCard, window: MainWindow, face: FakeFace, tmp_path: Path, settle: Settle
) -> None:
    open_pdf(card, settle)
    face.pdf = a_pdf(tmp_path / "new.pdf", pages=4)
    page = window.pages[words.FILL]
    assert isinstance(page, FillPage)
    page.exam.attach(str(face.pdf))
    settle()
    assert card.pdf.document.pageCount() == 4


def test_an_exam_without_a_report_offers_to_choose_one(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    face.forms[DR]["reports"][0]["pdf"] = False
    window.go(words.FILL, DR)
    settle()
    card, asked = card_of(window), []
    open_pdf(card, settle)
    assert card.pdf.empty.title.text() == "还没有报告 PDF"
    assert face.called("report_pdf") == []
    card.attach._listeners[:] = [asked.append]
    card.pdf._choose_file.click()
    assert asked == [0]


@pytest.mark.parametrize(("content", "title"), [(b"%PDF-1.4 broken", "这份 PDF 打不开"), (None, "这份 PDF 有密码保护")])
def test_a_broken_or_locked_pdf_says_so(
    card: ImagesCard, face: FakeFace, tmp_path: Path, settle: Settle, content: bytes | None, title: str
) -> None:
    locked = next(path for path in sorted(ENCRYPTED.glob("*.pdf")) if _needs_password(path))
    face.pdf = locked if content is None else tmp_path / "b.pdf"
    if content is not None:
        face.pdf.write_bytes(content)
    open_pdf(card, settle)
    assert card.pdf.empty.title.text() == title
    assert card.pdf.empty.isVisible()
    assert card.pdf._choose_file.text() == "换一份"


def _needs_password(path: Path) -> bool:
    return QPdfDocument().load(str(path)) == QPdfDocument.Error.IncorrectPassword


def test_several_reports_are_chosen_by_segments(window: MainWindow, face: FakeFace, settle: Settle) -> None:
    reports = face.forms[DR]["reports"]
    reports.append({**reports[0], "report_key": "R2", "pdf": False})
    window.go(words.FILL, DR)
    settle()
    card = card_of(window)
    assert card.tabs[1].text() == "报告 PDF 2"
    open_pdf(card, settle)
    assert card.pdf.view.isVisible()
    second = next(button for button in card.pdf.findChildren(QPushButton) if button.text() == "报告 2")
    second.click()
    settle()
    assert card.pdf.empty.title.text() == "还没有报告 PDF"
    assert card.pdf.current == 1


def test_a_dropped_pdf_belongs_to_the_report_that_is_shown(
    card: ImagesCard, face: FakeFace, tmp_path: Path, settle: Settle
) -> None:
    data = QMimeData()
    path = a_pdf(tmp_path / "dropped.pdf")
    data.setUrls([QUrl.fromLocalFile(str(path))])
    at, left = QPointF(5, 5), Qt.MouseButton.LeftButton
    event = QDropEvent(at, Qt.DropAction.CopyAction, data, left, Qt.KeyboardModifier.NoModifier)
    card.dropEvent(event)
    settle()
    assert face.called("attach") == [(CT, str(path), 0)]
    assert card.tabs[1].isChecked()


def test_a_report_is_printed_page_by_page(card: ImagesCard, face: FakeFace, tmp_path: Path, settle: Settle) -> None:
    face.pdf = a_pdf(tmp_path / "r.pdf", pages=2)
    open_pdf(card, settle)
    printer = QPrinter()
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(tmp_path / "printed.pdf"))
    card.pdf.print_to(printer)
    printed = QPdfDocument()
    printed.load(str(tmp_path / "printed.pdf"))
    assert printed.pageCount() == 2
    page = printed.render(0, printed.pagePointSize(0).toSize()).convertToFormat(QImage.Format.Format_RGB32)
    assert any(page.pixelColor(x, y).lightness() < 100 for x in range(0, page.width(), 2) for y in range(0, 200, 2))


def test_ctrl_and_wheel_make_the_pages_larger(card: ImagesCard, settle: Settle) -> None:
    open_pdf(card, settle)
    view = card.pdf.view
    before = view._factor()
    view.zoom_in()
    assert view.zoomFactor() == pytest.approx(1.5 * before, rel=0.02)
    for _ in range(5):
        view.zoom_in()
    assert view.zoomFactor() <= 5


# -- plain functions --------------------------------------------------------------------------------------------------


@given(st.integers(0, 3000), st.integers(2, 7))
def test_thumbnails_hold_both_ends_and_stand_in_order(count: int, most: int) -> None:
    found = spread(count, most)
    assert found == sorted(set(found))
    assert len(found) == min(count, most)
    if count:
        assert (found[0], found[-1]) == (0, count - 1)


@given(st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=8), max_size=5))
def test_every_frame_has_one_place(frames: list[list[int]]) -> None:
    series = [
        {"images": [{"sop_instance_uid": f"{n}.{m}", "frames": count} for m, count in enumerate(own)]}
        for n, own in enumerate(frames)
    ]
    found = places(series)
    assert len(found) == sum(map(sum, frames))
    assert len({(place.sop_instance_uid, place.frame) for place in found}) == len(found)
    for index, own in enumerate(frames):
        numbers = [place.number for place in found if place.series == index]
        assert numbers == list(range(1, sum(own) + 1))


def test_words_of_windows_and_persons() -> None:
    assert window_words(-600, 1500) == "窗宽 1500 窗位 −600"
    assert window_words(0.5, 0.25) == "窗宽 0.25 窗位 0.5"
    assert person_lines([]) == ()
