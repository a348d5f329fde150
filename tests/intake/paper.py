"""Report PDFs set by hand: text at places on pages, as a report system prints it."""

from __future__ import annotations

import io
from pathlib import Path

import pypdfium2

from app.practice import report_pdf

Place = tuple[int, str]
"""(points from the left, text)."""
HEAD: list[list[Place]] = [
    [(230, "DR 检查报告单")],
    [(60, "姓名：李桂芳"), (240, "性别：女"), (380, "年龄：63 岁")],
    [(60, "检查号：DR2611200018"), (240, "科室：内科"), (380, "日期：2026-11-20")],
]
FINDINGS = [
    "胸廓对称，两侧肺纹理增多、稍紊乱，右下肺野可见少许斑片状密度增高影，边缘",
    "模糊。两肺门影不大，纵隔居中。左肺：未见异常。双侧膈面光整。",
]
FOOT: list[list[Place]] = [
    [(60, "报告医师：张伟明"), (330, "审核医师：刘慧")],
    [(60, "报告时间：2026-11-20 14:03"), (330, "审核时间：2026年11月20日 14:30:05")],
    [(60, "注：本报告仅供临床参考")],
]


def a_page(rows: list[list[Place]], *, top: int = 790, step: int = 22) -> bytes:
    """A page with one row of texts below the other; an empty row is a gap."""
    parts = ["BT"]
    for number, row in enumerate(rows):
        for left, text in row:
            parts.append(f"/F1 12 Tf 1 0 0 1 {left} {top - number * step} Tm <{report_pdf._ucs2(text)}> Tj")
    parts.append("ET")
    return report_pdf._document("\n".join(parts).encode("ascii"))


def pages(*single: bytes) -> bytes:
    """Several one-page PDFs as one."""
    made = pypdfium2.PdfDocument.new()
    for data in single:
        source = pypdfium2.PdfDocument(data)
        made.import_pages(source)
        source.close()
    out = io.BytesIO()
    made.save(out)
    made.close()
    return out.getvalue()


def a_report(
    *,
    findings_label: str = "影像所见：",
    conclusion_label: str = "诊断意见：",
    head: list[list[Place]] | None = None,
    foot: list[list[Place]] | None = None,
) -> bytes:
    body: list[list[Place]] = [[(60, findings_label)], *[[(60, one)] for one in FINDINGS], [(60, conclusion_label)]]
    body += [[(60, "1. 右下肺少许炎症可能，建议复查；")], [(60, "2. 主动脉硬化。")]]
    return a_page([*(HEAD if head is None else head), *body, *(FOOT if foot is None else foot)])


def written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
