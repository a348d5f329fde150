"""The stamp of each sending: never used before, by whichever destination, program or computer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.delivery.target import Drawn, Target
from app.store import Store
from tests.delivery.stage import Stage

NOW = datetime(2026, 11, 5, 2, 31, 7, tzinfo=UTC)


@pytest.fixture
def target(stage: Stage) -> Target:
    stage.adapter.serial_series = "H52010300123"
    return stage.target


def restarted(target: Target) -> Target:
    """The same destination in a program that starts anew, or another of the same institution."""
    return replace(target, drawn=Drawn())


def serials(target: Target, store: Store, count: int, now: datetime = NOW) -> list[str]:
    return [target.stamp(store, now).serial for _ in range(count)]


def test_a_region_without_serial_numbers_gets_the_time_alone(stage: Stage, store: Store) -> None:
    stamp = stage.target.stamp(store, NOW)
    assert (stamp.now, stamp.serial) == (NOW, "")
    assert store.rows("SELECT * FROM serials") == []


def test_sendings_of_one_second_count_on_and_each_second_begins_anew(target: Target, store: Store) -> None:
    found = serials(target, store, 120)
    assert found == [f"20261105103107{number:04d}" for number in range(1, 121)]
    assert serials(target, store, 1, NOW + timedelta(seconds=1)) == ["202611051031080001"], (
        "what was left is never used"
    )


def test_a_clock_that_is_set_back_uses_up_what_was_drawn(target: Target, store: Store) -> None:
    before = serials(target, store, 1)
    assert serials(target, store, 60, NOW - timedelta(days=1)) > before


def test_a_start_anew_and_a_second_destination_of_the_institution_never_repeat_a_number(
    target: Target, store: Store
) -> None:
    other = restarted(target)
    found = [
        serial for _ in range(40) for one in (target, other, restarted(target)) for serial in serials(one, store, 3)
    ]
    assert len(found) == len(set(found)) == 360


def test_a_computer_with_its_own_range_keeps_to_it(target: Target, store: Store) -> None:
    own = replace(target, options={"serial_from": 5000, "serial_to": 5002})
    assert serials(own, store, 4) == [
        "202611051031075000",
        "202611051031075001",
        "202611051031075002",
        "202611051031085000",
    ]


def test_what_was_drawn_is_on_the_disk_as_used(target: Target, store: Store) -> None:
    (first,) = serials(target, store, 1)
    (row,) = store.rows("SELECT value FROM serials")
    assert row["value"] >= int(first)


def test_every_sending_has_a_number_of_its_own_that_nobody_guesses(target: Target, store: Store) -> None:
    found = [target.stamp(store, NOW).nonce for _ in range(50)]
    assert len(set(found)) == 50
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in found)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("", "http://192.0.2.1/coss/x"),
        ("ca", "https://sign.example/c/coss/x"),
        ("verify", "http://192.0.2.1/coss/x"),
        ("seal", "http://192.0.2.1/coss/x"),
    ],
)
def test_another_address_counts_where_the_settings_have_it(stage: Stage, base: str, url: str) -> None:
    target = replace(stage.target, options={"ca_url": "https://sign.example/c/", "verify_url": ""})
    assert target.url("/coss/x", base) == url
