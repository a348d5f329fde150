"""The main window: rail, pages, the strip of a practice platform, the banner; passes the engine's news to the pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QMainWindow, QScrollArea, QStackedWidget, QWidget

from app.engine.face import Face
from app.errors import AgentError
from app.gui import news, words
from app.gui.ask import Asker
from app.gui.banner import Banner
from app.gui.dialogs import ask_person
from app.gui.keys import show_keys
from app.gui.look import Look
from app.gui.page import LOW_BELOW, Desk, Json, Page, Question
from app.gui.pages import EVERY, OPTIONAL, Pages
from app.gui.parts import column, row
from app.gui.rail import Rail
from app.gui.strip import PracticeStrip
from app.gui.walk import Walk

if TYPE_CHECKING:
    from app.gui.wizard import Wizard

_ICONS = {
    words.TODAY: "page-today",
    words.FILL: "page-fill",
    words.QUEUE: "page-queue",
    words.RECONCILE: "page-reconcile",
    words.SIGN: "page-sign",
    words.RETRIEVE: "page-retrieve",
    words.DEVICES: "page-device",
    words.SETTINGS: "page-settings",
    words.LOG: "page-log",
}
_NARROW_BELOW = 1100
_PAGE_LEAST = QSize(1024, 600)
_PAGE_SCROLLED = 640
"""How high a page is that scrolls anyway: the height that shows every page whole."""
_STATUS_MS = 30_000


class MainWindow(QMainWindow):
    """Closing hides it while `stays()` (a tray is there); otherwise `leave` is asked for."""

    def __init__(
        self,
        face: Face,
        look: Look,
        *,
        practice_note: str = "",
        phone: str = "",
        now: Callable[[], datetime],
        stays: Callable[[], bool],
        leave: Callable[[], None],
    ) -> None:
        super().__init__()
        self.setWindowIcon(look.app_icon())
        self.setWindowTitle(words.APP)
        self.setMinimumSize(900, 440)
        self.resize(1366, 688)
        self._face, self._look, self._now = face, look, now
        self._stays, self._leave = stays, leave
        self._name = words.TODAY
        self._areas: dict[str, PageArea] = {}
        self.status: Json | None = None
        self._can: list[tuple[str, list[str]]] = []
        """What each destination can do, as the status said last."""
        self.ending = False
        """True: closing is meant, nothing is asked and nothing hides."""
        self.status_listeners: list[Callable[[Json], None]] = []
        self.news_listeners: list[Callable[[frozenset[str]], None]] = []
        self.asker = Asker(self.fail)
        self.wizard: Wizard | None = None
        self.banner = Banner(look)
        self.banner.setParent(self)
        self._strip = PracticeStrip(look, practice_note, phone, self.tell)
        self.walk = Walk(look, self.go, lambda: self._name)
        self.status_listeners.append(self.walk.show_status)
        self._build(self._desk())
        self._news = news.News(face, self._heard)
        self._timer = QTimer(self, interval=_STATUS_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self._keys()
        self.ask_status()

    # -- what pages may do ------------------------------------------------------------------------------------------

    def go(self, name: str, key: str) -> None:
        """Open a page, at a row if `key` names one."""
        page = self.pages[name]
        if name != self._name:
            self.banner.leave()
        self._name = name
        self.rail.show_page(name)
        self._stack.setCurrentWidget(self._areas[name])
        page.banner_slot.addWidget(self.banner)
        page.setFocus()
        if self.status is not None:
            page.show_status(self.status)
            self._show_outage(self.status)
        page.refresh()
        if key:
            page.open_at(key)

    def tell(self, tone: str, title: str, advice: str) -> None:
        self.banner.say(tone, title, advice) if title else self.banner.leave()

    def fail(self, error: AgentError) -> None:
        self.banner.fail(error)

    def confirm(self, question: Question, then: Callable[[], None]) -> None:
        ask_person(self._look, question, self, then)

    # -- what happens -----------------------------------------------------------------------------------------------

    def page(self) -> Page:
        """The page that is open; the one of today before the window was ever shown."""
        return self.pages[self._name]

    def ask_status(self) -> None:
        self.asker.ask(self._face.status, self._show_status, self._no_status, key="status")

    def refresh(self) -> None:
        """Ask again for everything that is on screen (F5, and every half minute)."""
        self.ask_status()
        if self.isVisible():
            self.page().refresh()

    def resume(self) -> None:
        self.asker.ask(self._face.resume, lambda _answer: self.ask_status())

    def pause(self, minutes: int) -> None:
        self.asker.ask(lambda: self._face.pause(minutes), lambda _answer: self.ask_status())

    def offer_setup(self) -> None:
        """The first set-up opens by itself while nothing is set up, and where it was left."""
        self.asker.ask(self._face.setup_draft, self._offer_setup)

    def _offer_setup(self, draft: Json) -> None:
        if self.wizard is None and (draft["unfinished"] or not draft["set_up"]):
            self.open_setup()

    def open_setup(self) -> None:
        """Walk through the set-up, once more if it was done."""
        if self.wizard is None:
            from app.gui.wizard import Wizard

            self.wizard = Wizard(self._desk(), self)
            self.wizard.closed.connect(self._setup_closed)
            self.wizard.finished.connect(lambda: self.go(words.TODAY, ""))
            self.wizard.show()
        self.wizard.activateWindow()

    def _setup_closed(self) -> None:
        if self.wizard is not None:
            self.wizard.deleteLater()
            self.wizard = None
        self.refresh()

    def shut(self) -> None:
        """Stop hearing and asking; the process is about to end."""
        self._timer.stop()
        self._news.stop()
        self.asker.stop()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.ending:
            event.accept()
            return
        event.ignore()
        if self._stays():
            self.hide()
        else:
            self._leave()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.rail.set_narrow(self.width() < _NARROW_BELOW)
        self._set_low()

    def _set_low(self) -> None:
        for page in self.pages.made.values():
            page.set_low(self._is_low())

    def _is_low(self) -> bool:
        """The strip of a practice platform takes its height from the page."""
        strip = 0 if self._strip.isHidden() else self._strip.height()
        return self.height() - strip <= LOW_BELOW

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self.pages.made:
            self.go(self._name, "")

    def _heard(self, kinds: frozenset[str]) -> None:
        for listener in self.news_listeners:
            listener(kinds)
        if news.PLACES in kinds:
            self._can = []
        if news.STATUS in kinds:
            self.ask_status()
        if self.isVisible() and kinds & self.page().kinds:
            self.page().refresh()

    def _show_status(self, status: Json) -> None:
        self.status = status
        if status.get("theme", self._look.theme) != self._look.theme:
            self._look.set_theme(str(status["theme"]))
        clinic = status["clinic"].get("name", "")
        self.setWindowTitle(f"{words.APP} — {clinic}" if clinic else words.APP)
        self._show_practice(status)
        self._ask_places([(one["name"], one["capabilities"]) for one in status["destinations"]])
        self.rail.show_status(status, self._now())
        if self._name in self.pages.made:
            self.page().show_status(status)
            self._show_outage(status)
        for listener in self.status_listeners:
            listener(status)

    def _ask_places(self, can: list[tuple[str, list[str]]]) -> None:
        """Which platforms let look up exams or want signatures: asked at the start and when they changed."""
        if can != self._can:
            self._can = can
            self.asker.ask(self._face.retrieve_places, lambda answer: self._offer(words.RETRIEVE, answer["places"]))
            self.asker.ask(self._face.signing, lambda answer: self._offer(words.SIGN, answer["able"]))

    def _offer(self, name: str, offers: object) -> None:
        """Whether there is a use for this page."""
        offered = self.pages.offered | {name} if offers else self.pages.offered - {name}
        if offered != self.pages.offered:
            self.pages.offered = offered
            self._show_pages()

    def _show_pages(self) -> None:
        """The rail and its keys, as the platforms make pages possible."""
        self.rail.show_pages({name: f"Ctrl+{self._number(name)}" for name in self.pages})
        if self._name in OPTIONAL - self.pages.offered:
            self.go(words.TODAY, "")

    def _show_outage(self, status: Json) -> None:
        """A destination that does not answer, until it does; what an act said stays over it."""
        one = next((one for one in status["destinations"] if one["trouble"]), None)
        if one is not None and self.page().tells_outages and self.banner.source != "act":
            since = words.clock(one["trouble_since"], self._now())
            advice = f"{one['trouble']} · {since} 起 · 影像都已存盘，一个不会丢"
            self.banner.say("retry", f"{one['title']}连不上，正在自动重试", advice, source="platform")
        elif self.banner.source == "platform":
            self.banner.leave()

    def _no_status(self, error: AgentError) -> None:
        self.rail.sentence.setText("程序没有应答")
        self.fail(error)

    def _show_practice(self, status: Json) -> None:
        practice = any(one["practice"] for one in status["destinations"])
        was_low = self._is_low()
        self._strip.show_practice(practice)
        if self._is_low() != was_low:
            self._set_low()

    def _pause_or_resume(self) -> None:
        if self.status is not None and self.status["paused_until"] is not None:
            self.resume()
        else:
            self.pause(0)

    # -- building ---------------------------------------------------------------------------------------------------

    def _desk(self) -> Desk:
        return Desk(
            face=self._face,
            asker=self.asker,
            look=self._look,
            now=self._now,
            go=self.go,
            tell=self.tell,
            fail=self.fail,
            confirm=self.confirm,
            one_by_one=self.walk.start,
        )

    def _build(self, desk: Desk) -> None:
        self.pages = Pages(desk, self._add)
        self.rail = Rail(self._look, tuple((name, _ICONS[name]) for name in EVERY), self._pause_or_resume)
        self._show_pages()
        self.rail.opened.connect(lambda name: self.go(name, ""))
        self._stack = QStackedWidget()
        self._stack.setObjectName("pages")
        right = column()
        right.addWidget(self._strip)
        right.addWidget(self.walk.widget)
        right.addWidget(self._stack, 1)
        centre = QWidget()
        box = row(centre)
        box.addWidget(self.rail)
        box.addLayout(right, 1)
        self.setCentralWidget(centre)

    def _add(self, page: Page) -> None:
        self._areas[page.name] = PageArea(page)
        self._stack.addWidget(self._areas[page.name])
        page.set_low(self._is_low())

    def _number(self, name: str) -> int:
        return {words.SETTINGS: 8, words.LOG: 9}.get(name) or list(self.pages).index(name) + 1

    def _keys(self) -> None:
        for number in range(1, 10):
            QShortcut(QKeySequence(f"Ctrl+{number}"), self, lambda number=number: self._go_to(number))
        QShortcut(QKeySequence("F5"), self, self.refresh)
        QShortcut(QKeySequence("F1"), self, lambda: show_keys(self._look, self))
        QShortcut(QKeySequence("F6"), self, lambda: self.page().next_pane())
        QShortcut(QKeySequence("Ctrl+F"), self, self._focus_search)
        QShortcut(QKeySequence("Esc"), self, self.banner.leave)

    def _go_to(self, number: int) -> None:
        """The page with this key."""
        name = next((name for name in self.pages if self._number(name) == number), "")
        if name:
            self.go(name, "")

    def _focus_search(self) -> None:
        """The page's own search; from a page that has none, that of 上传队列."""
        if not hasattr(self.page(), "search"):
            self.go(words.QUEUE, "")
        search = getattr(self.page(), "search", None)
        if isinstance(search, QWidget):
            search.setFocus()


class PageArea(QScrollArea):
    """A page fills its area; where the window is smaller than a page can be, the page scrolls as a whole."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._page = page
        self.setWidget(page)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fill()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fill()

    def _fill(self) -> None:
        """The size without scroll bars first: a bar that is only there because of another one must go."""
        room = self.maximumViewportSize()
        bar = self.verticalScrollBar().sizeHint().width()
        width = max(room.width() - (bar if room.height() < _PAGE_LEAST.height() else 0), _PAGE_LEAST.width())
        height = room.height() - (bar if room.width() < _PAGE_LEAST.width() else 0)
        if height < _PAGE_LEAST.height():
            height = _PAGE_SCROLLED
        self._page.resize(width, height)
