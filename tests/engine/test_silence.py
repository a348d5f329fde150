"""A device is missed when it usually sends now, and never because it is lunch, Sunday or too early to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.times import CST
from app.engine.silence import Silence, habit, silence, watch_words
from app.store.sources import Hour

TODAY = date(2026, 11, 20)  # a Friday
WORK = (8, 9, 10, 11, 14, 15, 16, 17)


def at(hour: int, minute: int = 0, day: date = TODAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CST)


def worked(days: int, *, hours: tuple[int, ...] = WORK, week: range = range(5), gap: int = 900) -> list[Hour]:
    """Hours of the last `days` calendar days before today, on these weekdays; the first after a pause has it long."""
    found = []
    for ago in range(days, 0, -1):
        day = TODAY - timedelta(days=ago)
        for hour in hours if day.weekday() in week else ():
            pause = 2.5 * 3600 if hour == 14 else gap
            found.append(Hour(start=at(hour, day=day), image_count=4 + ago % 3, longest_gap_seconds=pause))
    return found


@pytest.mark.parametrize(
    ("now", "last", "awake", "missed"),
    [
        (at(11, 30), at(10, 40), at(7, 50), False),  # not yet an hour and a half
        (at(17, 59), at(8, 15), at(7, 50), True),
        (at(13, 0), at(9, 0), at(7, 50), False),  # nobody works at one
        (at(14, 6), at(10, 40), at(7, 50), False),  # lunch does not count
        (at(14, 11), at(10, 40), at(7, 50), True),
        (at(17, 30), at(16, 30), at(7, 50), False),
        (at(16, 0), None, at(15, 0), False),  # the program itself has only just come up
        (at(3, 0), at(17, 0, TODAY - timedelta(days=1)), at(0, 0), False),
        (at(17, 50), at(17, 0, TODAY - timedelta(days=1)), at(7, 0), True),
    ],
)
def test_a_device_is_missed_in_its_own_hours_only(
    now: datetime, last: datetime | None, awake: datetime, missed: bool
) -> None:
    found = silence(worked(30), last_at=last, awake_since=awake, now=now.astimezone(UTC))
    assert (found is not None) is missed


def test_a_device_that_sends_every_quarter_of_an_hour_is_missed_after_ninety_minutes() -> None:
    hours = worked(30, hours=tuple(range(8, 18)))
    steady = [replace(one, longest_gap_seconds=900) for one in hours]
    morning = {"last_at": at(10, 40), "awake_since": at(7)}
    assert silence(steady, now=at(12, 9), **morning) is None
    assert silence(steady, now=at(12, 11), **morning) == Silence(since=at(10, 40), an_hour=(4, 6))


def test_without_an_image_today_the_silence_has_no_beginning() -> None:
    hours = worked(30, hours=tuple(range(8, 18)))
    yesterday = at(17, 20, TODAY - timedelta(days=1))
    found = silence(hours, last_at=yesterday, awake_since=at(7), now=at(17, 0))
    assert found is not None and found.since is None


@pytest.mark.parametrize(("days", "known"), [(1, False), (3, False), (8, True), (30, True)])
def test_a_few_days_must_be_known_first(days: int, known: bool) -> None:
    assert habit(worked(days), TODAY).known is known


def test_a_device_that_rests_on_fridays_is_not_missed_on_a_friday() -> None:
    hours = worked(35, week=range(4))
    assert habit(hours, TODAY).hours == frozenset()
    assert silence(hours, last_at=at(17, 0, TODAY - timedelta(days=1)), awake_since=at(7), now=at(15)) is None


def test_a_rare_hour_is_no_usual_one() -> None:
    hours = [
        *worked(30, hours=(8, 9)),
        Hour(start=at(20, day=date(2026, 11, 13)), image_count=1, longest_gap_seconds=0),
    ]
    assert habit(hours, TODAY).hours == {8, 9}


def test_the_setting_says_when_it_would_be_missed() -> None:
    steady = worked(30, hours=tuple(range(8, 18)), gap=600)
    steady = [replace(one, longest_gap_seconds=600) for one in steady]
    assert watch_words(steady, TODAY) == "工作日 8:00–18:00，超过 90 分钟提醒"
    assert watch_words(worked(2), TODAY) == "还在认识它的习惯，要几天"
    assert watch_words(worked(40, week=range(5, 7)), TODAY) == "平日不常用，不提醒"


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 23), st.integers(1, 90)), max_size=200),
    st.integers(0, 24 * 60 - 1),
    st.integers(0, 24 * 60),
)
def test_nothing_is_missed_before_ninety_minutes_or_in_an_unusual_hour(
    came: list[tuple[int, int, int]], minute: int, ago: int
) -> None:
    hours = [
        Hour(start=at(hour, day=TODAY - timedelta(days=day)), image_count=1, longest_gap_seconds=60.0 * gap)
        for day, hour, gap in came
    ]
    now = at(minute // 60, minute % 60)
    found = silence(hours, last_at=now - timedelta(minutes=ago), awake_since=at(0) - timedelta(days=3), now=now)
    if found is not None:
        assert ago >= 90
        assert now.hour in habit(hours, TODAY).hours
