"""The signing service: jobs, their QR code, the doctor's phone, results, expiry."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from .clinic import PracticeProcess
from .signer import BASE, CODE, add, b64, call, doctors, mac, openssl_accepts, phone, post, result, signed

TEXT = "影像所见：双肺纹理清晰。\n诊断结论：未见异常。"


def test_a_job_is_signed_by_the_phone_that_reads_its_code(platform: PracticeProcess, tmp_path: Path) -> None:
    doctor = doctors(platform)["刘慧"]
    job = add(platform, TEXT, userId=doctor["mssp_id"])["data"]
    assert job["signDataId"].startswith("SD_")
    assert set(json.loads(job["qrCode"])) == {"id", "sUrl", "o", "cv"}
    assert result(platform, job["signDataId"]) == {"signDataId": job["signDataId"], "jobStatus": "UNSIGN"}
    told = phone(platform, doctor="刘慧", qr=job["qrCode"]).json
    assert (told["text"], told["title"]) == (TEXT, "报告签名")
    found = result(platform, job["signDataId"])
    assert (found["jobStatus"], found["result"], found["msspId"]) == ("FINISH", "true", doctor["mssp_id"])
    assert found["signCert"] == doctor["certificate"]
    assert found["hmac"] == mac({name: found[name] for name in ("appId", "ext", "result", "userId")})
    assert openssl_accepts(tmp_path, found["signCert"], found["signResult"], TEXT.encode())
    assert not openssl_accepts(tmp_path, found["signCert"], found["signResult"], TEXT.encode() + b"?")


def test_a_browser_shows_the_phone_and_signs(platform: PracticeProcess) -> None:
    doctor = doctors(platform)["王芳"]
    known = {"userId": doctor["mssp_id"], "title": "孙<b>玉梅 胸部正侧位"}
    add(platform, TEXT, **known)
    job = add(platform, TEXT, **known)["data"]
    page = platform.ask("GET", "/practice/phone").body.decode()
    assert page.count("请 王芳 签名") == 1, "of two codes for the same text the newest counts"
    assert TEXT in page and "孙&lt;b&gt;玉梅 胸部正侧位" in page
    field = {"qr": json.loads(job["qrCode"])["o"], "how": "sign"}
    assert all(f"name='{name}' value='{value}'" in page for name, value in field.items())
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(2):
        reply = platform.ask("POST", "/practice/phone", urlencode(field).encode(), form)
        assert (reply.status, reply.headers["Location"]) == (303, "/practice/phone"), "a second press does no harm"
    assert result(platform, job["signDataId"])["msspId"] == doctor["mssp_id"]
    assert "已经签过" in platform.ask("POST", "/practice/phone", field, form).json["error"], "JSON as curl sends it"
    page = platform.ask("GET", "/practice/phone").body.decode()
    assert "请 王芳 签名" not in page and "孙&lt;b&gt;玉梅 胸部正侧位　王芳" in page.partition("刚签好的")[2]
    assert "href='/practice/phone'" in platform.ask("GET", "/").body.decode()


def test_the_code_may_hold_its_field_o_alone(platform: PracticeProcess) -> None:
    job = add(platform, TEXT)["data"]
    assert phone(platform, doctor="李明", qr=json.loads(job["qrCode"])["o"]).status == 200
    assert result(platform, job["signDataId"])["msspId"] == doctors(platform)["李明"]["mssp_id"]


def test_the_picture_of_the_code_comes_when_asked_for(platform: PracticeProcess) -> None:
    assert add(platform, TEXT, requireQrCode="Y")["data"]["qrCode"].startswith("iVBORw0KGgo")


def test_notes_come_back_with_the_result(platform: PracticeProcess) -> None:
    key = add(platform, TEXT, notes="报告 7")["data"]["signDataId"]
    assert result(platform, key)["notes"] == "报告 7"


def test_a_hash_is_signed_as_the_digest_it_is(platform: PracticeProcess) -> None:
    assert "32 字节" in add(platform, dataType="HASH", data=b64(b"short"))["message"]
    job = add(platform, dataType="HASH", data=b64(bytes(range(32))))["data"]
    phone(platform, doctor="刘慧", qr=job["qrCode"])
    assert result(platform, job["signDataId"])["result"] == "true"
    assert add(platform, dataType="WEB_SEAL")["status"] == 200


def test_only_the_doctor_a_job_is_for_may_sign_it(platform: PracticeProcess) -> None:
    known = doctors(platform)
    job = add(platform, TEXT, userId=known["刘慧"]["mssp_id"], authorizedUserId=known["李明"]["mssp_id"])["data"]
    refused = phone(platform, doctor="刘慧", qr=job["qrCode"])
    assert (refused.status, refused.json["error"]) == (400, "这份要由 李明 签，不是 刘慧")
    assert phone(platform, qr=job["qrCode"]).json["doctor"] == "李明"
    assert "已经签过" in phone(platform, qr=job["qrCode"]).json["error"]


@pytest.mark.parametrize(
    ("how", "is_right"), [("tampered", False), ("wrong_certificate", False), ("untrusted_certificate", True)]
)
def test_the_phone_can_sign_badly(platform: PracticeProcess, tmp_path: Path, how: str, is_right: bool) -> None:
    doctor = doctors(platform)["刘慧"]
    job = add(platform, TEXT, userId=doctor["mssp_id"])["data"]
    assert phone(platform, qr=job["qrCode"], how=how).status == 200
    found = result(platform, job["signDataId"])
    assert found["msspId"] == doctor["mssp_id"]
    assert openssl_accepts(tmp_path, found["signCert"], found["signResult"], TEXT.encode()) == is_right


def test_another_doctor_can_sign_and_a_doctor_can_refuse(platform: PracticeProcess) -> None:
    doctor = doctors(platform)["刘慧"]
    other, refused = (add(platform, TEXT, userId=doctor["mssp_id"])["data"] for _ in range(2))
    assert phone(platform, qr=other["qrCode"], how="other").json["doctor"] != "刘慧"
    assert result(platform, other["signDataId"])["msspId"] != doctor["mssp_id"]
    phone(platform, qr=refused["qrCode"], how="refuse")
    found = result(platform, refused["signDataId"])
    assert (found["jobStatus"], found["result"]) == ("FINISH", "false")
    assert "signResult" not in found
    assert found["hmac"] == mac({name: found[name] for name in ("appId", "ext", "result", "userId")})


def test_a_job_expires_by_the_platforms_clock(platform: PracticeProcess) -> None:
    day, short = (add(platform, TEXT, expiryDate=minutes)["data"] for minutes in ("", "5"))
    platform.control("clock", offset_seconds=301)
    assert result(platform, short["signDataId"])["jobStatus"] == "EXPIRE"
    assert phone(platform, doctor="刘慧", qr=short["qrCode"]).json["error"] == "二维码已过期"
    assert result(platform, day["signDataId"])["jobStatus"] == "UNSIGN"
    platform.control("clock", offset_seconds=1440 * 60 + 1)
    assert result(platform, day["signDataId"])["jobStatus"] == "EXPIRE"


def test_jobs_survive_a_restart(tmp_path: Path) -> None:
    first = PracticeProcess(tmp_path)
    waits, done = (add(first, TEXT)["data"] for _ in range(2))
    phone(first, doctor="刘慧", qr=done["qrCode"])
    before = result(first, done["signDataId"])
    root = first.ask("GET", "/ca/root.cer").body
    assert first.stop() == 0
    second = PracticeProcess(tmp_path)
    assert result(second, done["signDataId"]) == before
    assert phone(second, doctor="刘慧", qr=waits["qrCode"]).status == 200
    assert second.ask("GET", "/ca/root.cer").body == root
    assert second.stop() == 0


def _wrong(**changes: Any) -> dict[str, Any]:
    usual = {"dataType": "DATA", "algo": "SM3withSM2", "data": b64(b"x")}
    return signed(**{**usual, **changes})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_wrong() | {"signature": "AAAA"}, "signature 报文签名校验失败"),
        (_wrong() | {"title": "改过"}, "signature 报文签名校验失败"),
        (signed(code="another", dataType="DATA"), "signature 报文签名校验失败"),
        (_wrong(appId="APP_OTHER"), "appId 不存在"),
        (_wrong(signAlgo="HmacMD5"), "signAlgo 应为 HMAC 或 HmacSHA256"),
        (_wrong(version="2.0"), "version 应为 1.0"),
        (_wrong(dataType="PDF"), "dataType 应为"),
        (_wrong(algo="SHA256withRSA"), "algo 应为 SM3withSM2"),
        (_wrong(title="长" * 101), "title 最长 100 个字符"),
        (_wrong(expiryDate="4321"), "expiryDate 应为 1 到 4320 分钟"),
        (_wrong(expiryDate="0"), "expiryDate 应为 1 到 4320 分钟"),
        (_wrong(requireQrCode="yes"), "requireQrCode 只能是 Y 或 N"),
        (_wrong(data="不是"), "data 必须是 base64 编码"),
        (_wrong(data=""), "data 不能为空"),
        (_wrong(data="A" * ((1 << 20) + 4)), "data 最大不超过 1M"),
        (_wrong(userId="f" * 64), "userId 用户不存在"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_request_is_refused_in_words(platform: PracticeProcess, body: dict[str, Any], said: str) -> None:
    reply = post(platform, BASE + "addSignJob", body)
    assert reply.status == 200
    assert reply.json["status"] != 200
    assert said in reply.json["message"]
    assert "data" not in reply.json
    assert platform.received()[-1]["verdict"] == "refused"


def test_both_names_of_the_algorithm_and_blanks_are_taken(platform: PracticeProcess) -> None:
    assert add(platform, TEXT, signAlgo="HmacSHA256", description="", callBackUrl="")["status"] == 200
    platform.control("options", sign_algo="HMAC")
    refused = add(platform, TEXT, signAlgo="HmacSHA256")
    assert "signAlgo 应为 HMAC" in refused["message"]


def test_a_replayed_request_is_refused(platform: PracticeProcess) -> None:
    body = _wrong(transId=uuid.uuid4().hex)
    assert post(platform, BASE + "addSignJob", body).json["transId"] == body["transId"]
    again = post(platform, BASE + "addSignJob", body).json
    assert again["status"] != 200
    assert body["transId"] in again["message"]


def test_an_unknown_job_is_refused(platform: PracticeProcess) -> None:
    assert call(platform, "getAuthSignResult", signDataId="SD_none")["message"] == "签名任务不存在"


def test_answers_can_be_spoilt(platform: PracticeProcess) -> None:
    job = add(platform, TEXT)["data"]
    phone(platform, doctor="刘慧", qr=job["qrCode"])
    platform.fault(where="sign_result", what="wrong_hmac")
    spoilt, honest = result(platform, job["signDataId"]), result(platform, job["signDataId"])
    assert {**spoilt, "hmac": ""} == {**honest, "hmac": ""}
    assert spoilt["hmac"] != honest["hmac"]
    platform.fault(where="sign", what="code0", message="系统忙")
    assert add(platform, TEXT) == {"status": 500, "message": "系统忙"}
    waits = add(platform, TEXT)["data"]
    platform.fault(where="sign_result", what="expire")
    assert [result(platform, waits["signDataId"])["jobStatus"] for _ in range(2)] == ["EXPIRE", "EXPIRE"]


def test_the_secure_code_can_be_changed_and_is_never_shown(platform: PracticeProcess) -> None:
    platform.control("rekey", secure_code="ANOTHER")
    assert "校验失败" in add(platform, TEXT)["message"]
    platform.control("rekey", secure_code=CODE)
    assert add(platform, TEXT)["status"] == 200
    assert "secure_code" not in platform.ask("GET", "/practice/options").json


def test_the_page_leaves_out_polls_but_not_signings(platform: PracticeProcess) -> None:
    job = add(platform, TEXT)["data"]
    result(platform, job["signDataId"])
    assert "UNSIGN" not in platform.ask("GET", "/").body.decode()
    phone(platform, doctor="刘慧", qr=job["qrCode"])
    result(platform, job["signDataId"])
    assert "FINISH" in platform.ask("GET", "/").body.decode()
    rows = platform.ask("GET", "/practice/signings").json["signings"]
    (row,) = [one for one in rows if one["signDataId"] == job["signDataId"]]
    assert (row["state"], row["signed_by"], row["text"]) == ("FINISH", "刘慧", TEXT)
