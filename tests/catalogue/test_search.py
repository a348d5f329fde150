"""Search in a code table as a technician types."""

from __future__ import annotations

import re

from app.catalogue.load import load_catalogue, load_region, region_names
from app.catalogue.tables import Code, Hit, Table
from tests.catalogue.samples import REGION

SMALL = Table(
    "small",
    (
        Code(code="B2", label="右胸部正位", pinyin="yxbzw"),
        Code(code="XB1", label="腰椎", pinyin="yz"),
        Code(code="C3", label="胸部CT", pinyin="xbct"),
        Code(code="XB", label="下颌", pinyin="xh"),
    ),
)


def codes(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.code.code for hit in hits]


def test_exact_code_then_prefix_then_initials_then_inside() -> None:
    assert codes(SMALL.search("xb")) == ["XB", "XB1", "C3", "B2"]
    assert codes(SMALL.search("胸部")) == ["C3", "B2"]


def test_the_letters_that_were_hit_are_named_for_bold_print() -> None:
    hits = {hit.code.code: hit for hit in SMALL.search("xb")}
    assert hits["B2"].label_spans == ((1, 3),) and hits["C3"].label_spans == ((0, 2),)
    assert hits["XB1"].code_spans == ((0, 2),) and not hits["XB1"].label_spans


def test_all_words_must_be_found_and_no_word_finds_all() -> None:
    assert codes(SMALL.search("胸 ct")) == ["C3"]
    assert codes(SMALL.search("  ")) == ["B2", "XB1", "C3", "XB"]
    assert codes(SMALL.search("xyz")) == []
    assert len(SMALL.search("", limit=2)) == 2


def test_initials_find_a_real_item_and_every_hit_can_be_shown() -> None:
    assert REGION.tables["mutual_item"].search("xbzw")[0].code.label == "胸部正位"
    for hit in REGION.tables["radiology_code"].search("ct"):
        assert hit.code_spans or hit.label_spans


def test_every_example_of_a_help_text_finds_something_in_the_fields_own_table() -> None:
    fields = load_catalogue().fields.values()
    examples = {
        field.key: re.search("例：([^；，。]+)", field.help) for field in fields if field.type in ("code", "codes")
    }
    tried = {key: found[1] for key, found in examples.items() if found}
    assert {"mutual_item_code", "body_part_code", "settled_body_part"} <= set(tried)
    regions = [load_region(name) for name in region_names()]
    tables = [(key, table) for region in regions for key in tried if (table := region.table_of(key)) is not None]
    assert {key for key, _ in tables} == set(tried)
    assert [(key, tried[key]) for key, table in tables if not table.search(tried[key])] == []


def test_every_label_of_every_table_is_found_by_its_initials() -> None:
    asked = {field.table for field in load_catalogue().fields.values()}
    found = [table for name in region_names() for table in load_region(name).tables.values()]
    tables = {table.name: table for table in found if table.name in asked}
    chinese = [one for table in tables.values() for one in table.codes if not one.label.isascii()]
    assert [one.label for one in chinese if len(one.pinyin) != sum(letter.isalnum() for letter in one.label)] == []
    assert codes(tables["patient_type"].search("mz")) == ["1"]
