"""The one public entry of the desktop: `run_gui`. Owns the QApplication; knows nothing of what the pages show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from app.engine.face import Face
from app.gui import news, words
from app.gui.closing import Closings, ask_before_quitting
from app.gui.first import Begun, begin, dark_taskbar
from app.gui.first import dress as dress
from app.gui.look import Look
from app.gui.page import Json
from app.gui.session import shutdown_held
from app.gui.tell import tell_if_asked
from app.gui.tray import Tray, TrayActs
from app.gui.window import MainWindow


def run_gui(
    face: Face,
    *,
    resources: Path,
    show_window: bool,
    practice_note: str = "",
    phone: str = "",
    on_quit: Callable[[], None],
    on_session_end: Callable[[], None] = lambda: None,
    begun: Begun | None = None,
) -> int:
    """Show tray icon and window until the person quits; returns the exit code.

    `resources`: the folder that holds `gui/`. `show_window` False starts hidden in the tray (and shows the window all
    the same where there is no tray). `practice_note` fills the strip of a practice platform, "" for none; `phone` is
    the address of its page that stands for a doctor's phone.
    `on_quit()` is called once, after the person agreed to quit and before the event loop ends. `on_session_end()` is
    called when the computer shuts down or the person logs off: what must be done before the process is killed.
    `begun`: what `begin` showed already; it belongs to this function from now on.
    """
    begun = begun or begin(resources)
    app = begun.app
    desktop = Desktop(
        app,
        face,
        begun.look,
        icon=begun.icon,
        practice_note=practice_note,
        phone=phone,
        on_quit=on_quit,
        end=app.exit,  # exit, not quit: quit asks every window to close first, and ours hides instead
        on_session_end=on_session_end,
    )
    desktop.start(show_window=show_window)
    tell_if_asked(desktop, desktop.tray.described)
    try:
        return app.exec()
    finally:
        desktop.stop()
        begun.garbage.stop()


class Desktop(QObject):
    """Tray icon and window together, and the way out."""

    def __init__(
        self,
        app: QApplication,
        face: Face,
        look: Look,
        *,
        practice_note: str,
        phone: str = "",
        on_quit: Callable[[], None],
        end: Callable[[int], None],
        on_session_end: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        icon: QSystemTrayIcon | None = None,
    ) -> None:
        """`end(code)` leaves the event loop. `icon` is there already where the program began with it."""
        super().__init__()
        self._face, self._on_quit, self._end, self._on_session_end = face, on_quit, end, on_session_end
        self._now = now
        self.leaves_when_done = False
        self.look = look
        self.window = MainWindow(
            face,
            self.look,
            practice_note=practice_note,
            phone=phone,
            now=now,
            stays=lambda: self.tray.available(),
            leave=self.leave,
        )
        self.tray = Tray(self.look, self._acts(), dark_taskbar=dark_taskbar, icon=icon)
        self.closings = Closings(face, look, self.window, self.tray, self.open, now)
        self.window.status_listeners += [self.tray.show_status, self._leave_if_done, self.closings.show_status]
        self.window.news_listeners.append(self._heard)
        self.look.changed.connect(self.tray.draw)
        app.commitDataRequest.connect(lambda _session: self.end_session())

    def start(self, *, show_window: bool) -> None:
        if show_window or not self.tray.available():
            self.open("", "")
            self.window.offer_setup()

    def stop(self) -> None:
        self.tray.hide()
        self.closings.close()
        self.window.shut()

    def open(self, page: str, key: str) -> None:
        """Bring the window to the front, at a page if one is named."""
        self.window.show()
        self.window.setWindowState(self.window.windowState() & ~Qt.WindowState.WindowMinimized)
        self.window.raise_()
        self.window.activateWindow()
        if page:
            self.window.go(page if page in self.window.pages else words.TODAY, key)
        self.window.refresh()

    def leave(self) -> None:
        """Quit, asking first while something is on its way."""
        moving = self._moving()
        if not moving or self.leaves_when_done:
            self._quit()
            return
        self.open("", "")
        left = (self.window.status or {}).get("seconds_left")
        ask_before_quitting(self.look, moving, left, self._leave_later, self._quit, parent=self.window)

    def end_session(self) -> None:
        """The computer shuts down or the person logs off: say what is open, stop cleanly, end.

        What is on its way goes on at the next start, and a closing that was missed is shown then.
        """
        moving = self._moving()
        said = f"还有 {moving} 例没传完，已存盘，下次开机接着传" if moving else ""
        with shutdown_held(int(self.window.winId()), said):
            self._tell_quit()
            self._on_session_end()
        self._end(0)

    def _moving(self) -> int:
        return int(self.window.status["counts"]["uploading"]) if self.window.status else 0

    def _leave_later(self) -> None:
        self.leaves_when_done = True
        self.tray.show_leaving(True)
        if self.tray.available():
            self.window.hide()

    def _stay(self) -> None:
        self.leaves_when_done = False
        self.tray.show_leaving(False)

    def _leave_if_done(self, status: Json) -> None:
        if self.leaves_when_done and not int(status["counts"]["uploading"]):
            self._quit()

    def _heard(self, kinds: frozenset[str]) -> None:
        if news.SHOW in kinds:
            self.open("", "")
        if news.END in kinds:
            self._quit()

    def _quit(self) -> None:
        self._tell_quit()
        self._end(0)

    def _tell_quit(self) -> None:
        """Say once that the end is near, whether a person or the end of the Windows session brings it."""
        self.window.ending = True
        on_quit, self._on_quit = self._on_quit, lambda: None
        on_quit()

    def _acts(self) -> TrayActs:
        ask, window = self.window.asker.ask, self.window
        has_log = words.LOG in window.pages
        return TrayActs(
            open=self.open,
            pause=window.pause,
            resume=window.resume,
            resend_failed=lambda: ask(lambda: self._face.resend(failed=True), lambda _answer: window.refresh()),
            snooze=lambda minutes: ask(lambda: self._face.snooze(minutes), lambda _answer: window.ask_status()),
            bundle=(lambda: self.open(words.LOG, "bundle")) if has_log else None,
            quit=self.leave,
            stay=self._stay,
            now=self._now,
        )
