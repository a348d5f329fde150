"""QR codes as modules: what a window draws and a terminal prints."""

from __future__ import annotations

from functools import lru_cache

import segno

_QUIET = 4


@lru_cache(maxsize=2)  # the best of eight masks is sought in Python: 0.1 s
def modules(text: str) -> tuple[str, ...]:
    """Rows of "1" (dark) and "0", without the quiet zone of four modules around it. Text in UTF-8."""
    made = segno.make_qr(text, error="m", boost_error=False)
    return tuple("".join("1" if dark else "0" for dark in row) for row in made.matrix)


def blocks(text: str) -> list[str]:
    """Lines of half blocks for a terminal with light letters on a dark ground, its quiet zone with it."""
    rows = modules(text)
    width = len(rows[0]) + 2 * _QUIET
    empty = "0" * width
    whole = [empty] * _QUIET + ["0" * _QUIET + row + "0" * _QUIET for row in rows] + [empty] * _QUIET
    if len(whole) % 2:
        whole.append(empty)
    shown = {"00": "█", "01": "▀", "10": "▄", "11": " "}  # dark modules are what is not drawn
    pairs = zip(whole[::2], whole[1::2], strict=True)
    return ["".join(shown[upper + lower] for upper, lower in zip(*pair, strict=True)) for pair in pairs]
