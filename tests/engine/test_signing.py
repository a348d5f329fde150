"""电子签名 through the face: a report waits for its doctor, is signed on the phone, stamped, checked, and may go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.catalogue.load import load_region
from app.domain.job import Event
from app.errors import AgentError, NeedsOperator, RetryLater
from app.regions.conversation import SignJob, SignOrder
from app.signing import sessions
from app.signing.checks import Signed, check_signed
from app.system.paths import Home
from tests.engine.desk import REGION
from tests.engine.sign_desk import LIU, STAFF, YANG, SignDesk, a_sign_desk, cut
from tests.engine.test_signing_import import signed as imported

Json = dict[str, Any]
SIGNED_FIELDS = ("CAData", "ClientCert", "SignType", "SignValue", "Timestampvalue")


@pytest.fixture
def desk(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignDesk]:
    with a_sign_desk(home, tmp_path, monkeypatch) as made:
        yield made


def fault(act: Callable[[], object]) -> AgentError:
    with pytest.raises(AgentError) as raised:
        act()
    return raised.value


def states(desk: SignDesk, uid: str) -> dict[str, str]:
    return {job.part.value: job.state.value for job in desk.jobs(uid)}


# -- what waits -------------------------------------------------------------------------------------------------------


def test_only_the_report_waits_for_its_doctor(desk: SignDesk) -> None:
    uid = desk.submitted()
    assert states(desk, uid) == {"exam": "queued", "report": "to_sign", "images": "queued"}
    assert desk.state(uid) == "to_sign"
    (group,) = desk.engine.signing()["waiting"]
    assert group["doctor"] == {"name": LIU, "signer_id": STAFF[0]["mssp_id"], "known": True}
    (row,) = group["reports"]
    assert (row["state"], row["job_state"], row["uid"]) == ("next", "to_sign", uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert states(desk, uid) == {"exam": "acknowledged", "report": "to_sign", "images": "acknowledged"}
    assert desk.engine.jobs("attention")["total"] == 1, "somebody has to act"
    (platform,) = desk.engine.health()["destinations"]
    assert platform["sentence"] == "今天还没有一例传全", "records and images alone are no whole exam"


def test_one_row_says_how_many_reports_wait_for_whom(desk: SignDesk) -> None:
    desk.submitted()
    desk.submitted()
    (need,) = desk.needs()
    assert (need["title"], need["action"]) == (f"2 份报告等 {LIU} 医生 签名", "sign")
    other = desk.submitted(audit_doctor_name="王新")
    (need,) = desk.needs()
    assert need["title"] == f"3 份报告等 {LIU} 等 2 位医生 签名"
    assert "王新 医生还没有签名平台编号" in need["why"]
    assert not next(one for one in desk.rows() if one["uid"] == other)["doctor"]["known"]


def test_a_doctor_without_a_number_is_asked_for_in_the_settings(desk: SignDesk) -> None:
    uid = desk.submitted(audit_doctor_name="王新")
    refused = fault(lambda: desk.code(uid))
    assert isinstance(refused, NeedsOperator) and refused.page == "signing"
    assert "设置 › 医生名单" in refused.advice and desk.wire.asked == []


def test_a_report_too_long_to_be_signed_is_refused_before_it_waits(desk: SignDesk) -> None:
    uid = desk.ready()
    desk.fill(uid, findings="长" * 5001)
    refused = fault(lambda: desk.engine.submit(uid))
    assert isinstance(refused, NeedsOperator) and refused.fields == ("findings",)
    assert "5000" in refused.advice


# -- the code ---------------------------------------------------------------------------------------------------------


def test_a_code_says_who_signs_what(desk: SignDesk) -> None:
    uid, other = desk.submitted(), desk.submitted()
    code = desk.code(uid)
    ((_, asked),) = desk.wire.asked
    assert (asked["userId"], asked["dataType"], asked["expiryDate"]) == (STAFF[0]["mssp_id"], "DATA", "1440")
    assert code["seconds_left"] == 24 * 3600
    assert code["place"] == "第 1 份，共 2 份"
    assert code["doctor"]["name"] == LIU
    assert f"审核医师姓名：{LIU}" in code["text"]
    assert {"label": "诊断结论", "value": "胸部CT平扫未见明显异常。"} in code["lines"]
    assert len(code["digest"]) == 64 and len(code["modules"]) == len(code["modules"][0])
    assert desk.row(uid)["state"] == "waiting" and desk.row(other)["state"] == "next"


def test_the_code_that_is_out_is_shown_again_until_a_new_one_is_wanted(desk: SignDesk) -> None:
    uid = desk.submitted()
    first, again = desk.code(uid), desk.code(uid)
    assert first["qr_text"] == again["qr_text"] and desk.wire.steps("sign") == ["sign"]
    renewed = desk.engine.renew_code(desk.row(uid)["session"])
    assert renewed["qr_text"] != first["qr_text"]


def test_an_expired_code_says_so_and_is_renewed_by_itself_when_somebody_looks(desk: SignDesk) -> None:
    uid = desk.submitted()
    first = desk.code(uid)
    desk.polls(24 * 3600 + 1)
    assert desk.row(uid)["state"] == "expired"
    assert desk.code(uid)["qr_text"] != first["qr_text"] and desk.row(uid)["state"] == "waiting"


def test_a_signature_under_the_earlier_code_is_not_lost_by_renewing(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    again = desk.engine.renew_code(desk.row(uid)["session"])
    assert again["row"]["state"] == "timestamping" and desk.wire.steps("sign") == ["sign"]
    desk.polls()
    assert desk.report_job(uid).state.value == "queued"


def test_a_signature_that_comes_while_a_new_code_is_asked_for_is_kept(
    desk: SignDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = desk.submitted()
    first = desk.code(uid)
    service = desk.engine._life.signing._sessions["main"]._service
    sign = service.sign

    def slowly(order: SignOrder) -> SignJob:
        desk.phone(first)
        desk.wire.spoil("bad_token", "text")
        desk.polls()
        return sign(order)

    monkeypatch.setattr(service, "sign", slowly)
    renewed = desk.engine.renew_code(first["session"])
    assert (renewed["row"]["state"], renewed["qr_text"], renewed["modules"]) == ("timestamping", "", [])
    desk.wire.fault = None
    desk.polls(120)
    assert desk.report_job(uid).state.value == "queued"


def test_a_line_cut_after_the_codes_end_does_not_lose_what_was_signed_in_time(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    desk.wire.dead = cut()
    desk.polls(26 * 3600)
    assert desk.row(uid)["state"] == "waiting" and desk.row(uid)["trouble"]
    desk.wire.dead = None
    desk.polls(60)
    assert desk.report_job(uid).state.value == "queued"


def test_an_expired_code_is_asked_about_once_more_before_there_is_a_new_one(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    desk.wire.instead = json.dumps({"status": 4001, "message": "参数错误"}).encode()
    desk.polls(26 * 3600)
    assert desk.row(uid)["state"] == "expired", "the service said no, and not that it was signed"
    desk.wire.instead = None
    assert desk.code(uid)["qr_text"] == "" and desk.wire.steps("sign") == ["sign"]
    desk.polls()
    assert desk.report_job(uid).state.value == "queued"


def test_a_dead_line_gives_no_code_and_says_so(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.wire.dead = cut()
    assert isinstance(fault(lambda: desk.code(uid)), RetryLater)
    assert desk.row(uid)["state"] == "next"
    desk.wire.dead = None
    assert desk.code(uid)["qr_text"]


# -- signed -----------------------------------------------------------------------------------------------------------


def test_a_signed_report_may_go_with_all_that_belongs_to_its_signature(desk: SignDesk) -> None:
    uid = desk.submitted()
    code = desk.code(uid)
    desk.phone(code)
    desk.polls()
    job = desk.report_job(uid)
    assert job.state.value == "queued" and not job.unsigned
    sent: Any = job.payload["report"]
    assert all(sent[name] for name in SIGNED_FIELDS)
    assert (sent["CAData"], sent["SignType"]) == (code["text"], 1)
    stamped = next(said for place, said in desk.wire.asked if place == "timestamp")
    assert stamped["oriData"] == sent["CAData"], "the timestamp covers what was signed"
    assert desk.rows() == [] and desk.needs() == []
    (row,) = desk.signed_rows()
    assert (row["state"], row["timestamp_words"], row["job_state"]) == ("finished", "时间戳有效", "queued")
    assert "signed" in desk.notes(uid)
    shown = desk.engine.signature(uid)
    assert shown["certificate"]["subject"] == LIU and shown["sign_type_words"] == "PKCS1"
    assert {one["title"]: one["ok"] for one in shown["checks"]} == {
        "签名人": True, "签名": True, "医师证书": True, "证书链": None, "证书吊销": None, "时间戳": True,
    }  # fmt: skip


def test_it_goes_on_after_a_restart(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    desk.set_up({})
    desk.polls()
    assert desk.report_job(uid).state.value == "queued"


def test_a_signature_is_kept_while_the_timestamp_can_not_be_had(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    desk.wire.spoil("bad_token", "text")
    desk.polls()
    row = desk.row(uid)
    assert row["state"] == "timestamping" and "时间戳" in row["trouble"]["title"]
    assert desk.report_job(uid).state.value == "to_sign"
    desk.set_up({})
    desk.wire.fault = None
    desk.polls(120)
    assert desk.report_job(uid).state.value == "queued" and desk.wire.steps("sign") == ["sign"]


def test_a_signature_that_gets_no_good_timestamp_can_be_given_again(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    desk.wire.spoil("bad_token", "text")
    desk.polls()
    shown = desk.code(uid)
    assert (shown["row"]["state"], shown["qr_text"], shown["blocks"]) == ("timestamping", "", [])
    renewed = desk.engine.renew_code(shown["session"])
    assert renewed["row"]["state"] == "waiting" and renewed["qr_text"]
    desk.wire.fault = None
    desk.signs(uid)
    assert desk.report_job(uid).state.value == "queued"


def test_renewing_first_tries_to_get_the_timestamp_of_what_was_signed(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    desk.wire.spoil("bad_token", "text")
    desk.polls()
    desk.wire.fault = None
    renewed = desk.engine.renew_code(desk.row(uid)["session"])
    assert renewed["row"]["state"] == "finished" and desk.wire.steps("sign") == ["sign"]
    assert desk.report_job(uid).state.value == "queued"


def test_a_clock_that_ran_ahead_and_was_put_back_holds_nothing_up(desk: SignDesk) -> None:
    uid, day = desk.submitted(), 24 * 3600
    desk.clock.pass_(0, wall=day)
    desk.wire.settings.clock.offset_seconds = -day
    desk.phone(desk.code(uid))
    desk.wire.spoil("bad_token", "text")
    desk.polls()
    assert desk.row(uid)["state"] == "timestamping"
    desk.clock.pass_(0, wall=-day)
    desk.wire.settings.clock.offset_seconds = 0
    desk.wire.fault = None
    desk.polls()
    assert desk.report_job(uid).state.value == "queued"


def test_a_code_that_was_made_while_the_clock_ran_ahead_is_asked_about_all_the_same(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.clock.pass_(0, wall=24 * 3600)
    code = desk.code(uid)
    desk.clock.pass_(0, wall=-24 * 3600)
    desk.phone(code)
    desk.polls()
    assert desk.report_job(uid).state.value == "queued"


def test_an_answer_of_the_check_that_says_nothing_of_the_signature_does_not_cost_it(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_sign_desk(home, tmp_path, monkeypatch, verify_at_platform=True) as desk:
        uid = desk.submitted()
        desk.phone(desk.code(uid))
        for body in ({"status": 4001, "message": "参数错误"}, {"hello": 1}):
            with monkeypatch.context() as patch:
                patch.setattr(desk.wire.verification, "keep", lambda *_, body=body: SimpleNamespace(body=body))
                desk.polls(120)
            row = desk.row(uid)
            assert row["state"] == "timestamping" and row["trouble"], body
        desk.polls(120)
        assert desk.report_job(uid).state.value == "queued" and desk.wire.steps("sign") == ["sign"]


@pytest.mark.warns
def test_a_bug_in_one_session_holds_up_no_other(desk: SignDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = desk.submitted(findings="左肺下叶见斑片影。"), desk.submitted()
    for uid in (first, second):
        desk.phone(desk.code(uid))

    def check(text: bytes, *given: Any, **more: Any) -> Signed:
        assert "左肺下叶" not in text.decode()
        return check_signed(text, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "check_signed", check)
        desk.polls()
    assert desk.report_job(second).state.value == "queued"
    row = desk.row(first)
    assert row["state"] == "waiting" and "诊断包" in row["trouble"]["advice"]
    desk.polls(120)
    assert desk.report_job(first).state.value == "queued"


@pytest.mark.parametrize("spoilt", ["tampered", "text", "expired", "early", "nonsense"])
def test_a_timestamp_that_does_not_hold_is_never_sent(desk: SignDesk, spoilt: str) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    desk.wire.spoil("bad_token", spoilt)
    desk.polls()
    assert desk.row(uid)["trouble"]["title"].startswith("时间戳")
    assert desk.report_job(uid).state.value == "to_sign"


def test_polling_is_gentle(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.code(uid)
    for _ in range(60):
        desk.polls(1)
    looked_at = len(desk.wire.steps("sign_result"))
    assert 15 <= looked_at <= 30, "somebody looks at it"
    for _ in range(120):
        desk.polls(60)
    assert 100 <= len(desk.wire.steps("sign_result")) - looked_at <= 120


# -- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("other", f"签名的不是{LIU}医生"),
        ("refuse", "这次没有签成"),
        ("tampered", "签名和签名原文对不上"),
        ("wrong_certificate", "签名和签名原文对不上"),
        ("expired_certificate", "医师证书已过有效期"),
    ],
)
def test_what_does_not_hold_is_refused_in_words_and_can_be_signed_again(
    desk: SignDesk, how: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    uid = desk.submitted()
    desk.signs(uid, how)
    row = desk.row(uid)
    assert f"session {row['session']} is not used" in caplog.text and LIU not in caplog.text
    assert (row["state"], row["trouble"]["title"]) == ("refused", words)
    assert desk.report_job(uid).state.value == "to_sign" and "timestamp" not in desk.wire.steps()
    desk.signs(uid)
    assert desk.report_job(uid).state.value == "queued"


def test_another_certificate_than_the_doctors_first_is_refused(desk: SignDesk) -> None:
    first, second = desk.submitted(), desk.submitted()
    desk.signs(first)
    desk.signs(second, "untrusted_certificate")
    assert desk.row(second)["trouble"]["title"] == f"签名的证书不是{LIU}医生原来的那张"


def test_an_answer_that_is_not_the_services_own_changes_nothing(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.phone(desk.code(uid))
    desk.wire.spoil("wrong_hmac")
    desk.polls()
    row = desk.row(uid)
    assert row["state"] == "waiting" and row["trouble"]["title"] == "签名结果不是签名服务给的"
    desk.wire.fault = None
    desk.polls(60)
    assert desk.report_job(uid).state.value == "queued"


@pytest.mark.warns
def test_what_somebody_else_puts_on_the_line_signs_nothing(desk: SignDesk, caplog: pytest.LogCaptureFixture) -> None:
    """A page of a proxy, bytes, and the good answer about another report, as it is and renamed."""
    first, second = desk.submitted(), desk.submitted(findings="左肺下叶见斑片影。")
    desk.signs(first)
    old = desk.wire.results[-1]
    code = desk.code(second)
    assert code["qr_text"]
    for body in (b"<html>502 Bad Gateway</html>", b"\xff" * 100, b"[" * 100_000, b"{}", json.dumps(old).encode()):
        desk.wire.instead = body
        desk.polls(120)
        assert desk.row(second)["state"] == "waiting", body[:40]
    assert desk.row(second)["trouble"]["title"] == "签名结果不是签名服务给的"
    job = desk.wire.results[-1]["data"]["signDataId"]
    desk.wire.instead = json.dumps(old).replace(old["data"]["signDataId"], job).encode()
    desk.polls(120)  # the document's hmac does not cover which job it is; the signature itself does
    assert (desk.row(second)["state"], desk.row(second)["trouble"]["title"]) == ("refused", "签名和签名原文对不上")
    assert desk.report_job(second).state.value == "to_sign"
    assert "左肺下叶" not in caplog.text and old["data"]["signResult"] not in caplog.text


@pytest.mark.parametrize(
    ("how", "words"),
    [("untrusted_certificate", "医师证书不是机构信任的 CA 发的"), ("revoked_certificate", "医师证书已被吊销")],
)
def test_with_the_roots_of_the_ca_strangers_and_the_revoked_are_refused(
    desk: SignDesk, tmp_path: Path, how: str, words: str
) -> None:
    uid = desk.submitted()
    code = desk.code(uid)
    desk.phone(code, how)
    desk.trust(tmp_path, lists=True)
    desk.polls()
    assert desk.row(uid)["trouble"]["title"] == words


def test_with_roots_a_good_signature_shows_its_chain(desk: SignDesk, tmp_path: Path) -> None:
    desk.trust(tmp_path, lists=True)
    uid = desk.submitted()
    desk.signs(uid)
    checks = {one["title"]: one["ok"] for one in desk.engine.signature(uid)["checks"]}
    assert (checks["证书链"], checks["证书吊销"]) == (True, True)
    assert desk.report_job(uid).state.value == "queued"


def test_a_revocation_list_out_of_reach_warns_and_holds_nothing_up(desk: SignDesk, tmp_path: Path) -> None:
    desk.trust(tmp_path)
    uid = desk.submitted()
    desk.signs(uid)
    check = next(one for one in desk.engine.signature(uid)["checks"] if one["title"] == "证书吊销")
    assert check["ok"] is None and check["words"].startswith("没有核对")
    assert desk.report_job(uid).state.value == "queued"


# -- one after the other ----------------------------------------------------------------------------------------------


def test_reports_queue_up_per_doctor_and_a_doctor_who_is_away_goes_last(desk: SignDesk) -> None:
    first, second = desk.submitted(), desk.submitted()
    other = desk.submitted(audit_doctor_name=YANG)
    groups = {group["doctor"]["name"]: [one["uid"] for one in group["reports"]] for group in
              desk.engine.signing()["waiting"]}  # fmt: skip
    assert groups == {LIU: [first, second], YANG: [other]}
    assert desk.engine.postpone_signing(desk.row(first)["session"]) == {"postponed": 2}
    assert [one["state"] for one in desk.rows()] == ["next", "postponed", "postponed"]
    assert desk.needs()[0]["title"] == f"1 份报告等 {YANG} 医生 签名"
    desk.code(first)
    assert desk.row(first)["state"] == "waiting" and desk.row(second)["state"] == "postponed"


def test_several_are_signed_under_the_phones_own_list(desk: SignDesk) -> None:
    uids = [desk.submitted() for _ in range(3)]
    for uid in uids:
        desk.code(uid)
    for _ in uids:
        desk.phone(doctor=LIU)
    desk.polls()
    assert [desk.report_job(uid).state.value for uid in uids] == ["queued"] * 3


def test_a_cancelled_report_is_waited_for_no_more(desk: SignDesk) -> None:
    uid = desk.submitted()
    session = desk.row(uid)["session"]
    desk.engine.cancel(uid)
    assert desk.rows() == [] and desk.needs() == []
    assert "不用签了" in fault(lambda: desk.engine.sign_code(session)).title
    desk.engine.submit(uid)
    assert desk.row(uid)["session"] == session, "nothing of it changed"


def test_what_is_signed_of_a_held_report_counts_when_it_is_released(desk: SignDesk) -> None:
    uid = desk.submitted()
    code = desk.code(uid)
    desk.engine.hold(uid)
    assert desk.rows() == []
    desk.phone(code)
    desk.polls()
    assert (desk.report_job(uid).state.value, desk.report_job(uid).unsigned) == ("paused", True)
    desk.engine.release(uid)
    assert desk.report_job(uid).state.value == "to_sign", "never sent unsigned"
    desk.polls()
    assert desk.report_job(uid).state.value == "queued" and desk.wire.steps("sign") == ["sign"]


def test_a_signed_report_that_is_held_stays_held_with_its_signature(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.engine.hold(uid)
    desk.engine.import_signed(uid, 0, imported(desk))
    assert (desk.report_job(uid).state.value, desk.report_job(uid).unsigned) == ("paused", False)
    desk.engine.release(uid)
    assert desk.report_job(uid).state.value == "queued"


def test_a_report_that_was_taken_back_says_so_among_the_signed(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.signs(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert [row["job_words"] for row in desk.signed_rows()] == ["平台已接收"]
    desk.engine.withdraw(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert desk.report_job(uid).withdraws
    assert [(row["job_state"], row["job_words"]) for row in desk.signed_rows()] == [("withdrawn", "已撤回")]


# -- changed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [False, True])
def test_a_changed_value_that_was_signed_voids_the_signature(desk: SignDesk, sent: bool) -> None:
    uid = desk.submitted()
    desk.signs(uid)
    if sent:
        desk.platform_says(uid, Event.ACKNOWLEDGED)
    desk.fill(uid, conclusion="右肺上叶结节。")
    assert desk.report_job(uid).state.value == ("acknowledged" if sent else "to_sign"), "unsent it is void at once"
    desk.engine.submit(uid)
    job = desk.report_job(uid)
    assert (job.state.value, job.version) == ("to_sign", 2 if sent else 1)
    assert "SignValue" not in job.payload["report"]  # type: ignore[operator]
    assert "signature_voided" in desk.notes(uid) and desk.signed_rows() == []
    desk.signs(uid)
    assert desk.report_job(uid).state.value == "queued"


def test_a_changed_report_is_void_on_the_page_before_it_is_submitted_again(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.signs(uid)
    desk.fill(uid, conclusion="右肺上叶结节。")
    job = desk.report_job(uid)
    assert (job.state.value, job.unsigned) == ("to_sign", True), "never sent under the old signature"
    assert not set(SIGNED_FIELDS) & set(job.payload["report"])  # type: ignore[call-overload]
    row = desk.row(uid)
    assert (row["state"], row["state_words"]) == ("void", "要重新签") and "先提交上传" in row["trouble"]["advice"]
    assert "signature_voided" in desk.notes(uid) and desk.signed_rows() == []
    assert desk.needs() == [], "it waits for whoever changed it, not for the doctor"
    assert "还没有提交" in fault(lambda: desk.engine.sign_code(row["session"])).title
    desk.engine.submit(uid)
    assert [one["state"] for one in desk.rows()] == ["next"]
    desk.signs(uid)
    assert desk.report_job(uid).state.value == "queued" and desk.rows() == []


def test_a_report_changed_back_waits_for_its_doctor_again(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.signs(uid)
    desk.fill(uid, conclusion="右肺上叶结节。")
    desk.fill(uid)
    assert desk.row(uid)["state"] == "next"
    desk.signs(uid)
    assert desk.report_job(uid).state.value == "queued"


def test_a_held_report_that_was_changed_goes_by_its_form_and_never_unsigned(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.signs(uid)
    desk.platform_says(uid, Event.HELD, "report")
    desk.fill(uid, conclusion="右肺上叶结节。")
    assert (desk.report_job(uid).state.value, desk.report_job(uid).unsigned) == ("held", True)
    desk.engine.resend(uid)
    assert desk.report_job(uid).state.value == "to_sign"


@pytest.mark.parametrize("sent", [False, True])
def test_a_change_of_anything_else_keeps_the_signature(desk: SignDesk, sent: bool) -> None:
    uid = desk.submitted()
    desk.signs(uid)
    value: Any = desk.report_job(uid).payload["report"]
    if sent:
        desk.platform_says(uid, Event.ACKNOWLEDGED)
    desk.fill(uid, remark="复印一份")
    desk.engine.submit(uid)
    job = desk.report_job(uid)
    changed: Any = job.payload["report"]
    assert (job.state.value, job.version) == ("queued", 2 if sent else 1)
    assert changed["SignValue"] == value["SignValue"] and changed["remark"] == "复印一份"
    assert "signature_voided" not in desk.notes(uid)


def test_a_change_while_the_code_is_out_asks_for_another_signature(desk: SignDesk) -> None:
    uid = desk.submitted()
    code = desk.code(uid)
    desk.fill(uid, conclusion="右肺上叶结节。")
    desk.engine.submit(uid)
    desk.phone(code)
    desk.polls()
    assert desk.report_job(uid).state.value == "to_sign", "signed was another text"
    assert desk.row(uid)["state"] == "next"
    assert "右肺上叶结节" in desk.code(uid)["text"]


def test_nothing_is_submitted_twice_for_being_signed(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.signs(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert desk.state(uid) == "acknowledged"
    assert desk.engine.submit(uid)["jobs"] == 0


def test_a_clinic_that_no_longer_has_to_sign_sends_what_waits(desk: SignDesk) -> None:
    uid = desk.submitted()
    options = desk.engine.house.settings.destinations[0].options | {"demand_signature": False}
    destination = {"name": "main", "region": REGION, "base_url": "http://127.0.0.1:9/", "options": options}
    desk.set_up({"destination": [destination]})
    desk.engine.submit(uid)
    assert desk.report_job(uid).state.value == "queued" and desk.rows() == []


def test_every_change_is_told_to_the_page(desk: SignDesk) -> None:
    uid = desk.submitted()
    session = desk.row(uid)["session"]
    desk.events.clear()
    desk.signs(uid)
    told = [event for event in desk.events if event["event"] == "signing_changed"]
    assert told and all(event["session"] == session and event["exam_key"] == desk.key(uid) for event in told)


def test_the_region_says_what_is_signed(desk: SignDesk) -> None:
    assert load_region(REGION).options["signature"]["text"][0] == "report_id"


def test_while_no_program_runs_whoever_looks_asks(desk: SignDesk) -> None:
    uid = desk.submitted()
    code = desk.code(uid)
    desk.phone(code)
    desk.clock.pass_(3)
    assert desk.engine.sign_code(code["session"])["row"]["state"] == "finished"
    assert desk.report_job(uid).state.value == "queued"


# -- whose signature it is --------------------------------------------------------------------------------------------


def test_a_code_of_another_doctor_does_not_win_over_the_name(desk: SignDesk) -> None:
    uid = desk.submitted(audit_doctor_code="D002")
    assert desk.row(uid)["doctor"] == {"name": LIU, "signer_id": STAFF[0]["mssp_id"], "known": True}


def test_another_doctor_than_the_one_named_is_refused_whatever_the_staff_list_says(desk: SignDesk) -> None:
    desk.set_up({"signing": {"staff": [{"name": LIU, "code": "D001", "mssp_id": STAFF[1]["mssp_id"]}]}})
    uid = desk.submitted()
    desk.signs(uid)
    row = desk.row(uid)
    assert (row["state"], row["trouble"]["title"]) == ("refused", f"签名的不是审核医师{LIU}")
    assert states(desk, uid)["report"] == "to_sign" and desk.signed_rows() == []


def test_a_signature_counts_for_its_doctor_alone(desk: SignDesk) -> None:
    """The code is no part of the signed text."""
    uid = desk.submitted(audit_doctor_code="D001")
    desk.signs(uid)
    desk.fill(uid, audit_doctor_code="D009")
    desk.engine.submit(uid)
    assert states(desk, uid)["report"] == "to_sign" and desk.signed_rows() == []
    assert "SignValue" not in desk.report_job(uid).payload["report"]  # type: ignore[operator]
    desk.signs(uid)
    assert states(desk, uid)["report"] == "queued" and len(desk.signed_rows()) == 1
