"""Below the table of devices: what a test found, as a timeline, and how the device is set up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from app.gui import words
from app.gui.look import Look
from app.gui.parts import Button, Card, Empty, Head, Mark, clear, column, frame, label, row
from app.gui.told import Told

Json = dict[str, Any]
_STEP_MARKS = {True: ("check", "text2"), False: ("state-rejected", "bad"), None: ("info", "text2")}
_YOUR_TURN = "请您"
_CAPTION = 84


class QuietBanner(QFrame):
    """A device that is missed: what it means, 检测, 今天不用它. `asked(act, source)`: "test", "mute" or "allow"."""

    asked = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setProperty("tone", "you")
        self.source, self._second = "", "mute"
        self._mark = Mark(look, "state-quiet", "you", 18, on="youSoft")
        self.title = label(look, tone="you", bold=True, wrap=True)
        self.advice = label(look, role="body_small", tone="text", wrap=True)
        texts = column(gap=2)
        texts.addWidget(self.title)
        texts.addWidget(self.advice)
        self.test = Button(look, "检测", kind="primary", slot=lambda: self.asked.emit("test", self.source))
        self.other = Button(look, "今天不用它", slot=lambda: self.asked.emit(self._second, self.source))
        box = row(self, margins=(16, 8, 12, 8), gap=12)
        box.addWidget(self._mark)
        box.addLayout(texts, 1)
        box.addWidget(self.test)
        box.addWidget(self.other)
        self.hide()

    def show_quiet(self, device: Json) -> None:
        quiet = device["quiet"]
        advice = f"{quiet['usually']}。请先看设备是否关机、网线是否松动；换过网络请点“检测”。"
        self._show(device["source"], "state-quiet", f"{device['name']} {quiet['title']}", advice)
        self.other.setText("今天不用它")
        self._second = "mute"
        self.test.setVisible(True)

    def show_refused(self, refused: Json) -> None:
        place = f"，来自 {refused['address']}" if refused["address"] else ""
        advice = f"{refused['why']}{place}。是您的设备就点“允许它”，再在设备上发一次。"
        self._show(refused["source"], "state-held", f"{refused['ae_title']} 想发影像，没有放进来", advice)
        self.other.setText("允许它")
        self._second = "allow"
        self.test.setVisible(False)

    def _show(self, source: str, icon: str, title: str, advice: str) -> None:
        self.source = source
        self._mark.show_mark(icon, "you")
        self.title.setText(title)
        self.advice.setText(advice)
        self.show()


class StepList(QWidget):
    """Steps of a test from top to bottom: mark, title, what it means, time; joined by a line."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("body")
        self._look = look
        self._box = column(self, margins=(16, 10, 16, 4))
        _fit_by_width(self)

    def show_steps(self, steps: list[Json], now: datetime) -> None:
        clear(self._box)
        for number, step in enumerate(steps):
            self._box.addWidget(_Step(self._look, step, words.clock(step["at"], now), number == len(steps) - 1))
        self._box.addStretch(1)


class _Step(QWidget):
    def __init__(self, look: Look, step: Json, at: str, last: bool) -> None:
        super().__init__()
        mine = str(step["title"]).startswith(_YOUR_TURN)
        icon, tone = ("state-held", "you") if mine else _STEP_MARKS[step["ok"]]
        rail = column(gap=2)
        rail.addSpacing(2)
        rail.addWidget(Mark(look, icon, tone, 15))
        joint = frame("line")
        joint.setFixedWidth(2)
        joint.setVisible(not last)
        rail.addWidget(joint, 1, Qt.AlignmentFlag.AlignHCenter)
        texts = column(gap=1)
        texts.addWidget(label(look, step["title"], bold=True, wrap=True))
        if step["detail"]:
            wrong = "bad" if step["ok"] is False else "text2"
            texts.addWidget(label(look, step["detail"], role="caption", tone=wrong, wrap=True))
        texts.addSpacing(5)
        box = row(self, gap=10)
        box.addLayout(rail)
        box.addLayout(texts, 1)
        if at:
            box.addWidget(label(look, at, role="caption", tone="text2"), 0, Qt.AlignmentFlag.AlignTop)


class TestCard(Card):
    """The result of the last test of the device that is selected. `again` is pressed to test (once more)."""

    again = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.button = Button(look, "检测", kind="link", icon="resend", small=True, slot=self.again.emit)
        self.head = Head(look, "检测", "", self.button)
        self.steps = StepList(look)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setWidget(self.steps)
        self.empty = Empty(look, "plug", "还没有检测", "看看本机收得到吗、别的设备来过吗、问得到它吗。不会动设备。")
        self.box.addWidget(self.head)
        self.box.addWidget(self.area, 1)
        self.box.addWidget(self.empty, 1)
        self.show_none("")

    def show_none(self, name: str) -> None:
        self.head.title.setText(f"{name} 检测结果" if name else "检测结果")
        self.head.note.setText("")
        self._ready("检测", bool(name))
        self.area.setVisible(False)
        self.empty.setVisible(True)

    def show_busy(self) -> None:
        self._ready("正在检测", False)

    def show_answer(self, answer: Json, seconds: float, now: datetime) -> None:
        self.head.title.setText(f"{answer['name']} 检测结果")
        self.head.note.setText(f"刚才 · 用时 {max(1, round(seconds))} 秒")
        self._ready("再测一次", True)
        self.steps.show_steps(answer["steps"], now)
        self.area.setVisible(True)
        self.empty.setVisible(False)

    def _ready(self, text: str, on: bool) -> None:
        self.button.setText(text)
        self.button.setEnabled(on)


class SetupCard(Card):
    """How the selected device is set up. `changed` is pressed to change it, `allowed` to let a refused caller in."""

    changed = Told()
    allowed = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.change = Button(look, "修改", kind="link", small=True, slot=self.changed.emit)
        self.head = Head(look, "设置", "", self.change)
        inner = QWidget()
        inner.setObjectName("body")
        self._facts = column(inner, margins=(16, 12, 16, 10), gap=7)
        _fit_by_width(inner)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inner)
        self.box.addWidget(self.head)
        self.box.addWidget(scroll, 1)

    def show_device(self, device: Json | None, facts: list[tuple[str, str]]) -> None:
        refused = device is not None and device["state"] == "refused"
        self.head.title.setText(f"{device['name']} 的设置" if device and not refused else "设置")
        self.change.setVisible(device is not None and not refused)
        clear(self._facts)
        for name, value in facts:
            caption = label(self._look, name, role="body_small", tone="text2")
            caption.setFixedWidth(_CAPTION)
            line_of = row(gap=4)
            line_of.addWidget(caption, 0, Qt.AlignmentFlag.AlignTop)
            line_of.addWidget(label(self._look, value, role="body_small", wrap=True), 1)
            self._facts.addLayout(line_of)
        if device is not None and refused and device["can_allow"]:
            allow = Button(self._look, "允许它", small=True, slot=self.allowed.emit)
            self._facts.addWidget(allow, 0, Qt.AlignmentFlag.AlignLeft)
        self._facts.addStretch(1)


def _fit_by_width(inner: QWidget) -> None:
    """What scrolls is as high as its text needs at its width; the height at the least width would bring a bar."""
    inner.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)


def setup_facts(device: Json, answer: Json, now: Callable[[], datetime]) -> list[tuple[str, str]]:
    """(name, value) of the settings card."""
    if device["state"] == "refused":
        place = device["address"] or "不知道"
        return [("AE 标题", device["ae_title"]), ("地址", place), ("为什么拒绝", device["why"])]
    if device["kind"] == "folder":
        own = [("文件夹", str(device["path"]))]
    else:
        own = [("AE 标题", str(device["ae_title"])), ("来自地址", str(device["address"] or "还没有连过"))]
    chosen = device["decoding_chosen_at"]
    decoding = device["decoding"] or "还没有见过中文姓名"
    if device["decoding_chosen_by"] == "person" and chosen:
        decoding += f" · 您在 {words.clock(chosen, now(), always_day=True)}选定"
    elif device["decoding"]:
        decoding += " · 自动识别，拿不准时问您"
    return [
        *own,
        ("姓名编码", decoding),
        ("收齐规则", f"{answer['quiet_seconds']:g} 秒没有新图"),
        ("安静提醒", device["watch_words"]),
    ]
