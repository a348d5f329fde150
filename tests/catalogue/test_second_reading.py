"""What we send, judged by the second reading of each document: the rules of its practice platform."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest

from app.catalogue.payload import payload
from app.practice.rules import FILE, LIST, problems
from tests.catalogue.samples import EXAM, REGION, REPORT, SETTLEMENT, id_card
from tests.regions.second_readings import READINGS, REGIONS, Pair, pairs

SAMPLES = {
    "text": "胸部",
    "long_text": "第一行\n第二行",
    "identifier": "A001",
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
    "division": "110105",
}
SAMPLES_OF = {"modality": "CT"}
"""By field: it comes from the image."""
FILLED = [pair for pair in pairs() if pair.row.field.type not in ("pdf", "rows") and pair.rule.type not in (FILE, LIST)]
"""The rows that carry a text: a file or a list is judged where it is sent."""
MEASURED = [
    pair
    for pair in FILLED
    if pair.row.max_length
    and pair.row.field.type in ("text", "long_text")
    and pair.rule.name not in READINGS[pair.region].longer
]


def texts_of(pair: Pair) -> Iterator[str]:
    """Every code of its table, or a text as its type saves it."""
    table = REGIONS[pair.region].table(pair.row.table)
    if table is not None and pair.row.field.type in ("code", "codes"):
        yield from (code.code for code in table)
        if pair.row.field.type == "codes":
            yield ",".join(code.code for code in table.codes[:2])
    else:
        yield SAMPLES_OF.get(pair.row.key) or SAMPLES[pair.row.field.type]


def faults(pair: Pair, text: str, **more: str) -> list[str]:
    """What the platform says of this one value as we send it."""
    reading = READINGS[pair.region]
    body: Any = payload(REGIONS[pair.region], pair.message, {**more, pair.row.key: text})
    sent = reduce(lambda inside, name: inside[name], pair.row.path.split("."), body)
    return problems(
        {pair.rule.name: sent},
        [pair.rule],
        tables=reading.tables,
        forms=reading.forms,
        signature=False,
        any_length=reading.longer,
    )


@pytest.mark.parametrize("pair", FILLED, ids=str)
def test_every_value_that_a_form_can_hold_is_taken_by_the_platform(pair: Pair) -> None:
    assert [fault for text in texts_of(pair) for fault in faults(pair, text)] == []


@pytest.mark.parametrize("pair", MEASURED, ids=str)
def test_a_text_as_long_as_we_allow_is_taken_and_not_a_character_more(pair: Pair) -> None:
    full = "胸" * pair.row.max_length
    assert faults(pair, full) == []
    [fault] = faults(pair, full + "部")
    assert "超过最大长度" in fault


@pytest.mark.parametrize("unit", ["Y", "M", "D", "H", ""])
@pytest.mark.parametrize("age", ["0", "1", "7", "99", "120"])
def test_every_age_is_sent_as_the_platforms_take_it(unit: str, age: str) -> None:
    for pair in FILLED:
        if pair.row.convert == "years":
            assert faults(pair, age, age_unit=unit) == []


def test_what_we_call_complete_the_second_reading_calls_complete() -> None:
    """Except the mark of mutual recognition: the print gives it two characters and an example of three."""
    reading = READINGS["shanxi"]
    settings: dict[str, Any] = {"tables": reading.tables, "forms": reading.forms, "any_length": reading.longer}
    exam = payload(REGION, "exam", EXAM, rows={"settlements": [SETTLEMENT]})
    exam["mtuRecMark"] = "HR"
    assert problems(exam, reading.rules["exam"], signature=False, **settings) == []
    settlement = payload(REGION, "settlement", SETTLEMENT)
    assert problems(settlement, reading.rules["settlement"], signature=False, **settings) == []
    report = payload(REGION, "report", {**EXAM, **REPORT, "report_pdf": "ab" * 32})
    assert problems(report, reading.rules["report"], signature=False, **settings) == []
