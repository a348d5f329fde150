"""The connection test of destinations that speak the national way, each against its practice platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.engine import Engine
from app.engine.face import Json
from app.system.paths import Home
from tests.practice.clinic import PracticeProcess

CLINIC = {
    "name": "演练诊所",
    "uscc": "52140000MJ00000075",
    "fixmedins_code": "H52010300123",
    "fixmedins_name": "演练诊所",
    "admdvs": "520103",
    "level": "11",
}
KEYS = {"guizhou": "PRACTICE-KEY-GUIZHOU", "guangyuan": "PRACTICE-KEY-GUANGYUAN"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    home = Home(root=tmp_path_factory.mktemp("home")).make()
    home.settings_file.write_text('[secrets]\nstore = "file"\n', encoding="utf-8")
    made = Engine(home)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module", params=sorted(KEYS))
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    process = PracticeProcess(tmp_path_factory.mktemp(request.param), region=request.param)
    yield request.param, process
    assert process.stop() == 0


def steps(engine: Engine, region: str, base_url: str, key: str, **options: Any) -> dict[str, Json]:
    row = {"name": "there", "region": region, "base_url": base_url, "options": options, "secrets": {"key": key}}
    told = engine.try_destination({"clinic": CLINIC, "destination": [row]}, "there")
    assert key not in str(told)
    return {one["name"]: one for one in told["steps"]}


def states(found: dict[str, Json]) -> dict[str, str]:
    return {name: found[name]["state"] for name in ("http", "clock", "key", "interfaces")}


def test_a_right_destination_is_told_right_twice_over(engine: Engine, platform: tuple[str, Any]) -> None:
    """Twice: a platform refuses a message number that it saw before."""
    region, process = platform
    for _ in range(2):
        found = steps(engine, region, process.line["base_url"], KEYS[region])
        assert states(found) == {"http": "ok", "clock": "ok", "key": "ok", "interfaces": "ok"}, found
        assert "dicom" not in found
        assert ("reconcile" in found) == (region == "guizhou"), "the other has no interface that says what it has"
    assert process.ledger()["exams"] == []


def test_a_wrong_key_is_the_engineers_turn(engine: Engine, platform: tuple[str, Any]) -> None:
    region, process = platform
    found = steps(engine, region, process.line["base_url"], "WRONG-KEY")
    assert (found["key"]["state"], found["key"]["page"]) == ("engineer", "destination")


def test_a_path_that_is_not_there_is_the_engineers_turn(engine: Engine, platform: tuple[str, Any]) -> None:
    region, process = platform
    paths = {"exam": "/nowhere"}
    found = steps(engine, region, process.line["base_url"], KEYS[region], paths=paths)
    assert found["interfaces"]["state"] == "engineer" and "/nowhere" in found["interfaces"]["details"]


def test_images_by_push_are_tried_where_they_go_by_push(engine: Engine, tmp_path: Path) -> None:
    process = PracticeProcess(tmp_path, region="guizhou")
    push = {"dicom_host": "127.0.0.1", "dicom_port": process.dicom_port, "dicom_ae_title": "GZCLOUD"}
    by_file = steps(engine, "guizhou", process.line["base_url"], KEYS["guizhou"], **push)
    by_push = steps(engine, "guizhou", process.line["base_url"], KEYS["guizhou"], image_mode="dicom", **push)
    assert process.stop() == 0
    assert "dicom" not in by_file and by_push["dicom"]["state"] == "ok"
