"""Look through the images of an exam (看图): slices, window, zoom; film, thumbnails and a bar. Knows no page.

Takes series as `Face.series` lists them and anything that answers like `Face.frame`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from app.errors import AgentError
from app.gui.ask import Asker
from app.gui.film import Corners, Film
from app.gui.frames import FrameOf, Frames, Picture, Wanted, side_in_steps
from app.gui.look import Look
from app.gui.parts import Button, clear, column, row, set_property
from app.gui.thumbs import MOST, Thumb, Thumbs, spread
from app.gui.told import Told

Json = dict[str, Any]
THUMB_SIDE = 128
_AHEAD = (1, -1, 2, -2)
_MOST_PLACES = 20_000
_DRAG_PX = 400.0
"""So many pixels of dragging double a window's width."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One frame in the run of everything there is to see; `number` of `total` in its series."""

    sop_instance_uid: str
    frame: int
    series: int
    number: int
    total: int


def places(series: list[Json]) -> list[Place]:
    """Every frame of every image, series after series."""
    found: list[Place] = []
    for index, one in enumerate(series):
        total = sum(int(image["frames"]) for image in one["images"])
        number = 0
        for image in one["images"]:
            for frame in range(min(int(image["frames"]), _MOST_PLACES)):
                number += 1
                uid = str(image["sop_instance_uid"])
                found.append(Place(sop_instance_uid=uid, frame=frame, series=index, number=number, total=total))
    return found


def window_words(center: float, width: float) -> str:
    """窗宽 1500 窗位 −600"""
    return f"窗宽 {_number(width)} 窗位 {_number(center)}"


def _number(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2g}"
    return text.replace("-", "−")


class Viewer(QWidget):
    """`opened()`: a person wants the large one · `moved(series)`: another series is shown."""

    opened = Told()
    moved = Told()

    def __init__(self, look: Look, asker: Asker, frame_of: FrameOf, *, large: bool = False) -> None:
        super().__init__()
        self._look, self._large = look, large
        self._frames = Frames(asker, frame_of)
        self._series: list[Json] = []
        self.places: list[Place] = []
        self.at = 0
        self._person: tuple[str, ...] = ()
        self._preset = ""
        self._window: tuple[float, float] | None = None
        self._facts: Json | None = None
        self._presets: list[Button] = []
        self._preset_box = row()
        self._build()

    # -- what there is to see ---------------------------------------------------------------------------------------

    def put(self, series: list[Json], person: tuple[str, ...] = (), *, anew: bool = True) -> None:
        """Show these series; `anew`: another exam, else more of the same one, and the image shown stays."""
        before = self.place()
        self._series, self.places, self._person = series, places(series), person
        if anew or before is None:
            self._preset, self._window, self._facts = "", None, None
            self.film.clear()
            self.invert(False)
            self.at = self._first_place()
        else:
            same = [n for n, place in enumerate(self.places) if place.sop_instance_uid == before.sop_instance_uid]
            self.at = same[min(before.frame, len(same) - 1)] if same else self._first_place()
        self._put_thumbs()
        self._show()

    def place(self) -> Place | None:
        return self.places[self.at] if self.at < len(self.places) else None

    def go(self, at: int) -> None:
        """Another place of the run; beyond an end the end itself."""
        at = min(max(0, at), len(self.places) - 1)
        if not self.places or at == self.at:
            return
        before, self.at = self.places[self.at].series, at
        if self.places[at].series != before:
            self.film.fit()
            self._put_thumbs()
            self.moved.emit(self.places[at].series)
        self._show()

    def go_series(self, series: int) -> None:
        """The middle of a series: there one recognises it."""
        own = [n for n, place in enumerate(self.places) if place.series == series]
        if own:
            self.go(own[(len(own) - 1) // 2])

    def choose(self, number: int) -> None:
        """The window on key `number` from 1; once more: back to the device's own."""
        offered = self._facts["presets"] if self._facts else []
        if 1 <= number <= len(offered):
            name = str(offered[number - 1]["name"])
            self._preset, self._window = ("" if self._preset == name else name), None
            self._show()

    def invert(self, inverted: bool) -> None:
        self.film.invert(inverted)
        self._invert.setChecked(inverted)

    def reset(self) -> None:
        """As it was when the exam was opened."""
        self._preset, self._window = "", None
        self.invert(False)
        self.film.fit()
        self._show()

    def _first_place(self) -> int:
        """The middle of the longest series."""
        longest = max((place.total for place in self.places), default=0)
        first = next((n for n, place in enumerate(self.places) if place.total == longest), 0)
        return first + max(0, (longest - 1) // 2)

    # -- asking -----------------------------------------------------------------------------------------------------

    def _wanted(self, place: Place) -> Wanted:
        return Wanted(
            sop_instance_uid=place.sop_instance_uid,
            frame=place.frame,
            preset=self._preset,
            window=self._window,
            side=side_in_steps(self.film.wanted_side()),
        )

    def _show(self) -> None:
        place = self.place()
        if place is None:
            return
        self.thumbs.mark(self.at)
        self._frames.show(
            self._wanted(place), lambda picture: self._came(place, picture), lambda error: self._failed(place, error)
        )

    def _came(self, place: Place, picture: Picture) -> None:
        if place != self.place():
            return
        self._facts = picture.facts
        self.film.show_image(picture.image, float(picture.facts["pixel_aspect"]), self._corners())
        self._show_presets()
        if self._window is None:
            near = (self.at + by for by in _AHEAD)
            self._frames.ahead([self._wanted(self.places[at]) for at in near if 0 <= at < len(self.places)])
        self._fill_thumbs()

    def _failed(self, place: Place, error: AgentError) -> None:
        if place == self.place():
            self._facts = None
            self.film.say(error.title, error.advice, self._corners())
            self._show_presets()
            self._fill_thumbs()

    def _zoomed(self) -> None:
        """More pixels may be there than were asked for."""
        if self._facts is None or self.film.image() is None:
            return
        self.film.corners = self._corners()
        given = max(int(self._facts["width"]), int(self._facts["height"]))
        if (
            given < max(int(self._facts["full_width"]), int(self._facts["full_height"]))
            and self.film.wanted_side() > given
        ):
            self._show()

    def _dragged(self, right: float, down: float) -> None:
        """To the right wider, up brighter."""
        if self._facts is None or self._facts["window_width"] is None:
            return
        center, width = self._window or (float(self._facts["center"]), float(self._facts["window_width"]))
        part = max(width, 20.0) / _DRAG_PX
        self._preset, self._window = "", (center + down * part, max(1.0, width + right * part))
        self._show()

    # -- words and thumbnails ---------------------------------------------------------------------------------------

    def _corners(self) -> Corners:
        place, facts = self.place(), self._facts or {}
        if place is None:
            return Corners()
        series = self._series[place.series]
        name = f"序列 {series['number']} · " if series["number"] else ""
        few = len(self.places) <= MOST
        number, total = (self.at + 1, len(self.places)) if few else (place.number, place.total)
        window = window_words(facts["center"], facts["window_width"]) if facts.get("window_width") else ""
        thick = f"层厚 {facts['slice_mm']:g} mm" if facts.get("slice_mm") else ""
        zoom = f"放大 {self.film.zoom:.1f} 倍" if self.film.zoom > 1.0 else ""
        described = (str(series["description"]),) if self._large and series["description"] else ()
        return Corners(
            top_left=self._person,
            top_right=(f"{name}{number} / {total}", *described),
            bottom_left=(window,) if window else (),
            bottom_right=tuple(text for text in (zoom, thick) if text),
        )

    def _put_thumbs(self) -> None:
        """Spread over everything when that is little, else over the series that is shown."""
        place = self.place()
        own = range(len(self.places))
        if place is not None and len(self.places) > MOST:
            first = self.at - place.number + 1
            own = range(first, first + place.total)
        self.thumbs.put([self._thumb(own[n]) for n in spread(len(own))])
        self._frames.one_by_one([], lambda wanted, picture: None)

    def _thumb(self, at: int) -> Thumb:
        place = self.places[at]
        series = self._series[place.series]
        tip = " · ".join(
            text for text in (f"序列 {series['number']}", str(series["description"])) if text.strip(" 序列")
        )
        return Thumb(place=at, number=str(at + 1 if len(self.places) <= MOST else place.number), tip=tip)

    def _fill_thumbs(self) -> None:
        """After the picture itself, which goes first."""
        if self._large or all(thumb.image is not None for thumb in self.thumbs.thumbs):
            return
        empty = {self._thumb_wanted(thumb): thumb for thumb in self.thumbs.thumbs if thumb.image is None}
        self._frames.one_by_one(
            list(empty), lambda wanted, picture: self.thumbs.show_image(empty[wanted], picture.image)
        )

    def _thumb_wanted(self, thumb: Thumb) -> Wanted:
        place = self.places[thumb.place]
        return Wanted(sop_instance_uid=place.sop_instance_uid, frame=place.frame, side=THUMB_SIDE)

    def _show_presets(self) -> None:
        """One segment for each window that is offered, the one in use marked."""
        offered = [str(one["name"]) for one in self._facts["presets"]] if self._facts else []
        if [button.text() for button in self._presets] != offered:
            clear(self._preset_box)
            self._presets = [self._preset_button(number, name) for number, name in enumerate(offered, 1)]
            for button in self._presets:
                self._preset_box.addWidget(button)
        used = str(self._facts["preset"]) if self._facts else ""
        for button in self._presets:
            button.setChecked(button.text() == used)

    def _preset_button(self, number: int, name: str) -> Button:
        tip = f"按键 {number} · 再按一次回到设备给的窗"
        made = Button(self._look, name, kind="segment", small=True, tip=tip, slot=lambda: self.choose(number))
        made.setCheckable(True)
        set_property(made, "first", "true" if number == 1 else "false")
        return made

    # -- keys and building ------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        place = self.place()
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier) or place is None:
            super().keyPressEvent(event)
            return
        key, first = event.key(), self.at - place.number + 1
        if key in (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3):
            self.choose(key - Qt.Key.Key_0)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.go(self.at + (1 if key == Qt.Key.Key_Down else -1))
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.go_series(place.series + (1 if key == Qt.Key.Key_Right else -1))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.go(first if key == Qt.Key.Key_Home else first + place.total - 1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.film.zoom_by(1 / 1.25 if key == Qt.Key.Key_Minus else 1.25)
        elif key == Qt.Key.Key_0:
            self.reset()
        else:
            super().keyPressEvent(event)

    def _zoom_in(self) -> None:
        """Larger with each press; after the largest the whole again."""
        self.film.fit() if self.film.zoom > 4 else self.film.zoom_by(1.5)

    def _build(self) -> None:
        self.film = Film(self._look)
        self.film.setToolTip(
            "滚轮或 ↑↓ 翻页 · Ctrl+滚轮放大 · 按住右键拖动调窗 · 双击看大图" if not self._large else ""
        )
        self.film.stepped.connect(lambda by: self.go(self.at + by))
        self.film.dragged.connect(self._dragged)
        self.film.zoomed.connect(self._zoomed)
        self.film.opened.connect(self.opened)
        self.thumbs = Thumbs(self._look)
        self.thumbs.chosen.connect(self.go)
        if self._large:
            self.thumbs.hide()
        zoom = Button(self._look, kind="icon", icon="zoom-in", tip="放大 · Ctrl+滚轮，按 0 还原", slot=self._zoom_in)
        self._invert = Button(self._look, kind="icon", icon="contrast", tip="黑白反转")
        self._invert.setCheckable(True)
        self._invert.clicked.connect(lambda checked: self.film.invert(checked))
        bar = row(margins=(10, 4, 12, 8), gap=6)
        bar.addLayout(self._preset_box)
        bar.addStretch(1)
        bar.addWidget(zoom)
        bar.addWidget(self._invert)
        if not self._large:
            bar.addWidget(Button(self._look, kind="icon", icon="open", tip="看大图 · 双击影像", slot=self.opened))
        box = column(self)
        box.addWidget(self.film, 1)
        box.addWidget(self.thumbs)
        box.addLayout(bar)
