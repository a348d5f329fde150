"""The tray icon (托盘图标) and its menu: the same sentence as everywhere, and what may be done without a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from app.gui import words
from app.gui.look import Look

_POLL_MS = 1000


@dataclass(frozen=True, kw_only=True)
class TrayActs:
    """What the menu does."""

    open: Callable[[str], None]
    pause: Callable[[int], None]
    resume: Callable[[], None]
    resend_failed: Callable[[], None]
    quit: Callable[[], None]


class Tray(QObject):
    """Shows itself as soon as there is a tray, however late the taskbar comes up."""

    def __init__(self, look: Look, acts: TrayActs, *, dark_taskbar: Callable[[], bool]) -> None:
        super().__init__()
        self._look, self._acts, self._dark_taskbar = look, acts, dark_taskbar
        self.look_name = ""
        self._told: tuple[str, str] = ("", "")
        self.icon = QSystemTrayIcon(look.app_icon())
        self.menu = QMenu()
        self.actions_by_name: dict[str, QAction] = {}
        self._build()
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self.icon.messageClicked.connect(lambda: acts.open(words.TODAY))
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self.poll)
        self._timer.start()
        self.poll()

    def available(self) -> bool:
        return QSystemTrayIcon.isSystemTrayAvailable()

    def poll(self) -> None:
        """Show the icon once a tray exists (the timer's slot); a taskbar that restarts is found again."""
        if self.available() and not self.icon.isVisible():
            self.icon.show()

    def described(self) -> dict[str, Any]:
        """Where the icon is and what it says."""
        place = self.icon.geometry()
        where = {"x": place.x(), "y": place.y(), "w": place.width(), "h": place.height()}
        return {"look": self.look_name, "tooltip": self.icon.toolTip(), "shown": self.icon.isVisible(), **where}

    def hide(self) -> None:
        self._timer.stop()
        self.icon.hide()

    def show_status(self, status: dict[str, Any]) -> None:
        self.look_name = status["look"]
        self.draw()
        self.icon.setToolTip(status["tooltip"])
        counts, acts = status["counts"], self.actions_by_name
        acts["status"].setText(status["sentence"])
        acts["fill"].setText(f"待填报 {words.to_fill(counts)} 例")
        acts["resend"].setText("重新上传失败的" + (f" {counts['attention']} 例" if counts["attention"] else ""))
        acts["resend"].setEnabled(bool(counts["attention"]))
        paused = status["paused_until"] is not None
        self._pause.menuAction().setVisible(not paused)
        acts["resume"].setVisible(paused)
        self._notify(status)

    def draw(self) -> None:
        """Take the drawings that suit the taskbar."""
        if self.look_name:
            self.icon.setIcon(self._look.tray_icon(self.look_name, dark_taskbar=self._dark_taskbar()))
            self.actions_by_name["status"].setIcon(self._look.tray_icon(self.look_name, dark_taskbar=self._look.dark))

    def _notify(self, status: dict[str, Any]) -> None:
        """Problems only, and each only when it is new."""
        told = (status["look"], status["sentence"])
        news = status["look"] == "needs-you" and self._told[0] not in ("", "needs-you")
        self._told = told
        if news and status["needs_you"]:
            first = status["needs_you"][0]
            self.icon.showMessage(first["title"], f"{first['why']}\n点这里去看", QSystemTrayIcon.MessageIcon.Warning)

    def _build(self) -> None:
        add = self._add
        add("open", "打开", "page-today", lambda: self._acts.open(""))
        font = self._look.font("body", bold=True)
        self.actions_by_name["open"].setFont(font)
        self.menu.addSeparator()
        add("status", "正在启动", "", lambda: None).setEnabled(False)
        self.menu.addSeparator()
        add("fill", "待填报", "page-fill", lambda: self._acts.open(words.FILL))
        self._pause = self.menu.addMenu(self._look.icon("pause"), "暂停上传")
        for name, text, minutes in (("30", "30 分钟", 30), ("120", "2 小时", 120), ("0", "一直到我恢复", 0)):
            add(f"pause-{name}", text, "", partial(self._acts.pause, minutes), self._pause)
        add("resume", "恢复上传", "resume", self._acts.resume).setVisible(False)
        add("resend", "重新上传失败的", "resend", self._acts.resend_failed)
        add("reconcile", "对账", "page-reconcile", lambda: self._acts.open(words.RECONCILE))
        self.menu.addSeparator()
        add("quit", "退出", "cancel", self._acts.quit)

    def _add(self, name: str, text: str, icon: str, slot: Callable[[], object], menu: QMenu | None = None) -> QAction:
        menu = menu or self.menu
        action = QAction(self._look.icon(icon), text, menu) if icon else QAction(text, menu)
        action.triggered.connect(lambda _on=False: slot())
        menu.addAction(action)
        self.actions_by_name[name] = action
        return action

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self._acts.open("")
