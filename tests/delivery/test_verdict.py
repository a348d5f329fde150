"""Replies and their verdicts: every row of the tables is visited, everything else is refused aloud."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalogue.codes import CodeRow, load_codes
from app.catalogue.load import load_region, region_names
from app.delivery.verdict import Judge, judged_error
from app.domain.job import Trouble, Turn
from app.domain.verdict import WORST_FIRST, Judged, Verdict, worst
from app.errors import Bug, NeedsOperator, Rejected, RetryLater
from app.wire.http_client import HttpReply
from tests.delivery.stage import an_http_reply

REGIONS = list(region_names())
RULES = [(name, rule) for name in REGIONS for rule in load_region(name).options["replies"]]
ROWS = [(name, row) for name in REGIONS for row in load_codes(name)]
EXAMPLES = {
    r"5\d\d": "500",
    r"3\d\d": "302",
    r"4\d\d": "418",
    r"B\w{3}|0001|0107|0116": "B007",
    r"A7\w{2}": "A700",
    r"A9\w{2}": "A900",
    r"C\w{3}": "C001",
    ".*": "0110",
    "(?!200).*": "500",
    "200/.*": "200/9",
    "200/[Tt]rue": "200/true",
    "200/[Ff]alse": "200/false",
    "0/.*": "0/9",
}
USUAL = "shanxi"
"""The region whose codes the tests of one rule are written with: 1 is success."""


@cache
def a_judge(name: str = USUAL, *, by_code_alone: bool = False) -> Judge:
    return Judge(load_codes(name), load_region(name).options["replies"], by_code_alone=by_code_alone)


def http(body: object, rule: str = "default", **reply: Any) -> tuple[Judged, dict[str, Any]]:
    return a_judge().http(an_http_reply(body, **reply), rule, "exam")


def said(name: str, rule: str, code: str, words: str = "") -> dict[str, Any]:
    """A body that gives this code; of "code/flag" the flag and the words stand with the record."""
    place = load_region(name).options["replies"][rule]
    code, has_flag, flag = code.partition("/")
    if not has_flag:
        return {place["code"]: code, place["message"]: words}
    record = {place["flag"]: flag} | ({place["item_message"]: words} if "item_message" in place else {})
    items: Any = [record] if flag else []
    for step in reversed(place["items"].split(".")):
        items = {step: items}
    return {place["code"]: code, place["message"]: "成功", **items}


def accepted(name: str, rule: str) -> dict[str, Any]:
    rows = (row for row in load_codes(name) if rule in row.replies and row.verdict is Verdict.ACCEPT and not row.words)
    code = next(rows).code.pattern
    return said(name, rule, EXAMPLES.get(code, code))


def _words_of(row: CodeRow) -> str:
    """A text that the row's pattern finds: its first plain alternative."""
    if row.words is None:
        return ""
    words = row.words.pattern.replace("[Dd]", "d").replace("(", "|").split("|")
    return next(word for word in words if row.words.search(word))


def _visit(name: str, row: CodeRow, reply: str) -> Judged:
    judge, code = a_judge(name), EXAMPLES.get(row.code.pattern, row.code.pattern)
    if reply == "dicom":
        if code in ("gone", "no_context"):
            return judge.dicom_trouble(code, "1.1", "images")
        return judge.dicom(int(code, 16), "", "1.1", "images")
    if reply != "http":
        return judge.http(an_http_reply(said(name, reply, code, _words_of(row))), reply, "exam")[0]
    if code == "not_json":
        return judge.http(an_http_reply(b"<html>502 Bad Gateway</html>"), "default", "exam")[0]
    if code == "no_code":
        return judge.http(an_http_reply({"message": "ok"}), "default", "exam")[0]
    return judge.http(an_http_reply(b"", status=int(code)), "default", "exam")[0]


@pytest.mark.parametrize(
    ("name", "row"), ROWS, ids=[f"{name}-{row.replies[0]}-{row.code.pattern}-{_words_of(row)}" for name, row in ROWS]
)
def test_every_row_gives_its_own_verdict(name: str, row: CodeRow) -> None:
    for reply in row.replies:
        judged = _visit(name, row, reply)
        assert (judged.verdict, judged.trouble.title, judged.trouble.turn) == (row.verdict, row.title, row.turn)


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[f"{name}-{number}" for number, (name, _) in enumerate(ROWS)])
def test_every_row_says_what_to_do_and_whose_turn_it_is(name: str, row: CodeRow) -> None:
    assert row.title
    assert row.advice or row.verdict is Verdict.ACCEPT
    turns = {
        Verdict.ACCEPT: {Turn.NOBODY},
        Verdict.RETRY: {Turn.AUTOMATIC},
        Verdict.SLOW_DOWN: {Turn.AUTOMATIC},
        Verdict.LOGIN: {Turn.AUTOMATIC},
        Verdict.FIX_FORM: {Turn.TECHNICIAN},
        Verdict.FIX_SETTINGS: {Turn.ENGINEER, Turn.TECHNICIAN},
        Verdict.REJECT: {Turn.ENGINEER},
    }
    assert row.turn in turns[row.verdict]


@pytest.mark.parametrize("code", [1, "1", " 1 "])
def test_a_code_counts_as_number_and_as_text(code: object) -> None:
    judged, data = http({"code": code, "message": "成功"})
    assert judged.verdict is Verdict.ACCEPT and data["code"] == code


def test_a_byte_order_mark_does_not_hide_an_acceptance() -> None:
    assert http(b'\xef\xbb\xbf{"code": 1}')[0].verdict is Verdict.ACCEPT


@pytest.mark.parametrize("code", [2, "01", "1x", "SUCCESS", True, 1.5, -1, [1]])
def test_an_unknown_code_is_refused_with_the_platform_s_own_words(code: object) -> None:
    judged, data = http({"code": code, "message": "另一种成功"})
    assert (judged.verdict, judged.trouble.words, data["message"]) == (Verdict.REJECT, "另一种成功", "另一种成功")
    assert judged.trouble.turn is Turn.ENGINEER and judged.trouble.code == str(code)


@pytest.mark.parametrize("body", [{}, {"code": None}, {"code": ""}, {"message": "成功"}, {"Code": 1}])
def test_a_reply_without_a_code_is_no_acceptance(body: dict[str, Any]) -> None:
    assert http(body)[0].verdict is Verdict.RETRY


@pytest.mark.parametrize(
    "body", [b"", b"<html>ok</html>", b"[1]", b'"1"', b"\xff\xfe", b'{"code": 1', b"[" * 100_000, b"9" * 10_000]
)
def test_what_is_no_object_is_no_acceptance(body: bytes) -> None:
    judged, data = http(body)
    assert (judged.verdict, judged.transport, data) == (Verdict.RETRY, True, {})
    assert len(judged.trouble.words) <= 2000


def test_an_accepting_body_under_a_bad_status_is_no_acceptance() -> None:
    for status in (201, 204, 302, 400, 401, 404, 500, 503):
        assert http({"code": 1}, status=status)[0].verdict is not Verdict.ACCEPT


@pytest.mark.parametrize(("said", "seconds"), [("120", 120.0), ("7200", 3600.0), ("-5", 0.0), ("soon", 0.0), ("", 0.0)])
def test_the_platform_may_ask_us_to_wait(said: str, seconds: float) -> None:
    judged, _ = http(b"", status=429, headers={"Retry-After": said})
    assert (judged.verdict, judged.after_seconds) == (Verdict.SLOW_DOWN, seconds)


def test_the_reconciliation_has_a_success_of_its_own() -> None:
    assert http({"status": "0"}, "reconcile")[0].verdict is Verdict.ACCEPT
    assert http({"status": 0}, "reconcile")[0].verdict is Verdict.ACCEPT
    assert http({"status": "1"}, "reconcile")[0].verdict is Verdict.REJECT
    assert http({"code": 1}, "reconcile")[0].verdict is Verdict.RETRY


@pytest.mark.parametrize(("name", "rule"), RULES)
def test_every_reply_of_every_region_has_one_way_to_be_accepted(name: str, rule: str) -> None:
    judge, place = a_judge(name), load_region(name).options["replies"][rule]
    body = accepted(name, rule)
    assert judge.http(an_http_reply(body), rule, "exam")[0].verdict is Verdict.ACCEPT
    assert judge.http(an_http_reply(body | {place["code"]: "77"}), rule, "exam")[0].verdict is not Verdict.ACCEPT
    assert judge.http(an_http_reply({**body, place["code"]: None}), rule, "exam")[0].verdict is Verdict.RETRY
    assert judge.http(an_http_reply(body, status=500), rule, "exam")[0].verdict is Verdict.RETRY


FLAGGED = [(name, rule) for name, rule in RULES if load_region(name).options["replies"][rule].get("flag") == "succFlag"]


@pytest.mark.parametrize(("name", "rule"), FLAGGED)
@pytest.mark.parametrize(
    "records",
    [None, [], {}, "", "1", [None], ["1"], [{}], [{"succFlag": None}], [{"SuccFlag": "1"}], [{"succFlag": "1"}] * 2],
)
def test_a_success_that_says_nothing_of_its_record_is_the_engineer_s(name: str, rule: str, records: object) -> None:
    body = {"code": 0, "message": "成功", "data": records}
    judged, _ = a_judge(name).http(an_http_reply(body), rule, "exam")
    assert (judged.verdict, judged.trouble.code, judged.trouble.turn) == (Verdict.REJECT, "0/", Turn.ENGINEER)
    trusting = a_judge(name, by_code_alone=True)
    assert trusting.http(an_http_reply(body), rule, "exam")[0].verdict is Verdict.ACCEPT
    unkept = trusting.http(an_http_reply(body | {"data": [{"succFlag": "-1", "message": "不能为空"}]}), rule, "exam")[0]
    assert unkept.verdict is not Verdict.ACCEPT, "a flag that is there is believed"
    refused = trusting.http(an_http_reply(body | {"code": 5, "message": "系统异常"}), rule, "exam")[0]
    assert (refused.verdict, refused.trouble.code) == (Verdict.RETRY, "5")


@pytest.mark.parametrize(("name", "rule"), FLAGGED)
@pytest.mark.parametrize("flag", ["1", 1, " 1 "])
def test_the_flag_of_the_record_counts_as_number_and_as_text(name: str, rule: str, flag: object) -> None:
    for records in ([{"succFlag": flag, "hiImgIndx": None, "message": "保存数据成功"}], {"succFlag": flag}):
        judged, _ = a_judge(name).http(an_http_reply({"code": 0, "data": records}), rule, "exam")
        assert (judged.verdict, judged.trouble.code) == (Verdict.ACCEPT, "0/1")


@pytest.mark.parametrize(("name", "rule"), [pair for pair in FLAGGED if pair[1] == "records"])
@pytest.mark.parametrize("flag", ["0", 0, "-1", -1, "2", "true", True])
def test_a_record_that_was_not_taken_is_told_in_its_own_words(name: str, rule: str, flag: object) -> None:
    body = {"code": 0, "message": "成功", "data": [{"succFlag": flag, "message": "证件号码不能为空"}]}
    judged, _ = a_judge(name).http(an_http_reply(body), rule, "exam")
    assert (judged.verdict, judged.trouble.words) == (Verdict.FIX_FORM, "证件号码不能为空")
    assert judged.trouble.code == f"0/{flag}"
    without_words = {"code": 0, "message": "部分失败", "data": [{"succFlag": flag}]}
    assert a_judge(name).http(an_http_reply(without_words), rule, "exam")[0].trouble.words == "部分失败"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.sampled_from([b'{"code": 1}', b'{"code": 0}', b"{}"]), st.integers(100, 599))
def test_only_a_200_with_the_code_of_success_is_an_acceptance(body: bytes, status: int) -> None:
    reply = HttpReply(status=status, headers={}, body=body, date=None, elapsed_seconds=0)
    judged, _ = a_judge().http(reply, "default", "exam")
    if judged.verdict is Verdict.ACCEPT:
        assert status == 200 and str(json.loads(body)["code"]).strip() == "1"


@pytest.mark.parametrize(
    "status", [0x0000, 0xB000, 0xB006, 0x0107, 0xA700, 0xA900, 0xC000, 0xCFFF, 0x0122, 0x0110, 0xFE00]
)
def test_a_store_status_is_accepted_only_where_the_standard_says_stored(status: int) -> None:
    judged = a_judge().dicom(status, "words", "1.1", "images")
    assert (judged.verdict is Verdict.ACCEPT) == (status in (0x0000, 0x0107) or status >> 12 == 0xB)
    assert judged.trouble.items == ("1.1",)


@pytest.mark.parametrize(
    ("error", "verdict", "turn"),
    [
        (RetryLater("断了", "再试", after_seconds=30), Verdict.RETRY, Turn.AUTOMATIC),
        (NeedsOperator("缺", "补", fields=("phone",)), Verdict.FIX_FORM, Turn.TECHNICIAN),
        (NeedsOperator("缺", "补", page="dicom"), Verdict.FIX_SETTINGS, Turn.ENGINEER),
        (Rejected("不收", "找人", code="7"), Verdict.REJECT, Turn.ENGINEER),
        (Bug("odd"), Verdict.REJECT, Turn.ENGINEER),
    ],
)
def test_an_error_of_the_wire_has_its_verdict(error: Any, verdict: Verdict, turn: Turn) -> None:
    judged = judged_error(error, "exam")
    assert (judged.verdict, judged.trouble.turn, judged.trouble.step) == (verdict, turn, "exam")
    assert judged.transport == isinstance(error, RetryLater)
    assert judged.after_seconds == getattr(error, "after_seconds", 0.0)
    assert judged.trouble.page == getattr(error, "page", "")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(0xA7FF, Verdict.SLOW_DOWN), (0xA9AB, Verdict.REJECT), (0xC00A, Verdict.REJECT), (0xCFFF, Verdict.REJECT)],
)
def test_a_status_with_letters_belongs_to_its_range(status: int, verdict: Verdict) -> None:
    assert a_judge().dicom(status, "", "1.1", "images").verdict is verdict


def a_judged(verdict: Verdict, item: str) -> Judged:
    return Judged(verdict=verdict, trouble=Trouble(title="", advice="", turn=Turn.NOBODY, items=(item,)))


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=8))
def test_the_worst_of_several_carries_the_items_of_its_equals(verdicts: list[Verdict]) -> None:
    gravest = worst([a_judged(verdict, str(number)) for number, verdict in enumerate(verdicts)])
    first = min(verdicts, key=WORST_FIRST.index)
    assert gravest.verdict is first
    assert gravest.trouble.items == tuple(str(n) for n, verdict in enumerate(verdicts) if verdict is first)
    assert set(WORST_FIRST) == set(Verdict)
