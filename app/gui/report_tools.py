"""What may be done with the reports of an exam: one more, one of another exam, none at all (不出报告)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtWidgets import QWidget

from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.page import Desk, Json
from app.gui.parts import Button, Empty, label, row
from app.gui.rows import Cell, Column, RowsView, Text

MORE, DROP, NONE, WANTED, SHARE = "more", "drop", "none", "wanted", "share"
Acted = Callable[[str, int], object]
_ROW, _LIST = 52, 220


@dataclass(frozen=True, kw_only=True)
class PdfActs:
    """Where the buttons under a report lead; each is told the report's number."""

    attach: Callable[[int], object]
    map: Callable[[int], object]
    act: Acted


def pdf_tools(look: Look, form: Json, number: int, acts: PdfActs) -> list[QWidget]:
    """Its PDF, and what may be done with the report."""
    has_pdf = bool(form["reports"][number]["pdf"])
    said, text = ("报告 PDF 已附上", "换一份 PDF") if has_pdf else ("还没有报告 PDF", "附上 PDF")
    tools: list[QWidget] = [label(look, said, role="caption", tone="text3" if has_pdf else "you")]
    if has_pdf:
        tip = "报告里的内容读错了栏目，在这里对一次，以后都按这样读"
        slot = partial(acts.map, number)
        tools.append(Button(look, "读得不对？对一次", kind="link", small=True, slot=slot, tip=tip))
    tools.append(Button(look, text, icon="attach", small=True, slot=partial(acts.attach, number)))
    links = report_tools(look, form, number, acts.act) if is_folded(form, number) else None
    return [tools_line(*tools), *([links] if links else [])]


def is_folded(form: Json, number: int) -> bool:
    """What may be done with a report stands in its fold; while nobody began it, or it is shared, it is seen at once."""
    report = form["reports"][number]
    return bool(report["begun"]) and not report["shared"]


def tools_line(*widgets: QWidget) -> QWidget:
    """Buttons in a line, from the left."""
    made = QWidget()
    box = row(made, gap=8)
    for widget in widgets:
        box.addWidget(widget)
    box.addStretch(1)
    return made


def report_tools(look: Look, form: Json, number: int, acted: Acted) -> QWidget | None:
    """The links under the report with this number; None when there is nothing to offer."""
    reports = form["reports"]
    report, is_last = reports[number], number == len(reports) - 1
    links: list[tuple[str, str, str]] = []
    if report["shared"]:
        links.append((DROP, "不共用了", "这例另有自己的报告"))
    elif not report["begun"]:
        links.append((SHARE, "用另一例的报告", "一份报告写了几例检查"))
        links.append((DROP, "去掉这份", "多加了一份") if len(reports) > 1 else (NONE, "这例不出报告", "只传检查和影像"))
    if report["begun"] and is_last:
        links.append((MORE, "再加一份报告", "一例检查出几份报告"))
    if not links:
        return None
    made = QWidget()
    box = row(made, gap=8)
    if report["shared"]:
        words = f"和 {'、'.join(report['shared'])} 共用一份"
        box.addWidget(label(look, words, role="caption", tone="text2"))
    for act, text, tip in links:
        box.addWidget(Button(look, text, kind="link", small=True, tip=tip, slot=partial(acted, act, number)))
    box.addStretch(1)
    return made


def no_report_line(look: Look, acted: Acted) -> QWidget:
    """In the place of the report's section."""
    made = QWidget()
    box = row(made, margins=(16, 10, 16, 10), gap=8)
    box.addWidget(label(look, "这例不出报告", tone="text2"))
    box.addWidget(Button(look, "还是要报告", kind="link", small=True, slot=partial(acted, WANTED, 0)))
    box.addStretch(1)
    return made


class ShareDialog(Dialog):
    """用另一例的报告: `then(form)` after the choice."""

    def __init__(self, desk: Desk, uid: str, then: Callable[[Json], None], parent: QWidget | None) -> None:
        super().__init__(desk.look, "用另一例的报告", parent, width=560)
        self.desk, self._uid, self._then = desk, uid, then
        words = "这位患者别的检查的报告。选一份，它就也是这例的报告，只传一次，两例都写在上面。"
        self.body.addWidget(label(desk.look, words, role="body_small", tone="text2", wrap=True))
        column = Column(title="", cell=_cell)
        self.reports = RowsView(desk.look, (column,), key="key", row_height=_ROW, head=False)
        self.reports.setFixedHeight(_LIST)
        self.reports.setAccessibleName("哪一份报告")
        self.reports.chosen.connect(lambda _key: self.yes.setEnabled(self.reports.row() is not None))
        self.reports.activated_row.connect(lambda _key: self.share())
        self.nothing = Empty(desk.look, "document", "没有别的报告", "这位患者别的检查还没有报告。")
        self.nothing.setFixedHeight(_LIST)
        self.nothing.hide()
        self.body.addWidget(self.reports)
        self.body.addWidget(self.nothing)
        self.foot.addStretch(1)
        self.no = Button(desk.look, "不用", slot=self.reject)
        self.yes = Button(desk.look, "用这份报告", kind="primary", slot=self.share)
        self.yes.setEnabled(False)
        for button in (self.no, self.yes):
            self.foot.addWidget(button)
        desk.asker.ask(lambda: desk.face.shareable_reports(uid), self._show)

    def share(self) -> None:
        chosen = self.reports.row()
        if chosen is None:
            return
        face, uid, other, number = self.desk.face, self._uid, str(chosen["uid"]), int(chosen["report"])
        self.desk.asker.ask(lambda: face.share_report(other, uid, number), self._shared)

    def _show(self, answer: Json) -> None:
        found = [{**one, "key": f"{one['uid']} {one['report']}"} for one in answer["reports"]]
        self.reports.put(found)
        self.reports.setVisible(bool(found))
        self.nothing.setVisible(not found)
        if found:
            self.reports.choose_first()

    def _shared(self, form: Json) -> None:
        self.accept()
        self._then(form)


def _cell(report: Json) -> Cell:
    about = " · ".join(part for part in (report["exam_day"], report["accession_number"]) if part)
    said = report["conclusion"] or ("只有 PDF" if report["pdf"] else "")
    return Cell(
        lines=(
            Text(text=str(report["description"]) or "检查", bold=True),
            Text(text=str(said), role="body_small", tone="text2"),
        ),
        right=(Text(text=about, role="caption", tone="text2"),),
    )
