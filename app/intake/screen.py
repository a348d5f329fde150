"""Frames as a screen wants them: 8 bits, windowed, no larger than asked for. Keeps some decoded frames at hand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
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
from app.intake.windows import Reals, Voi, automatic, grey_of

CACHE_BYTES = 96 * 1024 * 1024
"""About 190 slices of CT, or three mammograms."""
_SIZES = 3


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
        self._plates: OrderedDict[tuple[Path, int], _Plate] = OrderedDict()
        self._bytes = 0
        self._lock, self._decoding = threading.Lock(), threading.Lock()
        self._apart = Apart()

    def shown(self, wanted: Wanted) -> Shown:
        """Raises CannotShow, OSError."""
        plate = self._plate(wanted.path, wanted.frame)
        frame = plate.frame
        window, offered = plate.window(wanted) if frame.real is not None else (None, ())
        picture = plate.picture(window, wanted.side)
        return Shown(
            width=picture.shape[1],
            height=picture.shape[0],
            full_width=frame.pixels.shape[1],
            full_height=frame.pixels.shape[0],
            colour=frame.real is None,
            data=picture.tobytes(),
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

    def _plate(self, path: Path, number: int) -> _Plate:
        """Decoded one at a time: whoever waits finds what the other wanted, and memory stays bounded."""
        key = (path, number)
        if (found := self._kept(key)) is not None:
            return found
        with self._decoding:
            if (found := self._kept(key)) is None:
                found = _Plate(read_frame(path, number, decode=self._decoded))
                self._keep(key, found)
            return found

    def _kept(self, key: tuple[Path, int]) -> _Plate | None:
        with self._lock:
            if (found := self._plates.get(key)) is not None:
                self._plates.move_to_end(key)
            return found

    def _keep(self, key: tuple[Path, int], plate: _Plate) -> None:
        with self._lock:
            self._plates[key] = plate
            self._bytes += plate.frame.size_bytes
            while self._bytes > self._most_bytes and len(self._plates) > 1:
                _, gone = self._plates.popitem(last=False)
                self._bytes -= gone.frame.size_bytes

    def _decoded(self, stream: Stream) -> NDArray[Any] | str:
        try:
            decoded: NDArray[Any] | str = self._apart.run(decoded_stream, stream)
        except ChildDied as error:
            return f"the decoder ended: {error}"
        return decoded


class _Plate:
    """A decoded frame with what was worked out of it once: its automatic window, its smaller forms."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._small: OrderedDict[int, NDArray[Any]] = OrderedDict()

    def window(self, wanted: Wanted) -> tuple[Voi, tuple[Voi, ...]]:
        """The window to show it in, and those that are offered."""
        frame = self.frame
        offered = presets(frame.facts, frame.vois, self._automatic)
        named = next((voi for voi in offered if voi.name == wanted.preset), None)
        if named is not None:
            return named, offered
        if wanted.center is not None and wanted.width is not None:
            return Voi(name="", center=wanted.center, width=max(1.0, wanted.width)), offered
        return first_window(frame.facts, frame.vois, offered), offered

    @cached_property
    def _automatic(self) -> tuple[float, float]:
        assert self.frame.real is not None
        counts = np.bincount(self.frame.pixels.ravel(), minlength=len(self.frame.real))
        if self.frame.padding is not None:
            counts[self.frame.padding] = 0
        return automatic(self.frame.real, counts)

    def picture(self, window: Voi | None, side: int) -> NDArray[np.uint8]:
        """8 bits in this window, no longer than `side`; made smaller first, so that a new window is quick."""
        frame = self.frame
        is_large = 0 < side < max(frame.pixels.shape[:2])
        if frame.real is None or window is None:
            return np.asarray(self._smaller(side) if is_large else frame.pixels, np.uint8)
        if is_large:
            return self._grey(self._smaller(side).astype(np.float64), window)
        table = self._grey(frame.real, window)
        if frame.padding is not None:
            table[frame.padding] = 0
        return np.asarray(table[frame.pixels], np.uint8)

    def _grey(self, real: Reals, window: Voi) -> NDArray[np.uint8]:
        grey = grey_of(real, window)
        return np.asarray(255 - grey, np.uint8) if self.frame.inverted else grey

    def _smaller(self, side: int) -> NDArray[Any]:
        """The real values, or the colours, averaged; the last few sizes stay at hand."""
        if (found := self._small.get(side)) is not None:
            return found
        whole = self.frame.pixels if self.frame.real is None else self._table()[self.frame.pixels]
        made = _resized(whole, side)
        self._small[side] = made
        while len(self._small) > _SIZES:
            self._small.pop(next(iter(self._small)), None)
        return made

    def _table(self) -> NDArray[np.float32]:
        """The real values; "no image here" as dark as can be."""
        frame = self.frame
        assert frame.real is not None
        real = frame.real.astype(np.float32)
        if frame.padding is not None:
            center, width = self._automatic
            real[frame.padding] = center + width if frame.inverted else center - width
        return real


def _resized(picture: NDArray[Any], side: int) -> NDArray[Any]:
    height, width = picture.shape[:2]
    part = side / max(height, width)
    size = (max(1, round(width * part)), max(1, round(height * part)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
