"""Text in columns on a terminal, where a Chinese character takes two. Never lets a value move the cursor."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_GAP = "  "


def clean(value: object) -> str:
    """One line of printable characters; None is empty."""
    text = "" if value is None else str(value)
    return "".join(one if one.isprintable() else " " for one in text).strip()


def width(text: str) -> int:
    """Columns on a terminal: wide and full-width characters take two, marks set over another none."""
    return sum(_columns(one) for one in text)


def padded(text: str, columns: int) -> str:
    return text + " " * max(0, columns - width(text))


def shortened(text: str, columns: int) -> str:
    """`text` in at most so many columns, cut with … if it must be."""
    if width(text) <= columns:
        return text
    kept, used = "", 1
    for one in text:
        used += _columns(one)
        if used > columns:
            break
        kept += one
    return f"{kept}…"


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, longest: int = 48) -> list[str]:
    """Aligned lines under their head; a cell takes at most `longest` columns, the last one as many as it needs."""
    last = len(head) - 1
    lines = [list(head)]
    for row in rows:
        cells = [clean(cell) for cell in row]
        lines.append([cell if place == last else shortened(cell, longest) for place, cell in enumerate(cells)])
    columns = [max(width(line[place]) for line in lines) for place in range(len(head))]
    return [_GAP.join(padded(cell, columns[place]) for place, cell in enumerate(line)).rstrip() for line in lines]


def pairs(rows: Sequence[tuple[str, object]]) -> list[str]:
    """Label and value in two columns; a pair without a value is left out."""
    shown = [(label, clean(value)) for label, value in rows if clean(value)]
    columns = max((width(label) for label, _ in shown), default=0)
    return [f"{padded(label, columns)}{_GAP}{value}" for label, value in shown]


def _columns(one: str) -> int:
    if unicodedata.combining(one) or unicodedata.category(one) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(one) in ("W", "F") else 1
