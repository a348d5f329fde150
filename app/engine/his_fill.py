"""What the rows of HIS say, put into the exam's record: never over what a technician typed, twice the same as once.

A row that gives a settlement number fills one settlement row; everything else fills the exam.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from app.catalogue.derive import better
from app.domain.form import Noun, Source, Value
from app.engine import coding, pages
from app.engine.house import House
from app.errors import NeedsOperator
from app.store import Tx, exams, his
from app.store.his import HisRow

_PARTS = re.compile(r"[,，、;；|]")


@dataclass(frozen=True, kw_only=True)
class Read:
    """A text of HIS as our field keeps it. `unknown`: its words are not in our code table; `title`: why it can't be."""

    text: str = ""
    title: str = ""
    unknown: bool = False


def read(house: House, codes: Mapping[str, Mapping[str, str]], key: str, text: str) -> Read:
    """What HIS wrote, in our words: a code only when its name says so or a person has said it once."""
    if not text:
        return Read()
    if coding.is_coded(house, key):
        return _coded(house, codes.get(key, {}), key, text)
    try:
        return Read(text=pages.parsed(house, key, text)[1])
    except NeedsOperator as error:
        return Read(title=error.title)


def proposed(house: House, key: str, words: str) -> str:
    """The code on offer that a person most likely means by unknown words, "" for none: never used without asking."""
    table = coding.offered(house, key)
    if table is None or not words:
        return ""
    found = table.named(words) or table.get(words) or table.get(words.zfill(2))
    hits = [] if found else table.search(words, 2)
    return found.code if found else hits[0].code.code if len(hits) == 1 else ""


def _coded(house: House, known: Mapping[str, str], key: str, text: str) -> Read:
    if text in known:
        return Read(text=known[text])
    words = [one.strip() for one in _PARTS.split(text) if one.strip()]
    several = house.catalogue.fields[key].type == "codes"
    codes = [_code(house, known, key, one) for one in (words if several else [text])]
    if not codes or not all(codes):
        return Read(title="HIS 的这个写法还没有对应", unknown=True)
    return Read(text=",".join(dict.fromkeys(",".join(codes).split(","))))


def _code(house: House, known: Mapping[str, str], key: str, words: str) -> str:
    """The kept code of a name, from the list on offer or the shared one; a number alone says nothing."""
    if words in known:
        return known[words]
    return coding.named(house, key, words)


# -- into the record --------------------------------------------------------------------------------------------------


def fill(tx: Tx, house: House, exam_key: str, codes: Mapping[str, Mapping[str, str]], *, now: datetime) -> int:
    """Bring the record up to what the exam's rows say; how many values that changed."""
    rows = his.of_exam(tx.conn, exam_key)
    changed = _fill_exam(tx, house, exam_key, rows, codes, now)
    for row in rows:
        changed += _fill_settlement(tx, house, row, codes, now)
        changed += _fill_report(tx, house, row, codes, now)
    if changed:
        exams.note(tx, exam_key, "his", str(changed), at=now)
        house.follow(tx, exam_key)
    return changed


def _fill_exam(
    tx: Tx, house: House, exam_key: str, rows: list[HisRow], codes: Mapping[str, Mapping[str, str]], now: datetime
) -> int:
    given: dict[str, list[str]] = {}
    for row in rows:
        for key in row.given:
            text = read(house, codes, key, row.given[key]).text if _noun(house, key) is Noun.EXAM else ""
            if text:
                given.setdefault(key, []).append(text)
    values = {key: _agreed(house, key, texts) for key, texts in given.items()}
    gone = {key for row in rows for key in row.applied if _noun(house, key) is Noun.EXAM} - values.keys()
    kept = his.held(tx.conn, exam_key, Noun.EXAM)
    changed = 0
    for key, value in [*values.items(), *((key, Value(text="", source=Source.HIS)) for key in sorted(gone))]:
        old = kept.get((0, key))
        if _may_change(old, value):
            changed += exams.set_value(tx, exam_key, Noun.EXAM, 0, key, value, now=now)
    for row in rows:
        applied = {key: values[key].text for key in row.given if key in values}
        rest = {key: text for key, text in row.applied.items() if _noun(house, key) is not Noun.EXAM}
        _keep(tx, row, applied | rest, row.place, now)
    return changed


def _agreed(house: House, key: str, texts: list[str]) -> Value:
    """One value from several rows; where they differ, or where charges may have to be added, a person looks."""
    different = list(dict.fromkeys(texts))
    if len(texts) > 1 and house.catalogue.fields[key].type == "amount":
        total = f"{sum((Decimal(one) for one in texts), Decimal(0)):.2f}"
        if len(different) > 1:
            return Value(text=total, source=Source.HIS, doubt=f"HIS 里有 {len(texts)} 行费用，相加是 {total}，请核对")
        return Value(
            text=texts[0],
            source=Source.HIS,
            doubt=f"HIS 里有 {len(texts)} 行，每行都是 {texts[0]}，相加是 {total}，请核对",
        )
    doubt = f"HIS 里有 {len(different)} 种写法，用了第一种，请核对" if len(different) > 1 else ""
    return Value(text=different[0], source=Source.HIS, doubt=doubt)


def _fill_settlement(tx: Tx, house: House, row: HisRow, codes: Mapping[str, Mapping[str, str]], now: datetime) -> int:
    """The settlement row that this row has, or finds, or makes; only what HIS itself put there is changed."""
    row = his.row(tx.conn, row.id) or row
    said = {key: read(house, codes, key, text).text for key, text in row.given.items() if _is_settlement(house, key)}
    values = {key: text for key, text in said.items() if text}
    before = {key: text for key, text in row.applied.items() if _is_settlement(house, key)}
    if not values and not before:
        return 0
    kept = his.held(tx.conn, row.exam_key, Noun.SETTLEMENT)
    place = _place(row, values, before, kept, _taken(tx, row))
    if place < 0:
        return 0
    changed = 0
    for key in [*values, *(key for key in before if key not in values)]:
        value = Value(text=values.get(key, ""), source=Source.HIS)
        if _may_change(kept.get((place, key)), value):
            changed += exams.set_value(tx, row.exam_key, Noun.SETTLEMENT, place, key, value, now=now)
    exam_part = {key: text for key, text in row.applied.items() if not _is_settlement(house, key)}
    _keep(tx, row, exam_part | values, place, now)
    return changed


def _fill_report(tx: Tx, house: House, row: HisRow, codes: Mapping[str, Mapping[str, str]], now: datetime) -> int:
    """What a RIS export says of the report; as a report it gives way to the technician and to a report read later."""
    row = his.row(tx.conn, row.id) or row
    said = {
        key: read(house, codes, key, text).text for key, text in row.given.items() if _noun(house, key) is Noun.REPORT
    }
    values = {key: text for key, text in said.items() if text}
    before = {key: text for key, text in row.applied.items() if _noun(house, key) is Noun.REPORT}
    if not values and not before:
        return 0
    own = exams.reports_of(tx.conn, row.exam_key)
    report_key = own[0].report_key if own else exams.add_report(tx, row.exam_key, now=now)
    changed = 0
    for key in [*values, *(key for key in before if key not in values)]:
        old = exams.own_value(tx.conn, report_key, Noun.REPORT, key)
        mine = old is not None and old.source is Source.REPORT and old.text == before.get(key)
        if mine or (key in values and (old is None or old.source not in (Source.REPORT, Source.TECHNICIAN))):
            value = Value(text=values.get(key, ""), source=Source.REPORT)
            changed += exams.set_value(tx, report_key, Noun.REPORT, 0, key, value, now=now)
    rest = {key: text for key, text in row.applied.items() if _noun(house, key) is not Noun.REPORT}
    _keep(tx, row, rest | values, row.place, now)
    return changed


def _place(
    row: HisRow,
    values: Mapping[str, str],
    before: Mapping[str, str],
    kept: Mapping[tuple[int, str], tuple[str, Source, str]],
    taken: set[int],
) -> int:
    """Its place of before while its own values stand there; -1 when a technician took that row away.

    A row that somebody already entered with the same numbers is the same row.
    """
    rows: dict[int, dict[str, str]] = {}
    for (number, key), (text, _, _) in kept.items():
        rows.setdefault(number, {})[key] = text
    if row.place >= 0:
        there = rows.get(row.place, {})
        return row.place if any(there.get(key) == text for key, text in before.items()) else -1
    for number, there in sorted(rows.items()):
        both = [key for key, text in values.items() if there.get(key)]
        if number not in taken and both and all(there[key] == values[key] for key in both):
            return number
    return max(rows, default=-1) + 1


def _taken(tx: Tx, row: HisRow) -> set[int]:
    return {one.place for one in his.of_exam(tx.conn, row.exam_key) if one.id != row.id and one.place >= 0}


def _may_change(old: tuple[str, Source, str] | None, value: Value) -> bool:
    """A value of HIS gives way to HIS; what a technician or a report said, also nothing, stays."""
    if old is None:
        return bool(value.text)
    if old[1] is Source.HIS:
        return True
    return bool(value.text) and better(Value(text=old[0], source=old[1]), value) is value


def _keep(tx: Tx, row: HisRow, applied: Mapping[str, str], place: int, now: datetime) -> None:
    if applied != row.applied or place != row.place:
        his.put(tx, replace(row, applied=dict(applied), place=place), now=now)


def _noun(house: House, key: str) -> Noun | None:
    field = house.catalogue.fields.get(key)
    return field.noun if field else None


def _is_settlement(house: House, key: str) -> bool:
    return _noun(house, key) is Noun.SETTLEMENT


def faults_in(
    house: House, codes: Mapping[str, Mapping[str, str]], given: Mapping[str, str]
) -> Iterable[tuple[str, Read]]:
    """(field, why it can't be read) of what a row gives; unknown words are asked, not told as faults."""
    for key, text in given.items():
        found = read(house, codes, key, text)
        if found.title and not found.unknown:
            yield key, found
