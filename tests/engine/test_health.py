"""A destination's day in quarters of an hour: tall only for what was really confirmed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from app.domain.job import Event
from app.domain.times import CST
from app.engine.health import AHEAD, CONFIRMED, QUIET, RETRIED, SLOTS, sentence, slots
from app.store.tally import Answer
from tests.engine.desk import Desk

DAY = date(2026, 1, 5)
EIGHT = datetime(2026, 1, 5, 8, tzinfo=CST)


def answer(minutes: float, *, confirmed: bool = True) -> Answer:
    return Answer(at=EIGHT + timedelta(minutes=minutes), confirmed=confirmed, seconds=1.0 if confirmed else None)


def test_what_is_ahead_is_not_drawn_as_quiet() -> None:
    made = slots([], DAY, EIGHT + timedelta(minutes=31))
    assert len(made) == SLOTS == 40
    assert made[:3] == [QUIET] * 3 and set(made[3:]) == {AHEAD}


def test_a_slot_is_tall_only_with_a_receipt() -> None:
    now = EIGHT + timedelta(hours=1)
    made = slots(
        [answer(1, confirmed=False), answer(16, confirmed=False), answer(20), answer(-5), answer(700)], DAY, now
    )
    assert made[:4] == [RETRIED, CONFIRMED, QUIET, QUIET]


def test_the_sentence_names_the_last_trouble_that_is_over() -> None:
    told = [answer(5, confirmed=False), answer(310, confirmed=False), answer(335, confirmed=False), answer(340)]
    assert sentence(told, 4, False) == "13:10–13:35 平台没有收下，已自动重试，未丢任务"
    assert sentence([answer(3)], 1, False) == "今天 1 例，平台都有回执"
    assert sentence([], 0, False) == "今天还没有上传过"


def test_receipts_make_the_strip_and_the_pace(desk: Desk) -> None:
    desk.sent()
    found = desk.engine.health("2026-01-05")["destinations"]
    assert [one["name"] for one in found] == ["main"]
    assert found[0]["slots"].count(CONFIRMED) == 1
    assert desk.engine.recently_confirmed()["exams"][0]["state"] == "acknowledged"
    assert desk.engine.status()["today"] == {"day": "2026-01-05", "received": 1, "confirmed": 1}


def test_an_exam_whose_record_was_refused_is_not_among_those_with_receipts(desk: Desk) -> None:
    desk.sent()
    refused = desk.ready()
    desk.engine.submit(refused)
    desk.platform_says(refused, Event.HELD, "exam")
    desk.platform_says(refused, Event.ACKNOWLEDGED)
    assert desk.engine.health("2026-01-05")["destinations"][0]["sentence"] == "今天 1 例，平台都有回执"
