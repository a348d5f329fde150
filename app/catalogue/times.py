"""Dates and times as people type them and as they are kept: `yyyy-MM-dd`, `yyyy-MM-dd HH:mm:ss`.

A saved time is China Standard Time and never carries an offset.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from app.domain.times import CST
from app.errors import NeedsOperator

RANGE_SEPARATOR = " / "

_YEARS = range(1850, 2200)
_DATE = r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*日?"
_PACKED_DATE = r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
_TIME = r"(?P<hour>\d{1,2})\s*[:时点]\s*(?P<minute>\d{1,2})\s*分?(?:\s*:?\s*(?P<second>\d{1,2})\s*秒?)?(?:\.\d+)?"
_PACKED_TIME = r"(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?(?:\.\d+)?"
_ONLY_DATE = tuple(re.compile(form) for form in (_DATE, _PACKED_DATE))
_ONLY_TIME = tuple(re.compile(form) for form in (_TIME, _PACKED_TIME))
_BOTH = tuple(
    re.compile(f"{day}{gap}{time}")
    for day, gap, time in (
        (_DATE, r"\s*T?\s*", _TIME),
        (_PACKED_DATE, r"[\sT]*", _TIME),
        (_DATE, r"[\sT]+", _PACKED_TIME),
        (_PACKED_DATE, r"[\sT]*", _PACKED_TIME),
    )
)
_RANGE_GAP = re.compile(r"\s+/\s+|\s*(?:~|至|到|—+)\s*|\s+-+\s+")


def saved_date(text: str) -> str:
    """`yyyy-MM-dd` of 2026/11/5, 20261105, 2026年11月5日 (half-width already). Raises `NeedsOperator`."""
    for form in _ONLY_DATE:
        if found := form.fullmatch(text):
            return _date(found).isoformat()
    if any(form.fullmatch(text) for form in _BOTH):
        return saved_datetime(text)[:10]
    raise NeedsOperator("日期认不出来", "请写成年-月-日，例：2026-11-05")


def saved_datetime(text: str) -> str:
    """`yyyy-MM-dd HH:mm:ss`; seconds may be missing, the time may not. Raises `NeedsOperator`."""
    for form in _BOTH:
        if found := form.fullmatch(text):
            return f"{_date(found).isoformat()} {_time(found)}"
    if any(form.fullmatch(text) for form in _ONLY_DATE):
        raise NeedsOperator("少了时间", "请在日期后面写上时和分，例：2026-11-05 14:05:00")
    raise NeedsOperator("时间认不出来", "请写成年-月-日 时:分:秒，例：2026-11-05 14:05:00")


def saved_range(text: str) -> str:
    """`start / end`; the end may be a time of the same day. Raises `NeedsOperator`."""
    parts = _RANGE_GAP.split(text)
    if len(parts) != 2:
        raise NeedsOperator("时间段认不出来", "请写开始和结束两个时间，例：2026-11-05 09:00 至 2026-11-05 09:30")
    start = saved_datetime(parts[0])
    end = saved_datetime(f"{start[:10]} {parts[1]}" if _is_time(parts[1]) else parts[1])
    if end < start:
        raise NeedsOperator("结束早于开始", f"开始是 {start}，请把结束时间改到它之后")
    return start + RANGE_SEPARATOR + end


def moment(saved: str) -> datetime | None:
    """The aware time of a saved date-time, None for "" and for anything else."""
    try:
        return datetime.strptime(saved, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CST)
    except ValueError:
        return None


def day(saved: str) -> date | None:
    """The date of a saved date or date-time, None for "" and for anything else."""
    try:
        return date.fromisoformat(saved[:10])
    except ValueError:
        return None


def _is_time(text: str) -> bool:
    return any(form.fullmatch(text) for form in _ONLY_TIME)


def _date(found: re.Match[str]) -> date:
    year, month, day_ = (int(found[name]) for name in ("year", "month", "day"))
    if year not in _YEARS:
        raise NeedsOperator(f"没有 {year} 年", "请核对年份，写满四位，例：2026")
    try:
        return date(year, month, day_)
    except ValueError:
        raise NeedsOperator(f"没有 {year} 年 {month} 月 {day_} 日", "请核对月份和日子") from None


def _time(found: re.Match[str]) -> str:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise NeedsOperator("没有这个时刻", "时为 0 至 23，分和秒为 0 至 59，例：14:05:00")
    return f"{hour:02}:{minute:02}:{second:02}"
