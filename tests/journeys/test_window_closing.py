"""The end of the day on a real screen: told at its time, or at the next start, and 现在补 leads to the exam."""

from __future__ import annotations

import sqlite3
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from app.domain.times import CST
from app.store.times import kept

from .screen import Program, Screen
from .world import Agent, Modality, Practice, a_study, complete_fill, examined

APP = "影像云上传助手"


def receive(clinic: Agent, folder: Path, **more: object) -> str:
    """An exam that came and is whole; its key."""
    known = {row["uid"] for row in clinic.studies()}
    Modality(clinic.port).send(a_study(folder, images=2, **more))
    new = clinic.wait_for(lambda: {row["uid"] for row in clinic.studies()} - known, what="the exam")
    return str(clinic.wait_until_complete(new.pop())["uid"])


def numbers(program: Program) -> list[str]:
    """The three counts of the closing."""
    texts = program.texts("label")
    return [texts[texts.index(name) + 1] for name in ("今天收到", "已确认", "待填报") if name in texts]


def test_at_closing_time_the_day_is_told_and_what_is_open_can_be_done_now(
    screen: Screen, program: Program, clinic: Agent, practice: Practice, tmp_path: Path, pdf: Path
) -> None:
    if datetime.now(CST).time() >= time(23, 55):
        pytest.skip("the day is nearly over")
    day = {"when": max(examined(), datetime.combine(datetime.now(CST).date(), time()))}  # of today, at night too
    sent = receive(clinic, tmp_path / "sent", **day)
    clinic.fill_and_submit(sent, complete_fill(), pdf)
    clinic.wait_for_state(sent, "acknowledged")
    open_one = receive(clinic, tmp_path / "open", accession="DR20261120002", **day)

    program.click("设置", kind="button")
    program.click("提醒与外观", kind="button")
    field = program.click(name="小结时间", kind="field", times=3)
    at = datetime.now(CST) + timedelta(minutes=1, seconds=5)
    screen.key("ctrl+a")
    screen.type(f"{at:%H:%M}")
    program.wait(lambda: program.find(f"{at:%H:%M}", kind="field"), what="the typed time")
    assert field["enabled"]
    program.click("保存", kind="button")
    program.wait_for_text("已保存")

    program.wait(lambda: program.find("今天 2 例：1 例已确认，1 例待填报"), seconds=90, what="the closing")
    assert numbers(program) == ["2", "1", "1"]
    program.wait_for_text("可以关机：影像和任务都已存盘，下次开机接着来，再对今天的账")
    program.click("现在补", kind="button")
    program.wait(lambda: program.find("现在补", kind="button") is None, what="the closing to close")
    program.wait_for_text("提交上传", kind="button")
    assert clinic.wait_for(lambda: clinic.face.status()["closing_due"] == "", what="the closing to count as shown")
    assert clinic.study(open_one)["state"] == "to_fill"


def test_a_closing_that_was_missed_is_told_at_the_next_start(
    screen: Screen, program: Program, clinic: Agent, tmp_path: Path
) -> None:
    yesterday = datetime.combine(datetime.now(CST).date() - timedelta(days=1), time(15, 0))
    uid = receive(clinic, tmp_path / "open", when=yesterday)
    assert clinic.face.status()["closing_due"] == "", "it has only just come"
    program.pick("退出")
    assert program.ended() == 0
    with sqlite3.connect(clinic.home.database_file) as store:  # as if it had come then and the PC had been off since
        store.execute("UPDATE exams SET sort_at = ?", (kept(yesterday.replace(tzinfo=CST)),))
    store.close()

    program.start()
    program.wait_for_text("昨天 1 例：1 例待填报")
    program.click("现在补", kind="button")
    program.wait(lambda: program.find("现在补", kind="button") is None, what="the closing to close")
    program.wait_for_text("提交上传", kind="button")
    assert clinic.study(uid)["state"] == "to_fill"
    program.click("今天", kind="button")
    program.wait_for_text("1 件事等您处理")
    assert program.find("现在补", kind="button") is None
