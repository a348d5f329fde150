"""设置: how this machine is set up, read-only, and the self-check."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from app.errors import AgentError
from app.gui import words
from app.gui.page import Desk, Json, Page
from app.gui.parts import Button, Card, Empty, Head, Mark, clear, column, label, row


class SettingsPage(Page):
    """Facts at the left, the answers of the self-check at the right."""

    name = words.SETTINGS

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.header.note.setText("只能看；要改请用命令行或重新设置")
        box = row(gap=12)
        box.addWidget(self._facts_card(), 1)
        box.addWidget(self._check_card(), 1)
        self.body.addLayout(box, 1)

    def show_status(self, status: Json) -> None:
        clear(self._facts)
        for title, facts in facts_of(status, self.desk):
            self._facts.addWidget(label(self.look, title, bold=True))
            for name, value, good in facts:
                self._facts.addWidget(self._fact(name, value, good))
            self._facts.addSpacing(10)
        self._facts.addStretch(1)

    def check(self) -> None:
        """Run the self-check."""
        self.button.setEnabled(False)
        self.button.setText("正在自检")
        self.desk.asker.ask(self.desk.face.check_self, self._checked, self._failed)

    def _failed(self, error: AgentError) -> None:
        self._ready()
        self.desk.fail(error)

    def _checked(self, answer: Json) -> None:
        self._ready()
        clear(self._checks)
        wrong = sum(not one["ok"] for one in answer["checks"])
        self.check_head.note.setText(f"{wrong} 项要处理" if wrong else f"{len(answer['checks'])} 项都正常")
        for one in sorted(answer["checks"], key=lambda one: bool(one["ok"])):
            self._checks.addWidget(self._check_row(one))
        self._checks.addStretch(1)
        self._check_empty.setVisible(False)
        self._check_scroll.setVisible(True)

    def _ready(self) -> None:
        self.button.setText("自检")
        self.button.setEnabled(True)

    def _fact(self, name: str, value: str, good: bool | None) -> QWidget:
        made = QWidget()
        box = row(made, gap=10)
        caption = label(self.look, name, role="body_small", tone="text2")
        caption.setFixedWidth(112)
        box.addWidget(caption)
        if good is False:
            box.addWidget(Mark(self.look, "state-held", "you", 14))
        box.addWidget(label(self.look, value or "没有填", role="body_small", wrap=True), 1)
        return made

    def _check_row(self, one: Json) -> QWidget:
        made = QWidget()
        box = row(made, margins=(16, 8, 16, 8), gap=10)
        box.addWidget(
            Mark(self.look, "check" if one["ok"] else "state-held", "text2" if one["ok"] else "you", 16),
            0,
            Qt.AlignmentFlag.AlignTop,
        )
        texts = column(gap=2)
        texts.addWidget(label(self.look, one["title"], wrap=True))
        for text, tone in ((one["advice"], "text2"), ("" if one["ok"] else one["details"], "text3")):
            if text:
                texts.addWidget(label(self.look, text, role="body_small", tone=tone, wrap=True))
        box.addLayout(texts, 1)
        return made

    def _facts_card(self) -> Card:
        card = Card()
        card.box.addWidget(Head(self.look, "这台电脑"))
        scroll, self._facts = _scroll((16, 12, 16, 12), 6)
        card.box.addWidget(scroll, 1)
        return card

    def _check_card(self) -> Card:
        card = Card()
        self.button = Button(self.look, "自检", small=True, slot=self.check)
        self.check_head = Head(self.look, "自检", "", self.button)
        self._check_scroll, self._checks = _scroll((0, 6, 0, 6), 0)
        self._check_scroll.hide()
        self._check_empty = Empty(
            self.look, "page-help", "还没有自检", "看看端口、文件夹、密钥、时钟、国密算法是否都好。不会上传任何东西。"
        )
        card.box.addWidget(self.check_head)
        card.box.addWidget(self._check_scroll, 1)
        card.box.addWidget(self._check_empty, 1)
        return card


Facts = list[tuple[str, str, bool | None]]


def facts_of(status: Json, desk: Desk) -> list[tuple[str, Facts]]:
    """(title, [(name, value, fine)]) of everything the status tells about this machine."""
    clinic, dicom, files = status["clinic"], status["dicom"], status["files"]
    port = (
        f"{dicom['ae_title']} · 端口 {dicom['port']} · {'在听' if dicom['listening'] else dicom['trouble'] or '没有开'}"
    )
    found: list[tuple[str, Facts]] = [
        (
            "机构",
            [
                ("名称", str(clinic.get("name", "")), None),
                ("信用代码", str(clinic.get("uscc", "")), None),
                ("医药机构代码", str(clinic.get("fixmedins_code", "")), None),
            ],
        ),
        (
            "收影像",
            [
                ("DICOM", port, bool(dicom["listening"])),
                *[
                    ("文件夹", one["path"] + ("" if one["ok"] else f" · {one['trouble']}"), bool(one["ok"]))
                    for one in status["folders"]
                ],
            ],
        ),
    ]
    for one in status["destinations"]:
        last = words.clock(one["last_ok_at"], desk.now())
        clock = one["clock_offset_seconds"]
        found.append(
            (
                one["title"],
                [
                    ("地址", one["base_url"], None),
                    ("最近应答", one["trouble"] or last or "还没有", not one["trouble"]),
                    ("与平台时差", f"{clock:+.1f} 秒" if clock is not None else "还不知道", None),
                ],
            )
        )
    served = files["base_url"] if files["listening"] else files["trouble"] or "没有开"
    found.append(
        ("程序", [("文件服务", served, None), ("版本", status["version"], None), ("数据文件夹", status["home"], None)])
    )
    return found


def _scroll(margins: tuple[int, int, int, int], gap: int) -> tuple[QScrollArea, QVBoxLayout]:
    inner = QWidget()
    inner.setObjectName("body")
    box = column(inner, margins=margins, gap=gap)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(inner)
    return area, box
