"""The practice platform's rules were typed from the document a second time: both readings agree, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.catalogue.payload import payload
from app.domain.form import Level
from app.practice import shanxi_fields
from app.practice.rules import NUMBER, Rule, problems
from tests.catalogue.samples import EXAM, REGION, REPORT, SETTLEMENT

READINGS = {
    "exam": shanxi_fields.EXAM_RULES,
    "report": shanxi_fields.REPORT_RULES,
    "settlement": shanxi_fields.SETTLEMENT_RULES,
}


@pytest.mark.parametrize("message", READINGS)
def test_name_order_length_level_and_kind_agree_with_the_second_reading(message: str) -> None:
    ours = [
        (row.path, row.max_length, row.level is Level.MUST, row.convert == "number") for row in REGION.rows[message]
    ]
    theirs = [(rule.name, rule.length, rule.required, rule.type == NUMBER) for rule in READINGS[message]]
    assert ours == theirs


def faults(record: dict[str, object], rules: Sequence[Rule]) -> list[str]:
    found = problems(
        record,
        rules,
        tables=shanxi_fields.TABLES,
        forms=shanxi_fields.FORMS,
        signature=False,
        any_length=shanxi_fields.LONGER_THAN_PRINTED,
    )
    return [str(fault) for fault in found]


def test_what_we_call_complete_the_second_reading_calls_complete() -> None:
    """Except the mark of mutual recognition: the print gives it two characters and an example of three."""
    exam = payload(REGION, "exam", EXAM, rows={"settlements": [SETTLEMENT]})
    exam["mtuRecMark"] = "HR"
    assert faults(exam, shanxi_fields.EXAM_RULES) == []
    assert faults(payload(REGION, "settlement", SETTLEMENT), shanxi_fields.SETTLEMENT_RULES) == []
    report = payload(REGION, "report", {**EXAM, **REPORT, "report_pdf": "ab" * 32})
    assert faults(report, shanxi_fields.REPORT_RULES) == []
