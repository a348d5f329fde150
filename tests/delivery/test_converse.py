"""Driving a conversation: what was answered is never asked again, what was not answered always is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.delivery.body import digest, filled, kept, request_digest, revived
from app.delivery.converse import Interrupted, NotAccepted
from app.domain.job import Event, Job, Part
from app.domain.verdict import Verdict
from app.errors import Bug, RetryLater
from app.regions.conversation import FileRef, FormPart, HttpRequest, ImageFile, ImageRef, Outgoing, StudyZip
from app.store import answers, jobs
from app.wire.http_client import REPLY_LIMIT_BYTES
from tests.delivery.stage import Conversation, Stage, an_http_reply, refs
from tests.store.samples import NOW, claimed, moved, put

TWO_STEPS = {"steps": {"first": {"a": 1}, "second": {"b": 2}}}
REFUSED = {"code": 0, "message": "缺少手机号"}


def a_job(stage: Stage, part: Part = Part.EXAM, *, withdraws: bool = False, **payload: Any) -> Job:
    put(stage.store, part, withdraws=withdraws, body=payload)
    job = claimed(stage.store)
    assert job is not None
    return job


def verdict_of(stage: Stage, job: Job) -> Verdict:
    with pytest.raises(NotAccepted) as refusal:
        stage.courier().deliver(job)
    return refusal.value.judged.verdict


def test_the_receipt_is_what_the_conversation_returns(stage: Stage) -> None:
    stage.platform.script = [{"code": 1, "number": 7}]
    assert stage.courier().deliver(a_job(stage, exam=TWO_STEPS)) == {"number": "7"}
    assert stage.sent_to() == ["/first", "/second"]


def test_after_a_cut_line_only_what_was_not_answered_is_sent(stage: Stage) -> None:
    job = a_job(stage, exam=TWO_STEPS)
    stage.platform.script = [{"code": 1, "number": 7}, RetryLater("断了", "再试")]
    assert verdict_of(stage, job) is Verdict.RETRY
    assert stage.courier().deliver(job) == {"number": "7"}, "and the recorded answer counts"
    assert stage.sent_to() == ["/first", "/second", "/second"]


def test_a_crash_after_the_last_answer_sends_nothing_again(stage: Stage) -> None:
    job = a_job(stage, exam=TWO_STEPS)
    stage.courier().deliver(job)
    stage.store.write(lambda tx: jobs.interrupted(tx, now=NOW))
    again = claimed(stage.store)
    assert again is not None and again.id == job.id
    stage.courier().deliver(again)
    assert len(stage.platform.received) == 2


def test_a_refusal_is_never_replayed(stage: Stage) -> None:
    job = a_job(stage, exam={"a": 1})
    stage.platform.script = [REFUSED, REFUSED]
    assert verdict_of(stage, job) is Verdict.FIX_FORM
    assert verdict_of(stage, job) is Verdict.FIX_FORM
    stage.courier().deliver(job)
    assert len(stage.platform.received) == 3


def test_a_mended_body_is_sent(stage: Stage) -> None:
    job = a_job(stage, exam={"a": 1})
    stage.courier().deliver(job)
    stage.store.write(lambda tx: jobs.replace_payload(tx, job.id, {"exam": {"a": 2}}, "new", "2026-11-20", 1, False))
    stage.courier().deliver(jobs.job(stage.store.read(), job.id))
    assert [request["body"] for request in stage.platform.received] == [{"a": 1}, {"a": 2}]


def test_going_back_to_an_accepted_body_sends_it_when_another_went_in_between(stage: Stage) -> None:
    job = a_job(stage, exam={"steps": {"first": {"a": 1}, "second": {"b": 1}}})
    stage.platform.script = [{"code": 1}, RetryLater("断了", "再试")]
    verdict_of(stage, job)
    for a in (2, 1):
        body = {"exam": {"steps": {"first": {"a": a}, "second": {"b": 1}}}}
        stage.store.write(
            lambda tx, body=body, a=a: jobs.replace_payload(tx, job.id, body, f"v{a}", "2026-11-20", 1, False)
        )
        stage.platform.script = [RetryLater("断了", "再试")] if a == 2 else []
        if a == 2:
            verdict_of(stage, jobs.job(stage.store.read(), job.id))
    stage.courier().deliver(jobs.job(stage.store.read(), job.id))
    firsts = [request["body"] for request in stage.platform.received if request["to"] == "/first"]
    assert firsts == [{"a": 1}, {"a": 2}, {"a": 1}], "nobody knows which of the two the platform kept"


def test_a_new_round_asks_everything_again(stage: Stage) -> None:
    job = a_job(stage, exam=TWO_STEPS)
    stage.courier().deliver(job)
    moved(stage.store, job.id, Event.ACKNOWLEDGED)
    again = moved(stage.store, job.id, Event.RESENT, new_round=True)
    stage.courier().deliver(again)
    assert stage.sent_to() == ["/first", "/second"] * 2


def test_what_must_be_fresh_is_asked_every_time(stage: Stage) -> None:
    stage.adapter.fresh = ("first",)
    job = a_job(stage, exam=TWO_STEPS)
    stage.courier().deliver(job)
    stage.courier().deliver(job)
    assert stage.sent_to() == ["/first", "/second", "/first"]


def test_a_stop_ends_the_conversation_between_two_requests(stage: Stage) -> None:
    stage.platform.before_reply = stage.stopping.set
    job = a_job(stage, exam=TWO_STEPS)
    with pytest.raises(Interrupted):
        stage.courier().deliver(job)
    stage.stopping.clear()
    stage.platform.before_reply = lambda: None
    stage.courier().deliver(job)
    assert stage.sent_to() == ["/first", "/second"], "the answer that had come was kept"


def test_an_error_of_the_adapter_itself_is_judged_with_its_step(stage: Stage) -> None:
    job = a_job(stage, exam={"steps": {"first": {"a": 1}}})
    stage.platform.script = [Bug("a state that cannot be")]
    with pytest.raises(NotAccepted) as refusal:
        stage.courier().deliver(job)
    judged = refusal.value.judged
    assert (judged.verdict, judged.trouble.step) == (Verdict.REJECT, "first")


def test_the_envelope_s_time_is_the_platform_s(stage: Stage) -> None:
    stage.platform.script = [an_http_reply(date=datetime(2030, 1, 1, tzinfo=UTC))]
    stage.courier().deliver(a_job(stage, exam=TWO_STEPS))
    first, second = stage.adapter.wrapped_at
    assert (first, second) == (stage.clock.now(), datetime(2030, 1, 1, tzinfo=UTC))


def test_the_difference_of_the_clocks_is_remembered_over_a_restart(stage: Stage) -> None:
    stage.store.write(lambda tx: answers.note_destination(tx, "main", now=NOW, ok=True, offset_seconds=-90.0))
    stage.courier().deliver(a_job(stage, exam={"a": 1}))
    assert stage.adapter.wrapped_at == [stage.clock.now() - timedelta(seconds=90)]


def deleted_first(step: str = "exam") -> Conversation:
    """A record that is deleted before it is saved."""
    yield HttpRequest(step=step, path="/save", body={"a": 1}, first=(HttpRequest(step="delete", path="/delete"),))
    return {}


def test_what_must_go_right_before_goes_with_every_sending_and_with_no_known_answer(stage: Stage) -> None:
    job = a_job(stage)
    stage.platform.script = [{"code": 1}, RetryLater("断了", "再试")]
    with pytest.raises(NotAccepted):
        stage.courier().drive(deleted_first(), job)
    stage.courier().drive(deleted_first(), job)
    assert stage.sent_to() == ["/delete", "/save"] * 2, "nobody knows whether the first save was taken"
    stage.courier().drive(deleted_first(), job)
    assert len(stage.platform.received) == 4


def test_nothing_is_saved_when_what_must_go_first_is_refused(stage: Stage) -> None:
    stage.platform.script = [REFUSED]
    with pytest.raises(NotAccepted) as refusal:
        stage.courier().drive(deleted_first(), a_job(stage))
    assert refusal.value.judged.trouble.step == "delete" and stage.sent_to() == ["/delete"]


def test_the_adapter_gets_what_was_frozen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Outgoing] = []

    def upload(outgoing: Outgoing) -> Conversation:
        seen.append(outgoing)
        yield HttpRequest(step="exam", path="/exam")
        return {}

    monkeypatch.setattr(stage.adapter, "upload", upload)
    frozen = {"exam": {"a": 1}, "report": {"pdf": {"$file": "ab", "encoding": "md5"}}, "images": refs("1.1")}
    index = {"index_code": "111-1", "previous_index_code": "111-0,111-X", "values": {"report_id": "R1"}}
    stage.courier().deliver(a_job(stage, **frozen, **index))
    assert seen == [
        Outgoing(
            part="exam",
            exam_key="E1",
            report_key="",
            version=1,
            exam={"a": 1},
            report={"pdf": FileRef(sha256="ab", encoding="md5")},
            images=(ImageRef(**refs("1.1")[0]),),
            index_code="111-1",
            previous_index_codes=("111-0", "111-X"),
            values={"report_id": "R1"},
        )
    ]


def test_a_request_says_how_large_its_reply_may_be(stage: Stage) -> None:
    def asked() -> Conversation:
        yield HttpRequest(step="small", path="/small", fresh=True)
        yield HttpRequest(step="large", path="/large", fresh=True, reply_bytes=10**9)
        return {}

    stage.courier().drive(asked(), a_job(stage))
    assert stage.platform.limits == [REPLY_LIMIT_BYTES, 10**9]


def test_a_deletion_takes_its_own_way(stage: Stage) -> None:
    job = a_job(stage, exam={"disableFlag": 1}, withdraws=True)
    stage.courier().deliver(job)
    assert stage.platform.received == [{"to": "/withdraw", "body": {"disableFlag": 1}}]


# -- images -----------------------------------------------------------------------------------------------------------


def holdings(stage: Stage) -> dict[str, str]:
    return answers.held(stage.store.read(), "main", "E1", "images")


def test_every_image_is_recorded_before_the_next_is_sent(stage: Stage) -> None:
    seen: list[int] = []
    stage.ae.before = lambda uid: seen.append(len(holdings(stage)))
    stage.courier().deliver(a_job(stage, Part.IMAGES, images=refs("1.1", "1.2", "1.3")))
    assert seen == [0, 1, 2]
    assert set(holdings(stage)) == {"1.1", "1.2", "1.3"}


def test_images_that_the_platform_holds_are_not_sent(stage: Stage) -> None:
    job = a_job(stage, Part.IMAGES, images=refs("1.1", "1.2"))
    stage.courier().deliver(job)
    moved(stage.store, job.id, Event.ACKNOWLEDGED)
    late = a_job(stage, Part.IMAGES, images=refs("1.1", "1.2", "1.3"))
    stage.courier().deliver(late)
    assert stage.ae.received == ["1.1", "1.2", "1.3"]
    assert jobs.job(stage.store.read(), late.id).done_count == 1


def test_nothing_to_send_opens_no_association(stage: Stage) -> None:
    job = a_job(stage, Part.IMAGES, images=refs("1.1"))
    stage.courier().deliver(job)
    stage.courier().deliver(job)
    assert stage.ae.associations == 1


def test_another_content_under_the_same_uid_is_sent(stage: Stage) -> None:
    job = a_job(stage, Part.IMAGES, images=refs("1.1"))
    stage.courier().deliver(job)
    moved(stage.store, job.id, Event.ACKNOWLEDGED)
    stage.courier().deliver(a_job(stage, Part.IMAGES, images=refs("1.1", content="other")))
    assert stage.ae.received == ["1.1", "1.1"]
    assert holdings(stage) == {"1.1": "1.1other"}


def test_going_back_to_a_held_image_sends_it_when_another_content_went_in_between(stage: Stage) -> None:
    job = a_job(stage, Part.IMAGES, images=refs("1.1"))
    stage.courier().deliver(job)
    moved(stage.store, job.id, Event.ACKNOWLEDGED)
    other = a_job(stage, Part.IMAGES, images=refs("1.1", content="other"))
    stage.ae.statuses = {"1.1": RetryLater("断了", "再试")}
    verdict_of(stage, other)
    stage.ae.statuses = {}
    back = {"images": refs("1.1")}
    stage.store.write(lambda tx: jobs.replace_payload(tx, other.id, back, "back", "2026-11-20", 1, True))
    before = len(stage.ae.received)
    stage.courier().deliver(jobs.job(stage.store.read(), other.id))
    assert stage.ae.received[before:] == ["1.1"]


def test_a_cut_line_in_the_middle_does_not_send_an_image_twice(stage: Stage) -> None:
    job = a_job(stage, Part.IMAGES, images=refs("1.1", "1.2", "1.3"))
    stage.ae.statuses = {"1.2": RetryLater("断了", "再试")}
    assert verdict_of(stage, job) is Verdict.RETRY
    stage.ae.statuses = {}
    stage.courier().deliver(job)
    assert stage.ae.received == ["1.1", "1.2", "1.3"]


def test_one_image_that_is_refused_holds_up_no_other_and_is_named(stage: Stage) -> None:
    stage.ae.statuses = {"1.2": 0xA900}
    with pytest.raises(NotAccepted) as refusal:
        stage.courier().deliver(a_job(stage, Part.IMAGES, images=refs("1.1", "1.2", "1.3")))
    judged = refusal.value.judged
    assert (judged.verdict, judged.trouble.items) == (Verdict.REJECT, ("1.2",))
    assert set(holdings(stage)) == {"1.1", "1.3"}


def test_a_full_platform_is_not_sent_the_rest(stage: Stage) -> None:
    stage.ae.statuses = {"1.1": 0xA700}
    assert verdict_of(stage, a_job(stage, Part.IMAGES, images=refs("1.1", "1.2"))) is Verdict.SLOW_DOWN
    assert stage.ae.received == ["1.1"]


def test_a_stop_in_the_middle_of_the_images_keeps_what_was_answered(stage: Stage) -> None:
    job = a_job(stage, Part.IMAGES, images=refs("1.1", "1.2", "1.3"))
    stage.ae.before = lambda uid: stage.stopping.set() if uid == "1.2" else None
    with pytest.raises(Interrupted):
        stage.courier().deliver(job)
    assert set(holdings(stage)) == {"1.1", "1.2"}
    stage.stopping.clear()
    stage.ae.before = lambda uid: None
    stage.courier().deliver(job)
    assert stage.ae.received == ["1.1", "1.2", "1.3"]


def test_an_image_whose_file_is_gone_is_named_and_the_others_go(stage: Stage) -> None:
    stage.files.gone = {"1.1"}
    assert verdict_of(stage, a_job(stage, Part.IMAGES, images=refs("1.1", "1.2"))) is Verdict.REJECT
    assert stage.ae.received == ["1.2"]


def test_a_file_that_another_program_holds_is_tried_again(stage: Stage) -> None:
    stage.files.locked = {"1.1"}
    assert verdict_of(stage, a_job(stage, Part.IMAGES, images=refs("1.1"))) is Verdict.RETRY


def test_a_syntax_that_the_platform_does_not_take_is_for_the_engineer(stage: Stage) -> None:
    stage.ae.statuses = {"1.1": None}
    assert verdict_of(stage, a_job(stage, Part.IMAGES, images=refs("1.1"))) is Verdict.REJECT


def test_without_an_address_for_images_the_settings_are_asked_for(stage: Stage) -> None:
    stage.adapter.host = ""
    assert verdict_of(stage, a_job(stage, Part.IMAGES, images=refs("1.1"))) is Verdict.FIX_SETTINGS


# -- bodies -----------------------------------------------------------------------------------------------------------


def test_a_payload_with_files_survives_the_store(stage: Stage) -> None:
    value = {"a": [1, {"pdf": FileRef(sha256="ab", encoding="link")}], "b": None, "zip": StudyZip(exam_key="E1")}
    assert revived(kept(value)) == value
    assert digest(kept(value)) == digest(value)


def test_files_are_filled_in_at_sending(stage: Stage) -> None:
    job = a_job(stage)
    body = {"pdf": FileRef(sha256="ab"), "url": FileRef(sha256="ab", encoding="link"), "name": "张三"}
    assert filled(body, job, stage.files).decode() == (
        '{"pdf":"YWI=","url":"https://clinic.example/f/main-ab.pdf","name":"张三"}'
    )


def test_digests_and_the_zip_of_an_exam_are_filled_in_too(stage: Stage) -> None:
    (stage.files.folder / "ab").write_bytes(b"%PDF")
    job, body = a_job(stage), {"zip": StudyZip(exam_key="E1"), "md5": FileRef(sha256="ab", encoding="md5")}
    filled_in = json.loads(filled(body, job, stage.files))
    assert filled_in == {"zip": "https://clinic.example/z/main-E1.zip", "md5": hashlib.md5(b"%PDF").hexdigest()}


def a_form(**changes: Any) -> HttpRequest:
    image = ImageRef(**{**refs("1.1")[0], **changes})
    parts = (FormPart(name="file", value=ImageFile(image=image)), FormPart(name="total", value=3))
    return HttpRequest(step="image", path="/image", parts=parts)


def test_the_digest_of_a_form_is_of_the_files_in_it() -> None:
    assert request_digest(a_form()) == request_digest(a_form(path="elsewhere", size_bytes=7))
    others = [a_form(sha256="other"), a_form(accession_number="A1"), replace(a_form(), path="/b")]
    fewer = replace(a_form(), parts=a_form().parts[:1])
    assert len({request_digest(each) for each in [a_form(), *others, fewer]}) == 5


def test_a_body_with_anything_else_is_a_bug(stage: Stage) -> None:
    with pytest.raises(Bug):
        kept({"when": NOW})
    with pytest.raises(Bug):
        filled({"when": NOW}, a_job(stage), stage.files)
