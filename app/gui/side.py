"""The side panel of the queue: who, where to, the timeline from the first image to reconciliation, what may be done."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from PySide6.QtCore import QPointF, QRect, Qt, QTimer
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.gui import words
from app.gui.changes import Changes
from app.gui.dialogs import Facts
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Card, Mark, clear, column, label, line, row
from app.gui.steps import bytes_line, is_fetched
from app.gui.told import Told

_WORDS = {
    "fill": ("去修改", "page-fill"),
    "keys": ("去填密钥", "page-settings"),
    "settings": ("去设置", "page-settings"),
    "resend": ("重新上传", "resend"),
    "cancel": ("取消", "cancel"),
    "hold": ("暂缓", "hold"),
    "release": ("恢复", "resume"),
    "withdraw": ("撤回", "undo"),
    "first": ("优先上传", "first"),
}
_NOW = {"waiting": "立即重试"}
_SOLID = frozenset(
    {("waiting", "resend"), ("held", "fill"), ("rejected", "keys"), ("rejected", "settings"), ("paused", "release")}
)
_TONES = {"automatic": "retry", "technician": "you", "engineer": "bad", "nobody": "idle"}
_WHOSE = {"automatic": "自动重试", "technician": "请您处理", "engineer": "请找工程师", "nobody": ""}
_MOST_BUTTONS = 2
_SEXES = {"1": "男", "2": "女", "M": "男", "F": "女"}
_UNITS = {"": "岁", "Y": "岁", "M": "个月", "D": "天", "H": "小时"}
_AXIS = 8
_PANEL, _GAP = 308, 12
_OVERLAY_BELOW = 1300
_LAID_OUT_MS = 100
"""After so long what was shown anew has its place."""


class SidePanel(Card):
    """`acted(name)` for a button, `closed` for the cross. `row`: the submission that is shown."""

    acted = Told()
    closed = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.uid, self.destination = "", ""
        self.row: Json | None = None
        self.acts: tuple[str, ...] = ()
        self._shown: Json | None = None
        self._name = label(look, role="person", bold=True)
        self._about = label(look, role="body_small", tone="text2")
        head = row(margins=(16, 10, 8, 0), gap=8)
        head.addWidget(self._name)
        head.addWidget(self._about)
        head.addStretch(1)
        self.cross = Button(look, kind="icon", icon="cancel", tip="收起 · Esc", slot=self.closed.emit)
        head.addWidget(self.cross)
        self._exam = label(look, role="body_small", tone="text2", wrap=True)
        self._chip = row(gap=6)
        about = column(margins=(16, 2, 16, 10), gap=6)
        about.addWidget(self._exam)
        about.addLayout(self._chip)
        self._inner = QWidget()
        self._inner.setObjectName("body")
        self._middle = column(self._inner, margins=(16, 10, 16, 12))
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._inner)
        self._scroll.verticalScrollBar().rangeChanged.connect(lambda _least, _most: self._see_end())
        self._follows = self._loud = False
        self._facts = column(margins=(16, 8, 16, 8), gap=3)
        self._foot = row(margins=(10, 10, 10, 10), gap=6)
        self.buttons: dict[str, Button] = {}
        self.box.addLayout(head)
        self.box.addLayout(about)
        self.box.addWidget(line())
        self.box.addWidget(self._scroll, 1)
        self.box.addWidget(line(hair=True))
        self.box.addLayout(self._facts)
        self.box.addWidget(line())
        self.box.addLayout(self._foot)

    @property
    def who(self) -> str:
        return words.name(self.row or {})

    @property
    def what(self) -> str:
        return words.what(self.row or {}) or "检查"

    def show_job(self, job: Json, now: datetime) -> None:
        """As the engine's `job` says; nothing is rebuilt when nothing changed, and the scroll bar stays."""
        if job == self._shown:
            return
        one = job["row"]
        same = self.row is not None and self.row["exam_key"] == one["exam_key"]
        bar = self._scroll.verticalScrollBar()
        loud = one["trouble"] is not None and one["trouble"]["turn"] != "automatic"  # then it stands at the top
        self._follows = not loud and (not same or self._loud or bar.value() == bar.maximum())
        at = bar.value() if same and loud == self._loud else 0
        self._loud = loud
        self._shown, self.row = job, one
        self._name.setText(self.who)
        self._about.setText(_about(job["about"]))
        self._exam.setText(words.exam_line(one))
        self._show_chip(one)
        self._show_moments(job, now)
        self._show_facts(job, now)
        acts = tuple(job["acts"])
        state = "fetched" if is_fetched(one) else one["state"]
        if not same or acts != self.acts or state != self.state:
            self._show_buttons(state, acts)
        bar.setValue(at)
        self._see_end()
        QTimer.singleShot(_LAID_OUT_MS, self, self._rest)

    def _see_end(self) -> None:
        """What happened last is in view, unless a person scrolled away from it."""
        if self._follows:
            bar = self._scroll.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _rest(self) -> None:
        self._see_end()
        self._follows = False

    state = ""

    def _show_chip(self, one: Json) -> None:
        clear(self._chip)
        mark = self._look.state(one["state"])
        self._chip.addWidget(Chip(self._look, one["state_words"], mark.icon, mark.tone))
        where = label(self._look, f"→ {one['destination_title']}", role="body_small", tone="text2", wrap=True)
        self._chip.addWidget(where, 1)

    def _show_moments(self, job: Json, now: datetime) -> None:
        clear(self._middle)
        trouble, moments = job["row"]["trouble"], job["moments"]
        automatic = trouble is not None and trouble["turn"] == "automatic"
        if trouble is not None and not automatic:
            self._middle.addWidget(TroubleBox(self._look, trouble))
        for number, moment in enumerate(moments):
            following = moments[number + 1]["kind"] if number + 1 < len(moments) else ""
            self._middle.addWidget(Moment(self._look, moment, now, following))
        if automatic:
            self._middle.addWidget(Facts(self._look, "平台的原话", trouble_facts(trouble)))
        self._middle.addStretch(1)

    def _show_facts(self, job: Json, now: datetime) -> None:
        clear(self._facts)
        taken = " · 补传 ".join(dict.fromkeys(words.clock(at, now) for at in _first_and_late(job)))
        log = job["log"]
        last = f" · 最近 {words.clock(log['last_at'], now)}" if log["last_at"] else ""
        changed = (one for one in job["versions"] if one["is_newest"] and one["version"] > 1)
        versions = " · ".join(f"{one['part_words']} 第 {one['version']} 版" for one in changed)
        facts = [
            ("平台已接收", _received(job["row"], taken)),
            *([("已传", bytes_line(job["row"]))] if bytes_line(job["row"]) else []),
            *([("已试次数", str(job["row"]["attempts"]))] if job["row"]["attempts"] else []),
            ("应答日志", f"{log['count']} 条{last}"),
            *fetched_facts(job["fetches"], now),
            *([("改过", versions)] if versions and job["row"]["state"] != "withdrawn" else []),
            *_numbers(job["row"]["numbers"]),
        ]
        metrics = QFontMetrics(self._look.font("body_small"))
        wide = max((metrics.horizontalAdvance(name) for name, _ in facts if len(name) > 4), default=0) + 2
        for name, value in facts:
            one = row(gap=8)
            caption = label(self._look, name, role="body_small", tone="text2")
            caption.setMinimumWidth(wide)
            one.addWidget(caption, 0, Qt.AlignmentFlag.AlignTop)
            one.addWidget(label(self._look, value, role="body_small", wrap=True), 1)
            self._facts.addLayout(one)

    def _show_buttons(self, state: str, acts: tuple[str, ...]) -> None:
        clear(self._foot)
        self.buttons.clear()
        self.acts, self.state = acts, state
        slip = Button(self._look, "上传凭单", icon="print", tip="Ctrl+P", slot=partial(self.acted.emit, "slip"))
        self.buttons["slip"] = slip
        self._foot.addWidget(slip)
        self._foot.addStretch(1)
        offered = acts[-_MOST_BUTTONS:]
        for act in offered:
            text, icon = _WORDS[act]
            text = _NOW.get(state, text) if act == "resend" else text
            last = act == offered[-1]
            solid = (state, act) in _SOLID or (last and (state, act) == ("rejected", "resend"))
            kind = "primary" if solid else "plain" if last else "quiet"
            made = Button(self._look, text, kind=kind, icon=icon if last else "", slot=partial(self.acted.emit, act))
            self.buttons[act] = made
            self._foot.addWidget(made)


def fetched_facts(fetches: list[Json], now: datetime) -> list[tuple[str, str]]:
    """(file, what the platform took of it): a fact beside the receipt."""
    found = []
    for one in fetches:
        last = words.clock(one["last_at"], now)
        said = one["trouble"] or " · ".join(part for part in (str(one["words"]), last) if part)
        found.append((str(one["what_words"]), str(said)))
    return found


def _received(row: Json, taken: str) -> str:
    """When it was taken; while some of it is still to go, how much."""
    if not taken:
        return "还没有"
    whole = row["state"] in ("acknowledged", "reconciled", "withdrawn") or row["steps_done"] == row["steps"]
    return taken if whole else f"{row['steps_done']} / {row['steps']} 步 · {taken}"


def _numbers(numbers: list[str]) -> list[tuple[str, str]]:
    """Of an index code whose it is and when, the ID number masked; a line may end behind each part."""
    shown = [words.index_lines(str(each))[0].replace("-", "-\u200b") for each in numbers]
    return [("返回的号码", "、".join(shown))] if shown else []


def _first_and_late(job: Json) -> list[str]:
    taken = list(job["acknowledged"])
    if not taken:
        return []
    late = bool(job["row"]["late_count"])
    return [taken[0], taken[-1]] if late else [taken[-1]]


def _about(about: Json) -> str:
    """男 · 52 岁"""
    age = f"{about['age']} {_UNITS.get(str(about['age_unit']), '岁')}" if about["age"] else ""
    return " · ".join(part for part in (_SEXES.get(str(about["sex"]), ""), age) if part)


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
        box = column(self, margins=(0, 0, 0, 10), gap=4)
        box.addWidget(label(look, trouble["title"], tone=tone, bold=True, wrap=True))
        if trouble["advice"]:
            box.addWidget(label(look, trouble["advice"], role="body_small", wrap=True))
        whose = _WHOSE[trouble["turn"]]
        if whose:
            box.addWidget(label(look, f"轮到：{whose}", role="caption", tone="text2"))
        facts = trouble_facts(trouble)
        if any(value for _, value in facts):
            box.addWidget(Facts(look, "平台的原话", facts))
        box.addWidget(line(hair=True))


def trouble_facts(trouble: Json) -> list[tuple[str, str]]:
    """What an engineer wants to read of a trouble."""
    return [
        ("代码", str(trouble["code"])),
        ("原话", str(trouble["words"])),
        ("步骤", str(trouble["step"])),
        ("哪几张", "、".join(str(item) for item in trouble["items"])),
    ]


class Moment(QWidget):
    """One entry of the timeline: its mark on the axis, what, detail, when. What is to come is hollow and dashed."""

    def __init__(self, look: Look, moment: Json, now: datetime, following: str) -> None:
        super().__init__()
        self._look, self._moment, self._following = look, moment, following
        step, ahead = moment["kind"].startswith("step"), moment["kind"].endswith("todo")
        tone = "text2" if ahead or step else "text"
        texts = column(gap=1)
        texts.addWidget(label(look, moment["title"], role="body_small", tone=tone, bold=not (step or ahead), wrap=True))
        if moment["detail"]:
            loud = look.state(moment["state"]).tone if moment["kind"] == "now" else "text2"
            texts.addWidget(label(look, moment["detail"], role="caption", tone=loud, wrap=True))
        if moment["changes"]:
            texts.addWidget(Changes(look, moment["changes"]))
        box = row(self, margins=(26, 0, 0, 10), gap=8)
        box.addLayout(texts, 1)
        when = words.clock(moment["at"], now) + (" 再试" if moment["again"] else "")
        box.addWidget(label(look, when, role="caption", tone="text2"), 0, Qt.AlignmentFlag.AlignTop)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QFontMetrics(self._look.font("body_small")).height() / 2
        kind = self._moment["kind"]
        if self._following:
            ahead = self._following.endswith("todo")
            pen = QPen(self._look.colour("line" if ahead or not kind.endswith("done") else "ok"), 1.5)
            if ahead:
                pen.setDashPattern([3, 3])
            painter.setPen(pen)
            painter.drawLine(QPointF(_AXIS, middle + 9), QPointF(_AXIS, self.height() + middle - 9))
        if kind in ("done", "now"):
            mark = self._look.state(self._moment["state"])
            pixmap = self._look.pixmap(mark.icon, mark.tone, 16, self.devicePixelRatioF())
            painter.drawPixmap(QPointF(_AXIS - 8, middle - 8), pixmap)
            return
        tone = self._look.state(self._moment["state"]).tone if kind == "step_now" else "ok"
        if kind == "step_fact":
            tone = "idle"
        radius = 4.0 if kind.startswith("step") else 6.5
        painter.setPen(QPen(self._look.colour("control"), 1.4) if kind.endswith("todo") else Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour("surface" if kind.endswith("todo") else tone))
        painter.drawEllipse(QPointF(_AXIS, middle), radius, radius)


class Area(QWidget):
    """Table and side panel: side by side, or the panel over the table when the window is narrow."""

    def __init__(self, table: QWidget, panel: QWidget) -> None:
        super().__init__()
        self._table, self._panel = table, panel
        table.setParent(self)
        panel.setParent(self)
        panel.hide()

    def show_panel(self, shown: bool) -> None:
        if shown != self._panel.isVisibleTo(self):
            self._panel.setVisible(shown)
            self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        width, height = self.width(), self.height()
        shown = self._panel.isVisibleTo(self)
        beside = shown and self.window().width() >= _OVERLAY_BELOW
        self._table.setGeometry(QRect(0, 0, width - (_PANEL + _GAP if beside else 0), height))
        self._panel.setGeometry(QRect(width - _PANEL, 0, _PANEL, height))
        self._panel.raise_()
