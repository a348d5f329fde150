"""对账 in the window: what the platform lost is sent again by itself; what it keeps losing is the engineer's."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from app.domain.times import CST

from .conftest import NewAgent
from .screen import Program
from .world import Agent, Json, Modality, Practice, a_study, complete_fill

AGAIN_SECONDS = 4.0


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    """The second question comes after some seconds instead of ten minutes."""
    upload = {"retry_first_seconds": 0.3, "retry_longest_seconds": 2.0, "reconcile_again_seconds": AGAIN_SECONDS}
    return new_agent(practice, start=False, upload=upload)


def yesterday() -> datetime:
    return datetime.combine(datetime.now(CST).date() - timedelta(days=1), time(10, 20))


@pytest.fixture
def sent(program: Program, clinic: Agent, tmp_path: Path, pdf: Path) -> str:
    """The key of an exam of yesterday that the platform has taken."""
    Modality(clinic.port).send(a_study(tmp_path / "study", images=2, when=yesterday()))
    uid = clinic.wait_for(lambda: clinic.one_study()["uid"], what="the exam")
    clinic.wait_until_complete(uid)
    clinic.fill_and_submit(uid, complete_fill(), pdf)
    return str(clinic.wait_for_state(uid, "acknowledged", "reconciled")["exam_key"])


def day_of(clinic: Agent) -> Json:
    return dict(clinic.face.reconciliation(f"{yesterday():%Y-%m-%d}")["destinations"][0])


def asked_day(clinic: Agent) -> Json:
    """The day once the platform was asked about it, until then nothing."""
    day = day_of(clinic)
    return day if day["questions"] else {}


def ask_again(program: Program) -> None:
    """One more question, when nothing is being asked."""
    program.click("再对一次", kind="button")


def row(program: Program, text: str) -> bool:
    return program.find(text, kind="row") is not None


def test_what_the_platform_lost_shows_after_the_second_question_and_is_mended_by_itself(
    program: Program, clinic: Agent, practice: Practice, sent: str
) -> None:
    practice.lose(exam=sent)
    program.click("对账", kind="button")
    program.wait(lambda: row(program, "平台缺检查"), what="the piles of yesterday")
    ask_again(program)
    day = program.wait(lambda: asked_day(clinic), what="the first question")
    assert len(day["questions"]) > 1 or (day["state"], day["missing"]) == ("asked_once", [])
    assert clinic.face.status()["needs_you"] == []

    program.wait(lambda: row(program, "已自动补传，已齐"), what="the mended exam")
    assert clinic.study(sent)["state"] == "reconciled" and day_of(clinic)["state"] == "agreed"
    assert clinic.face.status()["look"] == "confirmed" and program.tray["look"] == "confirmed"
    (kept,) = (one for one in practice.ledger()["exams"] if one["state"] == "kept")
    assert kept["received"] == 2


def test_what_the_platform_keeps_losing_is_the_engineers_and_never_green(
    program: Program, clinic: Agent, practice: Practice, sent: str
) -> None:
    practice.miss_falsely(exam=sent, times=50)
    program.click("对账", kind="button")
    program.wait(lambda: row(program, "平台缺检查"), what="the piles of yesterday")
    ask_again(program)
    program.wait(lambda: day_of(clinic)["state"] == "engineer", seconds=60, what="the end of the resends")
    program.wait(lambda: row(program, "需要工程师"), what="the engineer's row")
    assert clinic.study(sent)["state"] == "rejected"
    program.wait(lambda: program.tray["look"] == "needs-you", what="the icon")
    program.click("复制给工程师", kind="button")
    program.wait_for_text("已复制", kind="button")

    program.click("今天", kind="button")
    program.wait_for_text("昨天对账缺 1 例")
    program.wait_for_text("1 件事等您处理")
    program.click("查看", kind="button")
    program.wait_for_text("复制给工程师", kind="button")
