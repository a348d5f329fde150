"""The list at the left of 待填报: what waits to be filled, what a platform did not take, what is still coming."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtWidgets import QWidget

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Card, Empty, Head, label, line, row
from app.gui.rows import Cell, Column, RowsView, Text
from app.gui.told import Told

_WIDTH = 276


class FillList(Card):
    """`chosen(uid)`; `take_now` asks to complete what is still being received."""

    chosen = Told()
    take_now = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._look, self._now = look, now
        self.setFixedWidth(_WIDTH)
        self._head = Head(look, "待填报")
        self.view = RowsView(look, (Column(title="", cell=self._item),), key="uid", row_height=58, head=False)
        self.view.chosen.connect(self.chosen)
        self._empty = Empty(look, "check", "都填好了", "新的影像收齐后会出现在这里。")
        self.box.addWidget(self._head)
        self.box.addWidget(self.view, 1)
        self.box.addWidget(self._empty, 1)
        self.box.addWidget(line())
        self.box.addWidget(self._foot())

    @property
    def rows(self) -> list[Json]:
        return self.view.rows_model.rows

    def row_of(self, uid: str) -> Json | None:
        return next((one for one in self.rows if one["uid"] == uid), None)

    def put(self, fill: list[Json], attention: list[Json], receiving: list[Json], *, searched: str) -> None:
        heading = [{"uid": "#attention", "heading": True, "title": "平台没有收下", "count": len(attention)}]
        self.view.put([*fill, *(heading if attention else []), *attention])
        self._head.title.setText(f"{len(fill)} 例待填报" if fill else "待填报")
        self._receiving.setText(f"还没收齐：{len(receiving)} 例正在接收" if receiving else "")
        self._take.setVisible(bool(receiving))
        self._empty.setVisible(not self.rows)
        self.view.setVisible(bool(self.rows))
        if searched:
            self._empty.say("search", f"没有找到“{searched}”", "试试检查号，或姓名里的一个字。")
        else:
            self._empty.say("check", "都填好了", "新的影像收齐后会出现在这里。")

    def beside(self, uid: str, by: int) -> str:
        """The uid one row further down (1) or up (-1), headings left out; "" at the end."""
        uids = [str(one["uid"]) for one in self.rows if not one.get("heading")]
        place = uids.index(uid) + by if uid in uids else -1
        return uids[place] if 0 <= place < len(uids) else ""

    def after(self, uid: str) -> str:
        """The uid that takes the place of one that is done, "" when it was the last."""
        return self.beside(uid, 1) or next(
            (str(one["uid"]) for one in self.rows if not one.get("heading") and one["uid"] != uid), ""
        )

    def _foot(self) -> QWidget:
        holder = QWidget()
        holder.setFixedHeight(40)
        foot = row(holder, margins=(16, 0, 10, 0))
        self._receiving = label(self._look, role="caption", tone="text2")
        self._take = Button(self._look, "立即收齐", kind="link", small=True, slot=self.take_now.emit)
        foot.addWidget(self._receiving, 1)
        foot.addWidget(self._take)
        return holder

    def _item(self, study: Json) -> Cell:
        if study.get("heading"):
            count = Text(text=f"{study['count']} 例", role="caption", tone="text3")
            return Cell(lines=(Text(text=study["title"], role="caption", tone="text2"),), right=(count,), heading=True)
        mark = self._look.state(study["state"])
        came = Text(text=words.clock(study["received_at"], self._now()), role="caption", tone="text2")
        told = words.missing(study) if study["state"] == "to_fill" else study["state_words"]
        about = " · ".join(part for part in (words.what(study), words.images(study)) if part)
        return Cell(
            mark=mark.icon,
            mark_tone=mark.tone,
            mark_size=18,
            lines=(Text(text=words.name(study), bold=True), Text(text=about, role="body_small", tone="text2")),
            right=(came, Text(text=told or study["state_words"], role="body_small", tone=mark.tone)),
        )
