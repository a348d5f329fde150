"""How each destination did over a day (上传目标): quarters of an hour from 8 to 18, confirmed, retried or quiet."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from app.domain.times import CST
from app.engine import fetches
from app.engine.face import Json
from app.engine.house import House
from app.store import answers, tally
from app.store.tally import Answer

FIRST_HOUR, LAST_HOUR = 8, 18
QUARTER = timedelta(minutes=15)
SLOTS = (LAST_HOUR - FIRST_HOUR) * 4
AHEAD, QUIET, RETRIED, CONFIRMED = 0, 1, 2, 3
_ONE_TROUBLE = timedelta(minutes=30)
"""Retries that lie no further apart belong to one trouble."""


def health(house: House, day: date) -> Json:
    now = house.clock.now()
    since = datetime.combine(day, time(), CST)
    until = since + timedelta(days=1)
    conn = house.store.read()
    seen = answers.destinations(conn)
    found = []
    for name, target in house.targets.items():
        told = tally.answers_between(conn, name, since, until)
        exams = tally.exams_confirmed_between(conn, name, since, until)
        took = [one.seconds for one in told if one.seconds is not None]
        found.append(
            {
                "name": name,
                "title": target.title,
                "slots": slots(told, day, now),
                "last_ok_at": seen.get(name, {}).get("last_ok_at") or None,
                "average_seconds": round(sum(took) / len(took), 1) if took else None,
                "sentence": sentence(told, exams, bool(seen.get(name, {}).get("trouble"))),
                "unfetched": fetches.unfetched(house, name),
            }
        )
    return {"day": day.isoformat(), "destinations": found}


def slots(told: list[Answer], day: date, now: datetime) -> list[int]:
    """One number for each quarter of an hour: 0 not yet, 1 quiet, 2 only retries, 3 something was confirmed. Pure."""
    start = datetime.combine(day, time(FIRST_HOUR), CST)
    made = [QUIET if start + number * QUARTER <= now else AHEAD for number in range(SLOTS)]
    for one in told:
        place = (one.at - start) // QUARTER
        if 0 <= place < SLOTS:
            made[place] = max(made[place], CONFIRMED if one.confirmed else RETRIED)
    return made


def sentence(told: list[Answer], exams: int, in_trouble: bool) -> str:
    """What the strip shows, in words. Pure."""
    retries = [one.at for one in told if not one.confirmed]
    if retries and not in_trouble:
        first = last = retries[-1]
        for at in reversed(retries):
            if first - at > _ONE_TROUBLE:
                break
            first = at
        span = _clock(first) if last - first < timedelta(minutes=1) else f"{_clock(first)}–{_clock(last)}"
        return f"{span} 平台没有收下，已自动重试，未丢任务"
    if exams:
        return f"今天 {exams} 例，平台都有回执"
    return "今天还没有一例传全" if any(one.confirmed for one in told) else "今天还没有上传过"


def _clock(at: datetime) -> str:
    return at.astimezone(CST).strftime("%H:%M")
