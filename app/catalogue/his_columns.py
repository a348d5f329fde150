"""Which of our fields an exporting HIS can fill, and what its columns are usually called (`his_columns.csv`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from app.catalogue.load import csv_rows
from app.catalogue.region import Catalogue, Field
from app.catalogue.resources import resources_dir
from app.domain.form import Noun

MATCH = "match."
_OURS = frozenset(
    {"exam_id", "study_instance_uid", "last_changed_at", "disable_flag", "settlements", "accession_number"}
)
"""Never HIS's to say: the program or the device gives them."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Column names that were recognised: `columns` by our field, `match` by what a row is matched by."""

    columns: Mapping[str, str]
    match: Mapping[str, str]


_OF_REPORT = frozenset(
    {
        "findings",
        "conclusion",
        "report_advice",
        "positive_mark",
        "critical_values",
        "reported_at",
        "audited_at",
        "report_doctor_name",
        "report_doctor_code",
        "audit_doctor_name",
        "audit_doctor_code",
    }
)


def mappable(catalogue: Catalogue, asked: Collection[str] = ()) -> tuple[Field, ...]:
    """The fields that a column may fill: the exam's, those of a settlement row, and the words of a report (RIS).

    `asked`: what some destination asks for; without any, every field.
    """
    return tuple(
        field
        for field in catalogue.fields.values()
        if (field.noun in (Noun.EXAM, Noun.SETTLEMENT) or field.key in _OF_REPORT)
        and field.key not in _OURS
        and (not asked or field.key in asked)
        and field.type not in ("rows", "pdf", "opaque")
    )


def guess(catalogue: Catalogue, header: Iterable[str], asked: Collection[str] = ()) -> Guess:
    """What the columns of a header are, as far as their names say it; each column fills at most one field."""
    by_name = {_plain(name): name for name in reversed(list(header))}
    fields = mappable(catalogue, asked)
    known = {key: names for key, names in _names().items() if key.startswith(MATCH)}
    known |= {field.key: (*_names().get(field.key, ()), _plain(field.label)) for field in fields}
    found: dict[str, str] = {}
    for key, names in known.items():
        name = next((by_name[one] for one in names if one in by_name), "")
        taken = not key.startswith(MATCH) and name in (found[one] for one in found if not one.startswith(MATCH))
        if name and not taken:
            found[key] = name
    return Guess(
        columns={key: name for key, name in found.items() if not key.startswith(MATCH)},
        match={key.removeprefix(MATCH): name for key, name in found.items() if key.startswith(MATCH)},
    )


def initials(label: str) -> str:
    """The pinyin initials of a label, as people type them: `zjh` for 证件号."""
    from pypinyin import Style, lazy_pinyin  # its tables take a second to load: not at every start of every command

    return "".join(one[:1] for one in lazy_pinyin(label, style=Style.FIRST_LETTER) if one).casefold()


@cache
def _names() -> dict[str, tuple[str, ...]]:
    rows = csv_rows(resources_dir() / "his_columns.csv", ("key", "names"))
    return {cells["key"]: tuple(_plain(name) for name in cells["names"].split("|")) for _, cells in rows}


def _plain(name: str) -> str:
    """Without blanks, brackets and signs, small: `身份证号（必填）` -> `身份证号`."""
    half = unicodedata.normalize("NFKC", name)
    return re.sub(r"[\W_]+", "", re.sub(r"\([^)]*\)", "", half)).casefold()
