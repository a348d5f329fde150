"""The bar over the table while rows are ticked: how many, in which states, what will not happen, what may be done."""

from __future__ import annotations

from functools import partial

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.domain.job import JOB_WORDS
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Mark, column, label, line, row
from app.gui.steps import states_line
from app.gui.told import Told

_WORDS = {state.value: text for state, text in JOB_WORDS.items()}
_PLAIN = (("first", "优先上传", "first"), ("hold", "暂缓", "hold"), ("cancel", "取消上传", "cancel"))


class BulkBar(QWidget):
    """`acted(name)` for a button, `closed` when nothing shall be ticked any more."""

    acted = Told()
    closed = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.count = label(look, bold=True)
        self.states = label(look, role="body_small", tone="text2")
        top = row(margins=(16, 0, 16, 0), gap=10)
        self._tick = Button(look, kind="icon", icon="check", tip="不选了 · Esc", slot=self.closed.emit)
        for widget in (self._tick, self.count, self.states):
            top.addWidget(widget)
        top.addStretch(1)
        self.buttons = {
            name: Button(look, text, icon=icon, slot=partial(self.acted.emit, name)) for name, text, icon in _PLAIN
        }
        self.buttons["resend"] = Button(
            look, "重新上传", kind="primary", icon="resend", tip="Ctrl+R", slot=partial(self.acted.emit, "resend")
        )
        for button in self.buttons.values():
            top.addWidget(button)
        top.addWidget(Button(look, kind="icon", icon="cancel", tip="不选了 · Esc", slot=self.closed.emit))
        self._plate = QWidget()
        self._plate.setFixedHeight(48)
        self._plate.setLayout(top)
        self.says = label(look, role="body_small", tone="text2", wrap=True)
        below = row(margins=(20, 6, 16, 6), gap=8)
        below.addWidget(Mark(look, "info", "text2", 14))
        below.addWidget(self.says, 1)
        box = column(self)
        box.addWidget(self._plate)
        box.addLayout(below)
        box.addWidget(line())
        self.hide()

    def show_ticked(self, states: list[str]) -> None:
        self.count.setText(f"已选 {len(states)} 个任务")
        self.states.setText(states_line(states, _WORDS))
        self.setVisible(bool(states))

    def show_answer(self, answer: Json) -> None:
        """What a resend of the ticked would do (`act_many`, dry)."""
        able = len(answer["done"])
        self.buttons["resend"].setText(f"重新上传 {able} 个")
        self.buttons["resend"].setEnabled(able > 0)
        self.says.setText(str(answer["says"]) or "选中的都会重新上传，平台上已有的会更新。")

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self._plate.geometry(), self._look.colour("accentSoft"))
