"""怎么问的: each question to the platform about a day as a dot on a line, and what it answered."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json

MOST = 4
_LINE = 24
_TEXT = 32


class Asked(QWidget):
    """The last questions, painted."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.lines: list[tuple[str, str, str]] = []
        look.changed.connect(self.update)

    def show_questions(self, day: Json | None, now: datetime, *, most: int = MOST) -> None:
        questions = day["questions"] if day else []
        self.lines = told(questions, now, given_up=bool(day and day["state"] == "engineer"))[-most:]
        if not self.lines:
            self.lines = [("这一天还没有问过平台", "", "idle")]
        self.setFixedHeight(_LINE * len(self.lines))
        self.setToolTip("\n".join(f"{at}　{said}" for said, at, _ in self.lines))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, (said, at, tone) in enumerate(self.lines):
            middle = place * _LINE + _LINE / 2
            if place:
                painter.setPen(QPen(self._look.colour(tone), 2))
                painter.drawLine(QPointF(14, middle - _LINE + 5), QPointF(14, middle - 5))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._look.colour(tone))
            painter.drawEllipse(QPointF(14, middle), 4, 4)
            painter.setFont(self._look.font("body_small"))
            painter.setPen(self._look.colour("text"))
            where = QRectF(_TEXT, place * _LINE, self.width() - _TEXT, _LINE)
            left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
            right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            time = self._look.metrics("caption").horizontalAdvance(at) + 8
            shown = painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, int(where.width() - time))
            painter.drawText(where, left, shown)
            painter.setFont(self._look.font("caption"))
            painter.setPen(self._look.colour("text2"))
            painter.drawText(where, right, at)


def told(questions: list[Json], now: datetime, *, given_up: bool) -> list[tuple[str, str, str]]:
    """(what was asked and answered, when, tone) of each question."""
    lines, before = [], None
    for number, one in enumerate(questions):
        at = datetime.fromisoformat(one["asked_at"])
        last = number == len(questions) - 1
        lacking = len(one["missing"])
        answer = str(one["failed"]) or (f"缺 {lacking} 例" if lacking else _of_images(one["images"]) or "不缺")
        tone = "idle" if one["failed"] else "bad" if last and given_up else "retry" if lacking and last else "ok"
        lines.append((f"{_asked(before, at)}：{answer}", words.clock(one["asked_at"], now), tone))
        before = at
    return lines


def _of_images(found: dict[str, int]) -> str:
    """What the question learned of images that is worth a word; what could not be told stands with its pile."""
    return f"影像缺 {found['lacking']} 例" if found.get("lacking") else ""


def _asked(before: datetime | None, at: datetime) -> str:
    if before is None:
        return "问平台"
    minutes = round((at - before) / timedelta(minutes=1))
    return f"过 {minutes} 分钟再问" if 1 <= minutes < 60 else "再问"
