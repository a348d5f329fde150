"""Questions of the set-up as a form: one row per question, an editor of its kind, one line below that helps or warns.

Shared by the wizard and the settings pages. What is right the engine says; here it is only shown.
"""

from __future__ import annotations

from typing import Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QPlainTextEdit, QWidget

from app.gui.answers import Answers
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Mark, column, label, row, set_property, set_tone
from app.gui.told import Listeners, Told

_WITH_INPUT_METHOD = frozenset({"text", "folder", "folders"})
_WHOLE = frozenset({"port", "number", "days"})
_SHORT = frozenset({"port", "number", "days", "seconds", "time"})
_UNITS = {"seconds": "秒", "days": "天"}
_LINES = frozenset({"list", "folders"})
_MOST_LINES = 4


class Editor(Protocol):
    """What a row needs of an editor, whatever its widget is."""

    typed: Listeners
    left: Listeners

    def value(self) -> Any: ...
    def show_value(self, value: Any) -> None: ...
    def show_wrong(self, wrong: bool) -> None: ...
    def focus(self) -> None: ...


class _Line(QLineEdit):
    left = Told()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()


class TextEditor(QWidget):
    """One line; numbers are given as numbers, so that the engine sees what the person means."""

    typed = Told()
    left = Told()

    def __init__(self, look: Look, question: Json) -> None:
        super().__init__()
        self._kind = question["kind"]
        self.line = _Line()
        self.line.setAccessibleName(question["label"])
        self.line.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, self._kind in _WITH_INPUT_METHOD)
        self.line.textEdited.connect(lambda _text: self.typed.emit())
        self.line.left.connect(self.left)
        box = row(self, gap=8)
        box.addWidget(self.line, 0 if self._kind in _SHORT else 1)
        if self._kind in _SHORT:
            self.line.setFixedWidth(96)
            box.addWidget(label(look, _UNITS.get(self._kind, ""), tone="text2"))
            box.addStretch(1)
        self.setFocusProxy(self.line)

    def value(self) -> Any:
        text = self.line.text().strip()
        if self._kind in _WHOLE and (text.isdecimal() or not text):
            return int(text or 0)
        if self._kind == "seconds":
            return _number(text)
        return text

    def show_value(self, value: Any) -> None:
        is_none = self._kind in _WHOLE and value == 0
        text = f"{value:g}" if isinstance(value, float) else "" if is_none else str(value)
        self.line.setText(text)
        self.line.setCursorPosition(0)

    def show_wrong(self, wrong: bool) -> None:
        set_property(self.line, "wrong", wrong)

    def focus(self) -> None:
        self.line.setFocus()


class SecretEditor(TextEditor):
    """Hidden while typed; what the store holds already is never shown, only that it is there."""

    def __init__(self, look: Look, question: Json, *, kept: bool) -> None:
        super().__init__(look, question)
        self.line.setEchoMode(QLineEdit.EchoMode.Password)
        self.line.setPlaceholderText("已经存好，不改就空着" if kept else "")
        self.show_it = Button(look, "显示", kind="link", small=True, slot=self._turn)
        box = self.layout()
        assert box is not None
        box.addWidget(self.show_it)

    def _turn(self) -> None:
        hidden = self.line.echoMode() == QLineEdit.EchoMode.Password
        self.line.setEchoMode(QLineEdit.EchoMode.Normal if hidden else QLineEdit.EchoMode.Password)
        self.show_it.setText("隐藏" if hidden else "显示")


class FolderEditor(TextEditor):
    """A folder, typed or chosen."""

    def __init__(self, look: Look, question: Json) -> None:
        super().__init__(look, question)
        box = self.layout()
        assert box is not None
        box.addWidget(Button(look, "选择", slot=lambda: choose_folder(self, self._chosen)))

    def _chosen(self, path: str) -> None:
        self.line.setText(path)
        self.typed.emit()
        self.left.emit()


class LinesEditor(QWidget):
    """Several values, one a line; the field is as high as it has lines."""

    typed = Told()
    left = Told()

    _least = 1
    _wraps = False

    def __init__(self, look: Look, question: Json) -> None:
        super().__init__()
        self.text = _Text()
        self.text.setAccessibleName(question["label"])
        self.text.setTabChangesFocus(True)
        if not self._wraps:
            self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self.text.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.text.left.connect(self.left)
        self._quiet = False
        self.text.textChanged.connect(self._changed)
        box = row(self, gap=8)
        box.addWidget(self.text, 1)
        if question["kind"] == "folders":
            add = Button(look, "选择", slot=lambda: choose_folder(self, self._add))
            box.addWidget(add, 0, Qt.AlignmentFlag.AlignTop)
        self.setFocusProxy(self.text)
        self._fit()

    def value(self) -> list[str]:
        return [line.strip() for line in self.text.toPlainText().splitlines() if line.strip()]

    def show_value(self, value: Any) -> None:
        self._quiet = True
        self.text.setPlainText("\n".join(value or ()))
        self._quiet = False
        self._fit()

    def show_wrong(self, wrong: bool) -> None:
        set_property(self.text, "wrong", wrong)

    def focus(self) -> None:
        self.text.setFocus()

    def _add(self, path: str) -> None:
        self.text.setPlainText("\n".join([*self.value(), path]))
        self.left.emit()

    def _changed(self) -> None:
        self._fit()
        if not self._quiet:
            self.typed.emit()

    def _fit(self) -> None:
        held = self.text.blockCount()
        lines = max(self._least, min(_MOST_LINES, held))
        if not self._wraps:
            whole = held <= _MOST_LINES
            policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if whole else Qt.ScrollBarPolicy.ScrollBarAsNeeded
            self.text.setVerticalScrollBarPolicy(policy)
        self.text.setFixedHeight(lines * self.text.fontMetrics().lineSpacing() + 18)


class _Text(QPlainTextEdit):
    left = Told()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()


class StatementEditor(LinesEditor):
    """One statement that may be long: it is shown over several lines and kept as one."""

    _least = 3
    _wraps = True

    def value(self) -> str:  # type: ignore[override]
        return " ".join(self.text.toPlainText().split())

    def show_value(self, value: Any) -> None:
        super().show_value([str(value or "")])


class ChoiceEditor(QComboBox):
    """One of several."""

    typed = Told()
    left = Told()

    def __init__(self, question: Json) -> None:
        super().__init__()
        self.setAccessibleName(question["label"])
        self.addItem("请选择", "")
        for one in question["choices"]:
            self.addItem(one["label"], one["value"])
        self.activated.connect(lambda _place: self.typed.emit())

    def value(self) -> str:
        return str(self.currentData() or "")

    def show_value(self, value: Any) -> None:
        self.setCurrentIndex(max(0, self.findData(str(value))))

    def show_wrong(self, wrong: bool) -> None:
        set_property(self, "wrong", wrong)

    def focus(self) -> None:
        self.setFocus()


class SwitchEditor(QCheckBox):
    """Yes or no."""

    typed = Told()
    left = Told()

    def __init__(self, question: Json) -> None:
        super().__init__(question["label"])
        self.clicked.connect(lambda _on: self.typed.emit())

    def value(self) -> bool:
        return self.isChecked()

    def show_value(self, value: Any) -> None:
        self.setChecked(bool(value))

    def show_wrong(self, wrong: bool) -> None:
        set_property(self, "wrong", wrong)

    def focus(self) -> None:
        self.setFocus()


def editor_of(look: Look, question: Json, *, kept: bool = False) -> Any:
    kind = question["kind"]
    if kind == "secret":
        return SecretEditor(look, question, kept=kept)
    if kind == "folder":
        return FolderEditor(look, question)
    if kind in _LINES:
        return LinesEditor(look, question)
    if kind == "statement":
        return StatementEditor(look, question)
    if kind == "choice":
        return ChoiceEditor(question)
    if kind == "yes_no":
        return SwitchEditor(question)
    return TextEditor(look, question)


class QuestionRow(QWidget):
    """Label, editor, and one line: what is wrong once the field was left, else how to answer."""

    def __init__(self, look: Look, question: Json, answers: Answers, *, label_width: int) -> None:
        super().__init__()
        self.key = str(question["key"])
        self._look, self.question, self._answers = look, question, answers
        kept = question["secret"] and answers.is_kept(self.key)
        self.editor: Any = editor_of(look, question, kept=kept)
        self.editor.setFont(look.font("body"))
        self._touched = False
        self._mark = Mark(look, "info", "text3", 14)
        self.note = label(look, role="caption", tone="text3", wrap=True)
        text = "" if question["kind"] == "yes_no" else str(question["label"])
        self.caption = label(look, text, tone="text2")
        self.caption.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.caption.setMinimumWidth(label_width)
        self.caption.setFixedHeight(32)
        below = row(gap=6)
        below.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        below.addWidget(self.note, 1)
        right = column(gap=3)
        right.addWidget(self.editor)
        right.addLayout(below)
        box = row(self, gap=12)
        box.addWidget(self.caption, 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(right, 1)
        self.editor.show_value(answers.value(self.key, question["unanswered"]))
        self.editor.typed.connect(self._typed)
        self.editor.left.connect(self._left)
        self.show_problem()

    def show_problem(self) -> None:
        """Missing is never red; wrong is red once the person has left the field."""
        problem = self._answers.problem(self.key)
        wrong = problem is not None and not problem["missing"] and (self._touched or not self.has_focus())
        self.editor.show_wrong(wrong)
        self._mark.setVisible(wrong)
        self._mark.show_mark("state-rejected", "bad")
        set_tone(self.note, "bad" if wrong else "text3")
        self.note.setText(str(problem["advice"]) if wrong and problem else self.question["help"])

    def _typed(self) -> None:
        self._touched = self._touched and self._answers.problem(self.key) is not None
        self._answers.put(self.key, self.editor.value())

    def _left(self) -> None:
        self._touched = True
        self.show_problem()

    def has_focus(self) -> bool:
        focused = self.window().focusWidget()
        return focused is not None and (focused is self.editor or self.editor.isAncestorOf(focused))


class QuestionForm(QWidget):
    """Rows of questions over one set of answers; a question that hangs on another comes and goes with its answer."""

    def __init__(self, look: Look, answers: Answers, questions: list[Json], *, label_width: int = 116) -> None:
        super().__init__()
        self._answers = answers
        self.rows = [QuestionRow(look, one, answers, label_width=label_width) for one in questions]
        box = column(self, gap=10)
        for one in self.rows:
            one.editor.typed.connect(self._show_asked)
            box.addWidget(one)
        self._show_asked()

    def show_problems(self) -> None:
        for one in self.rows:
            one.show_problem()
        self._show_asked()

    def _show_asked(self) -> None:
        for one in self.rows:
            one.setVisible(self._answers.is_asked(one.question))

    def row_of(self, key: str) -> QuestionRow | None:
        return next((one for one in self.rows if one.key == key), None)

    def focus_open(self) -> bool:
        """Go to the first question that the engine wants something of."""
        for one in self.rows:
            if self._answers.problem(one.key) is not None:
                one.editor.focus()
                return True
        return False


def choose_folder(parent: QWidget, then: Any) -> None:
    """Ask for a folder without waiting; `then(path)`."""
    dialog = QFileDialog(parent, "选择文件夹")
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(then)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
