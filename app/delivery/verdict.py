"""Turns what came back into one of seven verdicts, by the rows of `codes.csv`; the adapter never sees a bad reply."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.catalogue.codes import CodeRow
from app.domain.job import Trouble, Turn
from app.domain.verdict import Judged, Verdict
from app.errors import AgentError, Bug, NeedsOperator, Rejected, RetryLater
from app.wire.http_client import HttpReply

_MOST_WORDS = 2000
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
"""Halves of a character: alone one is none."""


class Judge:
    """Knows one region's rows, and where in a reply its code and words stand (`[replies.NAME]` of region.toml).

    Where a reply tells of its records by itself (`items`, `flag`, `item_message`, `every`), code and flag are judged
    together as "code/flag"; `by_code_alone` takes a flag that is
    not there as given; one that says no is believed.
    """

    def __init__(
        self, rows: Sequence[CodeRow], places: Mapping[str, Mapping[str, str]], *, by_code_alone: bool = False
    ) -> None:
        self._rows = rows
        self._places = places
        self._by_code_alone = by_code_alone

    def http(self, reply: HttpReply, rule: str, step: str) -> tuple[Judged, dict[str, Any]]:
        """The verdict on an HTTP reply and its decoded JSON ({} when it has none)."""
        if reply.status != 200:
            return self._row("http", str(reply.status), _text(reply.body), step, after=_retry_after(reply)), {}
        try:
            data = _whole(json.loads(reply.body.decode("utf-8-sig")), reply.body)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            return self._row("http", "not_json", _text(reply.body), step), {}
        place = self._places[rule]
        code, words = data.get(place["code"]), data.get(place["message"])
        if code is None or code == "":
            return self._row("http", "no_code", _text(reply.body), step), {}
        code, words = str(code).strip(), "" if words is None else str(words)
        if "flag" in place and any(row.has_flags(rule, code) for row in self._rows):
            flag, own_words = _flagged(data, place)
            flag = "1" if self._by_code_alone and not flag else flag
            code, words = f"{code}/{flag}", own_words or words
        return self._row(rule, code, words, step), data

    def dicom(self, status: int, words: str, item: str, step: str) -> Judged:
        """The verdict on a C-STORE status."""
        return self._row("dicom", f"{status:04X}", words, step, items=(item,))

    def dicom_trouble(self, code: str, item: str, step: str) -> Judged:
        """The verdict on what is not a status: `no_context`, `gone`."""
        return self._row("dicom", code, "", step, items=(item,))

    def _row(
        self, rule: str, code: str, words: str, step: str, *, items: tuple[str, ...] = (), after: float = 0.0
    ) -> Judged:
        row = next((row for row in self._rows if row.fits(rule, code, words)), None)
        if row is None:
            trouble = Trouble(
                title="平台回了没有约定过的代码",
                advice="请把平台的原话复制给工程师，数据都在本机",
                turn=Turn.ENGINEER,
                code=code,
                words=words,
                step=step,
                items=items,
            )
            return Judged(verdict=Verdict.REJECT, trouble=trouble)
        trouble = Trouble(
            title=row.title, advice=row.advice, turn=row.turn, code=code, words=words, step=step, items=items
        )
        transport = rule == "http" and row.verdict in (Verdict.RETRY, Verdict.SLOW_DOWN)
        return Judged(verdict=row.verdict, trouble=trouble, after_seconds=after, transport=transport)


def judged_error(error: AgentError, step: str) -> Judged:
    """The verdict on an error that a wire raised instead of a reply."""
    if isinstance(error, RetryLater):
        verdict, turn = Verdict.RETRY, Turn.AUTOMATIC
    elif isinstance(error, NeedsOperator):
        verdict = Verdict.FIX_FORM if error.fields else Verdict.FIX_SETTINGS
        turn = Turn.TECHNICIAN if error.fields else Turn.ENGINEER
    elif isinstance(error, Rejected | Bug):
        verdict, turn = Verdict.REJECT, Turn.ENGINEER
    else:
        verdict, turn = Verdict.RETRY, Turn.AUTOMATIC
    trouble = Trouble(
        title=error.title,
        advice=error.advice,
        turn=turn,
        code=error.code if isinstance(error, Rejected) else "",
        words=error.details[:_MOST_WORDS],
        step=step,
        page=error.page if isinstance(error, NeedsOperator) else "",
    )
    after = error.after_seconds if isinstance(error, RetryLater) else 0.0
    return Judged(verdict=verdict, trouble=trouble, after_seconds=after, transport=isinstance(error, RetryLater))


def _flagged(data: Mapping[str, Any], place: Mapping[str, str]) -> tuple[str, str]:
    """The flag of the one record that a request carries, "" when there is none to be found, and its words.

    Of several, where the place knows what `every` flag must be: the first that is not.
    """
    items: object = data
    for name in place["items"].split("."):
        items = items.get(name) if isinstance(items, dict) else None
    records = items if isinstance(items, list) else [items]
    if not records or ("every" not in place and len(records) > 1):
        return "", ""
    said = [_flag_of(each, place) for each in records]
    return next((one for one in said if one[0] != place.get("every")), said[0])


def _flag_of(record: object, place: Mapping[str, str]) -> tuple[str, str]:
    if not isinstance(record, dict) or record.get(place["flag"]) is None:
        return "", ""
    words = record.get(place.get("item_message", ""))
    return str(record[place["flag"]]).strip(), "" if words is None else str(words)


def _whole(data: Any, body: bytes) -> Any:
    """JSON can spell half a character, which no file and no database takes: such halves become question marks."""
    if not _HALF.search(body):
        return data
    return json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", errors="replace"))


def _text(body: bytes) -> str:
    return body[:_MOST_WORDS].decode("utf-8", errors="replace")


def _retry_after(reply: HttpReply) -> float:
    try:
        return max(0.0, min(3600.0, float(reply.headers.get("Retry-After", "0"))))
    except ValueError:
        return 0.0
