"""Index codes: one per exam and destination, never one that another exam has or had, and what became of each."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.job import Event, JobState, Part
from app.store import Store, answers, indexes, jobs
from app.store.indexes import Minted
from tests.store.samples import EXAM, NOW, at, claimed, moved, put


def codes(base: int) -> Callable[[int], str]:
    """As an adapter would: the time of the exam in seconds, moved on."""
    return lambda seconds: f"111-X-{base + seconds}"


def mint(store: Store, exam: str, base: int, destination: str = "main") -> Minted:
    return store.write(lambda tx: indexes.mint(tx, destination, exam, codes(base), now=NOW))


def test_an_exam_keeps_its_code_while_its_values_are_the_same(store: Store) -> None:
    assert mint(store, "E1", 10) == Minted(index_code="111-X-10")
    assert mint(store, "E1", 10) == Minted(index_code="111-X-10")


def test_a_second_exam_in_the_same_second_gets_the_next_free_one(store: Store) -> None:
    assert [mint(store, exam, 10).index_code for exam in ("E1", "E2", "E3")] == ["111-X-10", "111-X-11", "111-X-12"]
    assert mint(store, "E2", 10) == Minted(index_code="111-X-11"), "and keeps that"
    assert mint(store, "E4", 11).moved_seconds == 2
    assert mint(store, "E2", 10, "second").index_code == "111-X-10", "each destination has its own"


def test_corrected_there_and_back_an_exam_has_its_first_code_again(store: Store) -> None:
    mint(store, "E1", 10)
    mint(store, "E2", 10)
    assert mint(store, "E2", 50) == Minted(index_code="111-X-50", replaces="111-X-11")
    assert mint(store, "E2", 10) == Minted(index_code="111-X-11", replaces="111-X-50")
    assert mint(store, "E2", 50) == Minted(index_code="111-X-50", replaces="111-X-11")


def test_a_code_out_of_use_is_still_its_exam_s(store: Store) -> None:
    mint(store, "E1", 10)
    mint(store, "E1", 50)
    assert mint(store, "E2", 10).index_code == "111-X-11"
    assert indexes.exam_of(store.read(), "main", "111-X-10") == "E1"
    assert [indexes.is_replaced(store.read(), "main", code) for code in ("111-X-10", "111-X-50", "")] == [
        True,
        False,
        False,
    ]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 4)), max_size=14))
def test_no_two_exams_ever_share_a_code(store: Store, corrections: list[tuple[str, int]]) -> None:
    store.write(lambda tx: tx.execute("DELETE FROM index_codes"))
    owners: dict[str, str] = {}
    for exam, base in corrections:
        minted = mint(store, exam, base)
        assert owners.setdefault(minted.index_code, exam) == exam
        current = indexes.current(store.read(), "main", exam)
        assert current is not None and (current.index_code, current.base_code) == (minted.index_code, codes(base)(0))


def there(store: Store, exam: str = "E1") -> tuple[str, ...]:
    return indexes.at_platform(store.read(), "main", exam)


def test_what_was_sent_may_be_there_until_the_platform_says(store: Store) -> None:
    mint(store, "E1", 10)
    assert there(store) == ()
    store.write(lambda tx: indexes.sent(tx, "main", "111-X-10"))
    assert there(store) == ("111-X-10",)
    store.write(lambda tx: indexes.refused(tx, "main", "111-X-10"))
    assert there(store) == ()
    store.write(lambda tx: indexes.acknowledged(tx, "main", "111-X-10"))
    store.write(lambda tx: indexes.refused(tx, "main", "111-X-10"))
    assert there(store) == ("111-X-10",), "a later version was refused: the first is still there"
    mint(store, "E1", 50)
    store.write(lambda tx: indexes.sent(tx, "main", "111-X-50"))
    assert there(store) == ("111-X-50", "111-X-10")
    store.write(lambda tx: indexes.deleted(tx, "main", ["111-X-10"]))
    assert there(store) == ("111-X-50",)
    store.write(lambda tx: indexes.left(tx, "main", ["111-X-50"]))
    assert there(store) == ()


# -- jobs under a code ------------------------------------------------------------------------------------------------


def coded(store: Store, part: Part, code: str, **more: object) -> int:
    job_id = put(store, part, **more)
    store.write(lambda tx: tx.execute("UPDATE jobs SET index_code = ? WHERE id = ?", (code, job_id)))
    return job_id


def test_images_wait_for_a_record_under_their_own_code(store: Store) -> None:
    first = mint(store, EXAM, 10).index_code
    record = coded(store, Part.EXAM, first)
    moved(store, record, Event.CLAIMED, Event.ACKNOWLEDGED)
    second = mint(store, EXAM, 50).index_code
    coded(store, Part.IMAGES, second)
    assert claimed(store, {"images": "exam"}) is None
    again = coded(store, Part.EXAM, second)
    moved(store, again, Event.CLAIMED, Event.ACKNOWLEDGED)
    job = claimed(store, {"images": "exam"})
    assert job is not None and (job.part, job.index_code) == (Part.IMAGES, second)


def test_what_is_on_its_way_under_a_replaced_code_never_goes_again(store: Store) -> None:
    job_id = coded(store, Part.IMAGES, mint(store, EXAM, 10).index_code)
    job = claimed(store)
    assert job is not None
    store.write(lambda tx: answers.hold(tx, job, "1.1", "a", now=NOW))
    mint(store, EXAM, 50)
    store.write(lambda tx: answers.hold(tx, job, "1.2", "b", now=NOW))
    assert answers.held(store.read(), "main", EXAM, "images") == {"1.1": "a"}, "nothing counts that went under the old"
    assert moved(store, job_id, Event.POSTPONED, due_at=at(60)).state is JobState.CANCELLED


def test_an_interrupted_job_under_a_replaced_code_is_not_taken_up_again(store: Store) -> None:
    job_id = coded(store, Part.IMAGES, mint(store, EXAM, 10).index_code)
    claimed(store)
    mint(store, EXAM, 50)
    store.write(lambda tx: jobs.interrupted(tx, now=NOW))
    assert jobs.job(store.read(), job_id).state is JobState.CANCELLED


def test_a_withdrawal_under_a_replaced_code_goes_on(store: Store) -> None:
    job_id = coded(store, Part.EXAM, mint(store, EXAM, 10).index_code, withdraws=True)
    claimed(store)
    mint(store, EXAM, 50)
    assert moved(store, job_id, Event.POSTPONED, due_at=at(60)).state is JobState.WAITING
