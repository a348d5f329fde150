"""What a person fills and what is wrong with it: values with their source, problems, the form of one exam."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Source(Enum):
    """Where a value comes from. A later member of `PRECEDENCE` never gives way to an earlier one."""

    SYSTEM = "system"
    DEFAULT = "default"
    LAST_EXAM = "last_exam"
    DICOM = "dicom"
    DERIVED = "derived"
    HIS = "his"
    REPORT = "report"
    TECHNICIAN = "technician"


SOURCE_WORDS = {
    Source.SYSTEM: "程序",
    Source.DEFAULT: "机构默认",
    Source.LAST_EXAM: "上次检查",
    Source.DICOM: "设备",
    Source.DERIVED: "推算",
    Source.HIS: "HIS",
    Source.REPORT: "报告",
    Source.TECHNICIAN: "手工",
}


class Noun(Enum):
    """Which noun a field describes: an exam record, one report of it, or one row of its settlement list.

    `REQUEST`: only a single request knows it (a file, a count, an address, the span of a query). The program fills it,
    and no form shows it.
    """

    EXAM = "exam"
    REPORT = "report"
    SETTLEMENT = "settlement"
    REQUEST = "request"


class Level(Enum):
    """How strictly a platform asks: 必填, 有则必填, 选填."""

    MUST = "must"
    IF_KNOWN = "if_known"
    MAY = "may"


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value in its saved form (text; `""` means not known) and where it comes from.

    `doubt` is a Chinese sentence for a person when the value must be looked at before it may be sent by itself.
    """

    text: str
    source: Source
    doubt: str = ""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that keeps a record from being sent: the field, its Chinese label, what is wrong, what to enter."""

    key: str
    label: str
    title: str
    advice: str
    destination: str = ""
    noun: Noun = Noun.EXAM
    row: int = 0
    """Index of the report or settlement row among its siblings, 0-based."""


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One line of the form as a page needs it; `shown` is the value in its form for people."""

    key: str
    label: str
    noun: Noun
    group: str
    type: str
    table: str
    level: Level
    required_when: str
    max_length: int
    help: str
    doubt: str
    """What the print of the document leaves open about this row, "" for nothing."""
    value: Value | None
    shown: str
    problem: Problem | None


@dataclass(frozen=True, kw_only=True)
class Form:
    """All fields of one exam for one destination: the exam's, those of each report, those of each settlement row."""

    exam: tuple[FormField, ...]
    reports: tuple[tuple[FormField, ...], ...]
    settlements: tuple[tuple[FormField, ...], ...]
    problems: tuple[Problem, ...]
