"""Links of the file service: pieces that make a whole, what ends them, and images kept until a platform came."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.job import Event, Part
from app.store import Store, exams, files, images
from app.store.files import ZIP
from app.store.images import Indexed
from tests.store.samples import NOW, an_arrival, arrives, moved, put

KEEP = timedelta(days=90)


def offered(store: Store, exam: str, tag: str = "one", size: int = 100, destination: str = "main") -> str:
    return store.write(lambda tx: files.link(tx, destination, exam, ZIP, now=NOW, tag=tag, size_bytes=size))


def took(store: Store, token: str, first: int, count: int, *, complete: bool = True, tag: str = "one") -> bool:
    return store.write(
        lambda tx: files.sent(tx, token, first=first, count=count, complete=complete, size_bytes=100, tag=tag, now=NOW)
    )


def whole(store: Store, token: str) -> bool:
    found = files.find_link(store.read(), token)
    assert found is not None
    return found.whole


def an_exam(store: Store, study: str = "1.2.3") -> str:
    """One image, its exam acknowledged by "main"."""
    arrived: Indexed = arrives(store, an_arrival(study=study))
    (key,) = arrived.exam_keys
    job = put(store, Part.EXAM, exam=key)
    moved(store, job, Event.CLAIMED, Event.ACKNOWLEDGED)
    store.write(lambda tx: exams.refresh(tx, key, {"state": "acknowledged"}))
    return key


def ended(store: Store, days: float, *destinations: str) -> list[tuple[str, str]]:
    now = NOW + timedelta(days=days)
    return store.write(
        lambda tx: files.expire_links(
            tx, fetched=now - KEEP, unfetched=now - 2 * KEEP, destinations=destinations or ("main",), now=now
        )
    )


def releasable(store: Store, days: float) -> int:
    return len(images.releasable(store, NOW + timedelta(days=days) - KEEP))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pieces=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 60), st.booleans()), max_size=8))
def test_a_whole_is_every_byte_and_a_last_piece_that_was_taken(
    store: Store, pieces: list[tuple[int, int, bool]]
) -> None:
    store.write(lambda tx: files.withdraw_links(tx, "main", "E1", now=NOW))
    token = offered(store, "E1")
    got: set[int] = set()
    for first, count, complete in pieces:
        end = min(first + count, 100)
        got |= set(range(first, end))
        is_new = took(store, token, first, end - first, complete=complete)
        assert is_new == (complete and len(got) == 100) == whole(store, token)
        if is_new:
            return


def test_pieces_of_an_earlier_content_do_not_count(store: Store) -> None:
    token = offered(store, "E1")
    assert not took(store, token, 0, 60, complete=False)
    assert offered(store, "E1", tag="two") == token
    assert not took(store, token, 60, 40, tag="two")
    assert not whole(store, token)
    assert took(store, token, 0, 60, tag="two") and whole(store, token)


def test_a_transfer_of_what_was_offered_before_leaves_the_new_content_unfetched(store: Store) -> None:
    token = offered(store, "E1")
    offered(store, "E1", tag="two")
    took(store, token, 0, 100, tag="one")
    assert not whole(store, token)


def test_unfetched_images_stay_twice_as_long_and_their_end_is_on_the_timeline(store: Store) -> None:
    key = an_exam(store)
    token = offered(store, key)
    assert (releasable(store, 91), ended(store, 91)) == (0, [])
    assert releasable(store, 179) == 0
    assert ended(store, 181) == [(key, "main")]
    found = files.find_link(store.read(), token)
    assert found is not None and found.withdrawn
    assert releasable(store, 181) == 1
    assert [note["detail"] for note in exams.timeline(store, key) if note["what"] == "never_fetched"] == ["main"]


def test_fetched_images_go_with_their_link_after_the_retention_period(store: Store) -> None:
    key = an_exam(store)
    token = offered(store, key)
    took(store, token, 0, 100)
    assert (releasable(store, 89), ended(store, 89)) == (0, [])
    assert not files.find_link(store.read(), token).withdrawn  # type: ignore[union-attr]
    assert ended(store, 91) == [], "nothing was left behind"
    assert files.find_link(store.read(), token).withdrawn  # type: ignore[union-attr]
    assert releasable(store, 91) == 1


def test_late_images_that_nobody_fetched_are_kept(store: Store) -> None:
    key = an_exam(store)
    took(store, offered(store, key), 0, 100)
    offered(store, key, tag="two")
    assert releasable(store, 91) == 0


def test_a_destination_that_is_gone_holds_nothing_back(store: Store) -> None:
    key = an_exam(store)
    offered(store, key, destination="old")
    assert releasable(store, 91) == 0
    assert ended(store, 91) == [(key, "old")]
    assert releasable(store, 91) == 1


def test_the_link_of_an_exam_that_is_under_way_never_ends(store: Store) -> None:
    key = an_exam(store)
    store.write(lambda tx: exams.refresh(tx, key, {"state": "held"}))
    token = offered(store, key)
    ended(store, 1000)
    assert not files.find_link(store.read(), token).withdrawn  # type: ignore[union-attr]


def test_an_unfetched_report_alone_keeps_no_images(store: Store) -> None:
    key = an_exam(store)
    store.write(lambda tx: files.link(tx, "main", key, "ab" * 32, now=NOW))
    assert releasable(store, 91) == 1
