"""Shanxi's chapter of signatures (四(二)4 of the document, V2.1): the conversations, the happy path only.

A doctor signs on the phone (4(4)), and the platform checks what was signed, stamped and dated (4(5), 4(7)). None of it
goes in the SM4 envelope: the requests are plain JSON with an HMAC of their own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Mapping
from typing import Any

from app.catalogue.region import Region
from app.crypto.digests import hmac_sha256, same
from app.errors import NeedsOperator, Rejected
from app.regions import reading
from app.regions.choices import choice
from app.regions.conversation import (
    FileRef,
    HttpRequest,
    Reply,
    Request,
    SignAnswer,
    SignedText,
    SignJob,
    SignOrder,
    SignState,
    Stamp,
    StampFound,
    Wired,
)

_AT_SIGNING, _AT_CHECK, _AT_SEALS = "ca", "verify", "seal"
_LONGEST_TITLE, _LONGEST_DESCRIPTION, _LONGEST_MINUTES = 100, 4096, 4320
_COVERED = ("app_id", "signed_at", "result", "user_id")
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


class ShanxiCa:
    """What a destination of this region asks of the signing service and of the checks. Pure."""

    def __init__(self, region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        document = region.options["ca"]
        self._paths: Mapping[str, str] = {**region.options["paths"], **options.get("paths", {})}
        self._names: Mapping[str, str] = {**document["names"], **options.get("ca_names", {})}
        self._answers: Mapping[str, list[str]] = document["answers"]
        self._fixed: Mapping[str, str] = document["fixed"]
        self._states: Mapping[str, str] = document["states"]
        self._by_sign_type: Mapping[str, str] = document["by_sign_type"]
        chosen: Mapping[str, Any] = {**region.options["options"], **options}
        self._secure_code = str(secrets.get("secure_code", ""))
        self._app_id = str(chosen["ca_app_id"])
        self._device_id = str(chosen["ca_device_id"])
        self._sign_algo = str(chosen["sign_algo"])
        self._as_picture = choice(chosen, "qr_code", "text", "picture") == "picture"
        self._short_code = choice(chosen, "qr_content", "whole", "short") == "short"
        on_the_phone = choice(chosen, "sign_by", "qr", "import") == "qr"
        self.ca_capabilities: frozenset[str] = frozenset(
            {"sign"} if on_the_phone and self._secure_code and self._app_id else ()
        ) | frozenset({"verify", "check_stamp"} if chosen["verify_at_platform"] else ())

    # -- signing on the phone, 4(4) ---------------------------------------------------------------------------------

    def sign(self, order: SignOrder) -> Generator[Request, Reply, SignJob]:
        """4(4)5: one text for one doctor; the answer is what the phone reads."""
        reply = yield self._request(
            "sign",
            {
                "signer_id": order.signer_id,
                "authorised_id": order.authorised_id,
                "title": order.title[:_LONGEST_TITLE],
                "kind": order.kind,
                "algorithm": self._fixed["algorithm"],
                "description": order.description[:_LONGEST_DESCRIPTION],
                "minutes": str(max(1, min(order.minutes, _LONGEST_MINUTES))),
                "data": base64.b64encode(order.text).decode("ascii"),
                "as_picture": "Y" if self._as_picture else "N",
                "notes": order.notes,
            },
        )
        sign_data_id, code = self._told(reply, "sign_data_id"), self._told(reply, "qr_code")
        picture = _picture(code)
        if not sign_data_id or not code:
            raise reading.unreadable("no signDataId or no qrCode")
        text = "" if picture else _short(code) if self._short_code else code
        return SignJob(sign_data_id=sign_data_id, qr_text=text, qr_picture=picture)

    def signed(self, sign_data_id: str) -> Generator[Request, Reply, SignAnswer]:
        """4(4)6: how far the doctor is; a finished job comes with signature, certificate and an hmac of its own."""
        reply = yield self._request("sign_result", {"sign_data_id": sign_data_id}, reply="sign_result")
        state = SignState(self._states[self._told(reply, "state")])
        if state is not SignState.FINISHED:
            return SignAnswer(state=state)
        self._must_be_theirs(reply)
        if self._told(reply, "sign_data_id") not in ("", sign_data_id):
            raise _foreign("another sign job")
        if self._told(reply, "result") != "true":
            return SignAnswer(state=SignState.FAILED)
        answer = SignAnswer(
            state=state,
            sign_value=reading.joined(_data(reply), self._answers["sign_value"]),
            certificate=reading.joined(_data(reply), self._answers["certificate"]),
            signer_id=self._told(reply, "user_id"),
            signed_at_text=self._told(reply, "signed_at"),
        )
        if not answer.sign_value or not answer.certificate:
            raise reading.unreadable("finished without signature or certificate")
        return answer

    def timestamp(self, text: bytes) -> Generator[Request, Reply, str]:
        """4(4)7: over the original text, with the certificate of who stamps inside."""
        reply = yield self._request("timestamp", {"original": text.decode("utf-8"), "with_certificate": "true"})
        token = reading.joined(_data(reply), self._answers["tsa_token"])
        if not token:
            raise reading.unreadable("no tsResp")
        return token

    # -- checked by the platform, 4(5) and 4(7) ---------------------------------------------------------------------

    def verify(self, signed: SignedText) -> Generator[Request, Reply, None]:
        """4(5)1 or 2: the signature, and of PKCS1 its certificate."""
        asked = self._by_sign_type.get(signed.sign_type, "")
        if not asked:
            raise NeedsOperator("签名类型没有填对", "请选 PKCS1 或 PKCS7", fields=("sign_type",))
        values: dict[str, Any] = {"original": signed.text.decode("utf-8"), "sign_value": signed.sign_value}
        if asked == "verify_pkcs1":
            values |= {
                "check_algorithm": self._fixed["check_algorithm"],
                "certificate": signed.certificate,
                "check_certificate": True,
            }
        yield self._request(asked, values, base=_AT_CHECK, reply="verify")

    def verify_timestamp(self, signed: SignedText) -> Generator[Request, Reply, None]:
        """4(5)3."""
        values = {"original": signed.text.decode("utf-8"), "tsa_token": signed.tsa_token}
        yield self._request("verify_timestamp", values, reply="verify_timestamp")

    def check_stamp(self, pdf: FileRef, name: str) -> Generator[Request, Reply, tuple[StampFound, ...]]:
        """4(7): every stamp in the file itself, not in an address of it."""
        values = {"file_name": name, "file_kind": 0, "file": pdf}
        reply = yield self._request("check_stamp", values, base=_AT_SEALS, reply="check_stamp")
        return tuple(
            StampFound(
                page=reading.text(each, self._answers["stamp_page"]),
                signed_at_text=reading.text(each, self._answers["stamped_at"]),
                words=reading.text(each, self._answers["stamp_words"]),
                certificate=reading.joined(each, self._answers["certificate"]),
                algorithm=reading.text(each, self._answers["stamp_algorithm"]),
            )
            for each in reading.objects(reading.found(reply.data, self._answers["stamps"]))
        )

    # -- on the wire ------------------------------------------------------------------------------------------------

    def wrap_ca(self, request: HttpRequest, body: bytes, stamp: Stamp) -> Wired:
        """4(4)1: the common parameters, then the signature over all of them; 4(7) has a time instead."""
        said: dict[str, Any] = {}
        if request.base == _AT_SEALS:
            said |= self._named({"trans_id": stamp.nonce, "asked_at": int(stamp.now.timestamp() * 1000)})
        else:
            common = {
                "trans_id": stamp.nonce,
                "version": self._fixed["version"],
                "app_id": self._app_id,
                "device_id": self._device_id,
                "sign_algo": self._sign_algo,
            }
            said |= self._named(common)
        said |= json.loads(body)
        if request.base != _AT_SEALS and self._secure_code:
            said[self._names["signature"]] = self.signature(said)
        content = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        return Wired(headers={"Content-Type": "application/json;charset=UTF-8"}, body=content)

    def signature(self, parameters: Mapping[str, Any]) -> str:
        """4(4)3: HMAC-SHA256 with the secure code, in Base64."""
        text = in_order(parameters, without=self._names["signature"])
        return base64.b64encode(hmac_sha256(self._secure_code.encode("utf-8"), text.encode("utf-8"))).decode("ascii")

    def _request(
        self, message: str, values: Mapping[str, Any], *, base: str = _AT_SIGNING, reply: str = "ca"
    ) -> HttpRequest:
        path, body = self._paths[message], self._named(values)
        return HttpRequest(step=message, path=path, body=body, base=base, reply=reply, fresh=True)

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """By wire name; what is empty is not sent."""
        return {self._names[name]: value for name, value in values.items() if value != ""}

    def _told(self, reply: Reply, name: str) -> str:
        return reading.text(_data(reply), self._answers[name])

    def _must_be_theirs(self, reply: Reply) -> None:
        """4(4)6: the answer's hmac is over appId, ext, result and userId; who signed is told twice."""
        covered = {self._answers[name][0]: self._told(reply, name) for name in _COVERED}
        ours, theirs = self.signature(covered), reading.joined(_data(reply), self._answers["hmac"])
        if not same(ours.encode("utf-8"), theirs.encode("utf-8", "replace")):
            raise _foreign("hmac")
        if self._told(reply, "signer_id") not in ("", self._told(reply, "user_id")):
            raise _foreign("msspId and userId differ")


def in_order(parameters: Mapping[str, Any], *, without: str) -> str:
    """4(4)3: `k=v` in the order of the names' ASCII codes, joined by `&`, nothing encoded; empty ones are left out."""
    texts = {name: _text(value) for name, value in parameters.items() if name != without}
    return "&".join(f"{name}={texts[name]}" for name in sorted(texts) if texts[name])


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _data(reply: Reply) -> Mapping[str, Any]:
    """4(4)2: what the answer is about stands inside."""
    data = reading.found(reply.data, ("data",))
    return data if isinstance(data, Mapping) else {}


def _picture(code: str) -> bytes:
    """A QR code that came as a picture in Base64 (4(4)5, requireQrCode), b"" for one that is text."""
    try:
        made = base64.b64decode("".join(code.partition("base64,")[2].split() or code.split()), validate=True)
    except ValueError:
        return b""
    return made if made.startswith(_PICTURES) else b""


def _short(code: str) -> str:
    """4(4)5: the field `o` alone makes a coarser code that reads more easily."""
    try:
        inside = json.loads(code)
    except ValueError:
        return code
    short = inside.get("o") if isinstance(inside, dict) else None
    return short if isinstance(short, str) and short else code


def _foreign(details: str) -> Rejected:
    return Rejected("签名结果不是签名服务给的", "没有采用这个签名。请工程师核对 secureCode 和网络", details=details)
