"""Codes that differ per region: kept in shared ones, told in its own to each; never one code taken for another."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.check import exam_problems, report_problems
from app.catalogue.load import load_region, region_names
from app.catalogue.region import CODED, Region
from app.catalogue.resources import resources_dir
from app.catalogue.tables import Code, Table
from app.catalogue.translate import Translation, is_foreign
from app.catalogue.types import TYPES
from app.domain.form import Noun
from app.errors import Bug
from tests.catalogue.samples import CATALOGUE, NOW, values

REGIONS = {name: load_region(name, CATALOGUE) for name in region_names()}
TRANSLATIONS = [(region, name) for region in REGIONS.values() for name in region.translations]
IDS = [f"{region.name}/{name}" for region, name in TRANSLATIONS]
every_list = pytest.mark.parametrize(("region", "name"), TRANSLATIONS, ids=IDS)
PAIRS = [
    (region, field.key)
    for region in REGIONS.values()
    for field in CATALOGUE.fields.values()
    if field.type in CODED and region.table_of(field.key)
]


def test_what_differs_between_the_regions_is_translated() -> None:
    assert {name for region in REGIONS.values() for name in region.translations} == {
        "charge_type",
        "exam_way",
        "id_type",
        "positive_mark",
    }


@every_list
def test_every_code_of_a_region_comes_back_as_itself(region: Region, name: str) -> None:
    translation = region.translations[name]
    for one in translation.own:
        assert translation.own_codes(translation.kept(one.code)) == (one.code,)


@every_list
def test_every_shared_code_is_told_or_refused_by_the_name_of_the_field(region: Region, name: str) -> None:
    translation = region.translations[name]
    keys = [key for key, rows in region.entered.items() if rows[0].table == name]
    for code, key in itertools.product((one.code for one in translation.shared), keys):
        own, table = region.own(key, code), region.table(name)
        assert table is not None
        if not is_foreign(own):
            assert TYPES[region.fields[key].type].parse(own, table) == own
            continue
        given_, noun = values({key: own}), region.fields[key].noun
        found = (
            exam_problems(region, given_, [], now=NOW)
            if noun is Noun.EXAM
            else report_problems(region, values({}), given_, now=NOW)
        )
        problem = next(one for one in found if one.key == key)
        assert problem.title == f"{problem.label}：这个平台没有这个代码" and problem.advice == "请换一个"


@given(st.sampled_from(PAIRS), st.data())
def test_what_was_chosen_in_a_region_is_the_same_there_again(pair: tuple[Region, str], data: st.DataObject) -> None:
    region, key = pair
    table = region.table_of(key)
    assert table is not None
    most = 3 if region.fields[key].type == "codes" else 1
    chosen = data.draw(st.lists(st.sampled_from([one.code for one in table]), min_size=1, max_size=most, unique=True))
    assert region.own(key, region.kept(key, ",".join(chosen))) == ",".join(chosen)


@given(st.sampled_from(PAIRS), st.sampled_from(list(REGIONS.values())), st.data())
def test_a_code_of_one_region_never_means_another_thing_elsewhere(
    pair: tuple[Region, str], other: Region, data: st.DataObject
) -> None:
    """What comes through is one of the codes that the shared code of the same meaning stands for there."""
    region, key = pair
    table = region.table_of(key)
    assert table is not None
    kept = region.kept(key, data.draw(st.sampled_from([one.code for one in table])))
    for own in other.own(key, kept).split(","):
        if key in other.entered and other.entered[key][0].table in other.translations and not is_foreign(own):
            assert own in other.translations[other.entered[key][0].table].own_codes(kept)


def test_positive_and_negative_are_never_taken_for_each_other() -> None:
    words = {region.name: {c.label: c.code for c in region.tables["positive_mark"]} for region in REGIONS.values()}
    assert words["shanxi"]["阳性"] == "1" == words["guizhou"]["阴性"]
    for one, other in itertools.permutations(REGIONS.values(), 2):
        for label in ("阳性", "阴性"):
            kept = one.kept("positive_mark", words[one.name][label])
            assert other.own("positive_mark", kept) == words[other.name][label]


def test_a_mark_kept_before_there_was_a_shared_list_stands_where_it_was_kept_and_nowhere_else() -> None:
    assert REGIONS["shanxi"].own("positive_mark", "1") == "1"
    assert REGIONS["shanxi"].own("id_type", "01") == "01"
    assert is_foreign(REGIONS["guizhou"].own("positive_mark", "1"))
    assert is_foreign(REGIONS["guangyuan"].own("positive_mark", "1"))


def test_a_choice_that_says_less_than_the_others_ask_is_kept_as_the_region_s_own() -> None:
    insured = REGIONS["guizhou"].kept("charge_type", "02")
    assert insured == "guizhou:02" and REGIONS["guizhou"].own("charge_type", insured) == "02"
    told = REGIONS["shanxi"].own("charge_type", insured)
    assert is_foreign(told)
    problem = next(
        one
        for one in exam_problems(REGIONS["shanxi"], values({"charge_type": told}), [], now=NOW)
        if one.key == "charge_type"
    )
    assert "这个平台没有这个代码" in problem.title


def test_plain_and_contrast_together_are_two_codes_where_there_is_none_for_both() -> None:
    assert REGIONS["guangyuan"].own("exam_way", "10") == "1,2"
    assert REGIONS["guangyuan"].own("exam_way", "3,10,1") == "9,1,2"
    assert REGIONS["shanxi"].own("exam_way", "10") == "10"


def test_a_shared_code_without_a_counterpart_is_marked_not_passed_on() -> None:
    shared = Table("way", tuple(Code(code=code, label=f"共{code}") for code in "123"))
    own = Table("way", (Code(code="1", label="甲", more={"ours": "2"}), Code(code="3", label="乙", more={"ours": "*"})))
    translation = Translation(region="r", own=own, shared=shared)
    assert translation.own_codes("1") == (":1",) and translation.own_codes("3") == (":3",)
    assert translation.kept(":1") == "1" and translation.kept("3") == "r:3"
    assert translation.own_codes("9") == ("9",)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("positive_mark", "1,阴性,yx,,,N", "1,阴性,yx,,,X", ["code 1", "no code of the shared table"]),
        ("positive_mark", "1,阴性,yx,,,N", "1,阴性,yx,,,", ["code 1", "no code of the shared table"]),
        ("positive_mark", "1,阴性,yx,,,N", "1,阴性,yx,,,N P", ["code 2", "'P' stands for 1 and 2"]),
        ("exam_way", "1,平扫,ps,,,1 10", "1,平扫,ps,,,10 1", ["code 1", "'10' does not lead back"]),
        ("exam_way", "9,其它,qt,,,", "9,其它,qt,,,3", ["code 3", "'3' does not lead back"]),
    ],
)
def test_a_slip_in_the_column_is_refused_with_its_place(
    tmp_path: Path, name: str, old: str, new: str, words: list[str]
) -> None:
    home = tmp_path / "resources"
    shutil.copytree(resources_dir(), home, ignore=shutil.ignore_patterns("gui", "fonts", "pictures"))
    table = home / "regions" / "guizhou" / "tables" / f"{name}.csv"
    text = table.read_text(encoding="utf-8")
    assert text.count(old) == 1
    table.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(Bug) as refused:
        load_region("guizhou", root=home)
    assert all(word in refused.value.details for word in [f"{name}.csv", *words])


def test_the_column_belongs_to_a_table_that_is_shared_too(tmp_path: Path) -> None:
    home = tmp_path / "resources"
    shutil.copytree(resources_dir(), home, ignore=shutil.ignore_patterns("gui", "fonts", "pictures"))
    table = home / "regions" / "guizhou" / "tables" / "img_exam_type.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    told = [f"{line},{'ours' if n == 0 else ''}" for n, line in enumerate(lines)]
    table.write_text("\n".join(told) + "\n", encoding="utf-8")
    with pytest.raises(Bug) as refused:
        load_region("guizhou", root=home)
    assert "no shared table" in refused.value.details
