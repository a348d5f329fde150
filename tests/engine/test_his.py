"""What HIS exported finds its exam and fills it: by the face, on a desk without ports; asked, never guessed."""

from __future__ import annotations

import csv
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.job import Event
from app.engine.engine import Engine
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.store import his
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.desk import Desk, a_desk, answers_of
from tests.gui.fake_face import FakeFace

CARD = "140105198002142016"  # the devices' patient is born on 1980-02-14
OTHER_CARD = "140105197505051230"
COLUMNS = {"settlement_id": "结算号", "fee_detail_number": "明细流水号", "catalogue_code": "目录编码",
           "order_number": "医嘱号", "id_number": "身份证", "charge_type": "费别"}  # fmt: skip
MATCH = {"accession": "检查号", "id_number": "身份证", "name": "姓名", "day": "收费日期"}
HEADER = ["检查号", "姓名", "身份证", "收费日期", "结算号", "明细流水号", "目录编码", "医嘱号", "费别"]
Json = dict[str, Any]


def a_row(
    accession: str = "CT001", name: str = "张三", card: str = CARD, day: str = "2026-01-05", **more: str
) -> list[str]:
    usual = {"settlement": "S001", "fee": "F001", "item": "002101000010000", "order": "Y1", "charge": "全自费"} | more
    return [accession, name, card, day, *(usual[key] for key in ("settlement", "fee", "item", "order", "charge"))]


@pytest.fixture
def mapped(home: Home, tmp_path: Path) -> Iterator[Desk]:
    """A desk whose columns were mapped once."""
    apply_answers(answers_of("main") | {"his": {"columns": COLUMNS, "match": MATCH}}, home)
    with a_desk(home, tmp_path) as made:
        yield made


def export(desk: Desk, *rows: list[str], header: list[str] = HEADER, name: str = "his.csv") -> str:
    path = desk.folder / name
    with path.open("w", encoding="gbk", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def take(desk: Desk, *rows: list[str]) -> Json:
    return desk.engine.his_import(export(desk, *rows))


def value(desk: Desk, uid: str, key: str) -> tuple[str, str]:
    field = next(one for one in desk.engine.form(uid)["fields"] if one["key"] == key)
    return field["text"], field["source"]


def settlements(desk: Desk, uid: str) -> list[dict[str, tuple[str, str]]]:
    rows = desk.engine.form(uid)["settlements"]
    return [{one["key"]: (one["text"], one["source"]) for one in row if one["source"] == "his"} for row in rows]


def fee_numbers(desk: Desk, uid: str) -> list[str]:
    rows = desk.engine.form(uid)["settlements"]
    return [next(one["text"] for one in row if one["key"] == "fee_detail_number") for row in rows]


# -- mapping ----------------------------------------------------------------------------------------------------------


def test_the_first_export_shows_what_its_columns_seem_to_be(desk: Desk) -> None:
    desk.receive(accession="CT001")
    header = ["检查号", "患者姓名", "身份证号", "收费日期", "结算号", "费用明细流水号", "医疗目录编码", "备注"]
    path = export(desk, ["CT001", "张三", CARD, "2026/1/5", "S1", "F1", "C1", ""], header=header)
    found = desk.engine.his_preview(path)
    assert found["guess"]["match"] == {
        "accession": "检查号",
        "id_number": "身份证号",
        "name": "患者姓名",
        "day": "收费日期",
    }
    assert found["guess"]["columns"] == {
        "patient_name": "患者姓名",
        "id_number": "身份证号",
        "settlement_id": "结算号",
        "fee_detail_number": "费用明细流水号",
        "catalogue_code": "医疗目录编码",
    }
    assert found["why_not"] == ""
    assert (found["row_count"], found["columns"][0]) == (1, {"name": "检查号", "samples": ["CT001"]})
    assert CARD not in str(found), "ID numbers are masked outside the form"
    would = found["would"][0]
    assert (would["state"], would["exam"]["accession_number"]) == ("matched", "CT001")
    assert {one["label"]: one["text"] for one in would["values"]}["结算号"] == "S1"
    assert {"key": "settlement_id", "label": "结算号", "group": "费用", "noun": "settlement", "pinyin": "jsh"} in found[
        "fields"
    ]


def test_a_mapping_that_says_nobody_is_not_kept(desk: Desk) -> None:
    path = export(desk, a_row())
    assert "检查号" in desk.engine.his_preview(path, mapping={"columns": COLUMNS, "match": {"name": "姓名"}})["why_not"]
    with pytest.raises(NeedsOperator, match="列还没有对好"):
        desk.engine.his_keep({"columns": COLUMNS, "match": {"name": "姓名"}})
    with pytest.raises(NeedsOperator, match="还没有对过列"):
        desk.engine.his_import(path)


def test_the_mapping_outlives_the_program(mapped: Desk, home: Home) -> None:
    again = Engine(home, clock=mapped.clock)
    try:
        state = again.his()
        assert (state["configured"], state["columns"], state["match"]) == (True, COLUMNS, MATCH)
    finally:
        again.house.close()


def test_an_export_with_other_columns_is_refused_by_name(mapped: Desk) -> None:
    with pytest.raises(NeedsOperator, match="结算号") as caught:
        mapped.engine.his_import(export(mapped, ["CT001"], header=["检查号"]))
    assert caught.value.page == "his"
    assert mapped.engine.his_preview(export(mapped, a_row()))["missing"] == []


def test_the_password_is_neither_in_the_settings_nor_told(desk: Desk, home: Home) -> None:
    desk.engine.his_keep({"url": "mysql://127.0.0.1:9/his", "user": "reader", "password": "Lu4-invented"})
    assert desk.engine.his()["has_password"] is True
    assert "Lu4-invented" not in str(desk.engine.his()) + str(desk.engine.settings())
    assert "Lu4-invented" not in home.settings_file.read_text("utf-8")


def test_a_setup_takes_the_password_out_of_the_answers(home: Home, tmp_path: Path) -> None:
    with a_desk(home, tmp_path) as desk:
        his_answers = {"url": "mysql://127.0.0.1:9/his", "password": "Lu4-invented"}
        desk.engine.setup(answers_of("main") | {"his": his_answers})
        assert desk.engine.his()["has_password"] is True
        assert "Lu4-invented" not in home.settings_file.read_text("utf-8")


# -- whose row it is --------------------------------------------------------------------------------------------------


def test_the_accession_number_finds_the_exam_and_two_rows_are_two_settlements(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    found = take(mapped, a_row(), a_row(fee="F002"))
    assert (found["rows"], found["matched"], found["exams"], found["waiting"]) == (2, 2, 1, 0)
    assert found["sentence"] == "导入 2 行：对上 1 例"
    assert settlements(mapped, uid) == [
        {
            "settlement_id": ("S001", "his"),
            "fee_detail_number": (fee, "his"),
            "catalogue_code": ("002101000010000", "his"),
        }
        for fee in ("F001", "F002")
    ]
    assert value(mapped, uid, "id_number") == (CARD, "his")
    assert value(mapped, uid, "order_number") == ("Y1", "his")
    assert value(mapped, uid, "charge_type")[1] == "his"


def test_a_row_without_images_waits_and_is_found_when_they_come(mapped: Desk) -> None:
    found = take(mapped, a_row())
    assert (found["waiting"], found["sentence"]) == (1, "导入 1 行：1 行还没有来图")
    assert mapped.engine.his()["waiting"] == 1
    uid = mapped.receive(accession="CT001")
    assert fee_numbers(mapped, uid) == ["F001"]
    assert mapped.engine.his()["waiting"] == 0


def test_without_an_accession_number_the_id_card_and_then_name_and_day_find_it(mapped: Desk) -> None:
    by_card = mapped.receive(name="李四", patient_id=CARD)
    by_name = mapped.receive(name="王五", PatientBirthDate=None)
    found = take(mapped, a_row("", "李四"), a_row("", "王五", OTHER_CARD, fee="F9"))
    assert found["exams"] == 2
    assert (fee_numbers(mapped, by_card), fee_numbers(mapped, by_name)) == (["F001"], ["F9"])


def test_a_row_of_another_day_or_another_accession_number_is_not_this_exam(mapped: Desk) -> None:
    mapped.receive(accession="CT001", patient_id=CARD)
    found = take(mapped, a_row("CT777"), a_row("", day="2026-03-01"), a_row("", "赵六", ""))
    assert (found["waiting"], found["matched"], found["ambiguous"]) == (3, 0, 0)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (a_row("", card=""), "例同名"),
        (a_row("CT001", "李桂芳"), "姓名不一样"),
        (a_row("", card=OTHER_CARD), "例同名"),
    ],
)
def test_an_unclear_row_is_asked_and_fills_nothing(mapped: Desk, row: list[str], why: str) -> None:
    first, second = mapped.receive(accession="CT001"), mapped.receive(patient_id="P0002")
    mapped.receive(patient_id="P0003")
    if why == "例同名":
        row[0] = ""
    found = take(mapped, row)
    assert (found["ambiguous"], found["questions"], found["filled"]) == (1, 1, 0)
    question = mapped.engine.his_ambiguous()["questions"][0]
    assert why in question["why"]
    assert question["candidates"]
    assert fee_numbers(mapped, first) == fee_numbers(mapped, second) == []


def test_a_birthday_that_does_not_fit_the_card_is_asked(mapped: Desk) -> None:
    mapped.receive(accession="")
    take(mapped, a_row("", card=OTHER_CARD))
    question = mapped.engine.his_ambiguous()["questions"][0]
    assert "出生日期" in question["why"]
    assert "********" in question["id_number"]


def test_choosing_answers_all_rows_that_ask_the_same(mapped: Desk) -> None:
    mapped.receive(patient_id="P0002")
    wanted = mapped.receive(patient_id="P0003")
    take(mapped, a_row("", card=""), a_row("", card="", fee="F002"))
    question = mapped.engine.his_ambiguous()["questions"][0]
    assert (question["rows"], len(question["candidates"])) == (2, 2)
    assert mapped.engine.his_choose(question["row"], wanted)["questions"] == 0
    assert fee_numbers(mapped, wanted) == ["F001", "F002"]
    assert take(mapped, a_row("", card=""), a_row("", card="", fee="F002"))["ambiguous"] == 0, "asked once"


def test_a_row_that_belongs_to_none_is_not_asked_again(mapped: Desk) -> None:
    mapped.receive(accession="")
    take(mapped, a_row("", card=OTHER_CARD))
    assert mapped.engine.his_choose(mapped.engine.his_ambiguous()["questions"][0]["row"], "") == {
        "filled": 0,
        "questions": 0,
    }
    assert take(mapped, a_row("", card=OTHER_CARD))["left"] == 1
    assert mapped.engine.his_ambiguous()["questions"] == []


# -- again and changed ------------------------------------------------------------------------------------------------


def test_the_same_export_again_changes_nothing_in_any_order(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    rows = [a_row(), a_row(fee="F002"), a_row(fee="F003", item="002101000020000")]
    take(mapped, *rows)
    before = mapped.engine.form(uid)
    found = take(mapped, *reversed(rows))
    assert (found["again"], found["filled"]) == (3, 0)
    assert mapped.engine.form(uid) == before


def test_numbers_that_come_later_go_into_the_row_that_waited_for_them(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    take(mapped, a_row(settlement="", fee=""))
    take(mapped, a_row())
    assert fee_numbers(mapped, uid) == ["F001"]


def test_a_changed_row_changes_its_own_values_and_none_that_were_typed(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    take(mapped, a_row())
    mapped.engine.fill(uid, {"order_number": "TYPED"})
    take(mapped, a_row(order="Y2", settlement="S002"))
    assert value(mapped, uid, "order_number") == ("TYPED", "technician")
    assert settlements(mapped, uid)[0]["settlement_id"] == ("S002", "his")
    assert len(settlements(mapped, uid)) == 1


def test_what_a_technician_emptied_or_took_away_stays_so(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    mapped.engine.fill(uid, {"order_number": "X"})
    mapped.engine.fill(uid, {"order_number": ""})
    take(mapped, a_row())
    assert value(mapped, uid, "order_number")[0] == ""
    mapped.engine.fill(uid, {}, [])
    take(mapped, a_row(settlement="S002"))
    assert settlements(mapped, uid) in ([], [{}]), "only the fixed row of a payment outside the insurance"


def test_a_settlement_that_was_typed_already_is_the_same_row(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    mapped.engine.fill(uid, {}, [{"fee_detail_number": "F001"}])
    take(mapped, a_row())
    assert fee_numbers(mapped, uid) == ["F001"]


def test_a_value_that_his_takes_back_goes(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    take(mapped, a_row())
    take(mapped, a_row(order=""))
    assert value(mapped, uid, "order_number")[0] == ""


def test_after_submission_a_change_only_marks_the_exam_as_changed(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    take(mapped, a_row())
    mapped.fill(uid)
    mapped.engine.attach(uid, str(a_pdf(mapped.folder / "report.pdf")))
    mapped.engine.submit(uid)
    mapped.platform_says(uid, Event.ACKNOWLEDGED)
    jobs = len(mapped.jobs(uid))
    assert mapped.engine.studies()["studies"][0]["changed"] is False
    take(mapped, a_row(order="Y2"))
    assert mapped.engine.studies()["studies"][0]["changed"] is True
    assert len(mapped.jobs(uid)) == jobs


# -- words, faults, time ----------------------------------------------------------------------------------------------


def test_words_that_no_table_knows_are_asked_once_and_remembered(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    found = take(mapped, a_row(charge="职工"), a_row(fee="F2", charge="职工"))
    word = found["unknown"][0]
    assert (word["key"], word["words"], word["count"], word["sure"]) == ("charge_type", "职工", 2, False)
    assert value(mapped, uid, "charge_type")[1] != "his"
    state = mapped.engine.his_keep({"codes": {"charge_type": {"职工": "01"}}})
    assert state["unknown"] == []
    assert value(mapped, uid, "charge_type") == ("01", "his")


def test_a_code_of_his_is_not_taken_for_ours(mapped: Desk) -> None:
    mapped.receive(accession="CT001")
    assert [one["words"] for one in take(mapped, a_row(charge="01"))["unknown"]] == ["01"]


def test_cells_that_cannot_be_used_are_told_by_row_and_column(mapped: Desk) -> None:
    uid = mapped.receive(accession="CT001")
    found = take(mapped, a_row(day="昨天"), a_row("", "张三", "", "", fee="F2"), ["合计", *[""] * 8])
    assert found["rows"] == 1, "a line of totals is no row"
    assert [(one["row"], one["column"]) for one in found["faults"]] == [(2, "收费日期"), (3, "")]
    assert all(one["title"] and one["advice"] for one in found["faults"])
    assert fee_numbers(mapped, uid) == ["F001"]


def test_charges_in_several_rows_are_added_only_under_a_persons_eye(desk: Desk) -> None:
    desk.engine.his_keep({"columns": {"exam_charge": "金额"}, "match": {"accession": "检查号"}})
    uid = desk.receive(accession="CT001")
    for amounts, text in ((("120.00", "80.5"), "200.50"), (("90", "90"), "90")):
        desk.engine.his_import(export(desk, *[["CT001", one] for one in amounts], header=["检查号", "金额"]))
        field = next(one for one in desk.engine.form(uid)["fields"] if one["key"] == "exam_charge")
        assert field["text"] == text
        assert "相加" in field["value_doubt"]


def test_rows_that_his_no_longer_gives_are_forgotten_after_a_month(mapped: Desk) -> None:
    take(mapped, a_row("CT009"), a_row("CT010"))
    mapped.clock.pass_(29 * 86400)
    take(mapped, a_row("CT010"))
    mapped.clock.pass_(2 * 86400)
    mapped.engine._life.his.keep_house()
    assert mapped.engine.his()["waiting"] == 1


def test_rows_are_forgotten_also_where_his_is_no_longer_set_up(mapped: Desk) -> None:
    take(mapped, a_row("CT009"))
    mapped.engine.setup({"his": {}})
    mapped.clock.pass_(31 * 86400)
    house, watch = mapped.engine.house, mapped.engine._life.his_watch
    watch.start()
    until = time.monotonic() + 10
    while his.counts(house.store.read())["waiting"] and time.monotonic() < until:
        time.sleep(0.01)
    house.stopping.set()
    watch.stop()
    assert his.counts(house.store.read())["waiting"] == 0


def test_a_query_is_imported_as_a_file_is(mapped: Desk, tmp_path: Path) -> None:
    uid = mapped.receive(accession="CT001")
    database = sqlite3.connect(tmp_path / "his.db")
    database.execute(f"CREATE TABLE fees ({', '.join(HEADER)})")
    database.execute(f"INSERT INTO fees VALUES ({', '.join('?' * len(HEADER))})", a_row())
    database.commit()
    database.close()
    query = "SELECT * FROM fees WHERE 收费日期 >= '2026-01-01'"
    assert mapped.engine.his_preview(query=query, url=f"sqlite:///{tmp_path}/his.db")["row_count"] == 1
    mapped.engine.his_keep({"url": f"sqlite:///{tmp_path}/his.db", "query": query})
    assert mapped.engine.his_query()["exams"] == 1
    assert fee_numbers(mapped, uid) == ["F001"]
    assert mapped.engine.his()["last"]["source"] == "query"


def test_many_rows_are_taken_in_portions(mapped: Desk) -> None:
    rows = [a_row(f"CT{number:04}", fee=f"F{number}") for number in range(450)]
    assert take(mapped, *rows)["waiting"] == 450
    assert take(mapped, *rows)["again"] == 450
    assert his.counts(mapped.engine.house.store.read())["waiting"] == 450


def test_the_database_is_asked_by_itself(mapped: Desk, tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "his.db")
    database.execute(f"CREATE TABLE fees ({', '.join(HEADER)})")
    database.execute(f"INSERT INTO fees VALUES ({', '.join('?' * len(HEADER))})", a_row())
    database.commit()
    database.close()
    mapped.engine.his_keep({"url": f"sqlite:///{tmp_path}/his.db", "query": "SELECT * FROM fees"})
    told = threading.Event()
    mapped.engine.subscribe(lambda event: told.set() if event["event"] == "his_imported" else None)
    house, watch = mapped.engine.house, mapped.engine._life.his_watch
    watch.start()
    assert told.wait(10)
    house.stopping.set()
    watch.stop()
    assert mapped.engine.his()["waiting"] == 1


def test_exports_have_a_folder_of_their_own(desk: Desk) -> None:
    folder = str(desk.folder)
    with pytest.raises(NeedsOperator, match=r"his\.folder"):
        desk.engine.setup(answers_of("main") | {"intake": {"folders": [folder]}, "his": {"folder": folder}})


def test_the_pages_invented_his_answers_as_the_engine_does(mapped: Desk) -> None:
    """The windows are tried against `FakeHis`: its answers have the engine's keys."""
    mapped.receive()
    mapped.receive(patient_id="P0003")
    path = export(mapped, a_row("", card=""), a_row(charge="职工", day="?"))
    real = {"preview": mapped.engine.his_preview(path), "import": mapped.engine.his_import(path)}
    real |= {"state": mapped.engine.his(), "asked": mapped.engine.his_ambiguous()}
    face = FakeFace()
    face.his_configured = True
    fake = {"preview": face.his_preview(path), "import": face.his_import(path)}
    fake |= {"state": face.his(), "asked": face.his_ambiguous()}
    for name in real:
        assert missing_in(real[name], fake[name]) == [], name


def missing_in(real: Any, fake: Any, place: str = "") -> list[str]:
    """Keys that the fake has and the real answer has not, or the other way round; of lists the first entries."""
    if isinstance(real, dict) and isinstance(fake, dict) and place.rpartition(".")[2] not in ("columns", "match"):
        own = [f"{place}.{key}" for key in real.keys() ^ fake.keys()] if place != ".last" else []
        return own + [
            one for key in real.keys() & fake.keys() for one in missing_in(real[key], fake[key], f"{place}.{key}")
        ]
    if isinstance(real, list) and isinstance(fake, list) and real and fake:
        return missing_in(real[0], fake[0], place)
    return []


def test_a_ris_export_fills_the_report(home: Home, tmp_path: Path) -> None:
    columns = {"findings": "所见", "conclusion": "诊断", "audit_doctor_name": "审核", "audited_at": "审核时间"}
    apply_answers(answers_of("main") | {"his": {"columns": columns, "match": {"accession": "检查号"}}}, home)
    header = ["检查号", "所见", "诊断", "审核", "审核时间"]

    def said(form: Json) -> dict[str, str]:
        return {one["key"]: one["text"] for one in form["reports"][0]["fields"] if one["source"] == "report"}

    with a_desk(home, tmp_path) as desk:
        path = export(desk, ["CT001", "双肺清晰", "正常", "刘慧", "2026-01-05 10:30"], header=header)
        offered = {one["key"] for one in desk.engine.his_preview(path)["fields"]}
        assert columns.keys() <= offered and "ca_data" not in offered
        uid = desk.receive(accession="CT001")
        desk.engine.fill(uid, {"conclusion": "以我写的为准"})
        desk.engine.his_import(export(desk, ["CT001", "双肺清晰", "正常", "刘慧", "2026-01-05 10:30"], header=header))
        first = {"findings": "双肺清晰", "audit_doctor_name": "刘慧", "audited_at": "2026-01-05 10:30:00"}
        assert said(desk.engine.form(uid)) == first
        desk.engine.his_import(export(desk, ["CT001", "双肺纹理增多", "正常", "刘慧", ""], header=header))
        assert said(desk.engine.form(uid))["findings"] == "双肺纹理增多"
