"""The form of one exam for one region: every field that the platform can take, its value, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.catalogue.check import Values, is_required, problems, saved_texts
from app.catalogue.conditions import Texts
from app.catalogue.region import Catalogue, Region, Row
from app.catalogue.types import TYPES
from app.domain.form import Form, FormField, Level, Noun, Problem, Value
from app.errors import NeedsOperator

_STRICTEST = (Level.MUST, Level.IF_KNOWN, Level.MAY)


def build_form(
    catalogue: Catalogue,
    region: Region,
    exam: Values,
    reports: Sequence[Values],
    settlements: Sequence[Values],
    *,
    now: datetime,
) -> Form:
    """The fields that a person may enter, in the order of the catalogue. `level` is what holds for these values.

    A conditional 必填 that does not apply shows as `if_known`.
    """
    found = problems(region, exam, reports, settlements, now=now)
    by_key = region.entered
    keys = [key for key in catalogue.fields if key in by_key]
    first_report = reports[0] if reports else {}

    def lines(noun: Noun, values: Values, around: Values, place: int) -> tuple[FormField, ...]:
        texts = {**saved_texts(around), **saved_texts(values)}
        own = [problem for problem in found if problem.noun is noun and problem.row == place]
        return tuple(
            _line(region, by_key[key], values.get(key), texts, own)
            for key in keys
            if catalogue.fields[key].noun is noun
        )

    return Form(
        exam=lines(Noun.EXAM, exam, first_report, 0),
        reports=tuple(lines(Noun.REPORT, report, exam, place) for place, report in enumerate(reports)),
        settlements=tuple(lines(Noun.SETTLEMENT, one, exam, place) for place, one in enumerate(settlements)),
        problems=found,
    )


def shown(region: Region, key: str, text: str) -> str:
    """A saved text in its form for people; as it stands when it was never parsed."""
    return _shown(region, next(iter(region.entered.get(key, ())), None), text)


def _line(region: Region, rows: Sequence[Row], value: Value | None, texts: Texts, own: Iterable[Problem]) -> FormField:
    first = rows[0]
    text = value.text if value else ""
    return FormField(
        key=first.key,
        label=first.field.label,
        noun=first.field.noun,
        group=first.field.group,
        type=first.field.type,
        table=first.table,
        level=_level(region, rows, texts),
        required_when=next((row.required_when for row in rows if row.required_when), ""),
        max_length=min((row.max_length for row in rows if row.max_length), default=0),
        help=first.field.help,
        doubt="；".join(_doubts(region, rows, text)),
        value=value,
        shown=_shown(region, first, text),
        problem=next((problem for problem in own if problem.key == first.key), None),
    )


def _level(region: Region, rows: Sequence[Row], texts: Texts) -> Level:
    levels = {_level_of(region, row, texts) for row in rows}
    return next(level for level in _STRICTEST if level in levels)


def _level_of(region: Region, row: Row, texts: Texts) -> Level:
    if is_required(region, row, texts):
        return Level.MUST
    return Level.IF_KNOWN if row.level is Level.MUST else row.level


def _doubts(region: Region, rows: Sequence[Row], text: str) -> list[str]:
    """What the print leaves open about the rows, and about the codes that the field now holds."""
    found = [row.doubt for row in rows if row.doubt]
    for row in rows:
        table = region.table(row.table)
        codes = [table.get(code) for code in text.split(",")] if table and text else []
        found += [f"{code.code}：{code.doubt}" for code in codes if code and code.doubt]
    return list(dict.fromkeys(found))


def _shown(region: Region, row: Row | None, text: str) -> str:
    if row is None:
        return text
    kind, table = TYPES[row.field.type], region.table(row.table)
    try:
        return kind.show(kind.parse(text, table), table)
    except NeedsOperator:
        return text
