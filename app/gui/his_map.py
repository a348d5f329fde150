"""对列: the columns of an export at the left, which of our things each one is, and what the first rows then fill."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QScrollArea, QSizePolicy, QWidget

from app.gui.code_box import CodeBox
from app.gui.look import Look
from app.gui.page import Desk, Json
from app.gui.parts import Button, Mark, clear, column, frame, label, line, row
from app.gui.told import Told

_BOTH = {"id_number": "id_number", "name": "patient_name"}
"""Matched by and filled from the same column."""
_WHOSE = "用来认是哪一例"
_MARKS = {
    "matched": ("check", "work"),
    "ambiguous": ("state-held", "you"),
    "waiting": ("clock", "text2"),
}
_HEIGHT = 400
_LETTERS = 24


class ThingBox(CodeBox):
    """One of our fields for a column, found by name or pinyin; emptied, the column is not used."""

    chosen = Told()

    def __init__(self, desk: Desk, things: list[Json]) -> None:
        super().__init__(desk, "")
        self._things = things
        self.key = ""
        self.setPlaceholderText("不用这一列")
        self.setToolTip("名称、拼音首字母都行 · Alt+↓ 打开列表 · 清空就是不用")

    def show_key(self, key: str) -> None:
        self.key = key
        self.setText(next((one["label"] for one in self._things if one["key"] == key), ""))

    def search(self) -> None:
        typed = (self.text() + self._composed).replace("'", "").strip().casefold()
        self._offer([hit for one in self._things if (hit := _hit(one, typed)) is not None])

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if not self.text().strip() and self.key:
            self._pick({"key": "", "label": ""})
        else:
            self.show_key(self.key)

    def _offer_all(self) -> None:
        self._offer([hit for one in self._things if (hit := _hit(one, "")) is not None])

    def _pick(self, code: dict[str, Any] | None) -> None:
        if code is not None:
            self.close_list()
            changed = code["key"] != self.key
            self.show_key(code["key"])
            if changed:
                self.chosen.emit(code["key"])


class ColumnRow(QWidget):
    """One column of the export: its name, what stands in it, what it is."""

    def __init__(self, desk: Desk, column_of: Json, things: list[Json]) -> None:
        super().__init__()
        self.name = str(column_of["name"])
        texts = column(gap=2)
        name = label(desk.look, self.name, wrap=True)
        samples = label(desk.look, _short(column_of["samples"]), role="caption", tone="text3")
        samples.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        samples.setToolTip("\n".join(column_of["samples"]))
        texts.addWidget(name)
        texts.addWidget(samples)
        self.box = ThingBox(desk, things)
        self.box.setAccessibleName(self.name)
        self.box.setFixedWidth(196)
        box = row(self, margins=(0, 6, 0, 6), gap=10)
        box.addLayout(texts, 1)
        box.addWidget(Mark(desk.look, "chevron-right", "text3", 14))
        box.addWidget(self.box)


class MapPage(QWidget):
    """`mapping()` is what stands there now; `changed` when a person chose. `show_preview` takes the engine's answer."""

    changed = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self.look = desk, desk.look
        self.rows: list[ColumnRow] = []
        self.words = WordList(desk)
        self.would: list[Json] = []
        self._at = 0
        both = row(self)
        self._columns = column(margins=(20, 4, 16, 12))
        both.addLayout(_side(self.look, "导出里的列 · 是我们的什么", self._columns, 20), 6)
        divider = frame("line")
        divider.setFixedWidth(1)
        both.addWidget(divider)
        right = column(margins=(16, 4, 20, 12), gap=10)
        self._preview = column(gap=6)
        right.addLayout(self._preview)
        right.addWidget(self.words)
        right.addStretch(1)
        both.addLayout(_side(self.look, "这样会填成", right, 16), 5)

    def mapping(self) -> Json:
        """{"columns", "match"} of what the boxes say; of two columns for one thing the first counts."""
        found: Json = {"columns": {}, "match": {}}
        for one in self.rows:
            key = one.box.key
            if key.startswith("match."):
                name = key.removeprefix("match.")
                found["match"].setdefault(name, one.name)
                if name in _BOTH:
                    found["columns"].setdefault(_BOTH[name], one.name)
            elif key:
                found["columns"].setdefault(key, one.name)
        return found

    def show_columns(self, answer: Json) -> None:
        """The columns anew, what they seem to be chosen."""
        guess, things = answer["guess"], _things(answer)
        by_column = {name: key for key, name in guess["columns"].items()}
        by_column |= {name: f"match.{key}" for key, name in guess["match"].items()}
        clear(self._columns)
        self.rows = []
        known = sorted(answer["columns"], key=lambda one: one["name"] not in by_column)
        for one in known:
            made = ColumnRow(self._desk, one, things)
            made.box.show_key(by_column.get(one["name"], ""))
            made.box.chosen.connect(lambda _key: self.changed.emit())
            self.rows.append(made)
            self._columns.addWidget(made)
            self._columns.addWidget(line(hair=True))
        self._columns.addStretch(1)

    def show_preview(self, answer: Json) -> None:
        self.would = answer["would"]
        self._at = min(self._at, max(0, len(self.would) - 1))
        self._show_row()
        self.words.show_words(answer["codes"])

    def _show_row(self) -> None:
        clear(self._preview)
        if not self.would:
            text = label(
                self.look,
                "先指明哪一列是检查号、证件号，或者姓名和检查日期。",
                role="body_small",
                tone="text2",
                wrap=True,
            )
            self._preview.addWidget(text)
            return
        one = self.would[self._at]
        head = row(gap=8)
        head.addWidget(label(self.look, one["who"], bold=True, wrap=True), 1)
        if len(self.would) > 1:
            head.addWidget(
                Button(self.look, "下一行", kind="link", small=True, slot=self._next), 0, Qt.AlignmentFlag.AlignTop
            )
        self._preview.addLayout(head)
        self._preview.addWidget(_state(self.look, one))
        for value in one["values"]:
            self._preview.addLayout(_pair(self.look, value["label"], value["text"], value["problem"]))
        for title in one["problems"]:
            self._preview.addWidget(label(self.look, title, role="caption", tone="bad", wrap=True))

    def _next(self) -> None:
        self._at = (self._at + 1) % len(self.would)
        self._show_row()


class WordList(QWidget):
    """What HIS's words mean in our code tables; those that are not sure are asked, first."""

    changed = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._box = column(self, gap=6)
        self.boxes: dict[tuple[str, str], WordBox] = {}

    def show_words(self, found: list[Json]) -> None:
        """Those being asked stay as they were chosen."""
        wanted = {(one["key"], one["words"]): one for one in found if not one["sure"]}
        if wanted.keys() == self.boxes.keys():
            return
        chosen = self.codes()
        clear(self._box)
        self.boxes = {}
        if wanted:
            self._box.addWidget(line(hair=True))
            text = "HIS 的这些写法是什么意思？只问这一次"
            self._box.addWidget(label(self._desk.look, text, role="body_small", tone="you", bold=True, wrap=True))
        for (key, words), one in wanted.items():
            made = WordBox(self._desk, one)
            if kept := chosen.get(key, {}).get(words):
                made.setText(kept)
            made.picked.connect(lambda text, box=made: self._picked(box, text))
            made.left.connect(self.changed.emit)
            self.boxes[key, words] = made
            self._box.addLayout(_asked(self._desk.look, one, made))
        self.setVisible(bool(wanted))

    def _picked(self, box: WordBox, text: str) -> None:
        box.setText(text)
        self.changed.emit()

    def codes(self) -> dict[str, dict[str, str]]:
        """{field: {words: code or label}} of those that are answered."""
        found: dict[str, dict[str, str]] = {}
        for (key, words), box in self.boxes.items():
            if box.text().strip():
                found.setdefault(key, {})[words] = box.text().strip()
        return found


class WordBox(CodeBox):
    """The code for one word of HIS; what the engine proposes stands there already."""

    def __init__(self, desk: Desk, one: Json) -> None:
        super().__init__(desk, one["table"])
        self.setPlaceholderText("选一个，或先空着")
        self.setAccessibleName(f"{one['label']} {one['words']}")
        if one["code"]:
            self.setText(f"{one['code']} {one['code_label']}".strip())


def _short(samples: list[str]) -> str:
    """As many of the samples as one line holds."""
    if not samples:
        return "空的"
    text = ""
    for one in samples:
        longer = f"{text} · {one}" if text else one
        if text and len(longer) > _LETTERS:
            break
        text = longer
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _things(answer: Json) -> list[Json]:
    """What a column may be: first what says whose a row is, then the fields."""
    whose = [
        {"key": f"match.{one['key']}", "label": one["label"], "group": _WHOSE, "pinyin": one.get("pinyin", "")}
        for one in answer["matches"]
    ]
    matched = {_BOTH[one["key"]] for one in answer["matches"] if one["key"] in _BOTH}
    return [*whose, *(one for one in answer["fields"] if one["key"] not in matched)]


def _hit(one: Json, typed: str) -> Json | None:
    """As the list under the field wants it: the group stands at the right."""
    at = one["label"].casefold().find(typed) if typed else -1
    if typed and at < 0 and typed not in one["pinyin"]:
        return None
    spans = [[at, at + len(typed)]] if at >= 0 else []
    return {"code": one["group"], "label": one["label"], "spans": spans, "key": one["key"]}


def _state(look: Look, one: Json) -> QWidget:
    """Which exam the row belongs to, or why not yet."""
    plate = frame("plate")
    icon, tone = _MARKS.get(one["state"], _MARKS["waiting"])
    box = row(plate, margins=(10, 6, 10, 6), gap=8)
    box.addWidget(Mark(look, icon, tone, 16, on="subtle"), 0, Qt.AlignmentFlag.AlignTop)
    exam = one["exam"]
    parts = (exam["patient_name"], exam["description"] or exam["modality"], exam["exam_day"]) if exam else ()
    text = f"{one['words']}：{' · '.join(part for part in parts if part)}" if exam else one["words"]
    box.addWidget(label(look, text, role="body_small", tone="text" if exam else tone, wrap=True), 1)
    return plate


def _pair(look: Look, name: str, text: str, problem: str) -> QBoxLayout:
    box = row(gap=10)
    caption = label(look, name, role="body_small", tone="text2", wrap=True)
    caption.setFixedWidth(104)
    box.addWidget(caption, 0, Qt.AlignmentFlag.AlignTop)
    right = column(gap=1)
    right.addWidget(label(look, text, role="body_small", wrap=True))
    if problem:
        right.addWidget(label(look, problem, role="caption", tone="you", wrap=True))
    box.addLayout(right, 1)
    return box


def _asked(look: Look, one: Json, made: WordBox) -> QBoxLayout:
    box = row(gap=8)
    text = label(look, f"{one['label']} “{one['words']}”", role="body_small", wrap=True)
    text.setToolTip(f"{one['count']} 行")
    box.addWidget(text, 1)
    made.setMinimumWidth(190)
    box.addWidget(made, 1)
    return box


def _side(look: Look, title: str, box: QBoxLayout, left: int) -> QBoxLayout:
    """A titled half that scrolls by itself."""
    outer = column()
    head = row(margins=(left, 10, 16, 6))
    head.addWidget(label(look, title, role="body_small", tone="text2", bold=True))
    outer.addLayout(head)
    outer.addWidget(scrolled(box))
    return outer


def scrolled(box: QBoxLayout, height: int = _HEIGHT) -> QScrollArea:
    inner = QWidget()
    inner.setObjectName("body")
    inner.setLayout(box)
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFixedHeight(height)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(inner)
    return area
