"""One form, filled once, for two destinations: each with its own parts, jobs and receipts; none waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.job import JobState
from app.errors import NeedsOperator, Rejected
from app.store import answers
from app.system.paths import Home
from app.system.secrets import secret_store
from tests.builders import a_pdf
from tests.engine.two import CITY, INDEX, OTHER_PERSON, Clinic, a_clinic, connect

CITY_TITLE, INDEX_TITLE = "贵州省医保影像云", "广元市医保影像云"
ACK, DAY = JobState.ACKNOWLEDGED, 24 * 3600


@pytest.fixture
def clinic(home: Home, tmp_path: Path) -> Iterator[Clinic]:
    with a_clinic(home, tmp_path) as made:
        yield made


def done(clinic: Clinic, uid: str) -> dict[str, set[JobState]]:
    return {name: set(clinic.states(uid, name).values()) for name in (CITY, INDEX)}


def test_one_form_goes_to_both_each_in_its_own_parts(clinic: Clinic) -> None:
    uid = clinic.ready()
    assert clinic.desk.engine.form(uid)["problems"] == []
    assert clinic.submit(uid) == {"submitted": [uid], "skipped": [], "jobs": 4}
    clinic.deliver()
    assert clinic.city.said == ["saveExamRptImgInfo", "saveRptFile", "saveImgFile", "saveImgFile"]
    assert clinic.index.said == ["saveExamRpotImgInfo"]
    (city,), (index,) = clinic.city.held.values(), clinic.index.held.values()
    assert len(city.images) == 2 and set(city.images.values()) == {"2"} and len(city.pdfs) == 1
    assert index.record["imgInfoDcm"].startswith("http://") and index.record["examRpotPdfI"].endswith(".pdf")
    assert (city.record["chargeType"], clinic.state(uid)) == ("01", "acknowledged"), "a code of its own table"
    codes = {receipt["destination"]: receipt["facts"]["index_code"] for receipt in receipts(clinic, uid)}
    assert codes == {CITY: next(iter(clinic.city.held)), INDEX: next(iter(clinic.index.held))}
    assert codes[INDEX].startswith(codes[CITY] + "-"), "with who stores the images, or without"


def receipts(clinic: Clinic, uid: str) -> list[dict[str, object]]:
    return answers.receipts(clinic.desk.engine.house.store.read(), clinic.desk.key(uid))


def test_a_destination_that_is_down_for_a_day_holds_up_no_other(clinic: Clinic) -> None:
    clinic.city.down = True
    first, second = clinic.ready(), clinic.ready(examined_at="2026-01-05 09:31:00")
    for uid in (first, second):
        clinic.submit(uid)
    clinic.deliver()
    for _ in range(8):
        clinic.deliver(pass_seconds=DAY / 8)
        for uid in (first, second):
            assert done(clinic, uid)[INDEX] == {ACK}
            assert clinic.state(uid) == "waiting", "never green while one of them lacks it"
    assert len(clinic.index.said) == 2, "once each"
    destinations = {one["name"]: one for one in clinic.desk.engine.status()["destinations"]}
    assert destinations[CITY]["trouble"] and not destinations[INDEX]["trouble"]
    clinic.city.down = False
    clinic.deliver(pass_seconds=3600)
    assert [clinic.state(uid) for uid in (first, second)] == ["acknowledged", "acknowledged"]
    assert done(clinic, first) == {CITY: {ACK}, INDEX: {ACK}}


def test_what_today_says_of_an_exam_is_its_gravest_trouble(clinic: Clinic) -> None:
    clinic.city.script[2] = Rejected("平台没有收下其中的影像", "请工程师看看平台的原话")
    clinic.index.refuses = "证件号码与姓名不一致"
    uid = clinic.ready()
    clinic.submit(uid)
    clinic.deliver()
    assert done(clinic, uid)[INDEX] == {JobState.HELD} and JobState.REJECTED in done(clinic, uid)[CITY]
    (need,) = clinic.desk.engine.status()["needs_you"]
    assert (need["state"], need["why"]) == ("rejected", "平台没有收下其中的影像 · 请工程师看看平台的原话")


def test_a_correction_goes_to_both(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.fill(uid, findings="右肺中叶见小结节。")
    assert clinic.state(uid) == "ready"
    assert clinic.submit(uid)["jobs"] == 2, "both records; neither images nor PDF changed"
    clinic.deliver()
    for platform in (clinic.city, clinic.index):
        (held,) = platform.held.values()
        assert held.record["imgDscr"] == "右肺中叶见小结节。"
    assert clinic.city.said.count("saveImgFile") == 2 and clinic.state(uid) == "acknowledged"


def test_each_line_of_the_timeline_says_where(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.engine.act_many("resend", [[clinic.desk.key(uid), INDEX]])
    told = clinic.timeline(uid)
    assert f"平台已接收 · {CITY_TITLE} · 影像" in told and f"平台已接收 · {INDEX_TITLE} · 检查记录" in told
    assert f"重新上传 · {INDEX_TITLE}" in told
    assert all(CITY_TITLE in line or INDEX_TITLE in line for line in told if "提交" in line or "平台" in line)


def test_where_one_has_all_there_is_nothing_names_it(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path, INDEX) as clinic:
        assert "平台已接收 · 检查记录" in clinic.timeline(clinic.sent())


# -- one lacks something ----------------------------------------------------------------------------------------------


def test_one_that_lacks_a_field_holds_up_no_other_and_is_named(clinic: Clinic) -> None:
    uid = clinic.ready(exam_dept_name="")  # the city asks for it, the other does not
    form = clinic.desk.engine.form(uid)
    assert form["can_submit"] and [problem["key"] for problem in form["problems"]] == ["exam_dept_name"]
    answer = clinic.submit(uid)
    assert (answer["submitted"], answer["jobs"]) == ([uid], 1)
    (left,) = answer["skipped"]
    assert (left["uid"], left["destination"]) == (uid, CITY)
    assert left["why"].startswith(f"{CITY_TITLE}：还差 1 项：检查执行科室")
    clinic.deliver()
    assert clinic.state(uid) == "to_fill", "not green: it still waits for a person"
    assert clinic.desk.engine.status()["look"] != "confirmed"
    clinic.desk.engine.fill(uid, {"exam_dept_name": "放射科"})
    assert clinic.submit(uid)["skipped"] == []
    clinic.deliver()
    assert clinic.state(uid) == "acknowledged" and done(clinic, uid) == {CITY: {ACK}, INDEX: {ACK}}


def test_what_both_lack_is_told_at_once(clinic: Clinic) -> None:
    uid = clinic.ready(exam_dept_name="", id_number="")
    assert not clinic.desk.engine.form(uid)["can_submit"]
    with pytest.raises(NeedsOperator, match="还不能提交") as refusal:
        clinic.submit(uid)
    assert {"exam_dept_name", "id_number"} <= set(refusal.value.fields)
    assert CITY_TITLE in refusal.value.title and INDEX_TITLE in refusal.value.title
    assert clinic.desk.jobs(uid) == []
    with pytest.raises(NeedsOperator, match="还差"):
        clinic.submit(uid, CITY)


def test_a_correction_that_one_can_not_take_is_not_green(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.engine.fill(uid, {"exam_dept_name": "", "findings": "改过"})
    assert [one["destination"] for one in clinic.submit(uid)["skipped"]] == [CITY]
    clinic.deliver()
    (city,), (index,) = clinic.city.held.values(), clinic.index.held.values()
    assert (city.record["imgDscr"], index.record["imgDscr"]) == ("双肺纹理清晰，未见实变。", "改过")
    assert clinic.state(uid) == "to_fill"


def test_a_destination_that_can_not_be_served_is_named_and_gets_it_later(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path) as clinic:
        uid = clinic.ready()
        clinic = keyed(clinic, home, "")
        answer = clinic.submit(uid)
        assert [one["destination"] for one in answer["skipped"]] == [CITY] and answer["jobs"] == 1
        clinic.deliver(INDEX)
        assert clinic.state(uid) not in ("acknowledged", "reconciled")
        clinic = keyed(clinic, home, "PRACTICE")
        assert clinic.submit(uid)["jobs"] == 3
        clinic.deliver()
        assert clinic.state(uid) == "acknowledged"


def keyed(clinic: Clinic, home: Home, key: str) -> Clinic:
    """The city with this key; without one it can't be served at all."""
    store = secret_store(clinic.desk.engine.house.settings.secret_store, home)
    if key:
        store.set(f"destination/{CITY}/key", key)
    else:
        store.delete(f"destination/{CITY}/key")
    clinic.desk.engine._life.reload()
    return connect(clinic.desk, clinic.platforms)


def test_a_correction_while_one_can_not_be_served_is_not_green_and_gets_there(clinic: Clinic, home: Home) -> None:
    uid = clinic.sent()
    clinic = keyed(clinic, home, "")
    clinic.fill(uid, findings="改过")
    assert [one["destination"] for one in clinic.submit(uid)["skipped"]] == [CITY]
    clinic.deliver(INDEX)
    assert clinic.state(uid) == "ready"
    clinic = keyed(clinic, home, "PRACTICE")
    assert clinic.submit(uid)["jobs"] == 1, "the other has it"
    clinic.deliver()
    (held,) = clinic.city.held.values()
    assert held.record["imgDscr"] == "改过" and clinic.state(uid) == "acknowledged"


def test_late_images_while_one_can_not_be_served_are_not_green_and_get_there(clinic: Clinic, home: Home) -> None:
    uid = clinic.sent()
    clinic = keyed(clinic, home, "")
    clinic.desk.more(uid)
    clinic.desk.engine.send_now(uid)
    clinic.deliver(INDEX)
    assert clinic.state(uid) == "ready"
    clinic = keyed(clinic, home, "PRACTICE")
    clinic.submit(uid)
    clinic.deliver()
    (held,) = clinic.city.held.values()
    assert len(held.images) == 3 and clinic.state(uid) == "acknowledged"


# -- acts on one of them ----------------------------------------------------------------------------------------------


def test_resend_hold_and_cancel_are_each_destination_s_own(clinic: Clinic) -> None:
    uid, key = clinic.sent(), ""
    key = clinic.desk.key(uid)
    said = len(clinic.city.said)
    clinic.desk.engine.resend(uid, destination=INDEX)
    clinic.desk.engine.hold(uid, INDEX)
    clinic.deliver()
    assert (len(clinic.city.said), len(clinic.index.said)) == (said, 1)
    assert done(clinic, uid) == {CITY: {ACK}, INDEX: {JobState.PAUSED}}
    clinic.desk.engine.release(uid, INDEX)
    clinic.deliver()
    assert len(clinic.index.said) == 2 and clinic.state(uid) == "acknowledged"
    clinic.desk.engine.resend(uid)
    clinic.desk.engine.act_many("cancel", [[key, CITY]])
    clinic.deliver()
    assert done(clinic, uid) == {CITY: {JobState.CANCELLED}, INDEX: {ACK}}
    assert clinic.state(uid) == "cancelled"


def test_what_can_not_be_deleted_is_said_and_never_shown_as_withdrawn(clinic: Clinic) -> None:
    uid = clinic.sent()
    with pytest.raises(NeedsOperator, match="没有删除接口") as refusal:
        clinic.desk.engine.withdraw(uid, INDEX)
    assert "请平台删除" in refusal.value.advice
    assert done(clinic, uid)[INDEX] == {ACK} and clinic.state(uid) == "acknowledged"
    answer = clinic.desk.engine.withdraw(uid)
    assert answer["jobs"] == 1
    assert [one["why"] for one in answer["skipped"]] == [
        f"{INDEX_TITLE}：平台没有删除接口。已经传过去的，请打电话请平台删除"
    ]
    clinic.deliver()
    assert (clinic.city.held, len(clinic.index.held)) == ({}, 1)
    rows = {row["destination"]: row["state"] for row in clinic.desk.engine.jobs()["rows"]}
    assert rows == {CITY: "withdrawn", INDEX: "acknowledged"}
    assert clinic.state(uid) == "cancelled", "it is not gone: the other platform has it"
    assert clinic.desk.engine.slip(uid)["destinations"][0]["state"] in ("withdrawn", "acknowledged")


def test_what_has_not_gone_is_cancelled_where_nothing_can_be_deleted(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.fill(uid, findings="改过")
    clinic.submit(uid, INDEX)
    with pytest.raises(NeedsOperator, match="没有删除接口") as refusal:
        clinic.desk.engine.withdraw(uid, INDEX)
    assert "还没传的 1 项已取消" in refusal.value.advice
    assert done(clinic, uid)[INDEX] == {JobState.CANCELLED}
    fresh = clinic.ready(examined_at="2026-01-05 09:40:00")
    clinic.submit(fresh, INDEX)
    assert clinic.desk.engine.withdraw(fresh)["jobs"] == 0, "it never went: cancelling is enough"
    assert clinic.state(fresh) == "cancelled"


def test_submitting_again_after_a_withdrawal_sends_everything_to_where_it_was_deleted(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.engine.withdraw(uid)
    clinic.deliver()
    assert clinic.submit(uid)["jobs"] == 3
    clinic.deliver()
    (held,) = clinic.city.held.values()
    assert len(held.images) == 2 and len(held.pdfs) == 1 and len(clinic.index.said) == 1
    assert clinic.state(uid) == "acknowledged"


# -- images and reports that come later -------------------------------------------------------------------------------


def test_late_images_go_to_both_with_the_new_total(clinic: Clinic) -> None:
    uid = clinic.sent()
    (before,) = clinic.index.held.values()
    address = before.record["imgInfoDcm"]
    clinic.desk.more(uid, 2)
    clinic.desk.engine.send_now(uid)
    assert clinic.state(uid) == "queued"
    clinic.deliver()
    (city,), (index,) = clinic.city.held.values(), clinic.index.held.values()
    assert sorted(city.images.values()) == ["2", "2", "4", "4"], "only what is new, with the total of now"
    assert clinic.index.said == ["saveExamRpotImgInfo"] * 2
    assert index.record["imgInfoDcm"] == address, "more behind the same address"
    rows = {row["destination"]: (row["image_count"], row["late_count"]) for row in clinic.desk.engine.jobs()["rows"]}
    assert rows == {CITY: (4, 2), INDEX: (4, 2)} and clinic.state(uid) == "acknowledged"


def test_late_images_send_nothing_that_was_typed_since(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.engine.fill(uid, {"findings": "还没写完", "id_number": OTHER_PERSON})
    clinic.desk.more(uid)
    clinic.desk.engine.send_now(uid)
    clinic.deliver()
    assert len(clinic.city.held) == len(clinic.index.held) == 1, "under the index of before"
    (city,), (index,) = clinic.city.held.values(), clinic.index.held.values()
    assert (len(city.images), index.record["imgDscr"]) == (3, "双肺纹理清晰，未见实变。")
    assert clinic.state(uid) == "ready", "what was typed waits for its person"


def test_a_slip_does_not_read_better_than_the_truth_where_images_go_by_address(clinic: Clinic) -> None:
    uid = clinic.sent()
    assert {one["verdict"] for one in clinic.desk.engine.slip(uid)["destinations"]} == {"平台已接收"}
    clinic.desk.more(uid)
    assert {one["verdict"] for one in clinic.desk.engine.slip(uid)["destinations"]} == {"尚未被平台接收"}


def test_a_new_address_alone_is_nothing_new(clinic: Clinic) -> None:
    uid = clinic.sent()
    house = clinic.desk.engine.house
    house.store.write(lambda tx: tx.execute("UPDATE links SET token = token || 'X'"))
    clinic.fill(uid)
    assert clinic.submit(uid)["jobs"] == 0 and clinic.state(uid) == "acknowledged"


def test_a_replaced_report_goes_to_both(clinic: Clinic) -> None:
    uid = clinic.sent()
    path = clinic.desk.folder / "other.pdf"
    path.write_bytes((clinic.desk.folder / f"{uid}.pdf").read_bytes() + b"\n% second edition\n")
    clinic.desk.engine.attach(uid, str(path))
    assert clinic.submit(uid)["jobs"] == 2, "the PDF at one, the record with its address at the other"
    clinic.deliver()
    assert clinic.city.said[-1] == "saveRptFile" and len(clinic.index.said) == 2


def test_without_a_report_nothing_goes_unless_the_platform_takes_it_later(home: Home, tmp_path: Path) -> None:
    options = {"exam_waits_for_report": False, "second_review": "optional"}
    with a_clinic(home, tmp_path, **{CITY: options}) as clinic:
        uid = clinic.desk.receive()
        no_report = dict.fromkeys(("findings", "conclusion", "reported_at", "audited_at"), "")
        values = {"report_doctor_name": "", "audit_doctor_name": "", "positive_mark": "", "last_audited_at": ""}
        clinic.fill(uid, **no_report, **values)
        key = clinic.desk.key(uid)
        house = clinic.desk.engine.house
        house.store.write(lambda tx: tx.execute("DELETE FROM record_values WHERE noun = 'report'"))
        assert clinic.desk.engine.form(uid)["can_submit"]
        answer = clinic.submit(uid)
        assert [one["destination"] for one in answer["skipped"]] == [INDEX]
        assert "还没有报告" in answer["skipped"][0]["why"]
        clinic.deliver()
        (held,) = clinic.city.held.values()
        number = held.record["rpotNo"]
        assert number == f"R{key[1:]}01" and clinic.city.said.count("saveRptFile") == 0
        assert clinic.state(uid) == "to_fill", "its report is still to come"
        clinic.fill(uid)
        clinic.desk.engine.attach(uid, str(a_pdf(clinic.desk.folder / "late.pdf")))
        clinic.submit(uid)
        clinic.deliver()
        (held,) = clinic.city.held.values()
        assert held.record["rpotNo"] == number and held.record["imgDscr"] and len(held.pdfs) == 1
        assert clinic.state(uid) == "acknowledged"


def test_a_platform_that_asks_of_the_report_gets_no_exam_without(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path, CITY, city={"exam_waits_for_report": False}) as clinic:
        uid = clinic.desk.receive()
        clinic.fill(uid)
        house = clinic.desk.engine.house
        house.store.write(lambda tx: tx.execute("DELETE FROM record_values WHERE noun = 'report'"))
        with pytest.raises(NeedsOperator, match="还没有报告") as refusal:
            clinic.submit(uid)
        assert "终审时间" in refusal.value.advice or "二审" in refusal.value.advice


def test_pages_of_a_sharing_centre_carry_the_index(home: Home, tmp_path: Path) -> None:
    base = "https://pacs.example/view?index="
    options = {"sent_as": "centre", "report_page_base": base, "image_page_base": base, "image_download_base": base}
    with a_clinic(home, tmp_path, INDEX, index=options) as clinic:
        clinic.sent()
        ((code, held),) = clinic.index.held.items()
        for name in ("examRpotLinkUrl", "imgInfoLinkUrl", "imgDldLink"):
            assert held.record[name] == base + code
        assert held.record["stogInsUscc"] == "52140000MJ00000075"
        assert clinic.index.said == ["saveExamRpotImgIndx"]


def test_an_exam_without_images_is_told_where_they_must_be(clinic: Clinic) -> None:
    key = clinic.desk.engine.register({"patient_name": "李四"})["exam_key"]
    clinic.fill(key)
    clinic.desk.engine.attach(key, str(a_pdf(clinic.desk.folder / "x.pdf")))
    form = clinic.desk.engine.form(key)
    missing = {problem["key"]: "x" for problem in form["problems"]}
    assert set(missing) <= {"study_instance_uid", "img_exam_type", "examined_at"}, form["problems"]


def test_what_one_refuses_the_other_has(clinic: Clinic) -> None:
    clinic.city.refuses = "检查项目不能为空"
    uid = clinic.ready()
    clinic.submit(uid)
    clinic.deliver()
    assert done(clinic, uid)[INDEX] == {ACK} and clinic.states(uid, CITY)["exam"] is JobState.HELD
    assert clinic.state(uid) == "held"
    trouble = clinic.desk.engine.job(uid)["row"]
    assert (trouble["destination"], trouble["destination_title"]) == (CITY, CITY_TITLE)
    clinic.city.refuses = ""
    clinic.fill(uid, hospital_item_name="胸部平扫")
    clinic.submit(uid)
    clinic.deliver()
    assert clinic.state(uid) == "acknowledged"
