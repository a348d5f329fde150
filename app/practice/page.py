"""What the platform has, as one plain Chinese page for a technician. No scripts; reloading shows the newest state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any
from urllib.parse import quote

from app.practice.ledger import Ledger
from app.practice.region import FrontEnd

CHINA = timezone(timedelta(hours=8))
SHOWN = 200
_KINDS = {
    "exam": "检查",
    "report": "报告",
    "image": "影像",
    "fetch": "取文件",
    "series": "影像序列",
    "pull": "取影像（Q/R）",
    "association": "DICOM 关联",
    "echo": "C-ECHO",
}
_STATES = {"kept": "已存", "deleted": "已撤回", "lost": "已丢失"}
_VERDICTS = {"kept": "接收", "refused": "拒绝", "faulted": "演练故障"}
_STYLE = """body{font:15px/1.5 "Microsoft YaHei","PingFang SC","Noto Sans CJK SC",sans-serif;margin:2em;color:#222}
table{border-collapse:collapse;margin:.5em 0 2em}td,th{border:1px solid #ccc;padding:.25em .6em;text-align:left}
th{background:#f2f5f8}.refused td{background:#fdecea}.faulted td{background:#fff6e0}.lost td{background:#fdecea}
.deleted td{color:#888}h1{font-size:1.5em}h2{font-size:1.15em}"""


def page(front_end: FrontEnd[Any], ledger: Ledger) -> str:
    """The whole page as HTML."""
    title, kinds = front_end.title, {**front_end.places, **_KINDS}
    counts = ledger.counts()
    exams, reports, images = (ledger.all(kind) for kind in ("exam", "report", "image"))
    told = [one for one in ledger.arrivals(limit=5 * SHOWN) if one["fault"] or one["reason"] not in front_end.quiet]
    arrivals = told[-SHOWN:][::-1]
    return "".join(
        [
            f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>演练平台 · {escape(title)}</title>',
            f"<style>{_STYLE}</style></head><body><h1>演练平台 · {escape(title)}</h1>",
            "<p>这里只是练习用的平台，数据不会离开本机。<a href='/'>刷新</a>",
            *(f" · <a href='/practice/{name}'>{words}</a>" for name, words in front_end.links.items()),
            "</p>",
            "<h2>一、数目</h2>",
            _table(
                "种类 收到 接收 拒绝 演练故障 已存 已撤回 已丢失",
                [("", [kinds.get(kind, kind), *one.values()]) for kind, one in counts.items()],
            ),
            f"<h2>二、平台已存的检查（{len(exams)}）</h2>",
            _table(
                f"检查唯一标识 状态 版本 收到次数 {' '.join(front_end.exam_columns)} 影像数 报告",
                _exam_rows(front_end.exam_columns.values(), exams, reports, images),
            ),
            f"<h2>三、平台已存的报告（{len(reports)}）</h2>",
            _table(
                f"报告唯一标识 状态 版本 收到次数 检查 {' '.join(front_end.report_columns)} PDF字节",
                [_report_row(front_end.report_columns.values(), one) for one in reports[-SHOWN:]],
            ),
            f"<h2>四、收到的请求和影像（最近 {len(arrivals)} 条，新的在前）</h2>",
            _table("时间 种类 标识 结果 原因 故障 字节", [_arrival_row(kinds, one) for one in arrivals]),
            "</body></html>",
        ]
    )


def count_by_owner(images: Iterable[dict[str, Any]]) -> Counter[str]:
    """Kept images by the exam they were sent for, or by their study where the platform ties them by it."""
    return Counter(_owner(one) for one in images if one["state"] == "kept")


def image_count(exam: dict[str, Any], counts: Counter[str]) -> int:
    return sum(counts[one] for one in (exam["key"], *_studies(exam)))


def _owner(image: dict[str, Any]) -> str:
    return str(image["link"].get("index") or image["study_uid"])


def _studies(exam: dict[str, Any]) -> list[str]:
    return exam["link"].get("studies") or [exam["study_uid"]]


def exam_page(ledger: Ledger, key: str) -> str | None:
    """One exam with its report files and images, as a link to it shows it; None if the platform does not have it."""
    exam = ledger.one("exam", key)
    if exam is None or exam["state"] != "kept":
        return None
    reports = [one for one in ledger.all("report") if key in one["link"].get("exams", ()) and one["state"] == "kept"]
    images = [one for one in ledger.all("image") if one["state"] == "kept" and _owner(one) in (key, *_studies(exam))]
    links = "".join(
        f"<p><a href='/practice/report?record={quote(one['key'])}'>报告 {escape(one['key'])}（PDF）</a></p>"
        for one in reports
        if one["file"]
    )
    return "".join(
        [
            f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(key)}</title>',
            f"<style>{_STYLE}</style></head><body><h1>演练平台 · 一例检查</h1>{links}",
            _table("项目 内容", [("", item) for item in exam["fields"].items() if not isinstance(item[1], list)]),
            f"<h2>影像（{len(images)}）</h2>",
            _table("SOPInstanceUID 字节", [("", [one["key"], one["size"]]) for one in images[:SHOWN]]),
            "</body></html>",
        ]
    )


def _exam_rows(
    columns: Collection[str],
    exams: Sequence[dict[str, Any]],
    reports: Sequence[dict[str, Any]],
    images: Sequence[dict[str, Any]],
) -> Iterable[tuple[str, Sequence[Any]]]:
    counts = count_by_owner(images)
    for exam in exams[-SHOWN:]:
        of_exam = [one["key"] for one in reports if exam["key"] in one["link"].get("exams", ())]
        named = [str(exam["fields"].get(name, ""))[:60] for name in columns]
        yield exam["state"], [*_head(exam), *named, image_count(exam, counts), "、".join(of_exam)]


def _report_row(columns: Collection[str], report: dict[str, Any]) -> tuple[str, Sequence[Any]]:
    named = [str(report["fields"].get(name, ""))[:60] for name in columns]
    exams = "、".join(report["link"].get("exams", ()))
    return report["state"], [*_head(report), exams, *named, report["size"]]


def _head(row: dict[str, Any]) -> list[Any]:
    return [row["key"], _STATES[row["state"]], row["version"], row["received"]]


def _arrival_row(kinds: Mapping[str, str], row: dict[str, Any]) -> tuple[str, Sequence[Any]]:
    at = datetime.fromisoformat(row["at"]).astimezone(CHINA).strftime("%m-%d %H:%M:%S")
    words = [kinds.get(row["kind"], row["kind"]), row["key"], _VERDICTS[row["verdict"]], row["reason"], row["fault"]]
    return row["verdict"], [at, *words, row["size"]]


def _table(heads: str, rows: Iterable[tuple[str, Sequence[Any]]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads.split())
    lines = [
        f"<tr class='{name}'>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
        for name, cells in rows
    ]
    return f"<table><tr>{head}</tr>{''.join(lines) or '<tr><td>还没有</td></tr>'}</table>"
