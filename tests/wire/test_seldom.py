"""A stranger who comes again and again writes a line a minute."""

from __future__ import annotations

import logging

import pytest

from app.wire.seldom import Seldom


def test_the_same_words_are_logged_once_a_minute_with_how_often_they_came(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    seldom = Seldom(logging.getLogger("app.test"), clock=lambda: now[0])
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            seldom.info("refused")
        seldom.info("something else")
        now[0] += 60
        for _ in range(2):
            seldom.info("refused")
    assert caplog.messages == ["refused", "something else", "refused, and 4 times since the last line"]


def test_what_a_stranger_says_of_itself_makes_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    seldom = Seldom(logging.getLogger("app.test"), clock=lambda: now[0])
    with caplog.at_level(logging.INFO):
        for number in range(5):
            seldom.info(f"'SCAN{number}' was refused", kind="refused")
        now[0] += 60
        seldom.info("'LAST' was refused", kind="refused")
    assert caplog.messages == ["'SCAN0' was refused", "'LAST' was refused, and 4 times since the last line"]


def test_it_keeps_few_words_in_mind() -> None:
    seldom = Seldom(logging.getLogger("app.test"))
    for number in range(1000):
        seldom.info(f"caller {number}")
    assert len(seldom._said) <= 200
