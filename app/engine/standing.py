"""The one sentence: how everything stands, worst first, the same for tray, rail, home page and terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.times import CST

LONG_TROUBLE = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the sentence is made of. Counts are exams; `paused_until` None means until somebody resumes.

    `held_back`: exams that a person paused one by one.
    """

    set_up: bool
    needs_person: int
    trouble_since: datetime | None
    paused: bool
    paused_until: datetime | None
    moving: int
    confirmed: int
    receiving: int
    held_back: int
    last_confirmed_at: datetime | None
    now: datetime


def look_and_sentence(facts: Facts) -> tuple[str, str]:
    """(look of the icon, sentence of at most nine characters or so). Pure."""
    if not facts.set_up:
        return "needs-you", "还没有设置好"
    long_trouble = facts.trouble_since is not None and facts.now - facts.trouble_since > LONG_TROUBLE
    if facts.needs_person:
        return "needs-you", f"{facts.needs_person} 件事等您处理"
    if long_trouble and facts.trouble_since is not None:
        return "needs-you", f"平台 {_clock(facts.trouble_since)} 起不通"
    if facts.trouble_since is not None:
        return "trouble", "正在自动重试"
    if facts.paused:
        return "paused", f"已暂停到 {_clock(facts.paused_until)}" if facts.paused_until else "已暂停"
    if facts.moving:
        return "working", f"正在上传 {facts.moving} 例"
    if facts.receiving:
        return "working", f"正在接收 {facts.receiving} 例"
    if facts.held_back:
        return "paused", f"{facts.held_back} 例已暂停"
    return ("confirmed", "全部确认") if facts.confirmed else ("paused", "还没有要上传的")


def tooltip(sentence: str, last_confirmed_at: datetime | None, now: datetime) -> str:
    if last_confirmed_at is None:
        return f"影像云上传助手 · {sentence}"
    return f"{sentence} · 平台最近确认 {_when(last_confirmed_at, now)}"


def _clock(at: datetime | None) -> str:
    return at.astimezone(CST).strftime("%H:%M") if at else ""


def _when(at: datetime, now: datetime) -> str:
    then, today = at.astimezone(CST), now.astimezone(CST)
    if then.date() == today.date():
        return then.strftime("%H:%M")
    if then.date() == today.date() - timedelta(days=1):
        return then.strftime("昨天 %H:%M")
    return then.strftime("%m-%d %H:%M")
