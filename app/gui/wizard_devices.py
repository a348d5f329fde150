"""首次设置 4: where images come from, and a test image from the device as it arrives."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QWidget

from app.gui.answers import Fail
from app.gui.page import Json
from app.gui.parts import Button, Mark, clear, column, label, line, row, set_tone
from app.gui.questions import QuestionForm
from app.gui.wizard_arrivals import ArrivalsPanel
from app.gui.wizard_step import Step

_SETTLE_MS = 700
_LABEL = 72


class DevicesStep(Step):
    """The port is opened with what stands here, so that the device can be tried at once."""

    name = "设备与文件夹"
    title = "影像从哪里来？"
    note = "填好左边，到设备上发一张图，右边会立刻显示。"

    def build(self) -> None:
        self.ports: QuestionForm | None = None
        self.folders: QuestionForm | None = None
        self._left = column(gap=10)
        self.panel = ArrivalsPanel(self.desk, self.answers, self._reopen)
        self.panel.changed.connect(self.changed)
        box = row(gap=20)
        left = QWidget()
        left.setLayout(self._left)
        left.setFixedWidth(316)
        box.addWidget(left)
        box.addWidget(self.panel, 1)
        self.body.addLayout(box, 1)
        self._port_mark = Mark(self.look, "check", "ok", 14)
        self._port_words = label(self.look, role="caption", tone="text2", wrap=True)
        self._address = QLineEdit()
        self._address.setReadOnly(True)
        self._address.setAccessibleName("本机地址")
        self._free: Json | None = None
        self._to_open = False
        self._timer = QTimer(self, interval=_SETTLE_MS, singleShot=True)
        self._timer.timeout.connect(self._settled)
        self.answers.changed.connect(self._changed)

    def show_answers(self) -> None:
        clear(self._left)
        self.ports = QuestionForm(self.look, self.answers, self.answers.asked("dicom", first=True), label_width=_LABEL)
        self.folders = QuestionForm(
            self.look, self.answers, self.answers.asked("intake", first=True), label_width=_LABEL
        )
        for form in (self.ports, self.folders):
            for one in form.rows:
                one.editor.typed.connect(self._timer.start)
        self._left.addWidget(label(self.look, "接收设备发来的影像", role="section", bold=True))
        self._left.addWidget(self.ports)
        said = row(margins=(_LABEL + 12, 0, 0, 0), gap=6)
        said.addWidget(self._port_mark, 0, Qt.AlignmentFlag.AlignTop)
        said.addWidget(self._port_words, 1)
        self._left.addLayout(said)
        own = row(gap=12)
        caption = label(self.look, "本机地址", tone="text2")
        caption.setMinimumWidth(_LABEL)
        caption.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        own.addWidget(caption)
        own.addWidget(self._address, 1)
        self._left.addLayout(own)
        self.copy = Button(self.look, "复制给设备工程师", icon="copy", slot=self._copy)
        at = row(margins=(_LABEL + 12, 0, 0, 0))
        at.addWidget(self.copy)
        at.addStretch(1)
        self._left.addLayout(at)
        self._left.addWidget(line())
        self._left.addWidget(label(self.look, self.answers.sections["intake"]["title"], role="section", bold=True))
        self._left.addWidget(self.folders)
        self._left.addStretch(1)
        face = self.desk.face
        self.desk.asker.ask(face.addresses, self._show_addresses, self.desk.fail)

    def enter(self) -> None:
        self.panel.start()
        self._settled()

    def leave(self) -> None:
        self._timer.stop()
        self.panel.stop()

    def open_problems(self) -> list[Json]:
        return self.answers.open_under("dicom.", "intake.")

    def open_words(self) -> str:
        words = super().open_words()
        if words:
            return words
        if self._free is not None and not self._free["free"]:
            return f"{self._free['title']}，{self._free['advice']}"
        return self.panel.open_words()

    def stops(self) -> bool:
        return super().stops() or (self._free is not None and not self._free["free"])

    def take(self, then: Callable[[], None], fail: Fail) -> None:
        self.answers.apply(("dicom", "intake"), then, fail)

    def focus_first(self) -> None:
        if self.ports is not None and not self.ports.focus_open():
            self.ports.rows[0].editor.focus()

    def _settled(self) -> None:
        """The person has stopped typing: is the port free, and if all is well, open it as it stands here."""
        port = self.answers.value("dicom.port")
        if not isinstance(port, int):
            return
        self._free, self._to_open = None, True
        face = self.desk.face
        self.desk.asker.ask(lambda: face.free_port(port), self._show_port, self.desk.fail, key="port")

    def _show_port(self, answer: Json) -> None:
        self._free = answer
        self._port_mark.show_mark("check" if answer["free"] else "state-held", "ok" if answer["free"] else "you")
        set_tone(self._port_words, "ok" if answer["free"] else "you")
        words = (str(answer["title"]), str(answer["advice"]))
        self._port_words.setText("，".join(one for one in words if one))
        self.changed.emit()
        self._open_when_right()

    def _open_when_right(self) -> None:
        """The port and what the engine says of the answers come in any order."""
        is_free = self._free is not None and self._free["free"]
        if self._to_open and is_free and self.answers.fresh and not self.open_problems():
            self._to_open = False
            self._reopen()

    def _reopen(self) -> None:
        self.answers.apply(("dicom", "intake"), self.panel.show_place, self.desk.fail)

    def _show_addresses(self, answer: Json) -> None:
        self._address.setText("、".join(answer["addresses"]) or "没有联网")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(
            "请在设备上添加“存储目的地” · DICOM Storage SCU：\n"
            f"AE 标题：{self.answers.value('dicom.ae_title')}\n"
            f"IP 地址：{self._address.text()}\n"
            f"端口：{self.answers.value('dicom.port')}"
        )
        self.copy.setText("已复制")

    def _changed(self) -> None:
        for form in (self.ports, self.folders):
            if form is not None:
                form.show_problems()
        self._open_when_right()
