"""One field of the form: label, editor of its type, one line below that says what is wrong or what may stand here."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.gui.editors import Field, make_editor
from app.gui.look import Look
from app.gui.page import Desk
from app.gui.parts import Button, Mark, column, frame, label, row, set_tone, shortcut
from app.gui.told import Told

LABEL_WIDTH = 92
FieldName = tuple[str, int, str]
"""(noun, row, key)"""
Suggestion = dict[str, Any]


def name_of(field: Field) -> FieldName:
    return str(field["noun"]), int(field["row"]), str(field["key"])


def saved(field: Field) -> str:
    """What is kept, in its form for people."""
    return str(field["shown"] or field["text"])


def helped(field: Field) -> str:
    """For whom, when not every destination asks for it, and how to fill it."""
    return " · ".join(part for part in (str(field.get("only", "")), str(field["help"])) if part)


class FieldRow(QWidget):
    """`typed` while a person changes it, `left` when the focus goes on, `took(suggestion)` when one was taken."""

    typed = Told()
    left = Told()
    took = Told()

    def __init__(self, desk: Desk, field: Field) -> None:
        super().__init__()
        self._look = desk.look
        self.field = field
        self.accepted = False
        self.note = ""
        """What follows from the value, said below it while nothing is wrong."""
        self.suggestion: Suggestion | None = None
        self._judged = ""
        self.name = name_of(field)
        self.editor = make_editor(desk, field)
        self.editor.typed.connect(self._was_typed)
        self.editor.left.connect(self._was_left)
        self._shown = saved(field)
        self.editor.show_value(self._shown)
        shortcut("F2", self, self.take_suggestion)
        self._loud = bool(field["text"]) and field["problem"] is not None
        box = row(self, gap=12)
        box.addWidget(field_label(desk.look, field), 0, Qt.AlignmentFlag.AlignTop)
        right = column(gap=3)
        right.addWidget(self.editor)
        right.addLayout(self._below(desk.look))
        right.addLayout(self._offer(desk.look))
        box.addLayout(right, 1)
        self.judge(field)

    def value(self) -> str:
        return self.editor.value()

    def changed(self) -> bool:
        """Whether a person entered something else than what is kept."""
        return self.accepted or self.value() != self._shown

    def needs(self) -> bool:
        """Whether it still waits for the person."""
        return self.field["problem"] is not None and (not self.value().strip() or self.value() == self._judged)

    def take_suggestion(self) -> None:
        """采用: what is suggested, or that a value which somebody had to look at is right as it is."""
        if not self.take_it.isVisibleTo(self):
            return
        if self.doubt():
            self.accepted = True
            self.judge(self.field)
            self.typed.emit(self)
        elif self.suggestion is not None:
            taken, self.suggestion = self.suggestion, None
            self.enter(str(taken["shown"]))
            self.took.emit(self, taken)

    def enter(self, text: str) -> None:
        """As if a person had typed it."""
        self.editor.show_value(text)
        self.field = {**self.field, "problem": None}
        self.judge(self.field)
        self.typed.emit(self)

    def suggest(self, suggestion: Suggestion | None) -> None:
        self.suggestion = suggestion
        self.judge(self.field)

    def take(self, field: Field) -> None:
        """What the engine keeps now; a value being edited stays as typed."""
        before, self.field = self._shown, field
        self.accepted = False
        self._shown = saved(field)
        if self._shown != before and self.value() == before:
            self.editor.show_value(self._shown)
        self.judge(field)

    def judge(self, field: Field, *, checked: str | None = None) -> None:
        """Show the problem of the field: at once when a value is wrong, for an empty one only after it was left.

        `checked`: the value that the engine has judged, when it is not the kept one.
        """
        problem = field["problem"]
        self._judged = self.value() if checked is None else checked
        empty = not self.value().strip()
        loud = problem is not None and self._loud
        self.editor.show_wrong(loud and not empty)
        offered = self._say_offer(loud=loud)
        if loud and not (empty and offered):
            sentence = "：".join(part for part in (problem["title"], problem["advice"]) if part)
            self._say(sentence, *(("state-fill", "you") if empty else ("state-rejected", "bad")))
        elif offered:
            self._say("", "", "text3")
        elif self.note and not empty:
            self._say(self.note, "check", "text2")
        else:
            self._say(helped(field) if problem is not None or not field["text"] else "", "info", "text3")

    def be_loud(self) -> None:
        """From now on an empty or wrong value says so (after leaving the field, or on submitting)."""
        self._loud = True
        self.judge(self.field)

    def focus(self) -> None:
        self.editor.setFocus(Qt.FocusReason.TabFocusReason)

    def doubt(self) -> str:
        """What is doubtful about the value and was neither changed nor taken as it is."""
        fresh = self.value() in (self._shown, self._judged)
        return "" if self.accepted or not fresh else str(self.field["value_doubt"])

    def _say_offer(self, *, loud: bool) -> bool:
        """The line that can be taken: a doubt about the value, else a suggestion while there is none that fits."""
        doubt = self.doubt()
        unfit = not self.value().strip() or loud
        text = doubt if doubt and not loud else str(self.suggestion["told"]) if self.suggestion and unfit else ""
        self.offer.setText(text)
        self.take_it.setToolTip("这个值是对的 · F2" if doubt else "填上这个值 · F2")
        for widget in (self.offer, self._offer_mark, self.take_it, self._key):
            widget.setVisible(bool(text))
        return bool(text)

    def _say(self, text: str, icon: str, tone: str) -> None:
        self.below.setText(text)
        set_tone(self.below, tone)
        self._mark.show_mark(icon, tone)
        self.below.setVisible(bool(text))
        self._mark.setVisible(bool(text))

    def _was_typed(self) -> None:
        self._say_offer(loud=self._loud and self.field["problem"] is not None)
        self.typed.emit(self)

    def _was_left(self) -> None:
        self._loud = self._loud or bool(self.value().strip()) or self.changed()
        self.left.emit(self)

    def _below(self, look: Look) -> QHBoxLayout:
        self._mark = Mark(look, "", "text3", 14)
        self.below: QLabel = label(look, role="caption", tone="text3", wrap=True)
        self.below.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        line = row(gap=5)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.below, 1)
        return line

    def _offer(self, look: Look) -> QVBoxLayout:
        """ⓘ 本机构胸部 CT 常填：张伟明　采用 [F2]"""
        self._offer_mark = Mark(look, "info", "work", 14)
        self.offer: QLabel = label(look, role="caption", tone="work", wrap=True)
        self.take_it = Button(look, "采用", kind="link", slot=self.take_suggestion)
        self.take_it.setProperty("fit", "line")
        self.take_it.setFont(look.font("caption"))
        self.take_it.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._key = key_chip(look, "F2")
        line = row(gap=5)
        line.addWidget(self._offer_mark)
        line.addWidget(self.offer, 1)
        line.addWidget(self.take_it)
        line.addWidget(self._key)
        outer = column()
        outer.addLayout(line)
        return outer


def field_label(look: Look, field: Field) -> QWidget:
    """The label at the left, right-aligned, with the star of what is required."""
    box = QWidget()
    box.setFixedWidth(LABEL_WIDTH)
    inner = row(box, margins=(0, 7, 0, 0), gap=3)
    text = label(look, field["label"], tone="text2", wrap=True)
    text.setAlignment(Qt.AlignmentFlag.AlignRight)
    said = (field["help"], field.get("only", ""), field.get("doubt", ""))
    text.setToolTip("\n".join(part for part in said if part))
    inner.addWidget(text, 1)
    star = label(look, "*" if field.get("level") == "must" else "", tone="bad")
    star.setFixedWidth(8)
    inner.addWidget(star, 0, Qt.AlignmentFlag.AlignTop)
    return box


def key_chip(look: Look, text: str) -> QWidget:
    """The name of a key in a small frame."""
    chip = frame("key")
    row(chip, margins=(7, 0, 7, 0)).addWidget(label(look, text, role="caption", tone="text2"))
    chip.setFixedHeight(18)
    return chip
