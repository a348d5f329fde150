"""The box over the form when a study waits for a person's eye: a name, whose images, which of two contents."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout

from app.gui.look import Look
from app.gui.parts import Button, Mark, column, label, row
from app.gui.sections import ActButton
from app.gui.told import Told

_CHOICES = {
    "two_patients": (("same", "是同一位患者"), ("split", "是两位，分开")),
    "accession_reused": (("same", "核对过了，就是这位患者"),),
    "conflict": (("first", "用先到的那张"), ("second", "用后到的那张")),
}


class DoubtBox(QFrame):
    """`settled(decision, detail)` when the person decided; `naming()` when the name is to be chosen.

    `study`: one of the form's `studies` with a doubt.
    """

    settled = Told()
    naming = Told()

    def __init__(self, look: Look, study: dict[str, Any]) -> None:
        super().__init__()
        self.setObjectName("doubt")
        self._look, self._study = look, study
        self.doubt = str(study["doubt"])
        self._box = column(self, margins=(16, 10, 16, 12), gap=8)
        head = row(gap=8)
        head.addWidget(Mark(look, "state-held", "you", 18, on="youSoft"), 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(label(look, study["doubt_words"], tone="you", bold=True, wrap=True), 1)
        self._box.addLayout(head)
        if self.doubt == "name":
            self._ask_name()
            return
        if study.get("compared"):
            self._box.addWidget(Compared(look, study["compared"]))
        self._box.addLayout(self._ask_choice())

    def focus(self) -> None:
        """The keyboard goes to what only opens a question; a choice that decides at once waits for its own click."""
        if self.doubt == "name":
            self.choose.setFocus(Qt.FocusReason.TabFocusReason)

    def _ask_choice(self) -> QHBoxLayout:
        """The solid button is the first, or the safe one where the two sides bear different names."""
        box = row(gap=8)
        compared = (self._study.get("compared") or {}).get("rows", [])
        two_names = self.doubt == "two_patients" and any(one["label"] == "姓名" and one["differs"] for one in compared)
        for number, (decision, text) in enumerate(_CHOICES.get(self.doubt, _CHOICES["two_patients"])):
            kind = "primary" if number == int(two_names) else "plain"
            box.addWidget(Button(self._look, text, kind=kind, slot=partial(self.settled.emit, decision, "")))
        box.addStretch(1)
        return box

    def _ask_name(self) -> None:
        """The likeliest reading large; the dialog shows the others beside the bytes."""
        likeliest = next((str(text) for _, text in self._study["candidates"] if text), "")
        line_of = row(gap=12)
        if likeliest:
            line_of.addWidget(label(self._look, likeliest, role="page_title", bold=True))
            line_of.addWidget(label(self._look, "对吗？", role="body_small", tone="text2"))
        line_of.addStretch(1)
        self.choose = ActButton(self._look, "选姓名", kind="primary", slot=self.naming.emit)
        line_of.addWidget(self.choose)
        self._box.addLayout(line_of)


class WaitsNote(QFrame):
    """An exam that was registered and has no images yet; `dropped` when the patient did not come."""

    dropped = Told()

    def __init__(self, look: Look, accession: str) -> None:
        super().__init__()
        self.setObjectName("plate")
        box = row(self, margins=(16, 8, 10, 8), gap=8)
        said = f"还没有影像。在设备上输检查号 {accession}，影像一到就归到这例。"
        box.addWidget(Mark(look, "info", "text3", 16))
        box.addWidget(label(look, said, role="body_small", tone="text2", wrap=True), 1)
        box.addWidget(Button(look, "取消登记", kind="link", small=True, tip="患者没有来", slot=self.dropped.emit))


class RegisteredNote(QFrame):
    """This patient was registered before the images: `joined(exam_key, study)` when they are the ones."""

    joined = Told()

    def __init__(self, look: Look, registered: list[dict[str, Any]]) -> None:
        super().__init__()
        self.setObjectName("doubt")
        box = column(self, margins=(16, 10, 16, 12), gap=8)
        head = row(gap=8)
        head.addWidget(Mark(look, "info", "you", 18, on="youSoft"), 0, Qt.AlignmentFlag.AlignTop)
        title = "这位患者登记过，影像是登记的那例吗？"
        head.addWidget(label(look, title, tone="you", bold=True, wrap=True), 1)
        box.addLayout(head)
        for one in registered:
            line = row(gap=12)
            line.addWidget(label(look, one["words"], role="body_small", wrap=True), 1)
            slot = partial(self.joined.emit, str(one["exam_key"]), str(one["study"]))
            line.addWidget(Button(look, "是，归到那例", slot=slot))
            box.addLayout(line)


class Compared(QFrame):
    """Two sides of a doubt as a table: what is alike is quiet, what differs stands out."""

    def __init__(self, look: Look, compared: dict[str, Any]) -> None:
        super().__init__()
        self.setObjectName("choice")
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 8, 12, 8)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(3)
        for place, head in enumerate(compared["heads"]):
            grid.addWidget(label(look, head, role="caption", tone="text2", bold=True, wrap=True), 0, place + 1)
            grid.setColumnStretch(place + 1, 1)
        for number, line_of in enumerate(compared["rows"], 1):
            grid.addWidget(label(look, line_of["label"], role="caption", tone="text2"), number, 0)
            differs = bool(line_of["differs"])
            for place, value in enumerate(line_of["values"]):
                tone = "you" if differs else "text"
                text = label(look, value or "没有写", role="body_small", tone=tone, bold=differs, wrap=True)
                grid.addWidget(text, number, place + 1)


class TroubleNote(QFrame):
    """What a platform did not like about this exam: which one if there are several, what, and what to do."""

    def __init__(self, look: Look, trouble: dict[str, Any], platform: str = "") -> None:
        super().__init__()
        tone = "you" if trouble["turn"] == "technician" else "bad"
        self.setObjectName("banner")
        self.setProperty("tone", tone)
        icon = "state-held" if tone == "you" else "state-rejected"
        box = row(self, margins=(16, 8, 16, 8), gap=10)
        box.addWidget(Mark(look, icon, tone, 18, on=f"{tone}Soft"))
        texts = column(gap=2)
        title = f"{platform} · {trouble['title']}" if platform else trouble["title"]
        texts.addWidget(label(look, title, tone=tone, bold=True, wrap=True))
        texts.addWidget(label(look, trouble["advice"], role="body_small", wrap=True))
        if trouble["words"]:
            said = label(look, f"平台的原话：{trouble['words']}", role="body_small", tone="text2", wrap=True)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            texts.addWidget(said)
        box.addLayout(texts, 1)
