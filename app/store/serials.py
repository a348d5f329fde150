"""Serial numbers: the highest is written before it is used, so none is ever given twice."""

from __future__ import annotations

from app.store.database import Tx


def next_value(tx: Tx, name: str) -> int:
    """The next number of that name, from 1."""
    row = tx.execute(
        """INSERT INTO serials (name, value) VALUES (?, 1)
           ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value""",
        (name,),
    ).fetchone()
    return int(row["value"])
