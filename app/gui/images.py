"""What came from the devices for one exam: series with their images, where from, how large; and its report PDFs."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.gui import words
from app.gui.page import Desk, Json
from app.gui.parts import Button, Card, Empty, clear, column, label, line, row
from app.gui.rows import Cell, Column, RowsView, Text
from app.gui.told import Told


def series_rows(instances: list[Json]) -> list[Json]:
    """One row per series, in the order of their numbers: images, bytes, source."""
    found: dict[tuple[str, str], Json] = {}
    for one in instances:
        if not one["current"]:
            continue
        key = (str(one["series_number"]), str(one["modality"]))
        row_of = found.setdefault(
            key,
            {
                "key": f"{key[0]}/{key[1]}",
                "number": key[0],
                "modality": key[1],
                "count": 0,
                "bytes": 0,
                "source": one["source"],
            },
        )
        row_of["count"] += 1
        row_of["bytes"] += int(one["size_bytes"])
    return sorted(found.values(), key=lambda one: (len(one["number"]), one["number"]))


def source_words(source: str) -> str:
    """`ae:CT-1` -> 来自 CT-1"""
    kind, _, name = source.partition(":")
    return {"ae": f"来自 {name}", "folder": f"来自文件夹 {Path(name).name}", "import": "手工导入"}.get(kind, source)


class ImagesCard(Card):
    """Two tabs: 影像, 报告 PDF. `attach(report)` asks for a file, `dropped(path, report)` brings one."""

    attach = Told()
    dropped = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self._look = desk, desk.look
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
        self._stack.addWidget(self._reports())
        self._open(0)

    def show_study(self, study: Json) -> None:
        rows = series_rows(study["instances"])
        count = sum(one["count"] for one in rows)
        aside = sum(not one["current"] for one in study["instances"])
        self.tabs[0].setText(f"影像 {count}" if count else "影像")
        self._series.put(rows)
        self._series.setVisible(bool(rows))
        self._none.setVisible(not rows)
        self._none.say("image", "还没有影像", "设备把影像发来、收齐后会出现在这里。检查记录可以先填。")
        total = words.size(sum(one["bytes"] for one in rows))
        more = f" · 另有 {aside} 幅内容不同，没有用" if aside else ""
        self._total.setText(f"{len(rows)} 个序列 · {count} 幅 · {total}{more}" if rows else "")

    def show_reports(self, uid: str, reports: list[Json]) -> None:
        clear(self._report_box)
        for number, report in enumerate(reports or [{"pdf": False}]):
            self._report_box.addWidget(self._report(number, report, alone=len(reports) < 2))
        drop = label(self._look, "也可以把 PDF 文件拖到这里", role="caption", tone="text3", wrap=True)
        self._report_box.addWidget(drop)
        self._report_box.addStretch(1)

    def show_nothing(self) -> None:
        self.show_study({"instances": []})
        self._none.say("image", "影像", "左边选一例，这里列出它的序列和幅数。")
        clear(self._report_box)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if pdf_of(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = pdf_of(event)
        if path:
            event.acceptProposedAction()
            self._open(1)
            self.dropped.emit(path, 0)

    def _tab(self, text: str, number: int) -> Button:
        made = Button(self._look, text, kind="tab", slot=lambda: self._open(number))
        made.setCheckable(True)
        return made

    def _open(self, number: int) -> None:
        self._stack.setCurrentIndex(number)
        for place, tab in enumerate(self.tabs):
            tab.setChecked(place == number)

    def _images(self) -> QWidget:
        page = QWidget()
        box = column(page)
        columns = (
            Column(
                title="序列", cell=lambda one: _texts(f"序列 {one['number'] or '没有编号'}", one["modality"]), least=110
            ),
            Column(title="来源", cell=lambda one: _texts(source_words(one["source"]), words.size(one["bytes"]))),
            Column(title="影像", cell=_count_cell, at_right=True),
        )
        self._series = RowsView(self._look, columns, key="key", row_height=44)
        self._none = Empty(self._look, "image", "还没有影像", "设备把影像发来、收齐后会出现在这里。检查记录可以先填。")
        self._total = label(self._look, role="caption", tone="text3", wrap=True)
        foot = row(margins=(16, 10, 16, 10))
        foot.addWidget(self._total)
        box.addWidget(self._series, 1)
        box.addWidget(self._none, 1)
        box.addWidget(line())
        box.addLayout(foot)
        return page

    def _reports(self) -> QWidget:
        page = QWidget()
        self._report_box = column(page, margins=(16, 12, 16, 12), gap=12)
        return page

    def _report(self, number: int, report: Json, *, alone: bool) -> QWidget:
        made = QWidget()
        box = row(made, gap=8)
        texts = column(gap=2)
        texts.addWidget(label(self._look, "检查报告" if alone else f"检查报告 {number + 1}", bold=True))
        said, tone = ("PDF 已附上", "text2") if report["pdf"] else ("还没有 PDF", "you")
        texts.addWidget(label(self._look, said, role="body_small", tone=tone))
        box.addLayout(texts, 1)
        text = "换一份" if report["pdf"] else "附上 PDF"
        box.addWidget(Button(self._look, text, icon="attach", small=True, slot=lambda: self.attach.emit(number)))
        return made


def pdf_of(event: QDropEvent) -> str:
    """The path of a PDF that is being dropped, "" for anything else."""
    urls = event.mimeData().urls()
    path = urls[0].toLocalFile() if len(urls) == 1 else ""
    return path if path.lower().endswith(".pdf") else ""


def _texts(upper: str, lower: str) -> Cell:
    return Cell(lines=(Text(text=upper), Text(text=lower, role="caption", tone="text2")))


def _count_cell(one: Json) -> Cell:
    return Cell(lines=(Text(text=f"{one['count']} 幅", tone="text2"),), at_right=True)
