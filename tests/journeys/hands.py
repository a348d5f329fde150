"""What xdotool cannot do alone, as a program on the journey's screen: it holds the clipboard, or a file to be dragged.

    python -m tests.journeys.hands copy 放射科        # until another program copies something
    python -m tests.journeys.hands drag report.pdf    # a small window at the upper left; drag from it to drop the file

It prints "ready" when it is, and "CopyAction" once a window below the dragged file would take it. `Screen.copy` and
`Screen.drag_file` use it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QGuiApplication, QMouseEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QLabel

SIDE = 60
_LONGEST_MS = 60_000


class FileIcon(QLabel):
    """A file as a file manager shows it: pressed and moved, it is dragged."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._path = path
        self._seen = False
        self.setWindowTitle("a file")
        self.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
        self.setGeometry(0, 0, SIDE, SIDE)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The first one says that the screen shows it: a press before that would meet nothing."""
        super().paintEvent(event)
        if not self._seen:
            self._seen = True
            QTimer.singleShot(0, ready)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            drag, data = QDrag(self), QMimeData()
            data.setUrls([QUrl.fromLocalFile(str(self._path))])
            drag.setMimeData(data)
            drag.actionChanged.connect(lambda action: print(action.name, flush=True))
            drag.exec(Qt.DropAction.CopyAction)  # the file's name is asked for after it returned: do not end here


def ready() -> None:
    print("ready", flush=True)


def main(act: str, what: str) -> int:
    app = QApplication([])
    icon = FileIcon(Path(what).absolute())
    if act == "drag":
        icon.show()
    else:
        QGuiApplication.clipboard().setText(what)
        QTimer.singleShot(0, ready)
    QTimer.singleShot(_LONGEST_MS, app.quit)
    return app.exec()


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
