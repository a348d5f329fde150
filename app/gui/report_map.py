"""读得不对？对一次: which line of the report is which of our fields, with what it then reads. Kept for this layout."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.page import Desk, Json
from app.gui.parts import Button, FoldHead, Mark, clear, column, frame, label, line, row

NOT_THERE = "报告里没有"
_FIRST = ("findings", "conclusion", "report_doctor_name", "reported_at", "audit_doctor_name", "audited_at")
_MOST_LETTERS, _LETTERS_AT_LEFT = 90, 52
_HEIGHT = 396


class ReportMapDialog(Dialog):
    """`mapping` holds what the person changed: key -> label of the report, "" for none."""

    def __init__(self, desk: Desk, uid: str, report: int, parent: QWidget | None, then: Callable[[Json], None]) -> None:
        super().__init__(desk.look, "报告是怎么读的", parent, width=900)
        self._desk, self._uid, self._report, self._then = desk, uid, report, then
        self.mapping: dict[str, str] = {}
        self.rows: dict[str, FieldChoice] = {}
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self._doubt = self._build_doubt()
        self.body.addWidget(self._doubt)
        both = row()
        self._pairs = column(margins=(20, 4, 16, 12))
        self._fields = column(margins=(16, 4, 20, 12), gap=10)
        both.addLayout(self._side("报告上写的", self._pairs), 5)
        divider = frame("line")
        divider.setFixedWidth(1)
        both.addWidget(divider)
        both.addLayout(self._side("读成我们的字段", self._fields), 6)
        self.body.addLayout(both)
        self.note = label(desk.look, "改好后，同样版式的报告以后都这样读；已提交的不动", role="caption", tone="text2")
        self.keep = Button(desk.look, "以后这种报告都这样读", kind="primary", slot=self._keep)
        self.keep.setEnabled(False)
        self.foot.addWidget(self.note, 1)
        self.foot.addWidget(Button(desk.look, "不改了", slot=self.reject))
        self.foot.addWidget(self.keep)
        self._ask(first=True)

    # -- asking -----------------------------------------------------------------------------------------------------

    def _ask(self, *, first: bool = False) -> None:
        face, uid, report, mapping = self._desk.face, self._uid, self._report, dict(self.mapping)
        then = self._show if first else self._show_again
        self._desk.asker.ask(lambda: face.report_text(uid, report, mapping or None), then, key=("report-map", id(self)))

    def _keep(self) -> None:
        face, uid, report, mapping = self._desk.face, self._uid, self._report, dict(self.mapping)
        self.keep.setEnabled(False)
        self._desk.asker.ask(lambda: face.keep_report_template(uid, report, mapping), self._kept)

    def _kept(self, answer: Json) -> None:
        self._then(answer)
        self.accept()

    def _changed(self, key: str, chosen: str) -> None:
        self.mapping[key] = chosen
        self._ask()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show(self, answer: Json) -> None:
        labels = list(dict.fromkeys(pair["label"] for pair in answer["pairs"]))
        for one in answer["fields"]:
            made = FieldChoice(self.look, one, labels)
            made.choose = lambda chosen, key=one["key"]: self._changed(key, chosen)  # type: ignore[misc]
            self.rows[one["key"]] = made
        first = [self.rows[key] for key in _FIRST if key in self.rows]
        others = [made for key, made in self.rows.items() if key not in _FIRST and not made.compared]
        compared = [made for made in self.rows.values() if made.compared]
        for made in first:
            self._fields.addWidget(made)
        self._fold("其他内容", others, is_open=any(made.has_text() for made in others))
        self._fold("用来核对是不是这个人 · 不写入", compared, is_open=False)
        self._fields.addStretch(1)
        self._show_again(answer)
        if answer["trouble"]:
            self.note.setText(f"{answer['trouble']['title']}。{answer['trouble']['advice']}")

    def _fold(self, title: str, rows: list[FieldChoice], *, is_open: bool) -> None:
        if not rows:
            return
        found = sum(made.has_text() for made in rows)
        head = FoldHead(self.look, title, f"{len(rows)} 项", f"读到 {found} 项")
        head.layout().setContentsMargins(0, 0, 0, 0)  # type: ignore[union-attr]
        inside = QWidget()
        box = column(inside, gap=10)
        for made in rows:
            box.addWidget(made)
        head.toggled.connect(inside.setVisible)
        inside.setVisible(is_open)
        head.set_open(is_open)
        self._fields.addWidget(head)
        self._fields.addWidget(inside)

    def _show_again(self, answer: Json) -> None:
        """The preview: what each field reads now, and which line of the report it comes from."""
        used = {one["from"]: one["label"] for one in answer["fields"] if one["from"]}
        clear(self._pairs)
        for pair in answer["pairs"]:
            self._pairs.addWidget(PairLine(self.look, pair, used.get(pair["label"], "")))
            self._pairs.addWidget(line(hair=True))
        self._pairs.addStretch(1)
        for one in answer["fields"]:
            if one["key"] in self.rows:
                self.rows[one["key"]].show_text(one["text"], one["from"])
        doubts = list(answer["doubts"])
        self._doubt.setVisible(bool(doubts))
        self._doubt_text.setText(doubts[0] if doubts else "")
        self.keep.setEnabled(bool(self.mapping))

    # -- building ---------------------------------------------------------------------------------------------------

    def _side(self, title: str, box: QVBoxLayout) -> QVBoxLayout:
        outer = column()
        head = row(margins=(20 if box is self._pairs else 16, 10, 16, 6))
        head.addWidget(label(self.look, title, role="body_small", tone="text2", bold=True))
        outer.addLayout(head)
        inner = QWidget()
        inner.setObjectName("body")
        inner.setLayout(box)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFixedHeight(_HEIGHT)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        outer.addWidget(area)
        return outer

    def _build_doubt(self) -> QWidget:
        plate = frame("doubt")
        inner = row(plate, margins=(12, 8, 12, 8), gap=8)
        inner.addWidget(Mark(self.look, "state-held", "you", 16, on="youSoft"), 0, Qt.AlignmentFlag.AlignTop)
        self._doubt_text: QLabel = label(self.look, role="body_small", wrap=True)
        inner.addWidget(self._doubt_text, 1)
        outer = QWidget()
        column(outer, margins=(20, 12, 20, 0)).addWidget(plate)
        outer.hide()
        return outer


class PairLine(QWidget):
    """One line of the report: its label, its text, and which field it is."""

    def __init__(self, look: Look, pair: Json, field: str) -> None:
        super().__init__()
        box = row(self, margins=(0, 6, 0, 6), gap=10)
        name = label(look, pair["label"], role="body_small", tone="text" if field else "text2", wrap=True)
        name.setFixedWidth(84)
        short, tone = _short(pair["value"], _LETTERS_AT_LEFT), "text" if field else "text3"
        text = label(look, short, role="body_small", tone=tone, wrap=True)
        text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        box.addWidget(name, 0, Qt.AlignmentFlag.AlignTop)
        box.addWidget(text, 1, Qt.AlignmentFlag.AlignTop)
        is_now = label(look, f"→ {field}" if field else "", role="caption", tone="accentText")
        box.addWidget(is_now, 0, Qt.AlignmentFlag.AlignTop)


class FieldChoice(QWidget):
    """One field of ours: which label of the report it is, and below what that reads."""

    def __init__(self, look: Look, field: Json, labels: list[str]) -> None:
        super().__init__()
        self.compared = bool(field["compared"])
        self.choose: Callable[[str], None] = lambda chosen: None
        name = label(look, field["label"], tone="text2", wrap=True)
        name.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        name.setContentsMargins(0, 6, 0, 0)
        name.setFixedWidth(92)
        self.box = QComboBox()
        self.box.setAccessibleName(field["label"])
        self.box.addItem(NOT_THERE, "")
        for one in labels:
            self.box.addItem(one, one)
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.box.activated.connect(lambda _index: self.choose(str(self.box.currentData())))
        self.text: QLabel = label(look, role="caption", tone="text2", wrap=True)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        right = column(gap=3)
        right.addWidget(self.box)
        right.addWidget(self.text)
        outer = row(self, gap=12)
        outer.addWidget(name, 0, Qt.AlignmentFlag.AlignTop)
        outer.addLayout(right, 1)
        self.show_text(field["text"], field["from"])

    def has_text(self) -> bool:
        return bool(self.box.currentData())

    def show_text(self, text: str, source: str) -> None:
        if source:
            self.box.setCurrentIndex(max(0, self.box.findData(source)))
        elif self.box.currentData() and not text:
            self.text.setText("这一栏读不出这种内容")
            return
        self.text.setText(_short(text))
        self.text.setVisible(bool(text))


def open_report_map(desk: Desk, uid: str, report: int, parent: QWidget | None, then: Callable[[Json], None]) -> None:
    """Open the dialog without waiting; `then(answer)` after the layout was kept."""
    dialog = ReportMapDialog(desk, uid, report, parent, then)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def _short(text: str, most: int = _MOST_LETTERS) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
