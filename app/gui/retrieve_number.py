"""The field of a document number on 调阅: typed in full, masked after the answer; whoever edits it starts anew."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit

from app.gui.editors import HINTS
from app.gui.look import Look
from app.gui.parts import set_property
from app.gui.told import Told

_MOST = 40
_HIDDEN = "*"


class NumberBox(QLineEdit):
    """`typed()` while a person changes it, `left()` when the keyboard goes on, `entered()` for Enter."""

    typed = Told()
    left = Told()
    entered = Told()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._number = ""
        self.setFont(look.font("body"))
        self.setMaxLength(_MOST)
        self.setAccessibleName("证件号码")
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.setInputMethodHints(HINTS["id_number"])
        self.textEdited.connect(self._edited)
        self.returnPressed.connect(self.entered)

    @property
    def number(self) -> str:
        """The whole number, also while it is shown masked."""
        return self._number

    @property
    def is_masked(self) -> bool:
        return _HIDDEN in self.text()

    def show_masked(self, masked: str) -> None:
        """Show `masked` in place of the number, which stays known until `forget`."""
        self.setText(masked)
        self.setCursorPosition(0)
        self.show_wrong(False)

    def forget(self) -> None:
        self._number = ""
        self.clear()
        self.show_wrong(False)

    def show_wrong(self, wrong: bool) -> None:
        set_property(self, "wrong", wrong)

    def _edited(self, text: str) -> None:
        """What is left of a masked number is no number."""
        if _HIDDEN in text:
            self.clear()
        self._number = self.text().strip()
        self.typed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A key that would change a masked number takes the whole of it away."""
        if self.is_masked and (event.text().isprintable() or event.key() in _TAKING_AWAY):
            self.selectAll()
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.is_masked:
            self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()


_TAKING_AWAY = (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)
