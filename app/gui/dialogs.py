"""The dialogs that any page may open: a yes/no question, the details of an error. They never block the event loop."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QGuiApplication, QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QLabel, QWidget

from app.errors import AgentError, NeedsOperator, Rejected, RetryLater
from app.gui import words
from app.gui.look import Look
from app.gui.page import Question
from app.gui.parts import Button, FoldHead, Mark, column, frame, label, line, row

_DIM = 96
"""Of 255: how much of the window goes under."""
_TURNS = (
    ("automatic", "自动重试", "state-waiting", "retry"),
    ("technician", "请您处理", "state-held", "you"),
    ("engineer", "请找工程师", "phone", "bad"),
)
_MARKS = {
    "automatic": ("state-waiting", "retry"),
    "technician": ("state-held", "you"),
    "engineer": ("state-rejected", "bad"),
}


class Dialog(QDialog):
    """Head, body, foot, in the look of all dialogs."""

    def __init__(self, look: Look, title: str, parent: QWidget | None, *, width: int = 560) -> None:
        super().__init__(parent)
        self.look = look
        self.setWindowTitle(words.APP)
        self.setModal(True)
        self.setFixedWidth(width)
        ground = frame("card")
        column(self).addWidget(ground)
        outer = column(ground, margins=(1, 1, 1, 1))
        head = row(margins=(20, 8, 12, 8))
        head.addWidget(label(look, title, role="section", bold=True), 1)
        close = Button(look, kind="icon", icon="cancel", tip="关闭 · Esc", slot=self.reject)
        close.setAutoDefault(False)
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        head.addWidget(close)
        outer.addLayout(head)
        outer.addWidget(line())
        self.body = column(margins=(20, 16, 20, 16), gap=12)
        outer.addLayout(self.body, 1)
        outer.addWidget(line())
        self.foot = row(margins=(20, 14, 20, 14), gap=8)
        outer.addLayout(self.foot)
        self._shade: Shade | None = None

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        parent = self.parentWidget()
        if self._shade is None and parent is not None and parent.window().isVisible():
            self._shade = Shade(parent.window())

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._shade is not None:
            self._shade.hide()
            self._shade.deleteLater()
            self._shade = None


class Shade(QWidget):
    """Dims the window under a dialog, so that the eye stays with what is asked."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setGeometry(window.rect())
        window.installEventFilter(self)
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(0, 0, 0, _DIM))


class QuestionDialog(Dialog):
    """`accepted` is emitted for yes."""

    def __init__(self, look: Look, question: Question, parent: QWidget | None) -> None:
        super().__init__(look, question.head or question.title, parent, width=560)
        line_of = row(gap=12)
        line_of.addWidget(Mark(look, question.icon, question.tone, 28))
        texts = column(gap=4)
        if question.head:
            texts.addWidget(label(look, question.title, role="section", bold=True, wrap=True))
        texts.addWidget(label(look, question.text, wrap=True))
        line_of.addLayout(texts, 1)
        self.body.addLayout(line_of)
        self.foot.addStretch(1)
        self.no = Button(look, question.no, slot=self.reject)
        self.yes = Button(look, question.yes, kind="primary", slot=self.accept)
        self.foot.addWidget(self.no)
        self.foot.addWidget(self.yes)


class TurnPills(QWidget):
    """The three answers to "whose turn is it", one of them lit."""

    def __init__(self, look: Look, turn: str) -> None:
        super().__init__()
        box = row(self, gap=6)
        for name, text, icon, tone in _TURNS:
            box.addWidget(_pill(look, text, icon, tone if name == turn else ""))
        box.addStretch(1)


def _pill(look: Look, text: str, icon: str, tone: str) -> QWidget:
    pill = frame("turn")
    ground, edge = (look.hex(f"{tone}Soft"), look.hex(tone)) if tone else ("transparent", look.hex("border"))
    pill.setStyleSheet(f"#turn {{ background: {ground}; border: 1px solid {edge}; border-radius: 14px; }}")
    pill.setFixedHeight(28)
    box = row(pill, margins=(10, 0, 12, 0), gap=6)
    box.addWidget(Mark(look, icon, tone or "text3", 16))
    box.addWidget(label(look, text, role="body_small", tone=tone or "text3", bold=bool(tone)))
    return pill


class Facts(QWidget):
    """A fold with name-value lines and a button that copies them for the engineer."""

    def __init__(self, look: Look, title: str, facts: list[tuple[str, str]]) -> None:
        super().__init__()
        self._text = "\n".join(f"{name}：{value}" for name, value in facts if value)
        self.head = FoldHead(look, title)
        self.head.title.setFont(look.font("body_small"))
        self.copy = Button(look, "复制", kind="link", icon="copy", small=True, slot=self._copy)
        self.plate = frame("plate")
        lines = column(self.plate, margins=(12, 8, 12, 8), gap=4)
        for name, value in facts:
            if value:
                one = row(gap=8)
                caption = label(look, name, role="caption", tone="text3")
                caption.setFixedWidth(64)
                one.addWidget(caption)
                one.addWidget(_selectable(label(look, value, role="body_small", wrap=True)), 1)
                lines.addLayout(one)
        top = row()
        top.addWidget(self.head, 1)
        top.addWidget(self.copy)
        self.head.layout().setContentsMargins(0, 0, 0, 0)  # type: ignore[union-attr]
        box = column(self)
        box.addLayout(top)
        box.addWidget(self.plate)
        self.plate.hide()
        self.head.toggled.connect(self.plate.setVisible)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text)
        self.copy.setText("已复制")


def _selectable(text: QLabel) -> QLabel:
    text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return text


def turn_of(error: AgentError) -> str:
    """Whose turn it is after an error."""
    if isinstance(error, RetryLater):
        return "automatic"
    return "technician" if isinstance(error, NeedsOperator) else "engineer"


def tone_of(error: AgentError) -> str:
    return {"automatic": "retry", "technician": "you", "engineer": "bad"}[turn_of(error)]


class ErrorDialog(Dialog):
    """One error in full: title, whose turn, advice, and folded what an engineer wants to read."""

    def __init__(self, look: Look, error: AgentError, parent: QWidget | None) -> None:
        super().__init__(look, "问题详情", parent)
        turn = turn_of(error)
        top = row(gap=12)
        top.addWidget(Mark(look, *_MARKS[turn], 28))
        top.addWidget(label(look, error.title, role="section", bold=True, wrap=True), 1)
        self.body.addLayout(top)
        self.body.addWidget(TurnPills(look, turn))
        self.body.addWidget(label(look, error.advice, wrap=True))
        platform = (error.code, error.words) if isinstance(error, Rejected) else ("", "")
        facts = [("代码", platform[0]), ("原话", platform[1]), ("细节", error.details)]
        if any(value for _, value in facts):
            self.body.addWidget(Facts(look, "给工程师看的", facts))
        self.foot.addStretch(1)
        self.foot.addWidget(Button(look, "知道了", kind="primary", slot=self.accept))


def ask_person(look: Look, question: Question, parent: QWidget | None, then: Callable[[], None]) -> QuestionDialog:
    """Open a question without waiting; `then()` after yes."""
    dialog = QuestionDialog(look, question, parent)
    dialog.accepted.connect(then)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog
