"""生成诊断包: says what is in the help bundle, where it goes, and then where it lies."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QStandardPaths, QUrl
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QFileDialog, QLayout, QLineEdit, QWidget

from app.errors import AgentError
from app.gui import words
from app.gui.dialogs import Dialog
from app.gui.page import Desk, Json
from app.gui.parts import Button, Mark, column, frame, label, row, set_tone

_HOLDS = "里面有：日志、上传队列、版本、设置、自检结果、最近和平台的请求与应答。"
_MASKED = "姓名、证件号、电话、病历文字和密钥都已隐去，影像和报告不在里面。"


class BundleDialog(Dialog):
    """Asks for the place, makes the bundle, then offers its folder."""

    def __init__(self, desk: Desk, parent: QWidget | None) -> None:
        super().__init__(desk.look, "生成诊断包", parent)
        self._desk, self._made = desk, ""
        self.body.addWidget(label(desk.look, "打成一个压缩包交给工程师，查问题用。", wrap=True))
        plate = frame("plate")
        lines = column(plate, margins=(12, 10, 12, 10), gap=6)
        for icon, text in (("document", _HOLDS), ("key", _MASKED)):
            one = row(gap=8)
            one.addWidget(Mark(desk.look, icon, "text2", 16, on="subtle"))
            one.addWidget(label(desk.look, text, role="body_small", wrap=True), 1)
            lines.addLayout(one)
        self.body.addWidget(plate)
        place = row(gap=8)
        place.addWidget(label(desk.look, "放到", tone="text2"))
        self.place = QLineEdit(usual_place())
        self.place.setFont(desk.look.font("body_small"))
        self.place.setReadOnly(True)
        self.place.setAccessibleName("放到哪个文件夹")
        self.elsewhere = Button(desk.look, "换个地方", icon="folder", slot=self._choose)
        place.addWidget(self.place, 1)
        place.addWidget(self.elsewhere)
        self.body.addLayout(place)
        self.said = label(desk.look, role="body_small", tone="text2", wrap=True)
        self.said.hide()
        self.body.addWidget(self.said)
        self.foot.addStretch(1)
        self.close_button = Button(desk.look, "不生成", slot=self.reject)
        self.make = Button(desk.look, "生成诊断包", kind="primary", slot=self._make)
        self.foot.addWidget(self.close_button)
        self.foot.addWidget(self.make)
        self.make.setDefault(True)

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "诊断包放到哪里", self.place.text())
        if folder:
            self.place.setText(folder)

    def _make(self) -> None:
        if self._made:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._made).parent)))
            self.accept()
            return
        face, folder = self._desk.face, self.place.text()
        self.make.setEnabled(False)
        self.elsewhere.setEnabled(False)
        self._say("正在自检和收集，约半分钟", "text2")
        self._desk.asker.ask(lambda: face.bundle(folder), self._done, self._failed)

    def _done(self, answer: Json) -> None:
        self._made = str(answer["path"])
        name = Path(self._made).name
        self._say(f"已生成 {name} · {words.size(int(answer['size_bytes']))}", "text")
        self.make.setText("打开文件夹")
        self.make.setEnabled(True)
        self.close_button.setText("关闭")

    def _failed(self, error: AgentError) -> None:
        self._say(f"{error.title}。{error.advice}", "bad")
        self.make.setEnabled(True)
        self.elsewhere.setEnabled(True)

    def _say(self, text: str, tone: str) -> None:
        self.said.setText(text)
        set_tone(self.said, tone)
        self.said.show()
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as the wrapped texts need at this width."""
        layout = self.layout()
        if layout is not None:
            layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
            self.setMinimumHeight(0)
            self.resize(self.width(), layout.totalHeightForWidth(self.width()))


def usual_place() -> str:
    """The desktop, else the documents, else the home of the person."""
    kinds = (QStandardPaths.StandardLocation.DesktopLocation, QStandardPaths.StandardLocation.DocumentsLocation)
    found = [QStandardPaths.writableLocation(kind) for kind in kinds]
    return next((place for place in found if place and Path(place).is_dir()), str(Path.home()))
