"""导入 HIS 导出: choose or drop a file; the first time its columns are mapped, later it is taken in at once."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QWidget

from app.errors import AgentError
from app.gui import words
from app.gui.dialogs import Dialog
from app.gui.his_map import MapPage
from app.gui.his_result import ResultPage
from app.gui.page import Desk, Json
from app.gui.parts import Button, Mark, column, frame, label, row, set_tone
from app.gui.told import Told

BUTTON = "导入 HIS 导出"
SUFFIXES = (".csv", ".xlsx", ".xlsm", ".tsv", ".txt")
_FILTER = "HIS 导出 (*.csv *.xlsx *.xlsm *.tsv *.txt)"


class HisDialog(Dialog):
    """One window for choosing, mapping and the result; `then()` after something was filled or chosen."""

    def __init__(self, desk: Desk, parent: QWidget | None, then: Callable[[], None], path: str = "") -> None:
        super().__init__(desk.look, BUTTON, parent, width=900)
        self._desk, self._then, self._path = desk, then, path
        self._from_query = self._is_closed = False
        self._state: Json = {}
        self.setAcceptDrops(True)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.start, self.map, self.found = StartPage(desk), MapPage(desk), ResultPage(desk)
        self.pages = QStackedWidget()
        for page in (self.start, self.map, self.found):
            self.pages.addWidget(page)
        self.body.addWidget(self.pages)
        self.note = label(self.look, role="body_small", tone="text2", wrap=True)
        self.again = Button(self.look, "重新对列", slot=self._map_again)
        self.other = Button(self.look, "换一个文件", slot=self.choose)
        self.close_button = Button(self.look, "取消", slot=self.reject)
        self.main = Button(self.look, "", kind="primary", slot=self._go_on)
        self.foot.addWidget(self.note, 1)
        for button in (self.again, self.other, self.close_button, self.main):
            self.foot.addWidget(button)
        self.start.choose.connect(self.choose)
        self.start.ask_database.connect(self._query)
        self.start.answer.connect(self._show_open_questions)
        self.start.folder.connect(self._choose_folder)
        self.map.changed.connect(self._preview)
        self.map.words.changed.connect(self._show_foot)
        self.found.chosen.connect(self._choose_exam)
        self.found.words.changed.connect(self._show_foot)
        self._answer: Json = {}
        self._show(self.start)
        self._ask(desk.face.his, self._show_state)

    def _ask(self, call: Callable[[], Json], then: Callable[[Json], None], *, key: object = None) -> None:
        """Answers that come after the window was closed find nobody here; the page hears of them as news."""

        def told(answer: Json) -> None:
            if not self._is_closed:
                then(answer)

        def failed(error: AgentError) -> None:
            if not self._is_closed:
                self._fail(error)

        self._desk.asker.ask(call, told, failed, key=key)

    def done(self, result: int) -> None:
        self._is_closed = True
        super().done(result)

    # -- from where -------------------------------------------------------------------------------------------------

    def choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, BUTTON, "", _FILTER)
        if path:
            self.take(path)

    def take(self, path: str) -> None:
        """A file: mapped already, it is taken in; else its columns are shown."""
        self._path, self._from_query = path, False
        self._say("正在读这个文件")
        face = self._desk.face
        self._ask(lambda: face.his_preview(path), self._previewed)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if sheet_of(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if path := sheet_of(event):
            event.acceptProposedAction()
            self.take(path)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "HIS 导出放在哪个文件夹")
        if folder:
            face = self._desk.face
            self._ask(lambda: face.his_keep({"folder": folder}), self._show_state)

    def _query(self) -> None:
        self._say("正在问 HIS 数据库")
        face, configured = self._desk.face, self._state["configured"]
        self._from_query = True
        if configured:
            self._ask(face.his_query, self._imported)
        else:
            self._ask(lambda: face.his_preview(), self._previewed)

    def map_database(self) -> None:
        """What the query gives, as columns to map."""
        self._from_query = True
        self._say("正在问 HIS 数据库")
        face = self._desk.face
        self._ask(lambda: face.his_preview(), self._open_map)

    # -- mapping ----------------------------------------------------------------------------------------------------

    def _show_state(self, state: Json) -> None:
        self._state = state
        self.start.show_state(state, self._desk)
        if self._path and self.pages.currentWidget() is self.start:
            self.take(self._path)

    def _previewed(self, answer: Json) -> None:
        self._answer = answer
        if self._state.get("configured") and not answer["missing"]:
            self._import()
            return
        self._open_map(answer)

    def _open_map(self, answer: Json) -> None:
        self._answer = answer
        self.map.show_columns(answer)
        self.map.show_preview(answer)
        self._show(self.map)
        if answer["missing"]:
            self._say(f"列名和上次不一样，少了 {'、'.join(answer['missing'][:3])}，请再对一次", "you")

    def _map_again(self) -> None:
        face, path = self._desk.face, "" if self._from_query else self._path
        self._ask(lambda: face.his_preview(path), self._open_map)

    def _preview(self) -> None:
        face, path, mapping = self._desk.face, "" if self._from_query else self._path, self.map.mapping()
        self._ask(lambda: face.his_preview(path, mapping=mapping), self._preview_came, key=("his", id(self)))

    def _preview_came(self, answer: Json) -> None:
        self._answer = answer
        self.map.show_preview(answer)
        self._show_foot()

    def _go_on(self) -> None:
        """The one solid button: keep the mapping and import, keep the words, or end."""
        if self.pages.currentWidget() is self.map:
            self._keep(self.map.mapping() | {"codes": self.map.words.codes()}, then_import=True)
        elif self.pages.currentWidget() is self.found and self.found.words.codes():
            self._keep({"codes": self.found.words.codes()}, then_import=False)
        else:
            self.accept()

    def _keep(self, mapping: Json, *, then_import: bool) -> None:
        face = self._desk.face
        self.main.setEnabled(False)

        def kept(state: Json) -> None:
            self._state = state
            if then_import:
                self._import()
            else:
                self.found.words.show_words(state["unknown"])
                self._show_foot()
                self._then()

        self._ask(lambda: face.his_keep(mapping), kept)

    # -- the result -------------------------------------------------------------------------------------------------

    def _import(self) -> None:
        face, path = self._desk.face, self._path
        self._say("正在导入")
        self._ask(face.his_query if self._from_query else lambda: face.his_import(path), self._imported)

    def _imported(self, found: Json) -> None:
        self.found.show_found(found)
        self._ask_questions()
        self._show(self.found)
        self._then()

    def _show_open_questions(self) -> None:
        self.found.show_only_questions(self._state["ambiguous"])
        self.found.words.show_words(self._state["unknown"])
        self._ask_questions()
        self._show(self.found)

    def _ask_questions(self) -> None:
        face = self._desk.face
        self._ask(face.his_ambiguous, lambda answer: self.found.show_questions(answer["questions"]))

    def _choose_exam(self, row_id: int, uid: str) -> None:
        face = self._desk.face

        def chosen(_answer: Json) -> None:
            self._ask_questions()
            self._then()

        self._ask(lambda: face.his_choose(row_id, uid), chosen)

    # -- foot -------------------------------------------------------------------------------------------------------

    def _show(self, page: QWidget) -> None:
        self.pages.setCurrentWidget(page)
        self._say("")
        self._show_foot()

    def _show_foot(self) -> None:
        page = self.pages.currentWidget()
        on_map, on_result = page is self.map, page is self.found
        self.again.setVisible(on_result and bool(self._path or self._from_query))
        self.other.setVisible(page is not self.start and not self._from_query)
        self.close_button.setVisible(not on_result)
        self.main.setVisible(page is not self.start)
        if on_map:
            why = self._answer.get("why_not", "")
            self.main.setText(f"记住并导入 {self._answer.get('row_count', 0)} 行")
            self.main.setEnabled(not why)
            self._say(why or "列名不变，以后直接导入，不再问", "you" if why else "text2")
        elif on_result:
            answers = self.found.words.codes()
            self.main.setText(f"记住 {sum(len(one) for one in answers.values())} 种写法" if answers else "完成")
            self.main.setEnabled(True)

    def _say(self, text: str, tone: str = "text2") -> None:
        self.note.setText(text)
        set_tone(self.note, tone)

    def _fail(self, error: AgentError) -> None:
        """Said here: the page's own banner lies under this window."""
        self._show_foot()
        self._say(f"{error.title}。{error.advice}", "you")


class StartPage(QWidget):
    """Where an export comes from: a file, the watched folder, the database; and what is still open."""

    choose = Told()
    ask_database = Told()
    answer = Told()
    folder = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        look = desk.look
        box = column(self, margins=(20, 16, 20, 16), gap=12)
        plate = frame("plate")
        inner = column(plate, margins=(24, 36, 24, 36), gap=8)
        inner.addStretch(1)
        inner.addWidget(Mark(look, "export", "text2", 40, on="subtle"), 0, Qt.AlignmentFlag.AlignHCenter)
        title = label(look, "把 HIS 导出的文件拖到这里", role="section", bold=True)
        inner.addWidget(title, 0, Qt.AlignmentFlag.AlignHCenter)
        note = label(look, "CSV 或 Excel · 结算号、医嘱号这些就不用再打字了", role="body_small", tone="text2")
        inner.addWidget(note, 0, Qt.AlignmentFlag.AlignHCenter)
        buttons = row(gap=8)
        buttons.addStretch(1)
        buttons.addWidget(Button(look, "选择文件", kind="primary", slot=self.choose.emit))
        self.database = Button(look, "从 HIS 数据库取", slot=self.ask_database.emit)
        buttons.addWidget(self.database)
        buttons.addStretch(1)
        inner.addSpacing(6)
        inner.addLayout(buttons)
        inner.addStretch(1)
        box.addWidget(plate, 1)
        self.last = label(look, role="body_small", tone="text2", wrap=True)
        box.addWidget(self.last)
        open_line = row(gap=8)
        self._open_mark = Mark(look, "state-held", "you", 16)
        self.open = label(look, role="body_small", tone="you", bold=True, wrap=True)
        self.answer_button = Button(look, "现在选", small=True, slot=self.answer.emit)
        open_line.addWidget(self._open_mark)
        open_line.addWidget(self.open, 1)
        open_line.addWidget(self.answer_button)
        box.addLayout(open_line)
        folder_line = row(gap=8)
        self.folder_note = label(look, role="body_small", tone="text2", wrap=True)
        self.folder_button = Button(look, "选文件夹", kind="link", small=True, slot=self.folder.emit)
        folder_line.addWidget(self.folder_note, 1)
        folder_line.addWidget(self.folder_button)
        box.addLayout(folder_line)
        for widget in (self.database, self.last, self._open_mark, self.open, self.answer_button):
            widget.hide()

    def show_state(self, state: Json, desk: Desk) -> None:
        last = state["last"]
        self.database.setVisible(bool(state["url"] and state["query"]))
        self.last.setVisible(bool(last))
        if last:
            self.last.setText(f"上次 {words.clock(last['at'], desk.now())} · {last['name']} · {last['sentence']}")
        unknown = len(state["unknown"])
        parts = [f"{state['ambiguous']} 处要您选是哪一例"] if state["ambiguous"] else []
        parts += [f"{unknown} 种写法要您说是什么意思"] if unknown else []
        self.open.setText("，".join(parts))
        for widget in (self._open_mark, self.open, self.answer_button):
            widget.setVisible(bool(parts))
        folder = state["folder"]
        usual = f"放进 {folder} 的导出会自动导入" if folder else "也可以指定一个文件夹，放进去的导出自动导入"
        self.folder_note.setText(state["trouble"] or usual)
        set_tone(self.folder_note, "you" if state["trouble"] else "text2")
        self.folder_button.setText("换文件夹" if folder else "选文件夹")


def sheet_of(event: QDropEvent) -> str:
    """The path of an export that is being dropped, "" for anything else."""
    urls = event.mimeData().urls()
    path = urls[0].toLocalFile() if len(urls) == 1 else ""
    return path if path.lower().endswith(SUFFIXES) else ""


def open_his(
    desk: Desk, parent: QWidget | None, then: Callable[[], None], path: str = "", *, columns: bool = False
) -> HisDialog:
    """Open the dialog without waiting; `path`: a file that was dropped; `columns`: those of the database, to map."""
    dialog = HisDialog(desk, parent, then, path)
    if columns:
        dialog.map_database()
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog
