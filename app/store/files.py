"""Stored files that are not images (report PDFs), files set aside, files already seen, links of the file service."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.store import exams
from app.store.database import Tx
from app.store.times import kept, taken, taken_or_none

ZIP = ""
"""Stands where a link of one file has its SHA-256: the link of all images of the exam in one archive."""
IMAGES = "images"
"""Stands there, too: the link of the exam's images one by one, each counted by what the destination holds."""
_SETTLED = "('acknowledged', 'reconciled', 'withdrawn')"
_LAST_CHANGE = "(SELECT max(j.changed_at) FROM jobs j WHERE j.exam_key = {exam_key})"


@dataclass(frozen=True, kw_only=True)
class Link:
    """An unguessable address under which the file service offers one file or the images of an exam."""

    token: str
    destination: str
    exam_key: str
    sha256: str
    withdrawn: bool
    created_at: datetime
    tag: str
    """Names the content that the address offers."""
    whole: bool
    """What the address offers now was taken to its last byte."""
    fetched_count: int
    """How often something was taken to its last byte."""
    first_fetched_at: datetime | None
    last_fetched_at: datetime | None
    sent_bytes: int
    """All that ever went out, cut transfers too."""
    broken: str
    """Why the content can't be sent at present; "" when it can."""

    @property
    def is_zip(self) -> bool:
        return self.sha256 == ZIP

    @property
    def is_images(self) -> bool:
        return self.sha256 == IMAGES


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Size and CRC-32 of an image as it goes into a ZIP; with an accession number, of the copy that carries it."""

    sop_instance_uid: str
    sha256: str
    accession_number: str
    size_bytes: int
    crc32: int


def keep_file(tx: Tx, sha256: str, md5: str, size_bytes: int, path: str, kind: str, *, now: datetime) -> None:
    tx.execute(
        "INSERT OR IGNORE INTO files (sha256, md5, size_bytes, path, kind, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (sha256, md5, size_bytes, path, kind, kept(now)),
    )


def path_of(conn: sqlite3.Connection, sha256: str) -> str | None:
    row = conn.execute("SELECT path FROM files WHERE sha256 = ?", (sha256,)).fetchone()
    return row["path"] if row else None


def md5_of(conn: sqlite3.Connection, sha256: str) -> str:
    """32 hex digits in lower case, "" for a file that is not known."""
    row = conn.execute("SELECT md5 FROM files WHERE sha256 = ?", (sha256,)).fetchone()
    return row["md5"].lower() if row else ""


def set_seal(tx: Tx, sha256: str, seal: str) -> None:
    """What electronic seals a PDF bears: "none", "whole", "broken"."""
    tx.execute("UPDATE files SET seal = ? WHERE sha256 = ?", (seal, sha256))


def seal_of(conn: sqlite3.Connection, sha256: str) -> str:
    """As `set_seal` has it, "none" for a file that nobody looked at."""
    row = conn.execute("SELECT seal FROM files WHERE sha256 = ?", (sha256,)).fetchone()
    return row["seal"] if row else "none"


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


def link(
    tx: Tx, destination: str, exam_key: str, sha256: str, *, now: datetime, tag: str = "", size_bytes: int = 0
) -> str:
    """The token for this file (or `ZIP`) at this destination: the same one each time, a new one after a withdrawal.

    `tag` names the content that is offered from now on; a new one has not been taken yet.
    """
    content = tag or sha256
    row = tx.execute(
        "SELECT token, withdrawn_at FROM links WHERE destination = ? AND exam_key = ? AND sha256 = ?",
        (destination, exam_key, sha256),
    ).fetchone()
    if row is not None and row["withdrawn_at"] is None:
        tx.execute("UPDATE links SET tag = ?, size_bytes = ? WHERE token = ?", (content, size_bytes, row["token"]))
        return str(row["token"])
    token = secrets.token_urlsafe(32)
    tx.execute(
        """INSERT OR REPLACE INTO links (token, destination, exam_key, sha256, created_at, withdrawn_at, fetched_count,
           last_fetched_at, tag, size_bytes) VALUES (?, ?, ?, ?, ?, NULL, 0, '', ?, ?)""",
        (token, destination, exam_key, sha256, kept(now), content, size_bytes),
    )
    return token


def live_token(conn: sqlite3.Connection, destination: str, exam_key: str, sha256: str) -> str:
    """Of a link that is there, "" for none."""
    row = conn.execute(
        "SELECT token FROM links WHERE destination = ? AND exam_key = ? AND sha256 = ? AND withdrawn_at IS NULL",
        (destination, exam_key, sha256),
    ).fetchone()
    return row["token"] if row else ""


def image_sent(tx: Tx, token: str, count: int, *, whole: bool, mended: bool, now: datetime) -> None:
    """So many bytes of one image went out; `whole`: with them all of it; `mended`: no image of the exam is gone."""
    tx.execute(
        """UPDATE links SET sent_bytes = sent_bytes + :count, fetched_count = fetched_count + :whole,
           broken = CASE WHEN :mended THEN '' ELSE broken END,
           last_fetched_at = CASE WHEN :whole THEN :now ELSE last_fetched_at END,
           first_fetched_at = CASE WHEN :whole AND first_fetched_at = '' THEN :now ELSE first_fetched_at END
           WHERE token = :token""",
        {"count": count, "whole": int(whole), "mended": int(mended), "now": kept(now), "token": token},
    )


def find_link(conn: sqlite3.Connection, token: str) -> Link | None:
    row = conn.execute("SELECT * FROM links WHERE token = ?", (token,)).fetchone()
    return _link(row) if row else None


def links_of(conn: sqlite3.Connection, exam_key: str, destination: str = "") -> list[Link]:
    """The live links of an exam (at one destination), PDFs first."""
    rows = conn.execute(
        """SELECT * FROM links WHERE exam_key = ? AND ? IN ('', destination) AND withdrawn_at IS NULL
           ORDER BY destination, sha256 = '', created_at""",
        (exam_key, destination),
    )
    return [_link(row) for row in rows]


def broken_links(conn: sqlite3.Connection) -> list[Link]:
    """Links whose content can't be sent, oldest first."""
    rows = conn.execute("SELECT * FROM links WHERE broken <> '' AND withdrawn_at IS NULL ORDER BY created_at")
    return [_link(row) for row in rows]


def unfetched(conn: sqlite3.Connection, destination: str, before: datetime) -> list[tuple[str, datetime]]:
    """(exam key, since when) of exams that the destination confirmed before that time and has not fetched whole."""
    rows = conn.execute(
        """SELECT l.exam_key, min(s.changed_at) AS since FROM links l JOIN submissions s USING (destination, exam_key)
           WHERE l.destination = ? AND l.withdrawn_at IS NULL AND l.fetched_tag <> l.tag AND l.sha256 <> 'images'
           AND s.state IN ('acknowledged', 'reconciled') AND s.changed_at < ?
           GROUP BY l.exam_key ORDER BY since""",
        (destination, kept(before)),
    )
    return [(row["exam_key"], taken(row["since"])) for row in rows]


def sent(
    tx: Tx, token: str, *, first: int, count: int, complete: bool, size_bytes: int, tag: str, now: datetime
) -> bool:
    """What a platform took of a link: `count` bytes from the place `first` on, of the content `tag` of that size.

    Several pieces make a whole, in any order. True when this content is whole now for the first time.
    """
    row = tx.execute("SELECT * FROM links WHERE token = ?", (token,)).fetchone()
    if row is None:
        return False
    tx.execute("UPDATE links SET sent_bytes = sent_bytes + ? WHERE token = ?", (count, token))
    earlier = json.loads(row["pieces"]) if row["pieces_tag"] == tag else []
    pieces = joined([*earlier, [first, first + count]])
    whole = complete and pieces == [[0, size_bytes]]
    tx.execute(
        "UPDATE links SET pieces = ?, pieces_tag = ? WHERE token = ?",
        ("[]" if whole else json.dumps(pieces), tag, token),
    )
    if whole:
        tx.execute(
            """UPDATE links SET fetched_count = fetched_count + 1, last_fetched_at = :now, fetched_tag = :tag,
               broken = '', first_fetched_at = CASE WHEN first_fetched_at = '' THEN :now ELSE first_fetched_at END
               WHERE token = :token""",
            {"now": kept(now), "tag": tag, "token": token},
        )
    tx.tell("link_fetched", exam=row["exam_key"], destination=row["destination"])
    return whole and row["fetched_tag"] != tag


def joined(pieces: Iterable[list[int]]) -> list[list[int]]:
    """Stretches of bytes without overlap, in order."""
    made: list[list[int]] = []
    for first, end in sorted(pieces):
        if made and first <= made[-1][1]:
            made[-1][1] = max(made[-1][1], end)
        else:
            made.append([first, end])
    return made


def break_link(tx: Tx, token: str, why: str) -> bool:
    """The content can't be sent ("": it can again). True when that is news."""
    cursor = tx.execute("UPDATE links SET broken = ? WHERE token = ? AND broken <> ?", (why, token, why))
    return cursor.rowcount > 0


def withdraw_links(tx: Tx, destination: str, exam_key: str, *, now: datetime) -> None:
    tx.execute(
        "UPDATE links SET withdrawn_at = ? WHERE destination = ? AND exam_key = ? AND withdrawn_at IS NULL",
        (kept(now), destination, exam_key),
    )


def expire_links(
    tx: Tx, *, fetched: datetime, unfetched: datetime, destinations: Collection[str], now: datetime
) -> list[tuple[str, str]]:
    """End the links of exams that were settled long ago: before `fetched` those whose content was taken, before
    `unfetched` all others; a destination that there is no more fetches nothing.

    (exam key, destination) of what ends without ever having been fetched whole.
    """
    old = _LAST_CHANGE.format(exam_key="links.exam_key")
    rows = tx.execute(
        f"""SELECT token, exam_key, destination, fetched_tag = tag OR sha256 = 'images' AS whole FROM links
            WHERE withdrawn_at IS NULL
            AND exam_key IN (SELECT exam_key FROM exams WHERE state IN {_SETTLED})
            AND {old} < CASE WHEN fetched_tag = tag OR sha256 = 'images'
                             OR destination NOT IN (SELECT value FROM json_each(:there))
                        THEN :fetched ELSE :unfetched END""",
        {"there": json.dumps(sorted(destinations)), "fetched": kept(fetched), "unfetched": kept(unfetched)},
    ).fetchall()
    for row in rows:
        tx.execute("UPDATE links SET withdrawn_at = ? WHERE token = ?", (kept(now), row["token"]))
    gone = dict.fromkeys((row["exam_key"], row["destination"]) for row in rows if not row["whole"])
    for exam_key, destination in gone:
        exams.note(tx, exam_key, "never_fetched", destination, at=now)
    return list(gone)


def _link(row: sqlite3.Row) -> Link:
    return Link(
        token=row["token"],
        destination=row["destination"],
        exam_key=row["exam_key"],
        sha256=row["sha256"],
        withdrawn=row["withdrawn_at"] is not None,
        created_at=taken(row["created_at"]),
        tag=row["tag"],
        whole=row["fetched_tag"] == row["tag"],
        fetched_count=row["fetched_count"],
        first_fetched_at=taken_or_none(row["first_fetched_at"]),
        last_fetched_at=taken_or_none(row["last_fetched_at"]),
        sent_bytes=row["sent_bytes"],
        broken=row["broken"],
    )


def measured(conn: sqlite3.Connection, exam_key: str, accession_number: str) -> dict[tuple[str, str], Measured]:
    """What is known of the exam's images as they go into a ZIP, by (SOP instance UID, SHA-256)."""
    rows = conn.execute(
        """SELECT m.* FROM measured_images m
           JOIN instances i ON i.sop_instance_uid = m.sop_instance_uid AND i.data_set_sha256 = m.sha256
           JOIN exam_studies e USING (study_instance_uid) WHERE e.exam_key = ? AND m.accession_number = ?""",
        (exam_key, accession_number),
    )
    return {(row["sop_instance_uid"], row["sha256"]): Measured(**dict(row)) for row in rows}


def keep_measured(tx: Tx, found: Iterable[Measured]) -> None:
    for one in found:
        tx.execute(
            "INSERT OR REPLACE INTO measured_images VALUES (?, ?, ?, ?, ?)",
            (one.sop_instance_uid, one.sha256, one.accession_number, one.size_bytes, one.crc32),
        )


def set_fact(tx: Tx, name: str, value: str) -> None:
    """A small fact of the program itself (paused until, last nightly run ...)."""
    tx.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))


def fact(conn: sqlite3.Connection, name: str) -> str:
    row = conn.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return row["value"] if row else ""
