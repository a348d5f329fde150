"""待填报: what is missing? The exams that wait for a person, the form of one of them, what came from the devices."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog

from app.errors import AgentError, NeedsOperator
from app.gui import news, words
from app.gui.ask import OrElse, Then
from app.gui.doubts import DoubtBox, TroubleNote
from app.gui.fill_list import FillList
from app.gui.form_card import FormCard
from app.gui.images import ImagesCard, pdf_of
from app.gui.page import Desk, Json, Page, Question, Search
from app.gui.parts import Button, clear, row
from app.gui.report_map import open_report_map
from app.gui.sections import row_fields
from app.gui.steps import newest
from app.gui.together import TogetherCard

_TELLING = ("state", "problem_count", "image_count", "report_count", "patient_name")
"""What of a list's row says that the open form is no longer what it was."""
_MOST_MOVING = 20


class FillPage(Page):
    """The page on which a technician spends the day."""

    name = words.FILL
    kinds = frozenset({news.STUDIES})

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look)
        self.several = Button(desk.look, "批量填写", icon="page-fill", tip="勾选几例，一起填相同的项")
        super().__init__(desk, self.search, self.several)
        self.uid = ""
        self._wanted = ""
        self._form: Json | None = None
        self._doubt: DoubtBox | None = None
        self._trouble: Json | None = None
        self._facts: list[object] = []
        self._titles: dict[str, str] = {}
        self._ends = False
        """The last field was left: when nothing is missing the keyboard goes on to 提交上传."""
        self.setAcceptDrops(True)
        self.search.searched.connect(lambda _text: self.refresh())
        box = row(gap=12)
        box.addWidget(self._list())
        box.addWidget(self._form_card(), 11)
        self.together = TogetherCard(desk)
        self.together.hide()
        self.together.closed.connect(self.list.switch)
        self.together.written.connect(self._written)
        box.addWidget(self.together, 11)
        self.facts = ImagesCard(self.desk)
        self.facts.attach.connect(self.choose_pdf)
        self.facts.dropped.connect(self.attach)
        box.addWidget(self.facts, 8)
        self.body.addLayout(box, 1)
        self._show_none()
        for keys, slot in (
            ("Ctrl+S", self.keep),
            ("Ctrl+Return", self.submit),
            ("Ctrl+Enter", self.submit),
            ("Ctrl+F2", self.form.take_all),
            ("PgDown", lambda: self._step(1)),
            ("PgUp", lambda: self._step(-1)),
        ):
            QShortcut(QKeySequence(keys), self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # -- asking -----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        face, text = self.desk.face, self.search.text().strip()

        def every() -> list[Json]:
            more = {"uploading": _MOST_MOVING, "receiving": 1}
            states = ("fill", "attention", "uploading", "receiving")
            return [face.studies(state=state, text=text, limit=more.get(state, 200)) for state in states]

        self.desk.asker.ask(every, self._show_list, key="fill-list")

    def show_status(self, status: Json) -> None:
        self._titles = {one["name"]: one["title"] for one in status["destinations"]}

    def open_at(self, key: str) -> None:
        self._wanted = key
        if not self.list.view.choose(key):
            self.refresh()

    def keep(self) -> None:
        """Keep what was entered (Ctrl+S)."""
        if self._form is not None and self.form.changed():
            self._fill(self._kept, self._not_kept)

    def submit(self) -> None:
        """Keep what was entered, submit, go on to the next; or jump to what is missing."""
        if self.list.ticks is not None:
            self.together.write()
            return
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

    def skip(self) -> None:
        """The next exam first; what was entered here is kept on the way."""
        if following := self.list.after(self.uid):
            self.list.view.choose(following)

    def keep_defaults(self) -> None:
        """What was entered here and may hold for every exam: asked about, then kept as the clinic's default."""
        if self._form is not None:
            face, values = self.desk.face, self.form.by_hand()
            self.desk.asker.ask(
                lambda: face.keep_defaults(values, dry=True), lambda answer: self._ask_defaults(values, answer)
            )

    def _ask_defaults(self, values: dict[str, str], answer: Json) -> None:
        kept = answer["kept"]
        if not kept:
            self.desk.tell(
                "work", "没有可以存为默认的新值", "手工填的、每例都一样的项才能存，例：科室、医师、费用类型。"
            )
            return
        face, chosen = self.desk.face, {one["key"]: values[one["key"]] for one in kept}
        listed = "\n".join(f"{one['label']}　{one['shown']}" for one in kept)
        question = Question(
            title=f"以后的新检查都先填这 {len(kept)} 项？",
            text=f"{listed}\n\n每例都还能改；设置里也能改回来。",
            yes=f"存为默认 {len(kept)} 项",
            no="不存",
            icon="page-settings",
            tone="work",
        )
        self.desk.confirm(
            question, lambda: self.desk.asker.ask(lambda: face.keep_defaults(chosen), lambda _answer: self.refresh())
        )

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

        self.desk.asker.ask(both, self._settled, self._not_kept)

    def map_report(self, report: int) -> None:
        """The report was read into the wrong fields: say once how this layout is read."""
        open_report_map(self.desk, self.uid, report, self, lambda _answer: self._fill(self._settled, self._not_kept))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if pdf_of(event) and self._form is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if path := pdf_of(event):
            event.acceptProposedAction()
            self.attach(path)

    def _fill(self, then: Then, or_else: OrElse, *, without: Collection[str] = ()) -> None:
        face, uid = self.desk.face, self.uid
        values, settlements, reports = self.form.values(without=without), self.form.settlements(), self.form.reports()
        self.desk.asker.ask(lambda: face.fill(uid, values, settlements, reports), then, or_else)

    def _check(self) -> None:
        """Judge what was entered without keeping it; rows of lists are kept, because a check cannot carry them."""
        if self._form is None:
            return
        self.form.unread.clear()
        if self.form.settlements() is not None or self.form.reports() is not None:
            self._fill(self._refilled, self._unread)
        else:
            self._check_readable()

    def _check_readable(self) -> None:
        """The engine refuses a value it cannot read before it judges the others: those are asked without it."""
        face, uid, values = self.desk.face, self.uid, self.form.values(without=self.form.unread)
        self.desk.asker.ask(
            lambda: face.check(uid, values), lambda form: self._judged(form, values), self._unread, key="fill-check"
        )

    def _suggest(self) -> None:
        """What may stand in the fields that wait: it depends on what was entered beside them."""
        if self._form is not None:
            face, uid, values = self.desk.face, self.uid, self.form.values(without=self.form.unread)
            self.desk.asker.ask(
                lambda: face.suggestions(uid, values),
                lambda answer: self._suggested(uid, answer),
                lambda _error: None,
                key="fill-suggest",
            )

    def _suggested(self, uid: str, answer: Json) -> None:
        if uid == self.uid:
            self.form.suggest(answer["suggestions"])

    def _all_done(self) -> None:
        self._ends = True
        self._check()

    def _unread(self, error: AgentError) -> None:
        fields = error.fields if isinstance(error, NeedsOperator) else ()
        fresh = [key for key in fields if key not in self.form.unread]
        if not fresh:
            self.desk.fail(error)
            return
        for key in fresh:
            self.form.refuse(key, error.title.rpartition("：")[2], error.advice)
        self._check_readable()

    def _not_kept(self, error: AgentError) -> None:
        """Nothing was kept: say why, at the field if it is one."""
        for key in error.fields if isinstance(error, NeedsOperator) else ():
            self.form.refuse(key, error.title.rpartition("：")[2], error.advice)
        self.form.jump()
        if self._form is not None:
            self._show_foot(self._form)
        self.desk.fail(error)

    def _add_settlement(self) -> None:
        """One more row of the list; what its fields are is the destination's to say."""
        if self._form is None or not self._form["destinations"]:
            return
        face, destination = self.desk.face, str(self._form["destinations"][0])
        self.desk.asker.ask(
            lambda: face.fields(destination), lambda answer: self.form.add_settlement(row_fields(answer))
        )

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
        fill, attention, uploading = (answer["studies"] for answer in answers[:3])
        self.list.put(fill, attention, uploading, int(answers[3]["total"]), searched=self.search.text())
        self._show_count(fill, int(answers[0]["total"]))
        self._keep_place()

    def _show_count(self, fill: list[Json], count: int) -> None:
        """The sentence that answers the page's question."""
        if self.list.ticks is not None:
            self.header.note.setText(f"已选 {len(self.list.ticks)} 例")
            return
        oldest = min((one["received_at"] for one in fill if one["received_at"]), default=None)
        since = words.ago(oldest, self.desk.now())
        waited = f" · 最早一例已等 {since}" if since not in ("", words.JUST_NOW) else ""
        self.header.note.setText(f"{count} 例{waited}" if count else "都填好了")

    def _ticked(self, uids: list[str] | None) -> None:
        """Several are being chosen: their card stands where the form stood."""
        is_many = uids is not None
        self.together.setVisible(is_many)
        self.card.setVisible(not is_many)
        self.several.setEnabled(not is_many)
        if uids is not None:
            self.header.note.setText(f"已选 {len(uids)} 例")
            self.together.show_studies(uids)
        else:
            self.refresh()

    def _written(self, answer: Json) -> None:
        """What was written is in the open form too."""
        self.list.switch()
        if any(one["uid"] == self.uid and one["changes"] for one in answer["studies"]):
            self._open(self.uid)

    def _keep_place(self) -> None:
        """After the list came: the wanted exam, else the one that is open, else the first."""
        if not self._wanted:
            self._renew()
        if self._wanted and self.list.view.choose(self._wanted):
            self._wanted = ""
        elif self._wanted:
            self._open(self._wanted)
            self._wanted = ""
        elif not self.list.view.key() and not self.form.changed():
            if self.list.rows:
                self.list.view.choose_first()
            else:
                self._show_none()

    def _chosen(self, uid: str) -> None:
        self._wanted = ""
        if uid and uid != self.uid:
            if self._form is not None and self.form.changed():
                self._fill(lambda _form: None, self.desk.fail, without=self.form.unread)
            self._open(uid)

    def _open(self, uid: str) -> None:
        if uid != self.uid:
            self._facts = self._facts_of(uid)
        self.uid = uid
        face = self.desk.face
        self.desk.asker.ask(lambda: (uid, face.form(uid), face.study(uid)), self._opened, key="fill-form")

    def _opened(self, answer: tuple[str, Json, Json]) -> None:
        uid, form, study = answer
        if uid == self.uid:
            self.uid = form["uid"]
            self._trouble = next((job["trouble"] for job in newest(study["jobs"]) if job["trouble"]), None)
            self._show_form(form)
            self.facts.show_study(study)

    def _facts_of(self, uid: str) -> list[object]:
        row_of = self.list.row_of(uid)
        return [row_of[key] for key in _TELLING] if row_of else []

    def _renew(self) -> None:
        """The open exam changed under way (images came, a value from elsewhere); what is being typed stays."""
        facts = self._facts_of(self.uid)
        if facts and self._facts and facts != self._facts and not self.form.changed():
            self._open(self.uid)
        self._facts = facts

    def _show_form(self, form: Json) -> None:
        self._form = form
        self.card.show_head(form, self.list.row_of(self.uid) or {}, self._titles, self.desk.now())
        self._show_doubt(form)
        self.form.show_form(form, refused=self._trouble is not None)
        self.facts.show_reports(form["uid"], form["reports"])
        self.card.open_exam(True)
        self._show_foot(form)
        self._suggest()

    def _show_doubt(self, form: Json) -> None:
        clear(self.card.doubt_slot)
        doubtful = next((study for study in form["studies"] if study["doubt"]), None)
        self._doubt = DoubtBox(self.look, doubtful) if doubtful else None
        if self._doubt is not None:
            self._doubt.settled.connect(self._settle)
            self.card.doubt_slot.addWidget(self._doubt)
        elif self._trouble is not None and self._trouble["turn"] != "automatic":
            self.card.doubt_slot.addWidget(TroubleNote(self.look, self._trouble))
        self.card.doubt_slot.setContentsMargins(12, 10 if self.card.doubt_slot.count() else 0, 12, 0)

    def _show_foot(self, form: Json) -> None:
        self.card.show_foot(form, asked_above=self._doubt is not None)
        if self._ends and self.submit_button.isEnabled():
            self.submit_button.setFocus()
        self._ends = False

    def _judged(self, form: Json, values: dict[str, str]) -> None:
        if form["uid"] == self.uid:
            self.form.judge(form, values.items())
            self._show_foot(form)

    def _refilled(self, form: Json) -> None:
        if form["uid"] == self.uid:
            self._form = form
            self.form.take(form)
            self._show_foot(form)

    def _kept(self, form: Json) -> None:
        if form["uid"] == self.uid:
            self._show_form(form)
            self.card.say_kept()
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
        self._not_kept(error)

    # -- moving -----------------------------------------------------------------------------------------------------

    def _step(self, by: int) -> None:
        if following := self.list.beside(self.uid, by):
            self.list.view.choose(following)

    def _step_after(self, uid: str) -> None:
        if following := self.list.after(uid):
            self.list.view.choose(following)
        else:
            self._show_none()

    def _show_none(self) -> None:
        self.uid, self._form = "", None
        clear(self.card.doubt_slot)
        self._doubt = None
        self.card.open_exam(False)
        self.facts.show_nothing()

    # -- building ---------------------------------------------------------------------------------------------------

    def _list(self) -> FillList:
        self.list = FillList(self.look, self.desk.now)
        self.list.chosen.connect(self._chosen)
        self.list.take_now.connect(self._take_now)
        self.list.ticked.connect(self._ticked)
        self.several.clicked.connect(lambda _checked=False: self.list.switch())
        return self.list

    def _form_card(self) -> FormCard:
        self.card = FormCard(self.desk)
        self.form, self.why, self.submit_button = self.card.form, self.card.why, self.card.submit_button
        self.card.submit.connect(self.submit)
        self.card.skip.connect(self.skip)
        self.card.keep_defaults.connect(self.keep_defaults)
        self.form.edited.connect(self._check)
        self.form.moved_on.connect(self._suggest)
        self.form.done.connect(self._all_done)
        self.form.keep.connect(lambda: self._fill(self._refilled, self._not_kept))
        self.form.wants_row.connect(self._add_settlement)
        self.form.attach_to.connect(self.choose_pdf)
        self.form.map_report.connect(self.map_report)
        return self.card
