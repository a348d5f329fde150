"""报告 PDF: the report's pages, scrolled and zoomed, printed, exchanged for another one; or why there is none."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMargins, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPalette, QResizeEvent, QShowEvent, QWheelEvent
from PySide6.QtPdf import QPdfDocument
from PySide6.QtPdfWidgets import QPdfView
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QLabel, QSizePolicy, QStackedWidget, QWidget

from app.errors import AgentError, NeedsOperator
from app.gui.ask import Asker
from app.gui.look import Look
from app.gui.parts import Button, Empty, clear, column, line, row, set_property
from app.gui.told import Told

Json = dict[str, Any]
ReportOf = Callable[[str, int], Json]
"""`Face.report_pdf`."""
_LEAST_ZOOM, _MOST_ZOOM = 0.25, 5.0
_PRINT_DPI = 300
_NOTHING = ("", -1, "")
"""Exam, report and digest of what is open, when nothing is."""
_NONE = ("document", "还没有报告 PDF", "把 PDF 文件拖到这里，或选择文件。")


class PdfPane(QWidget):
    """`attach(report)`: a person wants to choose a file for this report. Loads only what is on screen.

    `turned(report)`: another of the reports is shown. `reads_only`: one report, looked at and printed, never exchanged
    here.
    """

    attach = Told()
    turned = Told()

    def __init__(self, look: Look, asker: Asker, report_of: ReportOf, *, reads_only: bool = False) -> None:
        super().__init__()
        self._look, self._asker, self._report_of = look, asker, report_of
        self._reads_only = reads_only
        self._uid = ""
        self._reports: list[Json] = []
        self._loaded = _NOTHING
        self.current = 0
        """Which of the exam's reports is shown."""
        self.document = QPdfDocument(self)
        self._buffer: QBuffer | None = None
        self._build()

    def put(self, uid: str, reports: list[Json]) -> None:
        """The reports of an exam, as its form lists them."""
        if uid != self._uid:
            self.current, self._loaded = 0, _NOTHING
            self._say(*_NONE)
        self._uid, self._reports = uid, reports
        self.current = min(self.current, max(0, len(reports) - 1))
        self._show_choice()
        self._load()

    def choose(self, report: int) -> None:
        self.current = report
        self._show_choice()
        self._load()
        self.turned.emit(report)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._load()

    def _load(self) -> None:
        if not self.isVisible():
            return
        if self.current >= len(self._reports) or not self._reports[self.current]["pdf"]:
            self._loaded = _NOTHING
            self._say(*_NONE)
            return
        uid, report, report_of = self._uid, self.current, self._report_of
        self._asker.ask(
            lambda: _read(report_of, uid, report),
            lambda answer: self._came(uid, report, *answer),
            lambda error: self._failed(uid, report, error),
            key=("report-pdf", id(self)),
        )

    def _came(self, uid: str, report: int, about: Json, data: bytes) -> None:
        if (uid, report) != (self._uid, self.current) or self._loaded == (uid, report, about["sha256"]):
            return
        fault = self._open(data)
        if fault is not None:
            self._say("state-held", *fault)
            return
        self._loaded = (uid, report, str(about["sha256"]))
        self.name.put(f"{about['name']} · {self.document.pageCount()} 页")
        self._stack.setCurrentWidget(self.view)
        self.view.fit()
        self._show_foot(has_pdf=True)

    def _failed(self, uid: str, report: int, error: AgentError) -> None:
        if (uid, report) == (self._uid, self.current):
            self._loaded = _NOTHING
            self._say("state-held", error.title, error.advice)

    def _open(self, data: bytes) -> tuple[str, str] | None:
        """From memory, so that no file of the spool stays open. What is wrong with it, None when it is open."""
        self.document.close()
        self._buffer = QBuffer(self)
        self._buffer.setData(QByteArray(data))
        self._buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        self.document.load(self._buffer)
        if self.document.status() == QPdfDocument.Status.Ready and self.document.pageCount():
            return None
        if self.document.error() == QPdfDocument.Error.IncorrectPassword:
            return "这份 PDF 有密码保护", "平台也打不开。请导出一份不加密的 PDF，再点“换一份”。"
        return "这份 PDF 打不开", "文件可能坏了。请重新导出这份报告，再点“换一份”。"

    def print_to(self, printer: QPrinter) -> None:
        """Every page as large as the paper allows."""
        painter = QPainter(printer)
        for number in range(self.document.pageCount()):
            if number:
                printer.newPage()
            paper = painter.viewport()
            points = self.document.pagePointSize(number)
            size = points.scaled(paper.size().toSizeF(), Qt.AspectRatioMode.KeepAspectRatio)
            image = self.document.render(number, QSize(round(size.width()), round(size.height())))
            painter.fillRect(QRectF(0, 0, size.width(), size.height()), Qt.GlobalColor.white)
            painter.drawImage(QRectF(0, 0, size.width(), size.height()), image)
        painter.end()

    def _print(self) -> None:
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        printer.setResolution(_PRINT_DPI)
        dialog = QPrintDialog(printer, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.print_to(printer))
        dialog.setModal(True)
        dialog.show()

    # -- what is seen -----------------------------------------------------------------------------------------------

    def _say(self, icon: str, title: str, advice: str) -> None:
        self.empty.say(icon, title, advice)
        self._stack.setCurrentWidget(self.empty)
        self._show_foot(has_pdf=False)

    def _show_foot(self, *, has_pdf: bool) -> None:
        """Without a PDF the button stands in the middle, not at the foot."""
        self._foot.setVisible(has_pdf)
        attached = self.current < len(self._reports) and bool(self._reports[self.current]["pdf"])
        self._choose_file.setText("换一份" if attached else "选择 PDF")
        self._choose_file.setVisible(bool(self._uid) and not self._reads_only)

    def _show_choice(self) -> None:
        """A segment for each report when there are several."""
        clear(self._choice)
        several = len(self._reports) > 1 and not self._reads_only
        self._choice_row.setVisible(several)
        for number in range(len(self._reports) if several else 0):
            self._choice.addWidget(self._segment(number))

    def _segment(self, number: int) -> Button:
        slot = partial(self.choose, number)
        made = Button(self._look, f"报告 {number + 1}", kind="segment", small=True, slot=slot)
        made.setCheckable(True)
        made.setChecked(number == self.current)
        set_property(made, "first", "true" if number == 0 else "false")
        return made

    def _build(self) -> None:
        box = column(self)
        self._choice_row = QWidget()
        inner = row(self._choice_row, margins=(12, 8, 12, 8))
        self._choice = row()
        inner.addLayout(self._choice)
        inner.addStretch(1)
        self.view = PdfView(self._look, self.document)
        self._choose_file = Button(self._look, "选择 PDF", icon="attach", slot=lambda: self.attach.emit(self.current))
        self.empty = Empty(self._look, *_NONE, self._choose_file)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.view)
        box.addWidget(self._choice_row)
        box.addWidget(self._stack, 1)
        box.addWidget(self._build_foot())
        self._choice_row.setVisible(False)
        self._show_foot(has_pdf=False)

    def _build_foot(self) -> QWidget:
        self._foot = QWidget()
        outer = column(self._foot)
        outer.addWidget(line())
        inner = row(margins=(14, 6, 10, 6), gap=4)
        self.name = FileName(self._look)
        other = Button(self._look, "换一份", kind="quiet", icon="attach", slot=lambda: self.attach.emit(self.current))
        inner.addWidget(self.name, 1)
        inner.addWidget(other)
        if self._reads_only:
            other.hide()
        inner.addWidget(Button(self._look, kind="icon", icon="zoom-in", tip="放大 · Ctrl+滚轮", slot=self.view.zoom_in))
        inner.addWidget(Button(self._look, kind="icon", icon="print", tip="打印这份报告", slot=self._print))
        outer.addLayout(inner)
        return self._foot


class FileName(QLabel):
    """A long file name gives way in its middle; how many pages it has stays. The whole of it is the tooltip."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._whole = ""
        self.setFont(look.font("body_small"))
        self.setProperty("tone", "text2")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def put(self, text: str) -> None:
        self._whole = text
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, self.width())
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


class PdfView(QPdfView):
    """All pages below each other, as wide as the card; Ctrl and the wheel make them larger."""

    def __init__(self, look: Look, document: QPdfDocument) -> None:
        super().__init__()
        self._look = look
        self.setDocument(document)
        self.setPageMode(QPdfView.PageMode.MultiPage)
        self.setDocumentMargins(QMargins(18, 14, 18, 14))
        self.setPageSpacing(12)
        self.setFrameShape(QPdfView.Shape.NoFrame)
        # where the page just fits, a bar that comes and goes changes the width for ever: QPdfView never returns
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.fit()
        self._dress()
        look.changed.connect(self._dress)

    def fit(self) -> None:
        self.setZoomMode(QPdfView.ZoomMode.FitToWidth)

    def zoom_in(self) -> None:
        """Larger with each press; after the largest the whole width again."""
        self.fit() if self._factor() > 2.5 else self.zoom_to(self._factor() * 1.5)

    def zoom_to(self, factor: float) -> None:
        self.setZoomMode(QPdfView.ZoomMode.Custom)
        self.setZoomFactor(min(_MOST_ZOOM, max(_LEAST_ZOOM, factor)))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_to(self._factor() * 1.0015 ** event.angleDelta().y())
            event.accept()
        else:
            super().wheelEvent(event)

    def _factor(self) -> float:
        """What the width takes now, also while the view fits it by itself."""
        if self.zoomMode() == QPdfView.ZoomMode.Custom or not self.document().pageCount():
            return float(self.zoomFactor())
        points = self.document().pagePointSize(0).width() * self.logicalDpiX() / 72.0
        return (self.viewport().width() - 36) / points if points else 1.0

    def _dress(self) -> None:
        made = self.palette()
        made.setColor(QPalette.ColorRole.Dark, self._look.colour("desk"))
        self.setPalette(made)


def _read(report_of: ReportOf, uid: str, report: int) -> tuple[Json, bytes]:
    """The facts and the bytes; runs on a foreign thread."""
    about = report_of(uid, report)
    if about["shown"]:
        return about, base64.b64decode(about["shown"])
    try:
        return about, Path(about["path"]).read_bytes()
    except OSError as error:
        raise NeedsOperator("报告 PDF 打不开", "请重新附上这份报告的 PDF", details=type(error).__name__) from error
