"""Timestamps, the verification services and the check of a report's five signature fields."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, tsp

from app.practice import gm, pkcs7
from app.practice.certificates import Holder

from .clinic import PracticeProcess, a_report, an_exam
from .signer import add, b64, call, doctors, openssl, phone, post, result, signed, stamp

FINDINGS, CONCLUSION = "双肺纹理清晰。", "未见异常。"
TEXT = f"影像所见：{FINDINGS}\n诊断结论：{CONCLUSION}"


def verified(platform: PracticeProcess, text: str, token: str) -> str:
    return str(call(platform, "verifyTS", oriData=text, tsResp=token)["data"]["verifyRes"])


@pytest.mark.parametrize(("kind", "digest"), [("RSA", "sha256"), ("SM2", "sm3")])
def test_a_timestamp_is_a_bare_token_over_the_text(platform: PracticeProcess, kind: str, digest: str) -> None:
    platform.control("options", timestamps=kind)
    token = stamp(platform, TEXT)["data"]["tsResp"]
    body = cms.ContentInfo.load(base64.b64decode(token))["content"]
    info: tsp.TSTInfo = body["encap_content_info"]["content"].parsed
    assert info["message_imprint"]["hashed_message"].native == hashlib.new(digest, TEXT.encode()).digest()
    assert abs(info["gen_time"].native.timestamp() - time.time()) < 60
    assert len(body["certificates"]) == 1
    assert [verified(platform, TEXT, token), verified(platform, TEXT + "。", token)] == ["1", "-2"]
    bare = stamp(platform, TEXT, attachCert="false")["data"]["tsResp"]
    assert len(bare) < len(token)
    assert verified(platform, TEXT, bare) == "1"


def test_openssl_takes_the_rsa_timestamp(platform: PracticeProcess, tmp_path: Path) -> None:
    token, text, root = tmp_path / "token", tmp_path / "text", tmp_path / "root.cer"
    token.write_bytes(base64.b64decode(stamp(platform, TEXT)["data"]["tsResp"]))
    text.write_bytes(TEXT.encode())
    root.write_bytes(platform.ask("GET", "/ca/tsa-root.cer").body)
    assert openssl("x509", "-inform", "DER", "-in", str(root), "-out", str(tmp_path / "root.pem")).returncode == 0
    words = ("-in", str(token), "-token_in", "-data", str(text), "-CAfile", str(tmp_path / "root.pem"))
    done = openssl("ts", "-verify", *words)
    assert b"Verification: OK" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [("tampered", "-1"), ("text", "-2"), ("untrusted", "-3"), ("early", "-4"), ("expired", "-6"), ("nonsense", "-1")],
)
def test_a_bad_token_is_told_by_its_number(platform: PracticeProcess, spoilt: str, code: str) -> None:
    platform.fault(where="timestamp", what="bad_token", value=spoilt)
    assert verified(platform, TEXT, stamp(platform, TEXT)["data"]["tsResp"]) == code
    assert verified(platform, TEXT, stamp(platform, TEXT)["data"]["tsResp"]) == "1"


def test_a_token_of_an_unknown_stamper_without_certificate_is_not_found(platform: PracticeProcess) -> None:
    platform.fault(where="timestamp", what="bad_token", value="untrusted")
    assert verified(platform, TEXT, stamp(platform, TEXT, attachCert="false")["data"]["tsResp"]) == "-5"


def test_a_timestamp_needs_its_parameters(platform: PracticeProcess) -> None:
    assert "oriData" in stamp(platform, "")["message"]
    assert "attachCert" in stamp(platform, "x", attachCert="yes")["message"]


def test_the_documents_worked_examples_verify_after_repair(platform: PracticeProcess) -> None:
    """四(二)4(5)1, repaired: YHI is YHl, QCK5 is QCk5."""
    body = {
        "transId": uuid.uuid4().hex,
        "signAlgIdentifier": "SM3WithSM2",
        "oriData": "12345678",
        "signValue": "MEUCIQCk5k/prtWmfqTTmOW46pNZO4WBk2GgR/RUehmR6DTTwAIgaosAUqZ9gTm8cv3hDshpSypV1Q8ud/C5mGXJSBkn8/8=",
        "pubKey": "BGgWZ3WCFwa9CivPXkOhmg63L0mGh+xRHWJiu6MYHl+UfK+AGFTeMjxGQAegT1lA3Qbb5wgxO1OMLUdoP+cWlp4=",
        "verifyCert": False,
    }
    reply = post(platform, "/dsvs/v1/pkcs1/verifyDataSign", body).json
    assert reply == {"status": 200, "message": "SUCCESS", "data": {"transId": body["transId"], "result": "true"}}
    wrong = post(platform, "/dsvs/pkcs1/verifyDataSign", {**body, "oriData": "12345679"}).json
    assert wrong["data"]["result"] == "false"


def _signed_text(platform: PracticeProcess, name: str = "刘慧", how: str = "sign", text: str = TEXT) -> dict[str, Any]:
    job = add(platform, text)["data"]
    assert phone(platform, doctor=name, qr=job["qrCode"], how=how).status == 200
    return dict(result(platform, job["signDataId"]))


def _pkcs1(platform: PracticeProcess, found: dict[str, Any], text: str = TEXT, **more: Any) -> Any:
    body = {
        "transId": uuid.uuid4().hex,
        "signAlgIdentifier": "SM3WithSM2",
        "oriData": text,
        "signValue": found["signResult"],
        "base64Cert": found["signCert"],
        **more,
    }
    return post(platform, "/dsvs/v1/pkcs1/verifyDataSign", body).json


def test_pkcs1_is_verified_with_and_without_the_certificates_standing(platform: PracticeProcess) -> None:
    good, revoked = _signed_text(platform), _signed_text(platform, "陈静")
    assert _pkcs1(platform, good, verifyCert=True)["data"]["result"] == "true"
    assert _pkcs1(platform, good, b64(TEXT.encode()), base64=True)["data"]["result"] == "true"
    assert _pkcs1(platform, good, "别的")["data"]["result"] == "false"
    assert [_pkcs1(platform, revoked, verifyCert=one)["data"]["result"] for one in (False, True)] == ["true", "false"]
    assert platform.received()[-1]["reason"] == "证书已吊销"
    assert "transId" in _pkcs1(platform, good, transId="short")["message"]
    assert "signAlgIdentifier" in _pkcs1(platform, good, signAlgIdentifier="MD5")["message"]
    assert "必须传入证书" in _pkcs1(platform, good, base64Cert="", verifyCert=True)["message"]
    platform.fault(where="verify_pkcs1", what="says_no")
    assert _pkcs1(platform, good)["data"]["result"] == "false"


def test_a_signed_request_to_the_verifier_must_be_signed_right(platform: PracticeProcess) -> None:
    found = _signed_text(platform)
    said = {"signAlgIdentifier": "SM3WithSM2", "oriData": TEXT, "signValue": found["signResult"]}
    body = signed(**said, base64Cert=found["signCert"])
    assert post(platform, "/dsvs/v1/pkcs1/verifyDataSign", body).json["data"]["result"] == "true"
    assert "校验失败" in post(platform, "/dsvs/v1/pkcs1/verifyDataSign", {**body, "oriData": "x"}).json["message"]


@pytest.fixture(scope="module")
def holder(shared: PracticeProcess) -> Holder:
    """A signer of a clinic's own CA, made with OpenSSL."""
    return _own_signer(shared)


def _own_signer(platform: PracticeProcess) -> Holder:
    done = subprocess.run(
        "openssl ecparam -name SM2 -genkey -noout -out k.pem && openssl req -x509 -new -key k.pem -sm3"
        " -sigopt distid:1234567812345678 -subj /CN=own -days 30 -outform DER -out c.der"
        " && openssl ec -in k.pem -text -noout",
        shell=True,
        cwd=platform.state,
        capture_output=True,
        check=True,
    )
    digits = done.stdout.decode().split("priv:")[1].split("pub:")[0]
    key = gm.key_of(int("".join(digits.split()).replace(":", ""), 16))
    return Holder(key=key, certificate=(platform.state / "c.der").read_bytes())


def _pkcs7(platform: PracticeProcess, value: bytes, text: str = TEXT, **more: Any) -> Any:
    body = {"transId": uuid.uuid4().hex, "oriData": text, "signValue": b64(value), **more}
    return post(platform, "/dsvs/v1/pkcs7/verifyDataSign", body).json


@pytest.mark.parametrize("attached", [True, False])
def test_pkcs7_is_verified_attached_and_detached(platform: PracticeProcess, holder: Holder, attached: bool) -> None:
    value = pkcs7.signed(holder, TEXT.encode(), attached=attached)
    assert _pkcs7(platform, value)["data"]["result"] == "true"
    assert _pkcs7(platform, value, "别的")["data"]["result"] == "false"
    assert _pkcs7(platform, value[:-1] + b"?")["data"]["result"] == "false"
    assert _pkcs7(platform, b"nonsense")["data"]["result"] == "false"
    untrusted = pkcs7.signed(_own_signer(platform), TEXT.encode(), attached=attached)
    assert _pkcs7(platform, untrusted, verifyCert=True)["data"]["result"] == "false"


@pytest.fixture
def strict(platform: PracticeProcess) -> Iterator[PracticeProcess]:
    platform.control("options", check_signature=True)
    platform.exam(an_exam("CA"))
    yield platform


def _report(platform: PracticeProcess, found: dict[str, Any], key: str, text: str = TEXT, **changes: Any) -> Any:
    values = {
        "CAData": text,
        "ClientCert": found["signCert"],
        "SignType": 1,
        "SignValue": found["signResult"],
        "Timestampvalue": stamp(platform, text)["data"]["tsResp"],
        "confirmDoctorName": "刘慧",
        "findings": FINDINGS,
        "inspectExamResult": CONCLUSION,
    }
    return platform.report(a_report(key, "CA", **{**values, **changes}))


def test_a_report_signed_by_its_auditing_doctor_is_kept(strict: PracticeProcess) -> None:
    assert _report(strict, _signed_text(strict), "CA1") == {"code": 1, "message": "成功", "content": ""}
    strict.control("options", timestamps="SM2")
    assert _report(strict, _signed_text(strict), "CA2")["code"] == 1


def _refused(platform: PracticeProcess, found: dict[str, Any], **changes: Any) -> str:
    reply = _report(platform, found, "CAX", **changes)
    assert reply["code"] == 0
    assert platform.kept("report", "CAX") is None
    return str(reply["message"])


def test_a_report_is_refused_in_words_that_name_what_failed(strict: PracticeProcess) -> None:
    good = _signed_text(strict)
    text = TEXT + "建议复查。"
    assert "SignValue(CA签名值)：签名值与 CAData、ClientCert 对不上" in _refused(strict, good, text=text)
    assert "CAData(签名原文)：和 findings(影像所见)不一致" in _refused(strict, good, findings="双肺有结节。")
    assert "Timestampvalue(CA时间戳值)：时间戳验证不通过" in _refused(strict, good, Timestampvalue="MIIC")
    elsewhere = stamp(strict, "别的")["data"]["tsResp"]
    assert "Timestampvalue(CA时间戳值)：原文验证不通过" in _refused(strict, good, Timestampvalue=elsewhere)
    assert "ClientCert(医师数字证书)：证书读不出来" in _refused(strict, good, ClientCert="MIIB")
    assert "SignValue(CA签名值)：PKCS7 读不出来" in _refused(strict, good, SignType=2)
    assert "签名人 刘慧 不是审核医师" in _refused(strict, good, confirmDoctorName="李明")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("expired_certificate", "ClientCert(医师数字证书)：证书已过期"),
        ("revoked_certificate", "ClientCert(医师数字证书)：证书已吊销"),
        ("untrusted_certificate", "ClientCert(医师数字证书)：证书不是所信任的根签发的"),
        ("wrong_certificate", "SignValue(CA签名值)：签名值与 CAData、ClientCert 对不上"),
        ("tampered", "SignValue(CA签名值)：签名值与 CAData、ClientCert 对不上"),
    ],
)
def test_what_a_bad_signing_gave_is_refused(strict: PracticeProcess, how: str, said: str) -> None:
    assert said in _refused(strict, _signed_text(strict, how=how))


def test_a_clinics_own_ca_is_taken_once_it_is_trusted(strict: PracticeProcess) -> None:
    own = _own_signer(strict)
    given = {"signCert": own.base64, "signResult": b64(pkcs7.signed(own, TEXT.encode(), attached=False))}
    assert "不是所信任的根" in _refused(strict, given, SignType=2)
    strict.control("trust", certificates=[own.base64])
    assert _report(strict, given, "OWN1", SignType=2)["code"] == 1
    assert _report(strict, {**given, "signResult": b64(gm.sign(own.key, TEXT.encode()))}, "OWN2")["code"] == 1
    assert strict.ask("POST", "/practice/trust", {"certificates": ["MIIB"]}).status == 400


def test_a_signature_outlives_its_certificate_by_its_timestamp(strict: PracticeProcess) -> None:
    strict.control("certificate", doctor="孙悦", days=20)
    found = _signed_text(strict, "孙悦")
    token = stamp(strict, TEXT)["data"]["tsResp"]
    strict.control("clock", offset_seconds=25 * 86400)
    assert doctors(strict)["孙悦"]["state"] == "expired"
    late = stamp(strict, TEXT)["data"]["tsResp"]
    at = time.time() + 25 * 86400
    values = {"CAData": TEXT, "ClientCert": found["signCert"], "SignValue": found["signResult"]}
    report = a_report("LATE", "CA", findings=FINDINGS, inspectExamResult=CONCLUSION, confirmDoctorName="孙悦", **values)
    assert "证书已过期" in strict.report({**report, "Timestampvalue": late}, at=at)["message"]
    assert strict.report({**report, "Timestampvalue": token}, at=at)["code"] == 1


def test_the_certificates_lead_to_the_root_and_name_the_list(platform: PracticeProcess, tmp_path: Path) -> None:
    for path, name in (("/ca/root.cer", "root"), ("/ca/ca.cer", "ca")):
        (tmp_path / f"{name}.der").write_bytes(platform.ask("GET", path).body)
        words = ("-inform", "DER", "-in", str(tmp_path / f"{name}.der"), "-out", str(tmp_path / f"{name}.pem"))
        assert openssl("x509", *words).returncode == 0
    known = doctors(platform)
    listed = platform.ask("GET", "/ca/practice.crl")
    (tmp_path / "list").write_bytes(listed.body)
    said = openssl("crl", "-inform", "DER", "-in", str(tmp_path / "list"), "-text", "-noout").stdout.decode()
    assert known["陈静"]["serial"].upper() in said
    assert known["刘慧"]["serial"].upper() not in said
    (tmp_path / "doctor").write_bytes(base64.b64decode(known["刘慧"]["certificate"]))
    shown = openssl("x509", "-inform", "DER", "-in", str(tmp_path / "doctor"), "-text", "-noout").stdout.decode()
    assert f"{platform.line['base_url']}/ca/practice.crl" in shown
    assert "Digital Signature, Non Repudiation" in shown
    words = ("-vfyopt", "distid:1234567812345678", "-partial_chain", "-CAfile", str(tmp_path / "ca.pem"))
    assert openssl("verify", *words, str(tmp_path / "doctor")).returncode == 0
    platform.control("options", offer_crl=False)
    assert platform.ask("GET", "/ca/practice.crl").status == 404


def test_a_doctor_can_be_revoked_and_given_a_certificate_near_its_end(platform: PracticeProcess) -> None:
    assert platform.control("certificate", doctor="周晴", days=20)["state"] == "good"
    assert platform.control("revoke", doctor="周晴")["state"] == "revoked"
    assert platform.control("certificate", doctor="周晴", days=-3)["state"] == "expired"
    assert platform.ask("POST", "/practice/revoke", {"doctor": "无"}).status == 404
