"""A field chosen from a code table: type code, name or pinyin initials, pick below; letters stay until Enter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QInputMethodEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QTextCharFormat,
    QTextLayout,
)
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.gui.look import Look
from app.gui.page import Desk
from app.gui.parts import Button, column, keeps_escape, label, line, row
from app.gui.told import Told

_ROW, _MOST_ROWS = 32, 6
_CODE = Qt.ItemDataRole.UserRole


class CodeBox(QLineEdit):
    """`picked(text)`: "code label" of what was chosen. `text()` is what is sent; the engine reads code or name."""

    picked = Told()
    left = Told()

    def __init__(self, desk: Desk, table: str) -> None:
        super().__init__()
        self._desk, self._table = desk, table
        self._composed = ""
        self.onward: Callable[[bool], bool] = lambda _forward: False
        self.popup: CodePopup | None = None
        self._timer = QTimer(self, interval=120, singleShot=True)
        self._timer.timeout.connect(self.search)
        self.textEdited.connect(lambda _text: self._timer.start())
        self.setToolTip("编码、名称、拼音首字母都行 · Alt+↓ 打开列表")

    def search(self) -> None:
        """Ask for what matches the letters so far, those still being composed included."""
        text = (self.text() + self._composed).replace("'", "").strip()
        face, table = self._desk.face, self._table
        self._desk.asker.ask(
            lambda: face.search_codes(table, text), lambda answer: self._offer(answer["codes"]), key=("codes", id(self))
        )

    def close_list(self) -> None:
        if self.popup is not None:
            self.popup.hide()

    def event(self, event: QEvent) -> bool:
        """Esc closes the open list before it closes anything of the window's."""
        return keeps_escape(event, self._is_open) or super().event(event)

    def _is_open(self) -> bool:
        return self.popup is not None and self.popup.isVisible()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        popup, key = self.popup, event.key()
        if popup is not None and popup.isVisible():
            if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                popup.move_by(1 if key == Qt.Key.Key_Down else -1)
                return
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._pick(popup.current())
                return
            if key == Qt.Key.Key_Escape:
                popup.hide()
                return
        elif key == Qt.Key.Key_Down:
            self._offer_all()
            return
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.focusNextChild()
            return
        super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        return self.onward(forward) or super().focusNextPrevChild(forward)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        super().inputMethodEvent(event)
        self._composed = event.preeditString()
        self._timer.start()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self._offer_all()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._timer.stop()
        self.close_list()
        self.left.emit()

    def _offer_all(self) -> None:
        face, table = self._desk.face, self._table
        self._desk.asker.ask(
            lambda: face.search_codes(table, ""), lambda answer: self._offer(answer["codes"]), key=("codes", id(self))
        )

    def _offer(self, codes: list[dict[str, Any]]) -> None:
        if not self.hasFocus():
            return
        if self.popup is None:
            self.popup = CodePopup(self._desk.look, self)
            self.popup.picked.connect(self._pick)
        self.popup.offer(codes)

    def _pick(self, code: dict[str, Any] | None) -> None:
        if code is not None:
            self.close_list()
            self.picked.emit(f"{code['code']} {code['label']}".strip())


class CodePopup(QFrame):
    """The list under the field, a child of the window, so that it never takes the focus from the letters."""

    picked = Told()

    def __init__(self, look: Look, field: QLineEdit) -> None:
        super().__init__(field.window())
        self.setObjectName("popup")
        self._field = field
        self._list = QListWidget()
        self._list.setObjectName("codes")
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setItemDelegate(_CodePainter(look, self._list))
        self._list.itemClicked.connect(lambda item: self.picked.emit(item.data(_CODE)))
        self._foot = label(look, "编码、名称、拼音首字母都行", role="caption", tone="text3")
        foot = row(margins=(11, 6, 11, 6))
        foot.addWidget(self._foot, 1)
        foot.addWidget(label(look, "↑↓ 选择　Enter 采用", role="caption", tone="text3"))
        box = column(self, margins=(1, 1, 1, 1))
        box.addWidget(self._list)
        box.addWidget(line())
        box.addLayout(foot)
        above: QWidget | None = field
        while above is not None:
            above.installEventFilter(self)
            above = None if above.isWindow() else above.parentWidget()
        field.destroyed.connect(self.deleteLater)

    def offer(self, codes: list[dict[str, Any]]) -> None:
        self._list.clear()
        for code in codes:
            item = QListWidgetItem(f"{code['label']} {code['code']}")
            item.setData(_CODE, code)
            self._list.addItem(item)
        self._list.setCurrentRow(0)
        self._foot.setText("编码、名称、拼音首字母都行" if codes else "字典里没有，换个说法试试")
        self._place(min(len(codes), _MOST_ROWS) * _ROW)
        self.show()
        self.raise_()

    def current(self) -> dict[str, Any] | None:
        item = self._list.currentItem()
        code: dict[str, Any] | None = item.data(_CODE) if item is not None else None
        return code

    def move_by(self, steps: int) -> None:
        self._list.setCurrentRow(max(0, min(self._list.count() - 1, self._list.currentRow() + steps)))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.WindowDeactivate or (kind == QEvent.Type.Resize and watched is self.window()):
            self.hide()
        elif kind == QEvent.Type.Move and self.isVisible():
            self._place(self._list.height())  # a line above the field came or went
        return False

    def _place(self, list_height: int) -> None:
        """Below the field, or above it where the window ends too soon."""
        self._list.setFixedHeight(max(list_height, 1))
        height = self.layout().sizeHint().height() if self.layout() else list_height  # type: ignore[union-attr]
        at = self._field.mapTo(self._field.window(), QPoint(0, self._field.height() + 4))
        if at.y() + height > self._field.window().height() - 8:
            at.setY(max(8, at.y() - self._field.height() - 8 - height))
        self.setGeometry(QRect(at, QSize(self._field.width(), height)))


class _CodePainter(QStyledItemDelegate):
    """One code: its name with the letters that matched in bold, the code at the right."""

    def __init__(self, look: Look, view: QListWidget) -> None:
        super().__init__(view)
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: Any) -> QSize:
        return QSize(10, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Any) -> None:
        code = index.data(_CODE)
        rect: QRect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.fillRect(rect, self._look.colour("select" if selected else "surface"))
        inner = rect.adjusted(11, 0, -11, 0)
        painter.setFont(self._look.font("caption"))
        painter.setPen(self._look.colour("text2"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, code["code"])
        room = inner.width() - painter.fontMetrics().horizontalAdvance(code["code"]) - 10
        self._label(painter, QRectF(inner.x(), inner.y(), room, inner.height()), code)
        painter.restore()

    def _label(self, painter: QPainter, rect: QRectF, code: dict[str, Any]) -> None:
        layout = QTextLayout(code["label"], self._look.font("body"))
        layout.setFormats([self._hit(start, end) for start, end in code["spans"]])
        layout.beginLayout()
        one = layout.createLine()
        one.setLineWidth(10_000)
        layout.endLayout()
        painter.setClipRect(rect)
        painter.setPen(self._look.colour("text"))
        layout.draw(painter, rect.topLeft() + QPoint(0, round((rect.height() - one.height()) / 2)).toPointF())

    def _hit(self, start: int, end: int) -> QTextLayout.FormatRange:
        found = QTextLayout.FormatRange()
        found.start, found.length = start, end - start
        style = QTextCharFormat()
        style.setForeground(QColor(self._look.colour("accentText")))
        style.setFontWeight(700)
        found.format = style
        return found


class CodeMark(QFrame):
    """One of several chosen codes, with a cross that takes it away."""

    removed = Told()

    def __init__(self, look: Look, text: str) -> None:
        super().__init__()
        self.setObjectName("plate")
        self._text = text
        box = row(self, margins=(8, 0, 2, 0), gap=2)
        shown = label(look, text, role="body_small", wrap=True)
        box.addWidget(shown, 1)
        box.addWidget(
            Button(look, kind="icon", icon="cancel", tip=f"去掉 {text}", slot=lambda: self.removed.emit(self._text))
        )
        self.setMinimumHeight(28)
