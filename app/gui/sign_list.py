"""Left of 电子签名: whom the reports wait for, and what was signed today."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Card, Empty, Head, line
from app.gui.sign_notice import Notice
from app.gui.sign_table import SignedTable, WaitingTable, matches, waiting_rows
from app.gui.told import Told

WIDE, LOW_WIDE = 500, 470
_SIGNED_SHOWN, _LOW_SHOWN = 4, 3
_ROW = 34
_NONE = ("今天还没有签过", "签好的会排在这里，带着时间戳和上传的结果。")


class SignList(Card):
    """`chosen(session)` by a person or by itself, `renewed(session)`, `opened(row)` a signed report, `all()` 全部.

    `brought(session)`: the clinic's own signature of a report is to be taken; `settings(page)`: a notice leads there.
    """

    chosen = Told()
    renewed = Told()
    opened = Told()
    all = Told()
    brought = Told()
    settings = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.waiting = WaitingTable(look, now)
        self.empty = Empty(look, "page-sign", "", "")
        self.more = Button(look, "全部", kind="link", small=True, slot=self.all)
        self.signed_head = Head(look, "今天已签", "", self.more)
        self.signed = SignedTable(look, now)
        self.nothing = Empty(look, "check", *_NONE)
        self.nothing.layout().setContentsMargins(16, 4, 16, 4)  # type: ignore[union-attr]
        self.nothing.mark.hide()
        self.waiting.chosen.connect(lambda _key: self.chosen.emit(self.waiting.session()))
        self.waiting.renewed.connect(self.renewed)
        self.waiting.brought.connect(self.brought)
        self.notice = Notice(look)
        self.notice.led.connect(self.settings)
        self.signed.activated_row.connect(lambda _key: self.opened.emit(self.signed.row()))
        for widget, stretch in (
            (self.waiting, 1), (self.empty, 1), (line(), 0), (self.signed_head, 0), (self.signed, 0), (self.nothing, 0),
            (self.notice, 0),
        ):  # fmt: skip
            self.box.addWidget(widget, stretch)
        self.set_low(False)

    def show_answer(self, answer: Json, text: str, current: object) -> None:
        """`text`: only what holds it; `current`: the session whose code is on screen."""
        rows = waiting_rows(answer, text)
        self.waiting.current = current
        self.waiting.put(rows)
        self.waiting.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        if text and answer["waiting"]:
            self.empty.say("search", f"没有找到“{text}”", "按姓名或检查号找；按 Esc 清空。")
        else:
            self.empty.say("page-sign", "都签好了", "审核过的报告提交上传后，要签的会排在这里。")
        signed = [one for one in answer["signed"] if matches(one, text)]
        self.signed.put_rows(signed)
        self.signed_head.note.setText(f"{len(answer['signed'])} 份" if answer["signed"] else "")
        self.nothing.say("check", *(("没有找到", "今天签过的里没有这个姓名或检查号。") if answer["signed"] else _NONE))
        self.signed.setVisible(bool(signed))
        self.nothing.setVisible(not signed)
        self.notice.show_notice(next(iter(answer["notices"]), None))

    def choose(self, session: object) -> bool:
        """Select a report without telling anybody; False if it is not here."""
        quiet = self.waiting.selectionModel().blockSignals(True)
        found = self.waiting.choose(str(session))
        self.waiting.selectionModel().blockSignals(quiet)
        self.waiting.viewport().update()
        return found

    def show_current(self, current: object) -> None:
        self.waiting.current = current
        self.waiting.viewport().update()

    def set_low(self, low: bool) -> None:
        self.setFixedWidth(LOW_WIDE if low else WIDE)
        high = _ROW * (_LOW_SHOWN if low else _SIGNED_SHOWN)
        self.signed.setFixedHeight(high)
        self.nothing.setFixedHeight(high)
