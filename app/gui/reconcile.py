"""对账: do both sides agree? Days with their verdict, the piles of one day, how the platform was asked."""

from __future__ import annotations

from datetime import timedelta

from PySide6.QtWidgets import QComboBox, QWidget

from app.errors import AgentError
from app.gui import news, words
from app.gui.days import DaysFigure
from app.gui.page import Desk, Json, Page
from app.gui.parts import Button, Card, Empty, Head, Mark, clear, column, label, line, row
from app.gui.rows import Cell, Column, RowsView, Text

AGREED, MISSING, UNSENT = "agreed", "missing", "unsent"


class ReconcilePage(Page):
    """The page of the days."""

    name = words.RECONCILE
    kinds = frozenset({news.DAYS})

    def __init__(self, desk: Desk) -> None:
        self.destination = QComboBox()
        self.destination.setFont(desk.look.font("body_small"))
        self.destination.setMinimumWidth(150)
        self.again = Button(desk.look, "再对一次", icon="page-reconcile", slot=self._ask_platform)
        super().__init__(desk, self.destination, self.again)
        self._day: Json | None = None
        self._days: list[Json] = []
        self._pile = ""
        self.destination.currentIndexChanged.connect(lambda _index: self._show_day())
        self.body.addWidget(self._figure_card())
        lower = row(gap=12)
        lower.addWidget(self._piles_card())
        lower.addWidget(self._rows_card(), 1)
        self.body.addLayout(lower, 1)

    def refresh(self) -> None:
        face = self.desk.face
        self.desk.asker.ask(lambda: face.reconciliation_days(62), self._show_days, key="days")
        if self.figure.day:
            self._ask_day(self.figure.day)

    def open_at(self, key: str) -> None:
        """A day, else the newest day that lacks something, else the newest."""
        self.figure.choose(key if len(key) == 10 and key[4] == "-" else self._worst_day())

    def set_low(self, low: bool) -> None:
        self.low = low
        self._how.setVisible(not low)
        self._figure.setFixedHeight(190 if low else 208)

    # -- asking -----------------------------------------------------------------------------------------------------

    def _ask_day(self, day: str) -> None:
        face = self.desk.face
        self.desk.asker.ask(lambda: face.reconciliation(day), self._take_day, key="day")

    def _ask_platform(self) -> None:
        face, day, destination = self.desk.face, self.figure.day, str(self.destination.currentData() or "")
        self.again.setEnabled(False)
        self.again.setText("正在问平台")

        def done(answer: Json) -> None:
            self._asked()
            self._take_day(answer)
            self.refresh()

        self.desk.asker.ask(lambda: face.reconcile(day, destination), done, self._not_asked)

    def _not_asked(self, error: AgentError) -> None:
        self._asked()
        self.desk.fail(error)

    def _asked(self) -> None:
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
        newest = str(self._days[0]["day"]) if self._days else yesterday
        return next((str(one["day"]) for one in self._days if one["state"] == "engineer"), newest)

    def _show_figure(self) -> None:
        name = self.destination.currentData()
        mine = [one for one in self._days if not name or one["destination"] == name]
        self.figure.show_days(mine)
        shown = {day.isoformat() for day in self.figure.days()}
        lacking = [one for one in mine if one["state"] == "engineer" and one["day"] in shown]
        if not mine:
            said = "还没有对过账"
        elif lacking:
            days = "、".join(words.short_day(words.day_of(one["day"]), self.desk.now()) for one in lacking[:2])
            said = f"最近 3 周只有{days}还缺 {sum(int(one['missing']) for one in lacking)} 例"
        else:
            said = "最近 3 周没有缺的"
        self.header.note.setText(said)

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
            self._show_figure()
        self.destination.setVisible(len(names) > 1)
        self._show_day()

    def _show_day(self) -> None:
        self._show_figure()
        one = self._one()
        day = words.day_of(self.figure.day) if self.figure.day else words.today(self.desk.now())
        self.day_head.title.setText(words.long_day(day))
        self.day_head.note.setText(f"{one['sent']} 例" if one else "")
        self.again.setVisible(bool(one and one["can_answer"]))
        piles = self._pile_rows(one)
        self.piles.put(piles)
        self.piles.setFixedHeight(56 * len(piles))
        self._show_says(one)
        self._show_how(one)
        if not self.piles.key() and piles:
            worst = next((pile for pile in piles if pile["key"] != AGREED and pile["count"]), piles[0])
            self.piles.choose(worst["key"])
        self._show_rows()

    def _one(self) -> Json | None:
        found = self._day["destinations"] if self._day else []
        name = self.destination.currentData()
        return next((one for one in found if one["name"] == name), found[0] if found else None)

    def _pile_rows(self, one: Json | None) -> list[Json]:
        if one is None:
            return []
        lacking = [row_of for row_of in one["missing"] if not row_of["solved_at"]]
        solved = len(one["missing"]) - len(lacking)
        unsent = list(dict.fromkeys(str(row_of["state_words"]) for row_of in one["unsent"]))
        agreed_note = (
            f"自动补传 {solved} 例后" if solved else one["state_words"] if one["state"] == "open" else "平台不缺"
        )
        rows = [
            {
                "key": AGREED,
                "title": "已齐" if one["can_answer"] else "平台已接收",
                "count": one["agreed"],
                "note": agreed_note if one["can_answer"] else "以回执为准",
            },
            {
                "key": MISSING,
                "title": "平台缺检查",
                "count": len(lacking),
                "note": one["state_words"] if lacking else "没有缺的",
                "engineer": one["state"] == "engineer",
            },
            {
                "key": UNSENT,
                "title": "本地没有上传完",
                "count": len(one["unsent"]),
                "note": "、".join(unsent) if unsent else "都上传完了",
            },
        ]
        return rows if one["can_answer"] else [rows[0], rows[2]]

    def _pile_cell(self, pile: Json) -> Cell:
        icon, tone = {
            AGREED: self._agreed_mark(),
            MISSING: ("state-rejected", "bad") if pile.get("engineer") else ("state-waiting", "retry"),
            UNSENT: ("page-queue", "you"),
        }[str(pile["key"])]
        if not pile["count"]:
            tone = "idle"
        return Cell(
            mark=icon,
            mark_tone=tone,
            mark_size=18,
            lines=(Text(text=pile["title"]), Text(text=pile["note"], role="caption", tone="text2")),
            right=(Text(text=str(pile["count"]), role="section", bold=True, tone=tone),),
        )

    def _agreed_mark(self) -> tuple[str, str]:
        """Solid only where the platform was asked and agreed; hollow where it cannot answer; grey before."""
        one = self._one()
        if one is None or (one["can_answer"] and one["state"] in ("open", "asked_once")):
            return "state-queued", "idle"
        return ("state-reconciled", "ok") if one["can_answer"] else ("state-acknowledged", "ok")

    def _show_says(self, one: Json | None) -> None:
        self._says.setText(one["says"] if one else "")
        again = words.clock(one["ask_again_at"], self.desk.now()) if one else ""
        self._next.setText(f"{again} 再问一次" if again else "每天对前一天的账，开机时补对")
        trouble = one["trouble"] if one else None
        if trouble:
            self._next.setText(f"没有问成：{trouble if isinstance(trouble, str) else trouble['title']}")

    def _show_how(self, one: Json | None) -> None:
        clear(self._how_box)
        for question in (one["questions"] if one else [])[-5:]:
            failed = str(question["failed"] or "")
            said = failed or (f"说缺 {len(question['missing'])} 例" if question["missing"] else "说不缺")
            line_of = row(gap=8)
            tone = "text3" if failed else "retry" if question["missing"] else "ok"
            line_of.addWidget(Mark(self.look, "state-waiting" if tone != "ok" else "check", tone, 14))
            line_of.addWidget(label(self.look, f"问了 {question['asked_count']} 例，{said}", role="body_small"), 1)
            at = words.clock(question["asked_at"], self.desk.now())
            line_of.addWidget(label(self.look, at, role="caption", tone="text2"))
            self._how_box.addLayout(line_of)
        if not one or not one["questions"]:
            self._how_box.addWidget(label(self.look, "这一天还没有问过平台", role="body_small", tone="text2"))

    def _show_rows(self) -> None:
        one, pile = self._one(), self.piles.key()
        rows = list(one[pile]) if one and pile in (MISSING, UNSENT) else []
        if pile == MISSING:
            rows = [{**row_of, "solved": bool(row_of["solved_at"])} for row_of in rows]
            rows.sort(key=lambda row_of: row_of["solved"])
        self.rows.put([{**row_of, "pile": pile} for row_of in rows])
        self.rows.setVisible(bool(rows))
        self._empty.setVisible(not rows)
        titles = {AGREED: "已齐", MISSING: "平台缺检查", UNSENT: "本地没有上传完", "": "这一天"}
        self.rows_head.title.setText(titles[pile])
        self.rows_head.note.setText(_NOTES.get(pile, "") if rows else "")
        self._say_empty(one, pile)

    def _say_empty(self, one: Json | None, pile: str) -> None:
        if one is None or (not int(one["sent"]) and not one["unsent"]):
            self._empty.say("calendar", "这一天没有检查", "没有收到影像，没有要问平台的。")
        elif pile == AGREED and one["can_answer"] and one["state"] in ("open", "asked_once"):
            self._empty.say("clock", "还没对账", "每天对前一天的账；想现在就问，点“再对一次”。")
        elif pile == AGREED:
            said = "平台答复这些检查都不缺。" if one["can_answer"] else "平台无对账接口，收下时都给了回执。"
            self._empty.say("check", f"{one['agreed']} 例都在平台上", said)
        else:
            self._empty.say(
                "check", "没有", "缺的先自动补传，不用您做什么。" if pile == MISSING else "提交的都上传完了。"
            )

    # -- building ---------------------------------------------------------------------------------------------------

    def _figure_card(self) -> Card:
        self._figure = Card()
        self._figure.setFixedHeight(208)
        self.figure = DaysFigure(self.look, self.desk.now)
        self.figure.chosen.connect(self._ask_day)
        first, last = self.figure.days()[0], self.figure.days()[-1]
        title = f"{first.month} 月 {first.day} 日 – {last.month} 月 {last.day} 日"
        legend = label(self.look, "红色斜纹：平台缺检查 · 灰色：还没对账", role="caption", tone="text2")
        self._figure.box.addWidget(Head(self.look, title, "", legend))
        self._figure.box.addWidget(self.figure, 1)
        return self._figure

    def _piles_card(self) -> Card:
        card = Card()
        card.setFixedWidth(276)
        self.day_head = Head(self.look, "")
        self.piles = RowsView(
            self.look, (Column(title="", cell=self._pile_cell),), key="key", row_height=56, head=False
        )
        self.piles.chosen.connect(lambda _key: self._show_rows())
        self._how = QWidget()
        how = column(self._how, margins=(16, 10, 16, 0), gap=6)
        how.addWidget(label(self.look, "怎么问的", role="caption", tone="text3"))
        self._how_box = column(gap=6)
        how.addLayout(self._how_box)
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
        columns = (
            Column(title="患者", cell=lambda one: Cell(lines=(Text(text=words.name(one), bold=True),)), least=110),
            Column(title="检查", cell=self._exam_cell, least=160),
            Column(title="平台的回答", cell=self._answer_cell, least=160),
            Column(title="处理", cell=self._deal_cell),
        )
        self.rows = RowsView(self.look, columns, key="uid", row_height=50)
        self.rows.activated_row.connect(lambda uid: self.desk.go(words.QUEUE, uid))
        self._empty = Empty(self.look, "check", "", "")
        card.box.addWidget(self.rows_head)
        card.box.addWidget(self.rows, 1)
        card.box.addWidget(self._empty, 1)
        return card

    def _exam_cell(self, one: Json) -> Cell:
        lines = (
            Text(text=str(one.get("modality") or words.NOTHING)),
            Text(text=str(one.get("accession_number") or ""), role="caption", tone="text2"),
        )
        return Cell(lines=lines)

    def _answer_cell(self, one: Json) -> Cell:
        if one["pile"] == UNSENT:
            return Cell(lines=(Text(text="没有问它", tone="text2"),))
        at = words.clock(one["first_seen_at"], self.desk.now())
        if one["solved"]:
            solved = words.clock(one["solved_at"], self.desk.now())
            return Cell(lines=(Text(text="不缺了"), Text(text=f"{at} 缺，{solved} 有", role="caption", tone="text2")))
        return Cell(lines=(Text(text="缺这例检查", tone="bad"), Text(text=f"{at} 起", role="caption", tone="text2")))

    def _deal_cell(self, one: Json) -> Cell:
        if one["pile"] == UNSENT:
            mark = self.look.state(one["state"])
            return Cell(mark=mark.icon, mark_tone=mark.tone, lines=(Text(text=one["state_words"], tone=mark.tone),))
        icon, tone = ("state-reconciled", "ok") if one["solved"] else ("state-rejected", "bad")
        if not one["solved"] and int(one["resend_count"]) < 2:
            icon, tone = "state-waiting", "retry"
        below = Text(text=f"已自动补传 {one['resend_count']} 次", role="caption", tone="text2")
        return Cell(mark=icon, mark_tone=tone, lines=(Text(text=one["words"], tone=tone), below))


_NOTES = {MISSING: "隔一会儿问两次都缺才算；先自动补传，两次仍缺才找工程师", UNSENT: "没做完的不算平台缺"}
