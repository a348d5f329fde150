"""How everything looks: colours, fonts and drawings of `resources/gui`, light and dark. Never decides what is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

TRAY_SIZES = (16, 20, 24, 32, 40, 48)
_RATIOS = (1.0, 1.25, 1.5, 2.0)
_PALETTE = {
    QPalette.ColorRole.Window: "bg",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "surface",
    QPalette.ColorRole.AlternateBase: "subtle",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.PlaceholderText: "text3",
    QPalette.ColorRole.Button: "surface",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.ToolTipBase: "surface",
    QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.Highlight: "select",
    QPalette.ColorRole.HighlightedText: "text",
    QPalette.ColorRole.Link: "accentText",
    QPalette.ColorRole.Light: "surface",
    QPalette.ColorRole.Midlight: "hair",
    QPalette.ColorRole.Mid: "line",
    QPalette.ColorRole.Dark: "control",
    QPalette.ColorRole.Shadow: "line",
    QPalette.ColorRole.BrightText: "bad",
    QPalette.ColorRole.Accent: "accent",
}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The drawing and the tone of a state; the word always stands beside them."""

    icon: str
    tone: str


class Look(QObject):
    """The tokens in one theme. `changed` is emitted after the theme was switched; painters just ask again."""

    changed = Signal()

    def __init__(self, folder: Path, *, dark: bool = False) -> None:
        """`folder`: `resources/gui`."""
        super().__init__()
        self._folder = folder
        self._tokens: dict[str, Any] = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
        self._svg: dict[str, str] = {}
        self._pixmaps: dict[tuple[object, ...], QPixmap] = {}
        self._fonts: dict[tuple[str, bool], QFont] = {}
        self._metrics: dict[tuple[str, bool], QFontMetrics] = {}
        self.dark = dark
        self.theme, self._system_dark = "system", dark

    def set_theme(self, theme: str) -> None:
        """As `theme` says: "system" (as the desktop is), "light" or "dark"."""
        self.theme = theme
        self.set_dark(self._system_dark if theme == "system" else theme == "dark")

    def follow(self, dark: bool) -> None:
        """The desktop became dark or light; seen where the theme follows it."""
        self._system_dark = dark
        self.set_theme(self.theme)

    def set_dark(self, dark: bool) -> None:
        if dark != self.dark:
            self.dark = dark
            self.changed.emit()

    def hex(self, name: str) -> str:
        """`#RRGGBB` of a colour token in the current theme."""
        return str(self._tokens["colour"][name]["dark" if self.dark else "light"])

    def colour(self, name: str) -> QColor:
        return QColor(self.hex(name))

    def colour_names(self) -> tuple[str, ...]:
        return tuple(self._tokens["colour"])

    def has_state(self, state: str) -> bool:
        return state.upper() in self._tokens["state"]

    def state(self, state: str) -> Mark:
        """The mark of an exam's or a job's state (the enum's value)."""
        row = self._tokens["state"][state.upper()]
        return Mark(icon=row["icon"], tone=row["tone"])

    def points(self, role: str) -> float:
        return float(self._tokens["font"]["scale_pt"][role])

    def font(self, role: str = "body", *, bold: bool = False) -> QFont:
        """A font of the scale; kept, because painters ask for it for every line they paint."""
        if (role, bold) not in self._fonts:
            self._fonts[role, bold] = self._make_font(role, bold=bold)
        return self._fonts[role, bold]

    def metrics(self, role: str = "body", *, bold: bool = False) -> QFontMetrics:
        if (role, bold) not in self._metrics:
            self._metrics[role, bold] = QFontMetrics(self.font(role, bold=bold))
        return self._metrics[role, bold]

    def _make_font(self, role: str, *, bold: bool) -> QFont:
        font = QFont()
        font.setFamilies(self._tokens["font"]["families"])
        font.setPointSizeF(self.points(role))
        font.setBold(bold)
        return font

    def families(self) -> list[str]:
        """The fonts of every text, the best first."""
        return list(self._tokens["font"]["families"])

    def mono(self, role: str = "body_small") -> QFont:
        font = QFont()
        font.setFamilies([*self._tokens["font"]["mono"], *self._tokens["font"]["families"]])
        font.setPointSizeF(self.points(role))
        return font

    def height(self, name: str) -> int:
        return int(self._tokens["height"][name])

    def pixmap(self, icon: str, tone: str, size: int, ratio: float, on: str = "surface") -> QPixmap:
        """A drawing in a tone; what is cut out of solid marks takes the colour `on` that lies under them."""
        key = (icon, tone, size, ratio, on, self.dark)
        if key not in self._pixmaps:
            self._pixmaps[key] = self._draw(self._coloured(icon, tone, on), size, ratio)
        return self._pixmaps[key]

    def icon(self, name: str, tone: str = "text2", size: int = 16, on: str = "surface", *, gap: int = 0) -> QIcon:
        """`gap`: px of nothing at the right, where a style leaves too little before the text."""
        icon = QIcon()
        for ratio in _RATIOS:
            for colour, mode in ((tone, QIcon.Mode.Normal), ("disabled", QIcon.Mode.Disabled)):
                icon.addPixmap(_padded(self.pixmap(name, colour, size, ratio, on), round(gap * ratio)), mode)
        return icon

    def app_icon(self) -> QIcon:
        return self._icon_of("app")

    def tray_icon(self, look: str, *, dark_taskbar: bool) -> QIcon:
        """One of the five tray drawings in every tray size; `look` as in the engine's status."""
        return self._icon_of(f"tray-{look}-{'dark' if dark_taskbar else 'light'}")

    def tray_pixmap(self, look: str, size: int, ratio: float) -> QPixmap:
        key = ("tray", look, size, ratio, self.dark)
        if key not in self._pixmaps:
            source = self._source(f"tray-{look}-{'dark' if self.dark else 'light'}")
            self._pixmaps[key] = self._draw(source, size, ratio)
        return self._pixmaps[key]

    def _icon_of(self, name: str) -> QIcon:
        icon = QIcon()
        for size in TRAY_SIZES:
            for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled):
                icon.addPixmap(self._draw(self._source(name), size, 1.0), mode)
        return icon

    def _source(self, name: str) -> str:
        if name not in self._svg:
            self._svg[name] = (self._folder / "icons" / f"{name}.svg").read_text(encoding="utf-8")
        return self._svg[name]

    def _coloured(self, name: str, tone: str, on: str) -> str:
        return self._source(name).replace("#FFFFFF", self.hex(on)).replace("currentColor", self.hex(tone))

    @staticmethod
    def _draw(svg: str, size: int, ratio: float) -> QPixmap:
        pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
        pixmap.fill(Qt.GlobalColor.transparent)
        pixmap.setDevicePixelRatio(ratio)
        painter = QPainter(pixmap)
        QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size))
        painter.end()
        return pixmap


def _padded(pixmap: QPixmap, gap: int) -> QPixmap:
    if not gap:
        return pixmap
    wide = QPixmap(pixmap.width() + gap, pixmap.height())
    wide.fill(Qt.GlobalColor.transparent)
    wide.setDevicePixelRatio(pixmap.devicePixelRatio())
    painter = QPainter(wide)
    painter.drawPixmap(0, 0, pixmap)
    painter.end()
    return wide


def palette(look: Look) -> QPalette:
    """The Fusion palette of the current theme."""
    made = QPalette()
    for role, name in _PALETTE.items():
        made.setColor(role, look.colour(name))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        made.setColor(QPalette.ColorGroup.Disabled, role, look.colour("disabled"))
    return made
