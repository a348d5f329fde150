"""The QR code of a signing job, painted; the ring that says how long it is good for. Black on white in both themes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.look import Look

BOX, LOW_BOX = 272, 242
QUIET = 4
"""Modules of white around a code (ISO/IEC 18004)."""
LEAST_MODULE = 4
_MOST_PICTURE = 300
_RING, _THICK = 54, 4
_NO_CODE = 40
_FULL = 360 * 16


class QrBox(QWidget):
    """A code as rows of 0 and 1, a picture of one, or a drawing and a word while there is none."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._box = BOX
        self._modules: tuple[str, ...] = ()
        self._picture = QPixmap()
        self._said = ("", "")
        self.setAccessibleName("签名二维码")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        look.changed.connect(self.update)

    def show_code(self, modules: Sequence[str], picture: bytes = b"") -> None:
        """`picture` where the platform sends the code drawn and no text to draw it from."""
        self._modules, self._said = tuple(modules), ("", "")
        self._picture = QPixmap()
        if not modules and picture:
            self._picture.loadFromData(picture)
        self._fit()

    def say(self, icon: str, word: str) -> None:
        """No code: why."""
        self._modules, self._picture, self._said = (), QPixmap(), (icon, word)
        self._fit()

    def has_code(self) -> bool:
        return bool(self._modules) or not self._picture.isNull()

    def set_low(self, low: bool) -> None:
        self._box = LOW_BOX if low else BOX
        self._fit()

    def sizeHint(self) -> QSize:
        """As large as the box, larger where the modules would become too small to be read."""
        needed = (len(self._modules) + 2 * QUIET) * LEAST_MODULE + 2 if self._modules else 0
        if not self._picture.isNull():
            needed = self._picture_side() + 2 * QUIET * LEAST_MODULE
        side = max(self._box, needed)
        return QSize(side, side)

    def _picture_side(self) -> int:
        """As the platform drew it, a larger one made smaller."""
        return min(max(self._picture.width(), self._picture.height()), _MOST_PICTURE)

    def _fit(self) -> None:
        self.setFixedSize(self.sizeHint())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._look.colour("border"))
        painter.setBrush(Qt.GlobalColor.white if self.has_code() else self._look.colour("subtle"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        if self._modules:
            self._paint_modules(painter)
        elif not self._picture.isNull():
            side = self._picture_side()
            place = QRect((self.width() - side) // 2, (self.height() - side) // 2, side, side)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, self._picture)
        else:
            self._paint_word(painter)

    def _paint_modules(self, painter: QPainter) -> None:
        """In whole pixels of the screen, so that no module is blurred or wider than the next."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        ratio = self.devicePixelRatioF()
        count = len(self._modules)
        module = int((self.width() - 2) * ratio / (count + 2 * QUIET))
        start = round((self.width() * ratio - module * count) / 2)
        painter.scale(1 / ratio, 1 / ratio)
        for y, line in enumerate(self._modules):
            for x, dark in enumerate(line):
                if dark == "1":
                    square = QRect(start + x * module, start + y * module, module, module)
                    painter.fillRect(square, Qt.GlobalColor.black)

    def _paint_word(self, painter: QPainter) -> None:
        icon, word = self._said
        middle = self.rect().center()
        if icon:
            pixmap = self._look.pixmap(icon, "text3", _NO_CODE, self.devicePixelRatioF(), "subtle")
            painter.drawPixmap(middle.x() - _NO_CODE // 2, middle.y() - _NO_CODE, pixmap)
        painter.setFont(self._look.font("body"))
        painter.setPen(self._look.colour("text2"))
        where = self.rect().adjusted(16, self.height() // 2 + 10, -16, -12)
        painter.drawText(where, Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap, word)


class Ring(QWidget):
    """How much of a code's time is left, with the hours in its middle. Never red, never hurried."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look, self.part, self.words = look, 0.0, ""
        self.setFixedSize(_RING, _RING)
        look.changed.connect(self.update)

    def show_left(self, part: float, words: str) -> None:
        part = min(1.0, max(0.0, part))
        if (part, words) != (self.part, self.words):
            self.part, self.words = part, words
            self.setAccessibleName(words)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = _THICK / 2 + 0.5
        circle = QRectF(self.rect()).adjusted(edge, edge, -edge, -edge)
        painter.setPen(QPen(self._look.colour("idleSoft"), _THICK))
        painter.drawEllipse(circle)
        painter.setPen(QPen(self._look.colour("accent"), _THICK, c=Qt.PenCapStyle.RoundCap))
        painter.drawArc(circle, _FULL // 4, -round(self.part * _FULL))
        painter.setFont(self._look.font("body", bold=True))
        painter.setPen(self._look.colour("text"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.words)
