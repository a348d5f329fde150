"""Journey: HIS exports in the morning, the CT comes later; nobody types a settlement number, the platform has both."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.builders import a_pdf
from tests.journeys import inside
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, Agent

platform_process = inside.platform_process
platform = inside.platform
agent = inside.agent

HEADER = [
    "检查号",
    "患者姓名",
    "身份证号",
    "收费日期",
    "医保结算流水号",
    "费用明细流水号",
    "国家医保编码",
    "医嘱号",
    "费别",
]
CARD = EXAM_VALUES["id_number"]
ROWS = [
    ["CT2601050007", "张三", CARD, "2026/1/5", "140100D202601050007", number, item, "Y7", "职工"]
    for number, item in (("20260105000070001", "002101000010000"), ("20260105000070002", "002101000020000"))
]


def an_export(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="gbk", newline="") as file:
        csv.writer(file).writerows([["太原市小店区平安诊所收费明细"], HEADER, *rows, ["合计", "", "", "", "2"]])
    return path


def test_numbers_of_an_export_reach_the_platform_without_being_typed(agent: Agent, tmp_path: Path) -> None:
    watched = tmp_path / "HIS 导出"
    watched.mkdir()
    first = an_export(tmp_path / "first.csv", ROWS)

    # once: what the columns are, and what the one strange word means
    preview = agent.engine.his_preview(str(first))
    assert preview["why_not"] == ""
    guess = preview["guess"]
    assert {"settlement_id", "fee_detail_number", "catalogue_code", "order_number", "id_number"} <= set(
        guess["columns"]
    )
    assert [one["words"] for one in preview["codes"] if not one["sure"]] == ["职工"]
    agent.engine.his_keep({**guess, "codes": {"charge_type": {"职工": "01"}}, "folder": str(watched)})

    # every day: the file is dropped into the folder, before the patient was even examined
    an_export(watched / "收费明细.csv", ROWS)
    agent.until(lambda: agent.engine.his()["waiting"] == 2, what=agent.engine.his)
    uid = agent.receive(accession="CT2601050007")
    form = agent.engine.form(uid)
    shown = {one["key"]: (one["text"], one["source"]) for one in form["fields"]}
    assert shown["id_number"] == (CARD, "his")
    assert shown["order_number"] == ("Y7", "his")
    assert shown["charge_type"] == ("01", "his")
    assert len(form["settlements"]) == 2

    typed = {key: text for key, text in EXAM_VALUES.items() if key not in ("id_number", "charge_type")}
    agent.engine.fill(uid, typed | REPORT_VALUES)
    agent.engine.attach(uid, str(a_pdf(tmp_path / "report.pdf")))
    agent.engine.submit(uid)
    agent.until_done(uid)
    fields = agent.kept(uid)["fields"]
    assert [(row["setId"], row["feeDetailSn"], row["medListCode"]) for row in fields["setInfoList"]] == [
        (row[4], row[5], row[6]) for row in ROWS
    ]
    assert (fields["applyNo"], fields["idCard"], fields["chargeType"]) == ("Y7", CARD, "01")

    # the same export again changes nothing; a corrected number only marks the exam as changed
    an_export(watched / "收费明细 2.csv", ROWS)
    agent.until(lambda: agent.engine.his()["last"]["name"] == "收费明细 2.csv")
    assert agent.listed(uid)["changed"] is False
    corrected = [[*ROWS[0][:4], "140100D202601050099", *ROWS[0][5:]], ROWS[1]]
    an_export(watched / "收费明细 2.csv", corrected)
    agent.until(lambda: agent.listed(uid)["changed"] is True)
    assert agent.kept(uid)["fields"]["setInfoList"][0]["setId"] == "140100D202601050007"
    agent.engine.submit(uid)
    agent.until_done(uid)
    assert agent.kept(uid)["fields"]["setInfoList"][0]["setId"] == "140100D202601050099"


def test_a_file_that_is_no_export_is_named_and_the_next_one_is_taken(agent: Agent, tmp_path: Path) -> None:
    watched = tmp_path / "HIS 导出"
    watched.mkdir()
    guess = agent.engine.his_preview(str(an_export(tmp_path / "first.csv", ROWS)))["guess"]
    agent.engine.his_keep({**guess, "folder": str(watched)})
    half = an_export(tmp_path / "whole.csv", ROWS).read_bytes()[:100]
    (watched / "今天.csv").write_bytes(half)
    (watched / "说明.docx").write_bytes(b"PK\x03\x04 not ours")
    (watched / "~$今天.xlsx").write_bytes(b"a lock of Excel")
    (watched / "今天.csv").write_bytes((tmp_path / "whole.csv").read_bytes())
    agent.until(lambda: agent.engine.his()["waiting"] == 2)
    assert agent.engine.set_asides()["files"] == []
