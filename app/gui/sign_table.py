"""The tables of 电子签名: reports that wait, under the name of the doctor who signs them; reports signed on a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QStyleOptionViewItem

from app.gui import sign_words, words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.rows import ROW_ROLE, Cell, Column, Painter, Row, RowsView, Text
from app.gui.told import Told

_ROW, _HEAD, _TITLES, _NOTE = 48, 42, 30, 36
_SIGNED_ROW = 34
_SIDE, _FIRST, _GAP = 10, 16, 8
_LAST, _LEAST = 84, 80
_STATE, _REPORT, _STANDING, _SINCE = range(4)
HINT = "一份报告一个码，签完自动换下一份；多份可在手机“待办”里批量签"
_RENEW = "换新码"


def waiting_rows(answer: Json, text: str = "") -> list[Row]:
    """The reports under their doctors, as rows with headings between them; only those that `text` is part of."""
    found: list[Row] = []
    for group in answer["waiting"]:
        reports = [one for one in group["reports"] if matches(one, text)]
        if not reports:
            continue
        name, first = str(group["doctor"]["name"]), not found
        found.append({"heading": "doctor", "key": f"doctor {name}", "doctor": group["doctor"], "reports": reports})
        if first:
            found.append({"heading": "titles", "key": "titles"})
        found += [{**one, "key": str(one["session"])} for one in reports]
        if first and any(one["way"] != sign_words.IMPORT for one in reports):
            found.append({"heading": "note", "key": "note"})
    return found


def matches(row: Json, text: str) -> bool:
    """Whether a name or accession number holds the text."""
    return not text or any(text.upper() in str(row[key]).upper() for key in ("patient_name", "accession_number"))


class WaitingTable(RowsView):
    """`renewed(session)`: 换新码 beside a doctor's name was pressed; `brought(session)`: 导入 beside a report."""

    renewed = Told()
    brought = Told()
    cells: WaitingCells

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        self._look, self._now = look, now
        self.current: object = None
        """The session whose code is on screen."""
        super().__init__(look, self._columns(), key="key", row_height=_ROW, head=False)
        self.cells = WaitingCells(look, self, _ROW)
        self.setItemDelegate(self.cells)
        self.setMouseTracking(True)
        self.setAccessibleName("等签名的报告")

    def put(self, rows: list[Row]) -> None:
        super().put(rows)
        self.clearSpans()
        for place, one in enumerate(rows):
            if one.get("heading"):
                self.setSpan(place, 0, 1, self.rows_model.columnCount())

    def session(self) -> object:
        """That of the selected report."""
        row = self.row()
        return row["session"] if row else None

    def first_next(self, row: Row) -> object:
        """Whose turn it is after the code on screen, of the same doctor."""
        rows = [one for one in self.rows_model.rows if not one.get("heading") and one["doctor"] == row["doctor"]]
        places = [place for place, one in enumerate(rows) if one["session"] == self.current]
        behind = rows[places[0] + 1 :] if places else []
        return next((one["session"] for one in behind if sign_words.is_coded(one)), None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """The report takes what state, standing and time leave."""
        super()._fit()
        stretch(self, _REPORT, [one for one in self.rows_model.rows if not one.get("heading")])
        for place, one in enumerate(self.rows_model.rows):
            if one.get("heading"):
                self.setRowHeight(place, {"doctor": _HEAD, "titles": _TITLES}.get(one["heading"], _NOTE))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        at = event.position().toPoint()
        over = self._link_at(at) is not None or self._import_at(at) is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._link_at(event.position().toPoint())
        if row is not None:
            self.renewed.emit(expired_of(row)["session"])
            return
        super().mousePressEvent(event)
        wanted = self._import_at(event.position().toPoint())
        if wanted is not None:
            self.brought.emit(wanted["session"])

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.viewport().unsetCursor()

    def _link_at(self, point: QPoint) -> Row | None:
        index = self.indexAt(point)
        row = index.data(ROW_ROLE) if index.isValid() else None
        if row is None or row.get("heading") != "doctor" or not expired_of(row):
            return None
        return row if self.cells.link_box(self.visualRect(index)).contains(point) else None

    def _import_at(self, point: QPoint) -> Row | None:
        index = self.indexAt(point)
        row = index.data(ROW_ROLE) if index.isValid() and index.column() == _STANDING else None
        return row if row is not None and not row.get("heading") and sign_words.can_import(row) else None

    # -- cells ------------------------------------------------------------------------------------------------------

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column(title="状态", cell=self._state, least=104),
            Column(title="报告", cell=self._report, most=1000),
            Column(title="", cell=self._standing, least=86),
            Column(title="等待自", cell=self._since),
        )

    def _state(self, row: Row) -> Cell:
        if row.get("heading"):
            return Cell(heading=True, lines=(Text(text=heading_words(row)),))
        icon, tone = sign_words.MARKS.get(row["state"], ("state-sign", "you"))
        return Cell(mark=icon, mark_tone=tone, lines=(Text(text=row["state_words"], tone=tone),))

    def _report(self, row: Row) -> Cell:
        """The exam's name gives way to its number where both are too long."""
        if row.get("heading"):
            return Cell(heading=True)
        number = f" · {row['accession_number']}" if row["accession_number"] else ""
        metrics = self._look.metrics("caption")
        room = self.columnWidth(_REPORT) - 2 * _SIDE - metrics.horizontalAdvance(number)
        what = metrics.elidedText(str(row["what"]), Qt.TextElideMode.ElideRight, max(40, room))
        return Cell(
            lines=(Text(text=row["patient_name"]), Text(text=f"{what}{number}", role="caption", tone="text2")),
        )

    def _standing(self, row: Row) -> Cell:
        if row.get("heading"):
            return Cell(heading=True)
        said, tone = sign_words.standing(row, self.current, self.first_next(row))
        said = said or sign_words.expired_at(row, self._now())
        return Cell(lines=(Text(text=said, tone=tone, role="body_small"),))

    def _since(self, row: Row) -> Cell:
        if row.get("heading"):
            return Cell(heading=True)
        return Cell(lines=(Text(text=words.clock(row["since"], self._now()), tone="text2", role="caption"),))


def expired_of(heading: Row) -> Row:
    """The first report of a doctor whose code ran out, {} for none."""
    return next((one for one in heading["reports"] if one["state"] == sign_words.EXPIRED), {})


def heading_words(row: Row) -> str:
    """等 刘慧 医生, 没有审核医师 where the report names none."""
    if row["heading"] == "doctor":
        return f"等 {row['doctor']['name']} 医生" if row["doctor"]["name"] else "没有审核医师"
    return HINT if row["heading"] == "note" else "状态"


class WaitingCells(Painter):
    """Paints the headings between the reports; the reports as all tables do."""

    _view: WaitingTable

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row = index.data(ROW_ROLE)
        kind = row.get("heading")
        if not kind:
            super().paint(painter, option, index)
            return
        painter.save()
        rect: QRect = option.rect
        painter.fillRect(rect, self._look.colour("subtle" if kind == "titles" else "surface"))
        painter.setPen(self._look.colour("border"))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        inner = rect.adjusted(_FIRST, 0, -_FIRST, -1)
        {"doctor": self._doctor, "titles": self._titles, "note": self._note}[kind](painter, inner, row)
        painter.restore()

    def _doctor(self, painter: QPainter, inner: QRect, row: Row) -> None:
        title = Text(text=heading_words(row), role="section", bold=True)
        used = self._line(painter, inner, title)
        count = f"审核医师 · {len(row['reports'])} 份" if row["doctor"]["name"] else f"{len(row['reports'])} 份"
        self._line(painter, inner.adjusted(used + _GAP, 0, 0, 0), Text(text=count, role="caption", tone="text3"))
        if expired_of(row):
            box = self.link_box(inner.adjusted(-_FIRST, 0, _FIRST, 1))
            pixmap = self._look.pixmap("resend", "accentText", 16, self._view.devicePixelRatioF())
            painter.drawPixmap(QPoint(box.x(), box.center().y() - 7), pixmap)
            self._line(painter, box.adjusted(16 + 6, 0, 0, 0), Text(text=_RENEW, tone="accentText"))

    def link_box(self, heading: QRect) -> QRect:
        """Where 换新码 stands in a heading."""
        wide = 16 + 6 + self._look.metrics("body").horizontalAdvance(_RENEW)
        return QRect(heading.right() - _FIRST - wide, heading.y() + 6, wide + 2, heading.height() - 12)

    def _titles(self, painter: QPainter, inner: QRect, row: Row) -> None:
        left = inner.x()
        for number, column in enumerate(self._view.rows_model.columns):
            x = left if number == 0 else self._view.columnViewportPosition(number) + _SIDE
            self._line(
                painter, inner.adjusted(x - left, 0, 0, 0), Text(text=column.title, role="caption", tone="text3")
            )

    def _note(self, painter: QPainter, inner: QRect, row: Row) -> None:
        pixmap = self._look.pixmap("phone", "text2", 16, self._view.devicePixelRatioF())
        painter.drawPixmap(QPoint(inner.x(), inner.center().y() - 7), pixmap)
        self._line(painter, inner.adjusted(16 + _GAP, 0, 0, 0), Text(text=HINT, role="caption", tone="text2"))

    def _line(self, painter: QPainter, rect: QRect, text: Text) -> int:
        metrics = self._metrics(text)
        painter.setFont(self._look.font(text.role, bold=text.bold))
        painter.setPen(self._look.colour(text.tone))
        shown = metrics.elidedText(text.text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, shown)
        return metrics.horizontalAdvance(shown)


def stretch(view: RowsView, column: int, rows: list[Row]) -> None:
    """Give a column what the others leave. (A header that is hidden does not stretch its last one.)"""
    columns = view.rows_model.columns
    last = len(columns) - 1
    view.horizontalHeader().setStretchLastSection(False)
    widest = max((view.cells.width_of(columns[last].cell(one), last) for one in rows), default=_LAST)
    view.setColumnWidth(last, max(_LAST, widest + _FIRST - _SIDE))
    taken = sum(view.columnWidth(number) for number in range(last + 1) if number != column)
    view.setColumnWidth(column, max(_LEAST, view.viewport().width() - taken))


class SignedTable(RowsView):
    """Reports with a signature and what became of them, the newest first."""

    def __init__(self, look: Look, now: Callable[[], datetime], *, with_number: bool = False) -> None:
        self._now, self._with_number = now, with_number
        super().__init__(look, self._columns(), key="key", row_height=_SIGNED_ROW, head=False)
        self.setAccessibleName("今天已签的报告")

    def put_rows(self, reports: list[Json]) -> None:
        self.put([{**one, "key": f"{one['session']}"} for one in reports])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        super()._fit()
        stretch(self, _REPORT, self.rows_model.rows)

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column(title="", cell=self._who, least=120),
            Column(title="", cell=self._what, most=1000),
            Column(title="", cell=self._timestamp),
            Column(title="", cell=self._job),
        )

    def _who(self, row: Row) -> Cell:
        """Green only after the platform's answer."""
        tone = sign_words.JOB_TONES.get(row["job_state"], "text2")
        text = f"{words.clock(row['signed_at'], self._now())} {row['doctor']['name']}"
        return Cell(mark="check", mark_tone=tone, lines=(Text(text=text, role="body_small"),))

    def _what(self, row: Row) -> Cell:
        number = row["accession_number"] if self._with_number else ""
        said = " · ".join(part for part in (row["patient_name"], row["what"], number) if part)
        return Cell(lines=(Text(text=said, role="body_small"),))

    def _timestamp(self, row: Row) -> Cell:
        return Cell(lines=(Text(text=row["timestamp_words"], role="caption", tone="text2"),))

    def _job(self, row: Row) -> Cell:
        tone = sign_words.JOB_TONES.get(row["job_state"], "text2")
        return Cell(lines=(Text(text=row["job_words"], role="caption", tone=tone),))
