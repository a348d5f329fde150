"""The words of a submission that stands still because the platform fetches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.gui.steps import next_lines, part_done, said_line, step_line

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def a_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "state": "waiting",
        "steps": 3,
        "steps_done": 2,
        "withdraws": False,
        "step_words": "上传影像",
        "done": 12,
        "total": 312,
        "due_at": None,
        "attempts": 1,
        "changed": False,
        "words": "",
        "acknowledged_at": None,
        "trouble": {"code": "PICKUP", "title": "等平台来取影像"},
    }
    return row | changes


def test_what_the_platform_fetches_is_neither_stopped_nor_tried_again() -> None:
    row = a_row()
    assert step_line(row) == "3/3 平台来取影像 12 / 312"
    assert next_lines(row, NOW) == ("已取 12/312",)
    assert said_line(row, NOW) == "等平台来取影像"
    assert part_done(row) == 12 / 312


def test_a_wait_of_ours_still_names_its_next_attempt() -> None:
    row = a_row(trouble={"code": "", "title": "连不上平台"})
    assert step_line(row) == "停在 3/3 上传影像 12 / 312"
    assert next_lines(row, NOW) == ("马上", "第 2 次")


def test_once_it_goes_on_it_is_a_step_like_others() -> None:
    assert step_line(a_row(state="sending")) == "3/3 上传影像 12 / 312"
