"""The counts of states that the database keeps: always what counting would give, and at once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import Store, exams, submissions
from app.store.submissions import Wanted
from tests.store.samples import put

STATES = ("to_fill", "queued", "acknowledged", "reconciled")
Change = tuple[str, int, str]
CHANGES = st.lists(
    st.tuples(st.sampled_from(("add", "move", "drop")), st.integers(0, 5), st.sampled_from(STATES)), max_size=25
)


def counted(conn: sqlite3.Connection) -> dict[str, int]:
    return {row[0]: row[1] for row in conn.execute("SELECT state, count(*) FROM exams GROUP BY state")}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_the_kept_counts_are_what_counting_gives(store: Store, changes: list[Change]) -> None:
    for what, number, state in changes:
        key = f"E{number}"
        sql = {
            "add": "INSERT OR IGNORE INTO exams (exam_key, state) VALUES (:key, :state)",
            "move": "UPDATE exams SET state = :state WHERE exam_key = :key",
            "drop": "DELETE FROM exams WHERE exam_key = :key",
        }[what]
        store.write(lambda tx, sql=sql, key=key, state=state: tx.execute(sql, {"key": key, "state": state}))  # type: ignore[misc]
    assert exams.counts(store.read()) == counted(store.read())


def test_a_change_is_seen_by_the_next_reader_at_once(store: Store) -> None:
    key = "E1"
    store.write(lambda tx: tx.execute("INSERT INTO exams (exam_key, state) VALUES (?, 'queued')", (key,)))
    store.write(lambda tx: exams.refresh(tx, key, {"state": "reconciled"}))
    assert exams.counts(store.read()) == {"reconciled": 1}
    store.write(lambda tx: exams.refresh(tx, key, {"state": "rejected"}))
    assert exams.counts(store.read()) == {"rejected": 1}  # nothing confirmed is left over


def test_the_submissions_of_one_destination_are_counted_apart(store: Store) -> None:
    put(store, destination="main")
    put(store, destination="city")
    conn = store.read()
    assert submissions.counts(conn, Wanted()) == {"queued": 2}
    assert submissions.counts(conn, Wanted(destination="city")) == {"queued": 1}
    assert not submissions.is_one_place(conn, Wanted())
    assert submissions.is_one_place(conn, Wanted(destination="city"))


def test_an_earlier_database_is_counted_when_it_opens(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    store = Store(path)
    put(store)
    store.write(lambda tx: tx.execute("INSERT INTO exams (exam_key, state) VALUES ('E1', 'queued')"))
    store.close()
    conn = sqlite3.connect(path)
    for name in ("insert", "delete", "update"):
        for table in ("exams", "submissions"):
            conn.execute(f"DROP TRIGGER {table}_counts_{name}")
    conn.execute("DROP TABLE exams_counts")
    conn.execute("DROP TABLE submissions_counts")
    conn.execute("DELETE FROM _sqlite_migrations WHERE name = 'counts_of_states'")
    conn.commit()
    conn.close()
    again = Store(path)
    assert exams.counts(again.read()) == counted(again.read())
    assert submissions.counts(again.read(), Wanted()) == {"queued": 1}
    again.close()
