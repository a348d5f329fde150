"""Shanxi's query services, against chapter 四(二)3 of the document; envelopes made here by hand."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.keys import parse_sm4_key
from app.crypto.sm4 import decrypt_ecb, encrypt_ecb
from app.errors import NeedsOperator
from app.regions.conversation import About, OfferedSeries, Question, Unanswerable
from app.regions.shanxi import Shanxi
from tests.regions.test_shanxi import HOSPITAL, KEY, an_adapter

AT = 1795233600
SQL = "' OR 1=1; DROP TABLE jobs; --"


def plain() -> Shanxi:
    return an_adapter(query_service=True)


def sealed() -> Shanxi:
    return an_adapter(query_service=True, query_envelope="sm4")


def an_envelope(parameters: object, **changed: Any) -> dict[str, Any]:
    text = json.dumps(parameters, ensure_ascii=False).encode()
    data = base64.b64encode(encrypt_ecb(parse_sm4_key(KEY), text)).decode()
    made: dict[str, Any] = {"hospitalCode": HOSPITAL, "data": data, "timestamp": str(AT)} | changed
    joined = f"{made['data']}{made['hospitalCode']}{made['timestamp']}"
    return {"signature": hashlib.sha1(joined.encode()).hexdigest().upper()} | made


def refused(adapter: Shanxi, given_: Any, about: About = About.EXAM) -> str:
    with pytest.raises(Unanswerable) as caught:
        adapter.question(about, given_)
    return str(caught.value)


# -- what may be asked -------------------------------------------------------------------------------------------------


def test_a_clinic_answers_only_once_that_is_switched_on() -> None:
    assert "answers" in plain().capabilities
    assert "answers" not in an_adapter().capabilities


def test_the_three_paths_are_those_of_the_document_and_can_be_changed() -> None:
    asked = [plain().asks_about(path) for path in ("/exam/get", "/report/get", "/series/get")]
    assert asked == [About.EXAM, About.REPORT, About.SERIES]
    assert plain().asks_about("/exam/get/") is None
    moved = an_adapter(query_service=True, paths={"exam_get": "/main/exam/get"})
    assert (moved.asks_about("/exam/get"), moved.asks_about("/main/exam/get")) == (None, About.EXAM)


def test_the_printed_example_with_its_empty_texts_asks_for_the_first_fifty() -> None:
    printed = dict.fromkeys(("startTime", "endTime", "applyId", "patientId", "pageNum", "pageSize"), "")
    assert plain().question(About.EXAM, printed) == Question(about=About.EXAM, time="examined_at", page=1, size=50)
    assert plain().question(About.REPORT, {}) == Question(about=About.REPORT, time="audited_at", page=1, size=50)


def test_numbers_and_times_are_read_as_our_fields() -> None:
    found = plain().question(
        About.SERIES,
        {
            "startTime": "2026-11-01",
            "endTime": "2026-11-02 08:30:00",
            "applyId": "SQ1",
            "accessionNumber": "A1，A2, A3",
            "studyInstanceUID": "1.2.3",
            "seriesInstanceUID": "1.2.3.4",
            "pageNum": 2,
            "pageSize": "500",
        },
    )
    assert (found.since, found.until) == ("2026-11-01 00:00:00", "2026-11-02 08:30:00")
    assert found.matching == {
        "request_number": ("SQ1",),
        "accession_number": ("A1", "A2", "A3"),
        "study_instance_uid": ("1.2.3",),
        "series_instance_uid": ("1.2.3.4",),
    }
    assert (found.page, found.size) == (2, 500)


def test_an_exam_number_with_a_comma_is_one_number() -> None:
    assert plain().question(About.EXAM, {"applyId": "1,2"}).matching == {"request_number": ("1,2",)}


def test_sql_is_a_text_like_any_other() -> None:
    assert plain().question(About.EXAM, {"patientId": SQL}).matching == {"patient_id": (SQL,)}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"pageSize": 501}, "pageSize 应为 1 到 500 的整数"),
        ({"pageSize": 10**400}, "pageSize 应为 1 到 500 的整数"),
        ({"pageSize": 0}, "pageSize 应为 1 到 500 的整数"),
        ({"pageNum": -1}, "pageNum 应为 1 到 1000000 的整数"),
        ({"pageNum": "１"}, "pageNum 应为 1 到 1000000 的整数"),
        ({"pageNum": True}, "pageNum 应为文字或整数"),
        ({"pageNum": 1.5}, "pageNum 应为文字或整数"),
        ({"startTime": "2026-02-30"}, "startTime 应写成 2026-01-31 或 2026-01-31 08:00:00"),
        ({"endTime": "2026/01/01"}, "endTime 应写成 2026-01-31 或 2026-01-31 08:00:00"),
        ({"startTime": "2026-01-02", "endTime": "2026-01-02"}, "startTime 应早于 endTime"),
        ({"patientId": "9" * 129}, "patientId 太长，一个号最多 128 个字，一次最多 50 个号"),
        ({"patientId": ["1"]}, "patientId 应为文字或整数"),
        ({"patientId": "\ud800"}, "patientId 应为文字或整数"),
        ({"patientId": "a\x00b"}, "patientId 应为文字或整数"),
    ],
)
def test_what_can_t_be_read_is_refused_in_plain_words(asked: dict[str, Any], why: str) -> None:
    assert refused(plain(), asked) == why


def test_an_unknown_parameter_is_refused_without_repeating_it() -> None:
    words = refused(plain(), {"张三": "1"})
    assert words == "请求里有文档没有的参数，可以有的是 startTime、endTime、pageNum、pageSize、applyId、patientId"


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
_NAMES = st.sampled_from(["startTime", "endTime", "applyId", "patientId", "reportId", "accessionNumber", "pageNum"])


@given(about=st.sampled_from(About), asked=st.dictionaries(_NAMES | st.text(), _ANY, max_size=6))
def test_any_question_is_read_or_refused_and_a_refusal_repeats_no_value(about: About, asked: dict[str, Any]) -> None:
    try:
        found = plain().question(about, asked)
    except Unanswerable as refusal:
        long = [text for text in asked.values() if isinstance(text, str) and len(text) > 8]
        assert not [text for text in long if text in str(refusal)]
    else:
        assert found.page >= 1 and 1 <= found.size <= 500
        assert all(texts for texts in found.matching.values())


# -- the envelope ------------------------------------------------------------------------------------------------------


def test_a_sealed_question_is_opened_and_says_when_it_was_asked() -> None:
    found = sealed().question(About.EXAM, an_envelope({"applyId": "申请1", "pageSize": 10}))
    assert (found.matching, found.size) == ({"request_number": ("申请1",)}, 10)
    assert found.asked_at == datetime.fromtimestamp(AT, UTC)


def test_two_sealed_questions_of_another_second_have_another_mark() -> None:
    marks = {sealed().question(About.EXAM, an_envelope({}, timestamp=str(AT + n))).mark for n in range(3)}
    assert len(marks) == 3


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"applyId": "1"}, "约定的是加密，请求只应有 hospitalCode、data、timestamp、signature"),
        (an_envelope({}, extra="1"), "约定的是加密，请求只应有 hospitalCode、data、timestamp、signature"),
        (an_envelope({}, signature="0" * 40), "signature 不对"),
        (an_envelope({}, signature="签名"), "signature 不对"),
        (an_envelope({}, signature=None), "signature 不对"),
        (an_envelope({}, hospitalCode="12140000MB00000001"), "hospitalCode 不是本机构的"),
        (an_envelope({}, timestamp="yesterday"), "timestamp 应为 1970 年以来的秒数"),
        (an_envelope({}, data="!!!!"), "data 解不开，请核对 SM4 密钥"),
        (an_envelope({}, data=base64.b64encode(b"x" * 32).decode()), "data 解不开，请核对 SM4 密钥"),
        (an_envelope([]), "data 里应为一个 JSON 对象"),
        (an_envelope({"pageSize": 501}), "pageSize 应为 1 到 500 的整数"),
    ],
)
def test_a_seal_that_is_not_right_is_refused(given_: dict[str, Any], why: str) -> None:
    assert refused(sealed(), given_) == why


def test_another_time_under_an_old_signature_is_refused() -> None:
    earlier = an_envelope({})
    assert refused(sealed(), earlier | {"timestamp": str(AT + 1)}) == "signature 不对"


def test_a_deep_nest_inside_the_seal_is_refused() -> None:
    text = b"[" * 20_000
    data = base64.b64encode(encrypt_ecb(parse_sm4_key(KEY), text)).decode()
    assert refused(sealed(), an_envelope({}, data=data)) == "data 解不开，请核对 SM4 密钥"


def test_a_sealed_question_where_plain_was_agreed_on_is_told_apart() -> None:
    assert refused(plain(), an_envelope({})) == "约定的是明文，这个请求是加密的"


def test_an_agreement_of_another_kind_is_refused_when_it_is_set() -> None:
    with pytest.raises(NeedsOperator, match="query_envelope"):
        an_adapter(query_service=True, query_envelope="rsa")


# -- the answer --------------------------------------------------------------------------------------------------------


def test_rows_stand_in_the_open_or_as_one_secret_text() -> None:
    rows = json.dumps([{"patName": "张三"}], ensure_ascii=False).encode()
    assert json.loads(plain().answer(rows)) == {"code": 1, "message": "成功", "content": [{"patName": "张三"}]}
    told = json.loads(sealed().answer(rows))
    assert (told["code"], told["message"]) == (1, "成功")
    assert decrypt_ecb(parse_sm4_key(KEY), base64.b64decode(told["content"])) == rows


def test_a_refusal_is_code_0_in_the_open() -> None:
    for adapter in (plain(), sealed()):
        assert json.loads(adapter.refusal("signature 不对")) == {"code": 0, "message": "signature 不对", "content": []}


def test_a_series_has_the_names_of_the_document_in_their_order() -> None:
    values = {"patient_id": "P1", "accession_number": "A1", "study_instance_uid": "1.2", "phone": "13900000000"}
    offered = OfferedSeries(values=values, addresses=("http://127.0.0.1/i/1.dcm",))
    row = plain().series(offered)
    printed = "PATIENT_ID MODALITY PATIENTSEX ACCESS_NO PATIENTNAME PATIENTAGE STUDYIUID STUDYDATE SERIESIUID SERIESNO"
    assert list(row) == [*printed.split(), "FILEPATH"]
    assert (row["ACCESS_NO"], row["STUDYIUID"], row["FILEPATH"]) == ("A1", "1.2", ["http://127.0.0.1/i/1.dcm"])
    assert row["PATIENTSEX"] == ""
