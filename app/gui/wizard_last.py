"""首次设置 6 and 7: one invented exam to its receipt; then autostart, older exams, and the work begins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QCheckBox, QComboBox, QWidget

from app.errors import AgentError
from app.gui import words
from app.gui.answers import Fail
from app.gui.page import Json
from app.gui.parts import Button, Card, Mark, clear, column, label, row, set_tone
from app.gui.wizard_step import Step

_LOOK_MS = 500
_THREE_MONTHS = timedelta(days=90)


class RehearsalStep(Step):
    """May be left out; runs beside the clinic's own work and leaves nothing behind."""

    name = "演练一例"
    title = "先演练一例？"
    note = "用编出来的患者从设备走到平台回执，约 10 秒；不碰您的数据，什么都不会传出去。"

    def build(self) -> None:
        self._status: Json | None = None
        self.begin = Button(self.look, "开始演练", icon="resume", slot=self._begin)
        self.summary = label(self.look, "也可以不演练，直接下一步。", tone="text2", wrap=True)
        top = row(gap=12)
        top.addWidget(self.begin)
        top.addWidget(self.summary, 1)
        self.body.addLayout(top)
        card = Card()
        self._list = column(margins=(16, 12, 16, 12), gap=10)
        card.box.addLayout(self._list)
        card.box.addStretch(1)
        self._list.addWidget(label(self.look, "演练的每一步会出现在这里", tone="text3"))
        self.body.addWidget(card, 1)
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._ask)

    def leave(self) -> None:
        self._timer.stop()

    def enter(self) -> None:
        if self._status is not None and self._status["running"]:
            self._timer.start()

    def open_words(self) -> str:
        if self._status is None:
            return "可以跳过"
        return "正在演练" if self._status["running"] else ""

    def focus_first(self) -> None:
        self.begin.setFocus()

    def stops(self) -> bool:
        return self._status is not None and bool(self._status["running"])

    def _begin(self) -> None:
        chosen = [row["region"] for row in self.answers.destinations()]
        able = [one["name"] for one in self.answers.regions if one["rehearses"]]
        region = next((name for name in chosen if name in able), able[0] if able else "")
        face = self.desk.face
        self.begin.setEnabled(False)
        self.desk.asker.ask(lambda: face.rehearse(region), self._show, self._failed)
        self._timer.start()

    def _ask(self) -> None:
        face = self.desk.face
        self.desk.asker.ask(face.rehearsal_status, self._show, self._failed, key="rehearsal")

    def _failed(self, error: AgentError) -> None:
        self._timer.stop()
        self.begin.setEnabled(True)
        self.desk.fail(error)

    def _show(self, status: Json) -> None:
        before = self._status
        self._status = status
        if before is not None and before == status:
            return
        clear(self._list)
        for step in status["steps"]:
            self._list.addWidget(self._line(step, "state-acknowledged", "ok"))
        if status["running"]:
            self._list.addWidget(self._line("正在走下一步", "state-sending", "work"))
        elif status["trouble"]:
            trouble = status["trouble"]
            self._list.addWidget(self._line(f"{trouble['title']}，{trouble['advice']}", "state-held", "you"))
        self._sum_up(status)
        self.changed.emit()

    def _sum_up(self, status: Json) -> None:
        if status["running"]:
            self.summary.setText("正在演练，约 10 秒")
            return
        self._timer.stop()
        self.begin.setEnabled(True)
        self.begin.setText("再演练一次")
        good = "演练完成：影像从设备到演练平台，平台已接收。您的数据没有动过。"
        self.summary.setText(good if status["ok"] else "演练没有走完，不影响继续设置")
        set_tone(self.summary, "ok" if status["ok"] else "you")
        self.changed.emit()
        if status["ok"]:
            self.done.emit()

    def _line(self, text: str, icon: str, tone: str) -> QWidget:
        made = QWidget()  # a widget: a layout inside a list that is emptied would be freed twice
        box = row(made, gap=10)
        box.addWidget(Mark(self.look, icon, tone, 16))
        box.addWidget(label(self.look, text, wrap=True), 1)
        return made


class FinishStep(Step):
    """The last page: start with the computer, fetch the last three months, open 今天."""

    name = "完成"
    title = "设置好了"
    note = "以后在“设置”里随时能改，也能再走一遍。"
    next_words = "打开今天"

    def build(self) -> None:
        self.autostart = QCheckBox("开机后自动启动，在右下角待命")
        self.autostart.setChecked(True)
        self.body.addWidget(self.autostart)
        self.body.addWidget(
            label(self.look, "没有启动时，设备发来的影像收不到。", role="caption", tone="text2", wrap=True)
        )
        self._backfill = QCheckBox("把最近三个月的检查也取来，补传没传过的")
        self._source = QComboBox()
        self._source.setAccessibleName("从哪里取")
        self._backfill_words = label(
            self.look,
            "在后台慢慢取，不耽误今天的检查；取来的都先进待填报，不会自己上传。",
            role="caption",
            tone="text2",
            wrap=True,
        )
        self.body.addSpacing(8)
        again = row(gap=12)
        again.addWidget(self._backfill)
        again.addWidget(self._source)
        again.addStretch(1)
        self.body.addLayout(again)
        self.body.addWidget(self._backfill_words)
        self.body.addSpacing(8)
        card = Card()
        self._facts = column(margins=(16, 12, 16, 12), gap=8)
        card.box.addLayout(self._facts)
        self.body.addWidget(card)
        self.body.addStretch(1)

    def enter(self) -> None:
        self._source.clear()
        for pacs in self.answers.value("dicom.pacs", []):
            self._source.addItem(f"PACS {pacs['name']}", pacs["name"])
        for folder in self.answers.value("intake.folders", []):
            self._source.addItem(folder, folder)
        has_source = self._source.count() > 0
        for widget in (self._backfill, self._source, self._backfill_words):
            widget.setVisible(has_source)
        clear(self._facts)
        for name, value in self._summary():
            made = QWidget()
            box = row(made, gap=12)
            caption = label(self.look, name, tone="text2")
            caption.setMinimumWidth(92)
            box.addWidget(caption)
            box.addWidget(label(self.look, value, wrap=True), 1)
            self._facts.addWidget(made)

    def take(self, then: Callable[[], None], fail: Fail) -> None:
        face, wanted = self.desk.face, self.autostart.isChecked()
        source = str(self._source.currentData()) if self._backfill.isChecked() else ""
        day_from = (words.today(self.desk.now()) - _THREE_MONTHS).isoformat()

        def act() -> None:
            face.set_autostart(wanted)
            if source:
                face.backfill(day_from, source)

        self.desk.asker.ask(act, lambda _answer: then(), fail)

    def focus_first(self) -> None:
        self.autostart.setFocus()

    def _summary(self) -> list[tuple[str, str]]:
        chosen = [self.answers.title(one) for one in self.answers.destinations()]
        folders = self.answers.value("intake.folders", [])
        dicom = f"AE 标题 {self.answers.value('dicom.ae_title')} · 端口 {self.answers.value('dicom.port')}"
        return [
            ("上传到", "、".join(chosen) or "还没有选，先用演练平台"),
            ("机构", str(self.answers.value("clinic.name")) or "没有填"),
            ("收影像", " · ".join([dicom, *folders])),
            ("再加一个", "还要向别的平台上传，到“设置”的“上传目标”里加；一例检查仍只填一次"),
        ]
