"""Retrieval (调阅): who looked up whom (audited), and the downloads that go on after a restart.

What a look-up found is never kept here, only that it was made; of a download only what going on with it needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from app.domain.retrieval import (
    ACTIVE,
    Download,
    DownloadState,
    Hitch,
    ImageState,
    KeptImage,
    Offered,
    Subject,
    Wanted,
)
from app.store.database import Tx
from app.store.times import kept, taken, taken_or_none

LOOKED_UP, OPENED, DOWNLOADED = "looked_up", "list_opened", "download_begun"
_UIDS = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")


# -- who looked up whom -----------------------------------------------------------------------------------------------


def note(
    tx: Tx, what: str, *, who: str, destination: str, title: str, reason: str, id_masked: str, at: datetime
) -> int:
    """Before the question goes out. `count` stays unknown until it is answered."""
    cursor = tx.execute(
        """INSERT INTO retrievals (at, what, who, destination, title, reason, id_masked, count)
           VALUES (?, ?, ?, ?, ?, ?, ?, NULL)""",
        (kept(at), what, who, destination, title, reason, id_masked),
    )
    return int(cursor.lastrowid or 0)


def answered(tx: Tx, id: int, count: int) -> None:
    tx.execute("UPDATE retrievals SET count = ? WHERE id = ?", (count, id))


def lookups(conn: sqlite3.Connection, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The look-ups of a time, the newest first."""
    rows = conn.execute(
        """SELECT at, who, destination, title, reason, id_masked, count FROM retrievals
           WHERE what = ? AND at >= ? AND at < ? ORDER BY at DESC, id DESC""",
        (LOOKED_UP, kept(since), kept(until)),
    )
    return [dict(row) for row in rows.fetchall()]


def lookup_count(conn: sqlite3.Connection, since: datetime, until: datetime) -> int:
    row = conn.execute(
        "SELECT count(*) AS n FROM retrievals WHERE what = ? AND at >= ? AND at < ?",
        (LOOKED_UP, kept(since), kept(until)),
    ).fetchone()
    return int(row["n"])


def own_exam(conn: sqlite3.Connection, index_code: str) -> str:
    """The exam for which a platform returned this index, "" for another hospital's."""
    row = conn.execute("SELECT exam_key FROM receipt_numbers WHERE number = ? LIMIT 1", (index_code,)).fetchone()
    return row["exam_key"] if row else ""


# -- downloads --------------------------------------------------------------------------------------------------------

_DOWNLOADS = """
    SELECT d.*, (SELECT count(*) FROM download_images i WHERE i.download_id = d.id AND i.state = 'kept') AS kept,
    (SELECT count(*) FROM download_images i WHERE i.download_id = d.id AND i.state = 'open') AS open,
    (SELECT count(*) FROM download_images i WHERE i.download_id = d.id AND i.state IN ('refused', 'unusable'))
    AS refused FROM downloads d
"""


def begin(
    tx: Tx,
    destination: str,
    subject: Subject,
    folder: str,
    offered: Iterable[Offered],
    had: Iterable[str],
    *,
    now: datetime,
) -> int:
    """A new download, or the one into the same folder with what is offered beyond it. `had`: SOP UIDs lying there."""
    row = tx.execute(
        "SELECT id FROM downloads WHERE destination = ? AND index_code = ? AND folder = ?",
        (destination, subject.index_code, folder),
    ).fetchone()
    id = int(row["id"]) if row else _insert(tx, destination, subject, folder, now)
    known = {one["sop_instance_uid"] for one in images(tx.conn, id)}
    news = [one for one in offered if one.sop_instance_uid not in known]
    there = set(had)
    tx.conn.executemany(
        """INSERT INTO download_images (download_id, place, study_instance_uid, series_instance_uid, sop_instance_uid,
           state, why, had, refusals) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)""",
        [
            (
                id,
                len(known) + place,
                one.study_instance_uid,
                one.series_instance_uid,
                one.sop_instance_uid,
                (ImageState.OPEN if one.usable else ImageState.UNUSABLE).value,
                "" if one.usable else "平台给的影像号不合规矩，没有去取",
                int(one.sop_instance_uid in there),
            )
            for place, one in enumerate(news)
        ],
    )
    resume(tx, id, now=now)
    return id


def _insert(tx: Tx, destination: str, subject: Subject, folder: str, now: datetime) -> int:
    cursor = tx.execute(
        """INSERT INTO downloads (destination, index_code, patient_name, body_part, exam_date, clinic_name, folder,
           state, attempts, due_at, title, advice, details, started_at, changed_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, 'running', 0, NULL, '', '', '', ?, ?)""",
        (
            destination,
            subject.index_code,
            subject.patient_name,
            subject.body_part,
            subject.exam_date,
            subject.clinic_name,
            folder,
            kept(now),
            kept(now),
        ),
    )
    return int(cursor.lastrowid or 0)


def download(conn: sqlite3.Connection, id: int) -> Download | None:
    row = conn.execute(f"{_DOWNLOADS} WHERE d.id = ?", (id,)).fetchone()
    return _download(row) if row else None


def downloads(conn: sqlite3.Connection, limit: int) -> list[Download]:
    """The newest first."""
    rows = conn.execute(f"{_DOWNLOADS} ORDER BY d.id DESC LIMIT ?", (limit,))
    return [_download(row) for row in rows.fetchall()]


def active(conn: sqlite3.Connection, destination: str) -> list[Download]:
    """What goes on by itself, in the order of its turn: the oldest first."""
    states = tuple(state.value for state in ACTIVE)
    rows = conn.execute(
        f"{_DOWNLOADS} WHERE d.destination = ? AND d.state IN (?, ?) ORDER BY d.id", (destination, *states)
    )
    return [_download(row) for row in rows.fetchall()]


def is_foreign(conn: sqlite3.Connection, sop_instance_uid: str, study_instance_uid: str) -> bool:
    """Whether it was downloaded to look at, and nothing of its study ever came to us from a device."""
    row = conn.execute(
        """SELECT 1 FROM download_images WHERE sop_instance_uid = ? AND state = 'kept'
           AND NOT EXISTS (SELECT 1 FROM studies WHERE study_instance_uid = ?)""",
        (sop_instance_uid, study_instance_uid),
    ).fetchone()
    return row is not None


def people(conn: sqlite3.Connection) -> tuple[set[str], set[str]]:
    """(names, index codes) of the downloads, for who must not be named."""
    rows = conn.execute("SELECT patient_name, index_code FROM downloads").fetchall()
    return {row["patient_name"] for row in rows}, {row["index_code"] for row in rows}


def next_image(conn: sqlite3.Connection, id: int) -> Wanted | None:
    row = conn.execute(
        "SELECT * FROM download_images WHERE download_id = ? AND state = 'open' ORDER BY refusals, place LIMIT 1",
        (id,),
    ).fetchone()
    if row is None:
        return None
    return Wanted(place=row["place"], offered=_offered(row), had=bool(row["had"]), refusals=row["refusals"])


def images(conn: sqlite3.Connection, id: int, *states: ImageState) -> list[dict[str, Any]]:
    """In the order of the platform's list; all of them without `states`."""
    wanted = states or tuple(ImageState)
    marks = ", ".join("?" for _ in wanted)
    rows = conn.execute(
        f"SELECT * FROM download_images WHERE download_id = ? AND state IN ({marks}) ORDER BY place",
        (id, *(state.value for state in wanted)),
    )
    return [dict(row) for row in rows.fetchall()]


def kept_image(conn: sqlite3.Connection, id: int, sop_instance_uid: str) -> dict[str, Any] | None:
    row = conn.execute(
        "SELECT * FROM download_images WHERE download_id = ? AND sop_instance_uid = ? AND state = 'kept'",
        (id, sop_instance_uid),
    ).fetchone()
    return dict(row) if row else None


def keep_image(tx: Tx, id: int, place: int, image: KeptImage, *, had: bool, now: datetime) -> None:
    """It lies in the folder, opened and compared. The last one ends the download. `had`: it was there before."""
    tx.execute(
        """UPDATE download_images SET state = 'kept', why = '', had = ?, sop_class_uid = ?, transfer_syntax_uid = ?,
           modality = ?, series_number = ?, instance_number = ?, size_bytes = ? WHERE download_id = ? AND place = ?""",
        (
            int(had),
            image.sop_class_uid,
            image.transfer_syntax_uid,
            image.modality,
            image.series_number,
            image.instance_number,
            image.size_bytes,
            id,
            place,
        ),
    )
    went_on(tx, id, now=now)


def refuse_image(tx: Tx, id: int, place: int, why: str, *, most: int, now: datetime) -> None:
    """What came can't be kept: asked for again, and given up at the `most`-th time."""
    tx.execute(
        """UPDATE download_images SET refusals = refusals + 1, why = ?,
           state = CASE WHEN refusals + 1 >= ? THEN 'refused' ELSE 'open' END WHERE download_id = ? AND place = ?""",
        (why, most, id, place),
    )
    went_on(tx, id, now=now)


def went_on(tx: Tx, id: int, *, now: datetime) -> None:
    """The line is well again; nothing left to ask for: over. What a person paused meanwhile stays paused."""
    tx.execute(
        """UPDATE downloads SET attempts = 0, due_at = NULL, title = '', advice = '', details = '', changed_at = ?,
           state = CASE WHEN NOT EXISTS
           (SELECT 1 FROM download_images i WHERE i.download_id = downloads.id AND i.state = 'open') THEN 'done'
           WHEN state = 'waiting' THEN 'running' ELSE state END WHERE id = ?""",
        (kept(now), id),
    )
    tx.tell("download_changed", id=id)


def postpone(tx: Tx, id: int, hitch: Hitch, due_at: datetime, *, now: datetime) -> None:
    _stop(tx, id, DownloadState.WAITING, hitch, due_at, now)


def fail(tx: Tx, id: int, hitch: Hitch, *, now: datetime) -> None:
    _stop(tx, id, DownloadState.FAILED, hitch, None, now)


def _stop(tx: Tx, id: int, state: DownloadState, hitch: Hitch, due_at: datetime | None, now: datetime) -> None:
    """What a person paused meanwhile stays paused."""
    tx.execute(
        """UPDATE downloads SET state = ?, attempts = attempts + 1, due_at = ?, title = ?, advice = ?, details = ?,
           changed_at = ? WHERE id = ? AND state IN ('running', 'waiting')""",
        (
            state.value,
            kept(due_at) if due_at else None,
            hitch.title,
            hitch.advice,
            hitch.details,
            kept(now),
            id,
        ),
    )
    tx.tell("download_changed", id=id)


def pause(tx: Tx, id: int, *, now: datetime) -> None:
    tx.execute(
        """UPDATE downloads SET state = 'paused', due_at = NULL, title = '', advice = '', details = '', changed_at = ?
           WHERE id = ? AND state IN ('running', 'waiting')""",
        (kept(now), id),
    )
    tx.tell("download_changed", id=id)


def resume(tx: Tx, id: int, *, now: datetime) -> None:
    """At once; what was refused is asked for once more, after what was not asked for yet."""
    tx.execute(
        "UPDATE download_images SET state = 'open', refusals = 1 WHERE download_id = ? AND state = 'refused'", (id,)
    )
    tx.execute("UPDATE downloads SET state = 'running' WHERE id = ?", (id,))
    went_on(tx, id, now=now)


def lost(tx: Tx, id: int, place: int) -> None:
    """A file that a person took away is asked for again when the download is resumed."""
    tx.execute(
        "UPDATE download_images SET state = 'open', refusals = 0 WHERE download_id = ? AND place = ?", (id, place)
    )


def remove(tx: Tx, id: int) -> None:
    tx.execute("DELETE FROM download_images WHERE download_id = ?", (id,))
    tx.execute("DELETE FROM downloads WHERE id = ?", (id,))
    tx.tell("download_changed", id=id)


def _download(row: sqlite3.Row) -> Download:
    title = row["title"]
    return Download(
        id=row["id"],
        destination=row["destination"],
        subject=Subject(
            index_code=row["index_code"],
            patient_name=row["patient_name"],
            body_part=row["body_part"],
            exam_date=row["exam_date"],
            clinic_name=row["clinic_name"],
        ),
        folder=row["folder"],
        state=DownloadState(row["state"]),
        attempts=row["attempts"],
        due_at=taken_or_none(row["due_at"]),
        hitch=Hitch(title=title, advice=row["advice"], details=row["details"]) if title else None,
        started_at=taken(row["started_at"]),
        changed_at=taken(row["changed_at"]),
        kept=row["kept"],
        open=row["open"],
        refused=row["refused"],
    )


def _offered(row: Mapping[str, Any]) -> Offered:
    return Offered(**{name: row[name] for name in _UIDS})
