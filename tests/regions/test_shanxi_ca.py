"""Shanxi's chapter of signatures, against the printed samples (四(二)4) and digests worked out here by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalogue.codes import load_codes
from app.catalogue.load import load_region
from app.delivery.verdict import Judge
from app.domain.verdict import Verdict
from app.errors import AgentError, NeedsOperator, Rejected, RetryLater
from app.regions.adapters import ADAPTERS
from app.regions.conversation import (
    FileRef,
    HttpRequest,
    Reply,
    Request,
    SignAnswer,
    SignedText,
    SignOrder,
    SignState,
    Stamp,
    StampFound,
)
from app.regions.shanxi import Shanxi
from app.regions.shanxi_ca import in_order
from tests.delivery.stage import an_http_reply

R = TypeVar("R")
REGION = load_region("shanxi")
CODE, APP = "安全码 secure-code", "APP_0157E810F6894BEEB4DEC70331720557"
DOCTOR = "548a43ae04f109a2c8c812c95673579a03afd8512d7fc85f9abdc9de7066b2af"
NOW = datetime(2026, 11, 21, 4, 0, 0, 987654, tzinfo=UTC)
NONCE = "d57abf092e614d91838a74f07cc6e399"
TEXT = "检查所见：双肺纹理清晰。\n诊断：未见异常&=?"
QR = json.dumps(
    {"id": "APP_E3", "sUrl": "https://example.invalid/coss/mobile/v1/getServiceInfo", "o": "KHE0", "cv": "2.0"}
)


def an_adapter(secure_code: str = CODE, **options: Any) -> Shanxi:
    given = {"hospital_code": "12140000MB0000000X", "ca_app_id": APP, "verify_at_platform": True, **options}
    made = ADAPTERS["shanxi"](REGION, given, {"sm4_key": "0" * 32, "secure_code": secure_code})
    assert isinstance(made, Shanxi)
    return made


def an_order(**more: Any) -> SignOrder:
    given: dict[str, Any] = {
        "text": TEXT.encode(),
        "title": "测试签名",
        "description": "签名数据描述信息",
        "signer_id": DOCTOR,
        "minutes": 1440,
    }
    return SignOrder(**given | more)


def asked(conversation: Generator[Request, Reply, Any]) -> HttpRequest:
    request = next(conversation)
    assert isinstance(request, HttpRequest) and request.fresh, "nothing of this chapter is ever replayed"
    return request


def answered(conversation: Generator[Request, Reply, R], data: Mapping[str, Any]) -> R:
    """What it returns after this accepted answer."""
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(Reply(data={"status": 200, "message": "SUCCESS", "data": data}))
    result: R = end.value.value
    return result


def on_the_wire(request: HttpRequest, adapter: Shanxi | None = None) -> dict[str, Any]:
    wired = (adapter or an_adapter()).wrap(request, json.dumps(request.body).encode(), Stamp(now=NOW, nonce=NONCE))
    assert wired.headers == {"Content-Type": "application/json;charset=UTF-8"}, "no envelope, no encryption"
    said: dict[str, Any] = json.loads(wired.body)
    return said


def mac(text: str, code: str = CODE) -> str:
    return base64.b64encode(hmac.new(code.encode(), text.encode(), hashlib.sha256).digest()).decode()


def judged(rule: str, body: Mapping[str, Any]) -> tuple[Verdict, str]:
    judge = Judge(load_codes("shanxi"), REGION.options["replies"])
    found, _ = judge.http(an_http_reply(dict(body)), rule, "sign")
    return found.verdict, found.trouble.title


# -- the signature of a request, 4(4)3 --------------------------------------------------------------------------------


def test_the_printed_sample_is_put_in_the_order_of_its_names() -> None:
    """4(4)5: appId before algo (capitals first), without the signature; nothing is encoded."""
    sample = {
        "version": "1.0",
        "appId": APP,
        "signAlgo": "HMAC",
        "userId": DOCTOR,
        "title": "测试签名",
        "dataType": "DATA",
        "algo": "SM3withSM2",
        "description": "签名数据描述信息",
        "expiryDate": "1440",
        "data": "562+5ZCN5rWL6K+V5pWw5o2u",
        "requireQrCode": "N",
        "signature": "CGLj1xQgXuewoKUs1CK61KyL2EjwsazsIin8ae7K0Mw=",
    }
    assert in_order(sample, without="signature") == (
        f"algo=SM3withSM2&appId={APP}&data=562+5ZCN5rWL6K+V5pWw5o2u&dataType=DATA&description=签名数据描述信息"
        f"&expiryDate=1440&requireQrCode=N&signAlgo=HMAC&title=测试签名&userId={DOCTOR}&version=1.0"
    )


def test_capitals_come_first_empty_values_are_left_out_and_truth_is_written_small() -> None:
    given = {"b": "1", "B": "2", "a": "", "c": None, "verifyCert": True, "n": 0, "signature": "x"}
    assert in_order(given, without="signature") == "B=2&b=1&n=0&verifyCert=true"


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8)))
def test_no_order_of_writing_changes_what_is_signed(given: dict[str, str]) -> None:
    turned = dict(reversed(given.items()))
    assert in_order(given, without="signature") == in_order(turned, without="signature")


def test_a_request_carries_the_common_parameters_and_its_hmac() -> None:
    said = on_the_wire(asked(an_adapter().sign(an_order())))
    data = base64.b64encode(TEXT.encode()).decode()
    assert said == {
        "transId": NONCE,
        "version": "1.0",
        "appId": APP,
        "signAlgo": "HMAC",
        "userId": DOCTOR,
        "title": "测试签名",
        "dataType": "DATA",
        "algo": "SM3withSM2",
        "description": "签名数据描述信息",
        "expiryDate": "1440",
        "data": data,
        "requireQrCode": "N",
        "signature": mac(
            f"algo=SM3withSM2&appId={APP}&data={data}&dataType=DATA&description=签名数据描述信息&expiryDate=1440"
            f"&requireQrCode=N&signAlgo=HMAC&title=测试签名&transId={NONCE}&userId={DOCTOR}&version=1.0"
        ),
    }


def test_how_the_algorithm_is_written_and_named_fields_can_be_set() -> None:
    adapter = an_adapter(sign_algo="HmacSHA256", ca_device_id="GW1", ca_names={"title": "Title"})
    said = on_the_wire(asked(adapter.sign(an_order())), adapter)
    assert (said["signAlgo"], said["deviceId"], said["Title"]) == ("HmacSHA256", "GW1", "测试签名")
    assert said["signature"] == mac(in_order(said, without="signature"))


def test_no_two_requests_have_the_same_number() -> None:
    request = asked(an_adapter().sign(an_order()))
    assert request.base == "ca" and "transId" not in request.body, "it is given at the moment of sending"


# -- a sign job, 4(4)5 ------------------------------------------------------------------------------------------------


def test_a_job_is_for_its_doctor_and_may_name_another_who_signs() -> None:
    body = asked(an_adapter().sign(an_order(authorised_id="other", notes="报告 7", kind="HASH"))).body
    assert (body["userId"], body["authorizedUserId"], body["notes"], body["dataType"]) == (
        DOCTOR, "other", "报告 7", "HASH",
    )  # fmt: skip


@pytest.mark.parametrize(("minutes", "sent"), [(0, "1"), (1, "1"), (4320, "4320"), (9999, "4320")])
def test_a_code_is_valid_as_long_as_the_document_allows(minutes: int, sent: str) -> None:
    assert asked(an_adapter().sign(an_order(minutes=minutes))).body["expiryDate"] == sent


def test_title_and_description_keep_to_their_lengths_and_the_text_is_never_cut() -> None:
    body = asked(an_adapter().sign(an_order(title="题" * 101, description="述" * 5000, text=b"x" * 9000))).body
    assert (len(body["title"]), len(body["description"]), len(base64.b64decode(body["data"]))) == (100, 4096, 9000)


def test_the_code_is_what_the_service_said_or_its_field_o() -> None:
    told = {"signDataId": "SD_1", "qrCode": QR}
    whole = answered(an_adapter().sign(an_order()), told)
    assert (whole.sign_data_id, whole.qr_text, whole.qr_picture) == ("SD_1", QR, b"")
    assert answered(an_adapter(qr_content="short").sign(an_order()), told).qr_text == "KHE0"
    assert answered(an_adapter(qr_content="short").sign(an_order()), told | {"qrCode": "KHE1"}).qr_text == "KHE1"


@pytest.mark.parametrize("before", ["", "data:image/png;base64,"])
def test_a_code_that_is_a_picture_is_one(before: str) -> None:
    picture = b"\x89PNG\r\n\x1a\n and more"
    conversation = an_adapter(qr_code="picture").sign(an_order())
    made = answered(conversation, {"signDataId": "SD_1", "qrCode": before + base64.b64encode(picture).decode()})
    assert (made.qr_text, made.qr_picture) == ("", picture)
    assert asked(an_adapter(qr_code="picture").sign(an_order())).body["requireQrCode"] == "Y"


@pytest.mark.parametrize("told", [{}, {"signDataId": "SD_1"}, {"qrCode": QR}, {"signDataId": "SD_1", "qrCode": None}])
def test_a_job_without_a_number_or_a_code_is_none(told: dict[str, Any]) -> None:
    with pytest.raises(RetryLater):
        answered(an_adapter().sign(an_order()), told)


# -- its result, 4(4)6 ------------------------------------------------------------------------------------------------


def a_result(code: str = CODE, **changes: Any) -> dict[str, Any]:
    told = {
        "signDataId": "SD_1",
        "signResult": "MEQC\r\nIBnx",
        "signCert": "MIID\nCTCC",
        "jobStatus": "FINISH",
        "msspId": DOCTOR,
        "ext": "20221209102806",
        "result": "true",
        "appId": APP,
        "userId": DOCTOR,
    } | changes
    over = f"appId={told['appId']}&ext={told['ext']}&result={told['result']}&userId={told['userId']}"
    return {"hmac": mac(over, code), **told}


def result(told: Mapping[str, Any]) -> SignAnswer:
    return answered(an_adapter().signed("SD_1"), told)


def test_a_poll_asks_for_its_job_alone() -> None:
    said = on_the_wire(asked(an_adapter().signed("SD_1")))
    assert (said["signDataId"], said["signature"]) == ("SD_1", mac(in_order(said, without="signature")))


@pytest.mark.parametrize(("status", "state"), [("UNSIGN", SignState.UNSIGNED), ("EXPIRE", SignState.EXPIRED)])
def test_before_it_is_signed_there_is_nothing_to_believe(status: str, state: SignState) -> None:
    assert result({"signDataId": "SD_1", "jobStatus": status}) == SignAnswer(state=state)


def test_a_finished_job_brings_signature_certificate_and_who_signed_when() -> None:
    assert result(a_result()) == SignAnswer(
        state=SignState.FINISHED,
        sign_value="MEQCIBnx",
        certificate="MIIDCTCC",
        signer_id=DOCTOR,
        signed_at_text="20221209102806",
    )


def test_names_in_any_letter_case_are_understood() -> None:
    assert result({name.upper(): value for name, value in a_result().items()}).state is SignState.FINISHED


def test_a_truth_value_is_as_good_as_its_word() -> None:
    assert result(a_result() | {"result": True}).state is SignState.FINISHED


def test_a_job_that_ended_without_a_signature_says_so() -> None:
    assert result(a_result(result="false")) == SignAnswer(state=SignState.FAILED)


@pytest.mark.parametrize(
    "told",
    [
        a_result() | {"hmac": ""},
        a_result() | {"hmac": None},
        a_result() | {"hmac": "P2aryD50SMWRw2mS5gJxqsihL+0VJQzArBBDmYVIWDs="},
        a_result() | {"hmac": "签"},
        a_result(code="another"),
        a_result(result="false") | {"result": "true"},
        a_result() | {"userId": "another"},
        a_result() | {"ext": "20221209102807"},
        a_result() | {"appId": "another"},
        a_result(msspId="another"),
        a_result(signDataId="SD_2"),
    ],
    ids=["none", "null", "printed", "no ascii", "code", "result", "user", "time", "app", "two doctors", "another job"],
)
def test_a_result_that_is_not_the_service_s_own_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="不是签名服务给的"):
        result(told)


@pytest.mark.parametrize("lacking", ["signResult", "signCert"])
def test_a_finished_job_that_lacks_something_is_asked_again(lacking: str) -> None:
    with pytest.raises(RetryLater):
        result(a_result() | {lacking: ""})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(a_result())), st.none() | st.booleans() | st.text(max_size=9)))
def test_whatever_comes_is_an_answer_or_an_error_of_ours(changes: dict[str, Any]) -> None:
    told = a_result() | changes
    if told["jobStatus"] not in ("UNSIGN", "FINISH", "EXPIRE"):
        return  # the driver lets no other pass
    try:
        answer = result(told)
    except AgentError:
        return
    assert answer.state is not SignState.FINISHED or {"signResult", "signCert"}.isdisjoint(changes) or answer.sign_value


# -- timestamps and checks, 4(4)7 and 4(5) ----------------------------------------------------------------------------


def test_a_timestamp_is_over_the_text_itself() -> None:
    said = on_the_wire(asked(an_adapter().timestamp(TEXT.encode())))
    assert (said["oriData"], said["attachCert"]) == (TEXT, "true")
    assert said["signature"] == mac(
        f"appId={APP}&attachCert=true&oriData={TEXT}&signAlgo=HMAC&transId={NONCE}&version=1.0"
    )
    assert answered(an_adapter().timestamp(b"test"), {"tsResp": "MIIG\nkAYJ"}) == "MIIGkAYJ"
    with pytest.raises(RetryLater):
        answered(an_adapter().timestamp(b"test"), {"tsResp": ""})


def a_signed(sign_type: str = "1") -> SignedText:
    return SignedText(text=TEXT.encode(), sign_type=sign_type, sign_value="MEQC", certificate="MIID", tsa_token="MIIG")


def test_each_signature_is_checked_where_its_type_belongs() -> None:
    pkcs1, pkcs7 = asked(an_adapter().verify(a_signed("1"))), asked(an_adapter().verify(a_signed("2")))
    assert (pkcs1.path, pkcs1.base) == ("/dsvs/v1/pkcs1/verifyDataSign", "verify")
    assert pkcs1.body == {
        "oriData": TEXT,
        "signValue": "MEQC",
        "signAlgIdentifier": "SM3WithSM2",
        "base64Cert": "MIID",
        "verifyCert": True,
    }
    assert (pkcs7.path, pkcs7.body) == ("/dsvs/v1/pkcs7/verifyDataSign", {"oriData": TEXT, "signValue": "MEQC"})
    with pytest.raises(NeedsOperator):
        next(an_adapter().verify(a_signed("9")))


def test_a_truth_value_goes_as_one_and_is_signed_as_a_word() -> None:
    said = on_the_wire(asked(an_adapter().verify(a_signed())))
    assert said["verifyCert"] is True
    assert "&verifyCert=true&" in in_order(said, without="signature")
    assert said["signature"] == mac(in_order(said, without="signature"))


def test_a_clinic_without_a_secure_code_asks_unsigned() -> None:
    adapter = an_adapter(secure_code="")
    assert "signature" not in on_the_wire(asked(adapter.verify(a_signed())), adapter)


def test_a_timestamp_is_checked_with_its_text() -> None:
    request = asked(an_adapter().verify_timestamp(a_signed()))
    assert (request.path, request.base) == ("/coss/service/v1/verifyTS", "ca")
    assert request.body == {"oriData": TEXT, "tsResp": "MIIG"}


# -- stamps, 4(7) -----------------------------------------------------------------------------------------------------


def test_a_pdf_goes_as_a_file_with_the_time_of_asking() -> None:
    request = asked(an_adapter().check_stamp(FileRef(sha256="0" * 64), "报告.pdf"))
    assert (request.path, request.base) == ("/sef/v1/SEF_VerifySeal", "seal")
    assert request.body == {"filename": "报告.pdf", "fileDataType": 0, "fileData": FileRef(sha256="0" * 64)}
    wired = an_adapter().wrap(request, b'{"fileData":"JVBERi0="}', Stamp(now=NOW, nonce=NONCE))
    assert json.loads(wired.body) == {
        "transId": NONCE,
        "requestTime": 1795233600987,
        "fileData": "JVBERi0=",
    }, "neither signed nor sealed"


def test_every_stamp_that_was_found_is_told() -> None:
    """The printed answer."""
    one = {
        "signIndex": 0,
        "pageIndex": 1,
        "verifyResult": 0,
        "resultMsg": "成功",
        "signedValue": "GXEk",
        "signDate": "2022-08-15 15:42:18",
        "signCert": "MIID\nL",
        "signAlg": "SM3WithSM2",
    }
    conversation = an_adapter().check_stamp(FileRef(sha256="0" * 64), "a.pdf")
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(
            Reply(data={"resultCode": 0, "fileVerifyInfo": {"totalCount": 2, "signInfoList": [one, one]}})
        )
    assert (
        end.value.value
        == (
            StampFound(
                page="1",
                signed_at_text="2022-08-15 15:42:18",
                words="成功",
                certificate="MIIDL",
                algorithm="SM3WithSM2",
            ),
        )
        * 2
    )


# -- four meanings of success -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "body", "verdict"),
    [
        ("ca", {"status": 200}, Verdict.ACCEPT),
        ("ca", {"status": "200"}, Verdict.ACCEPT),
        ("ca", {"status": 1}, Verdict.REJECT),
        ("ca", {"code": 1}, Verdict.RETRY),
        ("ca", {"status": 500, "message": "signature 报文签名校验失败"}, Verdict.FIX_SETTINGS),
        ("ca", {"status": 401, "message": "appId 不存在"}, Verdict.FIX_SETTINGS),
        ("ca", {"status": 400, "message": "userId 用户不存在"}, Verdict.FIX_FORM),
        ("ca", {"status": 500, "message": "系统繁忙"}, Verdict.SLOW_DOWN),
        ("ca", {"status": 500, "message": "系统异常"}, Verdict.RETRY),
        ("sign_result", {"status": 200, "data": {"jobStatus": "UNSIGN"}}, Verdict.ACCEPT),
        ("sign_result", {"status": 200, "data": {"jobStatus": "FINISH"}}, Verdict.ACCEPT),
        ("sign_result", {"status": 200, "data": {"jobStatus": "EXPIRE"}}, Verdict.ACCEPT),
        ("sign_result", {"status": 200, "data": {"jobStatus": "DONE"}}, Verdict.RETRY),
        ("sign_result", {"status": 200, "data": {}}, Verdict.RETRY),
        ("sign_result", {"status": 200}, Verdict.RETRY),
        ("sign_result", {"status": 404, "message": "签名任务不存在"}, Verdict.REJECT),
        ("verify", {"status": 200, "data": {"result": "true"}}, Verdict.ACCEPT),
        ("verify", {"status": 200, "data": {"result": True}}, Verdict.ACCEPT),
        ("verify", {"status": 200, "data": {"result": "false"}}, Verdict.FIX_FORM),
        ("verify", {"status": 200, "data": {"result": False}}, Verdict.FIX_FORM),
        ("verify", {"status": 200, "data": {"result": "maybe"}}, Verdict.RETRY),
        ("verify", {"status": 200}, Verdict.RETRY),
        ("verify_timestamp", {"status": 200, "data": {"verifyRes": "1"}}, Verdict.ACCEPT),
        ("verify_timestamp", {"status": 200, "data": {"verifyRes": 1}}, Verdict.ACCEPT),
        *(("verify_timestamp", {"status": 200, "data": {"verifyRes": str(-n)}}, Verdict.FIX_FORM) for n in (1, 2, 6)),
        *(("verify_timestamp", {"status": 200, "data": {"verifyRes": -n}}, Verdict.FIX_SETTINGS) for n in (3, 4, 5)),
        ("verify_timestamp", {"status": 200, "data": {"verifyRes": "-7"}}, Verdict.RETRY),
        ("verify_timestamp", {"status": 200, "data": {"verifyRes": None}}, Verdict.RETRY),
    ],
)
def test_a_status_of_200_is_not_all_of_it(rule: str, body: dict[str, Any], verdict: Verdict) -> None:
    assert judged(rule, body)[0] is verdict


def a_seal_answer(*results: object, code: object = 0) -> dict[str, Any]:
    rows = [{"verifyResult": one, "resultMsg": f"第 {n} 个"} for n, one in enumerate(results)]
    return {"resultCode": code, "resultMessage": "SUCCESS", "fileVerifyInfo": {"signInfoList": rows}}


def test_every_stamp_must_hold_and_there_must_be_one() -> None:
    assert judged("check_stamp", a_seal_answer(0))[0] is Verdict.ACCEPT
    assert judged("check_stamp", a_seal_answer("0", 0, 0))[0] is Verdict.ACCEPT
    assert judged("check_stamp", a_seal_answer(0, 3, 0)) == (Verdict.FIX_FORM, "平台验章没有通过")
    assert judged("check_stamp", a_seal_answer(0, None)) == (Verdict.FIX_FORM, "平台在 PDF 里没有找到电子签章")
    assert judged("check_stamp", a_seal_answer()) == (Verdict.FIX_FORM, "平台在 PDF 里没有找到电子签章")
    assert judged("check_stamp", {"resultCode": 0})[0] is Verdict.FIX_FORM
    assert judged("check_stamp", a_seal_answer(0, code=500))[0] is Verdict.REJECT


def test_the_words_of_the_stamp_that_does_not_hold_are_told() -> None:
    judge = Judge(load_codes("shanxi"), REGION.options["replies"])
    found, _ = judge.http(an_http_reply(a_seal_answer(0, 0, 9, 8)), "check_stamp", "check_stamp")
    assert (found.trouble.code, found.trouble.words) == ("0/9", "第 2 个")


# -- what it can do ---------------------------------------------------------------------------------------------------


def test_it_signs_only_with_number_and_secure_code_and_where_the_clinic_has_no_signatures_of_its_own() -> None:
    assert {"sign", "verify", "check_stamp"} <= an_adapter().capabilities
    assert "sign" not in an_adapter(secure_code="").capabilities
    assert "sign" not in an_adapter(ca_app_id="").capabilities
    assert "sign" not in an_adapter(sign_by="import").capabilities
    assert {"verify", "check_stamp"}.isdisjoint(an_adapter(verify_at_platform=False).capabilities)


@pytest.mark.parametrize("option", ["sign_by", "qr_code", "qr_content", "image_mode"])
def test_a_word_that_no_option_knows_is_refused_by_name(option: str) -> None:
    with pytest.raises(NeedsOperator, match=option):
        an_adapter(**{option: "nonsense"})


def test_uploads_keep_their_envelope() -> None:
    wired = an_adapter().wrap(HttpRequest(step="exam", path="/exam-sync"), b"{}", Stamp(now=NOW, nonce=NONCE))
    assert set(json.loads(wired.body)) == {"hospitalCode", "data", "timestamp", "signature"}
