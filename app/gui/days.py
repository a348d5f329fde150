"""The figure of days: bar, weekday, date and verdict in one; a day is chosen with the mouse or with ← and →."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.told import Told

COUNT = 21
_LEFT, _RIGHT, _TOP, _WORDS = 44, 12, 12, 58
_VERDICTS = {
    "agreed": ("state-reconciled", "ok"),
    "open": ("state-queued", "idle"),
    "asked_once": ("state-waiting", "retry"),
    "resending": ("state-waiting", "retry"),
}


class DaysFigure(QWidget):
    """`chosen(day)` as `yyyy-MM-dd`. Days without an exam say 休."""

    chosen = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._look, self._now = look, now
        self._facts: dict[str, Json] = {}
        self.day = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(136)
        self.setMouseTracking(True)
        look.changed.connect(self.update)

    def days(self) -> list[date]:
        last = words.today(self._now())
        return [last - timedelta(days=back) for back in range(COUNT - 1, -1, -1)]

    def show_days(self, facts: list[Json]) -> None:
        """Rows of `reconciliation_days` of one destination."""
        self._facts = {str(one["day"]): one for one in facts}
        self.update()

    def choose(self, day: str) -> None:
        if day != self.day:
            self.day = day
            self.update()
            self.chosen.emit(day)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = int((event.position().x() - _LEFT) / self._step())
        if 0 <= place < COUNT:
            self.choose(self.days()[place].isoformat())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        days = [day.isoformat() for day in self.days()]
        if by is None:
            super().keyPressEvent(event)
        elif self.day in days:
            self.choose(days[max(0, min(COUNT - 1, days.index(self.day) + by))])

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = max((int(one["sent"]) for one in self._facts.values()), default=0)
        scale = max(10, -(-top // 10) * 10)
        floor = self.height() - _WORDS
        self._axis(painter, scale, floor)
        for place, day in enumerate(self.days()):
            where = QRectF(_LEFT + place * self._step(), 4, self._step(), self.height() - 8)
            if day.isoformat() == self.day:
                self._selected(painter, where)
            self._day(painter, where, day, scale, floor)

    def _step(self) -> float:
        return (self.width() - _LEFT - _RIGHT) / COUNT

    def _axis(self, painter: QPainter, scale: int, floor: int) -> None:
        painter.setFont(self._look.font("caption"))
        for value in (0, scale // 2, scale):
            y = round(floor - (floor - _TOP) * value / scale)
            painter.setPen(self._look.colour("hair"))
            painter.drawLine(_LEFT, y, self.width() - _RIGHT, y)
            painter.setPen(self._look.colour("text3"))
            where = QRect(0, y - 9, _LEFT - 8, 18)
            painter.drawText(where, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(value))

    def _selected(self, painter: QPainter, where: QRectF) -> None:
        painter.setBrush(self._look.colour("accentSoft"))
        painter.setPen(QPen(self._look.colour("accent"), 2 if self.hasFocus() else 1))
        painter.drawRoundedRect(where.adjusted(2, 0, -2, 0), 4, 4)

    def _day(self, painter: QPainter, where: QRectF, day: date, scale: int, floor: int) -> None:
        facts = self._facts.get(day.isoformat())
        if facts is not None and int(facts["sent"]):
            self._bar(painter, where, facts, scale, floor)
        chosen = day.isoformat() == self.day
        lines = ((words.weekday(day), "text3", False), (str(day.day), "text", chosen))
        for number, (text, tone, bold) in enumerate(lines):
            painter.setFont(self._look.font("caption", bold=bold))
            painter.setPen(self._look.colour(tone))
            line = QRectF(where.x(), floor + 2 + number * 17, where.width(), 17)
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, text)
        self._verdict(painter, QRectF(where.x(), floor + 36, where.width(), 18), facts)

    def _bar(self, painter: QPainter, where: QRectF, facts: Json, scale: int, floor: int) -> None:
        unit = (floor - _TOP) / scale
        sent, missing = int(facts["sent"]), int(facts["missing"])
        width = min(20.0, where.width() - 12)
        x = where.center().x() - width / 2
        good = (sent - missing) * unit
        tone = "okFill" if facts["state"] in ("agreed", "engineer", "resending") else "line"
        painter.fillRect(QRectF(x, floor - good, width, good), self._look.colour(tone))
        if missing:
            lack = QRectF(x, floor - good - max(5.0, missing * unit), width, max(5.0, missing * unit))
            painter.fillRect(lack, self._look.colour("bad"))
            painter.fillRect(lack, QBrush(self._look.colour("surface"), Qt.BrushStyle.BDiagPattern))

    def _verdict(self, painter: QPainter, where: QRectF, facts: Json | None) -> None:
        if facts is None or not int(facts["sent"]):
            painter.setFont(self._look.font("caption"))
            painter.setPen(self._look.colour("text3"))
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, "休")
        elif facts["state"] == "engineer":
            painter.setFont(self._look.font("caption", bold=True))
            painter.setPen(self._look.colour("bad"))
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, f"缺 {facts['missing']}")
        else:
            icon, tone = _VERDICTS.get(facts["state"], ("state-queued", "idle"))
            pixmap = self._look.pixmap(icon, tone, 14, self.devicePixelRatioF())
            painter.drawPixmap(round(where.center().x() - 7), round(where.y() + 2), pixmap)
