"""At the foot of the list of 电子签名: what of signing can't be checked, or ends soon, and where to mend it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Mark, column, label, line, row
from app.gui.told import Told

_MARKS = {"you": "state-held", "retry": "state-waiting"}


class Notice(QWidget):
    """`led(page)`: a section of the settings. Hidden while there is nothing to say."""

    led = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._page = ""
        self.mark = Mark(look, "", "", 16)
        self.title = label(look, role="body_small", bold=True, wrap=True)
        self.advice = label(look, role="caption", tone="text2", wrap=True)
        self.lead = Button(look, "去设置", kind="link", small=True, slot=lambda: self.led.emit(self._page))
        texts = column(gap=2)
        texts.addWidget(self.title)
        texts.addWidget(self.advice)
        inner = row(margins=(16, 8, 12, 8), gap=8)
        inner.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        inner.addLayout(texts, 1)
        inner.addWidget(self.lead)
        box = column(self)
        box.addWidget(line())
        box.addLayout(inner)
        self.hide()

    def show_notice(self, notice: Json | None) -> None:
        self.setVisible(notice is not None)
        if notice is None:
            return
        self._page = notice["page"]
        self.mark.show_mark(_MARKS[notice["tone"]], notice["tone"])
        self.title.setText(notice["title"])
        self.advice.setText(notice["advice"])
        self.lead.setVisible(bool(notice["page"]))
