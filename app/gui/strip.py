"""The strip of a practice platform: stays above every page, so that nobody takes practice for the clinic's work."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFrame

from app.gui.look import Look
from app.gui.parts import Button, Mark, label, row, set_property

_HIGH = 28
_USUAL = "演练平台 · 不会传到真平台"


class PracticeStrip(QFrame):
    """`note`: what a demo says of itself, "" outside one; `phone`: where a page stands for a doctor's phone, or "".

    `tell(tone, title, advice)` puts a banner over the page.
    """

    def __init__(self, look: Look, note: str, phone: str, tell: Callable[[str, str, str], None]) -> None:
        super().__init__()
        self._note, self._phone, self._tell = note, phone, tell
        self.setObjectName("strip")
        self.setFixedHeight(_HIGH)
        box = row(self, margins=(20, 0, 20, 0), gap=8)
        box.addWidget(Mark(look, "info", "idle", 16, on="idleSoft"))
        box.addWidget(label(look, note or _USUAL, role="body_small", tone="idle", bold=True))
        if phone:
            tip = f"在浏览器里打开 {phone}"
            link = Button(look, "医生的手机", kind="link", icon="phone", tip=tip, slot=self._open_phone)
            set_property(link, "fit", "line")
            box.addWidget(link)
        box.addStretch(1)
        if not note:
            self.hide()

    def show_practice(self, practice: bool) -> None:
        """`practice`: a destination is a practice platform."""
        self.setVisible(bool(self._note) or practice)

    def _open_phone(self) -> None:
        if not QDesktopServices.openUrl(QUrl(self._phone)):
            QGuiApplication.clipboard().setText(self._phone)
            self._tell("work", "浏览器没有打开", f"地址已复制，请粘贴到浏览器里打开：{self._phone}")
