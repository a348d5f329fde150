"""What 今天 is made of: one of the four numbers, a thing that waits for a person, a destination's day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.gui import words
from app.gui.look import Look
from app.gui.parts import Button, Mark, column, label, line, row, set_tone
from app.gui.rows import Column, RowsView
from app.gui.told import Told

Json = dict[str, Any]
_MARKS = {
    "missing": ("state-rejected", "bad"),
    "device": ("state-quiet", "you"),
    "engineer": ("state-rejected", "bad"),
    "his": ("state-held", "you"),
    "his_broken": ("state-held", "you"),
}
_BUTTONS = {
    "fill": "填报",
    "open": "查看",
    "reconcile": "查看",
    "device": "查看",
    "his": "去看看",
    "his_settings": "去设置",
    "settings": "去设置",
}
_BUTTONS_BY_STATE = {
    "held": "去修改",
    "check": "去核对",
    "ready": "去提交",
    "to_sign": "去签名",
    "his": "去选",
    "expiring": "查看",
}
_STRIP = 18


class Count(QWidget):
    """One of the four numbers; pressing it opens its page."""

    pressed = Told()

    def __init__(self, look: Look, text: str, icon: str, tone: str) -> None:
        super().__init__()
        self._look, self._tone = look, tone
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(text)
        self._mark = Mark(look, icon, tone, 18)
        self._icon = icon
        top = row(gap=8)
        top.addWidget(self._mark)
        top.addWidget(label(look, text))
        top.addStretch(1)
        top.addWidget(Mark(look, "chevron-right", "text2", 14))
        self.number = label(look, "0", role="number", tone=tone, bold=True)
        self.note = label(look, role="caption", tone="text2")
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        middle = row(gap=6)
        middle.addWidget(self.number)
        middle.addWidget(label(look, "例", role="body_small", tone="text2"), 0, Qt.AlignmentFlag.AlignVCenter)
        middle.addStretch(1)
        box = column(self, margins=(18, 8, 14, 8), gap=0)
        box.addLayout(top)
        box.addLayout(middle)
        box.addWidget(self.note)

    def show_count(self, count: int, note: str) -> None:
        tone = self._tone if count else "idle"
        self.number.setText(str(count))
        set_tone(self.number, tone)
        self._mark.show_mark(self._icon, tone)
        self.note.setText(note)
        self.note.setToolTip(note)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.pressed.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(self._look.colour("accent"))
            painter.drawRect(self.rect().adjusted(2, 2, -3, -3))


class NeedRow(QWidget):
    """One thing that waits for a person: mark, who and what, why, since when, one button."""

    def __init__(self, look: Look, need: Json, slot: Callable[[], object]) -> None:
        super().__init__()
        self.need = need
        icon, tone = _mark(look, need)
        self.who = label(look, need["who"], bold=True)
        self.what = _elided(label(look, need["what"], role="body_small", tone="text2"))
        self.since = label(look, role="caption", tone="text2")
        first = row(gap=8)
        first.addWidget(self.who)
        first.addWidget(self.what, 1)
        texts = column(gap=3)
        texts.addStretch(1)
        texts.addLayout(first)
        texts.addWidget(_elided(label(look, need["why"], role="body_small", tone="text2")))
        texts.addStretch(1)
        inner = row(margins=(18, 0, 16, 0), gap=14)
        inner.addWidget(Mark(look, icon, tone, 18))
        inner.addLayout(texts, 1)
        inner.addWidget(self.since)
        text = _BUTTONS_BY_STATE.get(str(need.get("state", "")), _BUTTONS.get(need["action"], "查看"))
        self.button = Button(look, text, small=True, slot=slot)
        self.button.setMinimumWidth(84)
        inner.addWidget(self.button)
        outer = column(self)
        outer.addLayout(inner, 1)
        self.hair = line(hair=True)
        outer.addWidget(self.hair)

    def show_since(self, now: datetime) -> None:
        """The time goes on while the row stays."""
        self.since.setText(words.waits(self.need, now))


class WholeRows(RowsView):
    """A short list that never scrolls: it shows as many rows as fit whole."""

    def __init__(self, look: Look, columns: tuple[Column, ...], *, key: str, row_height: int) -> None:
        super().__init__(look, columns, key=key, row_height=row_height, head=False)
        self._high = row_height
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(2 * row_height)

    def put(self, rows: list[Json]) -> None:
        super().put(rows)
        self._show_whole()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_whole()

    def _show_whole(self) -> None:
        fit = self.viewport().height() // self._high
        for place in range(len(self.rows_model.rows)):
            self.setRowHidden(place, place >= fit)


def _mark(look: Look, need: Json) -> tuple[str, str]:
    state = str(need.get("state", ""))
    if need["action"] == "device":
        return _MARKS["device"]
    if state in _MARKS or not look.has_state(state):
        return _MARKS.get(state) or _MARKS.get(str(need["turn"])) or ("state-held", "you")
    mark = look.state(state)
    return mark.icon, mark.tone


def _elided(text: QLabel) -> QLabel:
    text.setToolTip(text.text())
    text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return text


class Strip(QWidget):
    """A destination's day in quarters of an hour: tall confirmed, middle retried, low quiet, a dash ahead."""

    HOURS = (8, 10, 12, 14, 16, 18)

    def __init__(self, look: Look, slots: list[int]) -> None:
        super().__init__()
        self._look, self.slots = look, slots
        self.setFixedHeight(_STRIP + 15)
        self.setAccessibleName("8 点到 18 点，每 15 分钟一格")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if not self.slots:
            return
        step = self.width() / len(self.slots)
        for place, slot in enumerate(self.slots):
            height, tone = ((1.5, "line"), (4.0, "idle"), (10.0, "retry"), (16.0, "okFill"))[slot]
            where = QRectF(place * step, _STRIP - height, max(1.0, step - 1.5), height)
            painter.fillRect(where, self._look.colour(tone))
        painter.setFont(self._look.font("caption"))
        painter.setPen(self._look.colour("text3"))
        for hour in self.HOURS:
            text = f"{hour}:00"
            wide = painter.fontMetrics().horizontalAdvance(text)
            at = (hour - self.HOURS[0]) / (self.HOURS[-1] - self.HOURS[0]) * self.width()
            x = min(max(0.0, at - (wide / 2 if hour != self.HOURS[0] else 0)), self.width() - wide)
            painter.drawText(QRectF(x, _STRIP, wide + 2, 15), Qt.AlignmentFlag.AlignLeft, text)


class Health(QWidget):
    """One side of the work: well and since when, or what is wrong; with a strip where there is one."""

    def __init__(
        self,
        look: Look,
        mark: tuple[str, str],
        title: str,
        note: str,
        said: str,
        tone: str,
        slots: list[int] | None = None,
    ) -> None:
        super().__init__()
        top = row(gap=8)
        top.addWidget(Mark(look, *mark, 16))
        top.addWidget(label(look, title, bold=True))
        top.addStretch(1)
        top.addWidget(label(look, note, role="caption", tone="text2"))
        box = column(self, gap=4)
        box.addLayout(top)
        if slots:
            box.addWidget(Strip(look, slots))
        box.addWidget(label(look, said, role="caption", tone=tone, wrap=True))


def destination_health(look: Look, one: Json, day: Json | None, now: datetime) -> Health:
    """A destination: green only with the time of its last answer. `day`: its row of the face's health."""
    trouble, last = str(one["trouble"]), words.clock(one["last_ok_at"], now)
    pace = f" · 平均 {day['average_seconds']} 秒" if day and day["average_seconds"] is not None else ""
    note = f"{last} 确认{pace}" if last else "还没有确认过"
    slots = day["slots"] if day else None
    if trouble:
        said = f"{trouble} · {words.clock(one['trouble_since'], now)} 起，正在自动重试"
        return Health(look, ("state-waiting", "retry"), one["title"], note, said, "retry", slots)
    if one["clock_warning"]:
        return Health(look, ("state-held", "you"), one["title"], note, str(one["clock_warning"]), "you", slots)
    mark = ("state-acknowledged", "ok") if last else ("clock", "idle")
    said = str(day["sentence"]) if day else "连得上" if last else "第一次上传后这里会有时间"
    if day and day["unfetched"]["sentence"]:
        said += f"\n{day['unfetched']['sentence']}"
    return Health(look, mark, one["title"], note, said, "text2", slots)


def intake_trouble(look: Look, status: Json) -> Health | None:
    """The way in, when something is wrong with it: the DICOM port and the watched folders."""
    dicom = status["dicom"]
    wrong = [str(dicom["trouble"] or f"DICOM 端口 {dicom['port']} 没有开")] if not dicom["listening"] else []
    wrong += [f"{one['path']}：{one['trouble']}" for one in status["folders"] if not one["ok"]]
    if not wrong:
        return None
    note = f"{dicom['ae_title']} · 端口 {dicom['port']}"
    return Health(look, ("state-held", "you"), "收影像", note, "；".join(wrong), "you")
