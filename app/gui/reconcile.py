"""对账: do both sides agree? Days with their verdict, the piles of one day, how the platform was asked."""

from __future__ import annotations

from datetime import timedelta

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QMenu, QWidget

from app.errors import AgentError
from app.gui import news, reconcile_words, words
from app.gui.asked import MOST, Asked
from app.gui.days import COUNT, LEGEND, LEGEND_OF_RECEIPTS, LEGEND_WITH_IMAGES, DaysFigure, Legend
from app.gui.page import Desk, Json, Page
from app.gui.parts import Button, Card, Empty, Head, Mark, column, label, line, row
from app.gui.pile_rows import is_bare, pile_cell, pile_rows
from app.gui.reconcile_rows import (
    AGREED,
    LACKING,
    MISSING,
    UNSENT,
    DayCells,
    for_the_engineer,
    needs_engineer,
    open_rows,
)
from app.gui.rows import Column, RowsView

_MOST_ROWS = 1000
_MANY_PILES = 4
_SHEETS = "Excel 表格 (*.xlsx);;CSV 表格 (*.csv)"


class ReconcilePage(Page):
    """The page of the days."""

    name = words.RECONCILE
    kinds = frozenset({news.DAYS})

    def __init__(self, desk: Desk) -> None:
        self.destination = QComboBox()
        self.destination.setFont(desk.look.font("body_small"))
        self.destination.setMinimumWidth(150)
        self.destination.hide()
        self.again = Button(desk.look, "再对一次", icon="page-reconcile", slot=self._ask_platform)
        super().__init__(desk, self.destination, self.again)
        self._day: Json | None = None
        self._shown = ""
        self._days: list[Json] = []
        self._cells = DayCells(desk.look, desk.now)
        self.figure = DaysFigure(desk.look, desk.now)
        self.destination.currentIndexChanged.connect(lambda _index: self._show_day())
        self.body.addWidget(self._figure_card())
        lower = row(gap=12)
        lower.addWidget(self._piles_card())
        lower.addWidget(self._rows_card(), 1)
        self.body.addLayout(lower, 1)
        self.piles.installEventFilter(self)

    def refresh(self) -> None:
        face, until = self.desk.face, self.figure.last().isoformat()
        self.desk.asker.ask(lambda: face.reconciliation_days(COUNT, until), self._show_days, key="days")
        if self.figure.day:
            self._ask_day(self.figure.day)

    def open_at(self, key: str) -> None:
        """A day, else the newest day that lacks something, else the newest."""
        self.figure.choose(key if len(key) == 10 and key[4] == "-" else self._worst_day())

    def set_low(self, low: bool) -> None:
        self.low = low
        self._how.setVisible(not low)
        self._figure.setFixedHeight(190 if low else 208)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.figure.step(-1 if key == Qt.Key.Key_Left else 1)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._next_pile(-1 if key == Qt.Key.Key_Up else 1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._act()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The list of piles keeps ↑ and ↓ and leaves ← and → to the days."""
        if watched is self.piles and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.keyPressEvent(event)
                return True
        return super().eventFilter(watched, event)

    # -- asking -----------------------------------------------------------------------------------------------------

    def _ask_day(self, day: str) -> None:
        face = self.desk.face
        self.desk.asker.ask(lambda: face.reconciliation(day), self._take_day, key="day")

    def _ask_platform(self) -> None:
        face, day, destination = self.desk.face, self.figure.day, str(self.destination.currentData() or "")
        self.again.setEnabled(False)
        self.again.setText("正在问平台")

        def done(answer: Json) -> None:
            self._asked_again()
            self._take_day(answer)
            self.refresh()

        self.desk.asker.ask(lambda: face.reconcile(day, destination), done, self._not_asked)

    def _not_asked(self, error: AgentError) -> None:
        self._asked_again()
        self.desk.fail(error)

    def _asked_again(self) -> None:
        self.again.setText("再对一次")
        self.again.setEnabled(True)

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show_days(self, answer: Json) -> None:
        self._days = answer["days"]
        self._show_figure()
        if not self.figure.day:
            self.figure.choose(self._worst_day())

    def _worst_day(self) -> str:
        yesterday = (words.today(self.desk.now()) - timedelta(days=1)).isoformat()
        known = [str(one["day"]) for one in self._days]
        newest = yesterday if yesterday in known or not known else known[0]
        return next((str(one["day"]) for one in self._days if one["state"] == "engineer" or one["lacking"]), newest)

    def _show_figure(self) -> None:
        name = self.destination.currentData()
        mine = [one for one in self._days if not name or one["destination"] == name]
        self.figure.show_days(mine)
        first, last = self.figure.days()[0], self.figure.days()[-1]
        self.figure_head.title.setText(f"{first.month} 月 {first.day} 日 – {last.month} 月 {last.day} 日")
        self.later.setEnabled(self.figure.back > 0)
        answered = all(one["can_answer"] for one in mine)
        with_images = any(int(one["lacking"]) for one in mine)
        self.legend.show_parts(LEGEND_OF_RECEIPTS if not answered else LEGEND_WITH_IMAGES if with_images else LEGEND)
        span = "最近 3 周" if not self.figure.back else "这 3 周"
        self.header.note.setText(reconcile_words.sentence(mine, span, self.desk.now()))

    def _take_day(self, day: Json) -> None:
        if day["day"] != self.figure.day:
            return
        self._day = day
        names = [one["name"] for one in day["destinations"]]
        kept = self.destination.currentData()
        if names != [self.destination.itemData(place) for place in range(self.destination.count())]:
            self.destination.blockSignals(True)
            self.destination.clear()
            for one in day["destinations"]:
                self.destination.addItem(one["title"], one["name"])
            self.destination.setCurrentIndex(max(0, self.destination.findData(kept)))
            self.destination.blockSignals(False)
        self.destination.setVisible(len(names) > 1)
        self._show_day()

    def _show_day(self) -> None:
        self._show_figure()
        one = self._one()
        day = words.day_of(self.figure.day) if self.figure.day else words.today(self.desk.now())
        self.day_head.title.setText(words.long_day(day))
        self.day_head.note.setText(f"{one['all']} 例" if one else "")
        self.again.setVisible(bool(one and one["can_answer"]))
        piles = pile_rows(one)
        chosen = self.piles.key()
        self.piles.put(piles)
        high = 56 if len(piles) < _MANY_PILES else 48
        self.piles.verticalHeader().setDefaultSectionSize(high)
        self.piles.setFixedHeight(high * len(piles))
        self._show_says(one)
        self._how.setVisible(not self.low and bool(one and one["can_answer"]))
        self.asked.show_questions(one, self.desk.now(), most=MOST if len(piles) < _MANY_PILES else 2)
        if piles and (not chosen or not self.piles.key() or self._shown != self.figure.day or is_bare(one, chosen)):
            worst = next((pile for pile in piles[1:] if pile["count"]), piles[0])
            self.piles.choose(worst["key"])
        self._shown = self.figure.day
        self._show_rows()

    def _one(self) -> Json | None:
        found = self._day["destinations"] if self._day else []
        name = self.destination.currentData()
        return next((one for one in found if one["name"] == name), found[0] if found else None)

    def _show_says(self, one: Json | None) -> None:
        self._says.setText(one["says"] if one else "")
        again = words.clock(one["ask_again_at"], self.desk.now()) if one else ""
        self._next.setText(f"{again} 再问一次" if again else one["says_more"] if one else "")
        trouble = one["trouble"] if one else None
        if trouble:
            self._next.setText(f"没有问成：{trouble if isinstance(trouble, str) else trouble['title']}")

    def _show_rows(self) -> None:
        one, pile = self._one(), self.piles.key()
        title = "已齐" if pile == AGREED and one and one["agreed"] else reconcile_words.TITLES[pile]
        self.rows_head.title.setText(title)
        if pile == AGREED and one is not None and int(one["agreed"]) + int(one["received"]):
            face, day, name = self.desk.face, self.figure.day, one["name"]
            self.desk.asker.ask(
                lambda: face.reconciled(day, name, _MOST_ROWS), lambda answer: self._show_agreed(day, name, answer),
                key="reconciled",
            )  # fmt: skip
            self._reveal(self.agreed)
        else:
            rows = open_rows(one, pile) if one and pile in (MISSING, LACKING, UNSENT) else []
            self.rows.put(rows)
            self._span_headings(rows)
            self.rows_head.note.setText(reconcile_words.NOTES.get(pile, "") if rows else "")
            self._reveal(self.rows if rows else self._empty)
            if rows and not self.rows.key():
                self.rows.choose_first()
            which = words.day_of(self.figure.day) if self.figure.day else words.today(self.desk.now())
            self._empty.say(*reconcile_words.bare(pile, one, which))
        self._offer()

    def _show_agreed(self, day: str, name: str, answer: Json) -> None:
        one = self._one()
        if self.piles.key() != AGREED or day != self.figure.day or one is None or one["name"] != name:
            return
        rows = answer["rows"]
        self.agreed.put(rows)
        more = f"显示 1–{len(rows)}，共 {answer['total']} 例" if len(rows) < answer["total"] else ""
        numbered = any(one_of["index_code"] for one_of in rows)
        said = "每例的索引平台都收下了" if numbered else "平台答复不缺" if one["agreed"] else "平台收下时给了回执"
        self.rows_head.note.setText(more or f"{answer['total']} 例 · {said}")

    def _span_headings(self, rows: list[Json]) -> None:
        self.rows.clearSpans()
        for place, one in enumerate(rows):
            if one.get("heading"):
                self.rows.setSpan(place, 0, 1, len(self.rows.rows_model.columns))

    def _reveal(self, shown: QWidget) -> None:
        for widget in (self.rows, self.agreed, self._empty):
            widget.setVisible(widget is shown)

    # -- acting -----------------------------------------------------------------------------------------------------

    def _next_pile(self, by: int) -> None:
        rows = self.piles.rows_model.rows
        if rows:
            place = max(0, self.piles.rows_model.place(self.piles.key()))
            self.piles.choose(str(rows[max(0, min(len(rows) - 1, place + by))]["key"]))

    def _offer(self) -> None:
        """The button of the selected row, named by what it does."""
        one = self._row()
        texts = {"copy": "复制给工程师", "fill": "去填报", "open": "查看这一例", "resend": "重新上传"}
        self.act.setVisible(one is not None)
        if one is not None:
            deed = self._deed(one)
            self.act.setText(texts[deed])
            self.act.set_kind("primary" if deed in ("copy", "resend") else "plain")

    def _row(self) -> Json | None:
        if self.rows.isVisibleTo(self):
            return self.rows.row()
        return self.agreed.row() if self.agreed.isVisibleTo(self) else None

    @staticmethod
    def _deed(one: Json) -> str:
        if one.get("pile") == MISSING and needs_engineer(one):
            return "copy"
        if one.get("pile") == LACKING:
            return "copy" if one["resent"] else "resend"
        return "fill" if one.get("action") == "fill" else "open"

    def _act(self) -> None:
        one = self._row()
        if one is None:
            return
        deed, day = self._deed(one), self._one()
        if deed == "copy" and day is not None:
            QGuiApplication.clipboard().setText(for_the_engineer(one, day, self.figure.day))
            self.act.setText("已复制")
        elif deed == "resend" and day is not None:
            self._resend(str(one["exam_key"]), str(day["name"]))
        else:
            self.desk.go(words.FILL if deed == "fill" else words.QUEUE, str(one["uid"]))

    def _resend(self, exam_key: str, destination: str) -> None:
        face = self.desk.face
        self.act.setEnabled(False)

        def done(answer: Json) -> None:
            self.act.setEnabled(True)
            if answer["says"]:
                self.desk.tell("work", "没有重新上传", str(answer["says"]))
            self.refresh()

        self.desk.asker.ask(lambda: face.act_many("resend", [[exam_key, destination]]), done, self._not_resent)

    def _not_resent(self, error: AgentError) -> None:
        self.act.setEnabled(True)
        self.desk.fail(error)

    def _export(self, first: str, last: str, name: str) -> None:
        """Ask where to, then write the days."""
        dialog = QFileDialog(self, "导出对账", f"{name}.xlsx", _SHEETS)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(f"{name}.xlsx")
        dialog.fileSelected.connect(lambda path: self.export_to(path, dialog.selectedNameFilter(), first, last))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export_to(self, path: str, kind: str, first: str, last: str) -> None:
        face = self.desk.face
        if not path.lower().endswith((".xlsx", ".csv")):
            path += ".csv" if "csv" in kind else ".xlsx"
        self.desk.asker.ask(
            lambda: face.export_reconciliation(path, first, last),
            lambda answer: self.desk.tell("work", f"已导出 {answer['rows']} 行", str(answer["path"])),
        )

    def _export_day(self) -> None:
        self._export(self.figure.day, self.figure.day, f"对账 {self.figure.day}")

    def _export_month(self) -> None:
        day = words.day_of(self.figure.day)
        first = day.replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        self._export(first.isoformat(), last.isoformat(), f"对账 {day:%Y-%m}")

    # -- building ---------------------------------------------------------------------------------------------------

    def _figure_card(self) -> Card:
        self._figure = Card()
        self._figure.setFixedHeight(208)
        self.figure.chosen.connect(self._ask_day)
        self.figure.moved.connect(self.refresh)
        self.legend = Legend(self.look)
        self.earlier = Button(self.look, "‹ 前 3 周", kind="link", small=True, slot=lambda: self.figure.turn(1))
        self.later = Button(self.look, "后 3 周 ›", kind="link", small=True, slot=lambda: self.figure.turn(-1))
        self.figure_head = Head(self.look, "", "", self.legend, self.earlier, self.later)
        self._figure.box.addWidget(self.figure_head)
        self._figure.box.addWidget(self.figure, 1)
        return self._figure

    def _piles_card(self) -> Card:
        card = Card()
        card.setFixedWidth(276)
        self.day_head = Head(self.look, "")
        self.piles = RowsView(self.look, (Column(title="", cell=pile_cell),), key="key", row_height=56, head=False)
        self.piles.chosen.connect(lambda _key: self._show_rows())
        self._how = QWidget()
        how = column(self._how, margins=(16, 10, 16, 0), gap=6)
        how.addWidget(label(self.look, "怎么问的", role="caption", tone="text3"))
        self.asked = Asked(self.look)
        how.addWidget(self.asked)
        self._says = label(self.look, role="body_small", wrap=True)
        self._next = label(self.look, role="caption", tone="text2", wrap=True)
        texts = column(gap=2)
        texts.addWidget(self._says)
        texts.addWidget(self._next)
        foot = row(margins=(16, 8, 16, 10), gap=8)
        foot.addWidget(Mark(self.look, "info", "text2", 16))
        foot.addLayout(texts, 1)
        card.box.addWidget(self.day_head)
        card.box.addWidget(self.piles)
        card.box.addWidget(self._how)
        card.box.addStretch(1)
        card.box.addWidget(line())
        card.box.addLayout(foot)
        return card

    def _rows_card(self) -> Card:
        card = Card()
        self.rows_head = Head(self.look, "")
        self.rows = RowsView(self.look, self._cells.open_columns(), key="key", row_height=50)
        self.agreed = RowsView(self.look, self._cells.agreed_columns(), key="uid", row_height=50)
        for view in (self.rows, self.agreed):
            view.chosen.connect(lambda _key: self._offer())
            view.activated_row.connect(lambda _key: self._act())
        self._empty = Empty(self.look, "check", "", "")
        self.export = Button(self.look, "导出", kind="link", icon="export")
        menu = QMenu(self.export)
        menu.addAction("导出这一天").triggered.connect(lambda _on=False: self._export_day())
        menu.addAction("导出这个月").triggered.connect(lambda _on=False: self._export_month())
        self.export.setMenu(menu)
        self.act = Button(self.look, "", small=True, slot=self._act)
        hint = label(self.look, "←→ 换天 · ↑↓ 换堆 · Enter 处理选中的", role="caption", tone="text3")
        foot = row(margins=(16, 6, 16, 6), gap=12)
        foot.addWidget(hint, 1)
        foot.addWidget(self.export)
        foot.addWidget(self.act)
        card.box.addWidget(self.rows_head)
        card.box.addWidget(self.rows, 1)
        card.box.addWidget(self.agreed, 1)
        card.box.addWidget(self._empty, 1)
        card.box.addWidget(line())
        card.box.addLayout(foot)
        return card
