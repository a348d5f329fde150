"""Every region's document was typed twice: for the catalogue, and by another hand for its practice platform.

Here both are laid side by side, row by row. `KNOWN` lists by name where they may differ, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.catalogue.load import load_region
from app.catalogue.region import Region, Row
from app.domain.form import Level
from app.practice import guangyuan_fields, guizhou_fields, shanxi_fields
from app.practice.rules import DECIMAL, FILE, LIST, NUMBER, OBJECT, Check, Rule

Rules = tuple[Rule, ...]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The second reading of one document: the rules by the catalogue's name of the message, tables and forms.

    `conditions`: ours to the words of the practice platform's rules. `shaped`: tables it knows only the shape of.
    `longer`: names whose real values are longer than printed.
    """

    rules: Mapping[str, Rules]
    tables: Mapping[str, Check]
    forms: Mapping[str, Any]
    conditions: Mapping[str, str] = field(default_factory=dict)
    shaped: frozenset[str] = frozenset()
    longer: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Known:
    """One difference that stands: what the catalogue says and what the practice platform says, why, and where the
    document has it."""

    aspect: str
    ours: object
    theirs: object
    why: str
    place: str


def _flat(rules: Rules, inside: Rules) -> Rules:
    """The rows of a table with those of the object that one of its rows names in that row's place, by dotted names."""
    return tuple(
        one
        for rule in rules
        for one in ([replace(row, name=f"{rule.name}.{row.name}") for row in inside] if rule.type == OBJECT else [rule])
    )


READINGS: Mapping[str, Reading] = {
    "shanxi": Reading(
        rules={
            "exam": shanxi_fields.EXAM_RULES,
            "report": shanxi_fields.REPORT_RULES,
            "settlement": shanxi_fields.SETTLEMENT_RULES,
            "images_list": shanxi_fields.IMAGE_LIST_RULES,
        },
        tables=shanxi_fields.TABLES,
        forms=shanxi_fields.FORMS,
        conditions={
            "outpatient": "patientFrom=1",
            "inpatient": "patientFrom=3",
            "last_audited": "isLastAudit=1",
            "examined": "checkStatus=2|3|4",
            "signed": "signature",
            "without_pdf": "either:pdf_path,reportPdfBase64",
        },
        longer=shanxi_fields.LONGER_THAN_PRINTED,
        shaped=frozenset({"division", "ethnic", "radiology", "exam_item"}),
    ),
    "guizhou": Reading(
        rules={
            "exam": guizhou_fields.EXAM_RULES,
            "settlement": guizhou_fields.SETTLEMENT_RULES,
            "image": guizhou_fields.IMAGE_FILE_RULES,
            "images": guizhou_fields.IMAGE_INFO_RULES,
            "report": guizhou_fields.REPORT_FILE_RULES,
            "delete": guizhou_fields.DELETE_RULES,
            "history": guizhou_fields.HISTORY_RULES,
            "image_list": guizhou_fields.IMAGE_LIST_RULES,
            "image_content": _flat(guizhou_fields.IMAGE_RULES, guizhou_fields.FILE_SN_RULES),
        },
        tables=guizhou_fields.TABLES,
        forms=guizhou_fields.FORMS,
        longer=guizhou_fields.LONGER_THAN_PRINTED,
        shaped=frozenset({"id_type", "exam_part"}),
    ),
    "guangyuan": Reading(
        rules={"exam": guangyuan_fields.CLINIC_RULES, "exam_of_centre": guangyuan_fields.CENTRE_RULES},
        tables=guangyuan_fields.TABLES,
        forms=guangyuan_fields.FORMS,
        shaped=frozenset({"id_type", "radiology"}),
    ),
}
REGIONS: Mapping[str, Region] = {name: load_region(name) for name in READINGS}

_NO_TABLE_PRINTED = "没有印字典，字典列是 N；按国标的代码给技术员选"
KNOWN: Mapping[tuple[str, str, str], tuple[Known, ...]] = {
    ("shanxi", "exam", "examItemName"): (
        Known(aspect="dictionary", ours=True, theirs=False, why="名称由项目代码得出，平台只看文字", place="五(一)/51"),
    ),
    ("shanxi", "exam", "examPatientId"): (
        Known(
            aspect="condition",
            ours="health_check",
            theirs="",
            why="说明写来源体检时必填，先问技术员",
            place="五(一)/66",
        ),
    ),
    ("shanxi", "exam", "sympBegdate"): (
        Known(aspect="form", ours="date", theirs="", why="没有印格式，平台收任何文字", place="五(一)/83"),
    ),
    ("shanxi", "exam", "sympEnddate"): (
        Known(aspect="form", ours="date", theirs="", why="没有印格式，平台收任何文字", place="五(一)/84"),
    ),
    ("shanxi", "exam", "mtuRecMark"): (
        Known(
            aspect="dictionary",
            ours=True,
            theirs=False,
            why="没有印字典，只举了例子，我们给出可选的",
            place="五(一)/113",
        ),
    ),
    ("shanxi", "report", "reportPdfBase64"): (
        Known(
            aspect="condition",
            ours="without_pdf_url",
            theirs="",
            why="二选一：平台的规则写在 pdf_path 一行，我们两行都写",
            place="五(二)/55",
        ),
    ),
    ("shanxi", "report", "reportPubDate"): (
        Known(aspect="form", ours="datetime", theirs="", why="没有印格式，平台收任何文字", place="五(二)/57"),
    ),
    ("shanxi", "images_list", "PATIENTSEX"): (
        Known(aspect="dictionary", ours=True, theirs=False, why="没有印字典，按检查数据的性别", place="四(二)2(3)/3"),
    ),
    ("shanxi", "images_list", "STUDYDATE"): (
        Known(aspect="form", ours="datetime", theirs="", why="没有印格式，平台也收日期", place="四(二)2(3)/8"),
    ),
    ("shanxi", "images_list", "FILEPATH"): (
        Known(
            aspect="kind", ours="text", theirs="rows", why="程序一次给一列地址，不是一行行填的", place="四(二)2(3)/11"
        ),
    ),
    ("guizhou", "exam", "examCharge"): (
        Known(
            aspect="length",
            ours=9,
            theirs=8,
            why="印作 8,2：平台数的是 8 位数字，我们数的是连小数点的 9 个字符",
            place="2.1(5)/47",
        ),
    ),
    ("guizhou", "exam", "mrgStas"): (
        Known(aspect="dictionary", ours=True, theirs=False, why=_NO_TABLE_PRINTED, place="2.1(5)/30"),
    ),
    **{
        ("guangyuan", message, name): (
            Known(aspect="dictionary", ours=True, theirs=False, why=_NO_TABLE_PRINTED, place=place),
        )
        for message, name, place in (
            ("exam", "mrgStas", "二(五)/30"),
            ("exam", "prfs", "二(五)/32"),
            ("exam_of_centre", "mrgStas", "三(五)/30"),
            ("exam_of_centre", "prfs", "三(五)/32"),
        )
    },
}

ASPECTS = ("length", "required", "condition", "kind", "form", "dictionary", "not_taken", "not_offered")
NOBODY = "by_program"
"""Our condition for a row that the program fills: the platform's rule has no condition there."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One row of a document in both readings."""

    region: str
    message: str
    row: Row
    rule: Rule

    def __str__(self) -> str:
        return f"{self.region}.{self.message}.{self.rule.name}"

    @property
    def known(self) -> tuple[Known, ...]:
        return KNOWN.get((self.region, self.message, self.rule.name), ())


def pairs() -> Iterator[Pair]:
    """Every row of every table of every document, in the documents' order."""
    for name, reading in READINGS.items():
        for message, rules in reading.rules.items():
            for row, rule in zip(REGIONS[name].rows_of(message), rules, strict=False):
                yield Pair(region=name, message=message, row=row, rule=rule)


def ours(pair: Pair) -> dict[str, object]:
    """What the catalogue says of a row."""
    row, table = pair.row, REGIONS[pair.region].table(pair.row.table or pair.row.field.table)
    reading = READINGS[pair.region]
    condition = "" if row.required_when == NOBODY else row.required_when
    offered = {code.code for code in table.codes} if table else set()
    check = reading.tables.get(pair.rule.table)
    return {
        "length": row.max_length,
        "required": row.level is Level.MUST,
        "condition": reading.conditions.get(condition, condition),
        "kind": _kind(row),
        "form": _form(row),
        "dictionary": table is not None,
        "not_taken": sorted(code for code in offered if check and not check(code)),
        "not_offered": [],
    }


def theirs(pair: Pair) -> dict[str, object]:
    """What the practice platform says of the same row."""
    rule, table = pair.rule, REGIONS[pair.region].table(pair.row.table or pair.row.field.table)
    reading = READINGS[pair.region]
    offered = {code.code for code in table.codes} if table else set()
    is_closed = rule.table and rule.table not in reading.shaped
    taken = {text for text in CANDIDATES if reading.tables[rule.table](text)} if is_closed else set()
    return {
        "length": rule.length,
        "required": rule.required,
        "condition": rule.condition,
        "kind": _kind(pair.row) if rule.type == DECIMAL else KINDS.get(rule.type, "text"),
        "form": rule.form if rule.form in ("date", "datetime") else "",
        "dictionary": bool(rule.table),
        "not_taken": [],
        "not_offered": sorted(taken - offered) if table else [],
    }


KINDS = {NUMBER: "number", LIST: "rows", FILE: "file"}
"""A decimal may be sent as a number or as text of one: whichever we do agrees."""


def _kind(row: Row) -> str:
    if row.convert == "file_bytes":
        return "file"
    return "number" if row.convert in ("number", "years") else "rows" if row.field.type == "rows" else "text"


def _form(row: Row) -> str:
    if row.convert == "day":
        return "date"
    return (
        row.field.type
        if row.field.type in ("date", "datetime") and row.convert != "midnight"
        else ("datetime" if row.convert in ("midnight", "start_or_registered") else "")
    )


def differences(pair: Pair) -> dict[str, tuple[object, object]]:
    """aspect -> (ours, theirs), only where they differ."""
    mine, other = ours(pair), theirs(pair)
    return {aspect: (mine[aspect], other[aspect]) for aspect in ASPECTS if mine[aspect] != other[aspect]}


CANDIDATES = sorted(
    {f"{number}" for number in range(100)}
    | {f"{number:02d}" for number in range(100)}
    | {
        code.code
        for region in REGIONS.values()
        for table in region.tables.values()
        for code in table
        if len(code.code) < 4
    }
)
"""Every text that a closed dictionary of these documents could hold."""
