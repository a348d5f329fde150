"""Starting with the session, on this desktop and with a stand-in for the Windows registry."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from app.system import autostart


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_it_is_off_until_it_is_switched_on_and_off_again_after(config: Path) -> None:
    assert not autostart.is_enabled()
    autostart.enable(["/opt/影像/agent", "--hidden"])
    assert autostart.is_enabled()
    autostart.disable()
    autostart.disable()
    assert not autostart.is_enabled()


def test_the_desktop_entry_quotes_blanks_chinese_and_special_signs(config: Path) -> None:
    autostart.enable(["/opt/影像 云/agent", "100%", 'a"b$'])
    entry = (config / "autostart" / "ImagingAgent.desktop").read_text(encoding="utf-8")
    assert entry.splitlines()[0] == "[Desktop Entry]"
    assert 'Exec="/opt/影像 云/agent" "100%%" "a\\\\"b\\\\$"' in entry


@pytest.mark.skipif(sys.platform == "win32", reason="a home folder on Linux")
def test_a_relative_xdg_folder_is_ignored_as_the_specification_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    autostart.enable(["agent"])
    assert (tmp_path / ".config" / "autostart" / "ImagingAgent.desktop").is_file()


class FakeRegistry:
    """HKCU's Run key as winreg shows it."""

    HKEY_CURRENT_USER = 1
    REG_SZ = 1

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def CreateKey(self, root: int, path: str) -> Self:
        assert path == r"Software\Microsoft\Windows\CurrentVersion\Run"
        return self

    def SetValueEx(self, key: object, name: str, reserved: int, kind: int, value: str) -> None:
        self.values[name] = value

    def QueryValueEx(self, key: object, name: str) -> tuple[str, int]:
        if name not in self.values:
            raise FileNotFoundError(name)
        return self.values[name], self.REG_SZ

    def DeleteValue(self, key: object, name: str) -> None:
        if self.values.pop(name, None) is None:
            raise FileNotFoundError(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


def test_on_windows_it_is_a_quoted_run_value(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "winreg", registry)  # type: ignore[arg-type]
    assert not autostart.is_enabled()
    autostart.enable([r"C:\Program Files\影像\agent.exe", "--hidden"])
    assert registry.values == {"ImagingAgent": r'"C:\Program Files\影像\agent.exe" --hidden'}
    assert autostart.is_enabled()
    autostart.disable()
    autostart.disable()
    assert not autostart.is_enabled()


@pytest.mark.skipif(sys.platform != "win32", reason="the real registry")
def test_the_real_registry_keeps_the_run_value() -> None:
    before = autostart.is_enabled()
    autostart.enable([r"C:\影像 云\agent.exe"])
    assert autostart.is_enabled()
    autostart.disable()
    assert not autostart.is_enabled()
    assert not before


def test_a_clone_starts_by_its_python_and_a_frozen_program_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert autostart.own_command()[1:] == ("-m", "app")
    monkeypatch.setattr(autostart, "sys", SimpleNamespace(frozen=True, executable="agent.exe"))
    assert autostart.own_command() == ("agent.exe",)
