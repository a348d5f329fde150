"""The banner (横幅): what touches a whole page or destination, one at a time, over the page's body."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.errors import AgentError
from app.gui.dialogs import ErrorDialog, tone_of
from app.gui.look import Look
from app.gui.parts import Button, Mark, column, frame, label, row, set_tone

_ICONS = {"retry": "state-waiting", "you": "state-held", "bad": "state-rejected", "work": "info"}


class Banner(QWidget):
    """Hidden until it has something to say; leaves with the cause, by its cross, or with the page."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._plate = frame("banner")
        column(self, margins=(0, 0, 0, 12)).addWidget(self._plate)
        self._look = look
        self._error: AgentError | None = None
        self.source = ""
        """Who put it here: an act ("act") or a destination's trouble ("platform")."""
        self._mark = Mark(look, "info", "work", 18)
        self.title = label(look, bold=True)
        self.advice = label(look, role="body_small", tone="text2", wrap=True)
        texts = column(gap=2)
        texts.addWidget(self.title)
        texts.addWidget(self.advice)
        self.more = Button(look, "看详情", small=True, slot=self._open)
        box = row(self._plate, margins=(16, 8, 12, 8), gap=12)
        box.addWidget(self._mark)
        box.addLayout(texts, 1)
        box.addWidget(self.more)
        box.addWidget(Button(look, kind="icon", icon="cancel", tip="收起 · Esc", slot=self.leave))
        self.hide()

    def say(self, tone: str, title: str, advice: str, *, source: str = "act") -> None:
        self._error, self.source = None, source
        self._show(tone, title, advice)

    def fail(self, error: AgentError) -> None:
        self._error, self.source = error, "act"
        self._show(tone_of(error), error.title, error.advice)

    def leave(self) -> None:
        self._error, self.source = None, ""
        self.hide()

    def _show(self, tone: str, title: str, advice: str) -> None:
        set_tone(self._plate, tone)
        set_tone(self.title, tone)
        self._mark.show_mark(_ICONS[tone], tone)
        self.title.setText(title)
        self.advice.setText(advice)
        self.advice.setVisible(bool(advice))
        self.more.setVisible(self._error is not None)
        self.setVisible(bool(title))

    def _open(self) -> None:
        if self._error is not None:
            ErrorDialog(self._look, self._error, self.window()).open()
