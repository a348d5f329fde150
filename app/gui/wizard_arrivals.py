"""The live panel of the wizard: what comes from the device now, how the name reads, and that a test is only a test."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from app.domain.times import CST
from app.errors import AgentError
from app.gui.answers import Answers
from app.gui.page import Desk, Json
from app.gui.parts import Badge, Button, Mark, clear, column, label, line, row, set_tone
from app.gui.told import Told

_LOOK_MS = 700
_MOST = 4
_THUMB = 96
_MARKS = {
    "connected": ("state-acknowledged", "ok"),
    "stored": ("state-acknowledged", "ok"),
    "cut": ("state-held", "you"),
    "refused": ("state-held", "you"),
}
_ACTS = {"rename": "改用 {called_ae}", "allow_caller": "允许这台设备", "allow_address": "允许这个地址"}


class ArrivalsPanel(QFrame):
    """Asks the engine every moment while it is on screen. `reopen()` puts changed door settings into force."""

    changed = Told()

    def __init__(self, desk: Desk, answers: Answers, reopen: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("card")
        self._desk, self._answers, self._reopen = desk, answers, reopen
        self._look = desk.look
        self._at = ""
        self._events: dict[str, Json] = {}
        self._real: set[str] = set()
        self._read: set[str] = set()
        self._choice = 0
        self._shown_image = ""
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._ask)
        self._build()

    # -- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """From now on: what came before this page is not part of the test."""
        self.show_place()
        face = self._desk.face
        if self._at:
            self._timer.start()
            return
        self._desk.asker.ask(face.arrivals, self._begun, self._desk.fail)

    def stop(self) -> None:
        self._timer.stop()

    def show_place(self) -> None:
        title = self._answers.value("dicom.ae_title")
        self._advice.setText(f"在设备上选任意一幅，点“发送”到 {title}。")

    def open_words(self) -> str:
        study = self._study()
        if study is None:
            return "可以先不发，之后在设备上发一张再看"
        return "先看姓名读对了没有" if self._asks_name(study) else ""

    def _begun(self, answer: Json) -> None:
        self._at = str(answer["at"])
        self._timer.start()

    def _ask(self) -> None:
        face, since = self._desk.face, self._at
        self._desk.asker.ask(lambda: face.arrivals(since), self._take, self._quiet, key="arrivals")

    def _quiet(self, _error: AgentError) -> None:
        """The engine reopens its doors just now; it is asked again in a moment."""

    def _take(self, answer: Json) -> None:
        self._at = str(answer["at"])
        if not answer["events"]:
            return
        for event in answer["events"]:
            self._events.pop(event["id"], None)
            self._events[event["id"]] = event
            if event["kind"] == "stored" and not event["test"] and event["study"] not in self._real:
                self._mark(event["study"], test=True)
        self._show()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        clear(self._list)
        for event in list(self._events.values())[-_MOST:]:
            self._list.addWidget(self._line(event))
        study = self._study()
        self._badge.show_text("已收到" if study else "")
        self._waiting.setVisible(not self._events)
        self._show_patient(study)
        self._again.setVisible(bool(self._events))
        self.changed.emit()

    def _line(self, event: Json) -> QWidget:
        made = QWidget()
        icon, tone = _MARKS[event["kind"]]
        texts = column(gap=1)
        texts.addWidget(label(self._look, event["title"], bold=True, wrap=True))
        detail = event["detail"]
        if event["kind"] == "stored":
            known = (
                event["description"],
                event["modality"],
                event["accession_number"] and f"检查号 {event['accession_number']}",
            )
            detail = " · ".join(part for part in (detail, *known) if part)
        texts.addWidget(label(self._look, detail, role="caption", tone="text2", wrap=True))
        if event["advice"]:
            texts.addWidget(label(self._look, event["advice"], role="caption", tone="you", wrap=True))
        if event.get("act"):
            words = _ACTS[event["act"]].format(**event)
            act = Button(self._look, words, small=True, slot=lambda: self._let_in(event))
            texts.addWidget(act, 0, Qt.AlignmentFlag.AlignLeft)
        at = datetime.fromisoformat(event["at"]).astimezone(CST).strftime("%H:%M:%S")
        box = row(made, gap=10)
        box.addWidget(Mark(self._look, icon, tone, 16), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(texts, 1)
        box.addWidget(label(self._look, at, role="caption", tone="text2"), 0, Qt.AlignmentFlag.AlignTop)
        return made

    def _study(self) -> Json | None:
        return next((one for one in reversed(self._events.values()) if one["kind"] == "stored"), None)

    def _asks_name(self, study: Json) -> bool:
        return bool(study["doubtful"]) and study["study"] not in self._read

    def _show_patient(self, study: Json | None) -> None:
        self._patient.setVisible(study is not None)
        self._test_words.setVisible(study is not None)
        if study is None:
            return
        asks, readings = self._asks_name(study), study["candidates"]
        charset, name = readings[self._choice % len(readings)] if asks and readings else ("", study["patient_name"])
        self._name.setText(name or "没有姓名")
        self._raw.setText(f"原始字节 {study['raw_hex']}")
        told = f"设备没有说明编码，我们判断是 {charset}" if asks else f"编码 {study['charset'] or '未说明'}"
        self._decoded.setText(told)
        set_tone(self._decoded, "you" if asks else "text2")
        for button in (self.right, self.other):
            button.setVisible(asks)
        self.other.setEnabled(len(readings) > 1)
        real = study["study"] in self._real
        self._test_words.setText("这例会照常出现在待填报。" if real else "测试影像不会上传。")
        self.real.setText("还是测试影像" if real else "这是真的检查")
        self.real.setVisible(True)
        self._show_image(str(study["instance"]))

    def _show_image(self, instance: str) -> None:
        if not instance or instance == self._shown_image:
            return
        self._shown_image = instance
        face = self._desk.face
        self._desk.asker.ask(lambda: face.frame(instance, side=_THUMB * 2), self._draw, self._quiet, key="thumb")

    def _draw(self, answer: Json) -> None:
        pixmap = _picture(answer)
        size = QSize(_THUMB, _THUMB)
        self._image.setPixmap(
            pixmap.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
        )
        self._image.setVisible(True)

    # -- acting -----------------------------------------------------------------------------------------------------

    def _let_in(self, event: Json) -> None:
        """What the refusal asks for, in our settings; the doors open anew with it."""
        if event["act"] == "rename":
            self._answers.put("dicom.ae_title", event["called_ae"])
        else:
            key, value = {
                "allow_caller": ("dicom.allowed_callers", event["caller"]),
                "allow_address": ("dicom.allowed_addresses", event["address"]),
            }[event["act"]]
            self._answers.put(key, [*self._answers.value(key, []), value])
        self._events.pop(event["id"], None)
        self._reopen()
        self._show()

    def _mark(self, study: str, *, test: bool) -> None:
        face = self._desk.face
        self._desk.asker.ask(lambda: face.mark_test(study, test), lambda _answer: None, self._desk.fail)

    def _turn_real(self) -> None:
        study = self._study()
        if study is None:
            return
        was_real = study["study"] in self._real
        (self._real.discard if was_real else self._real.add)(study["study"])
        self._mark(study["study"], test=was_real)
        self._show_patient(study)

    def _is_right(self) -> None:
        study = self._study()
        if study is None:
            return
        charset = study["candidates"][self._choice % len(study["candidates"])][0]
        face, uid = self._desk.face, study["study"]
        self._desk.asker.ask(
            lambda: face.repair_name(uid, charset=charset, remember=True),
            lambda _form: self._named(study),
            self._desk.fail,
        )

    def _named(self, study: Json) -> None:
        study["patient_name"] = self._name.text()
        self._read.add(study["study"])
        self._show()

    def _next_reading(self) -> None:
        self._choice += 1
        self._show_patient(self._study())

    def _once_more(self) -> None:
        self._events.clear()
        self._choice = 0
        self._show()

    # -- building ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        box = column(self, margins=(18, 14, 18, 12), gap=8)
        top = row(gap=10)
        top.addWidget(label(self._look, "现在从设备发一张测试影像", role="section", bold=True))
        top.addStretch(1)
        self._badge = Badge(self._look, "", "ok")
        top.addWidget(self._badge)
        box.addLayout(top)
        self._advice = label(self._look, role="body_small", tone="text2", wrap=True)
        box.addWidget(self._advice)
        self._list = column(gap=8)
        box.addLayout(self._list)
        self._waiting = label(self._look, "等设备连过来…", tone="text3")
        box.addWidget(self._waiting)
        self._patient = self._build_patient()
        box.addWidget(self._patient)
        box.addStretch(1)
        box.addWidget(line())
        foot = row(gap=8)
        self._test_words = label(self._look, "测试影像不会上传。", role="caption", tone="text2")
        self.real = Button(self._look, "这是真的检查", kind="link", small=True, slot=self._turn_real)
        self._again = Button(self._look, "再测一台设备", kind="link", small=True, slot=self._once_more)
        foot.addWidget(self._test_words)
        foot.addWidget(self.real)
        foot.addStretch(1)
        foot.addWidget(self._again)
        box.addLayout(foot)
        self._patient.hide()
        self.real.hide()
        self._again.hide()
        self._test_words.hide()

    def _build_patient(self) -> QWidget:
        made = QWidget()
        box = row(made, gap=14)
        self._image = QLabel()
        self._image.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._image.hide()
        box.addWidget(self._image, 0, Qt.AlignmentFlag.AlignTop)
        texts = column(gap=4)
        texts.addWidget(label(self._look, "姓名", role="caption", tone="text2"))
        self._name = label(self._look, role="person", bold=True)
        self._raw = label(self._look, role="caption", tone="text2", wrap=True)
        self._decoded = label(self._look, role="caption", tone="text2", wrap=True)
        self.right = Button(self._look, "读对了", kind="primary", icon="check", small=True, slot=self._is_right)
        self.other = Button(self._look, "不对，换一种", small=True, slot=self._next_reading)
        for widget in (self._name, self._raw, self._decoded):
            texts.addWidget(widget)
        buttons = row(gap=8)
        buttons.addWidget(self.right)
        buttons.addWidget(self.other)
        buttons.addStretch(1)
        texts.addLayout(buttons)
        box.addLayout(texts, 1)
        return made


def _picture(answer: Json) -> QPixmap:
    """The frame as the engine answers it: grey or colour, a byte a sample."""
    width, height = int(answer["width"]), int(answer["height"])
    if answer.get("rgb"):
        data, per_line, form = base64.b64decode(answer["rgb"]), 3 * width, QImage.Format.Format_RGB888
    else:
        data, per_line, form = base64.b64decode(answer["grey"]), width, QImage.Format.Format_Grayscale8
    return QPixmap.fromImage(QImage(data, width, height, per_line, form).copy())
