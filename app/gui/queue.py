"""上传队列: where is it? A table of exams on their way to a destination, beside it everything of the selected one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QWidget

from app.gui import news, words
from app.gui.bulk import BulkBar, question_before
from app.gui.page import Desk, Json, Page, Search
from app.gui.parts import Button, Card, Empty, keeps_escape, label, line, row, shortcut
from app.gui.queue_cells import DESTINATION, Cells
from app.gui.queue_table import PAGE, Key, PagedTable, key_of
from app.gui.side import Area, SidePanel
from app.gui.slip import SlipDialog
from app.gui.steps import said_line, speed

_FILTERS = (
    ("", "全部", "all"),
    ("uploading", "上传中", "uploading"),
    ("attention", "需要处理", "attention"),
    ("confirmed", "已确认", "confirmed"),
    ("ended", "已取消 / 撤回", "ended"),
)
_DAYS = 14
_EVERY_DAY = ""
_HINT = "姓名、检查号、UID、索引码"

_SECTIONS = {"keys": "secrets", "settings": "destination"}
"""An act of the panel -> the section of the settings where it is done."""


class QueuePage(Page):
    """The page of what was submitted. It opens at today, which also holds whatever is still open."""

    name = words.QUEUE
    kinds = frozenset({news.STUDIES, news.JOBS})
    tells_outages = True

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look, _HINT)
        self.retry = Button(desk.look, "立即重试", icon="resend", slot=self._retry_all)
        self.export = Button(desk.look, "导出", icon="export", tip="存成表格", slot=self._export)
        super().__init__(desk, self.search, self.retry, self.export)
        self.retry.hide()
        self._ticked: dict[Key, str] = {}
        self._round = 0
        self._titles: dict[str, str] = {}
        self.search.searched.connect(lambda _text: self._other_list())
        self.body.addLayout(self._filters())
        self._area = Area(self._table_card(), self._build_panel())
        self.body.addWidget(self._area, 1)
        self._keys()

    # -- asking -----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask again for the pages in sight and the panel."""
        for page in self.table.forget_unseen():
            self._ask(page)
        self._ask_panel()

    def _other_list(self) -> None:
        """Another filter, day, destination or text."""
        self._round += 1
        self.table.start_over()
        self._untick()
        self._ask(0)

    def _ask(self, page: int) -> None:
        face, wanted, now = self.desk.face, self._wanted(), self._round
        self.desk.asker.ask(
            lambda: face.jobs(**wanted, limit=PAGE, offset=page * PAGE),
            lambda answer: self._show(answer, page) if now == self._round else None,
            key=("queue", page),
        )

    def _wanted(self) -> dict[str, str]:
        return {
            "state": next((state for state, button in self._buttons.items() if button.isChecked()), ""),
            "day": str(self._days.currentData() or ""),
            "text": self.search.text().strip(),
            "destination": str(self._destinations.currentData() or ""),
        }

    def show_status(self, status: Json) -> None:
        titles = {str(one["name"]): str(one["title"]) for one in status["destinations"]}
        if titles != self._titles:
            self._titles = titles
            quiet = self._destinations.blockSignals(True)
            self._destinations.clear()
            self._destinations.addItem("全部目标", "")
            for name, title in titles.items():
                self._destinations.addItem(title, name)
            self._destinations.blockSignals(quiet)
        self._destinations.setVisible(len(titles) > 1)

    def open_at(self, key: str) -> None:
        """An exam's uid, the name of a filter, or `?text` to search for."""
        self._days.setCurrentIndex(1)
        if key.startswith("?"):
            self.search.setText(key[1:])
        elif key in self._buttons:
            self._buttons[key].setChecked(True)
        else:
            self._buttons[""].setChecked(True)
            self.search.clear()
            self._open(key, "")
        self._other_list()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show(self, answer: Json, page: int) -> None:
        rows, total = answer["rows"], int(answer["total"])
        self.table.put(page, rows, total)
        self.table.setVisible(bool(total))
        self._empty.setVisible(not total)
        if not total:
            self._say_empty()
        for state, text, count in _FILTERS:
            self._buttons[state].setText(f"{text} {answer['counts'][count]}")
        self.retry.setText(f"立即重试 {answer['retryable']} 个")
        self.retry.setVisible(bool(answer["retryable"]))
        day = self._days.currentText() if self._wanted()["day"] else "一共"
        told = (f"{day} {answer['counts']['all']} 个任务", speed(float(answer["bytes_per_second"])))
        self.header.note.setText(" · ".join(part for part in told if part))
        self._studies.setText(f"{total} 个任务对应 {answer['studies_total']} 例检查；一例可送多个目标" if total else "")
        self._say_place()
        self._select_wanted()

    def _say_place(self) -> None:
        first, last = self.table.rows_in_sight()
        total = self.table.rows_model.total
        self._foot.setText(f"显示 {first}–{last}，共 {total} 个任务" if total else "")

    def _say_empty(self) -> None:
        wanted = self._wanted()
        self._wider.setVisible(bool(wanted["day"]))
        if wanted["text"]:
            self._empty.say("search", f"没有找到“{wanted['text']}”", "试试检查号、索引码或姓名的拼音。")
            self._wider.setText("搜索全部日期")
        elif wanted["state"] == "attention":
            self._empty.say("check", "没有要处理的", "平台没有收下的会出现在这里。")
            self._wider.hide()
        elif wanted["state"] or wanted["destination"]:
            self._empty.say("page-queue", "这里没有任务", "换个状态、目标或日期看看。")
            self._wider.setText("看全部日期")
        else:
            other_day = wanted["day"] and self._days.currentIndex() > 0
            title = "这一天没有上传任务" if other_day else "还没有上传任务"
            self._empty.say("page-queue", title, "设备发来影像、填好、提交上传后，任务会出现在这里。")
            self._wider.setText("看全部日期")

    # -- ticking ----------------------------------------------------------------------------------------------------

    def _tick(self, key: Key) -> None:
        place = self.table.rows_model.place(key)
        one = self.table.rows_model.row(place) if place >= 0 else None
        if key in self._ticked:
            del self._ticked[key]
        elif one is not None:
            self._ticked[key] = str(one["state"])
        self._ticks_changed()

    def _tick_all(self) -> None:
        face, wanted = self.desk.face, self._wanted()

        def tick(answer: Json) -> None:
            self._ticked.clear()
            self._ticked.update({(exam, destination): state for exam, destination, state in answer["keys"]})
            self._ticks_changed()

        self.desk.asker.ask(lambda: face.job_keys(**wanted), tick)

    def _untick(self) -> None:
        if self._ticked:
            self._ticked.clear()
            self._ticks_changed()

    def _ticks_changed(self) -> None:
        self.bulk.show_ticked(list(self._ticked.values()))
        self.table.viewport().update()
        if self._ticked:
            self._close_panel()
            self._ask_what_would_be("resend", self.bulk.show_answer)
        self._fit_columns()

    def _ask_what_would_be(self, act: str, then: Callable[[Json], None]) -> None:
        face, keys = self.desk.face, self._keys_ticked()
        self.desk.asker.ask(lambda: face.act_many(act, keys, dry=True), then, key="queue-dry")

    def _keys_ticked(self) -> list[list[str]]:
        return [list(key) for key in self._ticked]

    # -- the panel --------------------------------------------------------------------------------------------------

    def _open(self, uid: str, destination: str) -> None:
        self.panel.uid, self.panel.destination = uid, destination
        self._ask_panel()

    def _opened(self, key: Key) -> None:
        if not self._ticked:
            self._open(*key)

    def _chosen(self, key: Key) -> None:
        """Another row by the keyboard: an open panel follows."""
        if self.panel.isVisible():
            self._open(*key)

    def _ask_panel(self) -> None:
        face, uid, destination = self.desk.face, self.panel.uid, self.panel.destination
        if uid:
            self.desk.asker.ask(lambda: face.job(uid, destination), self._show_panel, key="queue-job")

    def _show_panel(self, job: Json) -> None:
        one = job["row"]
        if self.panel.uid not in (one["uid"], one["exam_key"], one["accession_number"]):
            return
        self.panel.uid, self.panel.destination = one["exam_key"], one["destination"]
        self.panel.show_job(job, self.desk.now())
        self._area.show_panel(True)
        self.table.current = key_of(one)
        self._select_wanted()
        self._fit_columns()

    def _select_wanted(self) -> None:
        if self.panel.uid and self.table.current is not None:
            self.table.choose(self.table.current)

    def _close(self) -> None:
        """Esc: first the ticks, then the panel."""
        if self._ticked:
            self._untick()
            return
        self._close_panel()
        self.table.let_go()
        self.table.setFocus()

    def _close_panel(self) -> None:
        self.panel.uid = ""
        self._area.show_panel(False)
        self._fit_columns()

    def _fit_columns(self) -> None:
        """Beside the panel there is no room for where to: then it stands below the steps."""
        several, beside = len(self._titles) > 1, self.panel.isVisibleTo(self)
        self.table.setColumnHidden(DESTINATION, beside or not several)
        self._cells.tells_destination = several and beside
        self.table.fit(self.table.seen())

    # -- acting -----------------------------------------------------------------------------------------------------

    def act(self, name: str) -> None:
        """One of the panel's buttons."""
        if name == "fill":
            self.desk.go(words.FILL, self.panel.uid)
        elif name in _SECTIONS:
            self.desk.go(words.SETTINGS, self._section(name))
        elif name == "slip":
            self._slip()
        elif self.panel.row is not None:
            self._ask_and_do(name, [list(key_of(self.panel.row))], [self.panel.row])

    def _section(self, act: str) -> str:
        trouble = self.panel.row["trouble"] if self.panel.row is not None and act == "settings" else None
        return (trouble["page"] if trouble else "") or _SECTIONS[act]

    def _bulk(self, name: str) -> None:
        known = [one for one in self.table.rows_model.rows if key_of(one) in self._ticked]
        self._ask_and_do(name, self._keys_ticked(), known)

    def _ask_and_do(self, act: str, keys: list[list[str]], known: list[Json]) -> None:
        question = question_before(act, len(keys), known)
        if question is None:
            self._do(act, keys)
        else:
            self.desk.confirm(question, lambda: self._do(act, keys))

    def _do(self, act: str, keys: list[list[str]]) -> None:
        self.desk.asker.ask(lambda: self.desk.face.act_many(act, keys), self._done)

    def _retry_all(self) -> None:
        wanted = self._wanted()
        face, day, destination = self.desk.face, wanted["day"], wanted["destination"]
        self.desk.asker.ask(
            lambda: face.act_many("resend", [], failed=True, day=day, destination=destination), self._done
        )

    def _done(self, answer: Json) -> None:
        if answer["skipped"] and not answer["done"]:
            self.desk.tell("you", "现在不能这样做", str(answer["says"]))
        elif answer["skipped"]:
            self.desk.tell("work", f"{len(answer['done'])} 个已办，{len(answer['skipped'])} 个没有动", answer["says"])
        else:
            self.desk.tell("", "", "")
        self._untick()
        self.refresh()

    def _resend(self) -> None:
        if self._ticked:
            self._bulk("resend")
        elif (one := self._current()) is not None:
            self._do("resend", [list(key_of(one))])

    def _cancel(self) -> None:
        if self._ticked:
            self._bulk("cancel")
        elif (one := self._current()) is not None:
            self._ask_and_do("cancel", [list(key_of(one))], [one])

    def _current(self) -> Json | None:
        return self.table.row() or (self.panel.row if self.panel.uid else None)

    def _copy(self) -> None:
        if (one := self._current()) is not None:
            said = f"{one['accession_number']} {said_line(one, self.desk.now())}"
            QGuiApplication.clipboard().setText(said.removesuffix(words.NOTHING).strip())

    def _slip(self) -> None:
        if (one := self._current()) is not None:
            face, uid = self.desk.face, str(one["exam_key"])
            self.desk.asker.ask(lambda: face.slip(uid), self._show_slip)

    def _show_slip(self, content: Json) -> None:
        dialog = SlipDialog(self.look, content, self)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _export(self) -> None:
        day = self._wanted()["day"] or "全部"
        dialog = QFileDialog(self, "存成表格", f"上传队列-{day}.xlsx", "Excel 表格 (*.xlsx);;CSV 表格 (*.csv)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("xlsx")
        dialog.fileSelected.connect(self.export_to)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export_to(self, path: str) -> None:
        face, wanted = self.desk.face, self._wanted()
        self.desk.asker.ask(
            lambda: face.export_jobs(path, **wanted),
            lambda answer: self.desk.tell("work", f"已存 {answer['rows']} 个任务", str(answer["path"])),
        )

    # -- building ---------------------------------------------------------------------------------------------------

    def _keys(self) -> None:
        for keys, slot in (
            ("Ctrl+R", self._resend),
            ("Del", self._cancel),
            ("Ctrl+A", self._tick_all),
            ("Ctrl+C", self._copy),
            ("Ctrl+P", self._slip),
        ):
            parent = self if keys not in ("Ctrl+A", "Ctrl+C", "Del") else self._area
            shortcut(keys, parent, slot)

    def event(self, event: QEvent) -> bool:
        """Esc is this page's while it has something to close, else the window's."""
        return keeps_escape(event, self._has_open) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._has_open():
            self._close()
        else:
            super().keyPressEvent(event)

    def _has_open(self) -> bool:
        return bool(self._ticked) or self.panel.isVisible()

    def next_pane(self) -> None:
        panes: list[QWidget] = [self.search, self.table]
        if self.panel.isVisible():
            panes.append(self.panel.buttons.get("slip", self.panel.cross))
        here = next((n for n, pane in enumerate(panes) if pane.hasFocus()), -1)
        panes[(here + 1) % len(panes)].setFocus()

    def _filters(self) -> QHBoxLayout:
        box = row(gap=0)
        self._buttons: dict[str, Button] = {}
        for state, text, _ in _FILTERS:
            made = Button(self.look, text, kind="segment", small=True, slot=self._other_list)
            made.setCheckable(True)
            made.setAutoExclusive(True)
            made.setProperty("first", not state)
            self._buttons[state] = made
            box.addWidget(made)
        self._buttons[""].setChecked(True)
        self._days, self._destinations = QComboBox(), QComboBox()
        first = words.today(self.desk.now())
        days = [first - timedelta(days=back) for back in range(_DAYS)]
        self._days.addItem("今天", first.isoformat())
        self._days.addItem("全部日期", _EVERY_DAY)
        for day in days[1:]:
            self._days.addItem(words.short_day(day, self.desk.now()), day.isoformat())
        self._destinations.addItem("全部目标", "")
        for combo in (self._days, self._destinations):
            combo.setFont(self.look.font("body_small"))
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            combo.setMinimumWidth(104)
            combo.currentIndexChanged.connect(lambda _index: self._other_list())
            box.addSpacing(8 if combo is self._destinations else 20)
            box.addWidget(combo)
        box.addStretch(1)
        return box

    def _table_card(self) -> Card:
        card = Card()
        self.bulk = BulkBar(self.look)
        self.bulk.acted.connect(self._bulk)
        self.bulk.closed.connect(self._untick)
        self._cells = Cells(self.look, self.desk.now, self._ticked)
        self.table = PagedTable(self.look, self._cells.columns())
        self.table.wanted.connect(self._ask)
        self.table.chosen.connect(self._chosen)
        self.table.opened.connect(self._opened)
        self.table.ticked.connect(self._tick)
        self.table.verticalScrollBar().valueChanged.connect(lambda _value: self._say_place())
        self._wider = Button(self.look, "看全部日期", slot=lambda: self._days.setCurrentIndex(1))
        self._empty = Empty(self.look, "page-queue", "还没有上传任务", "", self._wider)
        self._empty.hide()
        self._foot = label(self.look, role="caption", tone="text2")
        self._studies = label(self.look, role="caption", tone="text3")
        foot = row(margins=(16, 8, 16, 8))
        foot.addWidget(self._foot)
        foot.addStretch(1)
        foot.addWidget(self._studies)
        card.box.addWidget(self.bulk)
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
