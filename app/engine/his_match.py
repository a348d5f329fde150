"""To which exam a row of HIS belongs: decided from facts alone, asked when two answers are possible, never guessed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.store.his import Candidate, RowFacts, RowState

_NEAR_DAYS = 3
_HAN = re.compile(r"[\u3400-\u9fff]")
_CARD = re.compile(r"\d{6}(\d{4})(\d{2})(\d{2})\d{3}[\dXx]")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`candidates`: the exams to choose from when a person has to."""

    state: RowState
    exam_key: str = ""
    why: str = ""
    candidates: tuple[str, ...] = ()


def decide(row: RowFacts, exams: Sequence[Candidate]) -> Decision:
    """By accession number, else by document number, else by name and day; the first of them that finds exams says."""
    if row.accession_number:
        own = [one for one in exams if row.accession_number in one.accession_numbers]
        if own:
            return _of_accession(row, own)
    others = [one for one in exams if not (row.accession_number and one.accession_numbers)]
    if row.id_number:
        own = [one for one in others if row.id_number in one.id_numbers and _near(row, one)]
        if own:
            return _of_card(row, own)
    if row.patient_name and row.day:
        own = [one for one in others if _same_name(row, one) and one.day == row.day and not _other_card(row, one)]
        if own:
            return _of_name(row, own)
    return Decision(state=RowState.WAITING)


def _of_accession(row: RowFacts, own: Sequence[Candidate]) -> Decision:
    if len(own) > 1:
        return _ask(f"有 {len(own)} 例用这个检查号", own)
    if not _fits_name(row, own[0]):
        return _ask("检查号对得上，姓名不一样", own)
    if _other_card(row, own[0]):
        return _ask("检查号对得上，证件号不一样", own)
    return _matched(own[0])


def _of_card(row: RowFacts, own: Sequence[Candidate]) -> Decision:
    same_day = [one for one in own if not row.day or one.day == row.day]
    if len(same_day) > 1:
        return _ask(f"这位患者有 {len(same_day)} 例检查", same_day)
    if not same_day:
        return _ask("日期差几天", own)
    if not _fits_name(row, same_day[0]):
        return _ask("证件号对得上，姓名不一样", same_day)
    return _matched(same_day[0])


def _of_name(row: RowFacts, own: Sequence[Candidate]) -> Decision:
    if len(own) > 1:
        return _ask(f"当天有 {len(own)} 例同名的检查", own)
    if _other_birth(row, own[0]):
        return _ask("姓名和日期对得上，出生日期不一样", own)
    return _matched(own[0])


def _matched(one: Candidate) -> Decision:
    return Decision(state=RowState.MATCHED, exam_key=one.exam_key)


def _ask(why: str, own: Sequence[Candidate]) -> Decision:
    return Decision(state=RowState.AMBIGUOUS, why=why, candidates=tuple(one.exam_key for one in own))


def _near(row: RowFacts, one: Candidate) -> bool:
    """Within a few days; without a day only an exam that was not submitted yet."""
    if not row.day:
        return not one.submitted
    here, there = _day(row.day), _day(one.day)
    return here is not None and there is not None and abs((here - there).days) <= _NEAR_DAYS


def _same_name(row: RowFacts, one: Candidate) -> bool:
    return _plain(row.patient_name) == _plain(one.patient_name) != ""


def _fits_name(row: RowFacts, one: Candidate) -> bool:
    """Two Chinese names that differ are two people; a Latin or a doubtful one says nothing."""
    if not one.sure_name or not (_HAN.search(row.patient_name) and _HAN.search(one.patient_name)):
        return True
    return _same_name(row, one)


def _other_card(row: RowFacts, one: Candidate) -> bool:
    cards = [number.upper() for number in one.id_numbers if _CARD.fullmatch(number)]
    return bool(_CARD.fullmatch(row.id_number) and cards and row.id_number.upper() not in cards)


def _other_birth(row: RowFacts, one: Candidate) -> bool:
    card = _CARD.fullmatch(row.id_number)
    born = re.sub(r"\D", "", one.birth_date)
    return bool(card and len(born) == 8 and "".join(card.groups()) != born)


def _plain(name: str) -> str:
    return re.sub(r"[\s·•^]", "", unicodedata.normalize("NFKC", name)).casefold()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
