"""The first set-up (首次设置): steps at the left, one question a page, a foot that says what is still open.

Enter goes on when nothing is open, else to what is. Left in the middle it comes back at the same step.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QStackedWidget, QWidget

from app.errors import AgentError
from app.gui.answers import Answers
from app.gui.banner import Banner
from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.page import Desk
from app.gui.parts import Button, column, frame, label, line, row
from app.gui.told import Told
from app.gui.wizard_clinic import ClinicStep, KeysStep
from app.gui.wizard_devices import DevicesStep
from app.gui.wizard_last import FinishStep, RehearsalStep
from app.gui.wizard_region import RegionStep
from app.gui.wizard_step import Step
from app.gui.wizard_trial import TrialStep

SIZE = QSize(1000, 608)
"""With the title strip of the window system 1000 x 640."""
_LEAST = QSize(760, 440)
_RAIL = 224
_STEPS = (RegionStep, ClinicStep, KeysStep, DevicesStep, TrialStep, RehearsalStep, FinishStep)


class Wizard(QWidget):
    """A window over the main one. `finished()`: the last step was taken."""

    finished = Told()
    closed = Told()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setWindowTitle("影像云上传助手 — 首次设置")
        self.setMinimumSize(_LEAST)
        self.resize(self._fitting())
        self.look = desk.look
        self.banner = Banner(desk.look)
        self.desk = replace(desk, fail=self.fail, tell=self._say)
        self.answers = Answers(self.desk, self, from_draft=True)
        self.steps: list[Step] = [kind(self.desk, self.answers, self.go_to) for kind in _STEPS]
        self._done = False
        self._build()
        self.answers.loaded.connect(self._loaded)
        self.answers.changed.connect(self.show_open)
        for step in self.steps:
            step.changed.connect(self.show_open)
            step.done.connect(partial(self._step_done, step))
        self.answers.load(self.fail)

    # -- moving -----------------------------------------------------------------------------------------------------

    def step(self) -> Step:
        return self.steps[self._stack.currentIndex()]

    def go_to(self, name: str) -> None:
        """Show the step of this name."""
        place = next((number for number, one in enumerate(self.steps) if one.name == name), 0)
        self.step().leave()
        self.banner.leave()
        self._stack.setCurrentIndex(place)
        step = self.step()
        self.title.setText(step.title)
        self.note.setText(step.note)
        self.back.setEnabled(place > 0)
        self.next.setText(step.next_words)
        for number, item in enumerate(self._items):
            item.show_state("now" if number == place else "done" if number < place else "ahead")
        self._scrolls[place].verticalScrollBar().setValue(0)
        step.enter()
        self.show_open()
        step.focus_first()

    def forward(self) -> None:
        """On, once the step has put into force what it asked for; to what is open if something is."""
        if not self.next.isEnabled():
            self.step().focus_open()
            return
        self.next.setEnabled(False)
        self.step().take(self._on, self._failed)

    def backward(self) -> None:
        place = self._stack.currentIndex()
        if place:
            self.go_to(self.steps[place - 1].name)

    def show_open(self) -> None:
        """What is still open of this step, in the foot."""
        step = self.step()
        open_words = step.open_words()
        self.next.setEnabled(not step.stops())
        self.open_line.setText(open_words)

    def _step_done(self, step: Step) -> None:
        """Enter goes on now, instead of doing the same once more."""
        if step is self.step() and self.next.isEnabled():
            self.next.setFocus()

    def fail(self, error: AgentError) -> None:
        self.banner.fail(error)
        self.show_open()

    def _failed(self, error: AgentError) -> None:
        self.fail(error)

    def _say(self, tone: str, title: str, advice: str) -> None:
        self.banner.say(tone, title, advice) if title else self.banner.leave()

    def _on(self) -> None:
        place = self._stack.currentIndex()
        if place + 1 == len(self.steps):
            self._finish()
            return
        following = self.steps[place + 1].name
        self.answers.keep(following)
        self.go_to(following)

    def _finish(self) -> None:
        self._done = True
        face = self.desk.face
        self.desk.asker.ask(lambda: face.keep_setup_draft({}, ""), lambda _answer: self._end(), self.fail)

    def _end(self) -> None:
        self.close()
        self.finished.emit()

    def _loaded(self) -> None:
        for step in self.steps:
            step.show_answers()
        names = [step.name for step in self.steps]
        self.go_to(self.answers.step if self.answers.step in names else names[0])

    # -- leaving ----------------------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        self.step().leave()
        if not self._done and self.answers.document:
            self.answers.keep(self.step().name)
        self.closed.emit()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        focused = self.focusWidget()
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if isinstance(focused, QPushButton) and focused.isEnabled() and not focused.isCheckable():
                focused.click()
            else:
                self.forward()
        else:
            super().keyPressEvent(event)

    # -- building ---------------------------------------------------------------------------------------------------

    def _fitting(self) -> QSize:
        return SIZE.boundedTo(self.screen().availableSize() - QSize(16, 48)).expandedTo(_LEAST)

    def _build(self) -> None:
        box = row(self)
        box.addWidget(self._build_rail())
        right = column()
        head = column(margins=(24, 16, 24, 0), gap=4)
        self.title = label(self.look, role="page_title", bold=True)
        self.note = label(self.look, role="body_small", tone="text2", wrap=True)
        head.addWidget(self.title)
        head.addWidget(self.note)
        head.addWidget(self.banner)
        self._stack = QStackedWidget()
        self._stack.setObjectName("body")
        self._scrolls: list[QScrollArea] = []
        for step in self.steps:
            area = QScrollArea()
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.setWidgetResizable(True)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setWidget(step)
            self._scrolls.append(area)
            self._stack.addWidget(area)
        ground = frame("wizard")
        inner = column(ground)
        inner.addLayout(head)
        inner.addSpacing(12)
        inner.addWidget(self._stack, 1)
        inner.addWidget(line())
        inner.addLayout(self._build_foot())
        right.addWidget(ground)
        box.addLayout(right, 1)

    def _build_rail(self) -> QWidget:
        rail = frame("rail")
        rail.setFixedWidth(_RAIL)
        box = column(rail, margins=(14, 16, 14, 16), gap=4)
        box.addWidget(label(self.look, "首次设置", role="person", bold=True))
        box.addWidget(label(self.look, "约 5 分钟，随时可退出，下次接着做", role="caption", tone="text2", wrap=True))
        box.addSpacing(8)
        self._items = [_Item(self.look, number, step.name) for number, step in enumerate(self.steps)]
        for item in self._items:
            item.pressed.connect(self._jump)
            box.addWidget(item)
        box.addStretch(1)
        box.addWidget(
            label(
                self.look,
                "需要准备：平台分配的机构编码、密钥，前置机地址。",
                role="caption",
                tone="text2",
                wrap=True,
            )
        )
        self.list_button = Button(
            self.look, "看准备清单", kind="link", icon="page-help", small=True, slot=self._show_list
        )
        box.addWidget(self.list_button, 0, Qt.AlignmentFlag.AlignLeft)
        return rail

    def _build_foot(self) -> QHBoxLayout:
        foot = row(margins=(24, 14, 24, 14), gap=8)
        self.open_line = label(self.look, role="body_small", tone="text2", wrap=True)
        self.leave_button = Button(self.look, "退出，下次继续", kind="quiet", slot=self.close)
        self.back = Button(self.look, "上一步", slot=self.backward)
        self.next = Button(self.look, "下一步", kind="primary", slot=self.forward)
        self.next.setMinimumWidth(120)
        foot.addWidget(self.open_line, 1)
        for button in (self.leave_button, self.back, self.next):
            foot.addWidget(button)
        return foot

    def _jump(self, name: str) -> None:
        """Back to a step that was taken already."""
        names = [step.name for step in self.steps]
        if names.index(name) < self._stack.currentIndex():
            self.go_to(name)

    def _show_list(self) -> None:
        NeedsDialog(self.look, self.answers, self).open()


class NeedsDialog(Dialog):
    """What to have at hand (准备清单), for every chosen region, else for all."""

    def __init__(self, look: Look, answers: Answers, parent: QWidget | None) -> None:
        super().__init__(look, "准备清单", parent)
        chosen = [one for one in answers.regions if answers.has_region(one["name"])] or answers.regions
        for region in chosen:
            self.body.addWidget(label(look, region["title"], bold=True))
            for need in region["needs"]:
                self.body.addWidget(label(look, f"□　{need}", wrap=True))
        self.foot.addStretch(1)
        self.foot.addWidget(Button(look, "知道了", kind="primary", slot=self.accept))


class _Item(QWidget):
    """One step in the rail: its number, or a tick once it was taken."""

    pressed = Told()

    def __init__(self, look: Look, number: int, name: str) -> None:
        super().__init__()
        self._look, self._number, self._name, self._state = look, number, name, "ahead"
        self.setFixedHeight(look.height("rail_item"))
        look.changed.connect(self.update)

    def show_state(self, state: str) -> None:
        self._state = state
        self.setCursor(Qt.CursorShape.PointingHandCursor if state == "done" else Qt.CursorShape.ArrowCursor)
        self.update()

    def mouseReleaseEvent(self, event: object) -> None:
        self.pressed.emit(self._name)

    def paintEvent(self, event: QPaintEvent) -> None:
        look, painter, is_now = self._look, QPainter(self), self._state == "now"
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if is_now:
            painter.setBrush(look.colour("railSel"))
            painter.drawRoundedRect(self.rect(), 5, 5)
        middle = self.height() // 2
        if self._state == "done":
            painter.drawPixmap(
                10, middle - 9, look.pixmap("state-reconciled", "ok", 18, self.devicePixelRatioF(), "rail")
            )
        else:
            painter.setBrush(look.colour("accent" if is_now else "surface"))
            painter.setPen(look.colour("accent" if is_now else "line"))
            painter.drawEllipse(10, middle - 10, 20, 20)
            painter.setPen(look.colour("onAccent" if is_now else "text2"))
            painter.setFont(look.font("caption"))
            painter.drawText(10, middle - 10, 20, 20, Qt.AlignmentFlag.AlignCenter, str(self._number + 1))
        painter.setPen(look.colour("accentText" if is_now else "text"))
        painter.setFont(look.font("body", bold=is_now))
        painter.drawText(self.rect().adjusted(42, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, self._name)
