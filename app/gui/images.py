"""The right card of 待填报: what came for one exam, to look at - its images and its report PDFs."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.gui import words
from app.gui.page import Desk, Json
from app.gui.parts import Button, Card, Empty, column, line, row
from app.gui.pdf_view import PdfPane
from app.gui.stamp import StampBar
from app.gui.told import Told
from app.gui.viewer import Viewer
from app.gui.viewer_window import ViewerWindow, source_words

_NO_EXAM = ("image", "影像", "左边选一例，这里看它的影像。")
_NO_IMAGES = ("image", "还没有影像", "设备把影像发来、收齐后会出现在这里。检查记录可以先填。")
_RELEASED = ("image", "影像已过保留期", "平台都已接收，本机不再保存原图。要看请到平台调阅。")
_NOT_TO_SEE = ("document", "这里没有能看的影像", "设备送来的都是文档或记录，照常上传。")


class ImagesCard(Card):
    """Two tabs: 影像, 报告 PDF. `attach(report)` asks for a file, `dropped(path, report)` brings one."""

    attach = Told()
    dropped = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self._look = desk, desk.look
        self._uid = ""
        self._shown = ""
        self._series: list[Json] = []
        self._of_reports: tuple[str, list[Json]] = ("", [])
        self._person: tuple[str, ...] = ()
        self._window: ViewerWindow | None = None
        self.setAcceptDrops(True)
        self._stack = QStackedWidget()
        self.tabs = [self._tab("影像", 0), self._tab("报告 PDF", 1)]
        head = row(margins=(8, 0, 8, 0), gap=4)
        for tab in self.tabs:
            head.addWidget(tab)
        head.addStretch(1)
        self.box.addLayout(head)
        self.box.addWidget(line())
        self.box.addWidget(self._stack, 1)
        self._stack.addWidget(self._images())
        self.pdf = PdfPane(desk.look, desk.asker, desk.face.report_pdf)
        self.pdf.attach.connect(self.attach)
        self.pdf.turned.connect(lambda _report: self._show_stamp())
        self.stamp = StampBar(desk)
        self._stack.addWidget(self._reports())
        self._open(0)

    def show_study(self, study: Json) -> None:
        """The exam as `Face.study` tells it; its series are asked for."""
        uid, face = str(study["uid"]), self._desk.face
        self._uid, self._person = uid, person_lines(study["fields"])
        aside = sum(not one["current"] for one in study["instances"])
        self._desk.asker.ask(
            lambda: face.series(uid), lambda answer: self._came(uid, answer, aside), key=("series", id(self))
        )

    def show_reports(self, uid: str, reports: list[Json]) -> None:
        """The reports of the exam's form."""
        self._of_reports = (uid, reports)
        self.pdf.put(uid, reports)
        self._show_stamp()
        self.tabs[1].setText(f"报告 PDF {len(reports)}" if len(reports) > 1 else "报告 PDF")

    def show_nothing(self) -> None:
        self._uid = self._shown = ""
        self.tabs[0].setText("影像")
        self.tabs[0].setToolTip("")
        self._say(*_NO_EXAM)
        self.show_reports("", [])

    def stamp_report(self, report: int) -> None:
        """Show this report and have it stamped."""
        self._open(1)
        self.pdf.choose(report)
        self.stamp.begin()

    def focus(self) -> None:
        """The keyboard goes to what is looked at: slices or pages."""
        shown: QWidget = self.viewer.film if self._stack.currentIndex() == 0 else self.pdf.view
        shown.setFocus(Qt.FocusReason.TabFocusReason)

    def hideEvent(self, event: QHideEvent) -> None:
        """Another page, or the window went into the tray: the large viewer goes with it."""
        super().hideEvent(event)
        if self._window is not None and not event.spontaneous():
            self._window.close()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if pdf_of(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = pdf_of(event)
        if path:
            event.acceptProposedAction()
            self._open(1)
            self.dropped.emit(path, self.pdf.current)

    def _came(self, uid: str, answer: Json, aside: int) -> None:
        if uid != self._uid:
            return
        self._series, count = answer["series"], int(answer["image_count"])
        self.tabs[0].setText(f"影像 {count}" if count else "影像")
        self.tabs[0].setToolTip(_about(answer, aside))
        if not count:
            self._say(*(_NOT_TO_SEE if answer["other_count"] else _NO_IMAGES))
        elif answer["released_count"] == count:
            self._say(*_RELEASED)
        else:
            self._pages.setCurrentWidget(self.viewer)
            self.viewer.put(self._series, self._person, anew=uid != self._shown)
            self._shown = uid

    def _say(self, icon: str, title: str, advice: str) -> None:
        self._shown = ""
        self._none.say(icon, title, advice)
        self._pages.setCurrentWidget(self._none)

    def _open_large(self) -> None:
        if self._window is None:
            self._window = ViewerWindow(self._look, self._desk.asker, self._desk.face.frame, self.window())
        self._window.open(self._series, self._person, " · ".join(self._person), self.viewer.at)

    def _tab(self, text: str, number: int) -> Button:
        made = Button(self._look, text, kind="tab", slot=lambda: self._open(number))
        made.setCheckable(True)
        return made

    def _open(self, number: int) -> None:
        self._stack.setCurrentIndex(number)
        for place, tab in enumerate(self.tabs):
            tab.setChecked(place == number)

    def _show_stamp(self) -> None:
        uid, reports = self._of_reports
        number = self.pdf.current
        self.stamp.put(uid, number, reports[number] if number < len(reports) else None)

    def _reports(self) -> QWidget:
        page = QWidget()
        box = column(page)
        box.addWidget(self.pdf, 1)
        box.addWidget(self.stamp)
        return page

    def _images(self) -> QWidget:
        page = QWidget()
        self._pages = QStackedWidget()
        self._none = Empty(self._look, *_NO_EXAM)
        self.viewer = Viewer(self._look, self._desk.asker, self._desk.face.frame)
        self.viewer.opened.connect(self._open_large)
        self._pages.addWidget(self._none)
        self._pages.addWidget(self.viewer)
        column(page).addWidget(self._pages)
        return page


def person_lines(fields: list[Json]) -> tuple[str, ...]:
    """赵明轩  男  46 岁 / CT2611200037: whose images these are."""
    shown = {str(field["key"]): str(field["shown"] or field["text"]) for field in fields}
    sex = shown.get("sex", "").rpartition(" ")[2].removesuffix("性")
    age = shown.get("age", "")
    who = (shown.get("patient_name", ""), sex, f"{age} 岁" if age.isdigit() else age)
    lines = ("  ".join(part for part in who if part), shown.get("accession_number", ""))
    return tuple(text for text in lines if text)


def pdf_of(event: QDropEvent) -> str:
    """The path of a PDF that is being dropped, "" for anything else."""
    urls = event.mimeData().urls()
    path = urls[0].toLocalFile() if len(urls) == 1 else ""
    return path if path.lower().endswith(".pdf") else ""


def _about(answer: Json, aside: int) -> str:
    """3 个序列 · 312 幅 · 164 MB · 来自 CT-1"""
    series = answer["series"]
    if not series:
        return ""
    size = words.size(sum(int(one["size_bytes"]) for one in series))
    sources = dict.fromkeys(source_words(str(one["source"])) for one in series)
    parts = [f"{len(series)} 个序列", f"{answer['image_count']} 幅", size, *sources]
    if answer["other_count"]:
        parts.append(f"另有 {answer['other_count']} 份文档或记录")
    if aside:
        parts.append(f"另有 {aside} 幅内容不同，没有用")
    return " · ".join(parts)
