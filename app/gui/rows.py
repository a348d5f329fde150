"""Lists and tables: one model of plain rows, one delegate that paints cells, a view that keeps place and selection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen, QTextOption
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.gui.look import Look
from app.gui.parts import TICK, paint_bar, paint_tick
from app.gui.told import Told

Row = dict[str, Any]
_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
CELL_ROLE = Qt.ItemDataRole.UserRole
ROW_ROLE = Qt.ItemDataRole.UserRole + 1
_SIDE, _FIRST, _GAP = 10, 16, 8
_HEADING = 34
_BAR = 180
_MOST_ADVANCES = 5000
_BARS, _BAR_GAP = 22, 2


@dataclass(frozen=True, kw_only=True)
class Text:
    """One line of a cell."""

    text: str
    tone: str = "text"
    role: str = "body"
    bold: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one cell shows: a mark, lines, lines at the right edge, a painted progress under the lines.

    `bars` (0.0 to 1.0 each) instead of lines: small columns of which the last is today's.
    """

    lines: tuple[Text, ...] = ()
    right: tuple[Text, ...] = ()
    mark: str = ""
    mark_tone: str = "text2"
    mark_size: int = 16
    progress: float | None = None
    progress_tone: str = "accent"
    bars: tuple[float, ...] = ()
    bar_width: int = 10
    wrap: bool = False
    at_right: bool = False
    heading: bool = False
    ticked: bool | None = None
    """None: the row can't be ticked and shows no box."""
    tinted: bool = False
    """The row has the ground of a selected one, because it is ticked."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its title, its cell of a row, bounds of its width in px. `most` 0: as wide as its text."""

    title: str
    cell: Callable[[Row], Cell]
    least: int = 40
    most: int = 0
    at_right: bool = False


class RowsModel(QAbstractTableModel):
    """Rows as the engine gave them; `key` names what a row is recognised by."""

    def __init__(self, columns: tuple[Column, ...], key: str) -> None:
        super().__init__()
        self.columns, self._key = columns, key
        self.rows: list[Row] = []

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return len(self.columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == ROW_ROLE:
            return row
        if role == CELL_ROLE:
            return self.columns[index.column()].cell(row)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            cell = self.columns[index.column()].cell(row)
            return "\n".join(text.text for text in (*cell.lines, *cell.right) if text.text)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if self.columns[section].at_right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if self.rows[index.row()].get("heading"):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def key(self, index: int) -> str:
        return str(self.rows[index].get(self._key, ""))

    def place(self, key: str) -> int:
        """The row with this key, -1 if there is none."""
        return next((n for n in range(len(self.rows)) if key and self.key(n) == key), -1)

    def put(self, rows: list[Row]) -> None:
        if [row.get(self._key) for row in rows] == [row.get(self._key) for row in self.rows]:
            self.rows = rows  # no dataChanged: the view repaints everything it shows after each `put`
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()


class Painted(QTableView):
    """A view whose model tells its columns, for the one delegate that paints all lists."""

    rows_model: Any


class Painter(QStyledItemDelegate):
    """Paints every cell of every list; no widget per row."""

    def __init__(self, look: Look, view: Painted, height: int) -> None:
        super().__init__(view)
        self._look, self._view, self._height = look, view, height
        self._advances: dict[tuple[str, str, bool], int] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(self.width_of(index.data(CELL_ROLE), index.column()), self._height)

    def width_of(self, cell: Cell, column: int) -> int:
        """The px that show everything of a cell on its lines."""
        left = max((self._advance(text) for text in cell.lines), default=0)
        right = max((self._advance(text) for text in cell.right), default=0)
        mark = cell.mark_size + _GAP if cell.mark else 0
        left = max(left, len(cell.bars) * (cell.bar_width + _BAR_GAP))
        return (_FIRST if column == 0 else _SIDE) + mark + left + (right + _GAP if right else 0) + _SIDE + 2

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        cell: Cell = index.data(CELL_ROLE)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        self._ground(painter, rect, index, selected=selected or cell.tinted, heading=cell.heading)
        last = index.column() == len(self._view.rows_model.columns) - 1
        inner = rect.adjusted(_FIRST if index.column() == 0 else _SIDE, 0, -(_FIRST if last else _SIDE), -1)
        if cell.ticked is not None:
            self._tick(painter, QRect(inner.x(), inner.center().y() - TICK // 2 + 1, TICK, TICK), cell.ticked)
            inner.setLeft(inner.left() + TICK + 2 * _GAP)
        if cell.mark:
            ground = "select" if selected or cell.tinted else "surface"
            size = cell.mark_size
            pixmap = self._look.pixmap(cell.mark, cell.mark_tone, size, self._view.devicePixelRatioF(), ground)
            painter.drawPixmap(QPoint(inner.x(), inner.center().y() - size // 2 + 1), pixmap)
            inner.setLeft(inner.left() + size + _GAP)
        self._texts(painter, inner, cell)
        painter.restore()

    def _tick(self, painter: QPainter, box: QRect, ticked: bool) -> None:
        paint_tick(painter, self._look, box, ticked=ticked, ratio=self._view.devicePixelRatioF())

    def _ground(self, painter: QPainter, rect: QRect, index: _Index, *, selected: bool, heading: bool) -> None:
        painter.fillRect(rect, self._look.colour("select" if selected else "subtle" if heading else "surface"))
        painter.setPen(self._look.colour("hair"))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if selected and index.column() == 0:
            painter.fillRect(QRect(rect.x(), rect.y(), 3, rect.height()), self._look.colour("accent"))
        last = index.column() == index.model().columnCount() - 1
        if selected and self._view.hasFocus():
            painter.setPen(QPen(self._look.colour("accent"), 1))
            painter.drawLine(rect.topLeft(), rect.topRight())
            painter.drawLine(rect.bottomLeft(), rect.bottomRight())
            if last:
                painter.drawLine(rect.topRight(), rect.bottomRight())

    def _bars(self, painter: QPainter, inner: QRect, cell: Cell) -> None:
        """An empty day is a low line, so that the days can be counted."""
        bottom = inner.center().y() + _BARS // 2 + 1
        for number, part in enumerate(cell.bars):
            tone = "text3" if number == len(cell.bars) - 1 else "line"
            height = max(2, round(part * _BARS))
            left = inner.x() + number * (cell.bar_width + _BAR_GAP)
            painter.fillRect(QRect(left, bottom - height, cell.bar_width, height), self._look.colour(tone))

    def _texts(self, painter: QPainter, inner: QRect, cell: Cell) -> None:
        if cell.bars:
            self._bars(painter, inner, cell)
            return
        right_width = max((self._advance(text) for text in cell.right), default=0)
        if cell.wrap and len(cell.lines) == 1:
            self._wrapped(painter, inner, cell.lines[0])
            return
        left = inner.adjusted(0, 0, -(right_width + _GAP) if right_width else 0, 0)
        bar = 8 if cell.progress is not None else 0
        self._stack(painter, left, cell.lines, bar, at_right=cell.at_right)
        self._stack(painter, inner, cell.right, 0, at_right=True)
        if cell.progress is not None:
            height = self._stack_height(cell.lines) + bar
            top = inner.center().y() + height / 2 - 3
            paint_bar(
                painter,
                self._look,
                QRectF(left.x(), top, min(left.width(), _BAR), 4),
                cell.progress,
                cell.progress_tone,
            )

    def _stack(self, painter: QPainter, rect: QRect, lines: tuple[Text, ...], below: int, *, at_right: bool) -> None:
        top = rect.center().y() - (self._stack_height(lines) + below) // 2 + 1
        side = Qt.AlignmentFlag.AlignRight if at_right else Qt.AlignmentFlag.AlignLeft
        for text in lines:
            metrics = self._metrics(text)
            painter.setFont(self._look.font(text.role, bold=text.bold))
            painter.setPen(self._look.colour(text.tone))
            shown = metrics.elidedText(text.text, Qt.TextElideMode.ElideRight, rect.width() + 1)
            painter.drawText(QRect(rect.x(), top, rect.width(), metrics.height()), side, shown)
            top += metrics.height() + 3

    def _wrapped(self, painter: QPainter, rect: QRect, text: Text) -> None:
        painter.setFont(self._look.font(text.role, bold=text.bold))
        painter.setPen(self._look.colour(text.tone))
        metrics = self._metrics(text)
        shown = metrics.elidedText(text.text, Qt.TextElideMode.ElideRight, rect.width() * 2 - metrics.height() * 2)
        option = QTextOption(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        painter.drawText(QRectF(rect), shown, option)

    def _stack_height(self, lines: tuple[Text, ...]) -> int:
        return sum(self._metrics(text).height() for text in lines) + 3 * max(0, len(lines) - 1)

    def _advance(self, text: Text) -> int:
        """The px of a text; most texts of a list come again and again."""
        key = (text.text, text.role, text.bold)
        if key not in self._advances:
            if len(self._advances) > _MOST_ADVANCES:
                self._advances.clear()
            self._advances[key] = self._metrics(text).horizontalAdvance(text.text)
        return self._advances[key]

    def _metrics(self, text: Text) -> QFontMetrics:
        return self._look.metrics(text.role, bold=text.bold)


class RowsView(Painted):
    """A list or table of rows. `chosen` tells the key of the row that a person (or `choose`) selected.

    `ticked(key)`: its box was clicked, or Space pressed on it; whether it is ticked then is its cell's to say.
    """

    rows_model: RowsModel
    chosen = Told()
    ticked = Told()
    activated_row = Told()

    def __init__(
        self, look: Look, columns: tuple[Column, ...], *, key: str, row_height: int, head: bool = True
    ) -> None:
        super().__init__()
        self.rows_model = RowsModel(columns, key)
        self.cells = Painter(look, self, row_height)
        self.setModel(self.rows_model)
        self.setItemDelegate(self.cells)
        self._row_height = row_height
        plain_look(self, look, row_height, head=head)
        self.selectionModel().currentRowChanged.connect(self._tell)
        self.doubleClicked.connect(lambda index: self.activated_row.emit(self.rows_model.key(index.row())))
        look.changed.connect(self.viewport().update)

    def put(self, rows: list[Row]) -> None:
        """Show these rows; the selected one stays selected and the list stays where it is."""
        key, at = self.key(), self.verticalScrollBar().value()
        quiet = self.selectionModel().blockSignals(True)
        self.rows_model.put(rows)
        self.selectionModel().blockSignals(quiet)
        self._fit()
        if key and self.rows_model.place(key) >= 0:
            quiet = self.selectionModel().blockSignals(True)
            self._select(key)
            self.selectionModel().blockSignals(quiet)
        elif key:
            self.clearSelection()
        self.verticalScrollBar().setValue(at)
        self.viewport().update()

    def key(self) -> str:
        """The key of the selected row, "" for none."""
        index = self.currentIndex()
        return self.rows_model.key(index.row()) if index.isValid() and index.row() < len(self.rows_model.rows) else ""

    def row(self) -> Row | None:
        index = self.currentIndex()
        return self.rows_model.rows[index.row()] if self.key() and index.isValid() else None

    def choose(self, key: str) -> bool:
        """Select the row with this key; False if it is not here."""
        found = self.rows_model.place(key)
        if found >= 0:
            self._select(key)
        return found >= 0

    def choose_first(self) -> None:
        first = next((row for row in self.rows_model.rows if not row.get("heading")), None)
        if first is not None:
            self._select(self.rows_model.key(self.rows_model.rows.index(first)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.key():
            self.activated_row.emit(self.key())
            return
        if event.key() == Qt.Key.Key_Space and self._can_tick(self.currentIndex()):
            self.ticked.emit(self.key())
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Whoever comes by keyboard sees where it is."""
        super().focusInEvent(event)
        by_keyboard = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if by_keyboard and not self.selectionModel().hasSelection():
            self.choose_first()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if self._can_tick(index) and index.column() == 0 and event.position().x() < _FIRST + TICK + _GAP:
            self.ticked.emit(self.rows_model.key(index.row()))
            return
        super().mousePressEvent(event)

    @staticmethod
    def _can_tick(index: QModelIndex) -> bool:
        cell = index.siblingAtColumn(0).data(CELL_ROLE) if index.isValid() else None
        return isinstance(cell, Cell) and cell.ticked is not None

    def _select(self, key: str) -> None:
        self.setCurrentIndex(self.rows_model.index(self.rows_model.place(key), 0))
        self.selectRow(self.rows_model.place(key))

    def _tell(self, current: QModelIndex, before: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self.rows_model.key(current.row()))

    def _fit(self) -> None:
        """Columns as wide as their widest text, within bounds; the last takes the rest."""
        columns = self.rows_model.columns
        metrics = QFontMetrics(self.horizontalHeader().font())
        for number, column in enumerate(columns[:-1]):
            cells = (column.cell(row) for row in self.rows_model.rows if not row.get("heading"))
            widest = max((self.cells.width_of(cell, number) for cell in cells), default=0)
            width = max(widest, column.least, metrics.horizontalAdvance(column.title) + 24)
            self.setColumnWidth(number, min(width, column.most) if column.most else width)
        for number, row in enumerate(self.rows_model.rows):
            height = _HEADING if row.get("heading") else self._row_height
            if self.rowHeight(number) != height:
                self.setRowHeight(number, height)


def plain_look(view: QTableView, look: Look, row_height: int, *, head: bool = True) -> None:
    """A table as all of them look: no grid, whole rows, one height; the last column takes what is left."""
    view.setShowGrid(False)
    view.setFrameShape(QTableView.Shape.NoFrame)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setTabKeyNavigation(False)
    view.setWordWrap(False)
    vertical, horizontal = view.verticalHeader(), view.horizontalHeader()
    vertical.setVisible(False)
    vertical.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    vertical.setDefaultSectionSize(row_height)
    horizontal.setVisible(head)
    horizontal.setFixedHeight(look.height("table_head"))
    horizontal.setFont(look.font("caption"))
    horizontal.setHighlightSections(False)
    horizontal.setSectionsClickable(False)
    horizontal.setStretchLastSection(True)
    horizontal.setMinimumSectionSize(10)
