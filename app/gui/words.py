"""The sentences that more than one page says: times, counts, names of pages. Pure functions of values."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from app.domain.index_code import masked_index
from app.domain.times import CST

APP = "影像云上传助手"
TODAY, FILL, QUEUE, RECONCILE, DEVICES, SETTINGS = "今天", "待填报", "上传队列", "对账", "设备", "设置"
SIGN, RETRIEVE, LOG = "电子签名", "调阅", "日志"
PLACES = {
    "fill": FILL,
    "open": QUEUE,
    "reconcile": RECONCILE,
    "sign": SIGN,
    "device": DEVICES,
    "his": FILL,
    "his_settings": SETTINGS,
    "settings": SETTINGS,
}
"""Where a row of 现在需要您 leads, by its action."""
SEARCH = "搜索姓名、检查号"
NOTHING = "—"
JUST_NOW = "刚刚"
_WEEKDAYS = "一二三四五六日"


def day_of(text: str) -> date:
    """`yyyy-MM-dd` -> date."""
    return date.fromisoformat(text[:10])


def today(now: datetime) -> date:
    return now.astimezone(CST).date()


def weekday(day: date) -> str:
    return _WEEKDAYS[day.weekday()]


def long_day(day: date) -> str:
    """11 月 20 日 星期五"""
    return f"{day.month} 月 {day.day} 日 星期{weekday(day)}"


def short_day(day: date, now: datetime) -> str:
    """今天, 昨天, else 11 月 19 日; with the year if it is another one."""
    ago = (today(now) - day).days
    if ago in (0, 1):
        return ("今天", "昨天")[ago]
    year = f"{day.year} 年 " if day.year != today(now).year else ""
    return f"{year}{day.month} 月 {day.day} 日"


def clock(at: str | None, now: datetime, *, always_day: bool = False) -> str:
    """UTC ISO text -> 14:03 for today, 昨天 14:03, 11 月 19 日; "" for nothing."""
    if not at:
        return ""
    local = datetime.fromisoformat(at).astimezone(CST)
    time, day = local.strftime("%H:%M"), local.date()
    if day == today(now) and not always_day:
        return time
    if abs((today(now) - day).days) > 1:
        return short_day(day, now)
    return f"{'明天' if day > today(now) else short_day(day, now)} {time}"


def ago(at: str | None, now: datetime) -> str:
    """已等 26 分钟, 3 小时 26 分, 2 天; "" for nothing."""
    if not at:
        return ""
    minutes = int((now - datetime.fromisoformat(at)) / timedelta(minutes=1))
    if minutes < 1:
        return JUST_NOW
    if minutes < 60:
        return f"{minutes} 分钟"
    if minutes < 24 * 60:
        return f"{minutes // 60} 小时" + (f" {minutes % 60} 分" if minutes % 60 else "")
    return f"{minutes // (24 * 60)} 天"


def waits(need: dict[str, Any], now: datetime) -> str:
    """13:41 收到, 已等 26 分钟, 3 小时 26 分 (a device that sends nothing), or the plain time."""
    at, said = need["since"], ago(need["since"], now)
    if not at:
        return ""
    if need["since_is"] == "trouble":
        return said if said == JUST_NOW else f"已等 {said}"
    if need["since_is"] == "quiet":
        return said
    return f"{clock(at, now)}{' 收到' if need['since_is'] == 'received' else ''}"


def since(at: str | None, now: datetime) -> str:
    """刚刚, 3 分钟前; "" for nothing and for what is longer ago than a day."""
    said = ago(at, now)
    return "" if "天" in said else said if said in ("", JUST_NOW) else f"{said}前"


def index_lines(number: str) -> tuple[str, str]:
    """An index code in two lines: whose it is and when, ID number masked; then its device, body part and storer."""
    parts = masked_index(number).split("-")
    if len(parts) < 4:
        return number, ""
    rest = [f"{part[:4]}…{part[-2:]}" if len(part) == 18 else part for part in parts[3:]]
    return "-".join(parts[:3]), "-" + "-".join(rest)


def confirmed_line(at: str | None, now: datetime) -> str:
    """The line beside every good word: when the platform last confirmed something."""
    return f"平台最近确认 {clock(at, now)}" if at else "平台还没有确认过"


def size(count_bytes: int) -> str:
    if count_bytes < 1_000_000:
        return f"{max(1, count_bytes // 1000)} KB"
    return f"{count_bytes / 1_000_000:.1f} MB" if count_bytes < 10_000_000 else f"{count_bytes // 1_000_000} MB"


def exam_line(study: dict[str, Any]) -> str:
    """胸部 CT · CT2611200037"""
    return " · ".join(part for part in (what(study), str(study.get("accession_number") or "")) if part)


def what(study: dict[str, Any]) -> str:
    """What was examined: the description, with the modality unless it says that itself."""
    description, modality = str(study.get("description") or ""), str(study.get("modality") or "")
    if modality and modality not in description:
        return f"{description} {modality}".strip()
    return description


def images(study: dict[str, Any]) -> str:
    count = int(study.get("image_count") or 0)
    return f"{count} 幅" if count else "还没有影像"


def name(study: dict[str, Any]) -> str:
    return str(study.get("patient_name") or "") or "姓名待填"


def missing(study: dict[str, Any]) -> str:
    """缺 3 项; "" when nothing is missing."""
    count = int(study.get("problem_count") or 0)
    return f"缺 {count} 项" if count else ""


def to_fill(counts: dict[str, Any]) -> int:
    """What waits on 待填报: still to be filled, and filled but not submitted."""
    return int(counts["to_fill"]) + int(counts["ready"])
