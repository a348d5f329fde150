"""How far an exam has come, and which codes say so in a region whose document has such codes."""

from __future__ import annotations

import pytest

from app.catalogue.load import load_region, region_names
from app.catalogue.stages import EXAM_STAGES, REPORT_STAGES, codes_of, exam_stage, is_further, report_stage
from app.domain.form import Noun

REGIONS = [region for name in region_names() if (region := load_region(name)).options.get("stages")]
AUDITED = {"audit_doctor_name": "刘慧", "audited_at": "2026-01-05 10:20:00"}


@pytest.mark.parametrize(
    ("known", "has_images", "stage"),
    [
        ({}, False, "ordered"),
        ({"reserve_time": "2026-01-05 09:00:00/2026-01-05 09:30:00"}, False, "booked"),
        ({"reserve_time": "x", "arrived_at": "2026-01-05 08:50:00"}, False, "arrived"),
        ({"arrived_at": "2026-01-05 08:50:00"}, True, "examined"),
        ({"examined_at": "2026-01-05 09:10:00"}, False, "examined"),
    ],
)
def test_an_exam_is_as_far_as_its_facts_say(known: dict[str, str], has_images: bool, stage: str) -> None:
    assert exam_stage(known, has_images=has_images) == stage


def test_an_exam_never_goes_back_by_itself() -> None:
    assert exam_stage({}, has_images=False, reached="examined") == "examined"
    assert exam_stage({"arrived_at": "x"}, has_images=False, reached="booked") == "arrived"
    assert is_further("ordered", "") and is_further("examined", "arrived")
    assert not is_further("arrived", "arrived") and not is_further("booked", "examined")


@pytest.mark.parametrize(
    ("report", "begun", "examined", "stage"),
    [
        ({}, False, False, "not_examined"),
        ({}, False, True, "unwritten"),
        ({"findings": "双肺清晰"}, True, True, "written"),
        ({"audit_doctor_name": "刘慧"}, True, True, "written"),
        (AUDITED, True, True, "audited"),
        (AUDITED | {"is_last_audit": "0", "last_audit_doctor_name": "王新"}, True, True, "audited"),
        (AUDITED | {"is_last_audit": "1"}, True, True, "audited"),
        (AUDITED | {"is_last_audit": "1", "last_audit_doctor_name": "王新"}, True, True, "last_audited"),
    ],
)
def test_a_report_is_as_far_as_its_doctors_are(report: dict[str, str], begun: bool, examined: bool, stage: str) -> None:
    assert report_stage(report, is_begun=begun, is_examined=examined) == stage


def test_every_stage_of_a_region_that_has_them_has_its_codes() -> None:
    assert REGIONS
    for region in REGIONS:
        exam = [codes_of(region, stage, Noun.EXAM) for stage in EXAM_STAGES]
        report = [codes_of(region, stage, Noun.REPORT) for stage in REPORT_STAGES]
        for codes in (exam, report):
            assert len({frozenset(one.items()) for one in codes}) == len(codes), "no two stages read alike"
        assert [codes_of(region, stage, Noun.REPORT) for stage in EXAM_STAGES] == [{}] * len(EXAM_STAGES)
