"""看大图: a window of its own with the list of series and a large viewer. Esc closes it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from app.gui import words
from app.gui.ask import Asker
from app.gui.frames import FrameOf
from app.gui.look import Look
from app.gui.parts import Card, Head, column, label, line, row
from app.gui.rows import Cell, Column, RowsView, Text
from app.gui.viewer import Json, Viewer

_LIST_WIDE = 236


def source_words(source: str) -> str:
    """`ae:CT-1` -> 来自 CT-1"""
    kind, _, name = source.partition(":")
    return {
        "ae": f"来自 {name}",
        "folder": f"来自文件夹 {Path(name).name}",
        "import": "手工导入",
        "retrieved": "调阅下载",
    }.get(kind, source)


class ViewerWindow(QWidget):
    """`owner`: the window over which it opens and with which it goes."""

    def __init__(self, look: Look, asker: Asker, frame_of: FrameOf, owner: QWidget) -> None:
        super().__init__(owner, Qt.WindowType.Window)
        self.setObjectName("page")
        self.resize(min(1180, max(760, owner.width() - 80)), max(520, owner.height() - 40))
        self.setMinimumSize(560, 400)
        self._look = look
        self.viewer = Viewer(look, asker, frame_of, large=True)
        self.viewer.moved.connect(lambda series: self.list.choose(str(series)))
        box = row(self, margins=(12, 12, 12, 12), gap=12)
        box.addWidget(self._list())
        card = Card()
        card.box.addWidget(self.viewer, 1)
        box.addWidget(card, 1)
        QShortcut(QKeySequence("Esc"), self, self.close)

    def open(self, series: list[Json], person: tuple[str, ...], title: str, at: int) -> None:
        """Come up at the image that was looked at."""
        self.setWindowTitle(f"影像 · {title}")
        self.viewer.put(series, person)
        self.list.put([_row(number, one) for number, one in enumerate(series)])
        self.viewer.go(at)
        if (place := self.viewer.place()) is not None:
            self.list.choose(str(place.series))
        count = sum(len(one["images"]) for one in series)
        self._total.setText(
            f"{len(series)} 个序列 · {count} 幅 · {words.size(sum(one['size_bytes'] for one in series))}"
        )
        self.show()
        self.raise_()
        self.activateWindow()
        self.viewer.film.setFocus()

    def _list(self) -> Card:
        card = Card()
        card.setFixedWidth(_LIST_WIDE)
        columns = (
            Column(title="序列", cell=_series_cell),
            Column(title="影像", cell=_count_cell, at_right=True),
        )
        self.list = RowsView(self._look, columns, key="key", row_height=58, head=False)
        self.list.chosen.connect(self._chosen)
        self._total = label(self._look, role="caption", tone="text3", wrap=True)
        foot = column(margins=(16, 10, 16, 10), gap=4)
        foot.addWidget(self._total)
        keys = "滚轮或 ↑↓ 翻页 · ←→ 换序列 · 1 2 3 换窗 · 按住右键拖动调窗 · Ctrl+滚轮放大 · 0 还原 · Esc 关闭"
        foot.addWidget(label(self._look, keys, role="caption", tone="text3", wrap=True))
        card.box.addWidget(Head(self._look, "序列"))
        card.box.addWidget(self.list, 1)
        card.box.addWidget(line())
        card.box.addLayout(foot)
        return card

    def _chosen(self, key: str) -> None:
        place = self.viewer.place()
        if key and place is not None and place.series != int(key):
            self.viewer.go_series(int(key))


def _row(number: int, series: Json) -> Json:
    return {"key": str(number), **series}


def _series_cell(one: Json) -> Cell:
    name = f"序列 {one['number'] or '没有编号'} · {one['modality']}".rstrip(" ·")
    below = str(one["description"]) or source_words(str(one["source"]))
    return Cell(lines=(Text(text=name), Text(text=below, role="caption", tone="text2")))


def _count_cell(one: Json) -> Cell:
    return Cell(lines=(Text(text=f"{len(one['images'])} 幅", tone="text2"),), at_right=True)
