"""上传队列: where is it? A table of exams, and beside it everything of the one that is selected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app.gui import news, words
from app.gui.page import Desk, Json, Page, Question, Search
from app.gui.parts import Button, Card, Empty, label, line, row
from app.gui.rows import Cell, Column, RowsView, Text
from app.gui.side import SidePanel
from app.gui.steps import current_job, exam_words, newest, part_done

_FILTERS = (("", "全部"), ("uploading", "上传中"), ("attention", "需要处理"), ("confirmed", "已确认"))
_PANEL, _GAP = 308, 12
_OVERLAY_BELOW = 1300
_ORDER = ("rejected", "held", "to_sign", "sending", "waiting", "queued", "paused")
_NOT_SUBMITTED = frozenset({"receiving", "to_fill", "check", "ready"})
_DAYS = 14
_MOVING = ("sending", "waiting")
_MOST_ASKED = 6
"""Of so many moving exams the table shows steps and progress; a platform takes two at a time."""


class QueuePage(Page):
    """The page of what was submitted."""

    name = words.QUEUE
    kinds = frozenset({news.STUDIES, news.JOBS})
    tells_outages = True

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look)
        super().__init__(desk, self.search)
        self._wanted = ""
        self._jobs: dict[str, list[Json]] = {}
        self.search.searched.connect(lambda _text: self.refresh())
        self.body.addLayout(self._filters())
        self._area = Area(self._table_card(), self._build_panel())
        self.body.addWidget(self._area, 1)
        for keys, slot in (("Ctrl+R", self._resend), ("Del", self._cancel), ("Esc", self._close)):
            QShortcut(QKeySequence(keys), self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def refresh(self) -> None:
        face, state, day, text = self.desk.face, self._state(), self._day(), self.search.text().strip()
        self.desk.asker.ask(lambda: face.studies(state=state, day=day, text=text), self._show, key="queue-list")
        self._ask_panel()

    def _ask_jobs(self, rows: list[Json]) -> None:
        """The steps of what is moving; everything else says enough by its state."""
        face = self.desk.face
        uids = [str(one["uid"]) for one in rows if one["state"] in _MOVING][:_MOST_ASKED]
        if uids:
            self.desk.asker.ask(
                lambda: {uid: newest(face.study(uid)["jobs"]) for uid in uids}, self._show_jobs, key="queue-jobs"
            )

    def _show_jobs(self, jobs: dict[str, list[Json]]) -> None:
        self._jobs = jobs
        self.table.viewport().update()

    def show_status(self, status: Json) -> None:
        counts = status["counts"]
        for state, _ in _FILTERS[1:]:
            self._buttons[state].setText(f"{dict(_FILTERS)[state]} {counts[state]}")

    def open_at(self, key: str) -> None:
        """A row's uid, the name of a filter, or `?text` to search for."""
        if key.startswith("?"):
            self._days.setCurrentIndex(0)
            self.search.setText(key[1:])
        elif key in self._buttons:
            self._days.setCurrentIndex(0)
            self._buttons[key].setChecked(True)
        else:
            self._buttons[""].setChecked(True)
            self._days.setCurrentIndex(0)
            self._wanted = key
        self.refresh()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show(self, answer: Json) -> None:
        rows = sorted((one for one in answer["studies"] if one["state"] not in _NOT_SUBMITTED), key=_urgency)
        self.table.put(rows)
        self._ask_jobs(rows)
        self.table.setVisible(bool(rows))
        self._empty.setVisible(not rows)
        self._say_empty()
        shown, total = len(rows), int(answer["total"])
        later = f" · 只显示最新的 {len(answer['studies'])} 例" if total > len(answer["studies"]) else ""
        self._foot.setText(f"共 {shown} 例{later}")
        self.header.note.setText(self._sentence(rows))
        if self._wanted and self.table.choose(self._wanted):
            self._wanted = ""
        elif self._wanted:
            self._open(self._wanted)
            self._wanted = ""

    def _sentence(self, rows: list[Json]) -> str:
        moving = sum(one["state"] in ("queued", "sending", "waiting") for one in rows)
        stuck = sum(one["state"] in ("held", "rejected") for one in rows)
        if stuck:
            return f"{stuck} 例平台没有收下" + (f"，{moving} 例在路上" if moving else "")
        return f"{moving} 例在路上" if moving else "没有在传的"

    def _say_empty(self) -> None:
        if self.search.text():
            self._empty.say("search", f"没有找到“{self.search.text()}”", "试试检查号，或姓名里的一个字。")
        elif self._state() == "attention":
            self._empty.say("check", "没有要处理的", "平台没有收下的会出现在这里。")
        else:
            self._empty.say("page-queue", "还没有上传任务", "设备发来影像、填好、提交上传后，会出现在这里。")

    def _state(self) -> str:
        return next((state for state, button in self._buttons.items() if button.isChecked()), "")

    def _day(self) -> str:
        return str(self._days.currentData() or "")

    # -- the panel --------------------------------------------------------------------------------------------------

    def _chosen(self, uid: str) -> None:
        self._open(uid)

    def _open(self, uid: str) -> None:
        self.panel.uid = uid
        self._ask_panel()

    def _ask_panel(self) -> None:
        face, uid = self.desk.face, self.panel.uid
        if uid:
            self.desk.asker.ask(lambda: face.study(uid), self._show_panel, key="queue-study")

    def _show_panel(self, study: Json) -> None:
        if self.panel.uid in (study["uid"], study["exam_key"]):
            place = self.table.rows_model.place(study["uid"])
            about = self.table.rows_model.rows[place] if place >= 0 else {}
            self.panel.show_study(study, about, self.desk.now())
            self._area.show_panel(True)

    def _close(self) -> None:
        self.panel.uid = ""
        self.table.clearSelection()
        self.table.setCurrentIndex(self.table.rootIndex())
        self._area.show_panel(False)

    # -- acting -----------------------------------------------------------------------------------------------------

    def act(self, name: str) -> None:
        """One of the panel's buttons."""
        acts: dict[str, Callable[[], None]] = {
            "resend": self._resend,
            "withdraw": self._withdraw,
            "cancel": self._cancel,
            "hold": self._hold,
            "release": self._release,
            "submit": self._submit,
            "fill": lambda: self.desk.go(words.FILL, self.panel.uid),
        }
        acts[name]()

    def _do(self, call: Callable[[], Json]) -> None:
        self.desk.asker.ask(call, self._done)

    def _done(self, answer: Json) -> None:
        skipped = (answer or {}).get("skipped") or []
        if skipped:
            self.desk.tell("you", "这例现在不能这样做", str(skipped[0]["why"]))
        else:
            self.desk.tell("", "", "")
        self.refresh()

    def _resend(self) -> None:
        if uid := self.panel.uid:
            self._do(lambda: self.desk.face.resend(uid))

    def _submit(self) -> None:
        if uid := self.panel.uid:
            self._do(lambda: self.desk.face.submit(uid))

    def _hold(self) -> None:
        if uid := self.panel.uid:
            self._do(lambda: self.desk.face.hold(uid))

    def _release(self) -> None:
        if uid := self.panel.uid:
            self._do(lambda: self.desk.face.release(uid))

    def _cancel(self) -> None:
        if (uid := self.panel.uid) and self.panel.may("cancel"):
            who, what = self.panel.who, self.panel.what
            question = Question(
                title=f"取消 {who} 的{what}？",
                text="还没传的不再传，平台上已有的不动。以后还可以点“重新上传”。",
                yes="取消上传",
                no="不取消",
            )
            self.desk.confirm(question, lambda: self._do(lambda: self.desk.face.cancel(uid)))

    def _withdraw(self) -> None:
        if uid := self.panel.uid:
            question = Question(
                title=f"撤回 {self.panel.who} 的{self.panel.what}？",
                text="平台将删除这例。本机的影像和记录都还在。",
                yes="撤回",
                no="不撤回",
                icon="state-withdrawn",
                tone="idle",
            )
            self.desk.confirm(question, lambda: self._do(lambda: self.desk.face.withdraw(uid)))

    # -- building ---------------------------------------------------------------------------------------------------

    def _filters(self) -> QHBoxLayout:
        box = row()
        self._buttons: dict[str, Button] = {}
        for state, text in _FILTERS:
            made = Button(self.look, text, kind="segment", small=True, slot=self.refresh)
            made.setCheckable(True)
            made.setAutoExclusive(True)
            made.setProperty("first", not state)
            self._buttons[state] = made
            box.addWidget(made)
        self._buttons[""].setChecked(True)
        self._days = QComboBox()
        self._days.setFont(self.look.font("body_small"))
        self._days.addItem("全部日期", "")
        first = words.today(self.desk.now())
        for back in range(_DAYS):
            day = first - timedelta(days=back)
            self._days.addItem(words.short_day(day, self.desk.now()), day.isoformat())
        self._days.setMinimumWidth(132)
        self._days.currentIndexChanged.connect(lambda _index: self.refresh())
        box.addSpacing(20)
        box.addWidget(self._days)
        box.addStretch(1)
        return box

    def _table_card(self) -> Card:
        card = Card()
        columns = (
            Column(title="提交时间", cell=self._time_cell, least=86),
            Column(title="状态", cell=self._state_cell),
            Column(title="患者 · 检查", cell=self._who_cell, least=190, most=300),
            Column(title="影像", cell=self._images_cell, at_right=True, least=74),
            Column(title="步骤 · 说明", cell=self._why_cell),
        )
        self.table = RowsView(self.look, columns, key="uid", row_height=44)
        self.table.chosen.connect(self._chosen)
        self._empty = Empty(self.look, "page-queue", "还没有上传任务", "设备发来影像、填好、提交上传后，会出现在这里。")
        self._foot = label(self.look, role="caption", tone="text2")
        foot = row(margins=(16, 8, 16, 8))
        foot.addWidget(self._foot)
        foot.addStretch(1)
        foot.addWidget(label(self.look, "一例可送多个上传目标，状态取最要紧的", role="caption", tone="text3"))
        for widget in (self.table, self._empty):
            card.box.addWidget(widget, 1)
        card.box.addWidget(line())
        card.box.addLayout(foot)
        return card

    def _build_panel(self) -> SidePanel:
        self.panel = SidePanel(self.look)
        self.panel.acted.connect(self.act)
        self.panel.closed.connect(self._close)
        return self.panel

    def _time_cell(self, study: Json) -> Cell:
        return Cell(
            lines=(Text(text=words.clock(study["submitted_at"], self.desk.now()) or words.NOTHING, tone="text2"),)
        )

    def _state_cell(self, study: Json) -> Cell:
        mark = self.look.state(study["state"])
        return Cell(mark=mark.icon, mark_tone=mark.tone, lines=(Text(text=study["state_words"], tone=mark.tone),))

    def _who_cell(self, study: Json) -> Cell:
        return Cell(
            lines=(Text(text=words.name(study)), Text(text=words.exam_line(study), role="caption", tone="text2"))
        )

    def _images_cell(self, study: Json) -> Cell:
        late = (Text(text="有补传", role="caption", tone="text3"),) if study["late"] else ()
        return Cell(lines=(Text(text=words.images(study), tone="text2"), *late), at_right=True)

    def _why_cell(self, study: Json) -> Cell:
        jobs = self._jobs.get(str(study["uid"])) if study["state"] in _MOVING else None
        job = current_job(jobs) if jobs else None
        if jobs and job is not None:
            steps = Text(text=exam_words(jobs, self.desk.now()), role="body_small", tone="text2")
            bar = "accent" if job["state"] == "sending" else "retry"
            return Cell(lines=(steps,), progress=part_done(job), progress_tone=bar)
        said = "、".join(study["problems"]) or _SAID.get(study["state"], "")
        if study["changed"]:
            said = "提交后改过，再点“提交上传”才会更新到平台"
        tone = self.look.state(study["state"]).tone if study["problems"] else "text2"
        return Cell(lines=(Text(text=said or words.NOTHING, role="body_small", tone=tone),), wrap=True)


_SAID = {
    "queued": "排队，轮到就传",
    "sending": "正在上传",
    "waiting": "平台忙或断线，到点自动再试",
    "held": "平台要求改，改好后自动重新上传",
    "rejected": "平台最终不收，需要工程师",
    "to_sign": "等审核医师签名",
    "paused": "您按了暂停，点“恢复”接着传",
    "acknowledged": "平台已接收，还没对账",
    "reconciled": "平台已接收，对账时也不缺",
    "cancelled": "已取消，没有传的不再传",
    "withdrawn": "已请平台删除，平台已同意",
}


def _urgency(study: Json) -> int:
    """First the ones that need somebody, then moving, then done; the engine's order inside."""
    return _ORDER.index(study["state"]) if study["state"] in _ORDER else len(_ORDER)


class Area(QWidget):
    """Table and side panel: side by side, or the panel over the table when the window is narrow."""

    def __init__(self, table: QWidget, panel: QWidget) -> None:
        super().__init__()
        self._table, self._panel = table, panel
        table.setParent(self)
        panel.setParent(self)
        panel.hide()

    def show_panel(self, shown: bool) -> None:
        if shown != self._panel.isVisibleTo(self):
            self._panel.setVisible(shown)
            self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        width, height = self.width(), self.height()
        shown = self._panel.isVisibleTo(self)
        beside = shown and self.window().width() >= _OVERLAY_BELOW
        self._table.setGeometry(QRect(0, 0, width - (_PANEL + _GAP if beside else 0), height))
        self._panel.setGeometry(QRect(width - _PANEL, 0, _PANEL, height))
        self._panel.raise_()
