"""The folded parts of the form: a section with its groups of fields, their count and where they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.gui.editors import Field, Onward, nowhere
from app.gui.fields import FieldName, FieldRow, field_label, name_of
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, FoldHead, column, label, row

PATIENT, EXAM, REPORT, MONEY = "患者信息", "检查信息", "报告", "费用与结算"
_OF_GROUP = {"患者": PATIENT, "就诊": PATIENT, "住院": PATIENT, "费用": MONEY}
_MOST_SOURCES = 3


def section_of(field: Field) -> str:
    return _OF_GROUP.get(str(field["group"]), EXAM)


def needs_a_person(field: Field) -> bool:
    """Loud fields: with a problem, or with a value that somebody must look at."""
    return field["problem"] is not None or bool(field["value_doubt"])


def sources(fields: list[Field], most: int = 0) -> str:
    """设备 11 · 机构默认 3; the most frequent ones alone when `most` is given."""
    counted = Counter(field["source_words"] or "程序" for field in fields if field["text"])
    return " · ".join(f"{words} {count}" for words, count in counted.most_common(most or None))


def row_fields(answer: Json) -> list[Field]:
    """Fields of one empty settlement row, from what the face says of a destination's fields."""
    plain = {"group": "费用", "max_length": 0, "help": "", "text": "", "shown": "", "source": "", "source_words": ""}
    more = {"value_doubt": "", "problem": None, "row": 0, "required_when": ""}
    found = {one["key"]: {**plain, **more, **one} for one in answer["fields"] if one["noun"] == "settlement"}
    return list(found.values())


class ActButton(Button):
    """A button among the fields: Tab goes on as from a field, Enter presses it as Space does."""

    onward: Onward = staticmethod(nowhere)

    def focusNextPrevChild(self, forward: bool) -> bool:
        return self.onward(forward) or super().focusNextPrevChild(forward)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


class ActRow(QWidget):
    """Label, button, and why it is needed."""

    def __init__(self, look: Look, field: Field, button: ActButton) -> None:
        super().__init__()
        self.name, self.button, self.is_list = name_of(field), button, field["type"] == "rows"
        self._why = label(look, role="caption", tone="text3", wrap=True)
        box = row(self, gap=12)
        box.addWidget(field_label(look, {**field, "level": "must"}), 0, Qt.AlignmentFlag.AlignTop)
        box.addWidget(button)
        box.addWidget(self._why, 1)
        self._say(field)

    def take(self, field: Field) -> None:
        """The same field as it stands now; it goes when nobody has to act any more."""
        self._say(field)
        self.setVisible(self._needs)

    def needs(self) -> bool:
        return self._needs

    def _say(self, field: Field) -> None:
        self._needs = needs_a_person(field)
        self._why.setText(field["problem"]["title"] if field["problem"] else field["value_doubt"] or field["help"])

    def focus(self) -> None:
        self.button.setFocus(Qt.FocusReason.TabFocusReason)


class Section(QFrame):
    """Fields under one heading, folded; their editors are made when it is opened first.

    `tools`: widgets that stand under the fields, made at the same time.
    """

    def __init__(
        self,
        look: Look,
        title: str,
        fields: list[Field],
        make: Callable[[Field], FieldRow],
        tools: Callable[[], list[QWidget]] | None = None,
    ) -> None:
        super().__init__()
        self._look, self._fields, self._make, self._tools = look, fields, make, tools
        self.rows: list[FieldRow] = []
        self.head = FoldHead(look, title)
        self.head.toggled.connect(self._toggle)
        self._inner = QWidget()
        self._inner_box: QVBoxLayout = column(self._inner, margins=(16, 4, 16, 12), gap=10)
        self._added = column(gap=10)
        self._made = False
        self._inner.hide()
        box = column(self)
        box.addWidget(self.head)
        box.addWidget(self._inner)
        self._sum_up()

    def renew(self, now: dict[FieldName, Field]) -> None:
        """The fields as they are now; one with a problem opens the fold."""
        self._fields = [now.get(name_of(field), field) for field in self._fields]
        self._sum_up()
        if any(field["problem"] is not None for field in self._fields):
            self.head.set_open(True)

    def add(self, title: str, fields: list[Field]) -> list[FieldRow]:
        """A further block of fields, open at once."""
        self.head.set_open(True)
        return self._block(self._added, title, fields)

    def _sum_up(self) -> None:
        filled = sum(bool(field["text"]) for field in self._fields)
        self.head.note.setText(f"{filled} 项" if filled else "没有填")
        self.head.right.setText(sources(self._fields, _MOST_SOURCES))
        empty = len(self._fields) - filled
        more = f"另有 {empty} 项可填" if empty else ""
        self.head.setToolTip("\n".join(part for part in (sources(self._fields), more) if part))

    def _toggle(self, is_open: bool) -> None:
        if is_open and not self._made:
            self._made = True
            for title, fields in self._blocks():
                self._block(self._inner_box, title, fields)
            self._inner_box.addLayout(self._added)
            for tool in self._tools() if self._tools else ():
                self._inner_box.addWidget(tool)
        self._inner.setVisible(is_open)

    def _blocks(self) -> list[tuple[str, list[Field]]]:
        """Fields by group, settlement rows by number; a lone group needs no heading."""
        found: dict[str, list[Field]] = {}
        for field in self._fields:
            title = f"结算第 {int(field['row']) + 1} 行" if field["noun"] == "settlement" else str(field["group"])
            found.setdefault(title, []).append(field)
        alone = len(found) == 1 and "结算" not in next(iter(found))
        return [("" if alone else title, fields) for title, fields in found.items()]

    def _block(self, box: QVBoxLayout, title: str, fields: list[Field]) -> list[FieldRow]:
        if title:
            box.addWidget(label(self._look, title, role="caption", tone="text3", bold=True))
        made = [self._make(field) for field in fields]
        for one in made:
            box.addWidget(one)
        self.rows += made
        return made
