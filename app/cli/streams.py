"""Standard streams that exist and never fail: a windowed program has none, an old console knows no Chinese."""

from __future__ import annotations

import io
import sys


def make_streams_safe() -> None:
    """For the whole run of the program."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Nowhere())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


class Nowhere(io.TextIOBase):
    """Takes every word and keeps none."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)
