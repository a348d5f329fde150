"""自检: how this machine stands, and the self-check."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.errors import AgentError
from app.gui import words
from app.gui.page import Desk, Json
from app.gui.parts import Button, Mark, clear, column, label, line, row
from app.gui.settings_section import Section

Facts = list[tuple[str, str, bool | None]]


class CheckSection(Section):
    """Facts first, the answers of the self-check above them once it ran."""

    title = "自检"
    note = "端口、文件夹、密钥、时钟、国密算法；不会上传任何东西"

    def build(self) -> None:
        self.button = Button(self.look, "自检", small=True, slot=self.run)
        inner = row(gap=10)
        inner.addWidget(self.button)
        self.summary = label(self.look, "还没有自检", tone="text2")
        inner.addWidget(self.summary, 1)
        self.box.addLayout(inner)
        self._checks = column(gap=0)
        self.box.addLayout(self._checks)
        self.box.addWidget(line())
        self._facts = column(gap=6)
        self.box.addLayout(self._facts)
        self.box.addStretch(1)

    def run(self) -> None:
        self.button.setEnabled(False)
        self.button.setText("正在自检")
        self.desk.asker.ask(self.desk.face.check_self, self._checked, self._broken)

    def show_status(self, status: Json) -> None:
        clear(self._facts)
        for title, facts in facts_of(status, self.desk):
            self._facts.addWidget(label(self.look, title, bold=True))
            for name, value, good in facts:
                self._facts.addWidget(self._fact(name, value, good))

    def _broken(self, error: AgentError) -> None:
        self._ready()
        self.desk.fail(error)

    def _checked(self, answer: Json) -> None:
        self._ready()
        clear(self._checks)
        wrong = sum(not one["ok"] for one in answer["checks"])
        self.summary.setText(f"{wrong} 项要处理" if wrong else f"{len(answer['checks'])} 项都正常")
        for one in sorted(answer["checks"], key=lambda one: bool(one["ok"])):
            self._checks.addWidget(self._check_row(one))

    def _ready(self) -> None:
        self.button.setText("自检")
        self.button.setEnabled(True)

    def _fact(self, name: str, value: str, good: bool | None) -> QWidget:
        made = QWidget()
        box = row(made, gap=10)
        caption = label(self.look, name, role="body_small", tone="text2")
        caption.setMinimumWidth(112)
        box.addWidget(caption)
        if good is False:
            box.addWidget(Mark(self.look, "state-held", "you", 14))
        box.addWidget(label(self.look, value or "没有填", role="body_small", wrap=True), 1)
        return made

    def _check_row(self, one: Json) -> QWidget:
        made = QWidget()
        box = row(made, margins=(0, 6, 0, 6), gap=10)
        mark = Mark(self.look, "check" if one["ok"] else "state-held", "text2" if one["ok"] else "you", 16)
        box.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        texts = column(gap=2)
        texts.addWidget(label(self.look, one["title"], wrap=True))
        for text, tone in ((one["advice"], "text2"), ("" if one["ok"] else one["details"], "text3")):
            if text and text != one["title"]:
                texts.addWidget(label(self.look, text, role="body_small", tone=tone, wrap=True))
        box.addLayout(texts, 1)
        return made


def facts_of(status: Json, desk: Desk) -> list[tuple[str, Facts]]:
    """(title, [(name, value, fine)]) of everything the status tells about this machine."""
    clinic, dicom, files = status["clinic"], status["dicom"], status["files"]
    state = "在听" if dicom["listening"] else dicom["trouble"] or "没有开"
    folders: Facts = [
        ("文件夹", one["path"] + ("" if one["ok"] else f" · {one['trouble']}"), bool(one["ok"]))
        for one in status["folders"]
    ]
    port = ("DICOM", f"{dicom['ae_title']} · 端口 {dicom['port']} · {state}", bool(dicom["listening"]))
    found: list[tuple[str, Facts]] = [("收影像", [port, *folders])]
    for one in status["destinations"]:
        last = words.clock(one["last_ok_at"], desk.now())
        clock = one["clock_offset_seconds"]
        facts: Facts = [
            ("地址", one["base_url"], None),
            ("最近应答", one["trouble"] or last or "还没有", not one["trouble"]),
            ("与平台时差", f"{clock:+.1f} 秒" if clock is not None else "还不知道", None),
        ]
        found.append((one["title"], facts))
    served = files["base_url"] if files["listening"] else files["trouble"] or "没有开"
    program: Facts = [
        ("机构", str(clinic.get("name", "")), None),
        ("文件服务", served, None),
        ("版本", status["version"], None),
        ("数据文件夹", status["home"], None),
    ]
    found.append(("程序", program))
    return found
