"""What the documents after the national one share: the envelope, the msgid, the index code, one record per request.

Guizhou chapters 1.2 and 2.1, Guangyuan chapter 二. Every wire name stands in `region.toml` and `fields.csv`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.catalogue.region import Region
from app.domain.times import cst_text
from app.errors import NeedsOperator
from app.regions.choices import choice
from app.regions.conversation import HttpRequest, Stamp, Wired

_SETTINGS = "destination"


class National:
    """One destination that speaks so. `serial_series`: its msgids are counted per institution code."""

    def __init__(self, region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        document = region.options
        self._region = region
        self._options = {**document["options"], **options}
        self._paths: Mapping[str, str] = {**document["paths"], **options.get("paths", {})}
        self._infno: Mapping[str, str] = {**document["infno"], **options.get("infno", {})}
        self._names: Mapping[str, str] = document["envelope"]
        self._key = secrets.get("key", "")
        self._institution = str(self._options["institution_code"])
        if not self._key:
            raise NeedsOperator("还没有填接口密钥", "请在设置里填平台发给机构的 key", page=_SETTINGS)
        if not (self._key + self._institution).isascii():
            raise NeedsOperator(
                "接口密钥或机构编码里有中文字符", "只有英文字母、数字和半角符号，请重新填写", page=_SETTINGS
            )
        if not self._institution:
            raise NeedsOperator("还没有填医保机构编码", "请在设置里填 12 位的医保机构编码", page="clinic")
        self._whole("serial_to", self._whole("serial_from", 1, 9999), 9999)
        self._zeros = ("0" * self._whole("index_device_zeros", 1, 20), "0" * self._whole("index_part_zeros", 1, 20))
        self.serial_series = self._institution

    def index_code(self, exam: Mapping[str, str], moved_seconds: int = 0) -> str:
        """医保影像云索引: document type, its number, the time, device, body part and, where asked, who stores it.

        Of the number only letters and digits, which is all that an index may have.
        """
        found = [exam.get(key, "") for key in ("id_type", "id_number", "examined_at")]
        storage = str(self._options["storage_uscc"]) if self._options["index_storage_uscc"] else ""
        if not all(found) or (self._options["index_storage_uscc"] and not storage):
            return ""
        id_type, id_number, examined_at = found
        moment = datetime.fromisoformat(examined_at) + timedelta(seconds=moved_seconds)
        pieces = [
            id_type,
            re.sub(r"[^0-9A-Z]", "", id_number.upper()),
            moment.strftime("%Y%m%d%H%M%S"),
            *self._zeros,
            *([storage] if storage else []),
        ]
        return "-".join(pieces).upper()

    def wrap(self, request: HttpRequest, body: bytes, stamp: Stamp) -> Wired:
        """The head stands beside the records in the JSON; of a file (multipart) it travels as HTTP headers."""
        head = self._head(request, stamp)
        if request.parts:
            return Wired(headers=head)
        opening = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        return Wired(headers={"Content-Type": "application/json;charset=UTF-8"}, body=opening[:-1] + b"," + body[1:])

    def _head(self, request: HttpRequest, stamp: Stamp) -> dict[str, str]:
        """msgid: institution code, time and serial number. A question names the institution otherwise, without key."""
        names, asks = self._names, request.reply == "query"
        head = {
            names["infno"]: self._infno[request.step],
            names["msgid"]: f"{self._institution}{stamp.serial}",
            names["sent_at"]: cst_text(stamp.now),
            names["institution_of_query" if asks else "institution"]: self._institution,
        }
        return head if asks else {**head, names["key"]: self._key}

    def _post(self, message: str, given: object, *, reply: str = "records", **more: Any) -> HttpRequest:
        """`given` is what the document calls the input: a list of records, or what a question is about."""
        return HttpRequest(
            step=message, path=self._paths[message], reply=reply, body={self._names["input"]: given}, **more
        )

    def _choice(self, option: str, *allowed: str) -> str:
        return choice(self._options, option, *allowed)

    def _whole(self, option: str, least: int, most: int) -> int:
        said = str(self._options[option])
        if not said.isdecimal() or not least <= int(said) <= most:
            raise NeedsOperator(f"设置里的“{option}”写错了", f"应是 {least} 到 {most} 的整数，请改设置", page=_SETTINGS)
        return int(said)
