"""What an import came to: one sentence, then what a person has to answer - whose row, which word, which cell."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QWidget

from app.gui import words
from app.gui.his_map import WordList, scrolled
from app.gui.look import Look
from app.gui.page import Desk, Json
from app.gui.parts import Button, Mark, clear, column, frame, label, line, row
from app.gui.told import Told

_MOST_FAULTS = 30


class ResultPage(QWidget):
    """`chosen(row, uid)` when a person says to which exam a row belongs ("" for none)."""

    chosen = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self.look = desk, desk.look
        self.words = WordList(desk)
        self.sentence = label(self.look, role="section", bold=True, wrap=True)
        self.note = label(self.look, role="body_small", tone="text2", wrap=True)
        self._questions = column(gap=12)
        self._faults = column(gap=4)
        self.questions: list[QuestionCard] = []
        box = column(margins=(20, 14, 20, 12), gap=12)
        top = row(gap=12)
        self._mark = Mark(self.look, "info", "work", 28)
        top.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        texts = column(gap=4)
        texts.addWidget(self.sentence)
        texts.addWidget(self.note)
        top.addLayout(texts, 1)
        box.addLayout(top)
        box.addWidget(self.words)
        box.addLayout(self._questions)
        box.addLayout(self._faults)
        box.addStretch(1)
        outer = column(self)
        outer.addWidget(scrolled(box, 436))
        self.words.hide()

    def show_found(self, found: Json) -> None:
        """An import's answer."""
        self.sentence.setText(found["sentence"])
        needs = found["ambiguous"] or found["unknown"]
        self._mark.show_mark("state-held" if needs else "info", "you" if needs else "work")
        parts = [f"填进 {found['filled']} 项" if found["filled"] else "没有新的内容要填"]
        parts += [f"{found['again']} 行和上次一样"] if found["again"] else []
        parts += ["没有来图的，影像到了会自动填上"] if found["waiting"] else []
        self.note.setText(" · ".join(parts))
        self.words.show_words(found["unknown"])
        self._show_faults(found)

    def show_only_questions(self, count: int) -> None:
        self.sentence.setText(f"{count} 处要您选" if count else "都选好了")
        self._mark.show_mark("state-held" if count else "info", "you" if count else "work")
        self.note.setText("选了就填进那一例，同样的行以后不再问。")

    def show_questions(self, questions: list[Json]) -> None:
        clear(self._questions)
        self.questions = []
        for one in questions:
            card = QuestionCard(self.look, one, partial(self.chosen.emit, one["row"]))
            self.questions.append(card)
            self._questions.addWidget(card)

    def _show_faults(self, found: Json) -> None:
        clear(self._faults)
        if not found["faults"]:
            return
        self._faults.addWidget(line(hair=True))
        title = f"没有用上的 {found['fault_count']} 处 · 其余都已导入"
        self._faults.addWidget(label(self.look, title, role="body_small", tone="text2", bold=True))
        for one in found["faults"][:_MOST_FAULTS]:
            where = f"第 {one['row']} 行" + (f" · {one['column']}" if one["column"] else "")
            text = f"{where}：{one['title']}，{one['advice']}"
            self._faults.addWidget(label(self.look, text, role="caption", tone="text2", wrap=True))


class QuestionCard(QWidget):
    """One row that may belong to several exams: who it is, why it is asked, a button for each exam and for none."""

    def __init__(self, look: Look, one: Json, choose: Callable[[str], None]) -> None:
        super().__init__()
        self.buttons: dict[str, Button] = {}
        plate = frame("doubt")
        column(self).addWidget(plate)
        box = column(plate, margins=(16, 10, 16, 12), gap=8)
        head = row(gap=8)
        head.addWidget(Mark(look, "state-held", "you", 18, on="youSoft"), 0, Qt.AlignmentFlag.AlignTop)
        rows = f"{one['rows']} 行 · " if one["rows"] > 1 else ""
        head.addWidget(label(look, f"{rows}{one['who']} · {one['why']}", tone="you", bold=True, wrap=True), 1)
        box.addLayout(head)
        given = " · ".join(f"{value['label']} {value['text']}" for value in one["values"][:6])
        box.addWidget(label(look, f"HIS 里写的：{given}", role="caption", tone="text2", wrap=True))
        for exam in one["candidates"]:
            box.addLayout(self._candidate(look, exam, choose))
        last = row()
        last.addStretch(1)
        last.addWidget(self._button(look, "", "都不是", "link", choose))
        box.addLayout(last)

    def _candidate(self, look: Look, exam: Json, choose: Callable[[str], None]) -> QBoxLayout:
        line_of = row(gap=10)
        parts = (
            exam["patient_name"],
            exam["description"] or exam["modality"],
            exam["exam_day"],
            exam["accession_number"],
            words.images(exam),
            exam["state_words"],
        )
        line_of.addWidget(label(look, " · ".join(part for part in parts if part), wrap=True), 1)
        line_of.addWidget(self._button(look, exam["uid"], "是这一例", "plain", choose))
        return line_of

    def _button(self, look: Look, uid: str, text: str, kind: str, choose: Callable[[str], None]) -> Button:
        made = Button(look, text, kind=kind, small=True, slot=partial(choose, uid))
        self.buttons[uid] = made
        return made
