"""待填报: what is missing? The exams that wait for a person, the form of one of them, what came from the devices."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFocusEvent
from PySide6.QtWidgets import QWidget

from app.errors import AgentError
from app.gui import his, news, words
from app.gui.fill_list import FillList
from app.gui.form_card import FormCard
from app.gui.images import ImagesCard, pdf_of
from app.gui.open_exam import OpenExam
from app.gui.page import Desk, Json, Page, Question, Search
from app.gui.parts import Button, row, shortcut
from app.gui.register import RegisterDialog, registered_words
from app.gui.together import TogetherCard

_TELLING = ("state", "problem_count", "image_count", "report_count", "patient_name")
"""What of a list's row says that the open form is no longer what it was."""
_MOST_MOVING = 20


class FillPage(Page):
    """The page on which a technician spends the day: list, form, images, and which exam is open."""

    name = words.FILL
    kinds = frozenset({news.STUDIES})

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look)
        self.several = Button(desk.look, "批量填写", icon="page-fill", tip="勾选几例，一起填相同的项")
        self.from_his = Button(desk.look, his.BUTTON, icon="export", tip="结算号、医嘱号从 HIS 填")
        self.register = Button(desk.look, "登记一例", icon="patient", tip="影像还没到，先登记", slot=self.register_one)
        super().__init__(desk, self.search, self.several, self.from_his, self.register)
        self.from_his.clicked.connect(lambda _checked=False: self.import_his())
        self.uid = ""
        self._wanted = ""
        self._facts: list[object] = []
        self._titles: dict[str, str] = {}
        self.setAcceptDrops(True)
        self.search.searched.connect(lambda _text: self.refresh())
        box = row(gap=12)
        box.addWidget(self._list())
        box.addWidget(self._form_card(), 11)
        box.addWidget(self._together_card(), 11)
        self.facts = ImagesCard(self.desk)
        self.facts.attach.connect(self.exam.choose_pdf)
        self.facts.dropped.connect(self.exam.attach)
        self.facts.stamp.came.connect(self._stamped)
        self.form.stamp_it.connect(self.facts.stamp_report)
        box.addWidget(self.facts, 8)
        self.body.addLayout(box, 1)
        self._show_none()
        for keys, slot in (
            ("Ctrl+S", self.exam.keep),
            ("Ctrl+Return", self.submit),
            ("Ctrl+Enter", self.submit),
            ("Ctrl+F2", self.form.take_all),
            ("PgDown", lambda: self._step(1)),
            ("PgUp", lambda: self._step(-1)),
        ):
            shortcut(keys, self, slot)

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
        """An exam, or what HIS asks: "his", "his:" and an export that could not be read."""
        what, _, path = key.partition(":")
        if what == "his":
            self.import_his(path)
            return
        self._wanted = key
        if not self.list.view.choose(key):
            self.refresh()

    def submit(self) -> None:
        """Keep what was entered, submit, go on to the next; or jump to what is missing."""
        if self.list.ticks is not None:
            self.together.write()
        elif self.exam.kept is None or not self.submit_button.isEnabled():
            self.form.jump()
        elif doubts := self.form.doubts():
            self.desk.confirm(doubtful_question(words.name(self.exam.kept), doubts), self._submit)
        else:
            self._submit()

    def _submit(self) -> None:
        face, uid = self.desk.face, self.uid
        self.submit_button.setEnabled(False)
        self.exam.then(lambda: face.submit(uid), lambda answer: self._submitted(uid, answer), self._not_submitted)

    def skip(self) -> None:
        """The next exam first; what was entered here is kept on the way."""
        if following := self.list.after(self.uid):
            self.list.view.choose(following)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if (pdf_of(event) and self.exam.kept is not None) or his.sheet_of(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if path := pdf_of(event):
            event.acceptProposedAction()
            self.exam.attach(path)
        elif path := his.sheet_of(event):
            event.acceptProposedAction()
            self.import_his(path)

    def register_one(self) -> None:
        """An exam before its images; it is opened, what else is missing can be filled at once or later."""
        RegisterDialog(self.desk, self._registered, self.window()).open()

    def _registered(self, form: Json) -> None:
        self.desk.tell("work", *registered_words(form))
        self.open_at(str(form["uid"]))
        self.refresh()

    def import_his(self, path: str = "") -> None:
        """Open the import; what is open comes anew when it filled something."""
        his.open_his(self.desk, self.window(), self._his_filled, path)

    def _his_filled(self) -> None:
        if self.uid and not self.form.changed():
            self._open(self.uid)
        self.refresh()

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
            self.exam.leave()
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
            if self.exam.uid == self.uid and self.form.is_typed_into():
                self.exam.renew(form)
            else:
                self.exam.show_exam(form, study)
            self.facts.show_reports(form["uid"], form["reports"])
            self.facts.show_study(study)

    def _stamped(self, uid: str) -> None:
        """The stamped PDF is the report's now."""
        if uid == self.uid:
            self._open(uid)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The page was opened: the keyboard goes where something is to be typed."""
        super().focusInEvent(event)
        self._start_typing()

    def _start_typing(self) -> None:
        if self.window().focusWidget() is not self or self.exam.kept is None:
            return
        if self.exam.doubt is not None:
            self.exam.doubt.focus()
        else:
            self.form.start()

    def next_pane(self) -> None:
        """List, form, images, and round again."""
        panes: list[QWidget] = [self.list.view, self.form, self.facts]
        here = self.focusWidget()
        now = next((number for number, pane in enumerate(panes) if pane is here or pane.isAncestorOf(here)), -1)
        following = panes[(now + 1) % len(panes)]
        goes: dict[QWidget, Callable[[], None]] = {self.form: self.form.start, self.facts: self.facts.focus}
        goes.get(following, following.setFocus)()

    def _shown(self, form: Json) -> None:
        self.card.show_head(form, self.list.row_of(self.uid) or {}, self._titles, self.desk.now())
        self.facts.show_reports(form["uid"], form["reports"])
        self._start_typing()

    def _facts_of(self, uid: str) -> list[object]:
        row_of = self.list.row_of(uid)
        return [row_of[key] for key in _TELLING] if row_of else []

    def _renew(self) -> None:
        """The open exam changed under way (images came, a value from elsewhere); what is being typed stays."""
        facts = self._facts_of(self.uid)
        if facts and self._facts and facts != self._facts and not self.form.changed():
            self._open(self.uid)
        self._facts = facts

    def _submitted(self, uid: str, answer: Json) -> None:
        skipped = next((one["why"] for one in answer["skipped"] if one["uid"] == uid), "")
        if skipped:
            begun = uid in answer["submitted"]
            self.desk.tell("you", "有一个平台还没有提交" if begun else "这例还没有提交", str(skipped))
            self._open(uid)
            return
        self.desk.tell("", "", "")
        self.exam.kept = None
        self.setFocus()
        self._step_after(uid)
        self.refresh()

    def _not_submitted(self, error: AgentError) -> None:
        self.submit_button.setEnabled(True)
        self.exam.not_kept(error)

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
        self.uid = ""
        self.exam.close()
        self.facts.show_nothing()

    # -- building ---------------------------------------------------------------------------------------------------

    def _list(self) -> FillList:
        self.list = FillList(self.look, self.desk.now)
        self.list.chosen.connect(self._chosen)
        self.list.view.activated_row.connect(lambda _uid: self.form.start())
        self.list.take_now.connect(self._take_now)
        self.list.ticked.connect(self._ticked)
        self.several.clicked.connect(lambda _checked=False: self.list.switch())
        return self.list

    def _form_card(self) -> FormCard:
        self.card = FormCard(self.desk)
        self.form, self.why, self.submit_button = self.card.form, self.card.why, self.card.submit_button
        self.card.submit.connect(self.submit)
        self.card.skip.connect(self.skip)
        self.exam = OpenExam(self.desk, self.card, self)
        self.exam.shown.connect(self._shown)
        self.exam.changed.connect(self.refresh)
        return self.card

    def _together_card(self) -> TogetherCard:
        self.together = TogetherCard(self.desk)
        self.together.hide()
        self.together.closed.connect(self.list.switch)
        self.together.written.connect(self._written)
        return self.together


def doubtful_question(name: str, doubts: list[str]) -> Question:
    """What is asked before an exam goes whose values a person has not looked at."""
    return Question(
        title=f"{name} 这例还有 {len(doubts)} 处没有核对",
        text="\n".join(doubts[:4]) + "\n\n值是对的就照样提交；不对先改好。",
        yes="照样提交",
        no="先看看",
    )
