"""医生名单: who reports and audits, for suggestions and for signing ([[signing.staff]])."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLineEdit, QWidget

from app.gui.parts import Button, label
from app.gui.settings_section import Section

_COLUMNS = (("name", "姓名"), ("role", "角色"), ("code", "医师编码"), ("mssp_id", "签名平台编号"))
_HINTS = {"role": "报告医师、审核医师…"}


class StaffSection(Section):
    """One row per doctor. A row without a name is left out."""

    title = "医生名单"
    note = "填报时拿来选，签名时找到本人"
    said = "保存后，填报页马上用新的名单"
    parts = ("signing",)

    def fill(self) -> None:
        self._lines: list[dict[str, QLineEdit]] = []
        grid = QWidget()
        self._grid = QGridLayout(grid)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        for place, (_, title) in enumerate(_COLUMNS):
            self._grid.addWidget(label(self.look, title, role="caption", tone="text3"), 0, place)
        for person in self.answers.value("signing.staff", []):
            self._add({key: str(person.get(key, "")) for key, _ in _COLUMNS})
        if not self._lines:
            self._add({})
        self.box.addWidget(grid)
        more = Button(self.look, "再加一位", slot=lambda: self._add({}).setFocus())
        self.box.addWidget(more, 0, Qt.AlignmentFlag.AlignLeft)

    def _add(self, person: dict[str, str]) -> QLineEdit:
        line = len(self._lines) + 1
        fields: dict[str, QLineEdit] = {}
        for place, (key, title) in enumerate(_COLUMNS):
            field = QLineEdit(person.get(key, ""))
            field.setAccessibleName(title)
            field.setPlaceholderText(_HINTS.get(key, ""))
            field.textEdited.connect(lambda _text: self._typed())
            fields[key] = field
            self._grid.addWidget(field, line, place)
        self._lines.append(fields)
        away = Button(self.look, kind="icon", icon="cancel", tip="去掉这一位", slot=lambda: self._away(fields))
        self._grid.addWidget(away, line, len(_COLUMNS))
        return fields["name"]

    def _away(self, fields: dict[str, QLineEdit]) -> None:
        for field in fields.values():
            field.clear()
        self._typed()

    def _typed(self) -> None:
        rows = [{key: field.text().strip() for key, field in one.items()} for one in self._lines]
        self.answers.put(
            "signing.staff", [{key: text for key, text in row.items() if text} for row in rows if row["name"]]
        )
        self.touched()
