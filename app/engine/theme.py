"""How the window looks (跟随系统, 浅色, 深色): a setting that changes without a restart."""

from __future__ import annotations

from dataclasses import replace

from app.engine.house import House
from app.engine.settings import THEMES, read_settings, write_settings
from app.errors import NeedsOperator


def with_theme(house: House, theme: str) -> House:
    """The house with the theme written into its settings. Raises `NeedsOperator` for one that there is not."""
    if theme not in THEMES:
        raise NeedsOperator("没有这种外观", "可以用：跟随系统 system、浅色 light、深色 dark", fields=("ui.theme",))
    ui = replace(house.settings.ui, theme=theme)
    write_settings(house.home, replace(read_settings(house.home), ui=ui))
    return replace(house, settings=replace(house.settings, ui=ui))
