"""A report fills its fields by itself: from its PDF, from a structured report, as a person taught it; never wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.errors import NeedsOperator
from tests.engine.desk import Desk
from tests.intake.clinic import wait_until
from tests.intake.paper import FINDINGS, FOOT, HEAD, a_page, a_report, written
from tests.intake.test_structured_report import FINDINGS as SR_FINDINGS
from tests.intake.test_structured_report import IMPRESSIONS, a_section, a_structured_report

Json = dict[str, Any]
WHOLE = "".join(FINDINGS)


def li_guifang(desk: Desk, **more: Any) -> str:
    elements = {"name": "李桂芳", "accession": "DR2611200018", "PatientSex": "F", "patient_id": "P9"}
    return desk.receive(**(elements | more))


def attached(desk: Desk, uid: str, data: bytes, name: str = "report.pdf") -> Json:
    return desk.engine.attach(uid, str(written(desk.folder / name, data)))


def report_values(form: Json, source: str = "report") -> dict[str, str]:
    return {
        field["key"]: field["text"]
        for field in form["reports"][0]["fields"]
        if field["source"] == source and field["key"] != "report_pdf"
    }


def doubts(form: Json) -> list[str]:
    return [field["value_doubt"] for field in form["reports"][0]["fields"] if field["value_doubt"]]


def test_the_form_that_comes_back_from_attaching_has_the_report_in_it(desk: Desk) -> None:
    form = attached(desk, li_guifang(desk), a_report())
    assert report_values(form) == {
        "findings": WHOLE,
        "conclusion": "1. 右下肺少许炎症可能，建议复查；\n2. 主动脉硬化。",
        "report_doctor_name": "张伟明",
        "audit_doctor_name": "刘慧",
        "reported_at": "2026-11-20 14:03:00",
        "audited_at": "2026-11-20 14:30:05",
    }
    assert doubts(form) == []


def test_a_report_that_came_by_its_file_name_is_read_too(desk: Desk) -> None:
    uid = li_guifang(desk)
    written(desk.folder / "in" / "DR2611200018.pdf", a_report())
    desk.engine.import_paths([str(desk.folder / "in")])
    wait_until(lambda: "findings" in report_values(desk.engine.form(uid)))


def test_what_a_technician_typed_or_emptied_stays(desk: Desk) -> None:
    uid = li_guifang(desk)
    desk.engine.fill(uid, {"conclusion": "以我写的为准", "audit_doctor_name": "王强"})
    desk.engine.fill(uid, {"audit_doctor_name": ""})
    form = attached(desk, uid, a_report())
    assert report_values(form, "technician")["conclusion"] == "以我写的为准"
    assert "audit_doctor_name" not in report_values(form)
    assert report_values(form)["findings"] == WHOLE


@pytest.mark.parametrize(
    ("elements", "what"),
    [({"name": "王小满"}, "姓名"), ({"accession": "DR999"}, "检查号"), ({"PatientSex": "M"}, "性别")],
)
def test_a_report_of_somebody_else_is_doubted_and_not_sent_by_itself(
    desk: Desk, elements: dict[str, str], what: str
) -> None:
    uid = li_guifang(desk, **elements)
    form = attached(desk, uid, a_report())
    (doubt,) = doubts(form)
    assert f"报告上的{what}和这例的不一样" in doubt
    assert doubt in form["ready_why_not"]
    assert [field["key"] for field in form["fields"] if field["source"] == "report"] == []
    right = attached(desk, uid, a_report(head=[[(60, "检查日期：2026-11-20")]]), "right.pdf")
    assert doubts(right) == []


def test_a_minted_accession_number_contradicts_nothing(desk: Desk) -> None:
    assert doubts(attached(desk, li_guifang(desk, accession=""), a_report())) == []


def test_a_new_pdf_is_read_anew_and_what_the_old_one_said_is_gone(desk: Desk) -> None:
    uid = li_guifang(desk)
    attached(desk, uid, a_report())
    form = attached(
        desk, uid, a_page([*HEAD, [(60, "影像所见：改过的所见")], [(60, "诊断意见：改过的意见")]]), "new.pdf"
    )
    assert report_values(form) == {"findings": "改过的所见", "conclusion": "改过的意见"}


def test_a_scanned_report_is_attached_all_the_same(desk: Desk) -> None:
    uid = li_guifang(desk)
    form = attached(desk, uid, a_page([]))
    assert form["reports"][0]["pdf"] and report_values(form) == {}
    trouble = desk.engine.report_text(uid)["trouble"]
    assert "扫描" in trouble["title"]


def test_the_doctors_code_comes_from_the_staff_list_when_it_is_clear(desk: Desk) -> None:
    staff = [
        {"name": "张伟明", "role": "报告医师", "code": "1024"},
        {"name": "刘慧", "role": "报告医师", "code": "7"},
        {"name": "刘慧", "role": "审核医师", "code": "8"},
    ]
    desk.engine.setup({"signing": {"staff": staff}})
    form = attached(desk, li_guifang(desk), a_report())
    codes = {one["key"]: one["text"] for one in form["reports"][0]["fields"] if one["key"].endswith("doctor_code")}
    stored = desk.engine.house.known(desk.key(form["uid"])).record.reports[0][1]
    assert {key: stored[key].text for key in ("report_doctor_code", "audit_doctor_code") if key in stored} == {
        "report_doctor_code": "1024",
        "audit_doctor_code": "8",
    }
    assert codes == {} or codes["audit_doctor_code"] == "8"


def test_what_the_report_says_is_shown_with_where_it_stands(desk: Desk) -> None:
    uid = li_guifang(desk)
    attached(desk, uid, a_report())
    told = desk.engine.report_text(uid)
    fields = {one["key"]: one for one in told["fields"]}
    assert (fields["conclusion"]["from"], fields["report_advice"]["text"] if "report_advice" in fields else "") == (
        "诊断意见",
        "",
    )
    assert fields["patient_name"]["compared"] and not fields["findings"]["compared"]
    assert [one["label"] for one in told["pairs"]][:3] == ["姓名", "性别", "年龄"]
    assert (told["mapped"], told["trouble"], told["doubts"]) == (False, None, [])


STRANGE = [*HEAD, [(60, "放射学描写：")], [(60, FINDINGS[0])], [(60, FINDINGS[1])], [(60, "小结：正常")], *FOOT]


def test_a_taught_layout_serves_this_report_and_the_others_not_yet_submitted(desk: Desk) -> None:
    first, second = li_guifang(desk), desk.receive(name="孙玉梅", PatientSex="F", accession="")
    attached(desk, first, a_page(STRANGE))
    other = a_page([[(60, "姓名：孙玉梅"), (240, "性别：女"), (380, "年龄：51 岁")], HEAD[2], *STRANGE[3:]])
    assert "findings" not in report_values(attached(desk, second, other, "other.pdf"))
    seen = desk.engine.report_text(first, 0, {"findings": "放射学描写", "conclusion": "小结"})
    assert next(one["text"] for one in seen["fields"] if one["key"] == "findings") == WHOLE
    assert "findings" not in report_values(desk.engine.form(first))
    kept = desk.engine.keep_report_template(first, 0, {"findings": "放射学描写", "conclusion": "小结"})
    assert kept["mapped"]
    assert report_values(desk.engine.form(first))["findings"] == WHOLE
    wait_until(lambda: report_values(desk.engine.form(second)).get("conclusion") == "正常")
    third = desk.receive(name="周海涛", PatientSex="M", accession="")
    later = a_page([[(60, "姓名：周海涛"), (240, "性别：男"), (380, "年龄：40 岁")], HEAD[2], *STRANGE[3:]])
    assert report_values(attached(desk, third, later, "later.pdf"))["findings"] == WHOLE


def test_a_mapping_to_nothing_of_this_report_is_refused(desk: Desk) -> None:
    uid = li_guifang(desk)
    attached(desk, uid, a_report())
    for wrong in ({"findings": "没有这一栏"}, {"no_such_field": "影像所见"}):
        with pytest.raises(NeedsOperator):
            desk.engine.keep_report_template(uid, 0, wrong)
    with pytest.raises(NeedsOperator):
        desk.engine.report_text(uid, 5)


def test_a_structured_report_fills_the_report_and_stays_an_image(desk: Desk) -> None:
    uid = li_guifang(desk, name="张三", accession="ACC100", patient_id="张三")
    folder = desk.folder / "sr"
    a_structured_report(
        folder / "sr.dcm", a_section(SR_FINDINGS, "双肺清晰"), a_section(IMPRESSIONS, "未见异常"), study_uid=uid
    )
    desk.engine.import_paths([str(folder)])
    desk.engine.send_now(uid)
    wait_until(lambda: report_values(desk.engine.form(uid)).get("conclusion") == "未见异常")
    assert "SR" in {one["modality"] for one in desk.engine.study(uid)["instances"]}


def test_a_pdf_gives_way_to_the_structured_report(desk: Desk) -> None:
    uid = li_guifang(desk, name="张三", accession="ACC100", patient_id="张三")
    a_structured_report(desk.folder / "sr" / "sr.dcm", a_section(SR_FINDINGS, "来自 SR"), study_uid=uid)
    desk.engine.import_paths([str(desk.folder / "sr")])
    desk.engine.send_now(uid)
    wait_until(lambda: "findings" in report_values(desk.engine.form(uid)))
    form = attached(desk, uid, a_report(head=[]))
    assert report_values(form)["findings"] == "来自 SR"
    assert report_values(form)["audit_doctor_name"] == "刘慧"


def test_a_changed_report_of_a_submitted_exam_shows_as_changed(desk: Desk) -> None:
    uid = desk.sent()
    form = attached(desk, uid, a_report(head=[]), "corrected.pdf")
    assert form["reports"][0]["pdf"]
    assert desk.engine.studies()["studies"][0]["changed"]


def test_nothing_is_read_twice_after_the_next_start(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = li_guifang(desk)
    attached(desk, uid, a_report())
    before = len(desk.engine.study(uid)["timeline"])
    reading = desk.engine._life.reports
    reading.start()
    reading.close(5.0)
    assert len(desk.engine.study(uid)["timeline"]) == before


def test_the_demos_reports_are_read_whole(desk: Desk) -> None:
    resources = Path(__file__).parents[2] / "resources" / "demo"
    for name in sorted(resources.glob("*.pdf")):
        uid = desk.receive(accession="")
        form = desk.engine.attach(uid, str(name))
        assert {"findings", "conclusion"} <= report_values(form).keys()
