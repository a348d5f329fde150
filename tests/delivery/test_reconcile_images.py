"""Images have an answer of their own: whole, not at hand (never missing), or twice short of the same ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.delivery import submission
from app.delivery.reconcile import open_days
from app.domain.job import CONFIRMED, Event, JobState, Part
from app.domain.reconciliation import DayState, ImageAnswer, ImageState, judged_images
from app.errors import RetryLater
from app.store import Store, days, image_lists
from app.store.database import opened
from tests.delivery.province import AGAIN, DAY, DEAD, IMAGES, NIGHT, Bureau
from tests.delivery.stage import Files

START = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture
def bureau(store: Store, tmp_path: Path) -> Bureau:
    return Bureau(store, Files(tmp_path))


def test_a_list_that_holds_all_ours_turns_the_images_to_reconciled(bureau: Bureau) -> None:
    index = bureau.sent("E1")
    bureau.province.cache[index] = (*IMAGES, "9.9.9")
    assert bureau.ask() is DayState.AGREED
    assert bureau.state("E1", Part.IMAGES) is JobState.RECONCILED
    assert bureau.questions()[-1]["images"] == {"whole": 1}
    assert open_days(bureau.store.read(), bureau.target, DAY) == []


def test_an_empty_cache_is_never_missing_and_never_a_reason_to_send(bureau: Bureau) -> None:
    bureau.sent("E1")
    for _ in range(8):
        assert bureau.ask(after=NIGHT, everything=True) is DayState.AGREED
        assert (bureau.state("E1", Part.IMAGES), bureau.images("E1")) == (JobState.ACKNOWLEDGED, "unknown")
    assert image_lists.lacking(bureau.store.read()) == []
    assert bureau.row()["ask_again_at"] is None


def test_what_cannot_be_checked_is_asked_once_a_night_some_nights_then_left_in_peace(bureau: Bureau) -> None:
    bureau.sent("E1")
    most = bureau.target.region.options["reconcile"]["image_asks"]
    bureau.ask()
    bureau.ask(after=AGAIN)
    assert bureau.province.asked == [], "not every ten minutes"
    for _ in range(most - 1):
        assert open_days(bureau.store.read(), bureau.target, DAY) == [DAY]
        bureau.ask(after=NIGHT)
        assert len(bureau.province.lists()) == 1 and bureau.province.patients() == []
    assert open_days(bureau.store.read(), bureau.target, DAY) == []
    bureau.ask(after=NIGHT)
    assert bureau.province.asked == []
    bureau.ask(everything=True)
    assert len(bureau.province.lists()) == 1, "a person may ask any time"


def test_a_list_that_lacks_some_counts_the_second_time_and_nothing_is_sent_again(bureau: Bureau) -> None:
    index = bureau.sent("E1")
    bureau.province.cache[index] = IMAGES[:1]
    assert bureau.ask() is DayState.ASKED_ONCE
    assert (bureau.images("E1"), bureau.row()["ask_again_at"] is not None) == ("suspected", True)
    assert bureau.ask(after=AGAIN) is DayState.AGREED, "its record is there"
    assert bureau.province.patients() == []
    assert (bureau.images("E1"), bureau.state("E1", Part.IMAGES)) == ("lacking", JobState.ACKNOWLEDGED)
    ((day, key, answer),) = image_lists.lacking(bureau.store.read())
    assert (day, key, answer.lacking, answer.listed_count) == (DAY, "E1", IMAGES[1:], 1)
    assert days.discrepancies(bureau.store.read(), "main", DAY) == []
    assert bureau.row()["ask_again_at"] is None


def test_a_cache_that_fills_meanwhile_ends_the_suspicion(bureau: Bureau) -> None:
    index = bureau.sent("E1")
    bureau.province.cache[index] = IMAGES[:1]
    bureau.ask()
    bureau.province.cache[index] = IMAGES
    assert bureau.ask(after=AGAIN) is DayState.AGREED
    assert bureau.state("E1", Part.IMAGES) is JobState.RECONCILED


def test_a_cache_that_is_cleared_meanwhile_says_nothing_any_more(bureau: Bureau) -> None:
    index = bureau.sent("E1")
    bureau.province.cache[index] = IMAGES[:1]
    bureau.ask()
    bureau.ask(after=AGAIN)
    del bureau.province.cache[index]
    bureau.ask(after=NIGHT)
    assert (bureau.images("E1"), image_lists.lacking(bureau.store.read())) == ("unknown", [])


def test_the_green_of_images_is_never_taken_back(bureau: Bureau) -> None:
    index = bureau.sent("E1")
    bureau.province.cache[index] = IMAGES
    bureau.ask()
    bureau.province.cache[index] = ()
    for _ in range(3):
        bureau.ask(after=AGAIN, everything=True)
    assert bureau.state("E1", Part.IMAGES) is JobState.RECONCILED
    assert bureau.province.lists() == []


def test_images_that_go_again_are_judged_anew(bureau: Bureau) -> None:
    index = bureau.sent("E1")
    bureau.province.cache[index] = IMAGES[:1]
    bureau.ask()
    bureau.ask(after=AGAIN)
    bureau.store.write(lambda tx: submission.resend(tx, "E1", "main", event=Event.RESENT, now=bureau.clock.now()))
    assert image_lists.lacking(bureau.store.read()) == [], "it is on its way"
    bureau.deliver()
    assert bureau.ask() is DayState.ASKED_ONCE
    assert bureau.images("E1") == "suspected", "two answers are needed again"
    bureau.province.cache[index] = IMAGES
    bureau.ask(after=AGAIN)
    assert bureau.state("E1", Part.IMAGES) is JobState.RECONCILED


def test_images_of_a_record_that_is_missing_are_not_asked_about(bureau: Bureau) -> None:
    del bureau.province.has[bureau.sent("E1")]
    bureau.ask()
    assert bureau.province.lists() == []


def test_a_list_with_an_entry_that_has_no_uid_is_no_answer(bureau: Bureau) -> None:
    bureau.sent("E1")
    entry = {"code": 0, "data": {"imgFileSnList": [{"examUuid": "1.2"}]}}
    bureau.province.says = lambda asked: entry if "serviceName" in asked else None
    with pytest.raises(RetryLater, match="一部分"):
        bureau.ask()
    assert (bureau.state("E1"), bureau.images("E1")) == (JobState.RECONCILED, "")


def test_a_platform_that_dies_among_the_lists_costs_only_the_rest(bureau: Bureau) -> None:
    for key in ("E1", "E2", "E3"):
        bureau.province.cache[bureau.sent(key)] = IMAGES

    def dies(number: int) -> None:
        if number > 2:
            raise DEAD

    bureau.province.before = dies
    with pytest.raises(RetryLater):
        bureau.ask()
    states = [bureau.state(key, Part.IMAGES) for key in ("E1", "E2", "E3")]
    assert states == [JobState.RECONCILED, JobState.ACKNOWLEDGED, JobState.ACKNOWLEDGED]
    bureau.province.before = lambda number: None
    bureau.ask(after=AGAIN)
    assert (len(bureau.province.lists()), bureau.province.patients()) == (2, [])


# -- any row of answers -----------------------------------------------------------------------------------------------

SUBSETS = st.frozensets(st.sampled_from(IMAGES))
ROWS = st.lists(st.tuples(st.sampled_from([1.0, AGAIN, NIGHT]), SUBSETS | st.none(), st.booleans()), max_size=14)


@given(row=st.lists(st.tuples(st.sampled_from([1.0, AGAIN, NIGHT]), SUBSETS), max_size=12))
def test_only_images_that_two_answers_far_enough_apart_both_lack_are_lacking(
    row: list[tuple[float, frozenset[str]]],
) -> None:
    known: ImageAnswer | None = None
    now, ours = START, frozenset(IMAGES)
    heard: list[tuple[datetime, frozenset[str]]] = []
    for seconds, listed in row:
        now += timedelta(seconds=seconds)
        known = judged_images(known, (1, 1), ours, listed, now=now, again=timedelta(seconds=AGAIN))
        heard.append((now, listed))
        assert (known is None) == (ours <= listed)
        if known is None:
            heard.clear()
        elif known.state is ImageState.LACKING:
            assert known.lacking and not set(known.lacking) & listed
            since = [one for one in heard if known.suspected_at is not None and one[0] >= known.suspected_at]
            assert now - since[0][0] >= timedelta(seconds=AGAIN)
            assert all(found and not set(known.lacking) & found for _, found in since)
        else:
            assert (known.state is ImageState.UNKNOWN) == (not listed)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=ROWS)
def test_no_order_of_answers_makes_green_without_one_or_sends_for_images(
    tmp_path_factory: pytest.TempPathFactory, row: list[tuple[float, frozenset[str] | None, bool]]
) -> None:
    """None: the platform is dead."""
    with opened(tmp_path_factory.mktemp("night") / "agent.db") as store:
        bureau = Bureau(store, Files(tmp_path_factory.getbasetemp()))
        index = bureau.sent("E1")
        seen = False
        for seconds, listed, everything in row:
            bureau.province.cache[index] = tuple(listed or ())
            bureau.province.says = (lambda asked: b"") if listed is None else (lambda asked: None)
            try:
                bureau.ask(after=seconds, everything=everything)
            except RetryLater:
                assert listed is None
            answered = bool(bureau.province.lists()) and listed is not None
            seen = seen or (answered and listed == frozenset(IMAGES))
            assert (bureau.state("E1", Part.IMAGES) is JobState.RECONCILED) == seen
            assert all(bureau.state("E1", part) in CONFIRMED for part in (Part.EXAM, Part.IMAGES))
            assert bureau.job("E1", Part.IMAGES).round == 1, "nothing is sent again"
