"""What the clinic's HIS already knows (HIS 导入): exports and a query, their columns mapped once, matched, filled in.

Nothing is guessed: an unclear row, an unknown word and a strange file wait for a person.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.settings import HisSettings
from app.domain.sheet import CellFault, Sheet
from app.domain.times import CST
from app.engine import coding, his_fill, his_rows, his_shown, pages
from app.engine.face import Json
from app.engine.his_match import decide
from app.engine.his_needs import Failure
from app.engine.his_settings import HIS, HIS_PASSWORD
from app.engine.house import House
from app.engine.setting_kinds import Unfit
from app.errors import NeedsOperator, RetryLater
from app.intake.sheets import read_sheet
from app.store import Tx, files, his
from app.store.his import HisRow, RowFacts, RowState
from app.store.times import kept, taken_or_none
from app.system.secrets import secret_store
from app.wire.foreign_db import ForeignDatabase, select

log = logging.getLogger("app.engine")
_KEEP_DAYS = 30
_FIRST_DAYS, _LAST_DAYS = 3, 30
_ASKED_AT = "his-asked-at"
_AT_ONCE = 200
_QUERY = "HIS 数据库"


class His:
    """HIS of one house. Safe to use from several threads: every change is one transaction of the store."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._last: tuple[object, Sheet] | None = None
        self.failed: Failure | None = None

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
            "trouble": self.failed.sentence if self.failed else "",
        }

    def _unknown(self) -> list[Json]:
        """Words of HIS that no code is known for, as rows to answer."""
        conn = self._house.store.read()
        codes = his.codes(conn)
        return [
            his_shown.word(self._house, key, words, count)
            for key in self.settings.columns
            if coding.is_coded(self._house, key)
            for words, count in his.words_given(conn, key)
            if his_fill.read(self._house, codes, key, words).unknown
        ]

    # -- mapping ----------------------------------------------------------------------------------------------------

    def preview(self, path: str, query: str, url: str, user: str, password: str, mapping: Json | None) -> Json:
        """The first rows, what the columns seem to be, and with a mapping what would come of it."""
        sheet = self._sheet(path, query, url, user, password)
        settings = self.settings if mapping is None else _laid_over(self.settings, mapping)
        return his_shown.preview(self._house, settings, sheet, is_told=mapping is not None)

    def keep(self, mapping: Json) -> HisSettings | None:
        """Keep what HIS's words mean, and give the settings to write when anything else was told."""
        for key, words in dict(mapping.get("codes", {})).items():
            self._keep_codes(str(key), words)
        told = {key: value for key, value in mapping.items() if key in HIS}
        strange = mapping.keys() - HIS.keys() - {"codes", "password"}
        if strange:
            raise NeedsOperator(f"没有 {min(strange)} 这一项", "可以用的有：" + "、".join(HIS))
        settings = _laid_over(self.settings, told)
        if ("columns" in told or "match" in told) and (why := his_shown.why_not(settings)):
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
        self.failed = None
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
                "who": his_shown.who(row.facts),
                "patient_name": row.facts.patient_name,
                "id_number": his_rows.masked(row.facts.id_number),
                "accession_number": row.facts.accession_number,
                "day": row.facts.day,
                "values": [his_shown.value(self._house, codes, key, text) for key, text in row.given.items()],
                "candidates": [
                    his_shown.exam(self._house, key)
                    for key in found.candidates or ((found.exam_key,) if found.exam_key else ())
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

    # -- where sheets come from -------------------------------------------------------------------------------------

    def _sheet(self, path: str, query: str, url: str, user: str, password: str) -> Sheet:
        if path:
            return self._file(Path(path))
        settings = _laid_over(self.settings, {k: v for k, v in {"url": url, "user": user, "query": query}.items() if v})
        if not settings.url or not settings.query:
            raise NeedsOperator("还没有选文件", "请选 HIS 导出的文件，或填数据库地址和查询语句")
        database = ForeignDatabase(url=settings.url, user=settings.user, password=password or self._password())
        since = _since(None, self._house.clock.now())
        return self._once(
            (database.url, database.user, settings.query, password),
            lambda: select(database, settings.query, since=since),
        )

    def _file(self, path: Path) -> Sheet:
        try:
            stat = path.stat()
            return self._once((str(path), stat.st_size, stat.st_mtime_ns), lambda: read_sheet(path))
        except OSError as error:
            raise NeedsOperator(
                f"{path.name} 读不出来", "请关掉正在用它的程序，再试一次", details=type(error).__name__
            ) from error

    def _once(self, key: object, read: Callable[[], Sheet]) -> Sheet:
        """The last sheet is kept, because a preview asks for it again and again."""
        last = self._last
        if last is None or last[0] != key:
            last = self._last = (key, read())
        return last[1]

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
            "faults": [his_shown.fault(one) for one in faults[: his_shown.MOST_FAULTS]],
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


def _since(last: datetime | None, now: datetime) -> datetime:
    """From where to ask: a day before the last time, at least three days; a month at most. China's wall time."""
    usual = now - timedelta(days=_FIRST_DAYS)
    wanted = min(usual, last - timedelta(days=1)) if last else usual
    return max(wanted, now - timedelta(days=_LAST_DAYS)).astimezone(CST).replace(tzinfo=None, microsecond=0)
