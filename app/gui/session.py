"""The end of a person's session: Windows waits for us while we stop, and shows why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def shutdown_held(window: int, reason: str) -> Iterator[None]:
    """While the `with` runs Windows does not kill this process and shows `reason` (ShutdownBlockReasonCreate).

    Elsewhere, and without a reason, nothing has to be held.
    """
    if sys.platform != "win32" or not reason:
        yield
        return
    import ctypes

    user32 = ctypes.windll.user32
    user32.ShutdownBlockReasonCreate(window, reason)
    try:
        yield
    finally:
        user32.ShutdownBlockReasonDestroy(window)
