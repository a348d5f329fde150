"""None, True and False outlive any number of lost references, as they do by themselves from Python 3.12 on.

PySide6 6.12 is built for Pythons whose constants can't die: each of its calls that returns nothing gives a reference to
None away. Before 3.12 a window that paints a busy table loses thousands a minute, and when none is left the interpreter
ends the process ("deallocating None").
"""

from __future__ import annotations

import ctypes
import sys

_CONSTANTS: tuple[object, ...] = (None, True, False, NotImplemented)
_PLENTY = sys.maxsize // 4


def keep_constants() -> None:
    """Give the constants more references than any process can lose. Safe to call again."""
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython":
        return
    for constant in _CONSTANTS:
        count = ctypes.c_ssize_t.from_address(id(constant))  # the first word of every object
        if abs(count.value - sys.getrefcount(constant)) < 100 and count.value < _PLENTY:
            count.value += _PLENTY
