"""The end of a day: what is said, when it is asked, and what is remembered of it."""

from __future__ import annotations

from datetime import UTC, datetime

from app.domain.job import Event
from app.engine.closing import sentence
from app.engine.settings import read_settings
from tests.engine.desk import Desk

DAY = "2026-01-05"


def set_time(desk: Desk, day: int, hour: int, minute: int = 0) -> None:
    """A time in China."""
    desk.clock.wall = datetime(2026, 1, day, hour - 8, minute, tzinfo=UTC)


def due(desk: Desk) -> str:
    return str(desk.engine.status()["closing_due"])


def test_a_confirmed_exam_and_one_that_lacks_something_make_the_sentence(desk: Desk) -> None:
    desk.sent()
    uid = desk.ready()
    desk.fill(uid, id_number="")
    closing = desk.engine.closing(DAY)
    assert (closing["received"], closing["confirmed"], closing["to_fill"]) == (2, 1, 1)
    assert closing["sentence"].startswith("今天 2 例：1 例已确认，1 例")
    assert [row["action"] for row in closing["open"]] == ["fill"]
    assert closing["may_shut_down_words"].startswith("可以关机")


def test_what_was_registered_and_has_no_images_is_among_what_is_open(desk: Desk) -> None:
    desk.sent()
    key = desk.engine.register({"patient_name": "王小满", "modality": "CT"})["exam_key"]
    closing = desk.engine.closing(DAY)
    assert (closing["received"], closing["confirmed"], closing["to_fill"]) == (1, 1, 0)
    assert closing["sentence"] == "今天 1 例，平台全部确认，另 1 例登记了没有影像"
    assert [(one["exam_key"], one["why"]) for one in closing["open"]] == [(key, "登记了，影像还没有到")]
    assert desk.engine.closing("2026-01-04")["open"] == []
    desk.engine.unregister(key)
    assert desk.engine.closing(DAY)["open"] == []


def test_a_day_with_registrations_alone_is_asked_about_too(desk: Desk) -> None:
    key = desk.engine.register({"patient_name": "王小满", "modality": "CT"})["exam_key"]
    set_time(desk, 5, 17, 30)
    assert due(desk) == DAY
    assert desk.engine.closing(DAY)["sentence"] == "今天 1 例登记了没有影像"
    desk.engine.fill(key, {"examined_at": "2026-01-05 10:00:00"})
    closing = desk.engine.closing(DAY)
    assert (closing["received"], [one["exam_key"] for one in closing["open"]]) == (0, [key])
    desk.engine.unregister(key)
    assert due(desk) == ""


def test_many_kinds_of_open_exams_are_said_in_one_line() -> None:
    left = [{"state": state, "problems": []} for state in ("rejected", "held", "queued", "sending")]
    assert sentence(9, left, "今天") == "今天 9 例：5 例已确认，1 例已退回，另 3 例还没完"
    assert sentence(9, left[:2], "今天") == "今天 9 例：7 例已确认，1 例已退回，1 例待处理"


def test_confirmed_counts_only_what_the_platform_acknowledged_whole(desk: Desk) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam")
    assert desk.engine.closing(DAY)["confirmed"] == 0
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    closing = desk.engine.closing(DAY)
    assert (closing["confirmed"], closing["sentence"]) == (1, "今天 1 例，平台全部确认")


def test_it_is_due_at_the_set_time_and_once_a_day(desk: Desk) -> None:
    desk.ready()
    set_time(desk, 5, 17, 29)
    assert due(desk) == ""
    set_time(desk, 5, 17, 30)
    assert due(desk) == DAY
    desk.engine.closing_shown(DAY)
    assert due(desk) == ""


def test_without_an_exam_there_is_nothing_to_ask(desk: Desk) -> None:
    set_time(desk, 5, 18)
    assert due(desk) == ""


def test_a_day_that_was_missed_is_asked_about_at_the_next_start_while_something_is_open(desk: Desk) -> None:
    uid = desk.ready()
    set_time(desk, 6, 8)
    assert due(desk) == DAY
    desk.engine.submit(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert due(desk) == ""


def test_a_study_of_yesterday_that_arrives_today_is_no_missed_closing(desk: Desk) -> None:
    set_time(desk, 6, 10)
    desk.receive()
    assert due(desk) == ""
    set_time(desk, 7, 8)
    assert due(desk) == DAY


def test_a_clock_that_once_ran_a_year_ahead_silences_no_closing(desk: Desk) -> None:
    desk.ready()
    desk.engine.closing_shown("2027-01-05")
    set_time(desk, 5, 17, 30)
    assert due(desk) == DAY
    desk.engine.closing_shown(DAY)
    assert due(desk) == ""


def test_a_reminder_comes_at_eight_the_next_morning(desk: Desk) -> None:
    desk.ready()
    set_time(desk, 5, 17, 30)
    desk.engine.closing_shown(DAY, remind=True)
    set_time(desk, 6, 8)
    desk.clock.pass_(-60)
    assert due(desk) == ""
    desk.clock.pass_(60)
    assert due(desk) == DAY


def test_switched_off_it_asks_nothing_and_the_settings_say_so(desk: Desk) -> None:
    desk.ready()
    desk.engine.set_closing(False)
    set_time(desk, 5, 18)
    assert due(desk) == ""
    assert read_settings(desk.engine.home).ui.closing is False
    desk.engine.set_closing(True, "16:00")
    assert desk.engine.closing(DAY)["closing_at"] == "16:00"
    assert due(desk) == DAY


def test_a_snooze_ends_by_itself(desk: Desk) -> None:
    desk.engine.snooze(60)
    assert desk.engine.status()["snoozed_until"] is not None
    desk.clock.pass_(3601)
    assert desk.engine.status()["snoozed_until"] is None


def test_a_day_is_exported_with_one_line_for_each_exam(desk: Desk) -> None:
    desk.sent()
    desk.ready()
    path = desk.folder / "day.csv"
    assert desk.engine.export_reconciliation(str(path), DAY, DAY)["rows"] == 2
    lines = path.read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("日期,上传目标,患者") and len(lines) == 3


def test_what_the_platform_has_and_what_it_lacks_lie_on_different_piles(desk: Desk) -> None:
    desk.sent()
    part = desk.ready()
    desk.engine.submit(part)
    desk.platform_says(part, Event.ACKNOWLEDGED, "exam")
    day = desk.engine.reconciliation(DAY)["destinations"][0]
    assert (day["all"], day["received"], day["agreed"], len(day["unsent"])) == (2, 1, 0, 1)
    assert day["unsent"][0]["done_words"].endswith("已接收")
    assert desk.engine.reconciled(DAY, "main")["total"] == 1
    row = desk.engine.reconciliation_days()["days"][0]
    assert (row["sent"], row["received"], row["unsent"], row["missing"]) == (1, 1, 1, 0)
