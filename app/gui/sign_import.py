"""导入已签报告: what a clinic's own signature system made of one report, taken from a file or a folder."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QComboBox, QFileDialog, QWidget

from app.errors import AgentError
from app.gui import words
from app.gui.dialogs import Dialog, tone_of
from app.gui.page import Desk, Json, Search
from app.gui.parts import Button, Empty, Mark, label, row
from app.gui.rows import Cell, Column, RowsView, Text
from app.gui.sign_said import Said

_FILES = "签名数据 (*.json);;所有文件 (*)"
_ROW, _LIST, _MOST = 36, 252, 50
_WHAT = "要有签名原文、签名值、证书、时间戳四样：在一个数据文件里，或是一个文件夹里的四个文件。"


class ImportDialog(Dialog):
    """`then(row)` after one was taken. `report`: the one on the page, else a person chooses the exam here.

    A folder of many needs no choice: each finds its report, and what was not taken is said here.
    """

    def __init__(self, desk: Desk, report: Json | None, then: Callable[[Json], None], parent: QWidget | None) -> None:
        super().__init__(desk.look, "导入已签报告", parent, width=620)
        self.desk, self._then = desk, then
        self.uid, self._number, self._listing = "", 0, True
        self.search = Search(desk.look)
        self.search.searched.connect(lambda _text: self._ask_exams())
        self.exams = RowsView(desk.look, _columns(), key="uid", row_height=_ROW, head=False)
        self.exams.setFixedHeight(_LIST)
        self.exams.setAccessibleName("哪一例的报告")
        self.exams.chosen.connect(lambda _key: self._choose_exam())
        self.nothing = Empty(desk.look, "search", "没有找到这一例", "按姓名或检查号找。")
        self.nothing.setFixedHeight(_LIST)
        self.nothing.hide()
        self.of = label(desk.look, bold=True, wrap=True)
        self.another = Button(desk.look, "换一例", kind="link", small=True, slot=self._choose_another)
        self.number = QComboBox()
        self.number.setFont(desk.look.font("body"))
        self.number.setAccessibleName("第几份报告")
        self.number.currentIndexChanged.connect(self._choose_number)
        self.said = Said(desk.look)
        self.file = Button(desk.look, "选文件", kind="primary", icon="document", slot=self._choose_file)
        self.folder = Button(desk.look, "选文件夹", icon="folder", slot=self._choose_folder)
        tip = "每份报告一个数据文件，或一个文件夹，放在一起"
        self.many = Button(desk.look, "一次导入一批", kind="link", tip=tip, slot=self._choose_many)
        self._build()
        if report is not None:
            self._put(
                str(report["uid"]), int(report["report"]), words.exam_line(_plain(report)), report["patient_name"]
            )
            self._show_list(False)
            self.file.setFocus()
        else:
            self._choose_another()

    # -- which report -----------------------------------------------------------------------------------------------

    def _choose_another(self) -> None:
        """The list of exams instead of the one that was chosen."""
        self.uid = ""
        self._show_list(True)
        self._ask_exams()
        self.search.setFocus()

    def _ask_exams(self) -> None:
        face, text = self.desk.face, self.search.text().strip()
        self.desk.asker.ask(lambda: face.studies(text=text, limit=_MOST), self._show_exams, key="sign-exams")

    def _show_exams(self, answer: Json) -> None:
        found = [one for one in answer["studies"] if int(one["report_count"])]
        self.exams.put(found)
        self.exams.setVisible(self._listing and bool(found))
        self.nothing.setVisible(self._listing and not found)
        self._offer()

    def _choose_exam(self) -> None:
        exam = self.exams.row()
        if exam is not None:
            self._put(str(exam["uid"]), 0, words.exam_line(exam), words.name(exam))
            self._show_numbers(int(exam["report_count"]))

    def _put(self, uid: str, number: int, line: str, name: str) -> None:
        self.uid, self._number = uid, number
        self.of.setText(" · ".join(part for part in (name, line) if part))
        self.said.hide()
        self._offer()

    def _show_numbers(self, count: int) -> None:
        quiet = self.number.blockSignals(True)
        self.number.clear()
        self.number.addItems([f"报告 {number + 1}" for number in range(count)])
        self.number.blockSignals(quiet)
        self.number.setVisible(count > 1)

    def _choose_number(self, number: int) -> None:
        self._number = max(0, number)

    def _show_list(self, listing: bool) -> None:
        self._listing = listing
        for widget in (self.search, self.exams):
            widget.setVisible(listing)
        self.nothing.hide()
        self.another.setVisible(not listing)
        self.of.setVisible(not listing)
        self.number.hide()

    def _offer(self) -> None:
        for button in (self.file, self.folder):
            button.setEnabled(bool(self.uid))
        self._hint.setText(_WHAT if self.uid else "先选是哪一例的报告，再选它的签名数据。")

    # -- taking it --------------------------------------------------------------------------------------------------

    def _choose_file(self) -> None:
        self._open(QFileDialog.FileMode.ExistingFile, _FILES)

    def _choose_folder(self) -> None:
        self._open(QFileDialog.FileMode.Directory, "")

    def _choose_many(self) -> None:
        self._open(QFileDialog.FileMode.Directory, "", self.take_all)

    def _open(self, mode: QFileDialog.FileMode, kinds: str, take: Callable[[str], None] | None = None) -> None:
        dialog = QFileDialog(self, "导入已签报告", "", kinds)
        dialog.setFileMode(mode)
        dialog.fileSelected.connect(take or self.take)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def take(self, path: str) -> None:
        """Hand the file or folder over; what is wrong with it is said here."""
        face, uid, number = self.desk.face, self.uid, self._number
        self.said.hide()
        self._offer_asking(True)
        self.desk.asker.ask(lambda: face.import_signed(uid, number, path), self._taken, self._refused)

    def _taken(self, report: Json) -> None:
        self.accept()
        self._then(report)

    def take_all(self, path: str) -> None:
        """Hand a folder of many over."""
        face = self.desk.face
        self.said.hide()
        self._offer_asking(True)
        self.desk.asker.ask(lambda: face.import_all_signed(path), self._all_taken, self._refused)

    def _all_taken(self, answer: Json) -> None:
        self._offer_asking(False)
        for report in answer["taken"]:
            self._then(report)
        left = answer["left"]
        if not left:
            self.accept()
            return
        if any(one["uid"] == self.uid for one in answer["taken"]):
            self._choose_another()
        title = f"收下 {len(answer['taken'])} 份，没有收下 {len(left)} 份"
        details = "\n".join(f"{one['name']}：{one['title']}" for one in left)
        self.said.say("you", title, f"{left[0]['name']}：{left[0]['title']}。{left[0]['advice']}", details)
        self.said.show()

    def _refused(self, error: AgentError) -> None:
        self._offer_asking(False)
        self.said.say(tone_of(error), error.title, error.advice, error.details)
        self.said.show()

    def _offer_asking(self, asking: bool) -> None:
        for button in (self.file, self.folder):
            button.setEnabled(not asking and bool(self.uid))
        self.many.setEnabled(not asking)
        self.file.setText("正在核对" if asking else "选文件")

    # -- building ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        top = row(gap=12)
        top.addWidget(self.of, 1)
        top.addWidget(self.another)
        self.body.addLayout(top)
        self.body.addWidget(self.search)
        self.body.addWidget(self.exams)
        self.body.addWidget(self.nothing)
        self.body.addWidget(self.number)
        self._hint = label(self.look, role="body_small", tone="text2", wrap=True)
        hint = row(gap=8)
        hint.addWidget(Mark(self.look, "info", "text2", 16))
        hint.addWidget(self._hint, 1)
        self.body.addLayout(hint)
        self.body.addWidget(self.said)
        self.said.hide()
        self.foot.addWidget(self.many)
        self.foot.addStretch(1)
        self.foot.addWidget(Button(self.look, "不导入", slot=self.reject))
        self.foot.addWidget(self.folder)
        self.foot.addWidget(self.file)


def _plain(report: Json) -> Json:
    """A report as an exam says itself."""
    return {"description": report["what"], "accession_number": report["accession_number"]}


def _columns() -> tuple[Column, ...]:
    return (
        Column(title="", cell=lambda one: Cell(lines=(Text(text=words.name(one)),)), least=88, most=160),
        Column(
            title="",
            cell=lambda one: Cell(lines=(Text(text=words.exam_line(one), role="body_small", tone="text2"),), wrap=True),
        ),
    )
