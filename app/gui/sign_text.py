"""签的是什么: the whole text that goes to be signed, as its lines, scrolled; its digest; the report's PDF beside it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QBoxLayout, QLabel, QScrollArea, QSizePolicy, QWidget

from app.gui import sign_words
from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.page import Desk, Json
from app.gui.parts import Button, Head, Mark, clear, column, label, line, row
from app.gui.pdf_view import PdfPane
from app.gui.told import Told

_LABEL, _SHORT = 64, 175
_VOID = "签名后再改这份报告，签名就作废，要重新签"


class SignedText(QWidget):
    """`pdf()`: a person wants to see the report itself."""

    pdf = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._digest = ""
        self.open_pdf = Button(look, "看报告 PDF", kind="link", icon="document", small=True, slot=self.pdf)
        self.head = Head(look, "签的是什么", "送去签名的全文", self.open_pdf)
        self.name = label(look, bold=True)
        self.about = label(look, tone="text2", wrap=True)
        self.about.setMinimumHeight(1)
        self.place = label(look, role="caption", tone="text3")
        self.lines = TextLines(look)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setAccessibleName("送去签名的全文")
        self.area.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.area.setMinimumHeight(60)
        self.area.setWidget(self._inside())
        box = column(self)
        for widget, stretch in ((line(), 0), (self.head, 0), (self.area, 1), (line(), 0), (self._foot(), 0)):
            box.addWidget(widget, stretch)

    def show_text(self, code: Json) -> None:
        """As the engine defines it for this report."""
        self.name.setText(code["patient_name"])
        self.about.setText(code["patient"])
        self.place.setText(str(code.get("place", "")))
        self._digest = str(code["digest"])
        self.digest.setText(f"全文摘要 SM3 {sign_words.digest(self._digest)}")
        self.digest.setToolTip(self._digest)
        self.copy.setToolTip("复制全文摘要")
        self.copy.show()
        if code["lines"] != self.lines.shown:
            self.lines.show_lines(code["lines"])
            self.area.verticalScrollBar().setValue(0)

    def hide_text(self, report: Json) -> None:
        """It is not known yet: only whose report it is."""
        self._digest = ""
        self.name.setText(report["patient_name"])
        self.about.setText(report["what"])
        for one in (self.place, self.digest):
            one.setText("")
        self.copy.hide()
        self.lines.show_lines([])

    def _inside(self) -> QWidget:
        inside = QWidget()
        inside.setObjectName("body")
        top = row(gap=10)
        top.addWidget(self.name, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.about, 1)
        top.addWidget(self.place, 0, Qt.AlignmentFlag.AlignTop)
        box = column(inside, margins=(16, 8, 16, 6), gap=5)
        box.addLayout(top)
        box.addWidget(self.lines)
        box.addStretch(1)
        return inside

    def _foot(self) -> QWidget:
        foot = QWidget()
        foot.setFixedHeight(36)
        inner = row(foot, margins=(16, 0, 10, 0), gap=6)
        self.note = label(self._look, _VOID, role="caption", tone="text3")
        self.digest = label(self._look, role="caption", tone="text3")
        self.copy = Button(self._look, kind="icon", icon="copy", tip="复制全文摘要", slot=self.copy_digest)
        self.copy.setAccessibleName("复制全文摘要")
        inner.addWidget(Mark(self._look, "info", "text2", 14))
        inner.addWidget(self.note)
        inner.addStretch(1)
        inner.addWidget(self.digest)
        inner.addWidget(self.copy)
        return foot

    def copy_digest(self) -> None:
        if not self._digest:
            return
        QGuiApplication.clipboard().setText(self._digest)
        self.copy.setToolTip("已复制")


class TextLines(QWidget):
    """标签 and value in the order in which they are signed; two short ones share a line."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.shown: list[Json] = []
        self._box = column(self, gap=4)

    def show_lines(self, lines: list[Json]) -> None:
        self.shown = lines
        clear(self._box)
        metrics = self._look.metrics("body_small")
        wide = max((metrics.horizontalAdvance(one["label"]) for one in lines), default=0)
        for together in self._pairs(lines):
            line_of = row(gap=12)
            for one in together:
                self._add(line_of, one, min(max(_LABEL, wide), 2 * _LABEL))
            self._box.addLayout(line_of)

    def _pairs(self, lines: list[Json]) -> list[list[Json]]:
        found: list[list[Json]] = []
        for one in lines:
            if found and len(found[-1]) == 1 and self._is_short(found[-1][0]) and self._is_short(one):
                found[-1].append(one)
            else:
                found.append([one])
        return found

    def _is_short(self, one: Json) -> bool:
        return "\n" not in one["value"] and self._look.metrics("body_small").horizontalAdvance(one["value"]) <= _SHORT

    def _add(self, line_of: QBoxLayout, one: Json, wide: int) -> None:
        name = label(self._look, one["label"], role="body_small", tone="text3", wrap=True)
        name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        name.setFixedWidth(wide + 2)
        name.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        value = selectable(label(self._look, one["value"], role="body_small", wrap=True))
        value.setMinimumHeight(1)  # its height follows its width; the guess of a lone label would scroll over nothing
        line_of.addWidget(name, 0, Qt.AlignmentFlag.AlignTop)
        line_of.addWidget(value, 1, Qt.AlignmentFlag.AlignTop)


def selectable(text: QLabel) -> QLabel:
    text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return text


class ReportDialog(Dialog):
    """报告 PDF of what is to be signed: to read, enlarge and print, not to exchange."""

    def __init__(self, desk: Desk, shown: Json, parent: QWidget | None) -> None:
        super().__init__(desk.look, f"{shown['patient_name']} 的报告 PDF", parent, width=720)
        self.pane = PdfPane(desk.look, desk.asker, desk.face.report_pdf, reads_only=True)
        self.pane.setFixedHeight(420)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self.pane)
        self.foot.addStretch(1)
        self.foot.addWidget(Button(desk.look, "关闭", slot=self.accept))
        self._report = int(shown["report"])
        self.pane.put(str(shown["uid"]), [{"pdf": True}] * (self._report + 1))
        self.pane.choose(self._report)
