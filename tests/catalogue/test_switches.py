"""What an option of a region changes in its rows: every value is one of the option's and changes what it names."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.catalogue.load import load_region, region_names
from app.catalogue.region import Region, Row
from app.catalogue.resources import resources_dir
from app.domain.form import Level
from app.errors import Bug
from tests.catalogue.samples import CATALOGUE

REGIONS = {name: load_region(name, CATALOGUE) for name in region_names()}
SWITCHES = [
    (region, option, value)
    for region in REGIONS.values()
    for option, by_value in region.options.get("switches", {}).items()
    for value in by_value
]


def row(region: Region, name: str) -> Row:
    message, _, key = name.partition(".")
    (found,) = (one for one in region.rows_of(message) if key in (one.key, one.path))
    return found


def usual(region: Region) -> dict[str, Any]:
    return dict(region.options["options"])


def test_the_switches_of_the_documents_are_these() -> None:
    assert {(region.name, option, value) for region, option, value in SWITCHES} == {
        ("shanxi", "early_record", "true"),
        ("guizhou", "report_names", "sample"),
        ("guizhou", "second_review", "audited"),
        ("guizhou", "second_review", "optional"),
        ("guizhou", "body_part", "zeros"),
        ("guizhou", "device_code", "own"),
        ("guangyuan", "sent_as", "centre"),
        ("guangyuan", "pdf_mode", "base64"),
        ("guangyuan", "body_part", "zeros"),
        ("guangyuan", "device_code", "own"),
    }


@pytest.mark.parametrize(
    ("region", "option", "value"),
    SWITCHES,
    ids=[f"{region.name}.{option}.{value}" for region, option, value in SWITCHES],
)
def test_a_switch_changes_exactly_what_it_says(region: Region, option: str, value: str) -> None:
    plain = region.with_options(usual(region))
    switched = region.with_options(usual(region) | {option: value})
    changes = dict(region.options["switches"][option][value])
    messages = changes.pop("messages", {})
    for message, other in messages.items():
        assert switched.rows[message] == region.rows[other] != plain.rows[message]
    for name, change in changes.items():
        after = row(switched, name)
        for column, told in change.items():
            got = getattr(after, column)
            assert (got.value if isinstance(got, Level) else got) == told
    differing = {
        f"{message}.{after.key}"
        for message, rows in switched.rows.items()
        for before, after in zip(plain.rows[message], rows, strict=message not in messages)
        if any(getattr(before, one.name) != getattr(after, one.name) for one in fields(Row))
    }
    if not messages:
        assert differing == set(changes)


def test_without_a_choice_nothing_is_switched_and_no_message_stands_in() -> None:
    for region in REGIONS.values():
        plain = region.with_options(usual(region))
        stand_ins = set(region.rows) - set(plain.rows)
        assert stand_ins == ({"exam_of_centre"} if region.name == "guangyuan" else set())
        assert all(plain.rows[message] == region.rows[message] for message in plain.rows)


def test_a_centre_that_sends_its_pdf_itself_has_no_row_for_it_and_is_not_refused() -> None:
    region = REGIONS["guangyuan"]
    centre = region.with_options(usual(region) | {"sent_as": "centre", "pdf_mode": "base64", "body_part": "zeros"})
    assert not centre.has_row("exam.report_pdf")
    assert row(centre, "exam.body_part_code").convert == "nine_zeros"
    assert len(centre.rows["exam"]) == 73 and len(region.rows["exam"]) == 71


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[switches.sent_as.centre]", "[switches.send_as.centre]", ["switches.send_as", "no option"]),
        ("[switches.sent_as.centre]", "[switches.sent_as.center]", ["switches.sent_as.center", "none of"]),
        ('exam = "exam_of_centre" }', 'exam = "exam_of_center" }', ["no messages"]),
        ('exam = "exam_of_centre" }', 'exan = "exam_of_centre" }', ["no messages"]),
        ('"exam.report_pdf" = {', '"exam.report_pfd" = {', ["no row 'exam.report_pfd'"]),
        ('"exam.report_pdf" = { convert = ""', '"exam.report_pdf" = { convert = "loud"', ["switches.pdf_mode.base64"]),
        ('"exam.report_pdf" = { convert = ""', '"exam.report_pdf" = { colour = ""', ["switches.pdf_mode.base64"]),
    ],
)
def test_a_slip_in_a_switch_is_refused_with_its_place(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    home = tmp_path / "resources"
    shutil.copytree(resources_dir(), home, ignore=shutil.ignore_patterns("gui", "fonts", "pictures"))
    path = home / "regions" / "guangyuan" / "region.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Bug) as refused:
        load_region("guangyuan", root=home)
    assert all(word in refused.value.details for word in ["region.toml", *words])
