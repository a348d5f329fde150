"""The catalogue's rows and the practice platform's rules were typed from the document twice; they must agree."""

from __future__ import annotations

import pytest

from app.catalogue.load import load_region
from app.catalogue.region import Row
from app.domain.form import Level
from app.practice.rules import LIST, NUMBER, Rule
from app.practice.shanxi_fields import EXAM_RULES, FORMS, LONGER_THAN_PRINTED, REPORT_RULES, SETTLEMENT_RULES, TABLES

REGION = load_region("shanxi")
RULES = {"exam": EXAM_RULES, "report": REPORT_RULES, "settlement": SETTLEMENT_RULES}
CONDITIONS = {
    "outpatient": "patientFrom=1",
    "inpatient": "patientFrom=3",
    "last_audited": "isLastAudit=1",
    "examined": "checkStatus=2|3|4",
    "signed": "signature",
    "without_pdf": "either:pdf_path,reportPdfBase64",
}
"""Our condition -> the same in the words of the practice platform's rules."""
STRICTER = {"examPatientId": "health_check", "reportPdfBase64": "without_pdf_url"}
"""Wire name -> condition under which we ask for more than the platform: remarks of the document, asked for early."""
SHAPED = ("division", "ethnic", "radiology", "exam_item")
"""Tables of which the practice platform knows only the shape."""
PAIRS = [
    (row, rule) for message, rules in RULES.items() for row, rule in zip(REGION.rows_of(message), rules, strict=False)
]
CANDIDATES = sorted(
    {f"{number}" for number in range(100)}
    | {f"{number:02d}" for number in range(100)}
    | {code.code for table in REGION.tables.values() for code in table.codes if len(code.code) < 4}
)


def _name(one: Row | Rule) -> str:
    return f"{one.message}.{one.path}" if isinstance(one, Row) else ""


@pytest.mark.parametrize("message", sorted(RULES))
def test_both_have_the_same_names_in_the_same_order(message: str) -> None:
    assert [row.path for row in REGION.rows_of(message)] == [rule.name for rule in RULES[message]]


@pytest.mark.parametrize(("row", "rule"), PAIRS, ids=_name)
def test_both_print_the_same_length(row: Row, rule: Rule) -> None:
    assert row.max_length == rule.length


@pytest.mark.parametrize(("row", "rule"), PAIRS, ids=_name)
def test_both_ask_for_it_in_the_same_case(row: Row, rule: Rule) -> None:
    assert (row.level is Level.MUST) == rule.required
    if row.path in STRICTER:
        assert (row.required_when, rule.condition) == (STRICTER[row.path], "")
    else:
        assert CONDITIONS.get(row.required_when, row.required_when) == rule.condition


@pytest.mark.parametrize(("row", "rule"), PAIRS, ids=_name)
def test_both_send_the_same_type(row: Row, rule: Rule) -> None:
    assert (row.convert == "number") == (rule.type == NUMBER)
    assert (row.field.type == "rows") == (rule.type == LIST)


@pytest.mark.parametrize(("row", "rule"), PAIRS, ids=_name)
def test_what_has_codes_or_a_form_there_has_them_here(row: Row, rule: Rule) -> None:
    table = REGION.table(row.table) or REGION.table(row.field.table)
    if rule.table:
        assert table is not None
    if rule.form in ("date", "datetime"):
        assert row.field.type == rule.form or row.convert == "start_or_registered"


@pytest.mark.parametrize(("row", "rule"), [pair for pair in PAIRS if pair[1].table], ids=_name)
def test_every_code_that_we_offer_is_taken_there(row: Row, rule: Rule) -> None:
    table = REGION.table(row.table) or REGION.table(row.field.table)
    assert table is not None
    refused = [code.code for code in table.codes if not TABLES[rule.table](code.code)]
    assert refused == []


@pytest.mark.parametrize(
    ("row", "rule"), [pair for pair in PAIRS if pair[1].table and pair[1].table not in SHAPED], ids=_name
)
def test_every_code_that_is_taken_there_is_offered_here(row: Row, rule: Rule) -> None:
    table = REGION.table(row.table) or REGION.table(row.field.table)
    assert table is not None
    offered = {code.code for code in table.codes}
    assert {text for text in CANDIDATES if TABLES[rule.table](text)} - offered == set()


def test_the_exceptions_are_still_needed() -> None:
    names = {rule.name for rules in RULES.values() for rule in rules}
    assert names >= LONGER_THAN_PRINTED | set(STRICTER)
    assert {rule.form for rules in RULES.values() for rule in rules} - {""} <= set(FORMS)
