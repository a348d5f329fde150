"""Look-ups: whatever a platform answers, the asker gets exams, images, bytes - or an error that says which it was."""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.delivery.retrieve import NoSense, Retriever, Unanswered
from app.delivery.target import Target
from app.errors import NeedsOperator, Rejected, RetryLater
from app.regions.conversation import FoundExam, FoundImage, HttpRequest, PatientQuery, Reply, Request
from app.wire.faults import LineCut
from tests.delivery.stage import Stage, an_http_reply

QUERY = PatientQuery(id_type="111", id_number="1", name="", day_from=date(2024, 1, 1), day_to=date(2026, 1, 1))
IMAGE = FoundImage(study_instance_uid="1.1", series_instance_uid="1.2", sop_instance_uid="1.3")


class Adapter:
    """Reads the data of an accepted answer without mistrust."""

    capabilities = frozenset({"history", "image_list", "image"})

    def history(self, query: PatientQuery) -> Generator[Request, Reply, tuple[FoundExam, ...]]:
        reply = yield HttpRequest(step="history", path="/history", body={"number": query.id_number}, fresh=True)
        return tuple(FoundExam(index_code=one["index"], values={}) for one in reply.data["data"])

    def image_list(self, index_code: str) -> Generator[Request, Reply, tuple[FoundImage, ...]]:
        reply = yield HttpRequest(step="image_list", path="/list", body={"index": index_code}, fresh=True)
        return tuple(FoundImage(**one) for one in reply.data["data"])

    def image(self, index_code: str, image: FoundImage) -> Generator[Request, Reply, bytes]:
        reply = yield HttpRequest(step="image_content", path="/image", body={"index": index_code}, fresh=True)
        content = reply.data.get("content")
        if not content:
            raise RetryLater("平台这次没有给出这张影像", "过一会儿再试")
        return base64.b64decode(content)

    def wrap(self, request: HttpRequest, body: bytes, stamp: Any) -> Any:
        from app.regions.conversation import Wired

        return Wired(headers={}, body=body)

    serial_series = ""


@pytest.fixture
def asked(stage: Stage) -> Retriever:
    target: Target = replace(stage.target, adapter=Adapter())  # type: ignore[arg-type]
    stage.target = target
    return Retriever(target, stage.courier(), stage.clock)


def test_exams_images_and_bytes_come_back_as_they_are(stage: Stage, asked: Retriever) -> None:
    stage.platform.script = [
        {"code": 1, "data": [{"index": "A"}, {"index": "B"}]},
        {"code": 1, "data": [{"study_instance_uid": "1.1", "series_instance_uid": "1.2", "sop_instance_uid": "1.3"}]},
        {"code": 1, "content": base64.b64encode(b"DICM").decode()},
    ]
    assert [one.index_code for one in asked.history(QUERY)] == ["A", "B"]
    assert asked.image_list("A") == (IMAGE,)
    assert asked.image("A", IMAGE) == b"DICM"


def test_the_same_question_is_asked_again_each_time_and_kept_nowhere(stage: Stage, asked: Retriever) -> None:
    stage.platform.script = [{"code": 1, "data": []}, {"code": 1, "data": []}]
    assert asked.history(QUERY) == asked.history(QUERY) == ()
    assert len(stage.platform.received) == 2
    assert stage.store.rows("SELECT * FROM journal") == []


def test_a_dead_line_a_busy_platform_and_a_page_of_html_are_no_answer(stage: Stage, asked: Retriever) -> None:
    cut = LineCut("影像云连不上，对方没有开门", "正在自动重试，您不用管", maybe_received=False)
    stage.platform.script = [cut, an_http_reply(status=503, headers={"Retry-After": "7"}), an_http_reply(b"<html>")]
    with pytest.raises(Unanswered, match="影像云连不上，对方没有开门"):
        asked.history(QUERY)
    with pytest.raises(Unanswered, match="平台正忙") as busy:
        asked.history(QUERY)
    assert busy.value.after_seconds == 7
    with pytest.raises(Unanswered, match="看不懂"):
        asked.image("A", IMAGE)


@pytest.mark.parametrize("nonsense", [{}, {"data": 5}, {"data": None}, {"data": ["A"]}, {"data": [{}]}])
def test_an_answer_of_another_shape_is_named_as_nonsense(
    stage: Stage, asked: Retriever, nonsense: dict[str, Any]
) -> None:
    stage.platform.script = [{"code": 1, **nonsense}]
    with pytest.raises(NoSense, match="平台的回答看不懂"):
        asked.history(QUERY)


def test_an_answer_that_the_adapter_finds_empty_is_nonsense_too(stage: Stage, asked: Retriever) -> None:
    stage.platform.script = [{"code": 1}]
    with pytest.raises(NoSense, match="没有给出这张影像"):
        asked.image("A", IMAGE)


def test_a_refusal_has_the_platforms_own_words(stage: Stage, asked: Retriever) -> None:
    stage.platform.script = [{"code": 0, "message": "证件号码有误，参数校验失败"}]
    with pytest.raises(Rejected) as refused:
        asked.history(QUERY)
    assert refused.value.words == "证件号码有误，参数校验失败"
    stage.platform.script = [an_http_reply(status=403)]
    with pytest.raises(NeedsOperator) as shut:
        asked.history(QUERY)
    assert shut.value.page == "destination"


def test_a_program_that_ends_says_so(stage: Stage, asked: Retriever) -> None:
    stage.stopping.set()
    with pytest.raises(Unanswered, match="程序正在退出"):
        asked.history(QUERY)
