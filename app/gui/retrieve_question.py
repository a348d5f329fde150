"""The question bar of 调阅: whose exams, of which time, why. Asks nobody; what is right about a number it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from PySide6.QtCore import QDate, QLocale, QSize, Qt
from PySide6.QtWidgets import QComboBox, QDateEdit, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Card, Mark, column, label, row, set_property
from app.gui.retrieve_number import NumberBox
from app.gui.told import Told

PERIODS = (("最近 3 个月", 3), ("最近 1 年", 12), ("最近 2 年", 24), ("最近 5 年", 60), ("自己选", 0))
"""Words and months; 0: two days of the person's own choice."""
_USUAL = 2
_MOST_NAME, _MOST_REASON = 50, 100


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a person asks; days as `yyyy-MM-dd`."""

    destination: str
    id_type: str
    id_number: str
    name: str
    day_from: str
    day_to: str
    reason: str


class QuestionBar(Card):
    """`asked()` for 查询 and Enter · `typed()` while the number changes, `left()` when it was left."""

    asked = Told()
    typed = Told()
    left = Told()

    def __init__(self, look: Look, today: date) -> None:
        super().__init__()
        self._look, self._today = look, today
        self._destination = ""
        self._fields = row(gap=12)
        self._labels: dict[str, QWidget] = {}
        self._build_fields()
        self._fields.addStretch(1)
        self._fields.addLayout(self._build_person())
        self._said = self._build_wrong()
        self._days = self._build_days()
        inside = column(margins=(16, 8, 20, 11), gap=6)
        inside.addLayout(self._fields)
        inside.addWidget(self._days)
        inside.addWidget(self._said)
        self.box.addLayout(inside)

    # -- what is asked ----------------------------------------------------------------------------------------------

    def put_place(self, place: Json) -> None:
        """What this platform may be asked: kinds of documents and usual reasons. What was chosen stays."""
        self._destination = str(place["destination"])
        _fill(self.id_type, [(one["label"], one["code"]) for one in place["id_types"]])
        several = len(place["id_types"]) > 1
        self._labels["id_type"].setVisible(several)
        written = self.reason.currentText()
        if [self.reason.itemText(n) for n in range(self.reason.count())] != place["reasons"]:
            self.reason.clear()
            self.reason.addItems(place["reasons"])
            if written:
                self.reason.setEditText(written)

    def question(self) -> Asked:
        first, last = self._period()
        return Asked(
            destination=self._destination,
            id_type=str(self.id_type.currentData() or ""),
            id_number=self.number.number,
            name=self.name.text().strip(),
            day_from=first.isoformat(),
            day_to=last.isoformat(),
            reason=self.reason.currentText().strip(),
        )

    def _period(self) -> tuple[date, date]:
        months = int(self.period.currentData())
        if months:
            return months_before(self._today, months), self._today
        first, last = (_python(edit.date()) for edit in (self.day_from, self.day_to))
        return min(first, last), max(first, last)

    def show_today(self, today: date) -> None:
        self._today = today

    # -- what is said of it -----------------------------------------------------------------------------------------

    def show_person(self, name: str, about: str) -> None:
        self.person.setText(name)
        self.about.setText(about)

    def show_wrong(self, sentence: str, field: str = "id_number") -> None:
        """One red sentence under the field it is about; empty: nothing is wrong."""
        for key, editor in self._editors.items():
            set_property(editor, "wrong", bool(sentence) and key == field)
        self._wrong.setText(sentence)
        place = self._labels.get(field, self._labels["id_number"])
        self._wrong_line.setContentsMargins(min(place.x() - 16, self.width() // 2) if place.isVisible() else 0, 0, 0, 0)
        self._said.setVisible(bool(sentence))

    def show_asking(self, asking: bool) -> None:
        self.ask.setEnabled(not asking)
        self.ask.setText("正在查" if asking else "查询")

    def forget_person(self) -> None:
        """Nothing of the number, the name and what followed from them stays."""
        self.number.forget()
        self.name.clear()
        self.show_person("", "")
        self.show_wrong("")

    def start_anew(self, *, another: bool) -> None:
        """The number is being typed: what was said of it goes, and the name if it is `another` person's."""
        if another:
            self.name.clear()
        self.show_person("", "")
        self.show_wrong("")

    # -- building ---------------------------------------------------------------------------------------------------

    def _build_fields(self) -> None:
        self.id_type = self._combo("证件类型")
        self.number = NumberBox(self._look)
        self.number.typed.connect(self.typed)
        self.number.left.connect(self.left)
        self.number.entered.connect(self.asked)
        self.id_type.currentIndexChanged.connect(lambda _index: self.left.emit())
        self.name = QLineEdit()
        self.name.setFont(self._look.font("body"))
        self.name.setMaxLength(_MOST_NAME)
        self.name.setAccessibleName("姓名，可不填")
        self.name.returnPressed.connect(self.asked)
        self.period = self._combo("检查时间")
        for text, months in PERIODS:
            self.period.addItem(text, months)
        self.period.setCurrentIndex(_USUAL)
        self.period.currentIndexChanged.connect(lambda _index: self._days.setVisible(not self.period.currentData()))
        self.reason = self._combo("查询原因，会记入日志")
        self.reason.setEditable(True)
        self.reason.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = QLineEdit()
        self.reason.setLineEdit(line)
        line.setMaxLength(_MOST_REASON)
        line.setPlaceholderText("选一个，或自己写")
        line.returnPressed.connect(self.asked)
        self.ask = Button(self._look, "查询", kind="primary", icon="search", tip="Enter", slot=self.asked)
        self._editors: dict[str, QWidget] = {
            "id_number": self.number, "name": self.name, "reason": self.reason, "id_type": self.id_type
        }  # fmt: skip
        for key, words, editor, wide in (
            ("id_type", "证件类型", self.id_type, (124, 136)),
            ("id_number", "证件号码", self.number, (170, 184)),
            ("name", "姓名 · 可不填", self.name, (88, 110)),
            ("period", "检查时间", self.period, (112, 120)),
            ("reason", "查询原因 · 会记入日志", self.reason, (140, 170)),
        ):
            self._labels[key] = Labelled(label(self._look, words, role="caption", tone="text2"), editor, *wide)
            self._fields.addWidget(self._labels[key])
        self._fields.addWidget(self.ask, 0, Qt.AlignmentFlag.AlignBottom)

    def _combo(self, name: str) -> QComboBox:
        made = QComboBox()
        made.setFont(self._look.font("body"))
        made.setAccessibleName(name)
        return made

    def _build_person(self) -> QHBoxLayout:
        self.person = label(self._look, role="section", bold=True, wrap=True)
        self.about = label(self._look, role="caption", tone="text2")
        texts = column(gap=4)
        texts.addStretch(1)
        texts.addWidget(self.person)
        texts.addWidget(self.about)
        texts.addStretch(1)
        box = row()
        box.addLayout(texts)
        return box

    def _build_wrong(self) -> QWidget:
        box = QWidget()
        self._wrong_line = row(box, gap=5)
        self._wrong = label(self._look, role="caption", tone="bad", wrap=True)
        self._wrong_line.addWidget(Mark(self._look, "state-rejected", "bad", 14), 0, Qt.AlignmentFlag.AlignTop)
        self._wrong_line.addWidget(self._wrong, 1)
        box.hide()
        return box

    def _build_days(self) -> QWidget:
        """检查时间 从 … 到 …, while a person chooses the days."""
        box = QWidget()
        line = row(box, gap=8)
        self.day_from, self.day_to = (self._day_edit(name) for name in ("从哪一天", "到哪一天"))
        for text, editor in (("检查时间从", self.day_from), ("到", self.day_to)):
            line.addWidget(label(self._look, text, role="caption", tone="text2"))
            line.addWidget(editor)
        line.addStretch(1)
        self.day_from.setDate(_qt(months_before(self._today, PERIODS[_USUAL][1])))
        box.hide()
        return box

    def _day_edit(self, name: str) -> QDateEdit:
        made = QDateEdit(_qt(self._today))
        made.setFont(self._look.font("body"))
        made.setDisplayFormat("yyyy-MM-dd")
        made.setLocale(QLocale(QLocale.Language.Chinese, QLocale.Country.China))
        made.setCalendarPopup(True)
        made.setMaximumDate(_qt(self._today))
        made.setFixedSize(136, self._look.height("field"))
        made.setAccessibleName(name)
        return made


class Labelled(QWidget):
    """A field under its label: `usual` px wide, down to `least` where the window is narrow."""

    def __init__(self, text: QLabel, editor: QWidget, least: int, usual: int) -> None:
        super().__init__()
        self._least, self._usual = least, usual
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        inside = column(self, gap=4)
        inside.addWidget(text)
        inside.addWidget(editor)
        editor.setMinimumWidth(least)

    def sizeHint(self) -> QSize:
        return QSize(self._usual, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self._least, super().minimumSizeHint().height())


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or that month's last."""
    count = day.year * 12 + day.month - 1 - months
    year, month = divmod(count, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def _fill(combo: QComboBox, rows: list[tuple[str, str]]) -> None:
    """Offer these; what was chosen stays chosen, else the first is."""
    if rows == [(combo.itemText(n), combo.itemData(n)) for n in range(combo.count())]:
        return
    kept = combo.currentData()
    combo.clear()
    for text, value in rows:
        combo.addItem(text, value)
    combo.setCurrentIndex(max(0, combo.findData(kept)))


def _qt(day: date) -> QDate:
    return QDate(day.year, day.month, day.day)


def _python(day: QDate) -> date:
    return date(day.year(), day.month(), day.day())
