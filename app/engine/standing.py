"""The one sentence: how everything stands, worst first, the same for tray, rail, home page and terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain.times import CST, cst_day
from app.engine.face import Json
from app.engine.house import House
from app.store import Tx, answers, files, tally
from app.store.times import kept, taken_or_none

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
        return "paused", f"已暂停到{_until(facts.paused_until, facts.now)}" if facts.paused_until else "已暂停"
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


def _clock(at: datetime) -> str:
    return at.astimezone(CST).strftime("%H:%M")


def _until(at: datetime, now: datetime) -> str:
    """A pause until tomorrow ends at midnight; any other has its time."""
    then = at.astimezone(CST)
    if (then.hour, then.minute) == (0, 0) and then.date() > now.astimezone(CST).date():
        return "明天"
    return f" {_clock(at)}"


def today(house: House, now: datetime) -> Json:
    """The day's own numbers, which the counts of everything open do not give."""
    states = tally.states_of_day(house.store.read(), date.fromisoformat(cst_day(now)))
    here = {state: count for state, count in states.items() if state not in ("withdrawn", "cancelled", "test")}
    confirmed = sum(here.get(state, 0) for state in ("acknowledged", "reconciled"))
    return {"day": cst_day(now), "received": sum(here.values()), "confirmed": confirmed}


def recently_confirmed(house: House, limit: int) -> Json:
    """The exams that every destination has confirmed, the newest first; a number only where a platform gave one."""
    conn = house.store.read()
    rows = tally.confirmed_last(conn, min(limit, 100))
    receipts = tally.last_receipts(conn, [row["exam_key"] for row in rows])
    return {
        "exams": [
            {
                "uid": row["uid"] or row["exam_key"],
                "exam_key": row["exam_key"],
                "patient_name": row["patient_name"],
                "modality": row["modality"],
                "description": row["description"],
                "state": row["state"],
                "acknowledged_at": row["acknowledged_at"],
                "index_code": str(receipts[row["exam_key"]]["facts"].get("index_code") or ""),
            }
            for row in rows
        ]
    }


def _when(at: datetime, now: datetime) -> str:
    then, today = at.astimezone(CST), now.astimezone(CST)
    if then.date() == today.date():
        return then.strftime("%H:%M")
    if then.date() == today.date() - timedelta(days=1):
        return then.strftime("昨天 %H:%M")
    return then.strftime("%m-%d %H:%M")


def snoozed_until(house: House, now: datetime) -> str | None:
    """Until when a person wants no notification."""
    until = taken_or_none(files.fact(house.store.read(), "snoozed"))
    return kept(until) if until is not None and until > now else None


def snooze(house: House, minutes: int, now: datetime) -> Json:
    until = kept(now + timedelta(minutes=minutes)) if minutes > 0 else ""

    def change(tx: Tx) -> None:
        files.set_fact(tx, "snoozed", until)
        tx.tell("snoozed", until=until)

    house.store.write(change)
    return {"snoozed_until": until or None}


def seconds_left(house: House) -> float | None:
    """How long what is on its way will take at the pace of the last receipts; None while nobody can know."""
    conn = house.store.read()
    if any(row["trouble"] for row in answers.destinations(conn).values()):
        return None
    waiting, sending, pace = tally.on_their_way(conn)
    return None if waiting or not sending or pace is None else sending * pace
