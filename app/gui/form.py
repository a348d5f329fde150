"""The form of one exam: what is missing or refused first, the rest folded by group with its sources. Holds no rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.gui.fields import LABEL_WIDTH, Field, FieldName, FieldRow, name_of, saved
from app.gui.look import Look
from app.gui.page import Desk, Json
from app.gui.parts import Button, FoldHead, clear, column, label, line, row
from app.gui.told import Told

_SKIPPED_TYPES = frozenset({"rows", "pdf"})


def all_fields(form: Json) -> list[Field]:
    """Every field of a form, with `row` naming the report or settlement it belongs to."""
    found = list(form["fields"])
    for number, report in enumerate(form["reports"]):
        found += [{**field, "row": number} for field in report["fields"]]
    for number, fields in enumerate(form["settlements"]):
        found += [{**field, "row": number} for field in fields]
    return found


def needs_a_person(field: Field) -> bool:
    """Loud fields: with a problem, or with a value that somebody must look at."""
    return field["problem"] is not None or bool(field["value_doubt"])


def sources(fields: list[Field]) -> str:
    """设备 11 · 机构默认 3 · 空 2"""
    counted = Counter(field["source_words"] or "程序" for field in fields if field["text"])
    empty = sum(not field["text"] for field in fields)
    parts = [f"{words} {count}" for words, count in counted.most_common()]
    return " · ".join([*parts, *([f"没有填 {empty}"] if empty else [])])


def row_fields(answer: Json) -> list[Field]:
    """Fields of one empty settlement row, from what the face says of a destination's fields."""
    plain = {"group": "费用", "max_length": 0, "help": "", "text": "", "shown": "", "source": "", "source_words": ""}
    more = {"value_doubt": "", "problem": None, "row": 0, "required_when": ""}
    found = {one["key"]: {**plain, **more, **one} for one in answer["fields"] if one["noun"] == "settlement"}
    return list(found.values())


class FormView(QScrollArea):
    """`edited`: values should be checked (300 ms after the last letter). `keep`: rows were added or taken away."""

    edited = Told()
    keep = Told()
    attach_to = Told()
    wants_row = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self._look = desk, desk.look
        self.rows: dict[FieldName, FieldRow] = {}
        self._groups: list[Group] = []
        self._settlement_count: int | None = None
        self.form: Json | None = None
        self._refused = False
        self.unread: dict[str, Json] = {}
        """Values of which the engine could not make anything: key -> its problem."""
        self.setWidgetResizable(True)
        inner = QWidget()
        inner.setObjectName("body")
        self._box = column(inner)
        self.setWidget(inner)
        self._timer = QTimer(self, interval=300, singleShot=True)
        self._timer.timeout.connect(self.edited)

    # -- showing ----------------------------------------------------------------------------------------------------

    def show_form(self, form: Json, *, refused: bool = False) -> None:
        """Lay the form out anew: another exam, or another set of rows. `refused`: a platform did not take it."""
        self._timer.stop()
        self.form, self._refused = form, refused
        self.unread.clear()
        self.rows.clear()
        self._groups.clear()
        self._settlement_count = None
        clear(self._box)
        everything = all_fields(form)
        fields = [field for field in everything if field["type"] not in _SKIPPED_TYPES]
        loud = [field for field in everything if needs_a_person(field)]
        filled = sum(bool(field["text"]) for field in everything if not needs_a_person(field))
        self._add_loud(loud, filled)
        quiet = [field for field in fields if not needs_a_person(field)]
        self._add_groups("", [field for field in quiet if field["noun"] == "exam"])
        if not form["reports"]:
            self._add_report("检查报告", 0, {"pdf": False}, [])
        for number, report in enumerate(form["reports"]):
            title = "检查报告" if len(form["reports"]) == 1 else f"检查报告 {number + 1}"
            self._add_report(title, number, report, [f for f in quiet if (f["noun"], f["row"]) == ("report", number)])
        if form["settlements"] or any(field["type"] == "rows" for field in form["fields"]):
            self._add_settlements(form, [field for field in quiet if field["noun"] == "settlement"])
        self._box.addStretch(1)
        self.verticalScrollBar().setValue(0)

    def take(self, form: Json) -> None:
        """The same form with newer problems and kept values; nothing jumps while a person types."""
        if (
            self.form is None
            or len(form["settlements"]) != len(self.form["settlements"])
            or (len(form["reports"]) != len(self.form["reports"]))
        ):
            self.show_form(form, refused=self._refused)
            return
        self.form = form
        for field in all_fields(form):
            shown = self.rows.get(name_of(field))
            if shown is not None:
                shown.take(field)
        self._uncover(form)

    def judge(self, form: Json) -> None:
        """Problems of a check: what is kept stays as it was."""
        for field in all_fields(form):
            shown = self.rows.get(name_of(field))
            if shown is not None:
                problem = self.unread.get(str(field["key"])) or field["problem"]
                shown.field = {**shown.field, "problem": problem, "value_doubt": field["value_doubt"]}
                shown.judge(shown.field)
        self._uncover(form)

    def refuse(self, key: str, title: str, advice: str) -> None:
        """What was typed into this field cannot be read."""
        self.unread[key] = {"title": title, "advice": advice}
        for one in self.rows.values():
            if one.name[2] == key and one.changed():
                one.field = {**one.field, "problem": self.unread[key]}
                one.judge(one.field)

    def problem_count(self, form: Json) -> int:
        """What is still to be done: the engine's problems and what it could not read."""
        return int(form["problem_count"]) + len(set(self.unread) - {str(one["key"]) for one in form["problems"]})

    def _uncover(self, form: Json) -> None:
        """A problem that came up later must not hide in a fold."""
        now = {name_of(field): field for field in all_fields(form)}
        for group in self._groups:
            group.renew(now)

    def first_problem(self) -> FieldRow | None:
        return next((one for one in self.rows.values() if one.field["problem"] is not None), None)

    def jump(self) -> None:
        """Go to the first field that still needs something, and say what all of them need."""
        for one in self.rows.values():
            if one.field["problem"] is not None:
                one.be_loud()
        first = self.first_problem()
        if first is not None:
            QTimer.singleShot(0, lambda: self._reach(first))

    def _reach(self, one: FieldRow) -> None:
        if self.rows.get(one.name) is one:
            self.ensureWidgetVisible(one, 0, 40)
            one.focus()

    # -- what was entered -------------------------------------------------------------------------------------------

    def changed(self) -> bool:
        return self._settlement_count is not None or any(one.changed() for one in self.rows.values())

    def values(self, *, without: Collection[str] = ()) -> dict[str, str]:
        """Changed values of the exam and of its first report, as typed."""
        return {
            one.name[2]: one.value()
            for one in self.rows.values()
            if one.changed() and (one.name[0] == "exam" or one.name[:2] == ("report", 0)) and one.name[2] not in without
        }

    def reports(self) -> list[Json] | None:
        """One dictionary per report when a report after the first was changed, else None."""
        count = len(self.form["reports"]) if self.form else 0
        later = any(one.changed() and one.name[0] == "report" and one.name[1] > 0 for one in self.rows.values())
        if not later:
            return None
        return [self._report(number) for number in range(count)]

    def settlements(self) -> list[Json] | None:
        """All rows of the settlement list when one was changed, added or taken away, else None."""
        if self.form is None:
            return None
        count = len(self.form["settlements"]) if self._settlement_count is None else self._settlement_count
        typed = any(one.changed() and one.name[0] == "settlement" for one in self.rows.values())
        return (
            [self._settlement(number) for number in range(count)]
            if typed or self._settlement_count is not None
            else None
        )

    def _settlement(self, number: int) -> Json:
        """One whole row: what is typed, and what is kept of fields that were never opened."""
        fields = [{**field, "row": number} for field in self.form["settlements"][number]] if self.form else []
        made = {str(field["key"]): self.rows.get(name_of(field)) for field in fields}
        return {str(f["key"]): one.value() if (one := made[str(f["key"])]) else saved(f) for f in fields}

    def _report(self, number: int) -> Json:
        mine = (one for one in self.rows.values() if one.name[:2] == ("report", number))
        return {one.name[2]: one.value() for one in mine if one.changed()}

    # -- building ---------------------------------------------------------------------------------------------------

    def _row(self, field: Field) -> FieldRow:
        made = FieldRow(self._desk, field)
        self.rows[made.name] = made
        made.typed.connect(lambda _row: self._timer.start())
        made.left.connect(lambda _row: self.edited.emit() if _row.changed() else None)
        return made

    def _add_loud(self, loud: list[Field], filled: int) -> None:
        head = row(margins=(16, 12, 16, 4))
        ready = "都填好了，可以提交上传" if self.form and self.form["ready"] else "没有缺的项"
        ready = "没有缺的项，请照上面说的改" if self._refused else ready
        title = f"需要您填 {len(loud)} 项" if loud else ready
        head.addWidget(label(self._look, title, role="section", bold=True))
        head.addStretch(1)
        head.addWidget(label(self._look, f"另有 {filled} 项已填好" if loud else "", role="caption", tone="text3"))
        self._box.addLayout(head)
        box = column(margins=(16, 4, 16, 12), gap=10)
        for field in loud:
            box.addWidget(self._act_row(field) if field["type"] in _SKIPPED_TYPES else self._row(field))
        self._box.addLayout(box)

    def _act_row(self, field: Field) -> QWidget:
        """A field that is not typed: a list that wants a row, a report that wants its file."""
        if field["type"] == "pdf":
            number = int(field["row"])
            button = Button(self._look, "附上 PDF", icon="attach", slot=lambda: self.attach_to.emit(number))
        else:
            button = Button(self._look, "加一行", slot=self.wants_row.emit)
        return ActRow(self._look, field, button)

    def _add_groups(self, prefix: str, fields: list[Field]) -> None:
        for name in dict.fromkeys(field["group"] for field in fields):
            self._add_group(prefix + name, [field for field in fields if field["group"] == name])

    def _add_group(self, title: str, fields: list[Field], *extra: QWidget) -> None:
        group = Group(self._look, title, fields, self._row, *extra)
        self._groups.append(group)
        self._box.addWidget(line())
        self._box.addWidget(group)

    def _add_report(self, title: str, number: int, report: Json, fields: list[Field]) -> None:
        head = row(margins=(16, 8, 16, 8), gap=8)
        head.addWidget(label(self._look, title, bold=True))
        said = "报告 PDF 已附上" if report["pdf"] else "还没有报告 PDF"
        head.addWidget(label(self._look, said, role="caption", tone="text3" if report["pdf"] else "you"))
        head.addStretch(1)
        words = "换一份 PDF" if report["pdf"] else "附上 PDF"
        head.addWidget(Button(self._look, words, icon="attach", small=True, slot=lambda: self.attach_to.emit(number)))
        self._box.addWidget(line())
        self._box.addLayout(head)
        self._add_groups("", fields)

    def _add_settlements(self, form: Json, fields: list[Field]) -> None:
        head = row(margins=(16, 8, 16, 8), gap=8)
        head.addWidget(label(self._look, "结算信息", bold=True))
        count = len(form["settlements"])
        problem = next((field["problem"] for field in form["fields"] if field["type"] == "rows"), None)
        note = problem["title"] if problem else f"{count} 行"
        head.addWidget(label(self._look, note, role="caption", tone="you" if problem else "text3"))
        head.addStretch(1)
        head.addWidget(Button(self._look, "加一行", kind="link", small=True, slot=self.wants_row.emit))
        if count:
            head.addWidget(Button(self._look, "去掉末行", kind="quiet", small=True, slot=self._drop_settlement))
        self._box.addWidget(line())
        self._box.addLayout(head)
        for number in range(count):
            mine = [field for field in fields if field["row"] == number]
            if mine:
                self._add_group(f"第 {number + 1} 行", mine)
        self._settlement_box = column()
        self._box.addLayout(self._settlement_box)

    def add_settlement(self, template: list[Field]) -> None:
        """One more row, open and empty; it is kept with the first value that is typed into it."""
        if self.form is None:
            return
        rows = self.form["settlements"]
        plain = {"text": "", "shown": "", "source": "", "source_words": "", "value_doubt": "", "problem": None}
        rows.append(
            [{**field, **plain, "noun": "settlement", "row": len(rows)} for field in rows[-1] if rows]
            if rows
            else template
        )
        group = Group(self._look, f"第 {len(rows)} 行", [{**f, "row": len(rows) - 1} for f in rows[-1]], self._row)
        self._groups.append(group)
        self._settlement_box.addWidget(line())
        self._settlement_box.addWidget(group)
        group.head.set_open(True)
        QTimer.singleShot(0, lambda: self._reach(group.rows[0]) if group.rows else None)

    def _drop_settlement(self) -> None:
        if self.form is not None and self.form["settlements"]:
            self._settlement_count = len(self.form["settlements"]) - 1
            self.keep.emit()


class ActRow(QWidget):
    """Label, button, and why it is needed."""

    def __init__(self, look: Look, field: Field, button: Button) -> None:
        super().__init__()
        text = label(look, f"{field['label']} *", tone="text2", wrap=True)
        text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        text.setFixedWidth(LABEL_WIDTH)
        why = field["problem"]["title"] if field["problem"] else field["help"]
        box = row(self, gap=12)
        box.addWidget(text)
        box.addWidget(button)
        box.addWidget(label(look, why, role="caption", tone="text3", wrap=True), 1)


class Group(QFrame):
    """Fields of one group, folded; its editors are made when it is opened first."""

    def __init__(
        self, look: Look, title: str, fields: list[Field], make: Callable[[Field], FieldRow], *extra: QWidget
    ) -> None:
        super().__init__()
        self._fields, self._make = fields, make
        self.rows: list[FieldRow] = []
        self.head = FoldHead(look, title, f"{len(fields)} 项", sources(fields))
        self.head.toggled.connect(self._toggle)
        self._inner = QWidget()
        self._inner_box: QVBoxLayout = column(self._inner, margins=(16, 4, 16, 12), gap=10)
        self._inner.hide()
        box = column(self)
        box.addWidget(self.head)
        box.addWidget(self._inner)

    def renew(self, now: dict[FieldName, Field]) -> None:
        """The fields as they are now; one with a problem opens the fold."""
        self._fields = [now.get(name_of(field), field) for field in self._fields]
        self.head.right.setText(sources(self._fields))
        if any(field["problem"] is not None for field in self._fields):
            self.head.set_open(True)

    def _toggle(self, is_open: bool) -> None:
        if is_open and not self.rows:
            self.rows = [self._make(field) for field in self._fields]
            for one in self.rows:
                self._inner_box.addWidget(one)
        self._inner.setVisible(is_open)
