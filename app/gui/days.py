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
_SMALL = ("missing", "lacking", "unsent")
"""Seen however few they are."""
_LEFT, _RIGHT, _TOP, _WORDS = 44, 12, 12, 58
_VERDICTS = {
    "agreed": ("state-reconciled", "ok"),
    "open": ("state-queued", "idle"),
    "asked_once": ("state-waiting", "retry"),
    "resending": ("state-waiting", "retry"),
}
LEGEND = (("agreed", "已齐"), ("missing", "平台缺检查"), ("unsent", "本地没有上传完"), ("received", "还没对账"))
LEGEND_WITH_IMAGES = (*LEGEND[:2], ("lacking", "缺影像"), *LEGEND[2:])
LEGEND_OF_RECEIPTS = (("hollow", "平台已接收"), ("unsent", "本地没有上传完"))


class DaysFigure(QWidget):
    """`chosen(day)` as `yyyy-MM-dd`, `moved()` when other weeks are shown. Days without an exam say 休."""

    chosen = Told()
    moved = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._look, self._now = look, now
        self._facts: dict[str, Json] = {}
        self.day = ""
        self.back = 0
        """How many times three weeks ago."""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(136)
        self.setAccessibleName("最近 3 周，每天一根柱")
        self.setMouseTracking(True)
        look.changed.connect(self.update)

    def days(self) -> list[date]:
        last = self.last()
        return [last - timedelta(days=back) for back in range(COUNT - 1, -1, -1)]

    def last(self) -> date:
        return words.today(self._now()) - timedelta(days=COUNT * self.back)

    def show_days(self, facts: list[Json]) -> None:
        """Rows of `reconciliation_days` of one destination."""
        self._facts = {str(one["day"]): one for one in facts}
        self.update()

    def turn(self, weeks: int) -> None:
        """Three weeks earlier (1) or later (-1), never into the future."""
        back = max(0, self.back + weeks)
        if back != self.back:
            self.back = back
            self.moved.emit()

    def choose(self, day: str) -> None:
        if day != self.day:
            self.day = day
            self.update()
            self.chosen.emit(day)

    def step(self, by: int) -> None:
        """The day before or after; at the edge other weeks come up."""
        if not self.day:
            return
        day = words.day_of(self.day) + timedelta(days=by)
        if day > words.today(self._now()):
            return
        if day not in self.days():
            self.turn(1 if by < 0 else -1)
        self.choose(day.isoformat())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = int((event.position().x() - _LEFT) / self._step())
        if 0 <= place < COUNT:
            self.choose(self.days()[place].isoformat())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if by is None:
            super().keyPressEvent(event)
        else:
            self.step(by)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shown = [self._facts[day.isoformat()] for day in self.days() if day.isoformat() in self._facts]
        top = max((int(one["sent"]) + int(one["unsent"]) for one in shown), default=0)
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
        if facts is not None:
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
        """From the floor up: agreed, received (hollow where nobody can be asked), not sent to the end, missing."""
        width = min(20.0, where.width() - 12)
        x, y = where.center().x() - width / 2, float(floor)
        unit = (floor - _TOP) / scale
        received = "received" if facts["can_answer"] else "hollow"
        parts = (
            ("agreed", "agreed"),
            (received, "received"),
            ("unsent", "unsent"),
            ("lacking", "lacking"),
            ("missing", "missing"),
        )
        for kind, name in parts:
            count = int(facts[name])
            if count:
                height = max(5.0, count * unit) if kind in _SMALL else count * unit
                y -= height
                paint_part(painter, self._look, QRectF(x, y, width, height), kind)

    def _verdict(self, painter: QPainter, where: QRectF, facts: Json | None) -> None:
        if facts is None or not int(facts["sent"]) + int(facts["unsent"]):
            painter.setFont(self._look.font("caption"))
            painter.setPen(self._look.colour("text3"))
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, "休")
        elif facts["state"] == "engineer":
            painter.setFont(self._look.font("caption", bold=True))
            painter.setPen(self._look.colour("bad"))
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, f"缺 {facts['missing']}")
        else:
            icon, tone = verdict(facts)
            pixmap = self._look.pixmap(icon, tone, 14, self.devicePixelRatioF())
            painter.drawPixmap(round(where.center().x() - 7), round(where.y() + 2), pixmap)


def verdict(facts: Json) -> tuple[str, str]:
    """The mark under a day: hollow at most where the platform cannot be asked, and only when all of it is there."""
    if not facts["can_answer"]:
        return ("state-queued", "idle") if int(facts["unsent"]) else ("state-acknowledged", "ok")
    if int(facts["lacking"]):
        return "state-held", "you"
    return _VERDICTS.get(facts["state"], ("state-queued", "idle"))


def paint_part(painter: QPainter, look: Look, where: QRectF, kind: str) -> None:
    """A part of a bar: solid green agreed, hatched red missing, solid orange not sent, hollow or grey received."""
    if kind == "hollow":
        painter.setBrush(look.colour("surface"))
        painter.setPen(QPen(look.colour("okFill"), 1.5))
        painter.drawRect(where.adjusted(1, 1, -1, 0))
        return
    tone = {"agreed": "okFill", "missing": "bad", "unsent": "youFill", "received": "line", "lacking": "youFill"}[kind]
    painter.fillRect(where, look.colour(tone))
    if kind in ("missing", "lacking"):
        painter.fillRect(where, QBrush(look.colour("surface"), Qt.BrushStyle.BDiagPattern))


class Legend(QWidget):
    """What the parts of the bars mean."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._parts: tuple[tuple[str, str], ...] = LEGEND
        self.setFixedHeight(20)
        self.show_parts(LEGEND)
        look.changed.connect(self.update)

    def show_parts(self, parts: tuple[tuple[str, str], ...]) -> None:
        self._parts = parts
        metrics = self._look.metrics("caption")
        self.setFixedWidth(sum(metrics.horizontalAdvance(text) + 34 for _, text in parts))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._look.font("caption"))
        x = 0
        for kind, text in self._parts:
            paint_part(painter, self._look, QRectF(x, 5, 10, 10), kind)
            painter.setPen(self._look.colour("text2"))
            wide = painter.fontMetrics().horizontalAdvance(text)
            where = QRectF(x + 16, 0, wide + 2, 20)
            painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
            x += wide + 34
