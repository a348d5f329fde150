"""批量填写: the same values for several exams, and before that a table of exactly what will be written."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QCheckBox, QScrollArea, QVBoxLayout, QWidget

from app.errors import AgentError, NeedsOperator
from app.gui.editors import Field, make_editor
from app.gui.fields import LABEL_WIDTH, field_label
from app.gui.page import Desk, Json
from app.gui.parts import Button, Card, Empty, Mark, clear, column, label, line, row, set_tone
from app.gui.rows import Cell, Column, RowsView, Text
from app.gui.told import Told

_FIRST = 5
"""So many fields are open at first, and every one that somebody still misses."""
_ROW, _MOST_ROWS = 32, 3
_INDENT = LABEL_WIDTH + 12


class TogetherCard(Card):
    """`closed`: nothing is to be written. `written(answer)`: it was."""

    closed = Told()
    written = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self._look = desk, desk.look
        self.uids: list[str] = []
        self.rows: dict[str, TogetherRow] = {}
        self._timer = QTimer(self, interval=300, singleShot=True)
        self._timer.timeout.connect(self.plan)
        self._body = QWidget()
        box = column(self._body)
        box.addLayout(self._head())
        box.addWidget(line())
        box.addWidget(self._fields_area(), 1)
        box.addWidget(self._plan_area())
        self._empty = Empty(self._look, "page-fill", "一起填几例", "在左边勾选要一起填的。各例相同的项填一次就行。")
        self.box.addWidget(self._body, 1)
        self.box.addWidget(self._empty, 1)
        self.box.addWidget(self._foot())
        self.show_studies([])

    # -- asking -----------------------------------------------------------------------------------------------------

    def show_studies(self, uids: list[str]) -> None:
        """The form of these exams; what was entered for others of them stays."""
        self.uids = list(uids)
        self._body.setVisible(bool(uids))
        self._empty.setVisible(not uids)
        self.write_button.setEnabled(False)
        self.write_button.setText(f"写入 {len(uids)} 例" if uids else "写入")
        if uids:
            face, asked = self._desk.face, list(uids)
            self._desk.asker.ask(
                lambda: face.shared_fields(asked), lambda answer: self._show(asked, answer), key="together-fields"
            )

    def plan(self) -> None:
        """Ask what would be written; nothing is."""
        face, uids, values = self._desk.face, list(self.uids), self.values()
        for one in self.rows.values():
            one.show_fault("")
        if not values:
            self._show_plan(uids, {"studies": [], "values": 0})
            return
        self._desk.asker.ask(
            lambda: face.fill_many(uids, values),
            lambda answer: self._show_plan(uids, answer),
            self._unread,
            key="together-plan",
        )

    def write(self) -> None:
        if not self.write_button.isEnabled():
            return
        face, uids, values, kept = self._desk.face, list(self.uids), self.values(), self.as_defaults.isChecked()
        self.write_button.setEnabled(False)

        def both() -> Json:
            answer = face.fill_many(uids, values, dry=False)
            if kept:
                face.keep_defaults(values)
            return answer

        self._desk.asker.ask(both, self._done, self._not_written)

    def values(self) -> dict[str, str]:
        """What was entered, field by field."""
        return {key: text for key, one in self.rows.items() if (text := one.value())}

    # -- answers ----------------------------------------------------------------------------------------------------

    def _show(self, uids: list[str], answer: Json) -> None:
        if uids != self.uids:
            return
        entered = self.values()
        self._title.setText(f"一起填写 {len(uids)} 例")
        self._names.setText("、".join(one["patient_name"] for one in answer["studies"]))
        self.rows.clear()
        clear(self._fields)
        fields = answer["fields"]
        first = max(_FIRST, sum(field["missing"] for field in fields))
        if any(field["key"] in entered for field in fields[first:]):
            first = len(fields)
        self._add(fields[:first], entered)
        if rest := fields[first:]:
            self._add_more(rest)
        self.plan()

    def _add(self, fields: list[Field], entered: dict[str, str]) -> None:
        for field in fields:
            made = TogetherRow(self._desk, field, entered.get(str(field["key"]), ""))
            made.typed.connect(self._timer.start)
            self.rows[str(field["key"])] = made
            self._fields.addWidget(made)

    def _add_more(self, rest: list[Field]) -> None:
        holder = QWidget()
        box = row(holder)
        box.addSpacing(_INDENT)

        def more() -> None:
            holder.hide()
            self._add(rest, {})

        box.addWidget(Button(self._look, f"还有 {len(rest)} 项可以一起填", kind="link", small=True, slot=more))
        box.addStretch(1)
        self._fields.addWidget(holder)

    def _show_plan(self, uids: list[str], answer: Json) -> None:
        if uids != self.uids:
            return
        studies = [one for one in answer["studies"] if one["changes"] or one["why_not"]]
        count = int(answer["values"])
        touched = sum(bool(one["changes"]) for one in studies)
        self._count.setText(f"{touched} 例 · {count} 个值" if count else "没有要写的")
        self.write_button.setText(f"写入 {touched or len(uids)} 例")
        self.write_button.setEnabled(count > 0)
        for key, one in self.rows.items():
            one.show_overwritten(overwritten(answer["studies"], key))
        self._show_table(studies)

    def _show_table(self, studies: list[Json]) -> None:
        clear(self._table_box)
        labels = {one["key"]: one["label"] for study in studies for one in study["changes"]}
        if not studies:
            return
        columns = (
            Column(title="患者", cell=_who, least=80, most=130),
            *(Column(title=title, cell=_cell_of(key), least=90, most=170) for key, title in labels.items()),
            Column(title="", cell=_why_not, least=10),
        )
        table = RowsView(self._look, columns, key="uid", row_height=_ROW)
        table.put(studies)
        table.setFixedHeight(self._look.height("table_head") + _ROW * min(len(studies), _MOST_ROWS) + 2)
        self._table_box.addWidget(table)

    def _unread(self, error: AgentError) -> None:
        fields = error.fields if isinstance(error, NeedsOperator) else ()
        named = [self.rows[key] for key in fields if key in self.rows]
        for one in named:
            one.show_fault("：".join(part for part in (error.title.rpartition("：")[2], error.advice) if part))
        self.write_button.setEnabled(False)
        if not named:
            self._desk.fail(error)

    def _done(self, answer: Json) -> None:
        for one in self.rows.values():
            one.editor.show_value("")
        self.as_defaults.setChecked(False)
        self.written.emit(answer)

    def _not_written(self, error: AgentError) -> None:
        self.write_button.setEnabled(True)
        self._desk.fail(error)

    # -- building ---------------------------------------------------------------------------------------------------

    def _head(self) -> QVBoxLayout:
        self._title = label(self._look, role="section", bold=True)
        self._names = label(self._look, role="body_small", tone="text2", wrap=True)
        said = "只填下面几项，填了的才会写入；每例自己的项目不动"
        top = row(gap=10)
        top.addWidget(self._title)
        top.addWidget(self._names, 1)
        box = column(margins=(16, 10, 16, 8), gap=2)
        box.addLayout(top)
        box.addWidget(label(self._look, said, role="caption", tone="text2", wrap=True))
        return box

    def _fields_area(self) -> QScrollArea:
        inner = QWidget()
        inner.setObjectName("body")
        box = column(inner, margins=(16, 10, 16, 6), gap=8)
        self._fields = column(gap=8)
        box.addLayout(self._fields)
        self.as_defaults = QCheckBox("以后本机构的新检查也默认用这些值")
        self.as_defaults.setFont(self._look.font("body"))
        self.as_defaults.setToolTip("只存每例都一样的项，例：科室、医师；检查项目不存")
        indent = row()
        indent.addSpacing(_INDENT)
        indent.addWidget(self.as_defaults)
        indent.addStretch(1)
        box.addLayout(indent)
        box.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inner)
        return area

    def _plan_area(self) -> QWidget:
        made = QWidget()
        box = column(made)
        box.addWidget(line())
        head = row(margins=(16, 8, 16, 8))
        head.addWidget(label(self._look, "将写入", bold=True))
        head.addStretch(1)
        self._count = label(self._look, role="caption", tone="text2")
        head.addWidget(self._count)
        box.addLayout(head)
        self._table_box = column()
        box.addLayout(self._table_box)
        return made

    def _foot(self) -> QWidget:
        made = QWidget()
        outer = column(made)
        outer.addWidget(line())
        box = row(margins=(16, 10, 16, 10), gap=8)
        box.addWidget(label(self._look, "写入后仍可逐例修改", role="caption", tone="text2"))
        box.addStretch(1)
        box.addWidget(Button(self._look, "取消", slot=self.closed.emit))
        self.write_button = Button(self._look, "写入", kind="primary", slot=self.write, tip="Ctrl+Enter")
        box.addWidget(self.write_button)
        outer.addLayout(box)
        return made


class TogetherRow(QWidget):
    """One field for several exams: what they hold now, and what would be lost."""

    typed = Told()

    def __init__(self, desk: Desk, field: Field, text: str) -> None:
        super().__init__()
        self._now = str(field["now_words"])
        self.editor = make_editor(desk, field)
        self.editor.show_value(text)
        self.editor.hint("不改" if field["same"] else "各例不同 · 不改")
        self.editor.typed.connect(self.typed.emit)
        self._mark = Mark(desk.look, "", "text3", 14)
        self.below = label(desk.look, role="caption", tone="text2", wrap=True)
        told = row(gap=5)
        told.addWidget(self._mark)
        told.addWidget(self.below, 1)
        right = column(gap=3)
        right.addWidget(self.editor)
        right.addLayout(told)
        box = row(self, gap=12)
        box.addWidget(field_label(desk.look, {**field, "level": "", "doubt": ""}))
        box.addLayout(right, 1)
        self.show_overwritten("")

    def value(self) -> str:
        return self.editor.value().strip()

    def show_overwritten(self, told: str) -> None:
        self._say(told or self._now, "state-held" if told else "", "you" if told else "text2")

    def show_fault(self, told: str) -> None:
        self.editor.show_wrong(bool(told))
        if told:
            self._say(told, "state-rejected", "bad")

    def _say(self, text: str, icon: str, tone: str) -> None:
        self.below.setText(text)
        set_tone(self.below, tone)
        self._mark.show_mark(icon, tone)
        self._mark.setVisible(bool(icon))


def overwritten(studies: list[Json], key: str) -> str:
    """将覆盖 1 例：李桂芳 原为 07 全自费"""
    lost = [
        f"{study['patient_name']} 原为 {one['old_shown']}"
        for study in studies
        for one in study["changes"]
        if one["key"] == key and one["overwrites"]
    ]
    return f"将覆盖 {len(lost)} 例：{'、'.join(lost)}" if lost else ""


def _who(study: Json) -> Cell:
    return Cell(lines=(Text(text=study["patient_name"]),))


def _cell_of(key: str) -> Callable[[Json], Cell]:
    def cell(study: Json) -> Cell:
        one = next((change for change in study["changes"] if change["key"] == key), None)
        if one is None:
            return Cell(lines=(Text(text="不变", tone="text3"),))
        return Cell(lines=(Text(text=one["new_shown"], tone="you" if one["overwrites"] else "text"),))

    return cell


def _why_not(study: Json) -> Cell:
    return Cell(lines=(Text(text=study["why_not"], role="caption", tone="you"),))
