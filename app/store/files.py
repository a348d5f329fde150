"""Stored files that are not images (report PDFs), files set aside, files already seen, links of the file service."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.store.database import Tx
from app.store.times import kept


@dataclass(frozen=True, kw_only=True)
class Link:
    """An unguessable address under which the file service offers one file."""

    token: str
    destination: str
    exam_key: str
    sha256: str
    withdrawn: bool


def keep_file(tx: Tx, sha256: str, md5: str, size_bytes: int, path: str, kind: str, *, now: datetime) -> None:
    tx.execute(
        "INSERT OR IGNORE INTO files (sha256, md5, size_bytes, path, kind, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (sha256, md5, size_bytes, path, kind, kept(now)),
    )


def path_of(conn: sqlite3.Connection, sha256: str) -> str | None:
    row = conn.execute("SELECT path FROM files WHERE sha256 = ?", (sha256,)).fetchone()
    return row["path"] if row else None


def let_wait(tx: Tx, sha256: str, name: str, *, now: datetime) -> None:
    """A report PDF whose exam is not here yet: it is attached when the exam arrives."""
    tx.execute("INSERT OR IGNORE INTO waiting_pdfs (sha256, name, at) VALUES (?, ?, ?)", (sha256, name, kept(now)))
    tx.tell("report_waits", name=name)


def waiting(conn: sqlite3.Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute("SELECT sha256, name, at FROM waiting_pdfs ORDER BY at")]


def stop_waiting(tx: Tx, sha256: str, name: str) -> None:
    tx.execute("DELETE FROM waiting_pdfs WHERE sha256 = ? AND name = ?", (sha256, name))


def set_aside(tx: Tx, path: str, size_bytes: int, title: str, advice: str, source: str, *, now: datetime) -> None:
    """A file that is not what it should be: named, left or kept where `path` says, never deleted."""
    tx.execute(
        "INSERT OR REPLACE INTO aside (path, size_bytes, title, advice, at, source) VALUES (?, ?, ?, ?, ?, ?)",
        (path, size_bytes, title, advice, kept(now), source),
    )
    tx.tell("file_set_aside", path=path)


def aside(conn: sqlite3.Connection, limit: int = 500) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute("SELECT * FROM aside ORDER BY at DESC LIMIT ?", (limit,))]


def aside_of(conn: sqlite3.Connection, source: str) -> list[dict[str, Any]]:
    """What one source gave and nobody could use, the newest first."""
    return [dict(row) for row in conn.execute("SELECT * FROM aside WHERE source = ? ORDER BY at DESC", (source,))]


def saw(tx: Tx, path: str, size_bytes: int, modified_ns: int, outcome: str) -> None:
    """A watched file was dealt with in this very size and time; a rescan passes it by."""
    tx.execute(
        "INSERT OR REPLACE INTO seen_files (path, size_bytes, modified_ns, outcome) VALUES (?, ?, ?, ?)",
        (path, size_bytes, modified_ns, outcome),
    )


def seen(conn: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    return {
        row["path"]: (row["size_bytes"], row["modified_ns"])
        for row in conn.execute("SELECT path, size_bytes, modified_ns FROM seen_files")
    }


def link(tx: Tx, destination: str, exam_key: str, sha256: str, *, now: datetime) -> str:
    """The token for this file at this destination: the same one each time, a new one after a withdrawal."""
    row = tx.execute(
        "SELECT token, withdrawn_at FROM links WHERE destination = ? AND exam_key = ? AND sha256 = ?",
        (destination, exam_key, sha256),
    ).fetchone()
    if row is not None and row["withdrawn_at"] is None:
        return str(row["token"])
    token = secrets.token_urlsafe(32)
    tx.execute(
        """INSERT OR REPLACE INTO links (token, destination, exam_key, sha256, created_at, withdrawn_at, fetched_count,
           last_fetched_at) VALUES (?, ?, ?, ?, ?, NULL, 0, '')""",
        (token, destination, exam_key, sha256, kept(now)),
    )
    return token


def find_link(conn: sqlite3.Connection, token: str) -> Link | None:
    row = conn.execute("SELECT * FROM links WHERE token = ?", (token,)).fetchone()
    if row is None:
        return None
    return Link(
        token=row["token"],
        destination=row["destination"],
        exam_key=row["exam_key"],
        sha256=row["sha256"],
        withdrawn=row["withdrawn_at"] is not None,
    )


def fetched(tx: Tx, token: str, *, now: datetime) -> None:
    tx.execute(
        "UPDATE links SET fetched_count = fetched_count + 1, last_fetched_at = ? WHERE token = ?", (kept(now), token)
    )


def withdraw_links(tx: Tx, destination: str, exam_key: str, *, now: datetime) -> None:
    tx.execute(
        "UPDATE links SET withdrawn_at = ? WHERE destination = ? AND exam_key = ? AND withdrawn_at IS NULL",
        (kept(now), destination, exam_key),
    )


def expire_links(tx: Tx, before: datetime, *, now: datetime) -> int:
    """Links older than the retention period end."""
    cursor = tx.execute(
        "UPDATE links SET withdrawn_at = ? WHERE created_at < ? AND withdrawn_at IS NULL", (kept(now), kept(before))
    )
    return cursor.rowcount


def set_fact(tx: Tx, name: str, value: str) -> None:
    """A small fact of the program itself (paused until, last nightly run ...)."""
    tx.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))


def fact(conn: sqlite3.Connection, name: str) -> str:
    row = conn.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return row["value"] if row else ""
