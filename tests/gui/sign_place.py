"""The page 电子签名 by itself, over any face, and a QR decoder that looks at its screen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import zxingcpp
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.gui.ask import Asker
from app.gui.look import Look
from app.gui.page import Desk
from app.gui.sign import SignPage
from tests.gui.conftest import rest
from tests.gui.fake_face import NOW

PAGE = (1194, 688)


class Place:
    """The page by itself; what it wants of the window is remembered."""

    def __init__(self, face: Any, look: Look, now: Callable[[], datetime] = lambda: NOW) -> None:
        self.asker = Asker(lambda error: self.failed.append(error.title))
        self.went: list[tuple[str, str]] = []
        self.told: list[tuple[str, str, str]] = []
        self.failed: list[str] = []
        desk = Desk(
            face=face,
            asker=self.asker,
            look=look,
            now=now,
            go=lambda name, key: self.went.append((name, key)),
            tell=lambda *said: self.told.append(said),
            fail=lambda error: self.failed.append(error.title),
            confirm=lambda question, then: then(),
            one_by_one=lambda: None,
        )
        self.page = SignPage(desk)
        self.page.resize(*PAGE)

    def settle(self) -> None:
        for _ in range(3):
            rest(self)  # type: ignore[arg-type]

    def open(self) -> SignPage:
        self.page.show()
        self.page.activateWindow()
        self.page.refresh()
        self.settle()
        return self.page


def bury_page(made: Place) -> None:
    made.asker.stop()
    made.page.close()
    made.page.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def seen(widget: QWidget) -> list[str]:
    """What a QR decoder reads on a picture of the screen."""
    return scanned(widget.grab().toImage())


def scanned(image: QImage) -> list[str]:
    grey = image.convertToFormat(QImage.Format.Format_Grayscale8)
    height, line = grey.height(), grey.bytesPerLine()
    flat = memoryview(bytes(grey.constBits())).cast("B", (height, line))
    return [one.text for one in zxingcpp.read_barcodes(flat)]
