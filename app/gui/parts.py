"""Small widgets that every page uses: labels, buttons, cards, lines, marks, badges, folds. No page knowledge here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent, QPen, QShortcut
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.gui.look import Look
from app.gui.told import Told

_Box = TypeVar("_Box", bound=QBoxLayout)
TICK = 18


def label(
    look: Look, text: str = "", *, role: str = "body", tone: str = "text", bold: bool = False, wrap: bool = False
) -> QLabel:
    """A line of text in a role of the type scale and a tone."""
    made = QLabel(text)
    made.setFont(look.font(role, bold=bold))
    made.setProperty("tone", tone)
    made.setWordWrap(wrap)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if wrap:
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    return made


def set_property(widget: QWidget, name: str, value: object) -> None:
    """Change what the style sheet looks at."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
        widget.update()


def set_tone(widget: QWidget, tone: str) -> None:
    set_property(widget, "tone", tone)


class Button(QPushButton):
    """A button of a kind: plain, primary, big, quiet, link, icon; its drawing follows the theme."""

    def __init__(
        self,
        look: Look,
        text: str = "",
        *,
        kind: str = "plain",
        icon: str = "",
        small: bool = False,
        tip: str = "",
        slot: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(text)
        self._look, self._icon = look, icon
        self.setFont(look.font("section" if kind == "big" else "body", bold=False))
        self.setToolTip(tip)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.set_kind(kind)
        if small:
            self.setProperty("fit", "small")
        if icon:
            self.draw()
            look.changed.connect(self.draw)
        if slot is not None:
            self.clicked.connect(lambda _checked=False: slot())

    def set_kind(self, kind: str) -> None:
        """Plain while something else on the page asks, primary when this is the one solid button."""
        set_property(self, "kind", kind)
        if self._icon:
            self.draw()

    def set_drawing(self, icon: str) -> None:
        """Another drawing: the button does something else now."""
        self._icon = icon
        self.draw()

    def draw(self) -> None:
        kind = str(self.property("kind"))
        solid = kind in ("primary", "big")
        tone = "onAccent" if solid else "accentText" if kind == "link" else "text2"
        gap = 3 if self.text() else 0
        self.setIcon(self._look.icon(self._icon, tone, 16, on="accent" if solid else "surface", gap=gap))
        self.setIconSize(QSize(16 + gap, 16))


class Mark(QWidget):
    """The drawing of a state."""

    def __init__(self, look: Look, icon: str = "", tone: str = "text2", size: int = 16, *, on: str = "surface") -> None:
        super().__init__()
        self._look, self.icon, self.tone, self._size, self._on = look, icon, tone, size, on
        self.setFixedSize(size, size)
        look.changed.connect(self.update)

    def show_mark(self, icon: str, tone: str) -> None:
        self.icon, self.tone = icon, tone
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.icon:
            ratio = self.devicePixelRatioF()
            QPainter(self).drawPixmap(0, 0, self._look.pixmap(self.icon, self.tone, self._size, ratio, self._on))


class TrayMark(Mark):
    """The same drawing as in the tray: `icon` is the look of the engine's status."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.icon:
            QPainter(self).drawPixmap(0, 0, self._look.tray_pixmap(self.icon, self._size, self.devicePixelRatioF()))


class Bar(QWidget):
    """Progress, painted: 0.0 to 1.0."""

    def __init__(self, look: Look, *, height: int = 4) -> None:
        super().__init__()
        self._look, self.part, self.tone = look, 0.0, "accent"
        self.setFixedHeight(height)
        look.changed.connect(self.update)

    def show_part(self, part: float, tone: str) -> None:
        self.part, self.tone = min(1.0, max(0.0, part)), tone
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_bar(QPainter(self), self._look, self.rect().toRectF(), self.part, self.tone)


def paint_bar(painter: QPainter, look: Look, rect: QRectF, part: float, tone: str) -> None:
    """A track and its done part, ends round."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.colour("idleSoft"))
    radius = rect.height() / 2
    painter.drawRoundedRect(rect, radius, radius)
    painter.setBrush(look.colour(tone))
    painter.drawRoundedRect(QRectF(rect.x(), rect.y(), rect.width() * part, rect.height()), radius, radius)


def paint_tick(painter: QPainter, look: Look, box: QRect, *, ticked: bool, ratio: float) -> None:
    """A check box of `TICK` px, filled when ticked."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(look.colour("accent" if ticked else "control"), 1.4))
    painter.setBrush(look.colour("accent" if ticked else "surface"))
    painter.drawRoundedRect(box.toRectF().adjusted(0.7, 0.7, -0.7, -0.7), 3, 3)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    if ticked:
        painter.drawPixmap(box.topLeft() + QPoint(2, 2), look.pixmap("check", "onAccent", 14, ratio, "accent"))


def frame(name: str) -> QFrame:
    made = QFrame()
    made.setObjectName(name)
    return made


def line(*, hair: bool = False) -> QFrame:
    made = frame("hair" if hair else "line")
    made.setFixedHeight(1)
    return made


def column(
    parent: QWidget | None = None, *, margins: tuple[int, int, int, int] = (0, 0, 0, 0), gap: int = 0
) -> QVBoxLayout:
    return _box(QVBoxLayout(parent) if parent else QVBoxLayout(), margins, gap)


def row(
    parent: QWidget | None = None, *, margins: tuple[int, int, int, int] = (0, 0, 0, 0), gap: int = 0
) -> QHBoxLayout:
    return _box(QHBoxLayout(parent) if parent else QHBoxLayout(), margins, gap)


def _box(layout: _Box, margins: tuple[int, int, int, int], gap: int) -> _Box:
    layout.setContentsMargins(*margins)
    layout.setSpacing(gap)
    return layout


class Card(QFrame):
    """A white box with a border; `box` takes what it holds, 1 px inside the border."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.box = column(self, margins=(1, 1, 1, 1))


class Body(QWidget):
    """What scrolls: as high as its words are at its width. Qt alone takes their height at the narrowest."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("body")

    def minimumSizeHint(self) -> QSize:
        least, layout = super().minimumSizeHint(), self.layout()
        if layout is None or not layout.hasHeightForWidth():
            return least
        return QSize(least.width(), layout.totalHeightForWidth(max(self.width(), least.width())))


class Head(QWidget):
    """The head of a card: title, note beside it, things at the right, a line below."""

    def __init__(self, look: Look, title: str, note: str = "", *right: QWidget) -> None:
        super().__init__()
        self.title = label(look, title, role="section", bold=True)
        self.note = label(look, note, role="caption", tone="text3")
        inner = row(margins=(16, 0, 16, 0), gap=10)
        inner.addWidget(self.title)
        inner.addWidget(self.note)
        inner.addStretch(1)
        for widget in right:
            inner.addWidget(widget)
        outer = column(self)
        outer.addLayout(inner, 1)
        outer.addWidget(line())
        self.setFixedHeight(look.height("card_head") + 2)


class Badge(QLabel):
    """A count in a soft pill; nothing when it is empty."""

    def __init__(self, look: Look, text: str = "", tone: str = "you") -> None:
        super().__init__()
        self._look, self._tone = look, tone
        self.setFont(look.font("caption"))
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setProperty("tone", tone)
        self.setMinimumWidth(20)
        self.setFixedHeight(18)
        self.setContentsMargins(6, 0, 6, 0)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        self.setText(text)
        self.setVisible(bool(text))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour(f"{self._tone}Soft"))
        painter.drawRoundedRect(self.rect(), 9, 9)
        painter.end()
        super().paintEvent(event)


class FoldHead(QWidget):
    """The line that opens a fold: chevron, title, note, something at the right. Mouse, Enter and blank open it."""

    toggled = Told()

    def __init__(self, look: Look, title: str, note: str = "", right: str = "") -> None:
        super().__init__()
        self.open = False
        self._chevron = Mark(look, "chevron-right", "text2", 14)
        self.title = label(look, title, bold=True)
        self.note = label(look, note, role="caption", tone="text3")
        self.right = label(look, right, role="caption", tone="text3")
        inner = row(self, margins=(16, 0, 16, 0), gap=8)
        for widget in (self._chevron, self.title, self.note):
            inner.addWidget(widget)
        inner.addStretch(1)
        inner.addWidget(self.right)
        self.setFixedHeight(35)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_open(self, is_open: bool) -> None:
        if is_open != self.open:
            self.open = is_open
            self._chevron.show_mark("chevron-down" if is_open else "chevron-right", "text2")
            self.toggled.emit(is_open)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.set_open(not self.open)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.set_open(not self.open)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(self.palette().accent().color())
            painter.drawRect(self.rect().adjusted(1, 1, -2, -2))


class Empty(QWidget):
    """What a card says when it has nothing to show: drawing, meaning, one line, at most one plain button."""

    def __init__(self, look: Look, icon: str, title: str, advice: str, button: QWidget | None = None) -> None:
        super().__init__()
        self.mark = Mark(look, icon, "text2", 40)
        self.title = label(look, title, role="section", bold=True)
        self.advice = label(look, advice, role="body_small", tone="text2", wrap=True)
        self.advice.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        box = column(self, margins=(24, 24, 24, 24), gap=8)
        box.addStretch(1)
        box.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addWidget(self.title, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addWidget(self.advice)
        if button is not None:
            box.addSpacing(6)
            box.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addStretch(1)

    def say(self, icon: str, title: str, advice: str) -> None:
        self.mark.show_mark(icon, "text2")
        self.title.setText(title)
        self.advice.setText(advice)


class Header(QWidget):
    """The head of a page: title, the sentence that answers its question, things at the right."""

    def __init__(self, look: Look, title: str, *right: QWidget) -> None:
        super().__init__()
        self.title = label(look, title, role="page_title", bold=True)
        self.note = label(look, role="body_small", tone="text2")
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        box = row(self, gap=12)
        box.addWidget(self.title)
        box.addWidget(self.note, 1)
        for widget in right:
            box.addWidget(widget)
        self.setFixedHeight(look.height("header"))


def shortcut(keys: str, parent: QWidget, slot: Callable[[], object]) -> QShortcut:
    """A key that works while the keyboard is in `parent`. (The constructor forgets a context given beside a slot.)"""
    made = QShortcut(QKeySequence(keys), parent)
    made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    made.activated.connect(slot)
    return made


def keeps_escape(event: QEvent, has_use: Callable[[], bool]) -> bool:
    """In a widget's `event`: Esc comes to it as a key, not to the window's shortcut, while it has a use for it."""
    asked = event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)
    if not (asked and event.key() == Qt.Key.Key_Escape and has_use()):  # type: ignore[attr-defined]
        return False
    event.accept()
    return True


def clear(layout: QBoxLayout) -> None:
    """Take out and delete everything of a layout."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif isinstance(inner, QBoxLayout):
            clear(inner)
