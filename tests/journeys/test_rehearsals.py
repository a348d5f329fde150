"""Every region can be rehearsed on its own practice platform, from the device to the platform's word."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import cast

import pytest

from app.engine.engine import Engine
from app.engine.face import Face
from app.engine.rehearsal import Rehearsal, can_rehearse
from app.regions.adapters import ADAPTERS
from app.system.paths import Home

TOLD = {
    "guangyuan": [
        "提交上传：1 例、1 个任务（检查记录）",
        "平台已接收 赵建国：记录 1 份，报告和影像由平台来取",
        "演练平台来取文件：2 个地址取到 2 个，影像一共 24 张",
        "对账：平台没有对账接口，以回执为准",
    ],
}
"""What is told of the first exam; the whole stories of the other regions are told in tests/cli/test_demo.py."""


@pytest.mark.parametrize("region", sorted(ADAPTERS))
def test_every_region_has_a_script(region: str) -> None:
    assert can_rehearse(region)


@pytest.mark.parametrize("region", sorted(TOLD))
def test_the_first_exam_of_a_script_comes_to_its_end(region: str, tmp_path: Path) -> None:
    home = Home(root=tmp_path / "home").make()
    rehearsal = Rehearsal(home, region=region, only_one=True)
    with contextlib.closing(rehearsal):
        rehearsal.open()
        engine = Engine(home)
        try:
            engine.start()
            told = list(rehearsal.scenes(cast(Face, engine)))
        finally:
            engine.stop()
    assert [sentence for sentence in told if sentence in TOLD[region]] == TOLD[region]
    assert told[-1].startswith("演练平台的账本：检查 收到 1 存下 1")
