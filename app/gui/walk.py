"""逐件处理: opens what needs a person one after the other, and moves on by itself when one is done."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Mark, frame, label, row


class Walk:
    """`go(page, key)` opens a place, `page()` names the page in front. Leaving for another page ends the walk."""

    def __init__(self, look: Look, go: Callable[[str, str], None], page: Callable[[], str]) -> None:
        self._go, self._page = go, page
        self._needs: list[Json] = []
        self._passed: set[str] = set()
        self._now: Json | None = None
        self._done = 0
        self.strip = frame("strip")
        self.strip.setFixedHeight(36)
        self.said = label(look, role="body_small", bold=True)
        self.next = Button(look, "下一件", small=True, slot=self.skip)
        self.end = Button(look, "结束", kind="quiet", small=True, slot=self.stop)
        box = row(self.strip, margins=(20, 0, 20, 0), gap=8)
        box.addWidget(Mark(look, "page-fill", "text2", 16, on="idleSoft"))
        box.addWidget(self.said, 1)
        box.addWidget(self.next)
        box.addWidget(self.end)
        self.strip.hide()

    @property
    def widget(self) -> QWidget:
        return self.strip

    def start(self) -> None:
        self._passed.clear()
        self._done = 0
        self._open_next()

    def skip(self) -> None:
        """This one stays as it is: the next, please."""
        if self._now is not None:
            self._passed.add(_name(self._now))
        self._open_next()

    def stop(self) -> None:
        self._now = None
        self.strip.hide()

    def show_status(self, status: Json) -> None:
        """What is done has left the list. A form that moved on to its next exam by itself is left alone."""
        self._needs = status["needs_you"]
        if self._now is None:
            return
        if self._page() != _page(self._now):
            self.stop()
        elif _name(self._now) not in {_name(need) for need in self._needs}:
            self._done += 1
            self._open_next(by_itself=_page(self._now) == words.FILL)
        else:
            self._say()

    def _open_next(self, *, by_itself: bool = False) -> None:
        """`by_itself`: the form in front has taken its next exam already; only another page has to be opened."""
        left = [need for need in self._needs if _name(need) not in self._passed]
        if not left:
            was_open = self._now is not None
            self.stop()
            if was_open:
                self._go(words.TODAY, "")
            return
        self._now = left[0]
        if not by_itself or _page(left[0]) != words.FILL:
            self._go(_page(left[0]), str(left[0]["uid"]))
        self._say()

    def _say(self) -> None:
        if self._now is None:
            return
        left = len([need for need in self._needs if _name(need) not in self._passed])
        done = f"做完 {self._done} 件，" if self._done else ""
        self.said.setText(f"逐件处理 · {done}还有 {left} 件")
        self.next.setVisible(left > 1)
        self.strip.show()


def _page(need: Json) -> str:
    return words.PLACES.get(need["action"], words.TODAY)


def _name(need: Json) -> str:
    return f"{need['action']}/{need['uid']}"
