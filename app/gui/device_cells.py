"""What the table of devices says in each cell. Pure functions of the engine's values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from app.gui import words
from app.gui.rows import Cell, Column, Text

Json = dict[str, Any]
MARKS = {
    "quiet": ("state-quiet", "you"),
    "fine": ("check", "text2"),
    "resting": ("state-queued", "idle"),
    "new": ("clock", "idle"),
    "refused": ("state-held", "you"),
}
_FILLED_BY = {"program": "已自动补", "id_card": "填证件号时自动得出", "person": "填报时要补"}
_EXACT_SECONDS, _WRONG_SECONDS = 30, 300
"""Sending takes a moment: less than half a minute says nothing about the clock."""
_BAR, _LOW_BAR = 10, 8


def columns(now: Callable[[], datetime], low: Callable[[], bool]) -> tuple[Column, ...]:
    return (
        Column(title="设备", cell=name_cell, least=104),
        Column(title="来源", cell=source_cell, least=196, most=240),
        Column(title="最近来图", cell=lambda row: last_cell(row, now()), least=128),
        Column(title="最近 14 天，每天几幅", cell=lambda row: days_cell(row, low()), least=184),
        Column(title="姓名编码", cell=decoding_cell, least=150, most=190),
        Column(title="缺的标签", cell=missing_cell, least=180, most=190),
        Column(title="时钟", cell=clock_cell),
    )


def name_cell(row: Json) -> Cell:
    icon, tone = MARKS[row["state"]]
    return Cell(mark=icon, mark_tone=tone, lines=(Text(text=row["name"], bold=True),))


def source_cell(row: Json) -> Cell:
    if row["kind"] == "folder":
        return Cell(lines=(Text(text="文件夹"), Text(text=row["path"], role="caption", tone="text2")))
    place = f"AE：{row['ae_title']}" + (f" · {row['address']}" if row["address"] else "")
    return Cell(lines=(Text(text="DICOM 接收"), Text(text=place, role="caption", tone="text2")))


def last_cell(row: Json, now: datetime) -> Cell:
    if row["state"] == "refused":
        at = words.clock(row["at"], now, always_day=True)
        return Cell(lines=(Text(text="被拒绝了", tone="you"), Text(text=at, role="caption", tone="text2")))
    tone = "you" if row["state"] == "quiet" else "text"
    at = words.clock(row["last_at"], now, always_day=True)
    under = row["last_words"] or since(row["last_at"], now)
    lines = tuple(Text(text=text, tone=tone) for text in (at,) if text)
    return Cell(lines=(*lines, Text(text=under, role="caption", tone="text2")))


def since(at: str | None, now: datetime) -> str:
    """3 小时 26 分前; 刚刚."""
    text = words.ago(at, now)
    return text if text in ("", words.JUST_NOW) else f"{text}前"


def days_cell(row: Json, low: bool) -> Cell:
    counts = [int(day["count"]) for day in row["days"]]
    most = max([*counts, 1])
    return Cell(bars=tuple(count / most for count in counts), bar_width=_LOW_BAR if low else _BAR)


def days_tip(row: Json) -> str:
    """11-20 14 幅, day by day, newest first."""
    return "\n".join(f"{day['day'][5:]}　{day['count']} 幅" for day in reversed(row["days"]))


def decoding_cell(row: Json) -> Cell:
    if not row["decoding"]:
        return Cell(lines=(Text(text=words.NOTHING, tone="text3"),))
    return Cell(lines=(Text(text=decoding_words(row)),))


def decoding_words(row: Json) -> str:
    by = " · 您选定" if row["decoding_chosen_by"] == "person" else ""
    return f"{row['decoding']}{by}"


def missing_cell(row: Json) -> Cell:
    if not row["missing"]:
        return Cell(lines=(Text(text="无" if row["last_at"] else words.NOTHING, tone="text2"),))
    mine = [one["label"] for one in row["missing"] if one["filled_by"] == "person"]
    return Cell(lines=(Text(text=missing_words(row["missing"]), tone="you" if mine else "text"),), wrap=True)


def missing_words(missing: list[Json]) -> str:
    """检查号，已自动补；身体部位，填报时要补: what a person has to fill stands first."""
    order = ("person", "id_card", "program")
    by = {who: [one["label"] for one in missing if one["filled_by"] == who] for who in order}
    return "；".join(f"{'、'.join(labels)}，{_FILLED_BY[who]}" for who, labels in by.items() if labels)


def clock_cell(row: Json) -> Cell:
    text, wrong = clock_words(row["clock_offset_seconds"])
    return Cell(lines=(Text(text=text, tone="you" if wrong else "text"),))


def clock_words(offset: float | None) -> tuple[str, bool]:
    """(准, 快 4 分 10 秒 or —; whether it is so wrong that a person should set it)."""
    if offset is None:
        return words.NOTHING, False
    seconds = round(abs(offset))
    if seconds <= _EXACT_SECONDS:
        return "准", False
    parts = [(seconds // 3600, "小时"), (seconds // 60 % 60, "分"), (seconds % 60, "秒")]
    amount = " ".join(f"{count} {unit}" for count, unit in parts if count)
    return f"{'快' if offset > 0 else '慢'} {amount}", seconds > _WRONG_SECONDS


def refused_row(refused: Json) -> Json:
    """A caller that was turned away, as a row of the same table."""
    return {
        **refused,
        "name": refused["ae_title"],
        "kind": "dicom",
        "path": "",
        "state": "refused",
        "last_at": None,
        "last_words": "",
        "days": [],
        "decoding": "",
        "decoding_chosen_by": "",
        "missing": [],
        "clock_offset_seconds": None,
        "quiet": None,
    }
