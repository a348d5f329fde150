"""盖章: how a report's PDF stands with the clinic's seal, and the way to the stamping client in the browser."""

from __future__ import annotations

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from app.errors import AgentError
from app.gui.page import Desk, Json
from app.gui.parts import Button, Mark, column, label, line, row, set_tone
from app.gui.told import Told

_LOOK_MS = 1500
_LEAST_HEIGHT = 44
_WAITS = "在打开的网页里盖章，盖好会自己回来"
_OVER = "时间过了，没有等到盖好章的报告"
_NO_BROWSER = ("浏览器没有打开", "点“复制地址”，粘贴到浏览器里打开；盖好会自己回来")
_OUTDATED = "请换上改好的报告 PDF，再盖章；报告本来就对的，照常提交"
_MARKS = {"none": "document", "stamped": "check", "void": "state-held"}
_TONES = {"none": "text2", "stamped": "text2", "void": "you"}
"""Never green: that is the platform's word."""


class StampBar(QWidget):
    """Below the PDF of one report. `came(uid)`: a stamped one came back and is the report's PDF now."""

    came = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._uid, self._number = "", 0
        self._stamp: Json | None = None
        self._waits = False
        self._trouble: tuple[str, str] | None = None
        self._to_copy = ""
        """The address that nothing on this machine opens."""
        self._mark = Mark(desk.look, _MARKS["none"], "text2", 16)
        self._text = label(desk.look, role="body_small", tone="text2", wrap=True)
        self._advice = label(desk.look, role="caption", tone="text2", wrap=True)
        self.button = Button(desk.look, "盖章", small=True, slot=self._pressed)
        texts = column(gap=1)
        texts.addWidget(self._text)
        texts.addWidget(self._advice)
        inner = row(margins=(14, 6, 10, 6), gap=8)
        inner.addWidget(self._mark)
        inner.addLayout(texts, 1)
        inner.addWidget(self.button)
        box = column(self)
        self.setMinimumHeight(_LEAST_HEIGHT)
        box.addWidget(line())
        box.addLayout(inner)
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look_again)
        self.hide()

    def put(self, uid: str, number: int, report: Json | None) -> None:
        """The report that is shown, as the form lists it; None for none."""
        if (uid, number) != (self._uid, self._number):
            self._waits, self._trouble, self._to_copy = False, None, ""
        self._uid, self._number = uid, number
        self._stamp = report["stamp"] if report is not None and report["pdf"] else None
        self._show()

    def begin(self) -> None:
        """Open the stamping client on this report."""
        face, uid, number = self._desk.face, self._uid, self._number
        if not uid or self._stamp is None:
            return
        self.button.setEnabled(False)
        self._desk.asker.ask(
            lambda: face.stamp(uid, number),
            lambda answer: self._opened(uid, number, answer),
            lambda error: self._failed(uid, number, error),
        )

    def look_again(self) -> None:
        """Whether it came back."""
        face, uid, number = self._desk.face, self._uid, self._number
        self._desk.asker.ask(
            lambda: face.stamping(uid, number),
            lambda answer: self._told(uid, number, answer),
            lambda error: self._failed(uid, number, error),
            key=("stamping", id(self)),
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._mind()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _opened(self, uid: str, number: int, answer: Json) -> None:
        is_open = QDesktopServices.openUrl(QUrl.fromEncoded(answer["url"].encode()))
        if (uid, number) == (self._uid, self._number):
            self._waits, self._trouble = True, None if is_open else _NO_BROWSER
            self._to_copy = "" if is_open else str(answer["url"])
            self._show()

    def _pressed(self) -> None:
        if self._to_copy:
            QGuiApplication.clipboard().setText(self._to_copy)
            self.button.setToolTip("已复制")
        else:
            self.begin()

    def _told(self, uid: str, number: int, answer: Json) -> None:
        if (uid, number) != (self._uid, self._number) or not self._waits:
            return
        refused, self._waits = answer["refused"], bool(answer["open"])
        self._to_copy = self._to_copy if self._waits else ""
        self._trouble = (refused["title"], refused["advice"]) if refused else _NO_BROWSER if self._to_copy else None
        if not self._waits and answer["state"] == "stamped":
            self.came.emit(uid)
        elif not self._waits and self._trouble is None:
            self._trouble = (_OVER, "请再点“盖章”。")
        self._show()

    def _failed(self, uid: str, number: int, error: AgentError) -> None:
        if (uid, number) == (self._uid, self._number):
            self._waits, self._trouble, self._to_copy = False, (error.title, error.advice), ""
            self._show()

    def _show(self) -> None:
        stamp = self._stamp
        if stamp is None:
            self.hide()
            return
        state, asked = str(stamp["state"]), stamp["state"] == "void" or stamp["demanded"]
        words, advice, tone = str(stamp["words"]), "", "you" if asked else _TONES[state]
        mark = _MARKS[state]
        if stamp["outdated"]:
            words, advice, tone, mark = str(stamp["outdated"]), _OUTDATED, "you", "state-held"
        if self._waits:
            words, tone, mark = _WAITS, "work", "open"
        if self._trouble is not None:
            (words, advice), tone, mark = self._trouble, "you", "state-held"
        self._mark.show_mark(mark, tone)
        self._text.setText(words)
        set_tone(self._text, tone if tone != "work" else "text")
        self._advice.setText(advice)
        self._advice.setVisible(bool(advice))
        text, tip = ("盖章" if state == "none" else "重新盖章"), "在浏览器里打开签章软件"
        if self._waits:
            text, tip = ("复制地址", "") if self._to_copy else ("再打开", "网页关掉了，再打开一次")
        self.button.setText(text)
        self.button.setToolTip(tip)
        self.button.setEnabled(True)
        self.button.set_kind("quiet" if state == "stamped" and not self._waits else "plain")
        self.button.setVisible(bool(stamp["able"]) and (not stamp["outdated"] or self._waits))
        self.show()
        self._mind()

    def _mind(self) -> None:
        if self._waits and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()
