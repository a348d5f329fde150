"""The Shanxi signing service (document V2.1, 四(二)4(4) and (5)3): jobs with a QR code, their results, timestamps.

The doctor's phone is played here too: it reads a QR code and signs with an invented doctor's key. Jobs are in the
ledger and survive a restart.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from app.practice import gm, tokens
from app.practice.authority import Authority, Doctor
from app.practice.certificates import Holder
from app.practice.faults import Fault
from app.practice.ledger import Ledger
from app.practice.phone import phone_page
from app.practice.reading import word
from app.practice.region import Answer, Arrival
from app.practice.shanxi_settings import ShanxiSettings

PATHS = {
    "/coss/service/v1/addSignJob": "sign",
    "/coss/service/v1/getAuthSignResult": "sign_result",
    "/coss/service/v1/createAndGetTssInfo": "timestamp",
    "/coss/service/v1/verifyTS": "verify_timestamp",
}
PLACES = {"sign": "签名任务", "sign_result": "签名结果", "timestamp": "时间戳", "verify_timestamp": "验时间戳"}
FAULTS = {
    "wrong_hmac": "签名结果：回答里的 hmac 不对",
    "expire": "签名结果：这一份从此过期（EXPIRE）",
    "bad_token": "时间戳：value 为 tampered、text（别的原文）、untrusted、expired、early、nonsense",
}
HOWS = {
    "sign": "签名",
    "refuse": "拒绝签名",
    "other": "换另一位医师签",
    "wrong_certificate": "签名值对，证书是另一位医师的",
    "expired_certificate": "证书已过期",
    "revoked_certificate": "证书已吊销",
    "untrusted_certificate": "证书是不认识的 CA 发的",
    "tampered": "签名值对不上原文",
}
"""What the phone can do with a job."""
UNSIGN, FINISH, EXPIRE = "UNSIGN", "FINISH", "EXPIRE"
LONGEST_MINUTES = 4320
LIMIT_BYTES = 1 << 20
CHINA = timezone(timedelta(hours=8))
_KINDS = ("DATA", "HASH", "WEB_SEAL")


class NoSuchJob(Exception):
    """Nobody gave this job, or nothing waits; the text is a Chinese sentence."""


def refusal(message: str, status: int = 500) -> dict[str, Any]:
    return {"status": status, "message": message}


def string_to_sign(values: Mapping[str, Any]) -> str:
    """四(二)4(4)3: names in ASCII order, empty values and the signature itself left out."""
    named = {name: _text(value) for name, value in values.items() if name != "signature"}
    return "&".join(f"{name}={named[name]}" for name in sorted(named) if named[name])


def hmac_of(values: Mapping[str, Any], secure_code: str) -> str:
    """HMAC-SHA256 in Base64."""
    digest = hmac.new(secure_code.encode(), string_to_sign(values).encode(), hashlib.sha256)
    return base64.b64encode(digest.digest()).decode()


def envelope_problem(said: Mapping[str, Any], settings: ShanxiSettings) -> str:
    """The common parameters and the signature over all of them. Empty when in order."""
    for name in ("version", "appId", "signAlgo", "signature"):
        if not isinstance(said.get(name), str) or not said[name]:
            return f"{name} 不能为空，且应为字符串"
    if said["version"] != "1.0":
        return "version 应为 1.0"
    if said["appId"] != settings.ca_app_id:
        return "appId 不存在"
    known = ("HMAC", "HmacSHA256") if settings.sign_algo == "any" else (settings.sign_algo,)
    if said["signAlgo"] not in known:
        return f"signAlgo 应为 {' 或 '.join(known)}"
    if not hmac.compare_digest(said["signature"].encode(), hmac_of(said, settings.secure_code).encode()):
        return "signature 报文签名校验失败"
    return ""


def read(empty: Arrival, said: Mapping[str, Any], settings: ShanxiSettings) -> Arrival:
    """A request as far as its envelope says; a transId that came before is refused (`serial`)."""
    problem = envelope_problem(said, settings)
    key = word(said.get("signDataId"))
    return replace(
        empty,
        keys=((empty.place, key),),
        text=json.dumps(said, ensure_ascii=False),
        data=said,
        problem=problem,
        serial="" if problem else word(said.get("transId")),
    )


class SigningService:
    """The four interfaces and the phone. Thread-safe: its state is the ledger and the authority."""

    def __init__(
        self, settings: ShanxiSettings, ledger: Ledger, authority: Authority, address: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._authority = authority
        self._address = address

    def keep(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        """Do what one request asks for."""
        if arrival.problem:
            return _refused(arrival, arrival.problem, 401)
        doing = {
            "sign": self._add,
            "sign_result": self._result,
            "timestamp": self._stamp,
            "verify_timestamp": self._judge,
        }[arrival.place]
        return doing(arrival, ordered)

    def jobs(self) -> list[dict[str, Any]]:
        """Every job as the ledger has it, without what only the phone needs."""
        shown = ("title", "data_type", "mssp_id", "signed_by", "how", "minutes", "notes")
        return [
            {
                "signDataId": one["key"],
                "state": self._state(one),
                "first_at": one["first_at"],
                "last_at": one["last_at"],
            }
            | {name: one["link"][name] for name in shown}
            | {"text": _shown_text(one["link"])}
            for one in self._ledger.all("sign")
        ]

    def phone_page(self) -> str:
        """GET /practice/phone: what a doctor's phone shows. Of codes for the same text only the newest counts."""
        waiting: dict[tuple[str, str], dict[str, str]] = {}
        signed: list[dict[str, str]] = []
        for one in self._ledger.all("sign"):
            link, state = one["link"], self._state(one)
            same = (link["mssp_id"], link["data"])
            waiting.pop(same, None)
            if state == UNSIGN:
                doctor = self._authority.doctor(link["mssp_id"]).name if link["mssp_id"] else ""
                about = {name: link[name] for name in ("title", "description")}
                waiting[same] = about | {"doctor": doctor, "text": _shown_text(link), "qr": link["code"]}
            elif state == FINISH and link["how"] != "refuse":
                signed.insert(0, {"doctor": link["signed_by"], "title": link["title"]})
        return phone_page([*waiting.values()], signed)

    def phone(self, wish: dict[str, Any]) -> dict[str, Any]:
        """POST /practice/phone. Raises ValueError with a Chinese sentence."""
        how, qr, name = wish.get("how", "sign"), wish.get("qr", ""), wish.get("doctor", "")
        if how not in HOWS or not isinstance(qr, str) or not isinstance(name, str):
            raise ValueError(f'应为 {{"doctor": 姓名或 MSSPID, "qr": 二维码内容, "how": {" / ".join(HOWS)}}}')
        try:
            job = self._job_for(qr, name)
            doctor = self._authority.doctor(name or job["link"]["mssp_id"] or "刘慧")
        except LookupError:
            raise ValueError("没有这位医师，/practice/doctors 里有名单") from None
        except NoSuchJob as error:
            raise ValueError(str(error)) from None
        wanted = job["link"]["mssp_id"]
        if wanted and wanted != doctor.mssp_id:
            raise ValueError(f"这份要由 {self._authority.doctor(wanted).name} 签，不是 {doctor.name}")
        signer, by = self._who(doctor, how)
        self._finish(job, signer, by, how)
        told = {"signDataId": job["key"], "doctor": signer.name, "mssp_id": signer.mssp_id}
        return {**told, "done": HOWS[how], "title": job["link"]["title"], "text": _shown_text(job["link"])}

    def _add(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        said = arrival.data
        problem = self._job_problem(said)
        if problem:
            return _refused(arrival, problem, 400)
        key, code = f"SD_{uuid.uuid4()}", base64.b64encode(secrets.token_bytes(66)).decode()
        names = {"title": "title", "description": "description", "notes": "notes", "data": "data"}
        self._put(
            key,
            {
                **{own: word(said.get(name)) for own, name in names.items()},
                "data_type": said["dataType"],
                "mssp_id": word(said.get("authorizedUserId")) or word(said.get("userId")),
                "minutes": int(said.get("expiryDate") or 1440),
                "made_at": self._settings.clock.now(),
                "code": code,
                "state": UNSIGN,
                "signed_by": "",
                "how": "",
                "answer": {},
            },
        )
        text = json.dumps(
            {
                "id": self._settings.ca_app_id,
                "sUrl": f"{self._address()}/coss/mobile/v1/getServiceInfo",
                "o": code,
                "cv": "2.0",
            },
            separators=(",", ":"),
        )
        shown = _qr_picture(text) if said.get("requireQrCode") == "Y" else text
        return _answered(arrival, {"signDataId": key, "qrCode": shown}, f"签名任务 {key}")

    def _job_problem(self, said: Mapping[str, Any]) -> str:
        """四(二)4(4)5. Empty when in order."""
        for name, value in said.items():
            if not isinstance(value, str):
                return f"{name} 应为字符串"
        if said.get("dataType") not in _KINDS:
            return f"dataType 应为 {' / '.join(_KINDS)}"
        if said.get("algo") != "SM3withSM2":
            return "algo 应为 SM3withSM2"
        for name, most in (("title", 100), ("description", 4096)):
            if len(said.get(name, "")) > most:
                return f"{name} 最长 {most} 个字符"
        if said.get("requireQrCode", "") not in ("", "Y", "N"):
            return "requireQrCode 只能是 Y 或 N"
        minutes = said.get("expiryDate", "")
        if minutes and not (re.fullmatch(r"\d{1,4}", minutes) and 1 <= int(minutes) <= LONGEST_MINUTES):
            return f"expiryDate 应为 1 到 {LONGEST_MINUTES} 分钟"
        return _data_problem(said) or self._person_problem(said)

    def _person_problem(self, said: Mapping[str, Any]) -> str:
        for name in ("userId", "authorizedUserId"):
            if said.get(name) and said[name] not in {one.mssp_id for one in self._authority.doctors()}:
                return f"{name} 用户不存在"
        return ""

    def _result(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        job = self._ledger.one("sign", word(arrival.data.get("signDataId")))
        if job is None:
            return _refused(arrival, "签名任务不存在", 404)
        if ordered is not None and ordered.what == "expire":
            job["link"]["state"] = EXPIRE
            self._put(job["key"], job["link"])
        state = self._state(job)
        body = {"signDataId": job["key"], "jobStatus": state}
        if state == FINISH:
            body |= job["link"]["answer"]
        if job["link"]["notes"]:
            body["notes"] = job["link"]["notes"]
        if state == FINISH:
            over = {name: body[name] for name in ("appId", "ext", "result", "userId")}
            body["hmac"] = hmac_of(over, self._settings.secure_code)
            if ordered is not None and ordered.what == "wrong_hmac":
                body["hmac"] = hmac_of(over, self._settings.secure_code + "?")
        return _answered(arrival, body, state)

    def _stamp(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        said = arrival.data
        if not word(said.get("oriData")):
            return _refused(arrival, "oriData 不能为空，且应为字符串", 400)
        if said.get("attachCert") not in ("true", "false"):
            return _refused(arrival, "attachCert 应为 true 或 false", 400)
        spoilt = ordered.value or "tampered" if ordered is not None and ordered.what == "bad_token" else ""
        made = self._token(said["oriData"].encode(), said["attachCert"] == "true", spoilt)
        return _answered(arrival, {"tsResp": base64.b64encode(made).decode()}, spoilt)

    def _token(self, text: bytes, with_certificate: bool, spoilt: str) -> bytes:
        """`spoilt`: how, empty for an honest one."""
        if spoilt == "nonsense":
            return b"a timestamp, believe me"
        kind = spoilt if spoilt in ("untrusted", "expired", "early") else self._settings.timestamps
        over = text + b"?" if spoilt == "text" else text
        made = tokens.token(
            self._authority.timestamper(kind), over, self._authority.now(), with_certificate=with_certificate
        )
        return made[:-1] + bytes([made[-1] ^ 1]) if spoilt == "tampered" else made

    def _judge(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        said = arrival.data
        for name in ("oriData", "tsResp"):
            if not word(said.get(name)):
                return _refused(arrival, f"{name} 不能为空，且应为字符串", 400)
        found = judged(self._authority, said["tsResp"], said["oriData"].encode())
        return _answered(arrival, {"verifyRes": str(found)}, tokens.WORDS[found])

    def _job_for(self, qr: str, name: str) -> dict[str, Any]:
        """The job of this QR code; without one the oldest that waits for this doctor. Raises NoSuchJob."""
        waiting = [one for one in self._ledger.all("sign") if self._state(one) == UNSIGN]
        if not qr.strip():
            wanted = self._authority.doctor(name).mssp_id if name else ""
            for job in waiting:
                if not wanted or job["link"]["mssp_id"] in ("", wanted):
                    return job
            raise NoSuchJob("没有等着签名的任务")
        code = _code_in(qr)
        for job in self._ledger.all("sign"):
            if job["link"]["code"] == code:
                if self._state(job) != UNSIGN:
                    raise NoSuchJob("二维码已过期" if self._state(job) == EXPIRE else "这一份已经签过")
                return job
        raise NoSuchJob("不认识这个二维码")

    def _who(self, doctor: Doctor, how: str) -> tuple[Doctor, Holder]:
        """Who signs, and with which certificate over whose key."""
        other = self._authority.another_than(doctor)
        if how == "other":
            return other, other.holder
        if how == "wrong_certificate":
            return doctor, Holder(key=doctor.holder.key, certificate=other.holder.certificate)
        if how.endswith("_certificate"):
            return doctor, self._authority.reissued(doctor, how.removesuffix("_certificate"))
        return doctor, doctor.holder

    def _finish(self, job: dict[str, Any], signer: Doctor, by: Holder, how: str) -> None:
        link = job["link"]
        moment = datetime.fromtimestamp(self._settings.clock.now(), CHINA)
        answer: dict[str, str] = {
            "msspId": signer.mssp_id,
            "userId": signer.mssp_id,
            "ext": moment.strftime("%Y%m%d%H%M%S"),
            "result": "false" if how == "refuse" else "true",
            "appId": self._settings.ca_app_id,
        }
        if how != "refuse":
            data = base64.b64decode(link["data"]) + (b"?" if how == "tampered" and link["data_type"] != "HASH" else b"")
            value = gm.sign_digest(by.key, data) if link["data_type"] == "HASH" else gm.sign(by.key, data)
            answer |= {"signResult": base64.b64encode(value).decode(), "signCert": by.base64}
        changed = {"state": FINISH, "signed_by": signer.name, "how": how, "answer": answer}
        self._put(job["key"], {**link, **changed})

    def _state(self, job: Mapping[str, Any]) -> str:
        link = job["link"]
        is_over = self._settings.clock.now() >= link["made_at"] + 60 * link["minutes"]
        return EXPIRE if link["state"] == UNSIGN and is_over else str(link["state"])

    def _put(self, key: str, link: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(link, sort_keys=True).encode()).hexdigest()
        self._ledger.keep(at=self._settings.clock.stamp(), kind="sign", key=key, digest=digest, link=link)


def judged(authority: Authority, token: str, text: bytes) -> int:
    """The verifyRes of a token in Base64 over `text`."""
    try:
        data = base64.b64decode("".join(token.split()), validate=True)
    except ValueError:
        return tokens.WRONG_TOKEN
    return tokens.judged(
        data,
        text,
        roots=authority.roots(),
        between=authority.between(),
        known=authority.timestampers(),
        now=authority.now(),
        revoked=authority.revoked(),
    )


def _data_problem(said: Mapping[str, Any]) -> str:
    text = said.get("data", "")
    if not text:
        return "data 不能为空"
    if len(text) > LIMIT_BYTES:
        return "data 最大不超过 1M"
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return "data 必须是 base64 编码"
    return "data 应为 32 字节的 SM3 值" if said["dataType"] == "HASH" and len(data) != 32 else ""


def _answered(arrival: Arrival, data: Mapping[str, Any], reason: str) -> Answer:
    body: dict[str, Any] = {"status": 200, "message": "SUCCESS"}
    if word(arrival.data.get("transId")):
        body["transId"] = arrival.data["transId"]
    return Answer(kept=True, reason=reason, body={**body, "data": dict(data)})


def _refused(arrival: Arrival, message: str, status: int) -> Answer:
    return Answer(kept=False, reason=message, body=refusal(message, status))


def _code_in(qr: str) -> str:
    """A QR code holds the whole text, or its field `o` alone."""
    try:
        said = json.loads(qr)
    except ValueError:
        return qr.strip()
    return word(said.get("o")) if isinstance(said, dict) else qr.strip()


def _shown_text(link: Mapping[str, Any]) -> str:
    if link["data_type"] == "HASH":
        return base64.b64decode(link["data"]).hex()
    return base64.b64decode(link["data"]).decode("utf-8", "replace")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _qr_picture(text: str) -> str:
    """The Base64 of a PNG."""
    import io

    import segno

    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="png", scale=6)
    return base64.b64encode(out.getvalue()).decode()
