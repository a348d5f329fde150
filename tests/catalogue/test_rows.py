"""Every row of the fields and of each region's mapping is visited once."""

from __future__ import annotations

import csv
from functools import reduce
from typing import Any

import pytest

from app.catalogue.conditions import CONDITIONS
from app.catalogue.converters import CONVERTERS
from app.catalogue.load import load_region, region_names
from app.catalogue.payload import payload, read_payload
from app.catalogue.region import RECORDED, Region, Row
from app.catalogue.resources import resources_dir
from app.catalogue.types import TYPES
from app.domain.form import Noun
from tests.catalogue.samples import CATALOGUE, SHA256, id_card

REGIONS = {name: load_region(name, CATALOGUE) for name in region_names()}
ROWS = [(region, message, row) for region in REGIONS.values() for message, rows in region.rows.items() for row in rows]
COUNTS = {
    "shanxi": {"exam": 113, "report": 70, "settlement": 4, "images_list": 11},
    "guizhou": {
        "exam": 76,
        "settlement": 4,
        "image": 6,
        "images": 4,
        "report": 5,
        "delete": 1,
        "history": 5,
        "image_list": 2,
        "image_content": 5,
    },
    "guangyuan": {"exam": 71, "exam_of_centre": 73},
}
SECTIONS = {
    "shanxi": {"exam": "五(一)/", "report": "五(二)/", "settlement": "五(一)SetInfoDTO/", "images_list": "四(二)2(3)/"},
    "guizhou": {
        "exam": "2.1(5)/",
        "settlement": "2.1(5)SetInfoDTO/",
        "image": "2.2(5)/",
        "images": "2.3(4)/",
        "report": "2.4(5)/",
        "delete": "2.5(5)/",
        "history": "2.6(5)/",
        "image_list": "2.7(5)/",
        "image_content": "2.8(5)/",
    },
    "guangyuan": {"exam": "二(五)/", "exam_of_centre": "三(五)/"},
}
INSIDE = ["1", "2.1", "2.2", "2.3", "3"]
"""How the one message with an object in it counts its rows."""
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


def a_value(region: Region, row: Row) -> str:
    if row.field.type in ("code", "codes"):
        return region.tables[row.table].codes[-1].code
    return SAMPLES[row.field.type]


def at(body: Any, path: str) -> Any:
    return reduce(lambda found, name: found[name], path.split("."), body)


def put(path: str, sent: object) -> dict[str, Any]:
    body: Any = sent
    for name in reversed(path.split(".")):
        body = {name: body}
    assert isinstance(body, dict)
    return body


def test_every_table_of_the_documents_has_all_its_rows() -> None:
    found = {name: {message: len(rows) for message, rows in region.rows.items()} for name, region in REGIONS.items()}
    assert {name: found[name] for name in COUNTS} == COUNTS


def test_the_sections_count_through_each_table_of_the_documents() -> None:
    for name, starts in SECTIONS.items():
        for message, start in starts.items():
            rows = REGIONS[name].rows[message]
            numbers = INSIDE if message == "image_content" else [str(number) for number in range(1, len(rows) + 1)]
            assert [row.section for row in rows] == [f"{start}{number}" for number in numbers]


def test_every_field_is_used_by_some_region_and_every_region_loads() -> None:
    assert {row.key for _, _, row in ROWS} == set(CATALOGUE.fields)


@pytest.mark.parametrize("key", CATALOGUE.fields)
def test_a_field_has_a_label_and_a_help_that_is_one_short_sentence(key: str) -> None:
    field = CATALOGUE.fields[key]
    assert any("\u4e00" <= char <= "\u9fff" for char in field.label) and len(field.label) <= 12
    assert len(field.help) <= 45 and not field.help.endswith("。")


@pytest.mark.parametrize(
    ("region", "message", "row"), ROWS, ids=[f"{region.name}.{message}.{row.path}" for region, message, row in ROWS]
)
def test_a_row_sends_what_its_type_takes_under_its_own_name(region: Region, message: str, row: Row) -> None:
    if row.field.type == "rows":
        (name,) = (one.path for one in region.rows[row.table] if one.key == "settlement_id")
        sent = payload(region, message, {}, rows={row.key: [{"settlement_id": "1"}]})[row.path]
        assert sent[0][name] == "1"
        return
    text, kind, table = a_value(region, row), TYPES[row.field.type], region.table(row.table)
    assert kind.parse(kind.show(text, table), table) == text
    sent = at(payload(region, message, {row.key: text}), row.path)
    assert isinstance(sent, int) if row.convert == "number" else sent
    assert row.required_when in ("", *CONDITIONS)
    back, _ = read_payload(region, message, put(row.other_paths[0] if row.other_paths else row.path, sent))
    assert back.get(row.key, text) == text
    assert CONVERTERS[row.convert].receive(str(sent)) is None or row.key in back


@pytest.mark.parametrize(
    "doubted", ["examAdmndvs", "hosplv", "sympBegdate", "billgDrCode", "setInfoList", "ClientCert"]
)
def test_what_the_print_leaves_open_is_said_at_the_row(doubted: str) -> None:
    assert next(row.doubt for region, _, row in ROWS if region.name == "shanxi" and row.path == doubted)


@pytest.mark.parametrize("doubted", ["SignValue", "Timestampvalue", "checkPositiveMark", "dep", "imgExamType", "setId"])
def test_a_list_that_differs_inside_the_document_is_said_at_the_row(doubted: str) -> None:
    assert next(row.doubt for region, _, row in ROWS if region.name == "shanxi" and row.path == doubted)


@pytest.mark.parametrize(
    ("name", "doubted"),
    [
        ("guizhou", "examPart"),
        ("guizhou", "studyUid"),
        ("guizhou", "sdryChkDate"),
        ("guizhou", "setlInfoList"),
        ("guizhou", "rptDate"),
        ("guizhou", "examRpotPdf1"),
        ("guangyuan", "poscode"),
        ("guangyuan", "examRpotPdfI"),
        ("guangyuan", "imgInfoDcm"),
        ("guangyuan", "examRsltCode"),
        ("guangyuan", "stogInsUscc"),
    ],
)
def test_where_the_national_documents_contradict_themselves_the_row_says_so(name: str, doubted: str) -> None:
    assert next(row.doubt for region, _, row in ROWS if region.name == name and row.path == doubted)


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_a_message_carries_no_field_of_a_noun_that_it_can_not_know(region: Region) -> None:
    """The lines of a list know nothing of the exam around them; what only a request knows nobody is asked for."""
    nouns = {message: {row.field.noun for row in rows} for message, rows in region.rows.items()}
    assert nouns.get("settlement", {Noun.SETTLEMENT}) == {Noun.SETTLEMENT}
    assert all(Noun.SETTLEMENT not in found for message, found in nouns.items() if message != "settlement")
    if region.name == "shanxi":
        assert nouns["exam"] == {Noun.EXAM} and nouns["report"] == {Noun.EXAM, Noun.REPORT}
    asked = [row for rows in region.rows.values() for row in rows if row.field.noun is Noun.REQUEST]
    assert all(row.required_when == "by_program" for row in asked)


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_what_a_person_enters_is_what_the_record_s_own_messages_ask_for(region: Region) -> None:
    expected = {
        row.key for message in RECORDED for row in region.rows_of(message) if row.field.noun is not Noun.REQUEST
    }
    assert set(region.entered) == expected
    assert not {"index_code", "image_file", "history_from", "service_name"} & set(region.entered)


def test_the_files_hold_no_carriage_returns() -> None:
    folders = [resources_dir(), *(resources_dir() / "regions" / name for name in region_names())]
    for path in (folder / "fields.csv" for folder in folders):
        assert b"\r" not in path.read_bytes()
        assert list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
