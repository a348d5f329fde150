"""下载过的影像: what was fetched from platforms today and before, so that a paused download is found again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Card, Head
from app.gui.rows import Cell, Column, RowsView, Text
from app.gui.told import Told

_MARKS = {
    "running": ("state-sending", "work"),
    "paused": ("state-paused", "idle"),
    "waiting": ("state-waiting", "retry"),
    "done": ("state-acknowledged", "ok"),
    "failed": ("state-held", "you"),
}
_ROW = 44


def mark_of(download: Json) -> tuple[str, str]:
    """Drawing and tone of its state; nothing is green while images were refused."""
    if download["state"] == "done" and download["refused"]:
        return _MARKS["failed"]
    return _MARKS[download["state"]]


class DownloadsCard(Card):
    """`opened(id)` by a click, Enter; `closed()` for going back to the chosen exam; `removed(id)` for Del."""

    opened = Told()
    closed = Told()
    removed = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self.back = Button(look, "回到选中的检查", kind="link", small=True, tip="Esc", slot=self.closed)
        self.head = Head(look, "下载过的影像", "", self.back)
        self.table = RowsView(look, self._columns(), key="id", row_height=_ROW)
        self.table.activated_row.connect(self.opened)
        self.table.clicked.connect(lambda _index: self.opened.emit(self.table.key()))
        self.box.addWidget(self.head)
        self.box.addWidget(self.table, 1)

    def show_downloads(self, downloads: list[Json], *, may_go_back: bool) -> None:
        self.table.put(downloads)
        self.head.note.setText(f"{len(downloads)} 例 · Enter 打开，Del 移除")
        self.back.setVisible(may_go_back)

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column(title="患者 · 检查", cell=_who, least=190, most=330),
            Column(title="医院", cell=_clinic, least=120, most=220),
            Column(title="下载", cell=_state, least=150),
            Column(title="影像", cell=_images, least=150),
            Column(title="开始", cell=self._when),
        )

    def _when(self, one: Json) -> Cell:
        at = words.clock(one["started_at"], self._now())
        return Cell(lines=(Text(text=at, role="body_small", tone="text2"),))


def _who(one: Json) -> Cell:
    below = " · ".join(part for part in (one["body_part"], one["exam_date"]) if part)
    return Cell(lines=(Text(text=one["patient_name"]), Text(text=below, role="caption", tone="text2")))


def _clinic(one: Json) -> Cell:
    return Cell(lines=(Text(text=one["clinic_name"], role="body_small"),))


def _state(one: Json) -> Cell:
    icon, tone = mark_of(one)
    said = (Text(text=one["state_words"], tone=tone),)
    trouble = one["trouble"]
    below = (Text(text=trouble["title"], role="caption", tone="text2"),) if trouble else ()
    return Cell(mark=icon, mark_tone=tone, lines=(*said, *below))


def _images(one: Json) -> Cell:
    said = f"{one['done']} / {one['total']} 幅" if one["total"] else "还没有开始"
    running = one["state"] != "done" and one["total"]
    part = one["done"] / one["total"] if running else None
    tone = "accent" if one["state"] == "running" else "retry" if one["state"] == "waiting" else "idle"
    return Cell(lines=(Text(text=said, role="body_small", tone="text2"),), progress=part, progress_tone=tone)
