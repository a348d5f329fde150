"""今天的调阅记录: who looked up whom today and why, as it stands in the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtWidgets import QWidget

from app.gui import words
from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Empty, label
from app.gui.rows import Cell, Column, RowsView, Text

_ROW, _MOST_ROWS = 40, 8


class RecordDialog(Dialog):
    """The list, newest first; nothing to do but read."""

    def __init__(self, look: Look, lookups: list[Json], now: Callable[[], datetime], parent: QWidget | None) -> None:
        super().__init__(look, "今天的调阅记录", parent, width=720)
        self.body.setContentsMargins(4, 0, 4, 0)
        if lookups:
            self.table = RowsView(look, _columns(now), key="key", row_height=_ROW)
            self.table.put([{**one, "key": str(place)} for place, one in enumerate(lookups)])
            self.table.setFixedHeight(look.height("table_head") + _ROW * min(len(lookups), _MOST_ROWS))
            self.body.addWidget(self.table)
        else:
            self.body.addWidget(
                Empty(look, "page-log", "今天还没有调阅过", "每次查询都会记在这里：谁、查了谁、为什么。")
            )
        self.foot.addWidget(label(look, "图像清单和下载也记在日志里", role="caption", tone="text3"))
        self.foot.addStretch(1)
        self.foot.addWidget(Button(look, "关闭", slot=self.accept))


def _columns(now: Callable[[], datetime]) -> tuple[Column, ...]:
    def plain(text: str, tone: str = "text") -> Cell:
        return Cell(lines=(Text(text=text, role="body_small", tone=tone),))

    def found(one: Json) -> Cell:
        count = one["count"]
        return (
            plain("平台没有应答", "retry") if count is None else plain(f"{count} 例" if count else "没有查到", "text2")
        )

    return (
        Column(title="时间", cell=lambda one: plain(words.clock(one["at"], now()), "text2"), least=64),
        Column(title="谁", cell=lambda one: plain(one["who"]), least=72),
        Column(title="证件号码", cell=lambda one: plain(one["id_masked"]), least=150),
        Column(title="结果", cell=found, least=92),
        Column(title="查询原因", cell=lambda one: plain(one["reason"]), least=110, most=200),
        Column(title="平台", cell=lambda one: plain(one["title"], "text2"), least=120, most=220),
    )
