"""Guangyuan: the record goes, the platform comes for the report and the images; each act from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.face import Json

from .conftest import NewAgent, NewPractice
from .national import (
    GUANGYUAN,
    ID_NUMBER,
    IMAGES,
    OTHER_ID_NUMBER,
    World,
    a_place,
    a_running_clinic,
    as_kept,
    as_made,
    everything,
    files_offered,
    from_the_device,
    index_of,
    kept,
    national_fill,
    numbers_came_once,
    places_asked,
    row_of,
    sent,
    until,
    words_of,
)
from .world import Agent, Modality, Practice, a_pdf, a_study

USCC = "52140000MJ00000075"
REPORT_FIELD, IMAGES_FIELD = "examRpotPdfI", "imgInfoDcm"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_running_clinic(tmp_path_factory.mktemp("guangyuan"), GUANGYUAN, files=files_offered()) as made:
        yield made


def fetched(practice: Practice, index: str) -> dict[str, Json]:
    """Field -> what the platform found behind its address."""
    return {one["field"]: one for one in practice.ledger()["fetched"] if one["exam"] == index}


def all_fetched(agent: Agent, uid: str, seconds: float = 40.0) -> list[Json]:
    """What the face tells of it, once everything was taken whole."""

    def told() -> list[Json]:
        found: list[Json] = agent.study(uid)["fetches"]
        return found if found and all(one["whole"] for one in found) else []

    return agent.wait_for(told, seconds=seconds, what="the platform to fetch", every=0.2)


# -- there ------------------------------------------------------------------------------------------------------------


def test_a_record_goes_and_the_platform_comes_for_its_files(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, paths = from_the_device(agent, tmp_path / "ct")
    typed = tmp_path / "填的.json"
    typed.write_text(json.dumps(national_fill(), ensure_ascii=False), encoding="utf-8")
    agent.cli("fill", uid, "--from", str(typed))
    assert agent.cli("attach", uid, str(pdf)).json["ready"]
    asked = len(places_asked(practice))
    assert agent.cli("submit", uid).json["jobs"] == 1
    done = until(agent, uid, "acknowledged")
    assert done["state_words"] == "已上传"
    told = all_fetched(agent, uid)
    assert [(one["what"], one["words"]) for one in told] == [("pdf", "已取 1 次"), ("zip", "已取 1 次")]

    index = index_of(agent, uid)
    assert index.startswith(f"111-{ID_NUMBER}-") and index.endswith(f"-{USCC}")
    (exam,) = everything(practice, "exams", index)
    assert (exam["received"], exam["version"], exam["state"], exam["unknown"]) == (1, 1, "kept", [])
    assert places_asked(practice)[asked:].count("exam") == 1
    assert as_kept(practice, index) == as_made(paths), "not a data set differs from what the device made"
    assert practice.report_pdf(index) == pdf.read_bytes()
    found = fetched(practice, index)
    assert (found[IMAGES_FIELD]["images"], found[IMAGES_FIELD]["times"]) == (IMAGES, 1)
    assert found[REPORT_FIELD]["times"] == 1
    assert words_of(done, "acknowledged") == ["平台已接收 · 检查记录"]
    assert numbers_came_once(practice)
    log = agent.log_text()
    assert ID_NUMBER not in log and exam["fields"][IMAGES_FIELD].rpartition("/")[2] not in log


def test_the_final_state_is_uploaded_and_nothing_is_reconciled(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, _ = world
    uid, _ = from_the_device(agent, tmp_path / "ct", 2)
    done = sent(agent, uid, pdf)
    assert (done["state"], done["state_words"]) == ("acknowledged", "已上传")
    said = agent.cli("reconcile", "--day", "今天", check=False)
    assert (said.code, said.err.strip()) == (1, "平台无对账接口。以回执为准，不用对账。")
    assert row_of(agent, uid)["state"] == "acknowledged"


def test_what_a_dead_pc_offered_is_fetched_after_its_next_start(
    new_practice: NewPractice, new_agent: NewAgent, tmp_path: Path, pdf: Path
) -> None:
    practice = new_practice("--fetch-tries", "60", region=GUANGYUAN)
    agent = new_agent(None, destination=[a_place(practice)], files=files_offered())
    uid, paths = from_the_device(agent, tmp_path / "ct")
    practice.options(fetch_after_seconds=2)
    sent(agent, uid, pdf)
    agent.kill()
    index = practice.ledger()["exams"][0]["key"]
    agent.wait_for(lambda: any(one["tries"] > 1 for one in fetched(practice, index).values()), what="a try in vain")
    assert kept(practice, "images") == []
    agent.start()
    all_fetched(agent, uid, seconds=60)
    assert as_kept(practice, index) == as_made(paths)
    assert places_asked(practice).count("exam") == 1


def test_the_report_may_travel_inside_the_record(
    new_practice: NewPractice, new_agent: NewAgent, tmp_path: Path, pdf: Path
) -> None:
    practice = new_practice(region=GUANGYUAN)
    agent = new_agent(None, destination=[a_place(practice, pdf_mode="base64")], files=files_offered())
    uid, paths = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf)
    assert [one["what"] for one in all_fetched(agent, uid)] == ["zip"]
    index = index_of(agent, uid)
    assert practice.report_pdf(index) == pdf.read_bytes() and as_kept(practice, index) == as_made(paths)
    assert set(fetched(practice, index)) == {IMAGES_FIELD}


def test_a_sharing_centre_sends_its_pages_and_the_archive(
    new_practice: NewPractice, new_agent: NewAgent, tmp_path: Path, pdf: Path
) -> None:
    practice = new_practice("--storage", USCC, region=GUANGYUAN)
    base = "http://127.0.0.1:9/view?index="
    options = {"sent_as": "centre", "report_page_base": base + "R", "image_page_base": base + "I"}
    agent = new_agent(None, destination=[a_place(practice, **options)], files=files_offered())
    uid, paths = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf)
    assert [one["what"] for one in all_fetched(agent, uid)] == ["zip"]
    (exam,) = kept(practice, "exams")
    index, fields = index_of(agent, uid), exam["fields"]
    assert (exam["key"], exam["sent_as"], fields["stogInsUscc"]) == (index, "centre", USCC)
    assert (fields["examRpotLinkUrl"], fields["imgInfoLinkUrl"]) == (f"{base}R{index}", f"{base}I{index}")
    assert as_kept(practice, index) == as_made(paths)


# -- again, and never gone --------------------------------------------------------------------------------------------


def test_a_correction_is_a_new_version_under_the_same_index(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, _ = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf)
    all_fetched(agent, uid)
    index = index_of(agent, uid)
    address = kept(practice, "exams", index)[0]["fields"][IMAGES_FIELD]
    agent.cli("fill", uid, "--set", "findings=右肺中叶见小结节。")
    corrected = a_pdf(tmp_path / "corrected.pdf")
    corrected.write_bytes(corrected.read_bytes() + b"\n% corrected\n")
    agent.cli("attach", uid, str(corrected))
    assert agent.cli("submit", uid).json["jobs"] == 1
    until(agent, uid, "acknowledged")
    agent.wait_for(lambda: practice.report_pdf(index) == corrected.read_bytes(), what="the new report to be fetched")
    (exam,) = everything(practice, "exams", index)
    assert (exam["version"], exam["received"], exam["fields"]["imgDscr"]) == (2, 2, "右肺中叶见小结节。")
    assert exam["fields"][IMAGES_FIELD] == address, "the same archive"
    assert index_of(agent, uid) == index and len(kept(practice, "images", index)) == IMAGES


def test_a_late_image_is_in_the_archive_that_is_fetched_anew(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, paths = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf)
    all_fetched(agent, uid)
    late = a_study(tmp_path / "late", images=1, study_uid=uid, first_number=IMAGES + 1)
    Modality(agent.port).send_folder(tmp_path / "late")
    index = index_of(agent, uid)
    agent.wait_for(lambda: len(kept(practice, "images", index)) == IMAGES + 1, seconds=40, what="the late image")
    assert as_kept(practice, index) == as_made([*paths, *late])
    done = until(agent, uid, "acknowledged")
    assert len(words_of(done, "late_images")) == 1
    (exam,) = everything(practice, "exams", index)
    assert (exam["version"], exam["received"]) in ((1, 2), (2, 2))


def test_a_corrected_id_number_leaves_the_old_index_and_says_so(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, paths = from_the_device(agent, tmp_path / "ct")
    sent(agent, uid, pdf, id_number=OTHER_ID_NUMBER)
    all_fetched(agent, uid)
    old = index_of(agent, uid)
    agent.cli("fill", uid, "--set", f"id_number={ID_NUMBER}")
    agent.cli("submit", uid)
    done = until(agent, uid, "acknowledged")
    new = index_of(agent, uid)
    assert (old.split("-")[1], new.split("-")[1]) == (OTHER_ID_NUMBER, ID_NUMBER)
    assert any("平台没有删除接口，请告知平台" in line for line in words_of(done, "index_left"))
    assert any("用新索引再传一遍" in line for line in words_of(done, "index_changed"))
    agent.wait_for(lambda: as_kept(practice, new) == as_made(paths), what="the images under the new index")
    assert len(kept(practice, "exams", old)) == len(kept(practice, "exams", new)) == 1


def test_nothing_is_withdrawn_and_the_command_says_whom_to_call(world: World, tmp_path: Path, pdf: Path) -> None:
    agent, practice = world
    uid, _ = from_the_device(agent, tmp_path / "ct", 2)
    sent(agent, uid, pdf)
    asked = len(places_asked(practice))
    said = agent.cli("withdraw", uid, check=False)
    assert said.code == 1
    assert "没有删除接口" in said.err and "请平台删除" in said.err
    assert row_of(agent, uid)["state"] == "acknowledged"
    assert [place for place in places_asked(practice)[asked:] if place != "fetch"] == []
