"""What was signed (电子签名): the reports of a day, and one signature with what was checked of it."""

from __future__ import annotations

from datetime import date, timedelta

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QScrollArea, QWidget

from app.gui import sign_words, words
from app.gui.dialogs import Dialog
from app.gui.page import Desk, Json
from app.gui.parts import Button, Empty, Mark, column, label, line, row
from app.gui.sign_table import SignedTable
from app.gui.sign_text import TextLines, selectable

_LIST, _TEXT, _NAME = 306, 150, 64
_CHECKS = {True: ("check", "text2"), False: ("state-rejected", "bad"), None: ("info", "retry")}


class SignedDialog(Dialog):
    """已签的报告 of one day; another day with the arrows. Enter shows a signature."""

    def __init__(self, desk: Desk, parent: QWidget | None) -> None:
        super().__init__(desk.look, "已签的报告", parent, width=720)
        self.desk = desk
        self.day = words.today(desk.now())
        self.table = SignedTable(desk.look, desk.now, with_number=True)
        self.table.activated_row.connect(lambda _key: self.open_signature())
        self.empty = Empty(desk.look, "page-sign", "这一天没有签过", "签好的报告会排在这里。")
        self.title = label(desk.look, bold=True)
        self.count = label(desk.look, role="caption", tone="text3")
        self.earlier = Button(desk.look, "‹ 前一天", kind="link", small=True, slot=lambda: self.turn(-1))
        self.later = Button(desk.look, "后一天 ›", kind="link", small=True, slot=lambda: self.turn(1))
        self.look_at = Button(desk.look, "看签名", icon="page-sign", tip="Enter", slot=self.open_signature)
        self.table.chosen.connect(lambda _key: self.look_at.setEnabled(True))
        head = row(margins=(16, 8, 12, 8), gap=10)
        head.addWidget(self.title)
        head.addWidget(self.count)
        head.addStretch(1)
        head.addWidget(self.earlier)
        head.addWidget(self.later)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.body.addLayout(head)
        self.body.addWidget(line())
        for widget in (self.table, self.empty):
            widget.setFixedHeight(_LIST)
            self.body.addWidget(widget)
        self.empty.hide()
        self.foot.addWidget(self.look_at)
        self.foot.addStretch(1)
        self.foot.addWidget(Button(desk.look, "关闭", slot=self.accept))
        self._ask()

    def turn(self, days: int) -> None:
        self.day = min(words.today(self.desk.now()), self.day + timedelta(days=days))
        self._ask()

    def open_signature(self) -> None:
        one = self.table.row()
        if one is not None:
            open_signature(self.desk, one, self)

    def _ask(self) -> None:
        face = self.desk.face
        day = self.day
        self.title.setText(words.long_day(day))
        self.later.setEnabled(day < words.today(self.desk.now()))
        self.desk.asker.ask(
            lambda: face.signing(day.isoformat()), lambda answer: self._show(day, answer), key="signed-day"
        )

    def _show(self, day: date, answer: Json) -> None:
        if day != self.day:
            return
        signed = answer["signed"]
        self.table.put_rows(signed)
        self.count.setText(f"{len(signed)} 份" if signed else "")
        self.table.setVisible(bool(signed))
        self.empty.setVisible(not signed)
        self.look_at.setEnabled(bool(signed))
        if signed:
            self.table.choose_first()
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)


class SignatureDialog(Dialog):
    """Who signed what, when, with which certificate, and what was checked of it."""

    def __init__(self, desk: Desk, said: Json, parent: QWidget | None) -> None:
        super().__init__(desk.look, f"{said['patient_name']} 的电子签名", parent, width=620)
        self.desk = desk
        for one in said["checks"]:
            self.body.addLayout(self._check(one))
        self.body.addWidget(line())
        for name, value in _facts(said, desk):
            self.body.addLayout(self._fact(name, value))
        self.body.addWidget(line())
        self.body.addWidget(self._text(said["lines"]))
        self.foot.addWidget(label(desk.look, f"全文摘要 SM3 {sign_words.digest(said['digest'])}", role="caption",
                                  tone="text3"))  # fmt: skip
        self.foot.addStretch(1)
        done = Button(desk.look, "关闭", slot=self.accept)
        self.foot.addWidget(done)
        done.setFocus()
        self.body.setSpacing(8)

    def _check(self, one: Json) -> QBoxLayout:
        icon, tone = _CHECKS[one["ok"]]
        box = row(gap=8)
        box.addWidget(Mark(self.look, icon, tone, 16), 0, Qt.AlignmentFlag.AlignTop)
        box.addWidget(label(self.look, one["title"]), 0, Qt.AlignmentFlag.AlignTop)
        said = label(self.look, one["words"], tone="bad" if one["ok"] is False else "text2",
                         wrap=True)  # fmt: skip
        said.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        box.addWidget(said, 1)
        return box

    def _fact(self, name: str, value: str) -> QBoxLayout:
        caption = label(self.look, name, role="body_small", tone="text3")
        caption.setFixedWidth(_NAME)
        box = row(gap=8)
        box.addWidget(caption, 0, Qt.AlignmentFlag.AlignTop)
        box.addWidget(selectable(label(self.look, value, role="body_small", wrap=True)), 1)
        return box

    def _text(self, lines: list[Json]) -> QScrollArea:
        inside = QWidget()
        inside.setObjectName("body")
        shown = TextLines(self.look)
        shown.show_lines(lines)
        box = column(inside, margins=(8, 8, 8, 8))
        box.addWidget(shown)
        box.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        area.setFixedHeight(_TEXT)
        return area


def _facts(said: Json, desk: Desk) -> list[tuple[str, str]]:
    """Names and values; what there is none of is left out."""
    now, certificate = desk.now(), said["certificate"] or {}
    term = " 到 ".join(str(certificate[key])[:10] for key in ("from", "to") if certificate.get(key))
    stamp = words.clock(said["timestamp_at"], now, always_day=True)
    found = (
        ("签名医师", f"{said['doctor']['name']} · {words.clock(said['signed_at'], now, always_day=True)}"),
        ("证书", " · ".join(part for part in (certificate.get("subject"), certificate.get("issuer"), term) if part)),
        ("证书编号", certificate.get("serial", "")),
        ("签名格式", said["sign_type_words"]),
        ("时间戳", " · ".join(part for part in (said["timestamp_words"], stamp) if part)),
    )
    return [(name, value) for name, value in found if value]


def open_signature(desk: Desk, report: Json, parent: QWidget) -> None:
    """Ask for a report's signature and show it."""
    face = desk.face
    uid, number = str(report["uid"]), int(report["report"])
    desk.asker.ask(
        lambda: face.signature(uid, number),
        lambda said: show_dialog(SignatureDialog(desk, said, parent)),
        key="signature",
    )


def show_dialog(dialog: Dialog) -> None:
    """Open without waiting."""
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
