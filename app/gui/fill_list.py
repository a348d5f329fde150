"""The list at the left of 待填报: what waits to be filled, what a platform did not take, what is on its way."""

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
_TOLD = {"check": "请核对"}
"""What a person does with it, where the state's word does not say that."""


class FillList(Card):
    """`chosen(uid)`; `ticked(uids)` while several are being chosen, None when not any more.

    `take_now` asks to complete what is still being received.
    """

    chosen = Told()
    ticked = Told()
    take_now = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._look, self._now = look, now
        self._fillable: set[str] = set()
        self.setFixedWidth(_WIDTH)
        self.ticks: list[str] | None = None
        self._many = Button(look, "多选", kind="link", small=True, slot=self.switch)
        self._head = Head(look, "待填报", "", self._many)
        self.view = RowsView(look, (Column(title="", cell=self._item),), key="uid", row_height=58, head=False)
        self.view.chosen.connect(self.chosen)
        self.view.ticked.connect(self.tick)
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

    def put(
        self, fill: list[Json], attention: list[Json], uploading: list[Json], receiving: int, *, searched: str
    ) -> None:
        parts = (("#attention", "平台没有收下", attention), ("#uploading", "已填好，正在上传", uploading))
        rows = list(fill)
        for key, title, some in parts:
            heading = {"uid": key, "heading": True, "title": title, "count": len(some)}
            rows += [heading, *some] if some else []
        self._fillable = {str(one["uid"]) for one in (*fill, *attention)}
        self.view.put(rows)
        self._head.title.setText(f"{len(fill)} 例待填报" if fill else "待填报")
        self._many.setVisible(len(self._fillable) > 1 or self.ticks is not None)
        self._receiving.setText(f"还没收齐：{receiving} 例正在接收" if receiving else "")
        self._take.setVisible(bool(receiving))
        self._empty.setVisible(not self.rows)
        self.view.setVisible(bool(self.rows))
        if searched:
            self._empty.say("search", f"没有找到“{searched}”", "试试检查号，或姓名里的一个字。")
        else:
            self._empty.say("check", "都填好了", "新的影像收齐后会出现在这里。")

    def switch(self) -> None:
        """多选 on or off."""
        self.ticks = None if self.ticks is not None else []
        self._many.setText("多选" if self.ticks is None else "退出多选")
        if self.ticks is not None and self.view.key() in self._fillable:
            self.ticks.append(self.view.key())
        self._tell_ticks()

    def tick(self, uid: str) -> None:
        if self.ticks is not None and uid in self._fillable:
            self.ticks = [one for one in self.ticks if one != uid] if uid in self.ticks else [*self.ticks, uid]
            self._tell_ticks()

    def _tell_ticks(self) -> None:
        self.view.viewport().update()
        self.ticked.emit(self.ticks)

    def beside(self, uid: str, by: int) -> str:
        """The uid one row further down (1) or up (-1), headings left out; "" at the end."""
        uids = [str(one["uid"]) for one in self.rows if not one.get("heading")]
        place = uids.index(uid) + by if uid in uids else -1
        return uids[place] if 0 <= place < len(uids) else ""

    def after(self, uid: str) -> str:
        """The uid that takes the place of one that is done, "" when it was the last that waits for a person."""
        uids = [str(one["uid"]) for one in self.rows if one["uid"] == uid or one["uid"] in self._fillable]
        place = uids.index(uid) if uid in uids else -1
        return next((one for one in [*uids[place + 1 :], *uids[: max(place, 0)]]), "")

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
        uid = str(study["uid"])
        can_tick = self.ticks is not None and uid in self._fillable
        came = Text(text=words.clock(study["received_at"], self._now()), role="caption", tone="text2")
        told = words.missing(study) if study["state"] == "to_fill" else _TOLD.get(study["state"], study["state_words"])
        about = " · ".join(part for part in (words.what(study), words.images(study)) if part)
        return Cell(
            ticked=uid in (self.ticks or ()) if can_tick else None,
            mark=mark.icon,
            mark_tone=mark.tone,
            mark_size=18,
            lines=(Text(text=words.name(study), bold=True), Text(text=about, role="body_small", tone="text2")),
            right=(came, Text(text=told or study["state_words"], role="body_small", tone=mark.tone)),
        )
