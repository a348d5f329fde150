"""What a value is typed into: one line, several lines, codes of a table. They tell; what it means is the form's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QFontMetrics
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from app.gui.code_box import CodeBox, CodeMark
from app.gui.page import Desk
from app.gui.parts import clear, column, set_property
from app.gui.told import Told

Field = dict[str, Any]
Onward = Callable[[bool], bool]
"""onward(forward): go to the next (or the one before) that needs the person; False: nothing there, Qt may choose."""
_DIGITS = Qt.InputMethodHint.ImhPreferNumbers | Qt.InputMethodHint.ImhNoPredictiveText
_LATIN = Qt.InputMethodHint.ImhLatinOnly | Qt.InputMethodHint.ImhNoPredictiveText
HINTS = {
    "id_number": _LATIN | Qt.InputMethodHint.ImhPreferUppercase,
    "uscc": _LATIN | Qt.InputMethodHint.ImhPreferUppercase,
    "identifier": _LATIN,
    "uid": _LATIN,
    "url": _LATIN,
    "phone": _DIGITS,
    "number": _DIGITS,
    "amount": _DIGITS,
    "date": _DIGITS,
    "datetime": _DIGITS,
}
"""Types without a Chinese letter: the input method is off, and a touch keyboard shows the right keys."""
_FIXED = frozenset({"opaque", "uid"})


class Editor(Protocol):
    """What the form needs of an editor, whatever its widget is."""

    onward: Onward

    def value(self) -> str: ...
    def show_value(self, text: str) -> None: ...
    def show_wrong(self, wrong: bool) -> None: ...
    def hint(self, text: str) -> None: ...


def nowhere(_forward: bool) -> bool:
    return False


class LineEditor(QLineEdit):
    """One line of text."""

    typed = Told()
    left = Told()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.onward: Onward = nowhere
        self.setReadOnly(field["type"] in _FIXED)
        if field["type"] in HINTS:
            self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
            self.setInputMethodHints(HINTS[field["type"]])
        self.textEdited.connect(lambda _text: self.typed.emit())
        self.returnPressed.connect(self.focusNextChild)

    def value(self) -> str:
        return self.text()

    def show_value(self, text: str) -> None:
        self.setText(text)
        self.setCursorPosition(0)

    def show_wrong(self, wrong: bool) -> None:
        set_property(self, "wrong", wrong)

    def hint(self, text: str) -> None:
        self.setPlaceholderText(text)

    def focusNextPrevChild(self, forward: bool) -> bool:
        return self.onward(forward) or super().focusNextPrevChild(forward)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()


class LongEditor(QPlainTextEdit):
    """Several lines; Tab goes on to the next field."""

    typed = Told()
    left = Told()

    def __init__(self) -> None:
        super().__init__()
        self.onward: Onward = nowhere
        self.setTabChangesFocus(True)
        self._quiet = False
        self.textChanged.connect(self._tell)

    def value(self) -> str:
        return self.toPlainText()

    def show_value(self, text: str) -> None:
        self._quiet = True
        self.setPlainText(text)
        self._quiet = False

    def show_wrong(self, wrong: bool) -> None:
        set_property(self, "wrong", wrong)

    def hint(self, text: str) -> None:
        self.setPlaceholderText(text)

    def fit(self, lines: int) -> None:
        self.setFixedHeight(QFontMetrics(self.font()).lineSpacing() * lines + 18)

    def focusNextPrevChild(self, forward: bool) -> bool:
        return self.onward(forward) or super().focusNextPrevChild(forward)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()

    def _tell(self) -> None:
        if not self._quiet:
            self.typed.emit()


class CodeEditor(QWidget):
    """One code of a table, or several of them below the field."""

    typed = Told()
    left = Told()

    def __init__(self, desk: Desk, field: Field) -> None:
        super().__init__()
        self._look, self._several = desk.look, field["type"] == "codes"
        self.chosen: list[str] = []
        self.line = CodeBox(desk, str(field["table"]))
        self.line.setFont(desk.look.font("body"))
        self.hint("")
        self.line.picked.connect(self._picked)
        self.line.textEdited.connect(lambda _text: self.typed.emit())
        self.line.left.connect(self.left)
        self.setFocusProxy(self.line)
        self._marks = column(gap=4)
        box = column(self, gap=4)
        box.addWidget(self.line)
        box.addLayout(self._marks)

    @property
    def onward(self) -> Onward:
        return self.line.onward

    @onward.setter
    def onward(self, onward: Onward) -> None:
        self.line.onward = onward

    def value(self) -> str:
        text = self.line.text().strip()
        return "\n".join([*self.chosen, *([text] if text else [])]) if self._several else text

    def show_value(self, text: str) -> None:
        if self._several:
            self.chosen = [one for one in text.split("\n") if one]
            self.line.clear()
            self._draw()
        else:
            self.line.setText(text)
            self.line.setCursorPosition(0)

    def show_wrong(self, wrong: bool) -> None:
        set_property(self.line, "wrong", wrong)

    def hint(self, text: str) -> None:
        self.line.setPlaceholderText(text or ("可选多个，逐个查找" if self._several else "编码、名称或拼音首字母"))

    def _picked(self, text: str) -> None:
        if self._several:
            self.chosen = list(dict.fromkeys([*self.chosen, text]))
            self.line.clear()
            self._draw()
        else:
            self.line.setText(text)
        self.typed.emit()
        if not self._several:
            self.line.onward(True)

    def _draw(self) -> None:
        clear(self._marks)
        for text in self.chosen:
            mark = CodeMark(self._look, text)
            mark.removed.connect(self._remove)
            self._marks.addWidget(mark)

    def _remove(self, text: str) -> None:
        self.chosen = [one for one in self.chosen if one != text]
        self._draw()
        self.typed.emit()


def make_editor(desk: Desk, field: Field) -> LineEditor | LongEditor | CodeEditor:
    """The editor of a field's type."""
    made: LineEditor | LongEditor | CodeEditor
    if field["table"] and field["type"] in ("code", "codes", "division"):
        made = CodeEditor(desk, field)
    elif field["type"] == "long_text":
        made = LongEditor()
        made.setFont(desk.look.font("body"))
        made.fit(3)
    else:
        made = LineEditor(field)
    made.setFont(desk.look.font("body"))
    (made.line if isinstance(made, CodeEditor) else made).setAccessibleName(field["label"])
    return made
