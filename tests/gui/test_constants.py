"""The window lives on however often the binding gives a reference to None away."""

from __future__ import annotations

import subprocess
import sys

_CALLS = """
import sys
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication
{keep}
app = QApplication([])
pixmap = QPixmap(4, 4)
painter = QPainter(pixmap)
for _ in range(150_000):
    painter.save()
    painter.restore()
painter.end()
print("alive", flush=True)
"""
_KEEP = "from app.gui.constants import keep_constants; keep_constants(); keep_constants()"


def test_a_window_outlives_hundreds_of_thousands_of_calls_that_return_nothing() -> None:
    code = _CALLS.format(keep=_KEEP)
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env={"QT_QPA_PLATFORM": "offscreen"}
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "alive"), ended.stderr[-500:]
