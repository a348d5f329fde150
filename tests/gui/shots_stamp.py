"""How a report stands with its stamp, for `tests.gui.shots`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.gui import words
from app.gui.window import MainWindow
from tests.gui.fake_face import FakeFace
from tests.gui.fake_stamp import NONE, OUTDATED, REFUSED, STAMPED, URL, VOID, stamps

UID = "1.2.3.1"
Act = Callable[[MainWindow], Any]
Shot = tuple[str, str, Act, Callable[[FakeFace], Any]]


def stamp_plan(rest: Act) -> dict[str, Shot]:
    """name -> (page, key, act, before), as the plan of the other pages."""

    def pdf(window: MainWindow) -> None:
        window.pages[words.FILL].facts.tabs[1].click()  # type: ignore[attr-defined]
        for _ in range(4):  # its pages are drawn by threads
            rest(window)
            window.thread().msleep(60)

    def waits(window: MainWindow) -> None:
        pdf(window)
        bar = window.pages[words.FILL].facts.stamp  # type: ignore[attr-defined]
        bar._waits = True
        bar._show()
        rest(window)

    def refused(window: MainWindow) -> None:
        waits(window)
        bar = window.pages[words.FILL].facts.stamp  # type: ignore[attr-defined]
        bar._told(UID, 0, {"state": "none", "open": True, "refused": REFUSED})
        rest(window)

    def no_browser(window: MainWindow) -> None:
        waits(window)
        bar = window.pages[words.FILL].facts.stamp  # type: ignore[attr-defined]
        bar._to_copy = URL
        bar._told(UID, 0, {"state": "none", "open": True, "refused": None})
        rest(window)

    def small(window: MainWindow) -> None:
        window.resize(900, 500)
        refused(window)

    def shut(window: MainWindow) -> None:
        window._face.client_open = False  # type: ignore[attr-defined]
        pdf(window)
        window.pages[words.FILL].facts.stamp.begin()  # type: ignore[attr-defined]
        rest(window)

    def at(act: Act, stamp: dict[str, Any], *, demanded: bool = False) -> Shot:
        return words.FILL, UID, act, lambda face: stamps(face, UID, stamp, demanded=demanded)

    return {
        "2-stamp-none": at(pdf, NONE),
        "2-stamp-demanded": at(pdf, NONE, demanded=True),
        "2-stamp-waits": at(waits, NONE, demanded=True),
        "2-stamp-refused": at(refused, NONE, demanded=True),
        "2-stamp-shut": at(shut, NONE, demanded=True),
        "2-stamp-stamped": at(pdf, STAMPED),
        "2-stamp-void": at(pdf, VOID, demanded=True),
        "2-stamp-outdated": at(pdf, OUTDATED),
        "0-small-stamp": at(small, NONE, demanded=True),
        "2-stamp-no-browser": at(no_browser, NONE, demanded=True),
    }
