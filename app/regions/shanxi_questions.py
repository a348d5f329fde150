"""Shanxi's query services (四(二)3 of the document, V2.1): what the front-end machine asks the clinic, and the answer.

How they are sealed is by agreement: in the open, or the question in the envelope of chapter 三 and the rows of the
answer in its SM4. What is refused says why in the open, without a value of the question.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.catalogue.region import Region
from app.crypto.digests import same, sha1_hex_upper
from app.crypto.keys import parse_sm4_key
from app.crypto.sm4 import decrypt_ecb, encrypt_ecb
from app.errors import AgentError
from app.regions.choices import choice
from app.regions.conversation import About, OfferedSeries, Question, Unanswerable

_FIRST_PAGE, _LAST_PAGE, _USUAL_SIZE, MOST_ROWS = 1, 1_000_000, 50, 500
_LONGEST_NUMBER, _MOST_NUMBERS = 128, 50
_ADDRESSES = "image_addresses"
_ENVELOPE = ("hospitalCode", "data", "timestamp", "signature")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?", re.ASCII)
_SECONDS = re.compile(r"\d{1,11}", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_COMMAS = re.compile("[,，]")


class ShanxiQuestions:
    """What a destination of this region may ask. Pure."""

    def __init__(self, region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        document: Mapping[str, Any] = region.options["questions"]
        chosen: Mapping[str, Any] = {**region.options["options"], **options}
        paths: Mapping[str, str] = {**region.options["paths"], **options.get("paths", {})}
        self._row_of_series = region.rows_of("images_list")
        self._asked: Mapping[str, Any] = document
        self._asked_at_path = {paths[f"{about.value}_get"]: about for about in About}
        self._sealed = choice(chosen, "query_envelope", "plain", "sm4") == "sm4"
        self._seal_key = parse_sm4_key(secrets.get("sm4_key", ""))
        self._sealed_for = str(chosen.get("hospital_code", ""))
        self.question_capabilities = frozenset({"answers"} if chosen["query_service"] else ())

    def asks_about(self, path: str) -> About | None:
        """四(二)3(1) to (3)."""
        return self._asked_at_path.get(path)

    def question(self, about: About, given: Mapping[str, Any]) -> Question:
        """The parameters of 四(二)3, after the envelope of 三(一) where that is agreed on. Raises `Unanswerable`."""
        if not self._sealed:
            if set(given) == set(_ENVELOPE):
                raise Unanswerable("约定的是明文，这个请求是加密的")
            return self._read(about, given)
        asked_at, mark, opened = self._opened(given)
        return self._read(about, opened, asked_at=asked_at, mark=mark)

    def series(self, offered: OfferedSeries) -> Mapping[str, Any]:
        """四(二)3(3): one row, of the same names as 2(3)."""
        return {
            row.path: list(offered.addresses) if row.key == _ADDRESSES else offered.values.get(row.key, "")
            for row in self._row_of_series
        }

    def answer(self, content: bytes) -> bytes:
        """code 1; the rows as they are, or their SM4 in Base64 as one text."""
        rows = b'"' + base64.b64encode(encrypt_ecb(self._seal_key, content)) + b'"' if self._sealed else content
        return b'{"code":1,"message":"' + "成功".encode() + b'","content":' + rows + b"}"

    def refusal(self, words: str) -> bytes:
        """code 0."""
        told = {"code": 0, "message": words, "content": []}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    # -- the envelope, 三(一) and 三(六) ----------------------------------------------------------------------------

    def _opened(self, given: Mapping[str, Any]) -> tuple[datetime, str, Mapping[str, Any]]:
        """(when it was asked, its signature, the parameters). Nothing is decrypted before the signature is right."""
        if set(given) != set(_ENVELOPE):
            raise Unanswerable(f"约定的是加密，请求只应有 {'、'.join(_ENVELOPE)}")
        code, data, sent_at, signature = (_text(name, given[name]) for name in _ENVELOPE)
        if not _SECONDS.fullmatch(sent_at):
            raise Unanswerable("timestamp 应为 1970 年以来的秒数")
        ours = sha1_hex_upper(f"{data}{self._sealed_for}{sent_at}".encode())
        if code != self._sealed_for:
            raise Unanswerable("hospitalCode 不是本机构的")
        if not same(ours.encode(), signature.upper().encode()):
            raise Unanswerable("signature 不对")
        try:
            opened = json.loads(decrypt_ecb(self._seal_key, base64.b64decode(data, validate=True)))
        except (ValueError, RecursionError, AgentError) as error:
            raise Unanswerable("data 解不开，请核对 SM4 密钥") from error
        if not isinstance(opened, dict):
            raise Unanswerable("data 里应为一个 JSON 对象")
        return datetime.fromtimestamp(int(sent_at), UTC), ours, opened

    # -- the parameters, 四(二)3 ------------------------------------------------------------------------------------

    def _read(
        self, about: About, given: Mapping[str, Any], *, asked_at: datetime | None = None, mark: str = ""
    ) -> Question:
        common, own = self._asked["common"], self._asked[about.value]
        numbers: Mapping[str, str] = own["numbers"]
        if not set(given) <= {*common.values(), *numbers}:
            raise Unanswerable(f"请求里有文档没有的参数，可以有的是 {'、'.join((*common.values(), *numbers))}")
        texts = {name: _text(name, value) for name, value in given.items()}
        since, until = (_time(common[key], texts.get(common[key], "")) for key in ("start", "end"))
        if since and until and since >= until:
            raise Unanswerable(f"{common['start']} 应早于 {common['end']}")
        several = own.get("several", ())
        matching = {
            key: found
            for name, key in numbers.items()
            if (found := _numbers(name, texts.get(name, ""), several=name in several))
        }
        page, size = (texts.get(common[key], "") for key in ("page", "size"))
        return Question(
            about=about,
            time=own["time"],
            since=since,
            until=until,
            matching=matching,
            page=_whole(common["page"], page, usual=_FIRST_PAGE, most=_LAST_PAGE),
            size=_whole(common["size"], size, usual=_USUAL_SIZE, most=MOST_ROWS),
            asked_at=asked_at,
            mark=mark,
        )


def _text(name: str, value: object) -> str:
    """The document's own example leaves numbers empty and in quotes."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.isprintable():
        raise Unanswerable(f"{name} 应为文字或整数")
    return value.strip()


def _time(name: str, text: str) -> str:
    if not text:
        return ""
    whole = text if len(text) > 10 else f"{text} 00:00:00"
    try:
        if not _TIME.fullmatch(text):
            raise ValueError(name)
        datetime.strptime(whole, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise Unanswerable(f"{name} 应写成 2026-01-31 或 2026-01-31 08:00:00") from None
    return whole


def _numbers(name: str, text: str, *, several: bool) -> tuple[str, ...]:
    found = tuple(one for part in (_COMMAS.split(text) if several else [text]) if (one := part.strip()))
    if len(found) > _MOST_NUMBERS or any(len(one) > _LONGEST_NUMBER for one in found):
        raise Unanswerable(f"{name} 太长，一个号最多 {_LONGEST_NUMBER} 个字，一次最多 {_MOST_NUMBERS} 个号")
    return found


def _whole(name: str, text: str, *, usual: int, most: int) -> int:
    if not text:
        return usual
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        raise Unanswerable(f"{name} 应为 1 到 {most} 的整数")
    return int(text)
