"""What the national documents share: the envelope, the msgid and the index code, to the printed letter."""

from __future__ import annotations

import ast
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.load import load_region
from app.domain.times import CST
from app.errors import NeedsOperator
from app.regions import guangyuan, guizhou, national
from app.regions.adapters import ADAPTERS
from app.regions.conversation import HttpRequest, Stamp
from tests.regions.national_samples import (
    INSTITUTION,
    KEY,
    NATIONAL,
    SAMPLE,
    STORAGE,
    an_adapter,
    an_outgoing,
    on_the_wire,
    only,
)

EXAM = {"id_type": "111", "id_number": "110101197804050038", "examined_at": "2024-11-22 14:30:00"}
ZEROS = "-0000000000000-000000000"


# -- the envelope, 2.1(4) and 二(四) ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "infno", "given_as"),
    [("guizhou", "saveExamRptImgInfo", "input"), ("guangyuan", "saveExamRpotImgInfo", "data")],
)
def test_a_record_travels_in_the_printed_envelope(name: str, infno: str, given_as: str) -> None:
    adapter = an_adapter(name)
    request = only(adapter.upload(an_outgoing("exam", exam={"psnName": "李丽", "age": 35})))
    sent = on_the_wire(adapter, request)
    assert sent == {
        "infno": infno,
        "msgid": "H11010202321202503010102030001",
        "infTime": "2025-03-03 01:00:00",
        "infCode": INSTITUTION,
        "key": KEY,
        given_as: [{"psnName": "李丽", "age": 35}],
    }
    assert list(sent) == ["infno", "msgid", "infTime", "infCode", "key", given_as]
    assert len(sent["msgid"]) == 30
    assert request.path.rsplit("/", 1)[1] == infno, "the number of a transaction is the last part of its path"


@pytest.mark.parametrize("name", NATIONAL)
@given(content=st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.none(), max_size=4))
def test_whatever_is_in_a_record_the_envelope_stays_json_of_utf_8(name: str, content: dict[str, Any]) -> None:
    adapter = an_adapter(name)
    request = only(adapter.upload(an_outgoing("exam", exam=content)))
    body = adapter.wrap(request, json.dumps(request.body, ensure_ascii=False).encode(), SAMPLE).body
    sent = json.loads(body.decode("utf-8"))
    assert [content] in sent.values() and len(sent) == 6


@pytest.mark.parametrize("name", NATIONAL)
def test_the_time_is_chinas_and_each_sending_has_its_own_number(name: str) -> None:
    adapter = an_adapter(name)
    request = only(adapter.upload(an_outgoing("exam")))
    later = Stamp(now=SAMPLE.now.astimezone() + timedelta(hours=20), serial="202503032100000007")
    sent = on_the_wire(adapter, request, later)
    assert (sent["infTime"], sent["msgid"]) == ("2025-03-03 21:00:00", f"{INSTITUTION}202503032100000007")


@pytest.mark.parametrize("name", NATIONAL)
def test_serial_numbers_count_per_institution(name: str) -> None:
    assert an_adapter(name).serial_series == INSTITUTION


@pytest.mark.parametrize("name", NATIONAL)
def test_an_institution_code_of_another_length_is_sent_whole(name: str) -> None:
    adapter = an_adapter(name, institution_code="LAB-7")
    sent = on_the_wire(adapter, only(adapter.upload(an_outgoing("exam"))))
    assert (sent["infCode"], sent["msgid"]) == ("LAB-7", "LAB-7202503010102030001")


@pytest.mark.parametrize("name", NATIONAL)
@pytest.mark.parametrize(
    ("options", "key", "page"),
    [
        ({}, "", "destination"),
        ({}, "甲乙丙丁", "destination"),
        ({"institution_code": ""}, KEY, "clinic"),
        ({"serial_from": 0}, KEY, "destination"),
        ({"serial_from": 5000, "serial_to": 4999}, KEY, "destination"),
        ({"serial_to": 10000}, KEY, "destination"),
        ({"serial_to": "all"}, KEY, "destination"),
        ({"index_part_zeros": "nine"}, KEY, "destination"),
    ],
)
def test_what_is_missing_or_wrong_is_asked_for_on_its_page(
    name: str, options: dict[str, Any], key: str, page: str
) -> None:
    with pytest.raises(NeedsOperator) as asked:
        ADAPTERS[name](load_region(name), {"institution_code": INSTITUTION, **options}, {"key": key})
    assert asked.value.page == page and asked.value.advice
    assert not key or key not in str(asked.value)


@pytest.mark.parametrize("name", NATIONAL)
def test_a_path_of_the_settings_comes_before_the_document(name: str) -> None:
    adapter = an_adapter(name, paths={"exam": "/v2/save"})
    assert only(adapter.upload(an_outgoing("exam"))).path == "/v2/save"


# -- the index code, 1.2 --------------------------------------------------------------------------------------------


def test_the_index_is_the_repaired_sample_of_each_document() -> None:
    assert an_adapter("guizhou").index_code(EXAM) == f"111-110101197804050038-20241122143000{ZEROS}"
    assert an_adapter("guangyuan").index_code(EXAM) == f"111-110101197804050038-20241122143000{ZEROS}-{STORAGE}"


def test_the_sixth_part_and_the_zeros_are_options() -> None:
    own = an_adapter("guizhou", index_storage_uscc=True, index_device_zeros=14, index_part_zeros=10)
    assert own.index_code(EXAM) == f"111-110101197804050038-20241122143000-{'0' * 14}-{'0' * 10}-{STORAGE}"
    assert an_adapter("guangyuan", index_storage_uscc=False).index_code(EXAM).endswith(ZEROS)


@pytest.mark.parametrize("name", NATIONAL)
@pytest.mark.parametrize("lacking", list(EXAM))
def test_without_one_of_its_parts_there_is_no_index(name: str, lacking: str) -> None:
    assert an_adapter(name).index_code({**EXAM, lacking: ""}) == ""
    assert an_adapter(name).index_code({key: text for key, text in EXAM.items() if key != lacking}) == ""


def test_without_a_storing_institution_there_is_no_index_that_names_it() -> None:
    assert an_adapter("guangyuan", storage_uscc="").index_code(EXAM) == ""
    assert an_adapter("guizhou", storage_uscc="").index_code(EXAM) != ""


def test_a_moved_second_is_in_the_index_alone() -> None:
    adapter, last_second = an_adapter("guizhou"), {**EXAM, "examined_at": "2024-12-31 23:59:59"}
    assert adapter.index_code(last_second, 1).split("-")[2] == "20250101000000"
    assert last_second["examined_at"] == "2024-12-31 23:59:59"


@pytest.mark.parametrize(("number", "inside"), [("G1234(5)", "G12345"), ("g-12.3", "G123"), ("粤Z1234", "Z1234")])
def test_of_a_number_only_letters_and_digits_are_in_the_index(number: str, inside: str) -> None:
    assert an_adapter("guizhou").index_code({**EXAM, "id_number": number}).split("-")[1] == inside


NUMBERS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ()", min_size=1, max_size=34).filter(lambda one: one.strip("()"))


@pytest.mark.parametrize("name", NATIONAL)
@given(
    id_type=st.from_regex(r"[0-9A-Z]{1,6}", fullmatch=True),
    id_number=NUMBERS,
    at=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),
    moved=st.integers(0, 5000),
)
def test_every_index_keeps_the_rule_of_the_document(
    name: str, id_type: str, id_number: str, at: datetime, moved: int
) -> None:
    exam = {"id_type": id_type, "id_number": id_number, "examined_at": at.strftime("%Y-%m-%d %H:%M:%S")}
    adapter = an_adapter(name)
    index_code = adapter.index_code(exam, moved)
    assert len(index_code) <= 100
    assert re.fullmatch(r"[0-9A-Z]{1,6}-[0-9A-Z]{1,34}-\d{14}-0{13}-0{9}(-[0-9A-Z]{18})?", index_code)
    assert index_code == adapter.index_code(exam, moved), "the same values give the same index"
    assert (index_code == adapter.index_code(exam, 0)) == (moved == 0)
    told = datetime.strptime(index_code.split("-")[2], "%Y%m%d%H%M%S")
    assert told == at.replace(microsecond=0) + timedelta(seconds=moved)


# -- the house ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [national, guizhou, guangyuan])
def test_an_adapter_holds_no_wire_name(module: Any) -> None:
    """They stand in `region.toml` and `fields.csv`, where a clinic can override them."""
    names: set[str] = set()
    for name in NATIONAL:
        document = load_region(name)
        names |= {path for rows in document.rows.values() for row in rows for path in (row.path, *row.other_paths)}
        names |= set(document.options["envelope"].values()) | set(document.options["infno"].values())
    texts = {
        node.value
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    written = {name for name in names if not name.islower()}  # `key`, `age` and `dicom` are words of ours too
    assert written and not texts & written


def test_a_question_is_asked_without_the_key() -> None:
    wired = an_adapter("guizhou").wrap(HttpRequest(step="history", path="/q", reply="query"), b'{"input":{}}', SAMPLE)
    assert KEY.encode() not in wired.body and KEY not in str(wired.headers)


def test_now_is_read_by_nobody_but_the_stamp() -> None:
    """An adapter is pure: the same request and stamp give the same bytes."""
    adapter = an_adapter("guizhou")
    request = only(adapter.upload(an_outgoing("exam")))
    stamp = Stamp(now=datetime(2026, 1, 1, tzinfo=CST), serial="202601010000000001")
    assert adapter.wrap(request, b'{"input":[]}', stamp) == adapter.wrap(request, b'{"input":[]}', stamp)
