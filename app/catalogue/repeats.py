"""Which fields say the same again (resources/repeats.csv): of a patient, of the clinic, of a kind of exam.

Such a value may be suggested, written into several exams at once, or kept as the clinic's default. What is not listed
belongs to one exam alone: names, numbers of orders and bills, times, findings, diagnoses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.catalogue.load import csv_rows, load_catalogue
from app.catalogue.resources import resources_dir
from app.errors import Bug

COLUMNS = ("key", "stays_with", "unit")
PATIENT, CLINIC, ITEM = "patient", "clinic", "item"


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """`stays_with`: of patient, clinic, item (a kind of exam). Fields of one `unit` are one person or one thing."""

    key: str
    stays_with: frozenset[str]
    unit: str


def load_repeats(root: Path | None = None) -> Mapping[str, Repeat]:
    """By field key, in the order of the file. Raises `Bug` naming file and row."""
    path = (root or resources_dir()) / "repeats.csv"
    fields = load_catalogue(root).fields
    found: dict[str, Repeat] = {}
    for number, cells in csv_rows(path, COLUMNS):
        key, stays_with = cells["key"], frozenset(cells["stays_with"].split())
        if key not in fields or key in found:
            raise Bug(f"{path.name}, row {number}, column key: {key!r} is no field or stands twice")
        if not stays_with or not stays_with <= {PATIENT, CLINIC, ITEM}:
            raise Bug(f"{path.name}, row {number}, column stays_with: not of {PATIENT}, {CLINIC}, {ITEM}")
        found[key] = Repeat(key=key, stays_with=stays_with, unit=cells["unit"] or key)
    return found
