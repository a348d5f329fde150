"""The house as a whole: what a restart finds, what a change of settings sets free, what the status says."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.job import Event, JobState, Part
from app.engine.clockwork import Clockwork, paused_until
from app.engine.standing import look_and_sentence
from app.errors import NeedsOperator, RetryLater
from app.store import answers, days, images, jobs
from app.system.paths import Home
from tests.engine.desk import Desk, a_desk, answers_of


def test_status_icon_and_tooltip_say_one_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str]] = []

    def listen(facts: Any) -> tuple[str, str]:
        said.append(look_and_sentence(facts))
        return said[-1]

    monkeypatch.setattr("app.engine.engine.look_and_sentence", listen)
    desk.sent()
    status = desk.engine.status()
    assert said == [(status["look"], status["sentence"])] == [("confirmed", "全部确认")]
    assert status["tooltip"].startswith(status["sentence"])


def test_while_images_come_in_nobody_says_that_all_is_confirmed(desk: Desk) -> None:
    desk.sent()
    desk.receive(complete=False)
    assert desk.engine.status()["sentence"] == "正在接收 1 例"


def test_the_trouble_of_a_destination_that_is_gone_is_not_told(desk: Desk) -> None:
    now = desk.clock.now()
    desk.engine.house.store.write(lambda tx: answers.note_destination(tx, "old", now=now, ok=False, trouble="不通"))
    assert desk.engine.status()["look"] != "trouble"
    desk.engine.house.store.write(lambda tx: answers.note_destination(tx, "main", now=now, ok=False, trouble="不通"))
    assert desk.engine.status()["look"] == "trouble"


def test_a_start_after_a_kill_puts_what_was_being_sent_back_into_the_queue(
    desk: Desk, home: Home, tmp_path: Path
) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    store = desk.engine.house.store
    job = store.write(lambda tx: jobs.claim(tx, "main", {}, now=desk.clock.now()))
    store.write(lambda tx: desk.engine.house.follow(tx, desk.key(uid)))
    assert job is not None and desk.state(uid) == "sending"
    desk.engine.house.close()
    with a_desk(home, tmp_path) as again:
        again.engine.house.store.write(lambda tx: again.engine._life._take_up(tx, again.clock.now()))
        assert again.state(uid) == "queued", "and the list says so"
        assert {each.state for each in again.jobs(uid)} == {JobState.QUEUED}


@pytest.mark.warns
def test_an_outcome_stands_even_when_the_exam_can_not_be_worked_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    monkeypatch.setattr("app.delivery.record.view", lambda *_, **__: 1 / 0)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam")
    assert [job.state for job in desk.jobs(uid) if job.part is Part.EXAM] == [JobState.ACKNOWLEDGED]


def refused_by_settings(desk: Desk, uid: str) -> None:
    desk.platform_says(uid, Event.REJECTED, "exam")
    job = next(each for each in desk.jobs(uid) if each.state is JobState.REJECTED)
    now = desk.clock.now()
    desk.engine.house.store.write(
        lambda tx: jobs.note_attempt(tx, job, "exam", "fix_settings", "0", "解密失败", now=now)
    )


def test_a_change_of_settings_sends_again_what_the_settings_had_stopped(desk: Desk) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    refused_by_settings(desk, uid)
    assert desk.state(uid) == "rejected"
    desk.engine.setup(answers_of("main"))
    assert desk.state(uid) == "queued"


def test_a_change_of_settings_does_not_wake_an_older_version(desk: Desk) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    refused_by_settings(desk, uid)
    old = next(each for each in desk.jobs(uid) if each.state is JobState.REJECTED)
    store, now = desk.engine.house.store, desk.clock.now()
    store.write(
        lambda tx: jobs.insert(
            tx, destination="main", exam_key=old.exam_key, report_key="", part=Part.EXAM, payload=old.payload,
            digest="newer", exam_day="2026-01-05", total_count=1, state=JobState.ACKNOWLEDGED, now=now,
        )
    )  # fmt: skip
    desk.engine.setup(answers_of("main"))
    assert jobs.job(desk.engine.house.store.read(), old.id).state is JobState.REJECTED


def test_a_pause_ends_by_itself_at_its_time(desk: Desk) -> None:
    desk.engine.pause(30)
    assert desk.engine.status()["sentence"].startswith("已暂停到")
    desk.clock.pass_(1799)
    desk.engine._life.resume_if_due()
    assert paused_until(desk.engine.house)[0]
    desk.clock.pass_(1)
    desk.engine._life.resume_if_due()
    assert desk.engine.status()["paused_until"] is None
    assert "resumed" in [event["event"] for event in desk.events]


def test_a_pause_without_end_lasts_until_resumed(desk: Desk) -> None:
    desk.engine.pause()
    desk.clock.pass_(10**7)
    desk.engine._life.resume_if_due()
    assert desk.engine.status()["sentence"] == "已暂停"
    desk.engine.resume()
    assert desk.engine.status()["paused_until"] is None


@pytest.mark.parametrize(
    "ask",
    [lambda e: e.resend(day="gestern"), lambda e: e.reconcile("21.11."), lambda e: e.resend("x", destination="y")],
)
def test_a_wrong_word_is_named_not_raised_raw(desk: Desk, ask: Any) -> None:
    with pytest.raises(NeedsOperator):
        ask(desk.engine)


# -- the clock's tasks ------------------------------------------------------------------------------------------------


def a_clockwork(desk: Desk, asked: list[date], refusing: dict[date, Exception] | None = None) -> Clockwork:
    def ask(name: str, day: date) -> None:
        asked.append(day)
        if refusing and day in refusing:
            raise refusing[day]

    def nothing() -> None: ...

    return Clockwork(
        desk.engine.house,
        complete_due=nothing,
        wake=nothing,
        ask=ask,
        resume_if_due=nothing,
        watch=lambda now: None,
    )


def sent_on(desk: Desk, *texts: str) -> list[date]:
    for text in texts:
        key = desk.key(desk.sent())
        desk.engine.house.store.write(
            lambda tx, key=key, text=text: tx.execute(  # type: ignore[misc]
                "UPDATE jobs SET exam_day = ? WHERE exam_key = ?", (text, key)
            )
        )
    return [date.fromisoformat(text) for text in texts]


def test_every_open_day_is_asked_once_a_night(desk: Desk) -> None:
    first, second = sent_on(desk, "2026-01-02", "2026-01-03")
    asked: list[date] = []
    clockwork = a_clockwork(desk, asked)
    clockwork._ask_due(desk.clock.now())
    clockwork._ask_due(desk.clock.now())
    assert asked == [first, second]
    desk.clock.pass_(86400)
    clockwork._ask_due(desk.clock.now())
    assert asked == [first, second] * 2


def test_today_is_not_asked_before_its_night(desk: Desk) -> None:
    sent_on(desk, "2026-01-05")
    asked: list[date] = []
    a_clockwork(desk, asked)._ask_due(desk.clock.now())
    assert asked == []


@pytest.mark.warns
def test_a_day_that_fails_does_not_keep_the_others_from_being_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.engine.house.stopping, "wait", lambda seconds: False)
    first, second, third = sent_on(desk, "2026-01-02", "2026-01-03", "2026-01-04")
    asked: list[date] = []
    refusing: dict[date, Exception] = {first: RetryLater("断了", "再试"), second: KeyError("a bug")}
    clockwork = a_clockwork(desk, asked, refusing)
    clockwork._ask_due(desk.clock.now())
    clockwork._ask_due(desk.clock.now())
    assert asked == [first, second, third]


def test_a_night_that_was_cut_short_is_asked_again_at_the_next_start(desk: Desk) -> None:
    first, second = sent_on(desk, "2026-01-02", "2026-01-03")
    asked: list[date] = []

    class PowerCut(BaseException): ...

    with pytest.raises(PowerCut):
        a_clockwork(desk, asked, {second: PowerCut()})._ask_due(desk.clock.now())  # type: ignore[dict-item]
    a_clockwork(desk, asked)._ask_due(desk.clock.now())
    assert asked == [first, second, first, second]


def test_a_clock_that_was_years_ahead_does_not_end_reconciliation(desk: Desk) -> None:
    (day,) = sent_on(desk, "2026-01-02")
    asked: list[date] = []
    clockwork = a_clockwork(desk, asked)
    clockwork._ask_due(desk.clock.now() + timedelta(days=3650))
    clockwork._ask_due(desk.clock.now())
    assert asked == [day, day]


def test_only_images_of_green_exams_leave_the_spool_after_their_time(desk: Desk) -> None:
    green, open_ = desk.sent(), desk.ready()
    house = desk.engine.house
    before = {one.path for one in images.instances_of(house.store.read(), desk.key(open_))}
    desk.clock.pass_(89 * 86400)
    a_clockwork(desk, [])._keep_house(desk.clock.now())
    assert all(house.spool.path(path).exists() for path in images.paths(house.store))
    desk.clock.pass_(2 * 86400)
    a_clockwork(desk, [])._keep_house(desk.clock.now())
    left = {path for path in images.paths(house.store) if house.spool.path(path).exists()}
    assert left == before
    assert desk.state(green) == "acknowledged"


def test_one_file_that_is_held_open_does_not_keep_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = desk.sent()
    house = desk.engine.house
    paths = [house.spool.path(one.path) for one in images.instances_of(house.store.read(), desk.key(uid))]
    unlink = Path.unlink

    def held_open(path: Path, missing_ok: bool = False) -> None:
        if path == paths[0]:
            raise PermissionError(13, "in use")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", held_open)
    desk.clock.pass_(100 * 86400)
    a_clockwork(desk, [])._keep_house(desk.clock.now())
    assert [path.exists() for path in paths] == [True, False]
    monkeypatch.undo()
    a_clockwork(desk, [])._keep_house(desk.clock.now())
    assert not paths[0].exists()


def test_an_open_day_is_the_exam_s_own(desk: Desk) -> None:
    desk.sent()
    assert days.open_days(desk.engine.house.store.read(), "main", date(2026, 12, 31)) == [date(2026, 1, 5)]
