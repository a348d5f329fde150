"""Index codes (医保影像云索引): one per exam and destination at a time, unique there, each kept with what became of it.

`there` says what the platform has under a code: "" nothing, "maybe" (it was sent and no answer came), "yes", and
"left" (it stays there, and people were told so).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from app.store.database import Tx
from app.store.times import kept


@dataclass(frozen=True, kw_only=True)
class Index:
    """The code under which an exam goes to a destination. `base_code`: as its values alone would have it."""

    index_code: str
    base_code: str


@dataclass(frozen=True, kw_only=True)
class Minted:
    """`replaces`: the exam's code until now, "" for none. `moved_seconds`: so far until nobody else had it."""

    index_code: str
    replaces: str = ""
    moved_seconds: int = 0


def current(conn: sqlite3.Connection, destination: str, exam_key: str) -> Index | None:
    """None before the first submission."""
    row = conn.execute(
        """SELECT index_code, base_code FROM index_codes
           WHERE destination = ? AND exam_key = ? AND replaced_at IS NULL""",
        (destination, exam_key),
    ).fetchone()
    return Index(index_code=row["index_code"], base_code=row["base_code"]) if row else None


def mint(tx: Tx, destination: str, exam_key: str, code_at: Callable[[int], str], *, now: datetime) -> Minted:
    """The code to submit under: the one it has while its values are the same, else a new one.

    `code_at(seconds)` is the code with its time moved on. An exam that goes back to earlier values gets the code back
    that it had then; another exam's code is never taken, not even one that is out of use.
    """
    base = code_at(0)
    before = current(tx.conn, destination, exam_key)
    if before is not None and before.base_code == base:
        return Minted(index_code=before.index_code)
    tx.execute(
        "UPDATE index_codes SET replaced_at = ? WHERE destination = ? AND exam_key = ? AND replaced_at IS NULL",
        (kept(now), destination, exam_key),
    )
    replaces = before.index_code if before else ""
    own = tx.execute(
        "SELECT index_code FROM index_codes WHERE destination = ? AND exam_key = ? AND base_code = ?",
        (destination, exam_key, base),
    ).fetchone()
    if own is not None:
        tx.execute(
            "UPDATE index_codes SET replaced_at = NULL WHERE destination = ? AND index_code = ?",
            (destination, own["index_code"]),
        )
        return Minted(index_code=own["index_code"], replaces=replaces)
    moved = next(seconds for seconds in count() if exam_of(tx.conn, destination, code_at(seconds)) is None)
    tx.execute(
        """INSERT INTO index_codes (destination, exam_key, index_code, base_code, minted_at, replaced_at)
           VALUES (?, ?, ?, ?, ?, NULL)""",
        (destination, exam_key, code_at(moved), base, kept(now)),
    )
    return Minted(index_code=code_at(moved), replaces=replaces, moved_seconds=moved)


def every_code(conn: sqlite3.Connection) -> set[str]:
    """Those out of use too: each names the document of a patient, be it as it was typed at first."""
    return {row["index_code"] for row in conn.execute("SELECT index_code FROM index_codes")}


def exam_of(conn: sqlite3.Connection, destination: str, index_code: str) -> str | None:
    """Whose code it is, or was."""
    row = conn.execute(
        "SELECT exam_key FROM index_codes WHERE destination = ? AND index_code = ?", (destination, index_code)
    ).fetchone()
    return row["exam_key"] if row else None


def is_replaced(conn: sqlite3.Connection, destination: str, index_code: str) -> bool:
    """The exam goes under another code by now."""
    if not index_code:
        return False
    row = conn.execute(
        "SELECT 1 FROM index_codes WHERE destination = ? AND index_code = ? AND replaced_at IS NOT NULL",
        (destination, index_code),
    ).fetchone()
    return row is not None


def at_platform(conn: sqlite3.Connection, destination: str, exam_key: str) -> tuple[str, ...]:
    """The codes under which the platform has the exam or may have it, the one in use first."""
    rows = conn.execute(
        """SELECT index_code FROM index_codes WHERE destination = ? AND exam_key = ? AND there IN ('maybe', 'yes')
           ORDER BY replaced_at IS NOT NULL, replaced_at DESC""",
        (destination, exam_key),
    ).fetchall()
    return tuple(row["index_code"] for row in rows)


def sent(tx: Tx, destination: str, index_code: str) -> None:
    """It goes out now: until an answer comes the platform may have it."""
    tx.execute(
        "UPDATE index_codes SET there = 'maybe' WHERE destination = ? AND index_code = ? AND there = ''",
        (destination, index_code),
    )


def refused(tx: Tx, destination: str, index_code: str) -> None:
    """The platform said no to the first that it was sent under this code."""
    tx.execute(
        "UPDATE index_codes SET there = '' WHERE destination = ? AND index_code = ? AND there = 'maybe'",
        (destination, index_code),
    )


def acknowledged(tx: Tx, destination: str, index_code: str) -> None:
    _set(tx, destination, (index_code,), "yes")


def deleted(tx: Tx, destination: str, index_codes: Iterable[str]) -> None:
    """The platform deleted what it had under these."""
    _set(tx, destination, index_codes, "")


def left(tx: Tx, destination: str, index_codes: Iterable[str]) -> None:
    """The platform can't delete: it stays there, and people know."""
    _set(tx, destination, index_codes, "left")


def _set(tx: Tx, destination: str, index_codes: Iterable[str], there: str) -> None:
    for index_code in index_codes:
        tx.execute(
            "UPDATE index_codes SET there = ? WHERE destination = ? AND index_code = ?",
            (there, destination, index_code),
        )
