"""UTC inside, China on the outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.system.clock import Clock, parse_cst, to_cst


def test_the_clock_knows_its_zone_and_never_runs_backwards() -> None:
    clock = Clock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


def test_an_evening_in_utc_is_the_next_morning_in_china() -> None:
    assert to_cst(datetime(2026, 11, 20, 18, 5, tzinfo=UTC)).strftime("%m-%d %H:%M") == "11-21 02:05"


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_cst(datetime(2026, 11, 20))


@given(st.datetimes(min_value=datetime(1950, 1, 2), max_value=datetime(2100, 1, 1)))
def test_a_wall_clock_in_china_comes_back(wall: datetime) -> None:
    text = wall.strftime("%Y-%m-%d %H:%M:%S")
    assert to_cst(parse_cst(text)).strftime("%Y-%m-%d %H:%M:%S") == text


def test_a_text_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError):
        parse_cst("2026/11/21")
