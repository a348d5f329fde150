"""Guizhou from the device to the platform's ledger, every act from the command line of the real program."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from app.engine.face import Json

from .conftest import NewAgent, NewPractice
from .national import (
    GUIZHOU,
    ID_NUMBER,
    IMAGES,
    OTHER_ID_NUMBER,
    PATIENT,
    UPLOADED,
    World,
    a_place,
    a_running_clinic,
    as_kept,
    as_made,
    by_dicom,
    everything,
    from_the_device,
    index_of,
    kept,
    national_fill,
    numbers_came_once,
    places_asked,
    row_of,
    sent,
    words_of,
)
from .world import Modality, a_study, an_id_number, examined, sop_uid


@pytest.fixture(scope="module")
def by_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A clinic that uploads its images one by one."""
    with a_running_clinic(tmp_path_factory.mktemp("http"), GUIZHOU) as world:
        yield world


@pytest.fixture(scope="module")
def by_push(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A clinic that pushes its images by C-STORE."""
    with a_running_clinic(tmp_path_factory.mktemp("push"), GUIZHOU, "--strict-ae", options=by_dicom) as world:
        yield world


@pytest.fixture(params=["http", "dicom"])
def world(request: pytest.FixtureRequest) -> World:
    """One after the other."""
    made: World = request.getfixturevalue("by_http" if request.param == "http" else "by_push")
    return made


# -- there ------------------------------------------------------------------------------------------------------------


def test_an_exam_is_filled_and_submitted_by_command_and_is_there_once(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    asked = len(places_asked(practice))
    uid, paths = from_the_device(agent, tmp_path / "ct")
    listed = [one for one in agent.cli("studies", "--state", "fill").json["studies"] if one["uid"] == uid]
    assert [(one["patient_name"], one["image_count"]) for one in listed] == [(PATIENT.name, IMAGES)]
    fields = {field["key"] for field in agent.cli("fields", "--destination", "main").json["fields"]}
    assert {"insurance_item_code", "settlement_id", "last_audited_at"} <= fields

    typed = tmp_path / "填的.json"
    typed.write_text(json.dumps(national_fill(), ensure_ascii=False), encoding="utf-8")
    agent.cli("fill", uid, "--from", str(typed))
    assert agent.cli("attach", uid, str(pdf)).json["ready"]
    assert agent.cli("submit", uid).json["jobs"] == 3
    done = agent.wait_for_state(uid, *UPLOADED)

    index = index_of(agent, uid)
    assert index.startswith(f"111-{ID_NUMBER}-{examined():%Y%m%d}")
    (exam,), (report,), images = (everything(practice, kind, index) for kind in ("exams", "reports", "images"))
    assert {(one["received"], one["version"], one["state"]) for one in (exam, report, *images)} == {(1, 1, "kept")}
    by = "dicom" if "image_info" in places_asked(practice)[asked:] else "http"
    files = {
        "http": ["exam", *["image"] * IMAGES, "report"],
        "dicom": ["dicom"] * IMAGES + ["exam", "image_info", "report"],
    }
    assert sorted(places_asked(practice)[asked:]) == files[by] and {one["by"] for one in images} == {by}
    assert (exam["images"], exam["declared"], exam["unknown"]) == (IMAGES, IMAGES, [])
    assert exam["fields"]["setlInfoList"][0]["medListCodg"] == "002101000010000"
    assert exam["reports"] == [report["key"]] and practice.report_pdf(report["key"]) == pdf.read_bytes()
    assert as_kept(practice, index) == as_made(paths)
    assert numbers_came_once(practice)
    assert sorted(words_of(done, "acknowledged")) == [
        "平台已接收 · 影像",
        "平台已接收 · 检查报告",
        "平台已接收 · 检查记录",
    ]
    assert ID_NUMBER not in agent.log_text()


def test_images_without_an_accession_number_carry_the_one_of_their_record(
    world: World, tmp_path: Path, pdf: Path
) -> None:
    agent, practice = world
    uid, paths = from_the_device(agent, tmp_path / "ct", 2, accession=None)
    sent(agent, uid, pdf)
    (exam,) = kept(practice, "exams", index_of(agent, uid))
    assert exam["accession"]
    for path in paths:
        received, ours = tmp_path / "received.dcm", dcmread(path)
        received.write_bytes(practice.image(sop_uid(path)))
        theirs = dcmread(received)
        assert (theirs.AccessionNumber, theirs.PixelData) == (exam["accession"], ours.PixelData)
        assert "AccessionNumber" not in ours


def test_two_exams_of_one_person_in_one_second_are_two(by_http: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = by_http
    when = examined(90)
    uids = [from_the_device(agent, tmp_path / name, 2, accession=name, when=when)[0] for name in ("A1", "A2")]
    done = [sent(agent, uid, pdf) for uid in uids]
    first, second = (index_of(agent, uid) for uid in uids)
    assert int(second.split("-")[2]) - int(first.split("-")[2]) == 1
    assert words_of(done[0], "index_moved") == []
    assert len(words_of(done[1], "index_moved")) == 1 and "同一秒还有一例" in words_of(done[1], "index_moved")[0]
    exams = [one for index in (first, second) for one in kept(practice, "exams", index)]
    assert [one["images"] for one in exams] == [2, 2]
    assert {one["fields"]["examDate"] for one in exams} == {f"{when:%Y-%m-%d}"}


# -- again ------------------------------------------------------------------------------------------------------------


def test_a_late_image_goes_alone_with_the_new_total(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, _ = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf)
    index, asked = index_of(agent, uid), len(places_asked(practice))
    (late,) = a_study(tmp_path / "late", images=1, study_uid=uid, first_number=IMAGES + 1)
    Modality(agent.port).send_folder(tmp_path / "late")
    agent.wait_for(lambda: len(kept(practice, "images", index)) == IMAGES + 1, what="the late image", seconds=40)
    done = agent.wait_for_state(uid, *UPLOADED)
    totals = {one["key"]: one["total"] for one in kept(practice, "images", index)}
    assert totals.pop(sop_uid(late)) == IMAGES + 1 and set(totals.values()) == {IMAGES}
    (exam,) = kept(practice, "exams", index)
    assert (exam["images"], exam["declared"], exam["version"]) == (IMAGES + 1, IMAGES + 1, 1)
    assert places_asked(practice)[asked:] in (["image"], ["image_info", "dicom"])
    assert len(words_of(done, "late_images")) == 1


def test_a_corrected_id_number_moves_the_whole_exam_to_a_new_index(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, paths = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf, id_number=OTHER_ID_NUMBER)
    old, asked = index_of(agent, uid), len(places_asked(practice))
    agent.cli("fill", uid, "--set", f"id_number={ID_NUMBER}")
    assert agent.cli("submit", uid).json["jobs"] == 3
    done = agent.wait_for_state(uid, *UPLOADED)
    new = index_of(agent, uid)
    assert (old.split("-")[1], new.split("-")[1]) == (OTHER_ID_NUMBER, ID_NUMBER)
    assert [one["state"] for index in (old, new) for one in everything(practice, "exams", index)] == ["deleted", "kept"]
    assert places_asked(practice)[asked:][:2] == ["delete", "exam"]
    again = Counter(places_asked(practice)[asked:])
    assert (again["delete"], again["exam"], again["report"], again["image"] + again["dicom"]) == (1, 1, 1, IMAGES)
    assert as_kept(practice, new) == as_made(paths) and as_kept(practice, old) == {}
    assert len(kept(practice, "reports", new)) == 1 and kept(practice, "reports", old) == []
    (changed,) = words_of(done, "index_changed")
    assert "证件或检查时间改过，全部内容用新索引再传一遍" in changed
    assert len(words_of(done, "index_withdrawn")) == 1
    assert numbers_came_once(practice)


def test_a_resend_by_command_sends_everything_once_more(by_http: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = by_http
    uid, _ = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf)
    index, asked = index_of(agent, uid), len(places_asked(practice))
    agent.cli("resend", uid)
    agent.wait_for(lambda: len(places_asked(practice)) == asked + IMAGES + 2, what="everything to come again")
    agent.wait_for_state(uid, *UPLOADED)
    found = [one for kind in ("exams", "reports", "images") for one in everything(practice, kind, index)]
    assert {(one["state"], one["version"], one["received"]) for one in found} == {("kept", 1, 2)}
    assert numbers_came_once(practice)


def test_a_refused_record_is_mended_and_submitted_by_command(by_http: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = by_http
    uid, _ = from_the_device(agent, tmp_path / "ct", 2)
    asked, words = len(places_asked(practice)), "参数校验失败：certno(证件号码)与姓名不一致，请核对后重新上传"
    practice.fault(where="exam", when="before", what="partial", times=1, message=words)
    agent.fill_and_submit(uid, national_fill(id_number=OTHER_ID_NUMBER), pdf)
    held = agent.wait_for_state(uid, "held")
    trouble = next(job["trouble"] for job in held["jobs"] if job["part"] == "exam")
    assert words in json.dumps(trouble, ensure_ascii=False)
    assert places_asked(practice)[asked:] == ["exam"], "nothing goes under an index that the platform does not have"
    agent.cli("fill", uid, "--set", f"id_number={ID_NUMBER}")
    agent.cli("submit", uid)
    agent.wait_for_state(uid, *UPLOADED)
    (exam,) = kept(practice, "exams", index_of(agent, uid))
    assert exam["fields"]["certno"] == ID_NUMBER and exam["images"] == 2


# -- compared ---------------------------------------------------------------------------------------------------------


def test_a_day_is_compared_by_command_and_only_what_is_surely_missing_goes_again(
    new_agent: NewAgent, new_practice: NewPractice, tmp_path: Path, pdf: Path
) -> None:
    practice = new_practice(region=GUIZHOU)
    agent = new_agent(None, destination=[a_place(practice)])
    names = ("WHOLE", "PARTLY", "UNCACHED", "LOST")
    exams = {name: from_the_device(agent, tmp_path / name, 3, accession=name) for name in names}
    for name, (uid, _) in exams.items():
        sent(agent, uid, pdf, id_number=an_id_number(PATIENT, 30 + names.index(name)))
    indexes = {name: index_of(agent, uid) for name, (uid, _) in exams.items()}
    hidden = sop_uid(exams["PARTLY"][1][1])
    practice.ask("POST", "cache", {"index": indexes["WHOLE"], "cached": True})
    practice.ask("POST", "cache", {"index": indexes["PARTLY"], "cached": True, "without": [hidden]})
    practice.lose(exam=indexes["LOST"])
    day = row_of(agent, exams["LOST"][0])["exam_day"]
    agent.cli("reconcile", "--day", day)

    def found() -> Json:
        (told,) = agent.face.reconciliation(day)["destinations"]
        return told

    agent.wait_for(lambda: found()["missing"] and found()["missing"][0]["solved_at"], seconds=60, what="the lost one")
    agent.wait_for(lambda: found()["lacking"] and not found()["ask_again_at"], seconds=60, what="the second question")
    told = found()
    assert [(one["accession_number"], one["resend_count"]) for one in told["missing"]] == [("LOST", 1)]
    assert [(one["accession_number"], one["lacking_uids"], one["resent"]) for one in told["lacking"]] == [
        ("PARTLY", [hidden], False)
    ]
    assert told["unchecked"] >= 1, "not in the province's cache is no reason for anything"
    received = {one["key"]: one["received"] for one in everything(practice, "exams")}
    assert {name: received[index] for name, index in indexes.items()} == dict.fromkeys(names, 1) | {"LOST": 2}
    assert {one["received"] for one in everything(practice, "images", indexes["PARTLY"])} == {1}
    assert row_of(agent, exams["WHOLE"][0])["state"] == "reconciled"
    assert row_of(agent, exams["PARTLY"][0])["state"] == "acknowledged", "named, and never green-green"


# -- gone -------------------------------------------------------------------------------------------------------------


def test_a_withdrawal_by_command_is_one_deletion_of_everything(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, _ = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf)
    index, asked = index_of(agent, uid), len(places_asked(practice))
    assert agent.cli("withdraw", uid).json["jobs"] == 1
    done = agent.wait_for_state(uid, "withdrawn")
    assert done["state_words"] == "已撤回"
    assert places_asked(practice)[asked:] == ["delete"]
    found = [one for kind in ("exams", "reports", "images") for one in everything(practice, kind, index)]
    assert len(found) == IMAGES + 2 and {one["state"] for one in found} == {"deleted"}
    assert agent.cli("withdraw", uid).json["jobs"] == 0

    assert agent.cli("submit", uid).json["jobs"] == 3, "a person may change his mind"
    agent.wait_for_state(uid, *UPLOADED)
    assert places_asked(practice)[asked:].count("delete") == 1
    (exam,) = kept(practice, "exams", index_of(agent, uid))
    assert exam["images"] == IMAGES and len(exam["reports"]) == 1


# -- and seen by another hospital -------------------------------------------------------------------------------------


def test_what_one_clinic_uploads_another_looks_up_and_downloads(
    by_http: World, new_agent: NewAgent, tmp_path: Path, pdf: Path
) -> None:
    agent, practice = by_http
    uid, paths = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf)
    index = index_of(agent, uid)
    clinic = {"name": "贵阳市云岩区康宁诊所", "fixmedins_code": "H52010300456", "fixmedins_name": "康宁诊所"}
    other = new_agent(None, name="other", clinic=clinic, destination=[a_place(practice)])
    whom = ("retrieve", "--id-number", ID_NUMBER, "--reason", "会诊")
    (exam,) = [one for one in other.cli(*whom).json["exams"] if one["index_code"] == index]
    assert (exam["clinic_name"], exam["exam_key"]) == ("太原市小店区平安诊所", "")
    assert exam["id_number"] == f"{ID_NUMBER[:6]}********{ID_NUMBER[-4:]}"
    none = other.cli(*whom, "images", index).json
    assert (none["count"], none["words"]) == (0, "平台现在没有这例的影像可下载")
    practice.ask("POST", "cache", {"index": index, "cached": True})
    assert other.cli(*whom, "images", index).json["count"] == IMAGES
    done = other.cli(*whom, "download", index, "--folder", str(tmp_path / "下载")).json
    assert (done["state"], done["done"], done["checked"], done["refused"]) == ("done", IMAGES, IMAGES, [])
    files = sorted((tmp_path / "下载").rglob("*.dcm"))
    assert as_made(files) == as_made(paths), "not a data set differs from what the device made"
    assert ID_NUMBER not in other.log_text()
    assert other.cli("studies").json["studies"] == [], "what others made is never taken for ours"


def test_its_own_exam_is_recognised_among_those_of_others(by_http: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = by_http
    seeded = {"id_number": ID_NUMBER, "name": PATIENT.name, "exams": 2, "images": 2, "size": 16}
    practice.ask("POST", "seed", seeded)
    uid, _ = from_the_device(agent, tmp_path / "ct", 2)
    sent(agent, uid, pdf)
    found = agent.cli("retrieve", "--id-number", ID_NUMBER, "--reason", "本次就诊参考").json["exams"]
    own = {one["index_code"]: one["exam_key"] for one in found if one["exam_key"]}
    assert own[index_of(agent, uid)] == agent.study(uid)["exam_key"]
    assert [one["exam_key"] for one in found].count("") == seeded["exams"]
