"""The bar over the table while rows are ticked: how many, in which states, what will not happen, what may be done."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.domain.job import JOB_WORDS
from app.gui import words
from app.gui.look import Look
from app.gui.page import Json, Question
from app.gui.parts import TICK, Button, Mark, column, label, line, paint_tick, row
from app.gui.steps import states_line
from app.gui.told import Told

_WORDS = {state.value: text for state, text in JOB_WORDS.items()}
_PLAIN = (("first", "优先上传", "first"), ("hold", "暂缓", "hold"), ("cancel", "取消上传", "cancel"))


class _Tick(Button):
    """The filled box over the ticked rows; pressing it unticks them all."""

    def sizeHint(self) -> QSize:
        return QSize(TICK + 4, TICK + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.hasFocus():
            painter.setPen(self._look.colour("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        box = QRect((self.width() - TICK) // 2, (self.height() - TICK) // 2, TICK, TICK)
        paint_tick(painter, self._look, box, ticked=True, ratio=self.devicePixelRatioF())


class BulkBar(QWidget):
    """`acted(name)` for a button, `closed` when nothing shall be ticked any more."""

    acted = Told()
    closed = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.count = label(look, bold=True)
        self.states = label(look, role="body_small", tone="text2")
        top = row(margins=(11, 0, 16, 0), gap=10)
        self._tick = _Tick(look, kind="icon", tip="不选了 · Esc", slot=self.closed.emit)
        self._tick.setAccessibleName("不选了")
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


def _whom(one: Json) -> str:
    """张伟 的胸部 CT, 张伟 的 CHEST CT."""
    what = words.what(one) or "检查"
    return f"{words.name(one)} 的{' ' if what[0].isascii() else ''}{what}"


def question_before(act: str, count: int, known: list[Json]) -> Question | None:
    """What is asked before an act that can't be taken back by another click; None for the others."""
    one = known[0] if count == 1 and known else None
    whom = _whom(one) if one else f"这 {count} 个任务"
    places = "、".join(dict.fromkeys(each["destination_title"] for each in known)) if len(known) == count else "平台"
    names = "" if one else "、".join(dict.fromkeys(words.name(each) for each in known[:5]))
    listed = f"{names}{' 等' if count > 5 else ''}。" if names else ""
    if act == "cancel":
        text = f"{listed}还没传的不再传，平台上已有的不动。以后还可以点“重新上传”。"
        return Question(title=f"取消 {whom}？", text=text, yes="取消上传", no="不取消")
    if act == "withdraw":
        text = f"{listed}{places}将删除{'这例' if one else '这些'}。本机的影像和记录都还在。"
        return Question(title=f"撤回 {whom}？", text=text, yes="撤回", no="不撤回", icon="state-withdrawn", tone="idle")
    return None
