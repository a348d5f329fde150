"""Values -> the JSON of one message in the document's order, and back. Judges no value and sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.catalogue.check import is_required
from app.catalogue.converters import CONVERTERS, JOINED
from app.catalogue.region import Region, Row
from app.catalogue.types import TYPES
from app.domain.form import Noun, Value
from app.errors import NeedsOperator

Given = Mapping[str, object]
"""By field key: a `Value`, a saved text, or a file's reference (any other object), which is passed on unchanged."""


def payload(
    region: Region, message: str, values: Given, *, rows: Mapping[str, Sequence[Given]] | None = None
) -> dict[str, Any]:
    """The body of `message`. `rows` holds the lines of list fields by key (`settlements`).

    Unknown values are left out, but a 必填 that applies is sent as "". Raises `NeedsOperator` for a text that its type
    refuses.
    """
    texts = {key: text for key, given in values.items() if isinstance(text := _plain(given), str)}
    body: dict[str, Any] = {}
    for row in region.rows_of(message):
        if row.field.type == "rows":
            lines = (rows or {}).get(row.key, ())
            sent: object = [payload(region, row.table, {**values, **line}) for line in lines] or None
        else:
            sent = _sent(region, row, _plain(values.get(row.key, "")), texts)
        if sent is None and is_required(region, row, texts):
            sent = [] if row.field.type == "rows" else ""
        if sent is not None:
            _put(body, row.path, sent)
    return body


def of_all_exams(region: Region, message: str, exams: Sequence[Given], own: Given) -> dict[str, object]:
    """The values of one report for several exams: `own` over the first exam's; rows marked so join those of all."""
    merged: dict[str, object] = {**(exams[0] if exams else {}), **own}
    for row in region.rows_of(message):
        if row.convert in JOINED and row.key not in own:
            texts = [str(_plain(exam.get(row.key, ""))) for exam in exams]
            merged[row.key] = ",".join(dict.fromkeys(text for text in texts if text))
    return merged


def with_reports(region: Region, message: str, exam: Given, reports: Sequence[Given]) -> dict[str, object]:
    """The values of one exam whose record carries its reports: the newest report's; rows marked so join those of all.

    An exam without a report has none of them.
    """
    newest = max(reports, key=lambda report: str(_plain(report.get("reported_at", ""))), default={})
    merged: dict[str, object] = {**exam, **newest}
    for row in region.rows_of(message):
        if row.field.noun is Noun.REPORT and row.convert in JOINED:
            texts = [str(_plain(report.get(row.key, ""))) for report in reports]
            merged[row.key] = ",".join(dict.fromkeys(text for text in texts if text))
    return merged


def read_payload(
    region: Region, message: str, body: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, list[dict[str, str]]]]:
    """Saved texts and list rows of a body in the document's form; every known spelling counts, in any letter case.

    What can't be told from the wire form (a label, the start of a range) and what its type refuses is left out.
    """
    values: dict[str, str] = {}
    lists: dict[str, list[dict[str, str]]] = {}
    for row in region.rows_of(message):
        found = next((one for path in (row.path, *row.other_paths) if (one := _get(body, path)) is not None), None)
        if isinstance(found, list):
            lists[row.key] = [read_payload(region, row.table, one)[0] for one in found if isinstance(one, dict)]
        elif found is not None and row.key not in values and (text := _received(region, row, str(found))):
            values[row.key] = text
    return values, lists


def _plain(given: object) -> object:
    return given.text if isinstance(given, Value) else given


def _sent(region: Region, row: Row, given: object, texts: Mapping[str, str]) -> object:
    if not isinstance(given, str):
        return _file(given, CONVERTERS[row.convert].encoding)
    table = region.table(row.table)
    return CONVERTERS[row.convert].send(TYPES[row.field.type].encode(given, table), texts, table)


def _file(ref: Any, encoding: str) -> object:
    """A file's reference as this row wants the file: its bytes, its MD5, an address."""
    return replace(ref, encoding=encoding) if encoding else ref


def _received(region: Region, row: Row, sent: str) -> str:
    try:
        return TYPES[row.field.type].parse(CONVERTERS[row.convert].receive(sent) or "", region.table(row.table))
    except NeedsOperator:
        return ""


def _put(body: dict[str, Any], path: str, sent: object) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        body = body.setdefault(parent, {})
    body[last] = sent


def _get(body: Mapping[str, Any], path: str) -> object:
    found: object = body
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = next((one for key, one in found.items() if key.casefold() == name.casefold()), None)
    return found
