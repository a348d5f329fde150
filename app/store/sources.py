"""Where images come from (来源): `ae:CALLING`, `folder:PATH` or `import` - when each sends, and what is known of it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.times import CST
from app.store.database import Tx
from app.store.times import kept, taken, taken_or_none

_MOST_STRANGERS = 40


@dataclass(frozen=True, kw_only=True)
class Device:
    """One source as the store knows it. `last_at` None: it never sent an image (a caller that was turned away)."""

    source: str
    shown_name: str
    address: str
    last_at: datetime | None
    image_count: int
    refused_at: datetime | None
    refused_why: str
    charset: str
    """How a person said its names are read, "" when nobody did."""
    charset_at: datetime | None
    muted_until: datetime | None
    quiet_since: datetime | None
    quiet_words: str


@dataclass(frozen=True, kw_only=True)
class Hour:
    """What came in one hour (its start, China Standard Time); the longest wait before one of its images."""

    start: datetime
    image_count: int
    longest_gap_seconds: float


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one study of a source said about the device that made it."""

    header: dict[str, str]
    name_raw: bytes
    charset: str
    first_at: datetime


def sources_of_study(conn: sqlite3.Connection, study_instance_uid: str) -> tuple[str, ...]:
    """Every source that sent an image of it (`ae:CALLING`, `folder:PATH`, `import`)."""
    rows = conn.execute("SELECT DISTINCT source FROM instances WHERE study_instance_uid = ?", (study_instance_uid,))
    return tuple(row["source"] for row in rows)


def touch(tx: Tx, source: str, *, now: datetime) -> None:
    """An image came: count it in its hour, and end the silence it broke."""
    before = tx.execute("SELECT last_at FROM sources WHERE name = ?", (source,)).fetchone()
    gap = (now - taken(before["last_at"])).total_seconds() if before and before["last_at"] else 0.0
    tx.execute(
        """INSERT INTO sources (name, last_at, image_count, refused_at, refused_why) VALUES (?, ?, 1, '', '')
           ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at, image_count = image_count + 1,
           refused_at = '', refused_why = ''""",
        (source, kept(now)),
    )
    tx.execute(
        """INSERT INTO device_hours (source, hour, image_count, longest_gap_seconds) VALUES (?, ?, 1, ?)
           ON CONFLICT (source, hour) DO UPDATE SET image_count = image_count + 1,
           longest_gap_seconds = max(longest_gap_seconds, excluded.longest_gap_seconds)""",
        (source, _hour(now), gap),
    )
    tx.execute(
        "UPDATE devices SET quiet_since = '', quiet_words = '' WHERE source = ? AND quiet_since <> ''", (source,)
    )


def _hour(at: datetime) -> str:
    return at.astimezone(CST).strftime("%Y-%m-%dT%H")


def note_address(tx: Tx, source: str, address: str) -> None:
    _set(tx, source, address=address)


def note_refusal(tx: Tx, source: str, why: str, *, address: str = "", now: datetime) -> None:
    """A caller that was turned away, so that a person can be told which AE title asked."""
    tx.execute(
        """INSERT INTO sources (name, last_at, image_count, refused_at, refused_why) VALUES (?, '', 0, ?, ?)
           ON CONFLICT (name) DO UPDATE SET refused_at = excluded.refused_at, refused_why = excluded.refused_why""",
        (source, kept(now), why),
    )
    _set(tx, source, address=address)
    _forget_strangers(tx)
    tx.tell("caller_refused", source=source)


def _forget_strangers(tx: Tx) -> None:
    """All but the last ones of those who never sent an image and whom nobody gave a name: anybody may call anything."""
    names = tx.execute(
        """SELECT s.name FROM sources s LEFT JOIN devices d ON d.source = s.name
           WHERE s.image_count = 0 AND s.refused_at <> '' AND coalesce(d.shown_name, '') = ''
           ORDER BY s.refused_at DESC LIMIT -1 OFFSET ?""",
        (_MOST_STRANGERS,),
    ).fetchall()
    for row in names:
        tx.execute("DELETE FROM sources WHERE name = ?", (row["name"],))
        tx.execute("DELETE FROM devices WHERE source = ?", (row["name"],))


def set_name(tx: Tx, source: str, name: str) -> None:
    """What people call the device; "" gives it back its own name."""
    _set(tx, source, shown_name=name)


def set_decoding(tx: Tx, source: str, charset: str, by: str, *, now: datetime) -> None:
    """How this source's undeclared names are read from now on; "" asks a person again."""
    _set(tx, source, charset=charset, charset_by=by if charset else "", charset_at=kept(now) if charset else "")


def mute(tx: Tx, source: str, until: datetime) -> None:
    """Not missed until then."""
    _set(tx, source, muted_until=kept(until), quiet_since="", quiet_words="")
    tx.tell("device_changed", source=source)


def set_quiet(tx: Tx, source: str, since: datetime | None, words: str) -> None:
    """The device is missed since then, or (None) no longer."""
    _set(tx, source, quiet_since=kept(since) if since else "", quiet_words=words)
    tx.tell("device_quiet" if since else "device_changed", source=source)


def _set(tx: Tx, source: str, **values: str) -> None:
    tx.execute("INSERT OR IGNORE INTO devices (source) VALUES (?)", (source,))
    for name, value in values.items():
        tx.execute(f"UPDATE devices SET {name} = ? WHERE source = ?", (value, source))


def decoding(conn: sqlite3.Connection, source: str) -> str:
    """How a person said this source's names are read, "" when nobody did."""
    row = conn.execute("SELECT charset FROM devices WHERE source = ?", (source,)).fetchone()
    return str(row["charset"]) if row else ""


def devices(conn: sqlite3.Connection) -> list[Device]:
    """Every port caller and folder that ever sent or asked, by name; hand imports are no device."""
    rows = conn.execute(
        """SELECT s.name AS source, s.last_at, s.image_count, s.refused_at, s.refused_why, d.* FROM sources s
           LEFT JOIN devices d ON d.source = s.name
           WHERE s.name LIKE 'ae:%' OR s.name LIKE 'folder:%' ORDER BY s.name"""
    ).fetchall()
    return [_device(row) for row in rows]


def quiet_devices(conn: sqlite3.Connection) -> list[Device]:
    """Those that are missed now, the longest first."""
    rows = conn.execute(
        """SELECT s.name AS source, s.last_at, s.image_count, s.refused_at, s.refused_why, d.* FROM devices d
           JOIN sources s ON d.source = s.name WHERE d.quiet_since <> '' ORDER BY d.quiet_since"""
    ).fetchall()
    return [_device(row) for row in rows]


def _device(row: sqlite3.Row) -> Device:
    return Device(
        source=row[0],
        shown_name=row["shown_name"] or "",
        address=row["address"] or "",
        last_at=taken_or_none(row["last_at"]),
        image_count=row["image_count"],
        refused_at=taken_or_none(row["refused_at"]),
        refused_why=row["refused_why"],
        charset=row["charset"] or "",
        charset_at=taken_or_none(row["charset_at"]),
        muted_until=taken_or_none(row["muted_until"]),
        quiet_since=taken_or_none(row["quiet_since"]),
        quiet_words=row["quiet_words"] or "",
    )


def hours(conn: sqlite3.Connection, source: str, since: datetime) -> list[Hour]:
    """The hours in which it sent something, oldest first."""
    rows = conn.execute(
        "SELECT * FROM device_hours WHERE source = ? AND hour >= ? ORDER BY hour", (source, _hour(since))
    ).fetchall()
    return [
        Hour(
            start=datetime.fromisoformat(row["hour"]).replace(tzinfo=CST),
            image_count=row["image_count"],
            longest_gap_seconds=row["longest_gap_seconds"],
        )
        for row in rows
    ]


def samples(conn: sqlite3.Connection, source: str, limit: int = 30) -> list[Sample]:
    """The newest studies of a source, newest first."""
    rows = conn.execute(
        """SELECT header, patient_name_raw, charset, first_at FROM studies WHERE source = ?
           ORDER BY first_at DESC LIMIT ?""",
        (source, limit),
    ).fetchall()
    return [
        Sample(
            header=json.loads(row["header"]),
            name_raw=bytes(row["patient_name_raw"] or b""),
            charset=row["charset"] or "",
            first_at=taken(row["first_at"]),
        )
        for row in rows
    ]


def doubtful_names(conn: sqlite3.Connection, source: str) -> list[tuple[str, bytes, str]]:
    """(study UID, name as sent, declared character set) of its studies whose name waits for a person, oldest first."""
    rows = conn.execute(
        """SELECT study_instance_uid, patient_name_raw, charset FROM studies WHERE source = ? AND doubt = 'name'
           ORDER BY first_at""",
        (source,),
    ).fetchall()
    return [(row["study_instance_uid"], bytes(row["patient_name_raw"]), row["charset"]) for row in rows]


def forget_old_hours(tx: Tx, before: datetime) -> None:
    tx.execute("DELETE FROM device_hours WHERE hour < ?", (_hour(before),))


def days(found: list[Hour], today: datetime, count: int = 14) -> list[tuple[str, int]]:
    """(yyyy-MM-dd, images) of the last `count` days, today last. Pure."""
    sums: dict[str, int] = {}
    for hour in found:
        day = hour.start.strftime("%Y-%m-%d")
        sums[day] = sums.get(day, 0) + hour.image_count
    wanted = [(today.astimezone(CST) - timedelta(days=ago)).strftime("%Y-%m-%d") for ago in range(count - 1, -1, -1)]
    return [(day, sums.get(day, 0)) for day in wanted]
