"""Drawn test images: a body with two lungs or a head, a lesion that moves from slice to slice, and a line of text.

Pure Python on 16-bit rows; the body is drawn once per size and only lesion and text are drawn per image.
"""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache

from app.practice.glyphs import dots

Ellipse = tuple[float, float, float, float, int]
"""Centre row, centre column, half height, half width (fractions of the image), grey."""

BODIES: dict[str, tuple[Ellipse, ...]] = {
    "ct": (
        (0.5, 0.5, 0.34, 0.44, 1060),
        (0.47, 0.32, 0.22, 0.14, 180),
        (0.47, 0.68, 0.22, 0.14, 180),
        (0.5, 0.5, 0.1, 0.07, 1110),
        (0.72, 0.5, 0.07, 0.06, 1700),
    ),
    "mr": (
        (0.5, 0.5, 0.42, 0.34, 900),
        (0.5, 0.5, 0.37, 0.29, 420),
        (0.45, 0.45, 0.11, 0.04, 1400),
        (0.45, 0.55, 0.11, 0.04, 1400),
        (0.7, 0.5, 0.07, 0.12, 600),
    ),
    "dr": (
        (0.55, 0.5, 0.5, 0.46, 2600),
        (0.45, 0.3, 0.3, 0.15, 900),
        (0.45, 0.7, 0.3, 0.15, 900),
        (0.58, 0.56, 0.14, 0.13, 3000),
        (0.5, 0.5, 0.48, 0.04, 3300),
    ),
}
LESIONS = {"ct": 1120, "mr": 1600, "dr": 2100}


def pixels(kind: str, rows: int, columns: int, *, number: int, text: str) -> bytes:
    """One image of `rows` x `columns` unsigned 16-bit little-endian grey values; `number` moves the lesion."""
    image = array("H", _body(kind, rows, columns))
    across = 0.25 + 0.5 * (number % 40) / 40
    _fill(image, rows, columns, (0.42, across, 0.03, 0.03, LESIONS[kind] + number % 97))
    _write(image, rows, columns, text, LESIONS[kind] * 2)
    if sys.byteorder == "big":
        image.byteswap()
    return image.tobytes()


@lru_cache(maxsize=4)
def _body(kind: str, rows: int, columns: int) -> array[int]:
    image = array("H")
    for row in range(rows):
        shade = 10 + 60 * row // rows
        image.extend(array("H", [shade]) * columns)
    for ellipse in BODIES[kind]:
        _fill(image, rows, columns, ellipse)
    return image


def _fill(image: array[int], rows: int, columns: int, ellipse: Ellipse) -> None:
    middle, centre, height, width, grey = ellipse
    for row in range(max(0, int((middle - height) * rows)), min(rows, int((middle + height) * rows) + 1)):
        apart = (row / rows - middle) / height
        if abs(apart) > 1:
            continue
        half = width * (1 - apart * apart) ** 0.5
        first, last = max(0, int((centre - half) * columns)), min(columns, int((centre + half) * columns) + 1)
        image[row * columns + first : row * columns + last] = array("H", [grey + row * 40 // rows]) * (last - first)


def _write(image: array[int], rows: int, columns: int, text: str, grey: int) -> None:
    scale = max(1, min(columns // (6 * max(1, len(text)) + 4), rows // 120))
    bar = array("H", [min(grey, 4095)]) * scale
    for row, column in dots(text):
        first = 2 * scale + column * scale
        for line in range(2 * scale + row * scale, 2 * scale + (row + 1) * scale):
            if line < rows and first + scale <= columns:
                image[line * columns + first : line * columns + first + scale] = bar
