"""Reconciliation: the platform names the exams of a day that it does not have, and only these."""

from __future__ import annotations

import json

from .clinic import HOSPITAL, PracticeProcess, an_exam, opened, sealed


def test_only_exams_that_never_arrived_are_missing(platform: PracticeProcess) -> None:
    platform.exam(an_exam("A1"))
    assert platform.missing("CT", ["A1", "A2"]) == {"study_uids": ["A2"]}
    assert platform.missing("CT", ["A1"]) == {"study_uids": []}


def test_day_and_type_must_be_those_of_the_exam(platform: PracticeProcess) -> None:
    platform.exam(an_exam("B1", modality="DX", imgExamType="1"))
    for type_ in ("DX", "DR", "1"):
        assert platform.missing(type_, ["B1"]) == {"study_uids": []}
    assert platform.missing("CT", ["B1"]) == {"study_uids": ["B1"]}
    assert platform.missing("DX", ["B1"], day="2026-11-19") == {"study_uids": ["B1"]}


def test_a_lost_exam_is_missing_until_it_comes_again(platform: PracticeProcess) -> None:
    platform.exam(an_exam("C1"))
    platform.control("lose", exam="C1")
    assert platform.missing("CT", ["C1"]) == {"study_uids": ["C1"]}
    assert platform.kept("exam", "C1")["state"] == "lost"
    platform.exam(an_exam("C1"))
    assert platform.missing("CT", ["C1"]) == {"study_uids": []}


def test_a_false_miss_is_told_once(platform: PracticeProcess) -> None:
    platform.exam(an_exam("D1"))
    platform.control("false-miss", exam="D1", times=1)
    assert platform.missing("CT", ["D1"]) == {"study_uids": ["D1"]}
    assert platform.missing("CT", ["D1"]) == {"study_uids": []}


def test_the_shape_of_the_answer_can_be_switched(platform: PracticeProcess) -> None:
    platform.control("options", reconcile_shape="array", reconcile_empty="blank")
    assert platform.missing("CT", ["NEVER"]) == ["NEVER"]
    assert platform.reconcile("CT", [])["data"] == ""


def test_the_ids_can_be_study_instance_uids(platform: PracticeProcess) -> None:
    exam = an_exam("F1")
    platform.exam(exam)
    platform.control("options", reconcile_by="studyUid")
    assert platform.missing("CT", [exam["studyUid"], "F1"]) == {"study_uids": ["F1"]}


def test_a_wrong_request_fails_with_minus_one(platform: PracticeProcess) -> None:
    plain = {"hospitalCode": HOSPITAL, "date": "20261120", "examInfo": [{"imgExamType": "CT", "pushExamNum": "1"}]}
    reply = platform.ask("POST", "/statisticalData/upload", {"content": sealed(json.dumps(plain))}).json
    assert (reply["status"], reply["data"]) == ("-1", "")
    for said in ("date(日期)格式错误", "pushExamNum(推送检查单数)类型错误", "study_uids(检查id集合)不能为空"):
        assert said in reply["message"]


def test_after_a_change_of_key_only_the_new_key_is_understood(platform: PracticeProcess) -> None:
    key = "000102030405060708090a0b0c0d0e0f"
    platform.control("rekey", sm4_key=key)
    assert "密钥" in platform.exam(an_exam("K1"))["message"]
    assert platform.exam(an_exam("K1"), key=key)["code"] == 1
    plain = {
        "hospitalCode": HOSPITAL,
        "date": "2026-11-20",
        "examInfo": [{"imgExamType": "CT", "pushExamNum": 1, "study_uids": ["K2"]}],
    }
    reply = platform.ask("POST", "/statisticalData/upload", {"content": sealed(json.dumps(plain), key)}).json
    assert json.loads(opened(reply["data"], key)) == {"study_uids": ["K2"]}


def test_the_last_statement_of_a_day_replaces_the_earlier_one(platform: PracticeProcess) -> None:
    platform.reconcile("MR", ["M1", "M2"], day="2026-11-18")
    platform.reconcile("MR", ["M1"], day="2026-11-18")
    totals = [one for one in platform.ledger()["totals"] if one["day"] == "2026-11-18"]
    assert [one["counts"]["pushExamNum"] for one in totals] == [1]
