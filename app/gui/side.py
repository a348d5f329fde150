"""The side panel of the queue: who, state, the jobs with their steps, the trouble, the timeline, what may be done."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.gui import words
from app.gui.dialogs import Facts
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Bar, Button, Card, Mark, clear, column, label, line, row
from app.gui.steps import job_words, newest, part_done
from app.gui.told import Told

_ACTS: dict[str, tuple[str, ...]] = {
    "to_fill": ("fill",),
    "check": ("fill",),
    "ready": ("fill", "submit"),
    "queued": ("cancel", "hold"),
    "sending": ("hold",),
    "waiting": ("cancel", "hold", "resend"),
    "held": ("cancel", "resend", "fill"),
    "rejected": ("cancel", "fill", "resend"),
    "to_sign": ("cancel", "hold"),
    "paused": ("cancel", "release"),
    "acknowledged": ("withdraw", "resend"),
    "reconciled": ("withdraw", "resend"),
    "cancelled": ("resend",),
    "withdrawn": (),
}
"""What the panel offers in each state, the last one being the likeliest; the engine decides whether it works."""
_WORDS = {
    "fill": ("去修改", "page-fill"),
    "submit": ("提交上传", ""),
    "resend": ("重新上传", "resend"),
    "cancel": ("取消", "cancel"),
    "hold": ("暂停这例", "hold"),
    "release": ("恢复", "resume"),
    "withdraw": ("撤回", "undo"),
}
_NOW = {"waiting": "立即重试"}
_SOLID = frozenset(
    {
        ("waiting", "resend"),
        ("held", "fill"),
        ("rejected", "resend"),
        ("paused", "release"),
        ("ready", "submit"),
        ("to_fill", "fill"),
        ("check", "fill"),
    }
)
_TONES = {"automatic": "retry", "technician": "you", "engineer": "bad", "nobody": "idle"}
_WHOSE = {"automatic": "自动重试", "technician": "请您处理", "engineer": "请找工程师", "nobody": ""}


class SidePanel(Card):
    """`acted(name)` for a button, `closed` for the cross."""

    acted = Told()
    closed = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.uid, self.who, self.what, self._state = "", "", "", ""
        self._shown: Json | None = None
        head = row(margins=(16, 10, 8, 0), gap=8)
        self._name = label(look, role="person", bold=True)
        head.addWidget(self._name, 1)
        head.addWidget(Button(look, kind="icon", icon="cancel", tip="收起 · Esc", slot=self.closed.emit))
        self._exam = label(look, role="body_small", tone="text2", wrap=True)
        self._chip = row(gap=6)
        about = column(margins=(16, 2, 16, 10), gap=6)
        about.addWidget(self._exam)
        about.addLayout(self._chip)
        inner = QWidget()
        inner.setObjectName("body")
        self._middle = column(inner, margins=(16, 10, 16, 12), gap=10)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        self._foot = row(margins=(12, 10, 12, 10), gap=6)
        self.buttons: dict[str, Button] = {}
        self.box.addLayout(head)
        self.box.addLayout(about)
        self.box.addWidget(line())
        self.box.addWidget(scroll, 1)
        self.box.addWidget(line())
        self.box.addLayout(self._foot)

    def may(self, act: str) -> bool:
        return act in _ACTS.get(self._state, ())

    def show_study(self, study: Json, about: Json, now: datetime) -> None:
        """`about`: the row of the list, may be empty. Nothing is rebuilt when nothing changed."""
        if study == self._shown:
            return
        self._shown = study
        fields = {field["key"]: field["shown"] or field["text"] for field in study["fields"]}
        self.who = str(about.get("patient_name") or fields.get("patient_name") or "姓名待填")
        self.what = words.what(about) or "检查"
        if study["state"] != self._state:
            self._state = study["state"]
            self._show_buttons()
        self._name.setText(self.who)
        self._exam.setText(words.exam_line(about) or str(fields.get("accession_number") or ""))
        self._show_chip(study)
        clear(self._middle)
        jobs = newest(study["jobs"])
        trouble = next((job["trouble"] for job in jobs if job["trouble"]), None)
        if trouble is not None:
            self._middle.addWidget(TroubleBox(self._look, trouble))
        for job in jobs:
            self._middle.addWidget(JobRow(self._look, job, now))
        if study["jobs"] and study["timeline"]:
            self._middle.addWidget(line(hair=True))
        moments = column()
        for number, entry in enumerate(study["timeline"]):
            moments.addWidget(Moment(self._look, entry, now, last=number == len(study["timeline"]) - 1))
        self._middle.addLayout(moments)
        self._middle.addStretch(1)

    def _show_chip(self, study: Json) -> None:
        clear(self._chip)
        mark = self._look.state(study["state"])
        self._chip.addWidget(Chip(self._look, study["state_words"], mark.icon, mark.tone))
        titles = list(dict.fromkeys(job["destination_title"] for job in study["jobs"]))
        self._chip.addWidget(
            label(self._look, f"→ {'、'.join(titles)}" if titles else "", role="body_small", tone="text2")
        )
        self._chip.addStretch(1)

    def _show_buttons(self) -> None:
        clear(self._foot)
        self.buttons.clear()
        self._foot.addStretch(1)
        acts = _ACTS.get(self._state, ())
        for act in acts:
            text, icon = _WORDS[act]
            text = _NOW.get(self._state, text) if act == "resend" else text
            kind = "primary" if (self._state, act) in _SOLID else "plain"
            made = Button(
                self._look, text, kind=kind, icon=icon if act == acts[-1] else "", slot=partial(self.acted.emit, act)
            )
            self.buttons[act] = made
            self._foot.addWidget(made)
        if not self.buttons:
            self._foot.insertWidget(0, label(self._look, "这例已经了结", role="body_small", tone="text2"))


class Chip(QFrame):
    """A state as a soft plate: mark and word."""

    def __init__(self, look: Look, text: str, icon: str, tone: str) -> None:
        super().__init__()
        self._look, self._tone = look, tone
        box = row(self, margins=(8, 0, 10, 0), gap=6)
        box.addWidget(Mark(look, icon, tone, 16, on=f"{tone}Soft"))
        box.addWidget(label(look, text, tone=tone))
        self.setFixedHeight(26)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour(f"{self._tone}Soft"))
        painter.drawRoundedRect(self.rect(), 4, 4)


class TroubleBox(QWidget):
    """What went wrong, whose turn it is, what to do; folded: the platform's own code and words."""

    def __init__(self, look: Look, trouble: Json) -> None:
        super().__init__()
        tone = _TONES[trouble["turn"]]
        box = column(self, gap=4)
        box.addWidget(label(look, trouble["title"], tone=tone, bold=True, wrap=True))
        if trouble["advice"]:
            box.addWidget(label(look, trouble["advice"], role="body_small", wrap=True))
        whose = _WHOSE[trouble["turn"]]
        if whose:
            box.addWidget(label(look, f"轮到：{whose}", role="caption", tone="text2"))
        facts = [
            ("代码", str(trouble["code"])),
            ("原话", str(trouble["words"])),
            ("步骤", str(trouble["step"])),
            ("哪几张", "、".join(str(item) for item in trouble["items"])),
        ]
        if any(value for _, value in facts):
            box.addWidget(Facts(look, "平台的原话", facts))
        box.addWidget(line(hair=True))


class JobRow(QWidget):
    """One part on its way to one destination: state, step, how much of it, when next."""

    def __init__(self, look: Look, job: Json, now: datetime) -> None:
        super().__init__()
        mark = look.state(job["state"])
        top = row(gap=8)
        top.addWidget(Mark(look, mark.icon, mark.tone, 16))
        top.addWidget(label(look, job["part_words"]))
        top.addStretch(1)
        top.addWidget(label(look, job["state_words"], role="body_small", tone=mark.tone))
        box = column(self, gap=4)
        box.addLayout(top)
        part = part_done(job)
        if part is not None:
            bar = Bar(look)
            bar.show_part(part, "accent" if job["state"] == "sending" else "retry")
            below = row(margins=(24, 0, 0, 0))
            below.addWidget(bar)
            box.addLayout(below)
        said = job_words(job, now)
        if said:
            text = row(margins=(24, 0, 0, 0))
            text.addWidget(label(look, said, role="caption", tone="text2", wrap=True))
            box.addLayout(text)


class Moment(QWidget):
    """One entry of the timeline: dot, line to the next, what, detail, when."""

    def __init__(self, look: Look, entry: Json, now: datetime, *, last: bool) -> None:
        super().__init__()
        self._look, self._last = look, last
        texts = column(gap=1)
        texts.addWidget(label(look, entry["words"], role="body_small", wrap=True))
        told = "" if str(entry["detail"]).isascii() else entry["detail"]  # keys and counts of the engine's own
        detail = " · ".join(part for part in (entry["who"], told) if part)
        if detail:
            texts.addWidget(label(look, detail, role="caption", tone="text2", wrap=True))
        box = row(self, margins=(24, 0, 0, 0 if last else 10), gap=8)
        box.addLayout(texts, 1)
        at = label(look, words.clock(entry["at"], now), role="caption", tone="text3")
        box.addWidget(at, 0, Qt.AlignmentFlag.AlignTop)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._last:
            painter.setPen(QPen(self._look.colour("line"), 1.5))
            painter.drawLine(QPointF(8, 15), QPointF(8, self.height() + 4))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour("text3"))
        painter.drawEllipse(QPointF(8, 9), 4, 4)
