"""首次设置 5: every interface in use, tested, each answer in plain words; also a section of the settings."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.errors import AgentError
from app.gui.answers import Answers
from app.gui.look import Look
from app.gui.page import Desk, Json
from app.gui.parts import Button, Card, Mark, clear, column, label, line, row
from app.gui.told import Told
from app.gui.wizard_step import Step

_MARKS = {
    "ok": ("state-reconciled", "ok"),
    "you": ("state-held", "you"),
    "engineer": ("state-rejected", "bad"),
    "automatic": ("state-waiting", "retry"),
    "unknown": ("info", "idle"),
    "skipped": ("clock", "idle"),
}
_FIXES = {"destination": "改地址和密钥", "dicom": "改 AE 标题", "files": ""}


class TrialList(QWidget):
    """The test of all destinations and what it found. `fix(page)` leads to where a person mends it."""

    changed = Told()

    def __init__(self, desk: Desk, answers: Answers, fix: Callable[[str], None]) -> None:
        super().__init__()
        self._desk, self._answers, self._fix = desk, answers, fix
        self._look = desk.look
        self.steps: list[Json] = []
        self._letters: list[str] = []
        self.running = False
        top = row(gap=8)
        self.summary = label(desk.look, bold=True)
        self.again = Button(desk.look, "全部重测", icon="resend", slot=self.test)
        self.copy = Button(desk.look, "复制给平台工程师", icon="copy", slot=self._copy)
        top.addWidget(self.summary, 1)
        top.addWidget(self.again)
        top.addWidget(self.copy)
        card = Card()
        self._list = column()
        card.box.addLayout(self._list)
        card.box.addStretch(1)
        box = column(self, gap=12)
        box.addLayout(top)
        box.addWidget(card, 1)

    def test(self) -> None:
        """Test all destinations, one after the other."""
        self.steps, self._letters, self.running = [], [], True
        clear(self._list)
        self.again.setEnabled(False)
        self.copy.setEnabled(False)
        self._next([row["name"] for row in self._answers.destinations()])

    def waits(self) -> list[Json]:
        """What a person should look after."""
        return [one for one in self.steps if one["state"] in ("you", "engineer", "automatic")]

    def _next(self, names: list[str]) -> None:
        if not names:
            self._end()
            return
        face, name = self._desk.face, names[0]
        answers = self._answers.unsaved("clinic", "dicom", "files", "destination")
        self.summary.setText("正在测，最多半分钟")
        self.changed.emit()
        self._desk.asker.ask(
            lambda: face.try_destination(answers, name),
            lambda answer: self._take(answer, names[1:]),
            lambda error: self._failed(error, names[1:]),
        )

    def _take(self, answer: Json, left: list[str]) -> None:
        several = len(self._answers.destinations()) > 1
        if several:
            head = label(self._look, answer["title"], bold=True)
            head.setContentsMargins(16, 8, 16, 4)
            self._list.addWidget(head)
        for step in answer["steps"]:
            self.steps.append(step)
            self._list.addWidget(TrialRow(self._look, step, self._fix))
        self._letters.append(answer["letter"])
        self._next(left)

    def _failed(self, error: AgentError, left: list[str]) -> None:
        self._desk.fail(error)
        self._next(left)

    def _end(self) -> None:
        self.running = False
        self.again.setEnabled(True)
        self.copy.setEnabled(bool(self._letters))
        self.copy.setText("复制给平台工程师")
        self.summary.setText(summary_of(self.steps))
        self.changed.emit()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText("\n\n".join(self._letters))
        self.copy.setText("已复制")


def summary_of(steps: list[Json]) -> str:
    """8 项：6 项通过，1 项请您处理，1 项以后再看"""
    count = {state: sum(one["state"] == state for one in steps) for state in _MARKS}
    parts = [f"{count['ok']} 项通过"]
    parts += [
        f"{count[state]} 项{words}"
        for state, words in (("you", "请您处理"), ("engineer", "请找工程师"), ("automatic", "过一会儿再测"))
        if count[state]
    ]
    later = count["unknown"] + count["skipped"]
    return f"{len(steps)} 项：" + "，".join(parts) + (f"，{later} 项现在看不出" if later else "")


class TrialRow(QWidget):
    """One interface: mark, what, how it is; advice below while somebody must act."""

    def __init__(self, look: Look, step: Json, fix: Callable[[str], None]) -> None:
        super().__init__()
        icon, tone = _MARKS[step["state"]]
        first = row(gap=10)
        first.addWidget(label(look, step["subject"], bold=True))
        words = label(look, step["title"], role="body_small", tone="text2" if step["ok"] else tone, wrap=True)
        first.addWidget(words, 1)
        texts = column(gap=2)
        texts.addLayout(first)
        if step["advice"]:
            turn = {"you": "请您：", "engineer": "请找工程师："}.get(step["state"], "")
            texts.addWidget(label(look, turn + step["advice"], role="caption", tone="text2", wrap=True))
        if step["details"]:
            details = label(look, step["details"], role="caption", tone="text3", wrap=True)
            details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            texts.addWidget(details)
        inner = row(margins=(16, 8, 16, 8), gap=12)
        inner.addWidget(Mark(look, icon, tone, 16))
        inner.addLayout(texts, 1)
        if step["ms"] is not None:
            inner.addWidget(label(look, f"{step['ms']} ms", role="caption", tone="text2"))
        if _FIXES.get(step["page"]):
            inner.addWidget(Button(look, _FIXES[step["page"]], small=True, slot=lambda: fix(step["page"])))
        box = column(self)
        box.addLayout(inner)
        box.addWidget(line(hair=True))


class TrialStep(Step):
    """Begins by itself. What does not pass holds nobody up."""

    name = "连接测试"
    title = "连接测试"
    note = "逐项检查要用到的接口，不会写入任何患者数据。"

    def build(self) -> None:
        self.list = TrialList(self.desk, self.answers, self._mend)
        self.list.changed.connect(self._tested)
        self.body.addWidget(self.list, 1)

    def enter(self) -> None:
        if not self.list.running:
            self.list.test()

    def open_words(self) -> str:
        if self.list.running:
            return "正在测"
        waits = self.list.waits()
        return f"有 {len(waits)} 项没通过，也可以先继续，之后在“设置”里重测" if waits else ""

    def _tested(self) -> None:
        self.changed.emit()
        if not self.list.running:
            self.done.emit()

    def stops(self) -> bool:
        return self.list.running

    def focus_first(self) -> None:
        self.list.again.setFocus()

    def _mend(self, page: str) -> None:
        self.go("设备与文件夹" if page == "dicom" else "密钥")
