"""Ordered faults over HTTP: before storing the platform has nothing; after storing only the answer is spoilt."""

from __future__ import annotations

import http.client
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from app.practice.faults import HTTP_FAULTS

from .clinic import PracticeProcess, a_report, an_exam

LINE_CUT = (ConnectionError, http.client.HTTPException)


def _outcome(platform: PracticeProcess, record: dict[str, Any]) -> str:
    """What the clinic sees of one upload: a word per kind of answer."""
    try:
        reply = platform.send("/exam-sync", record)
    except http.client.IncompleteRead:
        return "half an answer"
    except LINE_CUT:
        return "line cut"
    if reply.status != 200:
        return str(reply.status)
    try:
        answer = reply.json
    except ValueError:
        return "not JSON"
    return f"code {answer['code']!r}"


SEEN = {
    "refuse": ("line cut", "line cut"),
    "drop": ("line cut", "line cut"),
    "hang": ("line cut", "line cut"),
    "cut_body": ("line cut", ""),
    "truncate": ("half an answer", "half an answer"),
    "garbage": ("not JSON", "not JSON"),
    "html": ("not JSON", "not JSON"),
    "status500": ("500", "500"),
    "busy": ("503", "503"),
    "code0": ("code 0", "code 0"),
    "wrong_type": ("code '0'", "code '1'"),
    "slow": ("code 1", "code 1"),
    "clock_skew": ("code 0", "code 1"),
}
BEFORE_ONLY = ("cut_body",)


def test_every_fault_is_tried() -> None:
    assert set(SEEN) == HTTP_FAULTS


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", sorted(set(SEEN) - set(BEFORE_ONLY)))
def test_a_fault_spoils_one_answer_and_the_next_is_good(platform: PracticeProcess, what: str, when: str) -> None:
    key = f"{what}-{when}"
    platform.fault(where="exam", when=when, what=what, times=1, seconds=600 if what == "clock_skew" else 0.2)
    assert _outcome(platform, an_exam(key)) == SEEN[what][when == "after"]
    kept = platform.kept("exam", key)
    is_kept = when == "after" or what == "slow"
    assert (kept is not None) == is_kept
    last = [row for row in platform.received() if row["key"] == key]
    assert [row["fault"] for row in last] == [f"{when}:{what}"]
    assert _outcome(platform, an_exam(key)) == "code 1"
    assert platform.kept("exam", key)["received"] == 2
    assert platform.kept("exam", key)["version"] == 1


def test_a_line_cut_in_the_middle_of_a_body_leaves_nothing(platform: PracticeProcess) -> None:
    platform.fault(where="exam", what="cut_body", match="Content-Type")
    assert _outcome(platform, an_exam("HALF")) == "line cut"
    last = platform.received()[-1]
    assert (last["key"], last["verdict"], last["fault"]) == ("", "faulted", "before:cut_body")
    assert platform.kept("exam", "HALF") is None
    assert _outcome(platform, an_exam("HALF")) == "code 1"


@pytest.mark.parametrize(("where", "path"), [("report", "/report/sync"), ("merged", "/examMergeReport-sync")])
def test_a_fault_hits_its_own_place_only(platform: PracticeProcess, where: str, path: str) -> None:
    platform.fault(where=where, what="code0", message="系统忙")
    assert platform.exam(an_exam("PLACE"))["code"] == 1
    record = {"report": a_report("RP", "PLACE"), "merged": {"patient": an_exam("PM"), "report": a_report("RM", "PM")}}
    assert platform.send(path, record[where]).json["message"] == "系统忙"
    assert platform.send(path, record[where]).json["code"] == 1


def test_reconciliation_refuses_in_its_own_words(platform: PracticeProcess) -> None:
    platform.fault(where="reconcile", what="code0", message="对账未开放")
    assert platform.reconcile("CT", []) == {"status": "-1", "message": "对账未开放", "data": ""}
    platform.fault(where="any", what="wrong_type", when="after")
    assert platform.reconcile("CT", [])["status"] == 0


def test_a_fault_can_wait_for_one_exam_and_for_its_nth_request(platform: PracticeProcess) -> None:
    platform.fault(where="exam", what="code0", match='"risStudyId":"N2"', at=2, times=0)
    codes = [platform.exam(an_exam(key))["code"] for key in ("N1", "N2", "N1", "N2", "N2")]
    assert codes == [1, 1, 1, 0, 0]
    (fault,) = platform.ask("GET", "/practice/fault").json["faults"]
    assert (fault["hits"], fault["remaining"]) == (2, None)
    assert platform.ask("DELETE", "/practice/fault").json == {"faults": []}
    assert platform.exam(an_exam("N2"))["code"] == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"what": "explode"},
        {"where": "moon", "what": "drop"},
        {"what": "drop", "when": "later"},
        {"what": "drop", "times": -1},
        {"what": "drop", "extra": 1},
        {"where": "dicom", "what": "html"},
        {"where": "dicom", "what": "unknown_ae", "when": "after"},
        {"what": "cut_body", "when": "after"},
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(platform: PracticeProcess, wish: dict[str, Any]) -> None:
    reply = platform.ask("POST", "/practice/fault", wish)
    assert reply.status == 400
    assert reply.json["error"]


def test_a_moved_clock_shows_in_the_date_and_in_the_refusal(platform: PracticeProcess) -> None:
    platform.control("clock", offset_seconds=-900)
    reply = platform.send("/exam-sync", an_exam("CLOCK"))
    assert "超过 300 秒" in reply.json["message"]
    assert abs(parsedate_to_datetime(reply.headers["Date"]).timestamp() - (time.time() - 900)) < 30
    assert platform.exam(an_exam("CLOCK"), at=time.time() - 900)["code"] == 1


def test_unknown_wishes_of_the_control_interface_are_refused(platform: PracticeProcess) -> None:
    for path, wish in (
        ("options", {"nothing": 1}),
        ("options", {"strict_ae": "yes"}),
        ("options", {"reconcile_shape": "round"}),
        ("rekey", {"sm4_key": "12"}),
        ("down", {"seconds": 0}),
        ("clock", {}),
        ("lose", {}),
        ("false-miss", {}),
    ):
        assert platform.ask("POST", "/practice/" + path, wish).status == 400, path
    assert platform.ask("POST", "/practice/lose", {"exam": "NOBODY"}).status == 404
    assert platform.ask("GET", "/practice/image?sop=1.2.3").status == 404
    assert platform.ask("GET", "/practice/nothing").status == 404
    assert platform.ask("GET", "/exam-sync").status == 405
    assert platform.ask("POST", "/exam/sync", {}).status == 404


def test_while_down_both_ports_refuse_and_afterwards_answer_again(platform: PracticeProcess) -> None:
    platform.exam(an_exam("DOWN"))
    platform.control("down", seconds=1.5)
    deadline = time.monotonic() + 10
    refused = answered = False
    while time.monotonic() < deadline and not (refused and answered):
        try:
            answered = platform.ask("GET", "/practice/options").status == 200 and refused
        except (ConnectionError, TimeoutError):
            refused = True
        time.sleep(0.1)
    assert refused and answered
    assert platform.kept("exam", "DOWN") is not None
