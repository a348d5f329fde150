"""The rail (左栏): the pages with what waits on them, and the one sentence about everything at its foot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from app.gui import words
from app.gui.look import Look
from app.gui.parts import Button, TrayMark, column, label, line, row
from app.gui.told import Told

WIDE, NARROW = 172, 56
_BADGE = 20


class RailButton(QPushButton):
    """A page: drawing, word, count of what waits for a person. Painted, because its three parts move when narrow."""

    def __init__(self, look: Look, icon: str, text: str) -> None:
        super().__init__(text)
        self._look, self._icon_name, self.badge = look, icon, ""
        self.narrow = False
        self.setProperty("kind", "rail")
        self.setFont(look.font("body"))
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFixedHeight(look.height("rail_item"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def show_badge(self, text: str) -> None:
        if text != self.badge:
            self.badge = text
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._ground(painter)
        tone = "accentText" if self.isChecked() else "text"
        left = 14 if not self.narrow else (self.width() - 20) // 2
        icon = self._look.pixmap(self._icon_name, tone, 20, self.devicePixelRatioF(), "rail")
        painter.drawPixmap(left, (self.height() - 20) // 2, icon)
        if not self.narrow:
            painter.setFont(self._look.font("body", bold=self.isChecked()))
            painter.setPen(self._look.colour(tone))
            painter.drawText(self.rect().adjusted(43, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.text())
        if self.badge:
            self._paint_badge(painter)

    def _ground(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked() or self.underMouse():
            painter.setBrush(self._look.colour("railSel" if self.isChecked() else "hair"))
            painter.drawRoundedRect(self.rect(), 5, 5)
        if self.isChecked():
            painter.setBrush(self._look.colour("accent"))
            painter.drawRoundedRect(QRect(0, 9, 3, self.height() - 18), 1, 1)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(self._look.colour("accent"))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 5, 5)
            painter.setPen(Qt.PenStyle.NoPen)

    def _paint_badge(self, painter: QPainter) -> None:
        font = self._look.font("caption")
        painter.setFont(font)
        width = max(_BADGE, painter.fontMetrics().horizontalAdvance(self.badge) + 12)
        where = QRect(self.width() - width - (2 if self.narrow else 10), 2 if self.narrow else 10, width, 18)
        painter.setBrush(self._look.colour("youSoft"))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(where, 9, 9)
        painter.setPen(self._look.colour("you"))
        painter.drawText(where, Qt.AlignmentFlag.AlignCenter, self.badge)


class Rail(QFrame):
    """`opened` tells the page a person pressed; `pause` is pressed for pausing or going on."""

    opened = Told()

    def __init__(self, look: Look, pages: tuple[tuple[str, str], ...], pause: Callable[[], None]) -> None:
        """`pages`: (name, icon), every one there is; the last two stand at the foot."""
        super().__init__()
        self.setObjectName("rail")
        self.narrow = False
        self.buttons = {name: RailButton(look, icon, name) for name, icon in pages}
        box = column(self, margins=(8, 10, 8, 10), gap=2)
        *upper, settings, last = self.buttons.values()
        for button in upper:
            box.addWidget(button)
        box.addStretch(1)
        box.addWidget(settings)
        box.addWidget(last)
        box.addSpacing(6)
        box.addWidget(line())
        box.addSpacing(6)
        for name, button in self.buttons.items():
            button.clicked.connect(lambda _on=False, name=name: self.opened.emit(name))
        box.addWidget(self._foot(look, pause))
        self.setFixedWidth(WIDE)

    def _foot(self, look: Look, pause: Callable[[], None]) -> QWidget:
        self._foot_box = QWidget()
        self.mark = TrayMark(look, "", "", 16)
        self.sentence = label(look, bold=True, wrap=True)
        self.confirmed = label(look, role="caption", tone="text3", wrap=True)
        self.pause = Button(look, "暂停上传", kind="quiet", icon="pause", small=True, slot=pause)
        top = row(gap=7)
        top.addWidget(self.mark)
        top.addWidget(self.sentence, 1)
        box = column(self._foot_box, margins=(8, 0, 4, 0), gap=4)
        box.addLayout(top)
        box.addWidget(self.confirmed)
        box.addWidget(self.pause, 0, Qt.AlignmentFlag.AlignLeft)
        return self._foot_box

    def show_pages(self, keys: dict[str, str]) -> None:
        """Only these pages, with their keys."""
        for name, button in self.buttons.items():
            button.setVisible(name in keys)
            button.setToolTip(f"{name} · {keys.get(name, '')}")

    def show_page(self, name: str) -> None:
        self.buttons[name].setChecked(True)

    def show_status(self, status: dict[str, Any], now: datetime) -> None:
        self.mark.show_mark(status["look"], "")
        self.sentence.setText(status["sentence"])
        self.confirmed.setText(words.confirmed_line(status["last_confirmed_at"], now))
        paused = status["paused_until"] is not None
        self.pause.setText("恢复上传" if paused else "暂停上传")
        self.mark.setToolTip(status["tooltip"])
        counts = status["counts"]
        missing = sum(need["action"] == "reconcile" for need in status["needs_you"])
        badges = {words.FILL: words.to_fill(counts), words.QUEUE: counts["attention"], words.RECONCILE: missing}
        badges[words.SIGN] = counts["to_sign"]
        for name, count in badges.items():
            self.buttons[name].show_badge(str(count) if count else "")
        missed = any(need["action"] == "device" for need in status["needs_you"])
        self.buttons[words.DEVICES].show_badge("!" if missed else "")

    def set_narrow(self, narrow: bool) -> None:
        self.narrow = narrow
        self.setFixedWidth(NARROW if narrow else WIDE)
        for button in self.buttons.values():
            button.narrow = narrow
            button.update()
        for widget in (self.sentence, self.confirmed, self.pause):
            widget.setVisible(not narrow)
