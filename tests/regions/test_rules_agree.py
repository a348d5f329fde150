"""The catalogue's rows and the practice platforms' rules were typed from the documents twice; they must agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.practice.registry import REGIONS as PRACTICE
from app.regions.adapters import ADAPTERS

from .second_readings import KNOWN, READINGS, REGIONS, Pair, differences, pairs

ROOT = Path(__file__).parents[2]
MESSAGES = [(region, message) for region, reading in READINGS.items() for message in reading.rules]
EVERY_ROW = list(pairs())
ROWS_PRINTED = {
    ("shanxi", "exam"): 113,
    ("shanxi", "settlement"): 4,
    ("shanxi", "report"): 70,
    ("shanxi", "images_list"): 11,
    ("guizhou", "exam"): 76,
    ("guizhou", "settlement"): 4,
    ("guizhou", "image"): 6,
    ("guizhou", "images"): 4,
    ("guizhou", "report"): 5,
    ("guizhou", "delete"): 1,
    ("guizhou", "history"): 5,
    ("guizhou", "image_list"): 2,
    ("guizhou", "image_content"): 2 + 3,
    ("guangyuan", "exam"): 71,
    ("guangyuan", "exam_of_centre"): 73,
}
"""How many rows each table of the documents has, counted in the documents; of Guizhou 2.8 those of both tables."""


def test_every_region_has_its_data_its_adapter_its_practice_platform_and_a_second_reading() -> None:
    data = {folder.name for folder in (ROOT / "resources" / "regions").iterdir() if folder.is_dir()}
    assert data == set(ADAPTERS) == set(PRACTICE) == set(READINGS)


@pytest.mark.parametrize("region", sorted(ADAPTERS))
def test_every_region_has_its_module_its_practice_platform_and_its_tests_by_its_name(region: str) -> None:
    for file in (
        f"app/regions/{region}.py",
        f"app/practice/{region}.py",
        f"app/practice/{region}_fields.py",
        f"tests/regions/test_{region}.py",
    ):
        assert (ROOT / file).is_file(), file


def test_every_message_of_every_region_was_read_twice() -> None:
    assert {(name, message) for name, region in REGIONS.items() for message in region.rows} == set(MESSAGES)
    assert set(ROWS_PRINTED) == set(MESSAGES)


@pytest.mark.parametrize(("region", "message"), MESSAGES)
def test_both_have_the_same_names_in_the_same_order_and_all_that_are_printed(region: str, message: str) -> None:
    read_first = [row.path for row in REGIONS[region].rows_of(message)]
    read_second = [rule.name for rule in READINGS[region].rules[message]]
    assert read_first == read_second
    assert len(read_first) == ROWS_PRINTED[region, message]


@pytest.mark.parametrize("pair", EVERY_ROW, ids=str)
def test_both_readings_of_a_row_differ_only_where_it_is_known(pair: Pair) -> None:
    known = {one.aspect: (one.ours, one.theirs) for one in pair.known}
    assert differences(pair) == known


def test_every_known_difference_names_a_row_that_exists_and_says_why_and_where() -> None:
    names = {(pair.region, pair.message, pair.rule.name) for pair in EVERY_ROW}
    assert set(KNOWN) - names == set()
    assert all(one.why and one.place for known in KNOWN.values() for one in known)


@pytest.mark.parametrize("region", sorted(READINGS))
def test_every_table_and_form_that_a_rule_names_exists(region: str) -> None:
    reading = READINGS[region]
    rules = [rule for rules in reading.rules.values() for rule in rules]
    assert {rule.table for rule in rules} - {""} <= set(reading.tables)
    assert {rule.form for rule in rules} - {""} <= set(reading.forms)
    assert reading.shaped <= set(reading.tables)
    assert reading.longer <= {rule.name for rule in rules}
