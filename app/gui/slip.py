"""上传凭单: what the clinic keeps on paper about an exam - drawn on A4 or A5, saved as PDF or printed.

It is our slip, never the platform's 回执, and says plainly what the platform has not acknowledged.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QMarginsF, QRectF, Qt, QUrl
from PySide6.QtGui import QColor, QDesktopServices, QFont, QPageLayout, QPageSize, QPainter, QPdfWriter, QPen
from PySide6.QtWidgets import QFileDialog, QWidget

from app.domain.index_code import masked_index
from app.domain.times import CST
from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, label

_INK, _GREY, _LINE = QColor("#000000"), QColor("#444444"), QColor("#888888")
_DPI = 300
_SEXES = {"1": "男", "2": "女", "M": "男", "F": "女"}
SIZES = {"A4": QPageSize.PageSizeId.A4, "A5": QPageSize.PageSizeId.A5}


def save_slip(content: Json, path: Path, families: list[str], size: str = "A4") -> None:
    """Write the PDF; the fonts are inside it. `content` as the engine's `slip`."""
    writer = QPdfWriter(str(path))
    writer.setTitle("上传凭单")
    writer.setCreator("影像云上传助手")
    writer.setResolution(_DPI)
    margin = 18.0 if size == "A4" else 12.0
    page = QPageSize(SIZES[size])
    writer.setPageSize(page)
    writer.setPageMargins(QMarginsF(margin, margin, margin, margin), QPageLayout.Unit.Millimeter)
    painter = QPainter(writer)
    _Sheet(painter, writer, families, small=size == "A5").draw(content)
    painter.end()


class _Sheet:
    """Draws from the top down, on as many pages as it takes."""

    def __init__(self, painter: QPainter, writer: QPdfWriter, families: list[str], *, small: bool) -> None:
        self._painter, self._writer, self._families = painter, writer, families
        self._scale = 0.82 if small else 1.0
        self._width, self._height = float(writer.width()), float(writer.height())
        self._y = 0.0

    def draw(self, content: Json) -> None:
        self._text(content["clinic"] or "机构名称未填", points=11)
        self._text("上传凭单", points=20, bold=True)
        self._text(f"本机打印 · {_time(content['printed_at'])} · 这不是平台的回执", points=9, grey=True)
        self._rule()
        exam, patient = content["exam"], content["patient"]
        about = [patient["name"], _SEXES.get(str(patient["sex"]), ""), f"{patient['age']} 岁" if patient["age"] else ""]
        self._fact("患者", " · ".join(part for part in about if part))
        self._fact("证件号", patient["id_number"] or "未填")
        self._fact("检查", " · ".join(part for part in (exam["description"], exam["modality"]) if part))
        self._fact("检查号", exam["accession_number"])
        self._fact("检查日期", exam["exam_day"] or "未填")
        self._fact("检查唯一标识", exam["exam_key"])
        for uid in content["study_uids"]:
            self._fact("影像唯一号", uid)
        self._fact("影像", f"{content['image_count']} 幅")
        if content["digest"]:
            self._fact("影像总摘要", content["digest"])
        by = f" · {content['submitted_by']}" if content["submitted_by"] else ""
        self._fact("提交上传", _time(content["submitted_at"]) + by if content["submitted_at"] else "还没有提交")
        if content["not_submitted"]:
            self._rule()
            self._text("这例还没有提交上传，尚未被平台接收。", points=13, bold=True)
        for one in content["destinations"]:
            self._destination(one)
        self._rule()
        self._text(
            "影像总摘要：全部影像的 UID 与 SHA-256 排序后再取 SHA-256，用来核对是不是这些影像。", points=8, grey=True
        )

    def _destination(self, one: Json) -> None:
        self._rule()
        self._text(one["title"], points=13, bold=True)
        at = f" {_time(one['acknowledged_at'])}" if one["acknowledged_at"] else ""
        self._text(f"{one['verdict']}{at}", points=12, bold=True)
        if not one["acknowledged"]:
            self._fact("现在的状态", one["state_words"])
        for number in one["numbers"]:
            self._fact("平台返回的号码", masked_index(number))
        if one["acknowledged"]:
            without = "平台无对账接口，以平台的应答为准"
            day = f"平台已有这例 · {_time(one['reconciled_at'])}" if one["reconciled_at"] else "还没有对账"
            self._fact("对账", day if one["can_reconcile"] else without)
        for part in one["parts"]:
            count = f" {part['image_count']} 幅" if part["image_count"] else ""
            when = f" {_time(part['acknowledged_at'])}" if part["acknowledged_at"] else ""
            self._fact(f"{part['name']}{count}", f"第 {part['version']} 版 · {part['words']}{when}")

    def _text(self, text: str, *, points: float, bold: bool = False, grey: bool = False) -> None:
        self._put(QRectF(0, 0, self._width, 1e6), text, points=points, bold=bold, grey=grey)

    def _fact(self, name: str, value: str) -> None:
        split = self._width * 0.26
        value = value.strip() or "—"
        height = max(
            self._high(name, split * 0.95, 9.5),
            self._high(value, self._width - split, 10.5),
        )
        self._room(height)
        top = self._y
        self._put(QRectF(0, 0, split * 0.95, 1e6), name, points=9.5, grey=True)
        self._y = top
        self._put(QRectF(split, 0, self._width - split, 1e6), value, points=10.5)
        self._y = top + height + self._mm(1.4)

    def _put(self, box: QRectF, text: str, *, points: float, bold: bool = False, grey: bool = False) -> None:
        height = self._high(text, box.width(), points, bold=bold)
        self._room(height)
        self._painter.setFont(self._font(points, bold=bold))
        self._painter.setPen(_GREY if grey else _INK)
        flags = Qt.TextFlag.TextWrapAnywhere | Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        self._painter.drawText(QRectF(box.x(), self._y, box.width(), height), int(flags), text)
        self._y += height + self._mm(1.2)

    def _high(self, text: str, width: float, points: float, *, bold: bool = False) -> float:
        self._painter.setFont(self._font(points, bold=bold))
        flags = int(Qt.TextFlag.TextWrapAnywhere | Qt.AlignmentFlag.AlignTop)
        return self._painter.boundingRect(QRectF(0, 0, width, 1e6), flags, text).height()

    def _rule(self) -> None:
        self._room(self._mm(5))
        self._y += self._mm(2)
        self._painter.setPen(QPen(_LINE, self._mm(0.25)))
        self._painter.drawLine(0, round(self._y), round(self._width), round(self._y))
        self._y += self._mm(3)

    def _room(self, height: float) -> None:
        if self._y + height > self._height and self._y > 0:
            self._writer.newPage()
            self._y = 0.0

    def _mm(self, count: float) -> float:
        return count * _DPI / 25.4 * self._scale

    def _font(self, points: float, *, bold: bool) -> QFont:
        font = QFont()
        font.setFamilies(self._families)
        font.setPointSizeF(points * self._scale)
        font.setBold(bold)
        return font


class SlipDialog(Dialog):
    """Says what the slip will say, then saves it (A4 or A5) or opens it for printing."""

    def __init__(self, look: Look, content: Json, parent: QWidget | None) -> None:
        super().__init__(look, "上传凭单", parent)
        self._content = content
        who = f"{content['patient']['name']} · {content['exam']['description']} · {content['exam']['accession_number']}"
        self.body.addWidget(label(look, who, bold=True, wrap=True))
        for one in content["destinations"]:
            at = f" {_time(one['acknowledged_at'])}" if one["acknowledged_at"] else ""
            tone = "ok" if one["acknowledged"] else "you"
            self.body.addWidget(label(look, f"{one['title']}：{one['verdict']}{at}", tone=tone, wrap=True))
        if content["not_submitted"]:
            self.body.addWidget(label(look, "还没有提交上传，凭单上会写明“尚未被平台接收”。", tone="you", wrap=True))
        self.body.addWidget(
            label(look, "凭单由本机打印，留给机构存档，不是平台的回执。", role="body_small", tone="text2", wrap=True)
        )
        self.said = label(look, role="body_small", tone="text2", wrap=True)
        self.said.hide()
        self.body.addWidget(self.said)
        self.foot.addStretch(1)
        self.foot.addWidget(Button(look, "关闭", slot=self.reject))
        self.foot.addWidget(Button(look, "存成 A5", slot=lambda: self._choose("A5")))
        self.foot.addWidget(
            Button(look, "存成 A4 并打开打印", kind="primary", icon="print", slot=lambda: self._choose("A4"))
        )

    def _choose(self, size: str) -> None:
        name = f"上传凭单-{self._content['exam']['accession_number']}.pdf"
        dialog = QFileDialog(self, "存上传凭单", name, "PDF 文件 (*.pdf)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("pdf")
        dialog.fileSelected.connect(lambda path: self.save(Path(path), size))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def save(self, path: Path, size: str = "A4", *, show: bool = True) -> None:
        save_slip(self._content, path, self.look.families(), size)
        self.said.setText(f"已存：{path}")
        self.said.show()
        if show:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def _time(at: str | None) -> str:
    return datetime.fromisoformat(at).astimezone(CST).strftime("%Y-%m-%d %H:%M") if at else ""
