"""The first half second of the desktop: an icon that says that the program starts, before all the rest is loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEventLoop, QLibraryInfo, QSettings, Qt, QTimer, QTranslator
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from app.gui import words
from app.gui.constants import keep_constants
from app.gui.garbage import Collector
from app.gui.look import Look, palette
from app.gui.style import style_sheet

T = TypeVar("T")
STARTING = "正在启动"
_LOOK = "paused"
"""Grey: nothing is known yet."""
_POLL_MS = 10
_TASKBAR = r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What is there before the engine."""

    app: QApplication
    look: Look
    icon: QSystemTrayIcon
    garbage: Collector

    def meanwhile(self, call: Callable[[], T]) -> T:
        """Run `call` on a thread of its own while the icon lives; returns and raises what it does."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="start") as threads:
            done = threads.submit(call)
            turning = QEventLoop()
            timer = QTimer(interval=_POLL_MS)
            timer.timeout.connect(lambda: turning.exit() if done.done() else None)
            timer.start()
            turning.exec()
            return done.result()


def begin(resources: Path) -> Begun:
    """Make the application and show its icon, grey and without a menu; a tray that is not there yet is waited for."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    look = dress(app, resources / "gui")
    icon = QSystemTrayIcon(look.tray_icon(_LOOK, dark_taskbar=dark_taskbar()))
    icon.setToolTip(f"{words.APP} · {STARTING}")
    if QSystemTrayIcon.isSystemTrayAvailable():
        icon.show()
    garbage = Collector()
    garbage.start()
    return Begun(app=app, look=look, icon=icon, garbage=garbage)


def dress(app: QApplication, folder: Path) -> Look:
    """Style, fonts, Qt's own words in Chinese and the theme of the system, followed while it changes."""
    keep_constants()
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
    hints.colorSchemeChanged.connect(lambda scheme: look.follow(scheme == Qt.ColorScheme.Dark))
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
