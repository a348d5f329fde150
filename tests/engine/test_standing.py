"""The one sentence: for every combination of facts exactly one, and a calm one only when all is calm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.engine.standing import LONG_TROUBLE, Facts, look_and_sentence, tooltip

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
LOOKS = {"needs-you", "trouble", "paused", "working", "confirmed"}
EVERY = [
    Facts(
        set_up=set_up,
        needs_person=needs,
        trouble_since=since,
        paused=paused is not None,
        paused_until=None if paused in (None, "open") else NOW + timedelta(hours=1),
        moving=moving,
        confirmed=confirmed,
        receiving=receiving,
        held_back=held_back,
        last_confirmed_at=None,
        now=NOW,
    )
    for set_up, needs, since, paused, moving, confirmed, receiving, held_back in product(
        (True, False),
        (0, 3),
        (None, NOW - timedelta(minutes=1), NOW - LONG_TROUBLE - timedelta(seconds=1)),
        (None, "open", "until"),
        (0, 2),
        (0, 5),
        (0, 1),
        (0, 1),
    )
]


def test_every_combination_has_one_look_and_one_short_sentence() -> None:
    for facts in EVERY:
        look, sentence = look_and_sentence(facts)
        assert look in LOOKS and 0 < len(sentence) <= 20
        assert look_and_sentence(facts) == (look, sentence)


def test_all_confirmed_is_said_only_when_nothing_is_open() -> None:
    for facts in EVERY:
        if look_and_sentence(facts)[1] == "全部确认":
            calm = facts.set_up and not facts.paused and facts.trouble_since is None and facts.confirmed
            assert calm and not (facts.needs_person or facts.moving or facts.receiving or facts.held_back)


def test_green_never_hides_that_somebody_must_act() -> None:
    for facts in EVERY:
        if not facts.set_up or facts.needs_person:
            assert look_and_sentence(facts)[0] == "needs-you"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"set_up": False, "needs_person": 3}, ("needs-you", "还没有设置好")),
        ({"needs_person": 3, "paused": True}, ("needs-you", "3 件事等您处理")),
        ({"trouble_since": NOW - timedelta(hours=1)}, ("needs-you", "平台 11:00 起不通")),
        ({"trouble_since": NOW - timedelta(minutes=5)}, ("trouble", "正在自动重试")),
        ({"paused": True, "moving": 2}, ("paused", "已暂停")),
        ({"paused": True, "paused_until": NOW + timedelta(hours=1)}, ("paused", "已暂停到 13:00")),
        ({"moving": 2, "receiving": 1}, ("working", "正在上传 2 例")),
        ({"receiving": 1}, ("working", "正在接收 1 例")),
        ({"held_back": 1}, ("paused", "1 例已暂停")),
        ({}, ("confirmed", "全部确认")),
        ({"confirmed": 0}, ("paused", "还没有要上传的")),
    ],
)
def test_the_gravest_fact_gives_the_sentence(changes: dict[str, object], said: tuple[str, str]) -> None:
    calm: dict[str, object] = {
        "set_up": True, "needs_person": 0, "trouble_since": None, "paused": False, "paused_until": None, "moving": 0,
        "confirmed": 5, "receiving": 0, "held_back": 0, "last_confirmed_at": None, "now": NOW,
    }  # fmt: skip
    assert look_and_sentence(Facts(**calm | changes)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (None, "影像云上传助手 · 全部确认"),
        (NOW - timedelta(hours=2), "全部确认 · 平台最近确认 10:00"),
        (NOW - timedelta(hours=13), "全部确认 · 平台最近确认 昨天 23:00"),
        (NOW - timedelta(days=9), "全部确认 · 平台最近确认 11-12 12:00"),
    ],
)
def test_the_tooltip_says_when_the_platform_last_confirmed(at: datetime | None, words: str) -> None:
    assert tooltip("全部确认", at, NOW) == words
