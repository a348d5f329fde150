"""One field of the form: label, editor of its type, one line below that says what is wrong or how to fill it."""

from __future__ import annotations

from typing import Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeySequence, QShortcut
from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from app.gui.code_box import CodeBox, CodeMark
from app.gui.look import Look
from app.gui.page import Desk
from app.gui.parts import Button, Mark, clear, column, label, row, set_property, set_tone
from app.gui.told import Told

LABEL_WIDTH = 92
_NO_INPUT_METHOD = frozenset(
    {"id_number", "phone", "identifier", "date", "datetime", "number", "uscc", "uid", "amount"}
)
_FIXED = frozenset({"opaque", "uid"})
Field = dict[str, Any]
FieldName = tuple[str, int, str]
"""(noun, row, key)"""


def name_of(field: Field) -> FieldName:
    return str(field["noun"]), int(field["row"]), str(field["key"])


class Editor(Protocol):
    """What the form needs of an editor, whatever its widget is."""

    def value(self) -> str: ...
    def show_value(self, text: str) -> None: ...
    def show_wrong(self, wrong: bool) -> None: ...


class LineEditor(QLineEdit):
    """One line of text."""

    typed = Told()
    left = Told()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.setReadOnly(field["type"] in _FIXED)
        if field["type"] in _NO_INPUT_METHOD:
            self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.textEdited.connect(lambda _text: self.typed.emit())
        self.returnPressed.connect(self.focusNextChild)

    def value(self) -> str:
        return self.text()

    def show_value(self, text: str) -> None:
        self.setText(text)
        self.setCursorPosition(0)

    def show_wrong(self, wrong: bool) -> None:
        set_property(self, "wrong", wrong)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()


class LongEditor(QPlainTextEdit):
    """Several lines; Tab goes on to the next field."""

    typed = Told()
    left = Told()

    def __init__(self) -> None:
        super().__init__()
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

    def fit(self, lines: int) -> None:
        self.setFixedHeight(QFontMetrics(self.font()).lineSpacing() * lines + 18)

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
        if self._several:
            self.line.setPlaceholderText("可选多个，逐个查找")
        self.line.picked.connect(self._picked)
        self.line.textEdited.connect(lambda _text: self.typed.emit())
        self.line.left.connect(self.left)
        self.setFocusProxy(self.line)
        self._marks = column(gap=4)
        box = column(self, gap=4)
        box.addWidget(self.line)
        box.addLayout(self._marks)

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

    def _picked(self, text: str) -> None:
        if self._several:
            self.chosen = list(dict.fromkeys([*self.chosen, text]))
            self.line.clear()
            self._draw()
        else:
            self.line.setText(text)
        self.typed.emit()

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


class FieldRow(QWidget):
    """`typed` while a person changes it, `left` when the focus goes on."""

    typed = Told()
    left = Told()

    def __init__(self, desk: Desk, field: Field) -> None:
        super().__init__()
        self._look = desk.look
        self.field = field
        self.accepted = False
        self.name = name_of(field)
        self.editor, self._widget = self._make_editor(desk, field)
        self._shown = saved(field)
        self.editor.show_value(self._shown)
        QShortcut(QKeySequence("F2"), self, self.accept, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._loud = bool(field["text"]) and field["problem"] is not None
        box = row(self, gap=12)
        box.addWidget(self._label(desk.look, field), 0, Qt.AlignmentFlag.AlignTop)
        right = column(gap=3)
        right.addWidget(self._widget)
        right.addLayout(self._below(desk.look))
        box.addLayout(right, 1)
        self.judge(field)

    def value(self) -> str:
        return self.editor.value()

    def changed(self) -> bool:
        """Whether a person entered something else than what is kept."""
        return self.accepted or self.value() != self._shown

    def accept(self) -> None:
        """采用: a value that somebody had to look at is right as it is."""
        if self.take_it.isVisibleTo(self):
            self.accepted = True
            self.judge(self.field)
            self.typed.emit(self)

    def take(self, field: Field) -> None:
        """What the engine keeps now; a value being edited stays as typed."""
        before, self.field = self._shown, field
        self.accepted = False
        self._shown = saved(field)
        if self._shown != before and self.value() == before:
            self.editor.show_value(self._shown)
        self.judge(field)

    def judge(self, field: Field) -> None:
        """Show the problem of the field: at once when a value is wrong, for an empty one only after it was left."""
        problem = field["problem"]
        empty = not self.value().strip()
        loud = problem is not None and self._loud
        self.editor.show_wrong(loud and not empty)
        doubt = "" if self.accepted or self.value() != self._shown else str(field["value_doubt"])
        self.take_it.setVisible(bool(doubt) and not loud)
        hint = doubt or (field["help"] if problem is not None or not field["text"] else "")
        if loud:
            sentence = "：".join(part for part in (problem["title"], problem["advice"]) if part)
            self._say(sentence, *(("state-fill", "you") if empty else ("state-rejected", "bad")))
        else:
            self._say(hint, "info", "work" if doubt else "text3")

    def be_loud(self) -> None:
        """From now on an empty or wrong value says so (after leaving the field, or on submitting)."""
        self._loud = True
        self.judge(self.field)

    def focus(self) -> None:
        self._widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def _say(self, text: str, icon: str, tone: str) -> None:
        self.below.setText(text)
        set_tone(self.below, tone)
        self._mark.show_mark(icon, tone)
        self.below.setVisible(bool(text))
        self._mark.setVisible(bool(text))

    def _make_editor(self, desk: Desk, field: Field) -> tuple[Editor, QWidget]:
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
        made.setAccessibleName(field["label"])
        made.typed.connect(lambda: self.typed.emit(self))
        made.left.connect(self._was_left)
        return made, made

    def _was_left(self) -> None:
        self._loud = self._loud or bool(self.value().strip()) or self.changed()
        self.left.emit(self)

    def _label(self, look: Look, field: Field) -> QWidget:
        box = QWidget()
        box.setFixedWidth(LABEL_WIDTH)
        inner = row(box, margins=(0, 7, 0, 0), gap=3)
        text = label(look, field["label"], tone="text2", wrap=True)
        text.setAlignment(Qt.AlignmentFlag.AlignRight)
        text.setToolTip("\n".join(part for part in (field["help"], field["doubt"]) if part))
        inner.addWidget(text, 1)
        star = label(look, "*" if field["level"] == "must" else "", tone="bad")
        star.setFixedWidth(8)
        inner.addWidget(star, 0, Qt.AlignmentFlag.AlignTop)
        return box

    def _below(self, look: Look) -> QVBoxLayout:
        self._mark = Mark(look, "", "text3", 14)
        self.below: QLabel = label(look, role="caption", tone="text3", wrap=True)
        self.below.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        line = row(gap=5)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.below, 1)
        self.take_it = Button(look, "采用 F2", kind="link", small=True, tip="这个值是对的", slot=self.accept)
        self.take_it.hide()
        line.addWidget(self.take_it, 0, Qt.AlignmentFlag.AlignTop)
        outer = column()
        outer.addLayout(line)
        return outer


def saved(field: Field) -> str:
    """What is kept, in its form for people."""
    return str(field["shown"] or field["text"])
