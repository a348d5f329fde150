"""申请材料: which papers to hand in for signatures and stamp, what comes back, what doctors do on their phones.

The engine says all of it; here one chooses the case, copies, and has the workbook written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.errors import AgentError
from app.gui import words
from app.gui.page import Json
from app.gui.parts import Button, Empty, Mark, clear, column, label, line, row, set_property
from app.gui.settings_section import Section

HAND_IN, RETURNS, PHONE = "要交的材料", "平台发回来的", "医生手机上"
_NUMBER_WIDE = 52
_STEP_WIDE = 20
_FILE = "申请材料.xlsx"


class PapersSection(Section):
    """Read anew whenever it is opened: the settings may have changed meanwhile."""

    title = "申请材料"
    note = "接入电子签名、电子签章，要向平台交什么"

    def beside(self) -> tuple[QWidget, ...]:
        self.copy = Button(self.look, "复制", icon="copy", small=True, tip="复制这一页的文字", slot=self._copy)
        self.write = Button(
            self.look,
            "存成表格",
            kind="primary",
            icon="export",
            small=True,
            tip="填好的名单和申请表",
            slot=self._ask_where,
        )
        return (self.copy, self.write)

    def build(self) -> None:
        self.answer: Json | None = None
        self.case: dict[str, str] = {}
        """What a person answered here, over what the settings say."""
        self.at = HAND_IN
        bar = QWidget()
        box = row(bar, margins=(8, 0, 8, 0))
        self.tabs = {text: self._tab(text) for text in (HAND_IN, RETURNS, PHONE)}
        for tab in self.tabs.values():
            box.addWidget(tab)
        box.addStretch(1)
        self._bar, self._under = bar, line()
        self.card.box.insertWidget(1, bar)
        self.card.box.insertWidget(2, self._under)
        self._offer(False)

    def offered(self) -> bool:
        regions = {one["region"] for one in self.answers.now.get("destination", ())}
        return any(one["papers"] for one in self.answers.regions if one["name"] in regions)

    def enter(self) -> None:
        face, case = self.desk.face, dict(self.case)
        self.desk.asker.ask(lambda: face.papers(answers=case), self._show, self._say_why, key="papers")

    # -- what is shown ----------------------------------------------------------------------------------------------

    def _show(self, answer: Json) -> None:
        self.answer = answer
        self._offer(True)
        self.tabs[PHONE].setVisible(bool(answer["phone"]["steps"]))
        self.open(self.at if self.at != PHONE or answer["phone"]["steps"] else HAND_IN)

    def open(self, tab: str) -> None:
        """One of the three; the scroll bar stays while it is the same."""
        bar = self.area.verticalScrollBar()
        place = bar.value() if tab == self.at else 0
        self.at = tab
        for text, one in self.tabs.items():
            one.setChecked(text == tab)
        self.copy.setText("复制")
        clear(self.box)
        draw: dict[str, Callable[[Json], None]] = {
            HAND_IN: self._draw_papers, RETURNS: self._draw_returns, PHONE: self._draw_phone
        }  # fmt: skip
        if self.answer is not None:
            draw[tab](self.answer)
        self.box.addStretch(1)
        bar.setValue(place)

    def _say_why(self, error: AgentError) -> None:
        """No platform wants papers."""
        self.answer = None
        self._offer(False)
        clear(self.box)
        self.box.addWidget(Empty(self.look, "document", error.title, error.advice))

    def _offer(self, there: bool) -> None:
        for widget in (self._bar, self._under, self.copy, self.write):
            widget.setVisible(there)

    def _draw_papers(self, answer: Json) -> None:
        wide = max(self.look.metrics("body").horizontalAdvance(one["label"]) for one in answer["questions"])
        for question in answer["questions"]:
            self.box.addWidget(self._question(question, wide + 16))
        self.box.addWidget(line(hair=True))
        head = QWidget()
        box = row(head, gap=10)
        box.addWidget(label(self.look, f"您的情况要交 {len(answer['papers'])} 样", bold=True))
        box.addWidget(label(self.look, answer["hand_in"], role="body_small", tone="text2", wrap=True), 1)
        self.box.addWidget(head)
        for doubt in answer["doubts"]:
            self.box.addWidget(self._marked("info", "text2", doubt))
        for one in answer["papers"]:
            self.box.addWidget(self._paper(one))

    def _draw_returns(self, answer: Json) -> None:
        self.add_title("平台审核以后发回来，填在设置里")
        for one in answer["returns"]:
            self.box.addWidget(self._return(one))

    def _draw_phone(self, answer: Json) -> None:
        self.add_title("每位审核医师做一次，签名时只做最后一步")
        for place, step in enumerate(answer["phone"]["steps"], start=1):
            self.box.addWidget(self._step(str(place), step))
        self.box.addWidget(line(hair=True))
        for note in answer["phone"]["notes"]:
            self.box.addWidget(self._marked("info", "text2", note))

    # -- its parts --------------------------------------------------------------------------------------------------

    def _question(self, question: Json, wide: int) -> QWidget:
        made = QWidget()
        box = row(made)
        caption = label(self.look, question["label"])
        caption.setMinimumWidth(wide)
        box.addWidget(caption)
        for place, one in enumerate(question["answers"]):
            slot = partial(self._choose, question["key"], one["value"])
            button = Button(self.look, one["label"], kind="segment", small=True, slot=slot)
            button.setCheckable(True)
            button.setChecked(one["value"] == question["answer"])
            set_property(button, "first", "true" if place == 0 else "false")
            box.addWidget(button)
        box.addSpacing(12)
        box.addWidget(label(self.look, question["note"], role="caption", tone="you", wrap=True), 1)
        return made

    def _choose(self, key: str, value: str) -> None:
        self.case[key] = value
        self.enter()

    def _paper(self, one: Json) -> QWidget:
        made = QWidget()
        box = row(made, margins=(0, 2, 0, 2), gap=10)
        number = label(self.look, one["number"], role="body_small", tone="text2")
        number.setMinimumWidth(_NUMBER_WIDE)
        box.addWidget(number, 0, Qt.AlignmentFlag.AlignTop)
        texts = column(gap=2)
        head = row(gap=10)
        head.addWidget(label(self.look, one["title"], bold=True))
        head.addWidget(label(self.look, one["copies"], role="caption", tone="text3"), 1)
        texts.addLayout(head)
        for text in one["prepare"]:
            texts.addWidget(label(self.look, text, role="body_small", tone="text2", wrap=True))
        if one["missing"]:
            missing = f"还要您填：{'、'.join(one['missing'])}"
            texts.addWidget(label(self.look, missing, role="body_small", tone="you", wrap=True))
        if one["doubt"]:
            texts.addWidget(self._marked("info", "text3", one["doubt"]))
        box.addLayout(texts, 1)
        if one["page"]:
            slot = partial(self.desk.go, words.SETTINGS, one["page"])
            box.addWidget(Button(self.look, "去填", small=True, slot=slot), 0, Qt.AlignmentFlag.AlignTop)
        return made

    def _return(self, one: Json) -> QWidget:
        made = QWidget()
        box = row(made, margins=(0, 4, 0, 4), gap=10)
        mark = Mark(self.look, "check" if one["known"] else "clock", "text2", 16)
        box.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        texts = column(gap=2)
        texts.addWidget(label(self.look, one["title"], bold=True, wrap=True))
        texts.addWidget(label(self.look, one["what"], role="body_small", tone="text2", wrap=True))
        where = f"设置 › {one['where']} · {one['words']}"
        texts.addWidget(label(self.look, where, role="body_small", tone="text2", wrap=True))
        box.addLayout(texts, 1)
        place = "/".join(part for part in (one["page"], one["question"]) if part)
        go = partial(self.desk.go, words.SETTINGS, place)
        text = "去看" if one["known"] else "去填"
        box.addWidget(Button(self.look, text, small=True, slot=go), 0, Qt.AlignmentFlag.AlignVCenter)
        return made

    def _step(self, number: str, text: str) -> QWidget:
        made = QWidget()
        box = row(made, gap=8)
        count = label(self.look, number, bold=True, tone="accentText")
        count.setMinimumWidth(_STEP_WIDE)
        box.addWidget(count, 0, Qt.AlignmentFlag.AlignTop)
        box.addWidget(label(self.look, text, wrap=True), 1)
        return made

    def _marked(self, icon: str, tone: str, text: str) -> QWidget:
        made = QWidget()
        box = row(made, gap=8)
        box.addWidget(Mark(self.look, icon, tone, 16), 0, Qt.AlignmentFlag.AlignTop)
        box.addWidget(label(self.look, text, role="body_small", tone=tone, wrap=True), 1)
        return made

    def _tab(self, text: str) -> Button:
        made = Button(self.look, text, kind="tab", slot=lambda: self.open(text))
        made.setCheckable(True)
        return made

    # -- to take away -----------------------------------------------------------------------------------------------

    def _copy(self) -> None:
        if self.answer is not None:
            QGuiApplication.clipboard().setText(self.answer["phone_text" if self.at == PHONE else "text"])
            self.copy.setText("已复制")

    def _ask_where(self) -> None:
        dialog = QFileDialog(self, "存成表格", _FILE, "Excel 表格 (*.xlsx)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("xlsx")
        dialog.fileSelected.connect(self.write_to)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def write_to(self, path: str) -> None:
        face, case = self.desk.face, dict(self.case)
        self.desk.asker.ask(
            lambda: face.write_papers(path, answers=case),
            lambda answer: self.desk.tell("work", f"已存成表格，填好 {answer['doctors']} 位医师", str(answer["path"])),
            self.desk.fail,
        )
