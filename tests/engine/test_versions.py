"""Every version of a record that went, and what each changed, in the words of the form."""

from __future__ import annotations

from typing import Any

from app.domain.job import Event, Trouble, Turn
from app.store import jobs
from tests.builders import a_pdf
from tests.engine.desk import Desk
from tests.journeys.inside import SETTLEMENT

Json = dict[str, Any]


def told(desk: Desk, uid: str) -> list[tuple[str, int, str, str]]:
    return [
        (one["part_words"], one["version"], one["status_words"], one["state_words"])
        for one in desk.engine.job(uid)["versions"]
    ]


def changes(desk: Desk, uid: str, part: str) -> dict[str, tuple[str, str]]:
    """Of the newest version of that part."""
    newest = next(one for one in desk.engine.job(uid)["versions"] if one["part_words"] == part and one["is_newest"])
    return {one["label"]: (one["old"], one["new"]) for one in newest["changes"]}


def sent_again(desk: Desk, uid: str) -> None:
    desk.engine.submit(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED)


def test_a_correction_says_what_it_changed_and_a_withdrawal_what_it_marked(desk: Desk) -> None:
    uid = desk.sent()
    assert told(desk, uid) == [
        ("检查", 1, "已检查", "已上传"),
        ("报告", 1, "已初审", "已上传"),
        ("影像", 1, "", "已上传"),
    ]
    assert not any(one["changes"] for one in desk.engine.job(uid)["moments"])
    desk.engine.fill(
        uid,
        {"phone": "13900139000", "id_number": "140105198002142024", "conclusion": "右肺结节"},
        [SETTLEMENT | {"catalogue_code": "002101000010009"}],
    )
    desk.engine.attach(uid, str(a_pdf(desk.folder / "r2.pdf", text="CORRECTED")))
    sent_again(desk, uid)
    assert changes(desk, uid, "检查") == {
        "证件号": ("140***********2016", "140***********2024"),
        "性别": ("男性", "女性"),
        "手机号": ("13800138000", "13900139000"),
        "结算信息第 1 行 · 医疗目录编码": ("002101000010000", "002101000010009"),
    }
    assert changes(desk, uid, "报告") == {
        "诊断结论": ("胸部CT平扫未见明显异常。", "右肺结节"),
        "报告 PDF 文件": ("原来那份", "新的一份"),
    }
    moments = desk.engine.job(uid)["moments"]
    shown = [(one["title"], one["detail"]) for one in moments if one["title"].endswith("版")]
    assert shown == [
        ("检查 第 1 版", "已检查 · 平台已接收"),
        ("报告 第 1 版", "已初审 · 平台已接收"),
        ("检查 第 2 版", "已检查 · 已上传"),
        ("报告 第 2 版", "已初审 · 已上传"),
    ]
    desk.engine.withdraw(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert changes(desk, uid, "检查") == {"删除标识": ("未删除", "已删除")}
    assert changes(desk, uid, "报告") == {"检查单状态": ("已审核", "已删除"), "删除标识": ("未删除", "已删除")}
    titles = {one["title"]: one["state"] for one in desk.engine.job(uid)["moments"]}
    assert (titles["撤回 · 检查 第 3 版"], titles["检查 第 1 版"]) == ("withdrawn", "acknowledged")


def test_digits_that_are_masked_still_say_that_they_changed(desk: Desk) -> None:
    uid = desk.ready()
    desk.engine.fill(uid, {"id_type": "99", "id_number": "G123456784321"})
    sent_again(desk, uid)
    desk.engine.fill(uid, {"id_number": "G129999994321"})
    sent_again(desk, uid)
    assert changes(desk, uid, "检查") == {"证件号": ("G12******4321", "G12******4321（中间几位改过）")}


def test_a_number_inside_another_text_is_masked_too(desk: Desk) -> None:
    uid = desk.sent()
    desk.engine.fill(uid, {"chief_complaint": "身份证 140105198002142016，咳嗽三天"})
    sent_again(desk, uid)
    assert changes(desk, uid, "检查") == {"主诉": ("", "身份证 140***********2016，咳嗽三天")}


def test_what_a_platform_says_of_a_patient_is_masked_too(desk: Desk) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "report", "images")
    words = "证件号140105198002142016校验不通过"
    trouble = Trouble(title=f"平台退回：{words}", advice="", turn=Turn.TECHNICIAN, code="E1", words=words)
    house, (record, *_), now = desk.engine.house, desk.jobs(uid), desk.clock.now()
    house.store.write(lambda tx: jobs.move(tx, record.id, Event.CLAIMED, now=now))
    house.store.write(lambda tx: jobs.move(tx, record.id, Event.REJECTED, now=now, trouble=trouble))
    job = desk.engine.job(uid)
    assert job["row"]["words"] == "E1 · 证件号140***********2016校验不通过"
    assert (
        job["versions"][0]["answer"]
        == "平台退回：证件号140***********2016校验不通过 · 证件号140***********2016校验不通过"
    )


def test_a_version_that_is_sent_once_more_is_not_accepted_by_what_was_answered_before(desk: Desk) -> None:
    uid = desk.sent()
    assert all(one["acknowledged_at"] for one in desk.engine.job(uid)["versions"])
    desk.engine.resend(uid)
    assert not any(one["acknowledged_at"] for one in desk.engine.job(uid)["versions"])
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert all(one["acknowledged_at"] for one in desk.engine.job(uid)["versions"])


def test_a_refused_version_shows_what_the_platform_said(desk: Desk) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    desk.platform_says(uid, Event.HELD)
    assert ("检查", 1, "已检查", "待处理") in told(desk, uid)
