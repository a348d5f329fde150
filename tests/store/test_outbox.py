"""The rows that lists show of the outbox: always what the jobs say, in the right order, found by what people type."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.job import TRANSITIONS, Event, JobState, Part
from app.domain.submission import PILES, live_state, submission_state
from app.store import Store, Tx, answers, exams, jobs, submissions
from app.store.database import opened
from app.store.submissions import Wanted
from tests.bench.many import fill_home
from tests.store.samples import NOW, a_job, an_arrival, arrives, at, moved, put

SENT = (Event.CLAIMED, Event.ACKNOWLEDGED)


def an_exam(store: Store, key: str, *, name: str = "张三", accession: str = "", spelling: str = "") -> str:
    def change(tx: Tx) -> None:
        tx.execute(
            """INSERT INTO exams (exam_key, minted_accession, state, problem_count, problems, changed, dirty,
               created_at, patient_name, accession_number, modality, description, exam_day, sort_at, image_count,
               report_count, sought) VALUES (?, '', 'queued', 0, '[]', 0, 0, '', ?, ?, 'CT', '', '', '', 0, 0, ?)""",
            (key, name, accession, submissions.sought(name, spelling, accession)),
        )

    store.write(change)
    return key


def shown(store: Store, **wanted: object) -> list[str]:
    found = submissions.page(store.read(), Wanted(**wanted), limit=50, offset=0)  # type: ignore[arg-type]
    return [row["exam_key"] for row in found]


def test_parts_fold_into_one_row_and_the_gravest_names_it(store: Store) -> None:
    an_exam(store, "E1")
    for part in (Part.EXAM, Part.REPORT, Part.IMAGES):
        put(store, part)
    moved(store, 1, *SENT)
    moved(store, 2, Event.CLAIMED, Event.HELD)
    rows = submissions.page(store.read(), Wanted(), limit=10, offset=0)
    assert [(row["state"], row["parts_done"], row["parts"], row["part"]) for row in rows] == [("held", 1, 3, "report")]


def test_an_exam_to_two_destinations_is_two_rows_of_one_exam(store: Store) -> None:
    an_exam(store, "E1")
    put(store, destination="main")
    put(store, destination="index")
    moved(store, 2, *SENT)
    assert submissions.counts(store.read(), Wanted()) == {"queued": 1, "acknowledged": 1}
    assert submissions.exam_count(store.read(), Wanted()) == 1
    assert shown(store, destination="index") == ["E1"]


def test_what_needs_a_person_stands_first_and_what_is_over_last_newest_first(store: Store) -> None:
    for number, events in enumerate([SENT, SENT, (), (Event.CLAIMED, Event.POSTPONED), (Event.CLAIMED, Event.HELD)]):
        an_exam(store, f"E{number}")
        job_id = put(store, exam=f"E{number}", seconds=number)
        moved(store, job_id, *events)
    assert shown(store) == ["E4", "E3", "E2", "E1", "E0"]


def test_what_a_person_sends_first_stands_before_what_waits_longer(store: Store) -> None:
    for number in range(3):
        an_exam(store, f"E{number}")
        put(store, exam=f"E{number}", seconds=number)
    store.write(lambda tx: jobs.send_first(tx, 3))
    assert shown(store) == ["E2", "E0", "E1"]
    assert submissions.waiting_before(store.read(), "main") == ["E2", "E0", "E1"]


def test_todays_page_holds_what_is_still_open_from_another_day(store: Store) -> None:
    for key, days_ago, events in (("OPEN", 3, ()), ("DONE", 3, SENT), ("NEW", 0, SENT)):
        an_exam(store, key)
        moved(store, put(store, exam=key, seconds=-86400 * days_ago), *events)
    today = submissions.cst_day(NOW)
    assert shown(store, day=today, with_open=True) == ["OPEN", "NEW"]
    assert submissions.counts(store.read(), Wanted(day=today, with_open=True)) == {"queued": 1, "acknowledged": 1}
    assert shown(store, day=submissions.cst_day(NOW - timedelta(days=3))) == ["OPEN", "DONE"]


@pytest.mark.parametrize(
    "text", ["海涛", "DR2611", "dr2611200017", "zhouhai", "1.2.840.5", "1.2.840.5.7", "E77", "IDX-0001"]
)
def test_an_exam_is_found_by_everything_that_names_it(store: Store, text: str) -> None:
    an_exam(store, "E77", name="周海涛", accession="DR2611200017", spelling="ZHOUHAITAO")
    an_exam(store, "E78", name="王伟", accession="CT1")
    put(store, exam="E78")
    put(store, exam="E77")
    arrives(store, an_arrival(7, study="1.2.840.5"))
    store.write(lambda tx: exams.link_study(tx, "E77", "1.2.840.5"))
    job = moved(store, 2, Event.CLAIMED)
    store.write(lambda tx: answers.write_receipt(tx, job, {"index": "IDX-000199"}, now=NOW))
    assert shown(store, text=text) == ["E77"]
    assert submissions.numbers(store.read(), "E77", "main") == ["IDX-000199"]


def test_late_images_count_beside_the_first_ones(store: Store) -> None:
    an_exam(store, "E1")
    refs = [{"sop_instance_uid": f"1.{n}", "size_bytes": 100} for n in range(6)]
    moved(store, put(store, Part.IMAGES, images=refs[:4]), *SENT)
    put(store, Part.IMAGES, images=refs)
    row = submissions.page(store.read(), Wanted(), limit=1, offset=0)[0]
    assert (row["image_count"], row["late_count"], row["bytes_total"]) == (6, 2, 600)


def test_a_home_of_an_earlier_version_is_filled_at_its_first_opening(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    with opened(path) as store:
        an_exam(store, "E1")
        moved(store, put(store), *SENT)
        before = [dict(row) for row in store.rows("SELECT * FROM submissions")]
        store.write(lambda tx: tx.execute("DELETE FROM submissions"))
    with opened(path) as store:
        assert [dict(row) for row in store.rows("SELECT * FROM submissions")] == before


_STEPS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(list(Event))), max_size=25)


@settings(max_examples=25, deadline=None)
@given(_STEPS)
def test_the_row_always_says_what_the_jobs_say(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, Event]]
) -> None:
    with opened(tmp_path_factory.mktemp("row") / "agent.db") as store:
        an_exam(store, "E1")

        def change(tx: Tx) -> None:
            ids = [a_job(tx, part) for part in (Part.EXAM, Part.REPORT, Part.IMAGES)]
            ids.append(a_job(tx, Part.IMAGES, seconds=5))
            for which, event in steps:
                state = jobs.job(tx.conn, ids[which]).state
                if (state, event) in TRANSITIONS:
                    jobs.move(tx, ids[which], event, now=at(9), due_at=at(8))

        store.write(change)
        newest = jobs.newest(jobs.of_exam(store.read(), "E1"))
        expected = submission_state([live_state(job.state, withdraws=job.withdraws) for job in newest])
        row = store.row("SELECT * FROM submissions")
        assert row is not None
        assert (row["state"], row["pile"]) == (expected.value, PILES[expected].value)
        if PILES[expected].value == "confirmed":
            assert all(job.state in (JobState.ACKNOWLEDGED, JobState.RECONCILED) for job in newest)


def test_a_page_of_many_is_read_from_an_index_and_never_sorted(tmp_path: Path) -> None:
    fill_home(tmp_path / "agent.db", 4000, ("main",), now=NOW, images=1)
    with opened(tmp_path / "agent.db") as store:
        for wanted in ({}, {"pile": "confirmed"}, {"pile": "attention"}):
            where = "pile = 'confirmed'" if wanted else "1 = 1"
            plan = store.rows(
                f"EXPLAIN QUERY PLAN SELECT rowid FROM submissions WHERE {where} ORDER BY rank, sort, exam_key LIMIT 50"
            )
            said = " ".join(row["detail"] for row in plan)
            assert "COVERING INDEX" in said and "TEMP B-TREE" not in said
            started = time.perf_counter()
            rows = submissions.page(store.read(), Wanted(**wanted), limit=50, offset=1500 if not wanted else 0)
            assert len(rows) >= 2 and time.perf_counter() - started < 0.2
