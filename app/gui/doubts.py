"""The box over the form when a study waits for a person's eye: a name, whose images, which of two contents."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLineEdit, QPushButton

from app.gui.look import Look
from app.gui.parts import Button, Mark, column, frame, label, row
from app.gui.told import Told

_CHOICES = {
    "two_patients": (("same", "是同一位患者"), ("split", "是两位，分开")),
    "accession_reused": (("same", "核对过了，就是这位患者"),),
    "conflict": (("first", "用先到的那张"), ("second", "用后到的那张")),
}


class DoubtBox(QFrame):
    """`settled(decision, detail)` when the person decided. `study`: one of the form's `studies` with a doubt."""

    settled = Told()

    def __init__(self, look: Look, study: dict[str, Any]) -> None:
        super().__init__()
        self.setObjectName("doubt")
        self._look, self._study = look, study
        self.doubt = str(study["doubt"])
        self._box = column(self, margins=(16, 10, 16, 12), gap=8)
        head = row(gap=8)
        head.addWidget(Mark(look, "state-held", "you", 18, on="youSoft"))
        head.addWidget(label(look, study["doubt_words"], tone="you", bold=True, wrap=True), 1)
        self._box.addLayout(head)
        if self.doubt == "name":
            self._ask_name()
        else:
            self._box.addLayout(self._ask_choice())

    def _ask_choice(self) -> QHBoxLayout:
        box = row(gap=8)
        for number, (decision, text) in enumerate(_CHOICES.get(self.doubt, _CHOICES["two_patients"])):
            kind = "primary" if number == 0 else "plain"
            box.addWidget(Button(self._look, text, kind=kind, slot=partial(self.settled.emit, decision, "")))
        box.addStretch(1)
        return box

    def _ask_name(self) -> None:
        self._box.addLayout(self._bytes())
        readings = row(gap=8)
        self._group = QButtonGroup(self)
        for charset, text in self._study["candidates"][:4]:
            choice = NameChoice(self._look, str(charset), str(text))
            self._group.addButton(choice)
            readings.addWidget(choice, 1)
        self._box.addLayout(readings)
        foot = row(gap=8)
        foot.addWidget(label(self._look, "都不对？", role="body_small", tone="text2"))
        self.typed = QLineEdit()
        self.typed.setFont(self._look.font("body"))
        self.typed.setPlaceholderText("直接输入姓名")
        self.typed.textEdited.connect(lambda _text: self._show_use())
        foot.addWidget(self.typed, 1)
        self.use = Button(self._look, "用这个姓名", kind="primary", slot=self._use)
        foot.addWidget(self.use)
        self._box.addLayout(foot)
        self._group.buttonClicked.connect(lambda _button: self._clear_typed())
        if self._group.buttons():
            self._group.buttons()[0].setChecked(True)
        self._show_use()

    def _bytes(self) -> QHBoxLayout:
        box = row(gap=4)
        box.addWidget(label(self._look, "设备发来的原始字节", role="caption", tone="text2"))
        raw = str(self._study["raw_hex"]).replace(" ", "").upper()
        pairs = [raw[at : at + 2] for at in range(0, len(raw), 2)]
        for pair in pairs[:10]:
            plate = frame("choice")
            text = label(self._look, pair, role="caption")
            text.setFont(self._look.mono("caption"))
            row(plate, margins=(5, 1, 5, 1)).addWidget(text)
            box.addWidget(plate)
        if len(pairs) > 10:
            box.addWidget(label(self._look, f"…共 {len(pairs)} 个", role="caption", tone="text3"))
        box.addStretch(1)
        copy = Button(self._look, "复制", kind="link", small=True)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(" ".join(pairs)))
        box.addWidget(copy)
        return box

    def name(self) -> str:
        """The name that would be used now."""
        chosen = self._group.checkedButton()
        return self.typed.text().strip() or (chosen.reading if isinstance(chosen, NameChoice) else "")

    def _clear_typed(self) -> None:
        self.typed.clear()
        self._show_use()

    def _show_use(self) -> None:
        name = self.name()
        self.use.setText(f"用“{name}”" if name else "用这个姓名")
        self.use.setEnabled(bool(name))

    def _use(self) -> None:
        self.settled.emit("name", self.name())


class TroubleNote(QFrame):
    """What the platform did not like about this exam: its plain title and what to do."""

    def __init__(self, look: Look, trouble: dict[str, Any]) -> None:
        super().__init__()
        tone = "you" if trouble["turn"] == "technician" else "bad"
        self.setObjectName("banner")
        self.setProperty("tone", tone)
        icon = "state-held" if tone == "you" else "state-rejected"
        box = row(self, margins=(16, 8, 16, 8), gap=10)
        box.addWidget(Mark(look, icon, tone, 18, on=f"{tone}Soft"))
        texts = column(gap=2)
        texts.addWidget(label(look, trouble["title"], tone=tone, bold=True, wrap=True))
        texts.addWidget(label(look, trouble["advice"], role="body_small", wrap=True))
        box.addLayout(texts, 1)


class NameChoice(QPushButton):
    """One reading of the name: the characters large, the character set below."""

    def __init__(self, look: Look, charset: str, reading: str) -> None:
        super().__init__()
        self.setObjectName("choice")
        self.reading = reading
        self.setCheckable(True)
        self.setMinimumHeight(64)
        self.setAccessibleName(f"{charset} {reading}")
        box = column(self, margins=(10, 6, 10, 6), gap=0)
        box.addWidget(label(look, reading, role="page_title", bold=True))
        box.addWidget(label(look, charset, role="caption", tone="text2"))
