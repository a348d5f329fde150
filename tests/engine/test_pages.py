"""What pages see: ready means ready, numbers agree with lists, nothing that waits for a person is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.job import Event
from app.engine.pages import UMBRELLAS
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.desk import Desk, a_desk
from tests.journeys.inside import EXAM_VALUES, SETTLEMENT


def why(desk: Desk, uid: str) -> list[str]:
    form = desk.engine.form(uid)
    assert form["ready"] == (form["ready_why_not"] == [])
    return list(form["ready_why_not"])


def test_ready_wants_the_form_the_report_and_its_pdf(desk: Desk, tmp_path: Path) -> None:
    uid = desk.receive()
    assert {"还没有报告", "还没有报告 PDF"} < set(why(desk, uid))
    desk.engine.fill(uid, EXAM_VALUES, [SETTLEMENT])
    assert {"还没有报告", "还没有报告 PDF"} < set(why(desk, uid))
    assert desk.engine.form(uid)["can_submit"], "the exam need not wait for its report"
    desk.fill(uid)
    assert "还没有报告 PDF" in why(desk, uid) and "还没有报告" not in why(desk, uid)
    desk.engine.attach(uid, str(a_pdf(tmp_path / "r.pdf")))
    assert why(desk, uid) == []
    assert desk.state(uid) == "ready"


def test_ready_waits_until_all_images_are_here(desk: Desk) -> None:
    uid = desk.ready()
    desk.more(uid)
    assert why(desk, uid) == ["影像还在接收"]


def test_ready_waits_for_a_doubt(desk: Desk) -> None:
    uid = desk.ready()
    desk.more(uid, patient_id="P0002", name="李四")
    desk.engine.send_now(uid)
    assert any("两位患者" in reason for reason in why(desk, uid))
    assert not desk.engine.form(uid)["can_submit"]


def test_without_a_destination_nothing_is_ready(home: Home, tmp_path: Path) -> None:
    with a_desk(home, tmp_path) as desk:
        uid = desk.receive()
        assert "还没有设置上传目标" in why(desk, uid)
        assert desk.engine.status()["sentence"] == "还没有设置好"


def test_a_check_shows_what_would_be_and_keeps_nothing(desk: Desk) -> None:
    uid = desk.receive()
    before = desk.engine.form(uid)["problem_count"]
    assert desk.engine.check(uid, EXAM_VALUES)["problem_count"] < before
    assert desk.engine.form(uid)["problem_count"] == before


def test_the_numbers_of_the_page_are_those_of_its_lists(desk: Desk) -> None:
    desk.receive()
    desk.receive(complete=False)
    desk.ready()
    desk.sent()
    held = desk.ready()
    desk.engine.submit(held)
    desk.platform_says(held, Event.HELD, "exam")
    counts = desk.engine.status()["counts"]
    totals = {name: desk.engine.studies(state=name)["total"] for name in UMBRELLAS}
    assert totals["fill"] == counts["to_fill"] + counts["ready"] == 2
    assert {name: counts[name] for name in ("uploading", "attention", "confirmed")} == {
        name: totals[name] for name in ("uploading", "attention", "confirmed")
    }
    assert (counts["attention"], counts["confirmed"], counts["receiving"]) == (1, 1, 1)
    assert counts["all"] == desk.engine.studies()["total"] == 5


def test_everything_that_waits_for_a_person_is_in_the_one_list(desk: Desk) -> None:
    to_fill, ready, held = desk.receive(), desk.ready(), desk.ready()
    desk.engine.submit(held)
    desk.platform_says(held, Event.HELD, "exam")
    desk.sent()
    rows = desk.engine.status()["needs_you"]
    assert [row["exam_key"] for row in rows] == [desk.key(uid) for uid in (held, to_fill, ready)]
    assert all(row["why"] and row["title"] and row["action"] for row in rows)
    assert desk.engine.status()["sentence"] == "3 件事等您处理"
    assert [(row["since_is"], row["what"].rpartition(" · ")[2]) for row in rows] == [("received", "2 幅")] * 3
    assert all(row["title"].startswith(row["who"]) for row in rows)


def test_a_list_is_paged_and_searched(desk: Desk) -> None:
    uids = [desk.receive(patient_id=f"P{number}") for number in range(3)]
    page = desk.engine.studies(limit=2)
    assert (page["total"], len(page["studies"])) == (3, 2)
    assert desk.engine.studies(limit=2, offset=2)["total"] == 3
    assert [row["uid"] for row in desk.engine.studies(text=uids[1])["studies"]] == [uids[1]]
    with pytest.raises(NeedsOperator, match="没有这个状态"):
        desk.engine.studies(state="finished")


def test_a_change_after_the_receipt_is_not_green(desk: Desk) -> None:
    uid = desk.sent()
    assert desk.state(uid) == "acknowledged"
    desk.engine.fill(uid, {"phone": "13900000000"})
    assert (desk.state(uid), desk.engine.studies()["studies"][0]["changed"]) == ("ready", True)


def test_time_alone_changes_nothing_of_what_was_sent(desk: Desk) -> None:
    uid = desk.sent()
    desk.clock.pass_(400 * 86400)
    desk.engine.house.refresh(desk.key(uid))
    assert desk.state(uid) == "acknowledged"


def test_a_doubt_after_the_receipt_is_not_green(desk: Desk) -> None:
    uid = desk.sent()
    desk.more(uid, patient_id="P0002", name="李四")
    desk.engine.send_now(uid)
    assert desk.state(uid) == "check"
    assert [row["exam_key"] for row in desk.engine.status()["needs_you"]] == [desk.key(uid)]
