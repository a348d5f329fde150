"""What the platform answered to a look-up (调阅): the exams, or in one sentence why there are none to show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Card, Empty, Head
from app.gui.retrieve_table import ExamTable, rows_of
from app.gui.told import Told


class AnswerCard(Card):
    """`chosen()` when another row is selected, `acted(row, link)`, `again()` after no answer came."""

    chosen = Told()
    acted = Told()
    again = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self.answer: Json | None = None
        self.head = Head(look, "")
        self.table = ExamTable(look, now)
        self.table.chosen.connect(lambda _key: self.chosen.emit())
        self.table.acted.connect(self._act)
        self.once_more = Button(look, "再查一次", icon="resend", slot=self.again)
        self.empty = Empty(look, "page-retrieve", "", "", self.once_more)
        for widget, stretch in ((self.head, 0), (self.table, 1), (self.empty, 1)):
            self.box.addWidget(widget, stretch)
        self.show_nothing()

    def row(self) -> Json | None:
        """The selected exam."""
        return self.table.row()

    def show_nothing(self) -> None:
        """Nobody has asked yet."""
        said = "填好证件号码，平台会列出各家机构上传的检查；每次查询都记入日志。"
        self._show([], "page-retrieve", "查患者在其他医院的检查", said)

    def show_asking(self, title: str) -> None:
        self._show([], "clock", f"正在问{title}", "别的页面照常用，回来时结果就在这里。")

    def show_no_answer(self) -> None:
        self._show([], "state-waiting", "没有查成", "平台连上后再查一次，不用重新填。")
        self.once_more.show()

    def show_answer(self, answer: Json, *, images: bool) -> None:
        """`images`: this platform hands images out."""
        days = f"查的是 {answer['day_from']} 到 {answer['day_to']}"
        self._show(
            rows_of(answer, images=images), "search", answer["words"], f"{days}。请核对证件号码，或把检查时间放长。"
        )
        self.answer = answer
        self.head.title.setText(answer["words"])
        at = words.clock(answer["asked_at"], self._now())
        seconds = float(answer["seconds"])
        took = f"{seconds:.1f} 秒" if seconds >= 0.1 else "不到 0.1 秒"
        self.head.note.setText(f"{at} 查询 · 平台用时 {took}")
        if self.table.rows_model.rows:
            self.table.choose_first()
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show(self, rows: list[Json], icon: str, title: str, advice: str) -> None:
        self.answer = None
        self.table.put(rows)
        self.empty.say(icon, title, advice)
        self.once_more.hide()
        for widget in (self.head, self.table):
            widget.setVisible(bool(rows))
        self.empty.setVisible(not rows)

    def _act(self, key: str, link: str) -> None:
        self.table.choose(key)
        if (row := self.row()) is not None:
            self.acted.emit(row, link)
