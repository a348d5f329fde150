"""What HIS asks of a person stands among the things that wait for one, and leaves when it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.engine.his_watch import HisDrop
from app.engine.settings import apply_answers
from app.errors import NeedsOperator, RetryLater
from app.intake.folders import source_of
from app.system.paths import Home
from tests.engine.desk import Desk, a_desk, answers_of
from tests.engine.test_his import COLUMNS, MATCH, a_row, export, mapped, take

__all__ = ["mapped"]
Json = dict[str, Any]


def rows(desk: Desk) -> list[Json]:
    return [one for one in desk.engine.status()["needs_you"] if one["action"].startswith("his")]


def test_rows_to_choose_are_one_thing_and_leave_when_chosen(mapped: Desk) -> None:
    exam = mapped.receive(accession="CT001")
    before = len(mapped.engine.status()["needs_you"])
    take(mapped, a_row(name="李四"), a_row("", "张三", "", ""))
    (row,) = rows(mapped)
    status = mapped.engine.status()
    questions = mapped.engine.his_ambiguous()["questions"]
    assert row["title"] == f"HIS 有 {len(questions)} 行要您选" and row["uid"] == "his"
    assert questions[0]["why"] in row["why"] and row["since"]
    assert status["sentence"] == f"{before + 1} 件事等您处理" and len(status["needs_you"]) == before + 1
    for one in questions:
        mapped.engine.his_choose(one["row"], exam)
    assert rows(mapped) == []


def test_a_database_that_refuses_is_told_at_once_and_one_that_is_away_after_half_an_hour(mapped: Desk) -> None:
    watch, his = mapped.engine._life.his_watch, mapped.engine._life.his
    watch._fail(NeedsOperator("HIS 数据库不让登录", "请核对用户名和密码"))
    (row,) = rows(mapped)
    assert (row["title"], row["why"], row["action"]) == ("HIS 数据库不让登录", "请核对用户名和密码", "his_settings")
    assert mapped.engine.his()["trouble"] == "HIS 数据库不让登录，请核对用户名和密码"
    his.failed = None
    watch._fail(RetryLater("HIS 数据库连不上", "会自动再试"))
    assert rows(mapped) == []
    mapped.clock.pass_(1801)
    watch._fail(RetryLater("HIS 数据库连不上", "会自动再试"))
    assert [one["title"] for one in rows(mapped)] == ["HIS 数据库连不上"]


@pytest.fixture
def with_folder(home: Home, tmp_path: Path) -> Any:
    folder = tmp_path / "his exports"
    folder.mkdir()
    apply_to = {"columns": COLUMNS, "match": MATCH, "folder": str(folder)}
    apply_answers(answers_of("main") | {"his": apply_to}, home)
    with a_desk(home, tmp_path) as made:
        yield made, folder


def test_an_export_that_could_not_be_read_waits_until_the_next_good_one(with_folder: tuple[Desk, Path]) -> None:
    desk, folder = with_folder
    drop = HisDrop(desk.engine.house, desk.engine._life.his)
    strange = Path(export(desk, ["x"], header=["别的列"], name="7 月.csv"))
    found = drop.take(strange, source_of(folder))
    drop.give_up(found, source_of(folder))
    (row,) = rows(desk)
    assert row["title"] == "7 月.csv 没有读进去" and row["uid"] == f"his:{strange}" and "列" in row["why"]
    desk.clock.pass_(60)
    take(desk, a_row())
    assert rows(desk) == []
