"""设置: sections at the left, one section at the right, each edited in place with the checks of the first set-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QStackedWidget

from app.gui import words
from app.gui.answers import Answers
from app.gui.page import Desk, Json, Page
from app.gui.parts import Button, Card, column, row, set_property
from app.gui.settings_check import CheckSection
from app.gui.settings_forms import ClinicSection, KeysSection, ReceiveSection, TargetsSection, UploadSection
from app.gui.settings_his import HisSection
from app.gui.settings_papers import PapersSection
from app.gui.settings_reminders import RemindersSection
from app.gui.settings_section import Section
from app.gui.settings_staff import StaffSection
from app.gui.settings_trust import TrustSection


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One section: the names that errors give it, how it is made."""

    keys: tuple[str, ...]
    make: Callable[[Desk, Answers], Section]


ENTRIES = (
    Entry(keys=("clinic",), make=ClinicSection),
    Entry(keys=("destination",), make=TargetsSection),
    Entry(keys=("secrets", "settings"), make=KeysSection),
    Entry(keys=("dicom", "query", "intake", "files"), make=ReceiveSection),
    Entry(keys=("upload",), make=UploadSection),
    Entry(keys=("his",), make=HisSection),
    Entry(keys=("signing",), make=StaffSection),
    Entry(keys=("ui",), make=RemindersSection),
    Entry(keys=("check",), make=CheckSection),
    # not every platform has these: last, so that no other moves when they appear
    Entry(keys=("trust",), make=TrustSection),
    Entry(keys=("papers",), make=PapersSection),
)


class SettingsPage(Page):
    """`open_at(key)` takes the name that an error gives a settings page: "destination", "clinic", "dicom" …, and the
    question in it after a slash: "destination/options.dicom_port"."""

    name = words.SETTINGS

    def __init__(self, desk: Desk) -> None:
        self.again = Button(desk.look, "再走一遍首次设置", icon="undo", small=True)
        super().__init__(desk, self.again)
        self.again.clicked.connect(lambda _on=False: self._walk_again())
        self.answers = Answers(desk, self, from_draft=False)
        self.sections: list[Section] = [entry.make(desk, self.answers) for entry in ENTRIES]
        self._stack = QStackedWidget()
        self._stack.setObjectName("pages")
        self._tabs: list[_Tab] = []
        rail = Card()
        rail.setFixedWidth(172)
        names = column(margins=(8, 8, 8, 8), gap=2)
        for place, section in enumerate(self.sections):
            tab = _Tab(section.title)
            tab.setFont(desk.look.font("body"))
            tab.clicked.connect(lambda _on=False, place=place: self.open_place(place))
            self._tabs.append(tab)
            names.addWidget(tab)
            if not section.offered():
                tab.hide()
            self._stack.addWidget(section)
        names.addStretch(1)
        rail.box.addLayout(names)
        box = row(gap=12)
        box.addWidget(rail)
        box.addWidget(self._stack, 1)
        self.body.addLayout(box, 1)
        self.answers.loaded.connect(self._loaded)
        self.answers.changed.connect(self._changed)
        self.open_place(0)

    def refresh(self) -> None:
        """What is being typed stays: only a page without changes takes the settings anew."""
        if not any(section.is_changed() for section in self.sections):
            self.answers.load()

    def show_status(self, status: Json) -> None:
        for section in self.sections:
            section.show_status(status)

    def open_at(self, key: str) -> None:
        key, _, question = key.partition("/")
        place = next((place for place, entry in enumerate(ENTRIES) if key in entry.keys), None)
        if place is None:
            place = next((place for place, one in enumerate(self.sections) if one.title == key), 0)
        self.open_place(place)
        if question:
            self.section().point_at(question)

    def open_place(self, place: int) -> None:
        self._stack.setCurrentIndex(place)
        for number, tab in enumerate(self._tabs):
            set_property(tab, "on", number == place)
        section = self.sections[place]
        self.header.note.setText(section.note)
        section.enter()

    def check(self) -> None:
        """Open 自检 and run it."""
        self.open_at("check")
        self.section().run()

    def section(self) -> Section:
        return self.sections[self._stack.currentIndex()]

    def _loaded(self) -> None:
        for section in self.sections:
            section.show_answers()

    def _changed(self) -> None:
        for section, tab in zip(self.sections, self._tabs, strict=True):
            section.show_problems()
            tab.setVisible(section.offered())

    def _walk_again(self) -> None:
        opener = getattr(self.window(), "open_setup", None)
        if opener is not None:
            opener()


class _Tab(QPushButton):
    """The name of a section; arrows go from one to the next."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setProperty("kind", "rail")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)
