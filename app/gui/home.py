"""今天: does anything need me? One sentence, four counts, what needs you, how the destinations are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QScrollArea, QSizePolicy, QWidget

from app.gui import news, words
from app.gui.look import Look
from app.gui.page import Desk, Json, Page, Search
from app.gui.parts import Button, Card, Empty, Head, Mark, TrayMark, clear, column, label, line, row, set_tone
from app.gui.rows import Cell, Column, RowsView, Text
from app.gui.told import Told

_MOST_ROWS = 40
_COUNTS = (
    ("to_fill", "待填报", "state-fill", "you", words.FILL, "fill"),
    ("uploading", "上传中", "state-sending", "work", words.QUEUE, "uploading"),
    ("confirmed", "已确认", "state-acknowledged", "ok", words.QUEUE, "confirmed"),
    ("attention", "需要处理", "state-held", "you", words.QUEUE, "attention"),
)
_TURN_MARKS = {"engineer": ("state-rejected", "bad"), "automatic": ("state-waiting", "retry")}
_ACTION_MARKS = {"fill": ("state-fill", "you"), "open": ("state-held", "you"), "reconcile": ("state-held", "you")}
_ACTION_WORDS = {"fill": "填报", "open": "查看", "reconcile": "查看"}
_ACTION_PAGES = {"fill": words.FILL, "open": words.QUEUE, "reconcile": words.RECONCILE}


class HomePage(Page):
    """The first page."""

    name = words.TODAY
    kinds = frozenset({news.STATUS, news.STUDIES})

    def __init__(self, desk: Desk) -> None:
        self.search = Search(desk.look)
        super().__init__(desk, self.search)
        self.search.searched.connect(self._find)
        self._needs: list[Json] = []
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
        self.desk.asker.ask(lambda: face.studies(state="confirmed", limit=5), self._show_last, key="home-last")

    def show_status(self, status: Json) -> None:
        now = self.desk.now()
        counts, needs = status["counts"], status["needs_you"]
        self.header.note.setText(f"{words.long_day(words.today(now))} · 共 {counts['all']} 例")
        self.mark.show_mark(status["look"], "")
        self.sentence.setText(status["sentence"] + ("，其余正常" if status["look"] == "needs-you" else ""))
        self.confirmed.setText(words.confirmed_line(status["last_confirmed_at"], now))
        self.one_by_one.setVisible(bool(needs))
        self._everything.setText(f"全部 {counts['confirmed']} 例")
        self._everything.setVisible(bool(counts["confirmed"]))
        self._show_counts(status)
        self._show_needs(needs)
        self._show_health(status)

    def set_low(self, low: bool) -> None:
        self.low = low
        self.hero.setFixedHeight(60 if low else 72)
        self._counts_card.setFixedHeight(88 if low else 104)
        for one in self._need_rows:
            one.setFixedHeight(self._row_height())

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
        self.needs_scroll.setWidget(inner)
        self.needs_empty = Empty(self.look, "check", "没有等您处理的事", "新的影像收齐、要填的，会出现在这里。")
        card.box.addWidget(self.needs_scroll, 1)
        card.box.addWidget(self.needs_empty, 1)
        return card

    def _health_card(self) -> Card:
        card = Card()
        card.setFixedWidth(392)
        card.box.addWidget(Head(self.look, "上传目标"))
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
        self.last = RowsView(self.look, (Column(title="", cell=self._last_cell),), key="uid", row_height=32, head=False)
        self.last.activated_row.connect(lambda key: self.desk.go(words.QUEUE, key))
        self.last_empty = Empty(self.look, "clock", "平台还没有确认过", "第一例上传好、平台答复后会出现在这里。")
        card.box.addWidget(self.last, 1)
        card.box.addWidget(self.last_empty, 1)
        return card

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show_counts(self, status: Json) -> None:
        counts = status["counts"]
        receiving = f"另有 {counts['receiving']} 例正在接收" if counts["receiving"] else ""
        ready = f"其中 {counts['ready']} 例可以直接提交" if counts["ready"] else ""
        notes = {
            "to_fill": ready or receiving or ("还缺内容，填好才能上传" if words.to_fill(counts) else "都填好了"),
            "uploading": "排队的、在传的、等重试的" if counts["uploading"] else "没有在传的",
            "confirmed": "每个上传目标都答复了" if counts["confirmed"] else "平台还没有确认过",
            "attention": "平台没有收下，要改或找工程师" if counts["attention"] else "没有被退回的",
        }
        for key, widget in self.counts.items():
            widget.show_count(words.to_fill(counts) if key == "to_fill" else int(counts[key]), notes[key])

    def _show_needs(self, needs: list[Json]) -> None:
        self.needs_head.note.setText(f"{len(needs)} 件，急的在前" if needs else "")
        self.needs_scroll.setVisible(bool(needs))
        self.needs_empty.setVisible(not needs)
        if needs == self._needs:
            return
        self._needs = needs
        at = self.needs_scroll.verticalScrollBar().value()
        clear(self.needs_box)
        self._need_rows.clear()
        for need in needs[:_MOST_ROWS]:
            made = NeedRow(
                self.look, need, words.clock(need["since"], self.desk.now()), lambda need=need: self._open(need)
            )
            made.setFixedHeight(self._row_height())
            self._need_rows.append(made)
            self.needs_box.addWidget(made)
        if len(needs) > _MOST_ROWS:
            self.needs_box.addWidget(
                label(self.look, f"　还有 {len(needs) - _MOST_ROWS} 件，做完上面的会出现", tone="text3")
            )
        self.needs_box.addStretch(1)
        self.needs_scroll.verticalScrollBar().setValue(at)

    def _row_height(self) -> int:
        return self.look.height("row_need_low" if self.low else "row_need")

    def _show_health(self, status: Json) -> None:
        now = self.desk.now()
        clear(self.health_box)
        for one in status["destinations"]:
            self.health_box.addWidget(destination_health(self.look, one, now))
        if not status["destinations"]:
            self.health_box.addWidget(label(self.look, "还没有上传目标，请先在设置里填好", tone="text2", wrap=True))
        self.health_box.addWidget(intake_health(self.look, status))

    def _show_last(self, answer: Json) -> None:
        self.last.put(answer["studies"][: 3 if self.low else 5])
        self.last.setVisible(bool(answer["studies"]))
        self.last_empty.setVisible(not answer["studies"])

    def _last_cell(self, study: Json) -> Cell:
        mark = self.look.state(study["state"])
        sent = words.clock(study["submitted_at"], self.desk.now())
        right = (Text(text=f"{study['state_words']} · {sent} 提交", role="caption", tone="text3"),)
        line_of = Text(text=f"{words.name(study)}　{words.what(study)}", role="body_small")
        return Cell(mark=mark.icon, mark_tone=mark.tone, lines=(line_of,), right=right)

    # -- acting -----------------------------------------------------------------------------------------------------

    def _first(self) -> None:
        if self._needs:
            self._open(self._needs[0])

    def _open(self, need: Json) -> None:
        self.desk.go(_ACTION_PAGES[need["action"]], str(need["uid"]))

    def _find(self, text: str) -> None:
        if text:
            self.search.clear()
            self.desk.go(words.QUEUE, f"?{text}")


class Count(QWidget):
    """One of the four numbers; pressing it opens its page."""

    pressed = Told()

    def __init__(self, look: Look, text: str, icon: str, tone: str) -> None:
        super().__init__()
        self._look, self._tone = look, tone
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(text)
        self._mark = Mark(look, icon, tone, 18)
        self._icon = icon
        top = row(gap=8)
        top.addWidget(self._mark)
        top.addWidget(label(look, text))
        top.addStretch(1)
        top.addWidget(Mark(look, "chevron-right", "text2", 14))
        self.number = label(look, "0", role="number", tone=tone, bold=True)
        self.note = label(look, role="caption", tone="text2")
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        middle = row(gap=6)
        middle.addWidget(self.number)
        middle.addWidget(label(look, "例", role="body_small", tone="text2"), 0, Qt.AlignmentFlag.AlignVCenter)
        middle.addStretch(1)
        box = column(self, margins=(18, 8, 14, 8), gap=0)
        box.addLayout(top)
        box.addLayout(middle)
        box.addWidget(self.note)

    def show_count(self, count: int, note: str) -> None:
        tone = self._tone if count else "idle"
        self.number.setText(str(count))
        set_tone(self.number, tone)
        self._mark.show_mark(self._icon, tone)
        self.note.setText(note)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.pressed.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(self._look.colour("accent"))
            painter.drawRect(self.rect().adjusted(2, 2, -3, -3))


class NeedRow(QWidget):
    """One thing that waits for a person: mark, who and what, why, since when, one button."""

    def __init__(self, look: Look, need: dict[str, Any], since: str, slot: Any) -> None:
        super().__init__()
        icon, tone = _TURN_MARKS.get(need["turn"]) or _ACTION_MARKS[need["action"]]
        if "state" in need:
            mark = look.state(need["state"])
            icon, tone = mark.icon, mark.tone
        texts = column(gap=3)
        texts.addStretch(1)
        title = label(look, need["title"], bold=True)
        why = _elided(label(look, need["why"], role="body_small", tone="text2"))
        texts.addWidget(title)
        texts.addWidget(why)
        texts.addStretch(1)
        inner = row(margins=(18, 0, 16, 0), gap=14)
        inner.addWidget(Mark(look, icon, tone, 18))
        inner.addLayout(texts, 1)
        inner.addWidget(label(look, since, role="caption", tone="text2"))
        self.button = Button(look, _ACTION_WORDS[need["action"]], small=True, slot=slot)
        self.button.setMinimumWidth(84)
        inner.addWidget(self.button)
        outer = column(self)
        outer.addLayout(inner, 1)
        outer.addWidget(line(hair=True))


def _elided(text: QLabel) -> QLabel:
    text.setToolTip(text.text())
    text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return text


class Health(QWidget):
    """One side of the work in words: well and since when, or what is wrong."""

    def __init__(self, look: Look, mark: tuple[str, str], title: str, note: str, said: str, tone: str) -> None:
        super().__init__()
        top = row(gap=8)
        top.addWidget(Mark(look, *mark, 16))
        top.addWidget(label(look, title, bold=True))
        top.addStretch(1)
        top.addWidget(label(look, note, role="caption", tone="text2"))
        box = column(self, gap=3)
        box.addLayout(top)
        box.addWidget(label(look, said, role="body_small", tone=tone, wrap=True))


def destination_health(look: Look, one: Json, now: datetime) -> Health:
    """A destination: green only with the time of its last answer."""
    trouble, last = str(one["trouble"]), words.clock(one["last_ok_at"], now)
    note = f"最近确认 {last}" if last else "还没有确认过"
    if trouble:
        since = words.clock(one["trouble_since"], now)
        return Health(
            look, ("state-waiting", "retry"), one["title"], note, f"{trouble} · {since} 起，正在自动重试", "retry"
        )
    if one["clock_warning"]:
        return Health(look, ("state-held", "you"), one["title"], note, str(one["clock_warning"]), "you")
    mark = ("state-acknowledged", "ok") if last else ("clock", "idle")
    return Health(look, mark, one["title"], note, "连得上" if last else "第一次上传后这里会有时间", "text2")


def intake_health(look: Look, status: Json) -> Health:
    """The way in: the DICOM port and the watched folders."""
    dicom = status["dicom"]
    wrong = [str(dicom["trouble"] or f"DICOM 端口 {dicom['port']} 没有开")] if not dicom["listening"] else []
    wrong += [f"{one['path']}：{one['trouble']}" for one in status["folders"] if not one["ok"]]
    note = f"{dicom['ae_title']} · 端口 {dicom['port']}"
    if wrong:
        return Health(look, ("state-held", "you"), "收影像", note, "；".join(wrong), "you")
    return Health(look, ("check", "text2"), "收影像", note, "设备可以发影像过来", "text2")
