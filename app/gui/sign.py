"""电子签名: which reports wait for whom? One report, one code; when it is signed the next comes up by itself.

The page shows and asks. The signing itself goes on without it: a closed window ends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.errors import AgentError, RetryLater
from app.gui import keys, news, sign_words, words
from app.gui.page import Desk, Json, Page, Search
from app.gui.parts import Button, Card, Empty, column, row, shortcut
from app.gui.sign_code import CodeArea
from app.gui.sign_import import ImportDialog
from app.gui.sign_list import SignList
from app.gui.sign_record import SignedDialog, open_signature, show_dialog
from app.gui.sign_text import ReportDialog, SignedText

_TICK_MS = 15_000
_NOTHING = ("没有报告在等签名", "要签时这里是二维码：医生用手机扫码、核对、输入口令，就签好了。")


class SignPage(Page):
    """The page of signatures. `session`: the report whose code is on screen."""

    name = words.SIGN
    kinds = frozenset({news.SIGNING, news.JOBS})

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look)
        self.bring = Button(desk.look, "导入已签报告", icon="attach", slot=self._import)
        super().__init__(desk, self.search, self.bring)
        self.answer: Json | None = None
        self.session: object = None
        self.code: Json | None = None
        """The code on screen, None while there is none."""
        self._shown: tuple[object, ...] = ()
        self._failed: AgentError | None = None
        self._wanted = ""
        self._round = 0
        """Answers about a report that is on screen no more are nobody's."""
        self.list = SignList(desk.look, desk.now)
        self.area = CodeArea(desk.look, desk.now)
        self.text = SignedText(desk.look)
        self._build()
        self._connect()

    # -- what the engine says ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        face = self.desk.face
        self.desk.asker.ask(lambda: face.signing(), self._show, key="signing")

    def open_at(self, key: str) -> None:
        """The report of an exam."""
        self._wanted = key
        self.refresh()

    def _show(self, answer: Json) -> None:
        before, self.answer = self._report(), answer
        reports = self._reports()
        put_off = sum(one["state"] == sign_words.POSTPONED for one in reports)
        self.header.note.setText(sign_words.sentence(len(reports) - put_off, put_off))
        self._say_empty(answer["lacking"])
        self._list()
        self._right.setCurrentWidget(self._work if reports else self._empty)
        wanted = next((one for one in reports if self._wanted and one["uid"] == self._wanted), None)
        self._wanted = ""
        if wanted is not None:
            self._open(wanted)
        elif (now := self._report()) is not None:
            self._renew_view(now)
        else:
            self._say_done(answer)
            self._open_next(before)

    def _say_empty(self, lacking: list[str]) -> None:
        """Nothing waits: all is signed, or nobody can sign yet."""
        self._empty.say("page-sign", *(sign_words.not_yet(lacking) if lacking else _NOTHING))
        self._papers.setVisible(bool(lacking))
        self.area.has_papers = bool(lacking)

    def _list(self) -> None:
        if self.answer is not None:
            self.list.show_answer(self.answer, self.search.text().strip(), self.session if self.code else None)

    def _reports(self) -> list[Json]:
        return [one for group in self.answer["waiting"] for one in group["reports"]] if self.answer else []

    def _report(self) -> Json | None:
        """The report on screen as the engine lists it, None when it waits no more."""
        return next((one for one in self._reports() if one["session"] == self.session), None)

    # -- which report -----------------------------------------------------------------------------------------------

    def _chosen(self, session: object) -> None:
        """By a person."""
        report = next((one for one in self._reports() if one["session"] == session), None)
        if report is not None and session != self.session:
            self.area.show_done("")
            self._open(report)

    def _open_next(self, before: Json | None) -> None:
        """After a signature: the same doctor's next, else the first that can be signed now."""
        doctor = before["doctor"]["name"] if before else ""
        reports = sorted(self._reports(), key=lambda one: (_turn(one), one["doctor"]["name"] != doctor))
        self.session, self.code, self._shown = None, None, ()
        if reports:
            self._open(reports[0])

    def _say_done(self, answer: Json) -> None:
        """What was on screen and waits no more: signed, or not to be signed any longer."""
        row = next((one for one in answer["signed"] if one["session"] == self.session), None)
        self.area.show_done(sign_words.signed_line(row, self.desk.now()) if row else "")

    def _open(self, report: Json) -> None:
        self._round += 1
        self.session, self.code, self._failed = report["session"], None, None
        self._list()
        self.list.choose(self.session)
        self._show_report(report)

    def _renew_view(self, report: Json) -> None:
        """The same report as it is now: its code stays while nothing of it changed."""
        self.list.choose(self.session)
        if _about(report) != self._shown:
            ran_out = report["state"] == sign_words.EXPIRED and self.code is not None
            self._ask_code(report) if ran_out else self._show_report(report)
        elif isinstance(self._failed, RetryLater):
            self._ask_code(report)

    def _show_report(self, report: Json) -> None:
        """What this report's state calls for."""
        self._shown = _about(report)
        state = report["state"]
        if state == sign_words.VOID:
            self._without_code(report, self.area.show_changed)
        elif sign_words.can_import(report):
            self._without_code(report, self.area.show_import)
        elif not report["doctor"]["known"]:
            self._without_code(report, self.area.show_unknown)
        elif state in sign_words.CODED:
            self._ask_code(report)
        else:
            self._without_code(
                report,
                {
                    sign_words.EXPIRED: self.area.show_expired,
                    sign_words.POSTPONED: self.area.show_postponed,
                    sign_words.REFUSED: self.area.show_refused,
                }.get(state, self.area.show_timestamping),
            )

    # -- its code ---------------------------------------------------------------------------------------------------

    def _ask_code(self, report: Json, before: str = "") -> None:
        """Ask for its code; `before`: the method of the face that is called first."""
        face = self.desk.face
        session, now = report["session"], self._round
        if self.code is None or before:
            self.area.show_asking(report)
            self.text.hide_text(report)

        def asked() -> Json:
            if before == "renew":
                face.renew_code(session)
            return face.sign_code(session)

        self.desk.asker.ask(
            asked,
            lambda code: self._came(code) if now == self._round else None,
            lambda error: self._did_not_come(report, error) if now == self._round else None,
            key=("sign-code", session),
        )

    def _came(self, code: Json) -> None:
        self._failed = None
        if not code["modules"] and not code["qr_picture"]:
            self._shown = _about(code["row"])
            self._without_code(code["row"], self.area.show_timestamping)
            return
        self.code, self._shown = code, _about(code["row"])
        self.area.show_code(code)
        self.text.show_text(code)
        self._put_row(code["row"])
        self._list()

    def _put_row(self, row: Json) -> None:
        """The list says the same as the code beside it, before the engine's news come round."""
        for group in self.answer["waiting"] if self.answer else []:
            group["reports"] = [row if one["session"] == row["session"] else one for one in group["reports"]]

    def _did_not_come(self, report: Json, error: AgentError) -> None:
        self._failed = error
        self._without_code(report, lambda one: self.area.show_failed(one, error))

    def _without_code(self, report: Json, show: Callable[[Json], None]) -> None:
        self.code = None
        show(report)
        self._list()
        face = self.desk.face
        uid, number, now = str(report["uid"]), int(report["report"]), self._round
        self.desk.asker.ask(
            lambda: face.signature(uid, number),
            lambda said: self.text.show_text(said) if now == self._round and self.code is None else None,
            lambda _error: self.text.hide_text(report) if now == self._round else None,
            key="sign-text",
        )

    def _tick(self) -> None:
        """The words of the ring; a code that ran out while it was on screen is renewed."""
        self.area.show_time()
        report = self._report()
        if self.code is None or report is None or not self.isVisible():
            return
        if datetime.fromisoformat(str(self.code["expires_at"])) <= self.desk.now():
            self._ask_code(report)

    # -- acting -----------------------------------------------------------------------------------------------------

    def act(self, name: str) -> None:
        """What a button of the code area says."""
        report = self._report()
        if report is None:
            return
        face = self.desk.face
        session = report["session"]
        if name in ("renew", "retry"):
            self._ask_code(report, name)
        elif name == "later":
            self.desk.asker.ask(lambda: face.postpone_signing(session), lambda _answer: self._postponed(report))
        elif name == "settings":
            self.desk.go(words.SETTINGS, "signing")
        elif name == "papers":
            self.desk.go(words.SETTINGS, "papers")
        elif name in ("fill", "stamp", "submit"):
            self.desk.go(words.FILL, str(report["uid"]))
        elif name == "import":
            self._import()

    def _postponed(self, report: Json) -> None:
        self.session, self.code, self._shown = None, None, ()
        self.refresh()

    def _renew(self, session: object) -> None:
        """换新码 beside a doctor's name."""
        report = next((one for one in self._reports() if one["session"] == session), None)
        if report is not None:
            self._round += 1
            self.session, self.code = session, None
            self.list.choose(session)
            self._ask_code(report, "renew")

    def _import(self) -> None:
        """Take what the clinic's own signature system made of the report on screen, or of another."""
        show_dialog(ImportDialog(self.desk, self._report(), self._imported, self.window()))

    def _bring(self, session: object) -> None:
        """导入 beside a report."""
        self._chosen(session)
        self._import()

    def _imported(self, row: Json) -> None:
        said = " · ".join(part for part in (row["timestamp_words"], row["job_words"]) if part)
        self.desk.tell("work", f"{row['patient_name']} 的签名已导入", said)
        self.refresh()

    def _open_pdf(self) -> None:
        report = self._report()
        if report is not None:
            show_dialog(ReportDialog(self.desk, report, self.window()))

    # -- building ---------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.search.searched.connect(lambda _text: self._list())
        self.list.chosen.connect(self._chosen)
        self.list.renewed.connect(self._renew)
        self.list.brought.connect(self._bring)
        self.list.settings.connect(lambda page: self.desk.go(words.SETTINGS, page))
        self.list.opened.connect(lambda row: open_signature(self.desk, row, self.window()))
        self.list.all.connect(lambda: show_dialog(SignedDialog(self.desk, self.window())))
        self.list.waiting.activated_row.connect(lambda _key: self._open_pdf())
        self.area.acted.connect(self.act)
        self.text.pdf.connect(self._open_pdf)
        self.area.buttons["renew"].setToolTip(keys.tip(words.SIGN, "renew"))
        self.text.open_pdf.setToolTip(keys.tip(words.SIGN, "open", "看报告 PDF"))
        shortcut("Ctrl+R", self, lambda: self.act("renew"))
        shortcut("Ctrl+C", self.list, self.text.copy_digest)
        self.setFocusProxy(self.list.waiting)
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _build(self) -> None:
        right = Card()
        self._work = QWidget()
        work = column(self._work)
        work.addWidget(self.area)
        work.addWidget(self.text, 1)
        self._papers = Button(
            self.look, "申请材料", icon="document", slot=lambda: self.desk.go(words.SETTINGS, "papers")
        )
        self._papers.hide()
        self._empty = Empty(self.look, "page-sign", *_NOTHING, self._papers)
        self._right = QStackedWidget()
        self._right.addWidget(self._empty)
        self._right.addWidget(self._work)
        right.box.addWidget(self._right)
        box = row(gap=12)
        box.addWidget(self.list)
        box.addWidget(right, 1)
        self.body.addLayout(box, 1)

    def set_low(self, low: bool) -> None:
        self.low = low
        self.list.set_low(low)
        self.area.set_low(low)


def _turn(report: Json) -> int:
    """What comes up by itself first: what can be signed now, last of all what was put off."""
    if report["state"] == sign_words.POSTPONED:
        return 2
    return 0 if sign_words.is_coded(report) and report["doctor"]["known"] else 1


def _about(report: Json) -> tuple[object, ...]:
    """What of a report changes what is on screen."""
    trouble = report["trouble"]
    return (
        report["session"],
        report["state"],
        report["expires_at"],
        report["doctor"]["signer_id"],
        report["doctor"]["name"],
        trouble["title"] if trouble else "",
    )
