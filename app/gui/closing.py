"""收尾: how the day stands, what is still open and what to do with it; and the question before quitting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QScrollArea, QWidget

from app.engine.face import Face
from app.gui import words
from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.notices import of_closing
from app.gui.page import Json
from app.gui.parts import Button, Mark, TrayMark, column, frame, label, row
from app.gui.told import Told
from app.gui.tray import Tray
from app.gui.window import MainWindow

_MOST_ROWS = 4
_ROW = 68


class ClosingDialog(Dialog):
    """`asked_for(page, key)`, `switched(on)`; `reminded` is true when a person wants it again tomorrow."""

    asked_for = Told()
    switched = Told()

    def __init__(self, look: Look, closing: Json, now: datetime, parent: QWidget | None) -> None:
        super().__init__(look, closing["sentence"], parent, width=640)
        self.setWindowModality(Qt.WindowModality.NonModal)
        self.reminded = False
        self._closing, self._now = closing, now
        self.day = str(closing["day"])
        today = closing["day"] == words.today(now).isoformat()
        self.body.addLayout(self._numbers(today))
        self.buttons: list[Button] = []
        if closing["open"]:
            self.body.addWidget(self._rows())
        calm = row(gap=8)
        calm.addWidget(Mark(look, "clock", "text2", 16))
        calm.addWidget(label(look, closing["may_shut_down_words"], role="body_small", tone="text2", wrap=True), 1)
        self.body.addLayout(calm)
        self.daily = QCheckBox(f"每天 {closing['closing_at']} 收尾")
        self.daily.setFont(look.font("body"))
        self.daily.setChecked(bool(closing["closing"]))
        self.daily.toggled.connect(self.switched.emit)
        detail = "看今天的明细" if today else "看那天的明细"
        self.detail = Button(look, detail, slot=lambda: self._go(words.RECONCILE, self.day))
        self.later = Button(look, "明天 8:00 提醒我", slot=self._remind)
        self.later.setVisible(bool(closing["open"]))
        self.foot.addWidget(self.daily)
        self.foot.addStretch(1)
        self.foot.addWidget(self.detail)
        self.foot.addWidget(self.later)

    def _numbers(self, today: bool) -> QBoxLayout:
        closing = self._closing
        left = closing["received"] - closing["confirmed"]
        fill = closing["to_fill"]
        third = ("待填报", fill, "state-fill") if fill == left else ("还没完", left, "state-held")
        box = row(gap=0)
        numbers = (
            ("今天收到" if today else "那天收到", closing["received"], "image", "text"),
            ("已确认", closing["confirmed"], "state-acknowledged", "ok"),
            (*third, "you"),
        )
        for text, count, icon, tone in numbers:
            if box.count():
                edge = frame("line")
                edge.setFixedWidth(1)
                box.addWidget(edge)
                box.addSpacing(24)
            box.addLayout(self._number(text, int(count), icon, tone if count else "idle"), 1)
        return box

    def _number(self, text: str, count: int, icon: str, tone: str) -> QBoxLayout:
        top = row(gap=8)
        top.addWidget(Mark(self.look, icon, tone, 18))
        top.addWidget(label(self.look, text), 1)
        below = row(gap=6)
        below.addWidget(label(self.look, str(count), role="number", tone=tone, bold=True))
        below.addWidget(label(self.look, "例", role="body_small", tone="text2"), 1, Qt.AlignmentFlag.AlignVCenter)
        box = column(gap=0)
        box.addLayout(top)
        box.addLayout(below)
        return box

    def _rows(self) -> QWidget:
        inner = QWidget()
        inner.setObjectName("body")
        box = column(inner, gap=8)
        for number, one in enumerate(self._closing["open"]):
            box.addWidget(self._open_row(one, first=number == 0))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inner)
        shown = min(len(self._closing["open"]), _MOST_ROWS)
        scroll.setFixedHeight(shown * _ROW - 8)
        return scroll

    def _open_row(self, one: Json, *, first: bool) -> QWidget:
        plate = frame("card")
        plate.setFixedHeight(_ROW - 8)
        state = self.look.state(str(one["state"]))
        top = row(gap=8)
        top.addWidget(label(self.look, words.name(one), bold=True))
        at = words.clock(one["received_at"], self._now)
        top.addWidget(label(self.look, " · ".join(part for part in (one["what"], at) if part), role="body_small"), 1)
        texts = column(gap=3)
        texts.addLayout(top)
        why = label(self.look, one["why"], role="body_small", tone="text2")
        why.setToolTip(one["why"])
        texts.addWidget(why)
        box = row(plate, margins=(16, 6, 12, 6), gap=14)
        box.addWidget(Mark(self.look, state.icon, state.tone, 18))
        box.addLayout(texts, 1)
        page = words.FILL if one["action"] == "fill" else words.QUEUE
        button = Button(
            self.look,
            "现在补" if one["action"] == "fill" else "查看",
            kind="primary" if first else "plain",
            slot=lambda: self._go(page, str(one["uid"])),
        )
        self.buttons.append(button)
        box.addWidget(button)
        return plate

    def _go(self, page: str, key: str) -> None:
        self.accept()
        self.asked_for.emit(page, key)

    def _remind(self) -> None:
        self.reminded = True
        self.accept()


class QuitDialog(Dialog):
    """Before quitting with work under way: `when_done` quits once everything is sent, `now` at once."""

    def __init__(
        self,
        look: Look,
        moving: int,
        seconds_left: float | None,
        when_done: Callable[[], None],
        now: Callable[[], None],
        parent: QWidget | None,
    ) -> None:
        super().__init__(look, f"退出{words.APP}？", parent, width=560)
        box = row(gap=14)
        box.addWidget(TrayMark(look, "working", "", 32))
        texts = column(gap=4)
        texts.addWidget(label(look, f"还有 {moving} 例正在上传", role="section", bold=True))
        texts.addWidget(label(look, time_left(seconds_left) + "现在退出不会丢，下次开机接着传。", wrap=True))
        box.addLayout(texts, 1)
        self.body.addLayout(box)
        hint = label(look, "只想关窗口？右下角图标会继续上传", role="caption", tone="text2")
        self.now = Button(look, "现在退出", slot=lambda: self._answer(now))
        self.when_done = Button(look, "传完再退出", kind="primary", slot=lambda: self._answer(when_done))
        self.foot.addWidget(hint, 1)
        self.foot.addWidget(self.now)
        self.foot.addWidget(self.when_done)
        self.when_done.setFocus()

    def _answer(self, act: Callable[[], None]) -> None:
        self.accept()
        act()


def time_left(seconds: float | None) -> str:
    """大约还要 1 分钟。 Nothing while the pace is unknown."""
    return "" if seconds is None else f"大约还要 {max(1, round(seconds / 60))} 分钟。"


def ask_before_quitting(
    look: Look,
    moving: int,
    seconds_left: float | None,
    when_done: Callable[[], None],
    now: Callable[[], None],
    *,
    parent: QWidget,
) -> QuitDialog:
    """Open the question; closing it without an answer quits nothing."""
    dialog = QuitDialog(look, moving, seconds_left, when_done, now, parent)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog


class Closings:
    """Shows the closing that the engine says is due, once, and tells the engine that it was shown."""

    def __init__(
        self,
        face: Face,
        look: Look,
        window: MainWindow,
        tray: Tray,
        open_page: Callable[[str, str], None],
        now: Callable[[], datetime],
    ) -> None:
        self._face, self._window, self._tray, self._open, self._now = face, window, tray, open_page, now
        self._look = look
        self._day = ""
        self.dialog: ClosingDialog | None = None

    def show_status(self, status: Json) -> None:
        day = str(status.get("closing_due") or "")
        if not day or day == self._day or self.dialog is not None:
            return
        self._day = day
        self._window.asker.ask(lambda: self._face.closing(day), self._show, key="closing")

    def close(self) -> None:
        if self.dialog is not None:
            self.dialog.close()

    def _show(self, closing: Json) -> None:
        """A day without an exam says nothing; one with nothing open needs no dialog."""
        if not closing["open"]:
            if closing["received"]:
                self._tray.tell(of_closing(closing))
            self._tell_shown(closing["day"], remind=False)
            return
        dialog = ClosingDialog(self._look, closing, self._now(), self._window)
        dialog.asked_for.connect(self._open)
        dialog.switched.connect(lambda on: self._ask(lambda: self._face.set_closing(on)))
        dialog.finished.connect(lambda _code: self._closed(dialog))
        self.dialog = dialog
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def _closed(self, dialog: ClosingDialog) -> None:
        self.dialog = None
        self._tell_shown(dialog.day, remind=dialog.reminded)
        dialog.deleteLater()

    def _tell_shown(self, day: str, *, remind: bool) -> None:
        self._ask(lambda: self._face.closing_shown(day, remind))

    def _ask(self, call: Callable[[], Json]) -> None:
        self._window.asker.ask(call, lambda _answer: None)
