"""登记一例: an exam before its images - a name and little else; the images join it when they come."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from app.errors import AgentError, NeedsOperator
from app.gui.dialogs import Dialog
from app.gui.fields import FieldRow
from app.gui.page import Desk, Json
from app.gui.parts import Button, label

_WHAT = "影像还没到也能先登记。影像一到，检查号对得上，或确定是同一位患者，就自动归到这例。"


class RegisterDialog(Dialog):
    """`then(form)` after it was registered. The fields are the engine's."""

    def __init__(self, desk: Desk, then: Callable[[Json], None], parent: QWidget | None) -> None:
        super().__init__(desk.look, "登记一例", parent, width=520)
        self.desk, self._then = desk, then
        self.rows: dict[str, FieldRow] = {}
        self.body.addWidget(label(desk.look, _WHAT, role="body_small", tone="text2", wrap=True))
        self.said = label(desk.look, role="body_small", tone="bad", wrap=True)
        self.said.hide()
        self.foot.addStretch(1)
        self.no = Button(desk.look, "不登记", slot=self.reject)
        self.yes = Button(desk.look, "登记", kind="primary", slot=self.register)
        self.yes.setDefault(True)
        self.yes.setEnabled(False)
        for button in (self.no, self.yes):
            self.foot.addWidget(button)
        desk.asker.ask(desk.face.registration, self._show, self._refused)

    def values(self) -> dict[str, str]:
        return {key: text for key, one in self.rows.items() if (text := one.value().strip())}

    def register(self) -> None:
        """What is wrong is said at its field, and nothing is registered."""
        face, values = self.desk.face, self.values()
        first = next(iter(self.rows.values()), None)
        if first is not None and not first.value().strip():
            self._say_at(first, f"还没有填{first.field['label']}", "请先填它，其余的可以以后再填")
            return
        self.yes.setEnabled(False)
        self.desk.asker.ask(lambda: face.register(values), self._registered, self._refused)

    def _show(self, answer: Json) -> None:
        for field in answer["fields"]:
            made = FieldRow(self.desk, field)
            self.rows[str(field["key"])] = made
            self.body.addWidget(made)
        self.body.addWidget(self.said)
        self.yes.setEnabled(bool(self.rows))
        QTimer.singleShot(0, self, lambda: next(iter(self.rows.values())).focus() if self.rows else None)

    def _registered(self, form: Json) -> None:
        self.accept()
        self._then(form)

    def _refused(self, error: AgentError) -> None:
        self.yes.setEnabled(bool(self.rows))
        keys = error.fields if isinstance(error, NeedsOperator) else ()
        at = next((self.rows[key] for key in keys if key in self.rows), None)
        if at is not None:
            self._say_at(at, error.title, error.advice)
        else:
            self.said.setText(f"{error.title}。{error.advice}".rstrip("。") + "。")
            self.said.show()

    def _say_at(self, one: FieldRow, title: str, advice: str) -> None:
        one.judge({**one.field, "problem": {"title": title.rpartition("：")[2], "advice": advice}})
        one.be_loud()
        one.judge({**one.field, "problem": {"title": title.rpartition("：")[2], "advice": advice}})
        one.focus()


def registered_words(form: Json) -> tuple[str, str]:
    """What is said over the page after a registration."""
    number = str(form["accession_number"])
    return (
        f"已登记 {form['patient_name']}，检查号 {number}",
        "设备上能输检查号就输这个号，影像一到就归到这例；不输也会按患者找。",
    )
