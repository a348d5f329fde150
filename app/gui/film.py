"""One picture on a dark ground with words in its corners: zoom, pan, mouse and wheel. Knows no exam, asks nobody."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QContextMenuEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.look import Look
from app.gui.told import Told

MOST_ZOOM = 12.0
_STEP = 120
"""What a mouse wheel says for one notch."""
_EDGE = 10


@dataclass(frozen=True, kw_only=True)
class Corners:
    """Lines of words in the four corners."""

    top_left: tuple[str, ...] = ()
    top_right: tuple[str, ...] = ()
    bottom_left: tuple[str, ...] = ()
    bottom_right: tuple[str, ...] = ()


class Film(QWidget):
    """`stepped(by)`: slices up or down · `dragged(right, down)`: the window is being changed, px · `opened()`: double
    click · `zoomed()`: more or fewer pixels may be wanted."""

    stepped = Told()
    dragged = Told()
    opened = Told()
    zoomed = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._image: QImage | None = None
        self._turned: QImage | None = None
        self._aspect = 1.0
        self._message = ("", "")
        self.corners = Corners()
        self.inverted = False
        self.zoom = 1.0
        self._pan = QPointF()
        self._held: QPointF | None = None
        self._wheel = 0
        self.setMinimumSize(160, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        look.changed.connect(self.update)

    # -- what it shows ----------------------------------------------------------------------------------------------

    def show_image(self, image: QImage, aspect: float, corners: Corners) -> None:
        """`aspect`: height of a pixel over its width."""
        self._image, self._turned, self._aspect, self._message = image, None, aspect, ("", "")
        self.corners = corners
        self.update()

    def say(self, title: str, advice: str, corners: Corners) -> None:
        """Words in place of a picture."""
        self._image, self._turned, self._message, self.corners = None, None, (title, advice), corners
        self.update()

    def clear(self) -> None:
        self.say("", "", Corners())
        self.fit()

    def image(self) -> QImage | None:
        return self._image

    def message(self) -> str:
        return self._message[0]

    def invert(self, inverted: bool) -> None:
        self.inverted, self._turned = inverted, None
        self.update()

    def fit(self) -> None:
        self._zoom_to(1.0, QPointF())

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Larger or smaller; the point under the mouse stays where it is."""
        self._zoom_to(self.zoom * factor, at - self.rect().toRectF().center() if at else QPointF())

    def _zoom_to(self, zoom: float, fixed: QPointF) -> None:
        before, self.zoom = self.zoom, min(MOST_ZOOM, max(1.0, zoom))
        self._pan = fixed + (self._pan - fixed) * (self.zoom / before)
        self._keep_in()
        self.update()
        if self.zoom != before:
            self.zoomed.emit()

    def wanted_side(self) -> int:
        """Pixels of the screen that the longest side of the picture takes."""
        return math.ceil(max(self.width(), self.height(), 1) * self.zoom * self.devicePixelRatioF())

    def place(self) -> QRectF:
        """Where the picture stands."""
        if self._image is None:
            return QRectF()
        width, height = float(self._image.width()), self._image.height() * self._aspect
        scale = min(self.width() / width, self.height() / height) * self.zoom
        place = QRectF(0, 0, width * scale, height * scale)
        place.moveCenter(self.rect().toRectF().center() + self._pan)
        return place

    def _keep_in(self) -> None:
        """No panning beyond the edges of the picture."""
        place = self.place()
        right, down = max(0.0, (place.width() - self.width()) / 2), max(0.0, (place.height() - self.height()) / 2)
        self._pan = QPointF(min(right, max(-right, self._pan.x())), min(down, max(-down, self._pan.y())))

    # -- painting ---------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._look.colour("film"))
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.place(), self._as_wanted(self._image))
        self._paint_message(painter)
        self._paint_corners(painter)
        if self.hasFocus():
            painter.setPen(QPen(self._look.colour("filmMark"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _as_wanted(self, image: QImage) -> QImage:
        if not self.inverted:
            return image
        if self._turned is None:
            self._turned = image.copy()
            self._turned.invertPixels()
        return self._turned

    def _paint_message(self, painter: QPainter) -> None:
        title, advice = self._message
        if not title:
            return
        room = self.rect().adjusted(24, 24, -24, -24)
        wrap = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignHCenter
        painter.setPen(self._look.colour("filmText"))
        painter.setFont(self._look.font("section", bold=True))
        above = room.adjusted(0, 0, 0, -room.height() // 2)
        painter.drawText(above, int(wrap | Qt.AlignmentFlag.AlignBottom), title)
        painter.setFont(self._look.font("body_small"))
        painter.drawText(room.adjusted(0, room.height() // 2 + 8, 0, 0), int(wrap | Qt.AlignmentFlag.AlignTop), advice)

    def _paint_corners(self, painter: QPainter) -> None:
        metrics = self._look.metrics("body_small")
        painter.setFont(self._look.font("body_small"))
        right = self.width() - _EDGE
        bottom = self.height() - _EDGE - metrics.descent()
        top = _EDGE + metrics.ascent()
        for lines, at_right, first in (
            (self.corners.top_left, False, top),
            (self.corners.top_right, True, top),
            (self.corners.bottom_left, False, bottom - metrics.height() * (len(self.corners.bottom_left) - 1)),
            (self.corners.bottom_right, True, bottom - metrics.height() * (len(self.corners.bottom_right) - 1)),
        ):
            for number, text in enumerate(lines):
                left = right - metrics.horizontalAdvance(text) if at_right else _EDGE
                self._paint_word(painter, left, first + number * metrics.height(), text)

    def _paint_word(self, painter: QPainter, left: int, base: int, text: str) -> None:
        """With a dark rim: it stands on bright bone too."""
        painter.setPen(self._look.colour("film"))
        for right, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            painter.drawText(left + right, base + down, text)
        painter.setPen(self._look.colour("filmText"))
        painter.drawText(left, base, text)

    # -- mouse ------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep_in()
        self.zoomed.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Slices; with Ctrl zoom. Fine wheels add up to notches."""
        event.accept()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(1.0015 ** event.angleDelta().y(), event.position())
            return
        self._wheel += event.angleDelta().y()
        notches = int(self._wheel / _STEP)
        if notches:
            self._wheel -= notches * _STEP
            self.stepped.emit(-notches)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._held = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is None:
            return
        moved, self._held = event.position() - self._held, event.position()
        if event.buttons() & Qt.MouseButton.RightButton:
            self.dragged.emit(moved.x(), moved.y())
        elif event.buttons() & Qt.MouseButton.LeftButton and self.zoom > 1.0:
            self._pan += moved
            self._keep_in()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The right button changes the window; there is no menu."""
        event.accept()
