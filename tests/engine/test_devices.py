"""Devices as a person sees them: what each sent, how its names are read, what it leaves out, and when it is missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.domain.study import Doubt
from app.domain.times import CST
from app.engine import devices
from app.engine.devices import Watch, clock_offset, missing
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.intake.port import Port
from app.store import Tx, images, sources
from app.store.sources import Sample
from app.system.paths import Home
from app.wire.receiving import AssociationChange, AssociationEvent, Source
from tests.builders import a_dicom_file
from tests.engine.desk import Desk, a_desk

Json = dict[str, Any]
DR = "ae:DRX_ROOM2"
GBK = {"charset": "", "accession": ""}


@pytest.fixture
def desk(home: Home, tmp_path: Path) -> Iterator[Desk]:
    with a_desk(home, tmp_path, "main") as made:
        yield made


def sends(desk: Desk, source: str = DR, **elements: Any) -> str:
    """One image of a study of its own; returns the study UID."""
    path = a_dicom_file(desk.folder / "sent", **elements)
    return desk.engine.house.taker.take_file(path, source).study_instance_uid


def device(desk: Desk, source: str = DR) -> Json:
    return next(one for one in desk.engine.devices()["devices"] if one["source"] == source)


def move_to(desk: Desk, at: datetime) -> None:
    desk.clock.wall = at.astimezone(UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=CST)


def works_for_two_weeks(desk: Desk) -> None:
    """An image every half hour from eight to six, the working days of 5 to 16 January 2026 (Monday to Friday)."""
    desk.engine.house.store.write(
        lambda tx: [
            sources.touch(tx, DR, now=at(day, hour, minute))
            for day in (5, 6, 7, 8, 9, 12, 13, 14, 15, 16)
            for hour in range(8, 18)
            for minute in (0, 30)
        ]
    )


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_images_are_counted_by_day_with_today_last(desk: Desk) -> None:
    desk.clock.wall -= timedelta(days=1)
    sends(desk)
    desk.clock.wall += timedelta(days=1)
    sends(desk)
    sends(desk)
    shown = device(desk)
    assert len(shown["days"]) == 14
    assert [day["count"] for day in shown["days"][-2:]] == [1, 2]
    assert shown["kind"] == "dicom" and shown["ae_title"] == "DRX_ROOM2" and shown["name"] == "DRX_ROOM2"
    assert shown["last_at"] == "2026-01-05T03:30:00.000000+00:00"


def test_an_image_that_comes_twice_counts_once(desk: Desk) -> None:
    path = a_dicom_file(desk.folder / "sent")
    for _ in range(2):
        desk.engine.house.taker.take_file(path, DR)
    assert device(desk)["days"][-1]["count"] == 1


def test_what_came_by_hand_is_no_device_and_an_empty_watched_folder_is_one(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "超声"
    folder.mkdir()
    apply_answers({"intake": {"folders": [str(folder)]}}, home)
    with a_desk(home, tmp_path, "main") as desk:
        desk.receive()
        (shown,) = desk.engine.devices()["devices"]
    assert (shown["kind"], shown["name"], shown["state"]) == ("folder", "超声", "new")
    assert shown["path"] == str(folder)
    assert shown["last_words"] == "还没有来过影像"


def test_a_device_is_called_as_people_call_it(desk: Desk) -> None:
    sends(desk)
    assert desk.engine.name_device(DR, " DR-2 ")["devices"][0]["name"] == "DR-2"
    desk.engine.name_device("DR-2", "")
    with pytest.raises(NeedsOperator):
        desk.engine.name_device("ae:NOBODY", "x")


def test_an_unknown_device_is_refused_by_every_act(desk: Desk) -> None:
    for act in (desk.engine.mute_device, desk.engine.test_device, desk.engine.allow_caller):
        with pytest.raises(NeedsOperator):
            act("ae:NOBODY")
    assert desk.engine.devices()["devices"] == []


def sample(**header: str) -> Sample:
    return Sample(header=header, name_raw=b"", charset="", first_at=at(5, 9, 31).astimezone(UTC))


def test_a_tag_counts_as_missing_when_most_of_the_newest_studies_lack_it() -> None:
    whole = {
        "AccessionNumber": "A1",
        "BodyPartExamined": "CHEST",
        "PatientID": "P1",
        "PatientSex": "M",
        "PatientBirthDate": "19800101",
    }
    bare = whole | {"AccessionNumber": " ", "BodyPartExamined": ""}
    assert missing([sample(**whole)] * 3) == []
    assert missing([sample(**bare)] * 2) == []  # too few to say
    assert missing([sample(**bare)] * 2 + [sample(**whole)]) == [
        {"label": "检查号", "filled_by": "program"},
        {"label": "身体部位", "filled_by": "person"},
    ]


@pytest.mark.parametrize(
    ("seconds", "offset"),
    [
        ([-5, -4, -4, -30, -5], -4),  # sending takes a moment
        ([425, 430, 428], 429),
        ([-3600, -7200, -20000, -9000], None),  # a folder filled in the evening tells no clock
        ([-5, -5], None),
        ([-5, -4, -4, -86400 * 3, -4], -4),  # an old study sent again does not count
    ],
)
def test_the_clock_of_a_device_is_told_by_the_images_that_came_fastest(
    seconds: list[int], offset: float | None
) -> None:
    found = []
    for each in seconds:
        taken = at(5, 9, 31) + timedelta(seconds=each)
        found.append(sample(ContentDate=f"{taken:%Y%m%d}", ContentTime=f"{taken:%H%M%S.%f}"))
    told = clock_offset(found)
    assert told == offset if offset is None else told is not None and abs(told - offset) <= 1


# -- missed -----------------------------------------------------------------------------------------------------------


def test_a_silent_device_is_told_once_and_needs_a_person_until_its_next_image(desk: Desk) -> None:
    works_for_two_weeks(desk)
    house = desk.engine.house
    move_to(desk, at(19, 7, 50))
    watch = Watch(house)
    house.store.write(lambda tx: sources.touch(tx, DR, now=at(19, 10, 40)))
    looks(desk, watch, at(19, 7, 52), at(19, 12, 9))
    assert desk.engine.status()["needs_you"] == []
    looks(desk, watch, at(19, 12, 11), at(19, 12, 30))
    (row,) = desk.engine.status()["needs_you"]
    assert row["title"] == "DRX_ROOM2 上午 10:40 后没有来图"
    assert row["why"] == "平时这个时段每小时 2 幅，请看设备是否关机"
    assert (row["action"], row["uid"], row["turn"]) == ("device", DR, "technician")
    assert [event["source"] for event in desk.events if event["event"] == "device_quiet"] == [DR]
    assert device(desk)["state"] == "quiet"
    sends(desk)
    assert [one["action"] for one in desk.engine.status()["needs_you"]] != ["device"]
    assert device(desk)["state"] == "fine" and device(desk)["quiet"] is None


def looks(desk: Desk, watch: Watch, start: datetime, end: datetime) -> None:
    """The clock's thread passes every two minutes."""
    now = start
    while now <= end:
        move_to(desk, now)
        watch.look(now)
        now += timedelta(minutes=2)


def quiet_since_ten(desk: Desk) -> Watch:
    works_for_two_weeks(desk)
    move_to(desk, at(19, 7, 50))
    watch = Watch(desk.engine.house)
    desk.engine.house.store.write(lambda tx: sources.touch(tx, DR, now=at(19, 10)))
    looks(desk, watch, at(19, 7, 50), at(19, 12))
    assert device(desk)["state"] == "quiet"
    return watch


def test_not_used_today_is_quiet_until_tomorrow(desk: Desk) -> None:
    watch = quiet_since_ten(desk)
    desk.engine.mute_device(DR)
    watch.look(at(19, 12, 1))
    assert desk.engine.status()["needs_you"] == []
    assert device(desk)["state"] == "resting" and device(desk)["last_words"] == "今天不用它"
    looks(desk, watch, at(20, 0), at(20, 11))
    (row,) = desk.engine.status()["needs_you"]
    assert row["title"] == "DRX_ROOM2 今天还没有来图"


def test_the_evening_ends_the_warning(desk: Desk) -> None:
    watch = quiet_since_ten(desk)
    watch.look(at(19, 17, 59))
    move_to(desk, at(19, 17, 59))
    assert device(desk)["state"] == "quiet"
    watch.look(at(19, 18, 1))
    move_to(desk, at(19, 18, 1))
    assert desk.engine.status()["needs_you"] == []


def test_a_computer_that_slept_does_not_blame_the_device(desk: Desk) -> None:
    works_for_two_weeks(desk)
    move_to(desk, at(19, 8))
    watch = Watch(desk.engine.house)
    watch.look(at(19, 8))
    watch.look(at(19, 15))  # seven hours of sleep
    move_to(desk, at(19, 15))
    assert desk.engine.status()["needs_you"] == []


# -- callers that were turned away ------------------------------------------------------------------------------------


def _knocked(tx: Tx, *, name: str, at: datetime) -> None:
    sources.note_refusal(tx, name, "x", address="192.0.2.9", now=at)


def test_of_strangers_only_the_last_ones_are_kept(desk: Desk) -> None:
    store, now = desk.engine.house.store, desk.clock.now()
    for number in range(60):
        store.write(partial(_knocked, name=f"ae:GUESS{number}", at=now + timedelta(seconds=number)))
    told = [one["ae_title"] for one in desk.engine.devices()["refused"]]
    assert sorted(told) == sorted(f"GUESS{number}" for number in range(20, 60))


def knocks(desk: Desk, change: AssociationChange, address: str = "192.0.2.32") -> None:
    house = desk.engine.house
    port = Port(house.store, house.taker, desk.clock, lambda taken: None)
    port.on_association(
        AssociationEvent(change=change, source=Source(calling_ae="DRX_ROOM2", address=address), called_ae="X")
    )
    house.store.write(lambda tx: None)


def test_a_caller_that_the_list_keeps_out_is_allowed_with_one_click(home: Home, tmp_path: Path) -> None:
    apply_answers({"dicom": {"allowed_callers": ["CT_SCANNER"]}}, home)
    with a_desk(home, tmp_path, "main") as desk:
        knocks(desk, AssociationChange.REFUSED_CALLING_AE)
        (refused,) = desk.engine.devices()["refused"]
        assert refused["ae_title"] == "DRX_ROOM2" and refused["address"] == "192.0.2.32" and refused["can_allow"]
        desk.engine.allow_caller(refused["source"])
        assert desk.engine.settings()["dicom"]["allowed_callers"] == ["CT_SCANNER", "DRX_ROOM2"]
        assert not desk.engine.devices()["refused"][0]["can_allow"]


def test_a_caller_with_a_wrong_address_is_not_let_in_by_its_name(desk: Desk) -> None:
    knocks(desk, AssociationChange.REFUSED_ADDRESS)
    (refused,) = desk.engine.devices()["refused"]
    assert refused["why"] == "地址不在允许的设备里" and not refused["can_allow"]
    with pytest.raises(NeedsOperator):
        desk.engine.allow_caller(refused["source"])


def test_the_address_a_device_calls_from_is_shown_and_followed(desk: Desk) -> None:
    sends(desk)
    for address in ("192.0.2.32", "192.0.2.33"):
        knocks(desk, AssociationChange.OPENED, address)
    assert device(desk)["address"] == "192.0.2.33"


# -- testing a device -------------------------------------------------------------------------------------------------


def test_a_shut_port_is_the_first_thing_a_test_says(desk: Desk) -> None:
    sends(desk)
    steps = desk.engine.test_device(DR)["steps"]
    assert steps[0]["ok"] is False and "没有打开" in steps[0]["title"]
    assert steps[-1]["ok"] is None and steps[-1]["title"].startswith("请您")


class OpenPort:
    def dicom_status(self) -> Json:
        return {"ae_title": "CLINIC_AGENT", "port": 11112, "listening": True, "trouble": ""}

    def folder_status(self) -> list[Json]:
        return []


def test_a_test_says_what_is_known_and_claims_nothing_more(desk: Desk) -> None:
    sends(desk, "ae:CT_SCANNER")
    knocks(desk, AssociationChange.OPENED)
    desk.engine.house.store.write(lambda tx: sources.touch(tx, DR, now=at(2, 9)))
    answer = devices.tested(desk.engine.house, OpenPort(), DR)  # type: ignore[arg-type]
    said = {step["title"]: step["ok"] for step in answer["steps"]}
    assert said == {
        "本机 DICOM 端口 11112 正在监听": True,
        "CT_SCANNER 今天能发来影像": True,
        "上次从 192.0.2.32 发来，从这边问不到它": None,
        "请您：到 DRX_ROOM2 前看是否开机；已开机就在设备上点一次“发送测试”": None,
    }


def test_a_folder_that_is_gone_is_named(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "MG"
    folder.mkdir()
    apply_answers({"intake": {"folders": [str(folder)]}}, home)
    with a_desk(home, tmp_path, "main") as desk:
        assert desk.engine.test_device("MG")["steps"][0]["ok"] is True
        folder.rmdir()
        assert desk.engine.test_device("MG")["steps"][0]["ok"] is False


# -- how names are read -----------------------------------------------------------------------------------------------


def test_the_readings_of_a_name_are_told_with_bytes_and_reasons(desk: Desk) -> None:
    uid = sends(desk, name="王小满", **GBK)
    asked = desk.engine.name_repair(uid)
    assert asked["raw"] == ["CD", "F5", "D0", "A1", "C2", "FA"]
    first = asked["readings"][0]
    assert (first["title"], first["text"], first["recommended"]) == ("GB18030", "王小满", True)
    assert first["groups"] == ["CDF5", "D0A1", "C2FA"]
    assert [one["text"] for one in asked["readings"] if one["charset"] == "ISO_IR 192"] == [""]
    assert asked["device"] == "DRX_ROOM2" and asked["others"] == []


def test_a_choice_is_remembered_for_the_device_and_mends_those_that_wait(desk: Desk) -> None:
    first, second, odd = (sends(desk, name=name, **GBK) for name in ("王小满", "李桂芳", "龑龑"))
    elsewhere = sends(desk, "ae:CT_SCANNER", name="赵明轩", **GBK)
    others = {one["uid"]: one["texts"] for one in desk.engine.name_repair(first)["others"]}
    assert others[second] == {"GB18030": "李桂芳"} and elsewhere not in others
    answer = desk.engine.repair_name(first, charset="GB18030", remember=True, also=[second, odd, elsewhere])
    assert answer["patient_name"] == "王小满"
    assert set(answer["mended"]) == {desk.key(first), desk.key(second)}
    assert desk.engine.form(second)["patient_name"] == "李桂芳"
    for still in (odd, elsewhere):
        assert desk.engine.form(still)["studies"][0]["doubt"] == "name"
    shown = device(desk)
    assert (shown["decoding"], shown["decoding_chosen_by"]) == ("GB18030", "person")


@pytest.mark.parametrize(("charset", "name", "asked"), [("GB18030", "周海涛", False), ("GB18030", "龑龘", True)])
def test_later_names_of_the_device_are_read_so_unless_they_look_odd(
    desk: Desk, charset: str, name: str, asked: bool
) -> None:
    desk.engine.repair_name(sends(desk, name="王小满", **GBK), charset=charset, remember=True)
    study = images.study(desk.engine.house.store, sends(desk, name=name, **GBK))
    assert study is not None
    assert (study.doubt is Doubt.NAME) is asked
    if not asked:
        assert study.patient_name == name


def test_another_device_is_asked_all_the_same(desk: Desk) -> None:
    desk.engine.repair_name(sends(desk, name="王小满", **GBK), charset="GB18030", remember=True)
    study = images.study(desk.engine.house.store, sends(desk, "ae:CT_SCANNER", name="周海涛", **GBK))
    assert study is not None and study.doubt is Doubt.NAME


def test_images_on_both_sides_of_the_choice_are_one_patient(desk: Desk) -> None:
    uid = sends(desk, name="林志玲", instance_uid="1.2.3.1", study_uid="1.2.3", charset="", patient_id="P7")
    desk.engine.repair_name(uid, charset="GB18030", remember=True)
    sends(desk, name="林志玲", instance_uid="1.2.3.2", study_uid="1.2.3", charset="", patient_id="P7")
    (study,) = desk.engine.form(uid)["studies"]
    assert study["doubt"] == ""


def test_a_name_typed_by_hand_is_taken_and_nothing_is_remembered(desk: Desk) -> None:
    uid = sends(desk, name="王小满", **GBK)
    assert desk.engine.repair_name(uid, name=" 王晓曼 ", remember=True)["patient_name"] == "王晓曼"
    assert device(desk)["decoding_chosen_by"] != "person"
    with pytest.raises(NeedsOperator):
        desk.engine.name_repair(uid)


def test_a_choice_can_be_taken_back(desk: Desk) -> None:
    desk.engine.repair_name(sends(desk, name="王小满", **GBK), charset="GB18030", remember=True)
    desk.engine.choose_decoding(DR, "")
    study = images.study(desk.engine.house.store, sends(desk, name="周海涛", **GBK))
    assert study is not None and study.doubt is Doubt.NAME
    with pytest.raises(NeedsOperator):
        desk.engine.choose_decoding(DR, "ROT13")
