"""Every row of the fields and of each region's mapping is visited once."""

from __future__ import annotations

import csv

import pytest

from app.catalogue.conditions import CONDITIONS
from app.catalogue.load import region_names
from app.catalogue.payload import payload, read_payload
from app.catalogue.region import Row
from app.catalogue.resources import resources_dir
from app.catalogue.types import TYPES
from app.domain.form import Noun
from tests.catalogue.samples import CATALOGUE, REGION, SHA256, id_card

ROWS = [(message, row) for message, rows in REGION.rows.items() for row in rows]
SAMPLES = {
    "text": "胸部",
    "long_text": "第一行\n第二行",
    "identifier": "A-001",
    "name": "张伟",
    "date": "2026-11-05",
    "datetime": "2026-11-05 14:05:00",
    "datetime_range": "2026-11-05 09:00:00 / 2026-11-05 09:30:00",
    "number": "45",
    "amount": "120.50",
    "id_number": id_card(),
    "phone": "13800000000",
    "uscc": "52140000MJ00000075",
    "url": "http://127.0.0.1/a.pdf",
    "uid": "1.2.3",
    "opaque": "QUJD",
    "pdf": SHA256,
    "division": "110105",
}


def a_value(row: Row) -> str:
    if row.field.type in ("code", "codes"):
        return REGION.tables[row.table].codes[-1].code
    return SAMPLES[row.field.type]


def test_the_document_has_113_exam_70_report_and_4_settlement_rows() -> None:
    assert {message: len(rows) for message, rows in REGION.rows.items()} == {"exam": 113, "report": 70, "settlement": 4}


def test_the_sections_count_through_each_table_of_the_document() -> None:
    for message, start in (("exam", "五(一)/"), ("report", "五(二)/"), ("settlement", "五(一)SetInfoDTO/")):
        rows = REGION.rows[message]
        assert [row.section for row in rows] == [f"{start}{number}" for number in range(1, len(rows) + 1)]


def test_every_field_is_used_by_some_region_and_every_region_loads() -> None:
    assert "shanxi" in region_names()
    assert {row.key for _, row in ROWS} == set(CATALOGUE.fields)


@pytest.mark.parametrize("key", CATALOGUE.fields)
def test_a_field_has_a_label_and_a_help_that_is_one_short_sentence(key: str) -> None:
    field = CATALOGUE.fields[key]
    assert any("\u4e00" <= char <= "\u9fff" for char in field.label) and len(field.label) <= 12
    assert len(field.help) <= 45 and not field.help.endswith("。")


@pytest.mark.parametrize(("message", "row"), ROWS, ids=[f"{message}.{row.path}" for message, row in ROWS])
def test_a_row_sends_what_its_type_takes_under_its_own_name(message: str, row: Row) -> None:
    if row.field.type == "rows":
        sent = payload(REGION, message, {}, rows={row.key: [{"settlement_id": "1"}]})[row.path]
        assert sent[0]["setId"] == "1"
        return
    text, kind, table = a_value(row), TYPES[row.field.type], REGION.table(row.table)
    assert kind.parse(kind.show(text, table), table) == text
    sent = payload(REGION, message, {row.key: text})[row.path]
    assert isinstance(sent, int) if row.convert == "number" else sent
    assert row.required_when in ("", *CONDITIONS)
    back, _ = read_payload(REGION, message, {row.other_paths[0] if row.other_paths else row.path: sent})
    assert back.get(row.key, text) == text
    assert row.convert in ("label", "start_or_registered") or row.key in back


@pytest.mark.parametrize(
    "doubted", ["examAdmndvs", "hosplv", "sympBegdate", "billgDrCode", "setInfoList", "ClientCert"]
)
def test_what_the_print_leaves_open_is_said_at_the_row(doubted: str) -> None:
    assert next(row.doubt for _, row in ROWS if row.path == doubted)


@pytest.mark.parametrize("doubted", ["SignValue", "Timestampvalue", "checkPositiveMark", "dep", "imgExamType", "setId"])
def test_a_list_that_differs_inside_the_document_is_said_at_the_row(doubted: str) -> None:
    assert next(row.doubt for _, row in ROWS if row.path == doubted)


def test_a_message_carries_no_field_of_a_noun_that_it_can_not_know() -> None:
    nouns = {message: {row.field.noun for row in rows} for message, rows in REGION.rows.items()}
    assert nouns["exam"] == {Noun.EXAM} and nouns["settlement"] == {Noun.SETTLEMENT}
    assert nouns["report"] == {Noun.EXAM, Noun.REPORT}


def test_the_files_hold_no_carriage_returns() -> None:
    for path in (resources_dir() / "fields.csv", resources_dir() / "regions" / "shanxi" / "fields.csv"):
        assert b"\r" not in path.read_bytes()
        assert list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
