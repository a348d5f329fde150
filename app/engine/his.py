"""What the clinic's HIS already knows (HIS 导入): exports and a query, their columns mapped once, matched, filled in.

Nothing is guessed: an unclear row, an unknown word and a strange file wait for a person.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.catalogue.his_columns import guess, initials, mappable
from app.domain.exam import EXAM_WORDS, ExamState
from app.domain.settings import HisSettings
from app.domain.sheet import CellFault, Sheet
from app.domain.times import CST
from app.engine import his_fill, his_rows, pages
from app.engine.face import Json
from app.engine.his_match import decide
from app.engine.his_settings import HIS, HIS_PASSWORD, MATCHES
from app.engine.house import House
from app.engine.setting_kinds import Unfit
from app.errors import NeedsOperator, RetryLater
from app.intake.sheets import read_sheet
from app.store import Tx, exams, files, his
from app.store.his import HisRow, RowFacts, RowState
from app.store.times import kept, taken_or_none
from app.system.secrets import secret_store
from app.wire.foreign_db import ForeignDatabase, select

log = logging.getLogger("app.engine")
PREVIEW_ROWS = 20
_KEEP_DAYS = 30
_FIRST_DAYS, _LAST_DAYS = 3, 30
_ASKED_AT = "his-asked-at"
_AT_ONCE = 200
_MOST_FAULTS = 200
_WORDS_SHOWN = 12
_QUERY = "HIS 数据库"
_EXAM_SHOWN = ("patient_name", "accession_number", "modality", "description", "exam_day", "image_count", "state")


class His:
    """HIS of one house. Safe to use from several threads: every change is one transaction of the store."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._last: tuple[object, Sheet] | None = None
        self.trouble = ""

    @property
    def settings(self) -> HisSettings:
        return self._house.settings.his

    # -- what is going on -------------------------------------------------------------------------------------------

    def state(self) -> Json:
        conn, settings = self._house.store.read(), self.settings
        counted = his.counts(conn)
        return {
            "configured": settings.mapped,
            "folder": settings.folder,
            "url": settings.url,
            "user": settings.user,
            "query": settings.query,
            "refresh_minutes": settings.refresh_minutes,
            "has_password": bool(settings.url) and self._password() != "",
            "columns": dict(settings.columns),
            "match": dict(settings.match),
            "last": his.last_import(conn),
            "waiting": counted["waiting"],
            "ambiguous": counted["questions"],
            "unknown": self._unknown(),
            "trouble": self.trouble,
        }

    def _unknown(self) -> list[Json]:
        """Words of HIS that no code is known for, as rows to answer."""
        conn = self._house.store.read()
        codes = his.codes(conn)
        return [
            self._word(key, words, count)
            for key in self.settings.columns
            if his_fill.is_coded(self._house, key)
            for words, count in his.words_given(conn, key)
            if his_fill.read(self._house, codes, key, words).unknown
        ]

    def _word(self, key: str, words: str, count: int, code: str = "") -> Json:
        table = his_fill.table_of(self._house, key)
        found = code or his_fill.proposed(self._house, key, words)
        return {
            "key": key,
            "label": self._house.catalogue.fields[key].label,
            "table": table.name if table else "",
            "words": words,
            "count": count,
            "code": found,
            "code_label": table.label(found) if table and found else "",
            "sure": bool(code),
        }

    # -- mapping ----------------------------------------------------------------------------------------------------

    def preview(self, path: str, query: str, url: str, user: str, password: str, mapping: Json | None) -> Json:
        """The first rows, what the columns seem to be, and with a mapping what would come of it."""
        sheet = self._sheet(path, query, url, user, password)
        found = guess(self._house.catalogue, sheet.header)
        settings = self.settings if mapping is None else _laid_over(self.settings, mapping)
        if mapping is None and (not settings.mapped or his_rows.missing_columns(settings, sheet.header)):
            settings = replace(settings, columns=dict(found.columns), match=dict(found.match))
        return {
            "columns": [
                {"name": name, "samples": _samples(sheet, place)} for place, name in enumerate(sheet.header)
            ],
            "rows": [[his_rows.masked(cell) for cell in row.cells] for row in sheet.rows[:PREVIEW_ROWS]],
            "row_count": len(sheet.rows),
            "guess": {"columns": dict(settings.columns), "match": dict(settings.match)},
            "missing": list(his_rows.missing_columns(self.settings, sheet.header)) if self.settings.mapped else [],
            "fields": [
                {"key": field.key, "label": field.label, "group": field.group, "noun": field.noun.value,
                 "pinyin": initials(field.label)}
                for field in mappable(self._house.catalogue)
            ],
            "matches": [
                {"key": key, "label": label, "pinyin": initials(label)} for key, label in MATCHES.items()
            ],
            "why_not": _why_not(settings),
            "codes": self._words_in(settings, sheet),
            "would": self._would(settings, sheet),
            "faults": [_fault(one) for one in sheet.faults[:_MOST_FAULTS]],
        }  # fmt: skip

    def keep(self, mapping: Json) -> HisSettings | None:
        """Keep what HIS's words mean, and give the settings to write when anything else was told."""
        for key, words in dict(mapping.get("codes", {})).items():
            self._keep_codes(str(key), words)
        told = {key: value for key, value in mapping.items() if key in HIS}
        strange = mapping.keys() - HIS.keys() - {"codes", "password"}
        if strange:
            raise NeedsOperator(f"没有 {min(strange)} 这一项", "可以用的有：" + "、".join(HIS))
        settings = _laid_over(self.settings, told)
        if ("columns" in told or "match" in told) and (why := _why_not(settings)):
            raise NeedsOperator("列还没有对好", why, page="his")
        if password := str(mapping.get("password") or ""):
            secret_store(self._house.settings.secret_store, self._house.home).set(HIS_PASSWORD, password)
        return settings if told and settings != self.settings else None

    def _keep_codes(self, key: str, words: Any) -> None:
        if key not in self._house.catalogue.fields or not isinstance(words, dict):
            raise NeedsOperator(f"没有 {key} 这个字段", "请重新打开导入，再对一次", fields=(key,))
        parsed = {str(one): pages.parsed(self._house, key, str(code))[1] for one, code in words.items()}
        house, now = self._house, self._house.clock.now()

        def change(tx: Tx) -> None:
            for one, code in parsed.items():
                his.keep_code(tx, key, one, code)
            codes = his.codes(tx.conn)
            for exam_key in his.exams_giving(tx.conn, key):
                his_fill.fill(tx, house, exam_key, codes, now=now)

        house.store.write(change)

    def _words_in(self, settings: HisSettings, sheet: Sheet) -> list[Json]:
        """Every word of the sheet for a field with a code table, with what it means as far as that is known."""
        codes = his.codes(self._house.store.read())
        found: list[Json] = []
        for key, column in settings.columns.items():
            if column not in sheet.header or not his_fill.is_coded(self._house, key):
                continue
            place = sheet.header.index(column)
            counted: dict[str, int] = {}
            for row in sheet.rows:
                if row.cells[place]:
                    counted[row.cells[place]] = counted.get(row.cells[place], 0) + 1
            for words, count in sorted(counted.items(), key=lambda one: -one[1])[:_WORDS_SHOWN]:
                known = his_fill.read(self._house, codes, key, words)
                found.append(self._word(key, words, count, known.text))
        return found

    def _would(self, settings: HisSettings, sheet: Sheet) -> list[Json]:
        """What the first rows would fill, and in which exam."""
        codes, conn = his.codes(self._house.store.read()), self._house.store.read()
        shown: list[Json] = []
        for line in sheet.rows[:PREVIEW_ROWS]:
            cells = dict(zip(sheet.header, line.cells, strict=True))
            facts, wrong = his_rows.facts_of(settings.match, cells)
            if not his_rows.says_whose(facts) or his_rows.is_total(line):
                continue
            decision = decide(facts, his.candidates(conn, facts))
            values = [self._value(codes, key, cells.get(column, "")) for key, column in settings.columns.items()]
            shown.append(
                {
                    "row": line.number,
                    "who": _who(facts),
                    "state": decision.state.value,
                    "words": decision.why or _STATE_WORDS[decision.state],
                    "exam": self._exam(decision.exam_key) if decision.exam_key else None,
                    "values": [one for one in values if one["text"] or one["problem"]],
                    "problems": [title for _, title, _ in wrong],
                }
            )
            if len(shown) == 5:
                break
        return shown

    def _value(self, codes: dict[str, dict[str, str]], key: str, text: str) -> Json:
        found = his_fill.read(self._house, codes, key, text)
        table = his_fill.table_of(self._house, key) if found.text else None
        label = table.label(found.text) if table else ""
        return {
            "key": key,
            "label": self._house.catalogue.fields[key].label,
            "text": his_rows.masked(f"{found.text} {label}".strip() if found.text else text),
            "problem": found.title,
        }

    # -- taking in --------------------------------------------------------------------------------------------------

    def import_file(self, path: Path, source: str = "hand") -> Json:
        """Raises `NeedsOperator` for a file that is no sheet or has other columns; OSError is translated too."""
        self._must_be_mapped()
        return self.take(self._file(path), path.name, source)

    def query(self) -> Json:
        """Ask the database for what came since the last time, and take it in."""
        self._must_be_mapped()
        settings, now = self.settings, self._house.clock.now()
        if not settings.url or not settings.query:
            raise NeedsOperator("还没有设置 HIS 数据库", "请填数据库地址和查询语句", page="his")
        last = taken_or_none(files.fact(self._house.store.read(), _ASKED_AT))
        sheet = select(self._database(), settings.query, since=_since(last, now))
        found = self.take(sheet, _QUERY, "query")
        self._house.store.write(lambda tx: files.set_fact(tx, _ASKED_AT, kept(now)))
        return found

    def take(self, sheet: Sheet, name: str, source: str) -> Json:
        """Every row kept, matched and filled in; some hundred rows to a transaction."""
        settings = self.settings
        missing = his_rows.missing_columns(settings, sheet.header)
        if missing:
            raise NeedsOperator(
                f"这个文件没有“{'”“'.join(missing[:4])}”这{'几' if len(missing) > 1 else '一'}列",
                "列名和上次对的不一样，请重新对一次列",
                fields=tuple(missing),
                page="his",
            )
        mapped = his_rows.mapped(settings, sheet)
        visits: dict[str, list[HisRow]] = {}
        for _, row in mapped.rows:
            visits.setdefault(row.visit, []).append(row)
        total = _Total()
        groups = list(visits.values())
        for start in range(0, len(groups), _AT_ONCE):
            part = groups[start : start + _AT_ONCE]
            self._house.store.write(lambda tx, part=part: self._take(tx, part, total))  # type: ignore[misc]
        faults = [*mapped.faults, *self._value_faults(mapped, settings)]
        found = total.told(len(mapped.rows), faults) | {"unknown": self._unknown()}
        found["sentence"] = sentence(found)
        now = self._house.clock.now()
        kept_facts = {
            key: found[key] for key in ("rows", "matched", "exams", "filled", "waiting", "ambiguous", "sentence")
        }
        self._house.store.write(lambda tx: his.imported(tx, name, source, kept_facts, now=now))
        log.info("HIS gave %d rows: %d exams, %d to ask, %d wait", found["rows"], found["exams"], found["ambiguous"],
                 found["waiting"])  # fmt: skip
        return found

    def _take(self, tx: Tx, groups: Sequence[list[HisRow]], total: _Total) -> None:
        now = self._house.clock.now()
        codes = his.codes(tx.conn)
        touched: dict[str, None] = {}
        for fresh in groups:
            known = his.of_visit(tx.conn, fresh[0].visit)
            digests = {one.id: one.digest for one in known}
            rows = his_rows.laid_over(known, fresh)
            for row in rows:
                is_new = not row.id or digests[row.id] != row.digest
                was_open = row.state in (RowState.WAITING, RowState.AMBIGUOUS)
                row = self._decided(tx, row, now) if was_open else row
                if is_new:
                    row = replace(row, id=his.put(tx, row, now=now))
                if row.exam_key and (is_new or was_open):
                    touched[row.exam_key] = None
                total.again += not is_new
                total.count(row)
            his.seen_again(tx, [row.id for row in rows if row.id], now=now)
        for exam_key in touched:
            total.filled += his_fill.fill(tx, self._house, exam_key, codes, now=now)

    def _decided(self, tx: Tx, row: HisRow, now: datetime) -> HisRow:
        found = decide(row.facts, his.candidates(tx.conn, row.facts))
        decided = replace(row, state=found.state, exam_key=found.exam_key, why=found.why)
        if row.id and decided != row:
            his.put(tx, decided, now=now)
        return decided

    def look_again(self, exam_keys: Iterable[str]) -> None:
        """Exams appeared or changed: rows that waited for them find them now."""
        if not self.settings.mapped:
            return
        for key in exam_keys:
            self._house.store.write(lambda tx, key=key: self._look_again(tx, key))  # type: ignore[misc]

    def heard(self, event: Json) -> None:
        """An event of the store, on its writer thread: must not wait."""
        if event["event"] == "exam_changed" and self.settings.mapped and event.get("state") != "gone":
            with contextlib.suppress(RetryLater):  # the house is closing: the rows wait until the next start
                self._house.store.submit(lambda tx: self._look_again(tx, event["exam"]))

    def _look_again(self, tx: Tx, exam_key: str) -> None:
        found = his.open_for(tx.conn, exam_key)
        if not found:
            return
        now = self._house.clock.now()
        touched = {self._decided(tx, row, now).exam_key for row in found} - {""}
        codes = his.codes(tx.conn) if touched else {}
        for key in sorted(touched):
            his_fill.fill(tx, self._house, key, codes, now=now)
        tx.tell("his_imported", rows=len(found))

    def keep_house(self) -> None:
        """Rows that HIS has not given for 30 days are forgotten."""
        before = self._house.clock.now() - timedelta(days=_KEEP_DAYS)
        self._house.store.write(lambda tx: his.drop_before(tx, before))

    # -- questions --------------------------------------------------------------------------------------------------

    def ambiguous(self) -> list[Json]:
        conn = self._house.store.read()
        asked: dict[RowFacts, Json] = {}
        for row in his.ambiguous(conn):
            if row.facts in asked:
                asked[row.facts]["rows"] += 1
                continue
            found = decide(row.facts, his.candidates(conn, row.facts))
            codes = his.codes(conn)
            asked[row.facts] = {
                "row": row.id,
                "rows": 1,
                "why": row.why,
                "who": _who(row.facts),
                "patient_name": row.facts.patient_name,
                "id_number": his_rows.masked(row.facts.id_number),
                "accession_number": row.facts.accession_number,
                "day": row.facts.day,
                "values": [self._value(codes, key, text) for key, text in row.given.items()],
                "candidates": [
                    self._exam(key) for key in found.candidates or ((found.exam_key,) if found.exam_key else ())
                ],
            }
        return list(asked.values())

    def choose(self, row_id: int, exam_key: str) -> int:
        """These rows (all that ask the same) belong to this exam; "": to none. How many values that filled."""
        house, now = self._house, self._house.clock.now()

        def change(tx: Tx) -> int:
            row = his.row(tx.conn, row_id)
            if row is None or row.state not in (RowState.AMBIGUOUS, RowState.WAITING):
                raise NeedsOperator("这行已经不用选了", "它已经对上，或太久以前")
            state = RowState.MATCHED if exam_key else RowState.LEFT
            for one in his.alike(tx.conn, row):
                his.put(tx, replace(one, state=state, exam_key=exam_key, why=""), now=now)
            tx.tell("his_imported", rows=0)
            return his_fill.fill(tx, house, exam_key, his.codes(tx.conn), now=now) if exam_key else 0

        return house.store.write(change)

    def _exam(self, exam_key: str) -> Json:
        shown = exams.shown(self._house.store.read(), exam_key)
        facts = {key: shown.get(key, "") for key in _EXAM_SHOWN}
        words = EXAM_WORDS[ExamState(shown["state"])] if shown else ""
        return {"uid": exam_key, "exam_key": exam_key, **facts, "state_words": words}

    # -- where sheets come from -------------------------------------------------------------------------------------

    def _sheet(self, path: str, query: str, url: str, user: str, password: str) -> Sheet:
        if path:
            return self._file(Path(path))
        settings = _laid_over(self.settings, {k: v for k, v in {"url": url, "user": user, "query": query}.items() if v})
        if not settings.url or not settings.query:
            raise NeedsOperator("还没有选文件", "请选 HIS 导出的文件，或填数据库地址和查询语句")
        key = (settings.url, settings.user, settings.query, password)
        if self._last is None or self._last[0] != key:
            database = ForeignDatabase(url=settings.url, user=settings.user, password=password or self._password())
            self._last = (key, select(database, settings.query, since=_since(None, self._house.clock.now())))
        return self._last[1]

    def _file(self, path: Path) -> Sheet:
        """The sheet of a file; the last one is kept, because a preview asks for it again and again."""
        try:
            stat = path.stat()
            key = (str(path), stat.st_size, stat.st_mtime_ns)
            if self._last is None or self._last[0] != key:
                self._last = (key, read_sheet(path))
        except OSError as error:
            raise NeedsOperator(
                f"{path.name} 读不出来", "请关掉正在用它的程序，再试一次", details=type(error).__name__
            ) from error
        return self._last[1]

    def _database(self) -> ForeignDatabase:
        settings = self.settings
        return ForeignDatabase(url=settings.url, user=settings.user, password=self._password())

    def _password(self) -> str:
        return secret_store(self._house.settings.secret_store, self._house.home).get(HIS_PASSWORD) or ""

    def _must_be_mapped(self) -> None:
        if not self.settings.mapped:
            raise NeedsOperator("还没有对过列", "第一次导入要先告诉程序每一列是什么，只要一次", page="his")

    def _value_faults(self, mapped: his_rows.Mapped, settings: HisSettings) -> list[CellFault]:
        codes = his.codes(self._house.store.read())
        return [
            CellFault(row=number, column=settings.columns.get(key, ""), title=found.title, advice="这一格没有填进去")
            for number, row in mapped.rows
            for key, found in his_fill.faults_in(self._house, codes, row.given)
        ]


class _Total:
    """What came of the rows of one import."""

    def __init__(self) -> None:
        self.states: dict[RowState, int] = dict.fromkeys(RowState, 0)
        self.exams: set[str] = set()
        self.asked: set[RowFacts] = set()
        self.again = 0
        self.filled = 0

    def count(self, row: HisRow) -> None:
        self.states[row.state] += 1
        if row.state is RowState.MATCHED:
            self.exams.add(row.exam_key)
        elif row.state is RowState.AMBIGUOUS:
            self.asked.add(row.facts)

    def told(self, rows: int, faults: Sequence[CellFault]) -> Json:
        return {
            "rows": rows,
            "again": self.again,
            "matched": self.states[RowState.MATCHED],
            "exams": len(self.exams),
            "filled": self.filled,
            "waiting": self.states[RowState.WAITING],
            "ambiguous": self.states[RowState.AMBIGUOUS],
            "questions": len(self.asked),
            "left": self.states[RowState.LEFT],
            "fault_count": len(faults),
            "faults": [_fault(one) for one in faults[:_MOST_FAULTS]],
        }


_STATE_WORDS = {
    RowState.WAITING: "还没有来图，来了会自动填",
    RowState.AMBIGUOUS: "要您选",
    RowState.MATCHED: "对上了",
    RowState.LEFT: "不属于任何一例",
}


def sentence(found: Json) -> str:
    """What an import came to, in one sentence."""
    parts = [f"对上 {found['exams']} 例"] if found["exams"] else []
    parts += [f"{found['ambiguous']} 行要您选"] if found["ambiguous"] else []
    parts += [f"{found['waiting']} 行还没有来图"] if found["waiting"] else []
    parts += [f"{found['fault_count']} 处没有用上"] if found["fault_count"] else []
    return f"导入 {found['rows']} 行：{'，'.join(parts)}" if parts else f"导入 {found['rows']} 行，没有新的"


def _laid_over(settings: HisSettings, told: Json) -> HisSettings:
    """The settings with these parts in place of their own. Raises `NeedsOperator` naming what is wrong."""
    values = {}
    for key, value in told.items():
        try:
            values[key] = HIS[key](value) if key in HIS else value
        except Unfit as error:
            raise NeedsOperator(
                f"{_WORDS.get(key, key)}不对", str(error), fields=(f"his.{key}",), page="his"
            ) from error
    return replace(settings, **values)


_WORDS = {"folder": "文件夹", "url": "数据库地址", "user": "用户名", "query": "查询语句", "refresh_minutes": "间隔"}


def _why_not(settings: HisSettings) -> str:
    """What the mapping still lacks, "" for nothing."""
    match = settings.match
    if not (match.get("accession") or match.get("id_number") or (match.get("name") and match.get("day"))):
        return "还要指明哪一列是检查号、证件号，或者姓名和检查日期"
    return "" if settings.columns else "还要指明至少一列填到哪一项"


def _since(last: datetime | None, now: datetime) -> datetime:
    """From where to ask: a day before the last time, at least two days; a month at most. China's wall time."""
    usual = now - timedelta(days=_FIRST_DAYS)
    wanted = min(usual, last - timedelta(days=1)) if last else usual
    return max(wanted, now - timedelta(days=_LAST_DAYS)).astimezone(CST).replace(tzinfo=None, microsecond=0)


def _who(facts: RowFacts) -> str:
    parts = (facts.patient_name, facts.accession_number, his_rows.masked(facts.id_number), facts.day)
    return " · ".join(part for part in parts if part)


def _samples(sheet: Sheet, place: int) -> list[str]:
    """Up to three different texts of a column."""
    found = dict.fromkeys(row.cells[place] for row in sheet.rows[:200] if row.cells[place])
    return [his_rows.masked(text)[:40] for text in list(found)[:3]]


def _fault(one: CellFault) -> Json:
    return {"row": one.row, "column": one.column, "title": one.title, "advice": one.advice}
