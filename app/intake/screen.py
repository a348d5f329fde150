"""Frames as a screen wants them: 8 bits, windowed, no larger than asked for. Keeps some decoded frames at hand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.intake.apart import Apart, ChildDied
from app.intake.decoders import Stream, decoded_stream, goes_apart, missing_decoders
from app.intake.picture_header import Facts
from app.intake.pixels import Frame, read_frame
from app.intake.presets import first_window, presets
from app.intake.windows import Voi, automatic, grey_of

CACHE_BYTES = 96 * 1024 * 1024
"""About 190 slices of CT, or three mammograms."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One frame of a file, a window for it (none: the device's), the longest side in pixels (0: as it is).

    `preset` names one of the offered windows and goes before `center` and `width`.
    """

    path: Path
    frame: int = 0
    center: float | None = None
    width: float | None = None
    preset: str = ""
    side: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """`data` is a byte per pixel, or three (RGB) when `colour`, line after line without padding."""

    width: int
    height: int
    full_width: int
    full_height: int
    colour: bool
    data: bytes
    frames: int
    window: Voi | None
    offered: tuple[Voi, ...]
    facts: Facts


class Screen:
    """Decoded frames by file and number, the ones used last, up to `cache_bytes`. Safe for several threads."""

    def __init__(self, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._most_bytes = cache_bytes
        self._frames: OrderedDict[tuple[Path, int], Frame] = OrderedDict()
        self._bytes = 0
        self._lock, self._decoding = threading.Lock(), threading.Lock()
        self._apart = Apart()

    def shown(self, wanted: Wanted) -> Shown:
        """Raises CannotShow, OSError."""
        frame = self._frame(wanted.path, wanted.frame)
        height, width = frame.pixels.shape[:2]
        window: Voi | None = None
        offered: tuple[Voi, ...] = ()
        picture = frame.pixels
        if frame.real is not None:
            window, offered = _window(frame, frame.real, wanted)
            picture = _table(frame, frame.real, window)[frame.pixels]
        small = _no_larger(picture, wanted.side)
        return Shown(
            width=small.shape[1],
            height=small.shape[0],
            full_width=width,
            full_height=height,
            colour=frame.real is None,
            data=small.tobytes(),
            frames=frame.frames,
            window=window,
            offered=offered,
            facts=frame.facts,
        )

    def warm(self, syntaxes: set[str]) -> None:
        """Images written like this will be asked for: the child that decodes them may start meanwhile."""
        if any(goes_apart(syntax) for syntax in syntaxes):
            self._apart.warm(missing_decoders)

    def close(self) -> None:
        self._apart.close()

    def _frame(self, path: Path, number: int) -> Frame:
        """Decoded one at a time: whoever waits finds what the other wanted, and memory stays bounded."""
        key = (path, number)
        if (found := self._kept(key)) is not None:
            return found
        with self._decoding:
            if (found := self._kept(key)) is None:
                found = read_frame(path, number, decode=self._decoded)
                self._keep(key, found)
            return found

    def _kept(self, key: tuple[Path, int]) -> Frame | None:
        with self._lock:
            if (found := self._frames.get(key)) is not None:
                self._frames.move_to_end(key)
            return found

    def _keep(self, key: tuple[Path, int], frame: Frame) -> None:
        with self._lock:
            self._frames[key] = frame
            self._bytes += frame.size_bytes
            while self._bytes > self._most_bytes and len(self._frames) > 1:
                _, gone = self._frames.popitem(last=False)
                self._bytes -= gone.size_bytes

    def _decoded(self, stream: Stream) -> NDArray[Any] | str:
        try:
            decoded: NDArray[Any] | str = self._apart.run(decoded_stream, stream)
        except ChildDied as error:
            return f"the decoder ended: {error}"
        return decoded


def _window(frame: Frame, real: NDArray[np.float64], wanted: Wanted) -> tuple[Voi, tuple[Voi, ...]]:
    """The window to show it in, and those that are offered."""
    counts = np.bincount(frame.pixels.ravel(), minlength=len(real))
    if frame.padding is not None:
        counts[frame.padding] = 0
    offered = presets(frame.facts, frame.vois, automatic(real, counts))
    named = next((voi for voi in offered if voi.name == wanted.preset), None)
    if named is not None:
        return named, offered
    if wanted.center is not None and wanted.width is not None:
        return Voi(name="", center=wanted.center, width=max(1.0, wanted.width)), offered
    return first_window(frame.facts, frame.vois, offered), offered


def _table(frame: Frame, real: NDArray[np.float64], window: Voi) -> NDArray[np.uint8]:
    grey = grey_of(real, window)
    table = 255 - grey if frame.inverted else grey
    if frame.padding is not None:
        table[frame.padding] = 0
    return table


def _no_larger(picture: NDArray[Any], side: int) -> NDArray[Any]:
    height, width = picture.shape[:2]
    if side <= 0 or max(height, width) <= side:
        return picture
    part = side / max(height, width)
    size = (max(1, round(width * part)), max(1, round(height * part)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
