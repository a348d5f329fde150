"""The loader refuses anything odd and says file, row and column; the resources are found however we are installed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.catalogue import resources
from app.catalogue.load import load_catalogue, load_region, region_names
from app.errors import Bug


@pytest.fixture
def home(tmp_path: Path) -> Path:
    root = tmp_path / "resources"
    shutil.copytree(resources.resources_dir(), root, ignore=shutil.ignore_patterns("gui", "fonts"))
    return root


def changed(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    assert change(text) != text
    path.write_text(change(text), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("fields.csv", "patient_name,姓名,exam", "patient_name,姓名,person", ["row 2", "column noun"]),
        ("fields.csv", "姓名,exam,患者,name", "姓名,exam,患者,nome", ["row 2", "column type"]),
        ("fields.csv", "sex,性别", "patient_name,性别", ["row 7", "column key"]),
        ("fields.csv", "key,label", "label,key", ["row 1", "header"]),
        ("fields.csv", "exam,患者,code,sex", "exam,患者,code,", ["row 7", "column table"]),
        ("regions/shanxi/fields.csv", "exam,id_type,cardType", "exam,id_kind,cardType", ["row 4", "column key"]),
        ("regions/shanxi/fields.csv", "cardType,must", "cardType,always", ["row 4", "column level"]),
        ("regions/shanxi/fields.csv", "idCard,must,,,255", "idCard,must,,,long", ["row 5", "column max_length"]),
        ("regions/shanxi/fields.csv", "idCard,must,,,255", "idCard,must,upper,,255", ["row 5", "column convert"]),
        ("regions/shanxi/fields.csv", "255,outpatient", "255,sometimes", ["row 65", "column required_when"]),
        ("regions/shanxi/fields.csv", "idCard,must", "cardType,must", ["row 5", "column path"]),
        ("regions/shanxi/fields.csv", "idCard,must", ",must", ["row 5", "column path"]),
        ("regions/shanxi/fields.csv", "must,bar,img_exam_type", "must,bar,nothing", ["row 57", "column table"]),
        ("regions/shanxi/fields.csv", "五(一)/4,", ",", ["row 5", "column section"]),
        ("regions/shanxi/fields.csv", "五(一)/4,", "五(一)/4,,", ["row 5", "cells"]),
        ("regions/shanxi/fields.csv", "must,,,255,,五(一)/4,", "must, ,,255,,五(一)/4,", ["row 5", "column convert"]),
        ("tables/sex.csv", "1,男性", "2,男性", ["row 4", "column code"]),
        ("regions/shanxi/region.toml", 'id_type = "01"', 'id_type = "1"', ["defaults"]),
        ("regions/shanxi/region.toml", 'title = "', 'titel = "', ["title"]),
        ("regions/shanxi/region.toml", '2 = ["CT"]', '22 = ["CT"]', ["from_modality.img_exam_type"]),
    ],
)
def test_a_slip_in_the_data_is_refused_with_its_place(
    home: Path, file: str, old: str, new: str, words: list[str]
) -> None:
    changed(home / file, lambda text: text.replace(old, new, 1))
    with pytest.raises(Bug) as refused:
        load_region("shanxi", root=home)
    assert all(word in refused.value.details for word in [Path(file).name, *words])


def test_a_region_is_a_folder_with_a_region_file(home: Path) -> None:
    (home / "regions" / "elsewhere").mkdir()
    assert region_names(home) == region_names()


def test_a_region_s_own_table_wins_over_the_shared_one(home: Path) -> None:
    table = home / "regions" / "shanxi" / "tables" / "sex.csv"
    table.write_text("code,label,pinyin,note,doubt\n1,男,,,\n2,女,,,\n", encoding="utf-8")
    assert load_region("shanxi", root=home).tables["sex"].label("1") == "男"
    assert load_catalogue(home).tables["sex"].label("1") == "男性"


def test_a_missing_file_is_named(home: Path) -> None:
    (home / "regions" / "shanxi" / "fields.csv").unlink()
    with pytest.raises(Bug) as refused:
        load_region("shanxi", root=home)
    assert "fields.csv" in refused.value.details


def test_a_frozen_program_finds_its_own_resources(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(home.parent), raising=False)
    assert resources.resources_dir() == home


def test_an_installed_wheel_finds_the_resources_in_its_package(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = home.parent / "app"
    (package / "catalogue").mkdir(parents=True)
    shutil.copytree(home, package / "_resources")
    monkeypatch.setattr(resources, "__file__", str(package / "catalogue" / "resources.py"))
    assert resources.resources_dir() == package.resolve() / "_resources"
    shutil.rmtree(package / "_resources")
    assert resources.resources_dir() == home.resolve()


def test_half_an_installation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "app" / "catalogue" / "resources.py"))
    with pytest.raises(Bug):
        resources.resources_dir()
