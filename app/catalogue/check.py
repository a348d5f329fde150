"""What keeps an exam or a report from being sent to a region, as problems for a person. Decides nothing else.

Chapter by chapter: a value that must be there (必填), its form, its code table, its length; then what must agree with
what (`agree`). A field shows one problem at a time, the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from app.catalogue.agree import exam_disagreements, report_disagreements, settlement_disagreements
from app.catalogue.conditions import CONDITIONS, Condition, Texts
from app.catalogue.converters import CONVERTERS
from app.catalogue.region import CODED, Field, Region, Row
from app.catalogue.translate import is_foreign
from app.catalogue.types import TYPES
from app.domain.form import Level, Noun, Problem, Value
from app.errors import NeedsOperator

Values = Mapping[str, Value]
HERE = "这个平台"
"""How a problem calls its destination while there is no other."""


def problems(
    region: Region, exam: Values, reports: Sequence[Values], settlements: Sequence[Values], *, now: datetime
) -> tuple[Problem, ...]:
    """All problems of an exam, its settlement rows and its reports. `now` is aware."""
    found = list(exam_problems(region, exam, settlements, now=now))
    for place, report in enumerate(reports):
        found += report_problems(region, exam, report, now=now, row=place)
    return _one_each(found)


def exam_problems(region: Region, exam: Values, settlements: Sequence[Values], *, now: datetime) -> tuple[Problem, ...]:
    """The problems of the exam part: it can be sent before there is any report."""
    texts = saved_texts(exam)
    found = list(_field_problems(region, Noun.EXAM.value, texts, 0, rows_count=len(settlements)))
    found += exam_disagreements(region, texts, now)
    for place, settlement in enumerate(settlements):
        row = saved_texts(settlement)
        found += _field_problems(region, Noun.SETTLEMENT.value, {**texts, **row}, place)
        found += settlement_disagreements(region, texts, row, place)
    return _one_each(found)


def report_problems(
    region: Region, exam: Values, report: Values, *, now: datetime, row: int = 0
) -> tuple[Problem, ...]:
    """The problems of one report, among them those of exam fields that the report's message carries too."""
    texts = {**saved_texts(exam), **saved_texts(report)}
    found = list(_field_problems(region, Noun.REPORT.value, texts, row))
    found += _field_problems(region, Noun.EXAM.value, texts, row, of_reports=True)
    found += report_disagreements(region, texts, now, row)
    return _one_each(found)


def saved_texts(values: Values) -> dict[str, str]:
    return {key: value.text for key, value in values.items()}


def is_required(region: Region, row: Row, texts: Texts) -> bool:
    """Whether the platform demands this row for these values: 必填, or its condition where it has one."""
    if row.required_when:
        return CONDITIONS[row.required_when].holds(texts, lambda key: region.label_of(key, texts.get(key, "")))
    return row.level is Level.MUST


def _field_problems(
    region: Region, message: str, texts: Texts, place: int, *, rows_count: int = 0, of_reports: bool = False
) -> Iterator[Problem]:
    """`of_reports`: of an exam's message only the rows that say something of its reports, otherwise all the others."""
    for row in region.rows_of(message):
        if message == Noun.EXAM.value and (row.field.noun is Noun.REPORT) != of_reports:
            continue
        text = texts.get(row.key, "")
        if row.field.type == "rows":
            if is_required(region, row, texts) and not rows_count:
                yield _problem(row.field, place, f"还没有{row.field.label}", f"请至少加一行{row.field.label}")
        elif not text:
            if is_required(region, row, texts):
                yield _missing(region, row, place)
        elif fault := _fault(region, row, text):
            yield _problem(row.field, place, *fault)


def _missing(region: Region, row: Row, place: int) -> Problem:
    condition = CONDITIONS.get(row.required_when, Condition(holds=lambda values, label: True, because=""))
    field = region.fields[condition.shown_at] if condition.shown_at else row.field
    if field.type == "uid":
        return _problem(field, place, f"还没有{field.label}", f"影像到了自动填上{field.label}，不用您填")
    verb = {"code": "选择", "codes": "选择", "pdf": "选择"}.get(field.type, "填写")
    because = f"因为{condition.because}，" if condition.because else ""
    advice = f"{because}请{verb}{field.label}"
    return _problem(field, place, f"还没有{field.label}", f"{advice}。{field.help}" if field.help else advice)


def _fault(region: Region, row: Row, text: str) -> tuple[str, str] | None:
    """Title and advice for a value that the row cannot carry."""
    kind, table = TYPES[row.field.type], region.table(row.table)
    if kind.name in CODED and is_foreign(text):
        return f"{row.field.label}：{HERE}没有这个代码", "请换一个"
    try:
        encoded = kind.encode(text, table)
    except NeedsOperator as refused:
        return f"{row.field.label}：{refused.title}", refused.advice
    is_code = table is not None and kind.name == "code"
    if not row.max_length or not kind.measured or is_code:
        return None
    sent = str(CONVERTERS[row.convert].send(encoded, {}, table) or "")
    if len(sent) > row.max_length:
        return f"{row.field.label}太长", f"平台最多收 {row.max_length} 个字，现在 {len(sent)} 个，请缩短"
    return None


def _problem(field: Field, place: int, title: str, advice: str) -> Problem:
    row = 0 if field.noun is Noun.EXAM else place
    return Problem(key=field.key, label=field.label, title=title, advice=advice, noun=field.noun, row=row)


def _one_each(found: Iterable[Problem]) -> tuple[Problem, ...]:
    first: dict[tuple[Noun, int, str], Problem] = {}
    for problem in found:
        first.setdefault((problem.noun, problem.row, problem.key), problem)
    return tuple(first.values())
