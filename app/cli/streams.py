"""Standard streams that exist and never fail: a windowed program has none, an old console knows no Chinese."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def make_streams_safe() -> None:
    """For the whole run of the program."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, nowhere())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def nowhere() -> TextIO:
    """Takes every word and keeps none."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - not a file of ours
