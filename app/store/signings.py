"""Signing (电子签名): the sessions of reports that wait for their doctor, and the signatures that came of them.

A signature belongs to the text that was signed, not to a job: another version of the same text goes under it too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from app.domain.job import JobState
from app.domain.signing import (
    OPEN,
    POLLED,
    Check,
    Hitch,
    KeptSignature,
    KnownSigner,
    Session,
    SessionState,
    Signature,
    ToSign,
)
from app.store.database import Tx
from app.store.times import kept, taken, taken_or_none

_WANTED = f"""EXISTS (SELECT 1 FROM jobs j WHERE j.exam_key = s.exam_key AND j.destination = s.destination
             AND j.report_key = s.report_key AND j.unsigned = 1 AND j.state = '{JobState.TO_SIGN.value}')"""
"""Its report still waits: not cancelled, not paused, not signed in another way."""

LONGEST_WAIT = timedelta(hours=1)
"""Nothing is put off for longer; what seems to be was so by a clock that has been put back since."""


# -- reading ----------------------------------------------------------------------------------------------------------


def session(conn: sqlite3.Connection, id: int) -> Session | None:
    row = conn.execute("SELECT * FROM signings WHERE id = ?", (id,)).fetchone()
    return _session(row) if row else None


def is_open(conn: sqlite3.Connection, destination: str, report_key: str, text: str) -> bool:
    """Whether somebody is waited for to sign this text."""
    row = conn.execute(
        f"""SELECT 1 FROM signings WHERE destination = ? AND report_key = ? AND text = ?
            AND state IN ({_marks(OPEN)})""",
        (destination, report_key, text),
    ).fetchone()
    return row is not None


def is_wanted(conn: sqlite3.Connection, id: int) -> bool:
    return conn.execute(f"SELECT 1 FROM signings s WHERE s.id = ? AND {_WANTED}", (id,)).fetchone() is not None


def waiting(conn: sqlite3.Connection) -> list[Session]:
    """What doctors are waited for, in the order of their turn; VOID what was changed and not submitted since."""
    rows = conn.execute(
        f"""SELECT s.* FROM signings s WHERE {_WANTED} AND (s.state IN ({_marks(OPEN)})
            OR (s.state = '{SessionState.VOID.value}' AND NOT EXISTS (SELECT 1 FROM signings n
                WHERE n.destination = s.destination AND n.report_key = s.report_key AND n.id > s.id)))
            ORDER BY s.place, s.id"""
    )
    return [_session(row) for row in rows.fetchall()]


def due(conn: sqlite3.Connection, destination: str, now: datetime) -> list[Session]:
    """What is to be asked about now, what has waited longest first; and what a clock that ran ahead put off."""
    rows = conn.execute(
        f"""SELECT s.* FROM signings s WHERE s.state IN ({_marks(POLLED)}) AND s.destination = ?
            AND (coalesce(s.due_at, '') <= ? OR s.due_at > ?) AND {_WANTED} ORDER BY s.due_at, s.id""",
        (destination, kept(now), kept(now + LONGEST_WAIT)),
    )
    return [_session(row) for row in rows.fetchall()]


def signed(conn: sqlite3.Connection, since: datetime, until: datetime) -> list[Session]:
    """The signatures of a time that hold, the newest first."""
    rows = conn.execute(
        "SELECT * FROM signings WHERE state = ? AND signed_at >= ? AND signed_at < ? ORDER BY signed_at DESC, id DESC",
        (SessionState.FINISHED.value, kept(since), kept(until)),
    )
    return [_session(row) for row in rows.fetchall()]


def of_report(conn: sqlite3.Connection, report_key: str) -> list[Session]:
    """Every session of a report, the newest first."""
    rows = conn.execute("SELECT * FROM signings WHERE report_key = ? ORDER BY id DESC", (report_key,))
    return [_session(row) for row in rows.fetchall()]


def kept_signatures(conn: sqlite3.Connection, report_key: str) -> tuple[KeptSignature, ...]:
    """The signatures of a report that were not voided, the newest first."""
    found = [one for one in of_report(conn, report_key) if one.state is SessionState.FINISHED]
    return tuple(
        KeptSignature(
            session=one.id,
            destination=one.destination,
            text=one.text,
            doctor_name=one.doctor_name,
            doctor_code=one.doctor_code,
            signature=one.signature,
        )
        for one in found
        if one.signature is not None
    )


def is_anothers(conn: sqlite3.Connection, report_key: str, sign_value: str) -> bool:
    """Whether this very signature counts for another report already."""
    row = conn.execute(
        "SELECT 1 FROM signings WHERE sign_value = ? AND report_key <> ? AND state = ?",
        (sign_value, report_key, SessionState.FINISHED.value),
    ).fetchone()
    return row is not None


def known_signers(conn: sqlite3.Connection, destination: str) -> dict[str, KnownSigner]:
    rows = conn.execute("SELECT * FROM signers WHERE destination = ?", (destination,)).fetchall()
    return {
        row["signer_id"]: KnownSigner(
            signer_id=row["signer_id"], certificate=row["certificate"], since=taken(row["since"])
        )
        for row in rows
    }


# -- what submissions lead to -----------------------------------------------------------------------------------------


def want(tx: Tx, destination: str, exam_key: str, report_key: str, to_sign: ToSign, *, now: datetime) -> int:
    """The session in which this text is signed: the one there is, or a new one at the end of the queue."""
    row = tx.execute(
        f"""SELECT id, doctor_name, doctor_code FROM signings WHERE destination = ? AND report_key = ? AND text = ?
            AND state IN ({_marks(OPEN)}) ORDER BY id DESC LIMIT 1""",
        (destination, report_key, to_sign.text),
    ).fetchone()
    if row is not None:
        tx.execute("UPDATE signings SET exam_key = ? WHERE id = ?", (exam_key, row["id"]))
        if (row["doctor_name"], row["doctor_code"]) != (to_sign.doctor_name, to_sign.doctor_code):
            tx.execute(
                "UPDATE signings SET doctor_name = ?, doctor_code = ? WHERE id = ?",
                (to_sign.doctor_name, to_sign.doctor_code, row["id"]),
            )
            start_over(tx, row["id"], now=now)
        return int(row["id"])
    return _insert(tx, destination, exam_key, report_key, to_sign, "qr", now)


def void_others(
    tx: Tx, destination: str, report_key: str, text: str, doctor: tuple[str, str] | None = None, *, now: datetime
) -> list[int]:
    """Nothing else but `text` counts any more, signed by this `doctor` (name and code) if one is named.

    Returns the sessions in which something was signed already.
    """
    rows = tx.execute(
        "SELECT id, text, state, sign_value, doctor_name, doctor_code FROM signings"
        " WHERE destination = ? AND report_key = ? AND state <> ?",
        (destination, report_key, SessionState.VOID.value),
    ).fetchall()
    finished = SessionState.FINISHED.value
    rows = [
        row
        for row in rows
        if row["text"] != text
        or (doctor and row["state"] == finished and (row["doctor_name"], row["doctor_code"]) != doctor)
    ]
    for row in rows:
        _move(tx, row["id"], SessionState.VOID, now)
    return [row["id"] for row in rows if row["sign_value"]]


def start_over(tx: Tx, id: int, *, now: datetime) -> None:
    """As if no code had ever been asked for."""
    tx.execute(
        """UPDATE signings SET sign_data_id = '', qr_text = '', qr_picture = x'', signer_id = '', made_at = NULL,
           expires_at = NULL, due_at = NULL, attempts = 0, original = '', certificate = '', sign_type = '',
           sign_value = '', tsa_token = '', signed_at = NULL, checks = '[]' WHERE id = ?""",
        (id,),
    )
    _move(tx, id, SessionState.NEXT, now)


# -- what happens to one ----------------------------------------------------------------------------------------------


def code_made(
    tx: Tx,
    id: int,
    *,
    sign_data_id: str,
    qr_text: str,
    qr_picture: bytes,
    signer_id: str,
    expires_at: datetime,
    due_at: datetime,
    now: datetime,
) -> None:
    start_over(tx, id, now=now)
    tx.execute(
        """UPDATE signings SET sign_data_id = ?, qr_text = ?, qr_picture = ?, signer_id = ?, made_at = ?,
           expires_at = ?, due_at = ?, postponed = 0 WHERE id = ?""",
        (sign_data_id, qr_text, qr_picture, signer_id, kept(now), kept(expires_at), kept(due_at), id),
    )
    _move(tx, id, SessionState.WAITING, now)


def ask_again(tx: Tx, id: int, due_at: datetime, *, attempts: int = 0, hitch: Hitch | None = None) -> None:
    """Nothing new, or no answer (`hitch` says why); the next question goes at `due_at`."""
    before = tx.execute("SELECT title FROM signings WHERE id = ?", (id,)).fetchone()
    tx.execute("UPDATE signings SET due_at = ?, attempts = ? WHERE id = ?", (kept(due_at), attempts, id))
    _explain(tx, id, hitch)
    if before is not None and before["title"] != (hitch.title if hitch else ""):
        _tell(tx, id)


def expired(tx: Tx, id: int, *, now: datetime) -> None:
    _move(tx, id, SessionState.EXPIRED, now)


def refused(tx: Tx, id: int, hitch: Hitch, checks: Sequence[Check] = (), *, now: datetime) -> None:
    """What came back is not used; it is not kept either."""
    start_over(tx, id, now=now)
    _keep_checks(tx, id, checks)
    _move(tx, id, SessionState.REFUSED, now, hitch)


def came_back(
    tx: Tx, id: int, signature: Signature, checks: Sequence[Check], *, signed_at: datetime, now: datetime
) -> None:
    """Signed by the right person over the right text: on the disk before the timestamp is asked for."""
    _keep_signature(tx, id, signature, checks)
    tx.execute(
        "UPDATE signings SET signed_at = ?, due_at = ?, attempts = 0 WHERE id = ?", (kept(signed_at), kept(now), id)
    )
    _move(tx, id, SessionState.TIMESTAMPING, now)


def finish(
    tx: Tx, id: int, signature: Signature, checks: Sequence[Check], *, stamped_at: datetime | None, now: datetime
) -> None:
    _keep_signature(tx, id, signature, checks)
    tx.execute(
        "UPDATE signings SET stamped_at = ?, due_at = NULL WHERE id = ?", (kept(stamped_at) if stamped_at else None, id)
    )
    _move(tx, id, SessionState.FINISHED, now)


def imported(
    tx: Tx,
    destination: str,
    exam_key: str,
    report_key: str,
    to_sign: ToSign,
    signature: Signature,
    checks: Sequence[Check],
    *,
    signer_id: str,
    stamped_at: datetime,
    now: datetime,
) -> int:
    """A signature of the clinic's own system, for the report as it is now; it takes the place of every other."""
    tx.execute(
        "UPDATE signings SET state = ?, changed_at = ? WHERE destination = ? AND report_key = ? AND state <> ?",
        (SessionState.VOID.value, kept(now), destination, report_key, SessionState.VOID.value),
    )
    id = _insert(tx, destination, exam_key, report_key, to_sign, "import", now)
    tx.execute("UPDATE signings SET signer_id = ?, signed_at = ? WHERE id = ?", (signer_id, kept(stamped_at), id))
    finish(tx, id, signature, checks, stamped_at=stamped_at, now=now)
    return id


def postpone(tx: Tx, id: int) -> None:
    """医生不在，稍后再签: behind all others, until its code is asked for. What is out stays good."""
    tx.execute("UPDATE signings SET place = (SELECT max(place) + 1 FROM signings), postponed = 1 WHERE id = ?", (id,))
    _tell(tx, id)


def take_up(tx: Tx, id: int) -> None:
    """Somebody asked for its code."""
    tx.execute("UPDATE signings SET postponed = 0 WHERE id = ?", (id,))
    _tell(tx, id)


def know_signer(tx: Tx, destination: str, signer_id: str, certificate: str, *, now: datetime) -> None:
    tx.execute(
        "INSERT OR REPLACE INTO signers (destination, signer_id, certificate, since) VALUES (?, ?, ?, ?)",
        (destination, signer_id, certificate, kept(now)),
    )


# -- inside -----------------------------------------------------------------------------------------------------------


def _insert(
    tx: Tx, destination: str, exam_key: str, report_key: str, to_sign: ToSign, source: str, now: datetime
) -> int:
    cursor = tx.execute(
        """INSERT INTO signings (destination, exam_key, report_key, text, doctor_name, doctor_code, signer_id, state,
           source, sign_data_id, qr_text, qr_picture, attempts, original, certificate, sign_type, sign_value, tsa_token,
           checks, title, advice, details, created_at, changed_at, place)
           VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, '', '', x'', 0, '', '', '', '', '', '[]', '', '', '', ?, ?,
                   (SELECT coalesce(max(place), 0) + 1 FROM signings))""",
        (
            destination,
            exam_key,
            report_key,
            to_sign.text,
            to_sign.doctor_name,
            to_sign.doctor_code,
            SessionState.NEXT.value,
            source,
            kept(now),
            kept(now),
        ),
    )
    id = int(cursor.lastrowid or 0)
    _tell(tx, id)
    return id


def _move(tx: Tx, id: int, state: SessionState, now: datetime, hitch: Hitch | None = None) -> None:
    tx.execute("UPDATE signings SET state = ?, changed_at = ? WHERE id = ?", (state.value, kept(now), id))
    _explain(tx, id, hitch)
    _tell(tx, id)


def _explain(tx: Tx, id: int, hitch: Hitch | None) -> None:
    said = hitch or Hitch(title="", advice="")
    tx.execute(
        "UPDATE signings SET title = ?, advice = ?, details = ? WHERE id = ?",
        (said.title, said.advice, said.details[:500], id),
    )


def _tell(tx: Tx, id: int) -> None:
    row = tx.execute("SELECT exam_key FROM signings WHERE id = ?", (id,)).fetchone()
    if row is not None:
        tx.tell("signing_changed", session=id, exam_key=row["exam_key"])


def _keep_signature(tx: Tx, id: int, signature: Signature, checks: Sequence[Check]) -> None:
    tx.execute(
        """UPDATE signings SET original = ?, certificate = ?, sign_type = ?, sign_value = ?, tsa_token = ?
           WHERE id = ?""",
        (
            signature.original,
            signature.certificate,
            signature.sign_type,
            signature.sign_value,
            signature.tsa_token,
            id,
        ),
    )
    _keep_checks(tx, id, checks)


def _keep_checks(tx: Tx, id: int, checks: Sequence[Check]) -> None:
    text = json.dumps([asdict(one) for one in checks], ensure_ascii=False)
    tx.execute("UPDATE signings SET checks = ? WHERE id = ?", (text, id))


def _marks(states: Collection[SessionState]) -> str:
    return ", ".join(f"'{state.value}'" for state in sorted(states, key=lambda state: state.value))


def _session(row: sqlite3.Row) -> Session:
    title = row["title"]
    return Session(
        id=row["id"],
        destination=row["destination"],
        exam_key=row["exam_key"],
        report_key=row["report_key"],
        text=row["text"],
        doctor_name=row["doctor_name"],
        doctor_code=row["doctor_code"],
        signer_id=row["signer_id"],
        state=SessionState(row["state"]),
        source=row["source"],
        sign_data_id=row["sign_data_id"],
        qr_text=row["qr_text"],
        qr_picture=row["qr_picture"],
        made_at=taken_or_none(row["made_at"]),
        expires_at=taken_or_none(row["expires_at"]),
        due_at=taken_or_none(row["due_at"]),
        attempts=row["attempts"],
        signature=_signature(row) if row["sign_value"] else None,
        signed_at=taken_or_none(row["signed_at"]),
        stamped_at=taken_or_none(row["stamped_at"]),
        checks=tuple(Check(**one) for one in json.loads(row["checks"])),
        hitch=Hitch(title=title, advice=row["advice"], details=row["details"]) if title else None,
        postponed=bool(row["postponed"]),
        created_at=taken(row["created_at"]),
        changed_at=taken(row["changed_at"]),
    )


def _signature(row: sqlite3.Row) -> Signature:
    return Signature(
        original=row["original"],
        certificate=row["certificate"],
        sign_type=row["sign_type"],
        sign_value=row["sign_value"],
        tsa_token=row["tsa_token"],
    )
