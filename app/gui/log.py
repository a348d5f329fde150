"""日志: what people, the program and the platforms did, and the help bundle for the engineer."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox

from app.domain.times import cst_text
from app.gui import news, words
from app.gui.bundle import BundleDialog
from app.gui.page import Desk, Json, Page, Search
from app.gui.parts import Button, Card, Empty, label, line, row
from app.gui.rows import Cell, Column, RowsView, Text

PAGE = 100
_DAYS = 30
_TONES = {"程序": "text2"}
_REFUSED = frozenset({"held", "rejected", "reject", "fix_form", "fix_settings"})
_MASKED_NOTE = "点一行可以复制给工程师，复制的内容没有姓名"


class LogPage(Page):
    """The list, newest first, page by page; `open_at("bundle")` asks for the help bundle."""

    name = words.LOG
    kinds = frozenset({news.STATUS, news.STUDIES, news.JOBS, news.DAYS})

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look, "搜索姓名、检查号、做了什么")
        self.day = QComboBox()
        self.day.setFont(desk.look.font("body_small"))
        self.day.setAccessibleName("哪一天")
        self.day.setMinimumWidth(128)
        self.bundle = Button(desk.look, "生成诊断包", icon="export", tip="打成一个包交给工程师，姓名和密钥都已隐去")
        self.bundle.clicked.connect(lambda _on=False: self.make_bundle())
        super().__init__(desk, self.day, self.search, self.bundle)
        self._offset, self._total = 0, 0
        self._fill_days()
        self.day.activated.connect(lambda _index: self._anew())
        self.search.searched.connect(lambda _text: self._anew())
        self.body.addWidget(self._build_card(), 1)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.table, self.copy_row)

    def refresh(self) -> None:
        face, offset, text = self.desk.face, self._offset, self.search.text().strip()
        day = str(self.day.currentData() or "")
        self.desk.asker.ask(lambda: face.audit(PAGE, offset, text, day), self._show, key="audit")

    def open_at(self, key: str) -> None:
        if key == "bundle":
            self.make_bundle()

    def make_bundle(self) -> None:
        dialog = BundleDialog(self.desk, self)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show(self, answer: Json) -> None:
        self._total = int(answer["total"])
        rows = [{**one, "key": f"{one['at']}|{one['what']}|{one['uid']}|{n}"} for n, one in enumerate(answer["rows"])]
        self.table.put(rows)
        first, last = self._offset + 1, self._offset + len(rows)
        self.header.note.setText(f"{self._total} 条" if self._total else "")
        self.range.setText(f"第 {first} – {last} 条，共 {self._total} 条" if rows else "")
        self.newer.setEnabled(self._offset > 0)
        self.older.setEnabled(last < self._total)
        sought = bool(self.search.text().strip() or self.day.currentData())
        self.empty.say(
            "search" if sought else "page-log",
            "没有找到" if sought else "还没有记录",
            "换个词，或看全部日期。" if sought else "收到影像、提交上传、平台应答都会记在这里。",
        )
        self.empty.setVisible(not rows)
        self.table.setVisible(bool(rows))
        self._chosen()

    def _chosen(self) -> None:
        chosen = self.table.row()
        self.copy.setEnabled(chosen is not None)
        self.open.setEnabled(bool(chosen and chosen["uid"]))

    def copy_row(self) -> None:
        """As the engineer needs it: time, exam, what, the platform's words; without the name."""
        chosen = self.table.row()
        if chosen is None:
            return
        told = (cst_text(datetime.fromisoformat(chosen["at"])), chosen["who"], chosen["words"], chosen["detail"])
        which = (chosen["accession_number"], chosen["uid"])
        QGuiApplication.clipboard().setText("\n".join(part for part in (*told, *which) if part))
        self.note.setText("已复制")

    def _open(self) -> None:
        chosen = self.table.row()
        if chosen is not None and chosen["uid"]:
            self.desk.go(words.QUEUE, chosen["uid"])

    def _turn(self, step: int) -> None:
        self._offset = max(0, self._offset + step * PAGE)
        self.refresh()

    def _anew(self) -> None:
        self._offset = 0
        self.refresh()

    # -- building ---------------------------------------------------------------------------------------------------

    def _fill_days(self) -> None:
        now = self.desk.now()
        today = words.today(now)
        self.day.addItem("全部日期", "")
        for ago in range(_DAYS):
            day: date = today - timedelta(days=ago)
            self.day.addItem(words.short_day(day, now), day.isoformat())

    def _build_card(self) -> Card:
        card = Card()
        self.table = RowsView(self.look, self._columns(), key="key", row_height=self.look.height("row_two_lines"))
        self.table.chosen.connect(lambda _key: self._chosen())
        self.table.activated_row.connect(lambda _key: self._open())
        self.empty = Empty(self.look, "page-log", "还没有记录", "")
        card.box.addWidget(self.table, 1)
        card.box.addWidget(self.empty, 1)
        card.box.addWidget(line())
        foot = row(margins=(16, 8, 12, 8), gap=8)
        self.note = label(self.look, _MASKED_NOTE, role="caption", tone="text3")
        self.range = label(self.look, role="caption", tone="text2")
        self.copy = Button(self.look, "复制", kind="link", icon="copy", small=True, tip="Ctrl+C", slot=self.copy_row)
        self.open = Button(self.look, "看这一例", kind="link", small=True, tip="Enter", slot=self._open)
        self.newer = Button(self.look, "更新的", small=True, slot=lambda: self._turn(-1))
        self.older = Button(self.look, "更早的", small=True, slot=lambda: self._turn(1))
        foot.addWidget(self.copy)
        foot.addWidget(self.open)
        foot.addWidget(self.note, 1)
        for widget in (self.range, self.newer, self.older):
            foot.addWidget(widget)
        card.box.addLayout(foot)
        return card

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column(title="时间", cell=self._time, least=150, most=170),
            Column(title="谁", cell=_who, least=76, most=90),
            Column(title="做了什么", cell=_what, least=250, most=330),
            Column(title="详情", cell=_detail, least=200),
        )

    def _time(self, one: Json) -> Cell:
        at = datetime.fromisoformat(one["at"])
        day = words.short_day(words.today(at), self.desk.now())
        text = f"{day} {cst_text(at)[11:]}"
        return Cell(lines=(Text(text=text, role="body_small", tone="text2"),))


def _who(one: Json) -> Cell:
    return Cell(lines=(Text(text=one["who"], role="body_small", tone=_TONES.get(one["who"], "text")),))


def _what(one: Json) -> Cell:
    tone = "bad" if one["what"] in _REFUSED else "text"
    which = " · ".join(part for part in (one["patient_name"], one["accession_number"]) if part)
    under = (Text(text=which, role="caption", tone="text2"),) if which else ()
    return Cell(lines=(Text(text=one["words"], tone=tone), *under))


def _detail(one: Json) -> Cell:
    return Cell(lines=(Text(text=one["detail"], role="body_small", tone="text2"),), wrap=True)
