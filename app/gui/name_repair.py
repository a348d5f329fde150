"""选姓名: the readings of a name beside the bytes that the device sent. Keys 1 to 4 choose, Enter takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QLineEdit, QPushButton, QSizePolicy, QWidget

from app.gui import words
from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.page import Desk
from app.gui.parts import Button, Mark, column, frame, label, row
from app.gui.told import Told

Json = dict[str, Any]
_MOST_BYTES = 12
_MOST_OTHERS = 4
_CARDS_WIDTH, _CARD_LEAST = 838, 146


def open_name_repair(desk: Desk, uid: str, parent: QWidget | None, then: Callable[[Json], None]) -> None:
    """Ask the engine for the readings, then the person; `then(form)` after a name was taken."""

    def show(asked: Json) -> None:
        dialog = NameRepair(desk.look, asked, words.clock(asked["received_at"], desk.now()), parent)
        dialog.taken.connect(lambda answer: take(answer))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def take(answer: Json) -> None:
        desk.asker.ask(lambda: desk.face.repair_name(uid, **answer), then)

    desk.asker.ask(lambda: desk.face.name_repair(uid), show)


class NameRepair(Dialog):
    """`taken({"charset", "name", "remember", "also"})` when the person decided."""

    taken = Told()

    def __init__(self, look: Look, asked: Json, received: str, parent: QWidget | None) -> None:
        super().__init__(look, "选姓名：哪一个读法是对的？", parent, width=880)
        self._asked = asked
        self._about(received)
        self.body.addWidget(self._bytes())
        self.body.addLayout(self._cards())
        self.body.addLayout(self._own())
        self._remembering()
        note = row(gap=8)
        note.addWidget(Mark(look, "info", "text2", 14))
        said = "只改上传给平台的姓名；设备发来的原始影像一字不动。"
        note.addWidget(label(look, said, role="body_small", tone="text2"), 1)
        self.body.addLayout(note)
        self._foot()
        self._choose_first()

    # -- building ---------------------------------------------------------------------------------------------------

    def _about(self, received: str) -> None:
        asked = self._asked
        came = f"来自 {asked['device']}" if asked["device"] else ""
        parts = (words.what(asked), received, came)
        head = row()
        head.addWidget(label(self.look, " · ".join(part for part in parts if part)), 1)
        if asked["accession_number"]:
            number = f"检查号 {asked['accession_number']}"
            head.addWidget(label(self.look, number, role="body_small", tone="text2"))
        self.body.addLayout(head)

    def _bytes(self) -> QWidget:
        plate = frame("plate")
        box = row(plate, margins=(14, 10, 10, 10), gap=6)
        box.addWidget(label(self.look, "设备发来的原始字节", role="body_small", bold=True))
        box.addSpacing(2)
        raw = self._asked["raw"]
        for pair in raw[:_MOST_BYTES]:
            one = frame("byte")
            text = label(self.look, pair, role="body_small")
            text.setFont(self.look.mono("body"))
            row(one, margins=(7, 4, 7, 4)).addWidget(text)
            box.addWidget(one)
        if len(raw) > _MOST_BYTES:
            box.addWidget(label(self.look, f"… 共 {len(raw)} 个", role="body_small", tone="text2"))
        declared = self._asked["declared"]
        said = f"设备声明的是 {declared}" if declared else "设备没有声明字符集"
        if len(raw) <= 8:
            box.addSpacing(4)
            box.addWidget(label(self.look, said, role="body_small", tone="text2"))
        plate.setToolTip(said)
        box.addStretch(1)
        copy = Button(self.look, "复制", kind="link", icon="copy", small=True)
        copy.setAutoDefault(False)
        copy.clicked.connect(lambda _on=False: QGuiApplication.clipboard().setText(" ".join(raw)))
        box.addWidget(copy)
        return plate

    def _cards(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(12)
        self._group = QButtonGroup(self)
        self.cards: list[ReadingCard] = []
        for number, reading in enumerate(self._asked["readings"]):
            card = ReadingCard(self.look, reading, number + 1)
            card.toggled.connect(lambda _on: self._show_use())
            card.clicked.connect(lambda _on=False: self._clear_typed())
            self._group.addButton(card)
            self.cards.append(card)
            grid.addWidget(card, 0, number)
            grid.setColumnStretch(number, 1)
        width = (_CARDS_WIDTH - grid.spacing() * (len(self.cards) - 1)) // max(1, len(self.cards))
        tallest = max((card.height_at(width) for card in self.cards), default=0)
        for card in self.cards:
            card.tall = tallest
        return grid

    def _own(self) -> Any:
        box = row(gap=10)
        box.addWidget(label(self.look, "都不对？直接输入姓名："))
        self.typed = QLineEdit()
        self.typed.setFont(self.look.font("body"))
        self.typed.setPlaceholderText("姓名")
        self.typed.setMinimumWidth(160)
        self.typed.textEdited.connect(lambda _text: self._show_use())
        box.addWidget(self.typed)
        box.addStretch(1)
        return box

    def _remembering(self) -> None:
        self.remember = QCheckBox()
        self.remember.setFont(self.look.font("body"))
        self.remember.setChecked(True)
        self.also = QCheckBox()
        self.also.setFont(self.look.font("body"))
        self.also.setChecked(True)
        self.others = label(self.look, role="body_small", tone="text2", wrap=True)
        indented = row(margins=(26, 0, 0, 0))
        indented.addWidget(self.others)
        self.body.addWidget(self.remember)
        self.body.addWidget(self.also)
        self.body.addLayout(indented)

    def _foot(self) -> None:
        for key in ("1", "–", str(len(self.cards))):
            self.foot.addWidget(_key(self.look, key) if key != "–" else label(self.look, key, tone="text2"))
        self.foot.addWidget(label(self.look, "选读法", role="body_small", tone="text2"))
        self.foot.addSpacing(10)
        self.foot.addWidget(_key(self.look, "Enter"))
        self.foot.addWidget(label(self.look, "采用", role="body_small", tone="text2"))
        self.foot.addStretch(1)
        later = Button(self.look, "以后再说", slot=self.reject)
        later.setAutoDefault(False)
        self.use = Button(self.look, "用这个姓名", kind="primary", slot=self._take)
        self.use.setDefault(True)
        self.foot.addWidget(later)
        self.foot.addWidget(self.use)

    # -- what is chosen ---------------------------------------------------------------------------------------------

    def reading(self) -> Json | None:
        """The reading that is chosen, None while an own spelling is typed."""
        chosen = self._group.checkedButton()
        return chosen.reading if isinstance(chosen, ReadingCard) and not self.typed.text().strip() else None

    def name(self) -> str:
        """The name that would be taken now."""
        reading = self.reading()
        return self.typed.text().strip() or (str(reading["text"]) if reading else "")

    def others_alike(self) -> list[Json]:
        """Other studies of the device that the chosen reading makes a clean name of."""
        reading = self.reading()
        return [one for one in self._asked["others"] if reading and reading["charset"] in one["texts"]]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number = event.key() - Qt.Key.Key_1
        if 0 <= number < len(self.cards) and not self.typed.hasFocus():
            self._choose(self.cards[number])
            return
        super().keyPressEvent(event)

    def _choose(self, card: ReadingCard) -> None:
        if card.isEnabled():
            self._clear_typed()
            card.setChecked(True)
            card.setFocus()

    def _choose_first(self) -> None:
        able = [card for card in self.cards if card.isEnabled()]
        best = next((card for card in able if card.reading["recommended"]), None)
        if best or able:
            self._choose(best or able[0])
        self._show_use()

    def _clear_typed(self) -> None:
        self.typed.clear()
        self._show_use()

    def _show_use(self) -> None:
        if not hasattr(self, "use"):
            return
        name, reading, alike = self.name(), self.reading(), self.others_alike()
        self.use.setText(f"用“{name}”" if name else "用这个姓名")
        self.use.setEnabled(bool(name))
        device = self._asked["device"]
        self.remember.setVisible(bool(device))
        self.remember.setEnabled(reading is not None)
        title = reading["title"] if reading else ""
        self.remember.setText(f"记住：{device} 以后都按 {title} 读" if title else f"记住 {device} 的读法")
        self.also.setVisible(bool(self._asked["others"]))
        self.also.setEnabled(bool(alike))
        self.also.setText(f"还有 {len(alike)} 例也这样读" if alike else "等着的其他几例读法不同，到时再问")
        names = [str(one["texts"][reading["charset"]]) for one in alike] if reading else []
        more = f" 等 {len(names)} 例" if len(names) > _MOST_OTHERS else ""
        self.others.setText("、".join(names[:_MOST_OTHERS]) + more)
        self.others.setVisible(bool(names))

    def _take(self) -> None:
        reading = self.reading()
        also = [str(one["uid"]) for one in self.others_alike()] if self.also.isChecked() else []
        remember = reading is not None and bool(self._asked["device"]) and self.remember.isChecked()
        answer = {
            "charset": str(reading["charset"]) if reading else "",
            "name": "" if reading else self.typed.text().strip(),
            "remember": remember,
            "also": also,
        }
        self.accept()
        self.taken.emit(answer)


class ReadingCard(QPushButton):
    """One reading: its character set, the name large, its bytes character by character, what speaks for it."""

    def __init__(self, look: Look, reading: Json, number: int) -> None:
        super().__init__()
        self.setObjectName("choice")
        self.reading, self.tall = reading, _CARD_LEAST
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setEnabled(bool(reading["text"]))
        self.setAccessibleName(f"{number} {reading['title']} {reading['text'] or '读不出来'}")
        head = row(gap=8)
        dot = Dot(look)
        self.toggled.connect(dot.show_on)
        head.addWidget(dot)
        head.addWidget(label(look, reading["title"], role="body_small"))
        head.addStretch(1)
        if reading["recommended"]:
            head.addWidget(Mark(look, "check", "accentText", 14))
            head.addWidget(label(look, "推荐", role="caption", tone="accentText"))
        tone = "text" if reading["good"] else "text2"
        name = label(look, reading["text"] or "读不出来", role="decoded_name", tone=tone, bold=reading["good"])
        groups = label(look, "  ".join(reading["groups"]), role="caption", tone="text2", wrap=True)
        groups.setFont(look.mono("caption"))
        why = label(look, reading["why"], role="caption", tone="text" if reading["good"] else "you", wrap=True)
        box = column(self, margins=(15, 12, 13, 12), gap=5)
        box.addLayout(head)
        box.addWidget(name)
        box.addWidget(groups)
        box.addWidget(why)
        box.addStretch(1)
        for part in (dot, *self.findChildren(QWidget)):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def height_at(self, width: int) -> int:
        """What its lines need at this width."""
        layout = self.layout()
        return max(_CARD_LEAST, layout.totalHeightForWidth(width) if layout is not None else 0)

    def sizeHint(self) -> QSize:
        """A push button does not ask its layout."""
        return QSize(120, self.tall)

    minimumSizeHint = sizeHint


class Dot(QWidget):
    """The round mark of one choice among several, painted."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look, self.on = look, False
        self.setFixedSize(18, 18)

    def show_on(self, on: bool) -> None:
        self.on = on
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tone = "accent" if self.on else "control" if self.isEnabled() else "border"
        painter.setPen(QPen(self._look.colour(tone), 5 if self.on else 1.5))
        painter.setBrush(self._look.colour("surface"))
        inset = 3 if self.on else 1
        painter.drawEllipse(self.rect().adjusted(inset, inset, -inset - 1, -inset - 1))


def _key(look: Look, text: str) -> QWidget:
    plate = frame("key")
    row(plate, margins=(7, 1, 7, 1)).addWidget(label(look, text, role="caption", tone="text2"))
    return plate
