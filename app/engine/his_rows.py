"""A sheet of HIS through the clinic's mapping: rows with the facts that say whose they are, and what they give."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.catalogue.types import TYPES
from app.domain.settings import HisSettings
from app.domain.sheet import CellFault, Sheet, SheetRow
from app.engine.his_settings import MATCHES
from app.errors import NeedsOperator
from app.store.his import HisRow, RowFacts

NOBODY = ("这行认不出是谁的", "要有检查号、证件号，或姓名和日期")
_TOTALS = ("合计", "总计", "小计", "共计")
_FACTS = {"accession": "identifier", "id_number": "id_number", "name": "name", "day": "date"}
_LONG_ID = re.compile(r"(?<![0-9A-Za-z])(\d{6})\d{8}(\d{3}[0-9Xx])(?![0-9A-Za-z])")


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """`rows` with the number of their line; `faults` of cells that could not be used."""

    rows: tuple[tuple[int, HisRow], ...]
    faults: tuple[CellFault, ...]


def missing_columns(settings: HisSettings, header: Sequence[str]) -> tuple[str, ...]:
    """Columns of the mapping that this sheet does not have."""
    wanted = [*settings.match.values(), *settings.columns.values()]
    return tuple(dict.fromkeys(name for name in wanted if name not in header))


def mapped(settings: HisSettings, sheet: Sheet) -> Mapped:
    """Every row that says whose it is; lines of totals are passed by."""
    rows: list[tuple[int, HisRow]] = []
    faults = list(sheet.faults)
    for line in sheet.rows:
        if is_total(line):
            continue
        cells = dict(zip(sheet.header, line.cells, strict=True))
        facts, wrong = facts_of(settings.match, cells)
        faults += [CellFault(row=line.number, column=one[0], title=one[1], advice=one[2]) for one in wrong]
        if says_whose(facts):
            rows.append((line.number, _row(settings, facts, cells)))
        elif not wrong:
            faults.append(CellFault(row=line.number, column="", title=NOBODY[0], advice=NOBODY[1]))
    return Mapped(rows=tuple(rows), faults=tuple(faults))


def facts_of(match: Mapping[str, str], cells: Mapping[str, str]) -> tuple[RowFacts, list[tuple[str, str, str]]]:
    """The facts of a line, and (column, title, advice) of those that can't be read."""
    found: dict[str, str] = {}
    wrong: list[tuple[str, str, str]] = []
    for key, type_name in _FACTS.items():
        text = cells.get(match.get(key, ""), "")
        try:
            found[key] = TYPES[type_name].parse(text) if text else ""
        except NeedsOperator as error:
            wrong.append((match[key], f"{MATCHES[key]}：{error.title}", error.advice))
            found[key] = ""
    facts = RowFacts(
        accession_number=found["accession"], id_number=found["id_number"], patient_name=found["name"], day=found["day"]
    )
    return facts, wrong


def says_whose(facts: RowFacts) -> bool:
    return bool(facts.accession_number or facts.id_number or (facts.patient_name and facts.day))


def laid_over(known: Sequence[HisRow], fresh: Sequence[HisRow]) -> list[HisRow]:
    """The fresh rows of one visit with the identity of the known ones that they repeat or replace.

    First those that are the same, then those with the same number of HIS, then those that had no number yet.
    """
    left = list(known)
    found: dict[int, HisRow] = {}
    for same in (_is_same, _has_same_number, _had_no_number):
        for place, one in enumerate(fresh):
            if place in found:
                continue
            old = next((each for each in left if same(each, one)), None)
            if old is not None:
                left.remove(old)
                found[place] = replace(old, fee=one.fee, digest=one.digest, given=one.given)
    return [found.get(place, one) for place, one in enumerate(fresh)]


def masked(text: str) -> str:
    """ID numbers in a text without their middle."""
    return _LONG_ID.sub(r"\1********\2", text)


def _is_same(old: HisRow, new: HisRow) -> bool:
    return old.digest == new.digest


def _has_same_number(old: HisRow, new: HisRow) -> bool:
    return bool(new.fee) and old.fee == new.fee


def _had_no_number(old: HisRow, new: HisRow) -> bool:
    return not old.fee or not new.fee


def _row(settings: HisSettings, facts: RowFacts, cells: Mapping[str, str]) -> HisRow:
    given = {key: cells.get(column, "") for key, column in settings.columns.items()}
    whose = facts.accession_number or f"{facts.id_number or facts.patient_name} {facts.day}"
    item = given.get("catalogue_code") or given.get("hospital_item_code") or given.get("order_number") or ""
    everything = json.dumps([vars(facts), given], ensure_ascii=False, sort_keys=True)
    return HisRow(
        visit=_digest(f"{whose}\n{item}"),
        fee=given.get("fee_detail_number", ""),
        digest=_digest(everything),
        facts=facts,
        given={key: text for key, text in given.items() if text},
    )


def is_total(line: SheetRow) -> bool:
    return next((cell for cell in line.cells if cell), "").replace(" ", "").startswith(_TOTALS)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
