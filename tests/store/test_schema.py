"""Migrations: an older database opens with everything it held."""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database

from app.domain.job import JobState
from app.store import Store, answers, jobs, submissions
from app.store.schema import MIGRATIONS
from tests.store.samples import EXAM, NOW, an_arrival, arrives, claimed, put


def test_opening_again_changes_nothing_and_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    store = Store(path)
    job_id = put(store, name="张三")
    claimed(store)
    arrives(store, an_arrival())
    schema = [tuple(row) for row in store.rows("SELECT name, sql FROM sqlite_master ORDER BY name")]
    store.close()
    again = Store(path)
    job = jobs.job(again.read(), job_id)
    assert (job.state, job.payload) == (JobState.SENDING, {"name": "张三"})
    assert [tuple(row) for row in again.rows("SELECT name, sql FROM sqlite_master ORDER BY name")] == schema
    again.close()


def test_a_database_of_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    early = Database(path)
    MIGRATIONS.apply(early.conn, stop_before=MIGRATIONS.names[2])
    early.table("exams").insert({"exam_key": EXAM, "state": "to_fill", "patient_name": "张三"})
    early.conn.close()
    store = Store(path)
    row = store.row("SELECT * FROM exams")
    assert row is not None and (row["exam_key"], row["patient_name"]) == (EXAM, "张三")
    put(store)
    assert claimed(store) is not None
    store.close()


def test_what_platforms_returned_to_an_earlier_version_is_found_by(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    store = Store(path)
    put(store)
    running = claimed(store)
    assert running is not None
    store.write(lambda tx: answers.write_receipt(tx, running, {"index_code": "IX123456"}, now=NOW))
    store.close()
    early = Database(path)
    early.execute("DELETE FROM receipt_numbers")
    early.execute("DELETE FROM _sqlite_migrations WHERE name = 'numbers_of_earlier_receipts'")
    early.conn.commit()
    early.conn.close()
    again = Store(path)
    assert submissions.numbers(again.read(), running.exam_key, running.destination) == ["IX123456"]
    again.close()
