"""The one public entry of the desktop: `run_gui`. Owns the QApplication; knows nothing of what the pages show."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QObject, QSettings, Qt, QTranslator
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app.engine.face import Face
from app.gui import words
from app.gui.look import Look, palette
from app.gui.page import Question
from app.gui.style import style_sheet
from app.gui.tell import tell_if_asked
from app.gui.tray import Tray, TrayActs
from app.gui.window import MainWindow

_TASKBAR = r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"


def run_gui(
    face: Face, *, resources: Path, show_window: bool, practice_note: str = "", on_quit: Callable[[], None]
) -> int:
    """Show tray icon and window until the person quits; returns the exit code.

    `resources`: the folder that holds `gui/`. `show_window` False starts hidden in the tray (and shows the window all
    the same where there is no tray). `practice_note` fills the strip of a practice platform, "" for none.
    `on_quit()` is called once, after the person agreed to quit and before the event loop ends.
    """
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    look = dress(app, resources / "gui")
    desktop = Desktop(app, face, look, practice_note=practice_note, on_quit=on_quit, end=app.exit)
    # exit, not quit: quit asks every window to close first, and ours hides instead
    desktop.start(show_window=show_window)
    tell_if_asked(desktop, desktop.tray.described)
    try:
        return app.exec()
    finally:
        desktop.stop()


class Desktop(QObject):
    """Tray icon and window together, and the way out."""

    def __init__(
        self,
        app: QApplication,
        face: Face,
        look: Look,
        *,
        practice_note: str,
        on_quit: Callable[[], None],
        end: Callable[[int], None],
    ) -> None:
        """`end(code)` leaves the event loop."""
        super().__init__()
        self._face, self._on_quit, self._end = face, on_quit, end
        self.look = look
        acts = TrayActs(
            open=self.open,
            pause=lambda minutes: self.window.pause(minutes),
            resume=lambda: self.window.resume(),
            resend_failed=self._resend_failed,
            quit=self.leave,
        )
        self.tray = Tray(self.look, acts, dark_taskbar=dark_taskbar)
        self.window = MainWindow(
            face,
            self.look,
            practice_note=practice_note,
            now=lambda: datetime.now(UTC),
            stays=self.tray.available,
            leave=self.leave,
        )
        self.window.status_listeners.append(self.tray.show_status)
        self.look.changed.connect(self.tray.draw)
        app.commitDataRequest.connect(lambda _session: self._tell_quit())

    def start(self, *, show_window: bool) -> None:
        if show_window or not self.tray.available():
            self.open("")

    def stop(self) -> None:
        self.tray.hide()
        self.window.shut()

    def open(self, page: str) -> None:
        """Bring the window to the front, at a page if one is named."""
        self.window.show()
        self.window.setWindowState(self.window.windowState() & ~Qt.WindowState.WindowMinimized)
        self.window.raise_()
        self.window.activateWindow()
        if page:
            self.window.go(page, "")
        self.window.refresh()

    def leave(self) -> None:
        """Quit, asking first while something is on its way."""
        status = self.window.status
        moving = int(status["counts"]["uploading"]) if status else 0
        if not moving:
            self._quit()
            return
        self.open("")
        self.window.confirm(quit_question(moving), self._quit)

    def _quit(self) -> None:
        self._tell_quit()
        self._end(0)

    def _tell_quit(self) -> None:
        """Say once that the end is near, whether a person or the end of the Windows session brings it."""
        self.window.ending = True
        on_quit, self._on_quit = self._on_quit, lambda: None
        on_quit()

    def _resend_failed(self) -> None:
        self.window.asker.ask(lambda: self._face.resend(failed=True), lambda _answer: self.window.refresh())


def quit_question(moving: int) -> Question:
    """What is asked before quitting with work under way."""
    return Question(
        head=f"退出{words.APP}？",
        title=f"还有 {moving} 例正在上传",
        text="现在退出不会丢，下次开机接着传。只想关窗口的话，右下角图标会继续上传。",
        yes="退出",
        no="不退出",
        icon="state-sending",
        tone="work",
    )


def dress(app: QApplication, folder: Path) -> Look:
    """Style, fonts, Qt's own words in Chinese and the theme of the system, followed while it changes."""
    app.setStyle("Fusion")
    app.setApplicationName(words.APP)
    app.setQuitOnLastWindowClosed(False)
    _speak_chinese(app)
    hints = QGuiApplication.styleHints()
    look = Look(folder, dark=hints.colorScheme() == Qt.ColorScheme.Dark)
    app.setWindowIcon(look.app_icon())
    app.setFont(look.font("body"))
    wear(app, look, folder)
    look.changed.connect(lambda: wear(app, look, folder))
    hints.colorSchemeChanged.connect(lambda scheme: look.set_dark(scheme == Qt.ColorScheme.Dark))
    return look


def wear(app: QApplication, look: Look, folder: Path) -> None:
    """Put the current theme on."""
    app.setPalette(palette(look))
    app.setStyleSheet(style_sheet(look, folder.as_posix()))


def dark_taskbar() -> bool:
    """Whether the taskbar is dark; Windows keeps that apart from the theme of windows."""
    if sys.platform == "win32":
        light = QSettings(_TASKBAR, QSettings.Format.NativeFormat).value("SystemUsesLightTheme", 1)
        return int(str(light)) == 0
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def _speak_chinese(app: QApplication) -> None:
    translator = QTranslator(app)
    if translator.load("qtbase_zh_CN", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(translator)
