"""What the page 设备 asks and explains in dialogs: a new device or folder, a test image, a device's own settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QWidget

from app.gui import words
from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.parts import Button, Mark, clear, column, frame, label, row
from app.gui.told import Told

Json = dict[str, Any]


def door_facts(listening: Json) -> list[tuple[str, str]]:
    """What somebody types into the device: (name, value)."""
    return [
        ("AE 标题", str(listening["ae_title"])),
        ("地址", " 或 ".join(listening["addresses"]) or "没有连上网络"),
        ("端口", str(listening["port"])),
    ]


def door_plate(look: Look, listening: Json) -> QWidget:
    """AE title, address and port, large enough to be read across the room, with a button that copies them."""
    plate = frame("plate")
    facts = door_facts(listening)
    box = row(plate, margins=(16, 12, 12, 12), gap=24)
    for name, value in facts:
        one = column(gap=2)
        one.addWidget(label(look, name, role="caption", tone="text2"))
        one.addWidget(label(look, value, role="section", bold=True))
        box.addLayout(one)
    box.addStretch(1)
    copy = Button(look, "复制", kind="link", icon="copy", small=True)

    def take() -> None:
        QGuiApplication.clipboard().setText("\n".join(f"{name}：{value}" for name, value in facts))
        copy.setText("已复制")

    copy.clicked.connect(lambda _on=False: take())
    box.addWidget(copy)
    return plate


class AddDialog(Dialog):
    """添加设备或文件夹: what to type into the device, or which folder to watch. `chose(path)` names a folder."""

    chose = Told()

    def __init__(self, look: Look, listening: Json, parent: QWidget | None) -> None:
        super().__init__(look, "添加设备或文件夹", parent, width=620)
        self.body.addWidget(label(look, "设备能发 DICOM", bold=True))
        steps = "请设备工程师在设备里新建一个发送目的地，填下面三项。发来第一幅影像后，它会自己出现在设备页里。"
        self.body.addWidget(label(look, steps, tone="text2", wrap=True))
        self.body.addWidget(door_plate(look, listening))
        if not listening["listening"]:
            wrong = f"端口 {listening['port']} 现在没有打开：{listening['trouble']}"
            self.body.addWidget(label(look, wrong, tone="you", wrap=True))
        self.body.addSpacing(4)
        self.body.addWidget(label(look, "设备只会导出到文件夹", bold=True))
        note = "选它导出的文件夹，新影像写完就会收进来，原来的文件不动。"
        self.body.addWidget(label(look, note, tone="text2", wrap=True))
        self.folder = Button(look, "选文件夹", icon="folder", slot=self._ask)
        line_of = row()
        line_of.addWidget(self.folder)
        line_of.addStretch(1)
        self.body.addLayout(line_of)
        self.foot.addStretch(1)
        self.foot.addWidget(Button(look, "知道了", slot=self.accept))

    def _ask(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "选设备导出影像的文件夹")
        if path:
            self.chose.emit(path)
            self.accept()


class TestImageDialog(Dialog):
    """发送测试影像: how, and what arrives meanwhile. `show_arrivals` is told the devices again and again."""

    __test__ = False

    def __init__(self, look: Look, answer: Json, now: Callable[[], datetime], parent: QWidget | None) -> None:
        super().__init__(look, "发送测试影像", parent, width=620)
        self._now, self._before = now, _lasts(answer)
        text = "在设备上随便选一例旧影像，发送到这台电脑。发来的检查会出现在待填报里，不想传可以取消。"
        self.body.addWidget(label(look, text, wrap=True))
        self.body.addWidget(door_plate(look, answer["listening"]))
        self.body.addWidget(label(look, "刚发来的", bold=True))
        self.arrivals = column(gap=6)
        self.body.addLayout(self.arrivals)
        self.foot.addStretch(1)
        self.foot.addWidget(Button(look, "关闭", slot=self.accept))
        self.show_arrivals(answer)

    def show_arrivals(self, answer: Json) -> None:
        clear(self.arrivals)
        came = [one for one in answer["devices"] if one["last_at"] != self._before.get(one["source"])]
        refused = [one for one in answer["refused"] if one["at"] != self._before.get(f"no {one['source']}")]
        for one in came:
            decoding = f" · 姓名按 {one['decoding']} 读" if one["decoding"] else ""
            place = f"（{one['address']}）" if one["address"] else ""
            text = f"{one['name']}{place} 来图 {words.clock(one['last_at'], self._now())}{decoding}"
            self._line("check", "text2", text, "text")
        for one in refused:
            self._line("state-held", "you", f"{one['ae_title']} 来过，被拒绝了：{one['why']}", "you")
        if not came and not refused:
            self._line("clock", "text2", "还没有，正在等。设备上显示发送失败时，请核对上面三项。", "text2")
        self.adjustSize()

    def _line(self, icon: str, tone: str, text: str, text_tone: str) -> None:
        made = QWidget()
        box = row(made, gap=8)
        box.addWidget(Mark(self.look, icon, tone, 16))
        box.addWidget(label(self.look, text, tone=text_tone, wrap=True), 1)
        self.arrivals.addWidget(made)


def _lasts(answer: Json) -> dict[str, str | None]:
    came = {one["source"]: one["last_at"] for one in answer["devices"]}
    return came | {f"no {one['source']}": one["at"] for one in answer["refused"]}


class ChangeDialog(Dialog):
    """修改: what people call the device and how its names are read. `saved(name, charset)`."""

    saved = Told()

    def __init__(self, look: Look, device: Json, decodings: list[Json], parent: QWidget | None) -> None:
        super().__init__(look, f"修改 {device['name']}", parent, width=560)
        self.name = QLineEdit(device["name"])
        self.name.setFont(look.font("body"))
        self.name.setMaxLength(32)
        self.decoding = QComboBox()
        self.decoding.setFont(look.font("body"))
        self.decoding.addItem("自动识别，拿不准时问我", "")
        for one in decodings:
            self.decoding.addItem(f"都按 {one['title']} 读", one["charset"])
            if device["decoding_chosen_by"] == "person" and one["title"] == device["decoding"]:
                self.decoding.setCurrentIndex(self.decoding.count() - 1)
        for caption, field in (("名称", self.name), ("姓名编码", self.decoding)):
            line_of = row(gap=12)
            text = label(look, caption, tone="text2")
            text.setFixedWidth(72)
            line_of.addWidget(text)
            line_of.addWidget(field, 1)
            self.body.addLayout(line_of)
        note = "只影响以后收到的、没有写明字符集的姓名；读出来不像姓名的，还会问您。"
        self.body.addWidget(label(look, note, role="body_small", tone="text2", wrap=True))
        self.foot.addStretch(1)
        self.foot.addWidget(Button(look, "不改", slot=self.reject))
        self.save = Button(look, "保存", kind="primary", slot=self._save)
        self.foot.addWidget(self.save)
        self.name.returnPressed.connect(self._save)

    def _save(self) -> None:
        self.saved.emit(self.name.text().strip(), str(self.decoding.currentData()))
        self.accept()
