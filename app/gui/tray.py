"""The tray icon (托盘图标) and its menu: the same sentence as everywhere, and what may be done without a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from app.domain.times import CST
from app.gui import words
from app.gui.look import Look
from app.gui.notices import Notice, Notices

_POLL_MS = 1000
_TELL_MS = 8000
UNTIL_TOMORROW = -1
"""Instead of minutes: until the next midnight."""


@dataclass(frozen=True, kw_only=True)
class TrayActs:
    """What the menu does. `pause` and `snooze` take minutes; `snooze(0)` notifies again."""

    open: Callable[[str, str], None]
    pause: Callable[[int], None]
    resume: Callable[[], None]
    resend_failed: Callable[[], None]
    snooze: Callable[[int], None]
    bundle: Callable[[], None] | None
    """None while there is no page that makes a help bundle."""
    quit: Callable[[], None]
    stay: Callable[[], None]
    """Not quitting when all is sent, after all."""
    now: Callable[[], datetime]


class Tray(QObject):
    """Shows itself as soon as there is a tray, however late the taskbar comes up."""

    def __init__(
        self,
        look: Look,
        acts: TrayActs,
        *,
        dark_taskbar: Callable[[], bool],
        icon: QSystemTrayIcon | None = None,
    ) -> None:
        super().__init__()
        self._look, self._acts, self._dark_taskbar = look, acts, dark_taskbar
        self.look_name = ""
        self.notices = Notices()
        self.told: list[Notice] = []
        """What was told last; a click on the message leads to the newest."""
        self.icon = icon or QSystemTrayIcon(look.app_icon())
        self.menu = QMenu()
        self.actions_by_name: dict[str, QAction] = {}
        self._build()
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self.icon.messageClicked.connect(self.follow)
        self.menu.aboutToShow.connect(self._say_times)
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
        counts, acts, now = status["counts"], self.actions_by_name, self._acts.now()
        acts["status"].setText(status["sentence"])
        acts["confirmed"].setText(words.confirmed_line(status["last_confirmed_at"], now))
        acts["fill"].setText(_counted("待填报", words.to_fill(counts), "例"))
        acts["resend"].setText(_counted("重新上传失败的", counts["attention"], "例"))
        acts["resend"].setEnabled(bool(counts["attention"]))
        acts["reconcile"].setText(_counted("对账", int(status.get("missing_for_engineer") or 0), "例", before="缺 "))
        paused = status["paused_until"] is not None
        self._pause.menuAction().setVisible(not paused)
        acts["resume"].setVisible(paused)
        snoozed = status.get("snoozed_until")
        self._snooze.menuAction().setVisible(not snoozed)
        acts["notify"].setVisible(bool(snoozed))
        acts["notify"].setText(f"恢复提醒\t到 {words.clock(snoozed, now)}" if snoozed else "恢复提醒")
        for notice in self.notices.news(status, now):
            self.tell(notice)

    def show_leaving(self, leaving: bool) -> None:
        """The program ends by itself once everything is sent."""
        self.actions_by_name["quit"].setText("现在退出" if leaving else "退出")
        self.actions_by_name["stay"].setVisible(leaving)

    def draw(self) -> None:
        """Take the drawings that suit the taskbar."""
        if self.look_name:
            self.icon.setIcon(self._look.tray_icon(self.look_name, dark_taskbar=self._dark_taskbar()))
            self.actions_by_name["status"].setIcon(self._look.tray_icon(self.look_name, dark_taskbar=self._look.dark))

    def tell(self, notice: Notice) -> None:
        """One message; the whole of it leads to its place."""
        self.told = [*self.told[-9:], notice]
        drawing = self._look.tray_icon(notice.look, dark_taskbar=self._look.dark)
        self.icon.showMessage(notice.title, notice.text, drawing, _TELL_MS)

    def follow(self) -> None:
        """The message was clicked (its slot)."""
        if self.told:
            self._acts.open(self.told[-1].page, self.told[-1].key)

    # -- the menu ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        add, acts = self._add, self._acts
        add("open", "打开主窗口\t双击图标", "page-today", lambda: acts.open("", ""))
        self.actions_by_name["open"].setFont(self._look.font("body", bold=True))
        self.menu.addSeparator()
        add("status", "正在启动", "", lambda: None).setEnabled(False)
        self.actions_by_name["status"].setFont(self._look.font("body", bold=True))
        add("confirmed", "", "", lambda: None).setEnabled(False)
        self.menu.addSeparator()
        add("fill", "待填报", "page-fill", lambda: acts.open(words.FILL, ""))
        add("reconcile", "对账", "page-reconcile", lambda: acts.open(words.RECONCILE, ""))
        self.menu.addSeparator()
        self._pause = self._sub_menu("暂停上传", "pause")
        for name, minutes in (("30", 30), ("120", 120), ("tomorrow", UNTIL_TOMORROW)):
            add(f"pause-{name}", "", "", partial(self._paused, minutes), self._pause)
        add("resume", "恢复上传", "resume", acts.resume).setVisible(False)
        add("resend", "重新上传失败的", "resend", acts.resend_failed)
        self._snooze = self._sub_menu("先不提醒", "bell")
        add("snooze-60", "1 小时内不提醒", "", partial(acts.snooze, 60), self._snooze)
        add("snooze-today", "今天不再提醒", "", lambda: acts.snooze(self._minutes(UNTIL_TOMORROW)), self._snooze)
        add("notify", "恢复提醒", "bell", partial(acts.snooze, 0)).setVisible(False)
        self.menu.addSeparator()
        add("settings", words.SETTINGS, "page-settings", lambda: acts.open(words.SETTINGS, ""))
        if acts.bundle is not None:
            add("bundle", "生成诊断包", "export", acts.bundle)
        self.menu.addSeparator()
        add("stay", "先不退出，继续用", "undo", acts.stay).setVisible(False)
        add("quit", "退出", "cancel", acts.quit)
        self._say_times()

    def _say_times(self) -> None:
        """Until when each pause would last."""
        now = self._acts.now()
        for name, text, minutes in (("30", "30 分钟", 30), ("120", "2 小时", 120)):
            until = (now + timedelta(minutes=minutes)).astimezone(CST)
            self.actions_by_name[f"pause-{name}"].setText(f"{text}\t到 {until:%H:%M}")
        self.actions_by_name["pause-tomorrow"].setText("到明天\t0:00")

    def _paused(self, minutes: int) -> None:
        self._acts.pause(self._minutes(minutes))

    def _minutes(self, minutes: int) -> int:
        return minutes_until_tomorrow(self._acts.now()) if minutes == UNTIL_TOMORROW else minutes

    def _sub_menu(self, text: str, icon: str) -> QMenu:
        return self.menu.addMenu(self._look.icon(icon), text)

    def _add(self, name: str, text: str, icon: str, slot: Callable[[], object], menu: QMenu | None = None) -> QAction:
        menu = menu or self.menu
        action = QAction(self._look.icon(icon), text, menu) if icon else QAction(text, menu)
        action.setObjectName(name)
        action.triggered.connect(lambda _on=False: slot())
        menu.addAction(action)
        self.actions_by_name[name] = action
        return action

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self._acts.open("", "")


def minutes_until_tomorrow(now: datetime) -> int:
    """To the next midnight in China, rounded up."""
    here = now.astimezone(CST)
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return ceil((midnight - here) / timedelta(minutes=1))


def _counted(text: str, count: int, unit: str, *, before: str = "") -> str:
    return f"{text}\t{before}{count} {unit}" if count else text
