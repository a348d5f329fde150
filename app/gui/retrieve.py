"""调阅: which exams has this patient elsewhere? Question, what the platform answered, one exam and its download.

The number is known only while the page is open: it goes when the page is left, and everything goes after some minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QHideEvent, QKeyEvent
from PySide6.QtWidgets import QComboBox

from app.errors import AgentError, NeedsOperator
from app.gui import news, words
from app.gui.page import Desk, Json, Page
from app.gui.parts import Button, keeps_escape, shortcut
from app.gui.retrieve_answer import AnswerCard
from app.gui.retrieve_fetch import FetchArea, show_dialog
from app.gui.retrieve_question import QuestionBar
from app.gui.retrieve_record import RecordDialog
from app.gui.retrieve_table import IMAGES, OWN, REPORT

FORGET_MS = 10 * 60 * 1000
"""How long an answer stands while nobody touches it."""
_NOTE = "按证件号码查患者在其他医院的检查"


class RetrievePage(Page):
    """The page of other hospitals' exams. Opened by `Ctrl+F` at the number."""

    name = words.RETRIEVE
    kinds = frozenset({news.STATUS, news.DOWNLOADS})

    def __init__(self, desk: Desk) -> None:
        self.destination = QComboBox()
        self.destination.setFont(desk.look.font("body"))
        self.destination.setMinimumWidth(196)
        self.destination.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.destination.setAccessibleName("问哪个平台")
        self.destination.hide()
        self.records = Button(desk.look, "今天的调阅记录", icon="page-log", slot=self._ask_records)
        super().__init__(desk, self.destination, self.records)
        self.header.note.setText(_NOTE)
        self._places: list[Json] = []
        self._round = 0
        """Answers to questions of an earlier round are nobody's any more."""
        self._masked = ""
        self._timer = QTimer(self, interval=FORGET_MS, singleShot=True)
        self._timer.timeout.connect(self.forget)
        self.question = QuestionBar(self.look, words.today(desk.now()))
        self.answer = AnswerCard(self.look, desk.now)
        self.fetch = FetchArea(desk)
        self.search = self.question.number
        self.setFocusProxy(self.search)
        self.body.addWidget(self.question)
        self.body.addWidget(self.answer, 1)
        self.body.addWidget(self.fetch)
        self._connect()
        self.fetch.show_row(None)

    def _connect(self) -> None:
        self.destination.currentIndexChanged.connect(lambda _index: self._put_place())
        self.question.typed.connect(self._start_anew)
        self.question.left.connect(self._check_number)
        self.question.asked.connect(self._ask)
        self.answer.chosen.connect(self._chosen)
        self.answer.acted.connect(self._act_on_row)
        self.answer.again.connect(self._ask)
        self.fetch.own.connect(lambda exam_key: self.desk.go(words.QUEUE, exam_key))
        shortcut("Ctrl+C", self.answer.table, self.fetch.copy_index)
        shortcut("Del", self.fetch.list.table, self.fetch.list.removed.emit)

    # -- what the engine says ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        self.question.show_today(words.today(self.desk.now()))
        self.desk.asker.ask(self.desk.face.retrieve_places, self._show_places, key="retrieve-places")
        self.fetch.refresh()

    def _show_places(self, answer: Json) -> None:
        today = int(answer["today"])
        self.records.setText(f"今天的调阅记录 {today}" if today else "今天的调阅记录")
        if answer["places"] == self._places:
            return
        self._places, kept = answer["places"], self.destination.currentData()
        quiet = self.destination.blockSignals(True)
        self.destination.clear()
        for one in self._places:
            self.destination.addItem(one["title"], one["destination"])
        self.destination.setCurrentIndex(max(0, self.destination.findData(kept)))
        self.destination.blockSignals(quiet)
        self.destination.setVisible(len(self._places) > 1)
        only = f" · {self._places[0]['title']}" if len(self._places) == 1 else ""
        self.header.note.setText(f"{_NOTE}{only}")
        self._put_place()

    def _place(self) -> Json:
        name = self.destination.currentData()
        return next((one for one in self._places if one["destination"] == name), {"title": "平台", "images": False})

    def _put_place(self) -> None:
        if self._places:
            self.question.put_place(self._place())
            self._start_anew()

    # -- asking -----------------------------------------------------------------------------------------------------

    def _check_number(self, then: Callable[[], None] = lambda: None) -> None:
        """What the number says of itself; `then` when nothing is wrong with it."""
        face, asked, now = self.desk.face, self.question.question(), self._round
        if not asked.id_number or self.search.is_masked:
            then()
            return
        self.desk.asker.ask(
            lambda: face.id_number_said(asked.destination, asked.id_type, asked.id_number),
            lambda answer: self._show_number(answer, then) if now == self._round else None,
        )

    def _show_number(self, answer: Json, then: Callable[[], None]) -> None:
        wrong = answer["wrong"]
        self._masked = str(answer["masked"])
        self.question.show_wrong(f"{wrong['title']}：{wrong['advice']}" if wrong else "")
        self.question.show_person(self.question.name.text().strip(), str(answer["said"]))
        if wrong is None:
            then()

    def _ask(self) -> None:
        self._round += 1
        self._timer.start()
        self._check_number(self._look_up)

    def _look_up(self) -> None:
        face, asked, now = self.desk.face, self.question.question(), self._round
        self.question.show_wrong("")
        self.question.show_asking(True)
        self.desk.tell("", "", "")
        self._show_answer(None)
        self.answer.show_asking(str(self._place()["title"]))
        self.desk.asker.ask(
            lambda: face.look_up(
                asked.destination,
                asked.id_type,
                asked.id_number,
                asked.name,
                asked.day_from,
                asked.day_to,
                asked.reason,
            ),
            lambda answer: self._came(answer) if now == self._round else None,
            lambda error: self._failed(error) if now == self._round else None,
        )

    def _came(self, answer: Json) -> None:
        self.question.show_asking(False)
        if self._masked and self.search.number:
            self.search.show_masked(self._masked)
        self._show_answer(answer)
        self.refresh()

    def _failed(self, error: AgentError) -> None:
        self.question.show_asking(False)
        self.answer.show_nothing()
        if isinstance(error, NeedsOperator) and error.fields:
            self.question.show_wrong("，".join(part for part in (error.title, error.advice) if part), error.fields[0])
        else:
            self.answer.show_no_answer()
            self.desk.fail(error)
            self.refresh()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show_answer(self, answer: Json | None) -> None:
        images = bool(self._place()["images"])
        self.fetch.show_answer(answer, images=images)
        if answer is None:
            self.answer.show_nothing()
            return
        self.answer.show_answer(answer, images=images)
        if answer["exams"]:
            self.question.show_person(answer["exams"][0]["patient_name"], self.question.about.text())

    def _chosen(self) -> None:
        self._timer.start()
        self.fetch.show_row(self.answer.row())

    def _act_on_row(self, row: Json, link: str) -> None:
        self._chosen()
        if link in (REPORT, IMAGES):
            QDesktopServices.openUrl(QUrl(str(row["report_url" if link == REPORT else "image_url"])))
        else:
            self.fetch.act("own" if link == OWN else "download")

    def set_low(self, low: bool) -> None:
        self.low = low
        self.fetch.set_low(low)

    def _ask_records(self) -> None:
        self.desk.asker.ask(
            lambda: self.desk.face.lookups(),
            lambda answer: show_dialog(RecordDialog(self.look, answer["lookups"], self.desk.now, self.window())),
        )

    # -- forgetting -------------------------------------------------------------------------------------------------

    def _start_anew(self) -> None:
        """Another number or platform: nothing of the person before stays beside it."""
        self._round += 1
        self._masked = ""
        self._timer.start()
        self.question.start_anew(another=self.answer.answer is not None)
        self.question.show_asking(False)
        self._show_answer(None)

    def forget(self) -> None:
        """Nobody has touched it for some minutes: nothing of the person stays."""
        self._start_anew()
        self.question.forget_person()
        self.fetch.close_viewer()
        self._timer.stop()

    def hideEvent(self, event: QHideEvent) -> None:
        """Another page, or the window went into the tray: the number goes, what was found stays some minutes."""
        super().hideEvent(event)
        if not event.spontaneous():
            self._masked = ""
            self.question.forget_person()
            self.fetch.close_viewer()

    # -- keys -------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Esc is this page's while it has something to leave, else the window's."""
        return keeps_escape(event, lambda: self.fetch.can_step_back()) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.fetch.step_back():
            return
        super().keyPressEvent(event)
