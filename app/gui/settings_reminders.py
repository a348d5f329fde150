"""提醒与外观: what the program says by itself, and whether it starts with the computer."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox

from app.gui.page import Json
from app.gui.parts import label
from app.gui.settings_section import Section


class RemindersSection(Section):
    """Starting with the computer is the machine's, not the settings file's: it takes effect at once."""

    title = "提醒与外观"
    note = "开机启动，下班前小结"
    said = "改了马上生效，不影响上传"
    parts = ("ui",)

    def fill(self) -> None:
        self.autostart = QCheckBox("开机后自动启动，在右下角待命")
        self.autostart.clicked.connect(self._turn)
        self.box.addWidget(self.autostart)
        self.box.addWidget(
            label(
                self.look, "没有启动时，设备发来的影像收不到。点了马上生效。", role="caption", tone="text3", wrap=True
            )
        )
        if "ui" in self.answers.sections:
            self.add_title(self.answers.sections["ui"]["title"])
            self.add_form(self.answers.asked("ui", first=False))
        face = self.desk.face
        self.desk.asker.ask(face.autostart, self._show, self.desk.fail, key="autostart")

    def _turn(self, on: bool) -> None:
        face = self.desk.face
        self.desk.asker.ask(lambda: face.set_autostart(on), self._show, self.desk.fail)

    def _show(self, answer: Json) -> None:
        self.autostart.setChecked(bool(answer["enabled"]))
