"""Shanxi (山西省医疗数字影像云平台前置机对接接口规范 V2.1): the conversation from top to bottom, the happy path only.

Chapter 三 says how a request is wrapped, 四(二) what is sent where, 四(二)5 how a day is reconciled.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Mapping
from typing import Any

from app.catalogue.region import Region
from app.crypto.digests import sha1_hex_upper
from app.crypto.keys import parse_sm4_key
from app.crypto.sm4 import decrypt_ecb, encrypt_ecb
from app.domain.reconciliation import Sent
from app.errors import NeedsOperator, RetryLater
from app.regions.conversation import (
    Conversation,
    HttpRequest,
    Missing,
    Ours,
    Outgoing,
    Reply,
    Request,
    Stamp,
    Wired,
)
from app.regions.shanxi_ca import ShanxiCa
from app.regions.shanxi_images import ShanxiImages
from app.regions.shanxi_questions import ShanxiQuestions

_SEPARATE, _MERGED = "separate", "merged"


class Shanxi(ShanxiCa, ShanxiQuestions):
    """One destination of this region. Pure: everything it wants done it yields."""

    serial_series = ""
    withdraws_whole = False

    def __init__(self, region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        ShanxiCa.__init__(self, region, options, secrets)
        ShanxiQuestions.__init__(self, region, options, secrets)
        document = region.options
        self._types: Mapping[str, str] = document["reconcile_types"]
        self._options = {**document["options"], **options}
        self._key = parse_sm4_key(secrets.get("sm4_key", ""))
        self._hospital_code = str(self._options.get("hospital_code", ""))
        if self._options["upload_mode"] not in (_SEPARATE, _MERGED):
            raise NeedsOperator(
                "上传方式写错了", f"upload_mode 只能是 {_SEPARATE} 或 {_MERGED}，请改设置", page="destination"
            )
        self._images = ShanxiImages(region, self._options, self._paths["images_list"])
        merged = self._options["upload_mode"] == _MERGED
        self.parts: tuple[str, ...] = ("merged", "images") if merged else ("exam", "report", "images")
        self.waits_for: Mapping[str, str] = {} if merged else {"report": "exam"}
        self.capabilities = (
            frozenset({"withdraw", "reconcile", "images"}) | self.ca_capabilities | self.question_capabilities
        )

    def upload(self, outgoing: Outgoing) -> Conversation:
        """四(二)1 and 2: the record, the report, or both in one, its seal checked first; the images by themselves."""
        if outgoing.part == "images":
            yield from self._images.sent(outgoing)
            return {}
        if outgoing.stamped_pdf and "check_stamp" in self.capabilities:
            yield from self.check_stamp(outgoing.stamped_pdf, f"{outgoing.report_key}.pdf")
        yield self._record(outgoing)
        return {}

    def withdraw(self, outgoing: Outgoing) -> Conversation:
        """The whole record once more, its deletion mark (disableFlag) set: 五(一)/105, 五(二)/65."""
        yield self._record(outgoing)
        return {}

    def reconcile(self, ours: Ours) -> Generator[Request, Reply, Missing]:
        """四(二)5: the whole day in one request; the answer names the exams that the platform lacks."""
        groups: dict[str, list[Sent]] = {}
        for sent in ours.exams:
            groups.setdefault(self._types.get(sent.img_exam_type.split(",")[0], sent.img_exam_type), []).append(sent)
        reply = yield HttpRequest(
            step="reconcile",
            path=self._paths["reconcile"],
            reply="reconcile",
            fresh=True,
            body={
                "hospitalCode": self._hospital_code,
                "date": ours.day.isoformat(),
                "examInfo": [
                    {
                        "imgExamType": kind,
                        "pushExamNum": len(group),
                        "pushImageNum": sum(sent.image_count for sent in group),
                        "pushReportNum": sum(sent.report_count for sent in group),
                        "study_uids": [uid for sent in group for uid in self._uids(sent)],
                    }
                    for kind, group in sorted(groups.items())
                ],
            },
        )
        named = set(self._missing_uids(reply.data))
        return Missing(exam_keys=tuple(sent.exam_key for sent in ours.exams if named & _names_of(sent)))

    def wrap(self, request: HttpRequest, body: bytes, stamp: Stamp) -> Wired:
        """三(一), 三(六): SM4-ECB-PKCS5 and Base64 of the compact JSON; 四(二)5 sends it under `content` alone.

        四(二)4 goes its own way.
        """
        if request.base:
            return self.wrap_ca(request, body, stamp)
        data = base64.b64encode(encrypt_ecb(self._key, body)).decode("ascii")
        headers = {"Content-Type": "application/json;charset=UTF-8", "encryption-type": "SM4"}
        if request.reply == "reconcile":
            return Wired(headers=headers, body=json.dumps({"content": data}).encode("ascii"))
        sent_at = str(int(stamp.now.timestamp()))
        envelope = {
            "hospitalCode": self._hospital_code,
            "data": data,
            "timestamp": sent_at,
            "signature": sha1_hex_upper(f"{data}{self._hospital_code}{sent_at}".encode()),
        }
        return Wired(headers=headers, body=json.dumps(envelope).encode("ascii"))

    def _record(self, outgoing: Outgoing) -> HttpRequest:
        if outgoing.part == "merged":
            body: Mapping[str, Any] = {"patient": outgoing.exam, "report": outgoing.report}
        else:
            body = outgoing.exam if outgoing.part == "exam" else outgoing.report
        return HttpRequest(step=outgoing.part, path=self._paths[outgoing.part], body=body)

    def _uids(self, sent: Sent) -> tuple[str, ...]:
        by_study = self._options.get("reconcile_by") == "study_instance_uid"
        return tuple(sent.study_instance_uids) if by_study else (str(sent.exam_key),)

    def _missing_uids(self, reply: Mapping[str, Any]) -> list[str]:
        """The list that `data` hides, bare or under study_uids, or study_uids beside it: the document shows all three.

        What can't be read is no answer: nobody may take it for "nothing is missing".
        """
        secret = "".join(str(reply.get("data") or "").split())
        try:
            hidden = json.loads(decrypt_ecb(self._key, base64.b64decode(secret, validate=True))) if secret else []
        except ValueError as error:
            raise _unreadable(str(error)[:200]) from error
        lists = [hidden.get("study_uids") or [] if isinstance(hidden, dict) else hidden, reply.get("study_uids") or []]
        if not all(isinstance(each, list) for each in lists):
            raise _unreadable("no list")
        return [str(uid).strip() for each in lists for uid in each]


def _names_of(sent: Sent) -> set[str]:
    """Every id by which the platform may name an exam, whichever of them it was asked by."""
    return {sent.exam_key, *sent.study_instance_uids}


def _unreadable(details: str) -> RetryLater:
    return RetryLater("平台的对账回答看不懂", "程序会再问一次；一直这样时请工程师看看", details=details)


def adapter(region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> Shanxi:
    return Shanxi(region, options, secrets)
