"""Shanxi's conversation and envelope, against the printed document (V2.1) and digests worked out here by hand."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Generator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.catalogue.load import load_region
from app.crypto.keys import WrongKey, parse_sm4_key
from app.crypto.sm4 import decrypt_ecb, encrypt_ecb
from app.delivery.body import digest
from app.domain.reconciliation import Sent
from app.errors import NeedsOperator, RetryLater
from app.regions.adapters import ADAPTERS
from app.regions.conversation import DicomSend, FileRef, HttpRequest, Missing, Ours, Outgoing, Reply, Stamp, Wired
from app.regions.shanxi import Shanxi

# 三(八), the Java sample: key, plain text and what it prints
KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
PLAIN = '{"patientName":"张三","patientId":"Test123456"}'
SECRET = "laoxZiinrHrTUa1tythils6bY9/PaMJpAdm7xoKwHx0KbPEea+Am911ApbxJwJLy4QI6Vq1xoMTGEWqoUvOzOQ=="
HOSPITAL = "12140000MB0000000X"
NOW = datetime(2026, 11, 21, 4, 0, 0, 987654, tzinfo=UTC)
DAY = date(2026, 11, 20)


def an_adapter(**options: Any) -> Shanxi:
    made = ADAPTERS["shanxi"](load_region("shanxi"), {"hospital_code": HOSPITAL, **options}, {"sm4_key": KEY})
    assert isinstance(made, Shanxi)
    return made


def a_request(step: str = "exam", reply: str = "default") -> HttpRequest:
    return HttpRequest(step=step, path="/exam-sync", body={}, reply=reply)


def enveloped(wired: Wired) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wired.body)
    return found


def an_outgoing(part: str, **more: Any) -> Outgoing:
    given: dict[str, Any] = {"exam": {}, "report": {}, "images": (), "report_key": "", "version": 1}
    return Outgoing(part=part, exam_key="E1", **given | more)


def only(conversation: Generator[Any, Reply, dict[str, Any]]) -> HttpRequest | DicomSend:
    """The one request of a conversation that ends, with no facts, after its answer."""
    request: HttpRequest | DicomSend = next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(Reply(data={"code": 1, "message": "成功"}))
    assert end.value.value == {}
    return request


def test_a_seal_is_checked_by_the_platform_before_its_report_goes() -> None:
    stamped = an_outgoing("report", report_key="R1", stamped_pdf=FileRef(sha256="ab" * 32))
    talk = an_adapter(verify_at_platform=True).upload(stamped)
    asked = next(talk)
    assert isinstance(asked, HttpRequest)
    assert (asked.step, asked.base, asked.body["filename"]) == ("check_stamp", "seal", "R1.pdf")
    assert asked.body["fileData"] == FileRef(sha256="ab" * 32)
    sent = talk.send(Reply(data={"resultCode": 0, "fileVerifyInfo": {"signInfoList": [{"verifyResult": 0}]}}))
    assert sent.step == "report"


def test_nobody_is_asked_about_a_pdf_without_a_seal_or_where_the_clinic_does_not_want_it() -> None:
    assert only(an_adapter(verify_at_platform=True).upload(an_outgoing("report"))).step == "report"
    assert only(an_adapter().upload(an_outgoing("report", stamped_pdf=FileRef(sha256="ab")))).step == "report"


# -- the envelope, 三(一) and 三(六) ----------------------------------------------------------------------------------


def test_the_printed_example_comes_out_to_the_last_byte() -> None:
    assert enveloped(an_adapter().wrap(a_request(), PLAIN.encode(), Stamp(now=NOW)))["data"] == SECRET


def test_the_signature_is_the_upper_case_sha1_of_the_three_values_in_the_order_of_their_names() -> None:
    wired = an_adapter().wrap(a_request(), PLAIN.encode(), Stamp(now=NOW))
    values = {"timestamp": "1795233600", "data": SECRET, "hospitalCode": HOSPITAL}
    joined = "".join(values[name] for name in sorted(values))
    expected = hashlib.sha1(joined.encode("utf-8")).hexdigest().upper()
    assert enveloped(wired) == {**values, "signature": expected}


def test_the_time_is_whole_seconds_as_text() -> None:
    sent_at = enveloped(an_adapter().wrap(a_request(), b"{}", Stamp(now=NOW)))["timestamp"]
    assert sent_at == str(int(NOW.timestamp())) == "1795233600"


def test_the_headers_name_the_encryption_and_json() -> None:
    headers = an_adapter().wrap(a_request(), b"{}", Stamp(now=NOW)).headers
    assert headers["encryption-type"] == "SM4"
    assert headers["Content-Type"].startswith("application/json")


def test_the_reconciliation_goes_under_content_alone() -> None:
    wired = an_adapter().wrap(a_request(reply="reconcile"), PLAIN.encode(), Stamp(now=NOW))
    assert enveloped(wired) == {"content": SECRET}


@pytest.mark.parametrize("key", ["", "2a77", "zz" * 16, KEY + "00"])
def test_a_key_that_is_none_is_named_before_anything_is_sent(key: str) -> None:
    with pytest.raises((NeedsOperator, ValueError)):
        ADAPTERS["shanxi"](load_region("shanxi"), {"hospital_code": HOSPITAL}, {"sm4_key": key})


# -- what is sent where, 四(二)1 and 2 --------------------------------------------------------------------------------


def test_record_and_report_go_bare_to_their_own_addresses() -> None:
    adapter = an_adapter()
    exam = only(adapter.upload(an_outgoing("exam", exam={"patName": "张三"})))
    report = only(adapter.upload(an_outgoing("report", report={"recordNum": "R1"}, report_key="R1")))
    assert isinstance(exam, HttpRequest) and isinstance(report, HttpRequest)
    assert (exam.path, exam.body) == ("/exam-sync", {"patName": "张三"})
    assert (report.path, report.body) == ("/report/sync", {"recordNum": "R1"})
    assert not exam.fresh and not report.fresh, "an accepted one is never sent again"
    assert (adapter.parts, dict(adapter.waits_for)) == (("exam", "report", "images"), {"report": "exam"})


def test_merged_both_go_in_one_body() -> None:
    adapter = an_adapter(upload_mode="merged")
    request = only(adapter.upload(an_outgoing("merged", exam={"patName": "张三"}, report={"recordNum": "R1"})))
    assert isinstance(request, HttpRequest)
    assert (request.path, request.body) == (
        "/examMergeReport-sync",
        {"patient": {"patName": "张三"}, "report": {"recordNum": "R1"}},
    )
    assert (adapter.parts, dict(adapter.waits_for)) == (("merged", "images"), {})


def test_another_mode_is_refused_by_name() -> None:
    with pytest.raises(NeedsOperator, match="上传方式"):
        an_adapter(upload_mode="both")


def test_images_are_pushed_to_the_ae_of_the_settings() -> None:
    adapter = an_adapter(dicom_host="192.0.2.1", dicom_port=104, dicom_ae_title="CLOUD", calling_ae_title="CLINIC")
    request = only(adapter.upload(an_outgoing("images")))
    assert isinstance(request, DicomSend)
    assert (request.host, request.port, request.called_ae, request.calling_ae) == (
        "192.0.2.1", 104, "CLOUD", "CLINIC"
    )  # fmt: skip


def test_a_deletion_is_the_record_once_more() -> None:
    request = only(an_adapter().withdraw(an_outgoing("exam", exam={"risStudyId": "E1", "disableFlag": 1})))
    assert isinstance(request, HttpRequest)
    assert (request.path, request.body) == ("/exam-sync", {"risStudyId": "E1", "disableFlag": 1})


def test_an_address_of_the_clinic_s_settings_counts() -> None:
    request = only(an_adapter(paths={"exam": "/v2/exam"}).upload(an_outgoing("exam")))
    assert isinstance(request, HttpRequest) and request.path == "/v2/exam"


# -- the reconciliation, 四(二)5 --------------------------------------------------------------------------------------


def a_sent(key: str, kind: str = "2", **more: Any) -> Sent:
    given: dict[str, Any] = {"study_instance_uids": (f"1.{key}",), "image_count": 3, "report_count": 1}
    return Sent(exam_key=key, img_exam_type=kind, **given | more)


EXAMS = (a_sent("E1"), a_sent("E2", "3"), a_sent("E3"))


def question(adapter: Shanxi, exams: tuple[Sent, ...] = EXAMS) -> HttpRequest:
    request = next(adapter.reconcile(Ours(day=DAY, exams=exams)))
    assert isinstance(request, HttpRequest)
    return request


def missing(reply: dict[str, Any], **options: Any) -> tuple[str, ...]:
    conversation = an_adapter(**options).reconcile(Ours(day=DAY, exams=EXAMS))
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(Reply(data={"status": "0", "message": "SUCCESS", **reply}))
    assert isinstance(end.value.value, Missing)
    return end.value.value.exam_keys


def secret(value: Any) -> str:
    plain = json.dumps(value).encode()
    return base64.b64encode(encrypt_ecb(parse_sm4_key(KEY), plain)).decode()


def test_the_question_is_the_whole_day_by_type() -> None:
    request = question(an_adapter())
    assert (request.path, request.reply, request.fresh) == ("/statisticalData/upload", "reconcile", True)
    assert request.body == {
        "hospitalCode": HOSPITAL,
        "date": "2026-11-20",
        "examInfo": [
            {
                "imgExamType": "CT",
                "pushExamNum": 2,
                "pushImageNum": 6,
                "pushReportNum": 2,
                "study_uids": ["E1", "E3"],
            },
            {"imgExamType": "MR", "pushExamNum": 1, "pushImageNum": 3, "pushReportNum": 1, "study_uids": ["E2"]},
        ],
    }


def test_of_several_types_the_first_counts_and_an_unknown_one_stays_as_it_is() -> None:
    kinds = [each["imgExamType"] for each in question(an_adapter(), (a_sent("E1", "2,3"),)).body["examInfo"]]
    assert kinds == ["CT"]
    kinds = [each["imgExamType"] for each in question(an_adapter(), (a_sent("E1", "77"),)).body["examInfo"]]
    assert kinds == ["77"]


def test_the_exams_are_named_as_the_settings_say() -> None:
    by_study = question(an_adapter(reconcile_by="study_instance_uid"))
    assert [each["study_uids"] for each in by_study.body["examInfo"]] == [["1.E1", "1.E3"], ["1.E2"]]


@pytest.mark.parametrize(
    "reply",
    [
        {"data": secret(["E2"])},
        {"data": secret({"study_uids": ["E2"]})},
        {"data": "", "study_uids": ["E2"]},
        {"data": secret([]), "study_uids": ["E2"]},
    ],
    ids=["a bare list", "an object", "beside an empty data", "beside an empty list"],
)
def test_every_shape_of_the_answer_names_the_missing_exam(reply: dict[str, Any]) -> None:
    assert missing(reply) == ("E2",)


@pytest.mark.parametrize("reply", [{}, {"data": ""}, {"data": None}, {"data": secret([])}, {"data": secret({})}])
def test_an_empty_answer_means_that_nothing_is_missing(reply: dict[str, Any]) -> None:
    assert missing(reply) == ()


def test_base64_in_lines_is_read_too() -> None:
    broken = "\r\n".join(secret(["E1", "E2", "E3"])[at : at + 20] for at in range(0, 200, 20))
    assert missing({"data": broken}) == ("E1", "E2", "E3")


def test_an_exam_is_known_by_either_id_whatever_was_asked() -> None:
    assert missing({"data": secret(["1.E2", " E3 "])}) == ("E2", "E3")
    assert missing({"data": secret(["E1"])}, reconcile_by="study_instance_uid") == ("E1",)


def test_two_exams_of_one_study_are_both_missing_when_the_study_is() -> None:
    twins = (a_sent("E1", study_instance_uids=("1.9",)), a_sent("E2", study_instance_uids=("1.9",)))
    conversation = an_adapter(reconcile_by="study_instance_uid").reconcile(Ours(day=DAY, exams=twins))
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(Reply(data={"data": secret(["1.9"])}))
    assert end.value.value.exam_keys == ("E1", "E2")


def test_an_id_that_was_not_asked_about_is_nobodys() -> None:
    assert missing({"data": secret(["SOMEBODY ELSES"])}) == ()


@pytest.mark.parametrize(
    "data",
    ["not base64!", secret(["E1"])[:-8], base64.b64encode(b"0123456789abcdef").decode(), secret("E1"), secret(7)],
    ids=["no base64", "cut", "another key", "a text", "a number"],
)
def test_an_answer_that_cant_be_read_is_no_answer(data: str) -> None:
    with pytest.raises((RetryLater, WrongKey)):
        missing({"data": data})


def test_the_same_question_has_the_same_digest() -> None:
    assert digest(question(an_adapter()).body) == digest(question(an_adapter()).body)


def test_what_is_sent_can_be_opened_with_the_key_again() -> None:
    body = enveloped(an_adapter().wrap(a_request(), PLAIN.encode(), Stamp(now=NOW)))["data"]
    assert decrypt_ecb(parse_sm4_key(KEY), base64.b64decode(body)).decode() == PLAIN
