"""Frames of images as the engine gives them, made into pictures: asked for elsewhere, neighbours ahead, some kept."""

from __future__ import annotations

import base64
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtGui import QImage

from app.errors import AgentError
from app.gui.ask import Asker

Json = dict[str, Any]
FrameOf = Callable[..., Json]
"""`Face.frame`, or whatever else answers like it."""
_MOST_SIDE = 4096
MOST_BYTES = 64 * 1024 * 1024
_SIDES = 256
"""Sides are asked for in steps, so that a window pulled larger does not ask for each pixel anew."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A frame and how: `preset`, else `window` (center, width), else as the device wants it; `side` 0: whole."""

    sop_instance_uid: str
    frame: int = 0
    preset: str = ""
    window: tuple[float, float] | None = None
    side: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """An answer of the engine: the picture and the facts beside it."""

    image: QImage
    facts: Json


class Frames:
    """One per viewer. `frame_of` is called on foreign threads."""

    def __init__(self, asker: Asker, frame_of: FrameOf) -> None:
        self._asker, self._frame_of = asker, frame_of
        self._kept: OrderedDict[Wanted, Picture] = OrderedDict()
        self._bytes = 0
        self._run: list[Wanted] = []
        self._then: Callable[[Wanted, Picture], None] = lambda wanted, picture: None

    def show(self, wanted: Wanted, then: Callable[[Picture], None], or_else: Callable[[AgentError], None]) -> None:
        """At once when it is kept; of several asked for quickly only the newest is answered."""
        if (kept := self._kept.get(wanted)) is not None:
            self._kept.move_to_end(wanted)
            then(kept)
            return

        def came(answer: tuple[Json, bytes]) -> None:
            then(self._keep(wanted, answer))

        self._asker.ask(lambda: _asked(self._frame_of, wanted), came, or_else, key=("frame", id(self)))

    def ahead(self, neighbours: list[Wanted]) -> None:
        """Ask for what will probably be wanted next; what cannot be shown is said when somebody goes there."""
        missing = [wanted for wanted in neighbours if wanted not in self._kept]
        if missing:
            self._asker.ask(
                lambda: [(wanted, _asked_or_none(self._frame_of, wanted)) for wanted in missing],
                self._keep_all,
                key=("frames-ahead", id(self)),
            )

    def one_by_one(self, wanted: list[Wanted], then: Callable[[Wanted, Picture], None]) -> None:
        """For thumbnails: one after another, so that other questions find a free thread. What cannot be shown is left
        out; a later call takes the place of this one."""
        self._run = list(wanted)
        self._then = then
        self._next_of_run()

    def _next_of_run(self) -> None:
        while self._run and (kept := self._kept.get(self._run[0])) is not None:
            self._then(self._run.pop(0), kept)
        if self._run:
            wanted = self._run[0]
            self._asker.ask(
                lambda: _asked_or_none(self._frame_of, wanted),
                lambda answer: self._came_of_run(wanted, answer),
                key=("frames-run", id(self)),
            )

    def _came_of_run(self, wanted: Wanted, answer: tuple[Json, bytes] | None) -> None:
        if answer is not None:
            self._keep(wanted, answer)
        if self._run and self._run[0] == wanted:
            self._run.pop(0)
            if answer is not None:
                self._then(wanted, self._kept[wanted])
        self._next_of_run()

    def _keep_all(self, answers: list[tuple[Wanted, tuple[Json, bytes] | None]]) -> None:
        for wanted, answer in answers:
            if answer is not None:
                self._keep(wanted, answer)

    def _keep(self, wanted: Wanted, answer: tuple[Json, bytes]) -> Picture:
        facts, data = answer
        picture = Picture(image=_image(facts, data), facts=facts)
        if wanted not in self._kept:
            self._bytes += picture.image.sizeInBytes()
        self._kept[wanted] = picture
        while self._bytes > MOST_BYTES and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.image.sizeInBytes()
        return picture


def side_in_steps(side: int) -> int:
    """0, the whole picture, beyond what a screen is wide."""
    return -(-side // _SIDES) * _SIDES if side <= _MOST_SIDE else 0


def _asked(frame_of: FrameOf, wanted: Wanted) -> tuple[Json, bytes]:
    """The facts and the bytes of the picture; runs on a foreign thread."""
    center, width = wanted.window or (None, None)
    answer = dict(
        frame_of(
            wanted.sop_instance_uid,
            frame=wanted.frame,
            center=center,
            width=width,
            preset=wanted.preset,
            side=wanted.side,
        )
    )
    data = base64.b64decode(answer.pop("grey", "") or answer.get("rgb", ""))
    answer["colour"] = answer.pop("rgb", None) is not None
    return answer, data


def _asked_or_none(frame_of: FrameOf, wanted: Wanted) -> tuple[Json, bytes] | None:
    with contextlib.suppress(AgentError):
        return _asked(frame_of, wanted)
    return None


def _image(facts: Json, data: bytes) -> QImage:
    """A picture that owns its bytes."""
    width, height = int(facts["width"]), int(facts["height"])
    if facts["colour"]:
        return QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    return QImage(data, width, height, width, QImage.Format.Format_Grayscale8).copy()
