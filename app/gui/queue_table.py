"""The table of the queue: any number of rows, of which only the pages on screen are ever asked for.

Rows are known by (exam, destination): what is selected and ticked stays so when data arrives and rows change places.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QResizeEvent

from app.gui.look import Look
from app.gui.rows import CELL_ROLE, ROW_ROLE, Cell, Column, Painted, Painter, Row, plain_look
from app.gui.told import Told

PAGE = 50
ROW_HEIGHT = 44
_NEAR = 2
"""So many pages before and after the ones in sight are kept while a person scrolls."""
Key = tuple[str, str]
_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_BLANK = Cell()


def key_of(row: Row) -> Key:
    return str(row["exam_key"]), str(row["destination"])


class PagedRows(QAbstractTableModel):
    """`total` rows of which some pages are here; the others are blank until they come."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        super().__init__()
        self.columns = columns
        self.total = 0
        self._pages: dict[int, list[Row]] = {}

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else self.total

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index.row())
        if role == ROW_ROLE:
            return row
        if role == CELL_ROLE:
            return self.columns[index.column()].cell(row) if row else _BLANK
        if row and role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return "\n".join(text.text for text in self.columns[index.column()].cell(row).lines if text.text)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def row(self, number: int) -> Row | None:
        page = self._pages.get(number // PAGE, [])
        place = number % PAGE
        return page[place] if place < len(page) else None

    @property
    def rows(self) -> list[Row]:
        """The rows that are here, in order."""
        return [row for page in sorted(self._pages) for row in self._pages[page]]

    def place(self, key: Key) -> int:
        """The number of a row that is here, -1 if it is not."""
        for page, rows in self._pages.items():
            for number, row in enumerate(rows):
                if key_of(row) == key:
                    return page * PAGE + number
        return -1

    def has(self, page: int) -> bool:
        return page in self._pages

    def put(self, page: int, rows: list[Row], total: int) -> None:
        """No dataChanged: the view repaints what it shows after each `put`."""
        if total > self.total:
            self.beginInsertRows(_NO_INDEX, self.total, total - 1)
            self.total = total
            self.endInsertRows()
        elif total < self.total:
            self.beginRemoveRows(_NO_INDEX, total, self.total - 1)
            self.total = total
            self.endRemoveRows()
        self._pages[page] = rows

    def keep_only(self, pages: range) -> None:
        """Forget what is out of sight: it is asked for again when it comes back."""
        self._pages = {page: rows for page, rows in self._pages.items() if page in pages}

    def clear(self) -> None:
        self.beginResetModel()
        self.total, self._pages = 0, {}
        self.endResetModel()


class PagedTable(Painted):
    """`wanted(page)`: it came into sight and is not here. `chosen(key)`, `opened(key)`, `ticked(key)` by a person."""

    wanted = Told()
    chosen = Told()
    opened = Told()
    ticked = Told()

    def __init__(self, look: Look, columns: tuple[Column, ...]) -> None:
        super().__init__()
        self.rows_model: PagedRows = PagedRows(columns)
        self.cells = Painter(look, self, ROW_HEIGHT)
        self.setModel(self.rows_model)
        self.setItemDelegate(self.cells)
        plain_look(self, look, ROW_HEIGHT)
        for number, column in enumerate(columns):
            self.setColumnWidth(number, column.least)
        self.current: Key | None = None
        self._asked: set[int] = set()
        self.selectionModel().currentRowChanged.connect(self._tell)
        self.verticalScrollBar().valueChanged.connect(lambda _value: self.look_around())
        look.changed.connect(self.viewport().update)

    # -- showing ----------------------------------------------------------------------------------------------------

    def put(self, page: int, rows: list[Row], total: int) -> None:
        """Rows came: what is selected stays selected, what is in sight stays in sight."""
        self._asked.discard(page)
        top = self.rowAt(0)
        seen = self.rows_model.row(top) if top > 0 else None
        quiet = self.selectionModel().blockSignals(True)
        self.rows_model.put(page, rows, total)
        self._select(self.current)
        self.selectionModel().blockSignals(quiet)
        if seen is not None and (now := self.rows_model.place(key_of(seen))) >= 0 and now != top:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + (now - top) * ROW_HEIGHT)
        sight = self.pages_in_sight()
        self.rows_model.keep_only(range(sight.start - _NEAR, sight.stop + _NEAR))
        if page in sight:
            self.fit(self.seen())
        self.viewport().update()
        self.look_around()

    def start_over(self) -> None:
        """Another list comes: from its beginning, nothing of the old one."""
        self._asked.clear()
        quiet = self.selectionModel().blockSignals(True)
        self.rows_model.clear()
        self.selectionModel().blockSignals(quiet)
        self.verticalScrollBar().setValue(0)

    def forget_unseen(self) -> range:
        """Drop the rows out of sight, which may have changed; returns the pages in sight."""
        pages = self.pages_in_sight()
        self.rows_model.keep_only(pages)
        self._asked.clear()
        return pages

    def pages_in_sight(self) -> range:
        first = max(0, self.rowAt(0))
        last = self.rowAt(self.viewport().height() - 1)
        last = last if last >= 0 else max(first, self.rows_model.total - 1)
        return range(first // PAGE, last // PAGE + 1)

    def rows_in_sight(self) -> tuple[int, int]:
        """Numbers of the first and the last row that are seen, from 1; (0, 0) for none."""
        if not self.rows_model.total:
            return 0, 0
        last = self.rowAt(self.viewport().height() - 1)
        return max(0, self.rowAt(0)) + 1, (last if last >= 0 else self.rows_model.total - 1) + 1

    def seen(self) -> list[Row]:
        """The rows on screen, as far as they are here."""
        first, last = self.rows_in_sight()
        rows = (self.rows_model.row(number) for number in range(first - 1, last)) if last else ()
        return [row for row in rows if row is not None]

    def look_around(self) -> None:
        """Ask for the pages in sight that are not here."""
        for page in self.pages_in_sight():
            if self.rows_model.total and not self.rows_model.has(page) and page not in self._asked:
                self._asked.add(page)
                self.wanted.emit(page)

    def fit(self, rows: list[Row]) -> None:
        """Columns as wide as the text that comes needs, never narrower than before; the last takes the rest."""
        metrics = QFontMetrics(self.horizontalHeader().font())
        for number, column in list(enumerate(self.rows_model.columns))[1:-1]:
            widest = max((self.cells.width_of(column.cell(row), number) for row in rows), default=0)
            least = max(column.least, metrics.horizontalAdvance(column.title) + 24, self.columnWidth(number))
            width = max(widest, least) if not self.isColumnHidden(number) else least
            self.setColumnWidth(number, min(width, column.most) if column.most else width)

    # -- choosing ---------------------------------------------------------------------------------------------------

    def row(self) -> Row | None:
        """The selected row, if it is here."""
        place = self.rows_model.place(self.current) if self.current else -1
        return self.rows_model.row(place) if place >= 0 else None

    def choose(self, key: Key) -> bool:
        """Select the row with this key; False if it is not here."""
        if self.rows_model.place(key) < 0:
            return False
        self._select(key)
        return True

    def let_go(self) -> None:
        """Nothing is selected any more."""
        self.current = None
        quiet = self.selectionModel().blockSignals(True)
        self.clearSelection()
        self.setCurrentIndex(_NO_INDEX)
        self.selectionModel().blockSignals(quiet)
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Whoever comes by keyboard sees where it is."""
        super().focusInEvent(event)
        by_keyboard = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if by_keyboard and not self.selectionModel().hasSelection() and self.rows_model.rowCount():
            self.selectRow(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current:
            self.opened.emit(self.current)
        elif event.key() == Qt.Key.Key_Space and self.current:
            self.ticked.emit(self.current)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        row = self.rows_model.row(index.row()) if index.isValid() else None
        if row is not None and index.column() == 0:
            self.ticked.emit(key_of(row))
            return
        super().mousePressEvent(event)
        if row is not None:
            self.opened.emit(key_of(row))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.look_around()

    def _select(self, key: Key | None) -> None:
        place = self.rows_model.place(key) if key else -1
        if place >= 0 and self.currentIndex().row() != place:
            self.setCurrentIndex(self.rows_model.index(place, 1))
            self.selectRow(place)
        elif place < 0:
            self.clearSelection()

    def _tell(self, current: QModelIndex, before: QModelIndex) -> None:
        row = self.rows_model.row(current.row()) if current.isValid() else None
        if row is not None and key_of(row) != self.current:
            self.current = key_of(row)
            self.chosen.emit(self.current)
