"""调阅 without a window: the images of another hospital, whole and once each, over kill -9 and spoilt answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydicom import dcmread

from app.engine.face import Json

from .conftest import NewAgent, NewPractice
from .world import Agent, Practice

REGION = "guizhou"
PATIENT = "520102196310024321"
"""Invented."""
IMAGES = 12
WHO = ("retrieve", "--id-number", PATIENT, "--reason", "本次就诊参考")


@pytest.fixture
def practice(new_practice: NewPractice) -> Practice:
    made = new_practice(region=REGION)
    wish = {"id_number": PATIENT, "name": "李桂芳", "exams": 2, "cached": 2, "images": IMAGES, "size": 32}
    made.ask("POST", "seed", wish)
    return made


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    place = {"name": "main", "region": REGION, "base_url": practice.base_url}
    return new_agent(practice, start=False, destination=[place | {"secrets": {"key": "PRACTICE-KEY-GUIZHOU"}}])


def kept(clinic: Agent) -> list[Path]:
    return sorted(clinic.home.retrieved.rglob("*.dcm"))


def asked(practice: Practice) -> list[Json]:
    return [one for one in practice.received() if one["place"] == "image_content"]


def are_those_of_the_platform(clinic: Agent, practice: Practice) -> bool:
    def uid(path: Path) -> str:
        return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)

    return all(path.read_bytes() == practice.image(uid(path)) for path in kept(clinic))


def test_a_download_goes_on_after_kill_9_and_each_image_comes_once(clinic: Agent, practice: Practice) -> None:
    practice.fault(where="image_content", when="before", what="slow", seconds=0.3, times=0)
    clinic.start()
    clinic.cli(*WHO)
    id = clinic.face.start_download("", "1")["id"]
    clinic.wait_for(lambda: len(kept(clinic)) >= 3, what="the first images")
    clinic.kill()
    before = {path: path.stat().st_mtime_ns for path in kept(clinic)}
    assert 3 <= len(before) < IMAGES
    practice.no_faults()
    clinic.start()
    clinic.wait_for(lambda: clinic.face.downloads()["downloads"][0]["state"] == "done", what="the download")
    done = clinic.face.downloads()["downloads"][0]
    assert (done["id"], done["done"], done["total"], done["refused"]) == (id, IMAGES, IMAGES, [])
    assert are_those_of_the_platform(clinic, practice)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert IMAGES <= len(asked(practice)) <= IMAGES + 1  # the one that was on its way
    assert not list(clinic.home.retrieved.rglob("*.part"))
    assert PATIENT not in clinic.log_text()
    assert clinic.studies() == []
    clinic.quit()


def test_a_download_in_the_foreground_names_what_was_spoilt_and_keeps_the_rest(
    clinic: Agent, practice: Practice
) -> None:
    practice.fault(where="image_content", when="before", what="wrong_image", times=1, at=2)
    practice.fault(where="image_content", when="before", what="truncate", times=1, at=6)
    said = clinic.cli(*WHO, "download", "1", check=False)
    # the wrong one came right the second time, the cut line was waited for
    assert (said.code, said.json["done"], said.json["checked"]) == (0, IMAGES, IMAGES)
    assert are_those_of_the_platform(clinic, practice)
    practice.fault(where="image_content", when="before", what="cut_image", times=0, at=5)
    chosen = clinic.home.root.parent / "选的文件夹"
    said = clinic.cli(*WHO, "download", "2", "--folder", str(chosen), check=False)
    assert (said.code, said.json["done"], len(said.json["refused"])) == (1, 4, IMAGES - 4)
    assert {one["why"] for one in said.json["refused"]} == {"内容不完整"}
    assert len(list(chosen.rglob("*.dcm"))) == 4
    practice.no_faults()
    said = clinic.cli("retrieve", "resume", str(said.json["id"]))
    assert said.json["done"] == IMAGES
    assert clinic.cli("retrieve", "remove", str(said.json["id"])).json == {}
    assert list(chosen.rglob("*.dcm")) == []
    assert len(kept(clinic)) == IMAGES


def test_a_dead_platform_a_wrong_number_and_nobody_read_well(clinic: Agent, practice: Practice) -> None:
    nobody = "520102199003075536"
    said = clinic.cli("retrieve", "--id-number", nobody, "--reason", "会诊")
    assert said.json["words"] == "平台没有查到这位患者的检查"
    said = clinic.cli("retrieve", "--id-number", PATIENT[:-1], "--reason", "会诊", check=False)
    assert (said.code, said.err) == (1, "少 1 位：身份证号应为 18 位，现在 17 位。请对照证件改好再查。" + os.linesep)
    practice.kill()
    said = clinic.cli(*WHO, check=False)
    assert said.code == 1
    assert "连不上" in said.err
    assert "请过一会儿再试" in said.err
    record = clinic.cli("retrieve", "record").json["lookups"]
    assert [one["count"] for one in record] == [None, 0]
    assert record[0]["id_masked"] == "520102********4321"
