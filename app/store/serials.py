"""Serial numbers: the highest is written before it is used, so none is ever given twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.domain.times import CST
from app.store.database import Tx

FIRST, LAST = 1, 9999
_TIME = "%Y%m%d%H%M%S"


def next_value(tx: Tx, name: str) -> int:
    """The next number of that name, from 1."""
    row = tx.execute(
        """INSERT INTO serials (name, value) VALUES (?, 1)
           ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value""",
        (name,),
    ).fetchone()
    return int(row["value"])


def next_stamps(
    tx: Tx, series: str, now: datetime, *, first: int = FIRST, last: int = LAST, most: int = 1
) -> list[str]:
    """yyyyMMddHHmmss (China Standard Time) and four digits from `first` to `last`: greater than all of the series.

    At least one and up to `most`, all of one second. A clock that was set back is waited for in the last second given;
    a second that is used up runs into the next.
    """
    name, moment = f"stamp-{series}", now.astimezone(CST).replace(tzinfo=None, microsecond=0)
    row = tx.execute("SELECT value FROM serials WHERE name = ?", (name,)).fetchone()
    number = first
    if row is not None:
        before, used = divmod(int(row["value"]), 10_000)
        latest = datetime.strptime(str(before), _TIME)
        if latest >= moment:
            moment, number = latest, max(first, used + 1)
        if number > last:
            moment, number = latest + timedelta(seconds=1), first
    stamps = [f"{moment.strftime(_TIME)}{each:04d}" for each in range(number, min(number + most - 1, last) + 1)]
    tx.execute("INSERT OR REPLACE INTO serials (name, value) VALUES (?, ?)", (name, int(stamps[-1])))
    return stamps


def second_of(now: datetime) -> str:
    """What the stamps of this moment begin with."""
    return now.astimezone(CST).strftime(_TIME)
