"""What a person sees of HIS: the preview of an export, a word to explain, an exam to choose. Reads only."""

from __future__ import annotations

from dataclasses import replace

from app.catalogue.his_columns import guess, initials, mappable
from app.domain.exam import EXAM_WORDS, ExamState
from app.domain.settings import HisSettings
from app.domain.sheet import CellFault, Sheet
from app.engine import coding, his_fill, his_rows
from app.engine.face import Json
from app.engine.his_match import decide
from app.engine.his_settings import MATCHES
from app.engine.house import House
from app.store import exams, his
from app.store.his import RowFacts, RowState

MOST_FAULTS = 200
_PREVIEW_ROWS, _WOULD_ROWS, _WORDS = 20, 5, 12
_EXAM_SHOWN = ("patient_name", "accession_number", "modality", "description", "exam_day", "image_count", "state")
_STATE_WORDS = {
    RowState.WAITING: "还没有来图，来了会自动填",
    RowState.AMBIGUOUS: "要您选",
    RowState.MATCHED: "对上了",
    RowState.LEFT: "不属于任何一例",
}


def preview(house: House, settings: HisSettings, sheet: Sheet, *, is_told: bool) -> Json:
    """The first rows, what the columns seem to be (unless that `is_told`), and what would come of it."""
    kept = house.settings.his
    asked = {key for target in house.targets.values() for key in target.region.entered}
    if not is_told and (not settings.mapped or his_rows.missing_columns(settings, sheet.header)):
        found = guess(house.catalogue, sheet.header, asked)
        settings = replace(settings, columns=dict(found.columns), match=dict(found.match))
    return {
        "columns": [{"name": name, "samples": _samples(sheet, place)} for place, name in enumerate(sheet.header)],
        "rows": [[his_rows.masked(cell) for cell in row.cells] for row in sheet.rows[:_PREVIEW_ROWS]],
        "row_count": len(sheet.rows),
        "guess": {"columns": dict(settings.columns), "match": dict(settings.match)},
        "missing": list(his_rows.missing_columns(kept, sheet.header)) if kept.mapped else [],
        "fields": [
            {
                "key": field.key,
                "label": field.label,
                "group": field.group,
                "noun": field.noun.value,
                "pinyin": initials(field.label),
            }
            for field in mappable(house.catalogue, asked)
        ],
        "matches": [{"key": key, "label": label, "pinyin": initials(label)} for key, label in MATCHES.items()],
        "why_not": why_not(settings),
        "codes": _words_in(house, settings, sheet),
        "would": _would(house, settings, sheet),
        "faults": [fault(one) for one in sheet.faults[:MOST_FAULTS]],
    }


def word(house: House, key: str, words: str, count: int, code: str = "") -> Json:
    """`code`: as it is kept, when it is known."""
    table = coding.offered(house, key)
    found = coding.text_of(house, key, code) if code else his_fill.proposed(house, key, words)
    return {
        "key": key,
        "label": house.catalogue.fields[key].label,
        "table": table.name if table else "",
        "words": words,
        "count": count,
        "code": found,
        "code_label": table.label(found) if table and found else "",
        "sure": bool(code),
    }


def value(house: House, codes: dict[str, dict[str, str]], key: str, text: str) -> Json:
    found = his_fill.read(house, codes, key, text)
    return {
        "key": key,
        "label": house.catalogue.fields[key].label,
        "text": his_rows.masked(coding.shown(house, key, found.text) if found.text else text),
        "problem": found.title,
    }


def exam(house: House, exam_key: str) -> Json:
    shown = exams.shown(house.store.read(), exam_key)
    facts = {key: shown.get(key, "") for key in _EXAM_SHOWN}
    words = EXAM_WORDS[ExamState(shown["state"])] if shown else ""
    return {"uid": exam_key, "exam_key": exam_key, **facts, "state_words": words}


def why_not(settings: HisSettings) -> str:
    """What the mapping still lacks, "" for nothing."""
    match = settings.match
    if not (match.get("accession") or match.get("id_number") or (match.get("name") and match.get("day"))):
        return "还要指明哪一列是检查号、证件号，或者姓名和检查日期"
    return "" if settings.columns else "还要指明至少一列填到哪一项"


def who(facts: RowFacts) -> str:
    parts = (facts.patient_name, facts.accession_number, his_rows.masked(facts.id_number), facts.day)
    return " · ".join(part for part in parts if part)


def fault(one: CellFault) -> Json:
    return {"row": one.row, "column": one.column, "title": one.title, "advice": one.advice}


def _words_in(house: House, settings: HisSettings, sheet: Sheet) -> list[Json]:
    """Every word of the sheet for a field with a code table, with what it means as far as that is known."""
    codes = his.codes(house.store.read())
    found: list[Json] = []
    for key, column in settings.columns.items():
        if column not in sheet.header or not coding.is_coded(house, key):
            continue
        place = sheet.header.index(column)
        counted: dict[str, int] = {}
        for row in sheet.rows:
            if row.cells[place]:
                counted[row.cells[place]] = counted.get(row.cells[place], 0) + 1
        for words, count in sorted(counted.items(), key=lambda one: -one[1])[:_WORDS]:
            known = his_fill.read(house, codes, key, words)
            found.append(word(house, key, words, count, known.text))
    return found


def _would(house: House, settings: HisSettings, sheet: Sheet) -> list[Json]:
    """What the first rows would fill, and in which exam."""
    codes, conn = his.codes(house.store.read()), house.store.read()
    shown: list[Json] = []
    for line in sheet.rows[:_PREVIEW_ROWS]:
        cells = dict(zip(sheet.header, line.cells, strict=True))
        facts, wrong = his_rows.facts_of(settings.match, cells)
        if not his_rows.says_whose(facts) or his_rows.is_total(line):
            continue
        decision = decide(facts, his.candidates(conn, facts))
        values = [value(house, codes, key, cells.get(column, "")) for key, column in settings.columns.items()]
        shown.append(
            {
                "row": line.number,
                "who": who(facts),
                "state": decision.state.value,
                "words": decision.why or _STATE_WORDS[decision.state],
                "exam": exam(house, decision.exam_key) if decision.exam_key else None,
                "values": [one for one in values if one["text"] or one["problem"]],
                "problems": [title for _, title, _ in wrong],
            }
        )
        if len(shown) == _WOULD_ROWS:
            break
    return shown


def _samples(sheet: Sheet, place: int) -> list[str]:
    """Up to three different texts of a column."""
    found = dict.fromkeys(row.cells[place] for row in sheet.rows[:200] if row.cells[place])
    return [his_rows.masked(text)[:40] for text in list(found)[:3]]
