"""The table of a patient's exams (调阅): what the platform returned of each, and links, painted, that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.rows import CELL_ROLE, Cell, Column, Painter, Row, RowsView, Text
from app.gui.told import Told

REPORT, IMAGES, DOWNLOAD, OWN = "report", "images", "download", "own"
_ROW = 50
_HIGH, _SIDE, _APART, _ICON = 28, 10, 6, 14
_FIRST_LINE = 3
"""So many parts of an index code stand on its first line: kind, person, time."""
_PART, _CLINIC, _LINKS = 4, 5, 6
_WIDEST = 400
_MONTH_DAYS, _YEAR_DAYS = 30.44, 365.25


@dataclass(frozen=True, kw_only=True)
class Link:
    """One act of a row."""

    name: str
    text: str
    icon: str = ""
    tip: str = ""


@dataclass(frozen=True, kw_only=True)
class LinkCell(Cell):
    """A cell of links; `lines` say them to who cannot see."""

    links: tuple[Link, ...] = ()


def links_of(exam: Json, *, images: bool) -> tuple[Link, ...]:
    """What can be done with an exam; `images`: this platform hands images out."""
    if exam["exam_key"]:
        return (Link(name=OWN, text="在本机打开", tip="这例是本机构自己的检查"),)
    found = []
    if exam["report_url"]:
        found.append(Link(name=REPORT, text="报告", icon="open", tip="在浏览器里看报告"))
    if exam["image_url"]:
        found.append(Link(name=IMAGES, text="影像", icon="open", tip="在浏览器里看影像"))
    if images:
        found.append(Link(name=DOWNLOAD, text="下载", tip="把影像逐幅下载到本机"))
    return tuple(found)


def rows_of(answer: Json, *, images: bool) -> list[Row]:
    """The exams as rows; their keys are their places, since a platform may give no index."""
    return [
        {**exam, "key": str(place), "links": links_of(exam, images=images)}
        for place, exam in enumerate(answer["exams"], 1)
    ]


def long_ago(day: str, now: datetime) -> str:
    """12 天前, 4 个月前, 3 年前; "" for what is no day."""
    try:
        days = (words.today(now) - words.day_of(day)).days
    except ValueError:
        return ""
    if days < 2:
        return ("今天", "昨天")[max(0, days)] if days >= 0 else ""
    if days <= _MONTH_DAYS:
        return f"{days} 天前"
    return f"{int(days / _MONTH_DAYS)} 个月前" if days < _YEAR_DAYS else f"{int(days / _YEAR_DAYS)} 年前"


def index_lines(shown: str) -> tuple[str, ...]:
    """An index code on two lines, broken before its rows of zeros."""
    parts = shown.split("-")
    first, rest = "-".join(parts[:_FIRST_LINE]), "-".join(parts[_FIRST_LINE:])
    return (first, f"-{rest}") if rest else (first or words.NOTHING,)


class ExamTable(RowsView):
    """`acted(key, link)`: a link was clicked, or Enter pressed on it; ← and → go from link to link."""

    acted = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__(look, exam_columns(now), key="key", row_height=_ROW)
        self._look = look
        self.cells = LinkPainter(look, self, _ROW)
        self.setItemDelegate(self.cells)
        self.setMouseTracking(True)
        self.at = ""
        """The link that Enter presses."""
        self.under: tuple[int, str] | None = None
        """The link under the mouse: (row, name)."""
        self.chosen.connect(lambda _key: self._start_at_last())
        self.activated_row.connect(lambda _key: self._press())

    def links(self) -> tuple[Link, ...]:
        """Those of the selected row."""
        row = self.row()
        return row["links"] if row else ()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        names = [link.name for link in self.links()]
        if step and names:
            place = names.index(self.at) if self.at in names else len(names) - 1
            self.at = names[max(0, min(len(names) - 1, place + step))]
            self.viewport().update()
            return
        super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        found = self._link_under(event.position().toPoint())
        under = (found[0], found[1].name) if found else None
        if under != self.under:
            self.under = under
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if under else Qt.CursorShape.ArrowCursor)
            self.viewport().setToolTip(found[1].tip if found else "")
            self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.under = None
        self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and (found := self._link_under(event.position().toPoint())):
            self.at = found[1].name
            self._press()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """The second click on a link is no second act."""
        if self._link_under(event.position().toPoint()) is None:
            super().mouseDoubleClickEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _start_at_last(self) -> None:
        """The last link is what one came for."""
        names = [link.name for link in self.links()]
        self.at = self.at if self.at in names else names[-1] if names else ""
        self.viewport().update()

    def _press(self) -> None:
        if self.at:
            self.acted.emit(self.key(), self.at)

    def _link_under(self, point: QPoint) -> tuple[int, Link] | None:
        index = self.indexAt(point)
        if not index.isValid() or index.column() != _LINKS:
            return None
        boxes = link_boxes(self._look, self.visualRect(index), index.data(CELL_ROLE).links)
        return next(((index.row(), link) for link, box in boxes if box.contains(point)), None)

    def _fit(self) -> None:
        """Numbers, names and links whole; body part and hospital share the rest."""
        super()._fit()
        columns = range(len(self.rows_model.columns))
        need = [self._widest(number) for number in columns]
        for number in columns:
            if number not in (_PART, _CLINIC):
                self.setColumnWidth(number, need[number])
        room = self.viewport().width() - sum(need[n] for n in columns if n not in (_PART, _CLINIC))
        part = min(need[_PART], max(room - need[_CLINIC], room // 2))
        self.setColumnWidth(_PART, part)
        self.setColumnWidth(_CLINIC, max(room - part, self.rows_model.columns[_CLINIC].least))

    def _widest(self, number: int) -> int:
        column = self.rows_model.columns[number]
        cells: Iterable[Cell] = (column.cell(row) for row in self.rows_model.rows)
        title = self._look.metrics("caption").horizontalAdvance(column.title) + 2 * _SIDE + 8
        return max([column.least, title, *(self.cells.width_of(cell, number) for cell in cells)])


class LinkPainter(Painter):
    """Paints links as the small buttons they are; everything else as all tables do."""

    _view: ExamTable

    def width_of(self, cell: Cell, column: int) -> int:
        if not isinstance(cell, LinkCell):
            return super().width_of(cell, column)
        widths = [link_width(self._look, link) for link in cell.links]
        return _SIDE + sum(widths) + _APART * max(0, len(widths) - 1) + _SIDE + 4

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        cell = index.data(CELL_ROLE)
        if not isinstance(cell, LinkCell):
            super().paint(painter, option, index)
            return
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        self._ground(painter, option.rect, index, selected=selected, heading=False)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for link, box in link_boxes(self._look, option.rect, cell.links):
            under = self._view.under == (index.row(), link.name)
            here = selected and self._view.hasFocus() and self._view.at == link.name
            self._link(painter, box, link, under=under, here=here)
        painter.restore()

    def _link(self, painter: QPainter, box: QRect, link: Link, *, under: bool, here: bool) -> None:
        thick = 2 if here else 1
        painter.setPen(QPen(self._look.colour("accent" if here else "line"), thick))
        painter.setBrush(self._look.colour("subtle" if under else "surface"))
        edge = thick / 2
        painter.drawRoundedRect(box.toRectF().adjusted(edge, edge, -edge, -edge), 4, 4)
        left = box.x() + _SIDE
        if link.icon:
            pixmap = self._look.pixmap(link.icon, "text2", _ICON, self._view.devicePixelRatioF())
            painter.drawPixmap(QPoint(left - 1, box.center().y() - _ICON // 2 + 1), pixmap)
            left += _ICON + _APART
        painter.setFont(self._look.font("body"))
        painter.setPen(self._look.colour("text"))
        painter.drawText(QRect(left, box.y(), box.right() - left, _HIGH), Qt.AlignmentFlag.AlignVCenter, link.text)


def link_width(look: Look, link: Link) -> int:
    icon = _ICON + _APART if link.icon else 0
    return look.metrics("body").horizontalAdvance(link.text) + icon + 2 * _SIDE + 1


def link_boxes(look: Look, cell: QRect, links: tuple[Link, ...]) -> list[tuple[Link, QRect]]:
    """Where each link of a cell stands, from the left."""
    left, found = cell.x() + _SIDE, []
    for link in links:
        width = link_width(look, link)
        found.append((link, QRect(left, cell.center().y() - _HIGH // 2 + 1, width, _HIGH)))
        left += width + _APART
    return found


def exam_columns(now: Callable[[], datetime]) -> tuple[Column, ...]:
    def small(text: str) -> Text:
        return Text(text=text, role="caption", tone="text2")

    def index(exam: Row) -> Cell:
        first, *more = index_lines(str(exam["index_shown"]))
        return Cell(lines=(Text(text=first), *(small(line) for line in more)))

    def day(exam: Row) -> Cell:
        return Cell(lines=(Text(text=str(exam["exam_date"])), small(long_ago(str(exam["exam_date"]), now()))))

    def part(exam: Row) -> Cell:
        return Cell(lines=(Text(text=exam["body_part"] or words.NOTHING), small(exam["body_part_code"])))

    def clinic(exam: Row) -> Cell:
        return Cell(lines=(Text(text=exam["clinic_name"] or words.NOTHING), small(exam["clinic_code"])))

    def links(exam: Row) -> Cell:
        return LinkCell(lines=tuple(Text(text=link.text) for link in exam["links"]), links=exam["links"])

    return (
        Column(title="医保影像云索引", cell=index, least=120),
        Column(title="姓名", cell=lambda exam: Cell(lines=(Text(text=exam["patient_name"]),)), least=56),
        Column(title="证件号码", cell=lambda exam: Cell(lines=(Text(text=exam["id_number"]),)), least=100),
        Column(title="检查日期", cell=day, least=86),
        Column(title="检查部位", cell=part, least=90, most=_WIDEST),
        Column(title="医院", cell=clinic, least=90, most=_WIDEST),
        Column(title="平台给的链接", cell=links, least=110),
    )
