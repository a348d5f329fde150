"""首次设置 1: to which platforms the clinic uploads; one or several."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QWidget

from app.gui.look import Look
from app.gui.page import Json, Search
from app.gui.parts import Button, Mark, column, label, row
from app.gui.wizard_step import Step

_REHEARSAL = "演练一例"


class RegionStep(Step):
    """Tiles with the regions that have an adapter."""

    name = "选择地区"
    title = "您的机构向哪个平台上传？"
    note = "只选平台，编码和密钥后面再填。"

    def build(self) -> None:
        self.search = Search(self.look, "搜索地区：汉字或拼音首字母，如 sx")
        self.search.setFixedWidth(360)
        self.search.searched.connect(self._find)
        top = row(gap=12)
        top.addWidget(self.search)
        top.addStretch(1)
        several = label(self.look, "可选多个：一例检查填一次，分别上传", role="caption", tone="text2")
        top.addWidget(several)
        self.body.addLayout(top)
        self._box = column(gap=10)
        self.body.addLayout(self._box)
        self.tiles: list[RegionTile] = []
        hint = row(gap=8)
        hint.addWidget(Mark(self.look, "info", "text2", 14))
        hint.addWidget(
            label(
                self.look,
                "没有您的地区？先走一遍演练可以学会全部操作，数据不会离开这台电脑。",
                role="caption",
                tone="text2",
            )
        )
        hint.addStretch(1)
        self.rehearse = Button(self.look, "只用演练平台", kind="link", small=True, slot=lambda: self.go(_REHEARSAL))
        hint.addWidget(self.rehearse)
        self.body.addLayout(hint)
        self.body.addStretch(1)

    def show_answers(self) -> None:
        for tile in self.tiles:
            tile.deleteLater()
        self.tiles = [RegionTile(self.look, one, self._choose) for one in self.answers.regions]
        for tile in self.tiles:
            tile.setChecked(self.answers.has_region(tile.region["name"]))
            self._box.addWidget(tile)
        if len(self.tiles) == 1 and not self.answers.destinations():
            self.tiles[0].click()
        previous: QWidget = self.search
        for tile in self.tiles:
            QWidget.setTabOrder(previous, tile)
            previous = tile

    def open_words(self) -> str:
        chosen = [self.answers.title(one) for one in self.answers.destinations()]
        return f"已选 {len(chosen)} 个：{'、'.join(chosen)}" if chosen else "还没有选"

    def stops(self) -> bool:
        return not self.answers.destinations()

    def focus_first(self) -> None:
        if self.tiles:
            self.tiles[0].setFocus()

    def _choose(self, name: str, chosen: bool) -> None:
        self.answers.choose(name, chosen)
        self.changed.emit()

    def _find(self, text: str) -> None:
        wanted = text.lower()
        for tile in self.tiles:
            region = tile.region
            tile.setVisible(wanted in region["title"] or str(region["pinyin"]).startswith(wanted))


class RegionTile(QPushButton):
    """A region to tick: Space or a click."""

    def __init__(self, look: Look, region: Json, chosen: Callable[[str, bool], None]) -> None:
        super().__init__()
        self.setObjectName("choice")
        self.setCheckable(True)
        self.setAccessibleName(region["title"])
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.region = region
        self.clicked.connect(lambda on: chosen(region["name"], bool(on)))
        self.box = _Tick(look, self)
        texts = column(gap=3)
        texts.addStretch(1)
        first = row(gap=10)
        first.addWidget(label(look, region["title"], role="section", bold=True))
        first.addWidget(label(look, region["does"], role="body_small", tone="text2"))
        first.addStretch(1)
        texts.addLayout(first)
        texts.addWidget(label(look, region["document"], role="caption", tone="text2"))
        texts.addStretch(1)
        inner = row(self, margins=(16, 8, 16, 8), gap=18)
        inner.addWidget(self.box)
        inner.addLayout(texts, 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()  # Enter goes on; Space ticks
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus() and not self.isChecked():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            pen = painter.pen()
            pen.setColor(self.palette().accent().color())
            pen.setWidth(2)
            painter.setPen(pen)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(4, 4, -4, -4), 4, 4)


class _Tick(QWidget):
    """The box of a tile."""

    def __init__(self, look: Look, tile: QPushButton) -> None:
        super().__init__(tile)
        self._look, self._tile = look, tile
        self.setFixedSize(18, 18)
        tile.toggled.connect(lambda _on: self.update())
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, event: QPaintEvent) -> None:
        look, painter, on = self._look, QPainter(self), self._tile.isChecked()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(look.colour("accent" if on else "surface"))
        painter.setPen(look.colour("accent" if on else "control"))
        painter.drawRoundedRect(QRectF(0.5, 0.5, 17, 17), 3, 3)
        if on:
            painter.drawPixmap(2, 2, look.pixmap("check", "onAccent", 14, self.devicePixelRatioF(), "accent"))
