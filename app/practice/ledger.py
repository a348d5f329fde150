"""The practice platform's books in SQLite: what reached it (*received*, refused ones too) and what it has (*kept*).

The two are never mixed: a repeated request adds a received row, while one key is kept once. Survives a restart.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KEPT = "kept"
DELETED = "deleted"
LOST = "lost"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS received (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, place TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    digest TEXT NOT NULL, size INTEGER NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL, fault TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS received_by_key ON received (kind, key);
CREATE TABLE IF NOT EXISTS kept (
    kind TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL,
    size INTEGER NOT NULL, study_uid TEXT NOT NULL, day TEXT NOT NULL, link TEXT NOT NULL, fields TEXT NOT NULL,
    file TEXT NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_by_study ON kept (kind, study_uid);
CREATE TABLE IF NOT EXISTS version (
    kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL,
    digest TEXT NOT NULL, fields TEXT NOT NULL, PRIMARY KEY (kind, key, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS serial (
    serial TEXT PRIMARY KEY, place TEXT NOT NULL, at TEXT NOT NULL, times INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS false_miss (key TEXT PRIMARY KEY, times INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS total (
    institution TEXT NOT NULL, day TEXT NOT NULL, type TEXT NOT NULL, counts TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (institution, day, type)
) WITHOUT ROWID;
"""


class Ledger:
    """Thread-safe: one connection, one lock, one transaction per call. Rows go out as plain dicts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "ledger.sqlite", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def receive(
        self,
        *,
        at: str,
        place: str,
        kind: str,
        key: str,
        verdict: str,
        digest: str = "",
        size: int = 0,
        reason: str = "",
        fault: str = "",
    ) -> None:
        """Write down that something reached us. `verdict`: kept · refused · faulted (a fault came before storing)."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO received (at, place, kind, key, digest, size, verdict, reason, fault)"
                " VALUES (?,?,?,?,?,?,?,?,?)",
                (at, place, kind, key, digest, size, verdict, reason, fault),
            )

    def keep(
        self,
        *,
        at: str,
        kind: str,
        key: str,
        digest: str,
        state: str = KEPT,
        size: int = 0,
        study_uid: str = "",
        day: str = "",
        link: Mapping[str, Any] | None = None,
        fields: Mapping[str, Any] | None = None,
        file: str = "",
    ) -> int:
        """Keep one thing under its key and return its version: the same content again stays the same version."""
        shown = json.dumps(fields or {}, ensure_ascii=False)
        linked = json.dumps(link or {}, ensure_ascii=False)
        with self._transaction() as db:
            old = db.execute("SELECT version, digest, state FROM kept WHERE kind=? AND key=?", (kind, key)).fetchone()
            is_same = old is not None and old["digest"] == digest and old["state"] == state
            version = 1 if old is None else old["version"] + (0 if is_same else 1)
            db.execute(
                "INSERT INTO kept (kind, key, state, version, digest, size, study_uid, day, link, fields, file,"
                " first_at, last_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (kind, key) DO UPDATE SET"
                " state=excluded.state, version=excluded.version, digest=excluded.digest, size=excluded.size,"
                " study_uid=excluded.study_uid, day=excluded.day, link=excluded.link, fields=excluded.fields,"
                " file=excluded.file, last_at=excluded.last_at",
                (kind, key, state, version, digest, size, study_uid, day, linked, shown, file, at, at),
            )
            if not is_same:
                db.execute("INSERT INTO version VALUES (?,?,?,?,?,?,?)", (kind, key, version, at, state, digest, shown))
        return version

    def lose(self, kind: str, key: str) -> bool:
        """Forget one thing that was kept. False if it was not there."""
        with self._transaction() as db:
            query = "UPDATE kept SET state=? WHERE kind=? AND key=? AND state<>?"
            return db.execute(query, (LOST, kind, key, LOST)).rowcount == 1

    def withdraw(self, link: str, value: str) -> int:
        """Mark all that is kept under a link as deleted; returns how much it was."""
        with self._transaction() as db:
            query = "UPDATE kept SET state=? WHERE state=? AND json_extract(link, ?)=?"
            return db.execute(query, (DELETED, KEPT, f"$.{link}", value)).rowcount

    def times_used(self, serial: str, *, place: str, at: str) -> int:
        """Write down that a sender used this number for a request; how often it has been used, this time included."""
        with self._transaction() as db:
            query = (
                "INSERT INTO serial VALUES (?,?,?,1) ON CONFLICT (serial) DO UPDATE SET times=times+1 RETURNING times"
            )
            return int(db.execute(query, (serial, place, at)).fetchone()[0])

    def serials(self) -> list[dict[str, Any]]:
        """Every number a sender ever used: {"serial", "place", "at" (first), "times"}."""
        return self._rows("SELECT * FROM serial ORDER BY at, serial", ())

    def one(self, kind: str, key: str) -> dict[str, Any] | None:
        rows = self._rows("SELECT * FROM kept WHERE kind=? AND key=?", (kind, key))
        return rows[0] if rows else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Everything of one kind, oldest first, with `received`: how often its key reached us."""
        return self._rows(
            "SELECT kept.*, (SELECT COUNT(*) FROM received r WHERE r.kind = kept.kind AND r.key = kept.key) AS received"
            " FROM kept WHERE kind=? ORDER BY first_at, key",
            (kind,),
        )

    def linked(self, kind: str, link: str, value: str) -> list[dict[str, Any]]:
        """Everything of one kind under a link, in the order it came."""
        query = "SELECT * FROM kept WHERE kind=? AND json_extract(link, ?)=? ORDER BY first_at, key"
        return self._rows(query, (kind, f"$.{link}", value))

    def of_study(self, kind: str, study_uid: str) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM kept WHERE kind=? AND study_uid=? ORDER BY key", (kind, study_uid))

    def versions(self, kind: str, key: str) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM version WHERE kind=? AND key=? ORDER BY version", (kind, key))

    def arrivals(self, *, since: int = 0, limit: int = 500) -> list[dict[str, Any]]:
        """Received rows after id `since`, the newest `limit` of them, oldest first."""
        rows = self._rows("SELECT * FROM received WHERE id>? ORDER BY id DESC LIMIT ?", (since, limit))
        return rows[::-1]

    def counts(self) -> dict[str, dict[str, int]]:
        """Per kind: received; of these accepted, refused, faulted; and by state kept, deleted, lost."""
        names = ("received", "accepted", "refused", "faulted", KEPT, DELETED, LOST)
        found: dict[str, dict[str, int]] = {kind: dict.fromkeys(names, 0) for kind in ("exam", "report", "image")}
        for row in self._rows("SELECT kind, verdict, COUNT(*) AS n FROM received GROUP BY kind, verdict", ()):
            one = found.setdefault(row["kind"], dict.fromkeys(names, 0))
            one["received"] += row["n"]
            one["accepted" if row["verdict"] == KEPT else row["verdict"]] += row["n"]
        for row in self._rows("SELECT kind, state, COUNT(*) AS n FROM kept GROUP BY kind, state", ()):
            found.setdefault(row["kind"], dict.fromkeys(names, 0))[row["state"]] += row["n"]
        return found

    def miss_falsely(self, key: str, times: int) -> None:
        """Say that `key` is missing in the next `times` reconciliations although it is kept."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO false_miss VALUES (?,?)", (key, times))

    def takes_false_miss(self, key: str) -> bool:
        """Use up one false miss of `key`; false if none is left."""
        with self._transaction() as db:
            used = db.execute("UPDATE false_miss SET times=times-1 WHERE key=? AND times>0", (key,)).rowcount
            db.execute("DELETE FROM false_miss WHERE times<=0")
            return used == 1

    def put_total(self, *, institution: str, day: str, type_: str, counts: Mapping[str, Any], at: str) -> None:
        """What the clinic says it has pushed: a later statement for the same day and type replaces the earlier one."""
        with self._transaction() as db:
            row = (institution, day, type_, json.dumps(counts, ensure_ascii=False), at)
            db.execute("INSERT OR REPLACE INTO total VALUES (?,?,?,?,?)", row)

    def totals(self) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM total ORDER BY day, type", ())

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, query: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        with self._lock:
            rows = [dict(row) for row in self._db.execute(query, values)]
        for row in rows:
            row.update({name: json.loads(row[name]) for name in ("link", "fields", "counts") if name in row})
        return rows
