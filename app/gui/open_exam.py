"""The exam that is open on 待填报: what is typed is judged, kept, completed by suggestions; a doubt is settled."""

from __future__ import annotations

from collections.abc import Callable, Collection

from PySide6.QtWidgets import QFileDialog, QWidget

from app.errors import AgentError, NeedsOperator
from app.gui.ask import OrElse, Then
from app.gui.doubts import DoubtBox, RegisteredNote, TroubleNote, WaitsNote
from app.gui.form_card import FormCard
from app.gui.name_repair import open_name_repair
from app.gui.page import Desk, Json, Question
from app.gui.parts import clear
from app.gui.report_map import open_report_map
from app.gui.report_tools import DROP, MORE, NONE, SHARE, WANTED, ShareDialog
from app.gui.sections import row_fields
from app.gui.steps import newest
from app.gui.told import Told

_OURS_FIRST = ("technician", "engineer", "automatic", "nobody")


class OpenExam:
    """`changed`: something was kept, lists may show it. `shown(form)`: the form was laid out anew."""

    changed = Told()
    shown = Told()

    def __init__(self, desk: Desk, card: FormCard, page: QWidget) -> None:
        self.desk, self.card, self.form, self._page = desk, card, card.form, page
        self.uid = ""
        self.kept: Json | None = None
        """The form as the engine keeps it, None while none is open."""
        self.doubt: DoubtBox | None = None
        self.trouble: Json | None = None
        self.platform = ""
        self._ends = False
        """The last field was left: when nothing is missing the keyboard goes on to 提交上传."""
        card.keep_defaults.connect(self.keep_defaults)
        self.form.edited.connect(self.check)
        self.form.moved_on.connect(self.suggest)
        self.form.done.connect(self._all_done)
        self.form.keep.connect(lambda: self.fill(self.renew, self.not_kept))
        self.form.wants_row.connect(self.add_settlement)
        self.form.attach_to.connect(self.choose_pdf)
        self.form.map_report.connect(self.map_report)
        self.form.report_act.connect(self.act_on_report)

    # -- showing ----------------------------------------------------------------------------------------------------

    def show_exam(self, form: Json, study: Json) -> None:
        """Another exam, or the same one as it is now."""
        self.uid = str(form["uid"])
        troubled = [job for job in newest(study["jobs"]) if job["trouble"]]
        worst = min(troubled, key=lambda job: _OURS_FIRST.index(job["trouble"]["turn"]), default=None)
        self.trouble = worst["trouble"] if worst else None
        self.platform = str(worst["destination_title"]) if worst and len(form["destinations"]) > 1 else ""
        self.show_form(form)

    def show_form(self, form: Json) -> None:
        self.kept = form
        self._show_doubt(form)
        self.form.show_form(form, refused=self.trouble is not None)
        self.card.open_exam(True)
        self._show_foot(form)
        self.suggest()
        self.shown.emit(form)

    def close(self) -> None:
        self.uid, self.kept, self.doubt = "", None, None
        clear(self.card.doubt_slot)
        self.card.open_exam(False)

    # -- keeping ----------------------------------------------------------------------------------------------------

    def keep(self) -> None:
        """Keep what was entered (Ctrl+S)."""
        if self.kept is not None and self.form.changed():
            self.fill(self._kept, self.not_kept)

    def leave(self) -> None:
        """Another exam is opened: what was entered here is kept, as far as it can be read."""
        if self.kept is not None and self.form.changed():
            self.fill(lambda _form: None, self.desk.fail, without=self.form.unread)

    def then(self, act: Callable[[], Json], answered: Then, or_else: OrElse) -> None:
        """Keep what was entered, then act."""
        face, uid = self.desk.face, self.uid
        values, settlements, reports = self.form.values(), self.form.settlements(), self.form.reports()
        changed = self.form.changed()

        def both() -> Json:
            if changed:
                face.fill(uid, values, settlements, reports)
            return act()

        self.desk.asker.ask(both, answered, or_else)

    def keep_defaults(self) -> None:
        """What was entered here and may hold for every exam: asked about, then kept as the clinic's default."""
        if self.kept is not None:
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
            question,
            lambda: self.desk.asker.ask(lambda: face.keep_defaults(chosen), lambda _answer: self.changed.emit()),
        )

    def choose_pdf(self, report: int) -> None:
        path, _ = QFileDialog.getOpenFileName(self._page, "选择报告 PDF", "", "PDF 文件 (*.pdf)")
        if path:
            self.attach(path, report)

    def attach(self, path: str, report: int = 0) -> None:
        """Attach a PDF; what was entered meanwhile is kept first, because the form comes anew."""
        if self.kept is None:
            return
        face, uid = self.desk.face, self.uid
        self.then(lambda: face.attach(uid, path, report), self._settled, self.not_kept)

    def map_report(self, report: int) -> None:
        """The report was read into the wrong fields: say once how this layout is read."""
        open_report_map(
            self.desk, self.uid, report, self._page, lambda _answer: self.fill(self._settled, self.not_kept)
        )

    def act_on_report(self, act: str, number: int) -> None:
        """One more report, none, one of another exam; what was entered is kept first."""
        face, uid = self.desk.face, self.uid
        acts: dict[str, Callable[[], Json]] = {
            MORE: lambda: face.add_report(uid),
            DROP: lambda: face.drop_report(uid, number),
            NONE: lambda: face.without_report(uid),
            WANTED: lambda: face.without_report(uid, none=False),
        }
        if act == SHARE:
            self.fill(lambda _form: self._share(), self.not_kept)
        else:
            self.then(acts[act], self._settled, self.not_kept)

    def _share(self) -> None:
        ShareDialog(self.desk, self.uid, self._settled, self._page.window()).open()

    def join(self, exam_key: str, study: str) -> None:
        """These images are the ones of an exam that was registered before."""
        face = self.desk.face
        self.then(lambda: face.join(exam_key, study, take=True), self._settled, self.not_kept)

    def unregister(self) -> None:
        """The patient did not come: asked, then the registration is gone."""
        face, uid = self.desk.face, self.uid

        def gone(_answer: Json) -> None:
            if uid == self.uid:
                self.close()
            self.changed.emit()

        question = Question(
            title="取消这例登记？",
            text="登记的内容都会删掉。影像以后才到的，会另成一例。",
            yes="取消登记",
            no="留着",
            icon="patient",
        )
        self.desk.confirm(question, lambda: self.desk.asker.ask(lambda: face.unregister(uid), gone, self.not_kept))

    def fill(self, then: Then, or_else: OrElse, *, without: Collection[str] = ()) -> None:
        face, uid = self.desk.face, self.uid
        values, settlements, reports = self.form.values(without=without), self.form.settlements(), self.form.reports()
        self.desk.asker.ask(lambda: face.fill(uid, values, settlements, reports), then, or_else)

    def _kept(self, form: Json) -> None:
        if form["uid"] == self.uid:
            self.show_form(form)
            self.card.say_kept()
        self.changed.emit()

    def _settled(self, form: Json) -> None:
        if form["uid"] == self.uid:
            self.show_form(form)
        self.changed.emit()

    def settle(self, decision: str, detail: str) -> None:
        face, uid = self.desk.face, self.uid
        self.desk.asker.ask(lambda: face.settle(uid, decision, detail), self._settled)

    def choose_name(self) -> None:
        open_name_repair(self.desk, self.uid, self._page.window(), self._settled)

    def add_settlement(self) -> None:
        """One more row of the list; what its fields are is the destination's to say."""
        if self.kept is None or not self.kept["destinations"]:
            return
        face, destination = self.desk.face, str(self.kept["destinations"][0])
        self.desk.asker.ask(
            lambda: face.fields(destination), lambda answer: self.form.add_settlement(row_fields(answer))
        )

    # -- judging ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Judge what was entered without keeping it; rows of lists are kept, because a check cannot carry them."""
        if self.kept is None:
            return
        self.form.unread.clear()
        if self.form.settlements() is not None or self.form.reports() is not None:
            self.fill(self.renew, self._unread)
        else:
            self._check_readable()

    def _check_readable(self) -> None:
        """The engine refuses a value it cannot read before it judges the others: those are asked without it."""
        face, uid, values = self.desk.face, self.uid, self.form.values(without=self.form.unread)
        self.desk.asker.ask(
            lambda: face.check(uid, values), lambda form: self._judged(form, values), self._unread, key="fill-check"
        )

    def _unread(self, error: AgentError) -> None:
        fields = error.fields if isinstance(error, NeedsOperator) else ()
        fresh = [key for key in fields if key not in self.form.unread]
        if not fresh:
            if not fields:
                self.desk.fail(error)
            return  # an answer to an earlier question: the value is refused already
        for key in fresh:
            self.form.refuse(key, error.title.rpartition("：")[2], error.advice)
        self._check_readable()

    def not_kept(self, error: AgentError) -> None:
        """Nothing was kept: say why, at the field if it is one."""
        for key in error.fields if isinstance(error, NeedsOperator) else ():
            self.form.refuse(key, error.title.rpartition("：")[2], error.advice)
        self.form.jump()
        if self.kept is not None:
            self._show_foot(self.kept)
        self.desk.fail(error)

    def _judged(self, form: Json, values: dict[str, str]) -> None:
        if form["uid"] == self.uid:
            self.form.judge(form, values.items())
            self._show_foot(form)

    def renew(self, form: Json) -> None:
        """What the engine keeps now, without laying the form out anew: a person is typing."""
        if form["uid"] == self.uid:
            self.kept = form
            self.form.take(form)
            self._show_foot(form)

    def suggest(self) -> None:
        """What may stand in the fields that wait: it depends on what was entered beside them."""
        if self.kept is not None:
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
        self.check()

    def _show_doubt(self, form: Json) -> None:
        clear(self.card.doubt_slot)
        doubtful = next((study for study in form["studies"] if study["doubt"]), None)
        self.doubt = DoubtBox(self.desk.look, doubtful) if doubtful else None
        if self.doubt is not None:
            self.doubt.settled.connect(self.settle)
            self.doubt.naming.connect(self.choose_name)
            self.card.doubt_slot.addWidget(self.doubt)
        elif self.trouble is not None and self.trouble["turn"] != "automatic":
            self.card.doubt_slot.addWidget(TroubleNote(self.desk.look, self.trouble, self.platform))
        elif form["registered"]:
            note = RegisteredNote(self.desk.look, form["registered"])
            note.joined.connect(self.join)
            self.card.doubt_slot.addWidget(note)
        elif not form["studies"]:
            waits = WaitsNote(self.desk.look, str(form["accession_number"]))
            waits.dropped.connect(self.unregister)
            self.card.doubt_slot.addWidget(waits)
        self.card.doubt_slot.setContentsMargins(12, 10 if self.card.doubt_slot.count() else 0, 12, 0)

    def _show_foot(self, form: Json) -> None:
        self.card.show_foot(form, asked_above=self.doubt is not None)
        if self._ends and self.card.submit_button.isEnabled():
            self.card.submit_button.setFocus()
        self._ends = False
