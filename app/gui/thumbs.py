"""Small pictures spread over a series: where one is, and a click away from elsewhere. Painted, no widget each."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtGui import QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from app.gui.look import Look
from app.gui.told import Told

MOST = 5
_GAP, _SIDE = 4, 6


@dataclass
class Thumb:
    """`place` in the run of pictures, its number, what to say of it."""

    place: int
    number: str
    tip: str
    image: QImage | None = None


def spread(count: int, most: int = MOST) -> list[int]:
    """At most `most` of 0..count-1, the first and the last among them, evenly apart."""
    if count <= most:
        return list(range(count))
    return [round(n * (count - 1) / (most - 1)) for n in range(most)]


class Thumbs(QWidget):
    """`chosen(place)`: one was clicked."""

    chosen = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.thumbs: list[Thumb] = []
        self.current = -1
        self.setFixedHeight(66)
        look.changed.connect(self.update)

    def put(self, thumbs: list[Thumb]) -> None:
        self.thumbs = thumbs
        self.update()

    def show_image(self, thumb: Thumb, image: QImage) -> None:
        thumb.image = image
        self.update()

    def mark(self, place: int) -> None:
        """The picture at `place` is shown: its own thumb, or the nearest, is marked."""
        nearest = min(self.thumbs, key=lambda thumb: abs(thumb.place - place), default=None)
        self.current = self.thumbs.index(nearest) if nearest else -1
        self.update()

    def box(self, number: int) -> QRect:
        width = (self.width() - 2 * _SIDE - (MOST - 1) * _GAP) // MOST
        return QRect(_SIDE + number * (width + _GAP), _SIDE, width, self.height() - 2 * _SIDE)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(self._look.font("caption"))
        for number, thumb in enumerate(self.thumbs):
            box = self.box(number)
            painter.fillRect(box, self._look.colour("film"))
            if thumb.image is not None:
                painter.drawImage(_inside(box, thumb.image), thumb.image)
            if number == self.current:
                painter.setPen(QPen(self._look.colour("filmMark"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(box.adjusted(1, 1, -1, -1))
            self._paint_number(painter, box.adjusted(0, 0, -4, -2), thumb.number)

    def _paint_number(self, painter: QPainter, box: QRect, number: str) -> None:
        flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
        painter.setPen(self._look.colour("film"))
        painter.drawText(box.translated(1, 1), flags, number)
        painter.setPen(self._look.colour("filmText"))
        painter.drawText(box, flags, number)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if (thumb := self._under(event.position().toPoint().x())) is not None:
            self.chosen.emit(thumb.place)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            thumb = self._under(event.pos().x())
            QToolTip.showText(event.globalPos(), thumb.tip if thumb else "", self)
            return True
        return super().event(event)

    def _under(self, x: int) -> Thumb | None:
        return next(
            (thumb for n, thumb in enumerate(self.thumbs) if self.box(n).left() <= x <= self.box(n).right()), None
        )


def _inside(box: QRect, image: QImage) -> QRect:
    """As large as fits, in the middle."""
    size = image.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
    place = QRect(0, 0, size.width(), size.height())
    place.moveCenter(box.center())
    return place
