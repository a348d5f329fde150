"""When a device is missed (没有来图): its own habits, learned from its own hours. Pure functions of values.

A day without images on a weekday that usually has some is only missed once enough such days are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from app.domain.times import CST
from app.store.sources import Hour

LEARNED_FROM = timedelta(days=42)
LEAST_SILENCE = timedelta(minutes=90)
_FEW_DAYS = 3
"""So many days of the same weekday tell its habit; before that all working days (or week-ends) together do."""
_FEW_DAYS_OF_A_KIND = 4
_USUAL_SHARE = 0.6
_TIMES_ITS_GAP = 3
_WORKING_DAYS = frozenset(range(5))


@dataclass(frozen=True, kw_only=True)
class Habit:
    """What a device usually does on such a day. Empty `hours` with `known`: it usually rests."""

    known: bool
    hours: frozenset[int]
    gap: timedelta
    """The longest it usually pauses within its hours."""


@dataclass(frozen=True, kw_only=True)
class Silence:
    """A device is missed. `since` its last image, None: none came today; `an_hour`: usual images in this hour."""

    since: datetime | None
    an_hour: tuple[int, int]


def habit(hours: Sequence[Hour], day: date) -> Habit:
    """What is usual on a day like this one, from the weeks before it."""
    earlier = [hour for hour in hours if day - LEARNED_FROM <= hour.start.astimezone(CST).date() < day]
    if not earlier:
        return Habit(known=False, hours=frozenset(), gap=timedelta(0))
    alike = _days_like(day, since=min(hour.start.astimezone(CST).date() for hour in earlier))
    own = [hour for hour in earlier if hour.start.astimezone(CST).date() in alike]
    if not alike:
        return Habit(known=False, hours=frozenset(), gap=timedelta(0))
    counted = [hour.start.astimezone(CST).hour for hour in own]
    usual = frozenset(each for each in set(counted) if counted.count(each) >= _USUAL_SHARE * len(alike))
    return Habit(known=True, hours=usual, gap=_usual_gap(own, usual))


def silence(hours: Sequence[Hour], *, last_at: datetime | None, awake_since: datetime, now: datetime) -> Silence | None:
    """Whether a device that usually sends now is silent for too long. `awake_since`: this program hears since then."""
    here = now.astimezone(CST)
    usual = habit(hours, here.date())
    if here.hour not in usual.hours:
        return None
    heard = [awake_since, *([last_at] if last_at else [])]
    silent = _within(max(heard).astimezone(CST), here, usual.hours)
    if silent < max(LEAST_SILENCE, _TIMES_ITS_GAP * usual.gap):
        return None
    today = last_at is not None and last_at.astimezone(CST).date() == here.date()
    return Silence(since=last_at if today else None, an_hour=_an_hour(hours, here))


def is_over(hours: Sequence[Hour], now: datetime) -> bool:
    """The last hour in which it usually sends on such a day has passed."""
    here = now.astimezone(CST)
    usual = habit(hours, here.date()).hours
    return not usual or here.hour > max(usual)


def watch_words(hours: Sequence[Hour], today: date) -> str:
    """工作日 8:00–18:00，超过 90 分钟提醒: when the device would be missed."""
    week = [today - timedelta(days=ago) for ago in range(7)]
    usual = [habit(hours, day) for day in week if day.weekday() in _WORKING_DAYS]
    working = [each for each in usual if each.hours]
    if not working:
        return "还在认识它的习惯，要几天" if not all(each.known for each in usual) else "平日不常用，不提醒"
    first = round(median(min(each.hours) for each in working))
    last = round(median(max(each.hours) for each in working)) + 1
    longest = max(LEAST_SILENCE, _TIMES_ITS_GAP * max(each.gap for each in working))
    return f"工作日 {first}:00–{last}:00，超过 {longest // timedelta(minutes=1)} 分钟提醒"


def _days_like(day: date, *, since: date) -> frozenset[date]:
    """The known days of this weekday, else of this kind (working day or week-end); none while they are too few."""
    known = [since + timedelta(days=each) for each in range((day - since).days)]
    known = [each for each in known if each >= day - LEARNED_FROM]
    same = [each for each in known if each.weekday() == day.weekday()]
    if len(same) >= _FEW_DAYS:
        return frozenset(same)
    working = day.weekday() in _WORKING_DAYS
    kind = [each for each in known if (each.weekday() in _WORKING_DAYS) == working]
    return frozenset(kind if len(kind) >= _FEW_DAYS_OF_A_KIND else [])


def _usual_gap(own: Sequence[Hour], usual: frozenset[int]) -> timedelta:
    """Of each day the longest pause inside its usual hours, the median of days; night and lunch are no pause."""
    longest: dict[date, float] = {}
    for hour in own:
        here = hour.start.astimezone(CST)
        if {here.hour, here.hour - 1} <= usual:
            longest[here.date()] = max(longest.get(here.date(), 0.0), hour.longest_gap_seconds)
    return timedelta(seconds=median(longest.values())) if longest else timedelta(0)


def _within(start: datetime, end: datetime, hours: frozenset[int]) -> timedelta:
    """How much of the time from `start` to `end` of today lies in these hours of the day."""
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    spans = ((midnight + timedelta(hours=hour), midnight + timedelta(hours=hour + 1)) for hour in hours)
    return sum((max(timedelta(0), min(end, until) - max(start, at)) for at, until in spans), timedelta(0))


def _an_hour(hours: Sequence[Hour], here: datetime) -> tuple[int, int]:
    """Between how many images this hour usually brings: the middle half of the days that had some."""
    counts = sorted(
        hour.image_count
        for hour in hours
        if hour.start.astimezone(CST).hour == here.hour and hour.start.astimezone(CST).date() < here.date()
    )
    return (counts[len(counts) // 4], counts[(3 * len(counts)) // 4]) if counts else (0, 0)
