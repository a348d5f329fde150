"""What every page is given (`Desk`) and what every page is (`Page`): a head, room for a banner, a body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from app.engine.face import Face
from app.errors import AgentError
from app.gui import words
from app.gui.ask import Asker
from app.gui.look import Look
from app.gui.parts import Card, Header, column, keeps_escape
from app.gui.told import Told

Json = dict[str, Any]
LOW_BELOW = 660
"""A window lower than this shows the tight form of its pages."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A yes/no dialog: what is asked, what it means, the words of the two buttons."""

    title: str
    text: str
    yes: str
    no: str
    icon: str = "state-held"
    tone: str = "you"
    head: str = ""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What a page works with. `go(page, key)` opens a page at a row; `confirm(question, then)` asks the person."""

    face: Face
    asker: Asker
    look: Look
    now: Callable[[], datetime]
    go: Callable[[str, str], None]
    tell: Callable[[str, str, str], None]
    """tell(tone, title, advice): a banner over the page; an empty title takes it away."""
    fail: Callable[[AgentError], None]
    confirm: Callable[[Question, Callable[[], None]], None]
    one_by_one: Callable[[], None]
    """Open what needs a person, one after the other."""


class Page(QWidget):
    """One page of the window. Pages show and ask; what changed reaches them through `refresh`."""

    name = ""
    kinds: frozenset[str] = frozenset()
    """What kind of news this page shows."""
    tells_outages = False
    """Whether a destination that does not answer is told over this page."""

    def __init__(self, desk: Desk, *right: QWidget) -> None:
        super().__init__()
        self.setObjectName("page")
        self.desk, self.look = desk, desk.look
        self.low = False
        self.header = Header(desk.look, self.name, *right)
        box = column(self, margins=(20, 0, 20, 16))
        box.addWidget(self.header)
        self.banner_slot = column()
        box.addLayout(self.banner_slot)
        self.body: QVBoxLayout = column(gap=12)
        box.addLayout(self.body, 1)

    def refresh(self) -> None:
        """Ask the engine for what this page shows."""

    def show_status(self, status: Json) -> None:
        """The engine's status came."""

    def open_at(self, key: str) -> None:
        """Show the row with this key."""

    def panes(self) -> list[QWidget]:
        """What F6 goes through: the first thing of each card that takes the keyboard."""
        found: list[QWidget] = []
        for card in (self.header, *self.findChildren(Card)):
            able = (one for one in card.findChildren(QWidget) if one.isVisible() and one.isEnabled())
            found += next(([one] for one in able if one.focusPolicy() & Qt.FocusPolicy.TabFocus), [])
        return found

    def next_pane(self) -> None:
        """F6: the keyboard goes to the next part of the page, and round again."""
        panes, here = self.panes(), self.window().focusWidget()
        cards = [_card_of(pane) for pane in panes]
        now = cards.index(_card_of(here)) if here is not None and _card_of(here) in cards else -1
        if panes:
            panes[(now + 1) % len(panes)].setFocus(Qt.FocusReason.TabFocusReason)

    def set_low(self, low: bool) -> None:
        """The window became lower than 660 px, or higher again."""
        self.low = low


def _card_of(widget: QWidget) -> QWidget | None:
    """The card or head that a widget stands in."""
    around: QWidget | None = widget
    while around is not None and not isinstance(around, Card | Header):
        around = around.parentWidget()
    return around


class Search(QLineEdit):
    """The search field of a page's head: tells its text 250 ms after the last letter; Esc empties it."""

    searched = Told()

    def __init__(self, look: Look, hint: str = words.SEARCH) -> None:
        super().__init__()
        self.setFont(look.font("body_small"))
        self.setPlaceholderText(hint)
        self.setFixedWidth(220)
        self.setToolTip("Ctrl+F")
        self._look = look
        self._action = QAction(self)
        self.addAction(self._action, QLineEdit.ActionPosition.LeadingPosition)
        self._draw()
        look.changed.connect(self._draw)
        self._timer = QTimer(self, interval=250, singleShot=True)
        self._timer.timeout.connect(lambda: self.searched.emit(self.text().strip()))
        self.textChanged.connect(lambda _text: self._timer.start())

    def event(self, event: QEvent) -> bool:
        """Esc is its own while there is something to empty, else the window's."""
        return keeps_escape(event, lambda: bool(self.text())) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
        else:
            super().keyPressEvent(event)

    def _draw(self) -> None:
        self._action.setIcon(self._look.icon("search", "text2", 16))
