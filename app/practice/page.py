"""What the platform has, as one plain Chinese page for a technician. No scripts; reloading shows the newest state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any

from app.practice.ledger import Ledger

CHINA = timezone(timedelta(hours=8))
SHOWN = 200
_KINDS = {
    "exam": "检查",
    "report": "报告",
    "image": "影像",
    "reconcile": "对账",
    "association": "DICOM 关联",
    "echo": "C-ECHO",
    "merged": "合并上传",
}
_STATES = {"kept": "已存", "deleted": "已撤回", "lost": "已丢失"}
_VERDICTS = {"kept": "接收", "refused": "拒绝", "faulted": "演练故障"}
_STYLE = """body{font:15px/1.5 "Microsoft YaHei","PingFang SC","Noto Sans CJK SC",sans-serif;margin:2em;color:#222}
table{border-collapse:collapse;margin:.5em 0 2em}td,th{border:1px solid #ccc;padding:.25em .6em;text-align:left}
th{background:#f2f5f8}.refused td{background:#fdecea}.faulted td{background:#fff6e0}.lost td{background:#fdecea}
.deleted td{color:#888}h1{font-size:1.5em}h2{font-size:1.15em}"""


def page(title: str, ledger: Ledger) -> str:
    """The whole page as HTML."""
    counts = ledger.counts()
    exams, reports, images = (ledger.all(kind) for kind in ("exam", "report", "image"))
    arrivals = ledger.arrivals(limit=SHOWN)[::-1]
    return "".join(
        [
            f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>演练平台 · {escape(title)}</title>',
            f"<style>{_STYLE}</style></head><body><h1>演练平台 · {escape(title)}</h1>",
            "<p>这里只是练习用的平台，数据不会离开本机。<a href='/'>刷新</a></p>",
            "<h2>一、数目</h2>",
            _table("种类 收到 接收 拒绝 演练故障 已存 已撤回 已丢失", [_count_row(*item) for item in counts.items()]),
            f"<h2>二、平台已存的检查（{len(exams)}）</h2>",
            _table(
                "检查唯一标识 状态 版本 收到次数 姓名 检查时间 类别 影像数 报告", _exam_rows(exams, reports, images)
            ),
            f"<h2>三、平台已存的报告（{len(reports)}）</h2>",
            _table(
                "报告唯一标识 状态 版本 收到次数 检查 诊断结论 PDF字节", [_report_row(one) for one in reports[-SHOWN:]]
            ),
            f"<h2>四、收到的请求和影像（最近 {len(arrivals)} 条，新的在前）</h2>",
            _table("时间 种类 标识 结果 原因 故障 字节", [_arrival_row(one) for one in arrivals]),
            "</body></html>",
        ]
    )


def _count_row(kind: str, counts: dict[str, int]) -> tuple[str, Sequence[Any]]:
    return "", [_KINDS.get(kind, kind), *counts.values()]


def _exam_rows(
    exams: Sequence[dict[str, Any]], reports: Sequence[dict[str, Any]], images: Sequence[dict[str, Any]]
) -> Iterable[tuple[str, Sequence[Any]]]:
    per_study = Counter(one["study_uid"] for one in images if one["state"] == "kept")
    for exam in exams[-SHOWN:]:
        of_exam = [one["key"] for one in reports if exam["key"] in one["link"].get("exams", ())]
        fields = exam["fields"]
        named = [fields.get(name, "") for name in ("patName", "checkFinishTime", "modality")]
        yield exam["state"], [*_head(exam), *named, per_study[exam["study_uid"]], "、".join(of_exam)]


def _report_row(report: dict[str, Any]) -> tuple[str, Sequence[Any]]:
    conclusion = str(report["fields"].get("inspectExamResult", ""))
    exams = "、".join(report["link"].get("exams", ()))
    return report["state"], [*_head(report), exams, conclusion[:60], report["size"]]


def _head(row: dict[str, Any]) -> list[Any]:
    return [row["key"], _STATES[row["state"]], row["version"], row["received"]]


def _arrival_row(row: dict[str, Any]) -> tuple[str, Sequence[Any]]:
    at = datetime.fromisoformat(row["at"]).astimezone(CHINA).strftime("%m-%d %H:%M:%S")
    words = [_KINDS.get(row["kind"], row["kind"]), row["key"], _VERDICTS[row["verdict"]], row["reason"], row["fault"]]
    return row["verdict"], [at, *words, row["size"]]


def _table(heads: str, rows: Iterable[tuple[str, Sequence[Any]]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads.split())
    lines = [
        f"<tr class='{name}'>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
        for name, cells in rows
    ]
    return f"<table><tr>{head}</tr>{''.join(lines) or '<tr><td>还没有</td></tr>'}</table>"
