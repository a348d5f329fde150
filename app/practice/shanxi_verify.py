"""What Shanxi verifies (document V2.1, 四(二)4(5), (7)): signatures, seals, and the signature fields of a report."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from asn1crypto import cms, tsp

from app.practice import gm, pkcs7, seal, tokens
from app.practice.authority import Authority
from app.practice.certificates import Unsound, common_name, from_base64, is_signed_by, sm2_point
from app.practice.faults import Fault
from app.practice.fetch import Unreachable, fetch
from app.practice.reading import word
from app.practice.region import Answer, Arrival
from app.practice.shanxi_ca import envelope_problem, judged
from app.practice.shanxi_settings import ShanxiSettings

PATHS = {
    "/dsvs/v1/pkcs1/verifyDataSign": "verify_pkcs1",
    "/dsvs/pkcs1/verifyDataSign": "verify_pkcs1",
    "/dsvs/v1/pkcs7/verifyDataSign": "verify_pkcs7",
    "/sef/v1/SEF_VerifySeal": "verify_seal",
}
PLACES = {"verify_pkcs1": "验签 PKCS1", "verify_pkcs7": "验签 PKCS7", "verify_seal": "验签章"}
FAULTS = {"says_no": "验签、验签章：一概说不对"}
LIMIT_BYTES = 5 << 20
_ALGORITHMS = {"SM3WithSM2": "1.2.156.10197.1.501", "SHA256WithRSA": "1.2.840.113549.1.1.11"}
CHANGED, WRONG_VALUE, NOT_TRUSTED = 1, 2, 3
"""Our own verifyResult codes; the document knows only that 0 is good."""


def refusal(place: str, message: str, trans_id: str = "") -> dict[str, Any]:
    if place == "verify_seal":
        return {"transId": trans_id, "resultCode": 500, "resultMessage": message}
    return {"status": 500, "message": message}


def read(empty: Arrival, said: Mapping[str, Any], settings: ShanxiSettings) -> Arrival:
    """A request; the samples of 四(二)4(5) carry the common parameters, its tables do not: checked where they come."""
    problem = envelope_problem(said, settings) if word(said.get("signature")) else ""
    key = word(said.get("transId"))
    return replace(empty, keys=((empty.place, key),), data=said, text=json.dumps(_brief(said)), problem=problem)


class Verification:
    """The three services. Stores nothing."""

    def __init__(self, settings: ShanxiSettings, authority: Authority, folder: Path) -> None:
        self._settings = settings
        self._authority = authority
        self._folder = folder

    def keep(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        """Answer one request; nothing is kept but the ledger's row."""
        said = arrival.data if isinstance(arrival.data, dict) else {}
        problem = arrival.problem or _trans_problem(said, arrival.place)
        if problem:
            return Answer(kept=False, reason=problem, body=refusal(arrival.place, problem, word(said.get("transId"))))
        says_no = ordered is not None and ordered.what == "says_no"
        if arrival.place == "verify_seal":
            return self._seals(said, says_no)
        try:
            self._verify(arrival.place, said)
            reason = "演练：说不对" if says_no else ""
        except Unsound as error:
            reason = str(error)
        except ValueError as error:
            return Answer(kept=False, reason=str(error), body={"status": 400, "message": str(error)})
        data = {"transId": said["transId"], "result": "false" if reason else "true"}
        return Answer(kept=True, reason=reason, body={"status": 200, "message": "SUCCESS", "data": data})

    def _verify(self, place: str, said: Mapping[str, Any]) -> None:
        """Raises ValueError for parameters that cannot be meant, Unsound for what does not verify."""
        content, value = _content(said), _bytes(said, "signValue")
        verify_certificate = said.get("verifyCert", False)
        if not isinstance(verify_certificate, bool):
            raise ValueError("verifyCert 应为 true 或 false")
        if place == "verify_pkcs7":
            certificate = pkcs7.checked(value, content).certificate
        else:
            algorithm = _ALGORITHMS.get(word(said.get("signAlgIdentifier")))
            if algorithm is None:
                raise ValueError(f"signAlgIdentifier 应为 {' / '.join(_ALGORITHMS)}")
            if not word(said.get("base64Cert")):
                if verify_certificate:
                    raise ValueError("verifyCert 为 true 时必须传入证书")
                if not gm.verifies(_bytes(said, "pubKey"), content, value):
                    raise Unsound("broken", "签名值与原文、公钥对不上")
                return
            certificate = from_base64(said["base64Cert"])
            if not is_signed_by(certificate, content, value, algorithm):
                raise Unsound("broken", "签名值与原文、证书对不上")
        if verify_certificate:
            self._authority.check(certificate)

    def _seals(self, said: Mapping[str, Any], says_no: bool) -> Answer:
        """四(二)4(7)."""
        kind, text = said.get("fileDataType"), word(said.get("fileData"))
        if kind not in (0, 1) or isinstance(kind, bool) or not text or not isinstance(said.get("requestTime"), int):
            problem = "requestTime、fileDataType 或 fileData 不对"
            return Answer(kept=False, reason=problem, body=refusal("verify_seal", problem, said["transId"]))
        try:
            pdf = base64.b64decode(text, validate=True) if kind == 0 else self._fetched(text)
        except (ValueError, Unreachable) as error:
            reason = f"fileData {error}" if isinstance(error, Unreachable) else "fileData 不是正确的 Base64"
            return Answer(kept=False, reason=reason, body=refusal("verify_seal", reason, said["transId"]))
        rows = [self._row(number, one, says_no) for number, one in enumerate(seal.seals_in(pdf))]
        wrong = "；".join(one["resultMsg"] for one in rows if one["verifyResult"])
        body = {
            "transId": said["transId"],
            "resultCode": 0,
            "resultMessage": "SUCCESS",
            "fileVerifyInfo": {"totalCount": len(rows), "signInfoList": rows},
        }
        return Answer(kept=True, reason=wrong or f"签章 {len(rows)} 个", body=body)

    def _row(self, number: int, found: seal.Seal, says_no: bool) -> dict[str, Any]:
        code, words = self.standing(found)
        if says_no:
            code, words = WRONG_VALUE, "演练：说不对"
        certificate = base64.b64encode(found.certificate.dump()).decode() if found.certificate is not None else ""
        return {
            "signIndex": number,
            "pageIndex": 1,
            "verifyResult": code,
            "resultMsg": words or "成功",
            "signedValue": base64.b64encode(found.value).decode(),
            "sealImage": seal.picture(),
            "signDate": found.signed_at,
            "signCert": certificate,
            "signAlg": "SM3WithSM2",
            "sealMakeCert": self._authority.holder("maker").base64,
        }

    def standing(self, found: seal.Seal) -> tuple[int, str]:
        """verifyResult and, where it is not 0, why."""
        if found.certificate is None:
            return WRONG_VALUE, found.problem
        if found.problem:
            return CHANGED, found.problem
        try:
            self._authority.check(found.certificate)
        except Unsound as error:
            return NOT_TRUSTED, str(error)
        return 0, ""

    def seal_problem(self, pdf: bytes) -> str:
        """Why a report's PDF is not sealed as it should be; empty when it is."""
        found = [self.standing(one)[1] for one in seal.seals_in(pdf)]
        return "没有电子签章" if not found else "；".join(one for one in found if one)

    def report_problems(self, report: Mapping[str, Any], prefix: str) -> list[str]:
        """五(二)/66-70: CAData, ClientCert, SignType, SignValue and Timestampvalue belong together and hold."""
        text = word(report.get("CAData")).encode()
        try:
            certificate = from_base64(word(report.get("ClientCert")))
        except Unsound as error:
            return [f"{prefix}ClientCert(医师数字证书)：{error}"]
        found = []
        try:
            value = base64.b64decode(word(report.get("SignValue")), validate=True)
            if report.get("SignType") == 2:
                if pkcs7.checked(value, text).certificate.dump() != certificate.dump():
                    raise Unsound("broken", "PKCS7 里的证书不是 ClientCert")
            elif sm2_point(certificate) is None or not is_signed_by(
                certificate, text, value, _ALGORITHMS["SM3WithSM2"]
            ):
                raise Unsound("broken", "签名值与 CAData、ClientCert 对不上")
        except ValueError:
            found.append(f"{prefix}SignValue(CA签名值)：不是正确的 Base64")
        except Unsound as error:
            found.append(f"{prefix}SignValue(CA签名值)：{error}")
        token = word(report.get("Timestampvalue"))
        code = judged(self._authority, token, text)
        if code != tokens.VALID:
            found.append(f"{prefix}Timestampvalue(CA时间戳值)：{tokens.WORDS[code]}")
        try:
            self._authority.check(certificate, _signed_at(token) if code == tokens.VALID else None)
        except Unsound as error:
            found.append(f"{prefix}ClientCert(医师数字证书)：{error}")
        return found + self._text_problems(report, common_name(certificate), certificate.issuer.dump(), prefix)

    def _text_problems(self, report: Mapping[str, Any], name: str, issuer: bytes, prefix: str) -> list[str]:
        """For our own doctors: the auditing doctor signed what this report says."""
        if issuer != self._authority.holder("ca").read.subject.dump():
            return []
        found = []
        if name not in (report.get("confirmDoctorName"), report.get("lastAuditDoctor")):
            found.append(f"{prefix}ClientCert(医师数字证书)：签名人 {name} 不是审核医师")
        text = _bare(report.get("CAData"))
        for field, title in (("findings", "影像所见"), ("inspectExamResult", "诊断结论")):
            if _bare(report.get(field)) not in text:
                found.append(f"{prefix}CAData(签名原文)：和 {field}({title})不一致")
        return found

    def _fetched(self, url: str) -> bytes:
        if not self._settings.file_access:
            raise Unreachable("前置机不能访问该地址")
        part = self._folder / f"{binascii.hexlify(gm.sm3(url.encode())[:8]).decode()}.part"
        try:
            fetch(url, part, stopping=self._settings.stopping, tries=1)
            return part.read_bytes()
        finally:
            part.unlink(missing_ok=True)


def _trans_problem(said: Mapping[str, Any], place: str) -> str:
    text = said.get("transId")
    least, most = (1, 36) if place == "verify_seal" else (15, 64)
    if not isinstance(text, str) or not least <= len(text) <= most:
        return f"transId 应为 {least}-{most} 位"
    return ""


def _content(said: Mapping[str, Any]) -> bytes:
    """The original, as text or as Base64. Raises ValueError."""
    is_base64 = said.get("base64", False)
    if not isinstance(is_base64, bool) or not word(said.get("oriData")):
        raise ValueError("oriData 不能为空，base64 应为 true 或 false")
    found = _bytes(said, "oriData") if is_base64 else said["oriData"].encode()
    if len(found) > LIMIT_BYTES:
        raise ValueError("oriData 超过 5M")
    return found


def _bytes(said: Mapping[str, Any], name: str) -> bytes:
    try:
        found = base64.b64decode(word(said.get(name)), validate=True)
    except ValueError:
        found = b""
    if not found:
        raise ValueError(f"{name} 不能为空，且应为 Base64")
    return found


def _signed_at(token: str) -> datetime:
    """When a token that holds was made."""
    signed = cms.ContentInfo.load(base64.b64decode("".join(token.split())))["content"]
    info: tsp.TSTInfo = signed["encap_content_info"]["content"].parsed
    moment: datetime = info["gen_time"].native
    return moment


def _brief(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "fileData"}


def _bare(value: Any) -> str:
    return re.sub(r"\s", "", value) if isinstance(value, str) else ""
