"""今天: does anything need me? One sentence, four counts, what needs you, how the destinations are."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QWidget

from app.domain.index_code import short_number
from app.gui import news, words
from app.gui.home_parts import Count, NeedRow, WholeRows, destination_health, intake_trouble
from app.gui.page import Desk, Json, Page, Search
from app.gui.parts import Button, Card, Empty, Head, TrayMark, clear, column, label, line, row
from app.gui.rows import Cell, Column, Text

_MOST_ROWS = 40
_MOST_CONFIRMED = 12
_COUNTS = (
    ("to_fill", "待填报", "state-fill", "you", words.FILL, "fill"),
    ("uploading", "上传中", "state-sending", "work", words.QUEUE, "uploading"),
    ("confirmed", "已确认", "state-acknowledged", "ok", words.QUEUE, "confirmed"),
    ("attention", "需要处理", "state-held", "you", words.QUEUE, "attention"),
)


class HomePage(Page):
    """The first page."""

    name = words.TODAY
    kinds = frozenset({news.STATUS, news.STUDIES})

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look)
        super().__init__(desk, self.search)
        self.search.searched.connect(self._find)
        self._needs: list[Json] = []
        self._status: Json | None = None
        self._health: dict[str, Json] = {}
        self._last: list[Json] = []
        self._need_rows: list[NeedRow] = []
        self._build_hero()
        self._build_counts()
        lower = row(gap=12)
        lower.addWidget(self._needs_card(), 1)
        right = column(gap=12)
        right.addWidget(self._health_card())
        right.addWidget(self._last_card(), 1)
        lower.addLayout(right)
        self.body.addLayout(lower, 1)

    def refresh(self) -> None:
        face = self.desk.face
        self.desk.asker.ask(lambda: face.recently_confirmed(_MOST_CONFIRMED), self._take_last, key="home-last")
        self.desk.asker.ask(face.health, self._take_health, key="home-health")

    def show_status(self, status: Json) -> None:
        self._status = status
        now, needs = self.desk.now(), status["needs_you"]
        self.header.note.setText(f"{words.long_day(words.today(now))} · 收到 {status['today']['received']} 例")
        self.mark.show_mark(status["look"], "")
        self.sentence.setText(status["sentence"] + ("，其余正常" if needs else ""))
        self._show_confirmed()
        self.one_by_one.setVisible(bool(needs))
        self._show_counts(status)
        self._show_needs(needs)
        self._show_health(status)

    def set_low(self, low: bool) -> None:
        self.low = low
        self.hero.setFixedHeight(60 if low else 72)
        self._counts_card.setFixedHeight(88 if low else 104)
        self.health_box.setContentsMargins(16, 6 if low else 10, 16, 6 if low else 10)
        self._set_heights()

    # -- building ---------------------------------------------------------------------------------------------------

    def _build_hero(self) -> None:
        self.hero = Card()
        self.hero.setFixedHeight(72)
        self.mark = TrayMark(self.look, "", "", 32)
        self.sentence = label(self.look, role="person", bold=True)
        self.confirmed = label(self.look, role="body_small", tone="text2")
        texts = column(gap=2)
        texts.addStretch(1)
        texts.addWidget(self.sentence)
        texts.addWidget(self.confirmed)
        texts.addStretch(1)
        self.one_by_one = Button(self.look, "逐件处理", kind="big", icon="page-fill", slot=self._first)
        box = row(margins=(18, 0, 18, 0), gap=16)
        box.addWidget(self.mark)
        box.addLayout(texts, 1)
        box.addWidget(self.one_by_one)
        self.hero.box.addLayout(box)
        self.body.addWidget(self.hero)

    def _build_counts(self) -> None:
        self._counts_card = Card()
        self._counts_card.setFixedHeight(104)
        self.counts: dict[str, Count] = {}
        box = row()
        for key, text, icon, tone, page, at in _COUNTS:
            if self.counts:
                edge = line()
                edge.setFixedSize(1, 2000)
                edge.setFixedHeight(100)
                edge.setObjectName("hair")
                box.addWidget(edge)
            self.counts[key] = Count(self.look, text, icon, tone)
            self.counts[key].pressed.connect(
                lambda page=page, at=at: self.desk.go(page, at if page == words.QUEUE else "")
            )
            box.addWidget(self.counts[key], 1)
        self._counts_card.box.addLayout(box)
        self.body.addWidget(self._counts_card)

    def _needs_card(self) -> Card:
        card = Card()
        self.needs_head = Head(self.look, "现在需要您")
        card.box.addWidget(self.needs_head)
        inner = QWidget()
        inner.setObjectName("body")
        self.needs_box = column(inner)
        self.needs_scroll = QScrollArea()
        self.needs_scroll.setWidgetResizable(True)
        self.needs_scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.needs_scroll.setWidget(inner)
        self.needs_empty = Empty(self.look, "check", "没有等您处理的事", "新的影像收齐、要填的，会出现在这里。")
        card.box.addWidget(self.needs_scroll, 1)
        card.box.addWidget(self.needs_empty, 1)
        return card

    def _health_card(self) -> Card:
        card = Card()
        card.setFixedWidth(392)
        card.box.addWidget(Head(self.look, "上传目标", "高 有确认 · 中 在重试 · 矮 没有任务"))
        self.health_box = column(margins=(16, 10, 16, 10), gap=10)
        card.box.addLayout(self.health_box)
        return card

    def _last_card(self) -> Card:
        card = Card()
        card.setFixedWidth(392)
        self._everything = Button(
            self.look, "全部", kind="link", small=True, slot=lambda: self.desk.go(words.QUEUE, "confirmed")
        )
        card.box.addWidget(Head(self.look, "平台刚确认的", "", self._everything))
        self.last = WholeRows(self.look, (Column(title="", cell=self._last_cell),), key="uid", row_height=32)
        self.last.activated_row.connect(lambda key: self.desk.go(words.QUEUE, key))
        self.last_empty = Empty(self.look, "clock", "平台还没有确认过", "第一例上传好、平台答复后会出现在这里。")
        card.box.addWidget(self.last, 1)
        card.box.addWidget(self.last_empty, 1)
        return card

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show_counts(self, status: Json) -> None:
        counts, states, today = status["counts"], status["states"], status["today"]
        fetched = min(int(counts["to_fetch"]), int(states.get("waiting", 0)))
        going = states | {"fetched": fetched, "waiting": states.get("waiting", 0) - fetched}
        moving = (("sending", "正在传"), ("queued", "排队"), ("fetched", "等平台来取"), ("waiting", "等重试"))
        stopped = (("held", "要改内容"), ("rejected", "要找工程师"), ("to_sign", "等签名"))
        oldest = words.clock(status["oldest_to_fill_at"], self.desk.now())
        receiving = f"另有 {counts['receiving']} 例正在接收" if counts["receiving"] else ""
        numbers = {"uploading": int(counts["uploading"]), "attention": sum(states.get(name, 0) for name, _ in stopped)}
        numbers |= {"to_fill": words.to_fill(counts), "confirmed": int(today["confirmed"])}
        notes = {
            "to_fill": f"最早一例 {oldest} 收到" if oldest else receiving or "都填好了",
            "uploading": _told(going, moving) or "没有在传的",
            "confirmed": "今天的，每例平台都已接收" if today["confirmed"] else "今天平台还没有确认过",
            "attention": _told(states, stopped) or "没有被退回的",
        }
        for key, widget in self.counts.items():
            widget.show_count(numbers[key], notes[key])
        self._everything.setText(f"全部 {counts['confirmed']} 例")
        self._everything.setVisible(bool(counts["confirmed"]))

    def _show_confirmed(self) -> None:
        """When a platform last confirmed something, and what, if that made the exam whole."""
        status, now = self._status, self.desk.now()
        if status is None:
            return
        at = status["last_confirmed_at"]
        parts = [words.confirmed_line(at, now), words.since(at, now)]
        parts += [f"{words.name(one)} {words.what(one)}" for one in self._last[:1] if one["acknowledged_at"] == at]
        self.confirmed.setText(" · ".join(part for part in parts if part))

    def _show_needs(self, needs: list[Json]) -> None:
        self.needs_head.note.setText(f"{len(needs)} 件，急的在前" if needs else "")
        self.needs_scroll.setVisible(bool(needs))
        self.needs_empty.setVisible(not needs)
        if needs != self._needs:
            self._build_needs(needs)
        for made in self._need_rows:
            made.show_since(self.desk.now())

    def _build_needs(self, needs: list[Json]) -> None:
        self._needs = needs
        at = self.needs_scroll.verticalScrollBar().value()
        clear(self.needs_box)
        self._need_rows.clear()
        for need in needs[:_MOST_ROWS]:
            made = NeedRow(self.look, need, partial(self._open, need))
            self._need_rows.append(made)
            self.needs_box.addWidget(made)
        if len(needs) > _MOST_ROWS:
            self.needs_box.addWidget(
                label(self.look, f"　还有 {len(needs) - _MOST_ROWS} 件，做完上面的会出现", tone="text3")
            )
        self._set_heights()
        self.needs_box.addStretch(1)
        self.needs_scroll.verticalScrollBar().setValue(at)

    def _set_heights(self) -> None:
        """The last row has no line under it: the card ends there."""
        height = self.look.height("row_need_low" if self.low else "row_need")
        for one in self._need_rows:
            last = one is self._need_rows[-1]
            one.hair.setVisible(not last)
            one.setFixedHeight(height - last)

    def _take_health(self, answer: Json) -> None:
        self._health = {str(one["name"]): one for one in answer["destinations"]}
        if self._status is not None:
            self._show_health(self._status)

    def _show_health(self, status: Json) -> None:
        now = self.desk.now()
        clear(self.health_box)
        for number, one in enumerate(status["destinations"]):
            if number:
                self.health_box.addWidget(line(hair=True))
            self.health_box.addWidget(destination_health(self.look, one, self._health.get(str(one["name"])), now))
        if not status["destinations"]:
            self.health_box.addWidget(label(self.look, "还没有上传目标，请先在设置里填好", tone="text2", wrap=True))
        trouble = intake_trouble(self.look, status)
        if trouble is not None:
            self.health_box.addWidget(trouble)

    def _take_last(self, answer: Json) -> None:
        self._last = answer["exams"]
        self._show_last()
        self._show_confirmed()

    def _show_last(self) -> None:
        self.last.put(self._last)
        self.last.setVisible(bool(self._last))
        self.last_empty.setVisible(not self._last)

    def _last_cell(self, exam: Json) -> Cell:
        mark = self.look.state(exam["state"])
        at = words.clock(exam["acknowledged_at"], self.desk.now())
        number = f"索引 {short_number(exam['index_code'])}　" if exam["index_code"] else ""
        right = (Text(text=f"{number}平台已接收 {at}", role="caption", tone="text2"),)
        line_of = Text(text=f"{words.name(exam)}　{words.what(exam)}", role="body_small")
        return Cell(mark=mark.icon, mark_tone=mark.tone, lines=(line_of,), right=right)

    # -- acting -----------------------------------------------------------------------------------------------------

    def _first(self) -> None:
        self.desk.one_by_one()

    def _open(self, need: Json) -> None:
        self.desk.go(words.PLACES.get(need["action"], words.TODAY), str(need["uid"]))

    def _find(self, text: str) -> None:
        if text:
            self.search.clear()
            self.desk.go(words.QUEUE, f"?{text}")


def _told(states: Json, names: tuple[tuple[str, str], ...]) -> str:
    """1 正在传 · 1 排队 · 1 等重试"""
    return " · ".join(f"{states[name]} {text}" for name, text in names if states.get(name))
