"""What a platform wants on paper: the cases as the document prints them, and a file that is refused when it is odd."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.catalogue.load import region_names
from app.catalogue.papers import FILE, Papers, load_papers
from app.catalogue.questions import choices_of_options, load_region, load_setup
from app.catalogue.resources import resources_dir
from app.errors import Bug
from app.gui.settings import ENTRIES

WANTING = [name for name in region_names() if load_papers(name) is not None]
FORMS = {"附件 2": "电子签名接入申请表", "附件 5": "单位数字证书申请表"}
OWN_CA = {"CA 证书链", "CA 吊销列表", "CA 机构资质"}
CASES = [
    ({"signature": "own", "stamp": "own"}, {"2", "5"}, OWN_CA | {"签名测试数据", "盖好电子签章的报告 PDF"}),
    ({"signature": "own", "stamp": "platform"}, {"2", "5", "6"}, OWN_CA | {"签名测试数据"}),
    ({"signature": "platform", "stamp": "platform"}, {"2", "3", "4", "5", "6"}, set[str]()),
]
"""四(二)4(3) read a second time: the case, the appendices, what is added to them."""


def of(name: str) -> Papers:
    found = load_papers(name)
    assert found is not None
    return found


def test_a_platform_wants_papers_and_another_none() -> None:
    assert WANTING and set(WANTING) < set(region_names())


@pytest.mark.parametrize(("case", "appendices", "beside"), CASES)
def test_each_printed_case_wants_what_its_table_lists(
    case: dict[str, str], appendices: set[str], beside: set[str]
) -> None:
    found = [one for one in of(WANTING[0]).papers if one.when.fits(case)]
    assert {one.number.removeprefix("附件 ") for one in found if one.number != "另附"} == appendices
    assert {one.title for one in found if one.number == "另附"} == beside


def test_the_case_that_no_table_lists_says_so() -> None:
    asked = of(WANTING[0])
    unlisted = {"signature": "platform", "stamp": "own"}
    assert [case for case, _, _ in CASES if any(one.when.fits(case) for one in asked.doubts)] == []
    assert any(one.when.fits(unlisted) for one in asked.doubts)
    assert {"附件 2", "附件 3", "附件 4", "附件 5"} <= {one.number for one in asked.papers if one.when.fits(unlisted)}


def test_the_forms_have_the_lines_of_the_appendices() -> None:
    forms = {one.number: one for one in of(WANTING[0]).papers}
    assert {number: forms[number].title for number in FORMS} == FORMS
    required = [line.label for line in forms["附件 5"].lines if line.needed]
    assert required == [
        *("单位名称", "单位电话", "通信地址", "法定代表人姓名"),
        *("经办人姓名", "经办人手机", "经办人邮箱", "经办人证件类型", "经办人证件号", "统一社会信用代码"),
    ]  # marked * in the print
    assert forms["附件 3"].doubt, "the print has no table under this title"


@pytest.mark.parametrize("name", WANTING)
def test_questions_returns_and_places_are_those_of_the_settings(name: str) -> None:
    asked, region, setup = of(name), load_region(name), load_setup(name)
    choices = choices_of_options(region)
    for question in (one for one in asked.questions if one.option):
        assert {answer.setting for answer in question.answers} == set(choices[question.option])
    labels = {one.key: one.label for one in setup.questions}
    pages = {key for entry in ENTRIES for key in entry.keys}
    for one in asked.returns:
        key = one.known.partition("=")[0]
        assert one.page in pages
        assert key == "doctors" or one.where.endswith(labels[key]), one.title


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('hand_in = "', 'hand_out = "', "top"),
        ('value = "own"', 'value = "platform"', "question signature"),
        ('setting = "qr"', 'setting = ""', "question signature"),
        ('{ signature = "own" }', '{ signature = "both" }', "signature=both"),
        ('from = "clinic.name"', 'from = "clinic.phone"', "clinic.phone"),
        ('known = "secrets.secure_code"', 'known = "secure_code"', "安全码"),
        ("width = 24", 'width = "24"', "width"),
        ('copies = "1 份"', "copies = 1", "copies"),
        ("[phone]\nsteps = [", '[phone]\nsteps = [\n  "",', "phone"),
        ('title = "CA 证书链"', 'titel = "CA 证书链"', "paper"),
        ("[phone]", "[phone", FILE),
    ],
)
def test_an_odd_file_is_refused_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = tmp_path / "regions" / "x"
    folder.mkdir(parents=True)
    shutil.copy(resources_dir() / "regions" / WANTING[0] / FILE, folder / FILE)
    text = (folder / FILE).read_text(encoding="utf-8")
    assert old in text
    (folder / FILE).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Bug) as refused:
        load_papers("x", tmp_path)
    assert refused.value.details.startswith(f"x/{FILE}") and says in refused.value.details
