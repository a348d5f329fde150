"""调阅 in the window: a number typed, another hospital's exam found, its images kept over cuts and restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from .conftest import NewAgent, NewPractice
from .screen import Program
from .world import Agent, Practice

REGION = "guizhou"
PATIENT = "520102196310024321"
"""Invented."""
IMAGES = 30


@pytest.fixture
def practice(new_practice: NewPractice) -> Practice:
    """A platform on which other hospitals have seen the patient; the oldest exam's images cannot be had."""
    made = new_practice(region=REGION)
    made.ask("POST", "seed", {"id_number": PATIENT, "name": "李桂芳", "images": IMAGES, "size": 64})
    return made


@pytest.fixture
def clinic(new_agent: NewAgent, practice: Practice) -> Agent:
    place = {"name": "main", "region": REGION, "base_url": practice.base_url}
    return new_agent(practice, start=False, destination=[place | {"secrets": {"key": "PRACTICE-KEY-GUIZHOU"}}])


@pytest.fixture
def page(program: Program) -> Program:
    """The page, opened by its place in the rail."""
    program.click("调阅", kind="button")
    program.wait_for_text("查患者在其他医院的检查")
    return program


def kept(clinic: Agent) -> list[Path]:
    return sorted(path for path in clinic.home.retrieved.rglob("*.dcm") if path.is_file())


def test_an_exam_of_another_hospital_is_found_and_downloaded_over_a_restart_and_a_cut_line(
    page: Program, clinic: Agent, practice: Practice
) -> None:
    practice.fault(where="image_content", when="before", what="slow", seconds=0.2, times=0)
    page.enter("证件号码", PATIENT)
    page.wait_for_text("3 例检查，来自 3 家机构")
    page.wait_for_text("女 · 63 岁 · 证件号码校验正确")
    assert page.find(PATIENT) is None and page.find("520102********4321", "field") is not None
    page.screen.key("Return")
    page.wait(lambda: kept(clinic), what="the first image")
    page.click("暂停", kind="button")
    page.wait_for_text("继续", "button")
    page.kill()
    page.start()
    page.click("调阅", kind="button")
    page.click("李桂芳", kind="row")
    had = len(kept(clinic))
    page.click("继续", kind="button")
    page.wait(lambda: len(kept(clinic)) > had, what="one image more")
    practice.kill()
    page.wait_for_text("立即再试", "button")
    before = {path: path.stat().st_mtime_ns for path in kept(clinic)}
    assert len(before) < IMAGES
    practice.start()
    page.wait_for_text(f"下载图像 {IMAGES} / {IMAGES} 幅", seconds=60)
    page.wait_for_text(f"{IMAGES} 幅可打开 · UID 一致")
    images = kept(clinic)
    assert len(images) == IMAGES
    assert {path: path.stat().st_mtime_ns for path in before} == before, "nothing came twice"
    for path in images:
        uid = str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        assert path.read_bytes() == practice.image(uid)
    page.click("用自带阅片打开", kind="button")
    page.wait_for_window("影像 · 李桂芳")


def test_what_cannot_be_found_or_had_reads_well(page: Program, clinic: Agent, practice: Practice) -> None:
    page.wait(lambda: page.focused() == "证件号码", what="the keyboard in the number")
    page.screen.type(PATIENT[:-1])
    page.screen.key("Return")
    page.wait_for_text("少 1 位")
    page.screen.type(PATIENT[-1])
    page.screen.key("Return")
    page.wait_for_text("3 例检查，来自 3 家机构")
    page.click("安顺演练社区卫生服务中心", kind="row")
    page.click("下载影像", kind="button")
    page.wait_for_text("平台现在没有这例的影像可下载")
    page.click(name="证件号码", kind="field")
    page.screen.type("520102196308194321")
    page.screen.key("Return")
    page.wait_for_text("平台没有查到这位患者的检查")
    practice.kill()
    page.click("查询", kind="button")
    page.wait_for_text("没有查成")
    practice.start()
    page.click("再查一次", kind="button")
    page.wait_for_text("平台没有查到这位患者的检查")
    page.click("今天的调阅记录 4", kind="button")
    page.wait_for_text("平台没有应答", "row")
