"""待填报: what is missing? The exams that wait for a person, the form of one of them, what came from the devices."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QWidget

from app.errors import AgentError
from app.gui import news, words
from app.gui.doubts import DoubtBox
from app.gui.facts import FactsCard, pdf_of
from app.gui.form import FormView
from app.gui.page import Desk, Json, Page, Search
from app.gui.parts import Button, Card, Empty, Head, clear, column, label, line, row
from app.gui.rows import Cell, Column, RowsView, Text

_LIST_WIDTH = 276


class FillPage(Page):
    """The page on which a technician spends the day."""

    name = words.FILL
    kinds = frozenset({news.STUDIES})

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look)
        super().__init__(desk, self.search)
        self.uid = ""
        self._wanted = ""
        self._form: Json | None = None
        self._doubt: DoubtBox | None = None
        self.setAcceptDrops(True)
        self.search.searched.connect(lambda _text: self.refresh())
        box = row(gap=12)
        box.addWidget(self._list_card())
        box.addWidget(self._form_card(), 11)
        self.facts = FactsCard(self.look)
        self.facts.attach.connect(self.choose_pdf)
        self.facts.dropped.connect(self.attach)
        box.addWidget(self.facts, 8)
        self.body.addLayout(box, 1)
        self._show_none()
        for keys, slot in (
            ("Ctrl+S", self.keep),
            ("Ctrl+Return", self.submit),
            ("PgDown", lambda: self._step(1)),
            ("PgUp", lambda: self._step(-1)),
        ):
            QShortcut(QKeySequence(keys), self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # -- asking -----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        face, text = self.desk.face, self.search.text().strip()

        def both() -> list[Json]:
            return [face.studies(state=state, text=text) for state in ("fill", "attention", "receiving")]

        self.desk.asker.ask(both, self._show_list, key="fill-list")

    def open_at(self, key: str) -> None:
        self._wanted = key
        if not self.list.choose(key):
            self.refresh()

    def keep(self) -> None:
        """Keep what was entered (Ctrl+S)."""
        if self._form is not None and self.form.changed():
            self._fill(lambda form: self._kept(form))

    def submit(self) -> None:
        """Keep what was entered, submit, go on to the next; or jump to what is missing."""
        if self._form is None or not self.submit_button.isEnabled():
            self.form.jump()
            return
        face, uid = self.desk.face, self.uid
        values, settlements, reports = self.form.values(), self.form.settlements(), self.form.reports()
        changed = self.form.changed()
        self.submit_button.setEnabled(False)

        def both() -> Json:
            if changed:
                face.fill(uid, values, settlements, reports)
            return face.submit(uid)

        self.desk.asker.ask(both, lambda answer: self._submitted(uid, answer), self._not_submitted)

    def choose_pdf(self, report: int) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "选择报告 PDF", "", "PDF 文件 (*.pdf)")
        if path:
            self.attach(path, report)

    def attach(self, path: str, report: int = 0) -> None:
        """Attach a PDF; what was entered meanwhile is kept first, because the form comes anew."""
        if self._form is None:
            return
        face, uid = self.desk.face, self.uid
        values, settlements, reports = self.form.values(), self.form.settlements(), self.form.reports()
        changed = self.form.changed()

        def both() -> Json:
            if changed:
                face.fill(uid, values, settlements, reports)
            return face.attach(uid, path, report)

        self.desk.asker.ask(both, self._show_form)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if pdf_of(event) and self._form is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if path := pdf_of(event):
            event.acceptProposedAction()
            self.attach(path)

    def _fill(self, then: object) -> None:
        face, uid = self.desk.face, self.uid
        values, settlements, reports = self.form.values(), self.form.settlements(), self.form.reports()
        self.desk.asker.ask(lambda: face.fill(uid, values, settlements, reports), then)  # type: ignore[arg-type]

    def _check(self) -> None:
        """Judge what was entered without keeping it; rows of lists are kept, because a check cannot carry them."""
        if self._form is None:
            return
        if self.form.settlements() is not None or self.form.reports() is not None:
            self._fill(self._refilled)
            return
        face, uid, values = self.desk.face, self.uid, self.form.values()
        self.desk.asker.ask(lambda: face.check(uid, values), self._judged, key="fill-check")

    def _settle(self, decision: str, detail: str) -> None:
        face, uid = self.desk.face, self.uid
        self.desk.asker.ask(lambda: face.settle(uid, decision, detail), self._settled)

    def _take_now(self) -> None:
        """Complete everything that is still being received."""
        face = self.desk.face

        def every() -> None:
            for study in face.studies(state="receiving")["studies"]:
                face.send_now(study["uid"])

        self.desk.asker.ask(every, lambda _none: self.refresh())

    # -- answers ----------------------------------------------------------------------------------------------------

    def _show_list(self, answers: list[Json]) -> None:
        fill, attention, receiving = (answer["studies"] for answer in answers)
        heading = [{"uid": "#attention", "heading": True, "title": "平台没有收下", "count": len(attention)}]
        self.list.put([*fill, *(heading if attention else []), *attention])
        count = answers[0]["total"]
        self.list_head.title.setText(f"{count} 例待填报" if count else "待填报")
        oldest = min((one["received_at"] for one in fill if one["received_at"]), default=None)
        waited = f" · 最早一例已等 {words.ago(oldest, self.desk.now())}" if oldest else ""
        self.header.note.setText(f"{count} 例{waited}" if count else "都填好了")
        self._receiving.setText(f"还没收齐：{len(receiving)} 例正在接收" if receiving else "")
        self._now.setVisible(bool(receiving))
        self._list_empty.setVisible(not self.list.rows_model.rows)
        self.list.setVisible(bool(self.list.rows_model.rows))
        if self.search.text() and not self.list.rows_model.rows:
            self._list_empty.say("search", f"没有找到“{self.search.text()}”", "试试检查号，或姓名里的一个字。")
        elif not self.list.rows_model.rows:
            self._list_empty.say("check", "都填好了", "新的影像收齐后会出现在这里。")
        self._keep_place()

    def _keep_place(self) -> None:
        """After the list came: the wanted exam, else the one that is open, else the first."""
        if self._wanted and self.list.choose(self._wanted):
            self._wanted = ""
        elif self._wanted:
            self._open(self._wanted)
            self._wanted = ""
        elif not self.list.key() and not self.form.changed():
            if self.list.rows_model.rows:
                self.list.choose_first()
            else:
                self._show_none()

    def _chosen(self, uid: str) -> None:
        self._wanted = ""
        if uid and uid != self.uid:
            if self._form is not None and self.form.changed():
                self._fill(lambda _form: None)
            self._open(uid)

    def _open(self, uid: str) -> None:
        self.uid = uid
        face = self.desk.face
        self.desk.asker.ask(lambda: (uid, face.form(uid), face.study(uid)), self._opened, key="fill-form")

    def _opened(self, answer: tuple[str, Json, Json]) -> None:
        uid, form, study = answer
        if uid == self.uid:
            self._study = study
            self._show_form(form)
            self.facts.show_study(study)

    def _show_form(self, form: Json) -> None:
        self._form = form
        self._show_head(form)
        self._show_doubt(form)
        self.form.show_form(form)
        self.facts.show_reports(form["reports"])
        for widget in (self._form_body, self._foot):
            widget.setVisible(True)
        self._form_empty.setVisible(False)
        self._show_foot(form)

    def _show_head(self, form: Json) -> None:
        shown = {field["key"]: str(field["shown"] or field["text"]) for field in form["fields"]}
        age = f"{shown['age']} 岁" if shown.get("age", "").isdigit() else shown.get("age", "")
        sex = shown.get("sex", "").partition(" ")[2]
        self._name.setText(words.name(form))
        self._person.setText(" · ".join(part for part in (sex, age, shown.get("birth_date", "")) if part))
        accession = shown.get("accession_number", "")
        self._accession.setText(accession)
        self._copy.setVisible(bool(accession))
        listed = self.list.rows_model.place(self.uid)
        about = self.list.rows_model.rows[listed] if listed >= 0 else {}
        came = words.clock(about.get("received_at"), self.desk.now())
        parts = (
            words.what(about),
            f"{came} 收到" if came else "",
            words.images(about) if about else "",
            f"送往 {'、'.join(form['destinations'])}" if form["destinations"] else "还没有上传目标",
        )
        self._about.setText(" · ".join(part for part in parts if part))

    def _show_doubt(self, form: Json) -> None:
        clear(self._doubt_slot)
        doubtful = next((study for study in form["studies"] if study["doubt"]), None)
        self._doubt = DoubtBox(self.look, doubtful) if doubtful else None
        if self._doubt is not None:
            self._doubt.settled.connect(self._settle)
            self._doubt_slot.addWidget(self._doubt)

    def _show_foot(self, form: Json) -> None:
        """Whether it may be submitted and, if not, why: the engine's own words."""
        count = int(form["problem_count"])
        why = f"还差 {count} 项" if count else "、".join(form["ready_why_not"])
        self.submit_button.setEnabled(bool(form["ready"]))
        self.submit_button.set_kind("plain" if self._doubt is not None else "primary")
        self.why.setText(why)
        self.why.setVisible(bool(why))
        self.why.setEnabled(bool(count))
        self.submit_button.setToolTip(why or "Ctrl+Enter")

    def _judged(self, form: Json) -> None:
        if form["uid"] == self.uid:
            self.form.judge(form)
            self._show_foot(form)

    def _refilled(self, form: Json) -> None:
        if form["uid"] == self.uid:
            self._form = form
            self.form.take(form)
            self._show_foot(form)

    def _kept(self, form: Json) -> None:
        if form["uid"] == self.uid:
            self._show_form(form)
            self.why.setToolTip("")
            self._about.setText(f"已保存 · {self._about.text()}")
        self.refresh()

    def _settled(self, form: Json) -> None:
        if form["uid"] == self.uid:
            self._show_form(form)
        self.refresh()

    def _submitted(self, uid: str, answer: Json) -> None:
        skipped = next((one["why"] for one in answer["skipped"] if one["uid"] == uid), "")
        if skipped and uid not in answer["submitted"]:
            self.desk.tell("you", "这例还没有提交", str(skipped))
            self._open(uid)
            return
        self.desk.tell("", "", "")
        self._form = None
        self._step_after(uid)
        self.refresh()

    def _not_submitted(self, error: AgentError) -> None:
        self.submit_button.setEnabled(True)
        self.desk.fail(error)

    # -- moving -----------------------------------------------------------------------------------------------------

    def _step(self, by: int) -> None:
        place = self.list.rows_model.place(self.uid) + by
        rows = self.list.rows_model.rows
        if 0 <= place < len(rows) and rows[place].get("heading"):
            place += by
        if 0 <= place < len(rows):
            self.list.choose(str(rows[place]["uid"]))

    def _step_after(self, uid: str) -> None:
        """The next exam in the list takes the place of one that is done."""
        rows = [one for one in self.list.rows_model.rows if not one.get("heading") and one["uid"] != uid]
        place = self.list.rows_model.place(uid)
        later = [one for one in self.list.rows_model.rows[place + 1 :] if one in rows]
        following = later or rows
        if following:
            self.list.choose(str(following[0]["uid"]))
        else:
            self._show_none()

    def _show_none(self) -> None:
        self.uid, self._form = "", None
        clear(self._doubt_slot)
        self._doubt = None
        for widget in (self._form_body, self._foot):
            widget.setVisible(False)
        self._form_empty.setVisible(True)
        self.facts.show_nothing()

    # -- building ---------------------------------------------------------------------------------------------------

    def _list_card(self) -> Card:
        card = Card()
        card.setFixedWidth(_LIST_WIDTH)
        self.list_head = Head(self.look, "待填报")
        column_of = Column(title="", cell=self._item)
        self.list = RowsView(self.look, (column_of,), key="uid", row_height=58, head=False)
        self.list.chosen.connect(self._chosen)
        self._list_empty = Empty(self.look, "check", "都填好了", "新的影像收齐后会出现在这里。")
        self._receiving = label(self.look, role="caption", tone="text2")
        self._now = Button(self.look, "立即收齐", kind="link", small=True, slot=self._take_now)
        foot = row(margins=(16, 0, 10, 0))
        foot.addWidget(self._receiving, 1)
        foot.addWidget(self._now)
        holder = QWidget()
        holder.setLayout(foot)
        holder.setFixedHeight(40)
        for widget in (self.list_head, self.list, self._list_empty, line(), holder):
            card.box.addWidget(widget, 1 if widget in (self.list, self._list_empty) else 0)
        return card

    def _item(self, study: Json) -> Cell:
        if study.get("heading"):
            count = Text(text=f"{study['count']} 例", role="caption", tone="text3")
            return Cell(lines=(Text(text=study["title"], role="caption", tone="text2"),), right=(count,), heading=True)
        mark = self.look.state(study["state"])
        came = Text(text=words.clock(study["received_at"], self.desk.now()), role="caption", tone="text2")
        told = words.missing(study) if study["state"] == "to_fill" else study["state_words"]
        about = " · ".join(part for part in (words.what(study), words.images(study)) if part)
        return Cell(
            mark=mark.icon,
            mark_tone=mark.tone,
            mark_size=18,
            lines=(Text(text=words.name(study), bold=True), Text(text=about, role="body_small", tone="text2")),
            right=(came, Text(text=told, role="body_small", tone=mark.tone)),
        )

    def _form_card(self) -> Card:
        card = Card()
        self._form_body = QWidget()
        box = column(self._form_body)
        self._name = label(self.look, role="person", bold=True)
        self._person = label(self.look, role="body_small", tone="text2")
        self._accession = label(self.look, role="body_small", tone="text2")
        self._copy = Button(self.look, kind="icon", icon="copy", tip="复制检查号", slot=self._copy_accession)
        top = row(margins=(16, 8, 12, 0), gap=10)
        top.addWidget(self._name)
        top.addWidget(self._person)
        top.addStretch(1)
        top.addWidget(self._accession)
        top.addWidget(self._copy)
        self._about = label(self.look, role="caption", tone="text2", wrap=True)
        about = row(margins=(16, 2, 16, 8))
        about.addWidget(self._about)
        self._doubt_slot = column(margins=(12, 10, 12, 0))
        self.form = FormView(self.desk)
        self.form.edited.connect(self._check)
        self.form.keep.connect(lambda: self._fill(self._refilled))
        self.form.attach_to.connect(self.choose_pdf)
        box.addLayout(top)
        box.addLayout(about)
        box.addWidget(line())
        box.addLayout(self._doubt_slot)
        box.addWidget(self.form, 1)
        self._form_empty = Empty(self.look, "page-fill", "没有要填的", "左边选一例，或等新的影像收齐。")
        card.box.addWidget(self._form_body, 1)
        card.box.addWidget(self._form_empty, 1)
        card.box.addWidget(self._form_foot())
        return card

    def _form_foot(self) -> QWidget:
        self._foot = QWidget()
        outer = column(self._foot)
        outer.addWidget(line())
        box = row(margins=(12, 10, 16, 10), gap=8)
        self.why = Button(self.look, kind="link", small=True, slot=self.form.jump, tip="跳到第一项")
        self.save = Button(self.look, "保存", slot=self.keep, tip="Ctrl+S")
        self.submit_button = Button(self.look, "提交上传", kind="primary", slot=self.submit, tip="Ctrl+Enter")
        box.addWidget(self.why)
        box.addStretch(1)
        box.addWidget(self.save)
        box.addWidget(self.submit_button)
        outer.addLayout(box)
        return self._foot

    def _copy_accession(self) -> None:
        QGuiApplication.clipboard().setText(self._accession.text())
