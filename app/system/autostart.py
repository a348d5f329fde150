"""Starting with the user's session: HKCU Run on Windows, an autostart entry of the desktop elsewhere.

Never needs administrator rights, never touches other users.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ENTRY_NAME = "ImagingAgent"
TITLE = "影像云上传助手"
RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
_DESKTOP_RESERVED = '"`$\\'


def own_command() -> tuple[str, ...]:
    """How this very program is started: the frozen program, or this Python with `-m app`, without a console."""
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    windowed = Path(sys.executable).with_name("pythonw.exe")
    return (str(windowed) if windowed.exists() else sys.executable, "-m", "app")


def enable(command: Sequence[str]) -> None:
    """Starts `command` (program and its words) at each log-in; replaces an older entry."""
    if sys.platform == "win32":
        import winreg

        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
            winreg.SetValueEx(key, ENTRY_NAME, 0, winreg.REG_SZ, subprocess.list2cmdline(command))
    else:
        entry = _entry_file()
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.write_text(_entry(command), encoding="utf-8")


def disable() -> None:
    """No start at log-in any more; safe to repeat."""
    if sys.platform == "win32":
        import winreg

        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
            try:
                winreg.DeleteValue(key, ENTRY_NAME)
            except FileNotFoundError:
                return
    else:
        _entry_file().unlink(missing_ok=True)


def is_enabled() -> bool:
    """Whether an entry of ours exists (it may point to an older place: `enable` again at start mends that)."""
    if sys.platform == "win32":
        import winreg

        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
            try:
                winreg.QueryValueEx(key, ENTRY_NAME)
            except FileNotFoundError:
                return False
            return True
    return _entry_file().is_file()


def _entry_file() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(config) if Path(config).is_absolute() else Path.home() / ".config"
    return folder / "autostart" / f"{ENTRY_NAME}.desktop"


def _entry(command: Sequence[str]) -> str:
    words = " ".join(_quoted(word) for word in command)
    return f"[Desktop Entry]\nType=Application\nName={TITLE}\nExec={words}\nTerminal=false\n"


def _quoted(word: str) -> str:
    """One word of Exec= (Desktop Entry Specification, "The Exec key"): quoted, then escaped as a string value."""
    inside = "".join(f"\\{mark}" if mark in _DESKTOP_RESERVED else mark for mark in word.replace("%", "%%"))
    return f'"{inside}"'.replace("\\", "\\\\")
