"""The form of one exam: what is missing or refused first, the rest folded by section with its sources. No rules."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from app.gui.editors import Field
from app.gui.fields import FieldName, FieldRow, Suggestion, name_of, saved
from app.gui.form_fields import all_fields, empty, follows, pdf_first
from app.gui.page import Desk, Json
from app.gui.parts import Button, clear, column, label, line, row
from app.gui.report_tools import PdfActs, is_folded, no_report_line, pdf_tools, report_tools, tools_line
from app.gui.sections import EXAM, MONEY, PATIENT, REPORT, ActButton, ActRow, Section, needs_a_person, section_of
from app.gui.told import Told

_SKIPPED_TYPES = frozenset({"rows", "pdf"})
_LAID_OUT_MS = 60
"""After so long a row that was just made has its place."""


class FormView(QScrollArea):
    """`edited`: values should be checked (300 ms after the last letter). `moved_on`: a changed field was left.

    `keep`: rows were added or taken away. `done`: after the last field that needs the person.
    """

    edited = Told()
    moved_on = Told()
    keep = Told()
    done = Told()
    attach_to = Told()
    stamp_it = Told()
    map_report = Told()
    report_act = Told()
    """(what, number of the report): one more, none, one of another exam ..."""
    wants_row = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self._look = desk, desk.look
        self.rows: dict[FieldName, FieldRow] = {}
        self._acts: dict[FieldName, ActRow] = {}
        self._loud: list[FieldName] = []
        self._sections: dict[str, Section] = {}
        self._suggestions: dict[FieldName, Suggestion] = {}
        self._beside: dict[FieldName, str] = {}
        """Values taken together with a suggestion, of fields that are not open."""
        self._settlement_count: int | None = None
        self.form: Json | None = None
        self._refused = self._touched = False
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
        ahead = self._ahead_in(form)
        self._touched = self._touched and bool(ahead)
        self.form, self._refused = form, refused
        for kept in (self.unread, self.rows, self._acts, self._sections, self._suggestions, self._beside):
            kept.clear()
        self._settlement_count = None
        clear(self._box)
        everything = all_fields(form)
        loud = pdf_first([field for field in everything if needs_a_person(field)])
        self._loud = [name_of(field) for field in loud]
        self._add_loud(loud, sum(bool(field["text"]) for field in everything if not needs_a_person(field)))
        self._box.addStretch(1)
        self._add_sections(form, [f for f in everything if f["type"] not in _SKIPPED_TYPES and not needs_a_person(f)])
        self.verticalScrollBar().setValue(0)
        if ahead is not None:
            self.start(ahead)

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
        self._beside.clear()
        for field in all_fields(form):
            shown = self.rows.get(name_of(field))
            if shown is not None:
                shown.take(field)
            elif (act := self._acts.get(name_of(field))) is not None:
                act.take(field)
        self._uncover(form)

    def judge(self, form: Json, asked: Collection[tuple[str, str]] = ()) -> None:
        """Problems of a check of these (key, value): what is kept stays as it was."""
        checked = dict(asked)
        for field in all_fields(form):
            shown = self.rows.get(name_of(field))
            if shown is not None:
                problem = self.unread.get(str(field["key"])) or field["problem"]
                shown.field = {**shown.field, "problem": problem, "value_doubt": field["value_doubt"]}
                shown.note = follows(form, field)
                shown.judge(shown.field, checked=checked.get(str(field["key"])))
        self._uncover(form)

    def suggest(self, suggestions: list[Suggestion]) -> None:
        """What may be taken, field by field; nothing is entered by itself."""
        self._suggestions = {name_of(one): one for one in suggestions}
        for name, one in self.rows.items():
            one.suggest(self._suggestions.get(name))
        self._show_take_all()

    def take_all(self) -> None:
        """采用全部: every suggestion whose field is still empty or wrong."""
        for one in self._to_take():
            one.take_suggestion()

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
        for section in self._sections.values():
            section.renew(now)
        self._show_take_all()

    def _show_take_all(self) -> None:
        count = len(self._to_take())
        self.take_all_link.setText(f"采用全部 {count} 条建议")
        self.take_all_link.setVisible(count > 1)

    def _to_take(self) -> list[FieldRow]:
        return [one for one in self.rows.values() if one.suggestion is not None and one.offer.text()]

    # -- moving -----------------------------------------------------------------------------------------------------

    def jump(self) -> None:
        """Go to the first field that still needs something, and say what all of them need."""
        problems = [one for one in self.rows.values() if one.field["problem"] is not None]
        for one in problems:
            one.be_loud()
        if problems:
            QTimer.singleShot(0, self, lambda: self._reach(problems[0]))

    def start(self, first: Collection[FieldName] = ()) -> None:
        """The keyboard goes to the first field that needs the person, to one of `first` if there is one."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        waiting = [one for one in map(self._stop, [*first, *self._loud]) if one is not None and one.needs()]
        if waiting:
            QTimer.singleShot(0, self, lambda: self._reach(waiting[0]))
        else:
            self.done.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tab from before it, Shift+Tab from behind it: to the first field that needs the person."""
        super().focusInEvent(event)
        keys = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if event.reason() in keys and self.form is not None:
            self.start()

    def go_on(self, name: FieldName, forward: bool) -> bool:
        """To the next field that needs the person (or the one before); False from a field that needs nobody."""
        if name not in self._loud:
            return False
        place = self._loud.index(name)
        others = [*self._loud[place + 1 :], *self._loud[:place]] if forward else reversed(self._loud[:place])
        following = next((one for one in map(self._stop, others) if one is not None and one.needs()), None)
        if following is not None:
            self._reach(following)
        elif forward:
            self.done.emit()
        else:
            self._back_out()
        return True

    def _back_out(self) -> None:
        """Shift+Tab from the first field: to what stands before the form."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.focusPreviousChild()

    def _ahead_in(self, form: Json) -> list[FieldName] | None:
        """Where the keyboard goes on when the form is laid out anew; None: it is elsewhere and stays there."""
        here = self.window().focusWidget()
        if here is None or not self.isAncestorOf(here):
            return None
        if self.form is None or self.form["uid"] != form["uid"]:
            return []
        stops = [self._stop(name) for name in self._loud]
        place = next((number for number, one in enumerate(stops) if one is not None and one.isAncestorOf(here)), 0)
        return self._loud[place:]

    def _stop(self, name: FieldName) -> FieldRow | ActRow | None:
        return self.rows.get(name) or self._acts.get(name)

    def _reach(self, one: FieldRow | ActRow) -> None:
        if self._stop(one.name) is one:
            one.focus()
            self._show(one)
            QTimer.singleShot(_LAID_OUT_MS, self, lambda: self._show(one))

    def _show(self, one: FieldRow | ActRow) -> None:
        if self._stop(one.name) is one:
            self.ensureWidgetVisible(one, 0, 40)

    # -- what was entered -------------------------------------------------------------------------------------------

    def doubts(self) -> list[str]:
        """What a person has not looked at yet, each once."""
        fields = all_fields(self.form) if self.form else []
        files = [str(one["value_doubt"]) for one in fields if one["type"] in _SKIPPED_TYPES]
        return list(dict.fromkeys(filter(None, [*(one.doubt() for one in self.rows.values()), *files])))

    def changed(self) -> bool:
        typed = any(one.changed() for one in self.rows.values())
        return typed or bool(self._beside) or self._settlement_count is not None

    def is_typed_into(self) -> bool:
        """Whether a person is at it: something is not kept yet, or the keyboard is still where it typed."""
        here = self.window().focusWidget()
        inside = here is not None and here is not self and self.isAncestorOf(here)
        return self.changed() or (self._touched and inside)

    def values(self, *, without: Collection[str] = ()) -> dict[str, str]:
        """Changed values of the exam and of its first report, as typed."""
        typed = {one.name: one.value() for one in self.rows.values() if one.changed()}
        return {
            key: text
            for (noun, number, key), text in {**self._beside, **typed}.items()
            if (noun == "exam" or (noun, number) == ("report", 0)) and key not in without
        }

    def by_hand(self) -> dict[str, str]:
        """All that a person entered, now or earlier: what could be kept as the clinic's default."""
        fields = all_fields(self.form) if self.form else []
        earlier = {str(f["key"]): saved(f) for f in fields if f["source"] == "technician" and f["noun"] != "settlement"}
        return {**earlier, **self.values(without=self.unread)}

    def reports(self) -> list[Json] | None:
        """One dictionary per report when a report after the first was changed, else None."""
        count = len(self.form["reports"]) if self.form else 0
        later = any(one.changed() and one.name[0] == "report" and one.name[1] > 0 for one in self.rows.values())
        return [self._report(number) for number in range(count)] if later else None

    def settlements(self) -> list[Json] | None:
        """All rows of the settlement list when one was changed, added or taken away, else None."""
        if self.form is None:
            return None
        count = len(self.form["settlements"]) if self._settlement_count is None else self._settlement_count
        typed = any(one.changed() and one.name[0] == "settlement" for one in self.rows.values())
        if not typed and self._settlement_count is None:
            return None
        return [self._settlement(number) for number in range(count)]

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
        made.editor.onward = partial(self.go_on, made.name)
        made.typed.connect(lambda _row: self._was_typed())
        made.left.connect(self._was_left)
        made.took.connect(self._was_taken)
        if self.form is not None:
            made.note = follows(self.form, field)
        return made

    def _was_typed(self) -> None:
        self._touched = True
        self._timer.start()

    def _was_left(self, one: FieldRow) -> None:
        if one.changed():
            self.edited.emit()
            self.moved_on.emit()

    def _was_taken(self, one: FieldRow, taken: Suggestion) -> None:
        """What belongs together comes along: the doctor's code with the name."""
        for also in taken["also"]:
            name = (one.name[0], one.name[1], str(also["key"]))
            other = self.rows.get(name)
            if other is None:
                self._beside[name] = str(also["shown"])
            elif not other.value().strip() or (other.suggestion is not None and other.offer.text()):
                other.suggestion = None
                other.enter(str(also["shown"]))
        self._show_take_all()
        if one.editor.isAncestorOf(self._focus()) or one.editor is self._focus():
            self.go_on(one.name, True)

    def _focus(self) -> QWidget:
        return self.window().focusWidget() or self

    def _add_loud(self, loud: list[Field], filled: int) -> None:
        head = row(margins=(16, 10, 16, 2), gap=10)
        ready = "都填好了，可以提交上传" if self.form and self.form["ready"] else "没有缺的项"
        ready = "没有缺的项，请照上面说的改" if self._refused else ready
        title = f"需要您填 {len(loud)} 项" if loud else ready
        head.addWidget(label(self._look, title, role="section", bold=True))
        self.take_all_link = Button(self._look, kind="link", small=True, tip="Ctrl+F2", slot=self.take_all)
        self.take_all_link.hide()
        head.addWidget(self.take_all_link)
        head.addStretch(1)
        said = f"其余 {filled} 项已自动填好" if loud else f"{filled} 项"
        head.addWidget(label(self._look, said, role="caption", tone="text3"))
        self._box.addLayout(head)
        box = column(margins=(16, 4, 16, 12), gap=10)
        for field in loud:
            box.addWidget(self._act_row(field) if field["type"] in _SKIPPED_TYPES else self._row(field))
        self._box.addLayout(box)

    def _act_row(self, field: Field) -> QWidget:
        """A field that is not typed: a list that wants a row, a report that wants its file."""
        report = self.form["reports"][int(field["row"])] if field["type"] == "pdf" and self.form else {}
        has_pdf = bool(report and report["pdf"])
        if has_pdf and field["problem"] and report["stamp"] and report["stamp"]["able"]:
            button = ActButton(self._look, "盖章", slot=partial(self.stamp_it.emit, int(field["row"])))
        elif field["type"] == "pdf":
            slot = partial(self.attach_to.emit, int(field["row"]))
            button = ActButton(self._look, "换一份 PDF" if has_pdf else "附上 PDF", icon="attach", slot=slot)
        else:
            button = ActButton(self._look, "加一行", slot=self.wants_row.emit)
        made = ActRow(self._look, field, button)
        button.onward = partial(self.go_on, made.name)
        self._acts[made.name] = made
        return made

    def _add_sections(self, form: Json, quiet: list[Field]) -> None:
        for title in (PATIENT, EXAM):
            self._add_section(title, [f for f in quiet if f["noun"] == "exam" and section_of(f) == title])
        for number in range(len(form["reports"])):
            title = REPORT if len(form["reports"]) == 1 else f"{REPORT} {number + 1}"
            mine = [f for f in quiet if (f["noun"], f["row"]) == ("report", number)]
            self._add_section(title, mine, pdf=number)
            links = None if is_folded(form, number) else report_tools(self._look, form, number, self.report_act.emit)
            if links is not None:
                links.setContentsMargins(30, 0, 16, 8)
                self._box.addWidget(links)
        if form["no_report"]:
            self._box.addWidget(line())
            self._box.addWidget(no_report_line(self._look, self.report_act.emit))
        money = [f for f in quiet if f["noun"] == "settlement" or (f["noun"] == "exam" and section_of(f) == MONEY)]
        has_rows = form["settlements"] or any(field["type"] == "rows" for field in form["fields"])
        if money or has_rows:
            self._add_section(MONEY, money)

    def _add_section(self, title: str, fields: list[Field], *, pdf: int | None = None) -> None:
        if not fields and title != MONEY and pdf is None:
            return
        tools = self._settlement_tools if title == MONEY else None
        if pdf is not None:
            tools = partial(self._pdf_tools, pdf)
        section = Section(self._look, title, fields, self._row, tools)
        self._sections[title] = section
        self._box.addWidget(line())
        self._box.addWidget(section)

    def _pdf_tools(self, number: int) -> list[QWidget]:
        acts = PdfActs(attach=self.attach_to.emit, map=self.map_report.emit, act=self.report_act.emit)
        return pdf_tools(self._look, self.form, number, acts) if self.form else []

    def _settlement_tools(self) -> list[QWidget]:
        more = Button(self._look, "加一行结算", kind="link", small=True, slot=self.wants_row.emit)
        less = Button(self._look, "去掉末行", kind="quiet", small=True, slot=self._drop_settlement)
        less.setVisible(bool(self.form and self.form["settlements"]))
        return [tools_line(more, less)]

    def add_settlement(self, template: list[Field]) -> None:
        """One more row, open and empty; it is kept with the first value that is typed into it."""
        if self.form is None:
            return
        rows = self.form["settlements"]
        plain = {"text": "", "shown": "", "source": "", "source_words": "", "value_doubt": "", "problem": None}
        fields = [{**field, **plain, "noun": "settlement"} for field in rows[-1]] if rows else template
        rows.append([{**field, "row": len(rows), "problem": empty(field)} for field in fields])
        if MONEY not in self._sections:
            self._add_section(MONEY, [])
        made = self._sections[MONEY].add(f"结算第 {len(rows)} 行", rows[-1])
        self._walk_through([one.name for one in made])
        QTimer.singleShot(0, self, lambda: self._reach(made[0]) if made else None)

    def _walk_through(self, names: list[FieldName]) -> None:
        """The keyboard goes through these where their button asked for them, else behind all others."""
        asked = next((name for name, act in self._acts.items() if act.is_list), None)
        place = self._loud.index(asked) + 1 if asked is not None else len(self._loud)
        self._loud[place:place] = names
        if asked is not None:
            del self._acts[asked]

    def _drop_settlement(self) -> None:
        if self.form is not None and self.form["settlements"]:
            self._settlement_count = len(self.form["settlements"]) - 1
            self.keep.emit()
