"""For journeys on a real screen: says on standard error what can be seen and where. Silent unless asked for.

With `IMAGING_AGENT_TELL=1` each change of the screen is one JSON line {"tray": {"x", "y", "w", "h", "look", "tooltip"},
"windows": [{"title", "x", "y", "w", "h", "active"}], "things": [{"kind", "name", "text", "x", "y", "w", "h",
"enabled", "checked", "focus"}]}. Kinds: button, label, field, box, entry (of an open menu), row (of a table). The name
of a field is the label beside it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QObject, QPoint, QRect, QTimer
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QTableView,
    QWidget,
)

VARIABLE = "IMAGING_AGENT_TELL"
_LOOK_MS = 150
_MOST_ROWS = 60
Thing = dict[str, Any]


def tell_if_asked(parent: QObject, tray: Callable[[], Thing]) -> None:
    """Begin to tell when the environment asks for it; `tray()` describes the icon."""
    if os.environ.get(VARIABLE):
        Teller(parent, tray)


class Teller(QObject):
    """Looks a few times a second and writes what has changed."""

    def __init__(self, parent: QObject, tray: Callable[[], Thing]) -> None:
        super().__init__(parent)
        self._tray, self._said = tray, ""
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        line = json.dumps(screen(self._tray()), ensure_ascii=True)
        if line != self._said:
            self._said = line
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


def screen(tray: Thing) -> Thing:
    """Everything visible, as plain values."""
    tops = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    return {
        "tray": tray,
        "windows": [
            {"title": one.windowTitle(), "active": one.isActiveWindow(), **_place(one, one.rect())}
            for one in tops
            if one.windowTitle()
        ],
        "things": [thing for top in tops for thing in _things(top)],
    }


def _things(top: QWidget) -> Iterator[Thing]:
    for one in (top, *top.findChildren(QWidget)):
        if one.isVisible() and not one.visibleRegion().isEmpty():
            yield from _said_by(one)


def _said_by(one: QWidget) -> Iterator[Thing]:
    if isinstance(one, QMenu):
        for action in one.actions():
            if action.isVisible() and not action.isSeparator():
                where = one.actionGeometry(action)
                yield _thing("entry", one, action.text(), where, action.objectName(), action.isEnabled())
    elif isinstance(one, QAbstractButton):
        said = one.text() or one.toolTip() or one.accessibleName()
        yield _thing("button", one, said, one.rect()) | {"checked": one.isChecked()}
    elif isinstance(one, QLabel):
        if one.text():
            yield _thing("label", one, one.text(), one.rect())
    elif isinstance(one, QLineEdit):
        yield _thing("field", one, one.text() or one.placeholderText(), one.rect())
    elif isinstance(one, QPlainTextEdit):
        yield _thing("field", one, one.toPlainText(), one.rect())
    elif isinstance(one, QComboBox):
        yield _thing("box", one, one.currentText(), one.rect())
    elif isinstance(one, QAbstractItemView):
        yield from _rows(one)


def _rows(view: QAbstractItemView) -> Iterator[Thing]:
    model = view.model()
    if model is None:
        return
    columns = model.columnCount() if isinstance(view, QTableView) else 1
    first = max(0, view.indexAt(QPoint(2, 2)).row())
    for place in range(first, min(model.rowCount(), first + _MOST_ROWS)):
        cells = [model.index(place, column) for column in range(columns)]
        where = view.visualRect(cells[0])
        if view.viewport().rect().intersects(where):
            text = " · ".join(str(cell.data()) for cell in cells if cell.data())
            yield _thing("row", view.viewport(), text, where, view.objectName())


def _thing(kind: str, one: QWidget, text: str, where: QRect, name: str = "", enabled: bool | None = None) -> Thing:
    return {
        "kind": kind,
        "name": name or one.objectName() or one.accessibleName(),
        "text": text,
        **_place(one, where),
        "enabled": one.isEnabled() if enabled is None else enabled,
        "focus": one.hasFocus(),
    }


def _place(one: QWidget, where: QRect) -> Thing:
    corner = one.mapToGlobal(QPoint(where.x(), where.y()))
    return {"x": corner.x(), "y": corner.y(), "w": where.width(), "h": where.height()}
