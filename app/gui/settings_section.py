"""What every section of the settings is: a card, its questions, and 保存 with the reason beside it."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from app.errors import AgentError
from app.gui.answers import Answers
from app.gui.page import Desk, Json
from app.gui.parts import Body, Button, Card, Head, clear, column, label, line, row, set_tone
from app.gui.questions import QuestionForm

_FORM_WIDTH = 640


class Section(QWidget):
    """`parts`: the sections of the settings file that it writes; none: nothing is saved here."""

    title = ""
    note = ""
    said = ""
    """What saving does to the work under way."""
    parts: tuple[str, ...] = ()

    def __init__(self, desk: Desk, answers: Answers) -> None:
        super().__init__()
        self.desk, self.look, self.answers = desk, desk.look, answers
        self.forms: list[QuestionForm] = []
        self._saving = False
        self._saved = False
        self.card = Card()
        column(self).addWidget(self.card)
        self.head = Head(self.look, self.title, "", *self.beside())
        self.card.box.addWidget(self.head)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        inner = Body()
        self.box: QVBoxLayout = column(inner, margins=(16, 14, 16, 14), gap=12)
        self.area.setWidget(inner)
        self.card.box.addWidget(self.area, 1)
        self.save = Button(self.look, "保存", kind="primary", slot=self._save)
        self.why = label(self.look, role="body_small", tone="text2", wrap=True)
        self.undo = Button(self.look, "恢复原样", kind="quiet", slot=self._undo)
        if self.parts:
            self.card.box.addWidget(line())
            foot = row(margins=(16, 12, 16, 12), gap=12)
            foot.addWidget(self.why, 1)
            foot.addWidget(self.undo)
            foot.addWidget(self.save)
            self.card.box.addLayout(foot)
        else:
            for widget in (self.why, self.undo, self.save):
                widget.setParent(self)
                widget.hide()
        self.build()
        self.show_problems()

    # -- what a section fills in ------------------------------------------------------------------------------------

    def beside(self) -> tuple[QWidget, ...]:
        """Make what stands at the right of the title."""
        return ()

    def build(self) -> None:
        """Make what does not depend on the answers."""

    def fill(self) -> None:
        """Make what shows the answers, into `box`."""

    def offered(self) -> bool:
        """Whether this clinic has a use for it."""
        return True

    def enter(self) -> None:
        """The section is shown now."""

    def run(self) -> None:
        """Do what the section is for, where it does something."""

    def point_at(self, key: str) -> None:
        """Bring the question whose key ends so into sight, with the keyboard in it."""
        for one in (one for form in self.forms for one in form.rows):
            if one.key.endswith(key) and one.isVisible():
                one.editor.focus()
                QTimer.singleShot(0, one, partial(self.area.ensureWidgetVisible, one))

    def show_status(self, status: Json) -> None:
        """The engine's status came."""

    # -- shared -----------------------------------------------------------------------------------------------------

    def add_form(self, questions: list[Json], *, label_width: int = 128) -> None:
        form = QuestionForm(self.look, self.answers, questions, label_width=label_width)
        form.setMaximumWidth(_FORM_WIDTH)
        for one in form.rows:
            one.editor.typed.connect(self.touched)
        self.forms.append(form)
        self.box.addWidget(form)

    def add_title(self, text: str, note: str = "") -> None:
        self.box.addWidget(label(self.look, text, bold=True))
        if note:
            self.box.addWidget(label(self.look, note, role="caption", tone="text3", wrap=True))

    def show_answers(self) -> None:
        if not self.parts:
            self.fill()
            return
        self.forms = []
        clear(self.box)
        self.fill()
        self.box.addStretch(1)
        self.show_problems()

    def touched(self) -> None:
        self._saved = False
        self.show_problems()

    def is_changed(self) -> bool:
        return any(_said(self.answers.document.get(part)) != _said(self.answers.now.get(part)) for part in self.parts)

    def problems(self) -> list[Json]:
        """What is wrong in this section. What is missing does not keep the rest from being saved."""
        found = self.answers.open_under(*(f"{part}" for part in self.parts)) if self.parts else []
        return [one for one in found if not one["missing"]]

    def show_problems(self) -> None:
        for form in self.forms:
            form.show_problems()
        reason = self._reason()
        self.save.setEnabled(not reason)
        self.undo.setEnabled(self.is_changed() and not self._saving)
        self.why.setText(reason or self.said)
        set_tone(self.why, "ok" if self._saved else "text2")

    def _reason(self) -> str:
        """Why 保存 can't be pressed; "" when it can."""
        wrong = self.problems()
        if self._saving:
            return "正在保存"
        if wrong and wrong[0]["missing"]:
            return str(wrong[0]["title"])
        if wrong:
            return f"{wrong[0]['label'] or wrong[0]['title']}：{wrong[0]['advice']}"
        if not self.is_changed():
            return "已保存" if self._saved else "没有改动"
        return "" if self.answers.fresh else "正在核对"

    def _save(self) -> None:
        self._saving = True
        self.show_problems()
        self.apply()

    def apply(self) -> None:
        """Put what was answered into force."""
        self.answers.apply(self.parts, self._done, self._failed)

    def _done(self) -> None:
        self._saving, self._saved = False, True
        self.show_answers()

    def _failed(self, error: AgentError) -> None:
        self._saving = False
        self.desk.fail(error)
        self.show_problems()

    def _undo(self) -> None:
        for part in self.parts:
            if part in self.answers.now:
                self.answers.document[part] = copy.deepcopy(self.answers.now[part])
            else:
                self.answers.document.pop(part, None)
        self.answers.check()
        self.show_answers()


def _said(table: Any) -> Any:
    """A section as answered: rows without the secrets that were left empty."""
    if not isinstance(table, list):
        return table
    rows = []
    for one in table:
        given = {key: value for key, value in one.get("secrets", {}).items() if value}
        rows.append(
            {**{key: value for key, value in one.items() if key != "secrets"}, **({"secrets": given} if given else {})}
        )
    return rows
