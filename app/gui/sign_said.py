"""Why there is no code, why a signature was not taken (电子签名): said in place, without a dialog of its own."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.gui.dialogs import Facts
from app.gui.look import Look
from app.gui.parts import Mark, column, label, row

_TONE_MARKS = {"retry": "state-waiting", "you": "state-held", "bad": "state-rejected", "idle": "state-cancelled"}


class Said(QWidget):
    """Mark, what happened, what to do, folded what an engineer wants to read."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.mark = Mark(look, "", "", 18)
        self.title = label(look, bold=True, wrap=True)
        self.advice = label(look, role="body_small", tone="text2", wrap=True)
        self.facts: Facts | None = None
        top = row(gap=8)
        top.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.title, 1)
        self._box = column(self, gap=6)
        self._box.addLayout(top)
        self._box.addWidget(self.advice)

    def say(self, tone: str, title: str, advice: str, details: str) -> None:
        self.mark.show_mark(_TONE_MARKS[tone], tone)
        self.title.setText(title)
        self.advice.setText(advice)
        self.advice.setVisible(bool(advice))
        if self.facts is not None:
            self.facts.hide()
            self.facts.deleteLater()
            self.facts = None
        if details:
            self.facts = Facts(self._look, "给工程师看的", [("细节", details)])
            self._box.addWidget(self.facts)
