"""The middle card of 待填报: whose exam it is, what stands over the form, the form, what may be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.gui import words
from app.gui.form import FormView
from app.gui.page import Desk, Json
from app.gui.parts import Button, Card, Empty, column, label, line, row
from app.gui.told import Told


class FormCard(Card):
    """`submit`, `skip`, `keep_defaults`: the buttons of its foot."""

    submit = Told()
    skip = Told()
    keep_defaults = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._look = desk.look
        self.form = FormView(desk)
        self._body = QWidget()
        box = column(self._body)
        box.addLayout(self._top())
        self._about = label(self._look, role="caption", tone="text2", wrap=True)
        about = row(margins=(16, 2, 16, 8))
        about.addWidget(self._about)
        box.addLayout(about)
        box.addWidget(line())
        self.doubt_slot = column(margins=(12, 10, 12, 0))
        box.addLayout(self.doubt_slot)
        box.addWidget(self.form, 1)
        self._empty = Empty(self._look, "page-fill", "没有要填的", "左边选一例，或等新的影像收齐。")
        self.box.addWidget(self._body, 1)
        self.box.addWidget(self._empty, 1)
        self.box.addWidget(self._build_foot())

    def open_exam(self, is_open: bool) -> None:
        """Show the form, or that there is none."""
        for widget in (self._body, self._foot):
            widget.setVisible(is_open)
        self._empty.setVisible(not is_open)

    def show_head(self, form: Json, about: Json, titles: Mapping[str, str], now: datetime) -> None:
        shown = {field["key"]: str(field["shown"] or field["text"]) for field in form["fields"]}
        age = f"{shown['age']} 岁" if shown.get("age", "").isdigit() else shown.get("age", "")
        sex = shown.get("sex", "").partition(" ")[2].removesuffix("性")
        self._name.setText(words.name(form))
        self._person.setText(" · ".join(part for part in (sex, age, shown.get("birth_date", "")) if part))
        accession = shown.get("accession_number", "")
        self._accession.setText(accession)
        self._copy.setVisible(bool(accession))
        came = words.clock(about.get("received_at"), now)
        sent_to = "、".join(titles.get(one, one) for one in form["destinations"])
        parts = (
            words.what(about),
            f"{came} 收到" if came else "",
            words.images(about) if about else "",
            f"送往 {sent_to}" if sent_to else "还没有上传目标",
            str(form["ahead_words"]),
        )
        self._about.setText(" · ".join(part for part in parts if part))

    def say_kept(self) -> None:
        self._about.setText(f"已保存 · {self._about.text()}")

    def show_foot(self, form: Json, *, asked_above: bool) -> None:
        """Whether it may be submitted and, if not, why: the engine's own words. `asked_above`: a doubt asks first."""
        count = self.form.problem_count(form)
        may = bool(form.get("can_submit", form["ready"])) and not self.form.unread
        why = f"还差 {count} 项" if count and not may else "、".join(form["ready_why_not"][:2])
        self.submit_button.setEnabled(may)
        self.submit_button.set_kind("plain" if asked_above else "primary")
        self.why.setText(why)
        self.why.setVisible(bool(why))
        self.why.setEnabled(bool(count))
        self.submit_button.setToolTip("Ctrl+Enter" if may else why)

    def _top(self) -> QHBoxLayout:
        self._name = label(self._look, role="person", bold=True)
        self._person = label(self._look, role="body_small", tone="text2")
        self._accession = label(self._look, role="body_small", tone="text2")
        self._copy = Button(self._look, kind="icon", icon="copy", tip="复制检查号", slot=self._copy_accession)
        self._copy.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab leads from the list into the form
        top = row(margins=(16, 8, 12, 0), gap=10)
        top.addWidget(self._name)
        top.addWidget(self._person)
        top.addStretch(1)
        top.addWidget(self._accession)
        top.addWidget(self._copy)
        return top

    def _build_foot(self) -> QWidget:
        self._foot = QWidget()
        outer = column(self._foot)
        outer.addWidget(line())
        box = row(margins=(12, 10, 16, 10), gap=8)
        self.why = Button(self._look, kind="link", small=True, slot=self.form.jump, tip="跳到第一项")
        self.defaults = Button(
            self._look,
            "存为本机构默认",
            kind="quiet",
            small=True,
            slot=self.keep_defaults.emit,
            tip="以后的新检查也先填这些值",
        )
        self.skip_button = Button(self._look, "跳过", slot=self.skip.emit, tip="先填下一例，填了的会保存 · PgDn")
        self.submit_button = Button(self._look, "提交上传", kind="primary", slot=self.submit.emit, tip="Ctrl+Enter")
        box.addWidget(self.why)
        box.addStretch(1)
        for button in (self.defaults, self.skip_button, self.submit_button):
            box.addWidget(button)
        outer.addLayout(box)
        return self._foot

    def _copy_accession(self) -> None:
        QGuiApplication.clipboard().setText(self._accession.text())
