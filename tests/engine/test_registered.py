"""登记一例 before its images: which images join it by themselves, which ask, and exams with no report or several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.job import Event, Part
from app.engine import arrange
from app.engine import registered as lookup
from app.errors import NeedsOperator
from app.store import answers, images, pickups
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.desk import Desk, a_desk
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, SETTLEMENT

Json = dict[str, Any]
PERSON = {"patient_name": "王小满", "birth_date": "1980-02-14", "modality": "CT", "hospital_item_name": "胸部CT平扫"}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk for all: each test has patients of its own."""
    folder = tmp_path_factory.mktemp("registered")
    with a_desk(Home(root=folder / "home").make(), folder, "main") as made:
        yield made


def registered(desk: Desk, **changes: str) -> str:
    return str(desk.engine.register(PERSON | changes)["exam_key"])


def test_a_number_that_was_given_is_the_exams_own_and_only_one_exams(busy: Desk) -> None:
    form = busy.engine.register(PERSON | {"patient_name": "石一", "accession_number": "RIS-0071"})
    assert form["accession_number"] == "RIS-0071"
    (row,) = busy.engine.studies(text="RIS-0071")["studies"]
    assert (row["description"], row["modality"], row["image_count"]) == ("胸部CT平扫", "CT", 0)
    with pytest.raises(NeedsOperator, match="已经有一例"):
        busy.engine.register(PERSON | {"accession_number": "RIS-0071"})
    uid = busy.receive(accession="RIS-0071", name="SHI^YI")
    assert busy.key(uid) == form["exam_key"], "a device that spells the name joins by the number all the same"


def test_images_of_the_one_patient_that_was_registered_join_without_a_number(busy: Desk) -> None:
    key = registered(busy, patient_name="石二")
    uid = busy.receive(name="SHI^ER", accession="")
    assert busy.key(uid) == key
    assert [one["uid"] for one in busy.engine.form(key)["studies"]] == [uid]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("石三", {"PatientBirthDate": "19810214"}),
        ("石四", {"PatientBirthDate": ""}),
        ("石五", {"modality": "DX"}),
        ("方一", {"study_date": "20190301"}),
        ("方二", {"accession": "A2601040007"}),
    ],
)
def test_images_that_only_may_be_the_registered_patients_ask(busy: Desk, name: str, facts: dict[str, str]) -> None:
    key = registered(busy, patient_name=name)
    uid = busy.receive(name=name, **facts)
    assert busy.key(uid) != key
    (asked,) = busy.engine.form(uid)["registered"]
    assert (asked["exam_key"], asked["study"]) == (key, uid)
    assert asked["words"].startswith(f"{name} · 胸部CT平扫 · ")
    joined = busy.engine.join(key, uid)
    assert (joined["exam_key"], joined["registered"], busy.key(uid)) == (key, [], key)


def test_images_under_a_devices_own_number_join_where_the_registration_has_none_of_a_device(busy: Desk) -> None:
    key = registered(busy, patient_name="方三")
    assert busy.key(busy.receive(name="方三", accession="CT-7001")) == key
    numbered = registered(busy, patient_name="方四", accession_number="RIS-0072")
    other = busy.receive(name="方四", accession="RIS-0073")
    assert busy.key(other) != numbered
    assert [one["exam_key"] for one in busy.engine.form(other)["registered"]] == [numbered]


@pytest.mark.parametrize(("name", "accession"), [("方五", ""), ("方六", "RIS-0074")])
def test_images_that_a_person_parted_stay_apart(busy: Desk, name: str, accession: str) -> None:
    key = registered(busy, patient_name=name, accession_number=accession)
    uid = busy.receive(name=name, accession=accession)
    assert busy.key(uid) == key
    parted = busy.engine.part(key, uid)
    assert (parted["exam_key"] != key, busy.key(uid)) == (True, parted["exam_key"])
    busy.more(uid, name=name, accession=accession)
    busy.engine.send_now(uid)
    assert busy.key(uid) == parted["exam_key"], "an image that comes late changes nothing"
    assert busy.engine.form(key)["studies"] == []
    assert busy.key(busy.receive(name=name, accession=accession)) == key, "others join as before"


def test_a_registration_that_is_taken_off_the_list_meanwhile_gets_no_images(
    busy: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = registered(busy, patient_name="方七")
    uid = busy.receive(name="方七", complete=False)
    house, sure = busy.engine.house, lookup.sure

    def too_late(*asked: Any) -> tuple[str, str]:
        found = sure(*asked)
        monkeypatch.setattr(lookup, "sure", sure)
        busy.engine.unregister(key)
        return found

    monkeypatch.setattr(lookup, "sure", too_late)
    busy.engine.send_now(uid)
    own = busy.key(uid)
    assert (own != key, len(busy.engine.study(own)["instances"])) == (True, 2)
    with pytest.raises(NeedsOperator, match="没有这个检查"):
        arrange.join(house, key, uid)
    assert busy.key(uid) == own


def test_what_a_platform_fetched_is_not_fetched_again_after_a_join(busy: Desk) -> None:
    key, uid = registered(busy, patient_name="方八"), busy.receive(name="方八", PatientBirthDate="")
    house, own, now = busy.engine.house, busy.key(uid), busy.clock.now()
    fetched = {one.sop_instance_uid: one.data_set_sha256 for one in images.instances_of(house.store.read(), own)}
    house.store.write(lambda tx: pickups.pulled(tx, "main", uid, list(fetched), now=now))
    busy.engine.join(key, uid)
    conn = house.store.read()
    assert (answers.held(conn, "main", key, "images"), answers.held(conn, "main", own, "images")) == (fetched, {})


def test_nobody_is_asked_for_what_the_images_bring(busy: Desk) -> None:
    problems = {one["key"]: one for one in busy.engine.form(registered(busy, patient_name="陆一"))["problems"]}
    assert problems["study_instance_uid"]["advice"] == "影像到了自动填上影像唯一号，不用您填"


def test_a_patient_who_never_came_is_taken_off_the_list(busy: Desk) -> None:
    key = registered(busy, patient_name="石十")
    busy.engine.unregister(key)
    assert busy.engine.studies(text="石十")["total"] == 0
    with pytest.raises(NeedsOperator, match="没有找到"):
        busy.engine.form(key)
    with pytest.raises(NeedsOperator, match="已经有影像"):
        busy.engine.unregister(busy.receive())


def test_what_was_entered_beside_the_images_comes_along(busy: Desk) -> None:
    key = registered(busy, patient_name="石九", phone="13800138000")
    uid = busy.receive(name="石九", PatientBirthDate="")
    busy.engine.fill(uid, {"phone": "13900139000", "order_number": "Y77"} | REPORT_VALUES, [SETTLEMENT])
    own = busy.key(uid)
    busy.engine.join(key, uid, take=True)
    form = busy.engine.form(key)
    texts = {one["key"]: one["text"] for one in form["fields"]}
    assert (texts["phone"], texts["order_number"], len(form["settlements"])) == ("13800138000", "Y77", 1)
    assert [one["begun"] for one in form["reports"]] == [True]
    with pytest.raises(NeedsOperator, match="没有找到"):
        busy.engine.form(own)


def test_a_registration_asks_for_the_name_and_little_else(busy: Desk) -> None:
    busy.receive()
    fields = {one["key"]: one for one in busy.engine.registration()["fields"]}
    assert [one["key"] for one in fields.values() if one["level"] == "must"] == ["patient_name"]
    assert fields["modality"]["text"] == "CT"


def test_two_registrations_of_one_patient_ask_too(busy: Desk) -> None:
    keys = {registered(busy, patient_name="石六"), registered(busy, patient_name="石六")}
    uid = busy.receive(name="石六")
    assert {one["exam_key"] for one in busy.engine.form(uid)["registered"]} == keys


def test_images_of_somebody_else_ask_nothing(busy: Desk) -> None:
    registered(busy, patient_name="石七")
    assert busy.engine.form(busy.receive(name="赵大年"))["registered"] == []


def test_an_exam_without_a_report_is_whole_where_the_clinic_says_so(busy: Desk) -> None:
    uid = busy.receive()
    busy.engine.fill(uid, EXAM_VALUES, [SETTLEMENT])
    assert "还没有报告" in busy.engine.form(uid)["ready_why_not"]
    form = busy.engine.without_report(uid)
    assert (form["ready"], form["no_report"], form["reports"], form["problem_count"]) == (True, True, [], 0)
    busy.engine.submit(uid)
    busy.platform_says(uid, Event.ACKNOWLEDGED)
    assert busy.state(uid) == "acknowledged"
    busy.engine.without_report(uid, none=False)
    assert busy.state(uid) == "to_fill", "a report after all"
    busy.engine.fill(uid, REPORT_VALUES)
    busy.engine.attach(uid, str(a_pdf(busy.folder / "late.pdf")))
    with pytest.raises(NeedsOperator, match="已经有报告"):
        busy.engine.without_report(uid)
    assert busy.engine.submit(uid)["jobs"] == 1


def test_two_reports_of_one_exam_go_as_two_with_numbers_of_their_own(busy: Desk) -> None:
    uid = busy.ready()
    form = busy.engine.add_report(uid)
    assert len(form["reports"]) == 2
    with pytest.raises(NeedsOperator, match="还是空的"):
        busy.engine.add_report(uid)
    assert len(busy.engine.drop_report(uid, 1)["reports"]) == 1, "an empty one can be taken away again"
    busy.engine.add_report(uid)
    busy.engine.fill(uid, {}, None, [{}, REPORT_VALUES | {"conclusion": "双肾结石。"}])
    busy.engine.attach(uid, str(a_pdf(busy.folder / "second.pdf", text="SECOND")), 1)
    with pytest.raises(NeedsOperator, match="已经有内容"):
        busy.engine.drop_report(uid, 1)
    busy.engine.submit(uid)
    sent = [job.payload["report"] for job in busy.jobs(uid) if job.part is Part.REPORT]
    assert [report["inspectExamResult"] for report in sent] == [REPORT_VALUES["conclusion"], "双肾结石。"]  # type: ignore[index,call-overload]
    assert len({report["recordNum"] for report in sent}) == 2  # type: ignore[index,call-overload]
    assert [one["part_words"] for one in busy.engine.job(uid)["versions"]] == ["检查", "报告 1", "报告 2", "影像"]


def test_a_report_of_another_exam_of_the_patient_is_found_and_shared(busy: Desk) -> None:
    first = busy.receive(name="石八")
    busy.engine.fill(first, EXAM_VALUES | REPORT_VALUES | {"patient_name": "石八"}, [SETTLEMENT])
    busy.engine.attach(first, str(a_pdf(busy.folder / "both.pdf", text="BOTH")))
    second = busy.receive(name="石八")
    busy.engine.fill(second, EXAM_VALUES | {"patient_name": "石八"}, [SETTLEMENT])
    (offered,) = busy.engine.shareable_reports(second)["reports"]
    assert (offered["uid"], offered["report"], offered["conclusion"], offered["pdf"]) == (
        busy.key(first),
        0,
        REPORT_VALUES["conclusion"],
        True,
    )
    shared = busy.engine.share_report(offered["uid"], second, offered["report"])
    with pytest.raises(NeedsOperator, match="另一例还没有提交"):
        busy.engine.submit(first)
    assert shared["reports"][0]["pdf"] and busy.engine.shareable_reports(second)["reports"] == []
    busy.engine.submit(second)
    busy.platform_says(second, Event.ACKNOWLEDGED)
    assert busy.state(second) == "ready", "its report goes out under the first, which nobody submitted"
    with pytest.raises(NeedsOperator, match="这例的报告在另一例里"):
        busy.engine.submit(second)
    busy.engine.submit(first)
    assert busy.state(second) == "queued", "its report is on its way"
    busy.platform_says(first, Event.ACKNOWLEDGED, "exam", "report")
    assert busy.state(second) == "acknowledged"
    busy.platform_says(first, Event.ACKNOWLEDGED)
    with pytest.raises(NeedsOperator) as refusal:
        busy.engine.withdraw(first)
    assert busy.engine.form(second)["accession_number"] in refusal.value.advice
    busy.engine.withdraw(second)
    busy.engine.withdraw(first)
    (report, _) = [job.payload["report"] for job in busy.jobs(first) if job.part is Part.REPORT]
    assert report["risStudyId"] == f"{busy.key(first)},{busy.key(second)}"  # type: ignore[index,call-overload]
    alone = busy.receive(name="石八")
    busy.engine.share_report(first, alone)
    busy.engine.drop_report(alone, 0)
    assert busy.engine.form(alone)["reports"][0]["pdf"] is False
