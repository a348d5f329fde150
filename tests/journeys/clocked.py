"""The program with a clock that a test sets forward: `python -m tests.journeys.clocked FILE <words of the program>`.

FILE holds how many seconds it is ahead; it is read whenever the program asks what time it is.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from app.__main__ import main
from app.system.clock import Clock

_now = Clock.now


class Ahead:
    """The file, from the test's side."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds = 0.0
        self.pass_(0.0)

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds
        written = self.path.with_suffix(".new")
        written.write_text(str(self.seconds), encoding="ascii")
        written.replace(self.path)


def run(path: Path, words: list[str]) -> int:
    def now(clock: Clock) -> datetime:
        return _now(clock) + timedelta(seconds=float(path.read_text(encoding="ascii")))

    Clock.now = now  # type: ignore[method-assign]
    return main(words)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
