"""One image of a download (调阅), as soon as one is there; when all have come, the middle of the longest series."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.gui.film import Corners, Film
from app.gui.frames import Frames, Picture, Wanted, side_in_steps
from app.gui.page import Desk, Json
from app.gui.viewer import Place, places

_WIDTH = 222


class DownloadPicture(Film):
    """Follows one download at a time; nothing of another one is ever shown in its place."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.look)
        self._desk = desk
        self._frames: Frames | None = None
        self._id = 0
        self._whole = False
        self.setFixedWidth(_WIDTH)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setToolTip("双击用自带阅片打开")

    def follow(self, download: Json | None) -> None:
        """Show an image of this download, asking only when there is a better one than before."""
        one = download or {"id": 0, "checked": 0, "state": ""}
        if one["id"] != self._id:
            self.say("", "", Corners())
            self._id, self._whole, self._frames = int(one["id"]), False, None
        whole = one["state"] == "done"
        if one["checked"] and (self.image() is None or (whole and not self._whole)):
            self._whole = whole
            self._ask(self._id)
        elif not one["checked"]:
            self.say("", "下载好一幅，这里就能看到", Corners())

    def _ask(self, download: int) -> None:
        face = self._desk.face
        self._desk.asker.ask(
            lambda: face.download_series(download), lambda answer: self._choose(download, answer),
            lambda _error: None, key=("download-series", id(self)),
        )  # fmt: skip

    def _choose(self, download: int, answer: Json) -> None:
        place = middle_place(answer["series"])
        if download != self._id or place is None:
            return
        face = self._desk.face
        if self._frames is None:
            self._frames = Frames(self._desk.asker, lambda uid, **how: face.download_frame(download, uid, **how))
        wanted = Wanted(
            sop_instance_uid=place.sop_instance_uid, frame=place.frame, side=side_in_steps(self.wanted_side())
        )
        self._frames.show(wanted, lambda picture: self._came(download, picture), lambda error: self._none(error.title))

    def _came(self, download: int, picture: Picture) -> None:
        if download == self._id:
            number = str(picture.facts["instance_number"])
            said = f"第 {number} 幅 · 已下载" if number else "已下载"
            self.show_image(picture.image, float(picture.facts["pixel_aspect"]), Corners(top_left=(said,)))

    def _none(self, why: str) -> None:
        self.say("", why, Corners())


def middle_place(series: list[Json]) -> Place | None:
    """The middle of the longest series: there one recognises an exam."""
    found = places(series)
    longest = max((place.total for place in found), default=0)
    own = [place for place in found if place.total == longest]
    own = [place for place in own if place.series == own[0].series]
    return own[(len(own) - 1) // 2] if own else None
