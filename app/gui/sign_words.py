"""The sentences of 电子签名: where a report stands, how long a code is good for. Pure functions of values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.domain.times import CST
from app.gui import words

Json = dict[str, Any]
WAITING, NEXT, EXPIRED, REFUSED = "waiting", "next", "expired", "refused"
TIMESTAMPING, VOID, POSTPONED = "timestamping", "void", "postponed"
CODED = frozenset({WAITING, NEXT})
"""States in which a report's code is asked for as soon as it is shown."""
MARKS = {
    WAITING: ("state-sign", "you"),
    NEXT: ("state-sign", "you"),
    VOID: ("state-sign", "you"),
    EXPIRED: ("state-cancelled", "idle"),
    POSTPONED: ("state-paused", "idle"),
    REFUSED: ("state-rejected", "bad"),
    TIMESTAMPING: ("state-waiting", "retry"),
}
IMPORT = "import"
"""The way of a report that the clinic's own system signs."""
IMPORT_LINK = "导入"
STEPS = ("扫码", "手机上核对", "签名", "取时间戳", "自动上传")
JOB_TONES = {"acknowledged": "ok", "reconciled": "ok", "held": "you", "rejected": "bad"}
"""Green only after the platform's answer."""


def sentence(waiting: int, put_off: int = 0) -> str:
    """What the page's first line says; what was put off waits for nobody now."""
    said = f"{waiting} 份报告等审核医师签名，签好后自动上传" if waiting else "没有报告在等签名"
    return f"{said} · {put_off} 份稍后再签" if put_off else said


def not_yet(lacking: list[str]) -> tuple[str, str]:
    """What is said while nobody can sign: title, advice."""
    return "签名还没有备齐", f"设置里还缺：{'、'.join(lacking)}。这些由平台审核申请材料以后发给机构。"


def standing(row: Json, current: object, first_next: object) -> tuple[str, str]:
    """Words and tone beside a report: 正在等扫码, 接着是这份, 12:05 过期; nothing for those further back."""
    if row["state"] == TIMESTAMPING:
        return "马上就好", "retry"
    if can_import(row):
        return IMPORT_LINK, "accentText"
    if is_coded(row) and row["session"] == current:
        return "正在等扫码", "accentText"
    if is_coded(row) and row["session"] == first_next:
        return "接着是这份", "text2"
    return "", "text2"


def can_import(row: Json) -> bool:
    """Whether it waits for what the clinic's own system signs; one that was changed is submitted first."""
    return bool(row["way"] == IMPORT and row["state"] != VOID)


def is_coded(row: Json) -> bool:
    """Whether its code is asked for as soon as it is shown."""
    return row["way"] != IMPORT and row["state"] in CODED


def expired_at(row: Json, now: datetime) -> str:
    """12:05 过期, 昨天过期 for what is longer ago."""
    at = row["expires_at"]
    if row["state"] != EXPIRED or not at:
        return ""
    said = words.clock(at, now)
    return f"{said.split(' ')[-1] if said.startswith('昨天 ') else said} 过期"


def ring(expires_at: str, now: datetime) -> str:
    """23 时, 24 分 within the last hour, 不到 1 分."""
    minutes = minutes_left(expires_at, now)
    return f"{minutes // 60} 时" if minutes >= 60 else f"{minutes} 分"


def left(expires_at: str, now: datetime) -> str:
    """还有 23 小时 24 分."""
    minutes = minutes_left(expires_at, now)
    if minutes < 1:
        return "还有不到 1 分"
    hours = f"{minutes // 60} 小时" if minutes >= 60 else ""
    rest = f"{minutes % 60} 分" if minutes % 60 or not hours else ""
    return f"还有 {' '.join(part for part in (hours, rest) if part)}"


def minutes_left(expires_at: str, now: datetime) -> int:
    return max(0, int((datetime.fromisoformat(expires_at) - now) / timedelta(minutes=1)))


def until(expires_at: str, now: datetime) -> str:
    """有效期至 明天 13:30."""
    at = datetime.fromisoformat(expires_at)
    soon = words.clock(expires_at, now, always_day=True)
    return f"有效期至 {soon if ':' in soon else f'{soon} {at.astimezone(CST):%H:%M}'}"


def signed_line(row: Json, now: datetime) -> str:
    """石秀兰 14:06 签好了 · 时间戳有效 · 待上传."""
    said = (
        f"{row['patient_name']} {words.clock(row['signed_at'], now)} 签好了",
        row["timestamp_words"],
        row["job_words"],
    )
    return " · ".join(part for part in said if part)


def digest(text: str) -> str:
    """9f2c 04ab ··· 71e0"""
    return f"{text[:4]} {text[4:8]} ··· {text[-4:]}" if len(text) > 12 else text


def step_of(row: Json) -> int:
    """Which of `STEPS` is on, from 0."""
    return {TIMESTAMPING: 3}.get(row["state"], 0)
