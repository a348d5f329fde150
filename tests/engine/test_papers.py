"""申请材料 through the face: the clinic's case, what is prefilled, what a person must still write, what came back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from app.catalogue.load import region_names
from app.catalogue.papers import load_papers
from app.engine.engine import Engine
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.engine.desk import answers_of
from tests.journeys.inside import CLINIC

Json = dict[str, Any]
STAFF = [
    {"name": "刘慧", "role": "审核", "code": "007"},
    {"name": "=HYPERLINK(1)", "role": "报告、审核医师"},
    {"name": "王新", "role": "审核医师", "mssp_id": "MSSP8801472"},
    {"name": "张伟明", "role": "报告"},
]
STAMP_OWN = {"stamp": "own"}


def answers(**more: Any) -> Json:
    made = answers_of("main")
    made["destination"][0]["options"] |= {"demand_signature": True, **more.pop("options", {})}
    made["destination"][0]["secrets"] |= more.pop("secrets", {})
    return made | {"signing": {"staff": STAFF}} | more


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    apply_answers(answers(), home)
    made = Engine(home)
    yield made
    made.house.close()


def paper(shown: Json, number: str) -> Json:
    return next(one for one in shown["papers"] if one["number"] == number)


def numbers(shown: Json) -> list[str]:
    return [one["number"] for one in shown["papers"]]


def cells(path: Path, tab: str) -> list[list[str]]:
    sheet = openpyxl.load_workbook(path)[tab]
    return [[cell.value or "" for cell in row] for row in sheet.iter_rows(min_row=3)]


# -- the case ---------------------------------------------------------------------------------------------------------


def test_a_clinic_that_signs_with_the_platform_is_told_its_papers_and_who_is_on_the_list(engine: Engine) -> None:
    shown = engine.papers()
    assert [one["answer"] for one in shown["questions"]] == ["platform", "platform"]
    assert numbers(shown) == ["附件 2", "附件 3", "附件 4", "附件 5", "附件 6"]
    assert "刘慧" in paper(shown, "附件 3")["prepare"][0] and "王新" not in paper(shown, "附件 3")["prepare"][0]
    assert paper(shown, "附件 3")["missing"] == ["身份证号", "手机号码", "科室"]
    assert paper(shown, "附件 2")["missing"] == ["联系人姓名", "联系人电话", "PACS 厂家名称"]
    assert shown["doubts"] == [] and len(shown["phone"]["steps"]) == 6
    assert all(one["title"] in shown["text"] for one in shown["papers"])
    assert shown["phone"]["steps"][0] in shown["phone_text"]


def test_the_settings_answer_what_they_know_and_an_answer_shows_another_case(engine: Engine) -> None:
    shown = engine.papers(answers=STAMP_OWN)
    assert "附件 6" not in numbers(shown) and shown["doubts"]
    other = engine.papers(answers={"signature": "own"})
    assert other["questions"][0]["note"] == "设置里现在是“用平台的，手机扫码”"
    assert other["phone"] == {"steps": [], "notes": []} and other["phone_text"] == ""
    engine.setup(answers(options={"sign_by": "import"}))
    shown = engine.papers()
    assert shown["questions"][0]["answer"] == "own" and shown["questions"][0]["note"] == ""
    assert "电子签名厂商名称" in paper(shown, "附件 2")["missing"]
    assert engine.signing()["lacking"] == [], "this clinic needs nothing of the platform to sign"


def test_a_destination_whose_key_is_still_to_come_has_its_papers(home: Home) -> None:
    without = answers()
    without["destination"][0]["secrets"] = {}
    apply_answers(without, home)
    engine = Engine(home)
    assert engine.house.targets == {} and "main" in engine.house.faults
    assert "附件 3" in numbers(engine.papers("main"))
    engine.house.close()


def test_what_nobody_wants_is_said(engine: Engine) -> None:
    with pytest.raises(NeedsOperator, match="没有这个上传目标"):
        engine.papers("nowhere")
    with pytest.raises(NeedsOperator, match="不能是 maybe"):
        engine.papers(answers={"signature": "maybe"})
    region = next(name for name in region_names() if load_papers(name) is None)
    row = {"name": region, "region": region, "base_url": "http://127.0.0.1:9"}
    engine.setup({"destination": [row]})
    with pytest.raises(NeedsOperator, match="没有要交的申请材料"):
        engine.papers()
    wants = {one["name"]: one["papers"] for one in engine.regions()["regions"]}
    assert not wants[region] and any(wants.values())


# -- what comes back --------------------------------------------------------------------------------------------------


def test_what_the_platform_has_not_sent_is_named_until_it_is_written_down(engine: Engine) -> None:
    assert engine.signing()["lacking"] == ["签名应用 ID", "安全码 secureCode", "每位审核医师的编号 MSSPID"]
    returns = {one["title"]: one for one in engine.papers()["returns"]}
    assert "刘慧" in returns["每位审核医师的编号 MSSPID"]["words"]
    staff = [{"mssp_id": f"M{n}"} | one for n, one in enumerate(STAFF)]
    engine.setup(answers(options={"ca_app_id": "APP_1"}, secrets={"secure_code": "c0de"}, signing={"staff": staff}))
    shown = engine.papers()
    assert engine.signing()["lacking"] == []
    assert [one["title"] for one in shown["returns"] if not one["known"]] == ["单位电子签章"], "a switch, still off"
    assert "c0de" not in str(shown)
    assert "都有编号了" in paper(shown, "附件 3")["prepare"][0]


def test_an_empty_staff_list_is_asked_for_first(engine: Engine) -> None:
    engine.setup({"signing": {"staff": [STAFF[3]]}})
    shown = engine.papers()
    assert shown["doctors"] == [] and "医生名单里还没有审核医师" in paper(shown, "附件 3")["prepare"][0]
    assert "每位审核医师的编号 MSSPID" in engine.signing()["lacking"]


# -- the workbook -----------------------------------------------------------------------------------------------------


def test_the_workbook_has_the_doctors_to_apply_for_and_the_lines_that_are_known(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "申请材料.xlsx"
    told = engine.write_papers(str(path))
    assert told == {
        "path": str(path),
        "sheets": ["要交的材料", "附件 2", "附件 3", "附件 5", "医生手机上"],
        "doctors": 2,
    }
    header, first, second, *spare = cells(path, "附件 3")
    assert header == ["序号", "姓名", "身份证号", "手机号码", "医院名称", "科室"]
    assert first == ["1", "刘慧", "", "", CLINIC["name"], ""]
    assert second[:2] == ["2", "=HYPERLINK(1)"] and not any(any(row) for row in spare) and spare
    access = dict(cells(path, "附件 2"))
    assert access["医院统一社会信用代码 *"] == CLINIC["uscc"]
    assert (access["电子签名"], access["电子签名厂商名称"]) == ("未建设电子签名", "无")
    assert dict(cells(path, "附件 5"))["单位名称 *"] == CLINIC["name"]


def test_every_cell_is_a_text_also_where_a_number_is_still_to_be_typed(engine: Engine, tmp_path: Path) -> None:
    engine.write_papers(str(tmp_path / "a.xlsx"))
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    framed = [cell for sheet in book for row in sheet.iter_rows(min_row=3) for cell in row]
    assert {cell.number_format for cell in framed} == {"@"}, "18 digits typed into Excel stay 18 digits"
    assert {cell.data_type for cell in framed if cell.value} == {"s"}, "no formula"


def test_a_workbook_that_can_not_be_kept_says_so(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(NeedsOperator, match="Excel"):
        engine.write_papers(str(tmp_path / "a.csv"))
    (tmp_path / "a.xlsx").mkdir()
    with pytest.raises(NeedsOperator, match="存不下来"):
        engine.write_papers(str(tmp_path / "a.xlsx"))
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
